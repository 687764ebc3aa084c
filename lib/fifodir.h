/* SPDX-License-Identifier: ISC */
#ifndef FIFODIR_H
#define FIFODIR_H

/*
 * A directory of FIFOs through which one process tells any number of others:
 * the `event` directory of s6. Who wants to hear puts a FIFO into it, named
 * `ftrig1:@` and 24 hexadecimal digits and `:` and 6 characters; who tells
 * writes its letters into each of them.
 *
 * The letters of a service: s supervised, u up, U ready, d ended, D really
 * down, O will not be started again, x the supervisor exits. What a letter
 * tells must be in the status file before: who listens subscribes, then reads
 * the file, then waits for letters.
 *
 * In such a directory others may make files, in one of mode 01733 anybody. So
 * telling never waits, follows no link, writes into nothing but FIFOs that
 * have no other name (a hard link may be somebody's control FIFO) and looks
 * at FIFODIR_ENTRIES_MAX entries at most, of which it tells FIFODIR_TOLD_MAX:
 * 10 ms.
 */

#include <stdbool.h>
#include <sys/types.h>

enum {
	FIFODIR_NAME_SIZE = 39,
	FIFODIR_ENTRIES_MAX = 20000,
	FIFODIR_TOLD_MAX = 2000,
};

/*
 * Makes the directory, of that mode: 03730 for our group, 01733 for anybody.
 * 0 is 03730, and one that is there stays as it is. Its descriptor or -errno.
 */
int fifodir_make(int dir_fd, const char *name, mode_t mode);

/*
 * Writes the letters into every FIFO; one that nobody reads is removed, one
 * that is full does not get them. SIGPIPE must be blocked or ignored: a reader
 * may go away at any time. 0 or -errno of the directory: -ENOENT if it was
 * removed.
 */
int fifodir_notify(int dir_fd, const char *letters);

struct fifodir_subscription {
	int dir_fd; /* not ours */
	int fd;     /* to be read; never blocks, and has no end */
	char name[FIFODIR_NAME_SIZE + 2];
};

/* Without the right to make a file there: -EACCES. */
int fifodir_subscribe(int dir_fd, struct fifodir_subscription *subscription);
void fifodir_unsubscribe(struct fifodir_subscription *subscription);

#endif
