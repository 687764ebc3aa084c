/* SPDX-License-Identifier: ISC */
/*
 * earlykill [-c COUNT] [-u MICROSECONDS] [-r SEED] [-p | -a term|end]
 *           -- COMMAND [ARGUMENT ...]
 *
 * Attacks the moments at which not all is armed yet, or not all any more:
 * starts COMMAND and kills it with SIGKILL after a random time of at most so
 * many MICROSECONDS (4000), COUNT times (300).
 *
 *	-a term	the time begins with a SIGTERM to it once the program is in
 *		position, and is spent in its stop
 *	-a end	the same with the end of the program, by the file `end`
 *	-p	it is not COMMAND that is killed but its parent, after a
 *		random time from the moment on that COMMAND watches it. (Who
 *		is orphaned before it has asked for its parent cannot know.)
 *
 * A % in an argument is replaced by the number of the run. An argument
 * `ready.%` is needed, the READY of an attacking program whose LOCK is `-`: it
 * is in position when that file is there, and has begun when there is one named
 * READY.begun. A run that is not counted measures how long the latter takes; on
 * slow machines the MICROSECONDS are made twice that.
 *
 * An exclusive flock is held by COMMAND from before its first instruction on,
 * by way of an inherited descriptor. Within five seconds of the kill the lock
 * must be free, and, this process being the reaper of all orphans, it must
 * have no child left. What remains is a survivor: its pid and name are
 * printed, and the exit code is 1. Ends with a line that counts.
 */
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "attack.h"

#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

enum {
	PATIENCE_US = 5000000,
	ENOUGH = 3, /* survivors */
	ARGS = 64,
};

enum mode {
	FROM_START,
	FROM_TERM,
	FROM_END,
	PARENT,
};

struct run {
	enum mode mode;
	int number;
	char *argv[ARGS + 1];
	const char *ready;
	char begun[600];
	int64_t delay_us;
};

static uint64_t
next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void
put_number(struct run *run, char **argv, int number)
{
	static char text[ARGS][512];
	int i;

	run->number = number;
	for (i = 0; argv[i] != NULL && i < ARGS; i++) {
		char *percent = strchr(argv[i], '%');

		run->argv[i] = argv[i];
		if (percent == NULL)
			continue;
		snprintf(text[i], sizeof(text[i]), "%.*s%d%s",
		    (int)(percent - argv[i]), argv[i], number, percent + 1);
		run->argv[i] = text[i];
		if (strncmp(text[i], "ready.", 6) == 0)
			run->ready = text[i];
	}
	run->argv[i] = NULL;
	if (run->ready == NULL) {
		fputs("earlykill: no argument ready.%\n", stderr);
		exit(100);
	}
	snprintf(run->begun, sizeof(run->begun), "%s.begun", run->ready);
}

/* Returns when it has been execed: its life begins now. */
static pid_t
launch(const struct run *run)
{
	pid_t pid = vfork();

	if (pid < 0)
		die("vfork");
	if (pid == 0) {
		(void)execvp(run->argv[0], run->argv);
		_exit(127);
	}
	return pid;
}

static int
open_pidfd(pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	if (fd < 0)
		die("pidfd_open");
	return fd;
}

static void
send_to(int pidfd, int sig)
{
	if (syscall(SYS_pidfd_send_signal, pidfd, sig, NULL, 0) < 0 &&
	    errno != ESRCH)
		die("pidfd_send_signal");
}

static void
spin(int64_t us)
{
	int64_t end_us = now_us() + us;

	while (now_us() < end_us)
		;
}

/* Does pid have a pidfd of target? False also when pid is gone. */
static bool
watches(pid_t pid, pid_t target)
{
	char path[64], text[512], wanted[32], *at;
	ssize_t n;
	int fd, file;

	snprintf(wanted, sizeof(wanted), "\nPid:\t%d\n", (int)target);
	for (fd = 0; fd < 16; fd++) {
		snprintf(
		    path, sizeof(path), "/proc/%d/fdinfo/%d", (int)pid, fd);
		file = open(path, O_RDONLY | O_CLOEXEC);
		if (file < 0)
			continue;
		n = read(file, text, sizeof(text) - 1);
		close(file);
		text[n > 0 ? n : 0] = '\0';
		at = strstr(text, wanted);
		if (at != NULL)
			return true;
	}
	return false;
}

/* Waits for a file, or for the end of the process. */
static void
await_either(const char *path, int pidfd)
{
	int64_t end_us = now_us() + PATIENCE_US;

	while (now_us() < end_us && access(path, F_OK) < 0 &&
	       syscall(SYS_pidfd_send_signal, pidfd, 0, NULL, 0) == 0)
		nap_us(100);
}

static void
kill_command(const struct run *run)
{
	pid_t pid = launch(run);
	int pidfd = open_pidfd(pid);

	if (run->number == 0)
		await_either(run->begun, pidfd);
	else if (run->mode != FROM_START)
		await_either(run->ready, pidfd);
	if (run->mode == FROM_TERM)
		send_to(pidfd, SIGTERM);
	else if (run->mode == FROM_END)
		close(open("end", O_WRONLY | O_CREAT, 0666));
	spin(run->delay_us);
	send_to(pidfd, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	close(pidfd);
}

static void
kill_parent(const struct run *run)
{
	int64_t end_us = now_us() + PATIENCE_US;
	pid_t parent, pid = 0;
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		die("pipe2");
	parent = fork();
	if (parent < 0)
		die("fork");
	if (parent == 0) {
		limit_life();
		pid = launch(run);
		if (write(fds[1], &pid, sizeof(pid)) != sizeof(pid))
			die("write");
		/* the lock is for COMMAND to hold: this one is to be killed */
		sleep_on();
	}
	close(fds[1]);
	if (read(fds[0], &pid, sizeof(pid)) != sizeof(pid))
		die("read");
	close(fds[0]);
	while (!watches(pid, parent) && now_us() < end_us)
		;
	spin(run->delay_us);
	if (kill(parent, SIGKILL) < 0) /* our unreaped child */
		die("kill");
	(void)waitpid(parent, NULL, 0);
}

static int
list_children(pid_t *pids, int room)
{
	FILE *file = fopen("/proc/thread-self/children", "re");
	int n = 0, pid;

	if (file == NULL)
		die("/proc/thread-self/children");
	while (n < room && fscanf(file, "%d", &pid) == 1)
		pids[n++] = pid;
	fclose(file);
	return n;
}

/* To begin the next run with none: what can be seen of them is killed. */
static void
name_survivors(const struct run *run)
{
	int64_t end_us = now_us() + PATIENCE_US;
	pid_t pids[64];
	char path[64], name[64];
	FILE *file;
	int i, n = list_children(pids, 64);

	printf("run %d: survivors after a kill at %lld us, %d of them ours\n",
	    run->number, (long long)run->delay_us, n);
	for (i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "/proc/%d/comm", (int)pids[i]);
		file = fopen(path, "re");
		if (file != NULL && fgets(name, sizeof(name), file) != NULL)
			printf("  %d %s", (int)pids[i], name);
		if (file != NULL)
			fclose(file);
	}
	do {
		n = list_children(pids, 64);
		for (i = 0; i < n; i++)
			(void)kill(pids[i], SIGKILL);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		nap_us(1000);
	} while (n > 0 && now_us() < end_us);
}

static bool
all_gone(int64_t *ret_us)
{
	int64_t begin_us = now_us(), end_us = begin_us + PATIENCE_US;
	int fd = open("lock", O_RDWR | O_CLOEXEC);
	bool gone = false;
	pid_t pid;

	if (fd < 0)
		die("lock");
	for (;;) {
		while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
			;
		gone = pid < 0 && flock(fd, LOCK_EX | LOCK_NB) == 0;
		*ret_us = now_us() - begin_us;
		if (gone || now_us() > end_us)
			break;
		nap_us(100);
	}
	close(fd);
	return gone;
}

static bool
survived(const struct run *run, int64_t *ret_us)
{
	int fd;

	(void)unlink(run->ready);
	(void)unlink(run->begun);
	(void)unlink("end");
	(void)unlink("lock");
	fd = open("lock", O_RDWR | O_CREAT | O_EXCL, 0666);
	if (fd < 0 || flock(fd, LOCK_EX) < 0)
		die("lock");
	if (run->mode == PARENT)
		kill_parent(run);
	else
		kill_command(run);
	/* by close, and not by LOCK_UN, which would be for all of them */
	close(fd);
	return !all_gone(ret_us);
}

/* How long until the program has begun. */
static int64_t
measure(struct run run, char **argv)
{
	int64_t us, begin_us = now_us();

	run.mode = FROM_START;
	put_number(&run, argv, 0);
	if (survived(&run, &us))
		name_survivors(&run);
	return now_us() - begin_us - us;
}

static void
one_run(struct run *run, int *survivors, int *begun, int64_t *slowest_us)
{
	int64_t us;

	if (survived(run, &us)) {
		name_survivors(run);
		++*survivors;
	}
	if (us > *slowest_us)
		*slowest_us = us;
	if (access(run->begun, F_OK) == 0)
		++*begun;
}

int
main(int argc, char **argv)
{
	int count = 300, survivors = 0, begun = 0, opt, i;
	uint64_t seed = (uint64_t)time(NULL) << 16 ^ (uint64_t)getpid();
	int64_t max_us = 4000, us, slowest_us = 0;
	struct run run = { .mode = FROM_START };

	while ((opt = getopt(argc, argv, "+c:u:r:a:p")) != -1) {
		if (opt == 'c')
			count = atoi(optarg);
		else if (opt == 'u')
			max_us = atol(optarg);
		else if (opt == 'r')
			seed = strtoull(optarg, NULL, 10);
		else if (opt == 'p')
			run.mode = PARENT;
		else if (opt == 'a' && strcmp(optarg, "term") == 0)
			run.mode = FROM_TERM;
		else if (opt == 'a' && strcmp(optarg, "end") == 0)
			run.mode = FROM_END;
		else
			return 100;
	}
	if (optind == argc || argc - optind > ARGS) {
		fputs("usage: earlykill [-c COUNT] [-u MICROSECONDS] "
		      "[-r SEED] [-p | -a term|end] -- COMMAND ...\n",
		    stderr);
		return 100;
	}
	limit_life();
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		die("prctl");
	us = measure(run, argv + optind);
	if (max_us < 2 * us)
		max_us = 2 * us;
	printf("seed %llu, within %lld us, the program begins after %lld\n",
	    (unsigned long long)seed, (long long)max_us, (long long)us);
	seed |= 1;
	for (i = 1; i <= count && survivors < ENOUGH; i++) {
		put_number(&run, argv + optind, i);
		run.delay_us =
		    (int64_t)(next_random(&seed) % ((uint64_t)max_us + 1));
		one_run(&run, &survivors, &begun, &slowest_us);
	}
	printf("%d kills, %d with the program begun, "
	       "all gone within %lld us, %d survivors\n",
	    i - 1, begun, (long long)slowest_us, survivors);
	return survivors > 0;
}
