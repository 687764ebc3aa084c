/* SPDX-License-Identifier: ISC */
#ifndef MACHINE_H
#define MACHINE_H

/*
 * What supervise does when, as data. No code here; supervise.c carries the
 * actions out, one switch for all of them.
 *
 * The state follows evidence: to send SIGKILL changes nothing, that the tree
 * is empty does. What is wanted is not in here: after BURY supervise.c looks
 * whether to start once more.
 *
 *	DOWN		nothing runs; a restart may be due
 *	STARTING	the program was cloned and has not execed yet
 *	UP		it runs; with --wait-all: it or what it started
 *	READY		and it has said so
 *	STOPPING	it was asked to end (step `ask`)
 *	STRAGGLERS	it has ended, something in its tree has not
 *	KILLING		all is killed, until it is proven to be gone
 */

enum state {
	DOWN,
	STARTING,
	UP,
	READY,
	STOPPING,
	STRAGGLERS,
	KILLING,
	NSTATES,
};

enum event {
	START_WANTED,
	START_FAILED,
	PROGRAM_RUNS, /* its exec succeeded */
	/* it is ready; said before its death when both are known at once */
	NOTIFIED,
	PROGRAM_DIED,
	STOP_WANTED, /* TERM, a time limit, --lifeline, the parent ... */
	KILL_WANTED, /* the second TERM or INT */
	KILL_DUE,    /* --kill-after */
	FROZEN,      /* the whole tree is, or the freezer took too long */
	TREE_QUIET,  /* nothing left that one could ask */
	TREE_EMPTY,  /* proven: all is gone, the stub too */
	LOOK_AGAIN,
	OVERDUE,
	NEVENTS,
};

enum action {
	IGNORE, /* the empty cell; the state stays */
	START,
	SETTLE,    /* the program has what we inherited: give it up */
	ANNOUNCE,  /* that it is ready */
	ASK,       /* stop signal and CONT to the program */
	SWEEP,     /* TERM and CONT to what remains */
	BROADCAST, /* to each process of the frozen tree, and thaw it */
	KILL_TREE,
	KILL_MORE,
	NAME_SURVIVORS,
	BURY,   /* remove the leaf; then a restart, or the end */
	CANCEL, /* no restart */
	NACTIONS,
};

struct step {
	unsigned char action; /* enum action */
	unsigned char next;   /* enum state */
};

extern const struct step machine[NSTATES][NEVENTS];

extern const char *const state_names[NSTATES];
extern const char *const event_names[NEVENTS];
extern const char *const action_names[NACTIONS];

#endif
