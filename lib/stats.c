/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "stats.h"
#include "str.h"
#include "sys.h"

/* Digits up to the end of the line; -1 where there are none ("max"). */
static int64_t
number_at(const char *s)
{
	int64_t number = 0;
	const char *first = s;

	for (; *s >= '0' && *s <= '9'; s++) {
		if (number > (INT64_MAX - 9) / 10)
			return -1;
		number = number * 10 + (*s - '0');
	}
	return s != first && (*s == '\n' || *s == '\0') ? number : -1;
}

int64_t
stats_value_of(const char *text, const char *key)
{
	const char *value;

	while (text != NULL && *text != '\0') {
		value = str_after(text, key);
		if (value != NULL && *value == ' ')
			return number_at(value + 1);
		text = strchr(text, '\n');
		if (text != NULL)
			text++;
	}
	return -1;
}

static void
add(int64_t *sum, int64_t more)
{
	if (more >= 0)
		*sum = (*sum < 0 ? 0 : *sum) + more;
}

static void
keep_highest(int64_t *highest, int leaf_fd, const char *file)
{
	char text[32];
	int64_t value;

	if (sys_read_file(leaf_fd, file, text, sizeof(text)) < 0)
		return;
	value = number_at(text);
	if (value > *highest)
		*highest = value;
}

int64_t
stats_oom_kills(int dir_fd, const char *path)
{
	char text[256];

	if (sys_read_file(dir_fd, path, text, sizeof(text)) < 0)
		return -1;
	return stats_value_of(text, "oom_kill");
}

void
stats_add_leaf(struct stats *stats, int leaf_fd)
{
	char text[1024];

	if (sys_read_file(leaf_fd, "cpu.stat", text, sizeof(text)) >= 0) {
		add(&stats->user_us, stats_value_of(text, "user_usec"));
		add(&stats->system_us, stats_value_of(text, "system_usec"));
	}
	add(&stats->oom_kills, stats_oom_kills(leaf_fd, "memory.events"));
	keep_highest(&stats->memory_peak, leaf_fd, "memory.peak");
	keep_highest(&stats->pids_peak, leaf_fd, "pids.peak");
}

static void
add_decimals(struct text *text, int64_t whole, int64_t part, int digits)
{
	char decimals[8] = ".";
	int i;

	text_add_number(text, whole);
	for (i = digits; i > 0; i--) {
		decimals[i] = (char)('0' + part % 10);
		part /= 10;
	}
	text_add_bytes(text, decimals, (size_t)digits + 1);
}

void
stats_add_seconds(struct text *text, int64_t us)
{
	add_decimals(text, us / 1000000, us % 1000000 / 1000, 3);
	text_add(text, " s");
}

void
stats_add_bytes(struct text *text, int64_t bytes)
{
	const int64_t mib = 1 << 20;

	add_decimals(text, bytes / mib, bytes % mib * 10 / mib, 1);
	text_add(text, " MiB");
}
