/* SPDX-License-Identifier: ISC */
#ifndef CGROUP_H
#define CGROUP_H

/* clang-format off */
/*
 * The leaf: a fresh cgroup (v2) for each start of the program, and what is
 * done to everything in it.
 *
 *	cgroup_find	once: which cgroup are we in, where is it mounted
 *	cgroup_clean	remove what killed supervisors left there
 *	cgroup_make	a leaf, and every descriptor that a kill needs
 *	... the program is cloned into leaf_fd, or enters it by itself ...
 *	cgroup_freeze,	to reach each process exactly once
 *	cgroup_signal
 *	cgroup_kill	until cgroup_populated says 0
 *	cgroup_remove	with what the program made below it
 *
 * A leaf is named NAME.PID.N and made in the cgroup that we are in. It is
 * never used twice: Linux 6.1.129 to 6.1.190, 6.12.107, 6.18.44 and 6.14 to
 * 7.2.12 kill what is cloned into a cgroup that was ever killed.
 *
 * Its mode is 01711. The sticky bit, which means nothing there, is our mark: a
 * cgroup that merely has such a name is never touched. Without the right to
 * read it nobody else can lock it, while its files can be read by name: a
 * program of another uid looks up its own limits.
 *
 * The maker holds a shared flock on the leaf, which the kernel drops when
 * the last process that holds the descriptor is gone: an exclusive one that
 * is granted proves that the owner is dead. That needs no /proc, holds across
 * PID namespaces, and survives the reuse of pids, which a pid and a start
 * time in the name do not.
 *
 * Files used: cgroup.events, cgroup.kill (Linux 5.14; before it freeze, kill
 * each by pidfd, thaw), cgroup.freeze (5.2), cgroup.procs; see
 * Documentation/admin-guide/cgroup-v2.rst.
 *
 * Functions return 0 or more, or -errno.
 */
/* clang-format on */

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

struct cgroup {
	int base_fd; /* the cgroup that we are in, or where -C points to */
	int leaf_fd;
	int events_fd; /* POLLPRI when populated or frozen changes */
	int kill_fd;   /* -1 where there is no cgroup.kill */
	int freeze_fd; /* -1 where there is no cgroup.freeze */
	bool no_pidfd; /* a filter would kill us: signal by number */
	unsigned serial;
	const char *prefix; /* NAME */
	char leaf[NAME_MAX + 1];
	char base[256]; /* for messages, cut if need be */
};

/* clang-format off */
#define CGROUP_INIT { .base_fd = -1, .leaf_fd = -1, .events_fd = -1, \
	.kill_fd = -1, .freeze_fd = -1 }
/* clang-format on */

/*
 * name is NULL for `supervise`, else NAME or a path to it: relative to the
 * cgroup that we are in, or from the root of the hierarchy where it begins
 * with a slash. -ENODEV: no cgroup2 is mounted here, or not the part that we
 * are in; -ENOENT: there is no such path in it. self_fd is a pidfd of ours, or
 * -1: then it is looked up in mountinfo(5), which takes longer.
 */
int cgroup_find(struct cgroup *cg, const char *name, int pid, int self_fd);
int cgroup_make(struct cgroup *cg, int pid);
/*
 * Removes the leaves beside ours whose owner is dead, having killed what is
 * in them; waits for that limit_ms at most. -EBUSY: not for all of it. pid is
 * ours.
 */
int cgroup_clean(struct cgroup *cg, int pid, int limit_ms);

int cgroup_populated(const struct cgroup *cg); /* 1, 0 */
int cgroup_frozen(const struct cgroup *cg);    /* 1, 0 */
int cgroup_freeze(const struct cgroup *cg, bool frozen);
/*
 * Sends first, and then second unless it is 0, to every process in the leaf
 * and below, each by pidfd and exactly once where the leaf is frozen. By
 * number where there are no pidfds; the number is then known to be of a member
 * of the frozen leaf.
 */
int cgroup_signal(const struct cgroup *cg, int first, int second);
/*
 * Kills all that is in the leaf and below. One call can miss a child that is
 * being forked (seen on 6.1, 6.18, 7.3): repeat until populated is 0. Before
 * Linux 5.14 it waits 200 ms at most for the freezer.
 */
int cgroup_kill(const struct cgroup *cg);
/* Kill and wait until it is empty, limit_ms at most (-1: for ever). */
int cgroup_kill_wait(const struct cgroup *cg, int limit_ms);
/* The pids of the leaf and below, as many as there is room for. */
int cgroup_list(const struct cgroup *cg, int *pids, int room);
/* Removes the leaf and its descendants; -EBUSY while something is in there. */
int cgroup_remove(struct cgroup *cg);
/* Closes what cgroup_make has opened. */
void cgroup_close_leaf(struct cgroup *cg);

/* Pure, for cgroup_find and its tests. */

/*
 * One line of mountinfo(5), or its beginning as far as " - cgroup2 ". When
 * it is a cgroup2 mount that shows the cgroup own, the path of own in the
 * file system is put into path (of size bytes): 1. Where the mount's root is
 * above that of our cgroup namespace, path is the mount point and own some
 * levels below it: 1 + levels. Another line: 0.
 * -EROFS when that mount is read-only; -ENAMETOOLONG.
 */
int cgroup_path_of(
    const char *mountinfo, const char *own, char *path, size_t size);
/* The value of `key` in the text of a flat keyed file, or -EINVAL. */
int cgroup_value_of(const char *events, const char *key);

#endif
