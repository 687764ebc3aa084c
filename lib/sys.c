/* SPDX-License-Identifier: ISC */
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>

#include "sys.h"

/* the same number on every architecture, and not in every libc's header */
#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_clone3
#define SYS_clone3 435
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif

#define CLONE3_INTO_CGROUP UINT64_C(0x200000000)

/* struct clone_args of the kernel, as of 5.7 */
struct clone3_args {
	uint64_t flags, pidfd, child_tid, parent_tid, exit_signal;
	uint64_t stack, stack_size, tls, set_tid, set_tid_size, cgroup;
};

static int
result(long r)
{
	return r < 0 ? -errno : (int)r;
}

pid_t
sys_clone3(uint64_t flags, int exit_signal, int cgroup_fd, int *ret_pidfd)
{
	struct clone3_args args = {
		.flags = flags,
		.exit_signal = (uint64_t)exit_signal,
	};

	if (ret_pidfd != NULL) {
		args.flags |= SYS_CLONE_PIDFD;
		args.pidfd = (uintptr_t)ret_pidfd;
	}
	if (cgroup_fd >= 0) {
		args.flags |= CLONE3_INTO_CGROUP;
		args.cgroup = (uint64_t)cgroup_fd;
	}
	return result(syscall(SYS_clone3, &args, sizeof(args)));
}

pid_t
sys_clone(unsigned long flags, int exit_signal, int *ret_pidfd)
{
	flags |= (unsigned long)exit_signal;
	if (ret_pidfd != NULL)
		flags |= SYS_CLONE_PIDFD;
#if defined(__s390__) || defined(__CRIS__)
	return result(syscall(SYS_clone, 0L, flags, ret_pidfd, 0L, 0L));
#else
	return result(syscall(SYS_clone, flags, 0L, ret_pidfd, 0L, 0L));
#endif
}

int
sys_pidfd_open(pid_t pid)
{
	return result(syscall(SYS_pidfd_open, pid, 0));
}

int
sys_pidfd_signal(int pidfd, int sig, const siginfo_t *info)
{
	return result(syscall(SYS_pidfd_send_signal, pidfd, sig, info, 0));
}

int
sys_pidfd_cgroup(int pidfd, uint64_t *ret_inode)
{
	const unsigned get_info = 0xc040ff0b; /* PIDFD_GET_INFO, 64 bytes */
	enum {
		CGROUP = 4,
		EXIT = 8, /* of what is no more */
	};
	struct {
		uint64_t mask, inode;
		uint32_t others[12];
	} info = { .mask = CGROUP | EXIT };
	int r = result(syscall(SYS_ioctl, pidfd, get_info, &info));

	if (r < 0 || (info.mask & CGROUP) == 0)
		return r < 0 ? r : -ENODATA;
	*ret_inode = info.inode;
	return 0;
}

int
sys_sigmask(int how, const uint64_t *mask, uint64_t *ret_old)
{
	return result(
	    syscall(SYS_rt_sigprocmask, how, mask, ret_old, sizeof(*mask)));
}

uint64_t
sys_sigpending(void)
{
	uint64_t mask = 0;

	(void)syscall(SYS_rt_sigpending, &mask, sizeof(mask)); /* cannot fail */
	return mask;
}

int
sys_signalfd(uint64_t mask)
{
	/* SFD_CLOEXEC and SFD_NONBLOCK are these by definition */
	return result(syscall(
	    SYS_signalfd4, -1, &mask, sizeof(mask), O_CLOEXEC | O_NONBLOCK));
}

/* of every architecture but MIPS; the rest is 0, in whatever order it is */
struct kernel_action {
	void (*handler)(int);
	unsigned long rest[7];
};

static void
change_action(
    int sig, const struct kernel_action *to, struct kernel_action *old)
{
#ifdef __sparc__ /* the address of a restorer comes before the size */
	(void)syscall(SYS_rt_sigaction, sig, to, old, 0L, 8L);
#else
	(void)syscall(SYS_rt_sigaction, sig, to, old, 8L);
#endif
}

bool
sys_is_ignored(int sig)
{
	struct kernel_action action = { .handler = SIG_DFL };

	change_action(sig, NULL, &action);
	return action.handler == SIG_IGN;
}

void
sys_dispose(int sig, void (*handler)(int))
{
	const struct kernel_action action = { .handler = handler };

	change_action(sig, &action, NULL);
}

int
sys_waitid(int idtype, pid_t id, siginfo_t *info, int options)
{
	int r;

	do {
		info->si_pid = 0;
		r = waitid((idtype_t)idtype, (id_t)id, info, options);
	} while (r < 0 && errno == EINTR);
	if (r < 0)
		return -errno;
	return info->si_pid != 0;
}

int
sys_pipe(int fds[2])
{
	return result(syscall(SYS_pipe2, fds, O_CLOEXEC));
}

int
sys_dup3(int fd, int to)
{
	return result(syscall(SYS_dup3, fd, to, O_CLOEXEC));
}

int
sys_fchdir(int fd)
{
	return result(syscall(SYS_fchdir, fd));
}

int
sys_fchmod(int fd, mode_t mode)
{
	return result(syscall(SYS_fchmod, fd, mode));
}

int
sys_fchgrp(int fd, gid_t gid)
{
	return result(syscall(SYS_fchown, fd, -1, gid));
}

int
sys_socket(int family, int type)
{
	return result(syscall(SYS_socket, family, type | SOCK_CLOEXEC, 0));
}

int
sys_epoll(int fd, struct epoll_event *ret_event)
{
	return result(syscall(SYS_epoll_pwait, fd, ret_event, 1, 0, NULL, 8));
}

unsigned
sys_file_limit(void)
{
	struct rlimit limit;

	if (syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, &limit) < 0 ||
	    limit.rlim_cur > INT_MAX)
		return INT_MAX;
	return (unsigned)limit.rlim_cur;
}

int
sys_prctl(int option, unsigned long value)
{
	return result(prctl(option, value, 0UL, 0UL, 0UL));
}

int
sys_setns(int fd, int flags)
{
	return result(setns(fd, flags));
}

int
sys_unshare(int flags)
{
	return result(unshare(flags));
}

int64_t
sys_now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail */
	return now.tv_sec * NS_PER_S + now.tv_nsec;
}

/* libc's looks at each command, for the sake of old kernels */
#ifdef SYS_fcntl64
#define FCNTL SYS_fcntl64
#else
#define FCNTL SYS_fcntl
#endif

int
sys_fcntl(int fd, int command, int value)
{
	return result(syscall(FCNTL, fd, command, value));
}

int
sys_lock(int fd, int command, short *type)
{
	struct flock whole = { .l_type = *type, .l_whence = SEEK_SET };
	int r = result(syscall(FCNTL, fd, command, &whole));

	*type = whole.l_type;
	return r;
}

/* libc's can ask for other ids, by a child */
int
sys_access(int dir_fd, const char *path, int mode)
{
	return result(syscall(SYS_faccessat, dir_fd, path, mode));
}

int
sys_open(int dir_fd, const char *path, int flags)
{
	int fd;

	do
		fd = openat(dir_fd, path, flags | O_CLOEXEC);
	while (fd < 0 && errno == EINTR);
	return result(fd);
}

int
sys_mkdir(int dir_fd, const char *path, mode_t mode)
{
	char target[1024];
	ssize_t n;

	if (mkdirat(dir_fd, path, mode) == 0)
		return 0;
	if (errno != EEXIST)
		return -errno;
	n = readlinkat(dir_fd, path, target, sizeof(target) - 1);
	if (n <= 0)
		return -EEXIST;
	target[n] = '\0';
	return result(mkdirat(dir_fd, target, mode));
}

int
sys_creat(int dir_fd, const char *path, mode_t mode)
{
	int fd;

	do
		fd = openat(dir_fd, path,
		    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	while (fd < 0 && errno == EINTR);
	return result(fd);
}

ssize_t
sys_read(int fd, void *data, size_t size)
{
	ssize_t n;

	do
		n = read(fd, data, size);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

ssize_t
sys_pread(int fd, void *data, size_t size, off_t offset)
{
	ssize_t n;

	do
		n = pread(fd, data, size, offset);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

int
sys_write_all(int fd, const void *data, size_t size)
{
	const char *next = data;
	ssize_t n;

	while (size > 0) {
		n = write(fd, next, size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		next += n;
		size -= (size_t)n;
	}
	return 0;
}

int
sys_write_file(int dir_fd, const char *path, const char *text)
{
	size_t size = 0;
	int fd, r;

	while (text[size] != '\0')
		size++;
	fd = sys_open(dir_fd, path, O_WRONLY);
	if (fd < 0)
		return fd;
	r = sys_write_all(fd, text, size);
	fd_close(&fd);
	return r;
}

ssize_t
sys_read_file(int dir_fd, const char *path, char *text, size_t size)
{
	size_t length = 0;
	ssize_t n;
	int fd;

	/* somebody may have put a FIFO in its place */
	fd = sys_open(dir_fd, path, O_RDONLY | O_NONBLOCK);
	if (fd < 0)
		return fd;
	do {
		n = sys_read(fd, text + length, size - 1 - length);
		if (n > 0)
			length += (size_t)n;
	} while (n > 0 && length < size - 1);
	fd_close(&fd);
	if (n < 0)
		return n;
	text[length] = '\0';
	return (ssize_t)length;
}

ssize_t
sys_getdents(int fd, void *entries, size_t size)
{
	return result(syscall(SYS_getdents64, fd, entries, size));
}

void
sys_drop_stack(bool above)
{
	enum {
		PAGE = 4096,
		DEPTH = 16 * PAGE,
	};
	char here;
	uintptr_t page = (uintptr_t)&here & ~(uintptr_t)(PAGE - 1);
	uintptr_t top = (uintptr_t)environ & ~(uintptr_t)(PAGE - 1);

	if (IS_SANITIZED)
		return;
	(void)madvise((void *)(page - PAGE - DEPTH), DEPTH, MADV_DONTNEED);
	if (above && top > page + 2 * PAGE && top < page + 2 * DEPTH)
		(void)madvise((void *)(page + 2 * PAGE), top - page - 2 * PAGE,
		    MADV_DONTNEED);
}

void
fd_close(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd); /* nothing here was written for keeps */
	*fd = -1;
}

/* Without close_range(2): what /proc lists, else every number there may be. */
static void
close_each(unsigned first, unsigned last)
{
	_Alignas(struct sys_dirent) char entries[1024];
	const struct sys_dirent *entry;
	unsigned limit;
	ssize_t n, at;
	const char *c;
	unsigned fd;
	int dir_fd;

	dir_fd = sys_open(AT_FDCWD, "/proc/self/fd", O_RDONLY | O_DIRECTORY);
	if (dir_fd < 0) {
		limit = sys_file_limit();
		if (limit > 65536)
			limit = 65536;
		for (fd = first; fd <= last && fd < limit; fd++)
			(void)close((int)fd);
		return;
	}
	while ((n = sys_getdents(dir_fd, entries, sizeof(entries))) > 0) {
		for (at = 0; at < n; at += entry->size) {
			entry = (const void *)(entries + at);
			fd = 0;
			for (c = entry->name; *c >= '0' && *c <= '9'; c++)
				fd = fd * 10 + (unsigned)(*c - '0');
			if (c == entry->name || fd < first || fd > last)
				continue;
			if ((int)fd != dir_fd)
				(void)close((int)fd);
		}
	}
	(void)close(dir_fd);
}

static void
close_from_to(unsigned first, unsigned last, bool by_hand)
{
	if (by_hand || syscall(SYS_close_range, first, last, 0) < 0)
		close_each(first, last);
}

void
fd_close_others(int first, int *kept, size_t nkept, bool by_hand)
{
	unsigned next = (unsigned)first;
	size_t i, j, n = 0;
	int fd;

	for (i = 0; i < nkept; i++) { /* a dozen at most: insertion */
		fd = kept[i];
		if (fd < 0)
			continue;
		for (j = n++; j > 0 && kept[j - 1] > fd; j--)
			kept[j] = kept[j - 1];
		kept[j] = fd;
	}
	for (i = 0; i < n; i++) {
		if (kept[i] < (int)next)
			continue;
		if (kept[i] > (int)next)
			close_from_to(next, (unsigned)kept[i] - 1, by_hand);
		next = (unsigned)kept[i] + 1;
	}
	close_from_to(next, ~0U, by_hand);
}
