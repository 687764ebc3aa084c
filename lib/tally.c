/* SPDX-License-Identifier: ISC */
#include <sys/wait.h>

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "diag.h"
#include "sys.h"
#include "tally.h"

enum {
	AT_EXIT = 12,
	AT_SIGNAL = 13,
};

#define NAME "death_tally"
#define TAI_OF_UNIX (UINT64_C(1) << 62 | 37)

int
tally_read(int dir_fd, const char *path, unsigned char *records, int max)
{
	int fd = sys_open(dir_fd, path, O_RDONLY | O_NONBLOCK);
	off_t size = -1;
	ssize_t length = 0;

	if (fd >= 0)
		size = lseek(fd, 0, SEEK_END); /* none of a FIFO */
	if (size > 0 && size % TALLY_RECORD == 0) {
		length = (ssize_t)max * TALLY_RECORD;
		if (length > size)
			length = (ssize_t)size;
		length = sys_pread(fd, records, (size_t)length, size - length);
	}
	fd_close(&fd);
	return length > 0 ? (int)length / TALLY_RECORD : 0;
}

static int
add(int dir_fd, const struct status *st, bool for_others,
    unsigned char *records, int limit)
{
	int n = tally_read(dir_fd, NAME, records, limit - 1);
	unsigned char *last = records + n * TALLY_RECORD;

	status_put(last, (uint64_t)st->since_s + TAI_OF_UNIX, 8);
	status_put(last + 8, st->since_ns, 4);
	last[AT_EXIT] = last[AT_SIGNAL] = 0;
	if (WIFSIGNALED(st->wstat))
		last[AT_SIGNAL] = (unsigned char)WTERMSIG(st->wstat);
	else
		last[AT_EXIT] = (unsigned char)WEXITSTATUS(st->wstat);
	return status_replace(
	    dir_fd, NAME, records, (size_t)(n + 1) * TALLY_RECORD, for_others);
}

/* A stack as deep as that is for who has asked for it. */
static __attribute__((noinline)) int
add_to_many(int dir_fd, int limit, const struct status *st, bool for_others)
{
	unsigned char records[TALLY_MAX * TALLY_RECORD];

	return add(dir_fd, st, for_others, records, limit);
}

int
tally_add(int dir_fd, int limit, const struct status *st, bool for_others)
{
	unsigned char records[TALLY_USUAL * TALLY_RECORD];

	if (limit > TALLY_USUAL)
		return add_to_many(dir_fd, limit, st, for_others);
	return add(dir_fd, st, for_others, records, limit);
}

void
tally_describe(struct text *text, const unsigned char *record)
{
	text_add_number(text, (int64_t)(status_get(record, 8) - TAI_OF_UNIX));
	if (record[AT_SIGNAL] != 0) {
		text_add(text, " signal ");
		diag_add_signal(text, record[AT_SIGNAL]);
	} else {
		text_add(text, " exit ");
		text_add_number(text, record[AT_EXIT]);
	}
}
