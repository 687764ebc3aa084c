/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "background.h"
#include "diag.h"
#include "supervisor.h"
#include "walk.h"

enum {
	AGAIN_FIRST_US = 250,
	AGAIN_SOON_US = 8000,
	AGAIN_LAST_US = 100000,
	FAILED_MS = 10, /* at least, from one start that fails to the next */
	FREEZE_LIMIT_MS = 1000, /* hundreds, on a machine with much to do */
	OVERDUE_MS = 5000,
};

void
stop_watch_cgroup(struct supervisor *s, bool on)
{
	loop_watch(
	    &s->loop, SOURCE_CGROUP, on ? s->cgroup.events_fd : -1, POLLPRI);
}

void
stop_look_again(struct supervisor *s)
{
	loop_set_deadline(
	    &s->loop, DEADLINE_AGAIN, s->again_us * INT64_C(1000));
	if (s->again_us < AGAIN_LAST_US)
		s->again_us *= 2;
}

/*
 * The kernel tells a change of cgroup.events at most every 10 ms: of the
 * second one within that time we would hear late. A few looks bridge it. And of
 * those that are PID 1's to end, but not its children, we would never hear.
 */
void
stop_look_soon(struct supervisor *s)
{
	bool all = s->state == STRAGGLERS && s->is_pid1 && !s->has_pidns;

	if (all ? s->again_us < AGAIN_LAST_US
		: s->again_us <= AGAIN_SOON_US && s->has_cgroup)
		stop_look_again(s);
}

static void
hold_signals(struct supervisor *s, bool hold)
{
	loop_watch(&s->loop, SOURCE_SIGNALS, hold ? -1 : s->signal_fd, POLLIN);
}

static void
end_broadcast(struct supervisor *s)
{
	s->first_signal = 0;
	s->loop.deadlines_ns[DEADLINE_FREEZE] = TIMER_NEVER;
	(void)cgroup_freeze(&s->cgroup, s->paused); /* never frozen: no harm */
	hold_signals(s, false);
	stop_watch_cgroup(s, s->tree.pid == 0);
	s->again_us = AGAIN_FIRST_US; /* the thawed end at once */
	stop_look_soon(s);
}

void
stop_broadcast(struct supervisor *s)
{
	int r;

	if (s->first_signal == 0)
		return;
	r = cgroup_signal(&s->cgroup, s->first_signal, s->second_signal);
	if (r < 0)
		tell_warn(s, "signal", s->cgroup.leaf, -r,
		    "not every process was reached");
	end_broadcast(s);
	tree_look(s);
}

/*
 * To every process of the tree, exactly once: freeze, wait for it, send,
 * thaw. Meanwhile further signals wait where they are.
 */
static void
begin_broadcast(struct supervisor *s, int first, int second)
{
	if (s->first_signal != 0)
		stop_broadcast(
		    s); /* a stop must not swallow a forwarded signal */
	s->first_signal = first;
	s->second_signal = second;
	if (cgroup_freeze(&s->cgroup, true) < 0 ||
	    cgroup_frozen(&s->cgroup) != 0) {
		supervisor_post(s, FROZEN);
		return;
	}
	hold_signals(s, true);
	stop_watch_cgroup(s, true);
	loop_set_deadline(
	    &s->loop, DEADLINE_FREEZE, FREEZE_LIMIT_MS * (int64_t)NS_PER_MS);
	s->again_us = AGAIN_FIRST_US;
	stop_look_soon(s);
}

/*
 * first, then second unless 0, to every process, by what there is: from inside
 * the namespace, which is one pass of the kernel over all of them; if there is
 * none, or no process to be had for it, by way of the freezer; without either,
 * and where they are continued anyway, by SIGSTOP in its place.
 */
void
stop_signal_tree(struct supervisor *s, int first, int second)
{
	struct spawn spawn;
	int r = -ENOSYS;

	if (s->has_pidns) {
		spawn = start_describe(s);
		r = spawn_signal(
		    &spawn, &s->tree, first, second, &s->signalled_fd);
		s->again_us = AGAIN_FIRST_US;
		stop_look_soon(s);
	}
	if (r == 0)
		return;
	if (s->has_cgroup) {
		begin_broadcast(s, first, second);
		return;
	}
	if (s->has_pidns) {
		tell_warn(s, "clone", "to signal the tree", -r, tell_hint(-r));
		return;
	}
	if (tree_is_all(s)) {
		(void)kill(-1, first);
		if (second != 0)
			(void)kill(-1, second);
		return;
	}
	if (second == SIGCONT)
		tree_stop_all(s);
	(void)walk_children(
	    first, second, s->spared, s->nspared, tree_walk_levels(s));
}

/* Is there a tree that can be asked, and that may be frozen? */
static bool
is_alive(const struct supervisor *s)
{
	return s->state >= STARTING && s->state <= STRAGGLERS;
}

bool
stop_goes_to_all(const struct supervisor *s)
{
	return s->run_began_ns != 0 && is_alive(s) &&
	       (s->options.signal_tree ||
		   (s->tree.pid == 0 && s->options.wait_all));
}

static void
set_kill_deadline(struct supervisor *s, int64_t limit_ns)
{
	if (limit_ns > s->options.kill_after_ns)
		limit_ns = s->options.kill_after_ns;
	if (s->loop.deadlines_ns[DEADLINE_KILL] == TIMER_NEVER)
		loop_set_deadline(&s->loop, DEADLINE_KILL, limit_ns);
}

/*
 * runit's way to ask for what wants to be asked otherwise: control/X runs
 * before the signal of letter X, which is not sent if it succeeds. It is run in
 * the tree, which is not swept before it ends. One at a time.
 */
static bool
run_script(struct supervisor *s, char letter, int sig)
{
	struct service *service = &s->service;
	char path[] = "control/?";
	char *argv[] = { path, NULL };
	struct ready_gift gift;
	struct spawn spawn;
	pid_t pid;

	path[sizeof(path) - 2] = letter;
	if (!service->directory || service->is_log || service->finishing ||
	    (s->tree.pid == 0 && sig != 0) || tree_is_held(s) ||
	    sys_access(service->dir_fd, path, X_OK) < 0)
		return false;
	if (service->next_letter != 0) /* one hangs: no more than that */
		return false;
	if (service->script_pid != 0) {
		service->next_letter = letter;
		service->next_signal = sig;
		return true;
	}
	spawn = start_describe(s);
	spawn.argv = argv;
	spawn.check = spawn.has_stdout = true;
	spawn.session = true;
	spawn.group = false;
	ready_take_away(s, &gift, &spawn);
	pid = spawn_beside(&spawn, &s->tree);
	if (pid < 0)
		return false;
	service->script_pid = pid;
	service->script_letter = letter;
	service->script_signal = sig;
	/* further letters wait where they are; only a stop does not */
	loop_watch(&s->loop, SOURCE_CONTROL, -1, 0);
	loop_set_deadline(&s->loop, DEADLINE_SCRIPT, s->options.kill_after_ns);
	return true;
}

void
stop_watch_letters(struct supervisor *s)
{
	s->loop.deadlines_ns[DEADLINE_SCRIPT] = TIMER_NEVER;
	loop_watch(&s->loop, SOURCE_CONTROL, s->service.control.fd, POLLIN);
}

/* By us or by control/p: it cannot say that it is alive. */
static void
show_pause(struct supervisor *s, bool on)
{
	if (on)
		tell_event(s, "paused");
	else
		tell_event(s, "continued");
	s->loop.deadlines_ns[DEADLINE_WATCHDOG] = TIMER_NEVER;
	if (!on && (s->state == READY || (s->state == UP && !s->ready.asked)))
		ready_arm_watchdog(s);
	service_tell(s, "");
}

static void
end_pause(struct supervisor *s)
{
	bool by_script = s->service.paused;

	s->service.paused = s->service.pause_due = false;
	if (s->paused)
		stop_pause(s, false);
	else if (by_script)
		show_pause(s, false);
}

/* To one that is not to be started again it is a stop, as runit has it. */
static void
follow_stop(struct supervisor *s)
{
	bool down = !s->want_up || s->service.once;

	if (s->state == STOPPING || down)
		job_signal(s, SIGCONT, NULL);
	if (down)
		(void)run_script(s, s->service.exit_wanted ? 'x' : 'd', 0);
}

/* A script has stood for it, or it is sent. */
static void
carry_out(struct supervisor *s, char letter, int sig, bool send)
{
	bool asks = letter == 't' && s->state == STOPPING;

	if (letter == 'p' && send)
		stop_pause(s, true);
	else if (letter == 'p')
		show_pause(s, s->service.paused = true);
	else if (send && sig != 0 && stop_goes_to_all(s))
		stop_signal_tree(s, sig, asks ? SIGCONT : 0);
	else if (send && sig != 0)
		job_signal(s, sig, NULL);
	if (send && sig == SIGTERM)
		service_asked(s);
	if (letter == 'c')
		end_pause(s);
	if (letter == 't')
		follow_stop(s);
}

void
stop_order(struct supervisor *s, char letter, int sig)
{
	if (!is_alive(s) || (s->service.finishing && !s->service.preparing))
		return;
	if (letter == 'p' && (s->paused || s->service.paused))
		return;
	if (letter == 'c')
		stop_pause(s, false);
	if (!run_script(s, letter, sig))
		carry_out(s, letter, sig, true);
}

static void
forget_script(struct supervisor *s)
{
	if (s->service.script_pid == 0)
		return;
	s->service.script_pid = 0;
	s->service.next_letter = 0;
	stop_watch_letters(s);
}

void
stop_script_ended(struct supervisor *s, bool succeeded)
{
	struct service *service = &s->service;
	char letter = service->next_letter;

	forget_script(s);
	if (!is_alive(s))
		return;
	/* to pause what is to end by now would be its end by -k */
	if (service->script_signal != 0 &&
	    (service->script_letter != 'p' || s->state < STOPPING))
		carry_out(s, service->script_letter, service->script_signal,
		    !succeeded);
	if (letter != 0)
		stop_order(s, letter, service->next_signal);
	if (s->state == STRAGGLERS)
		stop_sweep(s); /* which has waited for it */
}

bool
stop_is_restart_wanted(const struct supervisor *s)
{
	if (s->service.exit_wanted)
		return false;
	if (s->cause == CAUSE_RESTART)
		return true;
	if (s->service.once)
		return false;
	return s->options.restart == RESTART_ALWAYS ||
	       (s->options.restart == RESTART_ON_FAILURE &&
		   (s->exit_code != 0 || s->cause >= CAUSE_READY));
}

/* With --wait-all when the tree ends; else that was asked with the program. */
static void
decide_whether_again(struct supervisor *s)
{
	if (s->options.wait_all && s->tree.pid == 0 && s->run_began_ns != 0 &&
	    !s->service.finishing && !stop_is_restart_wanted(s))
		s->want_up = false;
}

void
stop_ask(struct supervisor *s)
{
	bool usual = s->ask_signal == s->options.stop_signal;
	bool finish = s->service.finishing && !s->service.preparing;

	if (!finish) {
		service_read_settings(s);
		tell_stopping(s);
	}
	if (usual)
		s->ask_signal = s->options.stop_signal;
	decide_whether_again(s);
	ready_end(s);
	end_pause(s);
	s->service.prepared = false;
	service_tell(s, ""); /* what is wanted now */
	set_kill_deadline(s, INT64_MAX);
	if (s->options.kill_after_ns == 0 || finish) {
		supervisor_post(s, KILL_DUE);
	} else if (s->tree.pid == 0) {
		supervisor_post(
		    s, PROGRAM_DIED); /* long ago, with --wait-all */
	} else if (s->service.is_log && s->cause == CAUSE_LIFELINE) {
		return; /* the end of its input is what asks it */
	} else if (s->ask_signal == s->options.stop_signal) {
		stop_order(s, 't', s->ask_signal);
	} else {
		carry_out(s, 't', s->ask_signal, true);
	}
}

void
stop_sweep(struct supervisor *s)
{
	ready_end(s);
	end_pause(s);
	if (!s->seen_quiet)
		tree_look(s);
	if (s->seen_quiet)
		return;
	set_kill_deadline(s, s->options.linger_ns);
	if (s->service.script_pid != 0)
		return; /* see stop_script_ended */
	if (s->cause == CAUSE_END && !s->service.finishing)
		tell_stopping(s);
	if (s->options.kill_after_ns == 0 || s->service.finishing) {
		supervisor_post(s, KILL_DUE);
		return;
	}
	stop_watch_cgroup(s, true);
	if (!tree_is_all(s)) {
		stop_signal_tree(s, SIGTERM, SIGCONT);
		return;
	}
	/* also where there is a cgroup: not all of them are in it */
	(void)kill(-1, SIGTERM);
	(void)kill(-1, SIGCONT);
	s->again_us = AGAIN_FIRST_US;
	stop_look_soon(s);
}

void
stop_kill_tree(struct supervisor *s)
{
	decide_whether_again(s);
	ready_end(s);
	if (s->first_signal != 0)
		end_broadcast(s);
	if (!s->seen_quiet && !tree_is_quiet(s))
		tell_event(s, "killing");
	s->again_us = AGAIN_FIRST_US;
	tree_kill_more(s);
	stop_look_again(s);
	s->loop.deadlines_ns[DEADLINE_KILL] = TIMER_NEVER;
	s->loop.deadlines_ns[DEADLINE_GUARD] = TIMER_NEVER;
	s->loop.deadlines_ns[DEADLINE_OVERDUE] =
	    s->loop.deadlines_ns[DEADLINE_AGAIN] +
	    OVERDUE_MS * (int64_t)NS_PER_MS;
	stop_watch_cgroup(s, true);
	tree_look(s);
}

/* Gone, and wanted: when does the next one start? False: it is given up. */
static bool
schedule_restart(struct supervisor *s)
{
	int64_t delay_ns;

	if (s->service.restart) { /* as ordered: at once, and not counted */
		supervisor_post(s, START_WANTED);
		return true;
	}
	if (timer_limit_reached(&s->limit, sys_now_ns())) {
		s->want_up = false;
		s->exit_code = EXIT_GAVE_UP;
		s->cause = CAUSE_LIMIT;
		tell_warn(
		    s, "giving up", s->options.argv[0], 0, "--restart-limit");
		tell_event(s, "gave-up");
		return false;
	}
	delay_ns = timer_backoff(&s->backoff, s->service.run_ns);
	if (s->run_began_ns == 0 && delay_ns < FAILED_MS * (int64_t)NS_PER_MS)
		delay_ns = FAILED_MS * (int64_t)NS_PER_MS;
	tell_number(s, "restarting", "delay", delay_ns / NS_PER_MS);
	/* by way of the loop, also if it is 0: a signal comes before it */
	loop_set_deadline(&s->loop, DEADLINE_RESTART, delay_ns);
	return true;
}

void
stop_bury(struct supervisor *s)
{
	bool of_program = !s->service.finishing, failed;
	int i;

	if (of_program) { /* with --wait-all only now */
		if (s->cause == NO_CAUSE)
			s->cause = CAUSE_END;
		service_ended(s, s->service.wstat);
	}
	forget_script(s);
	for (i = 0; i < LOOP_DEADLINES; i++)
		/* of all runs together */
		if (i != DEADLINE_RUN && i < DEADLINE_LOG)
			s->loop.deadlines_ns[i] = TIMER_NEVER;
	stop_watch_cgroup(s, false);
	loop_watch(&s->loop, SOURCE_STUB, -1, 0);
	fd_close(&s->tell_fd);
	fd_close(&s->signalled_fd);
	ready_close(s);
	start_remove_leaf(s);
	tree_forget_fd(s, &s->tree.stub_pidfd);
	tree_forget_fd(s, &s->tree.pidfd);
	s->posted = 0;
	s->paused = s->service.paused = false;
	if (s->service.preparing && service_end_control_up(s)) {
		supervisor_post(s, START_WANTED);
		return;
	}
	if (of_program) {
		tell_event(s, "empty");
		if (s->run_began_ns == 0) /* it never ran */
			s->service.run_ns = 0;
		else if (s->options.wait_all)
			s->service.run_ns = sys_now_ns() - s->run_began_ns;
		s->service.restart = s->cause == CAUSE_RESTART ||
				     (s->service.ordered_ns != 0 &&
					 sys_now_ns() < s->service.ordered_ns);
		decide_whether_again(s);
		ready_end(s); /* it can have been told to exit since */
		if (service_begin_finish(s)) {
			supervisor_post(s, START_WANTED);
			return;
		}
	}
	/* a start that failed has not looked at that */
	if (s->service.exit_wanted || s->service.once)
		s->want_up = false;
	failed = s->want_up && !schedule_restart(s);
	ready_end(s);
	if (!s->want_up) /* nobody is to find a door open that is down */
		fdstore_clear(&s->ready.store);
	if (failed) /* whoever waits for it to be ready has its answer */
		background_tell(&s->background_fd,
		    EXIT_GAVE_UP ^ s->options.exit_codes[EXIT_GAVE_UP]);
	service_down(s, failed);
}

void
stop_cancel(struct supervisor *s)
{
	s->loop.deadlines_ns[DEADLINE_RESTART] = TIMER_NEVER;
	if (s->state == DOWN) /* see stop_bury */
		fdstore_clear(&s->ready.store);
	tell_stopping(s);
	ready_end(s);
	service_tell(s, "");
}

/* The whole tree; without a cgroup, as far as SIGSTOP goes. */
void
stop_pause(struct supervisor *s, bool on)
{
	if (!is_alive(s) || s->service.finishing)
		return;
	/* frozen before its exec it would never come to be up */
	s->service.pause_due = on && s->state == STARTING;
	if (s->paused == on || s->service.pause_due)
		return;
	s->paused = on;
	if (s->has_cgroup)
		(void)cgroup_freeze(&s->cgroup, on);
	else
		stop_signal_tree(s, on ? SIGSTOP : SIGCONT, 0);
	show_pause(s, on);
}
