/* SPDX-License-Identifier: ISC */
/*
 * pure-options accepted	check what options_parse makes of good lines
 * pure-options refused		check what it says of bad ones
 * pure-options usage		check the usage in buffers of every size
 *
 * Prints what is wrong, a line each, and exits with 1 then.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../../lib/options.h"

#define LENGTH(array) (sizeof(array) / sizeof(*(array)))

enum {
	ARGS = 8
};

static int failures, checks;

__attribute__((format(printf, 2, 3))) static void
check(bool good, const char *format, ...)
{
	va_list args;

	checks++;
	if (good)
		return;
	failures++;
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

__attribute__((format(printf, 2, 3))) static void
add(char *text, const char *format, ...)
{
	size_t length = strlen(text);
	va_list args;

	va_start(args, format);
	vsnprintf(text + length, 512 - length, format, args);
	va_end(args);
}

static void
add_duration(char *text, const char *name, int64_t ns)
{
	if (ns == INT64_MAX)
		add(text, " %s=inf", name);
	else
		add(text, " %s=%" PRId64 "ms", name, ns / NS_PER_MS);
}

/* What is not as by default, and then the program with its arguments. */
static void
describe(char *text, const struct options *o)
{
	char *const *arg;
	int i;

	*text = '\0';
	if (o->stop_signal != SIGTERM)
		add(text, " stop=%d", o->stop_signal);
	if (o->kill_after_ns != 10 * NS_PER_S)
		add_duration(text, "kill", o->kill_after_ns);
	if (o->timeout_ns != INT64_MAX)
		add_duration(text, "timeout", o->timeout_ns);
	if (o->until != OPTIONS_NO_TIME)
		add(text, " until=%" PRId64, o->until);
	if (o->wait_all)
		add(text, " wait-all");
	if (o->die_with_parent)
		add(text, " die-with-parent");
	if (o->lifeline_fd != -1)
		add(text, " lifeline=%d", o->lifeline_fd);
	if (o->restart != RESTART_DEFAULT)
		add(text, " restart=%d", (int)o->restart);
	if (o->restart_min_ns != NS_PER_S)
		add_duration(text, "min", o->restart_min_ns);
	if (o->restart_max_ns != 60 * NS_PER_S)
		add_duration(text, "max", o->restart_max_ns);
	if (o->restart_limit != UINT64_MAX)
		add(text, " limit=%" PRIu64, o->restart_limit);
	if (o->restart_window_ns != INT64_MAX)
		add_duration(text, "window", o->restart_window_ns);
	if (o->background)
		add(text, " background");
	if (o->stats)
		add(text, " stats");
	if (o->status_fd != -1)
		add(text, " status=%d", o->status_fd);
	if (o->cgroup_name != NULL)
		add(text, " cgroup=%s", o->cgroup_name);
	if (o->userns)
		add(text, " userns");
	if (o->no_cgroup)
		add(text, " no-cgroup");
	if (o->no_pidns)
		add(text, " no-pidns");
	if (o->no_proc)
		add(text, " no-proc");
	if (o->require != 0)
		add(text, " require=%u", o->require);
	for (i = 0; i <= SIGNAL_MAX; i++)
		if (o->map[i] != 0)
			add(text, " map:%d=%d", i, i ^ o->map[i]);
	if (o->signal_tree)
		add(text, " signal-tree");
	if (o->same_group)
		add(text, " same-group");
	if (o->verbose)
		add(text, " verbose");
	if (o->quiet)
		add(text, " quiet");
	for (i = 0; i < 256; i++)
		if (o->exit_codes[i] != 0)
			add(text, " code:%d=%d", i, i ^ o->exit_codes[i]);
	add(text, " |");
	for (arg = o->argv; *arg != NULL; arg++)
		add(text, " %s", *arg);
}

static enum options_result
parse(struct options *o, const char *const *args, struct options_error *error)
{
	static char copies[ARGS][600];
	char *argv[ARGS + 2] = { (char[]){ "supervise" } };
	static char *given[ARGS + 2];
	int argc;

	for (argc = 1; argc <= ARGS && args[argc - 1] != NULL; argc++) {
		snprintf(
		    copies[argc - 1], sizeof(*copies), "%s", args[argc - 1]);
		argv[argc] = copies[argc - 1];
	}
	memcpy(given, argv, sizeof(given)); /* o->argv points into it */
	memset(error, 0, sizeof(*error));
	return options_parse(o, given, error);
}

static const char *
join(const char *const *args)
{
	static char text[512];

	*text = '\0';
	for (; *args != NULL; args++)
		add(text, " '%s'", *args);
	return text;
}

/* clang-format off */
static const struct {
	const char *args[ARGS], *expected;
} accepted[] = {
	{ { "p" }, " | p" },
	{ { "p", "a", "b" }, " | p a b" },
	/* each option, in each of its forms */
	{ { "-s", "INT", "p" }, " stop=2 | p" },
	{ { "-sINT", "p" }, " stop=2 | p" },
	{ { "--stop-signal", "INT", "p" }, " stop=2 | p" },
	{ { "--stop-signal=RTMIN+3", "p" }, " stop=37 | p" },
	{ { "-k", "5", "p" }, " kill=5000ms | p" },
	{ { "-k1.5s", "p" }, " kill=1500ms | p" },
	{ { "--kill-after", "0", "p" }, " kill=0ms | p" },
	{ { "--kill-after=inf", "p" }, " kill=inf | p" },
	{ { "-t", "2m", "p" }, " timeout=120000ms | p" },
	{ { "-t500ms", "p" }, " timeout=500ms | p" },
	{ { "--timeout", "1h", "p" }, " timeout=3600000ms | p" },
	{ { "--timeout=inf", "p" }, " | p" },
	{ { "--until", "@5", "p" }, " until=5 | p" },
	{ { "--until=2027-01-31T09:00Z", "p" }, " until=1801386000 | p" },
	{ { "--wait-all", "p" }, " wait-all | p" },
	{ { "--die-with-parent", "p" }, " die-with-parent | p" },
	{ { "--lifeline", "0", "p" }, " lifeline=0 | p" },
	{ { "--lifeline=9", "p" }, " lifeline=9 | p" },
	{ { "--lifeline=2147483647", "p" }, " lifeline=2147483647 | p" },
	{ { "-C", "web", "p" }, " cgroup=web | p" },
	{ { "-Ca/b", "p" }, " cgroup=a/b | p" },
	{ { "--cgroup=/a/b.c", "p" }, " cgroup=/a/b.c | p" },
	{ { "--cgroup", "...", "p" }, " cgroup=... | p" },
	{ { "--userns", "p" }, " userns | p" },
	{ { "--no-cgroup", "p" }, " no-cgroup | p" },
	{ { "--no-pidns", "p" }, " no-pidns | p" },
	{ { "--no-proc", "p" }, " no-proc | p" },
	{ { "--require", "cgroup", "p" }, " require=1 | p" },
	{ { "--require=pidns", "p" }, " require=2 | p" },
	{ { "--require=limits", "p" }, " require=4 | p" },
	{ { "--require=sealed", "p" }, " require=8 | p" },
	{ { "--require=sealed,cgroup", "p" }, " require=9 | p" },
	{ { "--require=cgroup,pidns,limits,sealed", "p" }, " require=15 | p" },
	{ { "--require=pidns,pidns", "p" }, " require=2 | p" },
	{ { "--require=pidns", "--require=cgroup", "p" }, " require=3 | p" },
	{ { "--map", "INT=TERM", "p" }, " map:2=15 | p" },
	{ { "--map=TERM=QUIT", "p" }, " map:15=3 | p" },
	{ { "--map=sighup=0", "p" }, " map:1=0 | p" },
	{ { "--map=34=RTMAX-1", "p" }, " map:34=63 | p" },
	{ { "--map=RTMIN+30=32", "p" }, " map:64=32 | p" },
	{ { "--map=USR1=KILL", "p" }, " map:10=9 | p" },
	{ { "--map=INT=0", "--map=HUP=INT", "p" }, " map:1=2 map:2=0 | p" },
	{ { "--map=INT=0", "--map=INT=HUP", "p" }, " map:2=1 | p" },
	{ { "--signal-tree", "p" }, " signal-tree | p" },
	{ { "--same-group", "p" }, " same-group | p" },
	{ { "--exit-code", "143=0", "p" }, " code:143=0 | p" },
	{ { "--exit-code=0=255", "p" }, " code:0=255 | p" },
	{ { "--exit-code=1=2", "--exit-code=2=1", "p" },
		" code:1=2 code:2=1 | p" },
	{ { "--exit-code=0000012=0", "p" }, " code:12=0 | p" },
	{ { "-r", "no", "p" }, " restart=1 | p" },
	{ { "-ralways", "p" }, " restart=3 | p" },
	{ { "--restart", "on-failure", "p" }, " restart=2 | p" },
	{ { "--restart=always", "p" }, " restart=3 | p" },
	{ { "-ralways", "-rno", "p" }, " restart=1 | p" },
	{ { "--restart-delay", "1:60", "p" }, " | p" },
	{ { "--restart-delay=100ms", "p" }, " min=100ms | p" },
	{ { "--restart-delay=0", "p" }, " min=0ms | p" },
	{ { "--restart-delay=5m", "p" }, " min=300000ms max=300000ms | p" },
	{ { "--restart-delay=2:2", "p" }, " min=2000ms max=2000ms | p" },
	{ { "--restart-delay=0:1h", "p" }, " min=0ms max=3600000ms | p" },
	{ { "--restart-delay=1:inf", "p" }, " max=inf | p" },
	{ { "--restart-limit", "3", "p" }, " limit=3 | p" },
	{ { "--restart-limit=0", "p" }, " limit=0 | p" },
	{ { "--restart-limit=5/1m", "p" }, " limit=5 window=60000ms | p" },
	{ { "--restart-limit=5/inf", "p" }, " limit=5 | p" },
	{ { "-b", "p" }, " background | p" },
	{ { "--background", "p" }, " background | p" },
	{ { "--status-fd", "2", "p" }, " status=2 | p" },
	{ { "--status-fd=7", "p" }, " status=7 | p" },
	{ { "--stats", "p" }, " stats | p" },
	{ { "-v", "p" }, " verbose | p" },
	{ { "--verbose", "p" }, " verbose | p" },
	{ { "-q", "p" }, " quiet | p" },
	{ { "--quiet", "p" }, " quiet | p" },
	/* letters together, the last with its value */
	{ { "-vq", "p" }, " verbose quiet | p" },
	{ { "-vqk5", "p" }, " kill=5000ms verbose quiet | p" },
	{ { "-vqk", "5", "p" }, " kill=5000ms verbose quiet | p" },
	/* what is said last counts */
	{ { "-k", "1", "-k", "2", "p" }, " kill=2000ms | p" },
	{ { "-s", "INT", "--stop-signal=TERM", "p" }, " | p" },
	/* a value that looks like an option is one */
	{ { "-C", "-v", "p" }, " cgroup=-v | p" },
	{ { "-C", "--", "p" }, " cgroup=-- | p" },
	/* options stop at the first operand, and at -- */
	{ { "p", "-k", "5" }, " | p -k 5" },
	{ { "p", "--nonsense", "-v" }, " | p --nonsense -v" },
	{ { "p", "--", "-v" }, " | p -- -v" },
	{ { "-v", "p", "-q" }, " verbose | p -q" },
	{ { "--", "p" }, " | p" },
	{ { "-v", "--", "p", "-q" }, " verbose | p -q" },
	{ { "--", "-k", "5" }, " | -k 5" },
	{ { "--", "--", "p" }, " | -- p" },
	{ { "--", "--help" }, " | --help" },
	{ { "-", "-v" }, " | - -v" },
	{ { "p", "" }, " | p " },
	/* abbreviations, where only one begins so */
	{ { "--sto=INT", "p" }, " stop=2 | p" },
	{ { "--k", "5", "p" }, " kill=5000ms | p" },
	{ { "--t=5", "p" }, " timeout=5000ms | p" },
	{ { "--unt", "@5", "p" }, " until=5 | p" },
	{ { "--wait-", "p" }, " wait-all | p" },
	{ { "--die", "p" }, " die-with-parent | p" },
	{ { "--l=4", "p" }, " lifeline=4 | p" },
	{ { "--cg=x", "p" }, " cgroup=x | p" },
	{ { "--us", "p" }, " userns | p" },
	{ { "--no-c", "p" }, " no-cgroup | p" },
	{ { "--no-pi", "p" }, " no-pidns | p" },
	{ { "--no-pr", "p" }, " no-proc | p" },
	{ { "--m", "1=2", "p" }, " map:1=2 | p" },
	{ { "--si", "p" }, " signal-tree | p" },
	{ { "--sa", "p" }, " same-group | p" },
	{ { "--e=1=2", "p" }, " code:1=2 | p" },
	{ { "--restart=always", "p" }, " restart=3 | p" },
	{ { "--restart-d=2", "p" }, " min=2000ms | p" },
	{ { "--restart-l=2", "p" }, " limit=2 | p" },
	{ { "--b", "p" }, " background | p" },
	{ { "--status-f=3", "p" }, " status=3 | p" },
	{ { "--verb", "p" }, " verbose | p" },
	/* what goes together */
	{ { "--no-cgroup", "--no-pidns", "p" }, " no-cgroup no-pidns | p" },
	{ { "--no-cgroup", "--require=pidns", "p" },
		" no-cgroup require=2 | p" },
	{ { "--no-pidns", "--require=cgroup,sealed", "p" },
		" no-pidns require=9 | p" },
	{ { "--no-cgroup", "--userns", "p" }, " userns no-cgroup | p" },
};

static const struct {
	const char *args[ARGS];
	enum options_result result;
	/* when it is OPTIONS_WRONG; reason is a part of it, value may be NULL */
	const char *option, *value, *reason;
} refused[] = {
	{ { "-h" }, OPTIONS_HELP, 0, 0, 0 },
	{ { "--help" }, OPTIONS_HELP, 0, 0, 0 },
	{ { "--he" }, OPTIONS_HELP, 0, 0, 0 },
	{ { "-v", "-h", "p" }, OPTIONS_HELP, 0, 0, 0 },
	{ { "-V" }, OPTIONS_VERSION, 0, 0, 0 },
	{ { "--version" }, OPTIONS_VERSION, 0, 0, 0 },
	{ { "-vV" }, OPTIONS_VERSION, 0, 0, 0 },
	/* no option */
	{ { "-z", "p" }, OPTIONS_WRONG, "-z", NULL, "no option" },
	{ { "-vz", "p" }, OPTIONS_WRONG, "-z", NULL, "no option" },
	{ { "-zq", "p" }, OPTIONS_WRONG, "-z", NULL, "no option" },
	{ { "-v", "-zq", "p" }, OPTIONS_WRONG, "-z", NULL, "no option" },
	{ { "--no-proc", "-zq" }, OPTIONS_WRONG, "-z", NULL, "no option" },
	{ { "--no-proc", "-z" }, OPTIONS_WRONG, "-z", NULL, "no option" },
	{ { "-k", "--", "-zq" }, OPTIONS_WRONG, "--kill-after", "--", "is no" },
	{ { "--nope" }, OPTIONS_WRONG, "--nope", NULL, "no option" },
	{ { "--nope=1" }, OPTIONS_WRONG, "--nope=1", NULL, "no option" },
	{ { "--stop-signall=1" }, OPTIONS_WRONG, "--stop-signall=1", NULL, "" },
	{ { "-:", "p" }, OPTIONS_WRONG, "-:", NULL, "no option" },
	{ { "-?", "p" }, OPTIONS_WRONG, "-?", NULL, "no option" },
	/* several begin so */
	{ { "--no", "p" }, OPTIONS_WRONG, "--no", NULL, "" },
	{ { "--no-p", "p" }, OPTIONS_WRONG, "--no-p", NULL, "" },
	{ { "--u", "p" }, OPTIONS_WRONG, "--u", NULL, "" },
	{ { "--ver", "p" }, OPTIONS_WRONG, "--ver", NULL, "" },
	{ { "--s=1", "p" }, OPTIONS_WRONG, "--s=1", NULL, "" },
	/* a value where there is none, none where there must be one */
	{ { "--verbose=1", "p" }, OPTIONS_WRONG, "--verbose=1", NULL, "" },
	{ { "--wait-all=", "p" }, OPTIONS_WRONG, "--wait-all=", NULL, "" },
	{ { "-k" }, OPTIONS_WRONG, "-k", NULL, "needs a value" },
	{ { "-vk" }, OPTIONS_WRONG, "-k", NULL, "needs a value" },
	{ { "--no-proc", "-k" }, OPTIONS_WRONG, "-k", NULL, "needs a value" },
	{ { "--no-proc", "-vk" }, OPTIONS_WRONG, "-k", NULL, "needs a value" },
	{ { "--kill-after" }, OPTIONS_WRONG, "--kill-after", NULL,
		"needs a value" },
	{ { "--map" }, OPTIONS_WRONG, "--map", NULL, "needs a value" },
	/* values */
	{ { "-s", "", "p" }, OPTIONS_WRONG, "--stop-signal", "", "no signal" },
	{ { "-s", "FOO", "p" }, OPTIONS_WRONG, "--stop-signal", "FOO",
		"no signal" },
	{ { "-s0", "p" }, OPTIONS_WRONG, "--stop-signal", "0", "no signal" },
	{ { "-s65", "p" }, OPTIONS_WRONG, "--stop-signal", "65", "no signal" },
	{ { "--stop-signal=-1", "p" }, OPTIONS_WRONG, "--stop-signal", "-1",
		"no signal" },
	{ { "-k", "", "p" }, OPTIONS_WRONG, "--kill-after", "", "no duration" },
	{ { "-k", "5x", "p" }, OPTIONS_WRONG, "--kill-after", "5x",
		"no duration" },
	{ { "-k-1", "p" }, OPTIONS_WRONG, "--kill-after", "-1", "no duration" },
	{ { "-k", "-v", "p" }, OPTIONS_WRONG, "--kill-after", "-v",
		"no duration" },
	{ { "-k", " 5", "p" }, OPTIONS_WRONG, "--kill-after", " 5", "" },
	{ { "--kill-after=101000d", "p" }, OPTIONS_WRONG, "--kill-after",
		"101000d", "no duration" },
	{ { "-t", "x", "p" }, OPTIONS_WRONG, "--timeout", "x", "no duration" },
	{ { "-t", "0", "p" }, OPTIONS_WRONG, "--timeout", "0", "no time" },
	{ { "-t", "0.0ms", "p" }, OPTIONS_WRONG, "--timeout", "0",
		"no time" },
	{ { "--until=x", "p" }, OPTIONS_WRONG, "--until", "x", "no time" },
	{ { "--until=", "p" }, OPTIONS_WRONG, "--until", "", "no time" },
	{ { "--until=2027-02-29T09:00Z", "p" }, OPTIONS_WRONG, "--until",
		"2027-02-29T09:00Z", "no time" },
	{ { "--lifeline=", "p" }, OPTIONS_WRONG, "--lifeline", "", "no desc" },
	{ { "--lifeline=-1", "p" }, OPTIONS_WRONG, "--lifeline", "-1",
		"no desc" },
	{ { "--lifeline=x", "p" }, OPTIONS_WRONG, "--lifeline", "x", "" },
	{ { "--lifeline=2147483648", "p" }, OPTIONS_WRONG, "--lifeline",
		"2147483648", "no desc" },
	{ { "-C", "", "p" }, OPTIONS_WRONG, "--cgroup", "", "no name" },
	{ { "-C", "a/", "p" }, OPTIONS_WRONG, "--cgroup", "a/", "no name" },
	{ { "-C", "/", "p" }, OPTIONS_WRONG, "--cgroup", "/", "no name" },
	{ { "-C", ".", "p" }, OPTIONS_WRONG, "--cgroup", ".", "no name" },
	{ { "-C", "..", "p" }, OPTIONS_WRONG, "--cgroup", "..", "no name" },
	{ { "-C", "a/..", "p" }, OPTIONS_WRONG, "--cgroup", "a/..", "" },
	{ { "-C", "/a/.", "p" }, OPTIONS_WRONG, "--cgroup", "/a/.", "" },
	{ { "--require=", "p" }, OPTIONS_WRONG, "--require", "", "no list" },
	{ { "--require=x", "p" }, OPTIONS_WRONG, "--require", "x", "no list" },
	{ { "--require=cgroups", "p" }, OPTIONS_WRONG, "--require", "cgroups",
		"no list" },
	{ { "--require=cgroup,", "p" }, OPTIONS_WRONG, "--require", "cgroup,",
		"no list" },
	{ { "--require=,cgroup", "p" }, OPTIONS_WRONG, "--require", ",cgroup",
		"no list" },
	{ { "--require=cgroup pidns", "p" }, OPTIONS_WRONG, "--require",
		"cgroup pidns", "no list" },
	{ { "--require=cgroup,,pidns", "p" }, OPTIONS_WRONG, "--require",
		"cgroup,,pidns", "no list" },
	{ { "--map=INT", "p" }, OPTIONS_WRONG, "--map", "INT", "FROM=TO" },
	{ { "--map=", "p" }, OPTIONS_WRONG, "--map", "", "FROM=TO" },
	{ { "--map==", "p" }, OPTIONS_WRONG, "--map", "=", "to map" },
	{ { "--map==TERM", "p" }, OPTIONS_WRONG, "--map", "=TERM", "to map" },
	{ { "--map=INT=", "p" }, OPTIONS_WRONG, "--map", "INT=", "map to" },
	{ { "--map=X=TERM", "p" }, OPTIONS_WRONG, "--map", "X=TERM", "to map" },
	{ { "--map=INT=X", "p" }, OPTIONS_WRONG, "--map", "INT=X", "map to" },
	{ { "--map=0=INT", "p" }, OPTIONS_WRONG, "--map", "0=INT", "to map" },
	{ { "--map=65=INT", "p" }, OPTIONS_WRONG, "--map", "65=INT", "to map" },
	{ { "--map=INT=00", "p" }, OPTIONS_WRONG, "--map", "INT=00", "map to" },
	{ { "--map=INT=TERM=QUIT", "p" }, OPTIONS_WRONG, "--map",
		"INT=TERM=QUIT", "map to" },
	{ { "--map=INTxxxxxxxxxxxxxxxxxxxx=TERM", "p" }, OPTIONS_WRONG, "--map",
		"INTxxxxxxxxxxxxxxxxxxxx=TERM", "" },
	{ { "--map=0000000000000152=0", "p" }, OPTIONS_WRONG, "--map",
		"0000000000000152=0", "" },
	{ { "--map=KILL=TERM", "p" }, OPTIONS_WRONG, "--map", "KILL=TERM",
		"catch" },
	{ { "--map=STOP=0", "p" }, OPTIONS_WRONG, "--map", "STOP=0", "catch" },
	{ { "--map=CHLD=USR1", "p" }, OPTIONS_WRONG, "--map", "CHLD=USR1",
		"never" },
	{ { "--exit-code=1", "p" }, OPTIONS_WRONG, "--exit-code", "1",
		"FROM=TO" },
	{ { "--exit-code==", "p" }, OPTIONS_WRONG, "--exit-code", "=", "255" },
	{ { "--exit-code=1=", "p" }, OPTIONS_WRONG, "--exit-code", "1=",
		"255" },
	{ { "--exit-code==1", "p" }, OPTIONS_WRONG, "--exit-code", "=1",
		"255" },
	{ { "--exit-code=256=0", "p" }, OPTIONS_WRONG, "--exit-code", "256=0",
		"255" },
	{ { "--exit-code=0=256", "p" }, OPTIONS_WRONG, "--exit-code", "0=256",
		"255" },
	{ { "--exit-code=-1=0", "p" }, OPTIONS_WRONG, "--exit-code", "-1=0",
		"255" },
	{ { "--exit-code=1=2=3", "p" }, OPTIONS_WRONG, "--exit-code", "1=2=3",
		"255" },
	{ { "--exit-code=12345678=0", "p" }, OPTIONS_WRONG, "--exit-code",
		"12345678=0", "" },
	{ { "--exit-code=0000255x=0", "p" }, OPTIONS_WRONG, "--exit-code",
		"0000255x=0", "" },
	{ { "-r", "", "p" }, OPTIONS_WRONG, "--restart", "", "none of" },
	{ { "-r", "yes", "p" }, OPTIONS_WRONG, "--restart", "yes", "none of" },
	{ { "-r", "Always", "p" }, OPTIONS_WRONG, "--restart", "Always",
		"none of" },
	{ { "-r", "on-failur", "p" }, OPTIONS_WRONG, "--restart", "on-failur",
		"none of" },
	{ { "--restart-delay=", "p" }, OPTIONS_WRONG, "--restart-delay", "",
		"MIN" },
	{ { "--restart-delay=:5", "p" }, OPTIONS_WRONG, "--restart-delay", ":5",
		"MIN" },
	{ { "--restart-delay=5:", "p" }, OPTIONS_WRONG, "--restart-delay", "5:",
		"MIN" },
	{ { "--restart-delay=x", "p" }, OPTIONS_WRONG, "--restart-delay", "x",
		"MIN" },
	{ { "--restart-delay=inf", "p" }, OPTIONS_WRONG, "--restart-delay",
		"inf", "MIN" },
	{ { "--restart-delay=1:2:3", "p" }, OPTIONS_WRONG, "--restart-delay",
		"1:2:3", "MIN" },
	{ { "--restart-delay=1-2", "p" }, OPTIONS_WRONG, "--restart-delay",
		"1-2", "MIN" },
	{ { "--restart-delay=5:1", "p" }, OPTIONS_WRONG, "--restart-delay",
		"5:1", "below" },
	{ { "--restart-delay=000000000000000000000010ms", "p" }, OPTIONS_WRONG,
		"--restart-delay", "000000000000000000000010ms", "" },
	{ { "--restart-delay=0000000000000000000000010x:5", "p" },
		OPTIONS_WRONG, "--restart-delay",
		"0000000000000000000000010x:5", "" },
	{ { "--restart-limit=", "p" }, OPTIONS_WRONG, "--restart-limit", "",
		"no number" },
	{ { "--restart-limit=x", "p" }, OPTIONS_WRONG, "--restart-limit", "x",
		"no number" },
	{ { "--restart-limit=-1", "p" }, OPTIONS_WRONG, "--restart-limit", "-1",
		"no number" },
	{ { "--restart-limit=/5", "p" }, OPTIONS_WRONG, "--restart-limit", "/5",
		"no number" },
	{ { "--restart-limit=5/", "p" }, OPTIONS_WRONG, "--restart-limit", "5/",
		"no number" },
	{ { "--restart-limit=5/x", "p" }, OPTIONS_WRONG, "--restart-limit",
		"5/x", "no number" },
	{ { "--restart-limit=5/1/2", "p" }, OPTIONS_WRONG, "--restart-limit",
		"5/1/2", "no number" },
	{ { "--restart-limit=2147483648", "p" }, OPTIONS_WRONG,
		"--restart-limit", "2147483648", "no number" },
	{ { "--restart-limit=000000000000000000000009", "p" }, OPTIONS_WRONG,
		"--restart-limit", "000000000000000000000009", "" },
	{ { "--restart-limit=00000000000000000000000x", "p" }, OPTIONS_WRONG,
		"--restart-limit", "00000000000000000000000x", "no number" },
	{ { "--background=1", "p" }, OPTIONS_WRONG, "--background=1", NULL,
		"" },
	{ { "--status-fd=", "p" }, OPTIONS_WRONG, "--status-fd", "",
		"no desc" },
	{ { "--status-fd=x", "p" }, OPTIONS_WRONG, "--status-fd", "x",
		"no desc" },
	{ { "--status-fd=-1", "p" }, OPTIONS_WRONG, "--status-fd", "-1",
		"no desc" },
	{ { "--stat", "p" }, OPTIONS_WRONG, "--stat", NULL, "" },
	{ { "--restart-", "p" }, OPTIONS_WRONG, "--restart-", NULL, "" },
	{ { "-b", "--die-with-parent", "p" }, OPTIONS_WRONG, "--background",
		NULL, "--die-with-parent" },
	/* what contradicts what, in both orders */
	{ { "--no-cgroup", "-C", "x", "p" }, OPTIONS_WRONG, "--no-cgroup", NULL,
		"--cgroup" },
	{ { "-C", "x", "--no-cgroup", "p" }, OPTIONS_WRONG, "--no-cgroup", NULL,
		"--cgroup" },
	{ { "--no-cgroup", "--require=cgroup", "p" }, OPTIONS_WRONG,
		"--no-cgroup", NULL, "--require" },
	{ { "--no-pidns", "--require=sealed,pidns", "p" }, OPTIONS_WRONG,
		"--no-pidns", NULL, "--require" },
	{ { "--no-pidns", "--userns", "p" }, OPTIONS_WRONG, "--no-pidns", NULL,
		"--userns" },
	/* the program */
	{ { NULL }, OPTIONS_WRONG, "--", NULL, "no program" },
	{ { "-v" }, OPTIONS_WRONG, "--", NULL, "no program" },
	{ { "--" }, OPTIONS_WRONG, "--", NULL, "no program" },
	{ { "" }, OPTIONS_WRONG, "--", NULL, "empty" },
	{ { "-v", "" }, OPTIONS_WRONG, "--", NULL, "empty" },
	{ { "--", "", "x" }, OPTIONS_WRONG, "--", NULL, "empty" },
};
/* clang-format on */

static void
test_accepted(void)
{
	struct options o;
	struct options_error error;
	enum options_result result;
	char text[512];
	size_t i;

	for (i = 0; i < LENGTH(accepted); i++) {
		result = parse(&o, accepted[i].args, &error);
		check(result == OPTIONS_RUN, "%s: refused: %s '%s' %s",
		    join(accepted[i].args), error.option,
		    error.value ? error.value : "(none)",
		    error.reason ? error.reason : "");
		if (result != OPTIONS_RUN)
			continue;
		describe(text, &o);
		check(strcmp(text, accepted[i].expected) == 0,
		    "%s: got '%s', not '%s'", join(accepted[i].args), text,
		    accepted[i].expected);
	}
}

/*
 * Without its value, if one wants; and what lacks one may be called by its
 * letter or by its name.
 */
static bool
names_option(const char *named, const char *expected, const char *reason)
{
	size_t length = strcspn(expected, "=");

	if (strcmp(named, expected) == 0 ||
	    (strlen(named) == length && strncmp(named, expected, length) == 0))
		return true;
	if (strcmp(reason, "needs a value") != 0)
		return false;
	return (strcmp(named, "--kill-after") == 0 &&
		   strcmp(expected, "-k") == 0) ||
	       (strcmp(named, "-k") == 0 &&
		   strcmp(expected, "--kill-after") == 0);
}

static void
test_refused(void)
{
	struct options o;
	struct options_error error;
	enum options_result result;
	const char *value;
	size_t i;

	for (i = 0; i < LENGTH(refused); i++) {
		result = parse(&o, refused[i].args, &error);
		check(result == refused[i].result, "%s: result %d, not %d",
		    join(refused[i].args), (int)result, (int)refused[i].result);
		if (result != refused[i].result || result != OPTIONS_WRONG)
			continue;
		value = refused[i].value;
		check(names_option(
			  error.option, refused[i].option, refused[i].reason),
		    "%s: names %s, not %s", join(refused[i].args), error.option,
		    refused[i].option);
		check((error.value == NULL) == (value == NULL) &&
			  (value == NULL || strcmp(error.value, value) == 0),
		    "%s: value %s", join(refused[i].args),
		    error.value ? error.value : "(none)");
		check(error.reason != NULL &&
			  strstr(error.reason, refused[i].reason) != NULL,
		    "%s: reason: %s", join(refused[i].args),
		    error.reason ? error.reason : "(none)");
	}
}

static void
on_alarm(int sig)
{
	static const char text[] = "options_usage does not end\n";

	(void)!write(STDOUT_FILENO, text, sizeof(text) - 1);
	_exit(sig);
}

static void
test_usage(void)
{
	char whole[8192], part[sizeof(whole) + 1];
	size_t length = options_usage(whole, sizeof(whole)), size, n;

	(void)signal(SIGALRM, on_alarm);
	(void)alarm(5); /* it must end in any buffer */
	check(length > 1000 && length == strlen(whole), "%zu bytes", length);
	check(length < 4096, "more than main has room for: %zu", length);
	for (size = 1; size <= length + 1; size++) {
		memset(part, '#', sizeof(part));
		n = options_usage(part, size);
		check(part[size] == '#', "written behind %zu bytes", size);
		check(n == size - 1 && part[n] == '\0' &&
			  memcmp(part, whole, n) == 0,
		    "%zu bytes: not the beginning of it: %zu", size, n);
	}
}

int
main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "accepted") == 0)
		test_accepted();
	else if (argc == 2 && strcmp(argv[1], "refused") == 0)
		test_refused();
	else if (argc == 2 && strcmp(argv[1], "usage") == 0)
		test_usage();
	else
		return 2;
	printf("%d checks, %d wrong\n", checks, failures);
	return failures > 0;
}
