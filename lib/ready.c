/* SPDX-License-Identifier: ISC */
#include <sys/inotify.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "background.h"
#include "diag.h"
#include "env.h"
#include "probe.h"
#include "supervisor.h"

enum {
	CHECK_FIRST_MS = 10,
	CHECK_LAST_MS = 1000,
	LINES_MAX = 128,     /* what a pipe holds */
	MESSAGES_MAX = 1024, /* at once: a flood must not be all we do */
	LINKS_MAX = 16,      /* in all, on the way to --ready-path */
	NUMBERS_SPARE = 48,  /* of descriptors, for a start */
};

/* what our own supervisor has not been told yet; sent in this order */
enum {
	TELL_READY = 1,
	TELL_RELOADING = 2,
	TELL_STATUS = 4,
	TELL_WATCHDOG = 8,
	TELL_EXTEND = 16,
	TELL_STOPPING = 32,
	TOLD_STOPPING = 64, /* that is said once */
};

static bool
is_our_pid(const char *variable, pid_t pid)
{
	const char *value = env_get(variable);
	uint64_t number;

	return value != NULL && str_to_number(value, INT32_MAX, &number) == 0 &&
	       (pid_t)number == pid;
}

/* What is meant for the pid that we have now is meant for the program. */
void
ready_look_at_env(struct supervisor *s)
{
	const char *count;
	uint64_t number = 0;

	s->ready.listen = is_our_pid("LISTEN_PID", s->pid);
	count = s->ready.listen ? env_get("LISTEN_FDS") : NULL;
	if (count != NULL)
		(void)str_to_number(count, INT16_MAX, &number);
	s->ready.listen_count = (int)number;
	if (s->options.ready_socket)
		s->ready.watched = is_our_pid("WATCHDOG_PID", s->pid) ||
				   env_get("WATCHDOG_PID") == NULL;
}

static void
open_peer(struct supervisor *s)
{
	const char *address = env_get("NOTIFY_SOCKET");
	int r;

	if (address == NULL)
		return;
	r = notify_peer_open(&s->ready.peer, address);
	s->ready.peer.by_hand = (s->deadly & DEADLY_CLOSE_RANGE) != 0;
	if (r < 0) {
		tell_warn(s, "NOTIFY_SOCKET", address, -r, NULL);
		s->ready.peer.length = 0;
	}
}

void
ready_setup(struct supervisor *s)
{
	const struct options *o = &s->options;
	struct readiness *ready = &s->ready;

	ready->asked = options_ask_readiness(o);
	ready->watchdog_ns = o->watchdog_ns;
	if (o->notify_fd >= 0) /* it is meant for us, not for the program */
		(void)sys_fcntl(o->notify_fd, F_SETFD, FD_CLOEXEC);
	if (o->ready_socket || o->watchdog_ns != INT64_MAX) {
		ready->socket_fd = notify_socket(
		    ready->socket_name, sizeof(ready->socket_name));
		if (ready->socket_fd < 0)
			tell_refuse(s, "socket", "--ready-socket",
			    -ready->socket_fd, tell_hint(-ready->socket_fd));
		loop_watch(&s->loop, SOURCE_SOCKET, ready->socket_fd, POLLIN);
	}
}

static void
add_told(struct text *text, const struct supervisor *s, unsigned what)
{
	const struct readiness *ready = &s->ready;

	if (what & TELL_READY) {
		text_add(text, "READY=1\n");
		if (!s->is_pid1) { /* out there it is another number */
			text_add(text, "MAINPID=");
			text_add_number(text, s->pid);
			text_add(text, "\n");
		}
	}
	if (what & TELL_RELOADING) {
		text_add(text, "RELOADING=1\nMONOTONIC_USEC=");
		text_add_number(text, sys_now_ns() / 1000);
		text_add(text, "\n");
	}
	if (what & TELL_STATUS) {
		text_add(text, "STATUS=");
		text_add(text, ready->status);
		text_add(text, "\n");
	}
	if (what & TELL_WATCHDOG)
		text_add(text, "WATCHDOG=1\n");
	if (what & TELL_EXTEND) {
		text_add(text, "EXTEND_TIMEOUT_USEC=");
		text_add_number(text, (int64_t)ready->extend_us);
		text_add(text, "\n");
	}
	if (what & TELL_STOPPING)
		text_add(text, "STOPPING=1\n");
}

/*
 * One message for all that is to be told, when its reader can take it; but
 * READY and RELOADING are two, or which came later would not be known.
 */
void
ready_tell_peer(struct supervisor *s)
{
	struct readiness *ready = &s->ready;
	const unsigned both = TELL_READY | TELL_RELOADING;
	char data[512];
	struct text text = TEXT(data);
	unsigned now = ready->pending & ~(unsigned)TOLD_STOPPING;
	int r;

	loop_watch(&s->loop, SOURCE_PEER, -1, 0);
	if ((now & both) == both)
		now = TELL_READY;
	if (now == 0 || ready->sender_pid != 0)
		return;
	add_told(&text, s, now);
	r = notify_peer_send(&ready->peer, data, text.length);
	if (r == -EAGAIN) {
		loop_watch(&s->loop, SOURCE_PEER, ready->peer.fd, POLLOUT);
		return;
	}
	if (r > 0) { /* its end is what the next one waits for */
		ready->sender_pid = r;
		if (s->nspared < SPARED_MAX)
			s->spared[s->nspared++] = r;
	} else if (r < 0 && !ready->warned) {
		ready->warned = true;
		tell_warn(
		    s, "NOTIFY_SOCKET", env_get("NOTIFY_SOCKET"), -r, NULL);
	}
	ready->pending &= ~now;
	if ((ready->pending & ~(unsigned)TOLD_STOPPING) != 0)
		ready_tell_peer(s);
}

static void
tell_peer(struct supervisor *s, unsigned what)
{
	if (s->ready.peer.length == 0)
		return;
	if (what == TELL_READY) /* of one that it has not heard of */
		s->ready.pending &= ~(unsigned)TELL_RELOADING;
	s->ready.pending |= what;
	ready_tell_peer(s);
}

static bool
path_is_there(const struct supervisor *s, struct stat *ret_st)
{
	return stat(s->options.ready_path, ret_st) == 0;
}

static void
warn_once(struct supervisor *s, const char *what, const char *object, int error,
    const char *hint)
{
	if (!s->ready.warned)
		tell_warn(s, what, object, error, hint);
	s->ready.warned = true;
}

static void
warn_of(struct supervisor *s, const char *what, int error, const char *hint)
{
	warn_once(s, "notify:", what, error, hint);
}

/* What is not there yet comes to be in one that is. */
static void
watch_directory(struct supervisor *s, const char *path)
{
	uint32_t mask = IN_CREATE | IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF |
			IN_MOVE_SELF | IN_ONLYDIR;

	if (s->ready.path_existed) /* it may be written anew */
		mask |= IN_MODIFY;
	if (inotify_add_watch(s->ready.path_fd, path, mask) < 0 &&
	    errno != ENOENT && errno != ENOTDIR && errno != ELOOP)
		warn_once(s, "--ready-path: watch", path, errno,
		    "what comes there may go unnoticed");
}

/*
 * Every directory on the way: any of them can be missing, be replaced, or be a
 * link that is, to where another way leads. Done anew after each event, which
 * is no change where it is watched already.
 */
static void
watch_way(struct supervisor *s, const char *path, int *links)
{
	char prefix[OPTIONS_PATH_MAX], target[OPTIONS_PATH_MAX];
	const char *end = path;
	size_t length, up;
	ssize_t n;

	watch_directory(s, *path == '/' ? "/" : ".");
	do {
		end += strspn(end, "/");
		up = (size_t)(end - path); /* of the one that it is in */
		end += strcspn(end, "/");
		length = (size_t)(end - path);
		memcpy(prefix, path, length);
		prefix[length] = '\0';
		n = readlink(prefix, target, sizeof(target) - 1);
		if (n > 0 && (*links)-- <= 0) {
			warn_once(s, "--ready-path: watch", path, ELOOP,
			    "what comes there may go unnoticed");
		} else if (n > 0) {
			target[n] = '\0';
			if (*target == '/') {
				watch_way(s, target, links);
			} else if (up + (size_t)n < sizeof(prefix)) {
				memcpy(prefix + up, target, (size_t)n + 1);
				watch_way(s, prefix, links);
				memcpy(prefix, path, length);
			}
		}
		if (*end == '/') {
			prefix[length] = '/';
			prefix[length + 1] = '\0';
			watch_directory(s, prefix);
		}
	} while (*end != '\0');
}

/* Who can make links there must not have us follow them for ever. */
static void
watch_path(struct supervisor *s)
{
	int links = LINKS_MAX;

	watch_way(s, s->options.ready_path, &links);
}

static int
open_path(struct supervisor *s)
{
	struct readiness *ready = &s->ready;

	ready->path_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (ready->path_fd < 0)
		return -errno;
	ready->path_existed = path_is_there(s, &ready->path_before);
	watch_path(s);
	loop_watch(&s->loop, SOURCE_PATH, ready->path_fd, POLLIN);
	return 0;
}

static void
forget_last_run(struct readiness *ready)
{
	ready->by = NULL;
	ready->reloading = false;
	ready->warned = false;
	ready->error = 0;
	ready->exit_status = -1;
	ready->status[0] = '\0';
	ready->check_ms = CHECK_FIRST_MS;
	ready->check_pid = 0;
}

/* What the run before has left in the queue says nothing of this one. */
static void
drain_socket(int fd)
{
	int i;

	for (i = 0; i < MESSAGES_MAX && recv(fd, NULL, 0, MSG_DONTWAIT) >= 0;
	     i++)
		;
}

int
ready_begin(struct supervisor *s, const char **ret_what)
{
	struct readiness *ready = &s->ready;
	int fds[2], r;

	forget_last_run(ready);
	ready->watchdog_ns = s->options.watchdog_ns;
	if (ready->socket_fd >= 0 && s->starts > 1)
		drain_socket(ready->socket_fd);
	if (s->service.finishing)
		return 0;
	ready->pending &= ~(unsigned)TOLD_STOPPING;
	ready->asked = options_ask_readiness(&s->options);
	/* whoever would have told it now tells us; but not of a log */
	if ((ready->asked || ready->socket_fd >= 0) && !s->service.is_log &&
	    !ready->has_peer) {
		ready->has_peer = true; /* or a warning, once */
		open_peer(s);
	}
	if (s->options.ready_fd >= 3 && ready->store.count > 0) {
		warn_of(s, "FDSTORE=1", 0, "notification-fd is in their place");
		fdstore_clear(&ready->store);
	}
	if (s->options.ready_fd >= 0) {
		*ret_what = "pipe2 --ready-fd";
		r = sys_pipe(fds);
		if (r < 0)
			return r;
		ready->line_fd = fds[0];
		ready->line_write_fd = fds[1];
		/* our end only: the program's is to be as it expects it */
		(void)sys_fcntl(fds[0], F_SETFL, O_NONBLOCK);
	}
	*ret_what = "inotify_init1 --ready-path";
	return s->options.ready_path != NULL ? open_path(s) : 0;
}

static void
add_env(struct spawn *spawn, struct ready_gift *gift, const char *change)
{
	gift->env[spawn->nenv++] = change;
}

static void
give_fd(struct spawn *spawn, struct ready_gift *gift, int fd, int to)
{
	gift->fds[spawn->nfds] = fd;
	gift->fds_to[spawn->nfds++] = to;
}

/* LISTEN_FDS: those that we were given for it, and behind them the stored. */
static void
give_stored(struct supervisor *s, struct ready_gift *gift, struct spawn *spawn)
{
	struct text text = TEXT(gift->listen_fds), names = TEXT(gift->names);
	const char *given = env_get("LISTEN_FDNAMES");
	const struct readiness *ready = &s->ready;
	int i;

	if (ready->listen || ready->store.count > 0) {
		add_env(spawn, gift, "LISTEN_PID=");
		add_env(spawn, gift, "LISTEN_PIDFDID"); /* was ours */
	}
	if (ready->store.count == 0)
		return;
	text_add(&text, "LISTEN_FDS=");
	text_add_number(&text, ready->listen_count + ready->store.count);
	add_env(spawn, gift, gift->listen_fds);
	text_add(&names, "LISTEN_FDNAMES=");
	for (i = 0; i < ready->listen_count; i++)
		if (i == 0 && given != NULL && ready->listen)
			i = ready->listen_count, text_add(&names, given);
		else
			text_add(&names, i > 0 ? ":unknown" : "unknown");
	text_add(&names, ready->listen_count > 0 ? ":" : "");
	text_add(&names, ready->store.names);
	if (!names.full) /* else unnamed, all of them */
		add_env(spawn, gift, gift->names);
	else
		add_env(spawn, gift, "LISTEN_FDNAMES");
	for (i = 0; i < ready->store.count; i++)
		give_fd(spawn, gift, ready->store.fds[i],
		    3 + ready->listen_count + i);
}

/* What is told up there, we tell. */
void
ready_take_away(
    const struct supervisor *s, struct ready_gift *gift, struct spawn *spawn)
{
	spawn->env = gift->env;
	if (!s->ready.asked && s->ready.socket_fd < 0 && !s->service.is_log)
		return;
	add_env(spawn, gift, "NOTIFY_SOCKET");
	add_env(spawn, gift, "WATCHDOG_USEC");
	add_env(spawn, gift, "WATCHDOG_PID");
}

/* What makes the program able to tell, and what it left with us before. */
void
ready_give(struct supervisor *s, struct ready_gift *gift, struct spawn *spawn)
{
	const struct readiness *ready = &s->ready;
	struct text socket = TEXT(gift->socket), usec = TEXT(gift->watchdog);

	spawn->env = gift->env;
	spawn->fds = gift->fds;
	spawn->fds_to = gift->fds_to;
	if (s->service.finishing) { /* it is not what is to be ready */
		ready_take_away(s, gift, spawn);
		return;
	}
	give_stored(s, gift, spawn);
	if (ready->line_write_fd >= 0)
		give_fd(spawn, gift, ready->line_write_fd, s->options.ready_fd);
	if (ready->socket_fd >= 0) {
		text_add(&socket, "NOTIFY_SOCKET=");
		text_add(&socket, ready->socket_name);
		add_env(spawn, gift, gift->socket);
	} else if (ready->asked || s->service.is_log) {
		add_env(spawn, gift, "NOTIFY_SOCKET"); /* we tell it */
	}
	if (s->options.watchdog_ns != INT64_MAX) {
		text_add(&usec, "WATCHDOG_USEC=");
		text_add_number(&usec, s->options.watchdog_ns / 1000);
		add_env(spawn, gift, gift->watchdog);
		add_env(spawn, gift, "WATCHDOG_PID=");
	} else if (ready->socket_fd >= 0 && ready->watched &&
		   env_get("WATCHDOG_USEC") != NULL) {
		add_env(spawn, gift, "WATCHDOG_PID=");
	} else if (ready->asked || s->service.is_log) {
		add_env(spawn, gift, "WATCHDOG_USEC");
		add_env(spawn, gift, "WATCHDOG_PID");
	}
}

void
ready_started(struct supervisor *s)
{
	fd_close(&s->ready.line_write_fd);
	loop_watch(&s->loop, SOURCE_LINE, s->ready.line_fd, POLLIN);
	if (s->service.finishing)
		return;
	loop_set_deadline(
	    &s->loop, DEADLINE_READY, s->options.ready_timeout_ns);
}

void
ready_arm_watchdog(struct supervisor *s)
{
	if (s->paused) /* begins anew when it goes on */
		return;
	loop_set_deadline(&s->loop, DEADLINE_WATCHDOG, s->ready.watchdog_ns);
}

/* Whoever waits for us to be ready or, where that is not asked, to be up. */
static void
release(struct supervisor *s)
{
	int r = 0;

	background_tell(&s->background_fd, 0);
	if (s->options.notify_fd >= 0)
		r = notify_write_line(s->options.notify_fd);
	if (r < 0)
		tell_warn(s, "write", "--notify-fd", -r, NULL);
	fd_close(&s->options.notify_fd);
	ready_arm_watchdog(s);
}

void
ready_settle(struct supervisor *s)
{
	if (s->ready.by != NULL)
		supervisor_post(s, NOTIFIED);
	if (!s->ready.asked)
		release(s);
	if (s->options.ready_check != NULL)
		ready_check(s);
}

void
ready_close(struct supervisor *s)
{
	loop_watch(&s->loop, SOURCE_LINE, -1, 0);
	fd_close(&s->ready.line_fd);
	fd_close(&s->ready.line_write_fd);
}

static void
stop_trying(struct supervisor *s)
{
	loop_watch(&s->loop, SOURCE_PATH, -1, 0);
	fd_close(&s->ready.path_fd);
	s->loop.deadlines_ns[DEADLINE_READY] = TIMER_NEVER;
	s->loop.deadlines_ns[DEADLINE_CHECK] = TIMER_NEVER;
}

void
ready_announce(struct supervisor *s)
{
	tell_ready(s);
	service_ready(s);
	release(s); /* as soon as can be; what is left to do can wait */
	tell_peer(s, TELL_READY);
	stop_trying(s);
	ready_close(s);
}

static void
tell_stopping_once(struct supervisor *s)
{
	if ((!s->service.stay || s->service.exit_wanted) &&
	    (s->ready.pending & TOLD_STOPPING) == 0)
		tell_peer(s, TELL_STOPPING | TOLD_STOPPING);
}

void
ready_end(struct supervisor *s)
{
	stop_trying(s); /* the pipe stays: who writes to it now lives on */
	s->loop.deadlines_ns[DEADLINE_WATCHDOG] = TIMER_NEVER;
	/* what is to run again is not about to end */
	if (!s->want_up)
		tell_stopping_once(s);
}

static void
notified(struct supervisor *s, const char *by)
{
	if (s->ready.by != NULL || s->service.finishing ||
	    (s->state != UP && s->state != STARTING))
		return;
	s->ready.by = by;
	if (s->state == UP) /* else at ready_settle */
		supervisor_post(s, NOTIFIED);
}

/* 0: there was nothing. */
int
ready_take_line(struct supervisor *s)
{
	int r = notify_read_line(s->ready.line_fd);

	if (r > 0)
		notified(s, "fd");
	else if (r == -EPIPE)
		ready_close(s);
	return r;
}

/* Not what was there before it was started, unless that was written to. */
void
ready_look_at_path(struct supervisor *s)
{
	const struct stat *old = &s->ready.path_before;
	char events[4096];
	struct stat st;

	while (sys_read(s->ready.path_fd, events, sizeof(events)) ==
	       sizeof(events))
		;
	watch_path(s);
	if (path_is_there(s, &st) &&
	    (!s->ready.path_existed || st.st_ino != old->st_ino ||
		st.st_dev != old->st_dev ||
		st.st_ctim.tv_sec != old->st_ctim.tv_sec ||
		st.st_ctim.tv_nsec != old->st_ctim.tv_nsec))
		notified(s, "path");
	else if (s->ready.path_existed && !path_is_there(s, &st))
		s->ready.path_existed = false; /* whatever comes is new */
}

static void
check_later(struct supervisor *s)
{
	loop_set_deadline(
	    &s->loop, DEADLINE_CHECK, s->ready.check_ms * (int64_t)NS_PER_MS);
	s->ready.check_ms *= 2;
	if (s->ready.check_ms > CHECK_LAST_MS)
		s->ready.check_ms = CHECK_LAST_MS;
}

/* In the tree: what it starts ends with it, and it sees what that sees. */
void
ready_check(struct supervisor *s)
{
	char shell[] = "sh", option[] = "-c";
	char *argv[] = { shell, option,
		(char *)(uintptr_t)s->options.ready_check, NULL };
	struct spawn spawn = start_describe(s);
	struct ready_gift gift;
	pid_t pid;

	if (s->state != UP || s->ready.check_pid != 0)
		return;
	if (tree_is_held(s)) {
		check_later(s);
		return;
	}
	spawn.argv = argv;
	spawn.check = true;
	spawn.session = true;
	spawn.group = false;
	ready_take_away(s, &gift, &spawn);
	pid = spawn_beside(&spawn, &s->tree);
	if (pid > 0) {
		s->ready.check_pid = pid;
		return;
	}
	tell_warn(s, "clone", "--ready-check", -pid, tell_hint(-pid));
	check_later(s);
}

void
ready_checked(struct supervisor *s, const siginfo_t *info)
{
	s->ready.check_pid = 0;
	if (s->state != UP)
		return;
	if (info->si_code == CLD_EXITED && info->si_status == 0) {
		notified(s, "check");
		return;
	}
	if (info->si_code == CLD_EXITED &&
	    info->si_status >= EXIT_CANNOT_EXECUTE && !s->ready.warned) {
		s->ready.warned = true;
		tell_warn(s, "--ready-check", s->options.ready_check, 0,
		    "cannot be executed");
	}
	check_later(s);
}

/* "NSpid:	4711	2": the last number is what it calls itself. */
static pid_t
inner_pid(const struct supervisor *s)
{
	char path[40], info[512], *line, *number;
	struct text text = TEXT(path);
	uint64_t pid;

	text_add(&text, "/proc/self/fdinfo/");
	text_add_number(&text, s->tree.pidfd);
	if (sys_read_file(AT_FDCWD, path, info, sizeof(info)) < 0)
		return 0;
	for (line = info; line != NULL; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (str_after(line, "NSpid:") == NULL)
			continue;
		line[strcspn(line, "\n")] = '\0';
		number = strrchr(line, '\t');
		if (number != NULL &&
		    str_to_number(number + 1, INT32_MAX, &pid) == 0)
			return (pid_t)pid;
	}
	return 0;
}

static void
extend(struct supervisor *s, uint64_t us)
{
	enum loop_deadline which = DEADLINE_RUN;
	int64_t *deadline_ns, later_ns;

	if (s->state == STOPPING || s->state == STRAGGLERS)
		which = DEADLINE_KILL;
	else if ((s->state == UP || s->state == STARTING) && s->ready.asked)
		which = DEADLINE_READY;
	deadline_ns = &s->loop.deadlines_ns[which];
	later_ns = timer_after(sys_now_ns(), (int64_t)us * 1000);
	if (*deadline_ns != TIMER_NEVER && *deadline_ns < later_ns)
		*deadline_ns = later_ns;
	s->ready.extend_us = us;
	tell_peer(s, TELL_EXTEND);
}

/* Else what would come with FDSTORE=1 is not even taken. */
static bool
is_storing(const struct supervisor *s)
{
	return s->options.restart != RESTART_NO && s->options.ready_fd < 3 &&
	       s->state != DOWN && !s->service.finishing;
}

/* With them the next start must still have all the numbers that it needs. */
static bool
fits(const struct supervisor *s)
{
	int most = NUMBERS_SPARE + s->ready.listen_count +
		   2 * (s->ready.store.count + 1);

	return setup_has_number(most);
}

static void
store_fds(struct supervisor *s, struct notify *from)
{
	struct readiness *ready = &s->ready;
	int r = 0, i;

	if (s->options.restart == RESTART_NO) {
		warn_of(s, "FDSTORE=1", 0, "nothing is started again");
		return;
	}
	if (s->options.ready_fd >= 3) {
		warn_of(s, "FDSTORE=1", 0, "--ready-fd is in their place");
		return;
	}
	if (from->has_fds && from->nfds == 0)
		warn_of(s, "FDSTORE=1", EMFILE, tell_hint(EMFILE));
	for (i = 0; i < from->nfds && r == 0; i++) {
		if (!fits(s)) {
			r = -EMFILE;
			break;
		}
		r = fdstore_add(&ready->store, from->fds[i],
		    from->values[NOTIFY_FDNAME],
		    from->values[NOTIFY_FDPOLL] == NULL ||
			strcmp(from->values[NOTIFY_FDPOLL], "0") != 0);
		from->fds[i] = -1;
	}
	if (r < 0)
		warn_of(s, "FDSTORE=1", -r, tell_hint(-r));
	loop_watch(&s->loop, SOURCE_STORE, ready->store.poll_fd, POLLIN);
}

/* What the program says of its life, while it has one. */
static void
take_state(struct supervisor *s, const struct notify *from)
{
	struct readiness *ready = &s->ready;

	if (notify_has(from, NOTIFY_RELOADING)) {
		ready->reloading = true;
		tell_event(s, "reloading");
		tell_peer(s, TELL_RELOADING);
	}
	if (notify_has(from, NOTIFY_READY)) {
		if (s->state == READY && ready->reloading) {
			tell_ready(s);
			tell_peer(s, TELL_READY);
		}
		ready->reloading = false;
		if (s->options.ready_socket || !ready->asked)
			notified(s, "socket");
	}
	if (from->values[NOTIFY_WATCHDOG] != NULL &&
	    strcmp(from->values[NOTIFY_WATCHDOG], "trigger") == 0) {
		job_fail(s, CAUSE_WATCHDOG);
	} else if (notify_has(from, NOTIFY_WATCHDOG)) {
		ready_arm_watchdog(s);
		tell_peer(s, TELL_WATCHDOG);
	}
	/* passed on if nothing will follow it */
	if (notify_has(from, NOTIFY_STOPPING) &&
	    (s->options.restart == RESTART_NO || !s->want_up))
		tell_stopping_once(s);
}

/* Cut short, it must not end within a character: that would not be UTF-8. */
static void
drop_broken_end(struct text *text)
{
	size_t end = text->length;

	if (!text->full)
		return;
	while (end > 0 && (text->data[end - 1] & 0xc0) == 0x80)
		end--;
	if (end > 0 && (text->data[end - 1] & 0x80) != 0)
		end--;
	text->length = end;
	text->data[end] = '\0';
}

static void
take_message(struct supervisor *s, struct notify *from)
{
	struct readiness *ready = &s->ready;
	struct text status = TEXT(ready->status);
	uint64_t number;

	/* all before it is done by now, and its descriptor has been dropped */
	if (from->values[NOTIFY_BARRIER] != NULL) {
		if (from->lines != 1 || !from->has_fds)
			warn_of(s, "BARRIER=1", 0, "not alone: dropped");
		return;
	}
	if (s->state == DOWN || s->service.finishing)
		return; /* of a run that is over */
	if (notify_has(from, NOTIFY_FDSTORE))
		store_fds(s, from);
	if (notify_has(from, NOTIFY_FDSTOREREMOVE) &&
	    from->values[NOTIFY_FDNAME] != NULL)
		fdstore_remove(&ready->store, from->values[NOTIFY_FDNAME]);
	if (notify_number(from, NOTIFY_MAINPID, &number) &&
	    (pid_t)number != s->tree.pid && (pid_t)number != inner_pid(s))
		warn_of(
		    s, "MAINPID", 0, "refused: only the program is watched");
	if (notify_number(from, NOTIFY_ERRNO, &number))
		ready->error = (int)number;
	if (notify_number(from, NOTIFY_EXIT_STATUS, &number))
		ready->exit_status = (int)number;
	if (from->values[NOTIFY_STATUS] != NULL) {
		text_add(&status, from->values[NOTIFY_STATUS]);
		drop_broken_end(&status);
		tell_text(s, "status", "text", ready->status);
		tell_peer(s, TELL_STATUS);
	}
	if (notify_number(from, NOTIFY_EXTEND_USEC, &number))
		extend(s, number);
	/* STARTING: its exec has not been looked at yet */
	if (s->state != UP && s->state != READY && s->state != STARTING) {
		if (notify_has(from, NOTIFY_WATCHDOG)) /* it takes its time */
			tell_peer(s, TELL_WATCHDOG);
		return;
	}
	if (notify_number(from, NOTIFY_WATCHDOG_USEC, &number)) {
		ready->watchdog_ns =
		    number == 0 ? INT64_MAX : (int64_t)number * 1000;
		ready_arm_watchdog(s);
	}
	take_state(s, from);
}

/*
 * One, or none: 0. What it raises is handled before the next is looked at.
 * Descriptors are taken from a sender that is there to be looked at, only.
 */
static int
take_one(struct supervisor *s)
{
	int fd = s->ready.socket_fd;
	struct notify from;
	bool member;
	int r = notify_peek(fd, &from);

	if (r == -EBADMSG) {
		notify_take(fd, &from, false);
		fd_close(&from.pidfd);
		warn_of(s, "a message", 0, "malformed or too long: dropped");
		return 1;
	}
	if (r <= 0)
		return 0;
	/* before it is taken: who waits for its barrier goes away then */
	member = from.has_fds && tree_has(s, from.pid, -1);
	notify_take(fd, &from,
	    member && notify_has(&from, NOTIFY_FDSTORE) && is_storing(s));
	if (member || tree_has(s, from.pid, from.pidfd))
		take_message(s, &from);
	else if (from.values[NOTIFY_BARRIER] == NULL) /* its end is no harm */
		warn_of(s, "a message", EPERM, "its sender is not of the tree");
	fd_close(&from.pidfd);
	while (from.nfds > 0)
		fdstore_discard(from.fds[--from.nfds]);
	return 1;
}

void
ready_take_message(struct supervisor *s)
{
	(void)take_one(s);
}

/* Before the program is reaped: who has sent them is known until then. */
void
ready_take_last_words(struct supervisor *s)
{
	int i;

	for (i = 0; s->ready.line_fd >= 0 && i < LINES_MAX; i++)
		if (ready_take_line(s) == 0)
			break;
	for (i = 0; s->ready.socket_fd >= 0 && i < MESSAGES_MAX; i++)
		if (take_one(s) == 0)
			break;
}
