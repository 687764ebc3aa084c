/* SPDX-License-Identifier: ISC */
#ifndef ATTACK_H
#define ATTACK_H

/*
 * What the attacking programs have in common. Each is called as
 *
 *	NAME LOCK READY [ARGUMENT ...]
 *
 * and takes an exclusive flock on LOCK. The descriptor is inherited by all
 * that it forks, so whoever is granted the lock knows that all of them are
 * gone, without a look at any pid. READY comes to be, and is not
 * empty, when the program is in position. Its main process then waits for a
 * file `end` in its directory, and exits with 7.
 *
 * A LOCK of `-` takes none: the caller has one on a descriptor that is
 * inherited. The first thing made then is a file READY.begun.
 *
 * Whatever happens, each process is killed LIFE seconds after its beginning:
 * by a timer that sends SIGKILL, which also reaches what is stopped, frozen
 * or ignores all signals.
 */

#include <sys/file.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	LIFE = 60,
	CODE = 7, /* of a program that ends by itself */
};

static const char *attack_ready;
static int attack_gate[2] = { -1, -1 };

static inline _Noreturn void
die(const char *what)
{
	perror(what);
	_exit(1);
}

static inline void
nap_us(long us)
{
	struct timespec nap = { us / 1000000, us % 1000000 * 1000 };

	(void)nanosleep(&nap, NULL);
}

static inline int64_t
now_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * (int64_t)1000000 + now.tv_nsec / 1000;
}

/* A timer is not inherited: every new process calls this. */
static inline void
limit_life(void)
{
	struct sigevent kill_me = {
		.sigev_notify = SIGEV_SIGNAL,
		.sigev_signo = SIGKILL,
	};
	struct itimerspec life = { .it_value.tv_sec = LIFE };
	timer_t timer;

	if (timer_create(CLOCK_MONOTONIC, &kill_me, &timer) < 0 ||
	    timer_settime(timer, 0, &life, NULL) < 0)
		alarm(LIFE);
}

/* First of all: the lock, the gate. Exits when nargs arguments are not there.
 */
static inline void
begin(int argc, char **argv, int nargs, const char *usage)
{
	char path[4096];
	int fd;

	if (argc < 3 + nargs) {
		fprintf(stderr, "usage: %s LOCK READY %s\n", argv[0], usage);
		exit(100);
	}
	limit_life();
	attack_ready = argv[2];
	if (strcmp(argv[1], "-") == 0) {
		snprintf(path, sizeof(path), "%s.begun", attack_ready);
		close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666));
	} else {
		fd = open(argv[1], O_RDWR | O_CREAT, 0666);
		if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
			die(argv[1]);
	}
	if (pipe2(attack_gate, O_CLOEXEC) < 0)
		die("pipe2");
}

static inline pid_t
try_fork(void)
{
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (pid == 0)
		limit_life();
	return pid;
}

/* By each process but the main one, when it is where it should be. */
static inline void
pass_gate(void)
{
	if (write(attack_gate[1], "", 1) != 1)
		die("gate");
	close(attack_gate[1]);
}

/*
 * By the main process: of what it has forked so many have passed, and the
 * others have closed the gate by an end or an exec. If some have died instead
 * of passing, nothing would be attacked.
 */
static inline void
await_all(int wanted)
{
	char bytes[4096];
	ssize_t n;
	int passed = 0;

	close(attack_gate[1]);
	while ((n = read(attack_gate[0], bytes, sizeof(bytes))) != 0) {
		if (n < 0 && errno != EINTR)
			die("gate");
		passed += n > 0 ? (int)n : 0;
	}
	close(attack_gate[0]);
	if (passed != wanted) {
		fprintf(stderr, "%d of %d are in position\n", passed, wanted);
		_exit(1);
	}
}

/* Tells the test, with a word for it. */
static inline void
tell(const char *word)
{
	char path[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s.new", attack_ready);
	file = fopen(path, "we");
	if (file == NULL || fprintf(file, "%s\n", word) < 0 ||
	    fclose(file) != 0 || rename(path, attack_ready) < 0)
		die(attack_ready);
}

static inline void
await_file(const char *path)
{
	while (access(path, F_OK) < 0)
		nap_us(1000);
}

/* The rest of the main process. */
static inline int
wait_for_end(const char *word)
{
	tell(word);
	await_file("end");
	return CODE;
}

static inline _Noreturn void
sleep_on(void)
{
	for (;;)
		pause();
}

/* A process that forked twice and leads a session of its own. */
static inline void
start_daemon(void)
{
	pid_t pid = try_fork();

	if (pid != 0) {
		(void)waitpid(pid, NULL, 0);
		return;
	}
	if (setsid() < 0)
		die("setsid");
	if (try_fork() != 0)
		_exit(0);
	pass_gate();
	sleep_on();
}

/*
 * The directory of our cgroup (v2), opened; only where it is a leaf that
 * supervise has made, for what is done to it is done to all that are in there.
 */
static inline int
open_own_cgroup(void)
{
	static const char *const mounts[] = {
		"/sys/fs/cgroup/unified",
		"/sys/fs/cgroup",
	};
	char line[4096], path[8192];
	FILE *file = fopen("/proc/self/cgroup", "re");
	size_t i;
	int fd = -1;

	if (file == NULL)
		die("/proc/self/cgroup");
	while (fgets(line, sizeof(line), file) != NULL) {
		if (strncmp(line, "0::/", 4) != 0)
			continue;
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(strrchr(line, '/'), "/supervise.", 11) != 0)
			continue;
		for (i = 0; i < 2 && fd < 0; i++) {
			snprintf(path, sizeof(path), "%s%s/cgroup.procs",
			    mounts[i], line + 3);
			if (access(path, F_OK) < 0)
				continue;
			*strrchr(path, '/') = '\0';
			fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		}
	}
	fclose(file);
	if (fd < 0) {
		fputs("not in a leaf of supervise\n", stderr);
		_exit(1);
	}
	return fd;
}

static inline void
write_at(int dir_fd, const char *name, const char *text)
{
	int fd = openat(dir_fd, name, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		die(name);
	close(fd);
}

/* The letter of proc_pid_stat(5), 0 when there is no such process. */
static inline char
state_of(pid_t pid, pid_t *ret_parent)
{
	char path[64], stat[512], *end;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = read(fd, stat, sizeof(stat) - 1);
	close(fd);
	if (n <= 0)
		return 0;
	stat[n] = '\0';
	end = strrchr(stat, ')');
	if (end == NULL)
		return 0;
	if (ret_parent != NULL)
		*ret_parent = (pid_t)strtol(end + 4, NULL, 10);
	return end[2];
}

#endif
