/* SPDX-License-Identifier: ISC */
/*
 * kill RUNS DIR COUNT ...: from the signal that a row names to the end of all
 * of COUNT processes, and of the supervisor; RUNS times at most. Rows run `load
 * crowd DIR/fifo %N`. What lives on a while after the supervisor has returned
 * is counted and killed. The exponent is that of a fit through all the counts
 * from 100 on.
 */
#include "bench.h"

enum {
	LEFT_MS = 300,
	LIMIT_S = 20,
	FEW = 100,
	FEW_LIMIT_S = 2,
};

struct fit {
	double n, x, y, xx, xy;
};

static void
on_alarm(int sig)
{
	(void)sig; /* waitpid is to be interrupted */
}

static int
count_descendants(pid_t pid)
{
	pid_t *pids = calloc(8192, sizeof(*pids));
	int n, i, sum;

	if (pids == NULL)
		die("pids");
	sum = n = children_of(pid, pids, 8192);
	for (i = 0; i < n; i++)
		sum += count_descendants(pids[i]);
	free(pids);
	return sum;
}

/* The last that has the fifo open has closed it: dead, if not reaped. */
static bool
are_gone(int fifo_fd)
{
	struct pollfd pollfd = { .fd = fifo_fd };

	return poll(&pollfd, 1, LEFT_MS) > 0;
}

static void
reap_all(void)
{
	while (waitpid(-1, NULL, 0) > 0)
		;
}

static void
run(struct row *row, const char *fifo, int count)
{
	static char bytes[8192];
	int fd = open_fifo(fifo, true), status = 0;
	int64_t began_ns;

	row->number = count;
	row_start(row);
	if (!read_within(fd, bytes, (size_t)count, LIMIT_S * 1000)) {
		(void)strcpy(row->word, "refused: does not start");
		(void)kill_all_left(5000);
		(void)close(fd);
		return;
	}
	nap_ms(5);
	began_ns = now_ns();
	(void)alarm(count < FEW ? FEW_LIMIT_S : LIMIT_S);
	(void)kill(row->pid, row->signal);
	while (waitpid(row->pid, &status, 0) < 0 && errno != EINTR)
		;
	if (are_gone(fd)) {
		reap_all();
		row_sample(row, (double)(now_ns() - began_ns) / 1000);
	} else {
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		row->lost += count_descendants(getpid());
	}
	(void)alarm(0);
	(void)kill_all_left(10000);
	(void)close(fd);
}

static void
print(struct rows *rows, struct row *row, int count)
{
	printf("%s\t%d", row->name, count);
	if (*row->word != '\0') {
		printf("\t%s\n", row->word);
		return;
	}
	if (row->n == 0)
		printf("\t-\t-\t-\t-\t%s\t%s", row->floor, row->goal);
	else
		printf("\t%.0f\t%.0f\t%.0f", row_quartile(row, 2),
		    row_quartile(row, 1), row_quartile(row, 3));
	if (row->n != 0)
		print_ratio(rows, row);
	printf("\t%d\t%d\n", row->n, row->lost);
}

static void
add(struct fit *fit, double count, double value)
{
	double x = log(count), y = log(value);

	fit->n++;
	fit->x += x;
	fit->y += y;
	fit->xx += x * x;
	fit->xy += x * y;
}

static double
slope(const struct fit *fit)
{
	return (fit->n * fit->xy - fit->x * fit->y) /
	       (fit->n * fit->xx - fit->x * fit->x);
}

static void
measure(
    struct rows *rows, struct fit *fits, const char *fifo, int count, int runs)
{
	struct row *row;
	int n, i;

	for (i = 0; i < rows->n; i++)
		rows->row[i].n = rows->row[i].lost = 0;
	for (n = 0; n < runs; n++)
		for (i = 0; i < rows->n; i++) {
			row = &rows->row[i];
			/* what leaves survivors is shown once */
			if (*row->word == '\0' && row->lost == 0)
				run(row, fifo, count);
		}
	for (i = 0; i < rows->n; i++) {
		row = &rows->row[i];
		if (count > 10 && row->lost == 0 && row->n != 0)
			add(&fits[i], count, row_quartile(row, 2));
		print(rows, row, count);
	}
	(void)fflush(stdout);
}

/* So that each count takes about as long, the dear ones a little longer. */
static int
runs_of(int count)
{
	return count >= 5000 ? 3 : count >= 1000 ? 6 : count >= 100 ? 8 : 12;
}

int
main(int argc, char **argv)
{
	struct rows *rows = rows_read();
	struct fit fits[ROWS_MAX] = { 0 };
	struct sigaction action = { .sa_handler = on_alarm };
	char fifo[256];
	int i, runs;

	if (argc < 4)
		return 100;
	bench_begin();
	(void)sigaction(SIGALRM, &action, NULL);
	(void)snprintf(fifo, sizeof(fifo), "%s/fifo", argv[2]);
	printf("name\tcount\tmedian\tq1\tq3\tratio\tfloor\tgoal\tn\tleft\n");
	for (i = 3; i < argc; i++) {
		runs = runs_of(atoi(argv[i]));
		if (runs > atoi(argv[1]))
			runs = atoi(argv[1]);
		measure(rows, fits, fifo, atoi(argv[i]), runs);
	}
	for (i = 0; i < rows->n; i++)
		if (fits[i].n > 1)
			printf("%s\texponent\t%.2f\n", rows->row[i].name,
			    slope(&fits[i]));
	return 0;
}
