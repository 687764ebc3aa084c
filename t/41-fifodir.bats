#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# The event directory: told and heard by our functions and by those of s6, and
# with entries in it that somebody made to do harm.

load helper

NAME=ftrig1:@0123456789abcdef01234567:aZ-_0 # and one more character

setup() {
	begin_test
	mkdir event
}

notify() {
	timeout 5 "$PROG/standin" notify event "$1"
}

listen() { # in the background: $LISTENER, its output in $1
	"$PROG/standin" listen event >"$1" 3>&- 4>&- &
	LISTENER=$!
	wait_until grep -q ready "$1"
}

# A FIFO event/$NAME$1 that fd 5 holds open: with a reader, and so not removed.
hold() {
	mkfifo "event/$NAME$1"
	exec 5<>"event/$NAME$1"
}

heard() { # TEXT: what is in fd 5
	local text=
	IFS= read -r -t 0.2 -n 64 -u 5 text || :
	[ "$text" = "$1" ]
}

@test "what is told is heard, in order, by all who listen" {
	listen a
	first=$LISTENER
	listen b
	notify s
	notify uU
	notify x
	wait "$first" "$LISTENER"
	[ "$(cat a)" = $'ready\nsuUx' ]
	[ "$(cat b)" = $'ready\nsuUx' ]
	[ -z "$(ls event)" ]
}

@test "s6-ftrig-notify tells our listeners, and we tell those of s6" {
	needs s6-ftrig-notify
	listen a
	s6-ftrig-notify event dDx
	wait "$LISTENER"
	[ "$(cat a)" = $'ready\ndDx' ]
	timeout 5 s6-ftrig-listen1 event dDuU \
		"$PROG/standin" notify event dDuU
}

@test "s6-cleanfifodir leaves our subscription alone" {
	needs s6-cleanfifodir
	listen a
	s6-cleanfifodir event
	notify x
	wait "$LISTENER"
	[ "$(cat a)" = $'ready\nx' ]
}

@test "a FIFO that nobody reads is removed" {
	mkfifo "event/${NAME}x" "event/${NAME}y"
	notify u
	[ -z "$(ls event)" ]
}

@test "a listener that was killed is removed, the others hear on" {
	listen a
	kill -KILL "$LISTENER"
	wait "$LISTENER" || [ $? = 137 ]
	listen b
	notify x
	wait "$LISTENER"
	[ "$(cat b)" = $'ready\nx' ]
	[ -z "$(ls -A event)" ]
}

@test "a FIFO that is full is not waited for" {
	hold x
	head -c 65536 /dev/zero >&5
	notify u
	[ -e "event/${NAME}x" ]
	exec 5>&-
}

@test "what has another name is left alone" {
	local name
	for name in "$NAME" "${NAME}xy" ".${NAME}x" "ftrig2:@${NAME#*@}x" x; do
		mkfifo "event/$name"
	done
	notify u
	[ "$(find event -type p | wc -l)" = 5 ]
}

@test "a file, a directory, a socket, a device are not written to" {
	needs root is_root
	echo text >"event/${NAME}f"
	mkdir "event/${NAME}d"
	mknod "event/${NAME}c" c 1 7 || skip "needs mknod" # /dev/full
	notify u
	[ "$(cat "event/${NAME}f")" = text ]
	[ "$(find event -mindepth 1 | wc -l)" = 3 ]
}

@test "a symbolic link is not followed" {
	echo text >file
	mkfifo fifo
	exec 5<>fifo
	ln -s ../file "event/${NAME}f"
	ln -s ../fifo "event/${NAME}p"
	ln -s . "event/${NAME}d"
	notify u
	[ "$(cat file)" = text ]
	heard ''
	exec 5>&-
}

@test "a hard link, perhaps of a control FIFO, is not written to" {
	mkfifo fifo
	exec 5<>fifo
	ln fifo "event/${NAME}x"
	notify u
	heard ''
	rm fifo # now it has one name
	notify u
	heard u
	exec 5>&-
}

@test "many thousand entries cost a bounded time" {
	seq -f 'event/%.0f' 30000 | xargs touch
	seq -f 'event/ftrig1:@0123456789abcdef01234567:%06.0f' 8000 |
		xargs mkfifo
	now_ms
	start=$REPLY
	notify u
	now_ms
	echo "$((REPLY - start)) ms"
	((REPLY - start < 1000))
	# those of which nobody knows are removed, 2000 and a few at a time
	(($(find event -type p | wc -l) > 5900))
}

@test "a directory that was removed is an error, not the end" {
	run -1 "$PROG/standin" notify nowhere u
}

@test "who may not make files there cannot subscribe" {
	needs nobody nobody_can_run
	run -111 "${AS_NOBODY[@]}" "$PROG/standin" listen event
	[[ $output = *'Permission denied' ]]
	chmod 1733 event
	"${AS_NOBODY[@]}" "$PROG/standin" listen event >a 3>&- 4>&- &
	LISTENER=$!
	wait_until grep -q ready a
	notify x
	wait "$LISTENER"
	[ "$(cat a)" = $'ready\nx' ]
}

@test "the event directory is for our group, or for all, or stays as it was" {
	mkdir a b c d
	mkdir -m 711 c/event
	mkdir -m 1733 d/event
	local dir access
	for dir in a b c d; do
		access=(-a group)
		[ "$dir" != b ] || access=(-a all)
		[ "$dir" != c ] || access=()
		"$PROG/standin" "${access[@]}" "$dir" 3>&- 4>&- &
		wait_until "$PROG/standin" client wait "$dir" up 0
		printf dx >"$dir/supervise/control"
		wait $!
	done
	[ "$(stat -c %a a/event)" = 3730 ]
	[ "$(stat -c %a b/event)" = 1733 ]
	[ "$(stat -c %a c/event)" = 711 ]
	[ "$(stat -c %a d/event)" = 3730 ]
}
