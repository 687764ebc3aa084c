/* SPDX-License-Identifier: ISC */
#ifndef TIMER_H
#define TIMER_H

/*
 * Deadlines: points on CLOCK_MONOTONIC in nanoseconds, so that no change of
 * the wall clock moves one. That clock stands still while the machine is
 * suspended. A deadline costs no descriptor and cannot fail.
 *
 * And the two rules of restarting, as pure functions of time.
 */

#include <stdbool.h>
#include <stdint.h>

#define TIMER_NEVER INT64_MAX

/* now + duration, TIMER_NEVER where either is endless */
int64_t timer_after(int64_t now_ns, int64_t duration_ns);

/* Geometric back-off: min, 2 min, 4 min ... max. */
struct timer_backoff {
	int64_t min_ns, max_ns;
	int64_t last_ns; /* the delay before; 0 at the start */
};

/*
 * The delay before the next start, after a run of run_ns: none after a run
 * longer than max, which also makes the row begin anew.
 */
int64_t timer_backoff(struct timer_backoff *backoff, int64_t run_ns);

/* At most `most` restarts in a span of window_ns that begins with one. */
struct timer_limit {
	uint64_t most;
	int64_t window_ns; /* TIMER_NEVER: altogether */
	uint64_t count;
	int64_t begin_ns;
};

/* Counts a restart at now_ns; true when it is one too many. */
bool timer_limit_reached(struct timer_limit *limit, int64_t now_ns);

#endif
