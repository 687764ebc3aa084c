/* SPDX-License-Identifier: ISC */
/*
 * pure-loop close		check fd_close_others, with and without
 *				close_range
 * pure-loop close-no-proc DIR	the same in DIR as root directory: no /proc
 * pure-loop wait		check loop_wait
 *
 * Prints what is wrong, a line each, and exits with 1 then.
 */
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../lib/loop.h"
#include "../../lib/sys.h"

#define LENGTH(array) (sizeof(array) / sizeof(*(array)))
#define MS INT64_C(1000000)

static int failures, checks;

__attribute__((format(printf, 2, 3))) static void
check(bool good, const char *format, ...)
{
	va_list args;

	checks++;
	if (good)
		return;
	failures++;
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

/* ---- fd_close_others -------------------------------------------------- */

enum {
	FDS = 512,
	KEPT = 8
};

static bool
is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

struct closing {
	int first;
	size_t nkept;
	int kept[KEPT];
	bool by_hand;
};

/* In a process of its own: everything is open, then only what is kept. */
static int
close_and_look(const struct closing *c, bool sparse)
{
	struct rlimit limit = { FDS, FDS };
	bool expected[FDS];
	int kept[KEPT], fd, wrong = 0;
	size_t i;

	for (fd = 0; fd < FDS; fd++)
		if (!is_open(fd) && (!sparse || fd % 7 == 0))
			(void)dup2(STDERR_FILENO, fd);
	for (fd = 0; fd < FDS; fd++)
		expected[fd] = is_open(fd) && fd < c->first;
	for (i = 0; i < c->nkept; i++)
		if (c->kept[i] >= 0 && c->kept[i] < FDS)
			expected[c->kept[i]] = is_open(c->kept[i]);
	if (sparse && c->by_hand) /* by trial: as far as that goes */
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	memcpy(kept, c->kept, sizeof(kept));
	fd_close_others(c->first, kept, c->nkept, c->by_hand);
	for (fd = 0; fd < FDS; fd++)
		wrong += is_open(fd) != expected[fd];
	return wrong > 100 ? 100 : wrong;
}

static void
check_closing(const struct closing *c, bool sparse)
{
	int status = -1;
	pid_t pid;

	(void)fflush(stdout);
	pid = fork();
	if (pid == 0)
		_exit(close_and_look(c, sparse));
	(void)waitpid(pid, &status, 0);
	check(status == 0,
	    "from %d, %zu kept (%d %d %d ...), by hand %d, sparse %d: "
	    "%d wrong (status %d)",
	    c->first, c->nkept, c->kept[0], c->kept[1], c->kept[2], c->by_hand,
	    sparse, WEXITSTATUS(status), status);
}

static void
test_close(void)
{
	static const struct closing table[] = {
		{ .first = 0, .nkept = 0 },
		{ .first = 3, .nkept = 0 },
		{ .first = 100, .nkept = 0 },
		{ .first = 3, .nkept = 1, .kept = { 3 } },
		{ .first = 3, .nkept = 1, .kept = { 4 } },
		{ .first = 0, .nkept = 1, .kept = { 0 } },
		{ .first = 0, .nkept = 1, .kept = { 2 } },
		{ .first = 0, .nkept = 1, .kept = { FDS - 1 } },
		{ .first = 0, .nkept = 3, .kept = { 5, 6, 7 } },
		{ .first = 0, .nkept = 3, .kept = { 7, 6, 5 } },
		{ .first = 0, .nkept = 3, .kept = { 6, 7, 5 } },
		{ .first = 0, .nkept = 3, .kept = { 5, 300, 50 } },
		{ .first = 0, .nkept = 3, .kept = { 300, 50, 5 } },
		{ .first = 0, .nkept = 3, .kept = { 50, 300, 5 } },
		{ .first = 0, .nkept = 3, .kept = { 50, 5, 300 } },
		/* none */
		{ .first = 0, .nkept = 1, .kept = { -1 } },
		{ .first = 3, .nkept = 3, .kept = { -1, -1, -1 } },
		{ .first = 3, .nkept = 4, .kept = { 9, -1, 4, -1 } },
		{ .first = 3, .nkept = 4, .kept = { -1, 9, -1, 4 } },
		/* twice, and below the first */
		{ .first = 3, .nkept = 4, .kept = { 9, 4, 9, 4 } },
		{ .first = 3, .nkept = 4, .kept = { 2, 0, 9, 1 } },
		{ .first = 100, .nkept = 3, .kept = { 99, 101, 7 } },
		{ .first = 3,
		    .nkept = 8,
		    .kept = { 8, 7, 6, 5, 4, 3, 511, 510 } },
	};
	struct closing c;
	size_t i;
	int by_hand, sparse;

	for (i = 0; i < LENGTH(table); i++) {
		for (by_hand = 0; by_hand <= 1; by_hand++) {
			for (sparse = 0; sparse <= 1; sparse++) {
				c = table[i];
				c.by_hand = by_hand != 0;
				check_closing(&c, sparse != 0);
			}
		}
	}
}

/* ---- loop_wait -------------------------------------------------------- */

static void
make_pipe(int *fds)
{
	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0) {
		perror("pipe2");
		exit(2);
	}
}

static void
expect(struct loop *loop, int expected, const char *what)
{
	int got = loop_wait(loop);

	check(got == expected, "%s: %d, not %d", what, got, expected);
}

static void
test_deadline_order(void)
{
	struct loop loop;
	int64_t now = sys_now_ns();

	loop_init(&loop);
	loop.deadlines_ns[DEADLINE_RUN] = now - 1 * MS;
	loop.deadlines_ns[DEADLINE_KILL] = now - 3 * MS;
	loop.deadlines_ns[DEADLINE_AGAIN] = now - 2 * MS;
	loop.deadlines_ns[DEADLINE_OVERDUE] = now + 20 * MS;
	expect(&loop, LOOP_SOURCES + DEADLINE_KILL, "the oldest");
	expect(&loop, LOOP_SOURCES + DEADLINE_AGAIN, "the next");
	expect(&loop, LOOP_SOURCES + DEADLINE_RUN, "the last one due");
	check(sys_now_ns() < now + 20 * MS || failures == 0, "slow machine");
	expect(&loop, LOOP_SOURCES + DEADLINE_OVERDUE, "one to wait for");
	check(sys_now_ns() >= now + 20 * MS, "before its time");
	check(loop.deadlines_ns[DEADLINE_KILL] == INT64_MAX &&
		  loop.deadlines_ns[DEADLINE_OVERDUE] == INT64_MAX,
	    "what has passed is not over");
}

static void
test_sources(void)
{
	struct loop loop;
	int a[2], b[2], dead[2];
	char byte;

	make_pipe(a);
	make_pipe(b);
	make_pipe(dead);
	loop_init(&loop);
	loop_watch(&loop, SOURCE_CLOCK, a[0], POLLIN);
	loop_watch(&loop, SOURCE_SIGNALS, b[0], POLLIN);
	loop.deadlines_ns[DEADLINE_RUN] = sys_now_ns() + 10000 * MS;

	(void)!write(a[1], "x", 1);
	expect(&loop, SOURCE_CLOCK, "the one that is ready");
	expect(&loop, SOURCE_CLOCK, "not dealt with, ready again");
	(void)!write(b[1], "x", 1);
	(void)!read(a[0], &byte, 1);
	expect(&loop, SOURCE_SIGNALS, "the other one");
	(void)!write(a[1], "x", 1);
	expect(&loop, SOURCE_SIGNALS, "of two the first");
	(void)!read(b[0], &byte, 1);
	expect(&loop, SOURCE_CLOCK, "then the second");
	(void)!read(a[0], &byte, 1);

	/* both again, and one is dealt with along the way */
	(void)!write(a[1], "x", 1);
	(void)!write(b[1], "x", 1);
	expect(&loop, SOURCE_SIGNALS, "both");
	(void)!read(b[0], &byte, 1);
	loop_watch(&loop, SOURCE_CLOCK, -1, 0);
	loop.deadlines_ns[DEADLINE_KILL] = sys_now_ns() + 10 * MS;
	expect(&loop, LOOP_SOURCES + DEADLINE_KILL, "no longer watched");

	/* an end counts, whatever is asked for */
	(void)close(dead[1]);
	loop_watch(&loop, SOURCE_REPORT, dead[0], 0);
	expect(&loop, SOURCE_REPORT, "hung up");
	loop_watch(&loop, SOURCE_REPORT, -1, 0);

	/* written to, but only its end is asked for */
	(void)!write(b[1], "x", 1);
	loop_watch(&loop, SOURCE_SIGNALS, b[0], 0);
	loop.deadlines_ns[DEADLINE_KILL] = sys_now_ns() + 10 * MS;
	expect(&loop, LOOP_SOURCES + DEADLINE_KILL, "data is no end");
}

static void
test_source_before_deadline(void)
{
	struct loop loop;
	int fds[2];
	char byte;

	make_pipe(fds);
	(void)!write(fds[1], "x", 1);
	loop_init(&loop);
	loop_watch(&loop, SOURCE_CLOCK, fds[0], POLLIN);
	loop.deadlines_ns[DEADLINE_RUN] = sys_now_ns() - MS;
	expect(&loop, SOURCE_CLOCK, "ready, and a deadline has passed");
	(void)!read(fds[0], &byte, 1);
	loop.deadlines_ns[DEADLINE_RUN] = sys_now_ns() - MS;
	expect(&loop, LOOP_SOURCES + DEADLINE_RUN, "then the deadline");
}

/* Whoever floods a source must not hold a deadline up for ever. */
static void
test_busy_source(void)
{
	struct loop loop;
	int fds[2], calls, got = -1;

	make_pipe(fds);
	(void)!write(fds[1], "x", 1);
	loop_init(&loop);
	loop_watch(&loop, SOURCE_SIGNALS, fds[0], POLLIN);
	loop.deadlines_ns[DEADLINE_KILL] = sys_now_ns() + 10 * MS;
	for (calls = 0; sys_now_ns() < loop.deadlines_ns[DEADLINE_KILL];)
		(void)loop_wait(&loop);
	for (; calls < 100 && got != LOOP_SOURCES + DEADLINE_KILL; calls++)
		got = loop_wait(&loop);
	check(got == LOOP_SOURCES + DEADLINE_KILL,
	    "a source that is always ready holds a deadline up");
}

static void
on_alarm(int sig)
{
	(void)sig;
}

/* Handlers run while it waits: neither an error nor an end of the wait. */
static void
test_interrupted(void)
{
	struct sigaction action = { .sa_handler = on_alarm };
	struct itimerval often = { { 0, 1000 }, { 0, 1000 } }, off = { 0 };
	struct loop loop;
	int64_t until = sys_now_ns() + 30 * MS;

	(void)sigaction(SIGALRM, &action, NULL);
	loop_init(&loop);
	loop.deadlines_ns[DEADLINE_AGAIN] = until;
	(void)setitimer(ITIMER_REAL, &often, NULL);
	expect(&loop, LOOP_SOURCES + DEADLINE_AGAIN, "interrupted");
	(void)setitimer(ITIMER_REAL, &off, NULL);
	check(sys_now_ns() >= until, "interrupted: before its time");
}

/* Without any deadline it waits for as long as it takes. */
static void
test_endless(void)
{
	struct loop loop;
	int fds[2];
	pid_t pid;

	make_pipe(fds);
	pid = fork();
	if (pid == 0) {
		(void)poll(NULL, 0, 50);
		_exit(write(fds[1], "x", 1) != 1);
	}
	loop_init(&loop);
	loop_watch(&loop, SOURCE_PARENT, fds[0], POLLIN);
	expect(&loop, SOURCE_PARENT, "no deadline");
	(void)waitpid(pid, NULL, 0);
}

int
main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "close") == 0) {
		test_close();
	} else if (argc == 3 && strcmp(argv[1], "close-no-proc") == 0) {
		if (chroot(argv[2]) < 0 || chdir("/") < 0) {
			perror(argv[2]);
			return 2;
		}
		test_close();
	} else if (argc == 2 && strcmp(argv[1], "wait") == 0) {
		test_deadline_order();
		test_sources();
		test_source_before_deadline();
		test_busy_source();
		test_interrupted();
		test_endless();
	} else {
		return 2;
	}
	printf("%d checks, %d wrong\n", checks, failures);
	return failures > 0;
}
