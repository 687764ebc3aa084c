/* SPDX-License-Identifier: ISC */
#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "control.h"
#include "sys.h"

/* clang-format off */
static const struct control_letter letters[] = {
	{ 'u', COMMAND_UP,		0,		"up" },
	{ 'd', COMMAND_DOWN,		0,		"down" },
	{ 'o', COMMAND_ONCE,		0,		"once" },
	{ 'O', COMMAND_AT_MOST,		0,		"at-most" },
	{ 'x', COMMAND_EXIT,		0,		"exit" },
	{ 'r', COMMAND_RESTART,		0,		"restart" },
	{ 'p', COMMAND_PAUSE,		0,		"pause" },
	{ 'c', COMMAND_CONTINUE,	0,		"continue" },
	{ 'h', COMMAND_SIGNAL,		SIGHUP,		"hup" },
	{ 'h', COMMAND_SIGNAL,		SIGHUP,		"reload" },
	{ 'a', COMMAND_SIGNAL,		SIGALRM,	"alarm" },
	{ 'i', COMMAND_SIGNAL,		SIGINT,		"int" },
	{ 't', COMMAND_SIGNAL,	SIGTERM,	"term" },
	{ 'k', COMMAND_SIGNAL,		SIGKILL,	"kill" },
	{ 'q', COMMAND_SIGNAL,		SIGQUIT,	"quit" },
	{ '1', COMMAND_SIGNAL,		SIGUSR1,	"usr1" },
	{ '2', COMMAND_SIGNAL,		SIGUSR2,	"usr2" },
	{ 'b', COMMAND_SIGNAL,		SIGABRT,	"abort" },
	{ 'y', COMMAND_SIGNAL,		SIGWINCH,	"winch" },
	{ 'w', COMMAND_SIGNAL,		SIGWINCH,	"" }, /* encore's */
	{ 'U', COMMAND_UP_KEEP,		0,		"" },
	{ 'D', COMMAND_DOWN_KEEP,	0,		"" },
	{ 'Q', COMMAND_ONCE_KEEP,	0,		"" },
	/* of s6 2.13, where the tree is the process group */
	{ 'P', COMMAND_PAUSE,		0,		"" },
	{ 'C', COMMAND_CONTINUE,	0,		"" },
	{ 'K', COMMAND_KILL_TREE,	0,		"kill-all" },
	/* not `l`: encore's svc puts that before each letter, s6 reloads */
};
static const struct control_letter exit_of_runsv =
	{ 'x', COMMAND_STOP_EXIT,	0,		"exit" };

static const struct {
	unsigned short dir, lock, ok, event;
} modes[] = {
	[CONTROL_AS_IS] =	{ 0700, 0600, 0600, 0 },
	[CONTROL_OWNER] =	{ 0700, 0600, 0600, 0700 },
	[CONTROL_GROUP] =	{ 0750, 0640, 0620, 03730 },
	[CONTROL_ALL] =		{ 0755, 0644, 0622, 01733 },
};
/* clang-format on */

enum {
	OPEN_FIFO = O_NONBLOCK | O_NOFOLLOW,
	KILLED_MS = 250,
	UNLOCK_MS = 10,
};

const struct control_letter *
control_find(char letter, bool as_runsv)
{
	size_t i;

	if (letter == 'x' && as_runsv)
		return &exit_of_runsv;
	for (i = 0; i < sizeof(letters) / sizeof(*letters); i++)
		if (letters[i].letter == letter)
			return &letters[i];
	return NULL;
}

const struct control_letter *
control_find_word(const char *word)
{
	size_t i;

	if (word[0] != '\0' && word[1] == '\0')
		return control_find(word[0], false);
	for (i = 0; word[0] != '\0' && i < sizeof(letters) / sizeof(*letters);
	     i++)
		if (strcmp(letters[i].word, word) == 0)
			return &letters[i];
	return NULL;
}

/* The file, new or not, and both locks: 0, -EBUSY or -errno. */
static int
open_locked(int dir_fd, const char *name, int *fd)
{
	short type = F_WRLCK;
	int r;

	*fd = openat(dir_fd, name,
	    O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	if (*fd < 0 || flock(*fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EAGAIN ? -EBUSY : -errno;
	r = sys_lock(*fd, F_OFD_SETLK, &type);
	if (r == -EINVAL) /* gVisor has no lock of this kind */
		r = 0;
	return r == -EAGAIN ? -EBUSY : r;
}

/* Is who holds a lock one who may write it, or read `control`? */
static bool
is_supervised(int dir_fd)
{
	short type = F_RDLCK;
	int fd, r;

	fd = sys_open(dir_fd, "lock", O_RDONLY | O_NONBLOCK);
	if (fd < 0)
		return fd != -ENOENT;
	/* only a write lock is in the way of one for reading */
	r = sys_lock(fd, F_OFD_GETLK, &type);
	fd_close(&fd);
	if (r < 0 || type != F_UNLCK)
		return true;
	fd = sys_open(dir_fd, "control", O_WRONLY | OPEN_FIFO);
	r = fd;
	fd_close(&fd);
	return r >= 0;
}

/*
 * Who is killed leaves what it has just cloned with its locks, for some
 * milliseconds: until `ok` has no reader, or it is no such thing. The kernel
 * lets go of that first and then of the lock.
 */
static void
wait_for_the_killed(int dir_fd)
{
	struct pollfd ok = {
		.fd = sys_open(dir_fd, "ok", O_WRONLY | OPEN_FIFO),
	};

	(void)poll(&ok, 1, ok.fd < 0 ? 0 : KILLED_MS);
	fd_close(&ok.fd);
	(void)poll(NULL, 0, UNLOCK_MS);
}

/*
 * A file that a stranger has locked is replaced. If two of us do that at once,
 * the second either gets the file of the first, locked, or finds that `lock`
 * has become that file.
 */
static int
open_lock(int dir_fd, enum control_access access)
{
	struct stat st, now;
	int fd, r;

	r = open_locked(dir_fd, "lock", &fd);
	if (r == -EBUSY && fstat(fd, &st) == 0 && (st.st_mode & 044) != 0 &&
	    !is_supervised(dir_fd)) {
		fd_close(&fd);
		r = open_locked(dir_fd, "lock.new", &fd);
		if (r == 0 && is_supervised(dir_fd))
			r = -EBUSY;
		if (r == 0 && renameat(dir_fd, "lock.new", dir_fd, "lock") < 0)
			r = -errno;
	}
	/* is it still the one that others will ask? */
	if (r == 0 &&
	    (fstat(fd, &st) < 0 || fstatat(dir_fd, "lock", &now, 0) < 0 ||
		now.st_dev != st.st_dev || now.st_ino != st.st_ino))
		r = -EBUSY;
	if (r == 0 && access != CONTROL_AS_IS)
		r = sys_fchmod(fd, modes[access].lock);
	if (r == 0)
		return fd;
	fd_close(&fd);
	return r;
}

/* Can nobody else put something into that directory? */
static bool
is_ours_alone(int dir_fd)
{
	struct stat st;

	return fstat(dir_fd, &st) == 0 && st.st_uid == geteuid() &&
	       (st.st_mode & 022) == 0;
}

/* fd, if it is one and can have that mode; else -errno. */
static int
with_mode(int fd, unsigned mode)
{
	int r = fd < 0 ? fd : sys_fchmod(fd, mode);

	if (r == 0)
		return fd;
	fd_close(&fd);
	return r;
}

/*
 * For both directions, so that it has a writer and hence no end of file. anew:
 * not the FIFO of the last supervisor, if all of it is as we would make it.
 */
static int
open_fifo(int dir_fd, const char *name, unsigned mode, bool set_mode, bool anew)
{
	struct stat st;
	int fd;

	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		st.st_mode = 0;
	} else if (!S_ISFIFO(st.st_mode) ||
		   (!is_ours_alone(dir_fd) &&
		       (st.st_uid != geteuid() || st.st_nlink != 1)) ||
		   (anew && st.st_uid == geteuid() && st.st_gid == getegid() &&
		       (set_mode || (st.st_mode & 07777) == mode))) {
		if (st.st_uid != geteuid())
			return -EPERM;
		if (unlinkat(dir_fd, name, 0) < 0)
			return -errno;
		st.st_mode = 0;
	}
	/* EEXIST: somebody was faster, and it is not ours */
	if (st.st_mode == 0 && mkfifoat(dir_fd, name, 0600) < 0)
		return -errno;
	fd = sys_open(dir_fd, name, O_RDWR | OPEN_FIFO);
	return set_mode || st.st_mode == 0 ? with_mode(fd, mode) : fd;
}

static int
open_dir(int service_fd, enum control_access access)
{
	int fd;

	fd = sys_mkdir(service_fd, "supervise", 0700);
	if (fd < 0 && fd != -EEXIST)
		return fd;
	fd = sys_open(service_fd, "supervise", O_RDONLY | O_DIRECTORY);
	return access != CONTROL_AS_IS ? with_mode(fd, modes[access].dir) : fd;
}

int
control_open(struct control *c, int service_fd, enum control_access access,
    const char **ret_name)
{
	const char *name = "supervise";
	int r;

	*c = (struct control)CONTROL_INIT;
	r = c->dir_fd = open_dir(service_fd, access);
	if (r >= 0) {
		name = "supervise/lock";
		r = open_lock(c->dir_fd, access);
		if (r == -EBUSY) {
			wait_for_the_killed(c->dir_fd);
			r = open_lock(c->dir_fd, access);
		}
		c->lock_fd = r;
	}
	if (r >= 0) {
		name = "supervise/control";
		r = c->fd = open_fifo(
		    c->dir_fd, "control", 0600, access != CONTROL_AS_IS, false);
	}
	if (r >= 0)
		return 0;
	*ret_name = name;
	control_close(c);
	return r;
}

int
control_announce(struct control *c, enum control_access access)
{
	c->ok_fd = open_fifo(
	    c->dir_fd, "ok", modes[access].ok, access != CONTROL_AS_IS, true);
	return c->ok_fd < 0 ? c->ok_fd : 0;
}

mode_t
control_event_mode(enum control_access access)
{
	return modes[access].event;
}

ssize_t
control_read(const struct control *c, char *bytes, size_t size)
{
	ssize_t n = sys_read(c->fd, bytes, size);

	return n == -EAGAIN ? 0 : n;
}

void
control_close(struct control *c)
{
	fd_close(&c->dir_fd);
	fd_close(&c->fd);
	fd_close(&c->lock_fd);
	fd_close(&c->ok_fd); /* the last: by it others see that we are gone */
}
