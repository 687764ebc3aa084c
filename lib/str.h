/* SPDX-License-Identifier: ISC */
#ifndef STR_H
#define STR_H

/*
 * Text in fixed buffers, and numbers to text and back.
 *
 * A struct text collects one piece of text; what does not fit is dropped
 * and `full` says so: a diagnostic is then printed cut, a path must be
 * refused (ENAMETOOLONG). It is always terminated by a 0.
 *
 * The parsers take the whole string or nothing: 0, or -EINVAL and *ret_...
 * untouched. No sign, no blanks, no octal.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
	char *data;
	size_t size, length;
	bool full;
};

/* an empty text over the array */
#define TEXT(array)                                                            \
	{                                                                      \
		.data = (array), .size = sizeof(array)                         \
	}

void text_add(struct text *text, const char *more);
void text_add_bytes(struct text *text, const char *more, size_t length);
void text_add_number(struct text *text, int64_t number);

/* what follows prefix in s, or NULL where s does not begin with it */
const char *str_after(const char *s, const char *prefix);

int str_to_number(const char *s, uint64_t limit, uint64_t *ret_number);
/*
 * A duration in nanoseconds: a number with at most 9 decimals and the unit
 * ms, s (the default), m, h or d; or `inf`, which is INT64_MAX. What would
 * be longer than 100 years is refused.
 */
int str_to_duration(const char *s, int64_t *ret_ns);
/*
 * A point in time as seconds since 1970: `@SECONDS`, or
 * `YYYY-MM-DD[T ]HH:MM[:SS]` followed by `Z` or `+HH:MM` or `-HH:MM`.
 * The offset is required: local time needs tables that a static binary in
 * an empty image does not have.
 */
int str_to_time(const char *s, int64_t *ret_seconds);

#endif
