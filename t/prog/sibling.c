/* SPDX-License-Identifier: ISC */
/*
 * sibling LOCK READY
 *
 * Attacks who knows its children: the program makes siblings of itself with
 * CLONE_PARENT, which are children of its supervisor. Twenty exit with 9 at
 * once, which must not be taken for the program's own end; two live on, one of
 * them ignoring SIGTERM.
 */
#include <sys/syscall.h>

#include "attack.h"

/* System calls only in there: the libc does not know of this fork. */
static pid_t
fork_sibling(void)
{
	pid_t pid = (pid_t)syscall(
	    SYS_clone, CLONE_PARENT | SIGCHLD, NULL, NULL, NULL, NULL);

	if (pid < 0)
		die("clone");
	return pid;
}

int
main(int argc, char **argv)
{
	int i;

	begin(argc, argv, 0, "");
	for (i = 0; i < 22; i++) {
		if (fork_sibling() != 0)
			continue;
		if (i < 20)
			_exit(9);
		limit_life();
		if (i == 20)
			(void)signal(SIGTERM, SIG_IGN);
		pass_gate();
		sleep_on();
	}
	await_all(2);
	return wait_for_end("in position");
}
