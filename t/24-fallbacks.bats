#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2034 # t/attack.bash uses them
# What the system refuses, and what is made of the rest: in each environment
# the exit code is passed on, TERM ends the program, a daemon dies with it, and
# -v names the form.

load helper
load attack

setup() {
	begin_scenes
	ENDINGS_OF+=(
		[pidns+cgroup]='itself term killed'
		[userns+pidns+cgroup]='itself term killed'
		[userns+pidns]='itself term killed'
		[pid1+cgroup]='itself term killed'
		[pid1]='itself term killed'
	)
	# here the environment makes the form, and no option does
	OPTIONS_OF=()
}

teardown() {
	end_scenes
}

# FORM [OPTION...]: below LAUNCH this form is taken, and holds.
takes() {
	local form=$1
	shift
	OPTIONS=(-k 100ms "$@")
	run -23 "${LAUNCH[@]}" "$SUPERVISE" -v "$@" sh -c 'exit 23'
	[[ ${#lines[@]} = 1 && $output = 'supervise: tree: '* ]]
	run -137 "${LAUNCH[@]}" "$SUPERVISE" "$@" sh -c 'kill -KILL $$'
	run -127 "${LAUNCH[@]}" "$SUPERVISE" -q "$@" ./nonexistent
	gone -f "$form" daemon
	scene "$form" itself - deaf
	scene "$form" term 137 deaf main
	# at a kill of supervise the weakest form has PDEATHSIG for the program
	[[ $form != subreaper ]] || scene subreaper killed - daemon 0
}

# LIST: nothing is started below LAUNCH when it is required.
does_without() {
	local what
	for what in ${1//,/ }; do
		run -111 "${LAUNCH[@]}" "$SUPERVISE" --require "$what" \
			touch started
		[[ ! -e started ]]
		[[ $output = *"$what"* ]]
	done
}

has() {
	run -0 "${LAUNCH[@]}" "$SUPERVISE" --require "$1" true
}

nosys() {
	LAUNCH=("$PROG/nosys" "$@" --)
}

cgroup_mount() {
	local point type rest
	while read -r _ _ _ _ point rest; do
		type=${rest#* - }
		[[ $type != cgroup2\ * ]] || printf '%b' "$point"
	done </proc/self/mountinfo
}

needs_no_proc() {
	[[ -z ${SAN-} ]] || skip "a sanitizer needs /proc"
}

needs_namespaces() {
	needs root is_root
	needs cgroup cgroup_is_delegated
	needs pidns pidns_is_permitted
}

@test "clone3 is missing" {
	needs_namespaces
	nosys clone3
	takes pidns+cgroup
	has cgroup,pidns,sealed
}

@test "clone3 is forbidden" {
	needs_namespaces
	nosys clone3=EPERM
	takes pidns+cgroup
}

@test "clone3 knows less flags or a shorter structure" {
	needs_namespaces
	nosys clone3=EINVAL
	takes pidns+cgroup
	nosys clone3=E2BIG
	takes pidns+cgroup
}

@test "all calls are missing that old kernels do not have" {
	needs_namespaces
	nosys clone3 pidfd_open pidfd_send_signal close_range
	takes pidns+cgroup
}

@test "all calls are forbidden that old filters do not know" {
	needs_namespaces
	nosys clone3=EPERM pidfd_open=EPERM pidfd_send_signal=EPERM \
		close_range=EPERM
	takes pidns+cgroup
}

@test "the same calls are missing, and namespaces forbidden" {
	needs_namespaces
	nosys newns clone3 pidfd_open pidfd_send_signal close_range
	takes cgroup+guard
}

@test "new namespaces are forbidden, as in a container" {
	needs_namespaces
	nosys newns clone3
	takes cgroup+guard
	does_without pidns,sealed
	has cgroup
}

@test "new namespaces are forbidden, and user namespaces do not help" {
	needs_namespaces
	nosys newns clone3
	takes cgroup+guard --userns
}

@test "setns alone is forbidden" {
	needs_namespaces
	nosys setns=EPERM
	takes cgroup+guard
}

@test "flock is missing: no cgroup, as nobody could tell whose it is" {
	needs_namespaces
	local how
	for how in flock flock=EPERM flock=kill; do
		nosys "$how"
		run -7 "${LAUNCH[@]}" "$SUPERVISE" -v sh -c 'exit 7'
		[[ $output = *'tree: pidns '* ]]
		no_leaves
	done
}

@test "a filter kills who calls clone3" {
	needs_namespaces
	nosys clone3=kill
	takes pidns+cgroup
}

@test "a filter kills who calls anything new" {
	needs_namespaces
	nosys clone3=kill pidfd_open=kill pidfd_send_signal=kill close_range=kill
	takes pidns+cgroup
}

@test "a filter kills who asks for a namespace" {
	needs_namespaces
	nosys newns=kill
	takes cgroup+guard
	does_without pidns,sealed
}

@test "a filter kills who mounts" {
	needs_namespaces
	nosys mount=kill
	takes pidns+cgroup
}

@test "a container's filter kills instead of refusing" {
	needs_namespaces
	nosys --default-kill
	takes cgroup+guard
	does_without pidns,sealed
}

@test "a container's filter kills instead of refusing, what is new as well" {
	needs_namespaces
	nosys --default-kill pidfd_open=kill pidfd_send_signal=kill \
		close_range=kill
	takes cgroup+guard
	takes cgroup+guard --userns
}

@test "a container's filter kills, and there is no cgroup" {
	needs pidns pidns_is_permitted
	nosys --default-kill
	takes subreaper --no-cgroup
	nosys --default-kill mkdirat=kill
	takes subreaper
}

@test "root without CAP_SYS_ADMIN" {
	needs_namespaces
	LAUNCH=(setpriv --inh-caps=-all --bounding-set=-sys_admin)
	takes cgroup+guard
	does_without pidns,sealed
}

@test "root without any capability" {
	needs_namespaces
	LAUNCH=(setpriv --inh-caps=-all --bounding-set=-all)
	takes cgroup+guard
}

@test "nobody in particular" {
	needs nobody nobody_can_run
	LAUNCH=("${AS_NOBODY[@]}")
	takes subreaper
	does_without cgroup,pidns,sealed
}

@test "nobody in a delegated cgroup" {
	needs nobody nobody_can_run
	needs cgroup cgroup_is_delegated
	delegate_cgroup
	LAUNCH=("${AS_NOBODY[@]}")
	takes cgroup+guard
	does_without pidns,sealed
	has cgroup
}

@test "nobody in a user namespace" {
	needs nobody nobody_can_run
	needs nobody_userns nobody_userns_is_permitted
	LAUNCH=("${AS_NOBODY[@]}")
	takes userns+pidns --userns
}

@test "nobody in a user namespace and a delegated cgroup" {
	needs nobody nobody_can_run
	needs nobody_userns nobody_userns_is_permitted
	needs cgroup cgroup_is_delegated
	delegate_cgroup
	LAUNCH=("${AS_NOBODY[@]}")
	takes userns+pidns+cgroup --userns
}

@test "nobody in a user namespace without anything new" {
	needs nobody nobody_can_run
	needs nobody_userns nobody_userns_is_permitted
	needs cgroup cgroup_is_delegated
	delegate_cgroup
	LAUNCH=("${AS_NOBODY[@]}" "$PROG/nosys" clone3 pidfd_open
		pidfd_send_signal close_range --)
	takes userns+pidns+cgroup --userns
}

@test "nobody, and no user namespaces may be made" {
	needs nobody nobody_can_run
	LAUNCH=("${AS_NOBODY[@]}" "$PROG/nosys" newns clone3 --)
	takes subreaper --userns
	nosys newns=kill
	LAUNCH=("${AS_NOBODY[@]}" "${LAUNCH[@]}")
	takes subreaper --userns
}

# Words that make the rest PID 1 of a namespace without CAP_SYS_ADMIN.
as_pid1() {
	LAUNCH=(unshare --pid --fork --mount-proc --kill-child "$@"
		setpriv --inh-caps=-all --bounding-set=-sys_admin)
	FORKS=yes
}

@test "PID 1 of a container" {
	needs_namespaces
	as_pid1
	takes pid1 --no-cgroup
	does_without pidns
	has sealed
}

@test "PID 1 of a container with a writable cgroup" {
	needs_namespaces
	as_pid1
	takes pid1+cgroup
	has cgroup,sealed
}

@test "PID 1 of a container with another uid" {
	needs_namespaces
	needs nobody nobody_can_run
	as_pid1
	LAUNCH+=("${AS_NOBODY[@]}")
	takes pid1
}

@test "PID 1 of a container whose filter kills" {
	needs_namespaces
	as_pid1
	LAUNCH+=("$PROG/nosys" --default-kill --)
	takes pid1 --no-cgroup
}

@test "PID 1 of a container without anything new" {
	needs_namespaces
	as_pid1
	LAUNCH+=("$PROG/nosys" newns clone3=EPERM pidfd_open=EPERM
		pidfd_send_signal=EPERM close_range=EPERM --)
	takes pid1 --no-cgroup
}

@test "PID 1 of a container that is privileged" {
	needs_namespaces
	LAUNCH=(unshare --pid --fork --mount-proc --kill-child)
	FORKS=yes
	takes pidns+cgroup
}

# Words that run the rest after a change to the mounts.
with_mounts() { # SHELL-COMMAND
	LAUNCH=(unshare --mount --propagation private sh -c
		"$1 || exit 99; exec \"\$@\"" sh)
}

@test "/sys is read-only" {
	needs_namespaces
	with_mounts "mount -o remount,bind,ro '$(cgroup_mount)'"
	takes pidns
	does_without cgroup
	has pidns,sealed
}

@test "/sys is read-only, and namespaces are forbidden" {
	needs_namespaces
	with_mounts "mount -o remount,bind,ro '$(cgroup_mount)'"
	LAUNCH+=("$PROG/nosys" newns clone3 --)
	takes subreaper
}

@test "there is no /sys" {
	needs_namespaces
	with_mounts 'mount -t tmpfs tmpfs /sys'
	takes pidns
}

@test "there is no /proc" {
	needs_namespaces
	needs_no_proc
	with_mounts 'mount -t tmpfs tmpfs /proc'
	takes pidns
	with_mounts 'umount -l /proc'
	takes pidns
}

@test "PID 1 of a container without /proc" {
	needs_namespaces
	needs_no_proc
	# shellcheck disable=SC2016 # of the inner shell
	as_pid1 sh -c 'mount -t tmpfs tmpfs /proc || exit 99; exec "$@"' sh
	takes pid1
}

@test "PID 1 of a container without /proc and /sys, with another uid" {
	needs_namespaces
	needs_no_proc
	needs nobody nobody_can_run
	# shellcheck disable=SC2016 # of the inner shell
	as_pid1 sh -c 'mount -t tmpfs tmpfs /proc &&
		mount -t tmpfs tmpfs /sys || exit 99; exec "$@"' sh
	LAUNCH+=("${AS_NOBODY[@]}" "$PROG/nosys" newns clone3 --)
	takes pid1
}


# It waits for ever for what was killed while it was being forked.
end_strace() {
	local pid
	for pid in $(left_alive); do
		! grep -qsx strace "/proc/$pid/comm" || kill -KILL "$pid"
	done
}

@test "there is no cgroup.kill: frozen, killed one by one, thawed" {
	needs_namespaces
	needs strace
	# the trace proves that it was looked for
	LAUNCH=(strace -D -f -qq -A -o "$T/trace" -P cgroup.kill
		-e 'inject=openat,open,faccessat,faccessat2:error=ENOENT')
	takes pidns+cgroup
	takes cgroup+guard --no-pidns
	gone -f cgroup+guard comet 4
	OPTIONS=(-k 100ms)
	gone -f pidns+cgroup comet 4
	end_strace
	grep -q 'cgroup.kill.*ENOENT.*INJECTED' "$T/trace"
}

@test "the death of the parent cannot be had as a signal" {
	needs_namespaces
	nosys prctl=EPERM
	takes pidns+cgroup
	nosys newns prctl=EPERM
	takes cgroup+guard
}
