/* SPDX-License-Identifier: ISC */
#include <sys/random.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fifodir.h"
#include "str.h"
#include "sys.h"

#define PREFIX "ftrig1:@"

enum {
	TYPE_UNKNOWN = 0, /* of a directory entry, as readdir(3) has them */
	TYPE_FIFO = 1,
	DIGITS = 24,
	RANDOM = 6,
};

_Static_assert(
    FIFODIR_NAME_SIZE == sizeof(PREFIX) - 1 + DIGITS + 1 + RANDOM, "s6");

int
fifodir_make(int dir_fd, const char *name, mode_t mode)
{
	int fd, r = sys_mkdir(dir_fd, name, 0700);

	if (r < 0 && r != -EEXIST)
		return r;
	fd = sys_open(dir_fd, name, O_RDONLY | O_DIRECTORY);
	if (fd < 0 || (r == -EEXIST && mode == 0))
		return fd;
	/* below a setgid directory it has that one's group */
	r = sys_fchgrp(fd, getegid());
	if (r == 0)
		r = sys_fchmod(fd, mode != 0 ? mode : 03730);
	if (r == 0)
		return fd;
	fd_close(&fd);
	return r;
}

static void
tell_one(int dir_fd, const char *name, const char *letters)
{
	struct stat st;
	int fd, r;

	/* no reader: ENXIO; a symbolic link: ELOOP */
	fd = sys_open(
	    dir_fd, name, O_WRONLY | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY);
	r = fd;
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode) &&
	    st.st_nlink == 1)
		r = sys_write_all(fd, letters, strlen(letters));
	fd_close(&fd);
	if (r == -ENXIO || r == -EPIPE)
		(void)unlinkat(dir_fd, name, 0); /* its owner may have */
}

int
fifodir_notify(int dir_fd, const char *letters)
{
	_Alignas(struct sys_dirent) char entries[2048];
	const struct sys_dirent *entry;
	ssize_t n = 0, at;
	int looked = 0, told = 0;

	if (lseek(dir_fd, 0, SEEK_SET) < 0)
		return -errno;
	while (looked < FIFODIR_ENTRIES_MAX && told < FIFODIR_TOLD_MAX &&
	       (n = sys_getdents(dir_fd, entries, sizeof(entries))) > 0) {
		for (at = 0; at < n; at += entry->size) {
			entry = (const void *)(entries + at);
			looked++;
			if (str_after(entry->name, PREFIX) == NULL ||
			    strlen(entry->name) != FIFODIR_NAME_SIZE ||
			    (entry->type != TYPE_FIFO &&
				entry->type != TYPE_UNKNOWN))
				continue;
			tell_one(dir_fd, entry->name, letters);
			told++;
		}
	}
	return n < 0 ? (int)n : 0;
}

/* What nobody guesses: the name is all that keeps others from writing. */
static int
make_name(char *name)
{
	unsigned char bytes[DIGITS + RANDOM];
	struct text text = { .data = name, .size = FIFODIR_NAME_SIZE + 2 };
	size_t i;

	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		return -EAGAIN;
	text_add(&text, "." PREFIX);
	for (i = 0; i < sizeof(bytes); i++) {
		if (i == DIGITS)
			text_add(&text, ":");
		text_add_bytes(&text, &"0123456789abcdef"[bytes[i] & 15], 1);
	}
	return 0;
}

int
fifodir_subscribe(int dir_fd, struct fifodir_subscription *sub)
{
	mode_t mask;
	int r;

	sub->dir_fd = dir_fd;
	sub->fd = -1;
	r = make_name(sub->name);
	if (r < 0)
		return r;
	mask = umask(0); /* who tells may be somebody else, so 0622 */
	if (mkfifoat(dir_fd, sub->name, 0622) < 0)
		r = -errno;
	(void)umask(mask);
	if (r < 0)
		return r;
	/* for both directions, so that it has a writer and hence no end */
	sub->fd = sys_open(dir_fd, sub->name, O_RDWR | O_NONBLOCK | O_NOFOLLOW);
	if (sub->fd < 0)
		r = sub->fd;
	/* only now it has a reader, or it would be removed at once */
	else if (renameat(dir_fd, sub->name, dir_fd, sub->name + 1) < 0)
		r = -errno;
	else
		memmove(sub->name, sub->name + 1, sizeof(sub->name) - 1);
	if (r < 0)
		fifodir_unsubscribe(sub);
	return r;
}

void
fifodir_unsubscribe(struct fifodir_subscription *sub)
{
	(void)unlinkat(sub->dir_fd, sub->name, 0); /* or it was removed */
	fd_close(&sub->fd);
}
