/* SPDX-License-Identifier: ISC */
/*
 * frozen LOCK READY below|all|fight CGROUP
 *
 * Attacks who signals a cgroup, or waits for it to freeze: the program
 * freezes a cgroup below its own with deaf and with ordinary processes in it
 * (`below`); or its own, itself included (`all`), of which READY can tell
 * nothing: the test looks at cgroup.events. `fight` moves to the directory
 * CGROUP and freezes and thaws the first one from there, for ever.
 */
#include "attack.h"

static void
enter_new(int own_fd, const char *name)
{
	int dir_fd;

	dir_fd = openat(own_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd < 0)
		die(name);
	write_at(dir_fd, "cgroup.procs", "0");
	close(dir_fd);
}

static _Noreturn void
fight(int own_fd, const char *elsewhere)
{
	int64_t end_us = now_us() + LIFE * (int64_t)1000000;
	int dir_fd = open(elsewhere, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir_fd < 0)
		die(elsewhere);
	write_at(dir_fd, "cgroup.procs", "0");
	pass_gate();
	(void)setsid();
	(void)signal(SIGTERM, SIG_IGN);
	while (now_us() < end_us) {
		write_at(own_fd, "cgroup.freeze", "1");
		write_at(own_fd, "cgroup.freeze", "0");
	}
	_exit(0);
}

int
main(int argc, char **argv)
{
	bool below;
	int i, own_fd;

	begin(argc, argv, 1, "below|all|fight CGROUP");
	below = strcmp(argv[3], "below") == 0;
	own_fd = open_own_cgroup();
	if (argc > 4 && try_fork() == 0)
		fight(own_fd, argv[4]);
	if (below && mkdirat(own_fd, "ice", 0755) < 0)
		die("mkdir");
	for (i = 0; i < 4; i++) {
		if (try_fork() != 0)
			continue;
		if (below)
			enter_new(own_fd, "ice");
		if (i % 2 == 0)
			(void)signal(SIGTERM, SIG_IGN);
		pass_gate();
		sleep_on();
	}
	await_all(argc > 4 ? 5 : 4);
	if (argc > 4)
		return wait_for_end("fighting");
	write_at(own_fd, below ? "ice/cgroup.freeze" : "cgroup.freeze", "1");
	return wait_for_end("frozen");
}
