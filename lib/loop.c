/* SPDX-License-Identifier: ISC */
#include <time.h>

#include "loop.h"
#include "sys.h"

void
loop_init(struct loop *loop)
{
	int i;

	for (i = 0; i < LOOP_SOURCES; i++)
		loop->pollfds[i] = (struct pollfd){ .fd = -1 };
	for (i = 0; i < LOOP_DEADLINES; i++)
		loop->deadlines_ns[i] = INT64_MAX;
	loop->deadline_next = false;
}

void
loop_watch(struct loop *loop, enum loop_source source, int fd, int events)
{
	loop->pollfds[source] = (struct pollfd){
		.fd = fd,
		.events = (short)events,
	};
}

void
loop_set_deadline(struct loop *loop, enum loop_deadline which, int64_t delay_ns)
{
	int64_t now_ns;

	/* what has no limit, which most have not, need not know the time */
	loop->deadlines_ns[which] = INT64_MAX;
	if (delay_ns == INT64_MAX)
		return;
	now_ns = sys_now_ns();
	if (delay_ns < INT64_MAX - now_ns)
		loop->deadlines_ns[which] = now_ns + delay_ns;
}

static int
take_ready(struct loop *loop)
{
	int i;

	for (i = 0; i < LOOP_SOURCES; i++) {
		if (loop->pollfds[i].fd >= 0 && loop->pollfds[i].revents != 0) {
			loop->pollfds[i].revents = 0;
			return i;
		}
	}
	return -1;
}

static int
nearest_deadline(const struct loop *loop)
{
	int i, nearest = 0;

	for (i = 1; i < LOOP_DEADLINES; i++)
		if (loop->deadlines_ns[i] < loop->deadlines_ns[nearest])
			nearest = i;
	return nearest;
}

/*
 * Only what is watched is handed to the kernel: more entries than the limit of
 * open files are an error, and that limit may be lowered under us.
 */
static void
poll_watched(struct loop *loop, int64_t left_ns)
{
	struct timespec timeout = {
		.tv_sec = (time_t)(left_ns / NS_PER_S),
		.tv_nsec = (long)(left_ns % NS_PER_S),
	};
	struct pollfd watched[LOOP_SOURCES];
	nfds_t n = 0;
	int i;

	for (i = 0; i < LOOP_SOURCES; i++)
		if (loop->pollfds[i].fd >= 0)
			watched[n++] = loop->pollfds[i];
	/* an error (EINTR, ENOMEM) leaves nothing ready: once more */
	if (ppoll(watched, n, left_ns == INT64_MAX ? NULL : &timeout, NULL) <=
	    0)
		return;
	for (i = LOOP_SOURCES - 1; i >= 0; i--)
		if (loop->pollfds[i].fd >= 0)
			loop->pollfds[i].revents = watched[--n].revents;
}

int
loop_wait(struct loop *loop)
{
	int64_t left_ns;
	int ready, nearest;

	for (;;) {
		ready = take_ready(loop);
		if (ready >= 0)
			return ready;
		nearest = nearest_deadline(loop);
		left_ns = loop->deadlines_ns[nearest];
		if (left_ns != INT64_MAX)
			left_ns -= sys_now_ns();
		if (left_ns > 0 || !loop->deadline_next)
			poll_watched(loop, left_ns > 0 ? left_ns : 0);
		ready = take_ready(loop);
		if (ready >= 0) {
			loop->deadline_next = left_ns <= 0;
			return ready;
		}
		loop->deadline_next = false;
		if (left_ns <= 0) {
			loop->deadlines_ns[nearest] = INT64_MAX;
			return LOOP_SOURCES + nearest;
		}
	}
}
