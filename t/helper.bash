# shellcheck shell=bash
# SPDX-License-Identifier: ISC
# For every t/*.bats: `load helper`.
#
# A test runs in its own empty directory $T and, where that is permitted, in a
# cgroup of its own, $CG. What is alive when it ends, or a cgroup that is left,
# makes it fail and is then removed. So a test ends what it starts.
#
#   $SUPERVISE $PROG            the binary under test; where the probes are
#   start ARG...                supervise in the background: $SUPERVISE_PID,
#                               $T/out, $T/err
#   spawn CMD...                the same for any command: $!
#   wait_until CMD...           until CMD succeeds, with a limit
#   ended [SECONDS]             $SUPERVISE_PID has ended, its code is $status
#   no_survivors LOCK           nobody holds a flock on LOCK, not even by fd
#   needs NAME [CMD...]         skip unless CMD (or a command NAME) succeeds;
#                               fail instead if NAME is in $T_REQUIRE
#   leaves_cgroup               this test SIGKILLs supervise: an empty leaf of
#                               it may stay
#   make_cgroup NAME            a cgroup for the test itself: $CG/test.NAME
#   delegate_cgroup             $CG is nobody's, as systemd would delegate it
#   "${AS_NOBODY[@]}" CMD...    without any privilege
#
# A test file with a setup or teardown of its own calls begin_test first and
# end_test last in them. T_LIMIT is the patience in seconds (slow machines).

bats_require_minimum_version 1.5.0 # run -N, run !
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
TOP=$(cd "${BASH_SOURCE[0]%/*}/.." && pwd)
if [ -n "${SAN-}" ]; then
	: "${SUPERVISE:=$TOP/build/san/supervise}" "${PROG:=$TOP/build/san/prog}"
else
	: "${SUPERVISE:=$TOP/supervise}" "${PROG:=$TOP/t/prog/bin}"
fi
T_LIMIT=${T_LIMIT:-10}
AS_NOBODY=(setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all)
export PATH SUPERVISE PROG

setup() {
	begin_test
}

teardown() {
	end_test
}

begin_test() {
	T=$BATS_TEST_TMPDIR
	# for the search through /proc in end_test; new for each try of a test
	export T_MARK=$T.$BASHPID
	CG=
	CG_HOME=$(own_cgroup) || CG_HOME=
	MAY_LEAVE_CGROUP=
	SUPERVISE_PID=
	disown -a # or a test that waits for all jobs waits for bats' own timer
	cd "$T" || return
	enter_cgroup
}

# The directory of our cgroup (v2), whether at /sys/fs/cgroup or elsewhere.
own_cgroup() {
	local line own='' root point rest
	while read -r line; do
		[[ $line != 0::* ]] || own=${line#0::}
	done </proc/self/cgroup
	[[ $own = /* && $own != /..* ]] || return
	while read -r _ _ _ root point rest; do
		[[ $rest = *' - cgroup2 '* ]] || continue
		[[ $root = / ]] || [[ $own/ = "$root"/* ]] || continue
		[[ $root = / ]] || own=${own#"$root"}
		printf '%b\n' "${point}${own%/}"
		return
	done </proc/self/mountinfo
	return 1
}

# Always a new one: on kernels with the counter bug (KERNEL.md, trap 1) nothing
# can be started from a cgroup that was ever killed.
enter_cgroup() {
	local dir=$CG_HOME/bats.$BASHPID.$RANDOM # pids come again
	[[ -n $CG_HOME ]] && mkdir "$dir" 2>/dev/null || return 0
	if echo 0 2>/dev/null >"$dir/cgroup.procs"; then
		CG=$dir
	else
		rmdir "$dir"
	fi
}

start() {
	spawn "$SUPERVISE" "$@"
	SUPERVISE_PID=$!
}

# With fd 3 and 4 bats would wait for it; and a shell without job control has
# INT and QUIT ignored in what it puts into the background.
spawn() {
	# at once: what the one before has said must not be taken for this one's
	: >"$T/out"
	: >"$T/err"
	(
		trap - INT QUIT
		exec "$@"
	) >"$T/out" 2>"$T/err" 3>&- 4>&- &
}

now_ms() { # sets REPLY
	REPLY=$((${EPOCHREALTIME/[.,]/} / 1000))
}

wait_until() {
	local REPLY end
	now_ms
	end=$((REPLY + T_LIMIT * 1000))
	until "$@" >/dev/null 2>&1; do
		now_ms
		if ((REPLY > end)); then
			echo "wait_until: not within $T_LIMIT s: $*"
			"$@" || echo "wait_until: last status $?"
			return 1
		fi
		sleep 0.01
	done
}

ended() {
	local REPLY end
	now_ms
	end=$((REPLY + ${1:-$T_LIMIT} * 1000))
	# bash reaps its children at once, and remembers
	while kill -0 "$SUPERVISE_PID" 2>/dev/null; do
		now_ms
		if ((REPLY > end)); then
			echo "ended: still running after ${1:-$T_LIMIT} s"
			return 1
		fi
		sleep 0.01
	done
	# shellcheck disable=SC2034 # as `run` does
	status=0
	# shellcheck disable=SC2034
	wait "$SUPERVISE_PID" || status=$?
}

no_survivors() {
	[[ -e $1 ]] || {
		echo "no_survivors: $1 was never made"
		return 1
	}
	! flock -n "$1" true || return 0
	echo "no_survivors: $1 is held by"
	find /proc/[0-9]*/fd -lname "$(readlink -f "$1")" 2>/dev/null |
		cut -d/ -f3 | sort -u | describe
	return 1
}

needs() {
	local name=$1
	shift
	(($#)) || set -- command -v "$name"
	! "$@" >/dev/null 2>&1 || return 0
	case " ${T_REQUIRE-} " in
	*[\ ,]"$name"[\ ,]*)
		echo "T_REQUIRE names $name, but this failed: $*"
		return 1
		;;
	esac
	skip "needs $name"
}

is_root() {
	((EUID == 0))
}

cgroup_is_delegated() {
	[[ -n $CG ]]
}

pidns_is_permitted() {
	unshare --pid --fork true
}

# A map that can be written is the proof (KERNEL.md, trap 10).
userns_is_permitted() {
	unshare --user --map-root-user true
}

nobody_userns_is_permitted() {
	is_root && "${AS_NOBODY[@]}" unshare --user --map-root-user true
}

# Also makes $T a place where nobody can work.
nobody_can_run() {
	is_root && command -v setpriv &&
		chmod go+x "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR/test" &&
		chmod 1777 "$T" && "${AS_NOBODY[@]}" test -x "$SUPERVISE"
}

leaves_cgroup() {
	MAY_LEAVE_CGROUP=yes
}

make_cgroup() {
	mkdir "$CG/test.$1"
}

delegate_cgroup() {
	chown 65534:65534 "$CG" "$CG"/cgroup.{procs,threads,subtree_control}
}

# What is left of the test: pids in its cgroup, and those with our mark in
# their environment (they may have gone elsewhere, or there is no cgroup).
left_alive() {
	{
		[[ -z $CG ]] ||
			find "$CG" -name cgroup.procs -exec cat {} + 2>/dev/null
		grep -lszxF "T_MARK=$T_MARK" /proc/[0-9]*/environ | cut -d/ -f3
	} | sort -un
}

describe() { # pids from stdin
	local pid
	while read -r pid; do
		printf '%s: %s, %s\n' "$pid" \
			"$(tr '\0' ' ' <"/proc/$pid/cmdline")" \
			"$(sed -n 's/^State:[[:space:]]*//p' "/proc/$pid/status")"
	done 2>/dev/null
}

kill_all_left() {
	local pid REPLY end
	now_ms
	end=$((REPLY + 5000))
	while ((REPLY < end)) && [[ -n $(left_alive) ]]; do
		[[ -z $CG ]] || echo 1 2>/dev/null >"$CG/cgroup.kill" || :
		for pid in $(left_alive); do
			kill -KILL "$pid" 2>/dev/null || :
		done
		sleep 0.02
		now_ms
	done
}

end_test() {
	local left dirs='' failed=0 REPLY end
	cd / || return
	export -n T_MARK # or we find our own tools
	[[ -z $CG ]] || echo 0 >"$CG_HOME/cgroup.procs"

	# dying takes a moment when supervise was killed; leaking takes longer
	now_ms
	end=$((REPLY + T_LIMIT * 100))
	[[ -n $BATS_TEST_COMPLETED ]] || end=0
	while left=$(left_alive) && [[ -n $left ]]; do
		now_ms
		((REPLY < end)) || break
		sleep 0.01
	done
	if [[ -n $left ]]; then
		failed=1
		echo "left alive by this test:"
		describe <<<"$left"
		kill_all_left
	fi
	if [[ -n $CG ]]; then
		dirs=$(find "$CG" -mindepth 1 -type d ! -name 'test.*')
		if [[ -n $dirs && -z $MAY_LEAVE_CGROUP ]]; then
			failed=1
			printf 'cgroups left by this test:\n%s\n' "$dirs"
		fi
		find "$CG" -depth -type d -exec rmdir {} + || failed=1
	fi
	if ((failed)) || [[ -z $BATS_TEST_COMPLETED$BATS_TEST_SKIPPED ]]; then
		show_output
	fi
	return "$failed"
}

show_output() {
	local file
	for file in "$T/out" "$T/err"; do
		[[ ! -s $file ]] || {
			echo "-- ${file##*/} (at most 50 lines):"
			tail -n 50 "$file"
		}
	done
}
