/* SPDX-License-Identifier: ISC */
#include "timer.h"

int64_t
timer_after(int64_t now_ns, int64_t duration_ns)
{
	if (duration_ns > TIMER_NEVER - now_ns)
		return TIMER_NEVER;
	return now_ns + duration_ns;
}

int64_t
timer_backoff(struct timer_backoff *backoff, int64_t run_ns)
{
	int64_t next_ns;

	if (run_ns > backoff->max_ns)
		next_ns = 0;
	else if (backoff->last_ns == 0)
		next_ns = backoff->min_ns;
	else if (backoff->last_ns > backoff->max_ns / 2)
		next_ns = backoff->max_ns;
	else
		next_ns = backoff->last_ns * 2;
	backoff->last_ns = next_ns;
	return next_ns;
}

bool
timer_limit_reached(struct timer_limit *limit, int64_t now_ns)
{
	if (limit->count == 0 ||
	    now_ns >= timer_after(limit->begin_ns, limit->window_ns)) {
		limit->begin_ns = now_ns;
		limit->count = 0;
	}
	return ++limit->count > limit->most;
}
