/* SPDX-License-Identifier: ISC */
/*
 * chorus COUNT FILE LAST
 *
 * COUNT processes, each the child of the one before, every second one in a
 * session of its own. Each of them appends to FILE a line `INDEX up`, and then
 * `INDEX SIG` for each signal that comes in; after the signal LAST it waits
 * for its child and exits. All signals are blocked and waited for: of the
 * real-time ones each one that was sent counts.
 */
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void
say(int fd, int index, const char *word, int number)
{
	char line[32];
	int n;

	n = word != NULL
		? snprintf(line, sizeof(line), "%d %s\n", index, word)
		: snprintf(line, sizeof(line), "%d %d\n", index, number);
	if (write(fd, line, (size_t)n) != n)
		_exit(1);
}

int
main(int argc, char **argv)
{
	const uint64_t all = ~UINT64_C(0);
	int fd, count, last, sig, index = 0;
	pid_t pid = 0;

	if (argc != 4)
		return 2;
	count = atoi(argv[1]);
	last = atoi(argv[3]);
	fd = open(argv[2], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	(void)syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL, sizeof(all));
	while (index < count - 1) {
		pid = fork();
		if (pid != 0)
			break;
		if (++index % 2 == 1)
			(void)setsid();
	}
	say(fd, index, "up", 0);
	do {
		sig = (int)syscall(
		    SYS_rt_sigtimedwait, &all, NULL, NULL, sizeof(all));
		/* the end of a child, and what comes with every stop */
		if (sig > 0 && sig != SIGCHLD && sig != SIGCONT)
			say(fd, index, NULL, sig);
	} while (sig != last);
	if (pid > 0)
		(void)waitpid(pid, NULL, 0);
	return 0;
}
