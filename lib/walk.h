/* SPDX-License-Identifier: ISC */
#ifndef WALK_H
#define WALK_H

/*
 * Our own children, for where there is neither a namespace nor a cgroup to
 * hold the tree. We are a subreaper then: an orphan becomes our child. So
 * killing the children, reaping them, and looking again reaches a tree of
 * any shape, one generation at a time, until no child is left (ECHILD):
 * then no descendant is, either.
 *
 * Children are signalled by pid: what we have not reaped keeps its number. One
 * that does not die, because a child of its own traces it, keeps those below
 * it from becoming ours; they are signalled by a pidfd that is proven to be of
 * a child of its parent. And where each that is killed is replaced by those
 * that are left, all are to be stopped (SIGSTOP, parents first) before any is
 * killed.
 *
 * Source: proc(5), /proc/thread-self/children (Linux 3.17; it needs
 * CONFIG_PROC_CHILDREN). Without it every number there can be is tried with
 * waitid(2), which knows our children: half a second, for four million.
 */

#include <stdbool.h>
#include <sys/types.h>

/*
 * Sends first, and second unless it is 0, to each child but those nspared in
 * spared, and to so many levels below each; how many there are. With first 0
 * nothing is sent, and 1 or 0 tells whether there is such a child.
 */
int walk_children(
    int first, int second, const pid_t *spared, int nspared, int levels);
/*
 * Is there a /proc, and of our own PID namespace? In one of an outer one, as
 * `unshare --pid` without a mount leaves it, the numbers are not those of
 * kill(2), and it is taken for none.
 */
bool walk_has_proc(void);
/* The parent of pid, 0 for one outside of our namespace, or -errno. */
pid_t walk_parent(pid_t pid);
/* Our children now, as many as there is room for. */
int walk_list(pid_t *pids, int room);
/* No child but the spared can be signalled by us: of another uid (EPERM). */
bool walk_all_refuse(const pid_t *spared, int nspared);

#endif
