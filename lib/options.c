/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <string.h>

#include "control.h"
#include "diag.h"
#include "options.h"
#include "str.h"

/* how the value of an option is read */
enum set {
	SET_FLAG,
	SET_SIGNAL,
	SET_DURATION,
	SET_LIMIT, /* a duration that is not 0 */
	SET_UNTIL,
	SET_FD,
	SET_NOTIFY_FD,
	SET_PATH,
	SET_CGROUP,
	SET_REQUIRE,
	SET_MAP,
	SET_EXIT_CODE,
	SET_RESTART,
	SET_RESTART_DELAY,
	SET_RESTART_LIMIT,
	SET_ACCESS,
	SET_STATUS,
	SET_CONTROL,
	SET_WAIT,
	SET_HELP,
	SET_VERSION,
};

/* clang-format off */
#define AT(name) offsetof(struct options, name)
static const struct row {
	char letter; /* 0: none */
	unsigned char set;
	unsigned short at; /* the field in struct options */
	const char *name, *argument, *text;
} rows[] = {
	{ 's', SET_SIGNAL, AT(stop_signal), "stop-signal", "SIG", "what a stop sends to the program (TERM)" },
	{ 'k', SET_DURATION, AT(kill_after_ns), "kill-after", "DUR", "from the stop to the kill of the whole tree (10s)" },
	{ 't', SET_LIMIT, AT(timeout_ns), "timeout", "DUR", "stop the tree after this run time, exit 124 (inf)" },
	{ 0, SET_UNTIL, AT(until), "until", "TIME", "the same at a time: @SECONDS, 2027-01-31T09:00Z" },
	{ 0, SET_FLAG, AT(wait_all), "wait-all", NULL, "run until the tree is empty, not just the program" },
	{ 'r', SET_RESTART, AT(restart), "restart", "WHEN", "no, on-failure or always (no)" },
	{ 0, SET_RESTART_DELAY, AT(restart_min_ns), "restart-delay", "MIN[:MAX]", "before it, doubled each time (1s:60s)" },
	{ 0, SET_RESTART_LIMIT, AT(restart_limit), "restart-limit", "N[/DUR]", "give up with 125 after N restarts in DUR (none)" },
	{ 'b', SET_FLAG, AT(background), "background", NULL, "return 0 when ready (or started); go on behind" },
	{ 0, SET_FLAG, AT(die_with_parent), "die-with-parent", NULL, "stop when the parent of supervise dies" },
	{ 0, SET_FD, AT(lifeline_fd), "lifeline", "FD", "stop when FD reaches end of file" },
	{ 0, SET_FD, AT(ready_fd), "ready-fd", "N", "a newline on its descriptor N: it is ready (s6)" },
	{ 0, SET_FLAG, AT(ready_socket), "ready-socket", NULL, "READY=1 on $NOTIFY_SOCKET: it is (sd_notify)" },
	{ 0, SET_PATH, AT(ready_path), "ready-path", "PATH", "PATH comes to exist: it is" },
	{ 0, SET_PATH, AT(ready_check), "ready-check", "CMD", "`sh -c CMD` succeeds: it is" },
	{ 0, SET_LIMIT, AT(ready_timeout_ns), "ready-timeout", "DUR", "a failure if it is not by then (inf)" },
	{ 0, SET_NOTIFY_FD, AT(notify_fd), "notify-fd", "N", "write a newline to N when it is ready" },
	{ 0, SET_LIMIT, AT(watchdog_ns), "watchdog", "DUR", "a failure without WATCHDOG=1 that often (inf)" },
	{ 'd', SET_PATH, AT(dir), "dir", "DIR", "keep status and control in DIR/supervise" },
	{ 0, SET_ACCESS, AT(access), "access", "WHO", "owner, group or all may look at that (owner)" },
	{ 0, SET_STATUS, AT(word), "status", NULL, "print that of DIR; --status=keys: for programs" },
	{ 0, SET_CONTROL, AT(word), "control", "CMD", "tell the one of DIR: up, down, restart, exit ..." },
	{ 0, SET_WAIT, AT(word), "wait", "STATE", "until DIR is up, ready, down or gone; for -t at most" },
	{ 'C', SET_CGROUP, AT(cgroup_name), "cgroup", "NAME", "name of the cgroup, or path to it (supervise)" },
	{ 0, SET_FLAG, AT(userns), "userns", NULL, "use a user namespace where privilege is missing" },
	{ 0, SET_FLAG, AT(no_cgroup), "no-cgroup", NULL, "do without a cgroup" },
	{ 0, SET_FLAG, AT(no_pidns), "no-pidns", NULL, "do without a PID namespace" },
	{ 0, SET_FLAG, AT(no_proc), "no-proc", NULL, "leave /proc as it is" },
	{ 0, SET_REQUIRE, AT(require), "require", "LIST", "of cgroup,pidns,limits,sealed: have them or exit 111" },
	{ 0, SET_MAP, AT(map), "map", "FROM=TO", "rewrite a signal that comes in; TO 0 drops it" },
	{ 0, SET_FLAG, AT(signal_tree), "signal-tree", NULL, "signals go to every process of the tree" },
	{ 0, SET_FLAG, AT(same_group), "same-group", NULL, "stay in the caller's process group and session" },
	{ 0, SET_EXIT_CODE, AT(exit_codes), "exit-code", "FROM=TO", "exit with TO instead of FROM" },
	{ 0, SET_FD, AT(status_fd), "status-fd", "FD", "write a line for each event to FD" },
	{ 0, SET_FLAG, AT(stats), "stats", NULL, "say at the end what the tree has used" },
	{ 'v', SET_FLAG, AT(verbose), "verbose", NULL, "say what is in force" },
	{ 'q', SET_FLAG, AT(quiet), "quiet", NULL, "no warnings" },
	{ 'h', SET_HELP, 0, "help", NULL, "print this" },
	{ 'V', SET_VERSION, 0, "version", NULL, "print the version" },
};
/* clang-format on */

enum {
	NROWS = sizeof(rows) / sizeof(*rows)
};

static const char *
set_signal(const char *value, int *signal)
{
	return diag_to_signal(value, signal) < 0 ? "is no signal" : NULL;
}

static const char *
set_duration(const char *value, int64_t *duration_ns)
{
	return str_to_duration(value, duration_ns) < 0
		   ? "is no duration (10, 1.5s, 500ms, 2m, 1h, inf)"
		   : NULL;
}

/* Copies what is before the `=` and points behind it. */
static const char *
split(const char *value, char *from, size_t size, const char **ret_to)
{
	struct text text = { .data = from, .size = size };
	const char *equals = strchr(value, '=');

	if (equals == NULL)
		return "is not FROM=TO";
	text_add_bytes(&text, value, (size_t)(equals - value));
	*ret_to = equals + 1;
	if (text.full) /* no signal and no code is that long */
		from[0] = '\0';
	return NULL;
}

const char *
options_set_map(const char *value, unsigned char *map)
{
	char name[32];
	const char *to, *wrong;
	int from_signal, to_signal = 0;

	wrong = split(value, name, sizeof(name), &to);
	if (wrong != NULL)
		return wrong;
	if (diag_to_signal(name, &from_signal) < 0)
		return "names no signal to map";
	if (strcmp(to, "0") != 0 && diag_to_signal(to, &to_signal) < 0)
		return "names no signal to map to";
	if (from_signal == SIGKILL || from_signal == SIGSTOP)
		return "names a signal that nobody can catch";
	if (from_signal == SIGCHLD)
		return "names a signal that is never forwarded";
	map[from_signal] = (unsigned char)(from_signal ^ to_signal);
	return NULL;
}

const char *
options_set_exit_code(const char *value, unsigned char *exit_codes)
{
	char digits[32];
	const char *to, *wrong;
	uint64_t from_code, to_code;

	wrong = split(value, digits, sizeof(digits), &to);
	if (wrong != NULL)
		return wrong;
	if (str_to_number(digits, 255, &from_code) < 0 ||
	    str_to_number(to, 255, &to_code) < 0)
		return "is not two numbers from 0 to 255";
	exit_codes[from_code] = (unsigned char)(from_code ^ to_code);
	return NULL;
}

static const char *
set_require(const char *value, unsigned *require)
{
	static const char names[][8] = { "cgroup", "pidns", "limits",
		"sealed" };
	const char *rest;
	size_t i;

	while (value != NULL) {
		rest = NULL;
		for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
			rest = str_after(value, names[i]);
			if (rest != NULL && (*rest == ',' || *rest == '\0'))
				break;
			rest = NULL;
		}
		if (rest == NULL)
			return "is no list of cgroup, pidns, limits, sealed";
		*require |= 1U << i;
		value = *rest == ',' ? rest + 1 : NULL;
	}
	return NULL;
}

static const char *
set_until(const char *value, int64_t *until)
{
	return str_to_time(value, until) < 0
		   ? "is no time (@SECONDS, 2027-01-31T09:00Z, ...+02:00)"
		   : NULL;
}

static const char *
set_fd(const char *value, int *fd)
{
	uint64_t number;

	if (str_to_number(value, INT32_MAX, &number) < 0)
		return "is no descriptor number";
	*fd = (int)number;
	return NULL;
}

static const char *
set_notify_fd(const char *value, int *fd)
{
	int number = 0;
	const char *wrong = set_fd(value, &number);

	if (wrong == NULL && number <= 2)
		return "is what the program says, too: take 3 or more";
	*fd = number;
	return wrong;
}

static const char *
set_path(const char *value, const char **path)
{
	if (*value == '\0' || strlen(value) >= OPTIONS_PATH_MAX)
		return "is empty, or too long";
	*path = value;
	return NULL;
}

static const char *
set_restart(const char *value, enum options_restart *restart)
{
	static const char names[][12] = {
		[RESTART_DEFAULT] = "",
		[RESTART_NO] = "no",
		[RESTART_ON_FAILURE] = "on-failure",
		[RESTART_ALWAYS] = "always",
	};
	size_t i;

	for (i = RESTART_NO; i < sizeof(names) / sizeof(*names); i++) {
		if (strcmp(value, names[i]) == 0) {
			*restart = (enum options_restart)i;
			return NULL;
		}
	}
	return "is none of no, on-failure, always";
}

static const char *
set_restart_delay(const char *value, struct options *o)
{
	const char *wrong = "is no MIN[:MAX] of two durations";
	char first[24];
	struct text text = TEXT(first);
	const char *colon = strchr(value, ':');
	int64_t min_ns, max_ns;

	text_add_bytes(&text, value,
	    colon != NULL ? (size_t)(colon - value) : strlen(value));
	if (text.full || str_to_duration(first, &min_ns) < 0 ||
	    min_ns == INT64_MAX)
		return wrong;
	max_ns = min_ns > o->restart_max_ns ? min_ns : o->restart_max_ns;
	if (colon != NULL && str_to_duration(colon + 1, &max_ns) < 0)
		return wrong;
	if (max_ns < min_ns)
		return "has a MAX below its MIN";
	o->restart_min_ns = min_ns;
	o->restart_max_ns = max_ns;
	return NULL;
}

static const char *
set_restart_limit(const char *value, struct options *o)
{
	char first[24];
	struct text text = TEXT(first);
	const char *slash = strchr(value, '/');
	int64_t window_ns = INT64_MAX;
	uint64_t limit;

	text_add_bytes(&text, value,
	    slash != NULL ? (size_t)(slash - value) : strlen(value));
	if (text.full || str_to_number(first, INT32_MAX, &limit) < 0 ||
	    (slash != NULL && str_to_duration(slash + 1, &window_ns) < 0))
		return "is no number, or number/duration";
	if (window_ns == 0)
		return "counts in no time at all";
	o->restart_limit = limit;
	o->restart_window_ns = window_ns;
	return NULL;
}

static const char *
set_cgroup(const char *value, const char **name)
{
	const char *last = strrchr(value, '/');

	last = last != NULL ? last + 1 : value;
	if (*last == '\0' || strcmp(last, ".") == 0 || strcmp(last, "..") == 0)
		return "ends with no name";
	*name = value;
	return NULL;
}

static const char *
set_access(const char *value, unsigned *access)
{
	static const char names[][6] = { "owner", "group", "all" };
	unsigned i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (strcmp(value, names[i]) == 0) {
			*access = CONTROL_OWNER + i;
			return NULL;
		}
	}
	return "is none of owner, group, all";
}

static const char *
set_client(struct options *o, enum options_client client, const char *word)
{
	if (client == CLIENT_STATUS && word != NULL) {
		if (strcmp(word, "keys") != 0)
			return "is not `keys`";
		client = CLIENT_KEYS;
	}
	if (o->client != CLIENT_NONE)
		return "is one too many of --status, --control, --wait";
	o->client = client;
	o->word = word;
	return NULL;
}

static const char *
set_option(struct options *o, const struct row *row, const char *value)
{
	void *field = (char *)o + row->at;

	switch (row->set) {
	case SET_FLAG:
		*(bool *)field = true;
		break;
	case SET_SIGNAL:
		return set_signal(value, field);
	case SET_DURATION:
		return set_duration(value, field);
	case SET_LIMIT:
		return set_duration(value, field);
	case SET_UNTIL:
		return set_until(value, field);
	case SET_FD:
		return set_fd(value, field);
	case SET_NOTIFY_FD:
		return set_notify_fd(value, field);
	case SET_PATH:
		return set_path(value, field);
	case SET_CGROUP:
		return set_cgroup(value, field);
	case SET_REQUIRE:
		return set_require(value, field);
	case SET_MAP:
		return options_set_map(value, field);
	case SET_EXIT_CODE:
		return options_set_exit_code(value, field);
	case SET_RESTART:
		return set_restart(value, field);
	case SET_RESTART_DELAY:
		return set_restart_delay(value, o);
	case SET_RESTART_LIMIT:
		return set_restart_limit(value, o);
	case SET_ACCESS:
		return set_access(value, field);
	case SET_STATUS:
		return set_client(o, CLIENT_STATUS, value);
	case SET_CONTROL:
		return set_client(o, CLIENT_CONTROL, value);
	case SET_WAIT:
		return set_client(o, CLIENT_WAIT, value);
	}
	return NULL;
}

static enum options_result
wrong(struct options_error *error, const char *option, const char *value,
    const char *reason)
{
	struct text text = TEXT(error->option);

	text_add(&text, option);
	error->value = value;
	error->reason = reason;
	return OPTIONS_WRONG;
}

bool
options_ask_readiness(const struct options *o)
{
	return o->ready_fd >= 0 || o->ready_socket || o->ready_path != NULL ||
	       o->ready_check != NULL;
}

void
options_set_defaults(struct options *o)
{
	memset(o, 0, sizeof(*o));
	o->stop_signal = SIGTERM;
	o->kill_after_ns = 10 * NS_PER_S;
	o->linger_ns = INT64_MAX;
	o->timeout_ns = INT64_MAX;
	o->until = OPTIONS_NO_TIME;
	o->lifeline_fd = -1;
	o->restart_min_ns = NS_PER_S;
	o->restart_max_ns = 60 * NS_PER_S;
	o->restart_limit = UINT64_MAX;
	o->restart_window_ns = INT64_MAX;
	o->status_fd = -1;
	o->ready_fd = -1;
	o->ready_timeout_ns = INT64_MAX;
	o->watchdog_ns = INT64_MAX;
	o->notify_fd = -1;
}

/* A client is a command of its own: of the rest -t is all that it knows. */
static enum options_result
check_client(const struct options *o, struct options_error *error)
{
	struct options other;

	options_set_defaults(&other);
	other.client = o->client;
	other.word = o->word;
	other.argv = o->argv;
	other.dashes = o->dashes;
	other.quiet = o->quiet;
	other.verbose = o->verbose;
	if (o->client == CLIENT_WAIT)
		other.timeout_ns = o->timeout_ns;
	if (memcmp(&other, o, sizeof(other)) != 0)
		return wrong(error, "--status, --control, --wait", NULL,
		    "take no other option than --wait's -t");
	if (o->argv[0] == NULL || o->argv[1] != NULL)
		return wrong(
		    error, "--", NULL, "one directory is to be given here");
	return OPTIONS_RUN;
}

/* What contradicts what; nothing of it is found out one option at a time. */
enum options_result
options_check(const struct options *o, struct options_error *error)
{
	if (o->client != CLIENT_NONE)
		return check_client(o, error);
	if (o->timeout_ns == 0 || o->ready_timeout_ns == 0 ||
	    o->watchdog_ns == 0)
		return wrong(error,
		    o->timeout_ns == 0         ? "--timeout"
		    : o->ready_timeout_ns == 0 ? "--ready-timeout"
					       : "--watchdog",
		    "0", "is no time to run in (inf is no limit)");
	if (o->no_cgroup && o->cgroup_name != NULL)
		return wrong(
		    error, "--no-cgroup", NULL, "contradicts --cgroup");
	if (o->no_cgroup && (o->require & REQUIRE_CGROUP) != 0)
		return wrong(
		    error, "--no-cgroup", NULL, "contradicts --require cgroup");
	if (o->no_pidns && (o->require & REQUIRE_PIDNS) != 0)
		return wrong(
		    error, "--no-pidns", NULL, "contradicts --require pidns");
	if (o->no_pidns && o->userns)
		return wrong(error, "--no-pidns", NULL, "contradicts --userns");
	if ((o->status_fd >= 0 && (o->status_fd == o->notify_fd ||
				      o->status_fd == o->lifeline_fd)) ||
	    (o->notify_fd >= 0 && o->notify_fd == o->lifeline_fd))
		return wrong(error,
		    o->status_fd >= 0 && o->status_fd != o->notify_fd
			? "--lifeline"
			: "--notify-fd",
		    NULL, "has a descriptor that is something else already");
	if (o->background && o->die_with_parent)
		return wrong(error, "--background", NULL,
		    "contradicts --die-with-parent");
	if (o->ready_timeout_ns != INT64_MAX && !options_ask_readiness(o))
		return wrong(error, "--ready-timeout", NULL,
		    "needs --ready-fd, -socket, -path or -check");
	if (o->argv[0] == NULL)
		return wrong(
		    error, "--", NULL, "no program is given; try --help");
	if (o->argv[0][0] == '\0')
		return wrong(error, "--", NULL, "the program's name is empty");
	return OPTIONS_RUN;
}

/* By its name, or the beginning of it that no other has; NULL: none. */
static const struct row *
row_of(const char *name, size_t length)
{
	const struct row *found = NULL;
	int i, n = 0;

	for (i = 0; i < NROWS; i++) {
		if (strncmp(rows[i].name, name, length) != 0)
			continue;
		if (rows[i].name[length] == '\0')
			return &rows[i];
		found = &rows[i];
		n++;
	}
	return n == 1 ? found : NULL;
}

static const struct row *
row_of_letter(char letter)
{
	int i;

	for (i = 0; i < NROWS; i++)
		if (rows[i].letter == letter)
			return &rows[i];
	return NULL;
}

/*
 * One word of options, `--name`, `--name=value`, `-xyz`, `-xvalue`; *next is
 * the word behind it, which can be its value. OPTIONS_RUN: go on.
 */
static enum options_result
take_word(struct options *o, const char *word, char ***next,
    struct options_error *error)
{
	const char *c = word + 1, *value = NULL, *reason;
	const struct row *row;
	char name[64];
	struct text text;

	do {
		text = (struct text)TEXT(name);
		if (*c == '-' && c == word + 1) {
			value = strchr(++c, '=');
			row = row_of(c, strcspn(c, "="));
			c = "";
			text_add(&text, word);
			value = value != NULL ? value + 1 : NULL;
		} else {
			row = row_of_letter(*c);
			text_add(&text, "-");
			text_add_bytes(&text, c++, 1);
			if (row != NULL && row->argument != NULL &&
			    *c != '\0') {
				value = c;
				c = "";
			}
		}
		if (row == NULL || (row->argument == NULL && value != NULL &&
				       row->set != SET_STATUS))
			return wrong(error, name, NULL,
			    "is no option, or not used like this");
		if (row->argument != NULL && value == NULL)
			value = *(*next)++;
		if (row->argument != NULL && value == NULL)
			return wrong(error, name, NULL, "needs a value");
		if (row->set == SET_HELP)
			return OPTIONS_HELP;
		if (row->set == SET_VERSION)
			return OPTIONS_VERSION;
		reason = set_option(o, row, value);
		if (reason != NULL) {
			text.length = 0;
			text_add(&text, "--");
			text_add(&text, row->name);
			return wrong(error, name, value, reason);
		}
		value = NULL;
	} while (*c != '\0');
	return OPTIONS_RUN;
}

enum options_result
options_parse(struct options *o, char **argv, struct options_error *error)
{
	enum options_result result;
	const char *word;

	options_set_defaults(o);
	if (*argv == NULL) /* execve(2) before 5.18 allows that */
		return wrong(error, "--", NULL, "there is no argv[0]");
	for (argv++; *argv != NULL;) {
		word = *argv;
		if (word[0] != '-' || word[1] == '\0')
			break;
		argv++;
		o->dashes = strcmp(word, "--") == 0;
		if (o->dashes)
			break;
		result = take_word(o, word, &argv, error);
		if (result != OPTIONS_RUN)
			return result;
	}
	o->argv = argv;
	return options_check(o, error);
}

size_t
options_usage(char *buffer, size_t size)
{
	struct text text = { .data = buffer, .size = size };
	size_t column;
	int i;

	text_add(&text,
	    "usage: supervise [option ...] [--] program [argument ...]\n"
	    "       supervise [option ...] directory\n"
	    "       supervise --status | --control CMD | --wait STATE DIR\n\n"
	    "Run a program; when it is over, kill everything it started.\n\n");
	for (i = 0; i < NROWS; i++) {
		column = text.length;
		text_add(&text, "  ");
		if (rows[i].letter != 0) {
			text_add(&text, "-");
			text_add_bytes(&text, &rows[i].letter, 1);
			text_add(&text, ", ");
		} else {
			text_add(&text, "    ");
		}
		text_add(&text, "--");
		text_add(&text, rows[i].name);
		if (rows[i].argument != NULL) {
			text_add(&text, " ");
			text_add(&text, rows[i].argument);
		}
		do
			text_add(&text, " ");
		while (text.length - column < 28 && !text.full);
		text_add(&text, rows[i].text);
		text_add(&text, "\n");
	}
	text_add(&text,
	    "\nExit: the program's code, 128+n killed by signal n, 100 wrong "
	    "usage,\n111 the system refused, 124 timed out, 125 gave up, 126 "
	    "cannot execute,\n127 not found; of --wait 99 timed out, 1 "
	    "never.\n");
	return text.length;
}
