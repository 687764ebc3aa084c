#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# What supervise costs: exact counts, not times. The limits are goals, which
# the floors in t/bench/floor.c show to be in reach.

load helper

BENCH=$TOP/build/bench

# The name of a driver of the bench, and its arguments; one row from stdin.
bench() {
	local driver=$1
	shift
	[[ -z ${SAN-} ]] || skip "sanitizers take memory and time"
	needs root is_root
	needs cgroup cgroup_is_delegated
	needs pidns pidns_is_permitted
	make -s -C "$TOP" --no-print-directory benches
	# what it does for each variable it inherits is not its own
	run -0 env -i PATH="$PATH" "$BENCH/$driver" "$@"
	echo "$output"
	[[ $output = *$'\n'supervise$'\t'* ]]
}

# column NAME [PROCESS]: what the output has there for supervise
column() {
	awk -F '\t' -v name="$1" -v process="${2-}" '
		NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) n = i }
		$1 == "supervise" && (process == "" || $2 == process) { print $n }
	' <<<"$output"
}

# of a contained start and end, processes told apart; see t/bench/count.c
count_start() {
	bench count "$1" <<<"supervise - - $SUPERVISE $BENCH/load true"
}

is_up() {
	grep -q up out && stub=$(pgrep -P "$SUPERVISE_PID" | head -n 1) &&
		[[ -n $stub ]]
}

switches() {
	awk '/ctxt_switches/ { n += $2 } END { print n }' \
		"/proc/$SUPERVISE_PID/status" "/proc/$stub/status"
}

# Both are asleep, and have not been awake since the last look.
settled() {
	local now
	now=$(switches)
	[[ $now = "$before" ]] || { before=$now && false; }
}

@test "20 idle seconds: neither supervise nor its stub wakes up once" {
	needs pidns pidns_is_permitted
	start sh -c 'echo up; exec sleep 60'
	wait_until is_up
	local before=x
	wait_until settled
	sleep 20 # the span is the measure here
	[[ $(switches) = "$before" ]]
	kill -TERM "$SUPERVISE_PID"
	ended
}

# of supervise and its stub together
memory() {
	awk -v re="^$1" '$1 ~ re { n += $2 } END { print n }' \
		"/proc/$SUPERVISE_PID/smaps_rollup" "/proc/$stub/smaps_rollup"
}

start_idle() {
	[[ -z ${SAN-} ]] || skip "sanitizers take memory"
	needs pidns pidns_is_permitted
	start sh -c 'echo up; exec sleep 60'
	wait_until is_up
	local before=x
	wait_until settled
}

# Where the stack begins is a matter of chance, and so is a page or two.
@test "private memory of supervise and stub together: at most 40 KiB" {
	local all=() n
	for n in 1 2 3 4 5; do
		start_idle
		all+=("$(memory Private)")
		kill -TERM "$SUPERVISE_PID"
		ended
	done
	echo "private: ${all[*]} KiB"
	n=$(printf '%s\n' "${all[@]}" | sort -n | sed -n 3p)
	((n > 0 && n <= 40))
}

# Another supervise on the machine would share the text, and make it less.
@test "proportional memory of supervise: at most 80 KiB" {
	cp "$SUPERVISE" alone
	local kib SUPERVISE=$T/alone
	start_idle
	kib=$(awk '/^Pss:/ { print $2 }' "/proc/$SUPERVISE_PID/smaps_rollup")
	echo "PSS: $kib KiB, with the stub $(memory Pss:)"
	kill -TERM "$SUPERVISE_PID"
	ended
	((kib > 0 && kib <= 80))
}

# The floor, which looks for nothing and is ready for nothing, has 30 to 33.
@test "a contained start and end: at most 60 system calls of supervise" {
	count_start 4
	(($(column calls first) <= 60))
}

# 12,000 from the root cgroup; the rest is for the path to where we are here.
@test "a contained start and end: at most 12,700 instructions of supervise" {
	count_start 5
	local n
	n=$(column instructions first)
	((n > 0 && n <= 12700))
}

@test "a contained start and end: at most 22 page faults of supervise" {
	count_start 4
	local n
	n=$(column faults first)
	((n > 0 && n <= 22))
}

@test "a contained start and end: memory is never asked for" {
	count_start 1
	[[ -n $(column memory first) && -n $(column memory stub) ]]
	! column memory | grep -qvx 0 || false
}

@test "2,000 signals: all of them come" {
	bench signal 2000 "$T" \
		<<<"supervise - - $SUPERVISE $BENCH/load signals $T/supervise.fifo"
	[[ $(column n) = 2000 && $(column lost) = 0 ]]
}

@test "2,000 orphans: no wakeup and no CPU of ours" {
	bench orphans 2000 "$T" \
		<<<"supervise - - $SUPERVISE $BENCH/load orphans $T/supervise.fifo 2000"
	[[ $(column wakeups) = 0 && $(column cpu) = 0 ]]
}

@test "10 processes in sessions of their own: none is left by SIGKILL" {
	leaves_cgroup
	bench kill 1 "$T" 10 \
		<<<"supervise - - @kill $SUPERVISE $BENCH/load crowd $T/fifo %N"
	[[ $(column left) = 0 && $(column n) = 1 ]]
}
