#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Each of these was a bug: something was done, and not told as it was, or
# decided by what was not the cause of it.
# shellcheck disable=SC2016,SC2154 # for a shell in there; set by run
# shellcheck disable=SC2034 # for end_test

load helper

has() { # LINE: a whole event but for its time and numbers behind it
	grep -qE "^$1( |$)" <(sed -E 's/ time=[0-9]+//' events)
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

stop_it() {
	kill -TERM "$SUPERVISE_PID"
	ended
}

tell() {
	"$SUPERVISE" --control "$1" dir
}

key() { # NAME=VALUE: is in the status of dir
	"$SUPERVISE" --status=keys dir | grep -qx "$1"
}

# a program that leaves behind what ignores TERM, and has said so
LEAVES='rm -f deaf; setsid sh -c "trap \"\" TERM; touch deaf; exec sleep 60" &
	until test -e deaf; do sleep 0.01; done'

@test "a stop while what a program has left is waited for" {
	mkdir dir
	listen_at "$T/socket"
	start -q -d dir -r always --restart-delay 0 -k 3s --ready-fd 3 --status-fd 7 \
		sh -c "$LEAVES"'; echo >&3; exit 5' 7>events
	wait_until has 'stopping cause=program'
	key want=up
	kill -TERM "$SUPERVISE_PID"
	wait_until has 'stopping cause=signal signal=TERM'
	wait_until got STOPPING=1
	key want=down
	grep -q 'want exit' dir/supervise/stat
	run ! has killing
	kill -TERM "$SUPERVISE_PID"
	ended
	(($(grep -c STOPPING got) == 1 && $(grep -c '^starting' events) == 1))
	end_listener
}

@test "down while it is stopped for a restart" {
	mkdir dir
	start -q -d dir -k 3s --status-fd 7 \
		sh -c 'trap "" TERM; echo up; while :; do sleep 0.1; done' 7>events
	wait_until grep -q up out
	tell restart
	wait_until has 'stopping cause=restart'
	tell down
	wait_until has 'stopping cause=control'
	key want=down
	run ! has killing
	kill -TERM "$SUPERVISE_PID"
	kill -TERM "$SUPERVISE_PID"
	ended
}

@test "down is what is wanted, whatever it is asked with" {
	mkdir dir
	start -d dir -s INT -k 3s --status-fd 7 \
		sh -c 'trap "" INT TERM; echo up; while :; do sleep 0.1; done' 7>events
	wait_until grep -q up out
	tell down
	wait_until has 'stopping cause=control'
	wait_until key want=down
	run ! has killing
	tell kill-all
	tell exit
	ended
}

@test "exit where nothing runs: STOPPING=1, and the event" {
	mkdir dir
	listen_at "$T/socket"
	start -d dir -r always --restart-delay 60s --ready-fd 3 --status-fd 7 \
		sh -c 'echo >&3; sleep 0.1' 7>events
	wait_until has restarting
	run ! got STOPPING=1
	tell exit
	ended
	wait_until got STOPPING=1
	has 'stopping cause=control'
	end_listener
}

@test "-t is why it ends, also if somebody says up meanwhile" {
	mkdir dir
	start -d dir -t 300ms -k 1s --stats --status-fd 7 \
		sh -c 'trap "" TERM; while :; do sleep 0.1; done' 7>events
	wait_until has 'stopping cause=timeout'
	tell up
	ended
	((status == 124))
	grep -q 'ended by: timeout' err
}

@test "not ready in time: STOPPING=1 at once, and 124 whoever sends a TERM" {
	listen_at "$T/socket"
	start -k 2s --ready-fd 3 --ready-timeout 200ms --status-fd 7 \
		sh -c 'trap "" TERM; while :; do sleep 0.1; done' 7>events
	wait_until has 'stopping cause=ready-timeout'
	wait_until got STOPPING=1
	run ! has killing
	kill -TERM "$SUPERVISE_PID"
	ended
	((status == 124))
	end_listener
}

@test "the log of a service speaks for itself only" {
	mkdir -p dir/log
	printf '#!/bin/sh\nenv >../env.run\nexec sleep 60\n' >dir/run
	printf '#!/bin/sh\nenv >../../env.log; echo >&3; exec 3>&-; exec cat\n' \
		>dir/log/run
	mkdir dir/control
	printf '#!/bin/sh\nenv >../env.control\n' >dir/control/h
	chmod 755 dir/run dir/log/run dir/control/h
	echo 3 >dir/log/notification-fd
	listen_at "$T/socket"
	export WATCHDOG_USEC=9000000
	start -q --ready-path never dir
	wait_until "$SUPERVISE" --wait ready -t 0 dir/log
	wait_until "$SUPERVISE" --wait up -t 0 dir
	tell hup
	wait_until test -s env.control
	run ! grep -E 'NOTIFY_SOCKET|WATCHDOG' env.*
	stop_it
	wait_until got STOPPING=1
	(($(grep -c STOPPING got) == 1))
	run ! got READY=1
	end_listener
	unset WATCHDOG_USEC
}

@test "-b with closed standard descriptors" {
	run -0 sh -c 'timeout 5 "$SUPERVISE" -b sleep 61 <&- >&- 2>err'
	wait_until pgrep -x -f 'sleep 61'
	kill -TERM "$(ps -o ppid= -p "$(pgrep -x -f 'sleep 61')")"
	run -0 sh -c 'timeout 5 "$SUPERVISE" -b -v --ready-fd 3 sh -c \
		"sleep 0.2; echo >&3; exec sleep 62" <&- 2>&- >out'
	kill -TERM "$(ps -o ppid= -p "$(pgrep -x -f 'sleep 62')")"
	wait_until eval '! pgrep -x -f "sleep 6[12]"'
}

@test "-b: a signal that is ignored ends nobody, another one does" {
	cat >caller <<-'END'
		trap "" HUP
		exec "$SUPERVISE" -b --ready-fd 3 sh -c 'touch up
			until test -e go; do sleep 0.01; done; echo >&3; exec sleep 63'
	END
	spawn sh caller
	SUPERVISE_PID=$!
	wait_until test -e up
	kill -HUP "$SUPERVISE_PID"
	touch go
	ended
	((status == 0))
	kill -TERM "$(ps -o ppid= -p "$(pgrep -x -f 'sleep 63')")"
	rm up go
	start -b --ready-fd 3 sh -c 'touch up; exec sleep 64'
	wait_until test -e up
	kill -USR1 "$SUPERVISE_PID"
	ended
	((status == 143))
	wait_until eval '! pgrep -x -f "sleep 6[34]"'
}

@test "-b: whoever waits for the stop can still hurry it" {
	start -b -k 60s --ready-fd 3 sh -c 'trap "" TERM; touch up
		until test -e go; do sleep 0.01; done; echo >&3; touch said
		while :; do sleep 0.1; done'
	wait_until test -e up
	kill -STOP "$SUPERVISE_PID"
	touch go
	wait_until test -e said
	sleep 0.1 # told by now, or the test is of something else
	kill -TERM "$SUPERVISE_PID"
	kill -CONT "$SUPERVISE_PID"
	sleep 0.1
	kill -TERM "$SUPERVISE_PID"
	ended
	((status == 137))
}

@test "-b and --exit-code when the restarts are given up" {
	run -7 "$SUPERVISE" -q -b -r always --restart-limit 1 --restart-delay 0 \
		--exit-code 125=7 --ready-fd 3 false
}

@test "--until: a clock that is set twice at once is set, no more" {
	needs clock "$PROG/clockstep" 0 true
	needs python3
	start --until "@$(($(date +%s) + 3600))" --status-fd 7 sleep 60 7>events
	wait_until has 'started .*'
	python3 -c '
import time
ahead = time.clock_gettime(time.CLOCK_REALTIME) - time.monotonic()
for i in range(3000):
    time.clock_settime(time.CLOCK_REALTIME, time.monotonic() + ahead)'
	stop_it
	((status == 143))
	run ! has 'stopping cause=until'
}

@test "what is stored is given up by an order that comes in the delay" {
	needs python3
	cat >store.py <<-'END'
		import array, os, socket
		s = socket.socket(socket.AF_UNIX)
		if os.path.exists("listening"):
		    os.unlink("listening")
		s.bind("listening")
		s.listen()
		n = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
		n.connect("\0" + os.environ["NOTIFY_SOCKET"][1:])
		n.sendmsg([b"FDSTORE=1"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
		    array.array("i", [s.fileno()]))])
		r, w = os.pipe()
		n.sendmsg([b"BARRIER=1"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
		    array.array("i", [w]))])
		os.close(w)
		os.read(r, 1)
	END
	cat >connect.py <<-'END'
		import socket
		socket.socket(socket.AF_UNIX).connect("listening")
	END
	local order
	for order in down at-most; do
		mkdir -p dir
		start -q -d dir -r always --restart-delay 60s --ready-socket \
			--status-fd 7 python3 store.py 7>events
		wait_until has restarting
		python3 connect.py
		tell "$order"
		wait_until eval '! python3 connect.py'
		tell exit
		ended
	done
}

@test "the back-off is that of how long the program has run" {
	start -q -k 400ms -r always --restart-delay 50ms:300ms --restart-limit 4 \
		--status-fd 7 sh -c "$LEAVES"'; exit 1' 7>events
	ended
	((status == 125))
	[[ $(sed -n 's/^restarting .*delay=//p' events | xargs) = "50 100 200 300" ]]
}

@test "an order begins the count of restarts anew" {
	mkdir -p dir
	printf '#!/bin/sh\nexit 1\n' >dir/run
	chmod 755 dir/run
	start -q --restart-limit 2 --restart-delay 10ms --status-fd 7 dir 7>events
	wait_until has gave-up
	tell up
	wait_until eval '(($(grep -c ^gave-up events) == 2))'
	(($(grep -c '^starting' events) == 6))
	[[ $(sed -n 's/^restarting .*delay=//p' events | xargs) = "10 20 10 20" ]]
	tell exit
	ended
}

@test "a stream that takes a part of a line gets no other one glued to it" {
	needs python3
	cat >reader.py <<-'END'
		import os, re, socket, subprocess, sys
		l = socket.socket()
		l.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
		l.bind(("127.0.0.1", 0))
		l.listen()
		w = socket.socket()
		w.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
		w.connect(l.getsockname())
		r, _ = l.accept()
		text = "STATUS=" + "x" * 200
		p = subprocess.Popen([os.environ["SUPERVISE"], "-q", "--ready-socket",
		    "--status-fd", str(w.fileno()), "sh", "-c",
		    'i=0; while [ $i -lt 40 ]; do i=$((i + 1)); '
		    '"$PROG/notify" -b - %s %s %s; done; touch said; '
		    'until test -e go; do sleep 0.01; done'
		    % ((text,) * 3)], pass_fds=[w.fileno()])
		w.close()
		while not os.path.exists("said"):
		    pass
		lines = b""
		r.settimeout(0.5)
		try:
		    while True:
		        lines += r.recv(65536)
		except socket.timeout:
		    open("go", "w")
		r.settimeout(10)
		while True:
		    more = r.recv(65536)
		    if not more:
		        break
		    lines += more
		p.wait()
		lost = 0
		for line in lines.decode().splitlines():
		    words = re.findall(r"\b(?:[a-z-]+) time=\d+", line)
		    if len(words) != 1 or not line.startswith(words[0]):
		        sys.exit("glued: " + line)
		    m = re.search(r"dropped=(\d+)", line)
		    lost += int(m.group(1)) if m else 0
		sys.exit(0 if lost > 0 else "nothing was lost")
	END
	run -0 python3 reader.py
}

@test "its own end comes first, also where its stub is still to be asked" {
	local form pid
	for form in '' --no-cgroup --no-pidns; do
		rm -f go
		# shellcheck disable=SC2086
		start $form --ready-fd 3 --ready-timeout 500ms --status-fd 7 sh -c \
			'until test -e go; do sleep 0.01; done; exit 5' 7>events
		wait_until has 'started .*'
		pid=$(sed -n 's/^started .*pid=\([0-9]*\).*/\1/p' events)
		kill -STOP "$SUPERVISE_PID"
		touch go
		wait_until grep -q '^State:.*Z' "/proc/$pid/status"
		sleep 0.6 # now both are due
		kill -CONT "$SUPERVISE_PID"
		ended
		((status == 5)) || { echo "with $form: $status"; false; }
	done
}

@test "ready is told before the end, when both are known at once" {
	mkdir dir
	local pid
	start -d dir -r always --restart-delay 60s --ready-fd 3 --status-fd 7 sh -c \
		'until test -e go; do sleep 0.01; done; echo >&3' 7>events
	wait_until has 'started .*'
	pid=$(sed -n 's/^started .*pid=\([0-9]*\).*/\1/p' events)
	kill -STOP "$SUPERVISE_PID"
	touch go
	wait_until grep -q '^State:.*Z' "/proc/$pid/status"
	kill -CONT "$SUPERVISE_PID"
	wait_until has restarting
	[[ $(grep -oE '^(ready|exited)' events | xargs) = "ready exited" ]]
	stop_it
}

@test "INT is a stop wherever no program is there to heed it" {
	start -q -k 60s -r always --restart-delay 0 --status-fd 7 \
		sh -c "$LEAVES"'; exit 1' 7>events
	wait_until has 'stopping cause=program'
	kill -INT "$SUPERVISE_PID"
	wait_until has 'stopping cause=signal signal=INT'
	kill -INT "$SUPERVISE_PID"
	ended
	(($(grep -c '^starting' events) == 1))
	# but not where it has been ignored from the start
	cat >caller <<-'END'
		trap "" INT
		exec "$SUPERVISE" -r always --restart-delay 300ms --status-fd 7 true
	END
	spawn sh caller 7>events
	SUPERVISE_PID=$!
	wait_until has restarting
	kill -INT "$SUPERVISE_PID"
	wait_until has 'starting start=2'
	stop_it
}

@test "a watchdog is fed also by a program that takes its time to end" {
	mkdir dir
	listen_at "$T/socket"
	start -d dir --ready-socket sh -c '
		trap "\"$PROG/notify\" -b - WATCHDOG=1; exit" TERM
		"$PROG/notify" -b - READY=1; while :; do sleep 0.05; done'
	wait_until got READY=1
	run ! got WATCHDOG=1
	tell restart
	wait_until got WATCHDOG=1
	stop_it
	end_listener
}

@test "a notification-fd that comes later is told on as well" {
	mkdir dir
	printf '#!/bin/sh\necho >&3; exec sleep 60\n' >dir/run
	chmod 755 dir/run
	listen_at "$T/socket"
	start -q dir
	wait_until "$SUPERVISE" --wait up -t 0 dir
	echo 3 >dir/notification-fd
	tell restart
	wait_until got READY=1
	got "MAINPID=$SUPERVISE_PID"
	stop_it
	end_listener
}

@test "a start that made nothing has nothing to kill, and no end" {
	needs cgroup cgroup_is_delegated
	needs strace
	run -127 "$SUPERVISE" --status-fd 7 ./no-such-program 7>events
	run ! has 'exited .*'
	start -q -r always --restart-delay 10ms --status-fd 7 sh -c 'sleep 0.1' 7>events
	wait_until has restarting
	echo 0 >"$CG/cgroup.max.descendants"
	wait_until eval '(($(grep -c ^restarting events) >= 4))'
	echo max >"$CG/cgroup.max.descendants"
	stop_it
	run ! has killing
}

@test "--stats: killed by an order, and given up" {
	mkdir dir
	start -d dir --stats sh -c 'echo up; exec sleep 60'
	wait_until grep -q up out
	tell kill-all
	ended
	grep -q 'ended by: control' err
	run -125 --separate-stderr "$SUPERVISE" -q -r always --restart-delay 0 \
		--restart-limit 1 --stats false
	[[ $stderr = *'ended by: restart-limit'* ]]
}

service() { # RUN
	mkdir -p dir/control
	printf '#!/bin/sh\n%s\n' "$1" >dir/run
	chmod 755 dir/run
}

script() { # control/NAME TEXT
	printf '#!/bin/sh\n%s\n' "$2" >"dir/$1"
	chmod 755 "dir/$1"
}

@test "what a stranger has put where the status is to be is not written to" {
	echo precious >victim
	mkdir -p dir/supervise
	ln -s ../../victim dir/supervise/status.new
	ln -s ../victim dir/down
	start -d dir sleep 60
	wait_until "$SUPERVISE" --wait up -t 0 dir
	tell D
	wait_until "$SUPERVISE" --wait down -t 0 dir
	tell exit
	ended
	[[ $(cat victim) = precious ]]
	rm -f dir/supervise/status.new dir/down
	mkfifo dir/supervise/status.new
	run -0 timeout 5 "$SUPERVISE" -d dir true
	service 'exec sleep 60'
	mkfifo dir/timeout-kill
	start dir
	wait_until "$SUPERVISE" --wait up -t 0 dir
	stop_it
}

@test "the state is right again when the disk has room again" {
	needs root is_root
	needs mounts unshare -m true
	cat >full.sh <<-'END'
		mount -t tmpfs -o size=64k,nr_inodes=60 none small && cd small || exit 9
		mkdir dir && printf '#!/bin/sh\nexec sleep 60\n' >dir/run
		chmod 755 dir/run; touch dir/down
		"$SUPERVISE" -q dir & us=$!
		"$SUPERVISE" --wait down -t 5 dir
		until "$SUPERVISE" --status dir; do sleep 0.01; done
		dd if=/dev/zero of=fill bs=1k 2>/dev/null
		"$SUPERVISE" --control up dir
		until pgrep -f '^sleep 60$' -P "$us"; do sleep 0.01; done
		rm fill
		"$SUPERVISE" --wait up -t 9 dir; result=$?
		kill -TERM "$us"; wait "$us"
		exit $result
	END
	mkdir small
	run -0 unshare -m --propagation private sh full.sh
}

@test "event replaced, or renamed: who waits in the new one is told" {
	local how
	for how in 'rm -rf dir/event' 'mv dir/event dir/event.old'; do
		rm -rf dir go
		service 'until test -e ../go; do sleep 0.01; done; echo >&3; exec sleep 60'
		echo 3 >dir/notification-fd
		start dir
		wait_until "$SUPERVISE" --wait up -t 0 dir
		$how
		mkdir -m 3730 dir/event
		timeout 8 "$SUPERVISE" --wait ready dir 3>&- 4>&- &
		local waiter=$!
		wait_until eval 'compgen -G "dir/event/ftrig1*"'
		touch go
		wait "$waiter"
		stop_it
	done
}

@test "-d: after down and up it ends with its program again" {
	mkdir dir
	start -d dir sh -c 'until test -e go; do sleep 0.01; done; exit 7'
	wait_until "$SUPERVISE" --wait up -t 0 dir
	tell down
	wait_until "$SUPERVISE" --wait down -t 0 dir
	tell up
	wait_until "$SUPERVISE" --wait up -t 0 dir
	touch go
	ended
	((status == 7))
}

@test "control/X: letters wait for the script before, a stop does not wait for ever" {
	service 'for s in HUP USR1 USR2; do trap "echo $s >>../log" $s; done
		trap "echo TERM >>../log; exit" TERM
		touch ../up; while :; do sleep 0.05; done'
	local letter
	for letter in h 1 2; do
		script "control/$letter" "echo script $letter; sleep 0.1; exit 1"
	done
	start -k 60s dir
	wait_until test -e up
	printf h12d >dir/supervise/control
	"$SUPERVISE" --wait down -t 9 dir
	[[ $(xargs <log) = 'HUP USR1 USR2 TERM' ]]
	# where its output goes is where that of the program goes
	[[ $(xargs <out) = 'script h script 1 script 2' ]]
	stop_it
}

@test "control/X: a script that hangs does not keep letters from us" {
	service 'trap "echo USR1 >>../log" USR1; trap "echo USR2 >>../log" USR2
		trap "echo TERM >>../log; exit" TERM
		touch ../up; while :; do sleep 0.02; done'
	local letter
	for letter in h 1 t; do
		script "control/$letter" "trap '' TERM; echo $letter >>../log; exec sleep 60"
	done
	echo 300 >dir/timeout-kill
	start dir
	wait_until test -e up
	# it does not wait for its turn behind another that has no turn
	printf h112d >dir/supervise/control
	"$SUPERVISE" --wait down -t 9 dir
	[[ $(xargs <log) = 'h USR1 USR2 TERM' ]]
	stop_it
}

@test "continue, or a script's end, while the tree dies: nothing is held up" {
	# what takes a moment to die: memory
	service 'trap "" TERM
		exec "$PROG/slowdie" ../up'
	start --signal-tree -k 300ms dir
	wait_until test -e up
	printf Kc >dir/supervise/control
	rm up
	wait_until test -e up # begun anew
	script control/t 'trap "" TERM; exec sleep 60'
	kill -TERM "$SUPERVISE_PID"
	ended
	((status == 0))
}

@test "continue of what is down spoils no later run" {
	needs cgroup cgroup_is_delegated
	local form
	service 'exec sleep 60'
	script control/h 'echo h >>../log'
	for form in --wait-all '--signal-tree --no-pidns'; do
		rm -f log
		# shellcheck disable=SC2086
		start -q $form --ready-check true dir
		wait_until "$SUPERVISE" --wait ready -t 0 dir
		printf dc >dir/supervise/control
		wait_until "$SUPERVISE" --wait down -t 0 dir
		printf c >dir/supervise/control
		printf u >dir/supervise/control
		"$SUPERVISE" --wait ready -t 9 dir
		[[ $form != --wait-all ]] || {
			printf h >dir/supervise/control
			wait_until test -s log
		}
		stop_it
	done
}

@test "control/p that fails in a stop does not freeze it" {
	service 'trap "until test -e ../go; do sleep 0.02; done; echo clean >../log; exit" TERM
		touch ../up; while :; do sleep 0.02; done'
	script control/p 'touch ../p; until test -e ../asked; do sleep 0.02; done; exit 1'
	start -k 60s --status-fd 5 dir 5>events
	wait_until test -e up
	printf p >dir/supervise/control
	wait_until test -e p
	kill -TERM "$SUPERVISE_PID"
	wait_until grep -q stopping events
	touch asked go
	ended
	[[ $(cat log) = clean ]]
	run ! grep paused events
}

@test "control/u is run before each start, also after one that was called off" {
	service 'exec sleep 60'
	script control/u 'echo u >>../log; until test -e ../go; do sleep 0.02; done'
	start dir
	wait_until grep -q u log
	printf Kd >dir/supervise/control
	wait_until key want=down
	: >log
	touch go
	wait_until eval '! pgrep -f "^/bin/sh control/u$" -P "$SUPERVISE_PID"'
	tell up
	wait_until "$SUPERVISE" --wait up -t 0 dir
	[[ $(cat log) = u ]]
	stop_it
}

@test "-t counts from the first control/u on" {
	service 'exec sleep 60'
	script control/u 'exec sleep 60'
	start -t 300ms dir
	ended
	((status == 124))
}

@test "paused by control/p: no watchdog, and it is over with the program" {
	service 'trap "exit 0" USR1; while :; do sleep 0.02; done'
	script control/p 'exit 0'
	start --restart-delay 60 --watchdog 400ms --status-fd 5 dir 5>events
	wait_until "$SUPERVISE" --wait up -t 0 dir
	tell pause
	wait_until grep -q paused events
	sleep 0.8 # twice the time
	run ! grep watchdog events
	tell usr1
	wait_until grep -q exited events
	wait_until key state=down
	key paused=0
	stop_it
}

@test "--wait: a status that is not there is waited for; nowhere is nowhere" {
	service 'exec sleep 60'
	start dir
	wait_until "$SUPERVISE" --wait up -t 0 dir
	rm dir/supervise/status
	run -99 "$SUPERVISE" --wait up -t 200ms dir
	run -111 "$SUPERVISE" --status dir
	[[ $output = *'read supervise/status in'*ENOENT* ]]
	"$SUPERVISE" --wait up -t 9 dir 3>&- 4>&- &
	local waiter=$!
	wait_until eval 'compgen -G "dir/event/ftrig1*"'
	tell hup
	tell up
	wait "$waiter"
	tell down
	wait_until "$SUPERVISE" --wait down -t 0 dir
	(cd dir && run -111 "$SUPERVISE" --wait down -t 0 /nonexistent)
	stop_it
}

@test "once after down is no restart" {
	service 'echo run >>../runs; trap "sleep 0.2; exit" TERM; touch ../up
		while :; do sleep 0.05; done'
	start dir
	wait_until test -e up
	printf "do" >dir/supervise/control
	wait_until "$SUPERVISE" --wait down -t 0 dir
	sleep 0.3 # a restart would be at once
	(($(wc -l <runs) == 1))
	key state=down
	stop_it
}

@test "at most once, after a restart that is under way, is no restart" {
	local letters
	for letters in rO ro tO; do
		rm -rf dir runs up
		service 'echo run >>../runs; trap "sleep 0.2; exit" TERM; touch ../up
			while :; do sleep 0.05; done'
		start dir
		wait_until test -e up
		printf %s "$letters" >dir/supervise/control
		wait_until "$SUPERVISE" --wait down -t 0 dir
		key want=down
		sleep 0.3 # it would be at once
		(($(wc -l <runs) == 1))
		stop_it
	done
	# what has left something behind is at its end, too
	service "echo run >>../runs; $LEAVES; touch ../up; sleep 60"
	rm -f up runs
	start --restart-delay 0 -k 1 --status-fd 5 dir 5>events
	wait_until test -e up
	tell term
	wait_until grep -q exited events
	tell at-most
	wait_until key state=down
	key want=down
	sleep 0.3
	(($(wc -l <runs) == 1))
	stop_it
}

@test "paused before its exec: it is up, and paused" {
	local round
	service 'exec sleep 60'
	mkdir -p dir
	touch dir/down
	for round in {1..8}; do
		start dir
		wait_until "$SUPERVISE" --wait down -t 0 dir
		printf up >dir/supervise/control
		wait_until key paused=1
		key state=up
		tell continue
		wait_until key paused=0
		# and what is told to stop is not
		printf dup >dir/supervise/control
		tell down
		tell exit
		ended
	done
}

@test "control/u is not down to who waits for that" {
	service 'exec sleep 60'
	script control/u 'exec 9>../held; flock 9; trap "" TERM; touch ../begun; exec sleep 60'
	echo 400 >dir/timeout-kill
	start dir
	wait_until test -e begun
	run -99 "$SUPERVISE" --wait down -t 0 dir
	tell down
	"$SUPERVISE" --wait down -t 9 dir
	no_survivors held
	needs s6-svwait
	tell up
	wait_until eval '! flock -n held true'
	s6-svc -d dir
	s6-svwait -D -t 9000 dir
	no_survivors held
	stop_it
}

@test "a new supervisor is not refused for what a killed one has just cloned" {
	leaves_cgroup
	local round
	service 'exec sleep 0.02'
	script control/u 'exit 1'
	for round in {1..60}; do
		"$SUPERVISE" --restart-delay 0 dir 2>>said 3>&- 4>&- &
		SUPERVISE_PID=$!
		sleep "0.$(printf %03d $((RANDOM % 60)))"
		kill -KILL "$SUPERVISE_PID"
		wait "$SUPERVISE_PID" || status=$? # at once, or it is too late
		((status == 137))
	done
	[[ ! -s said ]]
}

@test "finish is not paused" {
	service 'exec sleep 60'
	script finish 'touch ../begun; sleep 0.5; touch ../over'
	echo 0 >dir/timeout-finish
	start dir
	wait_until "$SUPERVISE" --wait up -t 0 dir
	tell down
	wait_until test -e begun
	tell pause
	wait_until test -e over
	stop_it
}
