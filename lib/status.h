/* SPDX-License-Identifier: ISC */
#ifndef STATUS_H
#define STATUS_H

/*
 * The status of a service in its `supervise` directory: the file `status`,
 * one record that the clients of daemontools, runit and s6 all read, each as
 * its own, and the text files `stat` and `pid` of runit.
 *
 *	 0	TAI64N of the last change between up and down (unix time + 10)
 *	12	pid, little-endian; 0: none
 *	16	paused; 'u' or 'd' is wanted; got TERM; 0 down, 1 up, 2 finish
 *	20	since when it is ready, unix time; 0: it is not
 *	24	pid, 64 bits big-endian
 *	32	wait status, big-endian
 *	34	bits: 1 paused, 2 finishing, 4 wanted up, 8 ready or really down
 *	35	bits of ours: 1 failed for good, 2 has ended before, 4 will exit
 *	36	pid, big-endian
 *	40	wait status, 42 bits, once more
 *
 * svstat reads 18 bytes of it, sv 20, s6 35, s6 2.13 43 with its group id from
 * 32 on, of which it drops the upper half. Where they disagree, at 12 to 19,
 * s6 has the time of readiness and shows nonsense for that, and for that only.
 * Numbers of 20 are nanoseconds to s6, and never looked at.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "str.h"

enum {
	STATUS_SIZE = 43
};

enum status_state {
	STATUS_DOWN, /* really: finish is over, nothing is left */
	STATUS_UP,
	STATUS_FINISH, /* it has ended; finish runs (pid), or what it left */
};

struct status {
	int64_t since_s; /* CLOCK_REALTIME of the last up or down */
	uint32_t since_ns;
	int64_t ready_s; /* likewise of its readiness, if ready */
	uint32_t pid;    /* in our numbering; 0: none */
	enum status_state state;
	int wstat; /* of the last end, as wait(2) has it, if has_ended */
	bool has_ended;
	bool paused, got_term, want_up, ready;
	bool will_exit; /* the supervisor, when the service is down */
	bool failed;    /* for good: it will not be started again */
};

void status_pack(const struct status *status, unsigned char *record);
/*
 * 0, or -EBADMSG: it is too short, or was not written by status_pack, which
 * puts all that matters there twice. What is behind the record is ignored.
 */
int status_unpack(
    const unsigned char *record, size_t length, struct status *ret_status);
/* size bytes, the most significant first */
void status_put(unsigned char *at, uint64_t number, int size);
uint64_t status_get(const unsigned char *at, int size);
/* The line of `stat`, without its newline: "run, paused, want down". */
void status_add_stat(struct text *text, const struct status *status);

/*
 * Writes the three files into the directory, `status` last. Each is replaced
 * whole: readers see the old one or the new one; where there is room for one
 * only, they may see none for a moment, and where there is not even that, none:
 * better than one that is not true. 0, or the first -errno; the others are
 * written nevertheless.
 */
int status_write(int dir_fd, const struct status *status, bool for_others);
/* One file of that directory, whole; an error leaves what was there. */
int status_replace(int dir_fd, const char *name, const void *data, size_t size,
    bool for_others);
/* dir_fd and path as for openat(2) */
int status_read(int dir_fd, const char *path, struct status *ret_status);

#endif
