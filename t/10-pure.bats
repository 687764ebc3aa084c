#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# The functions that make no decision on their own. The tables of what they
# accept and refuse are in t/prog/pure*.c.

load helper

pure() {
	"$PROG/pure" "$@"
}

@test "a number is digits only, up to its limit" {
	pure number
}

@test "a duration has a unit and at most nine decimals, or is inf" {
	pure duration
}

@test "a point in time is @SECONDS, or a date that exists with its offset" {
	pure time
}

@test "a text that does not fit is cut, and says so" {
	pure text
}

@test "a deadline after an endless time never comes" {
	pure timer
}

@test "delays double, up to a limit, and begin anew after a long run" {
	pure backoff
}

@test "restarts are counted in spans that begin with one" {
	pure limit
}

@test "a signal is a name or a number, and back for all 64" {
	pure signal
	pure signal-names
}

@test "an errno is told by its name" {
	pure errno
}

@test "a message is one line, one write, and cut at 1024 bytes" {
	pure message
}

@test "a message never waits for its reader" {
	pure message-full
}

@test "a line of mountinfo tells where our cgroup is" {
	pure path
}

@test "a path that does not fit is refused, not cut" {
	pure path-sizes
}

@test "a value in cgroup.events is found by its whole key" {
	pure value
}

@test "options: each one, in each form, means what it should" {
	"$PROG/pure-options" accepted
}

@test "options: what is wrong is told with its option, value and reason" {
	"$PROG/pure-options" refused
}

@test "the usage fits any buffer, cut" {
	"$PROG/pure-options" usage
}

@test "closing all descriptors but some leaves exactly those" {
	"$PROG/pure-loop" close
}

@test "closing all descriptors but some works without /proc" {
	needs root is_root
	mkdir empty
	"$PROG/pure-loop" close-no-proc empty
}

@test "the loop tells of one thing at a time, what is ready before what is due" {
	"$PROG/pure-loop" wait
}
