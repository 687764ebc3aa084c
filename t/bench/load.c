/* SPDX-License-Identifier: ISC */
/*
 * load WHAT [ARGUMENT ...]: the program that is supervised in the bench.
 *
 *	true			does nothing
 *	sleep FIFO		writes a byte to FIFO, once it runs, and sleeps
 *	signals FIFO		writes a 64-bit number of ns, the time of
 *				CLOCK_MONOTONIC, to FIFO: when it has a handler
 *				for SIGALRM, and in that handler
 *	tick FIFO MS		writes that time to FIFO at its beginning and,
 *				MS milliseconds later, at its end
 *	crowd FIFO COUNT	COUNT processes, it is one of them, the others
 *				in sessions of their own; each writes a byte
 *				and keeps FIFO open until its end
 *	orphans FIFO COUNT	a byte; when there is one in FIFO.go, COUNT
 *				processes that end after the parent has, and
 *				another byte
 *	ready FIFO FD		a byte; when there is one in FIFO.go, the time,
 *				and then a newline to FD
 *
 * All of that can also be one argument, as it is from a line with #!.
 * Whatever happens, none lives longer than LIFE seconds.
 */
#include <sys/wait.h>

#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../../lib/sys.h"

enum {
	LIFE = 120,
	BATCH = 100,
};

static int fifo_fd; /* for the handler */

static void
write_time(void)
{
	int64_t now_ns = sys_now_ns();

	(void)!write(fifo_fd, &now_ns, sizeof(now_ns));
}

static void
on_alarm(int sig)
{
	(void)sig;
	write_time();
}

/* alarm(2) would be SIGALRM, which is what is measured */
static void
limit_life(void)
{
	struct sigevent kill_me = {
		.sigev_notify = SIGEV_SIGNAL,
		.sigev_signo = SIGKILL,
	};
	struct itimerspec life = { .it_value.tv_sec = LIFE };
	timer_t timer;

	if (timer_create(CLOCK_MONOTONIC, &kill_me, &timer) == 0)
		(void)timer_settime(timer, 0, &life, NULL);
}

static _Noreturn void
sleep_on(void)
{
	for (;;)
		(void)pause();
}

static int
crowd(int count)
{
	int i;

	for (i = 1; i < count; i++) {
		if (fork() != 0)
			continue;
		(void)setsid();
		limit_life();
		break;
	}
	(void)!write(fifo_fd, "", 1);
	sleep_on();
}

/* No signal: to forward it would be work for who is measured. */
static void
await_go(const char *fifo)
{
	char path[256] = "", byte;
	int fd;

	(void)strncpy(path, fifo, sizeof(path) - 4);
	(void)strcat(path, ".go");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	(void)!write(fifo_fd, "", 1);
	(void)!read(fd, &byte, 1);
	(void)close(fd);
}

/* Their parent is gone, and with it the pipe's other end. */
static void
make_orphans(int count)
{
	int fds[2], i;
	char byte;

	if (pipe(fds) < 0)
		_exit(1);
	if (fork() == 0) {
		for (i = 0; i < count; i++) {
			if (fork() != 0)
				continue;
			(void)close(fds[1]);
			(void)!read(fds[0], &byte, 1);
			_exit(0);
		}
		_exit(0);
	}
	(void)close(fds[1]);
	(void)wait(NULL);
	(void)close(fds[0]);
}

static int
orphans(const char *fifo, int count)
{
	await_go(fifo);
	for (; count > 0; count -= BATCH)
		make_orphans(count < BATCH ? count : BATCH);
	(void)!write(fifo_fd, "", 1);
	sleep_on();
}

static int
ready(const char *fifo, int fd)
{
	await_go(fifo);
	write_time();
	(void)!write(fd, "\n", 1);
	(void)close(fd);
	sleep_on();
}

static int
tick(int ms)
{
	struct timespec nap = { ms / 1000, ms % 1000 * 1000000L };

	write_time();
	if (ms > 0)
		(void)nanosleep(&nap, NULL);
	write_time();
	return 0;
}

static int
begin(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_alarm };
	const char *what = argc > 1 ? argv[1] : "true";
	int number = argc > 3 ? atoi(argv[3]) : 1;

	if (strcmp(what, "true") == 0)
		return 0;
	if (argc < 3)
		return 100;
	fifo_fd = open(argv[2], O_WRONLY | O_CLOEXEC);
	if (fifo_fd < 0)
		return 111;
	if (strcmp(what, "tick") == 0)
		return tick(number);
	limit_life();
	if (strcmp(what, "crowd") == 0)
		return crowd(number);
	if (strcmp(what, "orphans") == 0)
		return orphans(argv[2], number);
	if (strcmp(what, "ready") == 0)
		return ready(argv[2], number);
	if (strcmp(what, "signals") == 0) {
		(void)sigaction(SIGALRM, &action, NULL);
		write_time();
	} else {
		(void)!write(fifo_fd, "", 1);
		(void)close(fifo_fd);
	}
	sleep_on();
}

int
main(int argc, char **argv)
{
	char *words[4] = { argv[0] };
	int n = 1;

	if (argc < 2 || strchr(argv[1], ' ') == NULL)
		return begin(argc, argv);
	for (words[n] = strtok(argv[1], " "); words[n] != NULL && n < 3;)
		words[++n] = strtok(NULL, " ");
	return begin(words[n] != NULL ? n + 1 : n, words);
}
