/* SPDX-License-Identifier: ISC */
#ifndef DIAG_H
#define DIAG_H

/*
 * What supervise says: exit codes, names of errnos and signals, messages.
 *
 * A message is one line and one write(2), so that lines of several
 * processes never mix, and is cut at DIAG_SIZE, below PIPE_BUF. It is
 * dropped when the reader has fallen behind: a message must never block.
 *
 *	supervise: fatal: mkdir /sys/fs/cgroup/x: EACCES (is it delegated?)
 */

#include "str.h"

enum {
	EXIT_FAILED = 1, /* --wait, --background: it will not be ready */
	EXIT_WAIT_TIMED_OUT = 99,
	EXIT_USAGE = 100,   /* asking again will not help */
	EXIT_REFUSED = 111, /* the system said no before the program ran */
	EXIT_TIMED_OUT = 124,
	EXIT_GAVE_UP = 125,
	EXIT_CANNOT_EXECUTE = 126,
	EXIT_NOT_FOUND = 127,
	EXIT_SIGNALLED = 128, /* + the signal */
};

enum {
	DIAG_SIZE = 1024
};

struct diag {
	const char *level;  /* "fatal", "warning", ... or NULL */
	const char *what;   /* the call or the option */
	const char *object; /* on which it was, or NULL */
	int error;          /* an errno, or 0 */
	const char *hint;   /* or NULL */
};

void diag_print(int fd, const struct diag *diag);
/* A text of lines, in the same way. */
void diag_write(int fd, const char *data, size_t size);

/* "ENOENT"; of an errno that the table does not have, its number */
void diag_add_errno(struct text *text, int error);
/* "TERM", "RTMIN+3" (RTMIN is 34, as glibc counts); else the number */
void diag_add_signal(struct text *text, int sig);
/*
 * `TERM`, `SIGTERM`, `term`, `15`, `RTMIN+3`, `RTMAX-1`: 1 to 64 in
 * *ret_signal, or -EINVAL.
 */
int diag_to_signal(const char *s, int *ret_signal);

#endif
