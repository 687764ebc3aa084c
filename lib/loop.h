/* SPDX-License-Identifier: ISC */
#ifndef LOOP_H
#define LOOP_H

/*
 * The one place where supervise waits: a ppoll over descriptors and the
 * nearest of its deadlines. Nothing is registered with the kernel, so that
 * there is nothing to undo and nothing to run out of.
 *
 * loop_wait returns one thing at a time: a source whose descriptor is ready,
 * in the order of enum loop_source, or LOOP_SOURCES + a deadline that has
 * passed, which is then over. When there is both, they take turns: no flood of
 * signals keeps a deadline from its turn. What was ready and is not dealt with
 * is ready again the next time.
 */

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

enum loop_source {
	SOURCE_SIGNALS,
	SOURCE_REPORT, /* the program's exec */
	SOURCE_CGROUP, /* cgroup.events of the leaf */
	SOURCE_STUB,   /* it tells that no orphan is left */
	SOURCE_PARENT,
	SOURCE_LIFELINE,
	SOURCE_CLOCK,   /* --until */
	SOURCE_LINE,    /* --ready-fd */
	SOURCE_SOCKET,  /* --ready-socket */
	SOURCE_PATH,    /* --ready-path */
	SOURCE_PEER,    /* our own NOTIFY_SOCKET takes messages again */
	SOURCE_CONTROL, /* letters of the control directory */
	SOURCE_STORE,   /* a stored descriptor has hung up */
	LOOP_SOURCES,
};

enum loop_deadline {
	DEADLINE_RUN,     /* --timeout */
	DEADLINE_KILL,    /* --kill-after */
	DEADLINE_FREEZE,  /* do not wait for the freezer any longer */
	DEADLINE_AGAIN,   /* look again, kill again */
	DEADLINE_OVERDUE, /* name what does not die */
	DEADLINE_RESTART,
	DEADLINE_GUARD, /* make the guard that could not be made */
	DEADLINE_READY, /* --ready-timeout */
	DEADLINE_CHECK, /* the next --ready-check */
	DEADLINE_WATCHDOG,
	DEADLINE_FINISH, /* of the finish script */
	DEADLINE_SCRIPT, /* letters do not wait for control/X any longer */
	DEADLINE_LOG,    /* start what has the log once more */
	DEADLINE_STATUS, /* write the status that could not be written */
	LOOP_DEADLINES,
};

struct loop {
	struct pollfd pollfds[LOOP_SOURCES];
	int64_t deadlines_ns[LOOP_DEADLINES];
	bool deadline_next; /* it was its turn, and a source came first */
};

void loop_init(struct loop *loop);
/* fd -1: do not watch. POLLHUP and POLLERR always count as ready. */
void loop_watch(struct loop *loop, enum loop_source source, int fd, int events);
/* In so many nanoseconds from now; INT64_MAX is never. */
void loop_set_deadline(
    struct loop *loop, enum loop_deadline which, int64_t delay_ns);
int loop_wait(struct loop *loop);

#endif
