/* SPDX-License-Identifier: ISC */
#include <sys/syscall.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "argv0.h"
#include "diag.h"

#ifndef VERSION
#define VERSION "unknown"
#endif

enum {
	LINGER_MS = 1000
};

enum tool {
	TINI = 1,
	DUMB_INIT = 2,
	CATATONIT = 4,
	ANY = TINI | DUMB_INIT | CATATONIT,
};

enum set {
	SET_NOTHING, /* it is so anyway */
	SET_FLAG,
	SET_SINGLE,    /* a flag off again */
	SET_SIGNAL,    /* a flag; which signal is no matter */
	SET_EXIT_CODE, /* to 0 */
	SET_REWRITE,
	SET_HELP,
	SET_VERSION,
	SET_PAUSE,
};

/* clang-format off */
static const struct {
	char name[12];
	unsigned char tool;
} names[] = {
	{ "tini", TINI },
	{ "tini-static", TINI },
	{ "docker-init", TINI },
	{ "dumb-init", DUMB_INIT },
	{ "catatonit", CATATONIT },
};

#define AT(name) offsetof(struct options, name)
static const struct row {
	unsigned char tool;
	char letter;
	unsigned char set;
	unsigned short at; /* the field in struct options */
} rows[] = {
	{ TINI | CATATONIT, 'g', SET_FLAG, AT(signal_tree) },
	{ TINI, 's', SET_NOTHING, 0 },
	{ TINI, 'w', SET_NOTHING, 0 },
	{ TINI, 'p', SET_SIGNAL, AT(die_with_parent) },
	{ TINI, 'e', SET_EXIT_CODE, AT(exit_codes) },
	{ TINI, 'l', SET_HELP, 0 },
	{ TINI | DUMB_INIT, 'v', SET_FLAG, AT(verbose) },
	{ DUMB_INIT, 'c', SET_SINGLE, AT(signal_tree) },
	{ DUMB_INIT, 'r', SET_REWRITE, AT(map) },
	{ CATATONIT, 'L', SET_HELP, 0 },
	{ CATATONIT, 'P', SET_PAUSE, 0 },
	{ ANY, 'V', SET_VERSION, 0 },
	{ ANY, 'h', SET_HELP, 0 },
};

/* of those that have that letter */
static const char long_names[][13] = {
	"csingle-child", "rrewrite", "vverbose", "Vversion", "hhelp",
};
/* clang-format on */

#define LENGTH(array) (sizeof(array) / sizeof(*(array)))

/* What the name, or the beginning of only one, is short for; 0: nothing. */
static char
letter_of(const char *name, size_t length)
{
	char letter = 0;
	size_t i;

	for (i = 0; i < LENGTH(long_names); i++) {
		if (strncmp(long_names[i] + 1, name, length) != 0)
			continue;
		if (letter != 0)
			return 0;
		letter = long_names[i][0];
	}
	return letter;
}

/* Is it right? */
static bool
set_option(struct options *o, const struct row *row, const char *value)
{
	void *field = (char *)o + row->at;
	char pair[32];
	struct text text = TEXT(pair);
	size_t length;
	int sig;

	if (row->set <= SET_SIGNAL) {
		if (row->set != SET_NOTHING)
			*(bool *)field = row->set != SET_SINGLE;
		return row->set != SET_SIGNAL ||
		       diag_to_signal(value, &sig) == 0;
	}
	/* our own take `from=to` */
	length = strcspn(value, row->set == SET_REWRITE ? ":" : "");
	text_add_bytes(&text, value, length);
	text_add(&text, "=");
	if (row->set == SET_EXIT_CODE) {
		text_add(&text, "0");
		return options_set_exit_code(pair, field) == NULL;
	}
	if (value[length] != '\0')
		text_add(&text, value + length + 1);
	return options_set_map(pair, field) == NULL;
}

/* dockerd looks for "tini version "; catatonit has that, too. */
static enum options_result
answer_with(struct text *answer, enum tool tool, const char *name, int set)
{
	const struct row *row;

	if (set == SET_PAUSE)
		return OPTIONS_PAUSE;
	if (set == SET_VERSION) {
		text_add(answer, "tini version " VERSION "_supervise\n");
		return OPTIONS_VERSION;
	}
	text_add(answer, "usage: ");
	text_add(answer, name);
	text_add(answer, " [-");
	for (row = rows; row < rows + LENGTH(rows); row++)
		if ((row->tool & tool) != 0)
			text_add_bytes(answer, &row->letter, 1);
	text_add(answer,
	    "] [--] program [argument ...]\n"
	    "This is supervise (ISC License); see supervise(1).\n");
	return OPTIONS_HELP;
}

/* Each has a meaning by its presence, or by its first digit. */
static void
look_at_env(struct options *o, enum tool tool)
{
	const char *value;

	if (tool == DUMB_INIT) {
		value = getenv("DUMB_INIT_SETSID");
		o->signal_tree = value == NULL || *value != '0';
	} else if (tool == TINI) {
		o->signal_tree = getenv("TINI_KILL_PROCESS_GROUP") != NULL;
		value = getenv("TINI_VERBOSITY");
		o->quiet = value != NULL && *value <= '0';
		o->verbose = value != NULL && *value >= '2';
	}
}

static enum options_result
parse(struct options *o, enum tool tool, const char *name, char **argv,
    struct options_error *error, struct text *answer)
{
	const char *c, *value;
	const struct row *row;
	struct text option;
	char letter;

	while ((c = *++argv) != NULL && *c == '-' && c[1] != '\0') {
		if (strcmp(c, "--") == 0) {
			argv++;
			break;
		}
		option = (struct text)TEXT(error->option);
		text_add(&option, c);
		do {
			error->reason = "is no option, or not used like this";
			error->value = value = NULL;
			letter = *++c;
			if (letter == '-') {
				value = strchr(++c, '=');
				letter = letter_of(c, strcspn(c, "="));
				c += strlen(c) - 1;
			}
			for (row = rows; row < rows + LENGTH(rows); row++)
				if ((row->tool & tool) != 0 &&
				    row->letter == letter)
					break;
			if (row == rows + LENGTH(rows) ||
			    (value != NULL && row->set != SET_REWRITE))
				return OPTIONS_WRONG;
			if (row->set >= SET_HELP)
				return answer_with(
				    answer, tool, name, row->set);
			if (row->set >= SET_SIGNAL) {
				if (value != NULL)
					value++;
				else if (c[1] != '\0')
					value = c + 1;
				else
					value = *++argv;
				c = "-";
				error->reason = "needs a value";
				if (value == NULL)
					return OPTIONS_WRONG;
			}
			if (!set_option(o, row, value)) {
				error->value = value;
				error->reason = "is not what it takes";
				return OPTIONS_WRONG;
			}
		} while (c[1] != '\0');
	}
	o->argv = argv;
	return options_check(o, error);
}

enum options_result
argv0_parse(struct options *o, char **argv, struct options_error *error,
    struct text *answer)
{
	enum options_result result;
	const char *name = argv[0], *slash;
	size_t i;

	slash = name != NULL ? strrchr(name, '/') : NULL;
	if (slash != NULL)
		name = slash + 1;
	for (i = 0; name != NULL && i < LENGTH(names); i++) {
		if (strcmp(name, names[i].name) != 0)
			continue;
		options_set_defaults(o);
		/* none of them has a limit, nor waits for what is left */
		o->kill_after_ns = INT64_MAX;
		o->linger_ns = LINGER_MS * (int64_t)NS_PER_MS;
		o->dashes = true; /* a directory is none of theirs */
		look_at_env(o, names[i].tool);
		return parse(o, names[i].tool, name, argv, error, answer);
	}
	result = options_parse(o, argv, error);
	if (result == OPTIONS_HELP)
		answer->length += options_usage(answer->data, answer->size);
	else if (result == OPTIONS_VERSION)
		text_add(answer, "supervise " VERSION "\n");
	return result;
}

_Noreturn void
argv0_pause(void)
{
	const uint64_t ends =
	    UINT64_C(1) << (SIGTERM - 1) | UINT64_C(1) << (SIGINT - 1);

	sys_dispose(SIGCHLD, SIG_IGN);
	while (
	    syscall(SYS_rt_sigtimedwait, &ends, NULL, NULL, sizeof(ends)) < 0)
		; /* EINTR, after a SIGSTOP */
	_exit(0);
}
