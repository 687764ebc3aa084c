/* SPDX-License-Identifier: ISC */
/*
 * tracer LOCK READY sibling|main|exit PID|plain PID
 *
 * Attacks who waits for the end of what it has killed: a process traces
 * another one with PTRACE_O_TRACEEXIT and never lets it go on, so that it
 * stays in its exit, for any number of SIGKILLs, until the tracer is dead.
 * `sibling` traces another child, `main` the program itself. With a PID it is a
 * stranger to the tree that traces that process: with this option (`exit`), or
 * without any (`plain`), so that a dead one stays a zombie for its parent.
 */
#include <sys/ptrace.h>

#include "attack.h"

static void
trace(pid_t pid, long options)
{
	if (ptrace(PTRACE_SEIZE, pid, NULL, (void *)options) < 0)
		die("PTRACE_SEIZE");
}

int
main(int argc, char **argv)
{
	pid_t victim = getpid();

	begin(argc, argv, 1, "sibling|main|exit PID|plain PID");
	if (argc > 4) {
		trace(atoi(argv[4]),
		    strcmp(argv[3], "exit") == 0 ? PTRACE_O_TRACEEXIT : 0);
		return wait_for_end("traced");
	}
	if (strcmp(argv[3], "sibling") == 0) {
		victim = try_fork();
		if (victim == 0) {
			pass_gate();
			sleep_on();
		}
	}
	if (try_fork() == 0) {
		(void)setsid();
		(void)signal(SIGTERM, SIG_IGN);
		trace(victim, PTRACE_O_TRACEEXIT);
		tell("traced");
		pass_gate();
		sleep_on();
	}
	await_all(strcmp(argv[3], "sibling") == 0 ? 2 : 1);
	await_file("end");
	return CODE;
}
