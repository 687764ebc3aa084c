#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Readiness passed on: to s6, to systemd, from the one to the other; and the
# real programs of both.
# shellcheck disable=SC2016,SC2154 # for a shell in there; set by run

load helper

has() { # LINE: a whole event but for its time and numbers behind it
	grep -qE "^$1( |$)" <(sed -E 's/ time=[0-9]+//' events)
}

stop_it() {
	kill -TERM "$SUPERVISE_PID"
	ended
}

# systemd, as far as it listens: messages in file `got`, each ended by --
listen_at() {
	rm -f got
	"$PROG/notify" listen "$1" got 3>&- 4>&- &
	LISTENER=$!
	wait_until grep -q listening got
	export NOTIFY_SOCKET=$1
}

got() {
	grep -qxE "$1" got
}

end_listener() {
	kill "$LISTENER"
	wait "$LISTENER" || true
	unset NOTIFY_SOCKET
}

@test "--notify-fd: one newline when it is ready, and then its end" {
	mkfifo pipe
	cat pipe >said &
	local reader=$!
	start --ready-fd 3 --notify-fd 7 sh -c '
		ls -l /proc/self/fd >fds; until test -e go; do sleep 0.01; done
		echo >&3; exec sleep 60' 7>pipe
	wait_until test -s fds
	run ! grep -q "$T/pipe" fds
	[[ ! -s said ]]
	touch go
	wait "$reader" # the end, while the program lives
	[[ $(od -An -tx1 said) = " 0a" ]]
	kill -0 "$SUPERVISE_PID"
	stop_it
}

@test "--notify-fd: when it runs, where nothing says more; never when it fails" {
	local form
	for form in '' --no-pidns --no-cgroup '-r always --restart-delay 0'; do
		mkfifo pipe
		cat pipe >said &
		# shellcheck disable=SC2086
		start -q $form --notify-fd 7 sleep 60 7>pipe
		wait_until test -s said
		[[ $(od -An -tx1 said) = " 0a" ]]
		stop_it
		rm pipe said
	done
	run -127 "$SUPERVISE" --notify-fd 7 /nonexistent 7>said
	[[ ! -s said ]]
	run -3 "$SUPERVISE" --ready-fd 3 --notify-fd 7 sh -c 'exit 3' 7>said
	[[ ! -s said ]]
}

@test "--notify-fd: once, over restarts; a reader that has gone or is slow is no matter" {
	run -125 "$SUPERVISE" -q --notify-fd 7 --ready-fd 3 -r always \
		--restart-delay 0 --restart-limit 3 sh -c 'echo >&3; sleep 0.05' 7>said
	[[ $(od -An -tx1 said) = " 0a" ]]
	mkfifo pipe
	exec 8<>pipe
	exec 9>pipe
	# full
	dd if=/dev/zero of=pipe bs=65536 count=1 2>/dev/null
	run -0 --separate-stderr "$SUPERVISE" --notify-fd 9 true 8>&-
	[[ $stderr = "supervise: warning: write --notify-fd: EAGAIN" ]]
	exec 8>&- 9>&-
	run -0 --separate-stderr "$SUPERVISE" --notify-fd 9 true 9> >(true)
}

@test "READY=1 with our pid, and STOPPING=1, to a path and to an abstract name" {
	local address
	for address in "$T/socket" "@supervise.test.$$"; do
		listen_at "$address"
		start --ready-fd 3 sh -c 'echo "$NOTIFY_SOCKET."; echo >&3; exec sleep 60'
		wait_until got READY=1
		wait_until got "MAINPID=$SUPERVISE_PID"
		[[ $(cat out) = . ]]
		run ! got STOPPING=1
		stop_it
		wait_until got STOPPING=1
		(($(grep -c STOPPING got) == 1))
		end_listener
	done
}

@test "what a program says to us is said on: status, reload, watchdog, extension" {
	listen_at "$T/socket"
	start --ready-socket sh -c '
		n() { "$PROG/notify" -b - "$@"; }
		n "STATUS=starting" EXTEND_TIMEOUT_USEC=3000000 "READY=1\nSTATUS=up"
		until test -e go; do sleep 0.01; done
		n WATCHDOG=1 RELOADING=1 READY=1; exec sleep 60'
	wait_until got STATUS=up
	wait_until got READY=1
	got STATUS=starting
	got EXTEND_TIMEOUT_USEC=3000000
	(($(grep -c READY=1 got) == 1))
	touch go
	wait_until got WATCHDOG=1
	wait_until got RELOADING=1
	wait_until eval '(($(grep -c READY=1 got) == 2))'
	local usec
	usec=$(sed -n 's/^MONOTONIC_USEC=//p' got)
	((usec > 0 && usec / 1000000 <= $(cut -d. -f1 /proc/uptime) + 1))
	stop_it
	wait_until got STOPPING=1
	end_listener
}

@test "no STOPPING=1 for a restart" {
	listen_at "$T/socket"
	start -q -r always --restart-delay 0 --ready-socket sh -c '
		"$PROG/notify" -b - READY=1 STOPPING=1; printf x >>runs'
	wait_until grep -q xxx runs
	run ! got STOPPING=1
	# and readiness is told each time: it can be asked again
	stop_it
	wait_until got STOPPING=1
	end_listener
}

# Somebody who traces what is left holds it in its exit, so that the kill lasts.
@test "STOPPING=1 also where the stop comes while what is left is being killed" {
	local program victim tracer
	listen_at "$T/socket"
	start -q -r always --restart-delay 0 -k 50ms --ready-fd 3 --status-fd 7 \
		sh -c 'sleep 60 & echo up; echo >&3; exec sleep 61' 7>events
	wait_until got READY=1
	program=$(sed -n 's/^started .*pid=\([0-9]*\).*/\1/p' events)
	victim=$(pgrep -P "$program")
	"$PROG/tracer" alien traced exit "$victim" 3>&- 4>&- &
	tracer=$!
	wait_until test -s traced
	kill -KILL "$program"
	wait_until has killing
	run ! got STOPPING=1
	kill -TERM "$SUPERVISE_PID"
	wait_until got STOPPING=1
	has 'stopping cause=signal signal=TERM'
	kill -KILL "$tracer"
	ended
	got STOPPING=1
	(($(grep -c STOPPING got) == 1))
	end_listener
}

@test "where readiness is not asked the environment is what it was" {
	NOTIFY_SOCKET=/x WATCHDOG_USEC=5 WATCHDOG_PID=6 run -0 "$SUPERVISE" sh -c \
		'echo "$NOTIFY_SOCKET $WATCHDOG_USEC $WATCHDOG_PID"'
	[[ $output = '/x 5 6' ]]
	NOTIFY_SOCKET=/x WATCHDOG_USEC=5 WATCHDOG_PID=6 run -0 "$SUPERVISE" -q \
		--ready-fd 3 sh -c 'echo "$NOTIFY_SOCKET.$WATCHDOG_USEC.$WATCHDOG_PID"'
	[[ $output = '..' ]]
	# a watchdog that is meant for us is the program's to feed
	run -0 sh -c 'WATCHDOG_USEC=5 WATCHDOG_PID=$$ exec "$SUPERVISE" -q \
		--ready-socket sh -c '\''
			echo "$WATCHDOG_USEC $((WATCHDOG_PID == $$))"'\'
	[[ $output = '5 1' ]]
}

@test "a receiver that has fallen behind gets it when it can" {
	needs python3
	export NOTIFY_SOCKET=$T/socket
	cat >receiver <<-'END'
		import os, select, socket, sys, time
		s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
		s.bind("socket")
		c = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
		c.connect("socket")
		c.setblocking(False)
		try:
		    while True:
		        c.send(b"full")
		except BlockingIOError:
		    pass
		open("full", "w")
		while not os.path.exists("go"):
		    time.sleep(0.01)
		while True:
		    m = s.recv(4096)
		    if b"READY=1" in m:
		        print(m.decode(), flush=True)
	END
	python3 receiver >messages 3>&- 4>&- &
	local receiver=$!
	wait_until test -e full
	start --ready-fd 3 --status-fd 5 sh -c 'echo >&3; exec sleep 60' 5>events
	wait_until has 'ready .*'
	[[ ! -s messages ]]
	touch go
	wait_until grep -q "MAINPID=$SUPERVISE_PID" messages
	stop_it
	kill "$receiver"
	wait "$receiver" || true
}

@test "a NOTIFY_SOCKET that leads nowhere is a warning" {
	local bad
	for bad in relative '' @ vsock: vsock:2 vsock:x:1 vsock-foo:2:1 vsock:2:99999999999 \
		"/$(printf %0200d 1)"; do
		NOTIFY_SOCKET=$bad run -0 --separate-stderr "$SUPERVISE" --ready-fd 3 \
			sh -c 'echo >&3'
		[[ $stderr = "supervise: warning: NOTIFY_SOCKET"*EINVAL ]] ||
			{ echo "$bad: $stderr"; false; }
	done
	NOTIFY_SOCKET=$T/nobody run -0 --separate-stderr "$SUPERVISE" --ready-fd 3 \
		sh -c 'echo >&3; sleep 0.1'
	[[ $stderr = "supervise: warning: NOTIFY_SOCKET $T/nobody: ENOENT" ]]
}

@test "NOTIFY_SOCKET of a virtual machine: vsock, as systemd tries it" {
	needs strace
	local type
	for type in '' -stream -seqpacket -dgram; do
		NOTIFY_SOCKET=vsock$type:2:1234 run -0 strace -f -o "trace$type" \
			-e trace=socket,connect -e inject=connect:error=ECONNREFUSED \
			"$SUPERVISE" --ready-fd 3 sh -c 'echo >&3; sleep 0.3'
		sed -n 's/.*AF_VSOCK, SOCK_\([A-Z]*\).*/\1/p' "trace$type" |
			awk '!seen[$0]++' >>types
	done
	[[ $(tr '\n' ' ' <types) = \
		'DGRAM SEQPACKET STREAM STREAM SEQPACKET DGRAM ' ]]
	grep -q 'connect(.*AF_VSOCK, svm_cid=VMADDR_CID_HOST, svm_port=0x4d2' \
		trace-stream
}

# --- real peers ---

s6_service() { # COMMAND: the run script
	mkdir service
	printf '#!/bin/sh\nexec 2>&1\n%s\n' "$1" >service/run
	chmod 755 service/run
	echo 7 >service/notification-fd
	s6-supervise service 3>&- 4>&- 5>&- >log 2>&1 &
	S6=$!
	wait_until s6-svok service
}

end_s6() {
	s6-svc -dx service
	wait "$S6"
}

@test "s6-supervise waits for a daemon that speaks sd_notify" {
	needs s6-supervise
	s6_service 'exec "$SUPERVISE" --ready-socket --notify-fd 7 sh -c "
		until test -e ../go; do sleep 0.01; done
		systemd-notify --ready; exec sleep 60"'
	s6-svwait -u -t 9000 service
	run -99 s6-svwait -U -t 200 service
	touch go
	s6-svwait -U -t 9000 service
	[[ $(s6-svstat -o up,ready service) = 'true true' ]]
	s6-svc -d service
	s6-svwait -D -t 9000 service
	end_s6
}

@test "systemd's receiver waits for a daemon that speaks s6" {
	listen_at "$T/socket"
	start --ready-fd 4 sh -c '
		until test -e go; do sleep 0.01; done; echo >&4; exec sleep 60'
	sleep 0.1
	run ! got READY=1
	touch go
	wait_until got READY=1
	stop_it
	end_listener
}

@test "two of us in a chain: an s6 daemon, sd_notify between, s6 again" {
	mkfifo pipe
	cat pipe >said &
	local reader=$!
	start --ready-socket --notify-fd 7 "$SUPERVISE" --ready-fd 3 sh -c '
		echo >&3; exec sleep 60' 7>pipe
	wait "$reader"
	[[ $(od -An -tx1 said) = " 0a" ]]
	stop_it
	((status == 143))
}

@test "redis says that it is ready, and what it does" {
	needs redis-server
	start --ready-socket --status-fd 5 redis-server --port 0 \
		--unixsocket "$T/redis" --supervised systemd --save '' \
		--dir "$T" 5>events
	wait_until has 'ready by=socket .*'
	grep -q 'text=Ready' events
	run -0 redis-cli -s "$T/redis" ping
	[[ $output = PONG ]]
	stop_it
	((status == 0))
}

@test "nginx is ready when its pid file is there, postgres by its own check" {
	needs nginx
	cat >nginx.conf <<-END
		daemon off; pid $T/nginx.pid; error_log $T/error.log;
		events {}
		http { access_log off; server { listen unix:$T/web; } }
	END
	start --ready-path nginx.pid --ready-check 'test -S web' --status-fd 5 \
		nginx -e "$T/error.log" -c "$T/nginx.conf" 5>events
	wait_until has 'ready .*'
	wait_until test -s nginx.pid
	stop_it
	((status == 0))
}
