/* SPDX-License-Identifier: ISC */
/*
 * hopper LOCK READY vfork|vm|chain
 *
 * Attacks who expects every child to come from fork(2): a process that hops
 * on by vfork(2) and exec for ever (`vfork`); one that hops on by clone(2)
 * with CLONE_VM, sharing the memory of a parent that exits (`vm`); and a chain
 * of parents that each wait in vfork(2), which only a fatal signal ends, the
 * program itself the first of them (`chain`).
 */
#include "attack.h"

enum {
	LINKS = 20,
	STACK = 65536,
};

static char stacks[2][STACK] __attribute__((aligned(64)));
static int64_t end_us;
static pid_t maker; /* of who hops: in the memory that all share */

static void
hop_by_vfork(const char *self)
{
	char end[32];
	char *argv[] = { (char *)(uintptr_t)self, "hop", end, NULL };

	snprintf(end, sizeof(end), "%lld", (long long)end_us);
	while (now_us() < end_us) {
		pid_t pid = vfork();

		if (pid == 0) {
			(void)execv(self, argv);
			_exit(1);
		}
		if (pid > 0) /* it has execed */
			_exit(0);
	}
	_exit(0);
}

/* Waits until the stack of its parent is free, which the next one gets. */
static int
hop_by_clone(void *arg)
{
	int which = *(char *)arg == 'b';
	pid_t pid;

	while (getppid() == maker && now_us() < end_us)
		(void)sched_yield();
	maker = getpid();
	do {
		pid = clone(hop_by_clone, stacks[!which] + STACK - 64,
		    CLONE_VM | SIGCHLD, which ? "a" : "b");
	} while (pid < 0 && now_us() < end_us);
	_exit(0);
}

/* Each the parent of the next, whose end it waits for in the kernel. */
static _Noreturn void
wait_in_vfork(void)
{
	volatile int i; /* one for all of them */

	for (i = 0; i < LINKS; i++)
		if (vfork() != 0)
			_exit(CODE);
	_exit(wait_for_end("all wait"));
}

int
main(int argc, char **argv)
{
	end_us = now_us() + LIFE * (int64_t)1000000;
	if (argc == 3 && strcmp(argv[1], "hop") == 0) {
		end_us = strtoll(argv[2], NULL, 10);
		hop_by_vfork(argv[0]);
	}
	begin(argc, argv, 1, "vfork|vm|chain");
	if (strcmp(argv[3], "chain") == 0)
		wait_in_vfork();
	if (try_fork() == 0) {
		(void)setsid();
		if (strcmp(argv[3], "vfork") == 0)
			hop_by_vfork(argv[0]);
		pass_gate();
		maker = getpid();
		if (fork() == 0)
			hop_by_clone("a");
		_exit(0);
	}
	await_all(strcmp(argv[3], "vm") == 0);
	return wait_for_end("hopping");
}
