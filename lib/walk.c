/* SPDX-License-Identifier: ISC */
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "str.h"
#include "sys.h"
#include "walk.h"

#define OWN_CHILDREN "/proc/thread-self/children"

enum {
	PID_LIMIT = 1 << 22, /* PID_MAX_LIMIT, include/linux/threads.h */
	LOW = 1 << 16,       /* where nearly all are, in a container */
	WALK_MAX = 1 << 15,
};

/* "12 345 6 ": numbers, each followed by a blank, over any number of reads */
struct numbers {
	int fd;
	ssize_t next, end;
	pid_t tried; /* without the list: every number there can be, */
	pid_t limit; /* or up to here */
	char text[256];
};

/* The next number, or 0 at the end. */
static pid_t
next_number(struct numbers *in)
{
	pid_t number = 0;

	for (;;) {
		if (in->next >= in->end) {
			in->next = 0;
			in->end = sys_read(in->fd, in->text, sizeof(in->text));
			if (in->end <= 0)
				return number;
		}
		if (in->text[in->next] == ' ') {
			in->next++;
			return number;
		}
		number = number * 10 + (in->text[in->next++] - '0');
	}
}

bool
walk_has_proc(void)
{
	char link[16];
	uint64_t pid;
	ssize_t n = readlink("/proc/self", link, sizeof(link) - 1);

	if (n <= 0)
		return false;
	link[n] = '\0';
	return str_to_number(link, INT32_MAX, &pid) == 0 &&
	       (pid_t)pid == getpid();
}

static int
open_children(struct numbers *in, const char *path)
{
	in->next = in->end = 0;
	in->fd = sys_open(AT_FDCWD, path, O_RDONLY);
	return in->fd;
}

/* Is it a child of ours? Without /proc, and without reaping it. */
static bool
is_ours(pid_t pid)
{
	siginfo_t info;

	return getpgid(pid) >= 0 && /* half the price, for most numbers */
	       sys_waitid(P_PID, pid, &info, WEXITED | WNOHANG | WNOWAIT) >= 0;
}

static void
open_own(struct numbers *in)
{
	in->tried = 1;
	in->limit = PID_LIMIT;
	in->fd = -1;
	if (walk_has_proc())
		(void)open_children(in, OWN_CHILDREN);
}

/* The next child of ours, or 0 at the end. */
static pid_t
next_own(struct numbers *in)
{
	if (in->fd >= 0)
		return next_number(in);
	while (++in->tried < in->limit)
		if (is_ours(in->tried))
			return in->tried;
	return 0;
}

static bool
is_in(pid_t pid, const pid_t *pids, int n)
{
	while (n > 0)
		if (pids[--n] == pid)
			return true;
	return false;
}

static void
name_children(char *path, size_t size, pid_t pid)
{
	struct text text = { .data = path, .size = size };

	text_add(&text, "/proc/");
	text_add_number(&text, pid);
	text_add(&text, "/task/");
	text_add_number(&text, pid);
	text_add(&text, "/children");
}

/*
 * A child of somebody else: its number is its own if it is still listed as
 * that one's child when the pidfd is open.
 */
static void
signal_descendant(pid_t pid, const char *list, const int *sigs)
{
	struct numbers in;
	pid_t listed;
	int fd;

	fd = sys_pidfd_open(pid);
	if (fd < 0)
		return;
	if (open_children(&in, list) >= 0) {
		while ((listed = next_number(&in)) > 0 && listed != pid)
			;
		if (listed == pid)
			(void)sys_pidfd_signal(fd, sigs[0], NULL);
		if (listed == pid && sigs[1] != 0)
			(void)sys_pidfd_signal(fd, sigs[1], NULL);
		fd_close(&in.fd);
	}
	fd_close(&fd);
}

static int
signal_below(pid_t pid, const int *sigs, int levels)
{
	struct numbers in;
	char path[64];
	pid_t child;
	int n = 0;

	name_children(path, sizeof(path), pid);
	if (levels == 0 || open_children(&in, path) < 0)
		return 0;
	while ((child = next_number(&in)) > 0) {
		/* who is stopped has no more children by the time we look */
		if (sigs[0] == SIGSTOP)
			signal_descendant(child, path, sigs);
		n += 1 + signal_below(child, sigs, levels - 1);
		if (sigs[0] != SIGSTOP)
			signal_descendant(child, path, sigs);
	}
	fd_close(&in.fd);
	return n;
}

int
walk_children(
    int first, int second, const pid_t *spared, int nspared, int levels)
{
	const int sigs[] = { first, second };
	struct numbers in;
	pid_t pid;
	int n = 0;

	open_own(&in);
	if (in.fd < 0)
		levels = 0;
	/* a bomb must not make one walk last for ever */
	while (n < WALK_MAX && (pid = next_own(&in)) > 0) {
		if (is_in(pid, spared, nspared))
			continue;
		n++;
		if (first == 0)
			break; /* one is enough to know */
		if (first == SIGKILL || first == SIGSTOP)
			in.limit = LOW; /* there will be another look */
		/* first those below: without it they would become ours */
		if (first != SIGSTOP)
			n += signal_below(pid, sigs, levels);
		(void)kill(pid, first); /* a setuid one: EPERM */
		if (second != 0)
			(void)kill(pid, second);
		if (first == SIGSTOP)
			n += signal_below(pid, sigs, levels);
	}
	fd_close(&in.fd);
	return n;
}

int
walk_list(pid_t *pids, int room)
{
	struct numbers in;
	pid_t pid;
	int n = 0;

	open_own(&in);
	while (n < room && (pid = next_own(&in)) > 0)
		pids[n++] = pid;
	fd_close(&in.fd);
	return n;
}

bool
walk_all_refuse(const pid_t *spared, int nspared)
{
	struct numbers in;
	pid_t pid;
	bool refuse = true;

	open_own(&in);
	while (refuse && (pid = next_own(&in)) > 0)
		refuse = is_in(pid, spared, nspared) ||
			 (kill(pid, 0) < 0 && errno == EPERM);
	fd_close(&in.fd);
	return refuse;
}

/* "12 (a name) S 1 ...": anything can be in the name. */
pid_t
walk_parent(pid_t pid)
{
	char path[32], stat[128], *end;
	struct text text = TEXT(path);
	uint64_t parent;
	ssize_t n;

	if (!walk_has_proc())
		return -ENOENT;
	text_add(&text, "/proc/");
	text_add_number(&text, pid);
	text_add(&text, "/stat");
	n = sys_read_file(AT_FDCWD, path, stat, sizeof(stat));
	if (n < 0)
		return (pid_t)n;
	end = strrchr(stat, ')');
	if (end == NULL || end[1] != ' ' || end[2] == '\0')
		return -EINVAL;
	end += sizeof(") S ") - 1;
	end[strcspn(end, " ")] = '\0';
	return str_to_number(end, INT32_MAX, &parent) < 0 ? -EINVAL
							  : (pid_t)parent;
}
