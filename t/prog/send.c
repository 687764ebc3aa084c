/* SPDX-License-Identifier: ISC */
/*
 * send PID SIG				kill(2)
 * send PID SIG VALUE [COUNT]		sigqueue(3) with VALUE, VALUE + 1, ...
 * send PID all EXCEPT...		kill(2) with each of 1 to 64 but EXCEPT
 *
 * By the kernel's own calls, as libc and kill(1) do not know 32 and 33. What
 * finds the queue full is tried again for ten seconds.
 */
#include <sys/syscall.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int
queue(pid_t pid, int sig, unsigned long long value)
{
	siginfo_t info;
	long r;
	int tries = 10000;

	memset(&info, 0, sizeof(info));
	info.si_signo = sig;
	info.si_code = SI_QUEUE;
	info.si_pid = getpid();
	info.si_uid = getuid();
	info.si_value.sival_ptr = (void *)(uintptr_t)value;
	while ((r = syscall(SYS_rt_sigqueueinfo, pid, sig, &info)) < 0 &&
	       errno == EAGAIN && --tries > 0)
		(void)poll(NULL, 0, 1);
	return r < 0 ? -1 : 0;
}

static int
send_all(pid_t pid, char **except)
{
	char **one;
	int sig;

	for (sig = 1; sig <= 64; sig++) {
		for (one = except; *one != NULL && atoi(*one) != sig; one++)
			;
		if (*one == NULL && syscall(SYS_kill, pid, sig) < 0)
			return -1;
	}
	return 0;
}

int
main(int argc, char **argv)
{
	unsigned long long value;
	pid_t pid;
	int sig, count, r;

	if (argc < 3)
		return 2;
	pid = (pid_t)atoi(argv[1]);
	sig = atoi(argv[2]);
	if (strcmp(argv[2], "all") == 0) {
		r = send_all(pid, argv + 3);
	} else if (argc == 3) {
		r = (int)syscall(SYS_kill, pid, sig);
	} else {
		value = strtoull(argv[3], NULL, 0);
		count = argc > 4 ? atoi(argv[4]) : 1;
		for (r = 0; count > 0 && r == 0; count--)
			r = queue(pid, sig, value++);
	}
	if (r < 0)
		perror("send");
	return r < 0;
}
