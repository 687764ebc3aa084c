#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# What supervise exits with, and what it says when that is its own doing.
# shellcheck disable=SC2016 # what is quoted is for a shell in there

load helper

FORMS=('' --no-pidns '--no-cgroup' '--no-cgroup --no-pidns')

# musl's execvp leaves a script without #! alone, glibc's hands it to a shell
is_musl() {
	! grep -qa GLIBC_ "$SUPERVISE"
}

# says CODE TEXT ARG...: exits with CODE, and with this line and no other
says() {
	local code=$1 text=$2
	shift 2
	run "-$code" --separate-stderr "$SUPERVISE" "$@"
	# shellcheck disable=SC2154 # set by run
	[[ -z $output && $stderr = "supervise: $text" ]] ||
		{ echo "stdout '$output', stderr '$stderr'"; false; }
}

@test "the program's own code, whatever it is" {
	local code form
	for code in 0 1 2 42 99 100 111 124 125 126 127 128 129 137 143 254 255
	do
		run "-$code" --separate-stderr "$SUPERVISE" sh -c "exit $code"
		[[ -z $output$stderr ]]
	done
	for form in "${FORMS[@]}"; do
		for code in 0 1 255; do
			# shellcheck disable=SC2086 # words
			run "-$code" "$SUPERVISE" $form sh -c "exit $code"
		done
	done
}

@test "128+n for each signal that can end a program" {
	local sig
	ulimit -c 0
	for sig in {1..16} {24..27} {29..31} {32..64}; do
		run "-$((128 + sig))" "$SUPERVISE" \
			sh -c 'exec 0<&-; "$1" $$ "$2"; echo alive' sh \
			"$PROG/send" "$sig"
		[[ -z $output ]] || { echo "signal $sig"; false; }
	done
}

@test "128+n for signals that leave a core, in every form" {
	local sig form
	ulimit -c unlimited || :
	for form in "${FORMS[@]}"; do
		for sig in 3 4 6 8 11; do
			# shellcheck disable=SC2086 # words
			run "-$((128 + sig))" "$SUPERVISE" $form \
				sh -c 'kill -$1 $$' sh "$sig"
		done
	done
}

@test "a stop that works is 143, one that is not heeded 137" {
	start sh -c 'echo up; exec sleep 60'
	wait_until grep -q up out
	kill -TERM "$SUPERVISE_PID"
	ended
	((status == 143))
	start -k 50ms sh -c 'trap "" TERM; echo up; sleep 60 & wait; wait'
	wait_until grep -q up out
	kill -TERM "$SUPERVISE_PID"
	ended
	((status == 137))
}

@test "a stop that the program answers with a code of its own is that code" {
	start sh -c 'trap "exit 0" TERM; echo up; sleep 60 & wait'
	wait_until grep -q up out
	kill -TERM "$SUPERVISE_PID"
	ended
	((status == 0))
}

@test "124: -t is over, however the program takes it" {
	run -124 "$SUPERVISE" -t 50ms sleep 60
	run -124 "$SUPERVISE" -t 50ms sh -c 'trap "exit 0" TERM; sleep 60 & wait'
	run -124 "$SUPERVISE" -t 50ms sh -c 'trap "exit 9" TERM; sleep 60 & wait'
	run -124 "$SUPERVISE" -t 50ms -k 50ms "$PROG/receive" 64
	run -124 "$SUPERVISE" -t 50ms --wait-all sh -c 'sleep 60 &'
	local form
	for form in "${FORMS[@]}"; do
		# shellcheck disable=SC2086 # words
		run -124 "$SUPERVISE" -t 50ms $form sleep 60
	done
}

@test "124: --until has come" {
	run -124 "$SUPERVISE" --until "@$((EPOCHSECONDS + 1))" sleep 60
}

@test "a program that ends in time has its own code, with -t too" {
	run -3 "$SUPERVISE" -t 60 --until 2100-01-01T00:00Z sh -c 'exit 3'
}

@test "126: found, and cannot be executed" {
	printf '#!/bin/sh\necho run\n' >plain
	says 126 "fatal: exec ./plain: EACCES" ./plain
	mkdir directory
	says 126 "fatal: exec ./directory: EACCES (a directory)" ./directory
	says 126 "fatal: exec ./plain/x: ENOTDIR" ./plain/x
	ln -s loop loop
	says 126 "fatal: exec ./loop: ELOOP" ./loop
	# the same by way of PATH
	chmod 644 plain
	PATH=$T:$PATH says 126 "fatal: exec plain: EACCES" plain
}

@test "126: made for another machine, or a script without #!" {
	local hint='(no #! line, or made for another machine)'
	printf 'echo run\n' >script
	printf '\177ELF nonsense' >binary
	chmod 755 script binary
	if ! is_musl; then
		run -0 "$SUPERVISE" ./script
		[[ $output = run ]]
		return
	fi
	says 126 "fatal: exec ./script: ENOEXEC $hint" ./script
	says 126 "fatal: exec ./binary: ENOEXEC $hint" ./binary
	PATH=$T:$PATH says 126 "fatal: exec script: ENOEXEC $hint" script
}

@test "126: being written to" {
	cp "$PROG/receive" busy
	exec 9>>busy
	says 126 "fatal: exec ./busy: ETXTBSY" ./busy
}

@test "127: not found" {
	# a directory of PATH that we may not look into would count as found
	local PATH=/usr/local/bin:/usr/bin:/bin
	says 127 "fatal: exec nosuch: ENOENT (not in PATH)" nosuch -v
	says 127 "fatal: exec ./nosuch: ENOENT" ./nosuch
	says 127 "fatal: exec /nosuch/nosuch: ENOENT" /nosuch/nosuch
	says 127 "fatal: exec no such: ENOENT (not in PATH)" "no such"
}

@test "127: its interpreter is not found" {
	printf '#!/nosuch/interpreter\n' >script
	chmod 755 script
	says 127 "fatal: exec ./script: ENOENT $(
		)(its interpreter or loader is missing)" ./script
}

@test "127 and 126 in every form, and -q does not silence what is fatal" {
	local form
	for form in "${FORMS[@]}" -q --wait-all --same-group; do
		# shellcheck disable=SC2086 # words
		says 127 "fatal: exec ./nosuch: ENOENT" $form ./nosuch
		# shellcheck disable=SC2086 # words
		says 126 "fatal: exec .: EACCES (a directory)" $form .
	done
}

@test "111: what is required and not to be had" {
	says 111 "fatal: --require limits (this version sets none)" \
		--require limits touch started
	needs seccomp "$PROG/nosys" clone3 newns -- true
	run -111 --separate-stderr "$PROG/nosys" clone3 newns -- \
		"$SUPERVISE" --require pidns touch started
	[[ $stderr = "supervise: fatal: --require pidns (clone EPERM)" ]]
	[[ ! -e started ]]
}

@test "111: no descriptors left; the message names call, errno and limit" {
	run -111 --separate-stderr sh -c 'ulimit -n 8; exec "$@"' sh \
		"$PROG/inherit" -c 10 "$SUPERVISE" touch started
	echo "$stderr"
	# shellcheck disable=SC2154 # set by run
	[[ ${#stderr_lines[@]} = 1 && ! -e started ]]
	[[ $stderr = "supervise: fatal: "*"EMFILE (a limit of open files"* ]]
}

@test "111: no processes left; the message names call, errno and limit" {
	needs nobody nobody_can_run
	run -111 --separate-stderr "${AS_NOBODY[@]}" \
		bash -c 'ulimit -u 1; exec "$@"' sh "$SUPERVISE" touch started
	echo "$stderr"
	[[ ${#stderr_lines[@]} = 1 && ! -e started ]]
	[[ $stderr = "supervise: fatal: clone: EAGAIN (a limit of processes"* ]]
}

@test "100: wrong usage" {
	run -100 "$SUPERVISE" -k x true
	run -100 "$SUPERVISE"
}

@test "125: given up" {
	run -125 "$SUPERVISE" -r always --restart-delay 0 --restart-limit 2 \
		sh -c 'echo run >>runs'
	[[ $(wc -l <runs) = 3 ]]
}

@test "--exit-code rewrites what it would be" {
	run -0 "$SUPERVISE" --exit-code 3=0 sh -c 'exit 3'
	run -4 "$SUPERVISE" --exit-code 3=4 --exit-code 4=5 sh -c 'exit 3'
	run -1 "$SUPERVISE" --exit-code 0=1 true
	run -2 "$SUPERVISE" --exit-code 3=4 sh -c 'exit 2'
	run -0 "$SUPERVISE" --exit-code 143=0 sh -c 'kill -TERM $$'
	run -0 "$SUPERVISE" --exit-code 124=0 -t 50ms sleep 60
	run -8 "$SUPERVISE" --exit-code 127=8 ./nosuch
	run -8 "$SUPERVISE" --exit-code 126=8 /
	run -8 "$SUPERVISE" --exit-code 111=8 --require limits true
	run -8 "$SUPERVISE" --exit-code 125=8 -r always --restart-limit 0 true
	# what nothing came to has been one of these, too
	run -8 "$SUPERVISE" --exit-code 124=8 --until @1 true
}

@test "--exit-code 143=0: for who takes any other end of a stop for a failure" {
	start --exit-code 143=0 sh -c 'echo up; exec sleep 60'
	wait_until grep -q up out
	kill -TERM "$SUPERVISE_PID"
	ended
	((status == 0))
}
