/* SPDX-License-Identifier: ISC */

/*
 * supervise: run one program in its own cgroup and PID namespace, and kill
 * everything it ever started when it is over.
 *
 * This file waits, turns what happens into the events of lib/machine.h, and
 * has the actions carried out by the parts that lib/supervisor.h describes.
 * The order of things and why it is so: lib/spawn.h, lib/stub.h, lib/cgroup.h.
 */

#include <sys/ioctl.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/argv0.h"
#include "lib/background.h"
#include "lib/client.h"
#include "lib/diag.h"
#include "lib/probe.h"
#include "lib/supervisor.h"
#include "lib/tty.h"

static void
handle(struct supervisor *s, enum event event)
{
	const struct step *step = &machine[s->state][event];

	if (step->action == IGNORE)
		return;
	s->state = (enum state)step->next;
	switch ((enum action)step->action) {
	case START:
		start_program(s);
		break;
	case SETTLE:
		start_settle(s);
		if (s->service.pause_due)
			stop_pause(s, true);
		break;
	case ANNOUNCE:
		ready_announce(s);
		break;
	case ASK:
		stop_ask(s);
		break;
	case SWEEP:
		stop_sweep(s);
		break;
	case BROADCAST:
		stop_broadcast(s);
		break;
	case KILL_TREE:
		stop_kill_tree(s);
		break;
	case KILL_MORE:
		s->seen_quiet = false;
		tree_kill_more(s);
		stop_look_again(s);
		tree_look(s);
		break;
	case NAME_SURVIVORS:
		tell_survivors(s);
		break;
	case BURY:
		stop_bury(s);
		break;
	case CANCEL:
		stop_cancel(s);
		break;
	case IGNORE:
	case NACTIONS:
		break;
	}
}

static void
handle_posted(struct supervisor *s, enum event event)
{
	if ((s->posted & 1U << event) == 0)
		return;
	s->posted &= ~(1U << event);
	handle(s, event);
}

static void
program_ended(struct supervisor *s, const siginfo_t *info)
{
	int wstat = info->si_code == CLD_EXITED ? info->si_status << 8
						: info->si_status;

	if (s->tty_given) /* Ctrl-C is for us again */
		tty_take_back(s->tty_fd);
	s->tty_given = false;
	start_check_report(s);
	handle_posted(s, PROGRAM_RUNS); /* while it has a pid */
	handle_posted(s, NOTIFIED);
	/* of one that was never started there is nothing more to tell */
	if (!s->service.finishing && s->run_began_ns != 0) {
		if (s->options.restart != RESTART_NO || s->service.on)
			s->service.run_ns = sys_now_ns() - s->run_began_ns;
		tell_exited(s, info);
	}
	if (info->si_code == CLD_KILLED && info->si_status == SIGKILL &&
	    s->state != KILLING)
		tree_look_for_oom(s);
	s->service.wstat = wstat;
	service_ended(s, wstat);
	if (s->exit_code < 0 && !s->service.finishing) {
		/* it was no failed start */
		s->exit_code = info->si_code == CLD_EXITED
				   ? info->si_status
				   : EXIT_SIGNALLED + info->si_status;
		/* of a tree that goes on it is asked when that has ended */
		if (!tree_is_left_to_itself(s) && !stop_is_restart_wanted(s))
			s->want_up = false;
	}
	s->tree.pid = 0;
	if (tree_is_left_to_itself(s))
		stop_watch_cgroup(s, true);
	else if (s->cause == NO_CAUSE) /* a time limit comes too late now */
		s->cause = CAUSE_END;
	if (s->tell_fd >= 0)
		tree_ask_stub(s); /* and see take_answer */
	else if (!tree_is_left_to_itself(s))
		supervisor_post(s, PROGRAM_DIED);
}

/* The guard is gone, and we are not: make another one. */
static void
replace_guard(struct supervisor *s)
{
	struct spawn spawn = start_describe(s);
	struct spawned guard = SPAWNED_INIT;
	siginfo_t info;

	if (spawn_stub(&spawn, &guard) == 0) {
		s->tree.stub_pid = guard.stub_pid;
		s->tree.stub_pidfd = guard.stub_pidfd;
		return;
	}
	/* this one only: spawn_abandon would take the program's end with it */
	if (guard.stub_pid > 0) {
		(void)kill(guard.stub_pid, SIGKILL); /* unreaped */
		(void)sys_waitid(P_PID, guard.stub_pid, &info, WEXITED);
	}
	fd_close(&guard.stub_pidfd);
	tell_warn(s, "clone", "the guard", guard.error,
	    "until that works a kill of supervise would leave the tree");
	loop_set_deadline(&s->loop, DEADLINE_GUARD, NS_PER_S);
}

static _Noreturn void run_log(const struct supervisor *of, int leash_fd);

/* A supervisor of its own for DIR/log, as our child, which is not the tree's */
static void
start_log(struct supervisor *s)
{
	struct service *service = &s->service;
	int fds[2] = { -1, -1 };
	pid_t pid = -EMFILE;

	fd_close(&service->leash_fd);
	if (sys_pipe(fds) == 0)
		pid = sys_clone(0, SIGCHLD, NULL);
	if (pid == 0) {
		fd_close(&fds[1]);
		run_log(s, fds[0]);
	}
	fd_close(&fds[0]);
	service->leash_fd = fds[1];
	if (pid < 0) {
		tell_warn(s, "clone", "for the log", -pid, tell_hint(-pid));
		loop_set_deadline(&s->loop, DEADLINE_LOG, NS_PER_S);
		return;
	}
	service->log_pid = pid;
	if (s->nspared < SPARED_MAX)
		s->spared[s->nspared++] = pid;
}

static void
forget_spared(struct supervisor *s, pid_t pid)
{
	int i;

	for (i = 0; i < s->nspared; i++)
		if (s->spared[i] == pid)
			s->spared[i] = s->spared[--s->nspared];
}

static void
log_ended(struct supervisor *s)
{
	forget_spared(s, s->service.log_pid);
	s->service.log_pid = 0;
	if (s->service.leash_fd >= 0)
		loop_set_deadline(&s->loop, DEADLINE_LOG, NS_PER_S);
}

/*
 * Every child, also those that we do not know: siblings that the program
 * made with CLONE_PARENT hold up the end of the namespace until they are
 * reaped. Never because a pidfd is readable: under a foreign tracer it is,
 * for as long as that lives, while there is nothing to reap.
 */
static void
reap(struct supervisor *s)
{
	siginfo_t info;

	ready_take_last_words(s);
	while (sys_waitid(P_ALL, 0, &info,
		   WEXITED | WSTOPPED | WCONTINUED | WNOHANG) == 1) {
		bool stopped =
		    info.si_code == CLD_STOPPED || info.si_code == CLD_TRAPPED;
		bool ended = !stopped && info.si_code != CLD_CONTINUED;

		if (info.si_pid == s->tree.pid && !ended) {
			s->stopped = stopped;
			if (stopped)
				job_stopped(s, info.si_status);
		} else if (info.si_pid == s->tree.pid) {
			program_ended(s, &info);
		} else if (info.si_pid == s->tree.stub_pid && !ended) {
			if (stopped)
				tree_signal_stub(s, SIGCONT); /* needed awake */
		} else if (info.si_pid == s->tree.stub_pid) {
			s->tree.stub_pid = 0;
			tree_forget_fd(s, &s->tree.stub_pidfd);
			if (!s->has_pidns && s->state != KILLING)
				replace_guard(s);
		} else if (ended && info.si_pid == s->ready.check_pid) {
			ready_checked(s, &info);
		} else if (ended && info.si_pid == s->ready.sender_pid) {
			forget_spared(s, info.si_pid);
			s->ready.sender_pid = 0;
			ready_tell_peer(s);
		} else if (ended && info.si_pid == s->service.script_pid) {
			stop_script_ended(s,
			    info.si_code == CLD_EXITED && info.si_status == 0);
		} else if (ended && info.si_pid == s->service.log_pid) {
			log_ended(s);
		} else if (ended) {
			forget_spared(s, info.si_pid);
		}
	}
	tree_look(s);
}

static void
read_signal(struct supervisor *s)
{
	struct signalfd_siginfo from;

	if (sys_read(s->signal_fd, &from, sizeof(from)) != sizeof(from))
		return;
	if (from.ssi_signo == SIGCHLD)
		reap(s);
	else
		job_take_signal(s, &from);
}

static void
take_cgroup_event(struct supervisor *s)
{
	/* reading the file is what makes it not ready again */
	if (cgroup_frozen(&s->cgroup) == 1 && s->first_signal != 0)
		supervisor_post(s, FROZEN);
	tree_look(s);
}

/* The time has come, or the clock was set. */
static void
take_clock(struct supervisor *s)
{
	uint64_t count;

	(void)sys_read(s->clock_fd, &count, sizeof(count)); /* or ECANCELED */
	/* whatever it says: it is set, and also if it was set once more */
	(void)setup_arm_clock(s);
	if (!setup_is_past_until(s))
		return;
	loop_watch(&s->loop, SOURCE_CLOCK, -1, 0);
	job_request_stop(s, CAUSE_UNTIL);
}

static void
take_deadline(struct supervisor *s, enum loop_deadline which)
{
	switch (which) {
	case DEADLINE_LOG:
		start_log(s);
		break;
	case DEADLINE_STATUS:
		service_tell(s, "");
		break;
	case DEADLINE_FINISH:
		supervisor_post(s, STOP_WANTED); /* which kills it at once */
		break;
	case DEADLINE_SCRIPT:
		stop_watch_letters(s);
		break;
	case DEADLINE_READY:
		job_fail(s, CAUSE_READY);
		break;
	case DEADLINE_CHECK:
		ready_check(s);
		break;
	case DEADLINE_WATCHDOG:
		job_fail(s, CAUSE_WATCHDOG);
		break;
	case DEADLINE_RUN:
		job_request_stop(s, CAUSE_TIMEOUT);
		break;
	case DEADLINE_KILL:
		supervisor_post(s, KILL_DUE);
		break;
	case DEADLINE_FREEZE:
		supervisor_post(s, FROZEN);
		break;
	case DEADLINE_AGAIN:
		supervisor_post(s, LOOK_AGAIN);
		if (s->state != KILLING) {
			stop_look_soon(s);
			take_cgroup_event(s);
		}
		break;
	case DEADLINE_OVERDUE:
		supervisor_post(s, OVERDUE);
		break;
	case DEADLINE_GUARD:
		replace_guard(s);
		break;
	case DEADLINE_RESTART:
		supervisor_post(s, START_WANTED);
		break;
	case LOOP_DEADLINES:
		break;
	}
}

static void
take_source(struct supervisor *s, enum loop_source which)
{
	switch (which) {
	case SOURCE_SIGNALS:
		read_signal(s);
		break;
	case SOURCE_REPORT:
		start_check_report(s);
		break;
	case SOURCE_CGROUP:
		take_cgroup_event(s);
		break;
	case SOURCE_STUB:
		tree_take_answer(s);
		tree_look(s);
		break;
	case SOURCE_PARENT:
		loop_watch(&s->loop, SOURCE_PARENT, -1, 0);
		job_request_stop(s, CAUSE_PARENT);
		break;
	case SOURCE_LIFELINE:
		loop_watch(&s->loop, SOURCE_LIFELINE, -1, 0);
		job_request_stop(s, CAUSE_LIFELINE);
		break;
	case SOURCE_CLOCK:
		take_clock(s);
		break;
	case SOURCE_LINE:
		(void)ready_take_line(s);
		break;
	case SOURCE_SOCKET:
		ready_take_message(s);
		break;
	case SOURCE_PATH:
		ready_look_at_path(s);
		break;
	case SOURCE_PEER:
		ready_tell_peer(s);
		break;
	case SOURCE_CONTROL:
		job_take_letters(s);
		break;
	case SOURCE_STORE:
		fdstore_clean(&s->ready.store);
		break;
	case LOOP_SOURCES:
		break;
	}
}

static void
take_event(struct supervisor *s, int ready)
{
	if (ready >= LOOP_SOURCES)
		take_deadline(s, (enum loop_deadline)(ready - LOOP_SOURCES));
	else if (ready >= 0)
		take_source(s, (enum loop_source)ready);
}

static enum event
next_event(struct supervisor *s)
{
	int event = 0;

	while ((s->posted & 1U << event) == 0)
		event++;
	s->posted &= ~(1U << event);
	return (enum event)event;
}

static bool
finished(struct supervisor *s)
{
	struct service *service = &s->service;
	int unread = 0;

	if (s->state != DOWN || s->posted != 0 || s->want_up ||
	    service->finishing || (service->stay && !service->exit_wanted))
		return false;
	/* it has died and left something unread: once more */
	if (service->log_pid == 0 && service->log_fds[0] >= 0 &&
	    ioctl(service->log_fds[0], FIONREAD, &unread) == 0 && unread > 0)
		start_log(s);
	if (service->log_pid == 0)
		return true;
	service->closing = true;
	/* the log ends when all of it is read, or is killed at its -k */
	fd_close(&service->log_fds[0]);
	fd_close(&service->log_fds[1]);
	fd_close(&service->leash_fd);
	(void)sys_dup3(s->life_fd, STDOUT_FILENO);
	return false;
}

static int
teardown(struct supervisor *s)
{
	bool directory = s->service.directory && !s->unmet;
	int code = directory ? 0 : s->exit_code;

	if (s->cause == CAUSE_TIMEOUT || s->cause == CAUSE_UNTIL)
		code = EXIT_TIMED_OUT;
	/* there it is a failed run, of many */
	if (!directory &&
	    (s->cause == CAUSE_READY || s->cause == CAUSE_WATCHDOG))
		code = EXIT_TIMED_OUT;
	code ^= s->options.exit_codes[code & 0xff];
	/* to end well is not to be ready */
	if (code == 0 && s->ready.asked)
		background_tell(&s->background_fd, EXIT_FAILED);
	service_close(s);
	if (s->options.stats)
		tell_stats(s);
	tell_number(s, "done", "code", code);
	return code;
}

static _Noreturn void
print_and_exit(const char *text, size_t length)
{
	int r = sys_write_all(STDOUT_FILENO, text, length);

	if (r < 0)
		tell_say("fatal", "write", "standard output", -r, NULL);
	exit(r < 0 ? EXIT_REFUSED : 0);
}

static void
parse_options(struct options *options, char **argv)
{
	enum {
		QUOTED_MAX = 100
	};
	struct options_error error;
	size_t length;
	char usage[4096], object[320];
	struct text text = TEXT(object), answer = TEXT(usage);

	switch (argv0_parse(options, argv, &error, &answer)) {
	case OPTIONS_RUN:
		return;
	case OPTIONS_HELP:
	case OPTIONS_VERSION:
		print_and_exit(usage, answer.length);
	case OPTIONS_PAUSE:
		argv0_pause();
	case OPTIONS_WRONG:
		break;
	}
	text_add(&text, error.option);
	if (error.value != NULL) {
		length = strlen(error.value);
		text_add(&text, " '");
		text_add_bytes(&text, error.value,
		    length < QUOTED_MAX ? length : QUOTED_MAX);
		text_add(&text, length < QUOTED_MAX ? "'" : "...'");
	}
	text_add(&text, " ");
	text_add(&text, error.reason);
	tell_say("usage", object, NULL, 0, NULL);
	exit(EXIT_USAGE);
}

static void
init(struct supervisor *s)
{
	memset(s, 0, sizeof(*s));
	s->cgroup = (struct cgroup)CGROUP_INIT;
	s->tree = (struct spawned)SPAWNED_INIT;
	s->stats = (struct stats)STATS_INIT;
	s->service.control = (struct control)CONTROL_INIT;
	s->exit_code = -1;
	s->signal_fd = s->life_fd = s->life_keeper_fd = -1;
	s->parent_fd = s->clock_fd = s->tty_fd = -1;
	s->signalled_fd = -1;
	s->tell_fd = s->background_fd = s->events.fd = -1;
	s->ready.line_fd = s->ready.line_write_fd = -1;
	s->ready.socket_fd = s->ready.path_fd = -1;
	s->ready.peer.fd = s->ready.store.poll_fd = -1;
	s->service.dir_fd = s->service.event_fd = -1;
	s->service.log_fds[0] = s->service.log_fds[1] = -1;
	s->service.log_out_fd = s->service.leash_fd = -1;
}

static int
run(struct supervisor *s)
{
	setup_begin(s);
	service_open(s);
	if (service_has_log(s))
		start_log(s);
	setup_all(s); /* or exits 111, as these do */
	while (!finished(s)) {
		if (s->posted == 0)
			take_event(s, loop_wait(&s->loop));
		else
			handle(s, next_event(s));
	}
	return teardown(s);
}

/*
 * The same once more, in a child, for DIR/log: its standard input is the pipe.
 * When the leash is let go of there is nothing more to come.
 */
static _Noreturn void
run_log(const struct supervisor *of, int leash_fd)
{
	char words[][8] = { "", "-r", "always", "log" };
	char *argv[] = { words[0], words[1], words[2], words[3], NULL };
	int kept[] = { leash_fd };
	struct options_error error;
	struct supervisor s;

	init(&s);
	(void)dup2(of->service.log_fds[0], STDIN_FILENO);
	(void)dup2(of->service.log_out_fd, STDOUT_FILENO);
	fd_close_others(3, kept, 1, (of->deadly & DEADLY_CLOSE_RANGE) != 0);
	(void)options_parse(&s.options, argv, &error);
	s.options.lifeline_fd = leash_fd;
	/* for who holds the other end of its pipe, and does not die */
	if (s.options.kill_after_ns > of->options.kill_after_ns)
		s.options.kill_after_ns = of->options.kill_after_ns > NS_PER_S
					      ? of->options.kill_after_ns
					      : NS_PER_S;
	s.options.verbose = of->options.verbose;
	s.options.quiet = of->options.quiet;
	s.options.access = of->options.access;
	s.options.userns = of->options.userns;
	s.options.no_cgroup = of->options.no_cgroup;
	s.options.no_pidns = of->options.no_pidns;
	s.options.no_proc = of->options.no_proc;
	s.inherited_mask = of->inherited_mask;
	s.service.directory = s.service.is_log = true;
	s.service.as_runsv = of->service.as_runsv;
	_exit(run(&s));
}

static int
run_client(struct supervisor *s)
{
	const struct options *o = &s->options;
	/* Ctrl-C ends it; a reader that has gone is an error to be told */
	uint64_t mask = s->inherited_mask | UINT64_C(1) << (SIGPIPE - 1);

	(void)sys_sigmask(SIG_SETMASK, &mask, NULL);
	if (o->client == CLIENT_WAIT)
		return client_wait(o->argv[0], o->word, o->timeout_ns);
	if (o->client == CLIENT_CONTROL)
		return client_control(o->argv[0], o->word);
	return client_status(o->argv[0], o->client == CLIENT_KEYS);
}

static bool
is_called(const char *argv0, const char *name)
{
	const char *slash = strrchr(argv0, '/');

	return strcmp(slash != NULL ? slash + 1 : argv0, name) == 0;
}

int
main(int argc, char **argv)
{
	struct supervisor s;

	init(&s);
	s.pid = getpid();
	setup_signals(&s);
	parse_options(&s.options, argv); /* or exits 100 */
	if (s.options.client != CLIENT_NONE)
		return run_client(&s);
	s.service.as_runsv = argc > 0 && is_called(argv[0], "runsv");
	if (s.service.as_runsv && s.options.argv[1] != NULL) {
		tell_say("usage", "runsv takes one directory", NULL, 0, NULL);
		return EXIT_USAGE;
	}
	s.service.directory = service_is_directory(&s);
	if (s.options.restart == RESTART_DEFAULT)
		s.options.restart =
		    s.service.directory ? RESTART_ALWAYS : RESTART_NO;
	ready_look_at_env(&s);
	setup_require_open(s.options.lifeline_fd, "--lifeline", false);
	setup_require_open(s.options.status_fd, "--status-fd", true);
	setup_require_open(s.options.notify_fd, "--notify-fd", true);
	setup_require_number(s.options.ready_fd, "--ready-fd");
	if (s.options.background) {
		s.background_fd = background_begin(); /* the caller exits */
		if (s.background_fd < 0)
			tell_refuse(&s, "fork", NULL, -s.background_fd,
			    tell_hint(-s.background_fd));
	}
	return run(&s);
}
