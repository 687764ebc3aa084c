/* SPDX-License-Identifier: ISC */
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "cgroup.h"
#include "str.h"
#include "sys.h"

enum {
	CGROUP2_MAGIC = 0x63677270,
	TYPE_DIRECTORY = 4, /* DT_DIR */
	LEAF_MODE = 01711,
	BATCH = 256, /* pidfds at a time, if so many may be open */
	FREEZE_LIMIT_MS = 200,
	NAMES_TRIED = 16,
	LOOKS_MAX = 16,
	PID_LIMIT = 1 << 22,
	ENTRY_MAX = sizeof(struct sys_dirent) + NAME_MAX + 1,
};

/* The text up to c or its end, with \ooo taken for the byte it stands for. */
static const char *
add_unescaped(struct text *out, const char *s, char end)
{
	char byte;

	while (*s != end && *s != '\0') {
		byte = *s++;
		if (byte == '\\' && s[0] >= '0' && s[0] <= '3' && s[1] >= '0' &&
		    s[1] <= '7' && s[2] >= '0' && s[2] <= '7') {
			byte = (char)((s[0] - '0') << 6 | (s[1] - '0') << 3 |
				      (s[2] - '0'));
			s += 3;
		}
		text_add_bytes(out, &byte, 1);
	}
	return s;
}

static const char *
skip_fields(const char *s, int n)
{
	for (; n > 0; n--) {
		while (*s != ' ' && *s != '\0')
			s++;
		if (*s == ' ')
			s++;
	}
	return s;
}

/* How many names a path has; -1 when only is not NULL and one is another. */
static int
count_names(const char *path, const char *only)
{
	size_t length;
	int n = 0;

	while (*path != '\0') {
		path += strspn(path, "/");
		length = strcspn(path, "/");
		if (length == 0)
			break;
		if (only != NULL && (length != strlen(only) ||
					strncmp(path, only, length) != 0))
			return -1;
		path += length;
		n++;
	}
	return n;
}

int
cgroup_path_of(const char *mountinfo, const char *own, char *path, size_t size)
{
	struct text out = { .data = path, .size = size };
	const char *rest = own, *s;
	int above = 0;

	/* 36 35 98:0 /root /mount/point options [tag:value ...] - type ... */
	s = mountinfo;
	while ((s = strchr(s, '-')) != NULL && (s[-1] != ' ' || s[1] != ' '))
		s++;
	if (s == NULL || str_after(s, "- cgroup2 ") == NULL)
		return 0;
	s = skip_fields(mountinfo, 3);
	(void)add_unescaped(&out, s, ' '); /* the root of the mount */
	if (out.full)
		return -ENAMETOOLONG;
	/* a cgroup outside of our namespace is shown as /../x */
	s = str_after(own, "/..");
	if (s != NULL && (*s == '/' || *s == '\0'))
		return 0;
	if (strcmp(path, "/") != 0) {
		above = count_names(path, "..");
		rest = above > 0 ? "/" : str_after(own, path);
		if (rest == NULL || (*rest != '/' && *rest != '\0'))
			return 0;
	}
	out.length = 0;
	s = add_unescaped(&out, skip_fields(mountinfo, 4), ' ');
	if (str_after(s, " ro") != NULL)
		return -EROFS;
	if (strcmp(rest, "/") != 0)
		text_add(&out, rest);
	if (out.full)
		return -ENAMETOOLONG;
	return above > 0 ? 1 + above + count_names(own, NULL) : 1;
}

int
cgroup_value_of(const char *events, const char *key)
{
	const char *s, *line = events;

	while (line != NULL && *line != '\0') {
		s = str_after(line, key);
		if (s != NULL && s[0] == ' ' && (s[1] == '0' || s[1] == '1') &&
		    (s[2] == '\n' || s[2] == '\0'))
			return s[1] - '0';
		line = strchr(line, '\n');
		if (line != NULL)
			line++;
	}
	return -EINVAL;
}

/* A file by lines. Of a line longer than the buffer, its beginning. */
struct lines {
	int fd;
	bool cut; /* the rest of the last line is still to be skipped */
	size_t next, end;
	char text[PATH_MAX];
};

static int
open_lines(struct lines *in, const char *path)
{
	in->cut = false;
	in->next = in->end = 0;
	in->fd = sys_open(AT_FDCWD, path, O_RDONLY);
	return in->fd;
}

static char *
next_line(struct lines *in)
{
	char *line, *newline;
	ssize_t n;
	bool cut;

	for (;;) {
		line = in->text + in->next;
		newline = memchr(line, '\n', in->end - in->next);
		cut = in->cut;
		if (newline != NULL) {
			*newline = '\0';
			in->next = (size_t)(newline - in->text) + 1;
			in->cut = false;
			if (!cut)
				return line;
			continue;
		}
		in->end -= in->next;
		memmove(in->text, line, in->end);
		in->next = 0;
		if (cut)
			in->end = 0;
		if (in->end == sizeof(in->text) - 1) {
			in->text[in->end] = '\0';
			in->next = in->end;
			in->cut = true;
			return in->text;
		}
		n = sys_read(
		    in->fd, in->text + in->end, sizeof(in->text) - 1 - in->end);
		if (n <= 0)
			return NULL;
		in->end += (size_t)n;
	}
}

/*
 * The path in the line `0::/path` of /proc/self/cgroup. It is the last one, for
 * the kernel lists first what was mounted last; of a file that fits into the
 * buffer no other line is looked at.
 */
static int
find_own(struct text *own)
{
	struct lines in;
	const char *line, *path = NULL;
	ssize_t n;

	if (open_lines(&in, "/proc/self/cgroup") < 0)
		return in.fd;
	n = sys_read(in.fd, in.text, sizeof(in.text) - 1);
	if (n > 0)
		in.end = (size_t)n;
	if (in.end > 0 && in.end < sizeof(in.text) - 1) {
		line = memrchr(in.text, '\n', in.end - 1);
		in.next = line != NULL ? (size_t)(line + 1 - in.text) : 0;
	}
	while (path == NULL && (line = next_line(&in)) != NULL)
		path = str_after(line, "0::");
	if (path != NULL)
		text_add(own, path);
	fd_close(&in.fd);
	return path != NULL ? 0 : -ENODEV;
}

/* Opens what path names where it is a cgroup: a hidden mount is not. */
static int
open_cgroup(const char *path)
{
	struct statfs fs;
	int fd, r;

	fd = sys_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		return fd;
	r = fd;
	if (fstatfs(fd, &fs) < 0 || fs.f_type != CGROUP2_MAGIC)
		r = -ENOENT;
	else if ((fs.f_flags & ST_RDONLY) != 0)
		r = -EROFS;
	if (r < 0)
		fd_close(&fd);
	return r;
}

/*
 * The name of the first subdirectory behind the entry with the inode number
 * after, or of the first one (0). The order is stable: kernfs sorts by hash.
 * 1, or 0 at the end.
 */
static int
subdirectory(int dir_fd, uint64_t after, char *name, size_t size)
{
	_Alignas(struct sys_dirent) char entries[1024];
	const struct sys_dirent *entry;
	ssize_t n, at;

	if (lseek(dir_fd, 0, SEEK_SET) < 0)
		return -errno;
	while ((n = sys_getdents(dir_fd, entries, sizeof(entries))) > 0) {
		for (at = 0; at < n; at += entry->size) {
			entry = (const void *)(entries + at);
			if (entry->type != TYPE_DIRECTORY ||
			    strcmp(entry->name, ".") == 0 ||
			    strcmp(entry->name, "..") == 0)
				continue;
			if (after != 0) {
				if (entry->ino == after)
					after = 0;
				continue;
			}
			if (strlen(entry->name) >= size)
				return -ENAMETOOLONG;
			memcpy(name, entry->name, strlen(entry->name) + 1);
			return 1;
		}
	}
	return (int)n;
}

/* Replaces *dir_fd by the directory `name` in it. */
static int
move_to(int *dir_fd, const char *name)
{
	int fd = sys_open(*dir_fd, name, O_RDONLY | O_DIRECTORY);

	if (fd < 0)
		return fd;
	fd_close(dir_fd);
	*dir_fd = fd;
	return 0;
}

static int
inode_of(int fd, uint64_t *ret_ino)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	*ret_ino = st.st_ino;
	return 0;
}

/*
 * Moves *dir_fd, depth levels below where it began, on to the next cgroup of
 * the tree, parents first, none deeper than deepest. There is no recursion and
 * no stack: a program can nest cgroups deeper than any buffer. 1, 0 when it was
 * the last, or -errno.
 */
static int
next_cgroup(int *dir_fd, unsigned *depth, unsigned deepest)
{
	char name[NAME_MAX + 1];
	uint64_t ino = 0;
	int r;

	for (;;) {
		r = *depth == deepest
			? 0
			: subdirectory(*dir_fd, ino, name, sizeof(name));
		if (r < 0)
			return r;
		if (r == 1) {
			r = move_to(dir_fd, name);
			if (r == 0)
				++*depth;
			return r < 0 ? r : 1;
		}
		if (*depth == 0)
			return 0;
		r = inode_of(*dir_fd, &ino);
		if (r == 0)
			r = move_to(dir_fd, "..");
		if (r < 0)
			return r;
		--*depth;
	}
}

/*
 * cgroup.procs as a stream. Read on from where it was, it lists each process
 * once, also while others that it has listed end (the kernel's iterator
 * steps aside for them); an offset would then skip some.
 */
struct procs {
	int fd;
	int kept; /* read and put back, or -1 */
	ssize_t next, end;
	char text[1024];
};

static int
open_procs(struct procs *in, int dir_fd)
{
	in->kept = -1;
	in->next = in->end = 0;
	in->fd = sys_open(dir_fd, "cgroup.procs", O_RDONLY);
	return in->fd;
}

/* The next pid, 0 for one of another namespace, or -1 at the end. */
static int
next_pid(struct procs *in)
{
	int pid = in->kept;

	in->kept = -1;
	if (pid >= 0)
		return pid;
	for (pid = 0;;) {
		if (in->next >= in->end) {
			in->next = 0;
			in->end = sys_read(in->fd, in->text, sizeof(in->text));
			if (in->end <= 0)
				return -1;
		}
		if (in->text[in->next] == '\n') {
			in->next++;
			return pid;
		}
		pid = pid * 10 + (in->text[in->next++] - '0');
	}
}

static bool
lists_pid(int dir_fd, int wanted)
{
	struct procs procs;
	int pid;

	if (open_procs(&procs, dir_fd) < 0)
		return false;
	while ((pid = next_pid(&procs)) >= 0 && pid != wanted)
		;
	fd_close(&procs.fd);
	return pid == wanted;
}

/*
 * Under a cgroup namespace whose root is somewhere below this mount, nothing
 * tells where. But how deep we are is known, and who is in there.
 */
static int
find_at_depth(int *dir_fd, unsigned wanted, int pid)
{
	unsigned depth = 0;
	int r;

	while ((r = next_cgroup(dir_fd, &depth, wanted)) == 1)
		if (depth == wanted && lists_pid(*dir_fd, pid))
			return 0;
	return r < 0 ? r : -ENOENT;
}

/* From the mount point fd to the cgroup that we are in; fd, or -errno. */
static int
move_to_ours(struct cgroup *cg, int fd, unsigned depth, int pid)
{
	char path[32];
	struct text text = TEXT(path);
	ssize_t n;
	int r = find_at_depth(&fd, depth, pid);

	if (r < 0) {
		fd_close(&fd);
		return r;
	}
	text_add(&text, "/proc/self/fd/");
	text_add_number(&text, fd);
	n = readlink(path, cg->base, sizeof(cg->base) - 1);
	if (n > 0) /* else the messages name the mount point */
		cg->base[n] = '\0';
	return fd;
}

static void
name_base(struct cgroup *cg, const char *path)
{
	struct text text = TEXT(cg->base);

	text_add(&text, path);
}

/*
 * The first cgroup2 mount that shows the cgroup `where` and is writable: a
 * container may have a read-only one and another. Lines may be long (an
 * overlay lists its layers); what matters stands at their beginning.
 */
static int
find_mount(struct cgroup *cg, const char *where, int pid)
{
	struct lines in;
	const char *line;
	char path[PATH_MAX];
	int fd, r = -ENODEV, found;

	if (open_lines(&in, "/proc/self/mountinfo") < 0)
		return in.fd;
	while (r < 0 && (line = next_line(&in)) != NULL) {
		found = cgroup_path_of(line, where, path, sizeof(path));
		if (found == 0)
			continue;
		fd = found < 0 ? found : open_cgroup(path);
		name_base(cg, path);
		if (fd >= 0 && found > 1)
			fd = move_to_ours(cg, fd, (unsigned)found - 1, pid);
		if (fd >= 0) {
			cg->base_fd = fd;
			r = 0;
		} else if (r == -ENODEV) {
			r = fd;
		}
	}
	fd_close(&in.fd);
	return r;
}

/*
 * Where it nearly always is. That it is ours is proven by its inode, which a
 * pidfd of ours tells (Linux 6.13): much is mounted in places with such names.
 */
static int
find_usual(struct cgroup *cg, const char *own, int self_fd)
{
	static const char points[][24] = {
		"/sys/fs/cgroup",
		"/sys/fs/cgroup/unified",
	};
	char path[PATH_MAX];
	struct text text = TEXT(path);
	uint64_t inode, found;
	size_t i;

	if (self_fd < 0 || sys_pidfd_cgroup(self_fd, &inode) < 0)
		return -ENOENT;
	for (i = 0; i < sizeof(points) / sizeof(*points); i++) {
		text.length = 0;
		text_add(&text, points[i]);
		text_add(&text, strcmp(own, "/") != 0 ? own : "");
		cg->base_fd = text.full ? -1 : open_cgroup(path);
		if (cg->base_fd >= 0 && inode_of(cg->base_fd, &found) == 0 &&
		    inode == found) {
			name_base(cg, path);
			return 0;
		}
		if (cg->base_fd >= 0)
			fd_close(&cg->base_fd);
	}
	cg->base_fd = -1;
	return -ENOENT;
}

int
cgroup_find(struct cgroup *cg, const char *name, int pid, int self_fd)
{
	char where[PATH_MAX];
	struct text text = TEXT(where);
	const char *slash = NULL;
	int r;

	cg->prefix = "supervise";
	text_add(&text, "");
	if (name == NULL || *name != '/') {
		r = find_own(&text);
		if (r < 0)
			return r;
	}
	if (name != NULL) {
		slash = strrchr(name, '/');
		cg->prefix = slash != NULL ? slash + 1 : name;
		if (slash != NULL && *name != '/' && strcmp(where, "/") != 0)
			text_add(&text, "/");
		if (slash != NULL)
			text_add_bytes(&text, name, (size_t)(slash - name));
	}
	if (text.length == 0)
		text_add(&text, "/");
	if ((name == NULL || slash == NULL) &&
	    find_usual(cg, where, self_fd) == 0)
		return 0;
	return text.full ? -ENAMETOOLONG : find_mount(cg, where, pid);
}

/* Opens the leaf that base has under the name leaf. */
static int
open_leaf(struct cgroup *cg)
{
	cg->leaf_fd = sys_open(cg->base_fd, cg->leaf, O_RDONLY | O_DIRECTORY);
	return cg->leaf_fd < 0 ? cg->leaf_fd : 0;
}

/* What a kernel may not have yet: -1 then, and no error. */
static int
open_optional(int *fd, int dir_fd, const char *file)
{
	int r = sys_open(dir_fd, file, O_WRONLY);

	*fd = r < 0 ? -1 : r;
	return r == -ENOENT || r >= 0 ? 0 : r;
}

static int
open_files(struct cgroup *cg)
{
	int r;

	cg->events_fd = sys_open(cg->leaf_fd, "cgroup.events", O_RDONLY);
	if (cg->events_fd < 0)
		return cg->events_fd;
	r = open_optional(&cg->kill_fd, cg->leaf_fd, "cgroup.kill");
	if (r == 0)
		r = open_optional(&cg->freeze_fd, cg->leaf_fd, "cgroup.freeze");
	return r;
}

static int
try_make(struct cgroup *cg, int pid)
{
	struct text text = TEXT(cg->leaf);
	int r;

	text_add(&text, cg->prefix);
	text_add(&text, ".");
	text_add_number(&text, pid);
	text_add(&text, ".");
	text_add_number(&text, ++cg->serial);
	if (text.full)
		return -ENAMETOOLONG;
	if (mkdirat(cg->base_fd, cg->leaf, LEAF_MODE) < 0)
		return -errno;
	r = open_leaf(cg);
	/* without the lock another start would take ours for an orphan */
	if (r == 0 && flock(cg->leaf_fd, LOCK_SH | LOCK_NB) < 0)
		r = -errno;
	if (r == 0)
		r = open_files(cg);
	if (r == 0)
		return 0;
	cgroup_close_leaf(cg);
	(void)unlinkat(cg->base_fd, cg->leaf, AT_REMOVEDIR);
	return r;
}

/*
 * A name can be taken by a leftover, or by a namesake from another PID
 * namespace; and between our mkdir and our lock somebody's cgroup_clean can
 * take the leaf for a leftover and remove it.
 */
int
cgroup_make(struct cgroup *cg, int pid)
{
	int r, tries;

	for (tries = 0; tries < NAMES_TRIED; tries++) {
		r = try_make(cg, pid);
		if (r != -EEXIST && r != -EWOULDBLOCK && r != -ENOENT &&
		    r != -ENODEV)
			break;
	}
	return r;
}

static int
event_value(const struct cgroup *cg, const char *key)
{
	char text[256];
	ssize_t n;

	n = sys_pread(cg->events_fd, text, sizeof(text) - 1, 0);
	if (n < 0)
		return (int)n;
	text[n] = '\0';
	return cgroup_value_of(text, key);
}

int
cgroup_populated(const struct cgroup *cg)
{
	int r = event_value(cg, "populated");

	return r == -ENODEV ? 0 : r; /* somebody has removed it: it was empty */
}

int
cgroup_frozen(const struct cgroup *cg)
{
	return event_value(cg, "frozen");
}

int
cgroup_freeze(const struct cgroup *cg, bool frozen)
{
	if (cg->freeze_fd < 0)
		return -ENOENT;
	return sys_write_all(cg->freeze_fd, frozen ? "1" : "0", 1);
}

struct batch {
	int pids[BATCH], pidfds[BATCH];
	bool listed[BATCH];
	int n;
};

/*
 * The next processes and their pidfds, as many as there are descriptors for.
 * A pidfd that is refused is -1, and its process is signalled by its number.
 */
static void
fill_batch(const struct cgroup *cg, struct batch *batch, struct procs *in)
{
	int pid, fd;

	batch->n = 0;
	while (batch->n < BATCH && (pid = next_pid(in)) >= 0) {
		if (pid == 0)
			continue;
		fd = cg->no_pidfd ? -ENOSYS : sys_pidfd_open(pid);
		if ((fd == -EMFILE || fd == -ENFILE) && batch->n > 0) {
			in->kept = pid;
			return;
		}
		if (fd == -ESRCH || fd == -EINVAL)
			continue; /* it has just ended */
		batch->pids[batch->n] = pid;
		batch->pidfds[batch->n] = fd < 0 ? -1 : fd;
		batch->listed[batch->n++] = false;
	}
}

/*
 * Reads the list once more: what is still listed had its number when its
 * pidfd was opened, so that none is of a stranger to whom the number was given
 * meanwhile. The order is the same, so that one pass does.
 */
static void
check_batch(struct batch *batch, int dir_fd)
{
	struct procs again;
	int pid, at = 0, i;

	if (open_procs(&again, dir_fd) < 0)
		return;
	while (at < batch->n && (pid = next_pid(&again)) >= 0) {
		for (i = at; i < batch->n && batch->pids[i] != pid; i++)
			;
		if (i < batch->n) {
			batch->listed[i] = true;
			at = i + 1;
		}
	}
	fd_close(&again.fd);
}

static void
signal_one(int pid, int pidfd, int sig)
{
	if (pidfd < 0 || sys_pidfd_signal(pidfd, sig, NULL) == -ENOSYS)
		(void)kill(pid, sig);
}

static int
signal_members(const struct cgroup *cg, int dir_fd, int first, int second)
{
	struct procs procs;
	struct batch batch;
	int i;

	if (open_procs(&procs, dir_fd) < 0)
		return procs.fd;
	for (;;) {
		fill_batch(cg, &batch, &procs);
		if (batch.n == 0)
			break;
		check_batch(&batch, dir_fd);
		for (i = 0; i < batch.n; i++) {
			if (batch.listed[i])
				signal_one(
				    batch.pids[i], batch.pidfds[i], first);
			if (batch.listed[i] && second != 0)
				signal_one(
				    batch.pids[i], batch.pidfds[i], second);
			fd_close(&batch.pidfds[i]);
		}
	}
	fd_close(&procs.fd);
	return (int)procs.end; /* 0, or why it could not be read on */
}

int
cgroup_signal(const struct cgroup *cg, int first, int second)
{
	unsigned depth = 0;
	int dir_fd, more, r, ret = 0;

	dir_fd = sys_open(cg->leaf_fd, ".", O_RDONLY | O_DIRECTORY);
	if (dir_fd < 0)
		return dir_fd;
	do {
		r = signal_members(cg, dir_fd, first, second);
		if (r < 0)
			ret =
			    r; /* the other cgroups are reached all the same */
		more = next_cgroup(&dir_fd, &depth, UINT_MAX);
	} while (more == 1);
	fd_close(&dir_fd);
	return more < 0 ? more : ret;
}

int
cgroup_list(const struct cgroup *cg, int *pids, int room)
{
	struct procs procs;
	unsigned depth = 0;
	int dir_fd, pid, n = 0;

	dir_fd = sys_open(cg->leaf_fd, ".", O_RDONLY | O_DIRECTORY);
	if (dir_fd < 0)
		return dir_fd;
	do {
		if (open_procs(&procs, dir_fd) < 0)
			continue;
		while (n < room && (pid = next_pid(&procs)) >= 0)
			pids[n++] = pid;
		fd_close(&procs.fd);
	} while (n < room && next_cgroup(&dir_fd, &depth, UINT_MAX) == 1);
	fd_close(&dir_fd);
	return n;
}

static int64_t
now_ms(void)
{
	return sys_now_ns() / NS_PER_MS;
}

static void
wait_for_event(const struct cgroup *cg, int64_t limit_ms)
{
	struct pollfd pollfd = { .fd = cg->events_fd, .events = POLLPRI };

	(void)poll(&pollfd, 1, limit_ms > 0 ? (int)limit_ms : 0);
}

/* Before Linux 5.14. Not frozen in time (D state): kill all the same. */
static int
freeze_and_kill(const struct cgroup *cg)
{
	int64_t deadline_ms = now_ms() + FREEZE_LIMIT_MS;
	int r;

	if (cgroup_freeze(cg, true) == 0)
		while (cgroup_frozen(cg) == 0 && now_ms() < deadline_ms)
			wait_for_event(cg, deadline_ms - now_ms());
	r = cgroup_signal(cg, SIGKILL, 0);
	(void)cgroup_freeze(cg, false); /* without a freezer there was none */
	return r;
}

int
cgroup_kill(const struct cgroup *cg)
{
	if (cg->kill_fd >= 0 && sys_write_all(cg->kill_fd, "1", 1) == 0)
		return 0;
	return freeze_and_kill(cg);
}

int
cgroup_kill_wait(const struct cgroup *cg, int limit_ms)
{
	int64_t deadline_ms = now_ms() + limit_ms;
	int pause_ms = 1;

	for (;;) {
		(void)cgroup_kill(cg); /* the next one may do */
		if (cgroup_populated(cg) == 0)
			return 0;
		if (limit_ms >= 0 && now_ms() >= deadline_ms)
			return -ETIMEDOUT;
		/* notifications come at most every 10 ms: look again before */
		wait_for_event(cg, pause_ms);
		if (cgroup_populated(cg) == 0)
			return 0;
		if (pause_ms < 100)
			pause_ms *= 2;
	}
}

/* Removes all that is below dir_fd, deepest first; -EBUSY: not all. */
static int
remove_below(int leaf_fd)
{
	char name[NAME_MAX + 1];
	uint64_t stuck = 0, ino;
	unsigned depth = 0;
	int dir_fd, r;

	dir_fd = sys_open(leaf_fd, ".", O_RDONLY | O_DIRECTORY);
	if (dir_fd < 0)
		return dir_fd;
	for (;;) {
		r = subdirectory(dir_fd, 0, name, sizeof(name));
		if (r == 1 && unlinkat(dir_fd, name, AT_REMOVEDIR) == 0)
			continue;
		if (r == 1) {
			r = move_to(&dir_fd, name);
			depth++;
			/* back where we had removed all, and yet not gone */
			if (r == 0)
				r = inode_of(dir_fd, &ino);
			if (r == 0 && ino == stuck)
				r = -EBUSY;
		} else if (r == 0) {
			if (depth-- == 0)
				break;
			r = inode_of(dir_fd, &stuck);
			if (r == 0)
				r = move_to(&dir_fd, "..");
		}
		if (r < 0)
			break;
	}
	fd_close(&dir_fd);
	return r;
}

void
cgroup_close_leaf(struct cgroup *cg)
{
	fd_close(&cg->leaf_fd);
	fd_close(&cg->events_fd);
	fd_close(&cg->kill_fd);
	fd_close(&cg->freeze_fd);
}

int
cgroup_remove(struct cgroup *cg)
{
	int r = 0;

	if (unlinkat(cg->base_fd, cg->leaf, AT_REMOVEDIR) < 0) {
		r = remove_below(cg->leaf_fd);
		if (unlinkat(cg->base_fd, cg->leaf, AT_REMOVEDIR) == 0 ||
		    errno == ENOENT)
			r = 0;
		else if (r == 0)
			r = -errno;
	}
	return r;
}

/* NAME.digits.digits */
/* PID of NAME.PID.N, or -1. */
static int
owner_of(const char *name, const char *prefix)
{
	const char *s = str_after(name, prefix);
	int part, owner = 0;

	for (part = 0; s != NULL && part < 2; part++) {
		if (s[0] != '.' || s[1] < '0' || s[1] > '9')
			return -1;
		for (s++; *s >= '0' && *s <= '9'; s++)
			if (part == 0 && owner <= PID_LIMIT)
				owner = owner * 10 + (*s - '0');
	}
	return s != NULL && *s == '\0' ? owner : -1;
}

/*
 * Only its lock tells whether a leaf has an owner. But where a thousand live
 * side by side not each start looks at all of them: at those whose pid is
 * nobody's, at some more, and of the rest at another part each time.
 */
static bool
may_be_left(int owner, int pid, int *looks)
{
	if (owner == 0 || (kill(owner, 0) < 0 && errno == ESRCH))
		return true;
	return (*looks)++ < LOOKS_MAX || (owner ^ pid) % LOOKS_MAX == 0;
}

static bool
has_our_mark(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && (st.st_mode & S_ISVTX) != 0;
}

/* -EBUSY when what is in there does not die in time. */
static int
clean_one(const struct cgroup *ours, const char *name, int64_t deadline_ms)
{
	struct cgroup cg = CGROUP_INIT;
	struct text text = TEXT(cg.leaf);
	int64_t left_ms = deadline_ms - now_ms();
	int r = 0;

	text_add(&text, name);
	cg.base_fd = ours->base_fd;
	cg.no_pidfd = ours->no_pidfd;
	if (open_leaf(&cg) == 0 && has_our_mark(cg.leaf_fd) &&
	    flock(cg.leaf_fd, LOCK_EX | LOCK_NB) == 0 && open_files(&cg) == 0) {
		if (cgroup_populated(&cg) == 1 &&
		    cgroup_kill_wait(&cg, left_ms > 0 ? (int)left_ms : 0) < 0)
			r = -EBUSY;
		else
			(void)cgroup_remove(&cg); /* else the next start does */
	}
	cgroup_close_leaf(&cg);
	return r;
}

int
cgroup_clean(struct cgroup *cg, int pid, int limit_ms)
{
	_Alignas(struct sys_dirent) char entries[2048];
	const struct sys_dirent *entry;
	int64_t deadline_ms = 0;
	ssize_t n, at;
	int r = 0, looks = 0, owner;

	do {
		n = sys_getdents(cg->base_fd, entries, sizeof(entries));
		for (at = 0; at < n; at += entry->size) {
			entry = (const void *)(entries + at);
			if (entry->type != TYPE_DIRECTORY)
				continue;
			owner = owner_of(entry->name, cg->prefix);
			if (owner < 0 || !may_be_left(owner, pid, &looks))
				continue;
			if (deadline_ms == 0)
				deadline_ms = now_ms() + limit_ms;
			if (clean_one(cg, entry->name, deadline_ms) < 0)
				r = -EBUSY;
		}
		/* as many as fit were returned, or there are no more */
	} while (n > (ssize_t)(sizeof(entries) - ENTRY_MAX));
	return r;
}
