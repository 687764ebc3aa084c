/* SPDX-License-Identifier: ISC */
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "background.h"
#include "diag.h"
#include "probe.h"
#include "supervisor.h"
#include "tty.h"

/* With what was queued with it; by pidfd where there is one. */
void
job_signal(struct supervisor *s, int sig, const siginfo_t *info)
{
	int r = -ENOSYS;

	if (s->tree.pid == 0)
		return;
	if (s->tree.pidfd >= 0 && (s->deadly & DEADLY_PIDFD_SIGNAL) == 0)
		r = sys_pidfd_signal(s->tree.pidfd, sig, info);
	if (r == -ENOSYS || r == -EPERM) { /* not reaped: still its number */
		if (info != NULL)
			r = (int)syscall(
			    SYS_rt_sigqueueinfo, s->tree.pid, sig, info);
		else
			r = kill(s->tree.pid, sig);
		r = r < 0 ? -errno : 0;
	}
	if (r < 0 && r != -ESRCH) {
		char name[16];
		struct text text = TEXT(name);

		diag_add_signal(&text, sig);
		tell_warn(s, "signal", name, -r, NULL);
	}
}

void
job_request_stop(struct supervisor *s, enum cause cause)
{
	bool wanted = s->want_up;

	if (cause != CAUSE_CONTROL)
		s->service.exit_wanted = true;
	/* the end of a program that is to run again is nobody's wish */
	s->want_up = false;
	if (s->cause == NO_CAUSE || wanted || s->state == DOWN ||
	    (s->service.finishing && s->cause == CAUSE_END))
		s->cause = cause;
	if (s->state < STOPPING &&
	    (!s->service.finishing || s->service.preparing))
		supervisor_post(s, STOP_WANTED);
	else if (wanted) /* it ends already; what would follow it does not */
		stop_cancel(s);
	else
		service_tell(s, "");
}

void
job_fail(struct supervisor *s, enum cause cause)
{
	if (s->state != STARTING && s->state != UP && s->state != READY)
		return; /* it is on its way out */
	if (s->service.finishing)
		return; /* that has a time of its own */
	if (s->cause != NO_CAUSE)
		return; /* it has just ended by itself */
	s->cause = cause;
	if (!stop_is_restart_wanted(s))
		s->want_up = false;
	if (cause == CAUSE_WATCHDOG)
		s->ask_signal = SIGABRT;
	supervisor_post(s, STOP_WANTED);
}

static bool
is_of_terminal(int sig)
{
	return sig == SIGINT || sig == SIGQUIT || sig == SIGTSTP ||
	       sig == SIGWINCH || sig == SIGHUP;
}

enum {
	CONT = 1 << (SIGCONT - 1),
	ENDS = 1 << (SIGTERM - 1) | 1 << (SIGHUP - 1) | 1 << (SIGINT - 1) |
	       1 << (SIGQUIT - 1),
};

/* Have any of them come, and wait for their turn? */
static bool
is_pending(unsigned signals)
{
	return (sys_sigpending() & signals) != 0;
}

/*
 * Is the program still stopped? Who has continued our group has continued it,
 * if it is in there: a CONT of ours, behind that, may undo the next stop.
 */
static bool
is_stopped(const struct supervisor *s)
{
	siginfo_t info;

	return s->stopped &&
	       sys_waitid(P_PID, s->tree.pid, &info,
		   WCONTINUED | WSTOPPED | WNOHANG | WNOWAIT) == 0;
}

static void
forward(struct supervisor *s, int sig, const struct signalfd_siginfo *from)
{
	siginfo_t info;

	/* of the terminal: our group has had it, and the program with it */
	if (s->options.same_group && from->ssi_code == SI_KERNEL &&
	    sig != SIGHUP && is_of_terminal(sig))
		return;
	if (s->options.same_group && s->tty_fd >= 0 && sig == SIGCONT &&
	    !is_stopped(s))
		return;
	if (s->state == DOWN || s->state == KILLING || s->service.finishing)
		return; /* to whom? and a tree that dies must not be frozen */
	if (stop_goes_to_all(s)) {
		stop_signal_tree(s, sig, 0);
		return;
	}
	/* another one of our group wants to read: that is a stop for us all */
	if (s->tty_fd >= 0 && !s->options.same_group &&
	    from->ssi_code == SI_KERNEL && (sig == SIGTTIN || sig == SIGTTOU))
		sig = SIGTSTP;
	/* of a terminal, or of its shell: for the whole job, as is its group */
	if (s->tty_fd >= 0 && !s->options.same_group && s->tree.pid != 0 &&
	    (sig == SIGCONT ||
		(from->ssi_code == SI_KERNEL && is_of_terminal(sig))) &&
	    kill(-s->tree.pid, sig) == 0)
		return;
	if (from->ssi_code != SI_QUEUE) {
		job_signal(s, sig, NULL);
		return;
	}
	memset(&info, 0, sizeof(info));
	info.si_signo = sig;
	info.si_code = SI_QUEUE;
	info.si_pid = (pid_t)from->ssi_pid;
	info.si_uid = from->ssi_uid;
	info.si_value.sival_ptr = (void *)(uintptr_t)from->ssi_ptr;
	job_signal(s, sig, &info);
}

/* What is there is left to its end, even if that was for a restart. */
static void
no_restart_of_it(struct supervisor *s)
{
	if (s->cause == CAUSE_RESTART)
		s->cause = CAUSE_CONTROL;
}

static void
want_up(struct supervisor *s, bool once)
{
	if (s->service.closing)
		return;          /* there is no log to write to any more */
	if (s->service.as_runsv) /* it has heeded the last one that came */
		s->service.exit_wanted = false;
	else if (s->service.exit_wanted)
		return; /* when it is down, and that is all there is to come */
	s->service.once = once;
	if (!once) /* as it was before `down` */
		s->service.stay = s->service.directory;
	s->service.status.failed = false;
	s->want_up = true;
	if (s->state == DOWN && !s->service.finishing) {
		s->loop.deadlines_ns[DEADLINE_RESTART] = TIMER_NEVER;
		s->limit.count = 0; /* a beginning, and not one more of many */
		s->backoff.last_ns = 0;
		supervisor_post(s, START_WANTED);
	} else if (once) {
		no_restart_of_it(s);
	} else if (s->service.finishing) {
		s->service.restart = true; /* and not after a delay */
	} else if (s->state >= STOPPING) {
		s->cause = CAUSE_RESTART; /* of one that is on its way out */
	}
}

static void
want_down(struct supervisor *s)
{
	s->service.stay = true;
	background_tell(&s->background_fd, s->ready.asked ? EXIT_FAILED : 0);
	if (s->state == DOWN)
		s->cause = NO_CAUSE;
	job_request_stop(s, CAUSE_CONTROL);
}

/* Of one that waits for its time: there is none any more. */
static void
no_restart(struct supervisor *s)
{
	if (s->state != DOWN || s->service.finishing ||
	    (!s->want_up && !s->service.exit_wanted))
		return;
	s->want_up = false;
	s->cause = CAUSE_CONTROL;
	stop_cancel(s);
}

static void
want_no_more(struct supervisor *s)
{
	s->service.stay = s->service.once = true;
	no_restart_of_it(s);
	no_restart(s);
}

/* The file `down`: it stays down when it is supervised anew. */
static void
keep(struct supervisor *s, bool down)
{
	int fd, r;

	if (down) {
		r = fd = sys_creat(s->service.dir_fd, "down", 0644);
		fd_close(&fd);
		if (r == -EEXIST && /* a link to nowhere is none */
		    sys_access(s->service.dir_fd, "down", F_OK) == 0)
			r = 0;
	} else {
		r = unlinkat(s->service.dir_fd, "down", 0) < 0 ? -errno : 0;
	}
	if (r < 0 && r != -ENOENT)
		tell_warn(s, down ? "create" : "remove", "down", -r, NULL);
}

static bool
is_end(int sig)
{
	return sig == SIGTERM || sig == SIGINT || sig == SIGQUIT ||
	       sig == SIGKILL || sig == SIGABRT;
}

static void
obey(struct supervisor *s, const struct control_letter *row)
{
	switch ((enum command)row->command) {
	case COMMAND_UP_KEEP:
		keep(s, false);
		/* fallthrough */
	case COMMAND_UP:
		want_up(s, false);
		break;
	case COMMAND_ONCE:
		s->service.stay = true;
		want_up(s, true);
		break;
	case COMMAND_DOWN_KEEP:
		keep(s, true);
		want_down(s);
		return;
	case COMMAND_DOWN:
		want_down(s);
		return;
	case COMMAND_ONCE_KEEP:
		keep(s, true);
		want_no_more(s);
		break;
	case COMMAND_AT_MOST:
		want_no_more(s);
		break;
	case COMMAND_STOP_EXIT:
		s->service.exit_wanted = true;
		want_down(s);
		return;
	case COMMAND_EXIT:
		s->service.exit_wanted = true;
		no_restart(s);
		break;
	case COMMAND_RESTART:
		if ((s->state == STARTING || s->state == UP ||
			s->state == READY) &&
		    !s->service.finishing)
			job_fail(
			    s, s->service.once ? CAUSE_CONTROL : CAUSE_RESTART);
		else if (s->want_up && !s->service.once)
			want_up(s, false);
		break;
	case COMMAND_PAUSE:
		stop_order(s, 'p', SIGSTOP);
		break;
	case COMMAND_CONTINUE:
		stop_order(s, 'c', SIGCONT);
		break;
	case COMMAND_KILL_TREE:
		s->requests = 1;
		if (s->cause == NO_CAUSE)
			s->cause = CAUSE_CONTROL;
		supervisor_post(s, KILL_WANTED);
		break;
	case COMMAND_SIGNAL:
		if (s->state == DOWN || s->state == KILLING ||
		    s->service.finishing)
			break;
		if (is_end(row->signal)) /* by an order, no failure */
			s->service.ordered_ns = timer_after(
			    sys_now_ns(), s->options.kill_after_ns > NS_PER_S
					      ? s->options.kill_after_ns
					      : NS_PER_S);
		stop_order(s, row->letter, row->signal);
		break;
	case COMMAND_NONE:
		break;
	}
	service_tell(s, "");
}

void
job_take_letters(struct supervisor *s)
{
	const struct control_letter *row;
	char letter;

	/* one at a time: what it raises comes before the next */
	if (control_read(&s->service.control, &letter, 1) != 1)
		return;
	row = control_find(letter, s->service.as_runsv);
	if (row != NULL)
		obey(s, row);
}

static void
give_tty(struct supervisor *s)
{
	if (s->options.same_group)
		return;
	s->tty_given = true;
	tty_give_to(s->tty_fd, s->tree.pid);
}

/*
 * A CONT is all that we see of a shell's `fg` and `bg`, of a job that runs in
 * the background or was stopped without our doing: whose is the terminal now?
 */
static void
look_at_tty(struct supervisor *s)
{
	if (s->tty_fd < 0 || s->options.same_group || s->tree.pid == 0)
		return;
	if (s->tty_input && tty_is_ours(s->tty_fd))
		give_tty(s);
	else if (tty_holder(s->tty_fd) != s->tree.pid)
		s->tty_given = false; /* taken from us: not ours to return */
}

static void
continue_program(struct supervisor *s)
{
	(void)kill(s->options.same_group ? s->tree.pid : -s->tree.pid, SIGCONT);
}

/* See watch_parent in lib/setup.c; the kernel sends it as by the parent. */
static bool
is_pdeathsig(const struct supervisor *s, const struct signalfd_siginfo *from)
{
	return s->options.die_with_parent && s->parent_fd < 0 &&
	       from->ssi_signo == SIGNAL_MAX && from->ssi_code == SI_USER &&
	       from->ssi_pid == (uint32_t)s->parent_pid;
}

/* Is there no program now that a signal could be for, but one to come? */
static bool
is_between_runs(const struct supervisor *s)
{
	return s->state == DOWN ||
	       (s->want_up && (s->tree.pid == 0 || s->service.finishing) &&
		   !tree_is_left_to_itself(s));
}

void
job_take_signal(struct supervisor *s, const struct signalfd_siginfo *from)
{
	int sig = (int)from->ssi_signo, to;
	bool stopping = s->state == STOPPING || s->state == STRAGGLERS;

	/* SIGPIPE of our own writes, SIGTSTP of tty_stop */
	if (from->ssi_pid == (uint32_t)s->pid && from->ssi_code <= 0)
		return;
	if (is_pdeathsig(s, from)) {
		/* a thread of it can have ended, too */
		if (s->parent_pid == 0 || getppid() != s->parent_pid)
			job_request_stop(s, CAUSE_PARENT);
		return;
	}
	/* as one of the group; the log ends when nothing more can come */
	if (s->service.is_log && (sig == SIGTERM || sig == SIGINT) &&
	    s->loop.pollfds[SOURCE_LIFELINE].fd >= 0)
		return;
	to = sig ^ s->options.map[sig];
	if (to == 0)
		return;
	if (sig == SIGCONT)
		look_at_tty(s);
	if (sig == SIGTERM || to == SIGTERM || (sig == SIGINT && stopping))
		if (++s->requests >= 2)
			supervisor_post(s, KILL_WANTED);
	if (sig == SIGTERM || to == SIGTERM) {
		if (sig == SIGTERM && to != SIGTERM)
			s->ask_signal = to;
		if (s->cause != CAUSE_TERM)
			s->stopped_by = *from;
		job_request_stop(s, CAUSE_TERM);
	} else if (sig == SIGINT && is_between_runs(s)) {
		/* who else could heed a Ctrl-C now? */
		if (sys_is_ignored(SIGINT))
			return;
		s->stopped_by = *from;
		job_request_stop(s, CAUSE_TERM);
	} else {
		forward(s, to, from);
	}
}

/*
 * The program has been stopped, by Ctrl-Z say: so must our whole job be, for
 * the shell that waits for us. Back again, it gets the terminal if we have it.
 * In the background it is continued by the SIGCONT that has continued us, and
 * that we forward as any other; a group that nobody can continue does not stop
 * for Ctrl-Z.
 */
void
job_stopped(struct supervisor *s, int sig)
{
	bool for_tty = sig == SIGTTIN || sig == SIGTTOU;
	/* in a pipeline others of our group may have it, too */
	bool alone = s->tty_given || s->tty_input || for_tty;

	if (s->tty_fd < 0 || s->paused ||
	    (s->state != UP && s->state != READY && s->state != STARTING))
		return;
	/*
	 * Killed as shells do, by TERM or HUP and then CONT: that comes first.
	 * And whoever has continued us already would not do so once more.
	 */
	if (is_pending(ENDS | CONT))
		return;
	if (s->tty_given)
		tty_take_back(s->tty_fd);
	else if (for_tty && !s->options.same_group && tty_is_ours(s->tty_fd)) {
		give_tty(s); /* it had not been asked for before */
		continue_program(s);
		return;
	}
	s->tty_given = false;
	tty_stop();
	if (alone && tty_is_ours(s->tty_fd))
		give_tty(s);
	else if (for_tty)
		return;
	if (!s->options.same_group || is_stopped(s))
		continue_program(s);
}
