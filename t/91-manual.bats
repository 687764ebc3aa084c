#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# The manual, --help and the table of options say the same, and what the manual
# gives for examples runs as it stands there.
# shellcheck disable=SC2016,SC2154 # for a shell in there; set by run
# shellcheck disable=SC2034 # for end_test

load helper

setup() {
	begin_test
	MAN=$TOP/man
}

@test "every option is in the synopsis and has an entry, and none else" {
	"$SUPERVISE" --help | sed -nE 's/^  (-.,|   ) --([a-z-]+).*/\2/p' |
		LC_ALL=C sort >help
	sed -nE 's/^\.It (Fl . , )?Fl -([a-z-]+).*/\2/p' "$MAN/supervise.1" >entries
	LC_ALL=C sort entries | diff - help
	{
		# the letters, and then those without one
		sed -nE 's/^\.Op Fl ([[:alpha:]]+)( .*)?$/\1/p' "$MAN/supervise.1" |
			grep -o .
		sed -nE 's/^(\.Op |\.)Fl -([a-z-]+).*/\2/p' \
			<(sed -n '/^\.Sh SYN/,/^\.Sh DESC/p' "$MAN/supervise.1")
	} | LC_ALL=C sort -u >synopsis
	"$SUPERVISE" --help | sed -nE 's/^  -(.), --.*/\1/p
		s/^      --([a-z-]+).*/\1/p' | LC_ALL=C sort -u | diff - synopsis
}

@test "the defaults of --help are those of the manual" {
	local name value found
	"$SUPERVISE" --help | sed -nE \
		's/^  (-.,|   ) --([a-z-]+) .*\(([^ ()]+)\)$/\2 \3/p' >defaults
	(($(wc -l <defaults) >= 10))
	while read -r name value; do
		case $value in sd_notify | s6 | started) continue ;; esac
		found=$(awk -v re="Fl -$name( |\$)" '
			/^\.It / || /^\.El/ { on = $0 ~ re }
			on && /^\.Pq / { sub(/^\.Pq (Dq )?/, ""); print }
		' "$MAN/supervise.1")
		[[ $found = "$value" ]] || {
			echo "--$name: $value in --help, '$found' in the manual"
			return 1
		}
	done <defaults
}

@test "every page is clean in mandoc and in groff, also in 80 columns" {
	needs mandoc
	needs groff
	local page
	for page in "$MAN"/*.[1-8]; do
		run -0 mandoc -Tlint -Wwarning "$page"
		[[ -z $output ]]
		groff -mdoc -ww -Tutf8 "$page" >formatted 2>said
		[[ ! -s said ]] || {
			cat said
			return 1
		}
		# no cell of a table runs into the next, nor over the margin
		(($(sed 's/\x1b\[[0-9;]*m//g; s/.\x08//g' formatted | wc -L) <= 80))
	done
}

@test "every exit code of the sources is in the manual, in --help and in README" {
	local code
	while read -r code; do
		[[ $code != 128 ]] || continue
		grep -q "^\.It $code\$" "$MAN/supervise.1"
		"$SUPERVISE" --help | grep -qE "(^|[ ,])$code "
		grep -qE "(^|[ ,;])$code " "$TOP/README"
	done < <(sed -nE 's/^\tEXIT_[A-Z_]+ = ([0-9]+),.*/\1/p' "$TOP/lib/diag.h")
}

# The examples as they stand there, a line each.
examples() {
	sed -n '/^\.Sh EXAMPLES/,/^\.Sh DIAG/s/^\.Dl //p' "$MAN/supervise.1" |
		sed "s/\\\\(dq/\"/g; s|/run/web|$T/web|g"
}

stub() { # NAME SCRIPT
	printf '#!/bin/sh\n%s\n' "$2" >"bin/$1"
	chmod 755 "bin/$1"
}

# the one that runs what matches
supervisors_of() {
	pgrep -f "^supervise .*$1"
}

stop_of() {
	local pid
	pid=$(supervisors_of "$1" | head -n 1)
	kill -TERM "$pid"
	wait_until run ! kill -0 "$pid"
}

@test "the examples of the manual run as they are" {
	needs envdir
	needs softlimit
	local -a examples
	local line
	mkdir bin e
	PATH=$T/bin:$PATH
	ln -s "$SUPERVISE" bin/supervise
	stub run-tests 'echo >>tested'
	stub web 'echo >&3; exec sleep 60'
	cp bin/web server
	stub httpd 'ulimit -d >limit; echo "$FROM_E" >>limit'
	stub s6-setuidgid 'shift; exec "$@"'
	stub redis-server 'case $1 in
		--daemonize) (sleep 0.2; echo >served) & ;;
		--supervised) "$PROG/notify" - READY=1; exec sleep 60 ;;
		esac'
	stub s6-ipcserver 'echo >&3; exec sleep 60'
	stub nginx 'trap "echo QUIT >>quit; exit 0" QUIT; echo "$@" >>up
		while :; do sleep 0.01; done'
	printf 'test:\n\techo >made\n' >Makefile
	echo value >e/FROM_E
	mapfile -t examples < <(examples)
	# each has its turn below
	((${#examples[@]} == 12))

	run -0 timeout 20 bash -c "${examples[0]}" # a test run
	[[ -e made ]]

	[[ ${examples[1]} = 'ENTRYPOINT ['*']' ]]
	mapfile -t argv < <(sed 's/^ENTRYPOINT \["//; s/"\]$//; s/", "/\n/g' \
		<<<"${examples[1]}")
	spawn "${argv[@]}"
	SUPERVISE_PID=$!
	wait_until test -s up
	kill -TERM "$SUPERVISE_PID"
	ended
	((status == 0))
	[[ $(<quit) = QUIT && $(<up) = '-g daemon off;' ]]

	# `run` would wait for what goes on in the background
	timeout 20 bash -c "${examples[2]}" >/dev/null 2>&1 3>&- 4>&-
	[[ -e tested ]]
	run -0 timeout 20 bash -c "${examples[3]}"
	[[ $output = 'up (pid '* ]]
	run -0 timeout 20 bash -c "${examples[5]}" # a probe
	run -0 timeout 20 bash -c "${examples[4]}" # and its end
	run -0 timeout 20 supervise --wait gone web

	run -0 timeout 20 bash -c "${examples[6]}" # a chain
	[[ $(tail -n 1 limit) = value && $(head -n 1 limit) != unlimited ]]

	run -0 timeout 20 bash -c "${examples[7]}" # a daemon
	[[ -e served ]]

	rm tested
	timeout 20 bash -c "${examples[8]}" >/dev/null 2>&1 3>&- 4>&-
	[[ -e tested ]]
	stop_of './server'

	mkfifo pipe
	spawn bash -c "${examples[9]} 3>pipe"
	SUPERVISE_PID=$!
	run -0 timeout 20 cat pipe
	[[ -z $output ]] # a newline, which $() drops
	kill -TERM "$SUPERVISE_PID"
	ended
	((status == 143))

	line=${examples[10]#ExecStart=/usr/bin/}
	# shellcheck disable=SC2086 # words
	python3 - $line <<-'PY'
		import os, socket, subprocess, sys
		s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
		s.bind("notify")
		s.settimeout(10)
		os.environ["NOTIFY_SOCKET"] = os.path.abspath("notify")
		p = subprocess.Popen(sys.argv[1:])
		while b"READY=1" not in s.recv(4096):
		    pass
		p.terminate()
		assert p.wait() == 143
	PY

	spawn bash -c "${examples[11]} sleep 0.3" # and then that shell ends
	SUPERVISE_PID=$!
	wait_until supervisors_of '--die-with-parent'
	ended
	wait_until run ! supervisors_of '--die-with-parent'
}
