/* SPDX-License-Identifier: ISC */
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "env.h"
#include "spawn.h"
#include "stub.h"
#include "sys.h"

enum {
	HELPER_STACK = 16384,  /* the program's until it execs: a PATH_MAX */
	SIGNAL_TURN_MS = 1000, /* somebody in there can stop who signals */
};

enum report_kind {
	/* 0 to 2 are those of enum stub_step */
	REPORT_PID = 16, /* value: the program's pid, in our numbering */
	REPORT_ALIVE,
	REPORT_PROC_REFUSED,
	REPORT_FAILED, /* + the spawn_step; value: the errno */
};

/* the layout of struct stub_report */
struct report {
	int kind;
	int value;
};

_Static_assert(sizeof(struct report) == sizeof(struct stub_report),
    "both are read from the same pipe");

static void
send_report(int fd, int kind, int value)
{
	struct report report = { .kind = kind, .value = value };

	(void)sys_write_all(fd, &report, sizeof(report)); /* or we are gone */
}

static _Noreturn void
fail(int report_fd, enum spawn_step step, int error)
{
	send_report(report_fd, REPORT_FAILED + (int)step, error);
	_exit(127);
}

/*
 * Nothing may be mounted unless the mounts of the outside are safe from it:
 * MS_SLAVE fails in a chroot whose root is no mount point. Slave, not
 * private: what the host mounts later still arrives.
 */
static int
mount_proc(void)
{
	int r = sys_unshare(SYS_CLONE_NEWNS);

	if (r < 0)
		return r;
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0 ||
	    mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC,
		NULL) < 0)
		return -errno;
	return 0;
}

/* To a number that is none of those to be; what stays in one is replaced. */
static int
move_aside(const struct spawn *spawn, int fd)
{
	int moved = STDERR_FILENO, i;

	do {
		moved = sys_fcntl(fd, F_DUPFD_CLOEXEC, moved + 1);
		for (i = 0; i < spawn->nfds && spawn->fds_to[i] != moved; i++)
			;
	} while (i < spawn->nfds);
	return moved;
}

/*
 * One can be in the place of another, or the report: all are moved out of the
 * way first.
 */
static int
place_fds(const struct spawn *spawn, int *report_fd)
{
	int moved[SPAWN_FDS], r, i;

	r = move_aside(spawn, *report_fd);
	if (r < 0)
		return r;
	*report_fd = r;
	for (i = 0; i < spawn->nfds; i++)
		moved[i] = move_aside(spawn, spawn->fds[i]);
	for (i = 0; i < spawn->nfds; i++)
		if (dup2(moved[i], spawn->fds_to[i]) < 0)
			return -EMFILE; /* no number was left to move to */
	return 0;
}

/* A check shall hold nothing of what the program has. */
static void
close_all(const struct spawn *spawn, int *report_fd)
{
	int null_fd = sys_open(AT_FDCWD, "/dev/null", O_RDWR);

	(void)dup2(null_fd, STDIN_FILENO); /* or it stays what it was */
	if (!spawn->has_stdout)
		(void)dup2(null_fd, STDOUT_FILENO);
	fd_close_others(3, report_fd, 1, spawn->stub.by_hand);
}

/* The program's side: system calls only, until it is no longer us. */
static _Noreturn void
run_program(const struct spawn *spawn, int report_fd, bool enter)
{
	struct env_pid env_pid;
	int r = 0;

	if (enter) {
		r = sys_write_file(spawn->leaf_fd, "cgroup.procs", "0");
		if (r < 0)
			fail(report_fd, SPAWN_ENTER, -r);
	}
	send_report(report_fd, REPORT_ALIVE, 0);
	if (spawn->die_with_us) {
		/* set only now: the look catches who died before it was */
		(void)sys_prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (spawn->life_keeper_fd >= 0)
			(void)close(spawn->life_keeper_fd);
		if (stub_life_ended(spawn->stub.life_fd, false))
			_exit(127);
	}
	if (spawn->session) {
		(void)setsid(); /* just cloned: no group leader, no error */
	} else if (spawn->group) {
		(void)setpgid(0, 0);
		/* SIGTTOU is blocked; a lost terminal is no error here */
		if (spawn->tty_fd >= 0)
			(void)tcsetpgrp(spawn->tty_fd, getpid());
	}
	if (spawn->proc) {
		r = mount_proc();
		if (r < 0)
			send_report(report_fd, REPORT_PROC_REFUSED, -r);
	}
	r = 0;
	if (spawn->check)
		close_all(spawn, &report_fd);
	else if (spawn->nfds > 0)
		r = place_fds(spawn, &report_fd);
	if (r == 0 && spawn->nenv > 0)
		r = env_change(spawn->env, spawn->nenv, &env_pid);
	if (r < 0)
		fail(report_fd, SPAWN_GIVE, -r);
	(void)sys_sigmask(SIG_SETMASK, &spawn->mask, NULL);
	(void)execvp(spawn->argv[0], spawn->argv);
	fail(report_fd, SPAWN_EXEC, errno);
}

static bool
not_here(int r)
{
	return r == -ENOSYS || r == -EPERM || r == -EINVAL || r == -E2BIG;
}

/*
 * Forks with flags, into the leaf unless leaf_fd is -1; without clone3 the
 * child has to enter the leaf by itself, and *ret_enter tells it so.
 */
static pid_t
clone_somehow(const struct spawn *spawn, unsigned long flags, int leaf_fd,
    int exit_signal, int *ret_pidfd, bool *ret_enter)
{
	pid_t pid = -ENOSYS;

	*ret_enter = false;
	if (!spawn->no_clone3)
		pid = sys_clone3(flags, exit_signal, leaf_fd, ret_pidfd);
	if (!not_here(pid))
		return pid;
	*ret_enter = leaf_fd >= 0;
	/* with CLONE_PARENT the signal is that of our own end: SIGCHLD */
	return sys_clone(flags, exit_signal, ret_pidfd);
}

static pid_t
clone_program(const struct spawn *spawn, unsigned long flags, int report_fd,
    int *ret_pidfd)
{
	int into_fd = spawn->self_entry ? -1 : spawn->leaf_fd;
	bool enter;
	pid_t pid;

	pid = clone_somehow(spawn, flags, into_fd,
	    (flags & SYS_CLONE_PARENT) != 0 ? 0 : SIGCHLD, ret_pidfd, &enter);
	if (pid == 0)
		run_program(spawn, report_fd,
		    enter || (spawn->self_entry && spawn->leaf_fd >= 0));
	return pid;
}

static int
enter_namespace(const struct spawn *spawn, int stub_pidfd)
{
	int namespaces = SYS_CLONE_NEWPID;

	if (spawn->userns) /* both in one call: the first gives the right */
		namespaces |= SYS_CLONE_NEWUSER;
	return sys_setns(stub_pidfd, namespaces);
}

/* what the helper is told, and tells, where it shares our memory */
struct helper {
	const struct spawn *spawn;
	int stub_pidfd, report_fd;
	pid_t pid;
	int error;
	enum spawn_step failed;
};

static int
help(void *context)
{
	struct helper *h = context;
	int r = enter_namespace(h->spawn, h->stub_pidfd);

	h->failed = SPAWN_SETNS;
	if (r == 0) {
		h->failed = SPAWN_CLONE;
		r = clone_program(
		    h->spawn, SYS_CLONE_PARENT, h->report_fd, NULL);
	}
	if (r > 0) {
		h->failed = SPAWN_OK;
		h->pid = r;
	} else {
		h->error = -r;
	}
	return 0;
}

/* A helper with a memory of its own has to report. */
static _Noreturn void
run_helper(struct helper *h)
{
	(void)help(h);
	if (h->pid == 0)
		fail(h->report_fd, h->failed, h->error);
	send_report(h->report_fd, REPORT_PID, h->pid);
	_exit(0);
}

static int
failed(struct spawned *out, enum spawn_step step, int r)
{
	out->failed = step;
	out->error = -r;
	return -1;
}

/* Takes one record; 1, 0 at the end of the pipe, or -errno. */
static int
take_report(struct spawned *out)
{
	struct report report;
	ssize_t n;

	n = sys_read(out->report_fd, &report, sizeof(report));
	if (n != (ssize_t)sizeof(report))
		return n < 0 ? (int)n : 0;
	if (report.kind == REPORT_PID) {
		out->pid = report.value;
	} else if (report.kind == REPORT_ALIVE) {
		out->alive = true;
	} else if (report.kind == REPORT_PROC_REFUSED) {
		out->proc_error = report.value;
	} else if (report.kind >= REPORT_FAILED) {
		out->failed = (enum spawn_step)(report.kind - REPORT_FAILED);
		out->error = report.value;
	} else if (report.kind == STUB_MAP_REFUSED) {
		out->failed = SPAWN_MAP;
		out->error = report.value;
	} else if (report.kind == STUB_PDEATHSIG_REFUSED) {
		out->pdeathsig_error = report.value;
	}
	return 1;
}

/* Waits for the word of a stub that may also die without one. */
static int
await_armed(struct spawned *out)
{
	struct pollfd pollfds[] = {
		{ .fd = out->report_fd, .events = POLLIN },
		{ .fd = out->stub_pidfd, .events = POLLIN },
	};

	while (poll(pollfds, 2, -1) < 0)
		; /* EINTR */
	if ((pollfds[0].revents & POLLIN) == 0)
		return failed(out, SPAWN_ARM, 0);
	if (take_report(out) < 0 || out->failed != SPAWN_OK)
		return -1;
	return 0;
}

static int
start_stub(const struct spawn *spawn, struct spawned *out, int report_fd)
{
	struct stub stub = spawn->stub;
	unsigned long flags = 0;
	bool unused;

	stub.report_fd = report_fd;
	stub.userns = spawn->userns;
	if (spawn->pidns)
		flags |= SYS_CLONE_NEWPID;
	if (spawn->userns)
		flags |= SYS_CLONE_NEWUSER;
	out->stub_pid =
	    clone_somehow(spawn, flags, -1, SIGCHLD, &out->stub_pidfd, &unused);
	if (out->stub_pid == 0)
		stub_run(&stub);
	if (out->stub_pid < 0) {
		failed(out, SPAWN_STUB, out->stub_pid);
		out->stub_pid = 0;
		return -1;
	}
	return await_armed(out);
}

/* The pidfd of our unreaped child: its number cannot be another's. */
static void
open_pidfd(const struct spawn *spawn, struct spawned *out)
{
	if (out->pidfd < 0 && !spawn->no_pidfd_open)
		out->pidfd = sys_pidfd_open(out->pid);
	if (out->pidfd < 0)
		out->pidfd = -1; /* then by number, which is as safe */
}

/*
 * Its pid, and that it has come to be where it belongs: its own first system
 * calls, no more. The reports of the program and of the helper come in any
 * order.
 */
static int
await_alive(const struct spawn *spawn, struct spawned *out)
{
	/* a check may be born frozen, and not come to say so */
	while (out->pid == 0 ||
	       (!spawn->check && !out->alive && out->failed == SPAWN_OK))
		if (take_report(out) <= 0)
			break;
	if (out->pid != 0)
		open_pidfd(spawn, out);
	if (out->failed != SPAWN_OK && out->failed != SPAWN_EXEC)
		return -1;
	if (out->pid == 0)
		return failed(out, SPAWN_HELPER, 0);
	if (!out->alive && !spawn->check)
		return failed(out, SPAWN_STILLBORN, 0);
	return 0;
}

static int
start_in_namespace(
    const struct spawn *spawn, struct spawned *out, int *report_fd)
{
	struct helper h = {
		.spawn = spawn,
		.stub_pidfd = out->stub_pidfd,
		.report_fd = *report_fd,
	};
	_Alignas(16) char stack[HELPER_STACK];
	siginfo_t info;
	bool unused;
	pid_t helper;
	int r;

	/*
	 * As vfork(2), half the price: an OOM kill of one of the two is that
	 * of both, which the stub does not survive. Not where the helper's
	 * credentials change: that would make us undumpable, too.
	 */
	if (spawn->userns || IS_SANITIZED) {
		helper = clone_somehow(spawn, 0, -1, SIGCHLD, NULL, &unused);
		if (helper == 0)
			run_helper(&h);
	} else {
		helper = clone(help, stack + sizeof(stack),
		    CLONE_VM | CLONE_VFORK | SIGCHLD, &h);
		if (helper < 0)
			helper = -errno;
		out->pid = h.pid;
		out->failed = h.failed;
		out->error = h.error;
	}
	fd_close(report_fd); /* or we would never see the end */
	if (helper < 0)
		return failed(out, SPAWN_HELPER, helper);
	r = await_alive(spawn, out);
	(void)sys_waitid(P_PID, helper, &info, WEXITED);
	return r;
}

static int
start_here(const struct spawn *spawn, struct spawned *out, int *report_fd)
{
	pid_t pid;

	pid = clone_program(spawn, 0, *report_fd, &out->pidfd);
	fd_close(report_fd);
	if (pid < 0)
		return failed(out, SPAWN_CLONE, pid);
	out->pid = pid;
	return await_alive(spawn, out);
}

int
spawn_stub(const struct spawn *spawn, struct spawned *out)
{
	int fds[2], r;

	r = sys_pipe(fds);
	if (r < 0)
		return failed(out, SPAWN_PIPE, r);
	out->report_fd = fds[0];
	r = start_stub(spawn, out, fds[1]);
	fd_close(&fds[1]);
	fd_close(&out->report_fd);
	return r;
}

int
spawn_start(const struct spawn *spawn, struct spawned *out)
{
	int fds[2], r;

	r = sys_pipe(fds);
	if (r < 0)
		return failed(out, SPAWN_PIPE, r);
	out->report_fd = fds[0];
	if (spawn->pidns || spawn->stub.guard)
		r = start_stub(spawn, out, fds[1]);
	if (r == 0 && spawn->pidns)
		r = start_in_namespace(spawn, out, &fds[1]);
	else if (r == 0)
		r = start_here(spawn, out, &fds[1]);
	fd_close(&fds[1]);
	return r;
}

pid_t
spawn_beside(const struct spawn *spawn, const struct spawned *tree)
{
	struct spawned beside = SPAWNED_INIT;
	int fds[2], r;

	r = sys_pipe(fds);
	if (r < 0)
		return r;
	beside.report_fd = fds[0];
	beside.stub_pidfd = tree->stub_pidfd;
	r = spawn->pidns ? start_in_namespace(spawn, &beside, &fds[1])
			 : start_here(spawn, &beside, &fds[1]);
	if (r < 0 && beside.pid > 0) /* unreaped, and left to the caller */
		(void)kill(beside.pid, SIGKILL);
	fd_close(&beside.report_fd);
	fd_close(&beside.pidfd);
	if (r < 0)
		return beside.error != 0 ? -beside.error : -ECHILD;
	return beside.pid;
}

int
spawn_finish(struct spawned *out)
{
	while (take_report(out) > 0)
		;
	fd_close(&out->report_fd);
	return out->failed == SPAWN_OK ? 0 : -1;
}

void
spawn_abandon(struct spawned *out)
{
	siginfo_t info;

	fd_close(&out->report_fd);
	if (out->pid > 0)
		(void)kill(out->pid, SIGKILL); /* unreaped: still its number */
	if (out->stub_pid > 0)
		(void)kill(out->stub_pid, SIGKILL);
	/*
	 * The kernel keeps a dead PID 1 until all in its namespace are reaped,
	 * also a program whose pid the helper could not tell any more.
	 */
	while (out->stub_pid > 0 || out->pid > 0) {
		if (sys_waitid(P_ALL, 0, &info, WEXITED) < 0)
			break;
		if (info.si_pid == out->stub_pid)
			out->stub_pid = 0;
		if (info.si_pid == out->pid)
			out->pid = 0;
	}
	fd_close(&out->stub_pidfd);
	fd_close(&out->pidfd);
}

/* what a second helper is told, and tells */
struct signaller {
	const struct spawn *spawn;
	int stub_pidfd, first, second;
	int r;
};

static _Noreturn void
signal_all(const struct signaller *g)
{
	(void)kill(-1, g->first);
	if (g->second != 0)
		(void)kill(-1, g->second);
	_exit(0);
}

/* Only a child of who has entered it is in there. */
static int
enter_and_signal(void *context)
{
	struct signaller *g = context;
	bool unused;

	g->r = enter_namespace(g->spawn, g->stub_pidfd);
	if (g->r == 0)
		g->r = clone_somehow(
		    g->spawn, SYS_CLONE_PARENT, -1, 0, NULL, &unused);
	if (g->r == 0)
		signal_all(g);
	return 0;
}

int
spawn_signal(const struct spawn *spawn, const struct spawned *tree, int first,
    int second, int *last_fd)
{
	struct signaller g = {
		.spawn = spawn,
		.stub_pidfd = tree->stub_pidfd,
		.first = first,
		.second = second,
	};
	struct pollfd last = { .fd = *last_fd, .events = POLLIN };
	/* who waits for its turn does so outside, where no STOP reaches it */
	bool busy = *last_fd >= 0 && poll(&last, 1, 0) == 0;
	_Alignas(16) char stack[HELPER_STACK];
	int fds[2] = { -1, -1 }, kept[] = { *last_fd, tree->stub_pidfd, -1 };
	siginfo_t info = { .si_status = 0 };
	pid_t helper;

	(void)sys_pipe(fds); /* else they are in no order */
	kept[2] = fds[1];
	/* as in start_in_namespace */
	if (busy || spawn->userns || IS_SANITIZED) {
		helper = sys_clone(0, SIGCHLD, NULL);
		if (helper == 0) {
			if (busy) /* our locks are not to outlive us */
				fd_close_others(
				    0, kept, 3, spawn->stub.by_hand);
			if (busy)
				(void)poll(&last, 1, SIGNAL_TURN_MS);
			(void)enter_and_signal(&g);
			_exit(g.r < 0 ? -g.r : 0);
		}
	} else {
		helper = clone(enter_and_signal, stack + sizeof(stack),
		    CLONE_VM | CLONE_VFORK | SIGCHLD, &g);
		if (helper < 0)
			helper = -errno;
	}
	fd_close(&fds[1]);
	fd_close(last_fd);
	*last_fd = fds[0];
	if (helper < 0 || busy)
		return helper < 0 ? helper : 0;
	(void)sys_waitid(P_PID, helper, &info, WEXITED);
	return g.r < 0 ? g.r : -info.si_status;
}
