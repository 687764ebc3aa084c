/* SPDX-License-Identifier: ISC */
#ifndef BENCH_H
#define BENCH_H

/*
 * What the drivers of the bench have in common. Each reads its rows from
 * standard input, one in a line, words separated by blanks:
 *
 *	NAME FLOOR GOAL [@WORD ...] COMMAND ...
 *
 * FLOOR is the name of the row that this one is a multiple of, GOAL how
 * often at most; either can be `-`. Before the command there can be
 *
 *	@pid1		it is PID 1 of a namespace
 *	@term, @kill	by which signal it is ended, where that is measured
 *	@exit		its own end is what is waited for
 *	@by COMMAND ... @run
 *			another command that does, or waits for, what is
 *measured
 *
 * and %N in a word of it is the number that the driver has for it.
 * What is not to be found or does not work is a row with a word instead of
 * numbers. The table goes to standard output, columns separated by tabs.
 *
 * A driver runs on one CPU, and so does all that it starts. It is a
 * subreaper: whatever a row leaves behind comes to be its child, and is
 * killed as such, before the number can be another's.
 */

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../../lib/sys.h"

enum {
	ROWS_MAX = 40,
	WORDS_MAX = 40,
	RUNS_MAX = 10000,
	FDS_MAX = 64,
	OWN_MAX = 8,   /* processes of one supervisor */
	NOTIFY_FD = 4, /* where a relay of readiness writes to */
};

struct row {
	char *name, *floor, *goal;
	char *argv[WORDS_MAX + 1];
	char *by[WORDS_MAX + 1];
	bool pid1, exits;
	int signal;    /* 0: none named */
	int number;    /* %N */
	int notify_fd; /* 0: none; else its NOTIFY_FD */
	char word[64]; /* why it has no numbers; empty: it has */
	pid_t pid;     /* 0: none */
	double samples[RUNS_MAX];
	int n;
	int lost; /* signals, survivors */
};

struct rows {
	struct row row[ROWS_MAX];
	int n;
};

static inline _Noreturn void
die(const char *what)
{
	perror(what);
	exit(111);
}

static inline int64_t
now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * NS_PER_S + t.tv_nsec;
}

static inline void
nap_ms(int ms)
{
	struct timespec nap = { ms / 1000, ms % 1000 * 1000000L };

	(void)nanosleep(&nap, NULL);
}

/* The last CPU: the first has most of the interrupts. */
static inline void
bench_begin(void)
{
	cpu_set_t set;
	int cpu = CPU_SETSIZE - 1, fd;

	for (fd = STDERR_FILENO + 1; fd < FDS_MAX; fd++)
		(void)close(fd); /* what a row inherits shall not vary */

	if (sched_getaffinity(0, sizeof(set), &set) == 0) {
		while (cpu > 0 && !CPU_ISSET(cpu, &set))
			cpu--;
		CPU_ZERO(&set);
		CPU_SET(cpu, &set);
		(void)sched_setaffinity(0, sizeof(set), &set);
	}
	(void)sys_prctl(PR_SET_CHILD_SUBREAPER, 1);
	(void)signal(SIGPIPE, SIG_IGN);
}

static inline bool
is_here(const char *command)
{
	char path[PATH_MAX], *dirs, *dir, *rest;

	if (strchr(command, '/') != NULL)
		return access(command, X_OK) == 0;
	rest = dirs = strdup(getenv("PATH") != NULL ? getenv("PATH") : "");
	while ((dir = strsep(&rest, ":")) != NULL) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, command);
		if (access(path, X_OK) == 0)
			break;
	}
	free(dirs);
	return dir != NULL;
}

/* False: the word is the first of a command. */
static inline bool
take_word(struct row *row, const char *word)
{
	if (strcmp(word, "@pid1") == 0)
		row->pid1 = true;
	else if (strcmp(word, "@exit") == 0)
		row->exits = true;
	else if (strcmp(word, "@term") == 0)
		row->signal = SIGTERM;
	else if (strcmp(word, "@kill") == 0)
		row->signal = SIGKILL;
	else
		return false;
	return true;
}

/* What is left of the line, into argv. */
static inline int
take_words(struct row *row, char **rest)
{
	char *word, **to = row->argv;
	int n = 0;

	while (
	    n < WORDS_MAX && (word = strtok_r(NULL, " \t\n", rest)) != NULL) {
		if (n == 0 && take_word(row, word))
			continue;
		if (strcmp(word, "@by") == 0 || strcmp(word, "@run") == 0) {
			to = word[1] == 'b' ? row->by : row->argv;
			n = 0;
		} else {
			to[n++] = word;
		}
	}
	return n;
}

static inline struct rows *
rows_read(void)
{
	struct rows *rows = calloc(1, sizeof(*rows));
	char *line = NULL, *rest;
	size_t size = 0;
	struct row *row;

	if (rows == NULL)
		die("rows");
	while (rows->n < ROWS_MAX && getline(&line, &size, stdin) > 0) {
		row = &rows->row[rows->n];
		rest = strdup(line);
		row->name = strtok_r(rest, " \t\n", &rest);
		row->floor = strtok_r(NULL, " \t\n", &rest);
		row->goal = strtok_r(NULL, " \t\n", &rest);
		if (take_words(row, &rest) == 0)
			continue; /* an empty line */
		if (!is_here(row->argv[0]) ||
		    (row->by[0] != NULL && !is_here(row->by[0])))
			(void)snprintf(
			    row->word, sizeof(row->word), "not here");
		rows->n++;
	}
	free(line);
	return rows;
}

static inline struct row *
rows_find(struct rows *rows, const char *name)
{
	int i;

	for (i = 0; i < rows->n; i++)
		if (strcmp(rows->row[i].name, name) == 0)
			return &rows->row[i];
	return NULL;
}

/* In a child that can be a vfork's: nothing of ours is changed. */
static inline _Noreturn void
row_exec(const struct row *row, char *const *command)
{
	static char numbered[WORDS_MAX][256];
	char *argv[WORDS_MAX + 1] = { NULL }, *at;
	int i, null_fd;

	for (i = 0; command[i] != NULL; i++) {
		argv[i] = command[i];
		at = strstr(argv[i], "%N");
		if (at == NULL)
			continue;
		(void)snprintf(numbered[i], sizeof(numbered[i]), "%.*s%d%s",
		    (int)(at - argv[i]), argv[i], row->number, at + 2);
		argv[i] = numbered[i];
	}
	if (getenv("BENCH_LOUD") == NULL) {
		null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
		(void)dup2(null_fd, STDIN_FILENO);
		(void)dup2(null_fd, STDOUT_FILENO);
		(void)dup2(null_fd, STDERR_FILENO);
	}
	if (row->notify_fd > 0)
		(void)dup2(row->notify_fd, NOTIFY_FD);
	(void)execvp(argv[0], argv);
	_exit(127);
}

static inline void
row_start(struct row *row)
{
	if (row->pid1)
		row->pid = sys_clone(SYS_CLONE_NEWPID, SIGCHLD, NULL);
	else
		row->pid = vfork();
	if (row->pid == 0)
		row_exec(row, row->argv);
	if (row->pid < 0)
		die("fork");
}

/* The other command of a row; its pid. */
static inline pid_t
row_start_by(struct row *row)
{
	pid_t pid = vfork();

	if (pid == 0)
		row_exec(row, row->by);
	if (pid < 0)
		die("fork");
	return pid;
}

/* Other children are reaped on the way. */
static inline int
wait_for(pid_t wanted)
{
	int status = 0;
	pid_t pid;

	do
		pid = waitpid(-1, &status, 0);
	while (pid != wanted && (pid > 0 || errno == EINTR));
	return status;
}

static inline int
row_wait(struct row *row)
{
	int status = wait_for(row->pid);

	row->pid = 0;
	return status;
}

/* the status of a row that does not work is the word for it */
static inline void
row_refused(struct row *row, int status)
{
	if (WIFSIGNALED(status))
		(void)snprintf(row->word, sizeof(row->word),
		    "refused: signal %d", WTERMSIG(status));
	else
		(void)snprintf(row->word, sizeof(row->word),
		    "refused: exits with %d", WEXITSTATUS(status));
}

/* The children of a process, from /proc (CONFIG_PROC_CHILDREN). */
static inline int
children_of(pid_t pid, pid_t *pids, int room)
{
	char path[64];
	FILE *file;
	int n = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children",
	    (int)pid, (int)pid);
	file = fopen(path, "re");
	if (file == NULL)
		return 0;
	while (n < room && fscanf(file, "%d", &pids[n]) == 1)
		n++;
	(void)fclose(file);
	return n;
}

/* SIGKILL to all that came of us, within limit_ms; how many still are. */
static inline int
kill_all_left(int limit_ms)
{
	static pid_t pids[8192];
	int64_t end_ns = now_ns() + limit_ms * (int64_t)NS_PER_MS;
	int n = 0, i;

	for (;;) {
		/* ours and not reaped: the number is still theirs */
		n = children_of(getpid(), pids, 8192);
		for (i = 0; i < n; i++)
			(void)kill(pids[i], SIGKILL);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		if (waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD)
			return 0;
		if (now_ns() > end_ns)
			return n;
		nap_ms(1);
	}
}

/* The polite way, so that what a supervisor has made is removed by it. */
static inline void
end_all(int limit_ms)
{
	static pid_t pids[8192];
	int64_t end_ns = now_ns() + limit_ms * (int64_t)NS_PER_MS;
	int n = children_of(getpid(), pids, 8192), i;
	pid_t pid;

	for (i = 0; i < n; i++)
		(void)kill(pids[i], SIGTERM); /* ours and not reaped */
	while ((pid = waitpid(-1, NULL, WNOHANG)) >= 0 && now_ns() < end_ns)
		if (pid == 0)
			nap_ms(1);
	(void)kill_all_left(5000);
}

/*
 * The processes of the supervisor of a row: the one that was started and what
 * came of it and is of the same file, that is, not of the program.
 */
static inline int
own_processes(pid_t pid, pid_t *pids, int n)
{
	char path[64];
	struct stat first, st;
	pid_t children[64];
	int count, i;

	if (n == 0)
		pids[n++] = pid;
	(void)snprintf(path, sizeof(path), "/proc/%d/exe", (int)pids[0]);
	if (stat(path, &first) < 0)
		return n;
	count = children_of(pid, children, 64);
	for (i = 0; i < count && n < OWN_MAX; i++) {
		(void)snprintf(
		    path, sizeof(path), "/proc/%d/exe", (int)children[i]);
		if (stat(path, &st) < 0 || st.st_ino != first.st_ino ||
		    st.st_dev != first.st_dev)
			continue;
		pids[n++] = children[i];
		n = own_processes(children[i], pids, n);
	}
	return n;
}

/* The sum of the numbers after each line that begins with key. */
static inline long
sum_in_file(const char *path, const char *key)
{
	char line[512], *value;
	FILE *file = fopen(path, "re");
	long sum = 0;

	if (file == NULL)
		return 0;
	while (fgets(line, sizeof(line), file) != NULL) {
		if (strncmp(line, key, strlen(key)) != 0)
			continue;
		value = line + strcspn(line, ": ");
		sum += strtol(value + 1, NULL, 10);
	}
	(void)fclose(file);
	return sum;
}

/* The same, in /proc/PID/file of each. */
static inline long
sum_in_proc(const pid_t *pids, int n, const char *name, const char *key)
{
	char path[64];
	long sum = 0;
	int i;

	for (i = 0; i < n; i++) {
		(void)snprintf(
		    path, sizeof(path), "/proc/%d/%s", (int)pids[i], name);
		sum += sum_in_file(path, key);
	}
	return sum;
}

/* How often they gave up the CPU: a wakeup ends in one. */
static inline long
wakeups_of(const pid_t *pids, int n)
{
	return sum_in_proc(pids, n, "status", "voluntary_ctxt_switches") +
	       sum_in_proc(pids, n, "status", "nonvoluntary_ctxt_switches");
}

static inline int64_t
cpu_ns_of(const pid_t *pids, int n)
{
	char path[64];
	long long ns, sum = 0;
	FILE *file;
	int i;

	for (i = 0; i < n; i++) {
		(void)snprintf(
		    path, sizeof(path), "/proc/%d/schedstat", (int)pids[i]);
		file = fopen(path, "re");
		if (file == NULL)
			continue;
		if (fscanf(file, "%lld", &ns) == 1)
			sum += ns;
		(void)fclose(file);
	}
	return sum;
}

static inline int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static inline void
row_sample(struct row *row, double value)
{
	if (row->n < RUNS_MAX)
		row->samples[row->n++] = value;
}

/* the sample below which there are `quarter` quarters of them */
static inline double
row_quartile(struct row *row, int quarter)
{
	if (row->n == 0)
		return 0;
	qsort(row->samples, (size_t)row->n, sizeof(*row->samples), compare);
	return row->samples[(row->n - 1) * quarter / 4];
}

/* A cell with the ratio of two values, and cells of floor and goal. */
static inline void
print_ratio(struct rows *rows, struct row *row)
{
	struct row *floor = rows_find(rows, row->floor);

	if (floor == NULL || floor->n == 0)
		printf("\t-");
	else
		printf("\t%.2f", row_quartile(row, 2) / row_quartile(floor, 2));
	printf("\t%s\t%s", row->floor, row->goal);
}

/* The whole table, of samples in microseconds; lost: what that means here. */
static inline void
rows_print(struct rows *rows, const char *lost)
{
	struct row *row;
	int i;

	printf("name\tmedian\tq1\tq3\tratio\tfloor\tgoal\tn%s%s\n",
	    lost != NULL ? "\t" : "", lost != NULL ? lost : "");
	for (i = 0; i < rows->n; i++) {
		row = &rows->row[i];
		if (*row->word != '\0') {
			printf("%s\t%s\n", row->name, row->word);
			continue;
		}
		printf("%s\t%.1f\t%.1f\t%.1f", row->name, row_quartile(row, 2),
		    row_quartile(row, 1), row_quartile(row, 3));
		print_ratio(rows, row);
		printf("\t%d", row->n);
		if (lost != NULL)
			printf("\t%d", row->lost);
		printf("\n");
	}
}

/* A fifo made anew; open for reading, and for writing unless it shall end. */
static inline int
open_fifo(const char *path, bool ends)
{
	int fd;

	(void)unlink(path);
	if (mkfifo(path, 0666) < 0)
		die(path);
	fd = open(path, (ends ? O_RDONLY : O_RDWR) | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		die(path);
	return fd;
}

/* Reads count bytes, within limit_ms; false: they did not come. */
static inline bool
read_within(int fd, void *data, size_t count, int limit_ms)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };
	int64_t end_ns = now_ns() + limit_ms * (int64_t)NS_PER_MS;
	char *to = data;
	ssize_t n;

	while (count > 0) {
		n = read(fd, to, count);
		if (n > 0) {
			to += n;
			count -= (size_t)n;
			continue;
		}
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return false;
		if (now_ns() > end_ns)
			return false;
		if (n == 0) /* a fifo that nobody has opened yet */
			nap_ms(1);
		else
			(void)poll(&pollfd, 1, 100);
	}
	return true;
}

#endif
