/* SPDX-License-Identifier: ISC */
#include <sys/signalfd.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "background.h"
#include "diag.h"
#include "sys.h"

/* The child has ended before it told: with what? */
static _Noreturn void
exit_as(pid_t child)
{
	siginfo_t info;

	if (sys_waitid(P_PID, child, &info, WEXITED) < 0)
		_exit(EXIT_REFUSED);
	_exit(info.si_code == CLD_EXITED ? info.si_status
					 : EXIT_SIGNALLED + info.si_status);
}

/* True when that was a stop. */
static bool
pass_on(int signal_fd, pid_t child)
{
	struct signalfd_siginfo from;

	if (sys_read(signal_fd, &from, sizeof(from)) != sizeof(from))
		return false;
	switch (from.ssi_signo) {
	case SIGTERM:
	case SIGINT:
	case SIGQUIT:
	case SIGHUP:
		(void)kill(child, SIGTERM); /* not reaped: still its number */
		return true;
	default:
		return false;
	}
}

static _Noreturn void
await(int fd, pid_t child)
{
	struct pollfd pollfds[] = {
		{ .fd = fd, .events = POLLIN },
		{ .fd = sys_signalfd(~UINT64_C(0)), .events = POLLIN },
	};
	bool stopping = false;
	unsigned char code;

	for (;;) {
		if (poll(pollfds, 2, -1) < 0)
			continue;
		if (pollfds[1].revents != 0)
			stopping |= pass_on(pollfds[1].fd, child);
		if (pollfds[0].revents == 0)
			continue;
		/* what runs and is about to be stopped is no success */
		if (sys_read(fd, &code, 1) == 1 && (code != 0 || !stopping))
			_exit(code);
		exit_as(child);
	}
}

int
background_begin(void)
{
	int fds[2];
	pid_t child;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	child = sys_clone(0, SIGCHLD, NULL);
	if (child > 0) {
		fd_close(&fds[1]);
		await(fds[0], child);
	}
	fd_close(&fds[0]);
	if (child < 0) {
		fd_close(&fds[1]);
		return child;
	}
	(void)setsid(); /* just forked: no group leader, no error */
	return fds[1];
}

void
background_tell(int *fd, int exit_code)
{
	unsigned char code = (unsigned char)exit_code;

	if (*fd >= 0)
		(void)sys_write_all(*fd, &code, 1); /* or nobody waits */
	fd_close(fd);
}
