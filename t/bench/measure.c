/* SPDX-License-Identifier: ISC */
/*
 * measure RUNS: the time from the fork of each command to its reaped end, in
 * microseconds; first of one, then of the next, RUNS times over.
 */
#include "bench.h"

enum {
	WARM_UP = 3,
};

static void
run(struct row *row, bool counts)
{
	int64_t began_ns = now_ns();
	int status;

	row_start(row);
	status = row_wait(row);
	if (counts)
		row_sample(row, (double)(now_ns() - began_ns) / 1000);
	if (status != 0)
		row_refused(row, status);
}

int
main(int argc, char **argv)
{
	struct rows *rows = rows_read();
	int runs = argc > 1 ? atoi(argv[1]) : 1, n, i;

	bench_begin();
	for (n = -WARM_UP; n < runs; n++)
		for (i = 0; i < rows->n; i++)
			if (*rows->row[i].word == '\0')
				run(&rows->row[i], n >= 0);
	(void)kill_all_left(1000);
	rows_print(rows, NULL);
	return 0;
}
