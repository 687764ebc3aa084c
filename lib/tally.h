/* SPDX-License-Identifier: ISC */
#ifndef TALLY_H
#define TALLY_H

/*
 * The death tally of s6: how and when the program of a service has ended, the
 * last times, in the file `death_tally` of its `supervise` directory. For
 * s6-svdt, s6-svdt-clear, s6-permafailon in `finish`, and our own --status.
 *
 * Records of 14 bytes, the oldest first: TAI64N, exit code, signal or 0. Unlike
 * the times of the status, of which daemontools says what they are, these are
 * as s6 has them: unix time + 37, with the leap seconds until 2017.
 *
 * Each death is one new file: s6-svdt-clear empties it meanwhile, and a disk
 * that is full leaves the old one. What is no multiple of 14 is no tally and
 * begun anew, as with s6.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "status.h"
#include "str.h"

enum {
	TALLY_RECORD = 14,
	TALLY_MAX = 4096, /* records, of s6 */
	TALLY_USUAL = 100,
};

/*
 * Adds the end of status (since_s, since_ns and wstat), so that there are limit
 * at most, 1 to TALLY_MAX. dir_fd is of `supervise`. 0 or -errno.
 */
int tally_add(
    int dir_fd, int limit, const struct status *status, bool for_others);
/*
 * Its last max records; how many there are, 0 also where there is no tally.
 * path as for openat(2).
 */
int tally_read(int dir_fd, const char *path, unsigned char *records, int max);
/* "1764142988 exit 3", "1764142988 signal KILL": unix time */
void tally_describe(struct text *text, const unsigned char *record);

#endif
