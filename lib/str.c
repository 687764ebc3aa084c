/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <string.h>

#include "str.h"
#include "sys.h"

void
text_add_bytes(struct text *text, const char *more, size_t length)
{
	size_t room = text->size - 1 - text->length;

	if (length > room) {
		length = room;
		text->full = true;
	}
	memcpy(text->data + text->length, more, length);
	text->length += length;
	text->data[text->length] = '\0';
}

void
text_add(struct text *text, const char *more)
{
	text_add_bytes(text, more, strlen(more));
}

void
text_add_number(struct text *text, int64_t number)
{
	char digits[20]; /* -2^63 has 19 and a sign */
	char *first = digits + sizeof(digits);
	uint64_t rest = (uint64_t)number;

	if (number < 0)
		rest = -rest;
	do
		*--first = (char)('0' + rest % 10);
	while ((rest /= 10) != 0);
	if (number < 0)
		*--first = '-';
	text_add_bytes(text, first, (size_t)(digits + sizeof(digits) - first));
}

const char *
str_after(const char *s, const char *prefix)
{
	while (*prefix != '\0')
		if (*s++ != *prefix++)
			return NULL;
	return s;
}

/* Digits from *s on, at least one, at most limit; *s ends behind them. */
static int
take_number(const char **s, uint64_t limit, uint64_t *ret_number)
{
	const char *c = *s;
	uint64_t number = 0, digit;

	if (*c < '0' || *c > '9')
		return -EINVAL;
	for (; *c >= '0' && *c <= '9'; c++) {
		digit = (uint64_t)(*c - '0');
		if (digit > limit || number > (limit - digit) / 10)
			return -EINVAL;
		number = number * 10 + digit;
	}
	*s = c;
	*ret_number = number;
	return 0;
}

int
str_to_number(const char *s, uint64_t limit, uint64_t *ret_number)
{
	uint64_t number;

	if (take_number(&s, limit, &number) < 0 || *s != '\0')
		return -EINVAL;
	*ret_number = number;
	return 0;
}

static const struct {
	char name[3];
	int64_t ns;
} units[] = {
	{ "", NS_PER_S },
	{ "s", NS_PER_S },
	{ "ms", NS_PER_MS },
	{ "m", 60 * NS_PER_S },
	{ "h", 3600 * NS_PER_S },
	{ "d", 86400 * NS_PER_S },
};

int
str_to_duration(const char *s, int64_t *ret_ns)
{
	const uint64_t longest = UINT64_C(36525) * 86400 * (uint64_t)NS_PER_S;
	uint64_t whole = 0, billionths = 0, unit;
	unsigned weight = (unsigned)NS_PER_S;
	size_t i;
	bool digits;

	if (strcmp(s, "inf") == 0) {
		*ret_ns = INT64_MAX;
		return 0;
	}
	digits = take_number(&s, longest, &whole) == 0;
	if (*s == '.') {
		for (s++; *s >= '0' && *s <= '9' && weight > 1; s++) {
			weight /= 10;
			billionths += (uint64_t)(*s - '0') * weight;
			digits = true;
		}
	}
	if (!digits)
		return -EINVAL;
	for (i = 0; i < sizeof(units) / sizeof(*units); i++) {
		if (strcmp(s, units[i].name) != 0)
			continue;
		unit = (uint64_t)units[i].ns;
		if (whole >= longest / unit)
			return -EINVAL;
		/* unit / 1e6 first: a billion billionths of a day overflow */
		*ret_ns = (int64_t)(whole * unit +
				    billionths * (unit / NS_PER_MS) / 1000);
		return 0;
	}
	return -EINVAL;
}

/* Exactly n digits, a value from low to high. */
static int
take_field(const char **s, int n, uint64_t low, uint64_t high, int64_t *ret)
{
	uint64_t number = 0;

	for (; n > 0; n--, (*s)++) {
		if (**s < '0' || **s > '9')
			return -EINVAL;
		number = number * 10 + (uint64_t)(**s - '0');
	}
	if (number < low || number > high)
		return -EINVAL;
	*ret = (int64_t)number;
	return 0;
}

static int
take_char(const char **s, char c)
{
	if (**s != c)
		return -EINVAL;
	(*s)++;
	return 0;
}

/* Days since 1970 in the Gregorian calendar; years begin in March here. */
static int64_t
days_since_epoch(int64_t year, int64_t month, int64_t day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t m = month <= 2 ? month + 9 : month - 3;

	return y * 365 + y / 4 - y / 100 + y / 400 + (m * 153 + 2) / 5 + day -
	       1 - 719468;
}

static int64_t
days_in_month(int64_t year, int64_t month)
{
	int64_t next = month == 12 ? 1 : month + 1;

	return days_since_epoch(month == 12 ? year + 1 : year, next, 1) -
	       days_since_epoch(year, month, 1);
}

int
str_to_time(const char *s, int64_t *ret_seconds)
{
	int64_t year, month, day, hour, minute, second = 0;
	int64_t off_hour = 0, off_minute = 0, seconds;
	uint64_t number;
	int sign = 0;

	if (*s == '@') {
		if (str_to_number(s + 1, INT64_MAX / NS_PER_S, &number) < 0)
			return -EINVAL;
		*ret_seconds = (int64_t)number;
		return 0;
	}
	if (take_field(&s, 4, 1970, 9999, &year) < 0 ||
	    take_char(&s, '-') < 0 || take_field(&s, 2, 1, 12, &month) < 0 ||
	    take_char(&s, '-') < 0 || take_field(&s, 2, 1, 31, &day) < 0 ||
	    day > days_in_month(year, month) ||
	    (take_char(&s, 'T') < 0 && take_char(&s, ' ') < 0) ||
	    take_field(&s, 2, 0, 23, &hour) < 0 || take_char(&s, ':') < 0 ||
	    take_field(&s, 2, 0, 59, &minute) < 0)
		return -EINVAL;
	if (take_char(&s, ':') == 0 && take_field(&s, 2, 0, 60, &second) < 0)
		return -EINVAL;
	if (*s == '+' || *s == '-') {
		sign = *s++ == '+' ? 1 : -1;
		if (take_field(&s, 2, 0, 23, &off_hour) < 0 ||
		    take_char(&s, ':') < 0 ||
		    take_field(&s, 2, 0, 59, &off_minute) < 0)
			return -EINVAL;
	} else if (take_char(&s, 'Z') < 0) {
		return -EINVAL;
	}
	if (*s != '\0')
		return -EINVAL;
	seconds = days_since_epoch(year, month, day) * 86400 + hour * 3600 +
		  minute * 60 + second -
		  sign * (off_hour * 3600 + off_minute * 60);
	if (seconds < 0)
		return -EINVAL;
	*ret_seconds = seconds;
	return 0;
}
