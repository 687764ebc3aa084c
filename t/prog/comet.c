/* SPDX-License-Identifier: ISC */
/*
 * comet LOCK READY COUNT
 *
 * Attacks who lists pids and then kills them: COUNT processes that do nothing
 * but fork, the parent exiting and the child forking again, each in a session
 * of its own. Every list is stale before it has been read. By the system call:
 * fork(2) of libc blocks all signals, so that what is sent meanwhile comes when
 * there is one more process that was not asked.
 */
#include "../../lib/sys.h"
#include "attack.h"

static _Noreturn void
fly(int64_t end_us)
{
	while (now_us() < end_us) {
		pid_t pid = sys_clone(0, SIGCHLD, NULL);

		if (pid > 0)
			_exit(0);
		if (pid == 0)
			(void)setsid();
	}
	_exit(0);
}

int
main(int argc, char **argv)
{
	int64_t end_us = now_us() + LIFE * (int64_t)1000000;
	int i;

	begin(argc, argv, 1, "COUNT");
	for (i = 0; i < atoi(argv[3]); i++) {
		if (try_fork() != 0)
			continue;
		pass_gate();
		close(attack_gate[0]);
		fly(end_us);
	}
	await_all(atoi(argv[3]));
	return wait_for_end("flying");
}
