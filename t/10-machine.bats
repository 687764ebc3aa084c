#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# States and events. Whoever changes lib/machine.c changes the text of
# 10-machine.expect with it, and reads the difference.

load helper

@test "the machine is the one that was reviewed" {
	diff -u "$TOP/t/10-machine.expect" <("$PROG/machine" print)
}

@test "whatever happens, the tree can still be killed, and ends by proof only" {
	"$PROG/machine" check
}
