#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Restart, back-off, limits; a stop in every state.
# shellcheck disable=SC2016 # what is quoted is for a shell in there

load helper

# Every run adds a byte to ./runs.
runs() {
	stat -c %s runs 2>/dev/null || echo 0
}

ran() {
	(($(runs) >= $1))
}

event() { # in the order in which they came
	grep -q "^$1" events
}

delays() {
	sed -n 's/^restarting .*delay=//p' events | tr '\n' ' '
}

@test "always: a program that ends is started again, whatever its code" {
	start -r always --restart-delay 0 --status-fd 5 \
		sh -c 'printf x >>runs; exit $(($(stat -c %s runs) % 3))' 5>events
	wait_until ran 10
	kill -TERM "$SUPERVISE_PID"
	ended
}

@test "on-failure: only a code other than 0, or a signal" {
	run -0 "$SUPERVISE" -r on-failure --restart-delay 0 sh -c '
		printf x >>runs
		case $(stat -c %s runs) in
		1) exit 1 ;;
		2) kill -KILL $$ ;;
		3) exec sh -c "kill -SEGV \$\$" ;;
		esac'
	[[ $(runs) = 4 ]]
}

@test "no: not even after a failure" {
	run -3 "$SUPERVISE" -r no sh -c 'printf x >>runs; exit 3'
	[[ $(runs) = 1 ]]
}

@test "the delay doubles from MIN to MAX" {
	run -125 "$SUPERVISE" -q -r always --restart-delay 10ms:50ms \
		--restart-limit 5 --status-fd 5 false 5>events
	[[ $(delays) = "10 20 40 50 50 " ]]
}

@test "after a run longer than MAX the next start comes at once" {
	run -125 "$SUPERVISE" -q -r always --restart-delay 20ms:200ms \
		--restart-limit 4 --status-fd 5 sh -c '
		printf x >>runs; [ $(stat -c %s runs) != 3 ] || sleep 0.3' \
		5>events
	[[ $(delays) = "20 40 0 20 " ]]
}

@test "the delay is waited for" {
	run -125 "$SUPERVISE" -q -r always --restart-delay 300ms \
		--restart-limit 1 --status-fd 5 true 5>events
	local empty starting
	empty=$(sed -n 's/^empty time=//p' events | head -n 1)
	starting=$(sed -n 's/^starting time=\([0-9]*\) start=2.*/\1/p' events)
	((starting - empty >= 300))
}

@test "--restart-limit N gives up with 125 at the restart after N" {
	run -125 "$SUPERVISE" -r always --restart-delay 0 --restart-limit 3 \
		sh -c 'printf x >>runs'
	[[ $(runs) = 4 ]]
	[[ $output = *"giving up sh (--restart-limit)"* ]]
}

@test "--restart-limit N/DUR counts within the span only" {
	# no MAX that a run on a busy machine exceeds: its restart is at once
	start -r always --restart-delay 60ms:1h --restart-limit 2/100ms \
		sh -c 'printf x >>runs'
	wait_until ran 6
	kill -TERM "$SUPERVISE_PID"
	ended
	((status == 0))
}

@test "the tree before is gone when the next one starts" {
	# each run leaves daemons that hold the lock and ignore TERM
	start -k 0 -r always --restart-delay 0 sh -c '
		flock -n lock true || echo overlap >overlaps
		for i in 1 2 3; do
			flock -s lock setsid sh -c "trap \"\" TERM; sleep 60" &
		done
		printf x >>runs
		sleep 0.02'
	wait_until ran 5
	kill -TERM "$SUPERVISE_PID"
	ended
	[[ ! -e overlaps ]]
	no_survivors lock
}

@test "each run has a fresh cgroup and a fresh namespace" {
	needs cgroup cgroup_is_delegated
	needs pidns pidns_is_permitted
	run -125 "$SUPERVISE" -q -r always --restart-delay 0 --restart-limit 2 \
		sh -c 'sed -n "s/^0:://p" /proc/self/cgroup; stat -Lc %i /proc/self/ns/pid'
	[[ ${lines[0]} = *.1 && ${lines[2]} = *.2 && ${lines[4]} = *.3 ]]
	[[ -n ${lines[5]} ]]
}

@test "each run gets what the first one got: descriptors, mask, environment" {
	printf 'one\ntwo\nthree\n' >input
	run -125 "$SUPERVISE" -q -r always --restart-delay 0 --restart-limit 2 \
		sh -c 'read -r line <&6; echo "$line" >&7' 6<input 7>output
	[[ $(<output) = $'one\ntwo\nthree' ]]
}

@test "a TERM while it runs ends it for good, with 143" {
	start -r always sh -c 'printf x >>runs; exec sleep 60'
	wait_until ran 1
	kill -TERM "$SUPERVISE_PID"
	ended
	((status == 143))
	[[ $(runs) = 1 ]]
}

@test "a TERM while stragglers are waited for: no further start" {
	start -k 500ms -r always --restart-delay 0 --status-fd 5 sh -c '
		printf x >>runs
		setsid sh -c "trap \"\" TERM; echo >ready; sleep 60" &
		while [ ! -e ready ]; do :; done
		exit 5' 5>events
	wait_until event 'stopping .*cause=program'
	kill -TERM "$SUPERVISE_PID"
	ended
	((status == 5))
	[[ $(runs) = 1 ]]
}

@test "a TERM or INT during the delay ends it at once" {
	local sig
	for sig in TERM INT; do
		rm -f runs
		start -r always --restart-delay 60s --status-fd 5 \
			sh -c 'printf x >>runs; exit 4' 5>events
		wait_until event restarting
		kill -"$sig" "$SUPERVISE_PID"
		ended 2
		((status == 4))
		[[ $(runs) = 1 ]]
		event "stopping .*cause=signal signal=$sig"
	done
}

@test "-t is for all runs together, also when it comes during the delay" {
	run -124 "$SUPERVISE" -t 200ms -r always --restart-delay 60s \
		sh -c 'printf x >>runs'
	[[ $(runs) = 1 ]]
	rm runs
	run -124 "$SUPERVISE" -t 200ms -r always --restart-delay 0 \
		sh -c 'printf x >>runs; sleep 0.03'
	ran 3
}

@test "the lifeline ends it during the delay" {
	mkfifo life
	sleep 60 >life 3>&- &
	local writer=$!
	start -r always --restart-delay 60s --lifeline 6 --status-fd 5 true \
		6<life 5>events
	wait_until event restarting
	kill "$writer"
	ended 2
	((status == 0))
}

@test "a program that cannot be executed the first time is not tried again" {
	run -127 "$SUPERVISE" -r always --restart-delay 0 "$T/nowhere"
	[[ ${#lines[@]} = 1 ]]
}

@test "one that has run and cannot be executed any more is tried again" {
	cp /bin/true program
	start -r always --restart-delay 20ms:40ms --status-fd 5 "$T/program" \
		5>events
	wait_until event 'restarting'
	mv program away
	wait_until grep -q 'warning: exec .*ENOENT' err
	mv away program
	: >events
	wait_until event exited
	kill -TERM "$SUPERVISE_PID"
	ended
}

@test "a fork, mkdir or clone that fails is tried again after the first start" {
	needs cgroup cgroup_is_delegated
	start -r always --restart-delay 20ms:40ms --status-fd 5 \
		sh -c 'printf x >>runs; exec sleep 0.05' 5>events
	wait_until ran 1
	# no room for another cgroup: EAGAIN
	echo 0 >"$CG/cgroup.max.descendants"
	wait_until grep -q 'warning: mkdir .*EAGAIN' err
	kill -0 "$SUPERVISE_PID"
	echo max >"$CG/cgroup.max.descendants"
	rm runs
	wait_until ran 1
	kill -TERM "$SUPERVISE_PID"
	ended
}

@test "--wait-all: the service is started again when its tree has gone" {
	local options
	for options in "" "--no-cgroup" "--no-pidns" "--no-cgroup --no-pidns"; do
		rm -f runs
		# shellcheck disable=SC2086
		start --wait-all -r always --restart-delay 0 $options sh -c '
			(setsid sh -c "sleep 0.05; printf x >>runs" &)'
		wait_until ran 3
		kill -TERM "$SUPERVISE_PID"
		ended
	done
}

@test "as PID 1 of a container everything else is killed before the restart" {
	needs pidns pidns_is_permitted
	spawn unshare --pid --fork --mount-proc --kill-child \
		"$SUPERVISE" --no-pidns --no-cgroup -k 0 -v -r always \
		--restart-delay 0 sh -c '
		flock -n lock true || echo overlap >overlaps
		flock -s lock setsid sh -c "trap \"\" TERM; sleep 60" &
		printf x >>runs
		sleep 0.02'
	local outer=$!
	wait_until ran 4
	grep -q 'tree: pid1$' err
	[[ ! -e overlaps ]]
	kill -TERM "$(pgrep -P "$outer")"
	wait "$outer" || :
	no_survivors lock
}

@test "1,000 restarts: no descriptor, cgroup, process or page is leaked" {
	start -r always --restart-delay 0 --status-fd 5 \
		sh -c 'printf x >>runs' 5>events
	wait_until ran 50
	local fds pages
	in_between() {
		fds=$(find "/proc/$SUPERVISE_PID/fd" -type l | wc -l)
		# not what is private: that depends on whether a child shares it
		pages=$(awk '/^Rss/ { print $2 }' \
			"/proc/$SUPERVISE_PID/smaps_rollup")
	}
	# stopped in a delay there is nothing of a run to count
	kill -STOP "$SUPERVISE_PID"
	in_between
	local fds_before=$fds pages_before=$pages
	kill -CONT "$SUPERVISE_PID"
	T_LIMIT=60 wait_until ran 1050
	kill -STOP "$SUPERVISE_PID"
	in_between
	kill -CONT "$SUPERVISE_PID"
	echo "descriptors $fds_before, $fds; resident KiB $pages_before, $pages"
	# a run has at most 7 of its own, and may be caught without or with them
	((fds <= fds_before + 7 && fds <= 30))
	((pages <= pages_before + 16))
	kill -TERM "$SUPERVISE_PID"
	ended
}

# Until the process $1 has ended, or for 2 s at most: by CLOCK_MONOTONIC, as
# tail(1) does not look at the wall clock.
wait_for_pid() {
	timeout 2 tail --pid="$1" -s 0.01 -f /dev/null
}

@test "--until follows a clock that is set forward" {
	needs clock "$PROG/clockstep" 0 true
	local until
	until=$(($(date +%s) + 3600))
	start -t 60s --until "@$until" sleep 60
	wait_until pgrep -P "$SUPERVISE_PID"
	export -f wait_for_pid
	"$PROG/clockstep" 7200 bash -c "wait_for_pid $SUPERVISE_PID"
	ended
	((status == 124))
}

@test "--until follows a clock that is set back" {
	needs clock "$PROG/clockstep" 0 true
	start --until "@$(($(date +%s) + 2))" sleep 60
	wait_until pgrep -P "$SUPERVISE_PID"
	export -f wait_for_pid
	# its time does not come while the clock is behind
	run ! "$PROG/clockstep" -3600 bash -c "wait_for_pid $SUPERVISE_PID"
	# and has come when it is right again
	ended
	((status == 124))
}

@test "other limits do not care what the clock is set to" {
	needs clock "$PROG/clockstep" 0 true
	start -t 1500ms -r always --restart-delay 60s --status-fd 5 true 5>events
	wait_until event restarting
	"$PROG/clockstep" 86400 true
	kill -0 "$SUPERVISE_PID"
	ended
	((status == 124))
	event 'stopping .*cause=timeout'
}
