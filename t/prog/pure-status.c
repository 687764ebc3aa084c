/* SPDX-License-Identifier: ISC */
/*
 * pure-status pack	check the bytes of known states
 * pure-status unpack	check that what was packed comes back, and that nothing
 *			else is taken for a record
 * pure-status stat	check the lines of `stat`
 * pure-status lines	check what the clients print
 * pure-status letters	check the table of commands
 *
 * Prints what is wrong, a line each, and exits with 1 then.
 */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/client.h"
#include "../../lib/control.h"
#include "../../lib/status.h"

#define LENGTH(array) (sizeof(array) / sizeof(*(array)))

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

/* 2027-01-31 09:00:00 UTC */
#define NOW INT64_C(1801386000)

static const struct row {
	struct status status;
	const char *hex, *stat, *line, *keys; /* at NOW */
	bool normally_up;
} rows[] = {
	{
	    { .since_s = NOW - 3, .state = STATUS_DOWN },
	    "400000006b5ef8170000000000000000006400000000000000000000"
	    "0000000000000800000000000000"
	    "08",
	    "down",
	    "down 3 seconds",
	    "state=down\nwant=down\nnormally=down\nsince=1801385997\n"
	    "paused=0\nfailed=0",
	    false,
	},
	{
	    { .since_s = NOW - 10,
		.since_ns = 999999999,
		.state = STATUS_UP,
		.pid = 0x12345678,
		.want_up = true },
	    "400000006b5ef8103b9ac9ff785634120075000100000000"
	    "00000000123456780000040012345678000004",
	    "run",
	    "up (pid 305419896) 10 seconds",
	    "state=up\nwant=up\nnormally=up\nsince=1801385990\npaused=0\n"
	    "failed=0\npid=305419896",
	    true,
	},
	{
	    { .since_s = NOW - 10,
		.state = STATUS_UP,
		.pid = 123,
		.want_up = true,
		.ready = true,
		.ready_s = NOW - 9,
		.paused = true,
		.has_ended = true,
		.wstat = 0x0100 },
	    "400000006b5ef810000000007b000000017500016b5ef807"
	    "000000000000007b01000d020000007b01000d",
	    "run, paused",
	    "up (pid 123) 10 seconds, paused, ready 9 seconds",
	    "state=up\nwant=up\nnormally=up\nsince=1801385990\npaused=1\n"
	    "failed=0\npid=123\nready=1801385991\nexit=1",
	    true,
	},
	{
	    { .since_s = NOW, .state = STATUS_UP, .pid = 1, .got_term = true },
	    "400000006b5ef81a0000000001000000006401010000000000000000"
	    "0000000100000000000000010000"
	    "00",
	    "run, got TERM, want down",
	    "up (pid 1) 0 seconds, normally down, want down",
	    "state=up\nwant=down\nnormally=down\nsince=1801386000\npaused=0\n"
	    "failed=0\npid=1",
	    false,
	},
	{
	    { .since_s = NOW - 1,
		.state = STATUS_FINISH,
		.pid = 77,
		.has_ended = true,
		.wstat = SIGTERM,
		.will_exit = true },
	    "400000006b5ef819000000004d0000000064000200000000"
	    "000000000000004d000f02060000004d000f02",
	    "finish, want exit",
	    "finish (pid 77) 1 seconds, normally up, killed by TERM",
	    "state=finish\nwant=down\nnormally=up\nsince=1801385999\n"
	    "paused=0\nfailed=0\npid=77\nsignal=TERM",
	    true,
	},
	{
	    { .since_s = NOW - 1,
		.state = STATUS_FINISH,
		.want_up = true,
		.has_ended = true,
		.wstat = 0x8b /* with a core */ },
	    "400000006b5ef819000000000000000000750002000000000000000000000000"
	    "008b060200000000008b06",
	    "finish",
	    "finish 1 seconds, normally up, want up, killed by SEGV",
	    "state=finish\nwant=up\nnormally=up\nsince=1801385999\n"
	    "paused=0\nfailed=0\nsignal=SEGV",
	    true,
	},
	{
	    { .since_s = NOW - 7200,
		.state = STATUS_DOWN,
		.failed = true,
		.has_ended = true,
		.wstat = 0x7d00 },
	    "400000006b5edbfa000000000000000000640000000000000000000000000000"
	    "7d000803000000007d0008",
	    "down",
	    "down 7200 seconds, normally up, exit code 125, failed for good",
	    "state=down\nwant=down\nnormally=up\nsince=1801378800\n"
	    "paused=0\nfailed=1\nexit=125",
	    true,
	},
	{
	    /* the clock was set back */
	    { .since_s = NOW + 100, .state = STATUS_DOWN, .has_ended = true },
	    "400000006b5ef87e000000000000000000640000000000000000000000000000"
	    "0000080200000000000008",
	    "down",
	    "down 0 seconds, exit code 0",
	    "state=down\nwant=down\nnormally=down\nsince=1801386100\n"
	    "paused=0\nfailed=0\nexit=0",
	    false,
	},
};

static void
to_hex(const unsigned char *record, char *hex)
{
	int i;

	for (i = 0; i < STATUS_SIZE; i++)
		sprintf(hex + 2 * i, "%02x", record[i]);
}

static void
test_pack(void)
{
	unsigned char record[STATUS_SIZE + 1];
	char hex[2 * STATUS_SIZE + 1];
	size_t i;

	for (i = 0; i < LENGTH(rows); i++) {
		memset(record, '#', sizeof(record));
		status_pack(&rows[i].status, record);
		to_hex(record, hex);
		check(strcmp(hex, rows[i].hex) == 0, "%zu:\n  %s, not\n  %s", i,
		    hex, rows[i].hex);
		check(record[STATUS_SIZE] == '#', "%zu: behind its end", i);
	}
}

static bool
same(const struct status *a, const struct status *b)
{
	return a->since_s == b->since_s && a->since_ns == b->since_ns &&
	       (!a->ready || a->ready_s == b->ready_s) && a->pid == b->pid &&
	       a->state == b->state && a->wstat == b->wstat &&
	       a->has_ended == b->has_ended && a->paused == b->paused &&
	       a->got_term == b->got_term && a->want_up == b->want_up &&
	       a->ready == b->ready && a->will_exit == b->will_exit &&
	       a->failed == b->failed;
}

/* every bit turned gives another record or none, and none by half */
static void
test_unpack(void)
{
	unsigned char record[STATUS_SIZE + 4], again[STATUS_SIZE];
	struct status st, untouched;
	size_t i, length;
	int bit, r;

	memset(&untouched, 0x5a, sizeof(untouched));
	for (i = 0; i < LENGTH(rows); i++) {
		status_pack(&rows[i].status, record);
		for (length = 0; length < STATUS_SIZE; length++) {
			st = untouched;
			r = status_unpack(record, length, &st);
			check(r == -EBADMSG &&
				  memcmp(&st, &untouched, sizeof(st)) == 0,
			    "%zu: %zu bytes are taken", i, length);
		}
		for (; length <= sizeof(record); length++) {
			r = status_unpack(record, length, &st);
			check(r == 0 && same(&st, &rows[i].status),
			    "%zu: %zu bytes come back as others, %d", i, length,
			    r);
		}
		for (bit = 0; bit < 8 * STATUS_SIZE; bit++) {
			status_pack(&rows[i].status, record);
			record[bit / 8] ^= (unsigned char)(1 << bit % 8);
			r = status_unpack(record, STATUS_SIZE, &st);
			if (r < 0)
				continue;
			status_pack(&st, again);
			check(memcmp(record, again, STATUS_SIZE) == 0,
			    "%zu: bit %d is taken and lost", i, bit);
			/* pid, wait status, flags, state: all but times */
			check(bit / 8 < 12 ||
				  (bit == 128 && rows[i].status.pid == 0) ||
				  bit / 8 == 18 || bit / 8 == 19 ||
				  bit / 8 == 35 ||
				  (bit / 8 >= 20 && bit / 8 < 24),
			    "%zu: bit %d of byte %d is taken", i, bit, bit / 8);
		}
	}
	/* records of others: 18 bytes and zeroes; s6 2.13 */
	memset(record, 0, sizeof(record));
	check(status_unpack(record, STATUS_SIZE, &st) < 0, "zeroes");
	memset(record, 0xff, sizeof(record));
	check(status_unpack(record, STATUS_SIZE, &st) < 0, "ones");
	status_pack(&rows[1].status, record);
	memset(record + 12, 0x40, 12);
	check(status_unpack(record, STATUS_SIZE, &st) < 0, "s6");
}

static void
check_line(size_t i, const char *line, const char *expected)
{
	check(strcmp(line, expected) == 0, "%zu: '%s', not '%s'", i, line,
	    expected);
}

static void
test_stat(void)
{
	char line[64];
	size_t i;

	for (i = 0; i < LENGTH(rows); i++) {
		struct text text = TEXT(line);

		status_add_stat(&text, &rows[i].status);
		check_line(i, line, rows[i].stat);
	}
}

static void
test_lines(void)
{
	struct status longest = {
		.since_s = INT64_MIN / 4,
		.ready_s = INT64_MIN / 4,
		.pid = UINT32_MAX,
		.paused = true,
		.want_up = true,
		.ready = true,
		.has_ended = true,
		.failed = true,
		.wstat = 63,
	};
	char line[512], keys[512];
	struct text text = TEXT(line), text_keys = TEXT(keys);
	size_t i;

	for (i = 0; i < LENGTH(rows); i++) {
		text.length = text_keys.length = 0;
		client_describe(
		    &text, &rows[i].status, rows[i].normally_up, NOW);
		check_line(i, line, rows[i].line);
		client_add_keys(
		    &text_keys, &rows[i].status, rows[i].normally_up);
		check_line(i, keys, rows[i].keys);
	}
	for (i = STATUS_DOWN; i <= STATUS_FINISH; i++) {
		longest.state = (enum status_state)i;
		text.length = text_keys.length = 0;
		client_describe(&text, &longest, true, INT64_MAX / 4);
		client_add_keys(&text_keys, &longest, true);
		check(!text.full && !text_keys.full, "too long: %s", line);
	}
}

static void
test_letters(void)
{
	/* what some client of the three suites sends */
	static const char known[] = "udoOxrpchaitkq12bywUDQPCK";
	static const struct {
		const char *word;
		char letter;
	} words[] = {
		{ "up", 'u' },
		{ "down", 'd' },
		{ "once", 'o' },
		{ "restart", 'r' },
		{ "exit", 'x' },
		{ "pause", 'p' },
		{ "continue", 'c' },
		{ "hup", 'h' },
		{ "reload", 'h' },
		{ "term", 't' },
		{ "int", 'i' },
		{ "kill", 'k' },
		{ "quit", 'q' },
		{ "usr1", '1' },
		{ "usr2", '2' },
		{ "alarm", 'a' },
		{ "abort", 'b' },
		{ "winch", 'y' },
		{ "kill-all", 'K' },
		{ "u", 'u' },
		{ "K", 'K' },
	};
	static const char *const none[] = { "", "l", "z", "UP", "upp", "ud",
		"u ", "-u", "check", "atmost" };
	const struct control_letter *row;
	size_t i;
	int c;

	for (c = 0; c < 256; c++) {
		row = control_find((char)c, false);
		check((row != NULL) == (c != 0 && strchr(known, c) != NULL),
		    "letter %d: row %d", c, row != NULL);
		if (row == NULL)
			continue;
		check(row->letter == (char)c, "letter %c: row of %c", c,
		    row->letter);
		check((row->command == COMMAND_SIGNAL) == (row->signal != 0),
		    "letter %c: signal %d", c, row->signal);
	}
	check(control_find('x', false)->command == COMMAND_EXIT, "x");
	check(control_find('x', true)->command == COMMAND_STOP_EXIT, "runsv x");
	check(control_find('u', true)->command == COMMAND_UP, "runsv u");
	check(control_find('k', true)->signal == SIGKILL, "runsv k");
	for (i = 0; i < LENGTH(words); i++) {
		row = control_find_word(words[i].word);
		check(row != NULL && row->letter == words[i].letter, "%s",
		    words[i].word);
	}
	for (i = 0; i < LENGTH(none); i++)
		check(control_find_word(none[i]) == NULL, "'%s'", none[i]);
}

static const struct {
	const char *name;
	void (*test)(void);
} tests[] = {
	{ "pack", test_pack },
	{ "unpack", test_unpack },
	{ "stat", test_stat },
	{ "lines", test_lines },
	{ "letters", test_letters },
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
	fprintf(stderr, "usage: pure-status NAME\n");
	return 2;
}
