/* SPDX-License-Identifier: ISC */
/*
 * mover LOCK READY CGROUP [daemons|rmdir]
 *
 * Attacks who kills by cgroup: moves to the directory CGROUP, with all that it
 * forks there: three daemons and a chain of three generations whose parents
 * live. With `daemons` the program itself stays where it is. With `rmdir` it
 * removes the cgroup that it has left, makes another one of the same name and
 * mode, and moves there.
 */
#include "attack.h"

static void
move_to(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		die(dir);
	write_at(fd, "cgroup.procs", "0");
	close(fd);
}

static void
make_again(int fd)
{
	char path[64], leaf[4096];
	struct stat st;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, leaf, sizeof(leaf) - 1);
	if (n < 0 || fstat(fd, &st) < 0)
		die(path);
	leaf[n] = '\0';
	close(fd);
	while (rmdir(leaf) < 0) /* those who leave are still on their way */
		if (errno != EBUSY)
			die(leaf);
	if (mkdir(leaf, st.st_mode & 07777) < 0)
		die(leaf);
	move_to(leaf);
}

int
main(int argc, char **argv)
{
	const char *mode;
	int i, own_fd = -1;

	begin(argc, argv, 1, "CGROUP [daemons|rmdir]");
	mode = argc > 4 ? argv[4] : "";
	if (strcmp(mode, "rmdir") == 0)
		own_fd = open_own_cgroup();
	if (try_fork() == 0) {
		move_to(argv[3]);
		for (i = 0; i < 3; i++)
			start_daemon();
		for (i = 0; i < 2; i++)
			if (try_fork() != 0)
				break;
		pass_gate();
		sleep_on();
	}
	if (strcmp(mode, "daemons") != 0)
		move_to(argv[3]);
	await_all(6);
	if (own_fd >= 0)
		make_again(own_fd);
	return wait_for_end("moved");
}
