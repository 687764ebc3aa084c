/* SPDX-License-Identifier: ISC */
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client.h"
#include "control.h"
#include "diag.h"
#include "fifodir.h"
#include "sys.h"
#include "tally.h"

#define OK "supervise/ok"
#define CONTROL "supervise/control"
#define STATUS "supervise/status"
#define TALLY "supervise/death_tally"

enum {
	NFDS = 3,
	LINE_MAX_SIZE = 64, /* of one death */
};

enum goal {
	GOAL_UP,
	GOAL_READY,
	GOAL_DOWN,
	GOAL_GONE,
	NGOALS,
};

static const struct {
	char name[7];
	char letter; /* by which it is told */
} goals[NGOALS] = {
	[GOAL_UP] = { "up", 'u' },
	[GOAL_READY] = { "ready", 'U' },
	[GOAL_DOWN] = { "down", 'D' },
	[GOAL_GONE] = { "gone", '\0' }, /* `x` comes a moment too early */
};

static const char *const state_words[] = {
	[STATUS_DOWN] = "down",
	[STATUS_UP] = "up",
	[STATUS_FINISH] = "finish",
};

static int
refuse(const char *what, const char *object, int r)
{
	struct diag diag = {
		.level = "fatal",
		.what = what,
		.object = object,
		.error = -r,
	};

	diag_print(STDERR_FILENO, &diag);
	return EXIT_REFUSED;
}

static int
refuse_enter(const char *what, const char *dir, int r)
{
	bool none = r == -ENXIO || r == -ENOENT;

	return refuse(none ? "no supervisor in" : what, dir, none ? 0 : r);
}

static int
wrong_word(const char *option, const char *word, const char *reason)
{
	char object[160];
	struct text text = TEXT(object);
	struct diag diag = {
		.level = "usage",
		.what = option,
		.object = object,
	};

	text_add(&text, "'");
	text_add_bytes(&text, word, strnlen(word, 64));
	text_add(&text, "' ");
	text_add(&text, reason);
	diag_print(STDERR_FILENO, &diag);
	return EXIT_USAGE;
}

/* To a FIFO that somebody reads; if not, -ENXIO, as of the kernel. */
static int
open_fifo(const char *path)
{
	struct stat st;
	int fd;

	fd = sys_open(AT_FDCWD, path, O_WRONLY | O_NONBLOCK | O_NOCTTY);
	if (fd >= 0 && (fstat(fd, &st) < 0 || !S_ISFIFO(st.st_mode))) {
		(void)close(fd);
		return -ENXIO;
	}
	return fd;
}

/* Enters dir and opens one of its FIFOs. */
static int
enter(const char *dir, const char *path)
{
	if (chdir(dir) < 0)
		return -errno;
	return open_fifo(path);
}

static void
add_seconds(struct text *text, int64_t since_s, int64_t now_s)
{
	text_add(text, " ");
	text_add_number(text, now_s > since_s ? now_s - since_s : 0);
	text_add(text, " seconds");
}

static void
add_if(struct text *text, bool condition, const char *more)
{
	if (condition)
		text_add(text, more);
}

static void
add_end(struct text *text, int wstat, const char *of_exit, const char *of_kill)
{
	if (WIFSIGNALED(wstat)) {
		text_add(text, of_kill);
		diag_add_signal(text, WTERMSIG(wstat));
	} else {
		text_add(text, of_exit);
		text_add_number(text, WEXITSTATUS(wstat));
	}
}

void
client_describe(
    struct text *text, const struct status *st, bool normally_up, int64_t now_s)
{
	bool up = st->state == STATUS_UP;

	text_add(text, state_words[st->state]);
	if (st->pid != 0) {
		text_add(text, " (pid ");
		text_add_number(text, st->pid);
		text_add(text, ")");
	}
	add_seconds(text, st->since_s, now_s);
	add_if(text, up && !normally_up, ", normally down");
	add_if(text, !up && normally_up, ", normally up");
	add_if(text, st->paused, ", paused");
	add_if(text, up && !st->want_up, ", want down");
	add_if(text, !up && st->want_up, ", want up");
	if (st->ready) {
		text_add(text, ", ready");
		add_seconds(text, st->ready_s, now_s);
	}
	if (!up && st->has_ended)
		add_end(text, st->wstat, ", exit code ", ", killed by ");
	add_if(text, st->failed, ", failed for good");
}

static void
add_key(struct text *text, const char *key, int64_t value)
{
	text_add(text, key);
	text_add_number(text, value);
}

void
client_add_keys(struct text *text, const struct status *st, bool normally_up)
{
	text_add(text, "state=");
	text_add(text, state_words[st->state]);
	text_add(text, st->want_up ? "\nwant=up" : "\nwant=down");
	text_add(text, normally_up ? "\nnormally=up" : "\nnormally=down");
	add_key(text, "\nsince=", st->since_s);
	add_key(text, "\npaused=", st->paused);
	add_key(text, "\nfailed=", st->failed);
	if (st->pid != 0)
		add_key(text, "\npid=", st->pid);
	if (st->ready)
		add_key(text, "\nready=", st->ready_s);
	if (st->has_ended)
		add_end(text, st->wstat, "\nexit=", "\nsignal=");
}

/* One line each: they can be thousands. 0 or -errno. */
static int
write_deaths(struct text *text, const unsigned char *record, int n)
{
	int r;

	add_key(text, "\ndeaths=", n);
	for (; n > 0; n--, record += TALLY_RECORD) {
		text_add(text, "\ndeath=");
		tally_describe(text, record);
		if (text->size - text->length >= LINE_MAX_SIZE)
			continue;
		r = sys_write_all(STDOUT_FILENO, text->data, text->length);
		if (r < 0)
			return r;
		text->length = 0;
	}
	return 0;
}

int
client_status(const char *dir, bool keys)
{
	char line[4096];
	unsigned char deaths[TALLY_MAX * TALLY_RECORD];
	struct text text = TEXT(line);
	struct status st;
	struct stat down;
	bool normally_up;
	int n, r;

	r = enter(dir, OK);
	if (r < 0)
		return refuse_enter("open " OK " in", dir, r);
	r = status_read(AT_FDCWD, STATUS, &st);
	if (r < 0)
		return refuse("read " STATUS " in", dir, r);
	normally_up = stat("down", &down) < 0;
	n = tally_read(AT_FDCWD, TALLY, deaths, TALLY_MAX);
	if (keys) {
		client_add_keys(&text, &st, normally_up);
		r = write_deaths(&text, deaths, n);
	} else {
		client_describe(&text, &st, normally_up, time(NULL));
		if (n > 0)
			add_key(&text, ", death tally ", n);
	}
	text_add(&text, "\n");
	if (r == 0)
		r = sys_write_all(STDOUT_FILENO, text.data, text.length);
	return r < 0 ? refuse("write", "standard output", r) : 0;
}

int
client_control(const char *dir, const char *word)
{
	const struct control_letter *row = control_find_word(word);
	int fd, r;

	if (row == NULL)
		return wrong_word("--control", word,
		    "is no command: up, down, once, restart, exit ...");
	fd = r = enter(dir, CONTROL);
	if (fd >= 0)
		r = sys_write_all(fd, &row->letter, 1);
	fd_close(&fd);
	return r < 0 ? refuse_enter("write " CONTROL " in", dir, r) : 0;
}

static bool
is_reached(enum goal goal, const struct status *st)
{
	if (goal == GOAL_DOWN)
		return st->state == STATUS_DOWN;
	return goal != GOAL_GONE && st->state == STATUS_UP &&
	       (goal == GOAL_UP || st->ready);
}

/*
 * Descriptors that are ready when the status may have changed; or -errno. Both
 * where there are both: in an event directory that others can write to letters
 * can be kept from us, and without the right to read supervise/ it cannot be
 * watched.
 */
static int
watch(struct fifodir_subscription *sub, struct pollfd *fds)
{
	int fd, r;

	fd = sys_open(AT_FDCWD, "event", O_PATH | O_DIRECTORY);
	if (fd >= 0 && fifodir_subscribe(fd, sub) == 0)
		fds[1].fd = sub->fd;
	else
		fd_close(&fd);
	r = fds[2].fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (r >= 0)
		r = inotify_add_watch(r, "supervise", IN_MOVED_TO);
	return r < 0 && sub->fd < 0 ? -errno : 0;
}

static void
wait_for_more(struct pollfd *fds, int64_t deadline_ns)
{
	int64_t left_ns = 0;
	struct timespec timeout;

	if (deadline_ns != INT64_MAX)
		left_ns = deadline_ns - sys_now_ns();
	if (left_ns < 0)
		left_ns = 0;
	timeout.tv_sec = (time_t)(left_ns / NS_PER_S);
	timeout.tv_nsec = (long)(left_ns % NS_PER_S);
	/* an error (EINTR) leaves them as they were: nothing is ready */
	(void)ppoll(
	    fds, NFDS, deadline_ns == INT64_MAX ? NULL : &timeout, NULL);
}

/*
 * 0, 1, 99, or -errno. fds: the FIFO `ok`; what watch gives, with its result.
 * Letters count too: a state that lasts for an instant is reached, if only
 * the record does not show it any more.
 */
static int
wait_until(enum goal goal, struct pollfd *fds, int watched, int64_t deadline)
{
	char bytes[256];
	struct status st = { .failed = false };
	bool late, gone;
	ssize_t n;
	int r;

	for (;;) {
		late = deadline != INT64_MAX && sys_now_ns() >= deadline;
		gone = (fds[0].revents & POLLERR) != 0;
		if (gone && goal == GOAL_GONE)
			return 0;
		r = status_read(AT_FDCWD, STATUS, &st);
		/* on a full disk there can be none, for a while */
		if (r < 0 && r != -ENOENT && goal != GOAL_GONE)
			return r;
		if (r == 0 && is_reached(goal, &st))
			return 0;
		if (gone || (r == 0 && st.failed && goal <= GOAL_READY))
			return EXIT_FAILED;
		if (late)
			return EXIT_WAIT_TIMED_OUT;
		if (watched < 0)
			return watched;
		wait_for_more(fds, deadline);
		(void)sys_read(fds[2].fd, bytes, sizeof(bytes));
		n = sys_read(fds[1].fd, bytes, sizeof(bytes));
		if (n > 0 && goals[goal].letter != '\0' &&
		    memchr(bytes, goals[goal].letter, (size_t)n) != NULL)
			return 0;
	}
}

int
client_wait(const char *dir, const char *state, int64_t timeout_ns)
{
	struct fifodir_subscription sub = { .dir_fd = -1, .fd = -1 };
	struct pollfd fds[NFDS] = { { .fd = -1 }, { -1, POLLIN, 0 },
		{ -1, POLLIN, 0 } };
	int64_t deadline = INT64_MAX;
	enum goal goal = GOAL_UP;
	struct status st;
	bool entered;
	int watched = 0, r;

	while (goal < NGOALS && strcmp(goals[goal].name, state) != 0)
		goal++;
	if (goal == NGOALS)
		return wrong_word(
		    "--wait", state, "is none of up, ready, down, gone");
	if (timeout_ns != INT64_MAX)
		deadline = sys_now_ns() + timeout_ns;
	r = chdir(dir) < 0 ? -errno : 0;
	entered = r == 0;
	if (entered)
		r = fds[0].fd = open_fifo(OK);
	if (r == -ENXIO || r == -ENOENT) {
		/* it may have gone as it should, and just before */
		if (goal == GOAL_GONE ||
		    (goal == GOAL_DOWN && entered &&
			status_read(AT_FDCWD, STATUS, &st) == 0 &&
			is_reached(goal, &st)))
			return 0;
	}
	if (r < 0)
		return refuse_enter("open " OK " in", dir, r);
	if (timeout_ns > 0 && goal != GOAL_GONE)
		watched = watch(&sub, fds);
	r = wait_until(goal, fds, watched, deadline);
	if (sub.fd >= 0)
		fifodir_unsubscribe(&sub);
	return r < 0 ? refuse("wait for", dir, r) : r;
}
