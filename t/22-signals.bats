#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# What comes in reaches the program, and what we were given it is given.
#
# $PROG/receive prints `NUMBER SI_CODE VALUE` for each signal, and exits with 0
# after TERM.
# shellcheck disable=SC2016,SC2030,SC2031 # for a shell in there; `run`

load helper

FORMS=('' --no-pidns '--no-cgroup' '--no-cgroup --no-pidns')

# Without a terminal, wherever these tests are run: a program that is stopped
# would else stop all of its group.
start_detached() {
	spawn setsid "$SUPERVISE" "$@"
	SUPERVISE_PID=$!
}

# received LINE [FILE]: the program has had this
received() {
	wait_until grep -qx "$1" "${2:-out}"
}

send() {
	"$PROG/send" "$SUPERVISE_PID" "$@"
}

# All that can be caught but TERM and CHLD, as they are sent by this: CONT apart
# from the others, since it and the stop signals take each other away.
send_all() {
	send all 9 15 17 18 19
	received "64 .*"
	received "22 .*"
	send 18
	received "18 .*"
	seq 64 | grep -vxE '9|15|17|19' | diff - <(
		sed -n 's/^\([0-9]*\) .*/\1/p' out | sort -n)
}

has_received() { # has_received TIMES LINE
	(($(grep -cx "$2" out) == $1))
}

is_supervise() {
	[[ $(cat "/proc/$SUPERVISE_PID/comm") = "${SUPERVISE##*/}" ]]
}

# The children of supervise that are not of its own making.
program_pid() {
	local pid pids
	read -ra pids <"/proc/$SUPERVISE_PID/task/$SUPERVISE_PID/children" || :
	for pid in "${pids[@]}"; do
		[[ $(cat "/proc/$pid/comm") = "${SUPERVISE##*/}" ]] ||
			echo "$pid"
	done
}

# stat_field PID N: of /proc/PID/stat, behind the name: 1 state, 3 pgrp, 4 sid
stat_field() {
	local stat
	stat=$(<"/proc/$1/stat")
	# shellcheck disable=SC2206 # words
	local fields=(${stat##*) })
	echo "${fields[$2 - 1]}"
}

is_stopped() {
	[[ $(stat_field "$(program_pid)" 1) = T ]]
}

@test "each of the 64 that can be caught arrives, once, as that number" {
	local form
	for form in "${FORMS[@]}"; do
		# shellcheck disable=SC2086 # words
		start $form "$PROG/receive"
		wait_until grep -q ready out
		send_all
		send 15
		ended
		((status == 0))
	done
}

@test "they arrive also where supervise is PID 1" {
	needs pidns pidns_is_permitted
	spawn unshare --pid --fork "$SUPERVISE" --no-pidns "$PROG/receive"
	local outside=$!
	wait_until grep -q ready out
	SUPERVISE_PID=$(pgrep -P "$outside")
	send_all
	send 15
	SUPERVISE_PID=$outside
	ended
	((status == 0))
}

@test "what sigqueue(3) was given arrives with it, all 64 bits" {
	start "$PROG/receive"
	wait_until grep -q ready out
	send 34 0xdeadbeefcafebabe
	received "34 -1 deadbeefcafebabe"
	send 64 -1
	received "64 -1 ffffffffffffffff"
	send 10 7
	received "10 -1 7"
	send 33 0x100000000
	received "33 -1 100000000"
	send 2 1
	received "2 -1 1"
	# and what comes without has none
	send 36
	received "36 0 0"
	send 15
	ended
}

@test "2000 real-time signals in a row: none is lost, all in order" {
	needs sigqueue test "$(ulimit -i | sed s/unlimited/99999/)" -ge 5000
	start "$PROG/receive"
	wait_until grep -q ready out
	# queued where we are, so that all are there at once
	kill -STOP "$SUPERVISE_PID"
	send 40 0 2000
	kill -CONT "$SUPERVISE_PID"
	received "40 -1 7cf"
	# and as they come
	send 41 0 2000
	received "41 -1 7cf"
	send 15
	ended
	printf '40 -1 %x\n' {0..1999} | diff - <(grep ^40 out)
	printf '41 -1 %x\n' {0..1999} | diff - <(grep ^41 out)
}

@test "nothing is lost that comes before the program runs" {
	local i
	for _ in 1 2 3 4 5; do
		spawn "$PROG/inherit" -b all "$SUPERVISE" "$PROG/receive"
		SUPERVISE_PID=$!
		wait_until is_supervise
		for i in 1 2 3; do
			send 34 $((i * 100)) 20
			send 10
			send 64
		done
		received "34 -1 13f"
		wait_until has_received 3 "64 .*"
		received "10 .*"
		send 15
		ended
		((status == 0))
		for i in 100 200 300; do
			printf '34 -1 %x\n' $(seq "$i" $((i + 19)))
		done | diff - <(grep ^34 out)
	done
}

@test "TERM in the first milliseconds is never lost: 200 starts" {
	run "$PROG/earlyterm" 200 ${SAN:+1}3000 "$SUPERVISE" -k inf -- sleep 60
	echo "$output"
	((status == 0))
}

@test "TERM in the first milliseconds, without namespace or cgroup" {
	local form
	for form in --no-pidns --no-cgroup '--no-cgroup --no-pidns'; do
		# shellcheck disable=SC2086 # words
		run "$PROG/earlyterm" 60 ${SAN:+1}3000 \
			"$SUPERVISE" $form -k inf -- sleep 60
		echo "$form: $output"
		((status == 0))
	done
}

@test "--map INT=TERM: an interrupt is a stop" {
	start --map INT=TERM "$PROG/receive"
	wait_until grep -q ready out
	send 2
	ended
	((status == 0))
	run ! grep '^2 ' out
	start --map INT=TERM sh -c 'echo ready; exec sleep 60'
	wait_until grep -q ready out
	send 2
	ended
	((status == 143))
}

@test "--map TERM=QUIT: the stop asks with QUIT, and still kills after -k" {
	start --map TERM=QUIT "$PROG/receive" 3 7
	wait_until grep -q ready out
	send 15
	ended
	((status == 7))
	run ! grep '^15 ' out
	start --map TERM=QUIT -k 100ms "$PROG/receive" 64
	wait_until grep -q ready out
	send 15
	ended
	((status == 137))
	grep -q '^3 ' out
	run ! grep '^15 ' out
}

@test "--map X=0 drops X, --map X=Y makes a Y of it" {
	start --map HUP=0 --map USR1=USR2 --map 34=50 --map 33=0 \
		"$PROG/receive"
	wait_until grep -q ready out
	send 1
	send 33
	send 10
	send 34 0xabc
	received "12 0 0"
	received "50 -1 abc"
	# a mapped one is not mapped again, and others are left alone
	send 12
	send 35
	received "35 .*"
	send 15
	ended
	[[ $(grep -c '^12 ' out) = 2 ]]
	run ! grep -E '^(1|10|33|34) ' out
}

@test "--map TERM=0: no stop by TERM" {
	start --map TERM=0 "$PROG/receive" 10
	wait_until grep -q ready out
	send 15
	send 15
	send 10
	ended
	((status == 0))
	run ! grep '^15 ' out
}

# chorus_of N: as many are there
chorus_of() {
	(($(grep -c up heard) == $1))
}

# heard_by_all N SIG: every one of N has had SIG exactly once
heard_by_all() {
	seq 0 $(($1 - 1)) | diff - <(
		sed -n "s/^\([0-9]*\) $2\$/\1/p" heard | sort -n)
}

@test "--signal-tree: each of a tree of 50 gets it exactly once" {
	needs cgroup cgroup_is_delegated
	local form
	for form in '' --no-pidns --no-cgroup; do
		rm -f heard
		# shellcheck disable=SC2086 # words
		start $form --signal-tree -s 40 "$PROG/chorus" 50 "$T/heard" 40
		wait_until chorus_of 50
		send 35
		wait_until heard_by_all 50 35
		send 36
		wait_until heard_by_all 50 36
		# with the next one there, what came twice would be, too
		heard_by_all 50 35
		# so does the signal of a stop
		send 15
		ended
		((status == 0))
		heard_by_all 50 40
		heard_by_all 50 36
	done
}

@test "without --signal-tree only the program gets it" {
	start -s 40 "$PROG/chorus" 5 "$T/heard" 40
	wait_until chorus_of 5
	send 35
	wait_until grep -q '^0 35' heard
	send 36
	wait_until grep -q '^0 36' heard
	[[ $(grep -c ' 3[56]$' heard) = 2 ]]
	send 15
	send 15 # the others wait for a 40 that nobody sends
	ended
}

@test "--wait-all: once the program has ended, the tree gets what comes in" {
	needs cgroup cgroup_is_delegated
	start --wait-all sh -c '"$1" 3 "$2" 40 &' sh "$PROG/chorus" "$T/heard"
	wait_until chorus_of 3
	wait_until test -z "$(program_pid)"
	send 35
	wait_until heard_by_all 3 35
	send 40
	ended
	((status == 0))
}

@test "without a terminal the program leads a session of its own" {
	run -0 setsid -w "$SUPERVISE" "$PROG/inherit" inherited
	grep -qx 'session leader' inherited
	grep -qx 'terminal no' inherited
}

@test "--same-group: the program is in the caller's group and session" {
	start_detached --same-group "$PROG/receive"
	wait_until grep -q ready out
	local pid
	pid=$(program_pid)
	[[ $(stat_field "$pid" 3) = "$(stat_field "$SUPERVISE_PID" 3)" ]]
	[[ $(stat_field "$pid" 4) = "$(stat_field "$SUPERVISE_PID" 4)" ]]
	# forwarded all the same, and once
	send 36
	received "36 0 0"
	send 37
	received "37 0 0"
	[[ $(grep -c ^36 out) = 1 ]]
	send 15
	ended
}

# For what would not heed a TERM either, if it went wrong.
bounded() {
	timeout --foreground -s KILL "$T_LIMIT" "$@"
}

# as_given ARG...: inherit ARG... is the same with supervise in between, but
# for CHLD, which is never ignored
as_given() {
	rm -f direct given
	"$PROG/inherit" "$@" "$PROG/inherit" direct
	bounded "$PROG/inherit" "$@" "$SUPERVISE" "$PROG/inherit" given
	sed -i 's/^\(ignored.*\) 17\>/\1/' direct
	diff <(grep -E '^(fds|blocked|ignored)' direct) \
		<(grep -E '^(fds|blocked|ignored)' given)
}

@test "the program inherits mask and dispositions as they were" {
	as_given -b 2
	as_given -b 15 -b 32 -b 33 -b 34 -b 35 -b 64
	as_given -b all
	grep -qx "blocked $(seq 64 | grep -vxE '9|19' | xargs)" given
	as_given -i 1
	grep -q '^ignored.* 1\>' given
	as_given -i 1 -i 2 -i 3 -i 13 -i 15 -i 18 -i 20 -i 32 -i 33 -i 34 -i 64
	as_given -i 15 -b 15
}

@test "CHLD inherited as ignored or blocked: no hang, and default again" {
	local how
	for how in '-i 17' '-b 17' '-b all -i 17'; do
		# shellcheck disable=SC2086 # words
		run -3 bounded "$PROG/inherit" $how \
			"$SUPERVISE" sh -c 'exit 3'
	done
	as_given -i 17
	run ! grep '^ignored.* 17\>' given
	as_given -b 17
	grep -q '^blocked.* 17\>' given
}

@test "-s: a stop asks with that signal" {
	local name number
	for name in INT:2 SIGUSR1:10 quit:3 12:12 RTMIN+3:37 rtmax:64 33:33; do
		number=${name#*:}
		start -s "${name%:*}" "$PROG/receive" "$number" 5
		wait_until grep -q ready out
		send 15
		ended
		((status == 5))
		run ! grep '^15 ' out
	done
	start -s KILL sh -c 'echo ready; exec sleep 60'
	wait_until grep -q ready out
	send 15
	ended
	((status == 137))
}

@test "a second TERM kills at once" {
	start -k inf "$PROG/receive" 64
	wait_until grep -q ready out
	send 15
	received "15 .*"
	send 15
	ended
	((status == 137))
}

@test "INT after TERM kills at once; INT alone never does" {
	start -k inf "$PROG/receive" 64
	wait_until grep -q ready out
	send 2
	received "2 .*"
	send 2
	send 36
	received "36 .*"
	send 15
	received "15 .*"
	send 2
	ended
	((status == 137))
}

@test "a program that ignores TERM is killed after -k" {
	start -k 100ms "$PROG/receive" 64
	wait_until grep -q ready out
	send 15
	ended
	((status == 137))
	grep -q '^15 ' out
}

@test "-k 0 kills without asking" {
	start -k 0 "$PROG/receive" 64
	wait_until grep -q ready out
	send 15
	ended
	((status == 137))
	run ! grep '^15 ' out
}

@test "a stopped program is continued by a stop, so that it can end" {
	local form
	for form in "${FORMS[@]}"; do
		# shellcheck disable=SC2086 # words
		start_detached $form -k inf sh -c 'echo ready; kill -STOP $$;
			sleep 60'
		wait_until is_stopped
		send 15
		ended
		((status == 143))
	done
}

@test "0, 1, 2 closed: they reach the program closed, and all works" {
	local closed fd form
	for closed in 0 1 2 01 02 12 012; do
		local args=()
		for fd in 0 1 2; do
			[[ $closed != *$fd* ]] || args+=(-c "$fd")
		done
		for form in "${FORMS[@]}"; do
			rm -f given
			# shellcheck disable=SC2086 # words
			bounded "$PROG/inherit" "${args[@]}" \
				"$SUPERVISE" -v $form "$PROG/inherit" given
			for fd in 0 1 2; do
				if [[ $closed = *$fd* ]]; then
					run ! grep "^fds.* $fd\>" given
				else
					grep -q "^fds.* $fd\>" given
				fi
			done
		done
		run -6 bounded "$PROG/inherit" "${args[@]}" \
			"$SUPERVISE" sh -c 'exit 6'
	done
}

@test "0, 1, 2 closed, and no pidfd: they reach the program closed" {
	needs seccomp "$PROG/nosys" pidfd_open -- true
	bounded "$PROG/inherit" -c 0 -c 1 -c 2 "$PROG/nosys" pidfd_open -- \
		"$SUPERVISE" -v "$PROG/inherit" given
	run ! grep -E '^fds.* [012]\>' given
}

@test "descriptors: the program has all that were given, and none of ours" {
	exec 20</dev/null 21</dev/null 500>/dev/null
	local form
	"$PROG/inherit" direct
	for form in "${FORMS[@]}" --wait-all '--wait-all --no-cgroup' \
		--die-with-parent '-t 60' '--until 2100-01-01T00:00Z' -v \
		'-r on-failure' --stats --same-group --signal-tree --userns \
		--no-proc '--restart always --restart-limit 0'; do
		# shellcheck disable=SC2086 # words
		"$SUPERVISE" $form "$PROG/inherit" given || ((\
			$? == 125)) # the last
		diff <(grep ^fds direct) <(grep ^fds given) ||
			{ echo "with $form"; false; }
	done
	# those that are meant for us are not the program's
	mkfifo fifo
	exec 19<>fifo
	for form in --lifeline --status-fd; do
		"$SUPERVISE" "$form" 19 "$PROG/inherit" given
		diff <(grep ^fds direct) <(grep ^fds given) ||
			{ echo "with $form"; false; }
	done
}

# ends_seen FORM...: see t/prog/plumb.c
ends_seen() {
	run "$PROG/plumb" 300 "$@" "$PROG/plumb" - 300
	[[ $status = 0 && $output = "exited 143" ]] ||
		{ echo "$*: $status, $output"; false; }
}

@test "300 inherited descriptors: all reach the program, we hold none" {
	local form
	for form in "${FORMS[@]}" --wait-all --same-group; do
		# shellcheck disable=SC2086 # words
		ends_seen "$SUPERVISE" $form
	done
}

@test "300 inherited descriptors, also without close_range" {
	needs seccomp "$PROG/nosys" close_range -- true
	ends_seen "$PROG/nosys" close_range -- "$SUPERVISE"
	ends_seen "$PROG/nosys" close_range -- "$SUPERVISE" --no-pidns
}

@test "300 inherited descriptors, also without pidfds" {
	needs seccomp "$PROG/nosys" pidfd_open -- true
	ends_seen "$PROG/nosys" pidfd_open -- "$SUPERVISE"
	ends_seen "$PROG/nosys" pidfd_open -- "$SUPERVISE" --no-pidns
}

is_over() { # a zombie that nobody reaps is, too
	local stat
	stat=$(cat "/proc/$1/stat") || return 0
	[[ $stat = *') Z '* ]]
}

@test "--die-with-parent: the death of the parent is a stop" {
	local form
	for form in "${FORMS[@]}"; do
		# shellcheck disable=SC2086 # words
		spawn sh -c 'exec 2>&1; "$@" & echo "supervise $!"; wait' sh \
			"$SUPERVISE" --die-with-parent $form "$PROG/receive"
		local parent=$!
		wait_until grep -q ready out
		local pid
		pid=$(sed -n 's/^supervise //p' out)
		kill -KILL "$parent"
		received "15 .*"
		wait_until is_over "$pid"
	done
}

@test "--lifeline: the end of a pipe, FIFO or socket is a stop, data is not" {
	local kind form
	for kind in pipe fifo socket; do
		for form in "${FORMS[@]}"; do
			rm -f lifeline.fifo
			# shellcheck disable=SC2086 # words
			run -0 "$PROG/lifeline" "$kind" \
				"$SUPERVISE" --lifeline 9 $form "$PROG/receive"
			[[ $output = "exited 0" ]]
		done
	done
}

@test "--lifeline: at its end from the beginning" {
	mkfifo fifo
	exec 8<>fifo
	exec 9<fifo 8>&-
	run -143 "$SUPERVISE" --lifeline 9 sleep 60
}

@test "--lifeline 0: the program reads what was written, and then it ends" {
	mkfifo fifo
	spawn sh -c 'exec "$@" <fifo' sh "$SUPERVISE" --lifeline 0 \
		sh -c 'read x; echo "got $x"; exec "$1"' sh "$PROG/receive"
	SUPERVISE_PID=$!
	exec 8>fifo
	echo hello >&8
	received "got hello"
	received ready
	exec 8>&-
	ended
	((status == 0))
	grep -q '^15 ' out
}

@test "SIGPIPE of our own messages is not forwarded, another one is" {
	exec 8> >(:)
	wait_until is_over "$!"
	spawn sh -c 'exec "$@" 2>&8 8>&-' sh "$SUPERVISE" -v "$PROG/receive"
	SUPERVISE_PID=$!
	exec 8>&-
	wait_until grep -q ready out
	# lower numbers are read first: with 30 there, 13 would be
	send 30
	received "30 .*"
	send 31
	received "31 .*"
	run ! grep '^13 ' out
	send 13
	received "13 0 0"
	send 15
	ended
	((status == 0))
}

@test "where pidfd_send_signal is filtered the number does as well" {
	needs seccomp "$PROG/nosys" pidfd_send_signal -- true
	local error
	for error in ENOSYS EPERM; do
		spawn "$PROG/nosys" "pidfd_send_signal=$error" -- \
			"$SUPERVISE" "$PROG/receive"
		SUPERVISE_PID=$!
		wait_until grep -q ready out
		send 34 0xdeadbeefcafebabe
		received "34 -1 deadbeefcafebabe"
		send 10
		received "10 0 0"
		send 15
		ended
		((status == 0))
	done
}

@test "stopped and continued, supervise goes on as before" {
	start_detached "$PROG/receive"
	wait_until grep -q ready out
	kill -STOP "$SUPERVISE_PID"
	send 36
	kill -CONT "$SUPERVISE_PID"
	received "36 .*"
	send 15
	ended
	((status == 0))
}
