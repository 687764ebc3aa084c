/* SPDX-License-Identifier: ISC */
/*
 * stopped LOCK READY [all]
 *
 * Attacks who expects that SIGTERM ends what has no handler for it: a tree of
 * processes in three sessions that have all stopped themselves, in which it
 * stays pending. With `all` the program itself is stopped, too.
 */
#include "attack.h"

enum {
	GENERATIONS = 3,
};

static void
await_stop(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, WUNTRACED) < 0 || !WIFSTOPPED(status))
		if (errno != EINTR)
			die("waitpid");
}

/* GENERATIONS below each other, each stopped before its parent is. */
static _Noreturn void
stop_tree(void)
{
	pid_t pid = 0;
	int i;

	for (i = 1; i < GENERATIONS && pid == 0; i++)
		pid = try_fork();
	(void)setsid();
	if (pid != 0)
		await_stop(pid);
	for (;;)
		(void)raise(SIGSTOP);
}

/* From outside of the program: it cannot say so itself. */
static _Noreturn void
watch_main(pid_t pid)
{
	(void)setsid();
	while (state_of(pid, NULL) != 'T')
		nap_us(1000);
	tell("all stopped");
	for (;;)
		(void)raise(SIGSTOP);
}

int
main(int argc, char **argv)
{
	pid_t pid, self = getpid();
	int i;

	begin(argc, argv, 0, "[all]");
	for (i = 0; i < 3; i++) {
		pid = try_fork();
		if (pid == 0)
			stop_tree();
		await_stop(pid);
	}
	if (argc <= 3)
		return wait_for_end("stopped");
	if (try_fork() == 0)
		watch_main(self);
	for (;;)
		(void)raise(SIGSTOP);
}
