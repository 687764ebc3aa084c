#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Called as tini, dumb-init or catatonit, with their command lines; where the
# tool itself is installed it is asked, too.
# shellcheck disable=SC2016 # what is quoted is for a shell in there

load helper

setup() {
	local name
	begin_test
	for name in tini tini-static docker-init dumb-init catatonit other; do
		ln -s "$SUPERVISE" "$name"
	done
}

# Ours, and the real one if there is one: the same code and output. Sets CODE
# and OUT.
same() { # TOOL ARG...
	local real code=0 out
	CODE=0
	OUT=$("./$1" "${@:2}" 2>/dev/null) || CODE=$?
	real=$(type -P "$1") || return 0
	# some do not come to an end by themselves
	out=$(timeout 5 "$real" "${@:2}" 2>/dev/null) || code=$?
	[[ $CODE/$OUT = "$code/$out" ]] || {
		echo "$*: $CODE/$OUT, and the real one $code/$out"
		return 1
	}
}

# refused TOOL TEXT ARG...
refused() {
	run -100 --separate-stderr "./$1" "${@:3}"
	# shellcheck disable=SC2154 # set by run
	[[ -z $output && ${#stderr_lines[@]} = 1 && ! -e started &&
		$stderr = "supervise: usage: $2" ]] || {
		echo "$*: '$output', '$stderr'"
		return 1
	}
}

launch() { # COMMAND ARG...: as start, of another binary
	spawn "$@"
	SUPERVISE_PID=$!
}

@test "the name is the last component of argv[0], and others are ours" {
	local name
	for name in tini tini-static docker-init; do
		run -0 "./$name" -g -e 3 -- sh -c 'exit 3'
		run -0 "$T/../${T##*/}/$name" -ge3 sh -c 'exit 3'
	done
	run -100 ./other -e 3 -- true
	run -124 ./other -t 10ms -k 0 sleep 1000
	run -0 ./other --version
	[[ $output = 'supervise '* ]]
}

@test "docker run --init: docker-init -- program, and a version for dockerd" {
	run -23 ./docker-init -- sh -c 'exit 23'
	# what dockerd cuts it into, else it warns: the words, and " - git."
	run -0 ./docker-init --version
	[[ $output =~ ^'tini version '[0-9][0-9.]*_supervise$ ]]
	run -0 --separate-stderr ./tini -s --version
	[[ $output = 'tini version '* && -z $stderr ]]
	local name
	for name in dumb-init catatonit; do
		run -0 "./$name" -V
		[[ $output = 'tini version '* ]]
		run -0 "./$name" --version
	done
	refused tini '-- no program is given; try --help'
	refused catatonit '-- no program is given; try --help' --
}

@test "help is on standard output and has every letter" {
	local each
	for each in tini:gswpelv dumb-init:vcrV catatonit:gLPV; do
		run -0 --separate-stderr "./${each%:*}" -h
		[[ -z $stderr && $output = "usage: ${each%:*} [-"*']'* ]]
		[[ $(sed -n '1s/.*\[-\([a-zA-Z]*\)\].*/\1/p' <<<"$output" |
			fold -w 1 | sort) = $(fold -w 1 <<<"${each#*:}hV" |
			sort -u) ]]
		run -0 "./${each%:*}" --help
	done
	run -0 ./tini -l
	[[ $output = *ISC* ]]
	run -0 ./catatonit -L
	[[ $output = *ISC* ]]
}

@test "tini: all its options at once, in all spellings, and the exit codes" {
	same tini -s -g -w -p SIGTERM -e 3 -- sh -c 'echo out; exit 3'
	[[ $CODE/$OUT = 0/out ]]
	same tini -sgwpSIGTERM -e3 -e 4 -- sh -c 'exit 4'
	((CODE == 0))
	same tini -e 143 -- sh -c 'kill -TERM $$'
	((CODE == 0))
	same tini -e 255 -- sh -c 'exit 7'
	((CODE == 7))
	same tini -- sh -c 'kill -KILL $$'
	((CODE == 137))
	same tini -- ./nowhere
	((CODE == 127))
	same tini -- /
	((CODE == 126))
	# getopt(3) of theirs would go on behind the program's name
	run -0 ./tini echo -l -- -h
	[[ $output = '-l -- -h' ]]
}

@test "tini: -v and TINI_VERBOSITY decide what is said" {
	run -0 --separate-stderr ./tini true
	[[ -z $stderr ]]
	local option
	for option in -v -vv -vvv; do
		run -0 --separate-stderr ./tini "$option" true
		[[ $stderr = 'supervise: tree: '* ]]
	done
	TINI_VERBOSITY=3 run -0 --separate-stderr ./tini true
	[[ $stderr = 'supervise: tree: '* ]]
	TINI_VERBOSITY=1 run -0 --separate-stderr ./tini true
	[[ -z $stderr ]]
	# a warning of ours is one of theirs: none with 0
	for option in 0:0 1:1; do
		TINI_VERBOSITY=${option#*:} \
			run -0 --separate-stderr ./tini -s true
		[[ -z $stderr ]]
	done
	TINI_SUBREAPER='' run -0 ./tini true
	TINI_VERBOSITY=3 run -0 --separate-stderr ./other true
	[[ -z $stderr ]]
}

# Does a USR1 to $@ get to a child of the program?
reaches_all() {
	launch "$@" sh -c 'trap : USR1
		sh -c "trap \"echo got; exit\" USR1; echo up
			while :; do sleep 0.02; done" &
		wait; wait; exit 9'
	wait_until grep -q up out
	kill -USR1 "$SUPERVISE_PID"
	sleep 0.1 # it is its absence, too, that counts
	kill -TERM "$SUPERVISE_PID" 2>/dev/null || : # it has ended by itself
	ended || return 2
	grep -q got out
}

@test "tini -g, TINI_KILL_PROCESS_GROUP and catatonit -g: to all processes" {
	reaches_all ./tini -g --
	reaches_all ./catatonit -g --
	export TINI_KILL_PROCESS_GROUP=
	reaches_all ./tini --
	run -1 reaches_all ./catatonit --
	unset TINI_KILL_PROCESS_GROUP
	run -1 reaches_all ./tini -s --
}

@test "dumb-init: to all processes, with -c only to the program" {
	reaches_all ./dumb-init
	reaches_all ./dumb-init --verbose --
	run -1 reaches_all ./dumb-init -c --
	run -1 reaches_all ./dumb-init --single-child
	DUMB_INIT_SETSID=0 run -1 reaches_all ./dumb-init
	DUMB_INIT_SETSID=1 reaches_all ./dumb-init
}

@test "the real ones reach the same processes" {
	needs tini
	needs dumb-init
	needs catatonit
	reaches_all "$(type -P tini)" -s -g --
	reaches_all "$(type -P dumb-init)"
	reaches_all "$(type -P catatonit)" -g --
}

@test "tini -p: the end of the parent is the end, whatever the signal" {
	local sig
	for sig in SIGTERM KILL 2; do
		rm -f lock ready
		"$PROG/abandon" ./tini -s -p "$sig" -- \
			"$PROG/daemon" lock ready 3>&- 4>&- &
		SUPERVISE_PID=$!
		wait_until test -s ready
		kill -USR1 "$SUPERVISE_PID"
		wait_until flock -n lock true
		ended
	done
}

rewritten() { # CODE SIGNAL ARG...
	launch "${@:3}" "$PROG/receive" 3
	wait_until grep -q ready out
	kill "-$2" "$SUPERVISE_PID"
	if (($1 >= 0)); then
		ended && ((status == $1)) && grep -q '^3 ' out
	else
		sleep 0.1 # nothing comes
		kill -QUIT "$SUPERVISE_PID"
		ended && run ! grep -q "^$2 " out
	fi
}

@test "dumb-init -r: rewrites, also TERM, and 0 drops" {
	local tool
	for tool in ./dumb-init $(type -P dumb-init); do
		rewritten 0 TERM "$tool" -c -r 15:3 --
		rewritten 0 TERM "$tool" -v --rewrite 15:3
		rewritten 0 TERM "$tool" --verb --rew 15:3
		rewritten 0 HUP "$tool" -r15:2 --rewrite=1:3
		rewritten -1 10 "$tool" -c -r 10:0
	done
}

@test "dumb-init: exit codes" {
	same dumb-init -c -v -- sh -c 'echo out; exit 3'
	[[ $CODE/$OUT = 3/out ]]
	same dumb-init sh -c 'kill -KILL $$'
	same dumb-init echo -h --version
	[[ $OUT = '-h --version' ]]
	run -127 ./dumb-init ./nowhere # theirs: 2
}

# TOOL SIGNAL CODE; a code of -1: it goes on
pauses() {
	local state
	unshare -pf --mount-proc sh -c '(sleep 0.05 &); exec "$@"' \
		sh "$1" -P 3>&- 4>&- &
	SUPERVISE_PID=$!
	wait_until init_of "$SUPERVISE_PID"
	wait_until has_no_children "$INIT"
	state=$(sed -n 's/^State:[[:space:]]*//p' "/proc/$INIT/status")
	[[ $state = S* ]]
	kill "-$2" "$INIT"
	if (($3 < 0)); then
		sleep 0.1
		kill -0 "$INIT"
		kill -TERM "$INIT"
		ended
	else
		ended && ((status == $3))
	fi
}

init_of() {
	local pid
	read -r pid _ <"/proc/$1/task/$1/children"
	[[ $(tr '\0' ' ' <"/proc/$pid/cmdline") = *' -P ' ]] && INIT=$pid
}

has_no_children() {
	[[ -z $(<"/proc/$1/task/$1/children") ]]
}

@test "catatonit -P pauses and reaps until TERM or INT, and exits with 0" {
	needs pidns pidns_is_permitted
	local tool
	for tool in ./catatonit $(type -P catatonit); do
		pauses "$tool" TERM 0
		pauses "$tool" INT 0
		pauses "$tool" HUP -1
	done
}

@test "no time limit for the program, and a second for what it leaves" {
	local REPLY began
	launch ./tini -s -- "$PROG/deaf" lock ready main
	wait_until test -s ready
	kill -TERM "$SUPERVISE_PID"
	sleep 1.3 # more than that second
	kill -0 "$SUPERVISE_PID"
	kill -TERM "$SUPERVISE_PID" # the second one kills
	ended
	((status == 137))
	no_survivors lock
	rm ready
	launch ./tini -s -- "$PROG/deaf" lock ready
	wait_until test -s ready
	now_ms
	began=$REPLY
	: >end
	ended
	((status == 7))
	now_ms
	((REPLY - began >= 900 && REPLY - began < 5000))
	no_survivors lock
}

@test "what is wrong is named in one line, 100" {
	local wrong='is no option, or not used like this'
	local what='is not what it takes'
	refused tini "-z $wrong" -z touch started
	refused tini "-sz $wrong" -sz touch started
	refused tini "-c $wrong" -c touch started
	refused tini "--rewrite $wrong" --rewrite 1:2 touch started
	refused tini "--stop-signal $wrong" --stop-signal 15 touch started
	refused tini "--version=1 $wrong" --version=1 touch started
	refused tini "--= $wrong" --= touch started
	refused tini "-e '300' $what" -e 300 touch started
	refused tini "-ex 'x' $what" -ex touch started
	refused tini "-e '' $what" -e '' touch started
	refused tini "-p 'FOO' $what" -p FOO touch started
	refused tini "-e needs a value" -e
	refused tini "-- the program's name is empty" -- ''
	refused dumb-init "-r '15' $what" -r 15 touch started
	refused dumb-init "-r '15:' $what" -r 15: touch started
	refused dumb-init "-r ':3' $what" -r :3 touch started
	refused dumb-init "-r '15:99' $what" -r 15:99 touch started
	refused dumb-init "-r '9:15' $what" -r 9:15 touch started
	refused dumb-init "--rewrite= '' $what" --rewrite= touch started
	refused dumb-init "--single-child=1 $wrong" --single-child=1 \
		touch started
	refused dumb-init "-g $wrong" -g touch started
	refused catatonit "-e $wrong" -e 3 touch started
}
