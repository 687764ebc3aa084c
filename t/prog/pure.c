/* SPDX-License-Identifier: ISC */
/*
 * pure NAME	check the functions of this name against their tables: what is
 *		accepted and what it means, and what is refused. Prints what is
 *		wrong, a line each, and exits with 1 then.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../lib/cgroup.h"
#include "../../lib/diag.h"
#include "../../lib/str.h"
#include "../../lib/sys.h"
#include "../../lib/timer.h"

#define LENGTH(array) (sizeof(array) / sizeof(*(array)))
#define UNTOUCHED 0x5a5a5a5a

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

/* ---- str: numbers ----------------------------------------------------- */

static void
test_number(void)
{
	static const struct {
		const char *text;
		uint64_t limit, number;
	} good[] = {
		{ "0", 0, 0 },
		{ "0", 255, 0 },
		{ "7", 7, 7 },
		{ "255", 255, 255 },
		{ "99", 100, 99 },
		{ "100", 100, 100 },
		{ "010", 255, 10 }, /* no octal */
		{ "000000000000000000000000000001", 1, 1 },
		{ "2147483647", INT32_MAX, INT32_MAX },
		{ "9223372036854775807", INT64_MAX, INT64_MAX },
		{ "18446744073709551615", UINT64_MAX, UINT64_MAX },
	};
	static const struct {
		const char *text;
		uint64_t limit;
	} bad[] = {
		{ "", 255 },
		{ " 1", 255 },
		{ "1 ", 255 },
		{ "\t1", 255 },
		{ "1\n", 255 },
		{ "+1", 255 },
		{ "-1", 255 },
		{ "-0", 255 },
		{ "0x1", 255 },
		{ "1a", 255 },
		{ "a", 255 },
		{ "1.0", 255 },
		{ "1e1", 255 },
		{ "256", 255 },
		{ "260", 255 },
		{ "1000", 255 },
		{ "65", 64 },
		{ "31", 30 },
		/* the limit has one digit, or is 0 */
		{ "1", 0 },
		{ "9", 0 },
		{ "8", 7 },
		{ "9", 5 },
		{ "4", 3 },
		{ "10", 9 },
		{ "2147483648", INT32_MAX },
		{ "9223372036854775808", INT64_MAX },
		{ "18446744073709551616", UINT64_MAX },
		{ "18446744073709551620", UINT64_MAX },
		{ "184467440737095516150", UINT64_MAX },
		{ "99999999999999999999999999999999999999", UINT64_MAX },
	};
	uint64_t number;
	size_t i;
	int r;

	for (i = 0; i < LENGTH(good); i++) {
		number = UNTOUCHED;
		r = str_to_number(good[i].text, good[i].limit, &number);
		check(r == 0 && number == good[i].number,
		    "'%s' up to %" PRIu64 ": %d, %" PRIu64, good[i].text,
		    good[i].limit, r, number);
	}
	for (i = 0; i < LENGTH(bad); i++) {
		number = UNTOUCHED;
		r = str_to_number(bad[i].text, bad[i].limit, &number);
		check(r == -EINVAL, "'%s' up to %" PRIu64 ": not refused: %d",
		    bad[i].text, bad[i].limit, r);
		check(number == UNTOUCHED, "'%s': refused, yet set to %" PRIu64,
		    bad[i].text, number);
	}
}

/* ---- str: durations --------------------------------------------------- */

#define S INT64_C(1000000000)

static void
test_duration(void)
{
	static const struct {
		const char *text;
		int64_t ns;
	} good[] = {
		{ "0", 0 },
		{ "0s", 0 },
		{ "0d", 0 },
		{ "0.0", 0 },
		{ "1", S },
		{ "10", 10 * S },
		{ "10s", 10 * S },
		{ "007", 7 * S },
		{ "1ms", S / 1000 },
		{ "500ms", S / 2 },
		{ "2m", 120 * S },
		{ "1h", 3600 * S },
		{ "1d", 86400 * S },
		{ "1.5", 3 * S / 2 },
		{ "1.5s", 3 * S / 2 },
		{ "0.5ms", S / 2000 },
		{ ".5", S / 2 },
		{ ".5m", 30 * S },
		{ "1.5m", 90 * S },
		{ "0.25h", 900 * S },
		{ "1.5d", 36 * 3600 * S },
		{ "0.000000001", 1 },
		{ "0.000001ms", 1 },
		{ "1.000000001s", S + 1 },
		{ "0.999999999", S - 1 },
		{ "0.999999999d", 86400 * S - 86400 },
		{ "0.000000001d", 86400 },
		{ "100.000000000", 100 * S },
		{ "36524d", S * 36524 * 86400 },
		{ "876575h", S * 876575 * 3600 },
		{ "3155759999", 3155759999 * S },
		{ "3155759999.999999999s", 3155760000 * S - 1 },
		{ "3155759999999ms", 3155759999999 * (S / 1000) },
		{ "inf", INT64_MAX },
	};
	static const char *const bad[] = {
		"",
		" ",
		".",
		"s",
		"ms",
		".s",
		"..5",
		"1..5",
		"1.5.5",
		"+1",
		"-1",
		"-0",
		"-inf",
		"+inf",
		" 1",
		"1 ",
		"1 s",
		"1s ",
		"1\n",
		"1S",
		"1MS",
		"1H",
		"INF",
		"Inf",
		"infinity",
		"infs",
		"inf ",
		"1x",
		"1sec",
		"1mm",
		"1hs",
		"1w",
		"1us",
		"1ns",
		"1m30s",
		"0x10",
		"1e3",
		"1,5",
		"nan",
		"0.0000000001", /* ten decimals */
		"1.0000000000s",
		"36526d",
		"1000000d",
		"876601h",
		"3155760001",
		"3155760000001ms",
		"9223372036",
		"9223372036854775807",
		"9223372036854775808",
		"18446744073709551615",
		"18446744073709551616",
		"18446744073709551617ms",
		"213503982335d", /* 2^64 ns and a bit, in days */
		"99999999999999999999999999999999999999",
		"99999999999999999999999999999999999999.5",
	};
	int64_t ns;
	size_t i;
	int r;

	for (i = 0; i < LENGTH(good); i++) {
		ns = UNTOUCHED;
		r = str_to_duration(good[i].text, &ns);
		check(r == 0 && ns == good[i].ns,
		    "'%s': %d, %" PRId64 ", not %" PRId64, good[i].text, r, ns,
		    good[i].ns);
	}
	for (i = 0; i < LENGTH(bad); i++) {
		ns = UNTOUCHED;
		r = str_to_duration(bad[i], &ns);
		check(r == -EINVAL, "'%s': not refused: %d, %" PRId64, bad[i],
		    r, ns);
		check(ns == UNTOUCHED, "'%s': refused, yet set", bad[i]);
	}
}

/* ---- str: points in time ---------------------------------------------- */

static void
test_time(void)
{
	/* the seconds are those of `date -u -d TEXT +%s` */
	static const struct {
		const char *text;
		int64_t seconds;
	} good[] = {
		{ "@0", 0 },
		{ "@1", 1 },
		{ "@1700000000", 1700000000 },
		{ "@2147483648", INT64_C(2147483648) },
		{ "@9223372036", INT64_C(9223372036) },
		{ "1970-01-01T00:00Z", 0 },
		{ "1970-01-01T00:00:00Z", 0 },
		{ "1970-01-01T00:00:01Z", 1 },
		{ "1970-01-02T00:00Z", 86400 },
		{ "1970-12-31T23:59:59Z", 31535999 },
		{ "1999-12-31T23:59:59Z", 946684799 },
		{ "2000-01-01T00:00Z", 946684800 },
		{ "2000-02-29T12:00Z", 951825600 }, /* leap: 400 */
		{ "2000-03-01T00:00Z", 951868800 },
		{ "2024-02-28T23:59:59Z", 1709164799 },
		{ "2024-02-29T00:00Z", 1709164800 },
		{ "2024-03-01T00:00Z", 1709251200 },
		{ "2023-03-01T00:00Z", 1677628800 },
		{ "2027-01-31T09:00Z", 1801386000 },
		{ "2027-01-31 09:00Z", 1801386000 },
		{ "2027-01-31T09:00:30Z", 1801386030 },
		{ "2027-01-31T09:00+02:00", 1801378800 },
		{ "2027-01-31T09:00-02:00", 1801393200 },
		{ "2027-01-31T09:00:00+05:30", 1801366200 },
		{ "2027-01-31T09:00-00:30", 1801387800 },
		{ "2027-01-31T09:00+00:00", 1801386000 },
		{ "2027-01-31T09:00-00:00", 1801386000 },
		{ "1970-01-01T01:00+01:00", 0 },
		{ "1970-01-01T00:00-23:59", 86340 },
		{ "2038-01-19T03:14:08Z", INT64_C(2147483648) },
		{ "2100-02-28T00:00Z", INT64_C(4107456000) },
		{ "2100-03-01T00:00Z", INT64_C(4107542400) },
		{ "2400-02-29T00:00Z", INT64_C(13574563200) },
		{ "9999-12-31T23:59:59Z", INT64_C(253402300799) },
	};
	static const char *const bad[] = {
		"",
		"@",
		"@-1",
		"@+1",
		"@ 1",
		"@1 ",
		"@1.5",
		"@0x1",
		"@9223372037", /* would not fit as nanoseconds */
		"@9223372036854775808",
		"@99999999999999999999999",
		"0",
		"1700000000",
		"now",
		"tomorrow",
		"09:00",
		"2027-01-31",
		"2027-01-31Z",
		"2027-01-31T09:00", /* local time: which? */
		"2027-01-31T09:00:00",
		"2027-01-31T09Z",
		"2027-01-31T09:0Z",
		"2027-01-31T9:00Z",
		"2027-1-31T09:00Z",
		"2027-01-3T09:00Z",
		"27-01-31T09:00Z",
		"02027-01-31T09:00Z",
		"2027/01/31T09:00Z",
		"20270131T0900Z",
		"2027-01-31t09:00Z",
		"2027-01-31T09:00z",
		"2027-01-31  09:00Z",
		" 2027-01-31T09:00Z",
		"2027-01-31T09:00Z ",
		"2027-01-31T09:00ZZ",
		"2027-01-31T09:00:00.5Z",
		"2027-01-31T09:00:Z",
		"2027-01-31T09:00 Z",
		"2027-01-31T09:00+2",
		"2027-01-31T09:00+02",
		"2027-01-31T09:00+0200",
		"2027-01-31T09:00+02:0",
		"2027-01-31T09:00+24:00",
		"2027-01-31T09:00+02:60",
		"2027-01-31T09:00+02:00Z",
		"2027-01-31T09:00Z+02:00",
		"2027-01-31T09:00+-2:00",
		"2027-01-31T09:00CET",
		"2027-00-31T09:00Z",
		"2027-13-01T09:00Z",
		"2027-01-00T09:00Z",
		"2027-01-32T09:00Z",
		"2027-04-31T09:00Z",
		"2027-06-31T09:00Z",
		"2027-09-31T09:00Z",
		"2027-11-31T09:00Z",
		"2027-02-29T09:00Z",
		"2024-02-30T09:00Z",
		"1900-02-29T09:00Z",
		"2100-02-29T09:00Z",
		"2027-01-31T24:00Z",
		"2027-01-31T09:60Z",
		"2027-01-31T09:00:61Z",
		"1969-12-31T23:59Z",
		"1970-01-01T00:00+00:01",
		"0000-01-01T00:00Z",
		"-001-01-01T00:00Z",
		"+027-01-31T09:00Z",
	};
	int64_t seconds;
	size_t i;
	int r;

	for (i = 0; i < LENGTH(good); i++) {
		seconds = UNTOUCHED;
		r = str_to_time(good[i].text, &seconds);
		check(r == 0 && seconds == good[i].seconds,
		    "'%s': %d, %" PRId64 ", not %" PRId64, good[i].text, r,
		    seconds, good[i].seconds);
	}
	for (i = 0; i < LENGTH(bad); i++) {
		seconds = UNTOUCHED;
		r = str_to_time(bad[i], &seconds);
		check(r == -EINVAL, "'%s': not refused: %d, %" PRId64, bad[i],
		    r, seconds);
		check(seconds == UNTOUCHED, "'%s': refused, yet set", bad[i]);
	}
}

/* ---- str: text in fixed buffers --------------------------------------- */

/* What text_add... makes of it in a buffer of 8, with a guard behind it. */
static void
check_text(const char *expected, bool full, const char *first,
    const char *second, int64_t number)
{
	char data[10] = "#########";
	struct text text = { .data = data, .size = 8 };

	text_add(&text, first);
	if (second != NULL)
		text_add(&text, second);
	else
		text_add_number(&text, number);
	check(strcmp(data, expected) == 0 && text.full == full &&
		  text.length == strlen(expected),
	    "'%s' and more: '%.8s', full %d, length %zu; not '%s', full %d",
	    first, data, text.full, text.length, expected, full);
	check(data[8] == '#', "'%s': written behind its end", expected);
}

static void
check_text_number(int64_t number, const char *expected)
{
	char data[32];
	struct text text = TEXT(data);

	text_add_number(&text, number);
	check(strcmp(data, expected) == 0 && !text.full,
	    "%" PRId64 ": '%s', not '%s'", number, data, expected);
}

static void
test_text(void)
{
	char data[4], one[1];
	struct text text = TEXT(data), none = TEXT(one);

	check_text("abcdefg", false, "abc", "defg", 0);
	check_text("abcdefg", false, "abcdefg", "", 0);
	check_text("abcdefg", true, "abcdefg", "h", 0);
	check_text("abcdefg", true, "abc", "defgh", 0);
	check_text("abcdefg", true, "abcdefghijkl", "m", 0);
	check_text("", false, "", "", 0);
	check_text("abc-123", false, "abc", NULL, -123);
	check_text("abc-123", true, "abc", NULL, -1234);
	check_text("0", false, "", NULL, 0);

	/* what is full stays full, and what was in it stays */
	text_add_bytes(&text, "abcd", 4);
	text_add_bytes(&text, "", 0);
	check(text.full && strcmp(data, "abc") == 0, "full is forgotten");
	text_add_bytes(&none, "", 0);
	check(!none.full && *one == '\0', "the empty text does not fit");
	text_add_bytes(&none, "a", 1);
	check(none.full && *one == '\0', "a byte fits where there is no room");

	check_text_number(0, "0");
	check_text_number(-1, "-1");
	check_text_number(10, "10");
	check_text_number(INT64_MAX, "9223372036854775807");
	check_text_number(INT64_MIN, "-9223372036854775808");

	check(strcmp(str_after("abc", "ab"), "c") == 0, "ab of abc");
	check(strcmp(str_after("abc", "abc"), "") == 0, "abc of abc");
	check(strcmp(str_after("abc", ""), "abc") == 0, "nothing of abc");
	check(str_after("abc", "abcd") == NULL, "abcd of abc");
	check(str_after("abc", "b") == NULL, "b of abc");
	check(str_after("", "a") == NULL, "a of nothing");
}

/* ---- timer ------------------------------------------------------------ */

static void
test_timer(void)
{
	static const struct {
		int64_t now, duration, expected;
	} table[] = {
		{ 0, 0, 0 },
		{ 5, 0, 5 },
		{ 5, 7, 12 },
		{ 1000, INT64_MAX, TIMER_NEVER },
		{ 0, INT64_MAX, TIMER_NEVER },
		{ 1, INT64_MAX - 1, TIMER_NEVER },
		{ 2, INT64_MAX - 1, TIMER_NEVER }, /* no overflow */
		{ INT64_MAX - 1, 100, TIMER_NEVER },
		{ INT64_MAX, 0, TIMER_NEVER },
		{ INT64_MAX, INT64_MAX, TIMER_NEVER },
		{ 1, INT64_MAX - 2, INT64_MAX - 1 },
	};
	int64_t after;
	size_t i;

	for (i = 0; i < LENGTH(table); i++) {
		after = timer_after(table[i].now, table[i].duration);
		check(after == table[i].expected,
		    "%" PRId64 " after %" PRId64 ": %" PRId64,
		    table[i].duration, table[i].now, after);
	}
}

/* The delays after a row of runs. */
static void
check_backoff(int64_t min, int64_t max, const int64_t *runs,
    const int64_t *expected, size_t n)
{
	struct timer_backoff backoff = { .min_ns = min, .max_ns = max };
	int64_t delay;
	size_t i;

	for (i = 0; i < n; i++) {
		delay = timer_backoff(&backoff, runs[i]);
		check(delay == expected[i],
		    "%" PRId64 ":%" PRId64 ", run %zu of %" PRId64
		    ": a delay of %" PRId64 ", not %" PRId64,
		    min, max, i, runs[i], delay, expected[i]);
	}
}

static void
test_backoff(void)
{
	static const int64_t shorts[8] = { 0 };
	static const int64_t to_eight[] = { 1, 2, 4, 8, 8, 8 };
	static const int64_t to_ten[] = { 1, 2, 4, 8, 10, 10 };
	static const int64_t threes[] = { 3, 6, 7, 7 };
	static const int64_t always[] = { 5, 5, 5 };
	static const int64_t nothing[] = { 0, 0, 0 };
	/* a run longer than the most: at once, and then anew */
	static const int64_t runs[] = { 0, 0, 0, 9, 0, 0, 10, 0, 11, 0 };
	static const int64_t delays[] = { 1, 2, 4, 0, 1, 2, 0, 1, 0, 1 };
	static const int64_t just[] = { 0, 0, 8, 0 };
	static const int64_t still[] = { 1, 2, 4, 8 };
	static const int64_t huge[] = { INT64_MAX / 3, INT64_MAX / 3 * 2,
		INT64_MAX, INT64_MAX };

	check_backoff(1, 8, shorts, to_eight, LENGTH(to_eight));
	check_backoff(1, 10, shorts, to_ten, LENGTH(to_ten));
	check_backoff(3, 7, shorts, threes, LENGTH(threes));
	check_backoff(5, 5, shorts, always, LENGTH(always));
	check_backoff(0, 0, shorts, nothing, LENGTH(nothing));
	check_backoff(1, 8, runs, delays, LENGTH(delays));
	check_backoff(1, 8, just, still, LENGTH(still));
	check_backoff(INT64_MAX / 3, INT64_MAX, shorts, huge, LENGTH(huge));
}

static void
test_limit(void)
{
	static const struct {
		uint64_t most;
		int64_t window, times[6];
		bool reached[6];
	} table[] = {
		{ 0, INT64_MAX, { 1 }, { true } },
		{ 1, INT64_MAX, { 1, 2 }, { false, true } },
		{ 3, INT64_MAX, { 1, 2, 3, 4 }, { false, false, false, true } },
		{ 3, INT64_MAX, { 1, 1, 1, INT64_MAX - 1 },
		    { false, false, false, true } },
		/* the span begins with a restart, and then with the next one */
		{ 2, 10, { 1, 5, 10 }, { false, false, true } },
		{ 2, 10, { 1, 5, 11, 12, 20 },
		    { false, false, false, false, true } },
		{ 2, 10, { 1, 11, 21, 31, 41, 51 }, { false } },
		{ 1, 10, { 5, 15, 24 }, { false, false, true } },
		{ UINT64_MAX, INT64_MAX, { 1, 2, 3 }, { false } },
	};
	struct timer_limit limit;
	bool reached;
	size_t i, j;

	for (i = 0; i < LENGTH(table); i++) {
		limit = (struct timer_limit){ .most = table[i].most,
			.window_ns = table[i].window };
		for (j = 0; j < 6 && table[i].times[j] != 0; j++) {
			reached =
			    timer_limit_reached(&limit, table[i].times[j]);
			check(reached == table[i].reached[j],
			    "%" PRIu64 " in %" PRId64 ", at %" PRId64 ": %d",
			    table[i].most, table[i].window, table[i].times[j],
			    reached);
		}
	}
}

/* ---- diag: signals and errnos ----------------------------------------- */

static void
test_signal(void)
{
	static const struct {
		const char *name;
		int sig;
	} good[] = {
		{ "TERM", SIGTERM },
		{ "SIGTERM", SIGTERM },
		{ "term", SIGTERM },
		{ "sigterm", SIGTERM },
		{ "SigTerm", SIGTERM },
		{ "15", 15 },
		{ "1", 1 },
		{ "9", 9 },
		{ "32", 32 },
		{ "33", 33 },
		{ "64", 64 },
		{ "HUP", SIGHUP },
		{ "INT", SIGINT },
		{ "QUIT", SIGQUIT },
		{ "ILL", SIGILL },
		{ "TRAP", SIGTRAP },
		{ "ABRT", SIGABRT },
		{ "IOT", SIGABRT },
		{ "BUS", SIGBUS },
		{ "FPE", SIGFPE },
		{ "KILL", SIGKILL },
		{ "USR1", SIGUSR1 },
		{ "SEGV", SIGSEGV },
		{ "USR2", SIGUSR2 },
		{ "PIPE", SIGPIPE },
		{ "ALRM", SIGALRM },
		{ "CHLD", SIGCHLD },
		{ "CLD", SIGCHLD },
		{ "CONT", SIGCONT },
		{ "STOP", SIGSTOP },
		{ "TSTP", SIGTSTP },
		{ "TTIN", SIGTTIN },
		{ "TTOU", SIGTTOU },
		{ "URG", SIGURG },
		{ "XCPU", SIGXCPU },
		{ "XFSZ", SIGXFSZ },
		{ "VTALRM", SIGVTALRM },
		{ "PROF", SIGPROF },
		{ "WINCH", SIGWINCH },
		{ "IO", SIGIO },
		{ "POLL", SIGIO },
		{ "PWR", SIGPWR },
		{ "SYS", SIGSYS },
		{ "RTMIN", 34 }, /* as glibc, docker and kill(1) count */
		{ "RTMIN+0", 34 },
		{ "RTMIN+3", 37 },
		{ "SIGRTMIN+3", 37 },
		{ "rtmin+3", 37 },
		{ "RTMIN+30", 64 },
		{ "RTMAX", 64 },
		{ "RTMAX-0", 64 },
		{ "RTMAX-1", 63 },
		{ "sigrtmax-30", 34 },
	};
	static const char *const bad[] = { "", "0", "00", "65", "128", "-1",
		"+15", " 15", "15 ", "15.", "0x0f", "SIG", "SIG15", "TER",
		"TERMS", "TERM ", " TERM", "SIGSIGTERM", "SIG TERM", "EXIT",
		"RTMIN+31", "RTMAX-31", "RTMIN-1", "RTMAX+1", "RTMIN+",
		"RTMIN-", "RTMIN+-1", "RTMIN++1", "RTMIN+ 1", "RTMIN+1x",
		"RTMIN3", "RT", "RTMI", "RTMIN+99999999999999999999",
		"18446744073709551631" };
	char name[32];
	struct text text;
	size_t i;
	int r, sig, got;

	for (i = 0; i < LENGTH(good); i++) {
		got = UNTOUCHED;
		r = diag_to_signal(good[i].name, &got);
		check(r == 0 && got == good[i].sig, "'%s': %d, %d, not %d",
		    good[i].name, r, got, good[i].sig);
	}
	for (i = 0; i < LENGTH(bad); i++) {
		got = UNTOUCHED;
		r = diag_to_signal(bad[i], &got);
		check(
		    r == -EINVAL, "'%s': not refused: %d, %d", bad[i], r, got);
		check(got == UNTOUCHED, "'%s': refused, yet set", bad[i]);
	}
	for (sig = 1; sig <= 64; sig++) {
		text = (struct text)TEXT(name);
		diag_add_signal(&text, sig);
		r = diag_to_signal(name, &got);
		check(r == 0 && got == sig, "%d is '%s', which is %d (%d)", sig,
		    name, got, r);
	}
}

static void
check_signal_name(int sig, const char *expected)
{
	char name[32];
	struct text text = TEXT(name);

	diag_add_signal(&text, sig);
	check(strcmp(name, expected) == 0, "%d is '%s', not '%s'", sig, name,
	    expected);
}

static void
test_signal_names(void)
{
	/* of two names the common one */
	check_signal_name(SIGTERM, "TERM");
	check_signal_name(SIGABRT, "ABRT");
	check_signal_name(SIGCHLD, "CHLD");
	check_signal_name(SIGIO, "IO");
	check_signal_name(SIGHUP, "HUP");
	check_signal_name(32, "32");
	check_signal_name(33, "33");
	check_signal_name(34, "RTMIN");
	check_signal_name(35, "RTMIN+1");
	check_signal_name(63, "RTMIN+29");
	check_signal_name(64, "RTMAX");
}

static void
test_errno(void)
{
#define E(name)                                                                \
	{                                                                      \
		name, #name                                                    \
	}
	static const struct {
		int error;
		const char *name;
	} table[] = {
		E(E2BIG),
		E(EACCES),
		E(EAGAIN),
		E(EBADF),
		E(EBUSY),
		E(ECHILD),
		E(EEXIST),
		E(EFAULT),
		E(EINTR),
		E(EINVAL),
		E(EIO),
		E(EISDIR),
		E(ELIBBAD),
		E(ELOOP),
		E(EMFILE),
		E(ENAMETOOLONG),
		E(ENFILE),
		E(ENODEV),
		E(ENOENT),
		E(ENOEXEC),
		E(ENOMEM),
		E(ENOSPC),
		E(ENOSYS),
		E(ENOTDIR),
		E(ENOTEMPTY),
		E(ENXIO),
		E(EOPNOTSUPP),
		E(EOVERFLOW),
		E(EPERM),
		E(EPIPE),
		E(EROFS),
		E(ESRCH),
		E(ETIMEDOUT),
		E(ETXTBSY),
		E(EUSERS),
	};
#undef E
	char name[32];
	struct text text;
	size_t i;

	for (i = 0; i < LENGTH(table); i++) {
		text = (struct text)TEXT(name);
		diag_add_errno(&text, table[i].error);
		check(strcmp(name, table[i].name) == 0, "%s is '%s'",
		    table[i].name, name);
	}
	text = (struct text)TEXT(name);
	diag_add_errno(&text, 4711);
	check(strstr(name, "4711") != NULL, "errno 4711 is '%s'", name);
}

/* ---- diag: messages --------------------------------------------------- */

/* What arrives of a message, packet by packet: a packet is one write. */
static void
check_message(const struct diag *diag, const char *expected)
{
	char got[8192];
	ssize_t n, more;
	int fds[2];

	if (pipe2(fds, O_CLOEXEC | O_DIRECT) < 0) {
		check(false, "pipe2: %s", strerror(errno));
		return;
	}
	diag_print(fds[1], diag);
	(void)fcntl(fds[0], F_SETFL, O_NONBLOCK | O_DIRECT);
	n = read(fds[0], got, sizeof(got) - 1);
	more = read(fds[0], got + sizeof(got) - 1, 1);
	got[n < 0 ? 0 : n] = '\0';
	check(more < 0, "'%s': more than one write", diag->what);
	check(strcmp(got, expected) == 0, "got '%s', not '%s'", got, expected);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

static void
test_message(void)
{
	char longest[5000], expected[5100];

	check_message(&(struct diag){ .what = "x" }, "supervise: x\n");
	check_message(&(struct diag){ .level = "fatal", .what = "x" },
	    "supervise: fatal: x\n");
	check_message(
	    &(struct diag){
		.level = "fatal",
		.what = "mkdir",
		.object = "/sys/fs/cgroup/x",
		.error = EACCES,
		.hint = "is it delegated?",
	    },
	    "supervise: fatal: mkdir /sys/fs/cgroup/x: EACCES "
	    "(is it delegated?)\n");
	check_message(
	    &(struct diag){ .what = "x", .error = ENOENT, .hint = "y" },
	    "supervise: x: ENOENT (y)\n");
	check_message(
	    &(struct diag){ .what = "x", .object = "" }, "supervise: x \n");
	/* one line whatever we quote, and nothing that moves a terminal */
	check_message(
	    &(struct diag){
		.what = "a\nb",
		.object = "c\rd\te\x01"
			  "f\x1b[31mg\x7fh",
		.hint = "i\nj\n",
	    },
	    "supervise: a?b c?d?e?f?[31mg?h (i?j?)\n");
	/* text in UTF-8 is left alone */
	check_message(&(struct diag){ .what = "x", .object = "h\xc3\xb6he" },
	    "supervise: x h\xc3\xb6he\n");

	memset(longest, 'l', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	(void)snprintf(expected, sizeof(expected), "supervise: %s", longest);
	expected[DIAG_SIZE - 2] = '\n';
	expected[DIAG_SIZE - 1] = '\0';
	check_message(&(struct diag){ .what = longest }, expected);
	(void)snprintf(expected, sizeof(expected), "supervise: x %s", longest);
	expected[DIAG_SIZE - 2] = '\n';
	expected[DIAG_SIZE - 1] = '\0';
	check_message(
	    &(struct diag){
		.what = "x",
		.object = longest,
		.error = ENOENT,
		.hint = longest,
	    },
	    expected);
}

/* Nobody reads: the alarm kills us if that holds diag_print up. */
static void
test_message_full(void)
{
	const struct diag diag = { .what = "x" };
	char rest[65536];
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0) {
		check(false, "pipe2: %s", strerror(errno));
		return;
	}
	(void)fcntl(fds[1], F_SETFL, O_NONBLOCK);
	memset(rest, 'r', sizeof(rest));
	while (write(fds[1], rest, sizeof(rest)) > 0)
		;
	(void)fcntl(fds[1], F_SETFL, 0);
	(void)alarm(5);
	diag_print(fds[1], &diag);
	(void)alarm(0);
	/* nor does a descriptor that is none */
	(void)close(fds[0]);
	(void)close(fds[1]);
	diag_print(fds[1], &diag);
	diag_print(-1, &diag);
	check(true, "returned");
}

/* ---- cgroup ----------------------------------------------------------- */

static void
test_path(void)
{
	static const struct {
		const char *line, *own, *path;
		int r; /* path is looked at when it is positive */
	} table[] = {
		/* unified, as systemd mounts it */
		{ "29 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 "
		  "cgroup2 rw,nsdelegate",
		    "/", "/sys/fs/cgroup", 1 },
		{ "29 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 "
		  "cgroup2 rw,nsdelegate",
		    "/user.slice/a", "/sys/fs/cgroup/user.slice/a", 1 },
		/* hybrid */
		{ "34 25 0:28 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw",
		    "/a", "/sys/fs/cgroup/unified/a", 1 },
		/* no optional fields, or many, or one called like an option */
		{ "1 2 0:3 / /m rw - cgroup2 none rw", "/a", "/m/a", 1 },
		{ "1 2 0:3 / /m rw shared:1 master:2 propagate_from:3 "
		  "unbindable - cgroup2 none rw",
		    "/a", "/m/a", 1 },
		{ "1 2 0:3 / /m rw ro:1 - cgroup2 none rw", "/a", "/m/a", 1 },
		/* only the beginning of the line */
		{ "1 2 0:3 / /m rw - cgroup2 ", "/a", "/m/a", 1 },
		/* any mount point, and any byte in it */
		{ "1 2 0:3 / / rw - cgroup2 none rw", "/", "/", 1 },
		{ "1 2 0:3 / /mnt/a\\040b rw - cgroup2 none rw", "/a",
		    "/mnt/a b/a", 1 },
		{ "1 2 0:3 / /a\\011b\\012c\\134d\\043e rw - cgroup2 none rw",
		    "/", "/a\tb\nc\\d#e", 1 },
		{ "1 2 0:3 / /\\040 rw - cgroup2 none rw", "/", "/ ", 1 },
		{ "1 2 0:3 / /a\\377 rw - cgroup2 none rw", "/", "/a\377", 1 },
		{ "1 2 0:3 / /a\\134040b rw - cgroup2 none rw", "/", "/a\\040b",
		    1 },
		/* no escape: taken as it is */
		{ "1 2 0:3 / /a\\04 rw - cgroup2 none rw", "/", "/a\\04", 1 },
		{ "1 2 0:3 / /a\\ rw - cgroup2 none rw", "/", "/a\\", 1 },
		{ "1 2 0:3 / /a\\089 rw - cgroup2 none rw", "/", "/a\\089", 1 },
		{ "1 2 0:3 / /a\\400 rw - cgroup2 none rw", "/", "/a\\400", 1 },
		/* blanks of our own name are no escapes */
		{ "1 2 0:3 / /m rw - cgroup2 none rw", "/a b\\040",
		    "/m/a b\\040", 1 },
		/* the mount shows a part: ours, or one above ours */
		{ "1 2 0:3 /a /m rw - cgroup2 none rw", "/a", "/m", 1 },
		{ "1 2 0:3 /a /m rw - cgroup2 none rw", "/a/b/c", "/m/b/c", 1 },
		{ "1 2 0:3 /a/b /m rw - cgroup2 none rw", "/a/b/c", "/m/c", 1 },
		{ "1 2 0:3 /a\\040b /m rw - cgroup2 none rw", "/a b/c", "/m/c",
		    1 },
		/* ... or another one, also where its name begins like ours */
		{ "1 2 0:3 /a /m rw - cgroup2 none rw", "/", "", 0 },
		{ "1 2 0:3 /a /m rw - cgroup2 none rw", "/b", "", 0 },
		{ "1 2 0:3 /a /m rw - cgroup2 none rw", "/ab", "", 0 },
		{ "1 2 0:3 /a /m rw - cgroup2 none rw", "/ab/c", "", 0 },
		{ "1 2 0:3 /a/b /m rw - cgroup2 none rw", "/a", "", 0 },
		{ "1 2 0:3 /a/b /m rw - cgroup2 none rw", "/a/bc", "", 0 },
		/* our own one is outside of our cgroup namespace */
		{ "1 2 0:3 / /m rw - cgroup2 none rw", "/..", "", 0 },
		{ "1 2 0:3 / /m rw - cgroup2 none rw", "/../a", "", 0 },
		{ "1 2 0:3 / /m rw - cgroup2 none rw", "/../../a", "", 0 },
		/* a name that merely begins so */
		{ "1 2 0:3 / /m rw - cgroup2 none rw", "/..a", "/m/..a", 1 },
		{ "1 2 0:3 / /m rw - cgroup2 none rw", "/...", "/m/...", 1 },
		{ "1 2 0:3 /..a /m rw - cgroup2 none rw", "/..a/b", "/m/b", 1 },
		/* the mount's root is above that of the namespace */
		{ "1 2 0:3 /.. /m rw - cgroup2 none rw", "/", "/m", 2 },
		{ "1 2 0:3 /.. /m rw - cgroup2 none rw", "/a", "/m", 3 },
		{ "1 2 0:3 /../.. /m rw - cgroup2 none rw", "/", "/m", 3 },
		{ "1 2 0:3 /../../.. /m rw - cgroup2 none rw", "/a/b", "/m",
		    6 },
		/* ... or beside it */
		{ "1 2 0:3 /../x /m rw - cgroup2 none rw", "/", "", 0 },
		{ "1 2 0:3 /../x /m rw - cgroup2 none rw", "/x", "", 0 },
		/* read-only, and options that only begin like that */
		{ "1 2 0:3 / /m ro,nosuid - cgroup2 none rw", "/", "", -EROFS },
		{ "1 2 0:3 / /m ro - cgroup2 none rw", "/a", "", -EROFS },
		{ "1 2 0:3 /.. /m ro - cgroup2 none rw", "/a", "", -EROFS },
		{ "1 2 0:3 /b /m ro - cgroup2 none rw", "/a", "", 0 },
		{ "1 2 0:3 / /m\\040ro rw - cgroup2 none rw", "/", "/m ro", 1 },
		/* other lines */
		{ "", "/", "", 0 },
		{ "x", "/", "", 0 },
		{ " - cgroup2", "/", "", 0 },
		{ "30 23 0:27 / /sys/fs/cgroup rw - cgroup cgroup rw,cpu", "/",
		    "", 0 },
		{ "30 23 0:27 / /m rw - cgroup2x none rw", "/", "", 0 },
		{ "30 23 0:27 / /m rw - xcgroup2 none rw", "/", "", 0 },
		{ "30 23 0:27 / /m rw - tmpfs cgroup2 rw", "/", "", 0 },
		{ "30 23 0:27 / /m rw - tmpfs - cgroup2 rw", "/", "", 0 },
		{ "30 23 0:27 / /cgroup2 rw - ext4 /dev/vda rw", "/", "", 0 },
		{ "30 23 0:27 / /m rw", "/", "", 0 },
	};
	char path[64];
	size_t i;
	int r;

	for (i = 0; i < LENGTH(table); i++) {
		memset(path, 0, sizeof(path));
		r = cgroup_path_of(
		    table[i].line, table[i].own, path, sizeof(path));
		check(r == table[i].r &&
			  (r <= 0 || strcmp(path, table[i].path) == 0),
		    "%s of '%s': %d '%s', not %d '%s'", table[i].own,
		    table[i].line, r, path, table[i].r, table[i].path);
	}
}

/* In a buffer of every size: the whole path, or ENAMETOOLONG. */
static void
check_path_sizes(const char *line, const char *own, const char *expected)
{
	char path[128];
	size_t size;
	int r;

	for (size = 1; size < 64; size++) {
		memset(path, '#', sizeof(path));
		r = cgroup_path_of(line, own, path, size);
		check(path[size] == '#', "written behind %zu bytes", size);
		if (r != -ENAMETOOLONG)
			check(r == 1 && strcmp(path, expected) == 0,
			    "in %zu bytes: %d '%s'", size, r, path);
		check(r == 1 || size <= strlen(expected) ||
			  size <= strlen("/root"),
		    "%zu bytes are enough for '%s': %d", size, expected, r);
	}
}

static void
test_path_sizes(void)
{
	check_path_sizes("1 2 0:3 / /mount rw - cgroup2 none rw", "/own/leaf",
	    "/mount/own/leaf");
	check_path_sizes(
	    "1 2 0:3 / /mo\\040unt rw - cgroup2 none rw", "/", "/mo unt");
	check_path_sizes("1 2 0:3 /root /mount rw - cgroup2 none rw",
	    "/root/own", "/mount/own");
	check_path_sizes(
	    "1 2 0:3 /root /m rw - cgroup2 none rw", "/root", "/m");
}

static void
test_value(void)
{
	static const struct {
		const char *text, *key;
		int r;
	} table[] = {
		{ "populated 1\nfrozen 0\n", "populated", 1 },
		{ "populated 1\nfrozen 0\n", "frozen", 0 },
		{ "populated 0\nfrozen 1\n", "populated", 0 },
		{ "populated 0\nfrozen 1\n", "frozen", 1 },
		{ "frozen 1\npopulated 0\n", "populated", 0 },
		{ "populated 1", "populated", 1 },
		{ "a 0\nb 1\nc 0\n", "b", 1 },
		/* a key that another one begins with, or ends with */
		{ "populated 1\nfrozen 0\n", "pop", -EINVAL },
		{ "populated_all 1\npopulated 0\n", "populated", 0 },
		{ "populated 0\npopulated_all 1\n", "populated_all", 1 },
		{ "unfrozen 1\nfrozen 0\n", "frozen", 0 },
		{ "unfrozen 1\n", "frozen", -EINVAL },
		/* it is not there */
		{ "", "populated", -EINVAL },
		{ "\n", "populated", -EINVAL },
		{ "populated 1\n", "frozen", -EINVAL },
		/* ... or has no value that we know */
		{ "populated\n", "populated", -EINVAL },
		{ "populated \n", "populated", -EINVAL },
		{ "populated", "populated", -EINVAL },
		{ "populated 2\n", "populated", -EINVAL },
		{ "populated 10\n", "populated", -EINVAL },
		{ "populated -1\n", "populated", -EINVAL },
		{ "populated max\n", "populated", -EINVAL },
		{ "populated  1\n", "populated", -EINVAL },
		{ "populated\t1\n", "populated", -EINVAL },
	};
	size_t i;
	int r;

	for (i = 0; i < LENGTH(table); i++) {
		r = cgroup_value_of(table[i].text, table[i].key);
		check(r == table[i].r, "%s of '%s': %d, not %d", table[i].key,
		    table[i].text, r, table[i].r);
	}
}

static const struct {
	const char *name;
	void (*test)(void);
} tests[] = {
	{ "number", test_number },
	{ "duration", test_duration },
	{ "time", test_time },
	{ "text", test_text },
	{ "timer", test_timer },
	{ "backoff", test_backoff },
	{ "limit", test_limit },
	{ "signal", test_signal },
	{ "signal-names", test_signal_names },
	{ "errno", test_errno },
	{ "message", test_message },
	{ "message-full", test_message_full },
	{ "path", test_path },
	{ "path-sizes", test_path_sizes },
	{ "value", test_value },
};

int
main(int argc, char **argv)
{
	size_t i;

	for (i = 0; i < LENGTH(tests); i++) {
		if (argc == 2 && strcmp(argv[1], tests[i].name) == 0) {
			tests[i].test();
			printf("%d checks, %d wrong\n", checks, failures);
			return failures > 0 || checks == 0;
		}
	}
	fprintf(stderr, "usage: pure NAME\n");
	return 2;
}
