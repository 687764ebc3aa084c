/* SPDX-License-Identifier: ISC */
#ifndef EVENTS_H
#define EVENTS_H

/*
 * --status-fd: what happens, for programs. One line and one write an event,
 *
 *	word time=MILLISECONDS key=value ...
 *
 * of CLOCK_BOOTTIME, below PIPE_BUF, so that lines of several writers stay
 * whole. Values have no blanks: what would is written with \040 for one, as
 * in mountinfo(5). supervise-protocol(7) lists them.
 *
 * A reader is never waited for. What cannot be written at once is dropped,
 * and the next line that can has dropped=N. A line of which a stream socket or
 * a full disk takes a part only counts as dropped, and ends there.
 */

#include <stdbool.h>
#include <stdint.h>

#include "str.h"

struct events {
	int fd; /* -1: nobody listens */
	unsigned dropped;
	bool cut; /* a stream has taken a part of the last line */
};

struct event_line {
	char data[512]; /* behind a newline, which ends what was cut */
	struct text text;
};

/*
 * Makes *events write to fd, which must be open, by a descriptor of its own
 * above 2, and closes fd unless that is 0, 1 or 2. It is opened once more
 * where it can be (a pipe, a FIFO, a terminal), so that not blocking is ours
 * alone and not of all who share it.
 */
void events_open(struct events *events, int fd);
void events_begin(struct event_line *line, const char *word);
void events_add(struct event_line *line, const char *key, const char *value);
void events_add_number(struct event_line *line, const char *key, int64_t value);
void events_send(struct events *events, struct event_line *line);

#endif
