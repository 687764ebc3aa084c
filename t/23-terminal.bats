#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# In front of a terminal. $PROG/terminal is that, the shell and the user; its
# own lines are told in t/prog/terminal.c. $PROG/receive prints the signals that
# it gets: `2 128 0` is INT by the terminal, `2 0 0` one that was sent.
# shellcheck disable=SC2016 # what is quoted is for a shell in there

load helper

setup() {
	begin_test
	needs terminal test -c /dev/ptmx
	# prompts that no typed text has in it; no line editing
	BASH_I="env PS1=%_ HISTFILE= bash --norc --noprofile --noediting -i"
	# ends by the end of its input
	echo 'echo up; while read x; do echo got $x; done; echo over' >talk.sh
	ECHO="sh $T/talk.sh"
}

terminal() { # the lines from stdin
	timeout 60 "$PROG/terminal" 3>&- 4>&-
}

@test "Ctrl-C and Ctrl-\\ reach the program, once each" {
	terminal <<-END
		job $SUPERVISE $PROG/receive
		expect ready
		foreground program
		type ^C
		expect 2 128 0
		type ^\\
		expect 3 128 0
		type ^C
		expect 2 128 0
		# what is sent comes after all that would have been forwarded
		signal 30
		expect 30 0 0
		signal 31
		expect 31 0 0
		count 2 2 128 0
		count 0 2 0 0
		count 1 3 128 0
		count 0 3 0 0
		signal 15
		exited 0
	END
}

@test "Ctrl-C and Ctrl-\\ with --same-group, once each" {
	terminal <<-END
		job $SUPERVISE --same-group $PROG/receive
		expect ready
		foreground job
		type ^C
		expect 2 128 0
		type ^\\
		expect 3 128 0
		signal 30
		expect 30 0 0
		signal 31
		expect 31 0 0
		count 1 2 128 0
		count 0 2 0 0
		count 1 3 128 0
		count 0 3 0 0
		signal 15
		exited 0
	END
}

@test "Ctrl-C where standard input is something else, once" {
	terminal <<-END
		job $SUPERVISE $PROG/receive </dev/null
		expect ready
		type ^C
		expect ^J2 
		signal 30
		expect 30 0 0
		signal 31
		expect 31 0 0
		count 1 ^J2 
		signal 15
		exited 0
	END
}

@test "Ctrl-C ends a program that does nothing about it: 130" {
	terminal <<-END
		job $SUPERVISE sh -c 'echo up; exec sleep 60'
		expect up
		type ^C
		exited 130
		foreground job
	END
}

@test "the change of the terminal's size arrives, once" {
	terminal <<-END
		job $SUPERVISE $PROG/receive
		expect ready
		foreground program
		size 30 100
		expect 28 128 0
		signal 31
		expect 31 0 0
		count 1 28 128 0
		count 0 28 0 0
		signal 15
		exited 0
	END
}

@test "Ctrl-Z stops the whole job, fg resumes it with the terminal" {
	terminal <<-END
		job $SUPERVISE $ECHO
		expect up
		type a^M
		expect got a
		type ^Z
		stopped
		foreground job
		take
		foreground shell
		fg
		foreground program
		type b^M
		expect got b
		type ^Z
		stopped
		take
		fg
		type c^M
		expect got c
		type ^D
		expect over
		exited 0
		foreground job
	END
}

@test "Ctrl-Z with --same-group" {
	terminal <<-END
		job $SUPERVISE --same-group $ECHO
		expect up
		type ^Z
		stopped
		take
		fg
		type b^M
		expect got b
		type ^Z
		stopped
		take
		fg
		type ^D
		expect over
		exited 0
	END
}

@test "Ctrl-Z with --same-group: what we send is late, and does not undo the next one" {
	needs strace
	local late='-e trace=kill,pidfd_send_signal
		-e inject=kill,pidfd_send_signal:delay_enter=200000'
	terminal <<-END
		job strace -D -qq -o $T/trace ${late//$'\n'/ } $SUPERVISE --same-group $ECHO
		expect up
		type ^Z
		stopped
		take
		fg
		type b^M
		expect got b
		type ^Z
		stopped
		take
		fg
		type ^D
		expect over
		exited 0
	END
}

@test "Ctrl-Z in the first milliseconds: stopped, and not stuck" {
	terminal <<-END
		early 100 $SUPERVISE sh -c 'read x'
	END
}

@test "in the background the terminal is not taken; to read there stops it" {
	terminal <<-END
		background $SUPERVISE $ECHO
		foreground shell
		expect up
		stopped
		foreground shell
		fg
		foreground program
		type a^M
		expect got a
		type ^Z
		stopped
		take
		# continued in the background it reads again
		bg
		stopped
		foreground shell
		fg
		type b^M
		expect got b
		type ^D
		exited 0
	END
}

@test "in the background from begin to end: the terminal stays where it is" {
	terminal <<-END
		background $SUPERVISE $PROG/receive
		expect ready
		foreground shell
		type ^C
		signal 30
		expect 30 0 0
		foreground shell
		signal 15
		exited 0
		foreground shell
		count 0 2 128 0
		count 0 2 0 0
	END
}

@test "fg of a job that runs in the background gives it the terminal" {
	terminal <<-END
		background $SUPERVISE sh -c 'trap "" INT; echo up; exec sleep 60'
		expect up
		foreground shell
		fg
		foreground program
		signal 15
		exited 143
		foreground job
	END
}

@test "fg of a job that runs in the background: what is typed is read" {
	mkfifo gate
	terminal <<-END
		background $SUPERVISE sh -c 'echo up; : <gate; read x; echo got \$x'
		expect up
		fg
		run : >gate
		type a^M
		expect got a
		exited 0
	END
}

@test "after TERM and after an end the terminal is the caller's again" {
	terminal <<-END
		job $SUPERVISE sh -c 'trap "" INT; echo up; exec sleep 60'
		expect up
		foreground program
		signal 15
		exited 143
		foreground job
	END
	terminal <<-END
		job $SUPERVISE -k 50ms $PROG/receive 64
		expect ready
		foreground program
		signal 15
		exited 137
		foreground job
	END
	terminal <<-END
		job $SUPERVISE true
		exited 0
		foreground job
	END
	terminal <<-END
		job $SUPERVISE ./nosuch
		exited 127
		foreground job
	END
}

@test "a script goes on reading the terminal behind supervise" {
	terminal <<-END
		job sh -c '$SUPERVISE $ECHO; echo code \$?; read y; echo then \$y'
		expect up
		type a^M
		expect got a
		type ^D
		expect code 0
		type b^M
		expect then b
		exited 0
	END
}

@test "a stopped job that is terminated, as kill of a shell does: TERM, CONT" {
	for _ in {1..20}; do
		terminal <<-END
			job $SUPERVISE $ECHO
			expect up
			type ^Z
			stopped
			take
			signal 15
			bg
			exited 143
			foreground shell
		END
	done
}

@test "supervise itself stopped, as by kill -STOP of a shell, then fg" {
	terminal <<-END
		job $SUPERVISE $ECHO
		expect up
		foreground program
		signal 19
		stopped
		take
		fg
		foreground program
		type b^M
		expect got b
		type ^D
		expect over
		exited 0
		foreground job
	END
}

@test "supervise itself stopped, then bg: the terminal stays the shell's" {
	mkfifo gate
	terminal <<-END
		job $SUPERVISE sh -c 'echo up; : <gate'
		expect up
		foreground program
		signal 19
		stopped
		take
		bg
		run : >gate
		exited 0
		foreground shell
	END
}

@test "a job stopped by Ctrl-Z, then bg: the terminal stays the shell's" {
	mkfifo gate
	terminal <<-END
		job $SUPERVISE sh -c 'echo up; : <gate'
		expect up
		foreground program
		type ^Z
		stopped
		take
		bg
		run : >gate
		exited 0
		foreground shell
	END
}

@test "as session leader: Ctrl-Z does not wedge, Ctrl-C arrives once" {
	terminal <<-END
		leader $SUPERVISE $ECHO
		expect up
		foreground program
		type ^Z
		type a^M
		expect got a
		type ^Z
		type ^Z
		type b^M
		expect got b
		type ^D
		expect over
		exited 0
	END
	terminal <<-END
		leader $SUPERVISE $PROG/receive
		expect ready
		type ^C
		expect 2 128 0
		signal 31
		expect 31 0 0
		count 1 2 128 0
		count 0 2 0 0
		signal 15
		exited 0
	END
}

@test "in an orphaned group: Ctrl-Z does not wedge" {
	terminal <<-END
		leader sh -c '$SUPERVISE $ECHO; echo code \$?; read y; echo then \$y'
		expect up
		type ^Z
		type a^M
		expect got a
		type ^Zb^M
		expect got b
		type ^D
		expect code 0
		type c^M
		expect then c
		exited 0
	END
}

@test "the terminal is switched off: the program has its HUP" {
	terminal <<-END
		leader $SUPERVISE sleep 60
		foreground program
		hangup
		exited 129
	END
	terminal <<-END
		leader $SUPERVISE --same-group sh -c 'echo up; exec sleep 60'
		expect up
		hangup
		exited 129
	END
}

@test "in an interactive bash: jobs, Ctrl-Z, fg, kill, Ctrl-C" {
	terminal <<-END
		leader $BASH_I
		expect %_
		type $SUPERVISE $ECHO^M
		expect up
		type a^M
		expect got a
		type ^Z
		expect Stopped
		expect %_
		type jobs^M
		expect Stopped
		expect %_
		type fg^M
		expect supervise
		type b^M
		expect got b
		type ^D
		expect over
		expect %_
		type echo code-\$?^M
		expect code-0
		expect %_
		type $SUPERVISE sh -c 'echo up; exec sleep 60' & wait^M
		expect up
		type ^C
		expect %_
		type kill %1; wait %1; echo code-\$?^M
		expect code-143
		expect %_
		type $SUPERVISE sh -c 'echo up; exec sleep 60'^M
		expect up
		type ^C
		expect %_
		type echo code-\$?^M
		expect code-130
		expect %_
		type exit 0^M
		exited 0
	END
}

# shell_works HOW...: the interactive bash there has job control
shell_works() {
	terminal <<-END
		$* $BASH_I
		expect %_
		# it says so: just forked it has TERM ignored, as its shell
		type sh -c 'echo behind; exec sleep 60' &^M
		expect behind
		type jobs^M
		expect Running
		expect %_
		type sh -c 'echo up; exec sleep 61'^M
		expect up
		type ^C
		expect %_
		type echo back-\$?^M
		expect back-130
		expect %_
		type sh -c 'echo up; read x; echo got \$x'^M
		expect up
		type ^Z
		expect Stopped
		expect %_
		type fg^M
		expect sh -c
		type a^M
		expect got a
		expect %_
		type kill %1; exit 5^M
		exited 5
	END
}

@test "an interactive bash as the program, as with docker run -it" {
	shell_works "leader $SUPERVISE"
	shell_works "leader $SUPERVISE --no-pidns"
	shell_works "leader $SUPERVISE --no-pidns --no-cgroup"
	shell_works "leader $SUPERVISE --same-group"
}

@test "an interactive bash as the program, supervise as PID 1" {
	needs pidns pidns_is_permitted
	local init="detached unshare --pid --fork --mount-proc setsid -c"
	shell_works "$init $SUPERVISE"
	shell_works "$init $SUPERVISE --no-pidns --no-cgroup"
}

@test "an interactive bash as the program, in a job of another one" {
	shell_works "job $SUPERVISE"
}

@test "an interactive sh as the program" {
	terminal <<-END
		leader env PS1=%_ $SUPERVISE sh -i
		expect %_
		# it says so: just forked it has TERM ignored, as its shell
		type sh -c 'echo behind; exec sleep 60' &^M
		expect behind
		type jobs^M
		expect Running
		expect %_
		type sh -c 'echo up; exec sleep 61'^M
		expect up
		type ^C
		expect %_
		type echo back-\$?^M
		expect back-130
		type exit 5^M
		expect %_
		type exit 5^M
		exited 5
	END
}

@test "PID 1 in a group from outside: Ctrl-C arrives once" {
	needs pidns pidns_is_permitted
	terminal <<-END
		job unshare --pid --fork $SUPERVISE $PROG/receive 28
		expect ready
		type ^C
		expect 2 128 0
		size 30 100
		exited 0
		count 1 ^J2 
		count 1 ^J28 
	END
}

@test "Ctrl-C and Ctrl-Z reach the whole job where the input is not the terminal" {
	# a shell waits for what it has started, which must have it, too
	echo 'echo ready; sleep 60; echo not' >wait.sh
	terminal <<-END
		job $SUPERVISE bash wait.sh </dev/null
		expect ready
		type ^Z
		stopped
		fg
		type ^C
		exited 130
		count 0 not
	END
	echo 'trap "echo resumed" CONT; echo ready
		while :; do sleep 0.01; done' >loop.sh
	terminal <<-END
		job sh -c '$SUPERVISE sh loop.sh | cat'
		expect ready
		type ^Z
		stopped
		fg
		# the others of the pipeline keep the terminal
		expect resumed
		foreground job
		type ^C
		killed 2
	END
}

@test "bg after a read in the background: stopped again, all of the job" {
	echo 'cat; echo done' >read.sh
	terminal <<-END
		background $SUPERVISE sh read.sh
		stopped
		bg
		stopped
		fg
		type hello^M
		expect hello
		type ^D
		expect done
		exited 0
	END
}

@test "a pipeline whose other end reads: bg, fg, and it reads" {
	cp "$(type -P sed)" filter$$
	terminal <<-END
		job sh -c 'cat | $SUPERVISE ./filter$$ s/^/got-/'
		type ^Z
		stopped
		take
		bg
		stopped
		take
		fg
		# it goes on, and with the terminal as it is now
		run until grep -q '^State:.S' /proc/\$(pgrep -x filter$$)/status; do sleep 0.01; done
		type hello^M
		type ^D
		expect got-hello
		exited 0
	END
}

@test "a CONT that is there when the program stops is heeded, not waited for" {
	cat >race.sh <<-'END'
		is() { grep -q "^State:.$2" "/proc/$1/status"; }
		until_is() { until is "$@"; do sleep 0.01; done; }
		us=$(sed -n 's/.*supervisor=//p' events)
		program=$(sed -n 's/^started.* pid=\([0-9]*\).*/\1/p' events)
		kill -STOP "$us"
		until_is "$us" T
		kill -TSTP "$program"
		until_is "$program" T
		kill -CONT "$us"
		until_is "$program" S
		until_is "$us" S
	END
	terminal <<-END
		job $SUPERVISE --status-fd 9 sh -c 'echo up; exec cat' 9>$T/events
		expect up
		run cd $T && timeout 10 sh race.sh
		type hello^M
		expect hello
		type ^D
		exited 0
	END
}

@test "without a controlling terminal the program leads a session" {
	terminal <<-END
		detached $SUPERVISE $PROG/inherit inherited
		exited 0
	END
	grep -qx 'session leader' inherited
	grep -qx 'terminal no' inherited
}

@test "with one it leads a group in our session, and has the terminal" {
	terminal <<-END
		job $SUPERVISE $PROG/inherit inherited
		exited 0
	END
	grep -qx 'session member' inherited
	grep -qx 'group leader' inherited
	grep -qx 'terminal yes' inherited
}

@test "/dev/tty missing: the terminal is found by 0, 1 or 2" {
	needs mounts unshare --mount true
	local bare="unshare --mount sh -c 'mount -t tmpfs none /dev && exec"
	terminal <<-END
		job $bare $SUPERVISE $PROG/receive'
		expect ready
		foreground program
		type ^C
		expect 2 128 0
		signal 31
		expect 31 0 0
		count 1 2 128 0
		count 0 2 0 0
		signal 15
		exited 0
		foreground job
	END
}

@test "stopped without a terminal, by itself: supervise is not" {
	spawn setsid "$SUPERVISE" sh -c 'echo up; kill -STOP $$; echo went on'
	SUPERVISE_PID=$!
	wait_until grep -q up out
	is_stopped() {
		grep -q '^State:.T' "/proc/$1/status"
	}
	local pid
	pid=$(pgrep -P "$SUPERVISE_PID" -x sh)
	wait_until is_stopped "$pid"
	run ! is_stopped "$SUPERVISE_PID"
	# CONT is forwarded as any other
	kill -CONT "$SUPERVISE_PID"
	wait_until grep -q 'went on' out
	ended
	((status == 0))
}
