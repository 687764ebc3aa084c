/* SPDX-License-Identifier: ISC */
#ifndef SUPERVISOR_H
#define SUPERVISOR_H

/*
 * What supervise.c is made of: the state of the one supervisor, and the parts
 * of supervise that work on it. Unlike the modules below them (sys, spawn,
 * cgroup ...), which know nothing of each other, these know all of them, and
 * tell.c speaks to the user.
 *
 * The parts call each other downwards only: supervise.c, job, stop, start,
 * ready, service, setup, tree, tell. None of them waits: what has happened is
 * raised as an event (supervisor_post) and handled by the machine.
 */

#include <sys/signalfd.h>
#include <sys/stat.h>

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "cgroup.h"
#include "control.h"
#include "events.h"
#include "fdstore.h"
#include "loop.h"
#include "machine.h"
#include "notify.h"
#include "options.h"
#include "spawn.h"
#include "stats.h"
#include "status.h"
#include "timer.h"

enum {
	SPARED_MAX = 64
};

enum cause {
	NO_CAUSE,
	CAUSE_END, /* the program's own */
	CAUSE_TERM,
	CAUSE_TIMEOUT,
	CAUSE_UNTIL,
	CAUSE_LIFELINE,
	CAUSE_PARENT,
	CAUSE_CONTROL,
	CAUSE_RESTART, /* by a command */
	CAUSE_LIMIT,   /* of restarts */
	CAUSE_READY,   /* not in time; this and the next are failures */
	CAUSE_WATCHDOG,
};

/* why a mechanism is not in force */
struct refusal {
	const char *call; /* NULL: it is, or was not asked for */
	int error;
};

/* what lib/ready.c keeps */
struct readiness {
	bool asked;     /* by --ready-... */
	bool reloading; /* and not ready again yet */
	bool warned;    /* of a message, in this run */
	bool has_peer;  /* it was looked for */
	const char *by; /* what has told it: fd, socket, path, check; or NULL */
	int line_fd, line_write_fd;
	int socket_fd;
	int path_fd; /* inotify */
	bool path_existed;
	struct stat path_before;
	pid_t check_pid;
	int check_ms;
	int64_t watchdog_ns;    /* INT64_MAX: none */
	int error, exit_status; /* what the program says of its end; -1 */
	char socket_name[32];
	char status[256];
	struct notify_peer peer;
	unsigned pending; /* what it has not been told yet */
	pid_t sender_pid; /* who is telling it, to a vsock */
	uint64_t extend_us;
	struct fdstore store;
	int listen_count;     /* LISTEN_FDS that were meant for us */
	bool listen, watched; /* LISTEN_PID, WATCHDOG_PID named us */
};

/* what lib/service.c keeps: the control directory */
struct service {
	bool on;        /* there is one */
	bool directory; /* in directory form: with run, finish, log ... */
	bool is_log;    /* we supervise the log of a service */
	bool as_runsv;
	bool stay;        /* live on when the program is down */
	bool exit_wanted; /* but not any more */
	bool once;        /* leave it when it ends */
	bool finishing;   /* the tree now is that of finish, or ... */
	bool preparing;   /* of control/u, before the program */
	bool prepared;    /* that has ended */
	bool paused;      /* a script has seen to it, not we */
	bool pause_due;   /* once the program runs */
	bool restart;     /* as ordered: at once */
	bool warned;
	bool settings_read;
	int retry_s; /* a status could not be written: again after that */
	int dir_fd, event_fd;
	struct control control;
	struct status status;
	int64_t ordered_ns; /* till then it ends because a letter has said so */
	int64_t finish_ns;  /* its limit */
	int64_t kill_after_ns; /* as the command line has them */
	int stop_signal, ready_fd;
	int64_t run_ns; /* how long the program has run before it */
	char name[256]; /* of the directory */
	char *argv[6];
	char program[12], texts[3][12]; /* what argv points to */
	pid_t ended_pid;
	int wstat;        /* of the program */
	pid_t script_pid; /* control/X runs, which stands for the signal */
	char script_letter, next_letter; /* X, and what waits for it; or 0 */
	int script_signal, next_signal;
	bool closing;   /* the log is let go of */
	int log_fds[2]; /* the pipe, both ends for as long as we live */
	int log_out_fd; /* our standard output, which is its */
	int leash_fd;   /* what has the log ends when this does */
	pid_t log_pid;
};

struct supervisor {
	struct options options;
	struct loop loop;
	struct cgroup cgroup;
	struct spawned tree;

	enum state state;
	unsigned posted; /* events still to be handled, 1 << enum event */
	bool want_up;
	enum cause cause; /* of the stop */
	int ask_signal;   /* what it sends to the program */
	int requests;     /* TERM, and INT while stopping */
	int exit_code;    /* of the program, or of what went wrong */
	int again_us;
	int64_t oom_kills; /* in our own cgroup, as of the last one */
	int removals;      /* tries to remove the leaf */
	int first_signal, second_signal;    /* to be broadcast; 0: none */
	struct signalfd_siginfo stopped_by; /* of CAUSE_TERM */

	struct timer_backoff backoff;
	struct timer_limit limit;
	int64_t began_ns, run_began_ns;
	uint64_t starts;
	bool ever_ran; /* from then on a failing start is tried again */
	bool unmet;    /* --require: we end, in directory form too */

	struct readiness ready;
	struct service service;
	bool paused;
	struct events events;
	struct stats stats;
	int background_fd;

	pid_t pid;
	pid_t
	    parent_pid; /* where only PDEATHSIG tells of its end; 0: outside */
	uint64_t inherited_mask;
	unsigned deadly; /* enum probe_deadly */
	int signal_fd, life_fd, life_keeper_fd, parent_fd, clock_fd, tty_fd;
	int tell_fd;      /* of the stub: no orphan is left */
	int signalled_fd; /* hangs up when the tree has had the last signal */
	int answers;      /* of it, since the program has ended */
	bool told_empty;
	bool seen_quiet; /* in this run, and nothing has come since */
	bool stopped;    /* the program is, as far as we have been told */
	bool tty_given;
	bool tty_input; /* 0 and 1 are: no job of a script, no pipeline */

	bool has_cgroup, has_pidns, has_userns, is_pid1, self_entry;
	struct refusal no_cgroup, no_pidns;
	pid_t spared[SPARED_MAX + 2]; /* children that are not the program's */
	int nspared;
};

static inline void
supervisor_post(struct supervisor *s, enum event event)
{
	s->posted |= 1U << event;
}

/*
 * lib/tell.c: all that is said, to people on standard error and to programs
 * on --status-fd. Nothing else prints. tell_refuse and tell_exit end us: they
 * are for the time before the program runs.
 */
void tell_say(const char *level, const char *what, const char *object,
    int error, const char *hint);
void tell_warn(const struct supervisor *s, const char *what, const char *object,
    int error, const char *hint);
_Noreturn void tell_exit(const struct supervisor *s, int code);
_Noreturn void tell_refuse(const struct supervisor *s, const char *what,
    const char *object, int error, const char *hint);
void tell_add_refusal(
    struct text *text, const char *what, const struct refusal *no);
void tell_form(const struct supervisor *s);
void tell_event(struct supervisor *s, const char *word);
void tell_starting(struct supervisor *s);
void tell_started(struct supervisor *s);
void tell_ready(struct supervisor *s);
void tell_stopping(struct supervisor *s);
void tell_exited(struct supervisor *s, const siginfo_t *info);
void tell_text(
    struct supervisor *s, const char *word, const char *key, const char *value);
void tell_number(
    struct supervisor *s, const char *word, const char *key, int64_t value);
const char *tell_hint(int error);
void tell_survivors(struct supervisor *s);
void tell_stats(struct supervisor *s);

/*
 * lib/setup.c: once. setup_signals first of all: from then on no signal is
 * lost or our end. setup_require_open before any descriptor of ours is made,
 * or a number that is closed would be one of ours; setup_require_number for
 * one that the program is to have. Then setup_begin, after
 * which none of ours can be 0, 1 or 2, and setup_all, which asks for the first
 * start.
 */
void setup_require_open(int fd, const char *option, bool to_write);
void setup_require_number(int fd, const char *option);
bool setup_has_number(int fd);
int setup_arm_clock(struct supervisor *s);
bool setup_is_past_until(const struct supervisor *s);
void setup_refuse_name(const struct supervisor *s, int error);
void setup_signals(struct supervisor *s);
void setup_begin(struct supervisor *s);
void setup_all(struct supervisor *s);

/*
 * lib/start.c: one start, in the strongest form that can be had. start_program
 * raises START_FAILED, or watches for the exec; start_check_report raises
 * PROGRAM_RUNS or START_FAILED; start_settle is for when it runs.
 */
struct spawn start_describe(struct supervisor *s);
void start_remove_leaf(struct supervisor *s);
void start_program(struct supervisor *s);
void start_check_report(struct supervisor *s);
void start_settle(struct supervisor *s);

/*
 * lib/tree.c: is anything left, and how to kill it. tree_look raises what can
 * be seen (TREE_QUIET, TREE_EMPTY) and is called after all that may have
 * changed it.
 */
void tree_look_for_oom(struct supervisor *s);
bool tree_is_quiet(struct supervisor *s);
/* Frozen: what is cloned into it now would not come to say so. */
bool tree_is_all(const struct supervisor *s);
bool tree_is_held(const struct supervisor *s);
void tree_signal_stub(struct supervisor *s, int sig);
bool tree_is_left_to_itself(const struct supervisor *s);
void tree_ask_stub(struct supervisor *s);
void tree_take_answer(struct supervisor *s);
int tree_walk_levels(const struct supervisor *s);
void tree_forget_fd(const struct supervisor *s, int *fd);
void tree_forget_leaf(struct supervisor *s);
/* Without namespace and cgroup: so that none is missed, or reached twice. */
void tree_stop_all(struct supervisor *s);
void tree_kill_more(struct supervisor *s);
void tree_look(struct supervisor *s);

/* Is it of the tree? pidfd is -1 or proves that the number is its. */
bool tree_has(struct supervisor *s, pid_t pid, int pidfd);

/*
 * lib/ready.c: readiness in and out. ready_setup once, ready_look_at_env
 * before it while we are still who was execed; for each start ready_begin
 * before it, with what the program is to get, ready_started and ready_settle
 * after it. Raises NOTIFIED; ready_announce then tells all who wait for it.
 * ready_end: it is too late to become ready; ready_close when it is gone.
 */
struct ready_gift {
	const char *env[10];
	char listen_fds[24], names[FDSTORE_NAMES + 256], socket[48];
	char watchdog[40];
	int fds[FDSTORE_MAX + 1], fds_to[FDSTORE_MAX + 1];
};
void ready_look_at_env(struct supervisor *s);
void ready_setup(struct supervisor *s);
int ready_begin(struct supervisor *s, const char **ret_what);
void ready_give(
    struct supervisor *s, struct ready_gift *gift, struct spawn *spawn);
/* The same for who is not to tell: a check, finish, control/X. */
void ready_take_away(
    const struct supervisor *s, struct ready_gift *gift, struct spawn *spawn);
void ready_started(struct supervisor *s);
void ready_settle(struct supervisor *s);
void ready_arm_watchdog(struct supervisor *s);
void ready_announce(struct supervisor *s);
void ready_end(struct supervisor *s);
void ready_close(struct supervisor *s);
int ready_take_line(struct supervisor *s);
void ready_take_message(struct supervisor *s);
void ready_take_last_words(struct supervisor *s);
void ready_look_at_path(struct supervisor *s);
void ready_check(struct supervisor *s);
void ready_checked(struct supervisor *s, const siginfo_t *info);
void ready_tell_peer(struct supervisor *s);

/*
 * lib/service.c: the control directory, for clients of daemontools, runit and
 * s6, and the files of a service in directory form. service_is_directory finds
 * out the form; service_open makes it, before setup_all; the others are told
 * what has happened and tell it on: the status file first, then the event.
 */
bool service_is_directory(const struct supervisor *s);
void service_open(struct supervisor *s);
bool service_has_log(struct supervisor *s);
void service_read_settings(struct supervisor *s);
void service_started(struct supervisor *s);
void service_ready(struct supervisor *s);
void service_asked(struct supervisor *s);
void service_ended(struct supervisor *s, int wstat);
/* Is control/u to be run before the program? And then that? */
void service_begin_control_up(struct supervisor *s);
bool service_end_control_up(struct supervisor *s);
/* The tree is gone: is finish to be run now? */
bool service_begin_finish(struct supervisor *s);
void service_down(struct supervisor *s, bool failed);
void service_tell(struct supervisor *s, const char *letters);
void service_close(struct supervisor *s);

/*
 * lib/stop.c: the steps of a stop, each an action of the machine; signals to
 * the whole tree; and after the end the next start.
 */
void stop_watch_cgroup(struct supervisor *s, bool on);
void stop_broadcast(struct supervisor *s);
void stop_signal_tree(struct supervisor *s, int first, int second);
/* Does a signal go to the whole tree, or to the program? */
bool stop_goes_to_all(const struct supervisor *s);
/* Of a letter, to the program; what control/LETTER may stand for. */
void stop_order(struct supervisor *s, char letter, int sig);
/* They wait while a script runs, but not for one that hangs. */
void stop_watch_letters(struct supervisor *s);
void stop_script_ended(struct supervisor *s, bool succeeded);
void stop_ask(struct supervisor *s);
void stop_sweep(struct supervisor *s);
void stop_look_again(struct supervisor *s);
void stop_look_soon(struct supervisor *s);
void stop_kill_tree(struct supervisor *s);
bool stop_is_restart_wanted(const struct supervisor *s);
void stop_bury(struct supervisor *s);
void stop_cancel(struct supervisor *s);
void stop_pause(struct supervisor *s, bool on);

/*
 * lib/job.c: the signals that come, and job control. job_stopped is for a
 * program that was stopped by sig.
 */
void job_signal(struct supervisor *s, int sig, const siginfo_t *info);
void job_request_stop(struct supervisor *s, enum cause cause);
/* The same for a failure of the program: it may be started again. */
void job_fail(struct supervisor *s, enum cause cause);
void job_take_letters(struct supervisor *s);
void job_take_signal(struct supervisor *s, const struct signalfd_siginfo *from);
void job_stopped(struct supervisor *s, int sig);

#endif
