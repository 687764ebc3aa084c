#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# The supervise directory, before the eyes of the clients that know it: those
# of daemontools, runit and s6, and our own. t/prog/standin.c serves it.

load helper

# standin [OPTION ...] web, until it is up (or down, as wanted): $STANDIN
serve() {
	mkdir -p web
	"$PROG/standin" "$@" web 3>&- 4>&- 2>>standin.err &
	STANDIN=$!
	if [ -e web/down ]; then
		wait_until client status web
	else
		wait_until client wait web up 0
	fi
}

client() {
	"$PROG/standin" client "$@"
}

# letters for the control FIFO, not through a client
letters() {
	printf %s "$1" >web/supervise/control
}

leave() {
	letters dx
	ends 0 "$STANDIN"
}

ends() { # CODE PID
	local code=0
	wait "$2" || code=$?
	[ "$code" = "$1" ]
}

is_another() {
	local pid
	pid=$(pid_of_service) && [[ -n $pid && $pid != "$1" ]]
}

pid_of_service() {
	cat web/supervise/pid
}

says() { # CLIENT ... -- TEXT: the output is (a pattern) TEXT
	local command=()
	while [[ $1 != -- ]]; do
		command+=("$1")
		shift
	done
	local text
	text=$("${command[@]}")
	echo "$text"
	# shellcheck disable=SC2053 # a pattern
	[[ $text = $2 ]]
}

# ---- pure ------------------------------------------------------------------

@test "the record of each state has the bytes that the manual lists" {
	"$PROG/pure-status" pack
}

@test "a record comes back as it was, and nothing else is taken for one" {
	"$PROG/pure-status" unpack
}

@test "the line of stat is runit's" {
	"$PROG/pure-status" stat
}

@test "a status is one line for people, or keys and values" {
	"$PROG/pure-status" lines
}

@test "every letter of the three suites has its meaning, l has none" {
	"$PROG/pure-status" letters
}

# ---- the clients of daemontools --------------------------------------------

@test "daemontools: svok and svstat know a service that is up, and down" {
	needs svstat
	serve
	svok web
	says svstat web -- "web: up (pid $(pid_of_service)) * seconds"
	svc -d web
	wait_until says svstat web -- "web: down * seconds, normally up"
	svc -u web
	wait_until says svstat web -- 'web: up (pid *'
	leave
	run -100 svok web
	says svstat web -- 'web: supervise not running'
}

@test "daemontools: svstat sees paused, want down, and normally down" {
	needs svstat
	mkdir web
	touch web/down
	serve
	says svstat web -- 'web: down * seconds'
	svc -o web
	wait_until says svstat web -- \
		'web: up (pid *) * seconds, normally down, want down'
	svc -p web
	wait_until says svstat web -- \
		'web: up (pid *) * seconds, normally down, paused, want down'
	svc -ck web
	wait_until says svstat web -- 'web: down * seconds'
	leave
}

# ---- runit -----------------------------------------------------------------

@test "runit: sv status tells states, got TERM and want as of runsv" {
	needs sv
	mkdir web
	"$PROG/standin" web sh -c 'trap "" TERM; >armed; exec sleep 1000' \
		3>&- 4>&- &
	STANDIN=$!
	wait_until test -e web/armed
	says sv status ./web -- 'run: ./web: (pid *) *s'
	letters t
	wait_until says sv status ./web -- 'run: ./web: (pid *) *s, got TERM'
	letters d
	wait_until says sv status ./web -- \
		'run: ./web: (pid *) *s, want down, got TERM'
	says cat web/supervise/stat -- 'run, got TERM, want down'
	letters xk
	wait "$STANDIN"
	says cat web/supervise/stat -- down
	[ ! -s web/supervise/pid ]
	run -1 sv status ./web
	[[ $output = *'runsv not running'* ]]
}

@test "runit: sv up, down, once, restart, pause, cont and exit are obeyed and waited for" {
	needs sv
	serve -x
	before=$(pid_of_service)
	sv -w 5 restart ./web
	# at once if it was started in the same second
	wait_until is_another "$before"
	client wait web up 5
	sv -w 5 down ./web
	sv -w 5 up ./web
	sv -w 5 pause ./web
	wait_until says sv status ./web -- '*, paused*'
	sv -w 5 cont ./web
	sv -w 5 stop ./web
	sv -w 5 once ./web
	wait_until says sv status ./web -- 'run: *, want down'
	sv -w 5 exit ./web
	wait "$STANDIN"
}

# ---- s6 --------------------------------------------------------------------

@test "s6: s6-svok and every field of s6-svstat but the age of readiness" {
	needs s6-svstat
	local fields=up,wantedup,normallyup,ready,paused,pid
	serve
	s6-svok web
	says s6-svstat -o "$fields" web -- \
		"true true true false false $(pid_of_service)"
	letters 1p
	wait_until says s6-svstat -o "$fields" web -- \
		"true true true true true $(pid_of_service)"
	before=$(pid_of_service)
	letters ct
	wait_until is_another "$before"
	letters d
	client wait web down 5
	says s6-svstat -o up,wantedup,ready,exitcode,signal web -- \
		'false false false -1 SIGTERM'
	leave
	run -1 s6-svok web
	run -1 s6-svstat web
}

@test "s6: the exit code of the last end is in s6-svstat" {
	needs s6-svstat
	mkdir web
	"$PROG/standin" web sh -c 'test -e go && exit 7; >go; exec sleep 100' \
		3>&- 4>&- &
	STANDIN=$!
	wait_until test -e web/go
	letters ot
	client wait web down 5
	letters o
	wait_until says s6-svstat -o up,exitcode,signal web -- 'false 7 NA'
	says client status web -- 'down * seconds, *exit code 7'
	leave
}

@test "s6: s6-svwait returns when it is up, ready, down, and with s6-svc" {
	needs s6-svwait
	serve
	s6-svwait -u -t 5000 web
	run -99 s6-svwait -U -t 300 web
	s6-svwait -U -t 5000 web 3>&- 4>&- &
	waiter=$!
	letters 1
	wait "$waiter"
	s6-svwait -U -t 5000 web
	s6-svc -wD -T 5000 -d web
	s6-svwait -D -t 5000 web
	s6-svc -wu -T 5000 -u web
	s6-svc -wr -T 5000 -r web
	s6-svlisten1 -d -t 5000 web s6-svc -d web
	s6-svwait -D -t 5000 web
	leave
}

@test "s6: s6-svc waits for readiness, and s6-svwait for one or all" {
	needs s6-svwait
	mkdir web
	echo 3 >web/notification-fd
	serve -r
	s6-svc -wR -T 5000 -r web
	s6-svc -wD -T 5000 -d web
	s6-svc -wU -T 5000 -u web
	mkdir other
	"$PROG/standin" other 3>&- 4>&- &
	other=$!
	wait_until client wait other up 0
	s6-svwait -o -U -t 5000 web other
	run -99 s6-svwait -a -U -t 300 web other
	printf dx >other/supervise/control
	ends 0 "$other"
	leave
}

@test "s6: s6-ftrig-listen1 hears the letters of a life in their order" {
	needs s6-ftrig-listen1
	serve -r
	hears() { # REGEX LETTERS
		run -0 timeout 5 s6-ftrig-listen1 web/event "$1" \
			sh -c "printf $2 >web/supervise/control"
	}
	hears dD d
	hears uU u
	hears dDuU t
	hears 'd(OD|DO)' 2
	hears x x
	wait "$STANDIN"
}

# ---- who supervises --------------------------------------------------------

@test "a second supervisor of ours is refused, the first one goes on" {
	serve
	run -111 "$PROG/standin" web
	[[ $output = *'supervise/lock: '*[Bb]usy* ]]
	client wait web up 0
	leave
}

@test "daemontools, runit and s6 do not supervise what we do" {
	needs s6-supervise
	needs runsv
	mkdir web
	printf '#!/bin/sh\nexec sleep 1000\n' >web/run
	chmod 755 web/run
	serve
	run -111 timeout 5 runsv web
	run -100 timeout 5 s6-supervise web
	[ ! -x /usr/bin/svscan ] || run -111 timeout 5 /usr/bin/supervise web
	client wait web up 0
	leave
}

@test "we do not supervise what daemontools, runit or s6 does" {
	needs s6-supervise
	needs runsv
	local supervisor
	mkdir web
	printf '#!/bin/sh\nexec sleep 1000\n' >web/run
	chmod 755 web/run
	for supervisor in /usr/bin/supervise runsv s6-supervise; do
		[ "$supervisor" != /usr/bin/supervise ] ||
			[ -x /usr/bin/svscan ] || continue
		"$supervisor" web 3>&- 4>&- &
		other=$!
		wait_until test -e web/supervise/status
		run -111 timeout 5 "$PROG/standin" web
		[[ $output = *[Bb]usy* ]]
		letters dx
		wait "$other"
		rm -r web/supervise
	done
	serve
	leave
}

@test "of twenty that start at once one supervises, also in place of a stranger's lock" {
	local i pids alive
	mkdir -p web/supervise
	for mode in 600 644; do
		: >web/supervise/lock
		chmod $mode web/supervise/lock
		[ $mode = 600 ] || {
			flock -F web/supervise/lock sleep 100 3>&- 4>&- &
			stranger=$!
			wait_until run ! flock -n web/supervise/lock true
		}
		pids=()
		for ((i = 0; i < 20; i++)); do
			"$PROG/standin" web 3>&- 4>&- 2>>refused &
			pids+=($!)
		done
		wait_until client wait web up 0
		refused() {
			[ "$(grep -c supervise/lock refused)" = 19 ]
		}
		wait_until refused
		letters dx
		alive=0
		for i in "${pids[@]}"; do
			wait "$i" && alive=$((alive + 1))
		done
		[ "$alive" = 1 ]
		rm refused
	done
	kill "$stranger"
	ends 143 "$stranger"
}

@test "who may only read the lock does not keep a supervisor out" {
	needs nobody nobody_can_run
	local lock
	serve -a all
	leave
	for lock in --shared --exclusive; do
		"${AS_NOBODY[@]}" flock -F $lock web/supervise/lock \
			sh -c 'touch held; exec sleep 100' 3>&- 4>&- &
		holder=$!
		wait_until test -e held
		serve -a all
		run -111 "$PROG/standin" web
		leave
		kill "$holder"
		ends 143 "$holder"
		rm held
	done
	serve
	leave
	[ ! -e web/supervise/lock.new ]
}

@test "access: private is ours, all may look but not command" {
	needs nobody nobody_can_run
	chmod 755 .
	serve
	run -111 "${AS_NOBODY[@]}" "$PROG/standin" client status web
	leave
	serve -a all
	"${AS_NOBODY[@]}" "$PROG/standin" client status web
	"${AS_NOBODY[@]}" "$PROG/standin" client wait web up 0
	run -111 "${AS_NOBODY[@]}" "$PROG/standin" client control web down
	"${AS_NOBODY[@]}" "$PROG/standin" client wait web ready 5 3>&- 4>&- &
	waiter=$!
	wait_until sh -c 'ls web/event | grep -q ftrig1'
	letters 1
	wait "$waiter"
	leave
}

@test "FIFOs that are files, links or another's are replaced or refused" {
	needs nobody nobody_can_run
	mkdir -p web/supervise
	echo text >web/supervise/control
	ln -s /dev/null web/supervise/ok
	serve
	[ -p web/supervise/control ] && [ ! -L web/supervise/ok ]
	leave
	mkdir web/supervise/dir
	chmod 777 web/supervise
	chown 65534 web/supervise/control
	run -111 "$PROG/standin" web
	[[ $output = *supervise/control:* ]]
	# in a directory that is ours alone it was us who gave it away
	chmod 700 web/supervise
	serve
	[ "$(stat -c %u web/supervise/control)" = 65534 ]
	leave
}

# ---- failures --------------------------------------------------------------

@test "a full disk: the record is the new one, or none, and nothing is beside it" {
	needs mount unshare --mount mount -t tmpfs none /mnt
	unshare --mount sh -e -c '
		mount -t tmpfs -o size=64k none /mnt
		"$0" -r /mnt 3>&- 4>&- 2>err & pid=$!
		until "$0" client wait /mnt ready 0 2>/dev/null; do :; done
		dd if=/dev/zero of=/mnt/fill 2>/dev/null || :
		# the room of the old one does
		printf p >/mnt/supervise/control
		until "$0" client status /mnt | grep paused; do :; done
		test ! -e /mnt/supervise/status.new
		# nothing does
		rm /mnt/supervise/stat /mnt/supervise/pid
		! dd if=/dev/zero of=/mnt/more 2>/dev/null
		ln /mnt/supervise/status /mnt/kept
		printf c >/mnt/supervise/control
		until test -s err; do sleep 0.01; done
		while "$0" client status /mnt; do :; done 2>/dev/null
		test ! -e /mnt/supervise/status
		test ! -e /mnt/supervise/status.new
		rm /mnt/fill
		printf p >/mnt/supervise/control
		until "$0" client status /mnt | grep paused; do :; done
		printf kdx >/mnt/supervise/control
		wait "$pid"
	' "$PROG/standin"
	grep -q 'status: No space' err
}

@test "a directory that vanishes is reported, and the service goes on" {
	serve
	pid=$(pid_of_service)
	rm -r web/supervise
	run -111 client status web
	kill -TERM "$pid"
	wait_until grep -q 'status: No such file' standin.err
	kill -0 "$STANDIN"
	kill "$STANDIN"
	ends 143 "$STANDIN"
}

# ---- our clients -----------------------------------------------------------

@test "client: no supervisor, no directory, no such word" {
	run -111 client status nowhere
	[ "$output" = 'supervise: fatal: no supervisor in nowhere' ]
	mkdir web
	run -111 client status web
	run -111 client control web up
	run -111 client wait web up 5
	run -0 client wait web gone 5
	run -100 client control web dance
	[[ $output = "supervise: usage: --control 'dance' is no command"* ]]
	run -100 client wait web asleep
	mkdir web/supervise
	touch web/supervise/ok web/supervise/control
	run -111 client control web up
	[ ! -s web/supervise/control ]
}

@test "client: --control sends one command, and --status shows what it did" {
	serve
	pid=$(pid_of_service)
	client control web pause
	wait_until says client status web -- "up (pid $pid) * seconds, paused"
	client control web continue
	client control web down
	client wait web down 5
	says client status web -- 'down * seconds, normally up, killed by TERM'
	says client keys web -- *'state=down'*'want=down'*'signal=TERM'*
	client control web exit
	client wait web gone 5
	wait "$STANDIN"
}

@test "client: --wait ends with the state, without polling" {
	local before
	serve
	client wait web ready 5 3>&- 4>&- &
	waiter=$!
	switches() {
		grep ctxt_switches "/proc/$waiter/status"
	}
	wait_until sh -c 'ls web/event | grep -q ftrig1'
	wait_until grep -q '^State:.S' "/proc/$waiter/status"
	sleep 0.1
	before=$(switches)
	sleep 1
	[ "$(switches)" = "$before" ]
	letters 1
	wait "$waiter"
	[ -z "$(ls web/event)" ]
	leave
}

@test "client: --wait times out with 99, at once for 0" {
	serve
	run -99 client wait web ready 0
	run -99 client wait web down 0.2
	run -99 client wait web gone 0.2
	run -0 client wait web up 0
	leave
	run -0 client wait web down 5
}

@test "client: --wait ends when the supervisor is killed" {
	serve
	client wait web ready 5 3>&- 4>&- &
	ready=$!
	client wait web gone 5 3>&- 4>&- &
	gone=$!
	wait_until sh -c 'ls web/event | grep -q ftrig1'
	kill -KILL "$STANDIN"
	ends 1 "$ready"
	ends 0 "$gone"
}

@test "client: --wait up or ready of a service that failed for good is 1" {
	serve
	client wait web ready 5 3>&- 4>&- &
	waiter=$!
	wait_until sh -c 'ls web/event | grep -q ftrig1'
	letters 2
	ends 1 "$waiter"
	client wait web down 5
	run -1 client wait web up 5
	run -1 client wait web ready 0
	says client status web -- 'down *, failed for good'
	client control web up
	wait_until client wait web up 0
	leave
}

@test "client: --wait works where it may not subscribe, by inotify" {
	needs nobody nobody_can_run
	serve -a all
	chmod 700 web/event
	"${AS_NOBODY[@]}" "$PROG/standin" client wait web ready 5 3>&- 4>&- &
	waiter=$!
	wait_until grep -q inotify -r "/proc/$waiter/fdinfo"
	letters 1
	wait "$waiter"
	leave
}

@test "two hundred waiters at once are all told" {
	serve
	local i pids=()
	for ((i = 0; i < 200; i++)); do
		client wait web ready 20 3>&- 4>&- &
		pids+=($!)
	done
	all_there() {
		(($(find web/event -name 'ftrig1*' | wc -l) == 200))
	}
	wait_until all_there
	letters 1
	for i in "${pids[@]}"; do
		wait "$i"
	done
	leave
}

@test "two thousand bytes of noise end nothing" {
	serve
	# but for the letters that our stand-in obeys for long
	head -c 2000 /dev/urandom | tr -d 'xdo2' >web/supervise/control
	letters u
	wait_until client wait web up 0
	leave
}
