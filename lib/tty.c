/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "sys.h"
#include "tty.h"

int
tty_open(void)
{
	int fd, i;

	fd = sys_open(AT_FDCWD, "/dev/tty", O_RDWR | O_NOCTTY);
	if (fd >= 0)
		return fd;
	if (fd == -ENXIO) /* the kernel's word for having none */
		return -1;
	for (i = 0; i <= 2; i++)
		if (tcgetpgrp(i) >= 0)
			return sys_fcntl(i, F_DUPFD_CLOEXEC, 3);
	return -1;
}

int
tty_holder(int tty_fd)
{
	return tcgetpgrp(tty_fd);
}

bool
tty_is_ours(int tty_fd)
{
	return tty_holder(tty_fd) == getpgrp();
}

void
tty_give_to(int tty_fd, int pgid)
{
	(void)tcsetpgrp(tty_fd, pgid); /* the terminal may have hung up */
}

void
tty_take_back(int tty_fd)
{
	tty_give_to(tty_fd, getpgrp());
}

void
tty_stop(void)
{
	const uint64_t stop = UINT64_C(1) << (SIGTSTP - 1);

	(void)kill(0, SIGTSTP); /* pending for us, who block it */
	(void)sys_sigmask(SIG_UNBLOCK, &stop, NULL);
	(void)sys_sigmask(SIG_BLOCK, &stop, NULL);
}
