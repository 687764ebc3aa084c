/* SPDX-License-Identifier: ISC */
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "diag.h"
#include "fifodir.h"
#include "supervisor.h"
#include "tally.h"

enum {
	FINISH_LIMIT_MS = 5000, /* as s6 has it */
	FINISH_SIGNALLED = 256, /* its exit code of who was killed */
	RETRY_LAST_S = 60,
};

static bool
is_executable(int dir_fd, const char *name)
{
	struct stat st;

	return fstatat(dir_fd, name, &st, 0) == 0 && S_ISREG(st.st_mode) &&
	       (st.st_mode & 0111) != 0;
}

/* `runsv DIR`, or `supervise DIR` of a directory that holds `run`. */
bool
service_is_directory(const struct supervisor *s)
{
	const struct options *o = &s->options;
	int dir_fd;
	bool is;

	if (o->argv[1] != NULL || o->dashes || o->dir != NULL)
		return false;
	if (s->service.as_runsv)
		return true;
	dir_fd = sys_open(AT_FDCWD, o->argv[0], O_PATH | O_DIRECTORY);
	is = dir_fd >= 0 && is_executable(dir_fd, "run");
	fd_close(&dir_fd);
	return is;
}

/* The first word of a small file; false if there is none. */
static bool
read_word(int dir_fd, const char *name, char *word, size_t size)
{
	if (sys_read_file(dir_fd, name, word, size) <= 0)
		return false;
	word[strcspn(word, " \t\n")] = '\0';
	return word[0] != '\0';
}

static void
warn_of(const struct supervisor *s, const char *name, const char *word)
{
	if (!s->service.settings_read) /* once, not at each start */
		tell_warn(s, name, word, 0, "makes no sense: ignored");
}

/* A number in a file; -1 where there is none. */
static int64_t
read_number(const struct supervisor *s, const char *name, uint64_t limit)
{
	char word[24];
	uint64_t number;

	if (!read_word(s->service.dir_fd, name, word, sizeof(word)))
		return -1;
	if (str_to_number(word, limit, &number) == 0)
		return (int64_t)number;
	warn_of(s, name, word);
	return -1;
}

/* 0 is no limit in these files of s6. */
static int64_t
read_limit(const struct supervisor *s, const char *name, int64_t default_ns)
{
	int64_t ms = read_number(s, name, INT32_MAX);

	if (ms < 0)
		return default_ns;
	return ms == 0 ? INT64_MAX : ms * (int64_t)NS_PER_MS;
}

/* Anew each time: they can have been changed since. */
void
service_read_settings(struct supervisor *s)
{
	struct service *service = &s->service;
	struct options *o = &s->options;
	char word[16];

	if (!service->directory)
		return;
	o->kill_after_ns =
	    read_limit(s, "timeout-kill", service->kill_after_ns);
	o->stop_signal = service->stop_signal;
	o->ready_fd = service->ready_fd;
	service->finish_ns = read_limit(
	    s, "timeout-finish", FINISH_LIMIT_MS * (int64_t)NS_PER_MS);
	if (o->ready_fd < 0)
		o->ready_fd = (int)read_number(s, "notification-fd", INT32_MAX);
	if (!setup_has_number(o->ready_fd)) {
		warn_of(s, "notification-fd", "beyond ulimit -n");
		o->ready_fd = -1;
	}
	if (read_word(s->service.dir_fd, "down-signal", word, sizeof(word)) &&
	    diag_to_signal(word, &o->stop_signal) < 0)
		warn_of(s, "down-signal", word);
}

static void
touch_time(struct status *status)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail */
	status->since_s = now.tv_sec;
	status->since_ns = (uint32_t)now.tv_nsec;
}

static void
warn_once(struct supervisor *s, const char *what, int r)
{
	if (!s->service.warned)
		tell_warn(s, what, NULL, -r, "the service itself goes on");
	s->service.warned = true;
}

static int
make_event(struct supervisor *s)
{
	return s->service.event_fd = fifodir_make(s->service.dir_fd, "event",
		   control_event_mode((enum control_access)s->options.access));
}

/* Is `event` another one by now? Who waits looks for it by its name. */
static bool
is_replaced(const struct service *service)
{
	struct stat ours, now;

	return fstat(service->event_fd, &ours) == 0 &&
	       (fstatat(service->dir_fd, "event", &now, 0) < 0 ||
		   now.st_ino != ours.st_ino || now.st_dev != ours.st_dev);
}

/* Readers subscribe, then read the file: so that is written first. */
void
service_tell(struct supervisor *s, const char *letters)
{
	struct service *service = &s->service;
	int r;

	if (!service->on)
		return;
	service->status.want_up = s->want_up && !service->once;
	service->status.paused = s->paused || service->paused;
	service->status.will_exit = service->exit_wanted;
	r = status_write(service->control.dir_fd, &service->status,
	    s->options.access >= CONTROL_GROUP);
	service->retry_s = r == 0 ? 0 : service->retry_s * 2 + 1;
	if (r < 0) {
		warn_once(s, "write supervise/status", r);
		/* whoever reads it must not believe the last one for ever */
		if (service->retry_s > RETRY_LAST_S)
			service->retry_s = RETRY_LAST_S;
		loop_set_deadline(
		    &s->loop, DEADLINE_STATUS, service->retry_s * NS_PER_S);
	}
	if (letters[0] == '\0' || service->event_fd < 0)
		return;
	r = is_replaced(service) ? -ENOENT
				 : fifodir_notify(service->event_fd, letters);
	if (r == -ENOENT) {
		fd_close(&service->event_fd);
		r = make_event(s);
		if (r >= 0) /* somebody may wait in it already */
			r = fifodir_notify(service->event_fd, letters);
	}
	if (r < 0)
		warn_once(s, "write event", r);
}

/* s6 tells it its name, runit does not. */
static void
name_run(struct service *service)
{
	service->argv[0] = memcpy(service->program, "./run", 6);
	service->argv[1] = service->as_runsv ? NULL : service->name;
	service->argv[2] = NULL;
}

/* What the directory was called, if that was a name. */
static void
name_service(struct supervisor *s)
{
	char path[OPTIONS_PATH_MAX];
	struct text name = TEXT(s->service.name);
	const char *given = s->options.argv[0], *end = given + strlen(given);

	while (end > given && end[-1] == '/')
		end--;
	given = end;
	while (given > s->options.argv[0] && given[-1] != '/')
		given--;
	text_add_bytes(&name, given, (size_t)(end - given));
	if (s->service.name[strspn(s->service.name, ".")] != '\0')
		return;
	name.length = 0;
	text_add(&name, "");
	/* libc's has a use for malloc */
	if (syscall(SYS_getcwd, path, sizeof(path)) > 0)
		text_add(&name, strrchr(path, '/') + 1);
}

static void
enter_directory(struct supervisor *s)
{
	struct service *service = &s->service;

	int r = sys_fchdir(service->dir_fd);

	if (r < 0)
		tell_refuse(s, "chdir", s->options.argv[0], -r, NULL);
	name_service(s);
	service->kill_after_ns = s->options.kill_after_ns;
	service->stop_signal = s->options.stop_signal;
	service->ready_fd = s->options.ready_fd;
	service_read_settings(s);
	(void)read_number(s, "max-death-tally", INT32_MAX);
	service->settings_read = true;
}

void
service_open(struct supervisor *s)
{
	struct service *service = &s->service;
	const char *dir =
	    service->directory ? s->options.argv[0] : s->options.dir;
	const char *name = "event";
	int r;

	if (dir == NULL)
		return;
	if (!service->directory) /* in /run there is nothing at first */
		(void)mkdir(dir, 0755);
	r = service->dir_fd = sys_open(AT_FDCWD, dir, O_RDONLY | O_DIRECTORY);
	if (r < 0)
		tell_refuse(s, "open", dir, -r, NULL);
	if (service->directory) {
		enter_directory(s);
		name_run(service);
	}
	r = control_open(&service->control, service->dir_fd,
	    (enum control_access)s->options.access, &name);
	if (r == -EBUSY && service->is_log) { /* see log_ended */
		tell_warn(s, "wait for", dir, 0,
		    "the one of a killed supervisor still reads");
		tell_exit(s, EXIT_REFUSED);
	}
	if (r == -EBUSY)
		tell_refuse(s, "lock", dir, 0, "it is supervised already");
	if (r == 0) {
		r = make_event(s);
		if (r == -EROFS || r == -EACCES) { /* others do without it */
			tell_warn(s, name, dir, -r,
			    "nobody is told of changes but by the status");
			r = 0;
		}
	}
	if (r < 0)
		tell_refuse(s, name, dir, -r, NULL);
	service->on = true;
	service->stay = service->directory;
	if (service->directory &&
	    sys_access(service->dir_fd, "down", F_OK) == 0)
		s->want_up = false;
	touch_time(&service->status);
	service_tell(s, "");
	r = control_announce(
	    &service->control, (enum control_access)s->options.access);
	if (r < 0)
		tell_refuse(s, "supervise/ok", dir, -r, NULL);
	service_tell(s, "s");
}

/* The pipe is ours: it outlives what writes and what reads. */
bool
service_has_log(struct supervisor *s)
{
	struct service *service = &s->service;
	struct stat st;

	/* a pipe is there: svscan supervises the log by itself */
	if (!service->directory || service->is_log ||
	    (!service->as_runsv && fstat(STDOUT_FILENO, &st) == 0 &&
		S_ISFIFO(st.st_mode)) ||
	    !is_executable(service->dir_fd, "log/run"))
		return false;
	service->log_out_fd = sys_fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	if (sys_pipe(service->log_fds) < 0 ||
	    dup2(service->log_fds[1], STDOUT_FILENO) < 0)
		tell_refuse(s, "pipe2", "for the log", errno, tell_hint(errno));
	return true;
}

void
service_started(struct supervisor *s)
{
	struct status *status = &s->service.status;

	if (s->service.preparing)
		return;
	status->pid = (uint32_t)s->tree.pid;
	if (s->service.finishing) {
		service_tell(s, "");
		return;
	}
	status->state = STATUS_UP;
	status->ready = status->got_term = status->failed = false;
	touch_time(status);
	service_tell(s, "u");
}

void
service_ready(struct supervisor *s)
{
	s->service.status.ready = true;
	s->service.status.ready_s = time(NULL);
	service_tell(s, "U");
}

/* It has been sent TERM, or what stands for it. */
void
service_asked(struct supervisor *s)
{
	if (s->service.finishing || s->tree.pid == 0)
		return;
	s->service.status.got_term = true;
	service_tell(s, "");
}

/* Before anybody is told of the end, finish too. */
static void
add_to_tally(struct supervisor *s)
{
	struct service *service = &s->service;
	int64_t limit = -1;
	int r;

	/* on a full disk the status needs the room */
	if (!service->on || service->retry_s != 0)
		return;
	if (service->directory)
		limit = read_number(s, "max-death-tally", INT32_MAX);
	if (limit == 0)
		return;
	if (limit < 0)
		limit = TALLY_USUAL;
	r = tally_add(service->control.dir_fd,
	    limit < TALLY_MAX ? (int)limit : TALLY_MAX, &service->status,
	    s->options.access >= CONTROL_GROUP);
	if (r < 0)
		warn_once(s, "write supervise/death_tally", r);
}

void
service_ended(struct supervisor *s, int wstat)
{
	struct status *status = &s->service.status;

	if (s->service.preparing)
		return;
	if (s->service.finishing) {
		status->pid = 0;
		/* 125: whatever it was, it is not to be started again */
		if (WIFEXITED(wstat) && WEXITSTATUS(wstat) == EXIT_GAVE_UP) {
			status->failed = true;
			s->want_up = false;
		}
		return;
	}
	if (tree_is_left_to_itself(s)) {
		/* the service is up, and we are who hands signals on */
		status->pid = (uint32_t)s->pid;
		service_tell(s, "");
		return;
	}
	if (status->state != STATUS_UP)
		return; /* a start that failed, or it is known */
	status->pid = 0;
	s->service.ended_pid = s->tree.pid;
	status->state = STATUS_FINISH;
	status->wstat = wstat;
	status->has_ended = true;
	status->ready = status->got_term = false;
	touch_time(status);
	add_to_tally(s);
	service_tell(s, "d");
}

/* Before each start of runit's; what it exits with is nothing to us. */
void
service_begin_control_up(struct supervisor *s)
{
	struct service *service = &s->service;

	if (service->finishing)
		return;
	service->preparing = service->directory && !service->is_log &&
			     !service->prepared &&
			     is_executable(service->dir_fd, "control/u");
	service->prepared = service->finishing = service->preparing;
	if (!service->preparing)
		return;
	service->argv[0] = memcpy(service->program, "control/u", 10);
	service->argv[1] = NULL;
	/* down to the clients, and not really down */
	service->status.state = STATUS_FINISH;
	service_tell(s, "");
}

/* Not, if it is to be down by now. */
bool
service_end_control_up(struct supervisor *s)
{
	s->service.preparing = s->service.finishing = false;
	name_run(&s->service);
	if (s->service.exit_wanted)
		s->want_up = false;
	s->service.prepared &= s->want_up;
	if (s->want_up)
		s->service.status.state = STATUS_DOWN;
	return s->want_up;
}

/* CODE SIGNAL NAME PGID, as s6 has it; the first two as runit has. */
bool
service_begin_finish(struct supervisor *s)
{
	struct service *service = &s->service;
	int wstat = service->status.wstat, i;
	bool killed = WIFSIGNALED(wstat);
	const int64_t numbers[] = {
		!killed             ? WEXITSTATUS(wstat)
		: service->as_runsv ? -1
				    : FINISH_SIGNALLED,
		killed ? WTERMSIG(wstat) : 0,
		service->ended_pid,
	};

	if (!service->directory || service->finishing ||
	    service->status.state != STATUS_FINISH ||
	    !is_executable(service->dir_fd, "finish"))
		return false;
	for (i = 0; i < 3; i++) {
		struct text text = TEXT(service->texts[i]);

		text_add_number(&text, numbers[i]);
		service->argv[i < 2 ? 1 + i : 4] = service->texts[i];
	}
	service->argv[0] = memcpy(service->program, "./finish", 9);
	service->argv[3] = service->name;
	service->argv[5] = NULL;
	service->finishing = true;
	return true;
}

void
service_down(struct supervisor *s, bool failed)
{
	struct service *service = &s->service;

	if (!service->on)
		return;
	service->finishing = false;
	if (service->directory) {
		name_run(service);
	}
	service->status.pid = 0;
	service->status.failed |= failed;
	if (service->status.state == STATUS_DOWN) {
		service_tell(s, failed ? "O" : "");
		return;
	}
	service->status.state = STATUS_DOWN;
	service_tell(s, service->status.failed ? "OD" : "D");
}

void
service_close(struct supervisor *s)
{
	if (!s->service.on)
		return;
	service_tell(s, "x");
	control_close(&s->service.control);
}
