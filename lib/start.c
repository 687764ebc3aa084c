/* SPDX-License-Identifier: ISC */
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "diag.h"
#include "probe.h"
#include "supervisor.h"
#include "tty.h"
#include "walk.h"

/* In the guard, after our death: it has the leaf to itself. */
static void
kill_orphans(void *context)
{
	struct cgroup *cg = context;

	do /* a program on its way in makes it busy once more */
		(void)cgroup_kill_wait(cg, -1);
	while (cgroup_remove(cg) == -EBUSY && cgroup_populated(cg) == 1);
}

/*
 * Children that the one who execed us has left are not the program's. Without
 * a namespace only their pids tell; more than we can remember we would kill.
 */
static bool
spare_inherited_children(struct supervisor *s)
{
	siginfo_t info;
	int n;

	if (s->is_pid1 ||
	    sys_waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0)
		return true; /* ECHILD */
	n = walk_list(s->spared, SPARED_MAX + 1);
	if (n > 0) /* else what is known already */
		s->nspared = n;
	return n <= SPARED_MAX;
}

static char *const *
what_to_run(const struct supervisor *s)
{
	return s->service.directory ? s->service.argv : s->options.argv;
}

struct spawn
start_describe(struct supervisor *s)
{
	const struct options *o = &s->options;
	bool guard = s->has_cgroup && !s->has_pidns && !s->is_pid1;
	bool own_group = s->tty_fd >= 0 && !o->same_group;

	return (struct spawn){
		.argv = what_to_run(s),
		.mask = s->inherited_mask,
		.stub = {
			.life_fd = s->life_fd,
			.uid = s->has_userns ? geteuid() : 0,
			.gid = s->has_userns ? getegid() : 0,
			.guard = guard,
			.tell_fd = s->tell_fd,
			.by_hand = (s->deadly & DEADLY_CLOSE_RANGE) != 0,
			.kept = {
				guard ? s->cgroup.base_fd : -1,
				guard ? s->cgroup.leaf_fd : -1,
				guard ? s->cgroup.events_fd : -1,
				guard ? s->cgroup.kill_fd : -1,
				guard ? s->cgroup.freeze_fd : -1,
			},
			.orphaned = kill_orphans,
			.context = &s->cgroup,
		},
		.pidns = s->has_pidns,
		.userns = s->has_userns,
		.leaf_fd = s->has_cgroup ? s->cgroup.leaf_fd : -1,
		.self_entry = s->self_entry,
		.no_clone3 = (s->deadly & DEADLY_CLONE3) != 0,
		.no_pidfd_open = (s->deadly & DEADLY_PIDFD_OPEN) != 0,
		.life_keeper_fd = s->life_keeper_fd,
		.proc = s->has_pidns && !o->no_proc &&
		    (s->deadly & DEADLY_MOUNT) == 0,
		.session = s->tty_fd < 0 && !o->same_group,
		.group = own_group,
		.tty_fd = own_group && s->tty_given ? s->tty_fd : -1,
		.die_with_us = !s->has_pidns && !s->is_pid1,
	};
}

static const char *
step_call(enum spawn_step step)
{
	switch (step) {
	case SPAWN_PIPE:
		return "pipe2";
	case SPAWN_MAP:
		return "uid_map";
	case SPAWN_ARM:
		return "the stub has died";
	case SPAWN_STILLBORN:
		return "killed before it began (out of memory?)";
	case SPAWN_SETNS:
		return "setns";
	case SPAWN_ENTER:
		return "cgroup.procs";
	case SPAWN_GIVE:
		return "dup";
	case SPAWN_EXEC:
		return "exec";
	default:
		return "clone";
	}
}

static bool
is_shortage(int error)
{
	return error == EAGAIN || error == ENOMEM || error == EMFILE ||
	       error == ENFILE;
}

/* Takes the next weaker mechanism in place of the refused one. */
static bool
degrade(struct supervisor *s)
{
	struct refusal why = {
		step_call(s->tree.failed),
		s->tree.error,
	};

	/*
	 * Killed by a signal that nobody sent: the kernel has counted the
	 * kills of the wrong cgroup (lib/cgroup.h). Once more, and then it
	 * enters the leaf by itself.
	 */
	if (s->tree.failed == SPAWN_STILLBORN && s->has_cgroup &&
	    !s->self_entry) {
		s->self_entry = true;
		return true;
	}
	if (is_shortage(why.error) || s->tree.failed == SPAWN_ARM)
		return false;
	if (s->ever_ran) /* what was to be had once will be so again */
		return false;
	if (s->has_pidns &&
	    (s->tree.failed == SPAWN_STUB || s->tree.failed == SPAWN_MAP ||
		s->tree.failed == SPAWN_SETNS)) {
		s->no_pidns = why;
		s->has_userns = s->options.userns && !s->has_userns &&
				(s->deadly & DEADLY_NEWUSER) == 0;
		s->has_pidns = s->has_userns;
		return true;
	}
	if (s->has_cgroup &&
	    (s->tree.failed == SPAWN_CLONE || s->tree.failed == SPAWN_ENTER)) {
		s->no_cgroup = why;
		s->has_cgroup = false;
		return true;
	}
	return false;
}

/* A mechanism that is required and not in force, or NULL. */
static const char *
missing(const struct supervisor *s, struct refusal *ret_why)
{
	unsigned require = s->options.require;

	*ret_why = s->no_pidns;
	if ((require & REQUIRE_LIMITS) != 0) {
		*ret_why = (struct refusal){ "this version sets none", 0 };
		return "limits";
	}
	if ((require & REQUIRE_SEALED) != 0 && !s->has_pidns && !s->is_pid1)
		return "sealed";
	if ((require & REQUIRE_PIDNS) != 0 && !s->has_pidns)
		return "pidns";
	*ret_why = s->no_cgroup;
	if ((require & REQUIRE_CGROUP) != 0 && !s->has_cgroup)
		return "cgroup";
	return NULL;
}

/* The first start must succeed; a later one is tried again. */
static void
fail_start(struct supervisor *s, int exit_code)
{
	if (!s->ever_ran && !s->service.stay)
		s->want_up = false;
	s->exit_code = exit_code;
	supervisor_post(s, START_FAILED);
}

static void
say_start_failed(const struct supervisor *s, const char *what,
    const char *object, int error, const char *hint)
{
	if (s->want_up && (s->ever_ran || s->service.stay))
		tell_warn(s, what, object, error, hint);
	else
		tell_say("fatal", what, object, error, hint);
}

static bool
requirements_are_met(struct supervisor *s)
{
	char reason[64];
	struct text text = TEXT(reason);
	struct refusal why;
	const char *name = missing(s, &why);

	if (name == NULL)
		return true;
	text_add(&text, "");
	tell_add_refusal(&text, "", &why);
	if (!s->ever_ran) { /* what is not to be had now never will be */
		s->unmet = s->service.exit_wanted = true;
		s->want_up = false;
	}
	say_start_failed(
	    s, "--require", name, 0, text.length > 0 ? reason : NULL);
	fail_start(s, EXIT_REFUSED);
	return false;
}

static bool
make_leaf(struct supervisor *s)
{
	int r = cgroup_make(&s->cgroup, s->pid);

	/* where it could not say that it is alive, for whom we wait */
	if (r == 0 && s->options.cgroup_name != NULL &&
	    cgroup_frozen(&s->cgroup) == 1) {
		say_start_failed(
		    s, "--cgroup", s->options.cgroup_name, 0, "is frozen");
		fail_start(s, EXIT_REFUSED);
		return false;
	}
	if (r == 0)
		return true;
	if (s->ever_ran) {
		say_start_failed(s, "mkdir", s->cgroup.leaf, -r, NULL);
		fail_start(s, EXIT_REFUSED);
		return false;
	}
	setup_refuse_name(s, -r);
	s->has_cgroup = false;
	s->no_cgroup = (struct refusal){ "mkdir", -r };
	return true;
}

void
start_remove_leaf(struct supervisor *s)
{
	int r;

	if (s->cgroup.leaf_fd < 0)
		return;
	r = cgroup_remove(&s->cgroup);
	if (r < 0)
		tell_warn(s, "rmdir", s->cgroup.leaf, -r,
		    "the cgroup is left to the next start");
	tree_forget_leaf(s);
}

/*
 * Without a cgroup it is the stub that knows when the tree is empty; and with
 * --wait-all, where who has gone to another cgroup is waited for as well.
 */
static bool
open_tell(struct supervisor *s)
{
	loop_watch(&s->loop, SOURCE_STUB, -1, 0); /* a weaker form follows */
	fd_close(&s->tell_fd);
	s->told_empty = false;
	if (!s->has_pidns || (s->has_cgroup && !s->options.wait_all))
		return true;
	s->tell_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->tell_fd < 0 && !is_shortage(errno) && !s->ever_ran) {
		s->no_pidns = (struct refusal){ "eventfd", errno };
		s->has_pidns = false;
		return true;
	}
	if (s->tell_fd < 0) {
		say_start_failed(s, "eventfd", NULL, errno, tell_hint(errno));
		fail_start(s, EXIT_REFUSED);
		return false;
	}
	loop_watch(&s->loop, SOURCE_STUB, s->tell_fd, POLLIN);
	return true;
}

static void
forget_last_run(struct supervisor *s)
{
	if (!s->service.finishing) {
		s->cause = NO_CAUSE;
		s->service.ordered_ns = 0;
	}
	s->requests = 0;
	s->ask_signal = s->options.stop_signal;
	s->exit_code = -1;
	s->run_began_ns = 0;
	s->removals = 0;
	s->again_us = 0;
	s->seen_quiet = false;
	s->stopped = false;
	s->paused = s->service.pause_due = false;
	s->tree = (struct spawned)SPAWNED_INIT;
}

static bool
is_child(pid_t pid)
{
	siginfo_t info;

	return sys_waitid(P_PID, pid, &info, WEXITED | WNOHANG | WNOWAIT) !=
	       -ECHILD;
}

/* spawn_abandon reaps whoever ends meanwhile: their numbers are free again. */
static void
look_for_spared(struct supervisor *s)
{
	int i;

	for (i = s->nspared - 1; i >= 0; i--)
		if (!is_child(s->spared[i]))
			s->spared[i] = s->spared[--s->nspared];
	if (s->service.log_pid == 0 || is_child(s->service.log_pid))
		return;
	s->service.log_pid = 0;
	loop_set_deadline(&s->loop, DEADLINE_LOG, 0);
}

/* Once, and before all that can hang: control/u, an exec. */
static void
arm_run_limit(struct supervisor *s)
{
	if (s->starts == 0 && s->loop.deadlines_ns[DEADLINE_RUN] == TIMER_NEVER)
		loop_set_deadline(
		    &s->loop, DEADLINE_RUN, s->options.timeout_ns);
}

void
start_program(struct supervisor *s)
{
	struct ready_gift gift;
	struct spawn spawn;
	const char *what;
	bool sealed;
	int r;

	arm_run_limit(s);
	service_begin_control_up(s);
	if (!s->service.finishing)
		service_read_settings(s);
	forget_last_run(s);
	if (!s->service.finishing) {
		s->starts++;
		tell_starting(s);
	}
	r = ready_begin(s, &what);
	if (r < 0) {
		say_start_failed(s, what, NULL, -r,
		    s->options.ready_path != NULL
			? "ulimit -n, fs.inotify.max_user_instances?"
			: tell_hint(-r));
		fail_start(s, EXIT_REFUSED);
		return;
	}
	/*
	 * `supervise x &` in a script has the script's group, but not its
	 * standard input: the terminal is then given when it is asked for.
	 */
	s->tty_given = s->tty_fd >= 0 && !s->options.same_group &&
		       s->tty_input && tty_is_ours(s->tty_fd);
	for (;;) {
		if (!s->has_pidns && !s->ever_ran) {
			(void)sys_prctl(PR_SET_CHILD_SUBREAPER, 1);
			if (!spare_inherited_children(s))
				tell_refuse(s, "inherited children", NULL, 0,
				    "too many to tell apart from the tree");
		}
		if (s->has_cgroup && !make_leaf(s))
			return;
		sealed = s->has_pidns;
		if (!open_tell(s))
			return;
		if (sealed && !s->has_pidns)
			continue;
		if (!requirements_are_met(s))
			return;
		spawn = start_describe(s);
		ready_give(s, &gift, &spawn);
		s->tree = (struct spawned)SPAWNED_INIT;
		if (spawn_start(&spawn, &s->tree) == 0)
			break;
		spawn_abandon(&s->tree);
		look_for_spared(s);
		start_remove_leaf(s);
		if (degrade(s))
			continue;
		say_start_failed(s, step_call(s->tree.failed), NULL,
		    s->tree.error, tell_hint(s->tree.error));
		fail_start(s, EXIT_REFUSED);
		return;
	}
	ready_started(s);
	if (s->service.finishing && !s->service.preparing)
		loop_set_deadline(
		    &s->loop, DEADLINE_FINISH, s->service.finish_ns);
	/* the pipe hangs up when the program has execed, or ended */
	loop_watch(&s->loop, SOURCE_REPORT, s->tree.report_fd, 0);
}

static const char *
hint_for_exec(const char *program, int error)
{
	struct stat st;

	if (error == ENOENT && strchr(program, '/') == NULL)
		return "not in PATH";
	if (error == ENOENT && lstat(program, &st) == 0)
		return "its interpreter or loader is missing";
	if (error == ENOEXEC)
		return "no #! line, or made for another machine";
	if (error == EACCES && stat(program, &st) == 0 && S_ISDIR(st.st_mode))
		return "a directory";
	return NULL;
}

/* What the program has told of its exec, once its end of the pipe is closed. */
void
start_check_report(struct supervisor *s)
{
	const char *program = what_to_run(s)[0];
	int error;

	if (s->tree.report_fd < 0)
		return;
	loop_watch(&s->loop, SOURCE_REPORT, -1, 0);
	if (spawn_finish(&s->tree) == 0) {
		supervisor_post(s, PROGRAM_RUNS);
		return;
	}
	error = s->tree.error;
	if (s->tree.failed != SPAWN_EXEC) {
		say_start_failed(s, step_call(s->tree.failed), program, error,
		    tell_hint(error));
		fail_start(s, EXIT_REFUSED);
		return;
	}
	say_start_failed(
	    s, "exec", program, error, hint_for_exec(program, error));
	fail_start(s, error == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_EXECUTE);
}

/*
 * The program has what we inherited; whoever reads the other ends must see
 * them close when it closes them. 2 stays, for messages. A place once taken
 * as 0 or 1 stays taken.
 */
static void
give_up_inherited(struct supervisor *s)
{
	int kept[] = { s->signal_fd, s->life_fd, s->life_keeper_fd,
		s->parent_fd, s->clock_fd, s->tty_fd, s->options.lifeline_fd,
		s->cgroup.base_fd, s->cgroup.leaf_fd, s->cgroup.events_fd,
		s->cgroup.kill_fd, s->tree.stub_pidfd, s->tree.pidfd,
		s->tell_fd, s->signalled_fd, s->events.fd, s->cgroup.freeze_fd,
		s->ready.line_fd, s->ready.socket_fd, s->ready.path_fd,
		s->ready.peer.fd, s->options.notify_fd, s->background_fd };
	int fd;

	fd_close_others(3, kept, sizeof(kept) / sizeof(*kept),
	    (s->deadly & DEADLY_CLOSE_RANGE) != 0);
	for (fd = STDIN_FILENO; fd <= STDOUT_FILENO; fd++)
		if (fd != s->options.lifeline_fd)
			(void)sys_dup3(s->life_fd, fd);
}

void
start_settle(struct supervisor *s)
{
	s->run_began_ns = sys_now_ns();
	s->ever_ran = true;
	if (s->starts == 1) /* no call will be as deep as the first start */
		sys_drop_stack(false);
	service_started(s);
	if (s->service.finishing)
		return;
	if (s->options.restart == RESTART_NO && !s->service.on)
		give_up_inherited(s);
	if (s->options.verbose)
		tell_form(s);
	tell_started(s);
	ready_settle(s);
}
