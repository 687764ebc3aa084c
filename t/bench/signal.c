/* SPDX-License-Identifier: ISC */
/*
 * signal RUNS DIR: from the kill of a supervisor, or the start of the client
 * that is asked to have a signal sent, to the handler in the program; and how
 * many did not come within a second. Rows run `load signals DIR/NAME.fifo`.
 */
#include "bench.h"

enum {
	LIMIT_MS = 1000,
	CLIENT_EVERY = 10, /* a client is a thousand times the work */
};

static int fifo_fds[ROWS_MAX];

static void
run(struct row *row, int fd)
{
	int64_t began_ns = now_ns(), handled_ns;
	pid_t pid = 0;

	if (row->by[0] != NULL)
		pid = row_start_by(row);
	else
		(void)kill(row->pid, SIGALRM);
	if (read_within(fd, &handled_ns, sizeof(handled_ns), LIMIT_MS))
		row_sample(row, (double)(handled_ns - began_ns) / 1000);
	else
		row->lost++;
	if (pid != 0)
		(void)wait_for(pid);
}

int
main(int argc, char **argv)
{
	struct rows *rows = rows_read();
	int runs = argc > 1 ? atoi(argv[1]) : 1, n, i;
	char path[256];
	struct row *row;
	int64_t ns;

	bench_begin();
	for (i = 0; i < rows->n; i++) {
		row = &rows->row[i];
		if (*row->word != '\0')
			continue;
		(void)snprintf(
		    path, sizeof(path), "%s/%s.fifo", argv[2], row->name);
		fifo_fds[i] = open_fifo(path, false);
		row_start(row);
		if (!read_within(fifo_fds[i], &ns, sizeof(ns), LIMIT_MS))
			(void)strcpy(row->word, "does not start");
	}
	nap_ms(100); /* past their starts */
	for (n = 0; n < runs; n++)
		for (i = 0; i < rows->n; i++) {
			row = &rows->row[i];
			if (*row->word == '\0' &&
			    (row->by[0] == NULL || n % CLIENT_EVERY == 0))
				run(row, fifo_fds[i]);
		}
	end_all(500);
	rows_print(rows, "lost");
	return 0;
}
