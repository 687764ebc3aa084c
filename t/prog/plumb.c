/* SPDX-License-Identifier: ISC */
/*
 * plumb COUNT COMMAND...	run COMMAND with 0 the reading end of a pipe
 *				and 1, 3, 4, ... COUNT + 2 the writing ends of
 *				others, 2 as it is
 * plumb - COUNT		what COMMAND must come to: writes its number
 *				into each of these descriptors, closes all of
 *				them, and sleeps
 *
 * The former keeps the other ends, and exits with 0 if it has seen every
 * number and the end of every pipe while COMMAND was still alive; it then
 * sends it TERM, waits for it, and says with what it ended.
 */
#include <sys/wait.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	MOST = 300,
	LIMIT_MS = 10000
};

static int
end_them(int count)
{
	char text[16];
	int fd, n;

	for (fd = 1; fd <= count + 2; fd++) {
		n = snprintf(text, sizeof(text), "%d", fd);
		if (fd != STDERR_FILENO && write(fd, text, (size_t)n) != n)
			return 3;
	}
	for (fd = 0; fd <= count + 2; fd++)
		if (fd != STDERR_FILENO)
			(void)close(fd);
	for (;;)
		(void)pause();
}

/* Both ends above all numbers that COMMAND gets, and gone when it execs. */
static void
make_pipe(int *fds)
{
	int low[2], i;

	if (pipe2(low, O_CLOEXEC) < 0) {
		perror("pipe2");
		exit(2);
	}
	for (i = 0; i < 2; i++) {
		fds[i] = fcntl(low[i], F_DUPFD_CLOEXEC, MOST + 10);
		if (fds[i] < 0) {
			perror("fcntl");
			exit(2);
		}
		(void)close(low[i]);
	}
}

/* Is it at its end within the limit? What was read before that is in text. */
static int
read_to_end(int fd, char *text, size_t size)
{
	struct pollfd in = { .fd = fd, .events = POLLIN };
	size_t length = 0;
	ssize_t n;

	for (;;) {
		if (poll(&in, 1, LIMIT_MS) <= 0)
			return 0;
		n = read(fd, text + length, size - 1 - length);
		if (n <= 0)
			break;
		length += (size_t)n;
	}
	text[length] = '\0';
	return n == 0;
}

static int
look(int count, const int *ends)
{
	struct pollfd out = { .fd = ends[0], .events = 0 };
	char text[32], expected[16];
	int fd, wrong = 0;

	for (fd = 1; fd <= count + 2; fd++) {
		if (fd == STDERR_FILENO)
			continue;
		(void)snprintf(expected, sizeof(expected), "%d", fd);
		*text = '\0';
		if (!read_to_end(ends[fd], text, sizeof(text))) {
			fprintf(stderr, "%d: no end\n", fd);
			return 1; /* so it would be with the others */
		}
		if (strcmp(text, expected) != 0) {
			fprintf(stderr, "%d: '%s' was written\n", fd, text);
			wrong++;
		}
	}
	if (poll(&out, 1, LIMIT_MS) != 1 || (out.revents & POLLERR) == 0) {
		fprintf(stderr, "0: still read from\n");
		wrong++;
	}
	return wrong;
}

int
main(int argc, char **argv)
{
	static int ours[MOST + 3], theirs[MOST + 3];
	int fds[2], fd, count, status, wrong;
	pid_t pid;

	if (argc == 3 && strcmp(argv[1], "-") == 0)
		return end_them(atoi(argv[2]));
	if (argc < 3 || (count = atoi(argv[1])) < 1 || count > MOST)
		return 2;
	for (fd = 0; fd <= count + 2; fd++) {
		make_pipe(fds);
		ours[fd] = fds[fd == 0]; /* we write to 0, and read the rest */
		theirs[fd] = fds[fd != 0];
	}
	pid = fork();
	if (pid == 0) {
		for (fd = 0; fd <= count + 2; fd++)
			if (fd != STDERR_FILENO)
				(void)dup2(theirs[fd], fd);
		(void)execvp(argv[2], argv + 2);
		_exit(127);
	}
	for (fd = 0; fd <= count + 2; fd++)
		(void)close(theirs[fd]);
	wrong = look(count, ours);
	if (waitpid(pid, &status, WNOHANG) != 0) {
		fprintf(stderr, "it has ended by itself\n");
		return 1;
	}
	(void)kill(pid, SIGTERM);
	(void)waitpid(pid, &status, 0);
	printf("%s %d\n", WIFEXITED(status) ? "exited" : "killed",
	    WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
	return wrong > 0;
}
