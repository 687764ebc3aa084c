/* SPDX-License-Identifier: ISC */
#ifndef SYS_H
#define SYS_H

/*
 * System calls that musl does not wrap, or wraps in a way that does not
 * suit a supervisor, and the few descriptor idioms that all modules share.
 *
 * Every function returns 0 or more, or -errno; none sets errno for the
 * caller to look at, none prints. EINTR is retried (a stop and a SIGCONT
 * cause it without any handler), except by close: Linux has freed the
 * descriptor by then. All descriptors made here are born O_CLOEXEC.
 *
 * Signal masks are the kernel's 64 bits, bit n-1 for signal n: the sigset
 * functions of musl leave out 32 to 34, which a supervisor must block too.
 */

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct epoll_event;

enum {
	SIGNAL_MAX = 64,
	/* what a glibc program, docker and kill(1) call RTMIN; musl's is 35 */
	SIGNAL_RTMIN = 34,
};

_Static_assert(_NSIG <= SIGNAL_MAX + 1, "MIPS has 128 signals");

/* a sanitizer wants to know of each stack, and what becomes of it */
#ifdef __SANITIZE_ADDRESS__
#define IS_SANITIZED true
#else
#define IS_SANITIZED false
#endif

enum {
	NS_PER_MS = 1000000
};
#define NS_PER_S INT64_C(1000000000)

/* flags of clone(2), under our own names: headers differ in which they have */
enum {
	SYS_CLONE_PIDFD = 0x1000,
	SYS_CLONE_PARENT = 0x8000,
	SYS_CLONE_NEWNS = 0x20000,
	SYS_CLONE_NEWUSER = 0x10000000,
	SYS_CLONE_NEWPID = 0x20000000,
};

/*
 * fork(2) with flags: 0 in the child, the pid in the parent. The child may
 * only make system calls: libc does not know that it was made.
 * sys_clone3 (Linux 5.3) enters cgroup_fd unless that is -1 (5.7);
 * sys_clone is the old call, which container filters let through.
 * ret_pidfd may be NULL; it is written in the parent only (5.2).
 */
pid_t sys_clone3(
    uint64_t flags, int exit_signal, int cgroup_fd, int *ret_pidfd);
pid_t sys_clone(unsigned long flags, int exit_signal, int *ret_pidfd);

int sys_pidfd_open(pid_t pid);                                   /* 5.3 */
int sys_pidfd_signal(int pidfd, int sig, const siginfo_t *info); /* 5.1 */
/* the inode of its cgroup, also of one that has been reaped: 6.13, 6.15 */
int sys_pidfd_cgroup(int pidfd, uint64_t *ret_inode);
int sys_sigmask(int how, const uint64_t *mask, uint64_t *ret_old);
uint64_t sys_sigpending(void);   /* which blocked signals have come */
int sys_signalfd(uint64_t mask); /* non-blocking */
bool sys_is_ignored(int sig);    /* as it was inherited */
void sys_dispose(int sig, void (*handler)(int)); /* SIG_DFL or SIG_IGN */
/* 1 and *info filled, 0 when none has changed (WNOHANG), or -errno */
int sys_waitid(int idtype, pid_t id, siginfo_t *info, int options);
int sys_prctl(int option, unsigned long value);
int sys_setns(int fd, int flags);
int sys_unshare(int flags);

int64_t sys_now_ns(void); /* CLOCK_MONOTONIC */

/* libc's have an answer to kernels that are older than what we need */
int sys_pipe(int fds[2]);
int sys_dup3(int fd, int to);
int sys_fchdir(int fd);
int sys_fchmod(int fd, mode_t mode);
int sys_fchgrp(int fd, gid_t gid);
int sys_socket(int family, int type);
int sys_epoll(int fd, struct epoll_event *ret_event); /* one that is there */
unsigned sys_file_limit(void); /* of open files: the first that cannot be */

int sys_fcntl(int fd, int command, int value);
/* F_OFD_SETLK, F_OFD_GETLK (Linux 3.15) of the whole file; *type in and out. */
int sys_lock(int fd, int command, short *type);
int sys_access(int dir_fd, const char *path, int mode); /* as who we were */
int sys_open(int dir_fd, const char *path, int flags);
/* A directory; also where a link that leads to none is to lead. -EEXIST. */
int sys_mkdir(int dir_fd, const char *path, mode_t mode);
/* A new file, for no link is followed; -EEXIST. */
int sys_creat(int dir_fd, const char *path, mode_t mode);
ssize_t sys_read(int fd, void *data, size_t size);
ssize_t sys_pread(int fd, void *data, size_t size, off_t offset);
int sys_write_all(int fd, const void *data, size_t size);
/* open, write once, close: the way of /proc and cgroup files */
int sys_write_file(int dir_fd, const char *path, const char *text);
/* The whole of a small file, cut at size - 1 and terminated; its length. */
ssize_t sys_read_file(int dir_fd, const char *path, char *text, size_t size);
ssize_t sys_getdents(int fd, void *entries, size_t size);

/* what getdents64(2) fills in; libc hides it */
struct sys_dirent {
	uint64_t ino;
	int64_t next;
	unsigned short size;
	unsigned char type; /* DT_DIR is 4 */
	char name[];
};

/*
 * Gives back the pages of the stack that are below us, where deeper calls have
 * been, and with `above` also those of our callers, for who never returns:
 * all but arguments and environment, which ps(1) shows, and two pages.
 */
void sys_drop_stack(bool above);

void fd_close(int *fd); /* and sets it to -1; none is fine */
/*
 * Close every descriptor from first on except the nkept in kept, which is
 * sorted in place (entries of -1 are skipped). Works without close_range
 * (Linux 5.9), or when that would be our end (by_hand): then through
 * /proc/self/fd or, failing that, by trial up to the limit of open files.
 */
void fd_close_others(int first, int *kept, size_t nkept, bool by_hand);

#endif
