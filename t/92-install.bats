#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# What the Makefile does to the tree and to DESTDIR, in a copy of the tree.

load helper

setup() {
	begin_test
	[ -z "${SAN-}" ] || skip "these build their own"
	needs git work_tree
	needs make
	mkdir src dest
	# what git has or would take: no build products
	git_top ls-files -z --cached --others --exclude-standard |
		(cd "$TOP" && xargs -0 ls -d 2>/dev/null) |
		tar -C "$TOP" -cf - -T - | tar -C src -xf -
	unset CC CFLAGS LDFLAGS PREFIX DESTDIR
}

# root may be another than the owner of the tree
git_top() {
	git -C "$TOP" -c safe.directory='*' "$@"
}

work_tree() {
	git_top rev-parse --is-inside-work-tree
}

files_in() {
	(cd "$1" && find . ! -type d | LC_ALL=C sort)
}

pages() {
	local page
	for page in src/man/*.[1-8]; do
		[ ! -e "$page" ] ||
			echo "$1/man${page##*.}/${page##*/}"
	done
}

@test "install puts the program and its manual below DESTDIR and PREFIX" {
	make -s -j4 -C src install DESTDIR="$T/dest" PREFIX=/opt/x
	{
		echo ./opt/x/bin/supervise
		pages ./opt/x/share/man
	} | LC_ALL=C sort >expected
	files_in dest | diff expected -
	[ "$(stat -c %a dest/opt/x/bin/supervise)" = 755 ]
	for page in $(pages dest/opt/x/share/man); do
		[ "$(stat -c %a "$page")" = 644 ]
	done
}

@test "install without PREFIX goes to /usr/local" {
	make -s -j4 -C src install DESTDIR="$T/dest"
	[ -x dest/usr/local/bin/supervise ]
}

@test "uninstall removes what install put there, and nothing else" {
	make -s -j4 -C src install DESTDIR="$T/dest"
	touch dest/usr/local/bin/other
	make -s -j4 -C src uninstall DESTDIR="$T/dest"
	[ "$(files_in dest)" = ./usr/local/bin/other ]
}

@test "clean leaves the tree as it was before the build" {
	files_in src >before
	make -s -j4 -C src all probes
	[ -x src/supervise ]
	make -s -j4 -C src clean
	files_in src | diff before -
	run -0 find src -type d -empty
	[ -z "$output" ]
}

@test "what the build makes is ignored by git" {
	make -s -j4 -C src all probes
	git -C src init -q
	git -C src add .
	make -s -j4 -C src clean
	# nothing that was added has gone
	run -0 git -C src ls-files --deleted
	[ -z "$output" ]
}

@test "the caller's CFLAGS, CPPFLAGS and LDFLAGS are used, and a change of them builds anew" {
	make -j4 -C src all >first
	run ! grep -e -DMARK first
	make -j4 -C src all CPPFLAGS=-DMARK1 CFLAGS='-O2 -DMARK2' \
		LDFLAGS=-Wl,-s >second
	grep -q -- '-DMARK1.*-O2 -DMARK2.*supervise.c' second
	grep -q -- '-Wl,-s .*-o supervise' second
	make -j4 -C src all CPPFLAGS=-DMARK1 CFLAGS='-O2 -DMARK2' \
		LDFLAGS=-Wl,-s >third
	run ! grep -e -DMARK third
}

@test "clang builds it too, static" {
	needs clang
	make -s -j4 -C src all CC=clang 2>warnings
	cat warnings
	[ ! -s warnings ]
	run -0 readelf -lW src/supervise
	[[ $output = *LOAD* ]]
	[[ $output != *INTERP* ]]
}
