/* SPDX-License-Identifier: ISC */
#ifndef CONTROL_H
#define CONTROL_H

/*
 * The `supervise` directory of a service: who may supervise it (`lock`), that
 * somebody does (`ok`), and letters that tell what to do (`control`), as in
 * daemontools, runit and s6.
 *
 * The lock is held twice, by flock(2) for daemontools and runit and by a lock
 * of the open file description for s6, which asks for that with fcntl(2). Both
 * end with us and not before (a lock of POSIX would end with the first close
 * of the file by whatever part of us).
 *
 * Who may read the lock file can hold a flock or a read lock on it, for ever:
 * in a directory that is open to others that proves nothing. A write lock
 * does, and so does a reader of `control`. Without either such a file is
 * replaced by a new one.
 *
 * `ok` is a new FIFO for each supervisor, so that who waits for the end of one
 * does not take the next for it; unless somebody has given it another owner,
 * group or mode. Else a FIFO that is there stays, with its owner and mode, if
 * the directory is ours alone; else it must be ours, with no second name, or it
 * is replaced if it is ours, or refused (-EPERM).
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * Who may look at the service, by reading status and lock, opening `ok` and
 * waiting for events. Commands are for the owner, always. AS_IS: the owner,
 * but what is there keeps its mode, as somebody has opened it to others; else
 * it gets the mode that is asked for, be that wider or narrower.
 */
enum control_access {
	CONTROL_AS_IS,
	CONTROL_OWNER,
	CONTROL_GROUP,
	CONTROL_ALL,
};

struct control {
	int dir_fd; /* of `supervise` */
	int lock_fd, ok_fd;
	int fd; /* of `control`: to be read when it is ready */
};

#define CONTROL_INIT                                                           \
	{                                                                      \
		.dir_fd = -1, .lock_fd = -1, .ok_fd = -1, .fd = -1             \
	}

/*
 * Makes the directory below that of the service, locks it and opens `control`.
 * -EBUSY: it is supervised, by whatever suite. After an error nothing is open,
 * and *ret_name is what could not be done, "supervise/lock".
 */
int control_open(struct control *control, int service_fd,
    enum control_access access, const char **ret_name);
/*
 * Opens `ok`: clients believe the status from now on, so that it must have
 * been written, lest they see that of the supervisor before.
 */
int control_announce(struct control *control, enum control_access access);
/* Of the directory `event`, for fifodir_make. */
mode_t control_event_mode(enum control_access access);
/* How many letters there are now, 0 for none; never waits. */
ssize_t control_read(const struct control *control, char *letters, size_t size);
/* The files stay, for the next supervisor and for svstat. */
void control_close(struct control *control);

enum command {
	COMMAND_NONE,
	COMMAND_UP,        /* start, and again when it ends */
	COMMAND_DOWN,      /* stop, and leave it so */
	COMMAND_ONCE,      /* start, and leave it when it ends */
	COMMAND_AT_MOST,   /* leave it when it ends; do not start it */
	COMMAND_EXIT,      /* when it is down the next time */
	COMMAND_STOP_EXIT, /* stop and exit: what runsv makes of `x` */
	COMMAND_RESTART,   /* stop, then start as before */
	COMMAND_PAUSE,     /* the whole tree */
	COMMAND_CONTINUE,  /* the whole tree */
	COMMAND_KILL_TREE, /* now, without asking */
	COMMAND_SIGNAL,    /* send .signal to the program; TERM: and say so */
	COMMAND_UP_KEEP,   /* UP, and remove the file `down` */
	COMMAND_DOWN_KEEP, /* DOWN, and make the file `down` */
	COMMAND_ONCE_KEEP, /* AT_MOST, and make the file `down` */
};

struct control_letter {
	char letter;
	unsigned char command; /* enum command */
	unsigned char signal;
	char word[9]; /* for control_find_word; empty: has none */
};

/*
 * The row of a letter, or of a word ("up", "restart", "hup"), which may be its
 * letter; NULL if there is none: it is then to be ignored. as_runsv: with the
 * meaning that runit gives to `x`.
 */
const struct control_letter *control_find(char letter, bool as_runsv);
const struct control_letter *control_find_word(const char *word);

#endif
