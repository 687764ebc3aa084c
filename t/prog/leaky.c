/* SPDX-License-Identifier: ISC */
/*
 * leaky run DIR [SECONDS]	start three processes that outlive their maker,
 *				and end after SECONDS (or when a signal says so)
 * leaky who DIR		name those that are alive, a line each
 * leaky end DIR		kill them
 *
 * Alive is who holds the lock on DIR/NAME. A POSIX lock and not flock: it is
 * never inherited, and F_GETLK gives its owner's pid in the numbering of who
 * asks, from inside a PID namespace or from outside of it. Whatever happens,
 * all of them end by themselves after LIFE seconds.
 */
#include <sys/syscall.h>
#include <sys/types.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

enum {
	LIFE = 30,
};

struct member {
	const char *name;
	const char *what;
};

/* clang-format off */
static const struct member members[] = {
	{ "program",	"what was started" },
	{ "daemon",	"forked twice, leads a session of its own" },
	{ "stubborn",	"ignores TERM, HUP, INT and QUIT" },
	{ "grandchild",	"in another process group, its parent is gone" },
};
/* clang-format on */
enum {
	NMEMBERS = sizeof(members) / sizeof(members[0]),
};

static struct flock
whole_file(short type)
{
	return (struct flock){ .l_type = type, .l_whence = SEEK_SET };
}

/* The lock, and with it the proof of life, ends with this process. */
static void
hold(const char *name)
{
	struct flock lock = whole_file(F_WRLCK);
	int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0666);

	alarm(LIFE);
	if (fd < 0 || fcntl(fd, F_SETLK, &lock) < 0) {
		perror(name);
		_exit(1);
	}
	/* `end` at this very moment may not have seen the lock */
	if (access("over", F_OK) == 0)
		_exit(0);
}

static void
live(const char *name, int ready_fd)
{
	hold(name);
	close(ready_fd);
	for (;;)
		pause();
}

static pid_t
try_fork(void)
{
	pid_t pid = fork();

	if (pid < 0) {
		perror("fork");
		_exit(1);
	}
	return pid;
}

static void
start_daemon(int ready_fd)
{
	if (try_fork() != 0)
		return;
	setsid();
	if (try_fork() != 0)
		_exit(0);
	live("daemon", ready_fd);
}

static void
start_stubborn(int ready_fd)
{
	if (try_fork() != 0)
		return;
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	live("stubborn", ready_fd);
}

static void
start_grandchild(int ready_fd)
{
	if (try_fork() != 0)
		return;
	setpgid(0, 0);
	if (try_fork() != 0)
		_exit(0);
	live("grandchild", ready_fd);
}

static int
run(const char *seconds)
{
	int ready[2];
	char byte;

	hold("program");
	if (pipe(ready) < 0) {
		perror("pipe");
		return 1;
	}
	start_daemon(ready[1]);
	start_stubborn(ready[1]);
	start_grandchild(ready[1]);
	close(ready[1]);
	/* each child closes its end when it is sure to be seen */
	while (read(ready[0], &byte, 1) < 0 && errno == EINTR)
		continue;
	close(open("ready", O_WRONLY | O_CREAT | O_CLOEXEC, 0666));
	if (seconds == NULL)
		pause();
	else
		usleep((useconds_t)(strtod(seconds, NULL) * 1e6));
	return 0;
}

/* The pid that holds the lock, or 0. */
static pid_t
holder(const char *name)
{
	struct flock lock = whole_file(F_WRLCK);
	int fd = open(name, O_RDWR | O_CLOEXEC);
	pid_t pid = 0;

	if (fd < 0)
		return 0;
	if (fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK)
		pid = lock.l_pid;
	close(fd);
	return pid;
}

static int
who(void)
{
	for (size_t i = 0; i < NMEMBERS; i++) {
		pid_t pid = holder(members[i].name);

		if (pid != 0)
			printf("pid %-7d %-12s %s\n", (int)pid, members[i].name,
			    members[i].what);
	}
	return 0;
}

/*
 * By pidfd, after another look: if the same pid holds the lock before and
 * after pidfd_open, then it is that process which we have opened.
 */
static int
end(void)
{
	close(open("over", O_WRONLY | O_CREAT | O_CLOEXEC, 0666));
	for (size_t i = 0; i < NMEMBERS; i++) {
		const char *name = members[i].name;
		pid_t pid;

		while ((pid = holder(name)) != 0) {
			int fd = (int)syscall(SYS_pidfd_open, pid, 0);

			if (fd >= 0 && holder(name) == pid)
				(void)syscall(SYS_pidfd_send_signal, fd,
				    SIGKILL, NULL, 0);
			if (fd < 0 && errno != ESRCH) {
				perror("pidfd_open");
				return 1;
			}
			close(fd);
			usleep(1000);
		}
	}
	return 0;
}

int
main(int argc, char **argv)
{
	if (argc < 3 || chdir(argv[2]) < 0) {
		fputs("usage: leaky run|who|end DIR [SECONDS]\n", stderr);
		return 100;
	}
	if (strcmp(argv[1], "who") == 0)
		return who();
	if (strcmp(argv[1], "end") == 0)
		return end();
	return run(argv[3]);
}
