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

/* Has the child ended? Then we do, with what it ended with. */
static void
end_with(pid_t child, int wait_flag)
{
	siginfo_t info;
	int r = sys_waitid(P_PID, child, &info, WEXITED | wait_flag);

	if (r == 0)
		return;
	if (r < 0)
		_exit(EXIT_REFUSED);
	_exit(info.si_code == CLD_EXITED ? info.si_status
					 : EXIT_SIGNALLED + info.si_status);
}

/* Would it be our end if nothing were blocked? */
static bool
is_our_end(int sig)
{
	switch (sig) {
	case SIGCHLD:
	case SIGCONT:
	case SIGURG:
	case SIGWINCH:
	case SIGTSTP:
	case SIGTTIN:
	case SIGTTOU:
		return false;
	default:
		return !sys_is_ignored(sig);
	}
}

static _Noreturn void
await(int fd, pid_t child)
{
	struct pollfd pollfds[] = {
		{ .fd = fd, .events = POLLIN },
		{ .fd = sys_signalfd(~UINT64_C(0)), .events = POLLIN },
	};
	struct signalfd_siginfo from;
	bool stopping = false;
	unsigned char code;

	for (;;) {
		if (poll(pollfds, 2, -1) < 0)
			continue;
		while (sys_read(pollfds[1].fd, &from, sizeof(from)) ==
		       sizeof(from)) {
			if (!is_our_end((int)from.ssi_signo))
				continue;
			(void)kill(child, SIGTERM); /* not reaped: its number */
			stopping = true;
		}
		/* what runs and is about to be stopped is no success */
		if (pollfds[0].revents != 0 && sys_read(fd, &code, 1) == 1 &&
		    (code != 0 || !stopping))
			_exit(code);
		if (pollfds[0].revents != 0) /* no more will come of it */
			pollfds[0].fd = -1;
		/* without signals nothing else would tell of its end */
		end_with(child, pollfds[1].fd >= 0 ? WNOHANG : 0);
	}
}

int
background_begin(void)
{
	int fds[2], fd, r;
	pid_t child;

	r = sys_pipe(fds);
	if (r < 0)
		return r;
	/* 0, 1 or 2 may be closed, and will come to be something else */
	fd = sys_fcntl(fds[1], F_DUPFD_CLOEXEC, 3);
	fd_close(&fds[1]);
	fds[1] = fd;
	if (fd < 0) {
		fd_close(&fds[0]);
		return fd;
	}
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
