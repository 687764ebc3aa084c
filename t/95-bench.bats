#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# The bench runs, with counts that are tiny; what it measures is nobody's test.

load helper

# bench NAME RUNS ROW ...: the table has these rows, and each its numbers
bench() {
	local row name=$1
	BENCH=$name RUNS=$2 OUT=$T run -0 sh "$TOP/t/bench/run"
	[[ $output != *failed* ]]
	[[ $output = *"# $name: "* ]]
	shift 2
	for row; do
		grep -E "^$row"$'\t''.*[0-9]' "$T/$name.tsv" || {
			echo "no row $row"
			return 1
		}
	done
}

needs_all() {
	needs root is_root
	needs cgroup cgroup_is_delegated
	needs pidns pidns_is_permitted
}

@test "a start beside its floors" {
	needs_all
	bench start 3 spawn pidfd cgroup pidns both proc supervise \
		supervise-no-proc supervise-bare supervise-as-pid1
	grep -q '^s6-supervise  *not here' <<<"$output"
}

@test "exact counts of each process" {
	needs_all
	bench counts 1 both proc supervise supervise-bare
	[[ $(grep -c '^supervise'$'\t' counts.tsv) = 4 ]]
}

@test "signals, none of them lost" {
	needs_all
	bench signal 20 direct relay relay-both supervise
	[[ $(awk '$1 == "supervise" { print $9 }' signal.tsv) = 0 ]]
}

@test "kills, and what others leave" {
	needs_all
	bench kill 10 bare supervise-TERM supervise-KILL
	awk -F '\t' '/^(bare|supervise)/ && $10 != 0 { bad = 1; print }
		END { exit bad }' kill.tsv left.tsv
}

@test "readiness passed on" {
	needs_all
	if "$SUPERVISE" --help | grep -q -e --ready-fd; then
		bench ready 2 relay supervise caller supervise-b
	else
		BENCH=ready OUT=$T run -0 sh "$TOP/t/bench/run"
		[[ $output = *"not here"* ]]
	fi
}

@test "restarts" {
	needs_all
	bench restart 5 proc both pidfd start restart restart-no-proc \
		restart-bare
	BENCH=after RUNS=1 OUT=$T run -0 sh "$TOP/t/bench/run"
	grep -E '^supervise'$'\t''.*[0-9]' after.tsv
}

@test "many at once" {
	needs_all
	bench many 5 bare both proc supervise
}

@test "one that is idle" {
	needs_all
	bench one 1 supervise supervise-bare
}

@test "orphans" {
	needs_all
	bench orphans 200 supervise supervise-no-cgroup
}

@test "a program that is not there is a word in the table" {
	needs_all
	make -s -C "$TOP" --no-print-directory benches
	echo 'peer - - no-such-peer' >rows
	run -0 "$TOP/build/bench/measure" 1 <rows
	[[ $output = *peer$'\t''not here'* ]]
}
