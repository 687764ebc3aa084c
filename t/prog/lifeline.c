/* SPDX-License-Identifier: ISC */
/*
 * lifeline pipe|fifo|socket COMMAND...
 *
 * Runs COMMAND, a supervise with `receive` as its program, with the reading
 * end of such a thing as descriptor 9. Data on it must not stop it, nor be
 * taken from it; the end of it must. Says with what COMMAND ended.
 */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	LIFELINE = 9,
	LIMIT_MS = 10000
};

static void
die(const char *what)
{
	perror(what);
	exit(2);
}

/* fds[0] is read from, fds[1] written to. */
static void
make(const char *kind, int *fds)
{
	int r;

	if (strcmp(kind, "pipe") == 0) {
		r = pipe2(fds, O_CLOEXEC);
	} else if (strcmp(kind, "socket") == 0) {
		r = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds);
	} else {
		r = mkfifo("lifeline.fifo", 0600);
		fds[0] =
		    open("lifeline.fifo", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		fds[1] = open("lifeline.fifo", O_WRONLY | O_CLOEXEC);
		if (fds[0] < 0 || fds[1] < 0)
			r = -1;
	}
	if (r < 0)
		die(kind);
}

/* The next line of the program, as far as its first blank. */
static int
next_line(int fd, char *word, size_t size)
{
	struct pollfd in = { .fd = fd, .events = POLLIN };
	size_t length = 0;
	char c;

	for (;;) {
		if (poll(&in, 1, LIMIT_MS) <= 0 || read(fd, &c, 1) != 1)
			return -1;
		if (c == '\n')
			break;
		if (length < size - 1)
			word[length++] = c;
	}
	word[length] = '\0';
	word[strcspn(word, " ")] = '\0';
	return 0;
}

static void
expect(int fd, const char *expected)
{
	char word[32] = "the end";

	if (next_line(fd, word, sizeof(word)) < 0 ||
	    strcmp(word, expected) != 0) {
		printf("expected %s, got %s\n", expected, word);
		exit(1);
	}
}

int
main(int argc, char **argv)
{
	int fds[2], out[2], status, i;
	char data[8] = "";
	pid_t pid;

	if (argc < 3)
		return 2;
	make(argv[1], fds);
	if (pipe2(out, O_CLOEXEC) < 0)
		die("pipe2");
	pid = fork();
	if (pid == 0) {
		(void)dup2(fds[0], LIFELINE);
		(void)dup2(out[1], STDOUT_FILENO);
		(void)execvp(argv[2], argv + 2);
		_exit(127);
	}
	(void)close(out[1]);
	expect(out[0], "ready");
	if (write(fds[1], "xyz", 3) != 3)
		die("write");
	/*
	 * Of two signals that were forwarded one after the other, the second
	 * was read after the first round in which the data was seen.
	 */
	for (i = 0; i < 2; i++) {
		(void)kill(pid, SIGUSR1);
		expect(out[0], "10");
	}
	(void)fcntl(fds[0], F_SETFL, O_NONBLOCK);
	if (read(fds[0], data, sizeof(data)) != 3 || strcmp(data, "xyz") != 0) {
		printf("the data was taken\n");
		return 1;
	}
	(void)close(fds[1]);
	expect(out[0], "15");
	(void)waitpid(pid, &status, 0);
	printf("%s %d\n", WIFEXITED(status) ? "exited" : "killed",
	    WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
	return 0;
}
