/* SPDX-License-Identifier: ISC */
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "probe.h"
#include "sys.h"

enum {
	FILTERED = 2
}; /* SECCOMP_MODE_FILTER */

/* A clone with these flags; its child ends at once. */
static void
try_clone(unsigned long flags)
{
	siginfo_t info;
	pid_t pid = sys_clone(flags, SIGCHLD, NULL);

	if (pid == 0)
		_exit(0);
	if (pid > 0)
		(void)sys_waitid(P_PID, pid, &info, WEXITED);
}

/* Each with arguments that do nothing; only whether it returns matters. */
static void
try_call(unsigned which)
{
	struct statfs fs;

	switch (which) {
	case DEADLY_CLONE3:
		(void)syscall(435, NULL, 0);
		break;
	case DEADLY_NEWPID:
		try_clone(SYS_CLONE_NEWPID);
		break;
	case DEADLY_NEWUSER:
		try_clone(SYS_CLONE_NEWUSER | SYS_CLONE_NEWPID);
		break;
	case DEADLY_SETNS:
		(void)sys_setns(-1, SYS_CLONE_NEWPID);
		break;
	case DEADLY_MOUNT:
		(void)sys_unshare(SYS_CLONE_NEWNS);
		(void)mount("none", "", "proc", 0, NULL);
		break;
	case DEADLY_PIDFD_OPEN:
		(void)sys_pidfd_open(-1);
		break;
	case DEADLY_PIDFD_SIGNAL:
		(void)sys_pidfd_signal(-1, 0, NULL);
		break;
	case DEADLY_CLOSE_RANGE:
		(void)syscall(436, ~0U, ~0U, 0);
		break;
	case DEADLY_FLOCK:
		(void)flock(-1, LOCK_SH);
		break;
	case DEADLY_CGROUP:
		(void)mkdirat(-1, "", 0);
		(void)fstatfs(-1, &fs);
		break;
	}
}

static _Noreturn void
try_from(unsigned which, int fd)
{
	(void)sys_prctl(PR_SET_DUMPABLE, 0); /* no core of a bad try */
	for (; which <= DEADLY_CGROUP; which *= 2) {
		try_call(which);
		(void)sys_write_all(fd, "", 1);
	}
	_exit(0);
}

/* How many calls from which on a child survived; -errno. */
static int
survived(unsigned which)
{
	char bytes[16];
	siginfo_t info;
	int fds[2], count = 0, r;
	ssize_t n;
	pid_t pid;

	r = sys_pipe(fds);
	if (r < 0)
		return r;
	pid = sys_clone(0, SIGCHLD, NULL);
	if (pid == 0)
		try_from(which, fds[1]);
	fd_close(&fds[1]);
	if (pid > 0) {
		while ((n = sys_read(fds[0], bytes, sizeof(bytes))) > 0)
			count += (int)n;
		(void)sys_waitid(P_PID, pid, &info, WEXITED);
	}
	fd_close(&fds[0]);
	return pid < 0 ? pid : count;
}

unsigned
probe_deadly(void)
{
	unsigned deadly = 0, which = 1;
	int n;

	if (sys_prctl(PR_GET_SECCOMP, 0) != FILTERED)
		return 0;
	while (which <= DEADLY_CGROUP) {
		n = survived(which);
		if (n < 0) /* this one and all that follow */
			return deadly | (2 * DEADLY_CGROUP - which);
		which <<= n;
		if (which <= DEADLY_CGROUP)
			deadly |= which;
		which *= 2;
	}
	return deadly;
}
