/* SPDX-License-Identifier: ISC */
/*
 * inherit [-b SIG] [-i SIG] [-c FD] ... [--] COMMAND...
 *
 * Runs COMMAND with signals blocked (-b, `all`) or ignored (-i), and with
 * descriptors closed (-c), for which a shell is no help: it has its own ideas
 * of 32 and 33.
 *
 * inherit FILE		writes into FILE what it has inherited itself:
 *
 *	fds 0 1 2 ...		its open descriptors
 *	blocked 2 33 ...	the signals
 *	ignored 1 ...
 *	session leader|member	of its session
 *	group leader|member
 *	terminal yes|no		/dev/tty can be opened
 */
#include <sys/syscall.h>

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FDS_MAX 4096

/* of the kernel; the first two members are so everywhere but on mips */
struct kernel_sigaction {
	void (*handler)(int);
	unsigned long flags;
	void (*restorer)(void);
	uint64_t mask;
};

static int
sigaction_of(
    int sig, const struct kernel_sigaction *new, struct kernel_sigaction *old)
{
	return (int)syscall(SYS_rt_sigaction, sig, new, old, sizeof(uint64_t));
}

static int
report(const char *path)
{
	static char open_fds[FDS_MAX];
	struct kernel_sigaction action;
	uint64_t mask = 0;
	FILE *out;
	int i, tty;

	for (i = 0; i < FDS_MAX; i++)
		open_fds[i] = fcntl(i, F_GETFD) >= 0;
	(void)syscall(
	    SYS_rt_sigprocmask, SIG_SETMASK, NULL, &mask, sizeof(mask));
	out = fopen(path, "we");
	if (out == NULL)
		return 1;
	fprintf(out, "fds");
	for (i = 0; i < FDS_MAX; i++)
		if (open_fds[i])
			fprintf(out, " %d", i);
	fprintf(out, "\nblocked");
	for (i = 1; i <= 64; i++)
		if ((mask & UINT64_C(1) << (i - 1)) != 0)
			fprintf(out, " %d", i);
	fprintf(out, "\nignored");
	for (i = 1; i <= 64; i++)
		if (sigaction_of(i, NULL, &action) == 0 &&
		    action.handler == SIG_IGN)
			fprintf(out, " %d", i);
	fprintf(out, "\nsession %s\ngroup %s\n",
	    getsid(0) == getpid() ? "leader" : "member",
	    getpgrp() == getpid() ? "leader" : "member");
	tty = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
	fprintf(out, "terminal %s\n", tty >= 0 ? "yes" : "no");
	return fclose(out) != 0;
}

int
main(int argc, char **argv)
{
	const struct kernel_sigaction ignore = { .handler = SIG_IGN };
	uint64_t mask = 0;
	int option;

	if (argc == 2)
		return report(argv[1]);
	while ((option = getopt(argc, argv, "+b:i:c:")) != -1) {
		if (option == 'b' && strcmp(optarg, "all") == 0)
			mask = ~UINT64_C(0);
		else if (option == 'b')
			mask |= UINT64_C(1) << (atoi(optarg) - 1);
		else if (option == 'i')
			(void)sigaction_of(atoi(optarg), &ignore, NULL);
		else if (option == 'c')
			(void)close(atoi(optarg));
		else
			return 2;
	}
	(void)syscall(
	    SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, sizeof(mask));
	(void)execvp(argv[optind], argv + optind);
	return 127;
}
