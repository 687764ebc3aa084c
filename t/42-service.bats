#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# A service directory, or -d: driven by the real clients of three suites, and
# by our own.
# shellcheck disable=SC2016,SC2154 # for a shell in there; set by run
# shellcheck disable=SC2034,SC2053 # for end_test; a pattern

load helper

setup() {
	begin_test
	needs svstat
	needs sv
	needs s6-svstat
	export S6_LIMIT=9000
	export SVWAIT=5
}

# service [RUN [FINISH]]: a directory `web`
service() {
	mkdir web
	printf '#!/bin/sh\n%s\n' "${1:-exec sleep 60}" >web/run
	chmod 755 web/run
	[[ -z ${2-} ]] || {
		printf '#!/bin/sh\n%s\n' "$2" >web/finish
		chmod 755 web/finish
	}
}

serve() { # [OPTION...]
	start "$@" web
	wait_until svok web
}

leave() {
	"$SUPERVISE" --control down web
	"$SUPERVISE" --control exit web
	ended
}

up() { # sets pid
	s6-svwait -u -t "$S6_LIMIT" web
	pid=$(s6-svstat -o pid web)
}

shows() { # PATTERN: svstat's line
	[[ $(svstat web) = $1 ]]
}

is_running() {
	kill -0 "$1" 2>/dev/null
}

@test "daemontools: svc -u -d -o -x, -p -c, and each signal" {
	service 'exec "$PROG/receive" 15 >>../got'
	serve --restart-delay 0
	up
	shows 'web: up (pid '"$pid"') *seconds' || svstat web
	local letter
	for letter in h a i 1 2 q; do
		s6-svc "-$letter" web 2>/dev/null || svc "-$letter" web
	done
	for letter in 1 2 3 10 12 14; do
		wait_until grep -q "^$letter " got
	done
	svc -p web
	wait_until shows '*, paused'
	svc -c web
	wait_until shows 'web: up (pid '"$pid"') * seconds'
	svc -d web
	s6-svwait -D -t "$S6_LIMIT" web
	shows 'web: down * seconds, normally up'
	svc -o web
	up
	svc -d web
	s6-svwait -D -t "$S6_LIMIT" web
	# once: not again when it ends
	svc -o web
	up
	svc -k web
	s6-svwait -D -t "$S6_LIMIT" web
	run -99 s6-svwait -u -t 300 web
	svc -x web
	ended
	((status == 0))
	run -100 svok web
}

@test "daemontools: svc -t restarts, svc -k too; svc -dx ends" {
	service
	serve --restart-delay 0
	local first
	up
	first=$pid
	svc -t web
	wait_until eval '[[ $(s6-svstat -o pid web) != '"$first"' ]]'
	up
	first=$pid
	svc -k web
	wait_until eval '[[ $(s6-svstat -o pid web) != '"$first"' ]]'
	up
	svc -dx web
	ended
	((status == 0))
}

@test "a file down: it is not started; up and down of s6 keep it" {
	service
	touch web/down
	serve
	shows 'web: down * seconds'
	"$SUPERVISE" --control U web
	up
	[[ ! -e web/down ]]
	"$SUPERVISE" --control D web
	s6-svwait -D -t "$S6_LIMIT" web
	[[ -e web/down ]]
	"$SUPERVISE" --control exit web
	ended
}

@test "runit: sv status, up, down, once, start, stop, restart, pause, signals, exit" {
	service 'trap "echo hup >>../got" HUP; echo up >>../got
		while :; do sleep 0.05; done'
	printf '#!/bin/sh\nexit 0\n' >web/check
	chmod 755 web/check
	serve --restart-delay 0
	run -0 sv status "$T/web"
	[[ $output = "run: $T/web: (pid "*") "* ]]
	run -0 sv start "$T/web"
	[[ $output = "ok: run: $T/web: "* ]]
	run -0 sv stop "$T/web"
	[[ $output = "ok: down: $T/web: "* ]]
	run -0 sv up "$T/web"
	up
	sleep 1.1 # sv looks at whole seconds, and restart waits for a later one
	run -0 sv restart "$T/web"
	[[ $output = "ok: run: $T/web: "* ]]
	up
	# a shell's trap is set by then
	wait_until eval '(($(grep -c up got) == 3))'
	run -0 sv hup "$T/web"
	wait_until grep -q hup got
	run -0 sv reload "$T/web"
	run -0 sv pause "$T/web"
	wait_until eval 'sv status "$T/web" | grep -q paused'
	run -0 sv cont "$T/web"
	wait_until eval '! sv status "$T/web" | grep -q paused'
	run -0 sv check "$T/web"
	run -0 sv force-stop "$T/web"
	run -0 sv once "$T/web"
	up
	run -0 sv kill "$T/web"
	wait_until eval 'sv status "$T/web" | grep -q ^down'
	run -0 sv status "$T/web"
	[[ $output = "down: $T/web: "* ]]
	"$SUPERVISE" --control exit web
	ended
	run -1 sv status "$T/web"
}

@test "runit: as runsv, x ends the program; without it does not" {
	service
	ln -s "$SUPERVISE" runsv
	spawn ./runsv web
	SUPERVISE_PID=$!
	wait_until svok web
	up
	run -0 sv exit "$T/web"
	ended
	((status == 0))
	run ! is_running "$pid"
	serve
	up
	local first=$pid
	svc -x web
	run -99 s6-svwait -d -t 300 web
	is_running "$first"
	svc -d web
	ended
}

@test "s6: -u -d -o -r -x with every kind of wait" {
	service
	serve --restart-delay 0
	up
	s6-svok web
	[[ $(s6-svstat -o up,wantedup,ready,paused,normallyup web) = \
		'true true false false true' ]]
	s6-svc -wd -T "$S6_LIMIT" -d web
	s6-svc -wu -T "$S6_LIMIT" -u web
	s6-svc -wD -T "$S6_LIMIT" -d web
	[[ $(s6-svstat -o exitcode,signal,signum web) = '-1 SIGTERM 15' ]]
	s6-svc -wu -T "$S6_LIMIT" -o web
	s6-svc -wD -T "$S6_LIMIT" -r web # once is once
	run -99 s6-svc -wu -T 300 -r web # and down is down
	s6-svc -wu -T "$S6_LIMIT" -u web
	s6-svc -wr -T "$S6_LIMIT" -r web
	s6-svc -wD -T "$S6_LIMIT" -dx web
	ended
	((status == 0))
	run -1 s6-svok web
}

@test "s6: readiness by notification-fd, for svwait, svlisten and ftrig-wait" {
	service 'until test -e ../go; do sleep 0.01; done; echo >&4; exec sleep 60'
	echo 4 >web/notification-fd
	serve
	up
	run -99 s6-svwait -U -t 200 web
	s6-ftrig-wait -t "$S6_LIMIT" web/event U >letter 3>&- 4>&- &
	local waiter=$!
	wait_until eval 'compgen -G "web/event/ftrig1*"'
	s6-svlisten1 -U -t "$S6_LIMIT" web touch go
	wait "$waiter"
	[[ $(cat letter) = U ]]
	s6-svwait -U -t "$S6_LIMIT" web
	[[ $(s6-svstat -o up,ready web) = 'true true' ]]
	leave
}

@test "s6: s6-notifyoncheck beside it" {
	needs s6-notifyoncheck
	service 'exec s6-notifyoncheck -d -s 10 -w 50 -n 0 sleep 60'
	echo 3 >web/notification-fd
	mkdir web/data
	printf '#!/bin/sh\ntest -e ../go\n' >web/data/check
	chmod 755 web/data/check
	serve
	run -99 s6-svwait -U -t 300 web
	touch go
	s6-svwait -U -t "$S6_LIMIT" web
	leave
}

@test "svscan finds it by PATH and runs it, with and without a log" {
	needs svscan
	mkdir scan bin
	ln -s "$SUPERVISE" bin/supervise
	service 'echo said; exec sleep 60'
	mkdir web/log
	printf '#!/bin/sh\nexec cat >>../../../logged\n' >web/log/run
	chmod 755 web/log/run
	mv web scan
	mkdir -p scan/plain
	printf '#!/bin/sh\nexec sleep 60\n' >scan/plain/run
	chmod 755 scan/plain/run
	PATH=$T/bin:$PATH spawn svscan scan
	local scan=$!
	wait_until svok scan/web
	wait_until svok scan/web/log
	wait_until svok scan/plain
	wait_until grep -q said logged
	[[ $(readlink "/proc/$(pgrep -P "$scan" | head -n 1)/exe") = "$SUPERVISE" ]]
	kill "$scan"
	wait "$scan" || true
	svc -dx scan/web scan/web/log scan/plain
	wait_until eval '! svok scan/web && ! svok scan/web/log && ! svok scan/plain'
}

@test "runsvdir runs it as runsv, with a log of its own" {
	needs runsvdir
	mkdir scan bin
	ln -s "$SUPERVISE" bin/runsv
	service 'echo said; exec sleep 60'
	mkdir web/log
	printf '#!/bin/sh\nexec cat >>../../../logged\n' >web/log/run
	chmod 755 web/log/run
	mv web scan
	PATH=$T/bin:$PATH spawn runsvdir scan
	local scan=$!
	wait_until svok scan/web
	wait_until grep -q said logged
	wait_until eval 'sv status "$T/scan/web" | grep -q "run: log: (pid"'
	kill -HUP "$scan" # which stops all, and itself
	wait "$scan" || true
	wait_until eval '! svok scan/web && ! svok scan/web/log'
}

@test "a log's pipe outlives its writer and its reader; nothing is lost" {
	# what a reader has read as it is ended is the reader's to lose: so
	# nothing is written while that is decided
	service 'echo start; i=0
		while [ $i -lt 50 ]; do
			i=$((i + 1)); echo "$i"
			[ $i != 10 ] || until test -e ../go; do sleep 0.01; done
		done
		touch ../said; exec sleep 60'
	mkdir web/log
	printf '#!/bin/sh\nexec cat >>../../logged\n' >web/log/run
	chmod 755 web/log/run
	serve --restart-delay 0
	wait_until svok web/log
	wait_until grep -q '^10$' logged
	svc -d web/log # the reader ends, and comes back
	wait_until eval 'svstat web/log | grep -q down'
	touch go
	wait_until test -e said
	run ! grep -q '^11$' logged
	svc -u web/log
	wait_until grep -q '^50$' logged
	svc -t web # the writer
	wait_until eval '(($(grep -c "^50$" logged) == 2))'
	[[ $(grep -c '^[0-9]' logged) = 100 && $(grep -c start logged) = 2 ]]
	# what supervises the log is killed: the pipe is still there
	local log
	log=$(s6-svstat -o pid web/log)
	kill -KILL "$(awk '/^PPid/ { print $2 }' "/proc/$log/status")"
	wait_until eval '! kill -0 '"$log"
	svc -t web
	wait_until eval '(($(grep -c "^50$" logged) == 3))'
	MAY_LEAVE_CGROUP=yes
	leave
	run -100 svok web/log
}

@test "the log ends after the last line of the program" {
	service 'trap "echo last words; exit" TERM; echo up
		while :; do sleep 0.01; done'
	mkdir web/log
	printf '#!/bin/sh\nexec cat >>../../logged\n' >web/log/run
	chmod 755 web/log/run
	serve
	wait_until grep -q up logged
	leave
	grep -q 'last words' logged
	run -100 svok web/log
}

@test "finish: its arguments, as s6 and as runit have them" {
	service 'test ! -e ../signal || kill -TERM $$; exit 7' \
		'echo "$1 $2 $3 $#" >>../finished; svc -d .'
	serve
	wait_until grep -q . finished
	[[ $(cat finished) = '7 0 web 4' ]]
	touch signal
	s6-svwait -D -t "$S6_LIMIT" web
	svc -u web
	wait_until grep -q '^256 15 web 4$' finished
	svc -dx web
	ended
	rm finished
	ln -s "$SUPERVISE" runsv
	spawn ./runsv web
	SUPERVISE_PID=$!
	wait_until grep -q '^-1 15 ' finished
	sv exit "$T/web"
	ended
}

@test "finish: down, not really down, while it runs; its time is limited" {
	service '' 'touch ../finishing; trap "" TERM; while :; do sleep 0.1; done'
	echo 500 >web/timeout-finish
	serve
	up
	svc -d web
	wait_until test -e finishing
	[[ $(s6-svstat -o up web) = false ]]
	sv status "$T/web" | grep -q '^finish'
	run -99 s6-svwait -D -t 10 web
	s6-svwait -D -t "$S6_LIMIT" web
	svc -x web
	ended
}

@test "finish: what it leaves behind is ended, too" {
	service '' 'setsid flock ../lock sh -c "trap \"\" TERM; sleep 60" &
		until test -e ../lock && ! flock -n ../lock true; do sleep 0.01; done'
	serve
	up
	svc -d web
	s6-svwait -D -t "$S6_LIMIT" web
	no_survivors lock
	svc -x web
	ended
}

@test "finish says 125: failed for good, which a late waiter finds" {
	service 'exit 3' 'exit 125'
	serve --restart-delay 0
	wait_until eval '"$SUPERVISE" --status web | grep -q "failed for good"'
	run -1 "$SUPERVISE" --wait ready web
	run -1 "$SUPERVISE" --wait up web
	"$SUPERVISE" --status=keys web >keys
	grep -qx failed=1 keys
	grep -qx exit=3 keys
	# until it is wanted again
	printf '#!/bin/sh\nexec sleep 60\n' >web/run
	svc -u web
	run -0 "$SUPERVISE" --wait up web
	leave
}

@test "control/X of runit stands for the signal, if it succeeds" {
	service 'exec "$PROG/receive" 15 >>../got'
	mkdir web/control
	printf '#!/bin/sh\necho hup >>../did; exit 0\n' >web/control/h
	printf '#!/bin/sh\necho usr1 >>../did; exit 1\n' >web/control/1
	printf '#!/bin/sh\necho term >>../did; kill -KILL -1\n' >web/control/t
	chmod 755 web/control/*
	serve --restart-delay 0
	up
	wait_until grep -q ready got
	sv hup "$T/web"
	wait_until grep -q hup did
	sv 1 "$T/web"
	wait_until grep -q '^10 ' got
	run ! grep -q '^1 ' got
	# it runs in the tree, and can kill that only
	svc -d web
	s6-svwait -D -t "$S6_LIMIT" web
	grep -q term did
	[[ $(s6-svstat -o signal web) = SIGKILL ]]
	svc -x web
	ended
}

@test "control/u: a stop is not held up by it, and nothing of it is left" {
	service 'touch ../ran; exec sleep 60'
	mkdir web/control
	printf '#!/bin/sh\n(trap "" TERM HUP; exec setsid flock ../held sleep 60 >/dev/null 2>&1) &\nsleep 0.1; echo up >>../said; exit 3\n' >web/control/u
	chmod 755 web/control/u
	serve
	up
	[[ $(cat said) = up ]] # whatever it exits with
	no_survivors held
	svc -d web
	s6-svwait -D -t "$S6_LIMIT" web
	rm -f ran
	# one that hangs is asked, and then killed
	printf '#!/bin/sh\ntouch ../begun\nexec sleep 60\n' >web/control/u
	svc -u web
	wait_until test -e begun
	shows '*: down *, want up'
	svc -d web
	wait_until shows '*: down * seconds, normally up'
	rm begun
	printf '#!/bin/sh\ntrap "" TERM\ntouch ../begun\nsleep 60\n' >web/control/u
	echo 200 >web/timeout-kill
	svc -u web
	wait_until test -e begun
	kill -TERM "$SUPERVISE_PID"
	ended
	((status == 0))
	[[ ! -e ran ]]
}

@test "control/X: nothing is swept before the script has ended" {
	service 'trap "echo TERM >>../said; exit" TERM
		while :; do sleep 0.02; done'
	mkdir web/control
	printf '#!/bin/sh\nkill -TERM "$(cat ../pid)"\nuntil grep -q TERM ../said; do sleep 0.01; done\nsleep 0.2\necho t >>../said\n' >web/control/t
	printf '#!/bin/sh\nsleep 0.2\necho d >>../said\n' >web/control/d
	chmod 755 web/control/*
	sed -i '2iecho $$ >../pid' web/run
	serve
	up
	wait_until test -s pid
	svc -d web
	s6-svwait -D -t "$S6_LIMIT" web
	[[ $(xargs <said) = 'TERM t d' ]]
	# but for the time that a stop has
	printf '#!/bin/sh\ntrap "" TERM\necho d >>../said\nsleep 60\n' >web/control/d
	: >said
	rm pid
	echo 300 >web/timeout-kill
	svc -u web
	wait_until test -s pid
	svc -d web
	s6-svwait -D -t "$S6_LIMIT" web
	grep -q d said
	leave
}

@test "timeout-kill, down-signal: as s6 has them" {
	service 'exec "$PROG/receive" 64 >>../got'
	echo HUP >web/down-signal
	echo 300 >web/timeout-kill
	serve
	up
	wait_until test -e got
	svc -d web
	s6-svwait -D -t "$S6_LIMIT" web
	grep -q '^1 ' got
	[[ $(s6-svstat -o signal web) = SIGKILL ]]
	svc -x web
	ended
	echo nonsense >web/down-signal
	echo nonsense >web/timeout-kill
	serve -k 100ms
	up
	leave
	(($(grep -c 'makes no sense' err) == 2))
}

@test "a run that cannot be executed is tried again" {
	service
	printf 'no script\n' >web/run
	sed -i '1s,.*,#!/nonexistent,' web/run
	start --restart-delay 50ms web
	wait_until eval '(($(grep -c "exec ./run" err) > 2))'
	printf '#!/bin/sh\nexec sleep 60\n' >web/run
	up
	leave
}

@test "one supervisor only, of whatever suite" {
	service
	serve
	up
	run -111 --separate-stderr "$SUPERVISE" web
	[[ $stderr = 'supervise: fatal: lock web (it is supervised already)' ]]
	run -111 timeout 5 supervise web
	run -111 timeout 5 runsv web
	run -100 timeout 5 s6-supervise web
	run -111 timeout 5 "$SUPERVISE" -d web true
	[[ $(s6-svstat -o pid web) = "$pid" ]]
	leave
	local suite
	for suite in supervise runsv s6-supervise; do
		command -v "$suite" >/dev/null || continue
		"$suite" web >/dev/null 2>&1 3>&- 4>&- 5>&- &
		local other=$!
		wait_until eval 'svok web || s6-svok web'
		run -111 "$SUPERVISE" web
		case $suite in
		runsv) sv exit "$T/web" ;;
		s6-*) s6-svc -dx web ;;
		*) svc -dx web ;;
		esac
		wait "$other" || true
	done
}

@test "-d: the command form with status and control" {
	mkdir run
	start -d run --ready-fd 4 -r on-failure sh -c '
		until test -e go; do sleep 0.01; done; echo >&4; exec sleep 60'
	wait_until svok run
	run -99 "$SUPERVISE" --wait ready -t 100ms run
	touch go
	run -0 "$SUPERVISE" --wait ready run
	run -0 "$SUPERVISE" --status run
	[[ $output = 'up (pid '*') '*' seconds, ready '*' seconds' ]]
	# down by a command it stays, and can be wanted again
	run -0 "$SUPERVISE" --control down run
	run -0 "$SUPERVISE" --wait down run
	svstat run
	run -0 "$SUPERVISE" --control up run
	run -0 "$SUPERVISE" --wait ready run
	kill -TERM "$SUPERVISE_PID"
	ended
	((status == 143))
	run -111 "$SUPERVISE" --status run
}

@test "-d: the directory is made, one that cannot be is refused" {
	run -0 "$SUPERVISE" -d new true
	[[ -p new/supervise/ok ]]
	run -111 --separate-stderr "$SUPERVISE" -d no/where touch started
	[[ $stderr = 'supervise: fatal: open no/where: ENOENT' ]]
	touch file
	run -111 --separate-stderr "$SUPERVISE" -d file touch started
	[[ $stderr = 'supervise: fatal: open file: ENOTDIR' ]]
	[[ ! -e started ]]
}

@test "-d: the end of the program is ours, with its code" {
	mkdir run
	run -7 "$SUPERVISE" -d run sh -c 'exit 7'
	run -125 "$SUPERVISE" -q -d run -r always --restart-delay 0 \
		--restart-limit 1 sh -c 'exit 7'
	# it keeps what a later start will need: our pipe, too
	"$SUPERVISE" -b -d run --ready-fd 4 sh -c 'echo >&4; exec sleep 60' \
		>/dev/null 3>&- 4>&-
	[[ $("$SUPERVISE" --status run) = *', ready '* ]]
	"$SUPERVISE" --control down run
	"$SUPERVISE" --control exit run
	"$SUPERVISE" --wait gone run
}

@test "--wait ends when the supervisor is killed, also without an event" {
	service
	serve
	up
	local goal expected
	for goal in down:1 gone:0; do
		expected=${goal#*:} goal=${goal%:*}
		"$SUPERVISE" --wait "$goal" web 3>&- 4>&- &
		local waiter=$!
		wait_until eval '[[ $(ls web/event) ]] || test '"$goal"' = gone'
		kill -KILL "$SUPERVISE_PID"
		run "-$expected" wait "$waiter" || true
		wait "$waiter" || (($? == expected || $? == 127))
		serve
		up
	done
	MAY_LEAVE_CGROUP=yes
	leave
}

@test "--wait: who takes its FIFO from the event directory does not hold it up" {
	service
	serve --access all
	up
	timeout 8 "$SUPERVISE" --wait down web 3>&- 4>&- &
	local waiter=$!
	wait_until eval 'rm web/event/ftrig1*'
	svc -d web
	wait "$waiter"
	leave
}

@test "--wait gone: also if another supervisor has come in its place" {
	leaves_cgroup
	service
	serve
	up
	"$SUPERVISE" --wait gone -t 8 web 3>&- 4>&- &
	local client=$!
	wait_until eval 'find /proc/'"$client"'/fd -lname "*/ok" | grep -q .'
	kill -STOP "$client"
	wait_until eval '[[ $(cut -d" " -f3 /proc/'"$client"'/stat) = T ]]'
	kill -KILL "$SUPERVISE_PID"
	ended
	serve
	kill -CONT "$client"
	wait "$client"
	leave
}

@test "a killed supervisor's log still reads: the next one waits for it" {
	leaves_cgroup
	service 'echo run; exec sleep 60'
	mkdir web/log
	printf '#!/bin/sh\ncat >>../../logged\nuntil test -e ../../go; do sleep 0.02; done\n' >web/log/run
	chmod 755 web/log/run
	serve
	up
	wait_until grep -q run logged
	kill -KILL "$SUPERVISE_PID"
	ended
	start web
	wait_until grep -q 'warning: wait for log' err
	run ! grep -q fatal err
	touch go
	wait_until eval '(($(grep -c run logged) == 2))'
	leave
}

@test "a probe: --wait ready -t 0 answers at once by its exit code" {
	service 'echo >&4; exec sleep 60'
	echo 4 >web/notification-fd
	run -111 "$SUPERVISE" --wait ready -t 0 web
	serve
	run -0 "$SUPERVISE" --wait ready web
	run -0 "$SUPERVISE" --wait ready -t 0 web
	svc -d web
	s6-svwait -D -t "$S6_LIMIT" web
	run -99 "$SUPERVISE" --wait ready -t 0 web
	svc -x web
	ended
	run -111 "$SUPERVISE" --wait ready -t 0 web
	run -111 "$SUPERVISE" --wait up nowhere
	run -100 "$SUPERVISE" --wait sideways web
	run -100 "$SUPERVISE" --wait up
	run -100 "$SUPERVISE" --wait up web web
	run -100 "$SUPERVISE" --control dance web
	run -100 "$SUPERVISE" --status=xml web
}

@test "pause holds the whole tree, and a stop or a kill goes through it" {
	service 'sh -c "while :; do date +%s%N >../beat; done" & wait'
	serve --restart-delay 0
	up
	wait_until test -s beat
	"$SUPERVISE" --control pause web
	wait_until eval '"$SUPERVISE" --status web | grep -q paused'
	local before=x
	still() {
		local now
		now=$(cat beat)
		[[ $now = "$before" ]] || { before=$now && false; }
	}
	wait_until still
	sleep 0.2 # the span is the measure
	still
	"$SUPERVISE" --control down web
	s6-svwait -D -t "$S6_LIMIT" web
	"$SUPERVISE" --control up web
	up
	"$SUPERVISE" --control pause web
	"$SUPERVISE" --control kill-all web
	wait_until eval '[[ $(s6-svstat -o pid web) != '"$pid"' ]]'
	leave
}

@test "two thousand bytes of noise, 200 clients at once: it stands" {
	service
	serve --restart-delay 0
	up
	head -c 2000 /dev/urandom | tr -d 'xdDUOQorukKptbiq12ahPCyw' >web/supervise/control
	local i clients=()
	for i in {1..200}; do
		svstat web >/dev/null 3>&- 4>&- &
		clients+=("$!")
		s6-svc -u web 3>&- 4>&- &
		clients+=("$!")
	done
	wait "${clients[@]}"
	[[ $(s6-svstat -o pid web) = "$pid" ]]
	head -c 3000 /dev/urandom | tr -d 'xDQU' >web/supervise/control
	svc -uc web
	up
	rm -f web/down
	leave
}

@test "the directory is removed, or replaced: the program goes on" {
	service
	serve --restart-delay 0
	up
	rm -rf web/supervise web/event
	mkdir web/event
	kill -KILL "$pid"
	wait_until grep -q 'warning: write' err
	kill -0 "$SUPERVISE_PID"
	(($(grep -c warning err) <= 2))
	kill -TERM "$SUPERVISE_PID"
	ended
	((status == 0))
}

@test "no room on the device: a warning, and the program stays watched" {
	needs root is_root
	mkdir small
	mount -t tmpfs -o size=64k,nr_inodes=40 none small || skip "no tmpfs"
	cd small || return
	service
	serve --restart-delay 0
	up
	dd if=/dev/zero of=fill bs=4096 2>/dev/null || true
	svc -t web
	wait_until eval '! kill -0 '"$pid"
	rm fill
	svc -t web
	wait_until eval '(($(s6-svstat -o pid web) > 0))'
	leave
	cd "$T" || return
	umount small
}

@test "--access: nobody may look by default, all may with all, commands never" {
	needs nobody "${AS_NOBODY[@]}" true
	chmod 755 "$T" "$T/.." 2>/dev/null || true
	service
	chmod 755 web
	serve
	up
	run ! "${AS_NOBODY[@]}" "$SUPERVISE" --status web
	run ! "${AS_NOBODY[@]}" s6-svstat web
	leave
	serve --access all
	up
	run -0 "${AS_NOBODY[@]}" "$SUPERVISE" --status web
	run -0 "${AS_NOBODY[@]}" "$SUPERVISE" --wait up web
	run -0 "${AS_NOBODY[@]}" s6-svstat web
	run -0 "${AS_NOBODY[@]}" s6-svwait -u -t "$S6_LIMIT" web
	run -111 "${AS_NOBODY[@]}" "$SUPERVISE" --control down web
	[[ $(s6-svstat -o pid web) = "$pid" ]]
	leave
	# what somebody has opened stays so, unless we are told
	serve
	run -0 "${AS_NOBODY[@]}" "$SUPERVISE" --status web
	leave
	serve --access owner
	run ! "${AS_NOBODY[@]}" "$SUPERVISE" --status web
	leave
}

modes() {
	stat -c '%n %a' web/event web/supervise web/supervise/{lock,control,ok} |
		sed 's,.*/,,' | xargs
}

@test "--access: wider or narrower, as it says; without it, as it is" {
	service
	local private='event 3730 supervise 700 lock 600 control 600 ok 600'
	serve
	[[ $(modes) = "$private" ]]
	leave
	serve --access all
	[[ $(modes) = 'event 1733 supervise 755 lock 644 control 600 ok 622' ]]
	leave
	serve
	[[ $(modes) = 'event 1733 supervise 755 lock 644 control 600 ok 622' ]]
	leave
	serve --access group
	[[ $(modes) = 'event 3730 supervise 750 lock 640 control 600 ok 620' ]]
	leave
	chmod 666 web/supervise/control
	serve --access owner
	[[ $(modes) = 'event 700 supervise 700 lock 600 control 600 ok 600' ]]
	s6-svwait -u -t "$S6_LIMIT" web
	leave
}

deaths() { # [PATTERN]: what --status=keys says of them
	"$SUPERVISE" --status=keys web | grep "^death${1-}"
}

is_down_for_good() {
	[[ $("$SUPERVISE" --status=keys web | xargs) = 'state=down want=down '* ]]
}

@test "the death tally: s6-svdt, --status, max-death-tally" {
	needs s6-svdt
	service 'n=$(wc -c <../runs); printf x >>../runs; exit $((n + 3))'
	touch runs
	echo 3 >web/max-death-tally
	serve --restart-delay 0
	wait_until eval '(($(wc -c <runs) > 6))'
	svc -o web
	wait_until is_down_for_good
	(($(wc -c <web/supervise/death_tally) == 3 * 14))
	local last=$(($(wc -c <runs) + 2)) now=$EPOCHSECONDS
	[[ $(s6-svdt web | sed 's/.* //' | xargs) = "$((last - 2)) $((last - 1)) $last" ]]
	[[ $(deaths 's=') = deaths=3 ]]
	[[ $(deaths '=' | sed 's/.* //' | xargs) = "$((last - 2)) $((last - 1)) $last" ]]
	local when
	when=$(deaths '=' | sed -n '$s/death=\([0-9]*\) exit .*/\1/p')
	((when <= now && when > now - 30))
	[[ $("$SUPERVISE" --status=keys web) = *$'\n'since=$when$'\n'* ]]
	[[ $("$SUPERVISE" --status web) = *", exit code $last, death tally 3" ]]
	# as s6 counts: what its tools make of that second is that second
	[[ $(s6-svdt web | tail -n 1 | s6-tai64nlocal | cut -d. -f1) = "$(date -d "@$when" '+%F %T')" ]]
	s6-svdt-clear web
	[[ $(deaths 's=') = deaths=0 ]]
	run ! deaths '='
	# it is another file, or none
	printf 'no tally' >web/supervise/death_tally
	chmod 755 web/run
	printf '#!/bin/sh\nprintf x >>../runs\nkill -KILL $$\n' >web/run
	svc -o web
	wait_until eval '[[ $(deaths =) = *" signal KILL" ]]'
	s6-svwait -D -t "$S6_LIMIT" web
	echo 0 >web/max-death-tally
	now=$(wc -c <runs)
	svc -o web
	wait_until eval '(($(wc -c <runs) > '"$now"'))'
	wait_until is_down_for_good
	[[ $(deaths 's=') = deaths=1 ]]
	# more than the usual, and not more than s6 would have
	head -c $((14 * 5000)) /dev/zero >web/supervise/death_tally
	echo 1000000 >web/max-death-tally
	svc -o web
	wait_until eval '(($(wc -c <web/supervise/death_tally) == 14 * 4096))'
	[[ $(s6-svdt -n 1 web) = *' signal SIGKILL' ]]
	leave
}

@test "the death tally: a hundred, in command form, too" {
	mkdir web
	head -c $((14 * 100)) /dev/zero >zero
	start -r always --restart-delay 10ms -d web sh -c 'test -e stop || exit 9; exec sleep 60'
	wait_until eval '(($(deaths s= | cut -d= -f2) > 3))'
	mkdir keep && cp zero keep/death_tally && mv keep/death_tally web/supervise/death_tally
	wait_until eval '(($(deaths s= | cut -d= -f2) == 100))'
	wait_until eval '[[ $(deaths '=' | tail -n 1) = *" exit 9" ]]'
	(($(deaths '=' | wc -l) == 100))
	touch stop
	printf dx >web/supervise/control
	ended
}

@test "300 restarts with a log and finish: no descriptor is leaked" {
	service 'printf x >>../runs' 'printf y >>../finishes'
	mkdir web/log
	printf '#!/bin/sh\nexec cat >/dev/null\n' >web/log/run
	chmod 755 web/log/run
	serve --restart-delay 0
	wait_until grep -q xxxxx runs
	local before after
	before=("/proc/$SUPERVISE_PID/fd"/*)
	T_LIMIT=30 wait_until eval '(($(wc -c <runs) > 300))'
	kill -STOP "$SUPERVISE_PID"
	after=("/proc/$SUPERVISE_PID/fd"/*)
	kill -CONT "$SUPERVISE_PID"
	((${#after[@]} <= ${#before[@]} + 8))
	leave
	(($(wc -c <runs) <= $(wc -c <finishes) + 1))
}

@test "paused: no check, no script and no watchdog holds us up or ends it" {
	service 'exec "$PROG/receive" 15 >>../got'
	mkdir web/control
	printf '#!/bin/sh\ntouch ../script\n' >web/control/h
	chmod 755 web/control/h
	serve --ready-check 'printf x >>../checks; false' --watchdog 60
	up
	wait_until grep -q xx checks
	svc -p web
	wait_until shows '*, paused'
	svc -h web
	sleep 0.5 # in which a check would have come, and never gone
	run -0 "$SUPERVISE" --status web
	svc -c web
	wait_until grep -q '^1 ' got
	[[ ! -e script ]]
	local n
	n=$(wc -c <checks)
	wait_until eval '(($(wc -c <checks) > '"$n"'))'
	leave

	mkdir run
	start --watchdog 300ms -d run --status-fd 5 sh -c '
		while "$PROG/notify" -b - WATCHDOG=1; do sleep 0.05; done' 5>events
	wait_until grep -q started events
	"$SUPERVISE" --control pause run
	wait_until grep -q paused events
	sleep 0.6 # twice the time
	"$SUPERVISE" --control continue run
	wait_until grep -q continued events
	run ! grep -q watchdog events
	kill -TERM "$SUPERVISE_PID"
	ended
	((status == 143))
}
