/* SPDX-License-Identifier: ISC */
/*
 * ready RUNS DIR: from the newline of a program that is ready to who waits
 * for that: us, for a newline on a row's descriptor 4; or a process that
 * ends, which is the command itself (@exit) or another (@by). Rows run `load
 * ready DIR/NAME.fifo FD`.
 */
#include "bench.h"

enum {
	LIMIT_MS = 2000,
	SETTLE_MS = 30, /* the waiter waits, the supervisor is idle */
};

/* When who waits was released, or -1. */
static int64_t
released_ns(struct row *row, pid_t waiter, int notify_fd)
{
	char byte;

	if (waiter == 0)
		return read_within(notify_fd, &byte, 1, LIMIT_MS) ? now_ns()
								  : -1;
	(void)alarm(LIMIT_MS / 1000);
	if (waitpid(waiter, NULL, 0) != waiter)
		return -1;
	(void)alarm(0);
	if (waiter == row->pid)
		row->pid = 0;
	return now_ns();
}

static void
run(struct row *row, int fifo_fd, int go_fd)
{
	int64_t ready_ns, ns;
	pid_t waiter = 0;
	int fds[2];
	char byte;

	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
		die("pipe2");
	row->notify_fd = fds[1];
	row_start(row);
	(void)close(fds[1]);
	if (!read_within(fifo_fd, &byte, 1, LIMIT_MS)) {
		(void)strcpy(row->word, "refused: does not start");
		goto out;
	}
	row->notify_fd = 0;
	if (row->by[0] != NULL)
		waiter = row_start_by(row);
	if (row->exits)
		waiter = row->pid;
	nap_ms(SETTLE_MS);
	(void)!write(go_fd, "", 1);
	ns = released_ns(row, waiter, fds[0]);
	if (read_within(fifo_fd, &ready_ns, sizeof(ready_ns), LIMIT_MS) &&
	    ns >= 0)
		row_sample(row, (double)(ns - ready_ns) / 1000);
	else
		row->lost++;
out:
	(void)close(fds[0]);
	end_all(2000);
}

static void
on_alarm(int sig)
{
	(void)sig; /* waitpid is to be interrupted */
}

int
main(int argc, char **argv)
{
	struct rows *rows = rows_read();
	struct sigaction action = { .sa_handler = on_alarm };
	int runs = argc > 1 ? atoi(argv[1]) : 1, n, i;
	static int fds[ROWS_MAX], go_fds[ROWS_MAX];
	char path[256];

	bench_begin();
	(void)sigaction(SIGALRM, &action, NULL);
	for (i = 0; i < rows->n; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s.fifo", argv[2],
		    rows->row[i].name);
		fds[i] = open_fifo(path, false);
		(void)strcat(path, ".go");
		go_fds[i] = open_fifo(path, false);
	}
	for (n = 0; n < runs; n++)
		for (i = 0; i < rows->n; i++)
			if (*rows->row[i].word == '\0')
				run(&rows->row[i], fds[i], go_fds[i]);
	rows_print(rows, "lost");
	return 0;
}
