#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Readiness: how the program says it, and what is made of what it says.
# shellcheck disable=SC2016,SC2154 # for a shell in there; set by run

load helper

FORMS=('' --no-pidns '--no-cgroup' '--no-cgroup --no-pidns')

has() { # LINE: a whole event but for its time and numbers behind it
	grep -qE "^$1( |$)" <(sed -E 's/ time=[0-9]+//' events)
}

has_not() {
	run ! has "$1"
}

stop_it() {
	kill -TERM "$SUPERVISE_PID"
	ended
}

remembers_the_dead() { # their cgroup: Linux 6.16
	(($(uname -r | cut -d. -f1) >= 7)) ||
		[[ $(uname -r) =~ ^6\.(1[6-9]|[2-9][0-9]) ]]
}

@test "--ready-fd: a newline, and whatever comes before it means nothing" {
	start --ready-fd 3 --status-fd 5 sh -c '
		printf abc >&3; until test -e go; do sleep 0.01; done
		printf "def\nghi" >&3; exec sleep 60' 5>events
	wait_until has 'started .*'
	has_not 'ready .*'
	touch go
	wait_until has 'ready by=fd after=[0-9]+'
	stop_it
	((status == 143))
}

@test "--ready-fd N: any N, in place of what was inherited there" {
	local n
	echo other >other
	for n in 1 3 4 7 9 250; do
		run -0 "$SUPERVISE" -q --ready-fd "$n" --status-fd 5 -- bash -c "
			echo >&$n; sleep 0.05" 5>events 7<other
		has 'ready by=fd .*' || { echo "fd $n"; cat events; false; }
	done
}

@test "--ready-fd: the program gets this one end of a pipe and nothing else of ours" {
	"$PROG/inherit" -c 3 -c 4 ls -l /proc/self/fd >before
	"$PROG/inherit" -c 3 -c 4 "$SUPERVISE" --ready-fd 3 --ready-path x \
		--ready-socket --status-fd 5 ls -l /proc/self/fd 5>events >after
	run -0 diff <(awk '$NF !~ /^.proc/ { print $9 }' before | sort) \
		<(awk '$NF !~ /^.proc/ && $9 != 3 { print $9 }' after | sort)
	grep -q ' 3 -> pipe:' after
}

@test "--ready-fd: closed once it is ready, as s6 does" {
	start --ready-fd 3 --status-fd 5 bash -c '
		trap "" PIPE
		echo >&3
		while echo >&3; do sleep 0.01; done 2>/dev/null
		echo closed; exec sleep 60' 5>events
	wait_until grep -q closed out
	stop_it
}

@test "--ready-fd: closed without a newline it goes on, and is not ready" {
	start --ready-fd 3 --status-fd 5 sh -c '
		printf abc >&3; exec 3>&-; echo up; exec sleep 60' 5>events
	wait_until grep -q up out
	has_not 'ready .*'
	stop_it
	((status == 143))
	# and costs no time: nothing of the pipe is looked at any more
	run -124 "$SUPERVISE" --ready-timeout 100ms --ready-fd 3 sh -c '
		exec 3>&-; exec sleep 60'
}

@test "--ready-fd: held open by those who are left, it holds up nothing" {
	run -5 "$SUPERVISE" --ready-fd 3 sh -c 'sleep 60 & exit 5'
	local form
	for form in "${FORMS[@]}"; do
		# shellcheck disable=SC2086
		run -5 "$SUPERVISE" -q $form -k 50ms --ready-fd 3 sh -c '
			(trap "" TERM; setsid sleep 60) & exit 5'
	done
}

@test "--ready-fd: a flood without a newline keeps nobody from the rest" {
	start --ready-fd 3 --ready-timeout 60 -t 60 --status-fd 5 sh -c '
		echo flood; exec tr "\0" x </dev/zero >&3' 5>events
	wait_until grep -q flood out
	stop_it 2
	((status == 143))
	run -124 "$SUPERVISE" --ready-fd 3 -t 200ms sh -c 'exec tr "\0" x </dev/zero >&3'
}

@test "--ready-timeout: a failure that ends it with 124, or starts it again" {
	run -124 "$SUPERVISE" --ready-timeout 50ms --ready-fd 3 --status-fd 5 \
		sh -c 'trap "exit 0" TERM; while :; do sleep 0.01; done' 5>events
	has 'stopping cause=ready-timeout'
	run -125 "$SUPERVISE" -q -r on-failure --restart-delay 0 --restart-limit 2 \
		--ready-timeout 50ms --ready-fd 3 sh -c '
		printf x >>starts; trap "exit 0" TERM; while :; do sleep 0.01; done'
	[[ $(cat starts) = xxx ]]
	# in time it is no failure
	run -0 "$SUPERVISE" --ready-timeout 5 --ready-fd 3 sh -c 'echo >&3'
}

@test "--background returns when it is ready, or with what it failed with" {
	start -b --ready-fd 3 sh -c '
		until test -e go; do sleep 0.01; done
		touch ready; echo >&3; until test -e end; do sleep 0.01; done'
	local caller=$SUPERVISE_PID
	sleep 0.1
	kill -0 "$caller"
	touch go
	ended
	((status == 0))
	[[ -e ready ]]
	touch end
	run -3 "$SUPERVISE" -b --ready-fd 3 sh -c 'exit 3'
	run -124 "$SUPERVISE" -b --ready-fd 3 --ready-timeout 50ms sleep 60
	# over restarts, until one is
	run -0 "$SUPERVISE" -q -b -r on-failure --restart-delay 0 --ready-fd 3 sh -c '
		printf x >>tries; test "$(cat tries)" = xxx || exit 1; echo >&3'
	[[ $(cat tries) = xxx ]]
}

@test "--ready-path: it comes to exist, in directories that come to exist" {
	start --ready-path a/b/c --status-fd 5 sh -c '
		mkdir a; until test -e go; do sleep 0.01; done
		mkdir a/b; echo 1 >a/b/other; echo 1 >a/b/new; mv a/b/new a/b/c
		exec sleep 60' 5>events
	wait_until test -d a
	has_not 'ready .*'
	touch go
	wait_until has 'ready by=path .*'
	stop_it
}

@test "--ready-path: what was there before it is not taken for it" {
	mkdir run
	echo stale >run/pid
	start --ready-path "$T/run/pid" --status-fd 5 sh -c '
		echo up; until test -e go; do sleep 0.01; done
		echo $$ >run/pid; exec sleep 60' 5>events
	wait_until grep -q up out
	has_not 'ready .*'
	touch go
	wait_until has 'ready by=path .*'
	stop_it
	# removed and made again, also as a socket and in another directory
	rm -f go
	start --ready-path "$T/run/pid" --status-fd 5 sh -c '
		mv run old; mkdir run; echo up; until test -e go; do sleep 0.01; done
		socat -u UNIX-LISTEN:run/pid - & exec sleep 60' 5>events
	wait_until grep -q up out
	has_not 'ready .*'
	touch go
	wait_until has 'ready by=path .*'
	stop_it
}

@test "--ready-path: by way of a link that is replaced" {
	mkdir one two
	ln -s one here
	start --ready-path here/x --status-fd 5 sh -c '
		ln -s two new; mv -T new here; touch two/x; exec sleep 60' 5>events
	wait_until has 'ready by=path .*'
	stop_it
}

@test "--ready-check: tried until it succeeds, in the tree" {
	local form
	for form in "${FORMS[@]}"; do
		rm -f flag tries
		# shellcheck disable=SC2086
		start -q $form --ready-check 'printf x >>tries; test -e flag' \
			--status-fd 5 sleep 60 5>events
		wait_until grep -q xxx tries
		has_not 'ready .*'
		touch flag
		wait_until has 'ready by=check .*'
		stop_it
		((status == 143))
	done
}

@test "--ready-check: what it starts ends with the tree" {
	local form
	for form in "${FORMS[@]}"; do
		rm -f lock
		# shellcheck disable=SC2086
		start -q $form -k 100ms --ready-check '
			setsid flock lock sh -c "trap \"\" TERM; sleep 60" &
			sleep 60' sleep 60
		wait_until test -e lock
		wait_until eval '! flock -n lock true'
		stop_it
		no_survivors lock
	done
}

@test "--ready-check: gets nothing of what the program has" {
	# with -r we hold it all, for the next start
	start -r always --status-fd 5 --ready-check '
		readlink /proc/self/fd/* >fds.new 2>/dev/null
		mv fds.new fds # whole, and the next check begins anew
		false' sleep 60 5>events 8>inherited
	wait_until test -s fds
	grep -q '^/dev/null$' fds
	run ! grep -q inherited fds
	stop_it
}

@test "--ready-check that cannot be executed: one warning" {
	start --ready-check /nonexistent/check --ready-timeout 300ms sleep 60
	ended
	((status == 124))
	(($(grep -c '^supervise: warning: --ready-check' err) == 1))
}

@test "several ways at once: the first wins, and it is ready once" {
	run -0 "$SUPERVISE" --ready-fd 3 --ready-socket --ready-path x \
		--ready-check 'test -e x' --status-fd 5 sh -c '
		echo >&3; sleep 0.05; touch x
		"$PROG/notify" - READY=1; sleep 0.1' 5>events
	has 'ready by=fd .*'
	(($(grep -c '^ready' events) == 1))
}

@test "--ready-socket: systemd-notify, with a status and its barrier" {
	needs systemd-notify
	start --ready-socket --status-fd 5 sh -c '
		systemd-notify --ready --status="all good" && echo sent
		exec sleep 60' 5>events
	wait_until has 'ready by=socket .*'
	has 'status text=all\\040good'
	wait_until grep -q sent out
	stop_it
	[[ ! -s err ]]
}

@test "--ready-socket: a daemon with systemd's library" {
	needs libsystemd test -e /usr/include/systemd/sd-daemon.h
	cat >daemon.c <<-'END'
		#include <inttypes.h>
		#include <stdio.h>
		#include <systemd/sd-daemon.h>
		#include <unistd.h>
		int main(void)
		{
			uint64_t us = 0;
			int on = sd_watchdog_enabled(0, &us);
			int sent = sd_notifyf(0, "READY=1\nSTATUS=pid %d", getpid());
			int barrier = sd_notify_barrier(0, 5000000);
			printf("%d %" PRIu64 " %d %d\n", on, us, sent, barrier);
			fflush(stdout);
			pause();
		}
	END
	cc -o daemon daemon.c -lsystemd
	start --ready-socket --watchdog 60 --status-fd 5 ./daemon 5>events
	wait_until grep -q '^1 60000000 1 1$' out
	has 'ready by=socket .*'
	stop_it
	((status == 143))
}

@test "--ready-socket: a shell's and a python's own messages" {
	needs socat
	needs python3
	start --ready-socket --status-fd 5 sh -c '
		printf READY=1 | socat -u - "ABSTRACT-SENDTO:${NOTIFY_SOCKET#@}" &
		wait; exec sleep 60' 5>events
	wait_until has 'ready by=socket .*'
	stop_it
	start --ready-socket --status-fd 5 python3 -c '
import os, socket, time
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.connect("\0" + os.environ["NOTIFY_SOCKET"][1:])
s.send(b"READY=1\nSTATUS=\xc3\xa4\n\n")
time.sleep(60)' 5>events
	wait_until has 'ready by=socket .*'
	stop_it
}

@test "--ready-socket: believes the tree, daemons in it too, and nobody else" {
	local form address
	for form in "${FORMS[@]}"; do
		# shellcheck disable=SC2086
		start $form --ready-socket --status-fd 5 sh -c '
			echo "$NOTIFY_SOCKET"; until test -e go; do sleep 0.01; done
			"$PROG/notify" -e -b - READY=1; exec sleep 60' 5>events
		wait_until grep -q @ out
		address=$(head -n 1 out)
		"$PROG/notify" -b "$address" READY=1
		"$PROG/notify" -b "$address" READY=1
		has_not 'ready .*'
		touch go
		wait_until has 'ready by=socket .*'
		stop_it
		(($(grep -c 'a message: EPERM (its sender is not of the tree)' err) == 1))
		rm go
	done
}

@test "--ready-socket: one who has ended since then is still known" {
	needs remembers remembers_the_dead
	needs cgroup cgroup_is_delegated
	start --ready-socket --status-fd 5 sh -c '
		echo $PPID; until test -e go; do sleep 0.01; done
		"$PROG/notify" - READY=1; echo gone; exec sleep 60' 5>events
	wait_until has 'started .*'
	# the message is read only when its sender is long gone
	kill -STOP "$SUPERVISE_PID"
	touch go
	wait_until grep -q gone out
	has_not 'ready .*'
	kill -CONT "$SUPERVISE_PID"
	wait_until has 'ready by=socket .*'
	stop_it
}

@test "what is no message is dropped whole, with one warning" {
	local bad
	for bad in 'READY=1\nnonsense' 'READY=1\n=x' 'READ\0Y=1\nREADY=1' \
		'READY=1\0\nX=1' '' '\n\n' '\0\0'; do
		start --ready-socket --status-fd 5 sh -c '
			"$PROG/notify" -b - "$1" "$1" && echo sent
			exec sleep 60' sh "$bad" 5>events
		wait_until grep -q sent out
		has_not 'ready .*' || { echo "ready by $bad"; false; }
		stop_it
		(($(grep -c 'notify: a message (malformed or too long: dropped)' err) == 1))
	done
	start --ready-socket --status-fd 5 sh -c '
		"$PROG/notify" -o -b - big && echo sent; exec sleep 60' 5>events
	wait_until grep -q sent out
	has_not 'ready .*'
	stop_it
}

@test "what is unusual and yet a message is taken" {
	local good
	for good in 'READY=1\n' 'READY=1\0' '\nX_FOO=bar\nREADY=1' \
		'STATUS==\nREADY=1' 'WATCHDOG_USEC=abc\nMAINPID=-1\nREADY=1'; do
		start --ready-socket --status-fd 5 sh -c '
			"$PROG/notify" -b - "$1"; exec sleep 60' sh "$good" 5>events
		wait_until has 'ready by=socket .*' || { echo "$good"; false; }
		stop_it
		[[ ! -s err ]]
	done
	# and READY=0 or READY= are not READY=1
	run -0 "$SUPERVISE" --ready-socket --status-fd 5 \
		"$PROG/notify" -b - READY=0 READY= READY=11 ready=1 5>events
	has_not 'ready .*'
}

@test "BARRIER=1 alone with its descriptor; with anything else it is dropped" {
	run -0 "$SUPERVISE" --ready-socket "$PROG/notify" -b - STATUS=x
	start --ready-socket --status-fd 5 sh -c '
		"$PROG/notify" -b -f /dev/null - "BARRIER=1\nREADY=1" BARRIER=1
		"$PROG/notify" -b - STATUS=here; exec sleep 60' 5>events
	wait_until has 'status text=here'
	has_not 'ready .*'
	stop_it
	(($(grep -c 'BARRIER=1 (not alone: dropped)' err) == 1))
}

@test "the socket is drained while the program is stopped, and to its last word" {
	start --ready-socket --status-fd 5 sh -c '
		trap "for i in 1 2 3 4 5 6 7 8; do
			\"$PROG/notify\" - STATUS=\$i STATUS=\$i STATUS=\$i STATUS=\$i
		done; exit 0" TERM
		"$PROG/notify" -b - READY=1; while :; do sleep 0.01; done' 5>events
	wait_until has 'ready .*'
	stop_it
	((status == 0))
	(($(grep -c '^status' events) == 32))
	# said with its last breath, by the program itself
	local form
	for form in "${FORMS[@]}"; do
		# shellcheck disable=SC2086
		run -0 "$SUPERVISE" -q $form --ready-socket --status-fd 5 \
			"$PROG/notify" - 'STATUS=last\nERRNO=2\nEXIT_STATUS=9' 5>events
		has 'status text=last'
		grep -qE '^exited .* code=0 errno=ENOENT exit-status=9$' events
	done
}

@test "what the last run has said too late does not make the next one ready" {
	start -q --ready-socket -r always --restart-delay 300ms --restart-limit 1 \
		--status-fd 5 sh -c '
		if test -e again; then sleep 0.3; exit; fi
		touch again; echo "$PPID"; exec "$PROG/notify" - STATUS=a' 5>events
	wait_until has 'restarting .*'
	ended
	has_not 'ready .*'
}

@test "MAINPID: the program as it calls itself, and no other" {
	run -0 --separate-stderr "$SUPERVISE" --ready-socket sh -c '
		exec "$PROG/notify" - "MAINPID=$$" READY=1'
	[[ -z $stderr ]]
	run -0 --separate-stderr "$SUPERVISE" --ready-socket sh -c '
		sleep 1 & "$PROG/notify" -b - "MAINPID=$!" MAINPID=1'
	[[ $stderr = "supervise: warning: notify: MAINPID (refused:"* ]]
}

@test "--watchdog: as long as it is told WATCHDOG=1 in time" {
	start --watchdog 400ms --status-fd 5 sh -c '
		test "$WATCHDOG_USEC $WATCHDOG_PID" = "400000 $$" || exit 9
		for i in 1 2 3 4 5 6 7 8; do
			"$PROG/notify" -b - WATCHDOG=1; sleep 0.1
		done; echo silent; exec sleep 60' 5>events
	wait_until grep -q silent out
	has_not 'stopping .*'
	ended 3
	((status == 124))
	has 'stopping cause=watchdog'
	has 'exited pid=[0-9]+ signal=ABRT'
}

@test "--watchdog: WATCHDOG=trigger, and another WATCHDOG_USEC" {
	run -124 "$SUPERVISE" --watchdog 60 --status-fd 5 sh -c '
		"$PROG/notify" -b - WATCHDOG=trigger; sleep 60' 5>events
	has 'stopping cause=watchdog'
	run -124 "$SUPERVISE" --watchdog 60 --status-fd 5 sh -c '
		"$PROG/notify" -b - WATCHDOG_USEC=50000; sleep 60' 5>events
	has 'stopping cause=watchdog'
	run -0 "$SUPERVISE" --watchdog 100ms sh -c '
		"$PROG/notify" -b - WATCHDOG_USEC=0; sleep 0.3'
}

@test "--watchdog: one that takes no ABRT is killed; it counts as a failure" {
	run -125 "$SUPERVISE" -q --watchdog 50ms -k 100ms -r on-failure \
		--restart-delay 0 --restart-limit 1 sh -c '
		printf x >>starts; trap "" ABRT; while :; do sleep 0.01; done'
	[[ $(cat starts) = xx ]]
	# where readiness is asked, the time runs from then on
	run -0 "$SUPERVISE" --watchdog 100ms --ready-fd 3 sleep 0.3
}

@test "EXTEND_TIMEOUT_USEC: of the start, of a run, of a stop" {
	run -0 "$SUPERVISE" --ready-socket --ready-timeout 200ms sh -c '
		"$PROG/notify" -b - EXTEND_TIMEOUT_USEC=5000000; sleep 0.4
		"$PROG/notify" -b - READY=1'
	run -0 "$SUPERVISE" --ready-socket -t 200ms sh -c '
		"$PROG/notify" -b - READY=1 EXTEND_TIMEOUT_USEC=5000000; sleep 0.4'
	start --ready-socket -k 200ms sh -c '
		trap "\"\$PROG/notify\" -b - EXTEND_TIMEOUT_USEC=5000000
			sleep 0.4; exit 7" TERM
		echo up; while :; do sleep 0.01; done'
	wait_until grep -q up out
	stop_it
	((status == 7))
	# and shortens nothing
	run -0 "$SUPERVISE" --ready-socket -t 5 sh -c '
		"$PROG/notify" -b - READY=1 EXTEND_TIMEOUT_USEC=1; sleep 0.1'
}

@test "FDSTORE: handed back by the next start, with their names" {
	echo one >one
	echo two >two
	run -125 --separate-stderr "$SUPERVISE" -r always --restart-delay 0 \
		--restart-limit 1 --ready-socket bash -c '
		if test -e again; then
			echo "$LISTEN_FDS $LISTEN_FDNAMES $((LISTEN_PID == $$))"
			cat <&3; cat <&4; cat <&5
			exit 0
		fi
		touch again
		test -z "$LISTEN_FDS$LISTEN_PID" || exit 8
		"$PROG/notify" -b -f one - "FDSTORE=1\nFDNAME=first"
		"$PROG/notify" -b -f two -f gone - "FDSTORE=1\nFDNAME=drop"
		"$PROG/notify" -b - "FDSTOREREMOVE=1\nFDNAME=drop"
		"$PROG/notify" -b -f two - FDSTORE=1
		"$PROG/notify" -b -f one - "FDSTORE=1\nFDNAME=a:b"' 2>/dev/null || {
		echo "$output"
		false
	}
	[[ ${lines[0]} = "3 first:stored:stored 1" ]]
	[[ ${lines[1]} = one && ${lines[2]} = two && ${lines[3]} = one ]]
}

@test "FDSTORE: a connection lives through a restart" {
	needs python3
	cat >server <<-'END'
		import os, socket, sys, array, time
		def notify(text, fds=[]):
		    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
		    s.connect("\0" + os.environ["NOTIFY_SOCKET"][1:])
		    s.sendmsg([text], [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
		        array.array("i", fds))] if fds else [])
		if "LISTEN_FDS" in os.environ:
		    assert int(os.environ["LISTEN_PID"]) == os.getpid()
		    c = socket.socket(fileno=4)
		    c.send(b"second\n")
		    c.shutdown(socket.SHUT_RDWR)
		    time.sleep(60)
		l = socket.socket(socket.AF_UNIX)
		l.bind("listener")
		l.listen()
		notify(b"READY=1")
		c = l.accept()[0]
		c.send(b"first\n")
		notify(b"FDSTORE=1\nFDNAME=l", [l.fileno()])
		notify(b"FDSTORE=1\nFDNAME=c", [c.fileno()])
		os.abort()
	END
	start -q -r always --restart-delay 0 --ready-socket --status-fd 5 \
		python3 server 5>events
	wait_until has 'ready .*'
	run -0 timeout 5 socat -u UNIX-CONNECT:listener -
	[[ $output = first$'\n'second ]]
	stop_it
}

@test "FDSTORE: what hangs up while it is stored is dropped, unless FDPOLL=0" {
	mkfifo f g
	exec 6<>f 7<>g
	start -q -r always --restart-delay 300ms --restart-limit 1 --ready-socket \
		--status-fd 5 bash -c '
		if test -e again; then echo "$LISTEN_FDNAMES"; exit; fi
		touch again
		exec {p}> >(exec sleep 0.1) {q}> >(exec sleep 0.1)
		"$PROG/notify" -b -f /proc/self/fd/$p - "FDSTORE=1\nFDNAME=p"
		"$PROG/notify" -b -f /proc/self/fd/$q - "FDSTORE=1\nFDPOLL=0\nFDNAME=q"
		"$PROG/notify" -b -f f - "FDSTORE=1\nFDNAME=f"' 5>events
	ended
	[[ $(cat out) = q:f ]]
}

@test "FDSTORE: more than fit are refused; without a restart all are" {
	run -125 --separate-stderr "$SUPERVISE" -r always --restart-delay 0 \
		--restart-limit 1 --ready-socket bash -c '
		if test -e again; then echo $LISTEN_FDS; exit; fi
		touch again
		for i in {1..70}; do "$PROG/notify" -b -f /dev/zero - FDSTORE=1; done'
	[[ $output = 64 ]]
	[[ $stderr = *"notify: FDSTORE=1: ENOSPC"* ]]
	run -0 --separate-stderr "$SUPERVISE" --ready-socket \
		"$PROG/notify" -b -f /dev/zero - FDSTORE=1
	[[ $stderr = *"FDSTORE=1 (nothing is started again)" ]]
}

@test "LISTEN_PID that names us names the program; LISTEN_FDS pass untouched" {
	local form
	echo socket >socket
	for form in "${FORMS[@]}"; do
		run -0 sh -c 'LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=web \
			exec "$SUPERVISE" -q $1 sh -c '\''
			echo "$LISTEN_FDS $LISTEN_FDNAMES $((LISTEN_PID == $$))"
			cat <&3'\' sh "$form" 3<socket
		[[ ${lines[0]} = '1 web 1' && ${lines[1]} = socket ]]
	done
	# with -b, too, and not when it names somebody else
	run -0 sh -c 'LISTEN_PID=$$ exec "$SUPERVISE" -q -b sh -c '\''
		echo "$((LISTEN_PID == $$))"; touch over'\'
	wait_until test -e over
	[[ $output = 1 ]]
	LISTEN_PID=1 run -0 "$SUPERVISE" -q sh -c 'echo $LISTEN_PID'
	[[ $output = 1 ]]
}

@test "LISTEN_FDS of ours come first, those that are stored behind them" {
	echo socket >socket
	echo stored >stored
	run -125 sh -c 'LISTEN_PID=$$ LISTEN_FDS=2 \
		exec "$SUPERVISE" -q -r always --restart-delay 0 --restart-limit 1 \
		--ready-socket sh -c '\''
		if test -e again; then
			echo "$LISTEN_FDS $LISTEN_FDNAMES $((LISTEN_PID == $$))"
			cat <&3; cat <&5; exit
		fi
		touch again; exec "$PROG/notify" -b -f stored - "FDSTORE=1\nFDNAME=x"'\' \
		3<socket 4</dev/null
	[[ ${lines[0]} = '3 unknown:unknown:x 1' ]]
	[[ ${lines[1]} = socket && ${lines[2]} = stored ]]
}

@test "200 restarts with all of it: nothing is leaked" {
	start -q -r always --restart-delay 0 --ready-fd 3 --ready-socket \
		--ready-path p --ready-check 'test -e never' --status-fd 5 sh -c '
		printf x >>runs; echo >&3' 5>/dev/null
	wait_until grep -q xxxxx runs
	local before after
	before=("/proc/$SUPERVISE_PID/fd"/*)
	T_LIMIT=30 wait_until eval '(($(wc -c <runs) > 200))'
	kill -STOP "$SUPERVISE_PID"
	after=("/proc/$SUPERVISE_PID/fd"/*)
	kill -CONT "$SUPERVISE_PID"
	# a start under way has a few more
	((${#after[@]} <= ${#before[@]} + 8))
	stop_it
}

@test "wrong usage of the options of readiness" {
	local args
	for args in '--ready-fd x' '--ready-fd -1' '--ready-timeout 1' \
		'--ready-fd 3 --ready-timeout 0' '--ready-path=' '--notify-fd 1' \
		'--notify-fd 77' '--watchdog 0' '--watchdog 5x'; do
		# shellcheck disable=SC2086
		run -100 --separate-stderr "$SUPERVISE" $args touch started
		[[ $stderr = "supervise: usage: --"* ]]
	done
	[[ ! -e started ]]
}

@test "--ready-path, and there is no inotify to be had" {
	needs strace
	run -111 --separate-stderr strace -f -qq -o /dev/null -e trace=inotify_init1 \
		-e inject=inotify_init1:error=EMFILE "$SUPERVISE" --ready-path x \
		touch started
	[[ $stderr = *"fatal: inotify_init1 --ready-path: EMFILE"* ]]
	[[ ! -e started ]]
}

@test "readiness at once: before its start is known here, and before its end" {
	local form way
	for way in 'echo >&3' 'exec "$PROG/notify" - READY=1'; do
		for form in "${FORMS[@]}"; do
			rm -f go
			# shellcheck disable=SC2086
			start -q $form --ready-fd 3 --ready-socket --status-fd 5 sh -c "
				until test -e go; do sleep 0.01; done; $way" 5>events
			wait_until has 'started .*'
			local pid
			pid=$(sed -n 's/^started .*pid=\([0-9]*\).*/\1/p' events)
			# it is ready, and has ended, when we come to look
			kill -STOP "$SUPERVISE_PID"
			touch go
			wait_until grep -q '^State:.*Z' "/proc/$pid/status"
			kill -CONT "$SUPERVISE_PID"
			ended
			((status == 0))
			has 'ready by=(fd|socket) .*'
		done
	done
	local i
	for i in {1..40}; do
		run -0 "$SUPERVISE" --ready-fd 3 --status-fd 5 sh -c 'echo >&3' 5>events
		has 'ready by=fd .*' || { echo "lost in try $i"; cat events; false; }
	done
}
