#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Each of these was a bug.
# shellcheck disable=SC2016,SC2154 # for a shell in there; set by run
# shellcheck disable=SC2034,SC2053 # for end_test; a pattern

load helper

has() { # LINE: a whole event but for its time and numbers behind it
	grep -qE "^$1( |$)" <(sed -E 's/ time=[0-9]+//' events)
}

service() { # RUN [FINISH]
	mkdir -p web
	printf '#!/bin/sh\n%s\n' "$1" >web/run
	chmod 755 web/run
	[[ -z ${2-} ]] || {
		printf '#!/bin/sh\n%s\n' "$2" >web/finish
		chmod 755 web/finish
	}
}

serve() {
	start "$@" web
	wait_until "$SUPERVISE" --status web
}

is() { # PATTERN: the line of --status
	[[ $("$SUPERVISE" --status web) = $1 ]]
}

stop_it() {
	kill -TERM "$SUPERVISE_PID"
	ended
}

@test "READY=1 before we have looked at the exec is not lost" {
	local i
	for i in {1..60}; do
		run -0 "$SUPERVISE" --ready-socket --status-fd 5 \
			"$PROG/notify" -b - READY=1 5>events
		has 'ready by=socket .*' || { echo "lost in try $i"; false; }
	done
}

@test "a newline behind more than is read at once, and then the end" {
	local pid
	start --ready-fd 3 --status-fd 5 sh -c '
		until test -e go; do sleep 0.01; done
		head -c 5000 /dev/zero >&3; echo >&3' 5>events
	wait_until has 'started .*'
	pid=$(sed -n 's/^started .*pid=\([0-9]*\).*/\1/p' events)
	kill -STOP "$SUPERVISE_PID"
	touch go
	wait_until grep -q '^State:.*Z' "/proc/$pid/status"
	kill -CONT "$SUPERVISE_PID"
	ended
	has 'ready by=fd .*'
}

@test "a check that is born frozen holds nothing up" {
	needs cgroup cgroup_is_delegated
	start --ready-check false --status-fd 5 sleep 60 5>events
	wait_until has 'started .*'
	local leaf
	leaf=$CG/$(sed -n 's/^started .*cgroup=//p' events)
	echo 1 >"$leaf/cgroup.freeze"
	wait_until grep -q 'frozen 1' "$leaf/cgroup.events"
	sleep 1.2 # a check is due in there
	echo 0 >"$leaf/cgroup.freeze"
	stop_it
	((status == 143))
}

@test "a failing start does not take the end of the log's supervisor with it" {
	needs strace
	service 'exec sleep 60'
	mkdir -p web/log
	printf '#!/bin/sh\nexec cat >>../../logged\n' >web/log/run
	chmod 755 web/log/run
	serve --restart-delay 50ms:50ms
	wait_until "$SUPERVISE" --wait up -t 0 web/log
	local log
	log=$("$SUPERVISE" --status=keys web/log | sed -n 's/^pid=//p')
	log=$(awk '/^PPid/ { print $2 }' "/proc/$log/status")
	# dead and not reaped when the next start comes, and fails
	kill -STOP "$SUPERVISE_PID"
	kill -KILL "$log"
	"$SUPERVISE" --control kill web
	kill -CONT "$SUPERVISE_PID"
	wait_until eval '! kill -0 '"$log"
	wait_until "$SUPERVISE" --wait up -t 0 web/log
	stop_it
	MAY_LEAVE_CGROUP=yes
	((status == 0))
}

@test "paused, and the program dies: what is left is thawed and asked" {
	service 'sh -c "trap \"exit 0\" TERM; echo up >../up
		while :; do sleep 0.05; done" & exec sleep 60'
	echo 0 >web/timeout-kill
	serve
	wait_until test -e up
	"$SUPERVISE" --control pause web
	wait_until is '*paused*'
	"$SUPERVISE" --control kill web
	"$SUPERVISE" --control down web
	wait_until is 'down*'
	stop_it
}

@test "a watchdog's time is that of the run that has asked for it" {
	start -q -r always --restart-delay 0 --ready-socket --status-fd 5 sh -c '
		if test -e again; then
			"$PROG/notify" -b - READY=1; sleep 0.5; touch over; sleep 60
		fi
		touch again; "$PROG/notify" -b - WATCHDOG_USEC=200000 READY=1' 5>events
	wait_until test -e over
	run ! grep -q watchdog events
	stop_it
}

@test "--wait-all: letters reach what the program has left, and no dead pid is shown" {
	mkdir run
	start --wait-all -d run -- sh -c '
		setsid sh -c "trap \"echo hup >>got\" HUP; echo ready >got
			while :; do sleep 0.02; done" & sleep 0.2'
	wait_until grep -q ready got
	wait_until eval '[[ $(cat run/supervise/pid) = '"$SUPERVISE_PID"' ]]'
	"$SUPERVISE" --control hup run
	wait_until grep -q hup got
	"$SUPERVISE" --control pause run
	wait_until eval '"$SUPERVISE" --status run | grep -q paused'
	"$SUPERVISE" --control continue run
	stop_it
}

@test "a start that fails: once is once, and exit is exit" {
	service ''
	sed -i '1s,.*,#!/nonexistent,' web/run
	touch web/down
	serve -q --restart-delay 50ms:50ms --status-fd 5 5>events
	"$SUPERVISE" --control once web
	wait_until has 'empty'
	"$SUPERVISE" --control up web
	wait_until eval '(($(grep -c ^starting events) > 3))'
	"$SUPERVISE" --control exit web
	ended
	((status == 0))
}

@test "x, O and Q in the delay before a restart: there is none" {
	local letter
	for letter in x O Q; do
		rm -f runs web/down
		service 'printf r >>../runs; exit 1'
		serve --restart-delay 400ms
		wait_until is 'down*want up*'
		"$SUPERVISE" --control "$letter" web
		if [[ $letter = x ]]; then
			ended
		else
			wait_until is 'down*'
			run ! is '*want up*'
			stop_it
		fi
		[[ $(cat runs) = r ]]
	done
}

@test "STOPPING=1 when we stop, not when the service is told to be down" {
	"$PROG/notify" listen "$T/socket" got 3>&- 4>&- &
	local listener=$!
	wait_until grep -q listening got
	mkdir run
	NOTIFY_SOCKET=$T/socket start -d run --ready-fd 4 sh -c \
		'echo >&4; exec sleep 60'
	wait_until grep -q READY=1 got
	"$SUPERVISE" --control down run
	"$SUPERVISE" --wait down run
	run ! grep -q STOPPING got
	"$SUPERVISE" --control up run
	wait_until eval '(($(grep -c READY=1 got) == 2))'
	stop_it
	wait_until grep -q STOPPING=1 got
	kill "$listener"
	wait "$listener" || true
}

@test "control/t is waited for, also behind another script" {
	service 'exec "$PROG/receive" 10 >>../got'
	mkdir -p web/control
	printf '#!/bin/sh\nsleep 0.3\n' >web/control/h
	printf '#!/bin/sh\nkill -USR1 -1\n' >web/control/t
	chmod 755 web/control/*
	serve
	wait_until grep -q ready got
	"$SUPERVISE" --control hup web
	"$SUPERVISE" --control down web
	wait_until is 'down*'
	run ! grep -q '^15 ' got
	grep -q '^10 ' got
	stop_it
}

@test "-t is of all runs, whatever finish and a failing first start do to it" {
	service 'sleep 0.7' 'sleep 0.5'
	local before=$EPOCHREALTIME
	run -124 timeout 20 "$SUPERVISE" -t 1 web
	((${EPOCHREALTIME/./} - ${before/./} < 2000000))
	needs strace
	service 'exec sleep 60'
	run -124 timeout 20 strace -qq -o /dev/null -e trace=pipe2 \
		-e inject=pipe2:error=EMFILE:when=1 "$SUPERVISE" -q -t 1 \
		--restart-delay 50ms web
}

@test "--wait-all: finish's 125 counts" {
	service 'printf r >>../runs; exit 3' 'exit 125'
	serve --wait-all --restart-delay 0
	wait_until is '*failed for good*'
	[[ $(cat runs) = r ]]
	stop_it
}

@test "-b comes back when nothing is to be waited for" {
	service 'exec sleep 60'
	touch web/down
	timeout 10 "$SUPERVISE" -b web >/dev/null 3>&- 4>&-
	"$SUPERVISE" --control exit web
	"$SUPERVISE" --wait gone web
	rm web/down
	service 'exit 3'
	local status=0 # not `run`: it would wait for who goes on in the background
	timeout 10 "$SUPERVISE" -q -b --ready-fd 4 --restart-delay 0 \
		--restart-limit 1 web >/dev/null 3>&- 4>&- || status=$?
	((status == 125))
	"$SUPERVISE" --control exit web
	"$SUPERVISE" --wait gone web
}

@test "the log's supervisor is dead at the end: its last lines are read" {
	service 'trap "seq 50; exit" TERM; echo up; while :; do sleep 0.01; done'
	mkdir -p web/log
	printf '#!/bin/sh\nexec cat >>../../logged\n' >web/log/run
	chmod 755 web/log/run
	serve
	wait_until grep -q up logged
	local log
	log=$("$SUPERVISE" --status=keys web/log | sed -n 's/^pid=//p')
	log=$(awk '/^PPid/ { print $2 }' "/proc/$log/status")
	MAY_LEAVE_CGROUP=yes
	kill -KILL "$log"
	stop_it
	grep -q '^50$' logged
}

@test "as PID 1 the log outlives a restart" {
	needs root is_root
	service 'echo up; exec sleep 60'
	mkdir -p web/log
	printf '#!/bin/sh\necho reader; exec cat\n' >web/log/run
	chmod 755 web/log/run
	spawn unshare -pf --mount-proc --kill-child "$SUPERVISE" -q --no-pidns \
		--no-cgroup --restart-delay 0 web
	local outer=$!
	wait_until grep -q up out
	"$SUPERVISE" --control restart web
	wait_until eval '(($(grep -c up out) == 2))'
	(($(grep -c reader out) == 1))
	"$SUPERVISE" --control down web
	"$SUPERVISE" --control exit web
	wait "$outer"
}

@test "--status-fd on a plain file that others write, too" {
	(
		echo before
		"$SUPERVISE" --status-fd 1 echo program
		echo after
	) >both
	[[ $(head -n 1 both) = before && $(tail -n 1 both) = after ]]
	grep -q '^program$' both
	grep -q '^done ' both
}

@test "a program that ends at once has been started first, and had a pid" {
	local form i
	for form in '' --no-proc '--no-cgroup --no-proc' --no-pidns \
		'--no-pidns --no-cgroup'; do
		for ((i = 0; i < 20; i++)); do
			# shellcheck disable=SC2086
			"$SUPERVISE" -q $form --status-fd 3 true 3>events
			grep -qE '^started .*pid=[1-9]' events
			[[ $(cut -d' ' -f1 events | grep -v degraded | tr '\n' ' ') = \
				'starting started exited '*'empty done ' ]]
		done
	done
	# and finish is told of it
	service 'exit 0' 'echo "$4" >>../groups'
	serve --no-proc --restart-delay 0
	wait_until eval '(($(wc -l <groups) >= 20))'
	stop_it
	run ! grep -qvE '^[1-9][0-9]*$' groups
}

@test "--require is not to be had: a service is refused, too" {
	needs nobody nobody_can_run
	service 'exec touch ../started'
	chown -R 65534 web
	run -111 --separate-stderr timeout 10 "${AS_NOBODY[@]}" \
		"$SUPERVISE" --require sealed web
	[[ $stderr = 'supervise: fatal: --require sealed ('*')' ]]
	[[ ! -e started ]]
	"$SUPERVISE" --wait gone web
	chown -R 0 web
	run -111 timeout 10 "$SUPERVISE" -q --require limits web
	[[ ! -e started ]]
}

@test "a service that -t ends exits with 124 as well, mapped" {
	service 'exec sleep 60'
	run -124 timeout 10 "$SUPERVISE" -t 200ms web
	run -9 timeout 10 "$SUPERVISE" --exit-code 124=9 -t 200ms web
	service 'exec sleep 60'
	serve --exit-code 0=7
	kill -TERM "$SUPERVISE_PID"
	ended
	((status == 7))
}

@test "who ends what was down already is told" {
	service 'exec sleep 60'
	start --status-fd 5 web 5>events
	wait_until "$SUPERVISE" --wait up -t 0 web
	"$SUPERVISE" --control down web
	"$SUPERVISE" --wait down web
	kill -TERM "$SUPERVISE_PID"
	ended
	grep -q '^stopping .*cause=signal signal=TERM pid=[1-9]' events
}

# A message to the socket of $SUPERVISE_PID, from outside its tree.
socket_of() {
	local inode
	inode=$(find "/proc/$SUPERVISE_PID/fd" -lname 'socket:*' -printf '%l\n' |
		tr -dc '0-9\n' | sort -u)
	awk -v inodes="$inode" '
		BEGIN { split(inodes, list, "\n"); for (i in list) own[list[i]] }
		$7 in own && $8 ~ /^@/ { print $8 }' /proc/net/unix
}

@test "a message from outside is refused in a service that is down, too" {
	needs nobody nobody_can_run
	service 'echo "fds:$LISTEN_FDS"; exec sleep 60'
	touch web/down
	start --ready-socket web
	wait_until "$SUPERVISE" --status web
	# who waits for the barrier is there to be looked at
	"${AS_NOBODY[@]}" "$PROG/notify" -b -f /dev/null "$(socket_of)" \
		FDSTORE=1 STATUS=mine
	wait_until grep -q 'not of the tree' err
	"$SUPERVISE" --control up web
	wait_until grep -q '^fds:' out
	[[ $(<out) = fds: ]]
	stop_it
}

@test "stored descriptors leave the next start the numbers that it needs" {
	run -125 --separate-stderr bash -c 'ulimit -n 100
		exec "$SUPERVISE" -r always --restart-delay 0 --restart-limit 1 \
			--ready-socket bash -c '\''
			test ! -e again || { echo "$LISTEN_FDS"; exit; }
			touch again
			for i in {1..40}; do
				"$PROG/notify" -b -f /dev/zero - FDSTORE=1
			done'\'
	((output > 9 && output < 40))
	[[ $stderr = *"notify: FDSTORE=1: EMFILE (a limit of open files"* ]]
}

@test "--ready-timeout and kill-all while the exec takes its time" {
	needs strace
	local slow=(strace -f -qq -o /dev/null -e trace=execve
		-e inject=execve:delay_enter=600000:when=2)
	run -124 timeout 20 "${slow[@]}" "$SUPERVISE" --ready-fd 3 \
		--ready-timeout 200ms -k 100ms sleep 30
	mkdir web
	spawn "${slow[@]}" "$SUPERVISE" -d web sleep 30
	SUPERVISE_PID=$!
	local pid
	program_is_made() {
		pid=$(pgrep -P "$SUPERVISE_PID") && [[ $(pgrep -c -P "$pid") = 2 ]]
	}
	wait_until program_is_made
	"$SUPERVISE" --control kill-all web
	ended
	((status == 137))
}

@test "-b: to end well is not to be ready" {
	local status=0
	timeout 10 "$SUPERVISE" -b --ready-fd 3 true 3>&- 4>&- || status=$?
	((status == 1))
	timeout 10 "$SUPERVISE" -b true 3>&- 4>&-
}

@test "--ready-path: behind links, relative and absolute" {
	mkdir -p a b/real c
	ln -s ../b/real/sock a/here
	ln -s "$T/c/late" b/link
	local path
	for path in a/here "$T/a/here"; do
		rm -f b/real/sock
		run -0 "$SUPERVISE" --ready-path "$path" --ready-timeout 8 \
			--status-fd 5 sh -c '
			sleep 0.1; : >b/real/sock
			until test -e go; do sleep 0.01; done' 5>events &
		wait_until has 'ready by=path .*'
		touch go
		wait
		rm go
	done
	# a link on the way, to what comes to exist later
	"$SUPERVISE" --ready-path b/link/sock --ready-timeout 8 --status-fd 5 \
		sh -c 'sleep 0.1; mkdir c/late; sleep 0.1; : >c/late/sock
			until test -e go; do sleep 0.01; done' 5>events 3>&- 4>&- &
	wait_until has 'ready by=path .*'
	touch go
	wait
}

@test "--ready-path: what cannot be watched is named" {
	needs nobody nobody_can_run
	mkdir -m 711 shut
	run -124 --separate-stderr "${AS_NOBODY[@]}" "$SUPERVISE" --no-cgroup \
		--ready-path shut/x --ready-timeout 200ms sleep 60
	[[ $stderr = *"--ready-path: watch shut/: EACCES"* ]]
}

@test "STOPPING=1 of the program is passed on when it says so" {
	"$PROG/notify" listen "$T/up" got 3>&- 4>&- &
	local listener=$!
	wait_until grep -q listening got
	NOTIFY_SOCKET=$T/up spawn "$SUPERVISE" --ready-socket sh -c '
		"$PROG/notify" -b - READY=1 STOPPING=1
		until test -e go; do sleep 0.01; done'
	SUPERVISE_PID=$!
	wait_until grep -q STOPPING=1 got
	touch go
	ended
	((status == 0 && $(grep -c STOPPING got) == 1))
	kill "$listener"
	wait "$listener" || true
}

@test "--watchdog alone: what the program says is passed on, all of it" {
	"$PROG/notify" listen "$T/up" got 3>&- 4>&- &
	local listener=$!
	wait_until grep -q listening got
	NOTIFY_SOCKET=$T/up run -0 "$SUPERVISE" --watchdog 5 sh -c '
		"$PROG/notify" -b - "READY=1\nSTATUS=hi" WATCHDOG=1'
	wait_until grep -q WATCHDOG=1 got
	grep -q READY=1 got
	grep -q STATUS=hi got
	kill "$listener"
	wait "$listener" || true
	# and READY=1 is no readiness where another way was asked for
	run -0 "$SUPERVISE" --watchdog 5 --ready-check false --status-fd 5 sh -c '
		"$PROG/notify" -b - READY=1' 5>events
	run ! has 'ready .*'
}

@test "one descriptor for two of our options is refused" {
	local pair
	for pair in '--status-fd 7 --notify-fd 7' '--lifeline 7 --status-fd 7' \
		'--notify-fd 7 --lifeline 7'; do
		# shellcheck disable=SC2086
		run -100 "$SUPERVISE" $pair true 7>file
		[[ ${#lines[@]} = 1 ]]
	done
}

@test "FDSTORE: what is in there already is not doubled by each restart" {
	run -125 "$SUPERVISE" -q -r always --restart-delay 0 --restart-limit 3 \
		--ready-socket python3 -c '
import array, os, socket
fd = 3 if "LISTEN_FDS" in os.environ else os.memfd_create("m")
print(os.environ.get("LISTEN_FDS", 0), flush=True)
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.connect("\0" + os.environ["NOTIFY_SOCKET"][1:])
s.sendmsg([b"FDSTORE=1"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
    array.array("i", [fd]))])'
	[[ $output = 0$'\n'1$'\n'1$'\n'1 ]]
}

@test "finish makes nothing ready, and has no socket of ours" {
	service 'exit 1' '"$PROG/notify" "${NOTIFY_SOCKET:-@none}" READY=1
		echo "socket:$NOTIFY_SOCKET" >>../told'
	start -q --restart-delay 50ms:50ms --ready-socket --status-fd 5 web 5>events
	wait_until eval '(($(wc -l <told) >= 3))'
	run -99 "$SUPERVISE" --wait ready -t 0 web
	stop_it
	run ! has 'ready .*'
	[[ $(sort -u told) = socket: ]]
}

@test "a status that is cut ends with a whole character" {
	run -0 "$SUPERVISE" --ready-socket --status-fd 5 python3 -c '
import os, socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.connect("\0" + os.environ["NOTIFY_SOCKET"][1:])
for n in range(4):
    s.send(b"STATUS=" + b"x" * n + "\u20ac".encode() * 200)' 5>events
	(($(grep -c '^status ' events) == 4))
	iconv -f UTF-8 -t UTF-8 events >/dev/null
}

@test "what is stored is given up when the service is told to be down" {
	service 'echo "fds:$LISTEN_FDS"
		"$PROG/notify" -b -f /dev/zero - FDSTORE=1; exec sleep 60'
	start -q --ready-socket --restart-delay 0 web
	wait_until grep -q '^fds:$' out
	"$SUPERVISE" --control restart web
	wait_until grep -q '^fds:1$' out
	"$SUPERVISE" --control down web
	"$SUPERVISE" --wait down web
	"$SUPERVISE" --control up web
	wait_until eval '(($(grep -c "^fds:$" out) == 2))'
	stop_it
}

# t/prog/stuck.c: a file whose close and whose status never come back
has_fuse() {
	: >fuse
	[[ -c /dev/fuse ]] && {
		NOTIFY_SOCKET=@none timeout -s KILL 2 unshare -pf --kill-child \
			"$PROG/stuck" fuse x 0 >fused || true
		grep -q said fused
	}
}

@test "a stored file whose server does not answer holds nothing up" {
	needs root is_root
	needs fuse has_fuse
	local form
	: >file
	for form in '' --no-cgroup --no-pidns; do
		# more than fit: some are closed
		# shellcheck disable=SC2086
		start -q $form -r always -k 300ms --ready-socket \
			"$PROG/stuck" "$T/file" FDSTORE=1 70
		wait_until grep -q said out
		kill -TERM "$SUPERVISE_PID"
		ended 5
		((status == 143 || status == 137))
	done
}

@test "a message with such a file from a stranger holds nothing up either" {
	needs root is_root
	needs fuse has_fuse
	local stranger message
	: >file
	for message in READY=1 FDSTORE=1 BARRIER=1; do
		rm -f said
		start -r always -k 300ms --ready-socket --status-fd 9 sleep 60 \
			9>events
		wait_until has 'started .*'
		NOTIFY_SOCKET=$(socket_of) setsid "$PROG/stuck" file $message \
			>said 2>&1 3>&- 4>&- &
		stranger=$!
		wait_until grep -q said said
		[[ $message = BARRIER=1 ]] || wait_until grep -q 'not of the tree' err
		kill -TERM "$SUPERVISE_PID"
		ended 5
		kill -KILL -- -"$stranger"
		wait "$stranger" || true
	done
}

@test "supervise, event and log/supervise may be links to where nothing is yet" {
	service 'echo up; exec sleep 60'
	mkdir -p web/log away
	printf '#!/bin/sh\nexec cat >>../../logged\n' >web/log/run
	chmod 755 web/log/run
	ln -s "$T/away/sup.web" web/supervise
	ln -s ../away/event.web web/event
	ln -s ../../away/sup.web.log web/log/supervise
	serve
	wait_until grep -q up logged
	[[ -p away/sup.web/ok && -p away/sup.web.log/ok ]]
	[[ $(stat -c %a away/event.web) = 3730 ]]
	stop_it
}

@test "who is told to exit does, whatever else is said until then" {
	needs svc
	local how
	service 'trap "sleep 0.3; exit 0" TERM; echo up; while :; do sleep 0.05; done'
	for how in 'svc -dx web; svc -u web' 's6-svc -r -x web' \
		'kill -TERM "$SUPERVISE_PID"; sleep 0.1; svc -u web'; do
		serve --restart-delay 0
		wait_until grep -q up out
		eval "$how"
		ended
		((status == 0))
	done
	# but runsv heeds what comes last
	ln -s "$SUPERVISE" runsv
	spawn ./runsv web
	SUPERVISE_PID=$!
	wait_until grep -q up out
	svc -x web
	svc -u web
	wait_until eval '(($(grep -c up out) == 2))'
	stop_it
}

@test "an end that a letter has ordered is no failure: no back-off" {
	needs sv
	local i before
	export SVWAIT=5
	service 'trap "sleep 0.1; exit 0" TERM; while :; do sleep 0.02; done'
	ln -s "$SUPERVISE" runsv
	spawn ./runsv web
	SUPERVISE_PID=$!
	for i in 1 2 3; do
		# sv knows the restart by its second
		wait_until is 'up (pid *) [1-9]* seconds*'
		before=$EPOCHREALTIME
		sv restart "$T/web"
		((${EPOCHREALTIME/./} - ${before/./} < 900000)) # below --restart-delay
	done
	stop_it
	service 'echo up; exec sleep 60'
	serve -q --restart-delay 5s
	for i in 1 2 3; do
		T_LIMIT=3 wait_until eval '(($(grep -c up out) == i))'
		svc -t web
	done
	T_LIMIT=3 wait_until eval '(($(grep -c up out) == 4))'
	stop_it
}

@test "what is for the program does not reach finish" {
	service 'exec sleep 60' 'echo begin >>../told; sleep 0.5; echo end >>../told'
	local how
	for how in 'svc -h web' 'svc -t web' 'svc -i web' 's6-svc -r web' \
		'kill -HUP "$SUPERVISE_PID"'; do
		rm -f told
		serve --restart-delay 0
		wait_until is 'up *'
		svc -d web
		wait_until test -s told
		eval "$how"
		wait_until is 'down *'
		[[ $(<told) = begin$'\n'end ]]
		stop_it
	done
}

@test "r starts nothing that is to be down" {
	service 'exec sleep 60'
	touch web/down
	serve
	"$SUPERVISE" --control restart web
	"$SUPERVISE" --control up web
	"$SUPERVISE" --wait up web
	"$SUPERVISE" --control down web
	"$SUPERVISE" --control restart web
	"$SUPERVISE" --wait down web
	run -99 "$SUPERVISE" --wait up -t 300ms web
	stop_it
}

@test "--access is for others whatever the umask" {
	needs nobody nobody_can_run
	service 'exec sleep 60'
	chmod 711 web
	(
		umask 077
		exec "$SUPERVISE" --access all web 3>&- 4>&-
	) &
	SUPERVISE_PID=$!
	wait_until "$SUPERVISE" --wait up -t 0 web
	"${AS_NOBODY[@]}" "$SUPERVISE" --status web
	stop_it
}

@test "finish, timeout-kill, down-signal that come later are heeded" {
	service 'trap "" TERM INT; while :; do sleep 0.1; done'
	serve -k 60
	wait_until is 'up *'
	printf '#!/bin/sh\necho "$@" >../told\n' >web/finish
	chmod 755 web/finish
	echo 200 >web/timeout-kill
	echo INT >web/down-signal
	"$SUPERVISE" --control down web
	"$SUPERVISE" --wait down -t 8 web
	[[ $(<told) = '256 9 web '* ]]
	rm web/finish
	"$SUPERVISE" --control up web
	"$SUPERVISE" --wait up web
	"$SUPERVISE" --control down web
	"$SUPERVISE" --wait down -t 8 web
	[[ ! -s err ]]
	stop_it
}

@test "a read-only service directory: without events, with a warning" {
	needs root is_root
	service 'exec sleep 60'
	mkdir web/supervise away
	spawn unshare -m sh -c 'mount --bind away web/supervise &&
		mount --bind -o ro web web && mount --bind away web/supervise &&
		exec "$SUPERVISE" web'
	SUPERVISE_PID=$!
	wait_until test -p away/ok
	grep -q '^supervise: warning: event web: EROFS' err
	wait_until eval 'grep -q run away/stat'
	stop_it
}

@test "run and finish get the name by which the service was called" {
	mkdir real
	printf '#!/bin/sh\necho "$#:$1"; exec sleep 60\n' >real/run
	printf '#!/bin/sh\necho "$3" >../told\n' >real/finish
	chmod 755 real/*
	local long
	printf -v long 'x%.0s' {1..100}
	ln -s real "$long"
	start "$long/"
	wait_until grep -qx "1:$long" out
	stop_it
	[[ $(<told) = "$long" ]]
	cd real
	start .
	wait_until grep -qx 1:real "$T/out"
	stop_it
	ln -s "$SUPERVISE" ../runsv
	spawn ../runsv .
	SUPERVISE_PID=$!
	wait_until grep -qx 0: "$T/out"
	stop_it
}

@test "paused is over with what was paused" {
	service 'exec sleep 60'
	serve -q
	wait_until is 'up *'
	"$SUPERVISE" --control once web
	"$SUPERVISE" --control pause web
	wait_until is '*paused*'
	"$SUPERVISE" --control kill-all web
	"$SUPERVISE" --wait down web
	run ! is '*paused*'
	stop_it
}

@test "a down that cannot be made is told" {
	service 'exec sleep 60'
	ln -s nowhere/at/all web/down
	serve
	s6-svc -D web
	wait_until grep -q 'warning: create down: EEXIST' err
	stop_it
}

@test "starts that fail one after the other leave room for a TERM" {
	needs prlimit
	local form
	for form in '' --no-cgroup --no-pidns; do
		# shellcheck disable=SC2086
		start -q $form -r always --restart-delay 0 --status-fd 9 \
			sh -c 'until test -e go; do sleep 0.01; done' 9>events
		wait_until has 'started .*'
		prlimit --pid "$SUPERVISE_PID" --nofile=12:1024
		touch go
		wait_until eval '(($(grep -c ^restarting events) >= 5))'
		stop_it
		has 'stopping cause=signal .*'
		rm go
	done
}

@test "--wait-all: what fails after the program's end is a failure as well" {
	local how
	for how in '--ready-path none --ready-timeout 100ms' '--watchdog 100ms'; do
		: >log
		# shellcheck disable=SC2086
		run -125 timeout 20 "$SUPERVISE" -q --wait-all -r on-failure \
			--restart-delay 0 --restart-limit 2 $how sh -c '
			echo start >>log; (setsid sleep 30 &)'
		(($(wc -l <log) == 3))
	done
	run -0 timeout 20 "$SUPERVISE" -q --wait-all -r on-failure sh -c '
		(setsid sleep 0.1 &)'
}

@test "--wait-all: restart is a restart, and it is wanted up" {
	mkdir web
	: >log
	start --wait-all -d web sh -c 'echo start >>log; (setsid sleep 30 &)'
	wait_until eval '(($(wc -l <log) == 1))'
	wait_until is 'up *'
	"$SUPERVISE" --control pause web
	wait_until is '*paused*'
	"$SUPERVISE" --control continue web
	run ! is '*want down*'
	"$SUPERVISE" --control restart web
	wait_until eval '(($(wc -l <log) == 2))'
	wait_until is 'up *'
	stop_it
}

@test "--stats to a stderr that nobody reads" {
	mkfifo pipe
	exec 8<>pipe
	timeout 1 dd if=/dev/zero bs=65536 count=1 >&8 2>/dev/null || true
	timeout 10 "$SUPERVISE" --stats true 2>&8 8>&-
	exec 8>&-
}

@test "what fails before the exec is no failed exec" {
	run -111 --separate-stderr bash -c 'ulimit -n 10
		exec "$SUPERVISE" --ready-fd 9 sh -c true 3</dev/null 4</dev/null \
			5</dev/null 6</dev/null'
	[[ $stderr = *EMFILE*'ulimit -n'* ]]
	# the highest number there can be is one
	run -0 bash -c 'ulimit -n 64; exec "$SUPERVISE" --ready-fd 63 true'
}

@test "a later start that fails is a warning, and silent with -q" {
	needs prlimit
	start -q -r always --restart-delay 50ms --ready-fd 3 --status-fd 9 \
		sh -c 'until test -e go; do sleep 0.01; done' 9>events
	wait_until has 'started .*'
	prlimit --pid "$SUPERVISE_PID" --nofile=7:1024
	touch go
	wait_until eval '(($(grep -c ^restarting events) >= 2))'
	stop_it
	[[ ! -s err ]]
}

@test "pause and continue at once come in their order, without a cgroup, too" {
	needs pidns pidns_is_permitted
	local i pid hogs=()
	mkdir web
	# one CPU, and others on it: who waits for its turn is seen waiting
	for i in 1 2 3; do
		timeout 50 taskset -c 0 sh -c 'while :; do :; done' 3>&- 4>&- &
		hogs+=($!)
	done
	spawn taskset -c 0 "$SUPERVISE" -q --no-cgroup -d web \
		sh -c 'echo up; exec sleep 60'
	SUPERVISE_PID=$!
	wait_until grep -q up out
	wait_until is 'up (pid *'
	pid=$("$SUPERVISE" --status=keys web | sed -n 's/^pid=//p')
	for ((i = 0; i < 20; i++)); do
		printf pcpcpc >web/supervise/control
		# an order that is surely the last one's to be obeyed
		"$SUPERVISE" --control pause web
		wait_until is '*paused*'
		wait_until grep -q '^State:.T' "/proc/$pid/status"
		"$SUPERVISE" --control continue web
		wait_until grep -q '^State:.S' "/proc/$pid/status"
	done
	kill "${hogs[@]}"
	# and none of those who have sent them is left
	wait_until eval '(($(pgrep -c -P "$SUPERVISE_PID") == 2))'
	stop_it
}

@test "--wait-all with finish restarts as -r says" {
	service '(sleep 0.1) & exit 0' 'echo >>../finished'
	local how
	for how in on-failure no; do
		: >finished
		start --wait-all -r $how --restart-delay 0 --status-fd 9 web 9>events
		wait_until eval '(($(wc -l <finished) == 1))'
		wait_until is 'down *'
		(($(grep -c ^starting events) == 1))
		stop_it
	done
}

@test "an order that the program has survived is forgotten" {
	mkdir web
	start -q -k 300ms -d web -r always --restart-delay 60s --status-fd 9 sh -c '
		trap "" INT; echo up; until test -e go; do sleep 0.01; done' 9>events
	wait_until grep -q up out
	"$SUPERVISE" --control int web
	sleep 1.2 # more than -k and a second, which is how long it counts
	touch go
	wait_until has 'restarting delay=60000'
	(($(grep -c ^starting events) == 1))
	stop_it
}

@test "malformed messages leave no descriptor" {
	start -r always --ready-socket --status-fd 9 sleep 60 9>events
	wait_until has 'started .*'
	local before name
	name=$(socket_of)
	fds_of() {
		find "/proc/$SUPERVISE_PID/fd" -mindepth 1 | wc -l
	}
	before=$(fds_of)
	"$PROG/notify" "$name" x x x x x x x x
	"$PROG/notify" -o "$name" x
	wait_until grep -q malformed err
	wait_until eval '(($(fds_of) <= before))'
	stop_it
}

@test "up while finish runs is at once, whatever the back-off" {
	service 'test -e ../good || exit 1; echo up; exec sleep 60' \
		'test ! -e ../good || { touch ../finishing; sleep 0.3; }'
	start -q --restart-delay 5s --status-fd 9 web 9>events
	wait_until has 'restarting delay=5000'
	touch good
	"$SUPERVISE" --control up web
	wait_until grep -q up out
	"$SUPERVISE" --control down web
	wait_until test -e finishing
	"$SUPERVISE" --control up web
	wait_until eval '(($(grep -c up out) == 2))'
	(($(grep -c ^restarting events) == 1))
	stop_it
}

@test "a notification-fd that comes later does not share its number" {
	service 'echo "fds:$LISTEN_FDS"
		test -e ../notification || "$PROG/notify" -b -f /dev/zero - FDSTORE=1
		test ! -e ../notification || ls -l /proc/self/fd/3; exec sleep 60'
	start -q --ready-socket web
	wait_until grep -q '^fds:$' out
	"$SUPERVISE" --control restart web
	wait_until grep -q '^fds:1$' out
	touch notification
	echo 3 >web/notification-fd
	"$SUPERVISE" --control restart web
	wait_until grep -q 'pipe:' out
	[[ $(grep '^fds:' out | tail -n 1) = fds: ]]
	stop_it
}

@test "-b: stopped before it was ready is not ready either" {
	local status=0
	service 'exec sleep 60'
	echo 3 >web/notification-fd
	"$SUPERVISE" -b web >/dev/null 3>&- 4>&- &
	local caller=$!
	wait_until "$SUPERVISE" --wait up -t 0 web
	kill -TERM "$caller"
	wait "$caller" || status=$?
	((status == 1))
	"$SUPERVISE" --wait gone -t 5 web
	"$SUPERVISE" -b web >/dev/null 3>&- 4>&- &
	caller=$!
	wait_until "$SUPERVISE" --wait up -t 0 web
	"$SUPERVISE" --control down web
	status=0
	wait "$caller" || status=$?
	((status == 1))
	"$SUPERVISE" --control exit web
	"$SUPERVISE" --wait gone -t 5 web
}

@test "--ready-path: more links than are followed are named" {
	local i
	ln -s target link0
	for ((i = 1; i < 20; i++)); do
		ln -s link$((i - 1)) link$i
	done
	run -0 --separate-stderr "$SUPERVISE" --ready-path link19 sleep 0.1
	[[ $stderr = *'--ready-path: watch '*ELOOP* ]]
	run -0 --separate-stderr "$SUPERVISE" --ready-path link6 --ready-timeout 5 \
		--status-fd 5 sh -c 'sleep 0.1; echo >target; sleep 0.1' 5>events
	has 'ready by=path .*'
	[[ -z $stderr ]]
}

@test "--die-with-parent where no pidfd is to be had: a stop like any other" {
	needs seccomp "$PROG/nosys" pidfd_open -- true
	local form parent
	for form in '' --no-pidns; do
		# shellcheck disable=SC2086
		spawn sh -c '"$PROG/nosys" pidfd_open -- "$SUPERVISE" -q '"$form"' \
			--die-with-parent --status-fd 9 "$PROG/receive" 9>events &
			echo $! >pid; wait'
		parent=$!
		wait_until grep -q ready out
		SUPERVISE_PID=$(<pid)
		kill -KILL "$parent"
		wait_until run ! kill -0 "$SUPERVISE_PID"
		has 'stopping cause=parent'
		grep -q '^15 ' out
		run ! grep -q '^64 ' out
	done
}

@test "--wait-all: STOPPING=1 when the tree has ended by itself" {
	"$PROG/notify" listen "$T/up" got 3>&- 4>&- &
	local listener=$!
	wait_until grep -q listening got
	NOTIFY_SOCKET=$T/up run -0 "$SUPERVISE" --wait-all --ready-socket sh -c '
		"$PROG/notify" -b - READY=1; (setsid sleep 0.2 &)'
	wait_until grep -q STOPPING=1 got
	(($(grep -c STOPPING=1 got) == 1))
	kill "$listener"
	wait "$listener" || true
}

@test "an order counts with -k 0 as well" {
	mkdir web
	start -q -k 0 -d web -r always --restart-delay 60s sh -c 'echo up; exec sleep 60'
	wait_until grep -q up out
	wait_until is 'up (pid *'
	"$SUPERVISE" --control term web
	wait_until eval '(($(grep -c up out) == 2))'
	stop_it
}

# As `unshare --pid --fork` without a mount leaves it: its numbers are others.
@test "a /proc of an outer PID namespace is none" {
	needs pidns pidns_is_permitted
	local code='(setsid sleep 60 &); exit 5' form
	for form in --no-cgroup ''; do
		# shellcheck disable=SC2086
		run -5 timeout 20 unshare --pid --fork sh -c '
			true; "$SUPERVISE" --no-pidns '"$form"' -k 1 sh -c "$1"' sh "$code"
	done
	run -5 timeout 20 unshare --pid --fork "$SUPERVISE" --no-pidns \
		--no-cgroup -k 1 sh -c "$code"
	needs nobody nobody_can_run
	run -5 timeout 20 "$SUPERVISE" --no-proc -k 9 -- "${AS_NOBODY[@]}" \
		"$SUPERVISE" -k 1 sh -c "$code"
	# nor is whoever has that number there of the tree
	run -124 timeout 20 "$SUPERVISE" -q --no-proc -- sh -c '
		true; "$SUPERVISE" -q --no-pidns --no-cgroup --ready-socket \
			--ready-timeout 1 --status-fd 7 sh -c "exec sleep 5" 7>events & sleep 0.3
		for n in 1 2 3 4 5 6 7 8 9; do "$PROG/notify" "$(tr "\0" "\n" </proc/self/environ |
			sed -n s/^NOSUCH=//p)@none" READY=1; done 2>/dev/null
		wait $!'
}

@test "--wait-all: who has gone to another cgroup is waited for as well" {
	needs cgroup cgroup_is_delegated
	local form
	make_cgroup elsewhere
	for form in '' --no-pidns --no-cgroup '--no-cgroup --no-pidns'; do
		rm -f moved go said
		# shellcheck disable=SC2086
		start -q --wait-all -k 60 $form sh -c "(
			echo 0 >'$CG/test.elsewhere/cgroup.procs'; touch moved
			until test -e go; do sleep 0.01; done; touch said) &
			until test -e moved; do sleep 0.01; done; exit 7"
		wait_until test -e moved
		sleep 0.3 # long enough to be taken for empty
		touch go
		ended
		((status == 7))
		[[ -e said ]] || { echo "not waited for: $form"; false; }
	done
}

@test "a sibling of the program is of the tree, without a cgroup, too" {
	cat >sibling.c <<-'END'
		#include <sched.h>
		#include <signal.h>
		#include <sys/syscall.h>
		#include <unistd.h>
		int main(void)
		{
			if (syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0) == 0)
				execl("/bin/sh", "sh", "-c", "trap 'touch asked; exit' TERM;"
				    "touch up; until test -e go; do sleep 0.01; done;"
				    "touch said", (char *)0);
			while (access("up", F_OK) < 0)
				usleep(1000);
			return 7;
		}
	END
	cc -D_GNU_SOURCE -w -o sibling sibling.c
	local form
	for form in '' --no-cgroup --no-pidns; do
		rm -f up go said asked
		# shellcheck disable=SC2086
		start -q --wait-all -k 60 $form ./sibling
		wait_until test -e up
		sleep 0.3
		touch go
		ended
		((status == 7))
		[[ -e said ]] || { echo "not waited for: $form"; false; }
		rm -f up go
		# shellcheck disable=SC2086
		run -7 "$SUPERVISE" -q -k 60 $form ./sibling
		[[ -e asked ]] || { echo "not asked: $form"; false; }
	done
}

@test "-C to where all is frozen is refused, and holds nothing up" {
	needs cgroup cgroup_is_delegated
	make_cgroup ice
	echo 1 >"$CG/test.ice/cgroup.freeze"
	run -111 timeout 10 "$SUPERVISE" -C test.ice/web touch started
	[[ $output = 'supervise: fatal: --cgroup test.ice/web (is frozen)' ]]
	[[ ! -e started && -z $(find "$CG/test.ice" -mindepth 1 -type d) ]]
	echo 0 >"$CG/test.ice/cgroup.freeze"
	start -q -C test.ice/web -r always --restart-delay 400ms:400ms \
		--status-fd 7 sh -c 'sleep 0.05' 7>events
	wait_until has 'restarting delay=400'
	echo 1 >"$CG/test.ice/cgroup.freeze"
	wait_until eval '(($(grep -c ^starting events) >= 4))'
	echo 0 >"$CG/test.ice/cgroup.freeze"
	wait_until eval '(($(grep -c ^exited events) >= 3))'
	stop_it
	rmdir "$CG/test.ice"
}

@test "more inherited children than can be told apart are refused" {
	run -111 bash -c 'for i in {1..70}; do sleep 65 >/dev/null 2>&1 & done
		exec "$SUPERVISE" --no-pidns --no-cgroup touch started'
	# shellcheck disable=SC2046 # words
	kill $(pgrep -x -f 'sleep 65')
	[[ $output = *'inherited children (too many to tell apart from the tree)' ]]
	[[ ! -e started ]]
}
