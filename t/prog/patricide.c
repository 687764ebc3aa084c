/* SPDX-License-Identifier: ISC */
/*
 * patricide LOCK READY parent|init|guard|hunt SIGNAL [COUNT]
 *
 * Attacks its supervisor: sends SIGNAL (a number) to its parent; to PID 1 of
 * its namespace; or to all other children of its parent, of which the guard is
 * one. It has three daemons by then. Only within a PID namespace does it send
 * anything to PID 1. With `guard` it strikes COUNT (1) of them, each as soon as
 * it sees it, be it armed or not, and is in position when there is another one
 * and its parent has gone on after that: it has forwarded a SIGUSR1, of which
 * the test sends some once there is a file READY.armed. With `hunt` a child of
 * its strikes every guard, for ever, and it is in position after the first.
 */
#include "attack.h"

static int
list_children(pid_t parent, pid_t *pids, int room)
{
	char path[64];
	FILE *file;
	int n = 0, pid;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)parent,
	    (int)parent);
	file = fopen(path, "re");
	if (file == NULL)
		die(path);
	while (n < room && fscanf(file, "%d", &pid) == 1)
		if (pid != getpid())
			pids[n++] = pid;
	fclose(file);
	return n;
}

/* The only child of the parent besides us. */
static pid_t
await_guard(pid_t parent, pid_t other_than)
{
	pid_t pids[16];
	int n;

	do
		n = list_children(parent, pids, 16);
	while (n == 0 || (n == 1 && pids[0] == other_than));
	if (n > 1) {
		fputs("there is more than a guard\n", stderr);
		_exit(1);
	}
	return pids[0];
}

static void
strike_guards(pid_t parent, int sig, int count)
{
	const struct timespec none = { 0, 0 };
	char path[4096];
	sigset_t usr1;
	pid_t guard;

	(void)sigemptyset(&usr1);
	(void)sigaddset(&usr1, SIGUSR1);
	(void)sigprocmask(SIG_BLOCK, &usr1, NULL);
	snprintf(path, sizeof(path), "%s.armed", attack_ready);
	close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666));
	guard = await_guard(parent, 0);
	while (count-- > 0) {
		if (kill(guard, sig) < 0)
			die("kill");
		guard = await_guard(parent, guard);
	}
	/* those of before have told nothing */
	while (sigtimedwait(&usr1, NULL, &none) == SIGUSR1)
		;
	(void)sigwaitinfo(&usr1, NULL);
}

/* By a child, as long as it lives. */
static _Noreturn void
hunt(pid_t parent, pid_t program, int sig)
{
	int64_t end_us = now_us() + LIFE * (int64_t)1000000;
	pid_t pids[16];
	bool struck = false;
	int i;

	(void)setsid();
	(void)signal(SIGTERM, SIG_IGN);
	while (now_us() < end_us) {
		for (i = list_children(parent, pids, 16); i-- > 0;) {
			if (pids[i] == program || kill(pids[i], sig) < 0)
				continue;
			if (!struck)
				pass_gate();
			struck = true;
		}
	}
	_exit(0);
}

int
main(int argc, char **argv)
{
	pid_t parent = getppid();
	int i, sig;

	begin(argc, argv, 2, "parent|init|guard|hunt SIGNAL [COUNT]");
	sig = atoi(argv[4]);
	if (strcmp(argv[3], "guard") == 0) {
		strike_guards(parent, sig, argc > 5 ? atoi(argv[5]) : 1);
	} else if (strcmp(argv[3], "init") == 0 &&
		   (getpid() > 100 || parent != 0)) {
		fputs("not in a PID namespace\n", stderr);
		return 1;
	} else if (strcmp(argv[3], "parent") == 0 && parent <= 1) {
		fputs("no parent in sight\n", stderr);
		return 1;
	}
	if (strcmp(argv[3], "hunt") == 0) {
		if (try_fork() == 0)
			hunt(parent, getppid(), sig);
		await_all(1);
		return wait_for_end("hunting");
	}
	for (i = 0; i < 3; i++)
		start_daemon();
	await_all(3);
	if (strcmp(argv[3], "guard") == 0)
		return wait_for_end("guard replaced");
	if (strcmp(argv[3], "parent") == 0) {
		tell("struck");
		if (kill(parent, sig) < 0)
			die("kill");
		await_file("end");
		return CODE;
	}
	(void)kill(1, sig);
	return wait_for_end("struck");
}
