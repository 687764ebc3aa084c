/* SPDX-License-Identifier: ISC */
#ifndef SPAWN_H
#define SPAWN_H

/*
 * Starting a program inside of what will kill it.
 *
 *	spawn_start	makes the stub (or the guard) and waits until it is
 *			armed, then the program, as our own child
 *	POLLHUP on report_fd: the program's exec has succeeded, or it ended
 *	spawn_finish	tells which, and closes report_fd
 *
 * With a PID namespace the program is made by a helper, which enters the
 * stub's namespace by setns(2) on its pidfd (Linux 5.8) and clones it with
 * CLONE_PARENT: we stay outside, its wait status is ours, and a user namespace
 * works the same way. A supervisor that entered the namespace itself could
 * not come back out of one without privilege.
 *
 * The program is born in the leaf (clone3 with CLONE_INTO_CGROUP, 5.7), or
 * enters it before anything else where clone3 is not to be had (ENOSYS and
 * EPERM: containers) or is told to (self_entry).
 *
 * All that is read from the pipe are whole records of 8 bytes. Its write end
 * is held by: us until spawn_start returns; the stub until it is armed; the
 * helper, which then exits; the program until it execs.
 *
 * spawn_start blocks for what the stub and the helper do and until the program
 * is in the leaf, which is system calls only; what the program does from there
 * until exec is left to the caller's loop.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "stub.h" /* the one module that needs another: it makes stubs */

struct spawn {
	char *const *argv; /* argv[0] is looked up in PATH */
	uint64_t mask;     /* the program's signal mask */
	struct stub stub;  /* all but report_fd and userns */
	bool pidns;
	bool userns;        /* with a user namespace around it */
	int leaf_fd;        /* -1: none */
	bool self_entry;    /* the program enters the leaf by itself */
	bool no_clone3;     /* a filter would kill us */
	bool no_pidfd_open; /* the same */
	int life_keeper_fd; /* the end of a life pipe that only we keep; -1 */
	bool proc;          /* a fresh /proc */
	bool session;       /* setsid */
	bool group;         /* setpgid */
	int tty_fd;         /* make that group its foreground; -1 */
	bool die_with_us;   /* PDEATHSIG: where nothing better is in force */
	/* changes of the environment, as of lib/env.h */
	const char *const *env;
	size_t nenv;
	/* what it gets at numbers of their own, in place of what it had there
	 */
	const int *fds, *fds_to;
	int nfds;
	bool check; /* a second program beside it: with nothing but our 2 */
	bool has_stdout; /* and 1 */
};

enum {
	SPAWN_FDS = 66
};

/* what failed, where spawn_start or the program says so */
enum spawn_step {
	SPAWN_OK,
	SPAWN_PIPE,
	SPAWN_STUB,  /* clone of the stub: no namespace to be had */
	SPAWN_MAP,   /* nor this one: the uid_map was refused */
	SPAWN_ARM,   /* the stub died before it was armed */
	SPAWN_SETNS, /* the helper could not enter the namespace */
	SPAWN_HELPER,
	SPAWN_CLONE, /* the program */
	SPAWN_ENTER, /* the leaf's cgroup.procs was refused */
	SPAWN_GIVE,  /* no descriptors, or no memory for what it is given */
	SPAWN_EXEC,
	SPAWN_STILLBORN, /* it ended before it could say that it is alive */
};

struct spawned {
	pid_t stub_pid; /* 0: none */
	int stub_pidfd;
	pid_t pid; /* 0: none */
	int pidfd;
	int report_fd;
	enum spawn_step failed;
	int error;           /* errno of that, or 0 */
	bool alive;          /* it runs, and in the leaf */
	int pdeathsig_error; /* why the stub must do without it, or 0 */
	int proc_error;      /* why there is no fresh /proc, or 0 */
};

#define SPAWNED_INIT                                                           \
	{                                                                      \
		.stub_pidfd = -1, .pidfd = -1, .report_fd = -1                 \
	}

/*
 * 0, or -1 with failed and error set; what was made by then is in *out all
 * the same and must be ended by spawn_abandon or as any tree.
 */
int spawn_start(const struct spawn *spawn, struct spawned *out);
/* 0 when the program runs, else -1, as spawn_start. */
int spawn_finish(struct spawned *out);
/* Kills and reaps what a failed spawn_start has made, blocking. */
void spawn_abandon(struct spawned *out);
/*
 * Sends first, then second unless it is 0, to every process of the namespace
 * of the stub, from the inside by kill(-1), which no fork slips through (since
 * Linux 4.19 a child that is being made gets it, too). Done by a child of ours
 * that the caller reaps as any, one after the other: *last_fd, -1 at first,
 * hangs up when the last one has done it. 0, or -errno and nothing is sent.
 */
int spawn_signal(const struct spawn *spawn, const struct spawned *tree,
    int first, int second, int *last_fd);
/*
 * A second program in the same tree: its pid, or -errno. It is our child, to
 * be reaped as any; that its exec fails shows as exit code 127.
 */
pid_t spawn_beside(const struct spawn *spawn, const struct spawned *tree);
/* A stub or guard alone, as spawn_start makes it. */
int spawn_stub(const struct spawn *spawn, struct spawned *out);

#endif
