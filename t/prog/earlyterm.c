/* SPDX-License-Identifier: ISC */
/*
 * earlyterm COUNT MICROSECONDS COMMAND...
 *
 * Starts COMMAND so many times, and sends it TERM after a random time of at
 * most so many MICROSECONDS from its exec on. It must end, with 143 or by
 * TERM, and when it has, no process may be left that holds the pipe that it
 * was given. Prints the seed, and how often it ended how.
 */
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

enum {
	LIMIT_MS = 10000
};

static void
sleep_for(long us)
{
	struct timespec ts = { .tv_sec = 0, .tv_nsec = us * 1000 };

	(void)nanosleep(&ts, NULL);
}

/* Is the last who could write to that pipe gone? */
static int
has_hung_up(int fd, int limit_ms)
{
	struct pollfd in = { .fd = fd, .events = 0 };

	return poll(&in, 1, limit_ms) == 1 && (in.revents & POLLHUP) != 0;
}

/* Reaps it, or kills it and says 0 when it does not end. */
static int
await(pid_t pid, int *ret_status)
{
	struct pollfd end = { .events = POLLIN };
	int in_time;

	end.fd = (int)syscall(SYS_pidfd_open, pid, 0);
	in_time = poll(&end, 1, LIMIT_MS) == 1;
	(void)close(end.fd);
	if (!in_time)
		(void)kill(pid, SIGKILL);
	(void)waitpid(pid, ret_status, 0);
	return in_time;
}

static pid_t
start(char **command, int *ret_life)
{
	int life[2], exec_pipe[2];
	pid_t pid;

	if (pipe2(life, O_CLOEXEC) < 0 || pipe2(exec_pipe, O_CLOEXEC) < 0) {
		perror("pipe2");
		exit(2);
	}
	pid = fork();
	if (pid == 0) {
		(void)fcntl(life[1], F_SETFD, 0);
		(void)execvp(*command, command);
		_exit(127);
	}
	(void)close(life[1]);
	(void)close(exec_pipe[1]);
	(void)has_hung_up(exec_pipe[0], LIMIT_MS);
	(void)close(exec_pipe[0]);
	*ret_life = life[0];
	return pid;
}

int
main(int argc, char **argv)
{
	int count, i, status, life, exited = 0, killed = 0, others = 0;
	int survivors = 0;
	unsigned seed = (unsigned)time(NULL) ^ (unsigned)getpid();
	long longest;
	pid_t pid;

	if (argc < 4)
		return 2;
	count = atoi(argv[1]);
	longest = atol(argv[2]);
	srandom(seed);
	for (i = 0; i < count; i++) {
		pid = start(argv + 3, &life);
		sleep_for(random() % (longest + 1));
		(void)kill(pid, SIGTERM);
		if (!await(pid, &status)) {
			printf("run %d hangs\n", i);
			return 1; /* the others would take as long */
		}
		if (WIFEXITED(status) && WEXITSTATUS(status) == 143) {
			exited++;
		} else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM) {
			killed++;
		} else {
			printf("run %d: status %#x\n", i, (unsigned)status);
			others++;
		}
		if (!has_hung_up(life, 0)) { /* not even a moment later */
			printf("run %d: a survivor\n", i);
			survivors++;
		}
		(void)close(life);
	}
	printf("seed %u: exited %d, killed %d, others %d, survivors %d\n", seed,
	    exited, killed, others, survivors);
	return others > 0 || survivors > 0 || exited == 0;
}
