/* SPDX-License-Identifier: ISC */
/*
 * one SECONDS DIR: what one of each command takes that runs `load sleep
 * DIR/NAME.fifo`: the size of its file, memory, descriptors, and how
 * often its processes wake up in SECONDS. The program's own are left out.
 */
#include <dirent.h>

#include "bench.h"

enum {
	LIMIT_MS = 2000,
	SETTLE_MS = 1000,
};

struct one {
	pid_t pids[OWN_MAX];
	int n;
	long wakeups;
};

static int
count_fds(const struct one *one)
{
	char path[64];
	struct dirent *entry;
	int count = 0, i;
	DIR *dir;

	for (i = 0; i < one->n; i++) {
		(void)snprintf(
		    path, sizeof(path), "/proc/%d/fd", (int)one->pids[i]);
		dir = opendir(path);
		if (dir == NULL)
			continue;
		while ((entry = readdir(dir)) != NULL)
			count += *entry->d_name != '.';
		(void)closedir(dir);
	}
	return count;
}

static void
print(const struct row *row, const struct one *one, long wakeups)
{
	char path[64];
	struct stat st = { 0 };

	(void)snprintf(path, sizeof(path), "/proc/%d/exe", (int)one->pids[0]);
	(void)stat(path, &st);
	printf("%s\t%d\t%.1f\t%ld\t%ld\t%ld\t%d\t%ld\n", row->name, one->n,
	    (double)st.st_size / 1024,
	    sum_in_proc(one->pids, one->n, "smaps_rollup", "Rss:"),
	    sum_in_proc(one->pids, one->n, "smaps_rollup", "Pss:"),
	    sum_in_proc(one->pids, one->n, "smaps_rollup", "Private_"),
	    count_fds(one), wakeups);
}

int
main(int argc, char **argv)
{
	struct rows *rows = rows_read();
	struct one ones[ROWS_MAX] = { 0 };
	int seconds = argc > 1 ? atoi(argv[1]) : 1, fd, i;
	struct row *row;
	char path[256], byte;

	bench_begin();
	for (i = 0; i < rows->n; i++) {
		row = &rows->row[i];
		if (*row->word != '\0')
			continue;
		(void)snprintf(
		    path, sizeof(path), "%s/%s.fifo", argv[2], row->name);
		fd = open_fifo(path, false);
		row_start(row);
		if (!read_within(fd, &byte, 1, LIMIT_MS))
			(void)strcpy(row->word, "refused: does not start");
	}
	nap_ms(SETTLE_MS);
	for (i = 0; i < rows->n; i++) {
		ones[i].n = own_processes(rows->row[i].pid, ones[i].pids, 0);
		ones[i].wakeups = wakeups_of(ones[i].pids, ones[i].n);
	}
	nap_ms(seconds * 1000);
	printf("name\tprocesses\tfile\trss\tpss\tprivate\tfds\twakeups\n");
	for (i = 0; i < rows->n; i++) {
		row = &rows->row[i];
		if (*row->word != '\0')
			printf("%s\t%s\n", row->name, row->word);
		else
			print(row, &ones[i],
			    wakeups_of(ones[i].pids, ones[i].n) -
				ones[i].wakeups);
	}
	end_all(500);
	return 0;
}
