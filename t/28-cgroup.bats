#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Where the leaf is made, by what name, and who removes it.
# shellcheck disable=SC2016 # what is quoted is for a shell in there

load helper

leaves() {
	find "$CG" -mindepth 1 -type d -name "${1:-supervise}.*" -printf '%P\n'
}

no_leaves() {
	[[ -z $(leaves "$@") ]]
}

@test "the leaf is named after us, below our own cgroup, and gone at the end" {
	needs cgroup cgroup_is_delegated
	start sh -c 'cat /proc/self/cgroup >where; echo up; exec sleep 60'
	wait_until grep -q up out
	grep -q "^0::.*/supervise\.$SUPERVISE_PID\.1$" where
	[[ $(leaves) = "supervise.$SUPERVISE_PID.1" ]]
	kill -TERM "$SUPERVISE_PID"
	ended
	((status == 143))
	no_leaves
}

@test "-C NAME is the beginning of the leaf's name" {
	needs cgroup cgroup_is_delegated
	run -0 "$SUPERVISE" -C web sh -c 'cat /proc/self/cgroup'
	[[ $output =~ 0::.*/web\.[0-9]+\.1 ]]
	no_leaves web
}

@test "-C with a path makes the leaf there, relative to ours or from the root" {
	needs cgroup cgroup_is_delegated
	make_cgroup pool
	local own
	own=$(sed -n 's/^0:://p' /proc/self/cgroup)
	run -0 "$SUPERVISE" -C test.pool/web cat /proc/self/cgroup
	[[ $output =~ 0::$own/test.pool/web\.[0-9]+\.1 ]]
	run -0 "$SUPERVISE" -C "$own/test.pool/web" cat /proc/self/cgroup
	[[ $output =~ 0::$own/test.pool/web\.[0-9]+\.1 ]]
	rmdir "$CG/test.pool"
}

@test "-C with a path that is not there is refused, and nothing is started" {
	needs cgroup cgroup_is_delegated
	run -111 "$SUPERVISE" -C nowhere/web touch started
	[[ $output = *"--cgroup nowhere/web: ENOENT"* ]]
	[[ ! -e started ]]
}

@test "-C with a name too long for a cgroup is refused" {
	needs cgroup cgroup_is_delegated
	local name
	name=$(printf 'x%.0s' {1..250})
	run -111 "$SUPERVISE" -C "$name" touch started
	[[ $output = *ENAMETOOLONG* ]]
	[[ ! -e started ]]
}

@test "the empty leaf of a killed supervise is removed by the next start" {
	needs cgroup cgroup_is_delegated
	start sh -c 'echo up; exec sleep 60'
	wait_until grep -q up out
	kill -KILL "$SUPERVISE_PID"
	ended
	[[ -n $(leaves) ]]
	wait_until "$SUPERVISE" true
	wait_until no_leaves
}

@test "what lives in a leftover leaf is killed before the next start" {
	needs cgroup cgroup_is_delegated
	# a leaf without an owner: both supervise and its guard were killed, say
	mkdir "$CG/supervise.99999.7" "$CG/supervise.99999.7/deeper"
	chmod 1711 "$CG/supervise.99999.7"
	touch lock
	(
		echo 0 >"$CG/supervise.99999.7/deeper/cgroup.procs"
		exec flock -o lock sleep 60 3>&-
	) &
	wait_until grep -q . "$CG/supervise.99999.7/deeper/cgroup.procs"
	run -0 "$SUPERVISE" flock -n lock echo free
	[[ $output = free ]]
	no_leaves
}

@test "a leftover is told by its name: no other cgroup is touched" {
	needs cgroup cgroup_is_delegated
	mkdir "$CG/test.supervise.1.1" "$CG/supervise.x.1" "$CG/supervise.1" \
		"$CG/supervise.1.1.1" "$CG/supervise.8.2"
	run -0 "$SUPERVISE" true
	rmdir "$CG/test.supervise.1.1" "$CG/supervise.x.1" "$CG/supervise.1" \
		"$CG/supervise.1.1.1" "$CG/supervise.8.2"
}

@test "fifty supervisors side by side leave each other's leaves alone" {
	needs cgroup cgroup_is_delegated
	local i
	for i in {1..50}; do
		"$SUPERVISE" sh -c "cat /proc/self/cgroup >out.$i" 3>&- &
	done
	for i in $(jobs -p); do
		wait "$i"
	done
	[[ $(cat out.* | grep -c '^0::.*/supervise\.') = 50 ]]
	no_leaves
}

@test "the lock of a live owner in another PID namespace keeps its leaf" {
	needs cgroup cgroup_is_delegated
	needs pidns pidns_is_permitted
	spawn unshare --pid --fork --kill-child "$SUPERVISE" \
		sh -c 'echo up; exec sleep 60'
	local namesake=$!
	wait_until grep -q up out
	[[ $(leaves) = supervise.1.1 ]]
	run -0 unshare --pid --fork "$SUPERVISE" cat /proc/self/cgroup
	[[ $output = */supervise.1.2* ]]
	[[ $(leaves) = supervise.1.1 ]]
	leaves_cgroup
	kill -KILL "$namesake"
}

@test "cgroups that the program makes below its own are removed with it" {
	needs cgroup cgroup_is_delegated
	run -0 "$SUPERVISE" sh -c '
		g='"$CG"'/$(basename "$(sed -n s/^0:://p /proc/self/cgroup)")
		mkdir -p "$g/a/b/c" "$g/a/d" "$g/e f"
		(echo 0 >"$g/a/b/c/cgroup.procs"; exec sleep 0.01) & wait'
	no_leaves
}

@test "a nested supervise works, also where the outer cgroup was killed" {
	needs cgroup cgroup_is_delegated
	run -7 "$SUPERVISE" "$SUPERVISE" "$SUPERVISE" sh -c 'exit 7'
	needs cgroup_kill test -e "$CG/cgroup.kill"
	# the kernel's kill counter: children cloned out of a killed cgroup die
	make_cgroup killed
	echo 1 >"$CG/test.killed/cgroup.kill"
	run -7 sh -c 'echo 0 >'"$CG/test.killed/cgroup.procs"'; exec "$@"' sh \
		"$SUPERVISE" --require cgroup,pidns sh -c 'exit 7'
	run -7 sh -c 'echo 0 >'"$CG/test.killed/cgroup.procs"'; exec "$@"' sh \
		"$SUPERVISE" --no-pidns --require cgroup \
		"$SUPERVISE" --require cgroup sh -c 'exit 7'
	rmdir "$CG/test.killed"
}

@test "a leaf cannot be had where the own cgroup may not have children" {
	needs cgroup cgroup_is_delegated
	make_cgroup full
	echo 0 >"$CG/test.full/cgroup.max.descendants"
	run -0 sh -c 'echo 0 >'"$CG/test.full/cgroup.procs"'; exec "$@"' sh \
		"$SUPERVISE" -v true
	[[ $output = *"tree: pidns (no cgroup: mkdir EAGAIN)"* ]]
	rmdir "$CG/test.full"
}

@test "cgroup2 is found at any mount point, also one with a blank" {
	needs cgroup cgroup_is_delegated
	mkdir "a b"
	run -0 unshare --mount sh -c '
		mount --bind '"${CG_HOME}"' "$PWD/a b" && umount '"${CG_HOME}"' ||
			exit 9
		exec "$@"' sh "$SUPERVISE" -v true
	[[ $output = *"tree: pidns+cgroup $PWD/a b/"* ]]
}

@test "below a cgroup namespace whose root the mount does not tell" {
	needs cgroup cgroup_is_delegated
	make_cgroup ns
	mkdir "$CG/test.ns/other" "$CG/test.ns/inner"
	run -0 sh -c 'echo 0 >'"$CG/test.ns/inner/cgroup.procs"'; exec "$@"' sh \
		unshare --cgroup "$SUPERVISE" -v true
	[[ $output = *"tree: pidns+cgroup $CG/test.ns/inner/supervise."* ]]
	rmdir "$CG/test.ns/other" "$CG/test.ns/inner" "$CG/test.ns"
}

@test "a read-only cgroup mount means no cgroup, and no stray directory" {
	needs cgroup cgroup_is_delegated
	run -0 unshare --mount sh -c '
		mount -o remount,bind,ro '"${CG_HOME}"' || exit 9
		exec "$@"' sh "$SUPERVISE" -v true
	[[ $output = *"tree: pidns (no cgroup: find EROFS)"* ]]
	# a name for the cgroup does not make it required
	run -0 unshare --mount sh -c '
		mount -o remount,bind,ro '"${CG_HOME}"' || exit 9
		exec "$@"' sh "$SUPERVISE" -C web true
	run -0 unshare --mount sh -c '
		mount -t tmpfs tmpfs '"${CG_HOME}"' || exit 9
		"$1" -v true && ls -A '"${CG_HOME}" sh "$SUPERVISE"
	[[ $output = *"tree: pidns (no cgroup: find ENOENT)" ]]
}

@test "without a cgroup, too, what the program leaves is asked before the kill" {
	needs pidns pidns_is_permitted
	local code='trap "echo asked; exit" TERM; echo >up
		while :; do sleep 0.01; done'
	# left behind at the program's own end; and at a stop
	run -5 "$SUPERVISE" --no-cgroup -k 30s sh -c "
		setsid sh -c '$code' & while [ ! -e up ]; do :; done; exit 5"
	[[ $output = *asked* ]]
	rm up
	start --no-cgroup --wait-all -k 30s sh -c "setsid sh -c '$code' &"
	wait_until test -e up
	kill -TERM "$SUPERVISE_PID"
	ended
	((status == 0))
	grep -q asked out
	# each one once
	run -0 "$SUPERVISE" --no-cgroup -k 30s sh -c '
		for i in 1 2 3 4 5 6 7 8; do
			setsid sh -c "trap \"echo asked >>asked.$i\" TERM
				echo >up.$i; while [ ! -e asked.$i ]; do sleep 0.01; done" &
		done
		for i in 1 2 3 4 5 6 7 8; do while [ ! -e up.$i ]; do :; done; done'
	[[ $(cat asked.* | wc -l) = 8 ]]
}

# Beside $CG: what has processes, as that, has no controllers for those below.
has_v2_memory() {
	POOL=$CG_HOME/test.pool.$BASHPID
	mkdir "$POOL" || return
	if ! echo +memory >"$POOL/cgroup.subtree_control" ||
		! echo 16M >"$POOL/memory.max"; then
		rmdir "$POOL"
		return 1
	fi
}

@test "a program that was killed for memory is said to be, without --stats" {
	needs cgroup cgroup_is_delegated
	needs v2_memory has_v2_memory
	run "$SUPERVISE" -C "../${POOL##*/}/web" tail /dev/zero
	local oom=$status/$output
	# it alone: not another death by KILL
	run "$SUPERVISE" -C "../${POOL##*/}/web" sh -c 'kill -KILL $$'
	rmdir "$POOL"
	[[ $oom = '137/supervise: warning: tail killed, likely for memory ('* ]]
	[[ $status/$output = 137/ ]]
}
