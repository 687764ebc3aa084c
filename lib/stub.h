/* SPDX-License-Identifier: ISC */
#ifndef STUB_H
#define STUB_H

/*
 * The process whose end, or whose waking up, kills the tree when supervise
 * is gone. It is made by plain fork semantics (sys_clone3 without CLONE_VM:
 * an OOM kill takes all that share a memory), arms itself, says so, and then
 * sleeps for ever.
 *
 *	stub	PID 1 of the program's PID namespace. Its death is the death
 *		of all in there, by the kernel. PDEATHSIG kills it with us;
 *		where that is refused or cleared (a change of credentials)
 *		it sees our end on life_fd. SIGCHLD is ignored, so that the
 *		kernel reaps the orphans and it never wakes up.
 *	guard	where there is a cgroup but no namespace: a process outside
 *		of the leaf, in a session of its own. Sees our end on life_fd
 *		and calls `orphaned`, which kills the leaf and removes it.
 *
 * Asked to (tell_fd), the stub does not ignore SIGCHLD but reaps, and adds
 * STUB_EMPTY to that eventfd whenever it finds that it has no child: all
 * orphans of the namespace are its children. STUB_QUESTION makes it look at
 * once, and add STUB_BUSY if it has one. That is for where no cgroup tells
 * when the tree is empty.
 *
 * The report is a struct stub_report on report_fd, which is then closed: the
 * pipe may be used on by others. No ARMED: it has died, or told its errno.
 *
 * PID 1 must stay dumpable: setns(2) on its pidfd asks for that.
 */

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

#define STUB_QUESTION SIGUSR1
#define STUB_EMPTY UINT64_C(1)
#define STUB_BUSY (UINT64_C(1) << 32)

enum {
	STUB_KEPT = 5
};

struct stub {
	int life_fd; /* pidfd of supervise, or a pipe that only it writes to */
	int report_fd;
	bool userns; /* write the maps of the new user namespace */
	uid_t uid;   /* ours, which are mapped to themselves */
	gid_t gid;
	bool guard;
	int tell_fd;         /* -1: sleep for ever */
	bool by_hand;        /* as of fd_close_others */
	int kept[STUB_KEPT]; /* what orphaned needs; -1 is none */
	void (*orphaned)(void *);
	void *context;
};

enum stub_step {
	STUB_ARMED,
	STUB_PDEATHSIG_REFUSED, /* armed all the same, by life_fd alone */
	STUB_MAP_REFUSED,
};

struct stub_report {
	int step;
	int error;
};

_Noreturn void stub_run(const struct stub *stub);

/* Has the process that life_fd stands for ended? Waits for it, or looks. */
bool stub_life_ended(int life_fd, bool wait);

#endif
