/* SPDX-License-Identifier: ISC */
#ifndef PROBE_H
#define PROBE_H

/*
 * Which system calls would end us. A seccomp filter may answer what it does
 * not list with death instead of an errno (a default action of KILL or TRAP),
 * and then trying is no way to find out: a child tries them in our place.
 * Where there is no filter nothing is probed.
 */

enum probe_deadly {
	DEADLY_CLONE3 = 1,
	DEADLY_NEWPID = 2,
	DEADLY_NEWUSER = 4,
	DEADLY_SETNS = 8,
	DEADLY_MOUNT = 16, /* unshare(CLONE_NEWNS) or mount */
	DEADLY_PIDFD_OPEN = 32,
	DEADLY_PIDFD_SIGNAL = 64,
	DEADLY_CLOSE_RANGE = 128,
	DEADLY_FLOCK = 256,
	DEADLY_CGROUP = 512, /* mkdirat, fstatfs */
};

/* The set of them; all when no child can be made to find out. */
unsigned probe_deadly(void);

#endif
