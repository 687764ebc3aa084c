/* SPDX-License-Identifier: ISC */
/*
 * many COUNT DIR: COUNT of a command at once, each numbered (%N), which run
 * `load sleep DIR/fifo`. For each of them: the CPU of its start and of
 * its end by SIGTERM, its private memory without that of its program, and the
 * kernel's memory beyond that of the first row, which is the bare program.
 *
 * The CPU is that of $BENCH_CGROUP, in which all of this runs; without one it
 * is the time, for there is one CPU. The kernel's memory is what the whole
 * machine has more of: the table wants a quiet one.
 */
#include "bench.h"

enum {
	MANY_MAX = 2000,
	LIMIT_MS = 20000,
	STOP_LIMIT_MS = 10000,
	SETTLE_MS = 300,
};

struct result {
	double start_us, stop_us, private_kib, kernel_kib;
};

static double
cpu_us(void)
{
	const char *cgroup = getenv("BENCH_CGROUP");
	char path[PATH_MAX];
	long us = 0;

	if (cgroup != NULL) {
		(void)snprintf(path, sizeof(path), "%s/cpu.stat", cgroup);
		us = sum_in_file(path, "usage_usec");
	}
	return us != 0 ? (double)us : (double)(now_ns() / 1000);
}

static double
kernel_kib(void)
{
	const char *path = "/proc/meminfo";

	return (double)(sum_in_file(path, "Slab:") +
			sum_in_file(path, "KernelStack:") +
			sum_in_file(path, "PageTables:") +
			sum_in_file(path, "Percpu:"));
}

static double
private_kib(const pid_t *started, int count)
{
	pid_t own[OWN_MAX];
	double sum = 0;
	int i, n;

	for (i = 0; i < count; i++) {
		n = own_processes(started[i], own, 0);
		sum += (double)sum_in_proc(own, n, "smaps_rollup", "Private_");
	}
	return sum;
}

/* False: a signal that it takes does not end it. */
static bool
stop_all(const struct row *row, const pid_t *started, int count)
{
	int64_t end_ns = now_ns() + STOP_LIMIT_MS * (int64_t)NS_PER_MS;
	int i, left = count;
	pid_t pid;

	for (i = 0; i < count; i++)
		(void)kill(started[i], row->signal ? row->signal : SIGTERM);
	while (left > 0 && (pid = waitpid(-1, NULL, WNOHANG)) >= 0) {
		if (pid != 0)
			left--;
		else if (now_ns() > end_ns)
			return false;
		else
			nap_ms(1);
	}
	return true;
}

static void
run(struct row *row, int fifo_fd, int count, struct result *ret)
{
	static pid_t started[MANY_MAX];
	double before, kernel = kernel_kib();
	char byte;
	int settle_ms = count < SETTLE_MS ? count : SETTLE_MS, i;

	before = cpu_us();
	for (i = 0; i < count; i++) {
		row->number = i;
		row_start(row);
		started[i] = row->pid;
		if (read_within(fifo_fd, &byte, 1, LIMIT_MS))
			continue;
		(void)strcpy(row->word, "refused: does not start");
		(void)kill_all_left(10000);
		return;
	}
	nap_ms(settle_ms);
	ret->start_us = (cpu_us() - before) / count;
	ret->kernel_kib = (kernel_kib() - kernel) / count;
	ret->private_kib = private_kib(started, count) / count;
	before = cpu_us();
	if (!stop_all(row, started, count))
		(void)strcpy(row->word, "refused: does not stop");
	ret->stop_us = (cpu_us() - before) / count;
	(void)kill_all_left(10000);
	nap_ms(settle_ms); /* what is freed later */
}

int
main(int argc, char **argv)
{
	struct rows *rows = rows_read();
	struct result results[ROWS_MAX] = { 0 }, *floor, *result;
	int count = argc > 1 ? atoi(argv[1]) : 1, fifo_fd, i;
	struct row *row, *of;
	char path[256];

	bench_begin();
	(void)snprintf(path, sizeof(path), "%s/fifo", argv[2]);
	fifo_fd = open_fifo(path, false);
	if (count > MANY_MAX)
		count = MANY_MAX;
	printf("name\tstart\tratio\tstop\tratio\tfloor\tgoal\tprivate"
	       "\tkernel\tn\n");
	for (i = 0; i < rows->n; i++) {
		row = &rows->row[i];
		result = &results[i];
		if (*row->word == '\0')
			run(row, fifo_fd, count, result);
		if (*row->word != '\0') {
			printf("%s\t%s\n", row->name, row->word);
			continue;
		}
		of = rows_find(rows, row->floor);
		floor = of != NULL ? &results[of - rows->row] : result;
		printf("%s\t%.0f\t%.2f\t%.0f\t%.2f\t%s\t%s\t%.1f\t%.1f\t%d\n",
		    row->name, result->start_us,
		    result->start_us / floor->start_us, result->stop_us,
		    result->stop_us / floor->stop_us, row->floor, row->goal,
		    result->private_kib,
		    result->kernel_kib - results[0].kernel_kib, count);
		(void)fflush(stdout);
	}
	return 0;
}
