/* SPDX-License-Identifier: ISC */
/*
 * deeper LOCK READY pid|user DEPTH
 *
 * Attacks who knows one namespace: DEPTH PID namespaces within each other
 * (`user`: each in a user namespace of its own), with daemons in every one.
 */
#include "attack.h"

/* Root stays root: without a map there would be no further one below it. */
static void
map_root(void)
{
	write_at(AT_FDCWD, "/proc/self/uid_map", "0 0 1");
	write_at(AT_FDCWD, "/proc/self/setgroups", "deny");
	write_at(AT_FDCWD, "/proc/self/gid_map", "0 0 1");
}

static void
descend(int flags, int depth)
{
	start_daemon();
	if (depth == 0)
		return;
	if (unshare(flags) < 0)
		die("unshare");
	if ((flags & CLONE_NEWUSER) != 0)
		map_root();
	if (try_fork() != 0)
		return;
	(void)setsid();
	descend(flags, depth - 1);
	pass_gate();
	sleep_on();
}

int
main(int argc, char **argv)
{
	int flags = CLONE_NEWPID;

	begin(argc, argv, 2, "pid|user DEPTH");
	if (strcmp(argv[3], "user") == 0)
		flags |= CLONE_NEWUSER;
	if (try_fork() == 0) {
		descend(flags, atoi(argv[4]));
		pass_gate();
		sleep_on();
	}
	await_all(2 * atoi(argv[4]) + 2);
	return wait_for_end("in position");
}
