#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# What `make` left at the top: t/check has built it just now.

load helper

setup() {
	begin_test
	[ -z "${SAN-}" ] || skip "the sanitizers' binary is another"
	needs readelf
	BINARY=$TOP/supervise
	OBJECTS=$TOP/build/obj
	test -x "$BINARY"
}

# names of functions and data that are in the binary, $1 a pattern
linked() {
	nm "$BINARY" | awk -v re="^($1)\$" '$2 ~ /[A-TV-Za-tv-z]/ && $3 ~ re {
		print $3
	}'
}

# glibc's start-up brings a heap and stdio, and 700 KB; that is its affair
is_musl() {
	[ -z "$(linked '__libc_setup_tls|_dl_relocate_static_pie')" ]
}

@test "the binary is static: no interpreter, no dynamic section" {
	run -0 readelf -lW "$BINARY"
	[[ $output = *LOAD* ]]
	[[ $output != *INTERP* ]]
	[[ $output != *DYNAMIC* ]]
}

@test "no segment is writable and executable, the stack neither" {
	run -0 readelf -lW "$BINARY"
	[[ $output = *GNU_STACK* ]]
	[[ $output != *RWE* ]]
}

@test "the stripped binary is no larger than 90112 bytes" {
	needs musl is_musl
	strip -o stripped "$BINARY"
	size=$(stat -c %s stripped)
	echo "$size bytes"
	((size <= 90112))
}

@test "there is no heap in the binary" {
	needs musl is_musl
	run -0 linked '(__)?(libc_)?(malloc|calloc|realloc|free|memalign|brk|sbrk)'
	echo "$output"
	[ -z "$output" ]
}

@test "there is no printf, scanf, fopen or opendir in the binary" {
	needs musl is_musl
	run -0 linked '.*(printf|scanf)(_core)?|f(d|re)?open|opendir'
	echo "$output"
	[ -z "$output" ]
}

# The pattern would find nothing in a binary without symbols either.
@test "the symbols that these tests look at are there" {
	run -0 linked 'main|_start|exit'
	[ "${#lines[@]}" = 3 ]
}

@test "none of our objects has a writable variable" {
	run -0 find "$OBJECTS" -name '*.o'
	((${#lines[@]} > 10))
	run -0 nm -A "${lines[@]}"
	run grep -E ' [bBcCdDsSgG] ' <<<"$output"
	echo "$output"
	[ -z "$output" ]
}
