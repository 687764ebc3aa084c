/* SPDX-License-Identifier: ISC */
/*
 * deaf LOCK READY [main]
 *
 * Attacks who relies on signals other than SIGKILL: one process that ignores
 * all that can be ignored, one that has them blocked, and one that catches
 * them and goes on. With `main` the program itself ignores them, too.
 */
#include "attack.h"

static void
go_on(int sig)
{
	(void)sig;
}

static void
set_all(void (*handler)(int))
{
	int sig;

	for (sig = 1; sig < NSIG; sig++)
		if (sig != SIGCHLD)
			(void)signal(sig, handler);
}

static void
block_all(void)
{
	sigset_t all;

	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, NULL);
}

int
main(int argc, char **argv)
{
	int i;

	begin(argc, argv, 0, "[main]");
	for (i = 0; i < 3; i++) {
		if (try_fork() != 0)
			continue;
		(void)setsid();
		if (i == 0)
			set_all(SIG_IGN);
		else if (i == 1)
			set_all(go_on);
		else
			block_all();
		pass_gate();
		sleep_on();
	}
	await_all(3);
	if (argc > 3)
		set_all(SIG_IGN);
	return wait_for_end("in position");
}
