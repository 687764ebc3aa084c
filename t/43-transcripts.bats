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

# Pids, seconds and what follows a second's change are not compared.
normal() {
	sed -E "s,$T/,,g; s/pid [0-9]+/pid N/g; s/[0-9]+ ?s(econds)?/N s/g"
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

# with SUPERVISOR SCENARIO: its transcript
with() {
	local supervisor=$1 scenario=$2
	rm -rf web
	mkdir web
	printf '#!/bin/sh\nexec sleep 60\n' >web/run
	chmod 755 web/run
	"$supervisor" web >/dev/null 2>&1 3>&- 4>&- &
	SUPERVISE_PID=$!
	"$scenario" | normal
	"end_$scenario"
	ended
	echo "status $status"
}

compare() { # THEIRS OURS SCENARIO
	with "$1" "$3" >theirs
	with "$2" "$3" >ours
	run -0 diff theirs ours
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
	compare supervise "$SUPERVISE" daemontools
}

runit() {
	local web=$T/web
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
	sv exit "$T/web"
}

@test "runit: sv prints what it prints of runsv" {
	ln -s "$SUPERVISE" runsv
	compare "$(command -v runsv)" ./runsv runit
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
	compare s6-supervise "$SUPERVISE" s6
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
	compare s6-supervise "$SUPERVISE" events
}
