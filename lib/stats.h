/* SPDX-License-Identifier: ISC */
#ifndef STATS_H
#define STATS_H

/*
 * --stats: what the whole tree has used, over all its starts.
 *
 * Of the leaf, before it is removed: cpu.stat (Linux 4.15; user and
 * system time without any controller, too: cgroup-v2.rst), memory.peak (5.19)
 * and pids.peak (6.1; where the parent has these controllers enabled). What
 * is not there is -1 and not printed.
 */

#include <stdint.h>

#include "str.h"

struct stats {
	int64_t user_us, system_us;
	int64_t memory_peak; /* bytes, of one start */
	int64_t pids_peak;
	int64_t oom_kills;
};

#define STATS_INIT                                                             \
	{                                                                      \
		-1, -1, -1, -1, -1                                             \
	}

void stats_add_leaf(struct stats *stats, int leaf_fd);

/* How many a lack of memory has killed, of a memory.events; or -1. */
int64_t stats_oom_kills(int dir_fd, const char *path);

/* The number behind `key ` in a flat keyed file's text, or -1. */
int64_t stats_value_of(const char *text, const char *key);

/* "1.234 s", "12.5 MiB" */
void stats_add_seconds(struct text *text, int64_t us);
void stats_add_bytes(struct text *text, int64_t bytes);

#endif
