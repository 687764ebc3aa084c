/* SPDX-License-Identifier: ISC */
/*
 * terminal	A terminal with somebody in front of it, and the job control
 *		of an interactive shell. Does what it reads on its input, a
 *		line each; what does not come true within 10 seconds ends it
 *		with a word, all that was on the terminal, and 1.
 *
 *	job CMD		a job in the foreground: a process group of its own
 *	background CMD	one in the background
 *	leader CMD	the leader of the terminal's session (docker run -t)
 *	detached CMD	it has the terminal as 0, 1 and 2 and no controlling one
 *
 * One of them, once. CMD is given to `sh -c exec`.
 *
 *	type TEXT	^C is Ctrl-C, ^M is Enter, and so on here and below
 *	expect TEXT	it appears behind what was last expected
 *	count N TEXT	it is there so many times, of all that has appeared
 *	size ROWS COLUMNS
 *	signal SIG	a number; to the process
 *	stopped		the job is reported as stopped
 *	exited CODE
 *	killed SIG
 *	foreground WHO	who has the terminal: `shell`; `job`, the process group
 *			of the process; `program`, that of a child of it
 *	take		the shell takes the terminal, as shells do then
 *	fg, bg		the job is continued there
 *	early N CMD	N times: CMD is a job, and Ctrl-Z is typed a random
 *			moment later; it must be reported as stopped, and the
 *			next `x` and Enter to it, in the foreground, end it
 *	hangup		the terminal is switched off
 *	run CMD		somewhere else, by `sh -c`; it must succeed
 *
 * What is typed is not echoed by the terminal, and no key drops what others
 * have typed or programs written.
 */
#include <sys/ioctl.h>
#include <sys/types.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum {
	LIMIT_MS = 10000,
	STEP_MS = 5,
	NOTHING = -1,
};

/* clang-format off */
static int master = -1, slave = -1;
static char seen[1 << 20];	/* all that has appeared */
static size_t nseen, nexpected;
static pid_t job;		/* 0: it has ended, or not begun */
static pid_t job_group;
static int job_status = NOTHING;	/* as of waitpid, not yet asked for */
static bool is_shell;
static char line[1024];
static int nline;
/* clang-format on */

/* As gently as time permits, so that nothing of it is left. */
static void
end_job(void)
{
	int tries, status;

	(void)kill(job, SIGTERM);
	(void)kill(job, SIGCONT);
	for (tries = 0; tries < 100; tries++) {
		if (waitpid(job, &status, WNOHANG) == job)
			return;
		(void)poll(NULL, 0, STEP_MS);
		if (tries == 50)
			(void)kill(job, SIGTERM); /* at once */
	}
	(void)kill(-job, SIGKILL);
	(void)kill(job, SIGKILL);
}

static _Noreturn void
fail(const char *format, ...)
{
	va_list args;

	printf("line %d: %s: ", nline, line);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n-- on the terminal:\n%.*s\n--\n", (int)nseen, seen);
	(void)fflush(stdout);
	if (job > 0)
		end_job();
	_exit(1);
}

static int64_t
now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * INT64_C(1000) + ts.tv_nsec / 1000000;
}

/* One look at all that can have happened, after at most a few milliseconds. */
static void
look(void)
{
	struct pollfd in = { .fd = master, .events = POLLIN };
	int status;
	ssize_t n;

	if (poll(&in, 1, STEP_MS) == 1 && (in.revents & POLLIN) != 0) {
		n = read(master, seen + nseen, sizeof(seen) - 1 - nseen);
		if (n > 0)
			nseen += (size_t)n;
	} else if ((in.revents & POLLHUP) != 0) {
		(void)poll(NULL, 0, STEP_MS); /* nobody has it open */
	}
	if (job > 0 && job_status == NOTHING &&
	    waitpid(job, &status, WNOHANG | WUNTRACED) == job)
		job_status = status;
}

static void
open_terminal(void)
{
	struct termios mode;
	int zero = 0;

	master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (master < 0 || ioctl(master, TIOCSPTLCK, &zero) < 0)
		fail("ptmx: %s", strerror(errno));
	slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		fail("%s: %s", ptsname(master), strerror(errno));
	(void)tcgetattr(slave, &mode);
	mode.c_lflag &= ~(tcflag_t)ECHO;
	mode.c_lflag |= NOFLSH; /* Ctrl-C takes no text away */
	mode.c_oflag &= ~(tcflag_t)OPOST;
	(void)tcsetattr(slave, TCSANOW, &mode);
}

static void
become_shell(void)
{
	if (is_shell)
		return;
	is_shell = true;
	if (setsid() < 0 || ioctl(slave, TIOCSCTTY, 0) < 0)
		fail("no session: %s", strerror(errno));
}

static _Noreturn void
run_job(const char *how, const char *command, int ready, int go)
{
	char text[sizeof(line) + 8], byte = 0;
	int sig;

	(void)snprintf(text, sizeof(text), "exec %s", command);
	for (sig = 1; sig <= 31; sig++)
		(void)signal(sig, SIG_DFL);
	(void)!write(ready, &byte, 1);
	(void)!read(go, &byte, 1); /* until that is closed */
	if (*how == 'l' || *how == 'd')
		(void)setsid();
	if (*how == 'l')
		(void)ioctl(slave, TIOCSCTTY, 0);
	(void)dup2(slave, 0);
	(void)dup2(slave, 1);
	(void)dup2(slave, 2);
	(void)execl("/bin/sh", "sh", "-c", text, (char *)NULL);
	_exit(127);
}

/* It begins when its group and the terminal are as they should be. */
static void
start(const char *how, const char *command)
{
	int ready[2], go[2];
	char byte;

	if (job > 0)
		fail("there is one already");
	if (*how == 'j' || *how == 'b')
		become_shell();
	if (pipe2(ready, O_CLOEXEC) < 0 || pipe2(go, O_CLOEXEC) < 0)
		fail("pipe2");
	job = fork();
	if (job == 0) {
		(void)close(go[1]);
		run_job(how, command, ready[1], go[0]);
	}
	(void)!read(ready[0], &byte, 1);
	job_group = job;
	if (*how == 'j' || *how == 'b')
		(void)setpgid(job, job);
	if (*how == 'j')
		(void)tcsetpgrp(slave, job);
	(void)close(go[0]);
	(void)close(go[1]);
	(void)close(ready[0]);
	(void)close(ready[1]);
}

/* Makes control characters of ^A to ^_. */
static void
unescape(char *text)
{
	char *out = text;

	for (; *text != '\0'; text++) {
		if (*text == '^' && text[1] != '\0')
			*out++ = (char)(*++text & 0x1f);
		else
			*out++ = *text;
	}
	*out = '\0';
}

static void
type(const char *text)
{
	size_t length = strlen(text);

	if (write(master, text, length) != (ssize_t)length)
		fail("%s", strerror(errno));
}

static void
expect(const char *text)
{
	int64_t end = now_ms() + LIMIT_MS;
	char *found;

	for (;;) {
		seen[nseen] = '\0';
		found = strstr(seen + nexpected, text);
		if (found != NULL)
			break;
		if (now_ms() > end)
			fail("it does not appear");
		look();
	}
	nexpected = (size_t)(found - seen) + strlen(text);
}

static void
count(int expected, const char *text)
{
	const char *found = seen;
	int n = 0;

	look();
	seen[nseen] = '\0';
	while ((found = strstr(found, text)) != NULL) {
		found += strlen(text);
		n++;
	}
	if (n != expected)
		fail("%d times", n);
}

static int
await(void)
{
	int64_t end = now_ms() + LIMIT_MS;
	int status;

	while (job_status == NOTHING) {
		if (now_ms() > end)
			fail("nothing is reported");
		look();
	}
	status = job_status;
	job_status = NOTHING;
	if (!WIFSTOPPED(status))
		job = 0;
	return status;
}

static void
expect_status(const char *what, int number)
{
	int status = await();
	bool good;

	if (*what == 's')
		good = WIFSTOPPED(status);
	else if (*what == 'e')
		good = WIFEXITED(status) && WEXITSTATUS(status) == number;
	else
		good = WIFSIGNALED(status) && WTERMSIG(status) == number;
	if (!good)
		fail("its status is %#x", (unsigned)status);
}

static pid_t
parent_of(pid_t pid)
{
	char path[64], text[256] = "";
	char *end;
	FILE *in;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	in = fopen(path, "re");
	if (in == NULL)
		return -1;
	(void)!fread(text, 1, sizeof(text) - 1, in);
	(void)fclose(in);
	end = strrchr(text, ')');
	return end != NULL ? (pid_t)atoi(end + 4) : -1;
}

static bool
has_terminal(const char *who)
{
	pid_t group = tcgetpgrp(master);

	if (*who == 's')
		return group == getpgrp();
	if (*who == 'j')
		return group == job_group;
	return group > 0 && group != job_group && group != getpgrp() &&
	       parent_of(group) == job;
}

static void
expect_foreground(const char *who)
{
	int64_t end = now_ms() + LIMIT_MS;

	while (!has_terminal(who)) {
		if (now_ms() > end)
			fail("it is group %d; the job is %d, the shell %d",
			    (int)tcgetpgrp(master), (int)job_group,
			    (int)getpgrp());
		look();
	}
}

static void
resume(bool foreground)
{
	if (foreground)
		(void)tcsetpgrp(slave, job);
	(void)kill(-job, SIGCONT);
}

/* Nothing may be typed while it is the shell that would get it. */
static void
early(int n, const char *command)
{
	struct timespec moment = { 0 };

	srandom((unsigned)time(NULL) ^ (unsigned)getpid());
	for (; n > 0; n--) {
		start("job", command);
		moment.tv_nsec = random() % 3000 * 1000;
		(void)nanosleep(&moment, NULL);
		type("\x1a");
		expect_status("stopped", 0);
		(void)tcsetpgrp(slave, getpgrp());
		resume(true);
		type("x\r");
		expect_status("exited", 0);
		(void)tcsetpgrp(slave, getpgrp());
	}
}

static void
do_line(const char *word, char *rest)
{
	struct winsize size = { 0 };
	int number;
	char *end;

	if (strcmp(word, "type") == 0 || strcmp(word, "expect") == 0 ||
	    strcmp(word, "count") == 0)
		unescape(rest);
	if (strcmp(word, "job") == 0 || strcmp(word, "background") == 0 ||
	    strcmp(word, "leader") == 0 || strcmp(word, "detached") == 0) {
		start(word, rest);
	} else if (strcmp(word, "type") == 0) {
		type(rest);
	} else if (strcmp(word, "expect") == 0) {
		expect(rest);
	} else if (strcmp(word, "count") == 0) {
		number = (int)strtol(rest, &end, 10);
		count(number, *end != '\0' ? end + 1 : end);
	} else if (strcmp(word, "size") == 0) {
		size.ws_row = (unsigned short)strtol(rest, &end, 10);
		size.ws_col = (unsigned short)strtol(end, NULL, 10);
		(void)ioctl(master, TIOCSWINSZ, &size);
	} else if (strcmp(word, "signal") == 0) {
		(void)kill(job, atoi(rest));
	} else if (strcmp(word, "stopped") == 0 ||
		   strcmp(word, "exited") == 0 || strcmp(word, "killed") == 0) {
		expect_status(word, atoi(rest));
	} else if (strcmp(word, "foreground") == 0) {
		expect_foreground(rest);
	} else if (strcmp(word, "take") == 0) {
		(void)tcsetpgrp(slave, getpgrp());
	} else if (strcmp(word, "fg") == 0) {
		resume(true);
	} else if (strcmp(word, "bg") == 0) {
		resume(false);
	} else if (strcmp(word, "early") == 0) {
		become_shell();
		number = (int)strtol(rest, &end, 10);
		early(number, *end != '\0' ? end + 1 : end);
	} else if (strcmp(word, "run") == 0) {
		if (system(rest) != 0)
			fail("it has failed");
	} else if (strcmp(word, "hangup") == 0) {
		(void)close(slave);
		(void)close(master);
		slave = master = -1;
	} else {
		fail("what is that?");
	}
}

static int
run(void)
{
	char copy[sizeof(line)], *rest;

	(void)signal(SIGTTOU, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGQUIT, SIG_IGN);
	(void)signal(SIGTSTP, SIG_IGN);
	open_terminal();
	while (fgets(line, sizeof(line), stdin) != NULL) {
		nline++;
		line[strcspn(line, "\n")] = '\0';
		memcpy(copy, line, sizeof(copy));
		rest = copy + strcspn(copy, " ");
		if (*rest == ' ')
			*rest++ = '\0';
		if (*copy != '\0' && *copy != '#')
			do_line(copy, rest);
	}
	if (job > 0)
		fail("it still runs at the end");
	return 0;
}

/* In a child, which is no group leader and can have a session of its own. */
int
main(void)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0)
		_exit(run());
	(void)waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 3;
}
