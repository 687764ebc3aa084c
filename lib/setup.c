/* SPDX-License-Identifier: ISC */
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/timerfd.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "background.h"
#include "diag.h"
#include "probe.h"
#include "supervisor.h"
#include "tty.h"

enum {
	CLEAN_LIMIT_MS = 2000,
	HOST_PIDNS_INO = 0xEFFFFFFC, /* include/linux/proc_ns.h */
};

static _Noreturn void
refuse_fd(const char *option, int fd, const char *reason)
{
	char number[16];
	struct text text = TEXT(number);

	text_add_number(&text, fd);
	tell_say("usage", option, number, 0, reason);
	exit(EXIT_USAGE);
}

/* Before we make any of ours, or a number that is closed would be one. */
void
setup_require_open(int fd, const char *option, bool to_write)
{
	int flags;

	if (fd < 0)
		return;
	flags = sys_fcntl(fd, F_GETFL, 0);
	if (flags < 0)
		refuse_fd(option, fd, "is not open");
	if (to_write && (flags & O_ACCMODE) == O_RDONLY) /* O_PATH, too */
		refuse_fd(option, fd, "is not open for writing");
}

/* Else the program cannot have it. */
bool
setup_has_number(int fd)
{
	return fd < 0 || (unsigned)fd < sys_file_limit();
}

void
setup_require_number(int fd, const char *option)
{
	if (!setup_has_number(fd))
		refuse_fd(option, fd, "is beyond the limit of ulimit -n");
}

/*
 * The first descriptor that we make shows whether 0, 1 or 2 was closed: it
 * then takes its place, born O_CLOEXEC, so that the program finds it closed
 * as we did, while nothing else of ours can come to be 0, 1 or 2.
 */
static int
above_standard(int fd)
{
	int high, low;

	if (fd < 0 || fd > STDERR_FILENO)
		return fd;
	high = sys_fcntl(fd, F_DUPFD_CLOEXEC, 3);
	do
		low = sys_fcntl(fd, F_DUPFD_CLOEXEC, 0);
	while (low >= 0 && low <= STDERR_FILENO);
	fd_close(&low);
	return high;
}

/*
 * What stub and guard watch: readable at the latest when we are gone. Before
 * Linux 5.3, or where that is filtered, a pipe that only we could write to.
 */
static void
open_life(struct supervisor *s)
{
	int fds[2], fill = -1, r = -ENOSYS;

	if ((s->deadly & DEADLY_PIDFD_OPEN) == 0)
		r = sys_pidfd_open(s->pid);
	if (r < 0) {
		/* its end must not come to be 2, which we write to */
		fill = above_standard(
		    sys_open(AT_FDCWD, "/", O_PATH | O_DIRECTORY));
		fd_close(&fill);
		r = sys_pipe(fds);
		if (r < 0)
			tell_refuse(s, "pipe2", NULL, -r, tell_hint(-r));
		s->life_keeper_fd = fds[1];
		r = fds[0];
	}
	s->life_fd = above_standard(r);
	if (s->life_fd < 0)
		tell_refuse(
		    s, "dup", NULL, -s->life_fd, tell_hint(-s->life_fd));
}

static void
watch_parent(struct supervisor *s)
{
	pid_t parent = getppid();
	int r = -ENOSYS;

	/* a parent in an outer PID namespace is 0 here: only the kernel sees */
	if (parent != 0 && (s->deadly & DEADLY_PIDFD_OPEN) == 0)
		r = sys_pidfd_open(parent);
	if (r >= 0) {
		s->parent_fd = r;
		loop_watch(&s->loop, SOURCE_PARENT, r, POLLIN);
	} else {
		/* no TERM: a second one of those would be a kill */
		s->parent_pid = parent;
		r = sys_prctl(PR_SET_PDEATHSIG, SIGNAL_MAX);
		if (r < 0)
			tell_refuse(s, "prctl", "PR_SET_PDEATHSIG", -r, NULL);
	}
	if (getppid() != parent) /* too late, and its number may be reused */
		tell_refuse(
		    s, "--die-with-parent", NULL, 0, "it is dead already");
}

/*
 * POLLHUP and POLLRDHUP tell the end without taking anything from the reader
 * of the data; what never has an end that way is refused.
 */
static void
watch_lifeline(struct supervisor *s)
{
	int fd = s->options.lifeline_fd;
	struct stat st;

	if (fstat(fd, &st) < 0)
		tell_refuse(s, "fstat", "--lifeline", errno, NULL);
	if (!S_ISFIFO(st.st_mode) && !S_ISSOCK(st.st_mode) && !isatty(fd))
		refuse_fd("--lifeline", fd, "is no pipe, socket or terminal");
	if (fd > STDERR_FILENO) /* it is meant for us, not for the program */
		(void)sys_fcntl(fd, F_SETFD, FD_CLOEXEC);
	loop_watch(&s->loop, SOURCE_LIFELINE, fd, POLLRDHUP);
}

/*
 * The descriptor is made once, so that this deadline, too, can never fail for
 * want of one. A clock that is set wakes us, to look at it again.
 */
int
setup_arm_clock(struct supervisor *s)
{
	struct itimerspec until = { .it_value.tv_sec = s->options.until };

	if (timerfd_settime(s->clock_fd,
		TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &until, NULL) < 0)
		return -errno;
	return 0;
}

bool
setup_is_past_until(const struct supervisor *s)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail */
	return now.tv_sec >= s->options.until;
}

static void
watch_clock(struct supervisor *s)
{
	if (setup_is_past_until(s)) {
		tell_warn(s, "--until", NULL, 0,
		    "that time has passed; nothing is started");
		tell_exit(s, EXIT_TIMED_OUT);
	}
	s->clock_fd =
	    timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	if (s->clock_fd < 0 || setup_arm_clock(s) < 0)
		tell_refuse(s, "timerfd", "--until", errno, NULL);
	loop_watch(&s->loop, SOURCE_CLOCK, s->clock_fd, POLLIN);
}

/*
 * PID 1 of a namespace that is not the host's: all others in there are ours
 * to kill. Without /proc the host is known by its kthreadd, pid 2 in group 0.
 */
static bool
is_container_init(pid_t pid)
{
	struct stat st;

	if (pid != 1)
		return false;
	if (stat("/proc/self/ns/pid", &st) == 0)
		return st.st_ino != HOST_PIDNS_INO;
	return getpgid(2) != 0;
}

/* What is wrong with the name is no matter of what the system offers. */
void
setup_refuse_name(const struct supervisor *s, int error)
{
	if (s->options.cgroup_name == NULL)
		return;
	if (error == ENOENT || error == ENOTDIR || error == ENAMETOOLONG ||
	    error == EINVAL)
		tell_refuse(s, "--cgroup", s->options.cgroup_name, error, NULL);
	tell_warn(s, "--cgroup", s->options.cgroup_name, error,
	    "going on without a cgroup");
}

static void
find_cgroup(struct supervisor *s)
{
	int r = -EPERM;

	if ((s->deadly & (DEADLY_CGROUP | DEADLY_FLOCK)) == 0)
		r = cgroup_find(&s->cgroup, s->options.cgroup_name, s->pid,
		    s->life_keeper_fd < 0 ? s->life_fd : -1);
	if (r == 0) {
		s->has_cgroup = true;
		s->cgroup.no_pidfd =
		    (s->deadly & (DEADLY_PIDFD_OPEN | DEADLY_PIDFD_SIGNAL)) !=
		    0;
		if (cgroup_clean(&s->cgroup, s->pid, CLEAN_LIMIT_MS) < 0)
			tell_warn(s, "kill", "a leftover cgroup", EBUSY,
			    "something of a killed supervise still runs");
		return;
	}
	s->no_cgroup = (struct refusal){ "find", -r };
	setup_refuse_name(s, -r);
}

/* From here on a signal is never lost and never our end. */
void
setup_signals(struct supervisor *s)
{
	const uint64_t all = ~UINT64_C(0);

	(void)sys_sigmask(SIG_SETMASK, &all, &s->inherited_mask);
	/* inherited as ignored it would leave us nothing to wait for */
	sys_dispose(SIGCHLD, SIG_DFL);
}

void
setup_begin(struct supervisor *s)
{
	s->pid = getpid();
	s->deadly = probe_deadly();
	open_life(s);
	loop_init(&s->loop);
	s->want_up = true;
}

void
setup_all(struct supervisor *s)
{
	const uint64_t all = ~UINT64_C(0);

	s->signal_fd = sys_signalfd(all);
	if (s->signal_fd < 0)
		tell_refuse(s, "signalfd", NULL, -s->signal_fd, NULL);
	loop_watch(&s->loop, SOURCE_SIGNALS, s->signal_fd, POLLIN);
	if (s->options.die_with_parent)
		watch_parent(s);
	if (s->options.lifeline_fd >= 0)
		watch_lifeline(s);
	if (s->options.until != OPTIONS_NO_TIME)
		watch_clock(s);
	if (s->options.status_fd >= 0)
		events_open(&s->events, s->options.status_fd);
	ready_setup(s);
	s->is_pid1 = is_container_init(s->pid);
	s->tty_fd = tty_open();
	/* in a pipeline others of our group may read it: only when asked for */
	s->tty_input = s->tty_fd >= 0 && isatty(STDIN_FILENO) == 1 &&
		       isatty(STDOUT_FILENO) == 1;
	/* our group is outside of our namespace: we could not give back to it
	 */
	if (s->tty_fd >= 0 && getpgrp() == 0)
		s->options.same_group = true;
	if (!s->options.no_cgroup)
		find_cgroup(s);
	s->has_pidns = !s->options.no_pidns;
	if (s->has_pidns && (s->deadly & (DEADLY_NEWPID | DEADLY_SETNS)) != 0) {
		s->has_pidns = false;
		s->no_pidns = (struct refusal){ "seccomp", 0 };
	}
	s->backoff = (struct timer_backoff){
		.min_ns = s->options.restart_min_ns,
		.max_ns = s->options.restart_max_ns,
	};
	s->limit = (struct timer_limit){
		.most = s->options.restart_limit,
		.window_ns = s->options.restart_window_ns,
	};
	if (s->options.stats)
		s->began_ns = sys_now_ns();
	if (s->service.on)
		loop_watch(
		    &s->loop, SOURCE_CONTROL, s->service.control.fd, POLLIN);
	if (s->want_up)
		supervisor_post(s, START_WANTED);
	else
		background_tell(&s->background_fd, 0);
}
