/* SPDX-License-Identifier: ISC */
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>

#include "diag.h"
#include "probe.h"
#include "supervisor.h"
#include "walk.h"

enum {
	AGAIN_DEEP_US = 16000,
	WALK_LEVELS = 128, /* a descriptor and 400 bytes of stack each */
	ROUNDS_MAX = 16,
	REMOVALS_MAX = 8,
	LINEAGE_MAX = 1024,
	STRANGERS_US = 100000,
};

static bool
tree_wants_stats(const struct supervisor *s)
{
	return s->cgroup.leaf_fd >= 0 &&
	       (s->options.stats || s->events.fd >= 0);
}

/* What the tree has used is in its leaf, as long as that is there. */
static void
tree_take_stats(struct supervisor *s)
{
	int64_t before = s->stats.oom_kills > 0 ? s->stats.oom_kills : 0;

	if (!tree_wants_stats(s))
		return;
	stats_add_leaf(&s->stats, s->cgroup.leaf_fd);
	if (s->stats.oom_kills > before)
		tell_number(s, "oom", "killed", s->stats.oom_kills - before);
}

/*
 * The program has died of a KILL that is not ours. The leaf counts from 0; a
 * container counts for all its processes, from its beginning, in what it sees
 * as its root, which need not be writable. The host's root has no such file.
 */
void
tree_look_for_oom(struct supervisor *s)
{
	int64_t kills = -1, before = s->oom_kills;

	if (s->cgroup.leaf_fd >= 0)
		kills = stats_oom_kills(s->cgroup.leaf_fd, "memory.events");
	if (kills < 0 && s->is_pid1) {
		kills =
		    stats_oom_kills(AT_FDCWD, "/sys/fs/cgroup/memory.events");
		s->oom_kills = kills;
	} else {
		before = 0;
	}
	/* the kernel counts, and does not say whom */
	if (kills > before)
		tell_warn(s, s->options.argv[0], "killed, likely for memory", 0,
		    "oom_kill in memory.events");
}

static int
spared_and_guard(struct supervisor *s)
{
	if (s->tree.stub_pid == 0)
		return s->nspared;
	s->spared[s->nspared] = s->tree.stub_pid;
	return s->nspared + 1;
}

static bool
is_childless(void)
{
	siginfo_t info;

	return sys_waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) ==
	       -ECHILD;
}

/*
 * Without a namespace every descendant is our child or below one, for we
 * are a subreaper, or PID 1.
 */
static bool
has_no_children(struct supervisor *s)
{
	if (is_childless())
		return true;
	if (s->nspared == 0 && s->tree.stub_pid == 0)
		return false; /* whoever it is, it is one of the tree */
	return walk_children(0, 0, s->spared, spared_and_guard(s), 0) == 0;
}

/*
 * PID 1 of a container: whoever else is there is of the tree; but not where
 * one of them reads the log, which outlives a restart.
 */
bool
tree_is_all(const struct supervisor *s)
{
	return s->is_pid1 && !s->has_pidns && s->service.log_pid == 0;
}

bool
tree_is_held(const struct supervisor *s)
{
	return s->paused || s->first_signal != 0;
}

/*
 * Nothing left that could be asked to end. What has left the leaf by itself is
 * killed with the rest, but not looked for, unless it is all that there is to
 * wait for. The stub does not know of siblings that the program has made with
 * CLONE_PARENT: those are our children.
 */
bool
tree_is_quiet(struct supervisor *s)
{
	if (s->tree.pid != 0)
		return false;
	if (s->cgroup.leaf_fd >= 0 && cgroup_populated(&s->cgroup) != 0)
		return false;
	if (s->tell_fd >= 0)
		return s->tree.stub_pid == 0 ||
		       (s->told_empty &&
			   (!walk_has_proc() || has_no_children(s)));
	if (s->has_cgroup && !tree_is_left_to_itself(s))
		return true;
	return s->has_pidns || has_no_children(s);
}

void
tree_signal_stub(struct supervisor *s, int sig)
{
	if (s->tree.stub_pid != 0)
		(void)kill(s->tree.stub_pid, sig); /* unreaped */
}

static bool
descends(struct supervisor *s, pid_t pid)
{
	pid_t guard = s->has_pidns ? 0 : s->tree.stub_pid, parent;
	int hops, i;

	for (hops = 0; hops < LINEAGE_MAX && pid > 0; hops++, pid = parent) {
		if (pid == s->tree.pid)
			return true;
		parent = walk_parent(pid);
		if (s->has_pidns && s->tree.stub_pid != 0 &&
		    parent == s->tree.stub_pid)
			return true; /* an orphan of the namespace */
		if (s->has_pidns || parent != s->pid)
			continue;
		for (i = 0; i < s->nspared; i++)
			if (s->spared[i] == pid)
				return false;
		return pid != guard;
	}
	return false;
}

/*
 * By its ancestors, which it has in every form. One that has ended and was
 * reaped is known by its pidfd alone: the kernel remembers its cgroup.
 */
bool
tree_has(struct supervisor *s, pid_t pid, int pidfd)
{
	uint64_t inode;
	struct stat st;

	if (pid == s->tree.pid && pid != 0)
		return true; /* not reaped: its number is its own */
	if (descends(s, pid) &&
	    (pidfd < 0 || (s->deadly & DEADLY_PIDFD_SIGNAL) != 0 ||
		sys_pidfd_signal(pidfd, 0, NULL) != -ESRCH))
		return true;
	return pidfd >= 0 && s->cgroup.leaf_fd >= 0 &&
	       sys_pidfd_cgroup(pidfd, &inode) == 0 &&
	       fstat(s->cgroup.leaf_fd, &st) == 0 && inode == st.st_ino;
}

/* With --wait-all: what the program has left behind is the service. */
bool
tree_is_left_to_itself(const struct supervisor *s)
{
	return s->options.wait_all && s->cause == NO_CAUSE &&
	       !s->service.finishing;
}

void
tree_ask_stub(struct supervisor *s)
{
	s->answers = 0;
	s->told_empty = false;
	tree_signal_stub(s, STUB_QUESTION);
}

/*
 * The first answer can be of before the question, which it was about to give
 * as we asked; so it is asked once more.
 */
void
tree_take_answer(struct supervisor *s)
{
	uint64_t answer;

	if (sys_read(s->tell_fd, &answer, sizeof(answer)) < 0 ||
	    s->tree.pid != 0)
		return;
	if (++s->answers == 1 || (answer >= STUB_BUSY && answer % STUB_BUSY)) {
		tree_signal_stub(s, STUB_QUESTION);
		return;
	}
	s->told_empty = answer < STUB_BUSY;
	if (!tree_is_left_to_itself(s) && !tree_is_quiet(s))
		supervisor_post(s, PROGRAM_DIED);
}

/* What our own end closes need not be closed before. */
void
tree_forget_fd(const struct supervisor *s, int *fd)
{
	if (s->want_up || s->service.on)
		fd_close(fd);
	*fd = -1;
}

void
tree_forget_leaf(struct supervisor *s)
{
	if (s->want_up || s->service.on)
		cgroup_close_leaf(&s->cgroup);
	s->cgroup.leaf_fd = -1;
}

/*
 * In PID 1's namespace, but not below it: they came by docker exec, and their
 * parent is outside. Nothing tells us of their end, and kill(2) counts a
 * zombie that the parent forgets. So they are waited for in some looks, which
 * take longer each time; then whoever is left is no matter of ours.
 */
static bool
has_strangers(const struct supervisor *s)
{
	return tree_is_all(s) && s->again_us < STRANGERS_US && kill(-1, 0) == 0;
}

/*
 * As PID 1, at the end: the kernel kills with us whom we may not kill, such as
 * what a setuid program has made of itself. Nothing else is left to wait for.
 */
static bool
ends_with_us(const struct supervisor *s)
{
	return s->is_pid1 && !s->has_pidns && !s->want_up &&
	       (!s->service.stay || s->service.exit_wanted) &&
	       s->again_us > AGAIN_DEEP_US &&
	       walk_all_refuse(s->spared, s->nspared);
}

static bool
is_gone(struct supervisor *s)
{
	if (ends_with_us(s)) {
		if (s->tree.pid != 0 && s->exit_code < 0)
			s->exit_code = EXIT_SIGNALLED + SIGKILL;
		return true;
	}
	if (s->tree.pid != 0 || s->tree.stub_pid != 0)
		return false;
	/* of its last moment, when nothing runs and nothing is added */
	if (tree_wants_stats(s) && cgroup_populated(&s->cgroup) != 0)
		return false;
	return s->has_pidns || (has_no_children(s) && !has_strangers(s));
}

/* How deep to look below our children; a pidfd call may be deadly. */
int
tree_walk_levels(const struct supervisor *s)
{
	const unsigned needed = DEADLY_PIDFD_OPEN | DEADLY_PIDFD_SIGNAL;

	return (s->deadly & needed) == 0 ? WALK_LEVELS : 0;
}

/*
 * A bomb that fills the gap of each that is killed is faster than we are. Who
 * is stopped forks no more and fills no gap: when we have found as many twice,
 * all of them are.
 */
void
tree_stop_all(struct supervisor *s)
{
	int levels = tree_walk_levels(s), n = 0, before, rounds = 0;

	do {
		before = n;
		n = walk_children(
		    SIGSTOP, 0, s->spared, spared_and_guard(s), levels);
	} while (n > before && levels > 0 && ++rounds < ROUNDS_MAX);
}

/* Kills what was there when we looked; until is_gone it is called again. */
void
tree_kill_more(struct supervisor *s)
{
	bool populated = s->cgroup.leaf_fd >= 0 && !s->seen_quiet &&
			 cgroup_populated(&s->cgroup) != 0;
	/* deeper only when it takes longer: what is orphaned comes to us */
	int levels = s->again_us >= AGAIN_DEEP_US ? tree_walk_levels(s) : 0;

	if (s->has_pidns)
		tree_signal_stub(s, SIGKILL);
	if (populated)
		(void)cgroup_kill(&s->cgroup); /* or the next time */
	else if (!s->has_pidns) /* the guard goes last: it guards the leaf */
		tree_signal_stub(s, SIGKILL);
	if (s->tree.pid != 0)
		(void)kill(s->tree.pid, SIGKILL);
	if (s->has_pidns)
		return;
	/* while it is not reaped its group's number is its own */
	if (s->tree.pid != 0 && !s->options.same_group)
		(void)kill(-s->tree.pid, SIGKILL);
	if (tree_is_all(s)) {
		(void)kill(-1, SIGKILL);
		return;
	}
	if (is_childless())
		return;
	if (!s->has_cgroup) {
		levels = tree_walk_levels(s);
		tree_stop_all(s);
	}
	(void)walk_children(SIGKILL, 0, s->spared, spared_and_guard(s), levels);
}

/*
 * That it can be removed is the proof that nobody is in it. Removed now, or at
 * the last of some tries: a dying task can keep it busy.
 */
static bool
leaf_can_go(struct supervisor *s)
{
	if (s->cgroup.leaf_fd < 0)
		return true;
	if (s->removals == 0)
		tree_take_stats(s);
	if (cgroup_remove(&s->cgroup) == 0) {
		tree_forget_leaf(s);
		return true;
	}
	if (cgroup_populated(&s->cgroup) != 0)
		return false;
	return ++s->removals >= REMOVALS_MAX;
}

/* Raises what can be seen of the tree; after all that may have changed it. */
void
tree_look(struct supervisor *s)
{
	if (s->state == KILLING) {
		if (is_gone(s) && leaf_can_go(s))
			supervisor_post(s, TREE_EMPTY);
		else if (!s->has_pidns)
			tree_kill_more(
			    s); /* orphans have just become children */
	} else if (s->state != DOWN && tree_is_quiet(s)) {
		if (has_strangers(s)) {
			supervisor_post(s, PROGRAM_DIED); /* ask them, too */
			return;
		}
		s->seen_quiet = true;
		supervisor_post(s, TREE_QUIET);
	}
}
