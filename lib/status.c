/* SPDX-License-Identifier: ISC */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "status.h"
#include "sys.h"

/* where what is, see the header */
enum {
	AT_SINCE = 0,
	AT_SINCE_NS = 8,
	AT_PID_LE = 12,
	AT_PAUSED = 16,
	AT_WANT = 17,
	AT_GOT_TERM = 18,
	AT_STATE = 19,
	AT_READY = 20,
	AT_PID = 28,
	AT_WSTAT = 32,
	AT_FLAGS = 34,
	AT_OURS = 35,
	AT_PID_AGAIN = 36,
	AT_WSTAT_AGAIN = 40,
	AT_FLAGS_AGAIN = 42,
};

enum {
	FLAG_PAUSED = 1,
	FLAG_FINISHING = 2,
	FLAG_WANT_UP = 4,
	FLAG_READY = 8,
};

enum {
	OURS_FAILED = 1,
	OURS_HAS_ENDED = 2,
	OURS_WILL_EXIT = 4,
};

/* the name of each file until it is whole, as daemontools has it */
#define NEW "status.new"

/* 2^62 and the leap seconds of 1972, as all but Debian's s6 have it */
#define TAI_OF_UNIX (UINT64_C(1) << 62 | 10)

void
status_put(unsigned char *at, uint64_t number, int size)
{
	for (; size > 0; number >>= 8)
		at[--size] = (unsigned char)number;
}

uint64_t
status_get(const unsigned char *at, int size)
{
	uint64_t number = 0;

	for (; size > 0; size--)
		number = number << 8 | *at++;
	return number;
}

static bool
is_ready(const struct status *st)
{
	return st->ready && st->state == STATUS_UP;
}

static unsigned
flags_of(const struct status *st)
{
	unsigned flags = 0;

	/* s6 2.13.2: paused without a pid means "not started yet" */
	if (st->paused && st->pid != 0)
		flags |= FLAG_PAUSED;
	if (st->state == STATUS_FINISH)
		flags |= FLAG_FINISHING;
	if (st->want_up)
		flags |= FLAG_WANT_UP;
	if (st->state == STATUS_DOWN || is_ready(st))
		flags |= FLAG_READY;
	return flags;
}

void
status_pack(const struct status *st, unsigned char *record)
{
	int i;

	memset(record, 0, STATUS_SIZE);
	status_put(record + AT_SINCE, (uint64_t)st->since_s + TAI_OF_UNIX, 8);
	status_put(record + AT_SINCE_NS, st->since_ns, 4);
	for (i = 0; i < 4; i++)
		record[AT_PID_LE + i] = (unsigned char)(st->pid >> 8 * i);
	record[AT_PAUSED] = st->paused;
	record[AT_WANT] = st->want_up ? 'u' : 'd';
	record[AT_GOT_TERM] = st->got_term;
	record[AT_STATE] = (unsigned char)st->state;
	if (is_ready(st))
		status_put(record + AT_READY, (uint64_t)st->ready_s, 4);
	status_put(record + AT_PID, st->pid, 4);
	status_put(record + AT_WSTAT, (uint64_t)st->wstat, 2);
	record[AT_FLAGS] = (unsigned char)flags_of(st);
	record[AT_OURS] = (unsigned char)((st->failed ? OURS_FAILED : 0) |
					  (st->has_ended ? OURS_HAS_ENDED : 0) |
					  (st->will_exit ? OURS_WILL_EXIT : 0));
	memcpy(record + AT_PID_AGAIN, record + AT_PID, 4);
	memcpy(record + AT_WSTAT_AGAIN, record + AT_WSTAT, 3);
}

int
status_unpack(const unsigned char *record, size_t length, struct status *ret)
{
	unsigned char again[STATUS_SIZE];
	struct status st;

	if (length < STATUS_SIZE)
		return -EBADMSG;
	st = (struct status){
		.since_s =
		    (int64_t)(status_get(record + AT_SINCE, 8) - TAI_OF_UNIX),
		.since_ns = (uint32_t)status_get(record + AT_SINCE_NS, 4),
		.ready_s = (int64_t)status_get(record + AT_READY, 4),
		.pid = (uint32_t)status_get(record + AT_PID, 4),
		.state = (enum status_state)record[AT_STATE],
		.wstat = (int)status_get(record + AT_WSTAT, 2),
		.has_ended = (record[AT_OURS] & OURS_HAS_ENDED) != 0,
		.paused = record[AT_PAUSED] != 0,
		.got_term = record[AT_GOT_TERM] != 0,
		.want_up = record[AT_WANT] == 'u',
		.ready = record[AT_STATE] == STATUS_UP &&
			 (record[AT_FLAGS] & FLAG_READY) != 0,
		.will_exit = (record[AT_OURS] & OURS_WILL_EXIT) != 0,
		.failed = (record[AT_OURS] & OURS_FAILED) != 0,
	};
	/* whatever another suite, or chance, has put there comes out else */
	status_pack(&st, again);
	if (record[AT_STATE] > STATUS_FINISH ||
	    memcmp(record, again, STATUS_SIZE) != 0)
		return -EBADMSG;
	*ret = st;
	return 0;
}

void
status_add_stat(struct text *text, const struct status *st)
{
	text_add(text, st->state == STATUS_DOWN ? "down"
		       : st->state == STATUS_UP ? "run"
						: "finish");
	if (st->paused)
		text_add(text, ", paused");
	if (st->got_term)
		text_add(text, ", got TERM");
	if (st->state == STATUS_DOWN || st->want_up)
		return;
	text_add(text, st->will_exit ? ", want exit" : ", want down");
}

int
status_replace(int dir_fd, const char *name, const void *data, size_t size,
    bool for_others)
{
	int fd, r;

	/* what is there is of one that was killed, or a trap */
	fd = sys_creat(dir_fd, NEW, 0644);
	if (fd == -EEXIST && unlinkat(dir_fd, NEW, 0) == 0)
		fd = sys_creat(dir_fd, NEW, 0644);
	if (fd < 0)
		return fd;
	r = sys_write_all(fd, data, size);
	if (for_others) /* whatever the umask */
		(void)sys_fchmod(fd, 0644);
	fd_close(&fd);
	if (r == 0 && renameat(dir_fd, NEW, dir_fd, name) < 0)
		r = -errno;
	if (r < 0)
		(void)unlinkat(dir_fd, NEW, 0); /* r says why */
	return r;
}

/* The old one is not true any more, and its room may do. */
static int
refresh(int dir_fd, const char *name, const void *data, size_t size,
    bool for_others)
{
	int r = status_replace(dir_fd, name, data, size, for_others);

	if ((r == -ENOSPC || r == -EDQUOT) && unlinkat(dir_fd, name, 0) == 0)
		r = status_replace(dir_fd, name, data, size, for_others);
	return r;
}

int
status_write(int dir_fd, const struct status *st, bool for_others)
{
	char line[48];
	unsigned char record[STATUS_SIZE];
	struct text text = TEXT(line);
	int r, r_stat, r_status;

	if (st->pid != 0) {
		text_add_number(&text, st->pid);
		text_add(&text, "\n");
	}
	r = refresh(dir_fd, "pid", line, text.length, for_others);
	text.length = 0;
	status_add_stat(&text, st);
	text_add(&text, "\n");
	r_stat = refresh(dir_fd, "stat", line, text.length, for_others);
	status_pack(st, record);
	r_status =
	    refresh(dir_fd, "status", record, sizeof(record), for_others);
	if (r == 0)
		r = r_stat;
	return r < 0 ? r : r_status;
}

int
status_read(int dir_fd, const char *path, struct status *ret)
{
	unsigned char record[STATUS_SIZE];
	ssize_t n;
	int fd;

	fd = sys_open(dir_fd, path, O_RDONLY | O_NONBLOCK);
	if (fd < 0)
		return fd;
	n = sys_read(fd, record, sizeof(record));
	fd_close(&fd);
	return n < 0 ? (int)n : status_unpack(record, (size_t)n, ret);
}
