/* SPDX-License-Identifier: ISC */
#include <sys/wait.h>

#include <string.h>

#include "diag.h"
#include "sys.h"
#include "tally.h"

enum {
	AT_EXIT = 12,
	AT_SIGNAL = 13,
};

#define TAI_OF_UNIX (UINT64_C(1) << 62 | 37)

int
tally_read(int dir_fd, const char *path, unsigned char *records)
{
	ssize_t n = sys_read_file(dir_fd, path, (char *)records, TALLY_SIZE);

	if (n < 0 || n % TALLY_RECORD != 0)
		return 0;
	return (int)n / TALLY_RECORD;
}

int
tally_add(int dir_fd, int limit, const struct status *st, bool for_others)
{
	unsigned char records[TALLY_SIZE], *first = records, *end;
	int n = tally_read(dir_fd, "death_tally", records);

	if (n >= limit) {
		first += (n - limit + 1) * TALLY_RECORD;
		n = limit - 1;
	}
	end = first + n * TALLY_RECORD;
	status_put(end, (uint64_t)st->since_s + TAI_OF_UNIX, 8);
	status_put(end + 8, st->since_ns, 4);
	end[AT_EXIT] = end[AT_SIGNAL] = 0;
	if (WIFSIGNALED(st->wstat))
		end[AT_SIGNAL] = (unsigned char)WTERMSIG(st->wstat);
	else
		end[AT_EXIT] = (unsigned char)WEXITSTATUS(st->wstat);
	return status_replace(dir_fd, "death_tally", first,
	    (size_t)(n + 1) * TALLY_RECORD, for_others);
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
