#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2034 # t/attack.bash uses them
# SIGKILL of supervise, or of its parent, at every moment of its life.

load helper
load attack

setup() {
	begin_scenes
	needs cgroup cgroup_is_delegated
	needs pidns pidns_is_permitted
	leaves_cgroup
}

teardown() {
	end_scenes
}

# As earlykill tells it. In some of the runs the program had begun, or nothing
# was tested.
no_survivor_of() { # N earlykill's ARG...
	local kills=$1
	# slower with them, and no matter of theirs
	[[ -z ${SAN-} ]] || kills=$((kills / 3))
	shift
	run -0 "$PROG/earlykill" -c "$kills" "$@"
	echo "$output"
	[[ ${lines[-1]} =~ ^$kills\ kills,\ ([0-9]+)\ with.*\ 0\ survivors$ ]]
	((BASH_REMATCH[1] > 0))
}

@test "300 kills in the first 4 ms leave nothing" {
	no_survivor_of 300 -- "$SUPERVISE" -q "$PROG/daemon" - ready.%
	wait_until tidy
}

@test "300 kills in the first 4 ms leave nothing without a cgroup" {
	no_survivor_of 300 -- "$SUPERVISE" -q --no-cgroup "$PROG/daemon" - ready.%
}

@test "300 kills in the first 4 ms leave nothing without a namespace" {
	no_survivor_of 300 -- "$SUPERVISE" -q --no-pidns "$PROG/daemon" - ready.%
	wait_until tidy
}

@test "300 kills in the first 4 ms leave no process that hops on by forking" {
	no_survivor_of 150 -- \
		"$SUPERVISE" -q "$PROG/comet" - ready.% 4
	no_survivor_of 150 -- \
		"$SUPERVISE" -q --no-pidns "$PROG/comet" - ready.% 4
	wait_until tidy
}

@test "300 kills in the first 4 ms leave nothing in a user namespace" {
	needs nobody nobody_can_run
	needs nobody_userns nobody_userns_is_permitted
	run -0 "${AS_NOBODY[@]}" "$PROG/earlykill" ${SAN:+-c 100} -- "$SUPERVISE" \
		-q --userns --require pidns "$PROG/daemon" - ready.%
	[[ ${lines[-1]} = *' 0 survivors' ]]
}

@test "300 kills in the first 4 ms leave nothing in a delegated cgroup" {
	needs nobody nobody_can_run
	delegate_cgroup
	run -0 "${AS_NOBODY[@]}" "$PROG/earlykill" ${SAN:+-c 100} -- "$SUPERVISE" \
		-q --require cgroup "$PROG/daemon" - ready.%
	[[ ${lines[-1]} = *' 0 survivors' ]]
	wait_until tidy
}

@test "300 kills in the first 4 ms take the program along in any form" {
	no_survivor_of 300 -- "$SUPERVISE" -q --no-cgroup \
		--no-pidns "$PROG/daemon" - ready.% 0
}

@test "300 deaths of the parent in the first 4 ms leave nothing" {
	no_survivor_of 150 -p -- "$SUPERVISE" -q -k 20ms \
		--die-with-parent "$PROG/daemon" - ready.%
	no_survivor_of 150 -p -- "$SUPERVISE" -q -k 20ms \
		--die-with-parent --no-pidns "$PROG/daemon" - ready.%
	no_leaves
}

@test "kills during a stop leave nothing" {
	no_survivor_of 150 -a term -u 3000 -- \
		"$SUPERVISE" -q "$PROG/daemon" - ready.%
	no_survivor_of 150 -a term -u 3000 -- \
		"$SUPERVISE" -q --no-pidns "$PROG/daemon" - ready.%
	wait_until tidy
}

@test "kills during a stop that has come to its kill leave nothing" {
	no_survivor_of 100 -a term -u 3000 -- \
		"$SUPERVISE" -q -k 1ms "$PROG/deaf" - ready.% main
	no_survivor_of 100 -a term -u 3000 -- \
		"$SUPERVISE" -q -k 1ms --no-pidns "$PROG/deaf" - ready.% main
	wait_until tidy
}

@test "kills around the program's own end leave nothing" {
	no_survivor_of 150 -a end -u 3000 -- \
		"$SUPERVISE" -q "$PROG/daemon" - ready.%
	no_survivor_of 150 -a end -u 3000 -- \
		"$SUPERVISE" -q --no-pidns "$PROG/daemon" - ready.%
	wait_until tidy
}

@test "the leaves of killed supervisors are removed by the next start" {
	local i
	for i in 1 2 3; do
		rm -f ready
		start "$PROG/nested" lock ready 5
		wait_until in_position
		kill -KILL "$SUPERVISE_PID"
		ended
		wait_until flock -n lock true
	done
	run ! no_leaves
	wait_until tidy
}

@test "a supervise that is stopped when its parent dies stops when continued" {
	spawn "$PROG/abandon" "$SUPERVISE" --die-with-parent -k 100ms \
		"$PROG/daemon" lock ready
	SUPERVISE_PID=$!
	wait_until in_position
	local pid
	pid=$(<pid)
	kill -STOP "$pid"
	kill -USR1 "$SUPERVISE_PID"
	# the parent is dead when supervise has another one
	wait_until grep -q "^PPid:.$SUPERVISE_PID\$" "/proc/$pid/status"
	kill -CONT "$pid"
	ended
	((status == 143))
	no_survivors lock
}

@test "a stub or guard that is killed does not outlive its purpose" {
	local form children
	for form in '' --no-pidns; do
		NOW=$form
		rm -f ready end
		# shellcheck disable=SC2086 # or none
		start $form -k 100ms "$PROG/daemon" lock ready
		wait_until in_position
		read -ra children <"$(children_of "$SUPERVISE_PID")" || :
		kill -KILL "${children[0]}" # the first of its children
		case $form in
		'') # is the end of the namespace
			ended
			((status == 137))
			;;
		*)
			: >end
			ended
			((status == 7))
			;;
		esac
		no_survivors lock
		no_leaves
	done
	NOW=
}
