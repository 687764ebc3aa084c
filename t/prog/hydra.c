/* SPDX-License-Identifier: ISC */
/*
 * hydra LOCK READY COUNT
 *
 * Attacks who kills one process after the other: a fork bomb that is bounded
 * at COUNT. Each process owns a place (a POSIX lock on that byte of READY.at,
 * which is gone with it) and fills the two places behind its own again
 * whenever they are empty. While one of them lives, all come back.
 */
#include "attack.h"

static struct flock
place(int at)
{
	return (struct flock){
		.l_type = F_WRLCK,
		.l_whence = SEEK_SET,
		.l_start = at,
		.l_len = 1,
	};
}

static bool
is_taken(int fd, int at)
{
	struct flock lock = place(at);

	return fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

static bool
take(int fd, int at)
{
	struct flock lock = place(at);

	return fcntl(fd, F_SETLK, &lock) == 0;
}

static _Noreturn void
grow(int fd, int at, int count, int64_t end_us)
{
	int step;

	(void)signal(SIGCHLD, SIG_IGN);
	while (now_us() < end_us) {
		for (step = 1; step <= 2; step++) {
			int next = (at + step) % count;

			if (is_taken(fd, next) || fork() != 0)
				continue;
			if (!take(fd, next)) /* somebody was quicker */
				_exit(0);
			(void)setsid();
			at = next;
			step = 0;
		}
		nap_us(5000);
	}
	_exit(0);
}

int
main(int argc, char **argv)
{
	int64_t end_us = now_us() + LIFE * (int64_t)1000000;
	char path[4096];
	int at, fd, count;

	begin(argc, argv, 1, "COUNT");
	count = atoi(argv[3]);
	snprintf(path, sizeof(path), "%s.at", argv[2]);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	if (fd < 0)
		die(path);
	if (try_fork() == 0) {
		pass_gate();
		if (!take(fd, 0))
			die(path);
		grow(fd, 0, count, end_us);
	}
	await_all(1);
	for (at = 0; at < count; at++)
		while (!is_taken(fd, at))
			nap_us(1000);
	return wait_for_end("all heads");
}
