/* SPDX-License-Identifier: ISC */
/*
 * abandon COMMAND [ARGUMENT ...]
 *
 * The parent of COMMAND, which dies: by SIGKILL, when SIGUSR1 comes. COMMAND
 * is then a child of this process, which waits for its end and exits with its
 * code, or with 128 and the number of the signal. The file `pid` has its pid.
 * Gives up after 60 seconds.
 */
#include <sys/prctl.h>

#include "attack.h"

static void
run(char **argv, const sigset_t *mask)
{
	pid_t pid;
	FILE *file;

	alarm(LIFE);
	pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0) {
		(void)sigprocmask(SIG_SETMASK, mask, NULL);
		(void)execvp(argv[0], argv);
		die(argv[0]);
	}
	file = fopen("pid.new", "we");
	if (file == NULL || fprintf(file, "%d\n", (int)pid) < 0 ||
	    fclose(file) != 0 || rename("pid.new", "pid") < 0)
		die("pid");
	sleep_on();
}

/* The pid that run() has written, which is ours as soon as that is dead. */
static pid_t
read_pid(void)
{
	FILE *file = fopen("pid", "re");
	int pid = 0;

	if (file == NULL || fscanf(file, "%d", &pid) != 1)
		die("pid");
	fclose(file);
	return pid;
}

int
main(int argc, char **argv)
{
	pid_t parent, pid, command;
	sigset_t usr1, old;
	int status, sig;

	if (argc < 2) {
		fputs("usage: abandon COMMAND [ARGUMENT ...]\n", stderr);
		return 100;
	}
	alarm(LIFE);
	(void)sigemptyset(&usr1);
	(void)sigaddset(&usr1, SIGUSR1);
	(void)sigprocmask(SIG_BLOCK, &usr1, &old);
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		die("prctl");
	parent = fork();
	if (parent < 0)
		die("fork");
	if (parent == 0)
		run(argv + 1, &old);
	(void)sigwait(&usr1, &sig);
	command = read_pid();
	if (kill(parent, SIGKILL) < 0)
		die("kill");
	do {
		pid = waitpid(-1, &status, 0);
		if (pid < 0 && errno != EINTR)
			die("waitpid");
	} while (pid != command);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
