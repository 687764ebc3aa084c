#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2034,SC2317 # t/attack.bash uses them
# Programs that do not want to end, in every form and by every end of theirs.

load helper
load attack

setup() {
	begin_scenes
	needs cgroup cgroup_is_delegated
	needs pidns pidns_is_permitted
	# under a sanitizer a process is dear
	MANY=5000
	[[ -z ${SAN-} ]] || MANY=500
}

teardown() {
	end_scenes
}

# Which forms have a cgroup for the program to attack from within.
WITH_CGROUP='pidns+cgroup cgroup+guard'

@test "daemons that forked twice and lead sessions die with the tree" {
	ENDINGS_OF+=(
		[pidns]='itself term parent lifeline killed'
		[cgroup+guard]='itself term parent lifeline killed'
		[subreaper]='itself term parent lifeline'
	)
	gone daemon
}

@test "what runs below a supervise below a supervise dies" {
	# what is inside has its time before the outermost kills it
	OPTIONS=(-k 30s)
	WITHIN=("$SUPERVISE" -q -k 100ms)
	gone daemon
	WITHIN+=(--no-pidns "${WITHIN[@]}")
	gone -e 'term killed' -f "$WITH_CGROUP" daemon
}

@test "processes that ignore, block or catch every signal die" {
	gone deaf
}

@test "a program that ignores every signal itself dies" {
	gone -c 137 deaf main
}

@test "a tree of stopped processes dies" {
	gone stopped
}

@test "a stopped program is continued to hear its TERM" {
	gone -e 'term parent lifeline killed' stopped all
}

@test "processes in a cgroup that the program has frozen die" {
	gone -f "$WITH_CGROUP" frozen below
}

@test "a program that has frozen its own cgroup dies" {
	in_position() {
		grep -qs '^frozen 1' "$CG"/supervise.*/cgroup.events
	}
	gone -f "$WITH_CGROUP" -e 'term parent lifeline killed' frozen all
}

@test "a cgroup that is frozen and thawed from elsewhere is no obstacle" {
	make_cgroup elsewhere
	gone -f 'pidns+cgroup' frozen fight "$CG/test.elsewhere"
	gone -f cgroup+guard -e 'itself term' \
		frozen fight "$CG/test.elsewhere"
}

@test "what is in cgroups below the leaf dies, and they are removed" {
	gone -f "$WITH_CGROUP" nested 3
}

@test "what is in cgroups a hundred deep dies, and they are removed" {
	gone -f "$WITH_CGROUP" nested 100
}

@test "what is in threaded cgroups dies, and they are removed" {
	gone -f "$WITH_CGROUP" nested 3 threaded
}

@test "a process that hops on by forking, for ever, dies" {
	gone comet 1
}

@test "eight processes that hop on by forking die" {
	gone comet 8
}

@test "a fork bomb that fills every gap again dies" {
	gone hydra 200
}

@test "a process that hops on by vfork and exec dies" {
	gone hopper vfork
}

@test "a process that hops on in the memory of its dead parents dies" {
	gone hopper vm
}

@test "a chain of parents that wait in vfork dies" {
	gone hopper chain
}

@test "thousands of processes, each in a session of its own, die" {
	gone -e 'term killed' crowd "$MANY"
}

# Forms in which a signal reaches all processes at one moment.
AT_ONCE='pidns+cgroup pidns cgroup+guard'

@test "what the program has left is asked to end: no kill is waited for" {
	OPTIONS=(-k inf)
	gone -e 'itself term' daemon
}

@test "thousands are asked to end, each of them" {
	OPTIONS=(-k inf)
	gone -e 'itself term' crowd "$MANY"
}

@test "what grows again is asked to end at one moment" {
	OPTIONS=(-k inf)
	gone -f "$AT_ONCE" -e 'itself term' hydra 200
}

@test "what hops on by forking is asked to end at one moment" {
	OPTIONS=(-k inf)
	# (by a system call: libc's fork(2) keeps signals away meanwhile, and who
	# is asked then has one more child before it ends)
	gone -f "$AT_ONCE" -e 'itself term' comet 8
}

@test "no process to be had to ask them: the freezer does it" {
	needs strace
	needs pidns pidns_is_permitted
	# who would signal; before that the program was started, by vfork or clone3
	local second=2
	[[ -z ${SAN-} ]] || second=1
	spawn strace -qq -o trace -e trace=clone,write \
		-e inject=clone:error=EAGAIN:when=$second+ "$SUPERVISE" -k inf sh -c '
		setsid sh -c "trap \"echo asked; exit\" TERM; echo up
			while :; do sleep 0.01; done" &
		until grep -q up out; do sleep 0.01; done'
	SUPERVISE_PID=$!
	ended
	((status == 0))
	grep -q asked out
	grep -q 'clone.*EAGAIN' trace
}

@test "a child of the program that kills its supervisor dies of that" {
	cd "$T"
	start -v --no-pidns "$PROG/patricide" lock ready parent 9
	wait_until in_position
	ended
	((status == 137))
	wait_until flock -n lock true
	wait_until no_leaves # by the guard
}

@test "a program that stops its supervisor does not outlive it" {
	local ending
	for ending in TERM KILL; do
		rm -f ready
		start --no-pidns "$PROG/patricide" lock ready parent 19
		wait_until in_position
		wait_until grep -q '^State:.T' "/proc/$SUPERVISE_PID/status"
		kill "-$ending" "$SUPERVISE_PID"
		kill -CONT "$SUPERVISE_PID" || : # dead already
		ended
		case $ending in
		TERM) ((status == 143)) ;;
		KILL) ((status == 137)) ;;
		esac
		wait_until flock -n lock true
		wait_until no_leaves
	done
}

@test "PID 1 of the namespace hears no signal of the program" {
	local signal
	for signal in 9 19 15 17; do
		gone -f 'pidns+cgroup' -e 'itself killed' patricide init "$signal"
	done
}

# For patricide: what it tells is of after the replacement.
await_another_guard() {
	in_position() {
		[[ ! -e ready.armed ]] || kill -USR1 "$SUPERVISE_PID"
		test -s ready
	}
}

@test "a guard that the program has killed is replaced" {
	await_another_guard
	gone -f cgroup+guard patricide guard 9
}

@test "a guard that was killed at its birth is replaced" {
	await_another_guard
	gone -f cgroup+guard -e killed patricide guard 9 2
	gone -f cgroup+guard -e killed patricide guard 9 3
}

@test "guards killed for ever are no obstacle to the end" {
	local _
	# the end of one of them and of the program must not be mixed up
	for _ in {1..10}; do
		gone -f cgroup+guard -e 'itself term' patricide hunt 9
	done
}

@test "a guard that is stopped is no obstacle to the end" {
	local ending children
	for ending in itself term; do
		rm -f ready end
		start --no-pidns -k 100ms "$PROG/daemon" lock ready
		wait_until in_position
		read -ra children <"$(children_of "$SUPERVISE_PID")" || :
		kill -STOP "${children[0]}"
		case $ending in
		itself) : >end ;;
		term) kill -TERM "$SUPERVISE_PID" ;;
		esac
		ended
		no_survivors lock
		no_leaves
	done
}

@test "a child held in its exit by a sibling that traces it dies" {
	gone tracer sibling
}

@test "a program held in its exit by a child that traces it dies" {
	# TERM stops it once more; only the kill of the tracer lets it go
	gone -c 137 -e 'term parent lifeline killed' tracer main
}

cpu_ticks() { # of a process, in hundredths of a second
	awk '{ print $14 + $15 }' "/proc/$1/stat"
}

@test "what a stranger traces is waited for without haste, and named" {
	local how children tracers=() supervisors=()
	for how in exit plain; do
		mkdir "$how"
		cd "$how"
		T=$PWD start -k 50ms "$PROG/daemon" lock ready
		supervisors+=("$SUPERVISE_PID")
		wait_until in_position
		read -ra children <"$(children_of "$SUPERVISE_PID")" || :
		"$PROG/tracer" alien traced "$how" "${children[1]}" 3>&- 4>&- &
		tracers+=($!)
		wait_until test -s traced
		kill -TERM "$SUPERVISE_PID"
		cd "$T"
	done
	for how in exit plain; do
		NOW=$how
		SUPERVISE_PID=${supervisors[0]}
		wait_until grep -q 'does not end:.*daemon' "$how/err"
		(($(cpu_ticks "$SUPERVISE_PID") < 50))
		kill -KILL "${tracers[0]}"
		ended
		((status == 137))
		no_survivors "$how/lock"
		supervisors=("${supervisors[@]:1}")
		tracers=("${tracers[@]:1}")
	done
	no_leaves
	NOW=
}

@test "what has moved to another cgroup dies with its namespace" {
	make_cgroup elsewhere
	gone -f 'pidns+cgroup pidns' mover "$CG/test.elsewhere"
	gone -f 'pidns+cgroup' mover "$CG/test.elsewhere" daemons
}

@test "what has removed its cgroup and made it anew dies" {
	make_cgroup elsewhere
	gone -f 'pidns+cgroup' mover "$CG/test.elsewhere" rmdir
	gone -f cgroup+guard -e 'itself term' \
		mover "$CG/test.elsewhere" rmdir
}

@test "what has moved to another cgroup is found without a namespace, too" {
	make_cgroup elsewhere
	gone -f cgroup+guard -e 'itself term' mover "$CG/test.elsewhere"
	gone -f cgroup+guard -e 'itself term' \
		mover "$CG/test.elsewhere" daemons
}

# Starts a stranger, which puts itself into the program's leaf.
intrude_by_cgroup() {
	local leaf
	leaf=$(find "$CG" -mindepth 1 -maxdepth 1 -name 'supervise.*')
	# shellcheck disable=SC2016 # of the inner shell
	sh -c 'echo 0 >"$0/cgroup.procs" && exec "$@"' "$leaf" \
		"$PROG/daemon" alien alien.ready 3>&- 4>&- &
	wait_until test -s alien.ready
}

@test "what was put into the cgroup from outside dies with it" {
	local option ending
	for option in '' --no-pidns; do
		for ending in itself term killed; do
			[[ $option$ending != killed ]] || continue
			NOW="$option $ending"
			rm -f lock alien end ready alien.ready
			# shellcheck disable=SC2086 # or none
			start $option -k 100ms "$PROG/daemon" lock ready
			wait_until in_position
			intrude_by_cgroup
			case $ending in
			itself) : >end ;;
			term) kill -TERM "$SUPERVISE_PID" ;;
			killed) kill -KILL "$SUPERVISE_PID" ;;
			esac
			ended
			[[ $ending != killed ]] || {
				wait_until flock -n alien true
				wait_until flock -n lock true
			}
			no_survivors lock
			no_survivors alien
			wait_until no_leaves
		done
	done
	NOW=
}

@test "what was put into the namespace from outside dies with it" {
	needs nsenter
	local ending children
	for ending in itself term killed; do
		NOW=$ending
		rm -f lock alien end ready alien.ready
		start -k 100ms "$PROG/daemon" lock ready
		wait_until in_position
		read -ra children <"$(children_of "$SUPERVISE_PID")" || :
		nsenter --target "${children[0]}" --pid \
			"$PROG/daemon" alien alien.ready 3>&- 4>&- &
		wait_until test -s alien.ready
		case $ending in
		itself) : >end ;;
		term) kill -TERM "$SUPERVISE_PID" ;;
		killed) kill -KILL "$SUPERVISE_PID" ;;
		esac
		ended
		[[ $ending != killed ]] || wait_until flock -n alien true
		no_survivors lock
		no_survivors alien
		wait_until tidy
	done
	NOW=
}

@test "siblings that the program gives itself die, and are not taken for it" {
	gone sibling
}

@test "of 20,000 orphans that have ended none stays a zombie" {
	gone -f 'pidns+cgroup subreaper' -e itself orphans $((4 * MANY))
}

# The limit of processes counts all of a uid: one that nobody else has.
as_somebody() {
	local id=$((100000 + BASHPID))
	AS_SOMEBODY=(setpriv "--reuid=$id" "--regid=$id" --clear-groups
		--inh-caps=-all)
}

@test "a program that has used up all processes it may have dies" {
	needs nobody nobody_can_run
	as_somebody
	WITHIN=(prlimit --nproc=300 "${AS_SOMEBODY[@]}")
	gone -f 'pidns+cgroup cgroup+guard' exhaust 1000
}

pid_max_is_of_the_namespace() { # since Linux 6.14
	printf '%s\n' 6.14 "$(uname -r)" | sort -VC
}

@test "supervise kills its tree where no process can be made any more" {
	needs pid_max pid_max_is_of_the_namespace
	# shellcheck disable=SC2016 # of the inner shell
	LAUNCH=(unshare --pid --fork --mount-proc --kill-child sh -c
		'echo 301 >/proc/sys/kernel/pid_max && exec "$@"' sh)
	FORKS=yes
	gone -f 'pidns+cgroup' -e 'itself term killed' exhaust 1000
}

@test "without descriptors 0, 1, 2 it kills all the same" {
	local closed ending
	for closed in '<&-' '>&-' '<&- >&-' '2>&-' '<&- >&- 2>&-'; do
		for ending in itself TERM KILL; do
			NOW="$closed $ending"
			rm -f end ready
			spawn sh -c "exec \"\$@\" $closed" sh "$SUPERVISE" \
				-k 100ms "$PROG/daemon" lock ready
			SUPERVISE_PID=$!
			wait_until in_position
			case $ending in
			itself) : >end ;;
			*) kill "-$ending" "$SUPERVISE_PID" ;;
			esac
			ended
			[[ $ending != KILL ]] || wait_until flock -n lock true
			no_survivors lock
			wait_until tidy
		done
	done
	NOW=
}

@test "a stderr that nobody reads is no obstacle to the end" {
	mkfifo full
	exec 7<>full
	dd if=/dev/zero of=full oflag=nonblock bs=4096 count=64 2>dd.err || :
	local ending
	for ending in itself TERM; do
		rm -f end ready
		spawn sh -c 'exec "$@" 2>&7' sh "$SUPERVISE" -v -k 100ms \
			"$PROG/daemon" lock ready
		SUPERVISE_PID=$!
		wait_until in_position
		case $ending in
		itself) : >end ;;
		*) kill "-$ending" "$SUPERVISE_PID" ;;
		esac
		ended
		no_survivors lock
	done
	exec 7>&-
}

@test "with few descriptors it works or starts nothing" {
	[[ -z ${SAN-} ]] || skip "a sanitizer needs some for itself"
	local n code
	for n in {3..20}; do
		code=0
		prlimit --nofile="$n:$n" "$SUPERVISE" -k 100ms \
			"$PROG/flash" lock ready 3000 || code=$?
		echo "$n descriptors: $code"
		((code == 7 || code == 111))
		[[ $code = 111 || -e lock ]]
		[[ ! -e lock ]] || no_survivors lock
		rm -f lock
		no_leaves
	done
	((code == 7))
}

@test "with few processes it works or starts nothing" {
	needs nobody nobody_can_run
	as_somebody
	local n code option
	for option in -q --userns; do
		for n in {1..6}; do
			code=0
			prlimit --nproc="$n:$n" "${AS_SOMEBODY[@]}" \
				"$SUPERVISE" -k 100ms "$option" \
				"$PROG/flash" lock ready 3000 || code=$?
			echo "$option, $n processes: $code"
			((code == 7 || code == 111))
			[[ ! -e lock ]] || no_survivors lock
			rm -f lock
		done
	done
	((code == 7))
}

@test "kill 0 by the program reaches neither supervise nor its caller" {
	local signal
	for signal in 1 2 15 9; do
		rm -f ready
		start "$PROG/lash" lock ready 0 "$signal"
		ended
		((status == 128 + signal))
		no_survivors lock
	done
	start --no-pidns --no-cgroup "$PROG/lash" lock ready 0 9
	ended
	((status == 137))
	no_survivors lock
}

@test "kill -1 by the program ends at the namespace" {
	local signal
	for signal in 15 9 19; do
		gone -f 'pidns+cgroup pidns' -e 'itself term killed' \
			lash -1 "$signal"
	done
}

@test "what is in PID namespaces of the program's own dies" {
	gone deeper pid 5
}

@test "what is in user namespaces of the program's own dies" {
	needs root is_root
	needs userns userns_is_permitted
	gone deeper user 5
}

@test "an orphan that outlives the program by a moment is waited for" {
	local _
	for _ in {1..50}; do
		run -7 "$SUPERVISE" "$PROG/flash" lock ready 3000
		no_survivors lock
		no_leaves
	done
	for _ in {1..20}; do
		run -7 "$SUPERVISE" --no-pidns "$PROG/flash" lock ready 3000
		no_survivors lock
		no_leaves
	done
}
