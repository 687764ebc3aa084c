/* SPDX-License-Identifier: ISC */
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "fdstore.h"
#include "str.h"
#include "sys.h"

enum {
	NAME_MAX_LENGTH = 255
};

static bool
is_name(const char *name)
{
	const char *c;

	for (c = name; *c != '\0'; c++)
		if (*c == ':' || (unsigned char)*c < ' ' || *c == 0x7f)
			return false;
	return c > name && c - name <= NAME_MAX_LENGTH;
}

/* A socket, pipe or memfd: the kernel's own, which never block. */
static bool
is_harmless(int fd)
{
	int type;
	socklen_t size = sizeof(type);

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 ||
	       sys_fcntl(fd, F_GETPIPE_SZ, 0) >= 0 ||
	       sys_fcntl(fd, F_GET_SEALS, 0) >= 0;
}

void
fdstore_discard(int fd)
{
	pid_t pid = -1;

	if (fd < 0)
		return;
	if (!is_harmless(fd))
		pid = sys_clone(CLONE_FILES, SIGCHLD, NULL);
	if (pid > 0)
		return; /* reaped as any child */
	(void)close(fd);
	if (pid == 0)
		_exit(0);
}

/* Each has an inode; both ends of a pipe have the same. */
static bool
has_same(const struct fdstore *store, int fd)
{
	int mode = sys_fcntl(fd, F_GETFL, 0) & O_ACCMODE, i;
	struct stat st, other;

	if (!is_harmless(fd) || fstat(fd, &st) < 0)
		return false;
	for (i = 0; i < store->count; i++)
		if (is_harmless(store->fds[i]) &&
		    fstat(store->fds[i], &other) == 0 &&
		    other.st_dev == st.st_dev && other.st_ino == st.st_ino &&
		    (sys_fcntl(store->fds[i], F_GETFL, 0) & O_ACCMODE) == mode)
			return true;
	return false;
}

static void
watch_end(struct fdstore *store, int fd)
{
	struct epoll_event event = { .data.fd = fd };

	if (store->poll_fd < 0)
		store->poll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (store->poll_fd >= 0)
		(void)epoll_ctl(store->poll_fd, EPOLL_CTL_ADD, fd, &event);
}

/* Where name i begins. */
static char *
name_at(struct fdstore *store, int i)
{
	char *name = store->names;

	while (i-- > 0)
		name += strcspn(name, ":") + 1;
	return name;
}

static void
drop(struct fdstore *store, int i)
{
	struct epoll_event unused;
	char *name = name_at(store, i);
	size_t length = strcspn(name, ":");

	if (name[length] == ':')
		length++;
	else if (i > 0) /* the last: the `:` before it goes */
		name--, length++;
	memmove(name, name + length, strlen(name + length) + 1);
	/* others may hold it, too: closing it alone does not end the watch */
	if (store->poll_fd >= 0)
		(void)epoll_ctl(
		    store->poll_fd, EPOLL_CTL_DEL, store->fds[i], &unused);
	fdstore_discard(store->fds[i]);
	store->count--;
	memmove(&store->fds[i], &store->fds[i + 1],
	    (size_t)(store->count - i) * sizeof(*store->fds));
}

int
fdstore_add(struct fdstore *store, int fd, const char *name, bool watch)
{
	struct text text = TEXT(store->names);

	if (name == NULL || !is_name(name))
		name = "stored";
	if (has_same(store, fd)) {
		fdstore_discard(fd);
		return 0;
	}
	text.length = strlen(store->names);
	if (store->count < FDSTORE_MAX &&
	    text.length + strlen(name) + 2 <= text.size) {
		text_add(&text, store->count > 0 ? ":" : "");
		text_add(&text, name);
		store->fds[store->count++] = fd;
		if (watch && is_harmless(fd))
			watch_end(store, fd);
		return 0;
	}
	fdstore_discard(fd);
	return -ENOSPC;
}

void
fdstore_remove(struct fdstore *store, const char *name)
{
	size_t length = strlen(name);
	int i;

	for (i = store->count - 1; i >= 0; i--) {
		const char *own = name_at(store, i);

		if (strcspn(own, ":") == length &&
		    strncmp(own, name, length) == 0)
			drop(store, i);
	}
}

void
fdstore_clean(struct fdstore *store)
{
	struct epoll_event event;
	int i;

	while (sys_epoll(store->poll_fd, &event) == 1)
		for (i = store->count - 1; i >= 0; i--)
			if (store->fds[i] == event.data.fd)
				drop(store, i);
}

void
fdstore_clear(struct fdstore *store)
{
	while (store->count > 0)
		drop(store, store->count - 1);
}
