/* SPDX-License-Identifier: ISC */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "diag.h"
#include "supervisor.h"
#include "walk.h"

/* as the events name them */
static const char *const cause_names[] = {
	[NO_CAUSE] = "none",
	[CAUSE_END] = "program",
	[CAUSE_TERM] = "signal",
	[CAUSE_TIMEOUT] = "timeout",
	[CAUSE_UNTIL] = "until",
	[CAUSE_LIFELINE] = "lifeline",
	[CAUSE_PARENT] = "parent",
	[CAUSE_CONTROL] = "control",
	[CAUSE_RESTART] = "restart",
	[CAUSE_LIMIT] = "restart-limit",
	[CAUSE_READY] = "ready-timeout",
	[CAUSE_WATCHDOG] = "watchdog",
};

enum {
	NAMED_MAX = 8,
};

void
tell_say(const char *level, const char *what, const char *object, int error,
    const char *hint)
{
	struct diag diag = {
		.level = level,
		.what = what,
		.object = object,
		.error = error,
		.hint = hint,
	};

	diag_print(STDERR_FILENO, &diag);
}

void
tell_warn(const struct supervisor *s, const char *what, const char *object,
    int error, const char *hint)
{
	if (!s->options.quiet)
		tell_say("warning", what, object, error, hint);
}

_Noreturn void
tell_exit(const struct supervisor *s, int code)
{
	exit(code ^ s->options.exit_codes[code & 0xff]);
}

_Noreturn void
tell_refuse(const struct supervisor *s, const char *what, const char *object,
    int error, const char *hint)
{
	tell_say("fatal", what, object, error, hint);
	tell_exit(s, EXIT_REFUSED);
}

static const char *
rung_name(const struct supervisor *s, char *name, size_t size)
{
	struct text text = { .data = name, .size = size };

	text_add(&text, s->has_userns ? "userns+" : "");
	if (s->has_pidns)
		text_add(&text, s->has_cgroup ? "pidns+cgroup" : "pidns");
	else if (s->is_pid1)
		text_add(&text, s->has_cgroup ? "pid1+cgroup" : "pid1");
	else
		text_add(&text, s->has_cgroup ? "cgroup+guard" : "subreaper");
	return name;
}

void
tell_add_refusal(struct text *text, const char *what, const struct refusal *no)
{
	if (no->call == NULL)
		return;
	text_add(text, text->length > 0 ? "; " : "");
	text_add(text, what);
	text_add(text, no->call);
	if (no->error != 0) {
		text_add(text, " ");
		diag_add_errno(text, no->error);
	}
}

/* The one line of -v. */
void
tell_form(const struct supervisor *s)
{
	char name[32], object[512], hint[256];
	struct text text = TEXT(object), reasons = TEXT(hint);
	struct refusal no_proc = { "mount", s->tree.proc_error };
	struct refusal no_pdeathsig = { "prctl", s->tree.pdeathsig_error };

	text_add(&text, rung_name(s, name, sizeof(name)));
	if (s->has_cgroup) {
		text_add(&text, " ");
		text_add(&text, s->cgroup.base);
		text_add(&text, "/");
		text_add(&text, s->cgroup.leaf);
	}
	text_add(&reasons, "");
	tell_add_refusal(&reasons, "no cgroup: ", &s->no_cgroup);
	if (!s->has_pidns)
		tell_add_refusal(&reasons, "no pidns: ", &s->no_pidns);
	if (s->no_pidns.error == EPERM && !s->options.userns && !s->is_pid1)
		text_add(&reasons, ", --userns may help");
	if (no_proc.error != 0)
		tell_add_refusal(&reasons, "no fresh /proc: ", &no_proc);
	if (no_pdeathsig.error != 0)
		tell_add_refusal(&reasons, "no PDEATHSIG: ", &no_pdeathsig);
	tell_say(NULL, "tree:", object, 0, reasons.length > 0 ? hint : NULL);
}

void
tell_event(struct supervisor *s, const char *word)
{
	struct event_line line;

	if (s->events.fd < 0)
		return;
	events_begin(&line, word);
	events_send(&s->events, &line);
}

static void
send_degraded(struct supervisor *s, const char *what, const struct refusal *no)
{
	struct event_line line;
	char name[16];
	struct text text = TEXT(name);

	if (no->call == NULL)
		return;
	events_begin(&line, "degraded");
	events_add(&line, "mechanism", what);
	events_add(&line, "call", no->call);
	if (no->error != 0) {
		diag_add_errno(&text, no->error);
		events_add(&line, "error", name);
	}
	events_send(&s->events, &line);
}

void
tell_starting(struct supervisor *s)
{
	struct event_line line;

	if (s->events.fd < 0)
		return;
	events_begin(&line, "starting");
	events_add_number(&line, "start", (int64_t)s->starts);
	events_add_number(&line, "supervisor", s->pid);
	events_send(&s->events, &line);
}

void
tell_started(struct supervisor *s)
{
	struct refusal no_proc = { "mount", s->tree.proc_error };
	struct event_line line;
	char name[32];

	if (s->events.fd < 0)
		return;
	if (!s->has_cgroup)
		send_degraded(s, "cgroup", &s->no_cgroup);
	if (!s->has_pidns)
		send_degraded(s, "pidns", &s->no_pidns);
	if (no_proc.error != 0)
		send_degraded(s, "proc", &no_proc);
	events_begin(&line, "started");
	events_add_number(&line, "pid", s->tree.pid);
	events_add(&line, "tree", rung_name(s, name, sizeof(name)));
	if (s->has_cgroup)
		events_add(&line, "cgroup", s->cgroup.leaf);
	events_send(&s->events, &line);
}

void
tell_stopping(struct supervisor *s)
{
	struct event_line line;
	char name[16];
	struct text text = TEXT(name);

	if (s->events.fd < 0)
		return;
	events_begin(&line, "stopping");
	events_add(&line, "cause", cause_names[s->cause]);
	if (s->cause == CAUSE_TERM) {
		diag_add_signal(&text, (int)s->stopped_by.ssi_signo);
		events_add(&line, "signal", name);
		events_add_number(&line, "pid", s->stopped_by.ssi_pid);
		events_add_number(&line, "uid", s->stopped_by.ssi_uid);
	}
	events_send(&s->events, &line);
}

void
tell_exited(struct supervisor *s, const siginfo_t *info)
{
	struct event_line line;
	char name[16];
	struct text text = TEXT(name);

	if (s->events.fd < 0)
		return;
	events_begin(&line, "exited");
	events_add_number(&line, "pid", info->si_pid);
	if (info->si_code == CLD_EXITED) {
		events_add_number(&line, "code", info->si_status);
	} else {
		diag_add_signal(&text, info->si_status);
		events_add(&line, "signal", name);
	}
	if (s->ready.error > 0) {
		text.length = 0;
		diag_add_errno(&text, s->ready.error);
		events_add(&line, "errno", name);
	}
	if (s->ready.exit_status >= 0)
		events_add_number(&line, "exit-status", s->ready.exit_status);
	events_send(&s->events, &line);
}

void
tell_number(
    struct supervisor *s, const char *word, const char *key, int64_t value)
{
	struct event_line line;

	if (s->events.fd < 0)
		return;
	events_begin(&line, word);
	events_add_number(&line, key, value);
	events_send(&s->events, &line);
}

void
tell_text(
    struct supervisor *s, const char *word, const char *key, const char *value)
{
	struct event_line line;

	if (s->events.fd < 0)
		return;
	events_begin(&line, word);
	events_add(&line, key, value);
	events_send(&s->events, &line);
}

void
tell_ready(struct supervisor *s)
{
	struct event_line line;

	if (s->events.fd < 0)
		return;
	events_begin(&line, "ready");
	events_add(&line, "by", s->ready.by);
	events_add_number(
	    &line, "after", (sys_now_ns() - s->run_began_ns) / NS_PER_MS);
	events_send(&s->events, &line);
}

const char *
tell_hint(int error)
{
	switch (error) {
	case EAGAIN:
		return "a limit of processes: ulimit -u, pids.max, pid_max?";
	case EMFILE:
	case ENFILE:
		return "a limit of open files: ulimit -n?";
	case ENOMEM:
		return "no memory";
	default:
		return NULL;
	}
}

/* "1234 (comm) D", as far as /proc tells. */
static void
name_process(struct supervisor *s, pid_t pid)
{
	char path[32], stat[128], *end;
	struct text text = TEXT(path);

	text_add(&text, "/proc/");
	text_add_number(&text, pid);
	text_add(&text, "/stat");
	if (walk_has_proc()) {
		if (sys_read_file(AT_FDCWD, path, stat, sizeof(stat)) < 0)
			return; /* it has just ended */
		end = strrchr(stat, ')');
		if (end != NULL && end[1] == ' ')
			end[3] = '\0';
	} else {
		path[sizeof("/proc/") - 1 + strspn(path + 6, "0123456789")] =
		    '\0';
		(void)memcpy(stat, path + 6, sizeof(path) - 6);
	}
	tell_warn(s, "killed, and does not end:", stat, 0,
	    "in the kernel, of another user, or traced; waiting");
}

void
tell_survivors(struct supervisor *s)
{
	int pids[NAMED_MAX], n = 0, i;

	if (s->cgroup.leaf_fd >= 0)
		n = cgroup_list(&s->cgroup, pids, NAMED_MAX);
	if (n <= 0 && !s->has_pidns)
		n = walk_list(pids, NAMED_MAX);
	if (n <= 0) {
		n = 1;
		pids[0] = s->tree.pid != 0 ? s->tree.pid : s->tree.stub_pid;
	}
	for (i = 0; i < n; i++)
		if (pids[i] != 0)
			name_process(s, pids[i]);
}

static void
add_line(struct text *text, const char *name)
{
	text_add(text, "\nsupervise: ");
	text_add(text, name);
	text_add(text, ": ");
}

static void
add_why(struct text *text, const struct supervisor *s)
{
	add_line(text, "ended by");
	text_add(text, cause_names[s->cause]);
	if (s->cause != CAUSE_TERM)
		return;
	text_add(text, " ");
	diag_add_signal(text, (int)s->stopped_by.ssi_signo);
	text_add(text, " from pid ");
	text_add_number(text, s->stopped_by.ssi_pid);
	text_add(text, ", uid ");
	text_add_number(text, s->stopped_by.ssi_uid);
}

/* One block, one write. */
void
tell_stats(struct supervisor *s)
{
	char block[DIAG_SIZE];
	struct text text = TEXT(block);
	const struct stats *stats = &s->stats;

	text_add(&text, "supervise: wall: ");
	stats_add_seconds(&text, (sys_now_ns() - s->began_ns) / 1000);
	if (stats->user_us >= 0) {
		add_line(&text, "user");
		stats_add_seconds(&text, stats->user_us);
		add_line(&text, "system");
		stats_add_seconds(&text, stats->system_us);
	}
	if (stats->memory_peak >= 0) {
		add_line(&text, "highest memory");
		stats_add_bytes(&text, stats->memory_peak);
	}
	if (stats->pids_peak >= 0) {
		add_line(&text, "most processes");
		text_add_number(&text, stats->pids_peak);
	}
	if (stats->oom_kills > 0) {
		add_line(&text, "killed for memory");
		text_add_number(&text, stats->oom_kills);
	}
	add_line(&text, "restarts");
	text_add_number(&text, s->starts > 1 ? (int64_t)s->starts - 1 : 0);
	add_why(&text, s);
	text_add(&text, "\n");
	diag_write(STDERR_FILENO, block, text.length);
}
