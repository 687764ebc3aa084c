/* SPDX-License-Identifier: ISC */
/*
 * clockstep SECONDS COMMAND [ARGUMENT ...]
 *
 * Sets the wall clock by so many seconds for as long as COMMAND runs (it
 * should wait for what the step is to bring about), and then sets it right
 * again by the monotonic clock, which no step changes. Exits as COMMAND.
 */
#include <sys/wait.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static const long long ns_per_s = 1000000000LL;

static long long
now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * ns_per_s + t.tv_nsec;
}

static int
set_clock(long long ns)
{
	struct timespec t = {
		.tv_sec = ns / ns_per_s,
		.tv_nsec = ns % ns_per_s,
	};

	return clock_settime(CLOCK_REALTIME, &t);
}

int
main(int argc, char **argv)
{
	long long offset, step;
	int status = 0;
	pid_t pid;

	if (argc < 3)
		return 100;
	step = atoll(argv[1]) * ns_per_s;
	/* nothing short of SIGKILL leaves the clock wrong */
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	offset = now(CLOCK_REALTIME) - now(CLOCK_MONOTONIC);
	if (set_clock(now(CLOCK_REALTIME) + step) < 0) {
		perror("clock_settime");
		return 111;
	}
	pid = fork();
	if (pid == 0) {
		execvp(argv[2], argv + 2);
		_exit(127);
	}
	if (pid > 0)
		waitpid(pid, &status, 0);
	set_clock(now(CLOCK_MONOTONIC) + offset);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 111;
}
