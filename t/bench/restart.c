/* SPDX-License-Identifier: ISC */
/*
 * restart RUNS MS DIR: from the end of a program that ran for MS milliseconds
 * to the beginning of the next, which is after the exec, us. Rows run `load
 * tick DIR/NAME.fifo MS`, or with @exit anything, whose start and end is then
 * what is measured. Short ones take turns; long ones run all at the same time.
 */
#include "bench.h"

enum {
	TURNS = 5,
	SHORT_MS = 100,
	LIMIT_MS = 5000,
	STAGGER_MS = 150,
};

static void
take_start(struct row *row)
{
	int64_t began_ns = now_ns();
	int status;

	row_start(row);
	status = row_wait(row);
	row_sample(row, (double)(now_ns() - began_ns) / 1000);
	if (status != 0)
		row_refused(row, status);
}

/* The first stamp of a row is a beginning, the others are gaps. */
static bool
take_gap(struct row *row, int fd)
{
	int64_t ns[2];

	if (!read_within(fd, ns, sizeof(ns), LIMIT_MS))
		return false;
	row_sample(row, (double)(ns[1] - ns[0]) / 1000);
	return true;
}

static void
begin(struct row *row, int fd)
{
	int64_t ns;

	row_start(row);
	if (!read_within(fd, &ns, sizeof(ns), LIMIT_MS))
		(void)strcpy(row->word, "refused: does not start");
}

static int
open_stamps(const struct row *row, const char *dir)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s.fifo", dir, row->name);
	return open_fifo(path, false);
}

static void
run_short(struct row *row, const char *dir, int runs)
{
	int fd = row->exits ? -1 : open_stamps(row, dir), n;

	if (fd >= 0)
		begin(row, fd);
	for (n = 0; n < runs && *row->word == '\0'; n++) {
		if (fd < 0)
			take_start(row);
		else if (!take_gap(row, fd))
			(void)strcpy(row->word, "refused: does not restart");
	}
	if (fd >= 0) {
		end_all(LIMIT_MS);
		(void)close(fd);
	}
}

static void
run_long(struct rows *rows, const char *dir, int runs)
{
	static int fds[ROWS_MAX];
	struct row *row;
	int i, n;

	for (i = 0; i < rows->n; i++) {
		row = &rows->row[i];
		if (*row->word != '\0' || row->exits)
			continue;
		fds[i] = open_stamps(row, dir);
		begin(row, fds[i]);
		nap_ms(STAGGER_MS); /* not all at the same instant */
	}
	for (n = 0; n < runs; n++)
		for (i = 0; i < rows->n; i++) {
			row = &rows->row[i];
			if (*row->word != '\0')
				continue;
			if (row->exits)
				take_start(row);
			else if (!take_gap(row, fds[i]))
				(void)strcpy(row->word, "refused: no restart");
		}
	end_all(LIMIT_MS);
}

int
main(int argc, char **argv)
{
	struct rows *rows = rows_read();
	int runs, ms, turn, i;

	if (argc < 4)
		return 100;
	bench_begin();
	runs = atoi(argv[1]);
	ms = atoi(argv[2]);
	if (ms > SHORT_MS)
		run_long(rows, argv[3], runs);
	for (turn = 0; turn < TURNS && ms <= SHORT_MS; turn++)
		for (i = 0; i < rows->n; i++)
			if (*rows->row[i].word == '\0')
				run_short(&rows->row[i], argv[3],
				    (runs + TURNS - 1) / TURNS);
	rows_print(rows, NULL);
	return 0;
}
