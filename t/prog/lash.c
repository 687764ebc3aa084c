/* SPDX-License-Identifier: ISC */
/*
 * lash LOCK READY 0|-1 SIGNAL
 *
 * Attacks whoever is in reach: kill(0, SIGNAL) to its process group, or
 * kill(-1, SIGNAL) to all that it may reach. SIGNAL is a number. The latter
 * only as one of the first processes of a PID namespace with the parent
 * outside: it refuses otherwise, since it would end the machine.
 */
#include "attack.h"

int
main(int argc, char **argv)
{
	pid_t target;
	int i, sig;

	begin(argc, argv, 2, "0|-1 SIGNAL");
	target = strcmp(argv[3], "-1") == 0 ? -1 : 0;
	sig = atoi(argv[4]);
	if (target == -1 && (getpid() > 100 || getppid() != 0)) {
		fputs("not in a PID namespace\n", stderr);
		return 1;
	}
	start_daemon();
	for (i = 0; i < 3; i++)
		if (try_fork() == 0) {
			pass_gate();
			sleep_on();
		}
	await_all(4);
	tell("in position");
	if (kill(target, sig) < 0)
		die("kill");
	await_file("end");
	return CODE;
}
