#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# --status-fd, --stats and --background.
# shellcheck disable=SC2016 # what is quoted is for a shell in there

load helper

words() {
	cut -d' ' -f1 events | tr '\n' ' '
}

has_word() {
	grep -q "^$1 " events
}

@test "the events of a run, in their order, each with its time" {
	run -7 "$SUPERVISE" --status-fd 5 sh -c 'exit 7' 5>events
	[[ $(grep -v '^degraded' events | cut -d' ' -f1 | tr '\n' ' ') = \
		"starting started exited empty done " ]]
	run ! grep -vE '^[a-z-]+ time=[0-9]+( [a-z]+=[^ ]+)*$' events
	grep -qE '^exited time=[0-9]+ pid=[0-9]+ code=7$' events
	grep -qE '^done time=[0-9]+ code=7$' events
	cut -d= -f2 events | cut -d" " -f1 >in-order
	sort -nc in-order
}

@test "started names the pid, the form and the leaf" {
	needs cgroup cgroup_is_delegated
	needs pidns pidns_is_permitted
	start --status-fd 5 sleep 60 5>events
	wait_until has_word started
	local pid
	pid=$(sed -n 's/^started .*pid=\([0-9]*\).*/\1/p' events)
	[[ $(cat "/proc/$pid/comm") = sleep ]]
	grep -q "tree=pidns+cgroup cgroup=supervise.$SUPERVISE_PID.1$" events
	kill -TERM "$SUPERVISE_PID"
	ended
}

@test "stopping names its cause, and who has sent the signal" {
	start --status-fd 5 sleep 60 5>events
	wait_until has_word started
	kill -TERM "$SUPERVISE_PID"
	ended
	grep -qE "^stopping .*cause=signal signal=TERM pid=[0-9]+ uid=$EUID$" events
	grep -qE '^exited .*signal=TERM$' events

	run -124 "$SUPERVISE" -t 50ms --status-fd 5 sleep 60 5>events
	grep -qE '^stopping .*cause=timeout$' events
	run -124 "$SUPERVISE" --until "@$(($(date +%s) + 1))" --status-fd 5 \
		sleep 60 5>events
	grep -qE '^stopping .*cause=until$' events
	run -143 "$SUPERVISE" --lifeline 0 --status-fd 5 sleep 60 5>events \
		< <(sleep 0.1)
	grep -qE '^stopping .*cause=lifeline$' events
}

@test "killing is told when something has to be" {
	run -0 "$SUPERVISE" -k 50ms --status-fd 5 sh -c '
		(trap "" TERM; setsid sleep 60 &)' 5>events
	has_word killing
	grep -qE '^stopping .*cause=program$' events
	run -0 "$SUPERVISE" --status-fd 5 true 5>events
	run ! has_word killing
}

@test "degraded names the mechanism, the call and the errno" {
	run -0 "$PROG/nosys" newns=EPERM -- "$SUPERVISE" --status-fd 5 true \
		5>events
	grep -qE '^degraded time=[0-9]+ mechanism=pidns call=(clone|setns) error=EPERM$' \
		events
}

@test "a reader that is gone, full or slow holds up nothing" {
	# gone
	mkfifo pipe
	exec 8<>pipe
	exec 7>pipe 8>&-
	start --status-fd 7 sh -c 'exit 3'
	exec 7>&-
	ended
	((status == 3))
	# full: never read, and more lines than it takes
	exec 8<>pipe
	run -125 "$SUPERVISE" -q -r always --restart-delay 0 --restart-limit 400 \
		--status-fd 7 true 7>pipe
	# read at last: whole lines
	cat <pipe >events 8>&- 3>&- &
	local reader=$!
	exec 8>&-
	wait "$reader"
	(($(wc -l <events) > 100))
	run ! grep -vE '^[a-z-]+ time=[0-9]+( [a-z]+=[^ ]+)*$' events
	run ! has_word "done"
}

@test "the line after dropped ones says how many they were" {
	mkfifo pipe
	exec 8<>pipe
	start -q -r always --restart-delay 0 --restart-limit 400 \
		--status-fd 7 sh -c 'printf x >>runs; [ $(stat -c %s runs) -lt 390 ] ||
			while [ ! -e go ]; do sleep 0.01; done' 7>pipe
	filled() {
		(($(stat -c %s runs) >= 390))
	}
	T_LIMIT=30 wait_until filled
	cat <pipe >events 8>&- 3>&- &
	local reader=$!
	exec 8>&-
	wait_until test -s events
	touch go
	ended 30
	wait "$reader"
	grep -qE ' dropped=[0-9]+$' events
	has_word "done"
	local dropped
	dropped=$(sed -n 's/.*dropped=//p' events | awk '{ n += $1 } END { print n }')
	# 401 runs of 5 lines but for the last, which gives up, and then is done
	echo "dropped $dropped, came $(wc -l <events)"
	((dropped + $(grep -vc '^degraded' events) >= 401 * 5 + 1))
}

@test "the descriptor can be a socket or a file, and is not the program's" {
	run -0 "$SUPERVISE" --status-fd 7 sh -c '[ ! -e /proc/self/fd/7 ]' 7>events
	has_word "done"
	needs socat
	# socat makes a socketpair for it
	socat -u EXEC:"$SUPERVISE --status-fd 1 true" OPEN:events,creat,trunc
	has_word "done"
}

@test "a --status-fd that is not open is wrong usage" {
	run -100 "$SUPERVISE" --status-fd 77 touch started
	[[ $output = *"--status-fd 77"* && ! -e started ]]
}

@test "every event of the manual is known here, and the other way round" {
	local words manual
	manual=$(sed -n 's/^\.It Li \([a-z-][a-z-]*\).*/\1/p' \
		"$BATS_TEST_DIRNAME/../man/supervise-protocol.7" | sort -u)
	words=$(cat "$BATS_TEST_DIRNAME"/../supervise.c \
		"$BATS_TEST_DIRNAME"/../lib/*.c | tr '\n' ' ' |
		grep -oE '(tell_event\(s|tell_number\( *s|tell_text\(s|events_begin\(&line), *"[a-z-]+"' |
		grep -oE '"[a-z-]+"' | tr -d '"' | sort -u)
	diff <(echo "$manual") <(echo "$words")
}

milliseconds() { # of user time, from stdin
	sed -n 's/^supervise: user: \([0-9]*\)\.\([0-9]*\) s$/\1\2/p' | sed 's/^0*//'
}

@test "--stats: one block with wall, cpu, restarts, and why it has ended" {
	needs cgroup cgroup_is_delegated
	start --stats sh -c 'i=0; while [ $i -lt 300000 ]; do i=$((i + 1)); done
		echo up; exec sleep 60'
	wait_until grep -q up out
	kill -TERM "$SUPERVISE_PID"
	ended
	grep -qE '^supervise: wall: [0-9]+\.[0-9]{3} s$' err
	grep -qE '^supervise: system: [0-9]+\.[0-9]{3} s$' err
	grep -qE '^supervise: restarts: 0$' err
	grep -qE "^supervise: ended by: signal TERM from pid [0-9]+, uid $EUID$" err
	(($(milliseconds <err) > 10))
}

@test "--stats adds up all runs, daemons included" {
	needs cgroup cgroup_is_delegated
	run -125 "$SUPERVISE" -q --stats -r always --restart-delay 0 \
		--restart-limit 2 --wait-all sh -c '
		(setsid sh -c "i=0; while [ \$i -lt 100000 ]; do i=\$((i + 1)); done" &)'
	[[ $output = *"restarts: 2"* ]]
	(($(milliseconds <<<"$output") > 10))
}

# -b with ARG...: its pid is $SUPERVISE_PID then
background() {
	"$SUPERVISE" -b --status-fd 5 "$@" >out 2>err 5>events 3>&- 4>&-
	SUPERVISE_PID=$(sed -n 's/^starting .*supervisor=//p' events)
	[[ -n $SUPERVISE_PID ]]
}

@test "-b returns 0 when the program runs, and goes on in its own session" {
	background sh -c 'echo up; exec sleep 60'
	wait_until grep -q up out
	local session
	session=$(ps -o sid= -p "$SUPERVISE_PID")
	[[ ${session// /} = "$SUPERVISE_PID" ]]
	kill -TERM "$SUPERVISE_PID"
	wait_until has_word "done"
	grep -q '^done .*code=143' events
}

@test "-b returns the exit code when the program could not be started" {
	run -127 "$SUPERVISE" -b "$T/nowhere"
	[[ $output = *"exec $T/nowhere: ENOENT"* ]]
	run -126 "$SUPERVISE" -b /
	run -111 "$SUPERVISE" -b --require limits true
	run -100 "$SUPERVISE" -b --die-with-parent true
}

@test "-b: a caller that is TERMed while it waits stops the program" {
	start -b --ready-fd 3 --status-fd 5 sleep 60 5>events
	wait_until has_word started
	kill -TERM "$SUPERVISE_PID"
	ended
	((status == 143))
	wait_until has_word "done"
	grep -q '^stopping .*signal=TERM' events
}
