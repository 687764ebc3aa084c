/* SPDX-License-Identifier: ISC */
/*
 * floor FORM program [argument ...]
 *
 * What each mechanism costs at least: it is used, and nothing is checked,
 * looked for, or left for later. FORM is
 *
 *	spawn	vfork, exec, wait
 *	pidfd	every signal blocked and read from a signalfd, forwarded by a
 *		pidfd of the program
 *	cgroup	and the program in a fresh cgroup, below $FLOOR_CGROUP
 *	pidns	and a PID namespace instead: a sleeping stub is its init, a
 *		helper puts the program into it (DESIGN: as supervise does)
 *	both	both of them
 *	proc	and a fresh /proc
 *	relay	as pidfd, and a newline on the program's descriptor 3 is passed
 *		on to our 4
 *	caller	the same, in the background: we are over when it comes
 */
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../lib/sys.h"

enum {
	READY_FD = 3,
	NOTIFY_FD = 4,
};

struct floor {
	bool cgroup, pidns, proc, relay, caller;
	char **argv;
	uint64_t mask;
	char leaf[256]; /* below $FLOOR_CGROUP, which is as short */
	int leaf_fd, events_fd, signal_fd, self_fd, pidfd, ready_fd;
	pid_t pid, stub, program;
	int stub_fd, code;
};

static _Noreturn void
refuse(void)
{
	_exit(111);
}

static _Noreturn void
run_program(const struct floor *f, int ready_fd)
{
	(void)setsid();
	if (f->proc &&
	    (sys_unshare(SYS_CLONE_NEWNS) < 0 ||
		mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0 ||
		mount("proc", "/proc", "proc", 0, NULL) < 0))
		refuse();
	if (ready_fd >= 0)
		(void)dup2(ready_fd, READY_FD);
	(void)sys_sigmask(SIG_SETMASK, &f->mask, NULL);
	(void)execvp(f->argv[0], f->argv);
	_exit(127);
}

static _Noreturn void
run_stub(const struct floor *f, int armed_fd)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	struct pollfd pollfd = { .fd = f->self_fd, .events = POLLIN };

	(void)sys_prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)sigaction(SIGCHLD, &ignore, NULL);
	if (poll(&pollfd, 1, 0) != 0 || write(armed_fd, "", 1) != 1)
		_exit(0);
	(void)syscall(SYS_close_range, 0, f->self_fd - 1, 0);
	(void)syscall(SYS_close_range, f->self_fd + 1, ~0U, 0);
	(void)poll(&pollfd, 1, -1);
	_exit(0);
}

static _Noreturn void
run_helper(const struct floor *f, int report_fd)
{
	pid_t pid;

	if (sys_setns(f->stub_fd, SYS_CLONE_NEWPID) < 0)
		refuse();
	pid =
	    sys_clone3(SYS_CLONE_PARENT, 0, f->cgroup ? f->leaf_fd : -1, NULL);
	if (pid == 0)
		run_program(f, -1);
	_exit(write(report_fd, &pid, sizeof(pid)) != sizeof(pid));
}

static void
start_contained(struct floor *f)
{
	pid_t helper; /* reaped with all others */
	int fds[2];
	char byte;

	if (pipe2(fds, O_CLOEXEC) < 0)
		refuse();
	f->stub = sys_clone3(SYS_CLONE_NEWPID, SIGCHLD, -1, &f->stub_fd);
	if (f->stub == 0)
		run_stub(f, fds[1]);
	if (f->stub < 0 || read(fds[0], &byte, 1) != 1)
		refuse();
	helper = sys_clone3(0, SIGCHLD, -1, NULL);
	if (helper == 0)
		run_helper(f, fds[1]);
	(void)close(fds[1]);
	if (helper < 0 ||
	    read(fds[0], &f->program, sizeof(f->program)) <
		(ssize_t)sizeof(f->program) ||
	    f->program < 0)
		refuse();
	f->pidfd = sys_pidfd_open(f->program);
	(void)!read(fds[0], &byte, 1); /* it has execed */
	(void)close(fds[0]);
}

static void
start(struct floor *f)
{
	int ready[2] = { -1, -1 };

	if (f->pidns) {
		start_contained(f);
		return;
	}
	if (f->relay && pipe2(ready, O_CLOEXEC) < 0)
		refuse();
	f->program =
	    sys_clone3(0, SIGCHLD, f->cgroup ? f->leaf_fd : -1, &f->pidfd);
	if (f->program == 0)
		run_program(f, ready[1]);
	if (f->program < 0)
		refuse();
	(void)close(ready[1]);
	f->ready_fd = ready[0];
}

static void
make_leaf(struct floor *f)
{
	const char *base = getenv("FLOOR_CGROUP");

	if (base == NULL || strlen(base) > 200)
		refuse();
	(void)strcpy(f->leaf, base);
	(void)sprintf(f->leaf + strlen(base), "/floor.%d", (int)f->pid);
	if (mkdir(f->leaf, 0755) < 0)
		refuse();
	f->leaf_fd = sys_open(AT_FDCWD, f->leaf, O_RDONLY | O_DIRECTORY);
	f->events_fd = sys_open(f->leaf_fd, "cgroup.events", O_RDONLY);
}

static void
remove_leaf(struct floor *f)
{
	char events[64];

	(void)pread(f->events_fd, events, sizeof(events), 0);
	(void)rmdir(f->leaf);
}

/* Until all of it has ended. */
static void
reap(struct floor *f)
{
	siginfo_t info;

	while (f->program + f->stub != 0 &&
	       sys_waitid(P_ALL, 0, &info, WEXITED | WNOHANG) > 0) {
		if (info.si_pid == f->stub)
			f->stub = 0;
		if (info.si_pid != f->program)
			continue;
		f->program = 0;
		f->code = info.si_code == CLD_EXITED ? info.si_status
						     : 128 + info.si_status;
		if (f->stub != 0)
			(void)kill(f->stub, SIGKILL);
	}
}

static void
take_signal(struct floor *f)
{
	struct signalfd_siginfo from;

	if (sys_read(f->signal_fd, &from, sizeof(from)) != sizeof(from))
		return;
	if (from.ssi_signo == SIGCHLD)
		reap(f);
	else if (f->program != 0)
		(void)sys_pidfd_signal(f->pidfd, (int)from.ssi_signo, NULL);
}

static void
pass_readiness(struct floor *f)
{
	char byte;

	if (sys_read(f->ready_fd, &byte, 1) == 1)
		(void)!write(NOTIFY_FD, "\n", 1);
	(void)close(f->ready_fd);
	(void)close(NOTIFY_FD);
	f->ready_fd = -1;
}

/* The parent waits for the byte, or the end, of the child. */
static void
leave_caller(void)
{
	int fds[2];
	char byte;

	if (pipe2(fds, O_CLOEXEC) < 0)
		refuse();
	if (sys_clone3(0, SIGCHLD, -1, NULL) != 0) {
		(void)close(fds[1]);
		_exit(read(fds[0], &byte, 1) != 1);
	}
	(void)setsid();
	(void)dup2(fds[1], NOTIFY_FD);
}

static int
spawn(char **argv)
{
	int status = 0;
	pid_t pid = vfork();

	if (pid == 0) {
		(void)execvp(argv[0], argv);
		_exit(127);
	}
	(void)waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int
run(struct floor *f)
{
	const uint64_t all = ~UINT64_C(0);

	(void)sys_sigmask(SIG_SETMASK, &all, &f->mask);
	f->pid = getpid();
	if (f->pidns)
		f->self_fd = sys_pidfd_open(f->pid);
	if (f->caller)
		leave_caller();
	f->signal_fd = sys_signalfd(all);
	if (f->cgroup)
		make_leaf(f);
	start(f);
	while (f->program + f->stub != 0) {
		struct pollfd pollfds[] = {
			{ .fd = f->signal_fd, .events = POLLIN },
			{ .fd = f->ready_fd, .events = POLLIN },
		};

		(void)poll(pollfds, f->ready_fd < 0 ? 1 : 2, -1);
		if (pollfds[0].revents != 0)
			take_signal(f);
		if (pollfds[1].revents != 0)
			pass_readiness(f);
	}
	if (f->cgroup)
		remove_leaf(f);
	return f->code;
}

int
main(int argc, char **argv)
{
	const char *form = argc > 1 ? argv[1] : "";
	struct floor f = { .argv = argv + 2, .ready_fd = -1 };

	if (argc < 3)
		return 100;
	if (strcmp(form, "spawn") == 0)
		return spawn(f.argv);
	f.proc = strcmp(form, "proc") == 0;
	f.pidns =
	    f.proc || strcmp(form, "both") == 0 || strcmp(form, "pidns") == 0;
	f.cgroup =
	    f.proc || strcmp(form, "both") == 0 || strcmp(form, "cgroup") == 0;
	f.caller = strcmp(form, "caller") == 0;
	f.relay = f.caller || strcmp(form, "relay") == 0;
	return run(&f);
}
