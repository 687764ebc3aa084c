#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# What the clients of a suite print, first with its own supervisor and then
# with ours, in the same scenario: the same, line by line.
# shellcheck disable=SC2016,SC2154 # for a shell in there; set by run
# shellcheck disable=SC2034 # for `ended`

load helper

setup() {
	begin_test
	needs supervise command -v supervise
	needs runsv
	needs s6-supervise
}

teardown() {
	[[ -n $BATS_TEST_COMPLETED ]] || tail -n 50 "$T"/*/{raw,log} || true
	end_test
}

# Pids, seconds and what follows a second's change are not compared.
normal() {
	sed -E "s/@4[0-9a-f]{23}/@TIME/; s,$PWD/,,g
		s/pid [0-9]+/pid N/g; s/[0-9]+ ?s(econds)?/N s/g"
}

say() {
	echo "\$ $*"
	"$@" 2>&1 || echo "exits with $?"
}

# Until the client's own words are these: the changes themselves take time.
settled() { # PATTERN CLIENT...
	local pattern=$1
	shift
	wait_until eval '[[ $('"$*"' 2>&1) = '"$pattern"' ]]'
}

# A program that keeps a log of the signals it gets, and its own time of each.
logging() {
	script run 'echo run >>../log; echo $$ >../pid
		for s in HUP ALRM INT CONT USR1; do trap "echo $s >>../log" $s; done
		trap "echo TERM >>../log; exit 0" TERM
		trap "echo USR2 >>../log; exit 0" USR2
		while :; do sleep 0.02; done'
	: >log
}

script() { # NAME TEXT
	printf '#!/bin/sh\n%s\n' "$2" >"web/$1"
	chmod 755 "web/$1"
}

logged() { # LINE...: what has come since the last time
	wait_until eval '[[ $(tail -n +'$((LOGGED + 1))' log | xargs) = "'"$*"'" ]]'
	LOGGED=$(wc -l <log)
	echo "logged $*"
}

is_down() {
	settled '*": down"*' svstat web
}

# with SCENARIO SUPERVISOR: its transcript
with() {
	local scenario=$1 supervisor=$2
	LOGGED=0
	rm -rf web log
	mkdir web
	printf '#!/bin/sh\nexec sleep 60\n' >web/run
	chmod 755 web/run
	if [[ $(type -t "prepare_$scenario") = function ]]; then
		"prepare_$scenario"
	fi
	spawn "$supervisor" web
	SUPERVISE_PID=$!
	"$scenario" >raw 2>&1
	normal <raw
	if [[ $(type -t "end_$scenario") = function ]]; then
		"end_$scenario"
	fi
	ended
	echo "status $status"
}

# Each in a directory of its own, both at once
compare() { # THEIRS OURS COMMAND...
	local theirs=$1 ours=$2 pid
	shift 2
	(mkdir theirs.d && cd theirs.d && "$@" "$theirs" >../theirs) 3>&- 4>&- &
	pid=$!
	mkdir ours.d
	(cd ours.d && "$@" "$ours" >../ours)
	wait "$pid"
	diff theirs ours
	(($(wc -l <theirs) > 10))
}

daemontools() {
	settled '*"up (pid"*' svstat web
	say svok web
	say svstat web
	say svc -p web
	settled '*paused' svstat web
	say svstat web
	say svc -c web
	settled '*seconds' svstat web
	say svstat web
	say svc -d web
	settled '*": down"*' svstat web
	say svstat web
	say svc -o web
	settled '*"up (pid"*' svstat web
	say svc -d web
	settled '*": down"*' svstat web
	say svstat web
	say svc -u web
	settled '*"up (pid"*' svstat web
	say svstat web
	touch web/down
	say svstat web
	rm web/down
	say svstat web nowhere
}

end_daemontools() {
	svc -dx web
}

@test "daemontools: svc, svstat and svok print what they print of supervise" {
	compare supervise "$SUPERVISE" with daemontools
}

prepare_letters() {
	logging
	touch web/down
}

letters() {
	settled '*": down"*' svstat web
	say svstat web
	say svc -u web
	logged run
	say svstat web
	say svc -ha web # one write
	wait_until eval '(($(wc -l <log) == 3))'
	sort log
	LOGGED=3
	say svc -i web
	logged INT
	say svc -pc web
	settled '*seconds*' svstat web
	say svc -du web
	wait_until eval '[[ $(tail -n 1 log) = run ]]'
	grep -vx CONT log | tail -n 2
	LOGGED=$(wc -l <log)
	say svc -k web
	logged run
	say svc -o web
	say svc -t web
	logged TERM
	is_down
	say svstat web
	say svc -ox web
	logged run
	say svc -t web
	logged TERM
	wait_until eval '! svok web'
	say svok web
	say svstat web
	say svc -u web
}

@test "daemontools: a file down, and several letters at once" {
	compare supervise "$SUPERVISE" with letters
}

# In `scan`: web with a log, and plain, which is down.
make_scan() {
	rm -rf scan
	mkdir -p scan/web/log scan/plain
	printf '#!/bin/sh\nexec sleep 60\n' >scan/web/run
	cp scan/web/run scan/plain/run
	printf '#!/bin/sh\nexec cat\n' >scan/web/log/run
	chmod 755 scan/*/run scan/web/log/run
	touch scan/plain/down
}

svscanned() { # BIN
	local svscan service
	make_scan
	PATH=$1:$PATH spawn svscan scan
	svscan=$!
	for service in scan/web scan/web/log; do
		settled '*"up (pid"*' svstat "$service"
	done
	settled '*down*' svstat scan/plain
	{
		say svstat scan/web scan/web/log scan/plain
		say svok scan/web
		say svc -d scan/web/log
		settled '*": down"*' svstat scan/web/log
		say svstat scan/web scan/web/log
		say svc -u scan/web/log
		settled '*"up (pid"*' svstat scan/web/log
		say svstat scan/web scan/web/log
	} >raw
	normal <raw
	kill "$svscan"
	wait "$svscan" || echo "svscan exits with $?"
	svc -dx scan/*
	# its standard input ends
	svc -x scan/web/log
	wait_until eval '! svok scan/web && ! svok scan/plain'
	svc -dx scan/web/log
	wait_until eval '! svok scan/web/log'
}

@test "daemontools: below svscan, with a log" {
	needs svscan
	mkdir theirs.bin ours.bin
	ln -s "$(command -v supervise)" theirs.bin/supervise
	ln -s "$SUPERVISE" ours.bin/supervise
	compare "$T/theirs.bin" "$T/ours.bin" svscanned
}

runsvdirs() { # BIN
	local scan=$PWD/scan
	make_scan
	PATH=$1:$PATH spawn runsvdir scan
	SUPERVISE_PID=$!
	settled '"run: "*"run: log"*' sv status "$scan/web"
	settled 'down*' sv status "$scan/plain"
	{
		say sv status "$scan/web" "$scan/plain" "$scan/nowhere"
		say sv start "$scan/plain"
		say sv status "$scan/web" "$scan/plain"
		say sv stop "$scan/web" "$scan/plain"
		say sv status "$scan/web" "$scan/plain"
	} >raw
	normal <raw
	kill -HUP "$SUPERVISE_PID" # TERM to each of them, and the end
	ended
	echo "runsvdir exits with $status"
	settled '*"not running"' sv status "$scan/web"
	settled '*"not running"' sv status "$scan/plain"
}

@test "runit: below runsvdir, with a log" {
	needs runsvdir
	mkdir theirs.bin ours.bin
	ln -s "$(command -v runsv)" theirs.bin/runsv
	ln -s "$SUPERVISE" ours.bin/runsv
	compare "$T/theirs.bin" "$T/ours.bin" runsvdirs
}

runit() {
	local web=$PWD/web
	settled '*"run: "*' sv status "$web"
	say sv status "$web"
	say sv stop "$web"
	say sv status "$web"
	say sv start "$web"
	say sv status "$web"
	say sv pause "$web"
	settled '*paused*' sv status "$web"
	say sv status "$web"
	say sv cont "$web"
	settled '*s' sv status "$web"
	say sv status "$web"
	say sv once "$web"
	settled '*"want down"*' sv status "$web"
	say sv status "$web"
	say sv down "$web"
	settled '*"down: "*' sv status "$web"
	say sv up "$web"
	settled '*"run: "*' sv status "$web"
	say sv check "$web"
	say sv force-stop "$web"
	say sv status "$web"
	say sv status "$T/nowhere"
}

end_runit() {
	sv exit "$PWD/web"
}

@test "runit: sv prints what it prints of runsv" {
	ln -s "$SUPERVISE" runsv
	compare "$(command -v runsv)" "$T/runsv" with runit
}

# What each control/X says, and the program: x and d wait for the program's
# own word, for who comes first is nobody's to say.
scripts() { # EXIT-CODE
	local letter
	logging
	mkdir web/control
	for letter in u h 1 p c; do
		script "control/$letter" "echo control/$letter >>../log; exit $1"
	done
	script control/t 'echo control/t >>../log
		[ "'"$1"'" = 1 ] || [ ! -e ../really ] || kill -USR2 $(cat ../pid)
		exit '"$1"
	for letter in d x; do
		script "control/$letter" 'until tail -n 2 ../log |
			grep -q "TERM\|USR2"; do sleep 0.01; done
			echo control/'"$letter"' >>../log; exit 1'
	done
	script finish 'echo finish $1 $2 >>../log'
	rm -f really
}

prepare_refused() {
	scripts 1
}

refused() {
	local web=$PWD/web
	logged control/u run
	say sv hup "$web"
	logged control/h HUP
	say sv pause "$web"
	logged control/p
	settled '*paused' sv status "$web"
	say sv cont "$web"
	logged control/c CONT
	settled '*s' sv status "$web"
	say sv status "$web"
	say sv 1 "$web"
	logged control/1 USR1
	say sv down "$web"
	logged control/t TERM control/d finish 0 0
	say sv status "$web"
	say sv once "$web"
	logged control/u run
	cat web/supervise/stat
	say sv term "$web"
	logged control/t TERM control/d finish 0 0
	say sv up "$web"
	logged control/u run
	say sv exit "$web"
	logged control/t TERM control/x finish 0 0
}

@test "runit: control/X, each before its signal" {
	ln -s "$SUPERVISE" runsv
	compare "$(command -v runsv)" "$T/runsv" with refused
}

prepare_stand_in() {
	scripts 0
}

stand_in() {
	local web=$PWD/web
	logged control/u run
	say sv hup "$web"
	logged control/h
	say sv 1 "$web"
	logged control/1
	say sv pause "$web"
	logged control/p
	settled '*paused' sv status "$web"
	cat web/supervise/stat
	say sv cont "$web"
	logged control/c
	settled '*s' sv status "$web"
	cat web/supervise/stat
	say sv term "$web"
	logged control/t
	say sv status "$web" # it has got no TERM
	cat web/supervise/stat
	# of them all the program has seen nothing
	touch really
	say sv down "$web"
	wait_until grep -q finish log
	grep -vx CONT log | tail -n +7
	say sv status "$web"
	say sv exit "$web"
}

@test "runit: control/X, each in place of its signal" {
	ln -s "$SUPERVISE" runsv
	compare "$(command -v runsv)" "$T/runsv" with stand_in
}

prepare_runit_rest() {
	touch web/down
	mkdir web/log
	script log/run 'exec cat >>../../logged'
	script run 'echo said; echo run >>../log; exec sleep 60'
	script finish 'echo finish $1 $2 >>../log; test -e ../go ||
		{ touch ../finishing; until test -e ../go; do sleep 0.01; done; }'
	rm -f go finishing logged
	: >log
}

runit_rest() {
	local web=$PWD/web
	settled '*"; run: log"*' sv status "$web"
	say sv status "$web"
	say sv status "$web/log"
	say sv up "$web"
	logged run
	wait_until grep -q said logged
	say sv status "$web"
	printf 'do' >web/supervise/control # ends, and is not begun anew
	wait_until test -e finishing
	settled '*finish*' sv status "$web"
	say sv status "$web"
	cat web/supervise/stat
	touch go
	logged finish -1 15
	settled 'down*' sv status "$web"
	say sv status "$web"
	printf tcu >web/supervise/control
	logged run
	settled 'run*' sv status "$web"
	printf du >web/supervise/control
	logged finish -1 15 run
	settled 'run*' sv status "$web"
	say sv status "$web"
	printf xu >web/supervise/control
	logged finish -1 15 run
	settled 'run*' sv status "$web"
	say sv status "$web"
	printf '#!/bin/sh\nexit 7' >web/run
	printf o >web/supervise/control
	say sv term "$web"
	logged finish -1 15
	settled 'down*' sv status "$web"
	say sv once "$web"
	wait_until grep -qx 'finish 7 0' log
	settled 'down*' sv status "$web"
	say sv status "$web"
	say sv stop "$web/log"
	say sv status "$web"
	say sv start "$web/log"
	say sv status "$web"
	say sv -v exit "$web"
	say sv status "$web"
}

@test "runit: finish, a log, a file down, and several letters at once" {
	ln -s "$SUPERVISE" runsv
	compare "$(command -v runsv)" "$T/runsv" with runit_rest
}

s6() {
	local fields=up,wantedup,normallyup,ready,paused,exitcode,signal
	wait_until s6-svok web
	say s6-svwait -u -t 9000 web
	say s6-svstat -o $fields web
	say s6-svc -wd -T 9000 -d web
	say s6-svwait -D -t 9000 web
	say s6-svstat -o $fields web
	say s6-svc -wu -T 9000 -o web
	say s6-svstat -o $fields web
	say s6-svc -wD -T 9000 -k web
	say s6-svstat -o $fields web
	say s6-svc -wu -T 9000 -u web
	say s6-svc -wr -T 9000 -r web
	say s6-svwait -u -t 9000 web
	say s6-svstat -o $fields web
	say s6-svwait -U -t 100 web
	touch web/down
	say s6-svstat -o $fields web
	rm web/down
	say s6-svc -wD -T 9000 -dx web
	wait_until eval '! s6-svok web'
	say s6-svc -u web
	say s6-svok web
}

end_s6() {
	:
}

@test "s6: s6-svc, s6-svstat, s6-svwait print what they print of s6-supervise" {
	compare s6-supervise "$SUPERVISE" with s6
}

events() {
	local waiter
	wait_until s6-svok web
	s6-svwait -u -t 9000 web
	"$PROG/standin" listen web/event >heard 3>&- 4>&- &
	waiter=$!
	wait_until grep -q ready heard
	s6-svc -wD -T 9000 -d web
	s6-svc -wu -T 9000 -u web
	s6-svc -wD -T 9000 -k -o web
	s6-svc -wu -T 9000 -u web
	s6-svc -wD -T 9000 -dx web
	wait "$waiter"
	# one write or two: the letters are what counts
	sed 's/^/heard /' heard
	printf '%.0s\n' {1..10}
}

end_events() {
	:
}

@test "s6: the letters of events, in their order" {
	compare s6-supervise "$SUPERVISE" with events
}

prepare_failing() {
	script run 'echo run "$@" >>../log; exit 3'
	script finish 'echo finish "$1" "$2" "$3" >>../log
		exec s6-permafailon 60 2 3 sh -c "exit 0"'
	echo 5000 >web/timeout-finish
	: >log
}

failing() {
	local fields=up,wantedup,normallyup,ready,paused,exitcode,signal
	wait_until eval '(($(wc -l <log) >= 4))'
	settled '"false "*' s6-svstat -o up,ready web
	say s6-svwait -D -t 9000 web
	say s6-svstat -o $fields web
	cat log
	say s6-svdt web
	say s6-svdt -n 1 web
	say s6-svdt-clear web
	say s6-svdt web
	script run 'exec sleep 60'
	script finish 'echo finish "$1" "$2" "$3" >>../log; exit 125'
	say s6-svwait -u -t 200 web
	say s6-svc -wu -T 9000 -u web
	"$PROG/standin" listen web/event >heard 3>&- 4>&- &
	local waiter=$!
	wait_until grep -q ready heard
	say s6-svc -k web
	wait_until grep -q D heard
	say s6-svstat -o $fields web
	say s6-svdt web
	tail -n 1 log
	say s6-svc -x web
	wait "$waiter"
	cat heard
}

@test "s6: finish, 125, s6-permafailon and the death tally" {
	needs s6-permafailon
	compare s6-supervise "$SUPERVISE" with failing
}

prepare_readiness() {
	script run 'echo run >>../log
		exec s6-notifyoncheck -s 10 -w 50 -n 0 sleep 60'
	echo 3 >web/notification-fd
	mkdir web/data
	script data/check 'test -e ../go'
	touch web/down
	rm -f go
	: >log
}

readiness() {
	local fields=up,wantedup,normallyup,ready,paused waiter
	wait_until s6-svok web
	say s6-svwait -D -t 9000 web
	say s6-svstat -o $fields web
	say s6-svc -wu -T 9000 -u web
	say s6-svwait -U -t 200 web
	say s6-svstat -o $fields web
	s6-ftrig-wait -t 9000 web/event U >letter 3>&- 4>&- &
	waiter=$!
	wait_until eval 'compgen -G "web/event/ftrig1*"'
	say s6-svlisten1 -U -t 9000 web touch go
	wait "$waiter"
	cat letter
	echo
	say s6-svwait -U -t 9000 web
	say s6-svstat -o $fields web
	say s6-svlisten1 -D -t 9000 web s6-svc -d web
	say s6-svstat -o $fields web
	say s6-svc -wU -T 9000 -u web
	say s6-svwait -a -U -t 9000 web web
	say s6-svwait -o -D -t 200 web web
	say s6-svc -wR -T 9000 -r web
	say s6-svc -p web
	settled 'true' s6-svstat -o paused web
	say s6-svc -c web
	settled 'false' s6-svstat -o paused web
	say s6-svc -wD -T 9000 -Dx web
	test -e web/down && echo down is there
	wait_until eval '! s6-svok web'
	cat log
}

@test "s6: notification, a file down, s6-svlisten1, s6-ftrig-wait" {
	needs s6-notifyoncheck
	compare s6-supervise "$SUPERVISE" with readiness
}
