/* SPDX-License-Identifier: ISC */
#ifndef FDSTORE_H
#define FDSTORE_H

/*
 * Descriptors that a program leaves with us and gets back when it is started
 * again, as LISTEN_FDS: FDSTORE=1 of sd_notify(3).
 *
 * At most FDSTORE_MAX of them, with names that make LISTEN_FDNAMES, joined by
 * `:`, of FDSTORE_NAMES bytes at most; what does not fit is refused (-ENOSPC).
 * A socket, pipe or memfd that is in there already is not put in twice. A
 * socket or pipe that hangs up while it is stored is of no use to anybody and
 * is dropped, as systemd does it, unless FDPOLL=0 came with it: poll_fd polls
 * as readable then.
 *
 * To close, stat or poll a file can block for as long as a server wants (FUSE,
 * NFS), and that can be the program. What is none of those three is not looked
 * at, and closed by a child that shares our table of descriptors. That ends
 * with the tree at the latest; a server outside of it that hangs holds up the
 * next start, whose processes have copies.
 */

#include <stdbool.h>
#include <stddef.h>

enum {
	FDSTORE_MAX = 64,
	FDSTORE_NAMES = 1024,
};

struct fdstore {
	int poll_fd; /* an epoll; -1 until there is something to watch */
	int fds[FDSTORE_MAX];
	int count;
	char names[FDSTORE_NAMES]; /* a:b:c; nothing when count is 0 */
};

/* Takes fd in any case. name NULL is "stored". 0 or -errno. */
int fdstore_add(struct fdstore *store, int fd, const char *name, bool watch);
/* All of that name. */
void fdstore_remove(struct fdstore *store, const char *name);
/* What has hung up, when poll_fd is readable. */
void fdstore_clean(struct fdstore *store);
void fdstore_clear(struct fdstore *store);
/* Closes fd without ever waiting for it; -1 is none. */
void fdstore_discard(int fd);
#endif
