/* SPDX-License-Identifier: ISC */
/*
 * nested LOCK READY DEPTH [threaded]
 *
 * Attacks who reads one cgroup.procs, recurses, or removes one directory:
 * DEPTH cgroups below each other, a process in each, every second of them
 * ignoring SIGTERM. With `threaded` they are threaded ones, whose
 * cgroup.procs cannot be read and whose cgroup.kill is refused.
 */
#include "attack.h"

static int
make_below(int dir_fd, bool threaded)
{
	int fd;

	if (mkdirat(dir_fd, "n", 0755) < 0)
		die("mkdir");
	fd = openat(dir_fd, "n", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		die("n");
	close(dir_fd);
	if (threaded)
		write_at(fd, "cgroup.type", "threaded");
	return fd;
}

int
main(int argc, char **argv)
{
	int i, dir_fd, domain_fd = -1;
	bool threaded;

	begin(argc, argv, 1, "DEPTH [threaded]");
	threaded = argc > 4;
	dir_fd = open_own_cgroup();
	/* the leaf has processes: what is threaded begins below it */
	if (threaded) {
		dir_fd = make_below(dir_fd, false);
		domain_fd = dup(dir_fd);
	}
	for (i = 0; i < atoi(argv[3]); i++) {
		dir_fd = make_below(dir_fd, threaded);
		if (try_fork() != 0)
			continue;
		if (threaded)
			write_at(domain_fd, "cgroup.procs", "0");
		write_at(
		    dir_fd, threaded ? "cgroup.threads" : "cgroup.procs", "0");
		if (i % 2 == 0)
			(void)signal(SIGTERM, SIG_IGN);
		pass_gate();
		sleep_on();
	}
	await_all(atoi(argv[3]));
	return wait_for_end("in position");
}
