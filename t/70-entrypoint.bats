#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# The entry point of a container: PID 1 in what a real runtime makes of the
# settings of Docker, Podman and Kubernetes. The numbers are those of `make
# peers`, which looks at other inits in the same way.
# shellcheck disable=SC2016 # what is quoted is for a shell in there
# shellcheck disable=SC2034,SC2154 # t/oci.bash uses them, an associative array

load helper
load oci

setup_file() {
	[[ -n ${SAN-} ]] || begin_images
}

setup() {
	begin_test
	LIMITED=()
	begin_boxes
}

teardown() {
	local group pid
	for group in ${LIMITED[@]+"${LIMITED[@]}"}; do
		while read -r pid; do
			kill -KILL "$pid" || :
		done <"$group/cgroup.procs"
		wait_until rmdir "$group"
	done
	end_test
}

# A program without handlers, once /t/ready is there.
SLEEPER='echo up >ready; exec sleep 1000'

up() {
	wait_until test -s ready
}

stop() { # CODE [SIGNAL]
	kill "-${2-TERM}" "$INIT"
	ended
	((status == $1)) || {
		echo "exit code $status, expected $1"
		return 1
	}
}

# FORM [OPTION...]: in this container it is taken, and no warning is given. The
# exit code is the program's, and what ignores all signals dies with it.
holds() {
	local form=$1
	shift
	run -23 box supervise -v "$@" sh -c 'exit 23'
	[[ ${#lines[@]} = 1 && $output = "supervise: tree: $form"?(' '*) ]]
	rm -f lock ready
	start_box supervise -k 300ms "$@" deaf lock ready
	up
	stop 143
	no_survivors lock
	[[ ! -s err ]]
}

# What of PID 1 has happened in the container's life so far; a field of status.
of_init() {
	sed -n "s/^$1:[[:space:]]*//p" "/proc/$INIT/status"
}

# v1, or v2 as far as what is beside $CG has it.
has_controller() {
	test -w "/sys/fs/cgroup/$1/tasks" ||
		grep -qw "$1" "$CG_HOME/cgroup.subtree_control"
}

# Starts ARG... held by a gate, limits PIDS or MEMORY of PID 1 and all below it,
# and opens the gate. The runtime itself is not limited.
start_limited() { # pids|memory LIMIT ARG...
	local group=/sys/fs/cgroup/$1 file=$1.max
	if [[ ! -w $group/tasks ]]; then
		group=$CG_HOME
	elif [[ $1 = memory ]]; then
		file=memory.limit_in_bytes
	fi
	group+=/test.$BASHPID.${#LIMITED[@]}
	rm -f go
	mkfifo go
	chmod 666 go
	start_box sh -c 'read x <go; exec "$@"' sh "${@:3}"
	mkdir "$group"
	LIMITED+=("$group")
	echo "$INIT" >"$group/cgroup.procs"
	echo "$2" >"$group/$file"
	echo >go
}

@test "1: docker stop ends a program that has no handler at once, with 143" {
	local kind
	for kind in docker podman kubernetes; do
		"$kind"
		rm -f ready
		start_box supervise sh -c "$SLEEPER"
		up
		kill -TERM "$INIT"
		ended 3 # -k has its 10 s
		((status == 143))
	done
}

@test "2: every signal arrives as the one that docker kill has sent" {
	start_box supervise receive
	wait_until grep -q ready out
	# a stop signal takes a CONT away that waits; so not together
	"$PROG/send" "$INIT" 18
	wait_until grep -q '^18 ' out
	"$PROG/send" "$INIT" all 9 15 17 18 19
	wait_until grep -q '^64 ' out
	stop 0
	sed '/ready/d; s/ .*//' out | sort -n >got
	seq 64 | sed '/^9$/d; /^17$/d; /^19$/d' >expected
	diff expected got
}

@test "2: STOPSIGNAL is the program's, and -s makes it so for a TERM" {
	start_box supervise sh -c "$SLEEPER"
	up
	stop 131 QUIT
	rm ready
	start_box supervise --map RTMIN+3=TERM sh -c "$SLEEPER"
	up
	stop 143 37
	start_box supervise -s RTMIN+3 receive 37
	wait_until grep -q ready out
	stop 0
	grep -q '^37 ' out
	run ! grep -q '^15 ' out
}

@test "3: the exit code is the program's, or 128 and its signal" {
	local code sig
	for code in 0 1 255; do
		run "-$code" box supervise sh -c "exit $code"
		[[ -z $output ]]
	done
	for sig in 6 9 11; do
		run "-$((128 + sig))" box supervise \
			sh -c "ulimit -c 0; kill -$sig \$\$"
	done
}

@test "4: 127 is for what is not there, 126 for no program, 111 for no way" {
	run -127 box supervise nowhere
	[[ $output = *nowhere*ENOENT* ]]
	run -127 box supervise ./nowhere
	run -126 box supervise /etc
	echo text >text
	run -126 box supervise ./text
	[[ $output = *text*EACCES* ]]
	run -111 box supervise --require pidns touch started
	[[ $output = *pidns* && ! -e started ]]
	run -100 box supervise --nonsense
}

@test "5: 5000 orphans are reaped, and PID 1 has not grown" {
	start_box supervise sh -c "$SLEEPER"
	up
	local before
	before=$(of_init VmRSS)
	stop 143
	rm ready
	start_box supervise orphans lock ready 5000
	up
	grep -qx '0 zombies of 1' ready
	echo "$before, then $(of_init VmRSS)"
	(($(of_init RssAnon | tr -dc 0-9) <= 64))
	: >end
	ended
	((status == 7))
	no_survivors lock
}

@test "6: the program's code wins over those that die at the same instant" {
	local i
	for i in 1 2 3 4 5; do
		run -42 box supervise sh -c '
			for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
				(sh -c "exit 9" &)
				(exit 8) &
			done
			exit 42'
		run -43 box supervise sh -c '
			for i in 1 2 3 4 5 6 7 8 9; do sleep 1000 & done
			kill -KILL -1
			exit 43'
	done
}

@test "7: standard input comes through, to the last byte and its end" {
	head -c 300000 /dev/urandom >in
	box supervise md5sum <in >got
	[[ $(<got) = "$(md5sum <in)" ]]
	run -0 box supervise sh -c 'read x; echo no $?' </dev/null
	[[ $output = 'no 1' ]]
}

needs_terminal() {
	needs terminal test -c /dev/ptmx
	BOX[terminal]=yes
}

terminal() { # the lines from stdin
	timeout 30 "$PROG/terminal" 3>&- 4>&-
}

@test "8: with docker run -it Ctrl-C comes once, and so does a new size" {
	needs_terminal
	box_script supervise receive
	terminal <<-END
		leader bash box.bash
		expect ready
		type ^C
		expect 2 128 0
		type ^\\
		expect 3 128 0
		run stty -F /proc/\$(cat $BUNDLE/pid)/root/dev/pts/0 rows 41
		expect 28 128 0
		run kill -USR1 \$(cat $BUNDLE/pid)
		expect 10 0 0
		count 1 2 128 0
		count 0 2 0 0
		count 1 3 128 0
		run kill -TERM \$(cat $BUNDLE/pid)
		exited 0
	END
}

@test "9: with docker run -it Ctrl-Z does not wedge, and a shell has jobs" {
	needs_terminal
	box_script supervise sh -c 'echo up; while read x; do echo got $x; done
		exit 5'
	terminal <<-END
		leader bash box.bash
		expect up
		type ^Z
		type a^M
		expect got a
		type ^D
		exited 5
	END
	BOX[env]='PS1=%_ '
	box_script supervise sh -i
	# the shell says its name before it has the terminal
	echo 'trap "echo resumed" CONT; echo begun
		while :; do sleep 0.05; done' >job
	terminal <<-END
		leader bash box.bash
		expect %_
		type sh job^M
		expect begun
		type ^Z
		expect Stopped
		expect %_
		type fg^M
		expect resumed
		type ^C
		expect %_
		type echo a\$((1+1))^M
		expect a2
		type exit 4^M
		exited 4
	END
}

@test "10: in the background of a container's shell it never has the terminal" {
	needs_terminal
	BOX[env]='PS1=%_ '
	box_script supervise sh -i
	echo 'echo begun; exec sleep 1000' >job
	terminal <<-END
		leader bash box.bash
		expect %_
		type supervise sh job &^M
		expect begun
		# without a fork, after which it would take the terminal back
		type read x </proc/\$\$/stat; set \$x; echo lead \$((\$5 - \$8))^M
		expect lead 0
		type read x; echo got \$x^M
		type word^M
		expect got word
		type kill %1; wait; echo over \$?^M
		expect over
		type exit 4^M
		exited 4
	END
}

@test "11: standard descriptors that are closed are no error" {
	run -23 box inherit -c 0 -- supervise sh -c 'exit 23'
	[[ -z $output ]]
	run -0 box inherit -c 0 -c 1 -c 2 -- supervise inherit found
	grep -qx 'fds' found
	start_box inherit -c 0 -c 1 -c 2 -- supervise sh -c "$SLEEPER"
	up
	stop 143
	run -23 box supervise sh -c 'exit 23' </dev/null >/dev/null 2>&1
}

@test "12: a read-only root without /proc, /sys and /dev is enough" {
	BOX[readonly]=yes
	holds pid1
	BOX[proc]=
	BOX[sys]=
	BOX[dev]=
	holds pid1
	BOX[uid]=1000
	holds pid1
}

@test "13: it needs neither root nor capabilities nor new privileges" {
	BOX[uid]=1000
	BOX[caps]=
	BOX[nnp]=yes
	holds pid1
	podman
	BOX[uid]=1000
	BOX[caps]=
	BOX[nnp]=yes
	holds pid1
}

@test "14: a filter that kills finds nothing to kill for" {
	BOX[seccomp]='kill'
	holds pid1
	BOX[uid]=1000
	BOX[caps]=
	BOX[nnp]=yes
	holds pid1
	holds pid1 --userns
	# and with what it could use if it were permitted
	privileged
	BOX[seccomp]='kill close_range pidfd_open pidfd_send_signal'
	holds pid1+cgroup
}

@test "15: an old Docker's filter is no reason for a warning" {
	local new='clone3 pidfd_open pidfd_send_signal close_range' error
	BOX[seccomp]=old
	holds pid1
	for error in EPERM ENOSYS; do
		BOX[seccomp]="docker ${new// /=$error }=$error"
		holds pid1
	done
}

@test "16: pids.max 2 is enough, and 1 is refused with EAGAIN" {
	needs pids has_controller pids
	start_limited pids 2 supervise sh -c 'exit 23'
	ended
	((status == 23))
	[[ ! -s err ]]
	start_limited pids 2 supervise sh -c "$SLEEPER"
	up
	stop 143
	start_limited pids 1 supervise touch started
	ended
	((status == 111))
	grep -q 'fatal: .*EAGAIN.*pids.max' err
	(($(wc -l <err) == 1))
	[[ ! -e started ]]
}

@test "17: 8 MiB of memory are enough, and so are 512 KiB" {
	needs memory has_controller memory
	local size
	for size in 8388608 524288; do
		rm -f ready
		start_limited memory $size \
			supervise sh -c "$SLEEPER"
		up
		stop 143
		start_limited memory $size \
			supervise sh -c 'exit 23'
		ended
		((status == 23))
	done
}

@test "18: inherited dispositions and masks neither hang it nor get lost" {
	# 32 and 33 may come from make, by posix_spawn of glibc
	run -0 box inherit -i 17 -i 1 -b 10 -b 34 -- supervise inherit found
	grep -qx 'blocked 10 34' found
	grep -qx 'ignored 1\( 32\)*\( 33\)*' found
	start_box inherit -b all -i 15 -i 17 -- supervise -k 300ms \
		sh -c "$SLEEPER"
	up
	stop 137 # it cannot be asked
}

@test "19: descriptors are passed on, and their end is the program's alone" {
	mkfifo pipe
	chmod 666 pipe
	# `eof` comes when nobody has the writing end any more
	start_box sh -c '(exec cat <pipe >got; ) && : >eof &
		exec 7>pipe
		exec supervise sh -c "echo word >&7; exec 7>&-
			echo up >ready; exec sleep 1000"'
	up
	wait_until grep -qx word got
	wait_until test -e eof
	stop 143
}

@test "19: more descriptors from the runtime get to the program" {
	BOX[fds]=2
	make_box supervise sh -c 'cat <&3; echo and >&4'
	echo word >in
	run -0 "${WORDS[@]}" 3<in 4>second
	[[ $output = word && $(<second) = and ]]
}

@test "20: LISTEN_PID is rewritten for the program, the rest left alone" {
	BOX[env]='LISTEN_PID=1 LISTEN_FDS=2 LISTEN_FDNAMES=a:b NOTIFY_SOCKET=/t/s'
	run -0 box supervise sh -c 'echo $LISTEN_FDS $LISTEN_FDNAMES $NOTIFY_SOCKET
		echo pid $LISTEN_PID is $$'
	[[ ${lines[0]} = '2 a:b /t/s' ]]
	[[ ${lines[1]} =~ ^pid\ ([0-9]+)\ is\ ([0-9]+)$ ]]
	echo "${lines[1]}"
	((BASH_REMATCH[1] == BASH_REMATCH[2]))
	# what is not for us stays as it is
	BOX[env]='LISTEN_PID=77 LISTEN_FDS=1'
	run -0 box supervise sh -c 'echo $LISTEN_PID'
	[[ $output = 77 ]]
}

blocks_all() { # KILL and STOP cannot be
	[[ $(of_init SigBlk) = fffffffffffbfeff ]]
}

@test "21: a TERM before the program runs is not lost" {
	local i
	for i in 1 2 3 4 5 6 7 8 9 10; do
		make_box supervise sleep 1000
		spawn "${WORDS[@]}"
		SUPERVISE_PID=$!
		find_init
		# from here on it can be asked; before, the kernel drops it
		until blocks_all; do :; done 2>/dev/null
		stop 143
	done
}

@test "22: a second TERM kills, and others neither renew nor shorten -k" {
	local REPLY began
	start_box supervise -k inf deaf lock ready main
	up
	kill -TERM "$INIT"
	# only then are they two
	wait_until init_has_none_pending
	stop 137
	no_survivors lock
	rm -f ready
	start_box supervise -k 1s deaf lock ready main
	up
	now_ms
	began=$REPLY
	kill -TERM "$INIT"
	while kill -USR1 "$INIT" 2>/dev/null; do sleep 0.02; done
	ended
	now_ms
	echo "$((REPLY - began)) ms"
	((status == 137 && REPLY - began >= 950 && REPLY - began < 5000))
	no_survivors lock
}

init_has_none_pending() {
	[[ $(of_init ShdPnd) = 0000000000000000 ]]
}

@test "23: when -k is over the whole tree is killed, and 137 says so" {
	start_box supervise -k 500ms deaf lock ready main
	up
	kill -TERM "$INIT"
	ended 5
	((status == 137))
	no_survivors lock
}

@test "24: a daemon ends with the program, or with --wait-all is waited for" {
	start_box supervise daemon lock ready
	up
	: >end
	ended
	((status == 7))
	no_survivors lock
	rm -f ready end
	start_box supervise --wait-all daemon lock ready
	up
	: >end
	wait_until has_children 3
	kill -0 "$INIT"
	run ! flock -n lock true
	kill -TERM "$INIT"
	ended
	((status == 7))
	no_survivors lock
}

has_children() {
	local children
	read -ra children <"/proc/$INIT/task/$INIT/children" || :
	((${#children[@]} == $1))
}

@test "25: docker kill leaves nothing, at any moment" {
	local i
	start_box supervise deaf lock ready main
	up
	stop 137 KILL
	wait_until flock -n lock true
	for i in 1 2 3 4 5; do
		rm -f lock ready
		make_box supervise daemon lock ready 20
		spawn "${WORDS[@]}"
		SUPERVISE_PID=$!
		find_init
		wait_until test -e lock
		stop 137 KILL
		wait_until flock -n lock true
	done
}

@test "26: a program that runs out of memory ends with 137, and all with it" {
	needs memory has_controller memory
	start_limited memory 8388608 supervise sh -c '
		setsid sleep 1000 & exec tail /dev/zero'
	ended
	((status == 137))
	run ! kill -0 "$INIT"
}

# Beside $CG: what has processes, as that, has no controllers for those below.
has_v2_memory() {
	BOX_GROUP=$CG_HOME/test.memory.$BASHPID
	mkdir "$BOX_GROUP" && LIMITED+=("$BOX_GROUP")
	test -w "$BOX_GROUP/memory.max"
}

@test "26: that it was the lack of memory is said" {
	needs v2_memory has_v2_memory
	mkfifo go
	start_box sh -c 'read x <go; exec supervise tail /dev/zero'
	echo 33554432 >"$BOX_GROUP/memory.max"
	echo >go
	ended
	((status == 137))
	grep -qx 'supervise: warning: tail killed, likely for memory (oom_kill.*)' err
}

# Without a kernel that counts so here: a file that the program itself writes.
@test "26: what the container's memory.events counts is told once each" {
	local events=/sys/fs/cgroup/memory.events line='killed, likely for memory'
	cp -a "$IMAGES/root" "$IMAGES/counts"
	mkdir -p "$IMAGES/counts/sys/fs/cgroup"
	BOX[image]=counts
	BOX[sys]=
	start_box supervise -r always --restart-delay 1ms:1ms \
		--restart-limit 2 sh -c "echo run >>runs
		test \$(wc -l <runs) != 3 || n=3
		printf 'oom 9\noom_kill %s\noom_group_kill 7\n' \${n-1} >$events
		kill -KILL \$\$"
	ended
	((status == 125))
	grep -c "warning: sh $line (" err
	(($(grep -c "warning: sh $line (" err) == 2))
	# no other end is, and a kill of ours is not
	run -143 box supervise sh -c "echo oom_kill 5 >$events; kill -TERM \$\$"
	[[ -z $output ]]
	run -124 box supervise -t 50ms -k 0 sh -c \
		"echo oom_kill 5 >$events; exec sleep 1000"
	[[ -z $output ]]
	run -137 box supervise -q sh -c "echo oom_kill 5 >$events; kill -9 \$\$"
	[[ -z $output ]]
}

@test "27: an idle PID 1 does not wake up" {
	start_box supervise sh -c "$SLEEPER"
	up
	local before=x
	settled() {
		local now
		now=$(of_init '.*ctxt_switches')
		[[ $now = "$before" ]] || { before=$now && false; }
	}
	wait_until settled
	sleep 4 # the span is the measure here
	[[ $(of_init '.*ctxt_switches') = "$before" ]]
	stop 143
}

@test "28: under docker run --init no stranger is harmed" {
	needs tini-static
	run -0 box tini-static -- sh -c 'sleep 1000 & stranger=$!
		supervise -k 100ms -t 300ms deaf lock ready main
		echo code $?
		kill -0 $stranger && echo alive'
	[[ ${lines[0]} = 'code 124' && ${lines[1]} = alive ]]
	((${#lines[@]} == 2))
	no_survivors lock
}

@test "28: with --pid=host and a shared PID namespace no stranger is harmed" {
	local stranger first child
	spawn sleep 1000
	stranger=$!
	BOX[pidns]=
	run -124 box supervise -k 100ms -t 300ms deaf lock ready main
	[[ -z $output ]]
	no_survivors lock
	kill -0 "$stranger"

	rm -f ready lock
	BOX[pidns]=yes
	start_box sh -c 'sleep 1000 & wait'
	first=$INIT
	wait_until has_children 1
	read -r child _ <"/proc/$first/task/$first/children" || :
	BOX[pidns]=/proc/$first/ns/pid
	start_box supervise -k 100ms deaf lock ready main
	up
	kill -TERM "$INIT"
	ended
	((status == 137))
	[[ ! -s err ]]
	no_survivors lock
	kill -0 "$first"
	kill -0 "$child"
	kill -0 "$stranger"
	kill -KILL "$first" "$stranger"
}

# docker pause, with the runtime itself
freeze() {
	echo "$1" >"$CG/test.box/cgroup.freeze"
	wait_until grep -qx "frozen $1" "$CG/test.box/cgroup.events"
}

@test "29: what is paused is stopped once it goes on, and does not spin" {
	local used
	start_box supervise -k 300ms deaf lock ready main
	up
	freeze 1
	kill -TERM "$INIT"
	freeze 0
	ended 5
	((status == 137))
	no_survivors lock

	rm -f ready
	start_box supervise -k 300ms deaf lock ready main
	up
	kill -TERM "$INIT"
	wait_until init_has_none_pending
	freeze 1
	sleep 0.4 # longer than -k
	used=$(cut -d' ' -f14,15 "/proc/$INIT/stat")
	echo "ticks: $used"
	((${used% *} + ${used#* } < 20))
	freeze 0
	ended 5
	((status == 137))
	no_survivors lock
}

@test "30: options end with the program's name; help and version are output" {
	local option
	for option in -h --help -V --version; do
		box supervise "$option" >text 2>err
		[[ -s text && ! -s err ]]
	done
	run -0 box supervise echo -h --version -k
	[[ $output = '-h --version -k' ]]
	run -0 box supervise -k 1s -- echo -- -h
	[[ $output = '-- -h' ]]
}

@test "31: no program, or an empty one, is wrong usage" {
	run -100 box supervise
	[[ $output = 'supervise: usage: '* && ${#lines[@]} = 1 ]]
	run -100 box supervise -k 1s --
	run -100 box supervise ''
	[[ $output = 'supervise: usage: '* && ${#lines[@]} = 1 ]]
}

@test "32: a script without #! cannot be executed, and the message says why" {
	echo 'exit 0' >script
	chmod 755 script
	run -126 box supervise ./script
	[[ $output = *script*ENOEXEC*'#!'* ]]
	run -0 box supervise sh script
}

@test "33: the tree of a killed PID 1 is gone within 10 ms" {
	local REPLY began best=1000 tries=0
	# a busy machine is not what is measured
	while ((best > 10 && tries++ < 10)); do
		rm -f ready lock
		start_box supervise daemon lock ready
		up
		now_ms
		began=$REPLY
		kill -KILL "$INIT"
		flock -w 5 lock true
		now_ms
		((REPLY - began >= best)) || best=$((REPLY - began))
		ended
	done
	echo "$best ms"
	((best <= 10))
}

@test "33: the death of the parent ends the tree in a container, too" {
	start_box abandon supervise --die-with-parent -k 300ms deaf lock ready
	up
	kill -USR1 "$INIT"
	ended
	((status == 143))
	no_survivors lock
}

# What there is in a container decides about the form.
@test "each kind of container gets the strongest form that it permits" {
	holds pid1				# Docker
	BOX[cgroup]=rw				# writable-cgroups
	holds pid1+cgroup
	docker
	BOX[caps]+=' SYS_ADMIN'
	holds pidns
	BOX[seccomp]=
	holds pidns
	privileged
	holds pidns+cgroup
	BOX[seccomp]=docker			# in spite of SYS_ADMIN
	holds pidns+cgroup
	BOX[seccomp]='docker clone3 clone unshare setns'
	holds pid1+cgroup
}

@test "Podman and Kubernetes permit a PID namespace to --userns" {
	podman
	holds pid1
	holds userns+pidns --userns
	BOX[uid]=1000
	holds userns+pidns --userns
	kubernetes
	holds pid1
	holds userns+pidns --userns
	podman
	BOX[cgroup]=rw				# --systemd=always
	holds pid1+cgroup
	holds userns+pidns+cgroup --userns
	docker
	holds pid1 --userns
}

@test "a container in a user namespace is a container" {
	docker
	BOX[userns]=100000
	holds pid1
	podman
	BOX[userns]=100000
	holds pid1
	holds userns+pidns --userns
	BOX[uid]=1000
	holds pid1
	BOX[uid]=0
	BOX[cgroup]=rw				# rootless, delegated
	chown 100000:100000 "$CG/test.box" \
		"$CG/test.box"/cgroup.{procs,threads,subtree_control}
	holds pid1+cgroup
}

@test "runc makes no difference" {
	needs runc
	BOX[runtime]=runc
	holds pid1
	BOX[uid]=1000
	holds pid1
	podman
	BOX[runtime]=runc
	holds pid1
	run -127 box supervise nowhere
}

@test "an image of two static files and nothing else is enough" {
	rm -rf "$IMAGES/two"
	mkdir "$IMAGES/two"
	cp "$SUPERVISE" "$IMAGES/two/supervise"
	cp "$PROG/receive" "$IMAGES/two/server"
	BOX[image]=two
	start_box /supervise /server
	wait_until grep -q ready out
	kill -HUP "$INIT"
	wait_until grep -qx '1 0 0' out
	stop 0
	BOX[readonly]=yes
	BOX[uid]=1000
	start_box /supervise -- /server 1 9
	wait_until grep -q ready out
	stop 9 HUP
	run -127 box /supervise sh
	BOX[proc]=
	BOX[sys]=
	BOX[dev]=
	start_box /supervise /server
	wait_until grep -q ready out
	stop 0
}

# Runs its log in there, too.
make_service() { # RUN
	mkdir -p svc/log
	printf '#!/bin/sh\n%s\n' "$1" >svc/run
	printf '#!/bin/sh\nexec cat >>/t/logged\n' >svc/log/run
	chmod 755 svc/run svc/log/run
	chmod -R go+w svc
}

@test "without /proc a service with a log is restarted, and stopped" {
	BOX[proc]=
	make_service 'echo run >>/t/runs; (sleep 60 &); echo line; exit 3'
	: >runs
	start_box supervise -k 500ms --restart-delay 10ms:10ms /t/svc
	T_LIMIT=30 wait_until runs 3 # it looks at every number there can be
	T_LIMIT=30 stop 0
	grep -q line logged
}

@test "without /proc a subreaper finds what has become its child, and spares" {
	BOX[proc]=
	start_box tini-static -- supervise -k 300ms sh -c \
		'(setsid deaf lock ready &); until test -s ready; do :; done; exit 23'
	ended
	((status == 23))
	no_survivors lock
	# what was there before it is not its
	rm -f ready lock
	start_box tini-static -- sh -c 'setsid deaf lock ready &
		until test -s ready; do :; done; supervise -k 300ms true
		flock -n lock true || echo spared >spared'
	ended
	[[ -e spared ]]
}

@test "who has made himself root does not keep the container of nobody up" {
	cp "$PROG/asroot" .
	chmod 4755 asroot
	BOX[uid]=1000
	start_box supervise -k 300ms sh -c './asroot sh -c "echo >>up; sleep 60" &
		until test -s up; do :; done; exit 7'
	ended
	((status == 7))
	# nor beside a log, which is not to be killed
	rm up
	make_service '/t/asroot sh -c "echo >>/t/up; sleep 60" &
		until test -s /t/up; do :; done; sleep 60'
	start_box supervise -k 300ms /t/svc
	wait_until test -s up
	stop 0
	# nor if it is the program
	rm up
	start_box supervise -k 300ms ./asroot sh -c 'trap "" TERM; echo >>up; sleep 60'
	wait_until test -s up
	stop 137
}

@test "--die-with-parent as PID 1: TERM from outside is one as any other" {
	start_box supervise --die-with-parent -k inf --map TERM=QUIT receive 64
	wait_until grep -q ready out
	kill -TERM "$INIT"
	wait_until grep -q '^3 ' out
	run ! grep -q '^15 ' out
	stop 137 # at the second one
	start_box supervise --die-with-parent -k inf --map TERM=0 receive 15
	wait_until grep -q ready out
	stop 0 64 # as the kernel sends it when the parent ends
}

@test "eventfd refused: the next form is taken" {
	BOX[seccomp]='docker eventfd2=EPERM'
	holds pid1
}

# Ends at once, with 7; its daemons hold the lock. When that was held there
# would be no line in `runs`, and another code.
GENERATION=': >end; rm -f ready
	deaf lock ready & wait $!
	code=$?
	test $code = 7 && echo run >>runs || echo overlap >>overlap
	exit $code'

runs() {
	(($(wc -l <runs) >= $1))
}

@test "a restart in a container kills the stragglers first" {
	local kind
	for kind in docker podman privileged; do
		"$kind"
		: >runs
		start_box supervise -r on-failure --restart-delay 10ms \
			-k 100ms sh -c "$GENERATION"
		wait_until runs 4
		[[ ! -e overlap ]]
		kill -TERM "$INIT"
		ended 5
		no_survivors lock
	done
	docker
	BOX[cgroup]=rw
	start_box supervise -r always --restart-delay 10ms:20ms \
		--restart-limit 3 -k 100ms sh -c "$GENERATION"
	ended
	((status == 125))
	[[ ! -e overlap ]]
	no_survivors lock
}

# Prints what signals it gets, and heeds none.
start_stranger() {
	: >stranger # what one before it has said is not this one's
	exec_box receive 64 >stranger 2>&1 4>&- &
	STRANGER=$!
	wait_until grep -q ready stranger
}

SERVICE='trap "exit 5" HUP
	trap "echo usr1 >>runs" USR1
	echo run >>runs
	while :; do sleep 1000 & wait $!; done'

@test "what docker exec starts is not the service, yet goes with PID 1's tree" {
	local status=0
	: >runs
	start_box supervise -r always --restart-delay 10ms -k 200ms \
		sh -c "$SERVICE"
	wait_until runs 1
	start_stranger
	# no signal for the service is for it
	kill -USR1 "$INIT"
	wait_until grep -q usr1 runs
	[[ $(<stranger) = ready ]]
	# all of PID 1's namespace is the tree, as the manual says
	kill -HUP "$INIT"
	wait "$STRANGER" || status=$?
	((status == 137))
	wait_until runs 3
	stop 143
}

@test "before that it is asked to end, even if the program leaves nothing else" {
	local status cgroup
	for cgroup in ro rw; do # pid1, pid1+cgroup
		BOX[cgroup]=$cgroup
		status=0
		start_box supervise -r always --restart-delay 10ms -k 500ms \
			receive 1 5
		wait_until grep -q ready out
		start_stranger
		kill -HUP "$INIT"
		wait "$STRANGER" || status=$?
		((status == 137))
		[[ $(cut -d' ' -f1 stranger | tr '\n' ' ') = 'ready 15 18 ' ]]
		wait_until runs_again
		stop 137
	done
}

runs_again() {
	(($(grep -c ready out) == 2))
}

@test "one that heeds it goes by that, and is not waited for any longer" {
	local REPLY began status=0
	start_box supervise -k inf receive 1 5
	wait_until grep -q ready out
	exec_box receive 15 3 >stranger 2>&1 4>&- &
	STRANGER=$!
	wait_until grep -q ready stranger
	now_ms
	began=$REPLY
	stop 5 HUP
	wait "$STRANGER" || status=$?
	((status == 3))
	now_ms
	((REPLY - began < 3000))
}

@test "what ignores it, from outside, does not hold up a stop without -k" {
	start_box supervise -k inf receive 1 5
	wait_until grep -q ready out
	start_stranger
	stop 5 HUP
	wait "$STRANGER" || (($? == 137))
	run -5 box supervise --wait-all sh -c 'exit 5'
}

@test "where there is a PID namespace of its own docker exec is left alone" {
	privileged
	: >runs
	start_box supervise -r always --restart-delay 10ms -k 200ms \
		sh -c "$SERVICE"
	wait_until runs 1
	start_stranger
	kill -HUP "$INIT"
	wait_until runs 2
	kill -0 "$STRANGER"
	# the end of the container is its end
	stop 143
	local status=0
	wait "$STRANGER" || status=$?
	((status == 137))
	[[ $(<stranger) = ready ]]
}

@test "the code of what docker exec has run is not taken for the program's" {
	start_box supervise sh -c "$SLEEPER"
	up
	run -9 exec_box sh -c '(exit 8) & exit 9'
	run -137 exec_box sh -c 'kill -KILL $$'
	kill -0 "$INIT"
	stop 143
}
