/* SPDX-License-Identifier: ISC */
/*
 * orphans COUNT DIR: how often the processes of a supervisor wake up, and the
 * CPU that they take in us, while COUNT orphans end that `load orphans
 * DIR/NAME.fifo COUNT` makes.
 */
#include "bench.h"

enum {
	LIMIT_MS = 30000,
	SETTLE_MS = 200,
};

static void
run(struct row *row, const char *dir, int count)
{
	char fifo[256], go[256 + 4], byte;
	int fd, go_fd, n;
	pid_t pids[OWN_MAX];
	int64_t cpu_ns, began_ns;
	long wakeups;

	(void)snprintf(fifo, sizeof(fifo), "%s/%s.fifo", dir, row->name);
	(void)snprintf(go, sizeof(go), "%s.go", fifo);
	fd = open_fifo(fifo, false);
	go_fd = open_fifo(go, false);
	row_start(row);
	if (!read_within(fd, &byte, 1, LIMIT_MS / 10)) {
		printf("%s\trefused: does not start\n", row->name);
		end_all(1000);
		return;
	}
	nap_ms(SETTLE_MS);
	n = own_processes(row->pid, pids, 0);
	wakeups = wakeups_of(pids, n);
	cpu_ns = cpu_ns_of(pids, n);
	began_ns = now_ns();
	(void)!write(go_fd, "", 1);
	if (!read_within(fd, &byte, 1, LIMIT_MS)) {
		printf("%s\trefused: no end\n", row->name);
	} else {
		began_ns = now_ns() - began_ns;
		nap_ms(SETTLE_MS);
		printf("%s\t%ld\t%.0f\t%.0f\t%d\n", row->name,
		    wakeups_of(pids, n) - wakeups,
		    (double)(cpu_ns_of(pids, n) - cpu_ns) / 1000,
		    (double)began_ns / 1000, count);
	}
	(void)fflush(stdout);
	end_all(500);
	(void)close(fd);
	(void)close(go_fd);
}

int
main(int argc, char **argv)
{
	struct rows *rows = rows_read();
	int i;

	bench_begin();
	if (argc < 3)
		return 100;
	printf("name\twakeups\tcpu\tduration\torphans\n");
	for (i = 0; i < rows->n; i++)
		if (*rows->row[i].word != '\0')
			printf(
			    "%s\t%s\n", rows->row[i].name, rows->row[i].word);
		else
			run(&rows->row[i], argv[2], atoi(argv[1]));
	return 0;
}
