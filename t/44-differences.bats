#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# The table of the suites in supervise-dir(5), row by row: each cell is what
# the supervisor of that column is seen to do, and nothing else.
# shellcheck disable=SC2016 # for a shell in there

load helper

setup() {
	begin_test
	needs supervise command -v supervise
	needs runsv
	needs s6-supervise
	leaves_cgroup # a supervisor is killed
}

# The cells of a row, a line each
cells() { # SUBJECT
	sed -n "s/^\.It $1 Ta //p" "$TOP/man/supervise-dir.5" |
		sed 's/\\-/-/g; s/ Ta /\n/g' | sed 's/^-$/nothing/'
}

# What MEASURE says of each suite is what the row says. OURS: in place of the
# last cell, where that says two things.
row() { # SUBJECT MEASURE [OURS]
	local suite pids=()
	cells "$1" >said
	(($(wc -l <said) == 4))
	[[ -z ${3-} ]] || sed -i "4s/.*/$3/" said
	for suite in daemontools runit s6 supervise; do
		measure "$2" "$suite" >"seen.$suite" 3>&- 4>&- &
		pids+=($!)
	done
	for suite in "${pids[@]}"; do
		wait "$suite"
	done
	cat seen.{daemontools,runit,s6,supervise} >seen
	diff said seen
}

measure() { # MEASURE SUITE
	mkdir -p "$T/$2/web"
	cd "$T/$2" || return
	program 'exec 9>../held; flock 9; exec sleep 60'
	: >held
	: >log
	"$1" "$2"
	quit
}

program() {
	printf '#!/bin/sh\n%s\n' "$1" >web/run
	chmod 755 web/run
}

finish() {
	printf '#!/bin/sh\n%s\n' "$1" >web/finish
	chmod 755 web/finish
}

supervised() { # SUITE
	case $1 in
	daemontools) spawn supervise web ;;
	runit) spawn runsv web ;;
	s6) spawn s6-supervise web ;;
	runsv) ln -sf "$SUPERVISE" runsv && spawn ./runsv web ;;
	supervise) spawn "$SUPERVISE" web ;;
	esac
	SUPERVISE_PID=$!
	wait_until test -p web/supervise/control
}

letter() { # where nobody reads it any more it is lost
	printf '%s' "$1" | dd of=web/supervise/control oflag=nonblock \
		conv=notrunc status=none 2>/dev/null || :
}

is_held() {
	! flock -n held true
}

holders() {
	find /proc/[0-9]*/fd -lname "$PWD/held" 2>/dev/null | cut -d/ -f3 | sort -u
}

is_over() {
	! kill -0 "$SUPERVISE_PID" 2>/dev/null
}

# Whatever it is, and whatever it has left
quit() {
	local pid
	[[ -z $SUPERVISE_PID ]] || is_over || {
		letter dx
		T_LIMIT=1 wait_until is_over >/dev/null ||
			kill -KILL "$SUPERVISE_PID" || :
	}
	[[ -z $SUPERVISE_PID ]] || wait "$SUPERVISE_PID" || :
	SUPERVISE_PID=
	for pid in $(holders); do
		kill -KILL "$pid" 2>/dev/null || :
	done
	wait_until eval '! is_held'
}

has_happened() { # CMD...: within half a second
	local i
	for ((i = 0; i < 50; i++)); do
		! "$@" || return 0
		sleep 0.01
	done
	return 1
}

logs_signals() {
	program 'for s in HUP ALRM; do trap "echo $s >>../log" $s; done
		trap "echo TERM >>../log; exit" TERM
		echo up >>../log; while :; do sleep 0.02; done'
}

letter_x() {
	logs_signals
	supervised "$1"
	wait_until grep -q up log
	# what it sends for x comes before what it sends for a second a
	letter xa
	wait_until eval 'is_over || grep -q ALRM log'
	is_over || letter a
	wait_until eval 'is_over || (($(grep -c ALRM log) == 2))'
	if grep -q TERM log; then
		wait_until is_over
		echo stops
	else
		echo when down
	fi
}

@test "letter x" {
	row 'letter x' letter_x 'when down'
	cells 'letter x' | sed -n 2p >said
	[[ $(measure letter_x runsv) = "$(cat said)" ]]
}

stops_for() { # SUITE SIGNAL
	supervised "$1"
	wait_until is_held
	kill "-$2" "$SUPERVISE_PID"
	wait_until is_over
	if has_happened eval '! is_held'; then
		echo stops
	else
		echo leaks
	fi
}

on_term() {
	stops_for "$1" TERM
}

on_kill() {
	stops_for "$1" KILL
}

@test "TERM to it" {
	row 'TERM to it' on_term
}

@test "KILL of it" {
	row 'KILL of it' on_kill
}

pausing() {
	program 'exec 9>../held; flock 9; trap "exit" TERM
		while :; do echo >>../ticks; sleep 0.02; done &
		while :; do echo >>../log; sleep 0.02; done'
	: >ticks
	supervised "$1"
	wait_until test -s log
	letter p
	wait_until stands_still log # a second after its start, daemontools
	if stands_still ticks && stands_still ticks; then
		echo whole tree
	else
		echo program
	fi
	letter c
}

stands_still() { # FILE: for five times as long as it should
	local before
	before=$(wc -c <"$1")
	sleep 0.1
	(($(wc -c <"$1") == before))
}

@test "pause" {
	row pause pausing
}

restarting_paused() {
	[[ $1 = s6 || $1 = supervise ]] || {
		echo nothing # it has no such letter
		return
	}
	supervised "$1"
	wait_until is_held
	letter p
	wait_until eval '[[ $(s6-svstat -o paused web) = true ]]'
	letter r
	if has_happened eval '[[ $(s6-svstat -o paused web) = false ]]'; then
		echo continues
	else
		echo waits
	fi
	letter c
}

@test "r, paused" {
	row 'r, paused' restarting_paused
}

down_of() { # SUITE: what its clients call down
	case $1 in
	daemontools) [[ $(svstat web) = *': down '* ]] ;;
	runit) [[ $(sv status "$PWD/web") = 'down: '* ]] ;;
	*) s6-svwait -D -t 1 web ;;
	esac
}

downs() {
	program 'exec 9>../held; flock 9
		(trap "" TERM HUP; exec setsid sleep 60) & echo up >>../log; wait'
	finish 'echo finishing >>../log; until test -e ../go; do sleep 0.01; done
		echo finished >>../log'
	rm -f go
	echo 200 >web/timeout-kill
	supervised "$1"
	wait_until grep -q up log
	letter d
	[[ $1 = daemontools ]] || {
		wait_until grep -q finishing log
		! down_of "$1" 2>/dev/null || echo too early
		touch go
	}
	wait_until down_of "$1"
	if ! is_held; then
		echo nothing is left
	elif grep -q finished log; then
		echo finish over
	else
		echo run ended
	fi
}

@test "down means" {
	row 'down means' downs
}

restarts() {
	program 'date +%s%N >>../log; exit 1'
	supervised "$1"
	T_LIMIT=20 wait_until eval '(($(wc -l <log) == 3))'
	# from start to start, and there is some time between
	awk '{ if (NR > 1) d[NR - 1] = ($1 - last) / 1e9; last = $1 }
		END { if (d[1] < 0.95 || d[1] > 1.7) print "no second", d[1]
			else if (d[2] > 1.9) print "1s:60s"
			else print "after 1 s" }' log
}

@test "restart" {
	row restart restarts
}

finishes() {
	program 'kill -KILL $$'
	finish 'echo $1, signal $2 >>../log; exit 0'
	supervised "$1"
	if [[ $1 = daemontools ]]; then
		has_happened test -s log && cat log || echo nothing
	else
		wait_until test -s log
		sed 's/ 9$//; q' log
	fi
}

@test "finish gets" {
	row 'finish gets' finishes '256, signal'
	[[ $(measure finishes runsv) = '-1, signal' ]]
}

runs_with() {
	program 'echo "${1:-nothing}" >>../log; exec 9>../held; flock 9; exec sleep 60'
	supervised "$1"
	wait_until test -s log
	sed 's/^web$/name/' log
}

@test "run gets" {
	row 'run gets' runs_with name
	[[ $(measure runs_with runsv) = nothing ]]
}

gives_up() {
	program 'echo run >>../log; exit 1'
	finish 'echo finish >>../log; exit 125'
	touch web/down
	supervised "$1"
	[[ $1 = daemontools || $1 = runit ]] || {
		"$PROG/standin" listen web/event >heard 3>&- 4>&- &
		wait_until grep -q ready heard
	}
	letter u
	if [[ $1 = daemontools || $1 = runit ]]; then
		wait_until eval '(($(grep -c run log) > 1))' && echo nothing
		return
	fi
	wait_until grep -q D heard
	# no ready, no failed ...
	if [[ $(tail -n 1 heard) != *O* ]]; then
		echo nothing
	elif [[ $("$SUPERVISE" --status=keys web 2>/dev/null) = *failed=1* ]]; then
		echo O, and in status
	else
		echo event O
	fi
	letter x
	wait
}

@test "given up" {
	row 'given up' gives_up
}

ready_since() {
	[[ $1 = s6 || $1 = supervise ]] || {
		echo nothing
		return
	}
	program 'echo >&3; exec 9>../held; flock 9; exec sleep 60'
	echo 3 >web/notification-fd
	supervised "$1"
	s6-svwait -U -t 9000 web
	s6-svstat web | sed -E 's/.*, ready [0-9]{1,2} seconds.*/shown/
		s/.*, ready [0-9]{10,} seconds.*/nonsense to s6/'
}

@test "ready since" {
	row 'ready since' ready_since
}

logs_by() {
	mkdir web/log
	program 'echo said; exec 9>../held; flock 9; exec sleep 60'
	printf '#!/bin/sh\nexec cat >>../../log\n' >web/log/run
	chmod 755 web/log/run
	supervised "$1"
	wait_until is_held
	if has_happened grep -q said log; then
		[[ $1 != runit ]] || echo runsv
		[[ $1 != supervise ]] || echo itself
	else # who then does is seen in t/42 and t/43
		[[ $1 != daemontools ]] || echo svscan
		[[ $1 != s6 ]] || echo s6-svscan
	fi
}

@test "log" {
	row log logs_by itself
}

runs_scripts() {
	local letter
	mkdir web/control
	for letter in u h 1 p c t d; do
		printf '#!/bin/sh\necho %s >>../log; exit 1\n' "$letter" \
			>"web/control/$letter"
	done
	chmod 755 web/control/*
	program 'trap exit TERM; trap "" HUP USR1; exec 9>../held; flock 9
		while :; do sleep 0.02; done'
	supervised "$1"
	wait_until is_held
	letter h1pcd
	wait_until eval '! is_held'
	quit
	case $(xargs <log) in
	'u h 1 p c t d') echo all letters ;;
	'') echo nothing ;;
	*) xargs <log ;;
	esac
}

@test "control/X" {
	row 'control\/X' runs_scripts
}

tallies() {
	program 'exit 3'
	supervised "$1"
	wait_until test -p web/supervise/control
	has_happened test -s web/supervise/death_tally || {
		echo nothing
		return
	}
	s6-svdt -n 1 web | sed 's/^@.* exitcode 3$/s6-svdt/'
}

@test "death tally" {
	row 'death tally' tallies
}

finish_limit() {
	[[ $1 != daemontools ]] || {
		echo nothing
		return
	}
	program 'date +%s%N >>../log; exit 0'
	finish 'trap "" TERM; exec 9>../held; flock 9; exec sleep 2'
	echo 500 >web/timeout-finish
	supervised "$1"
	wait_until eval '(($(wc -l <log) == 2))'
	awk '{ if (NR > 1) d = ($1 - last) / 1e9; last = $1 }
		END { print (d > 1.9 ? "no limit" : "a limit") }' log
}

@test "finish has" {
	row 'finish has' finish_limit
}

@test "every row of the table has a test here" {
	sed -n '/^\.It Em subject/,/^\.El/s/^\.It \(.*\) Ta .* Ta .* Ta .* Ta .*/\1/p' \
		"$TOP/man/supervise-dir.5" | grep -v '^Em' | sort >rows
	sed -n 's/^@test "\(.*\)" {$/\1/p' "$BATS_TEST_FILENAME" |
		grep -v '^every row' | sort >tests
	(($(wc -l <rows) > 10))
	diff rows tests
}
