/* SPDX-License-Identifier: ISC */
/*
 * standin [-a group|all] [-r] [-x] DIR [PROGRAM ...]
 *
 * A small supervisor of lib/control, status and fifodir, for their tests: it
 * runs PROGRAM (sleep 1000) as the letters want it, with everything that the
 * clients of daemontools, runit and s6 look at. -r: ready at once; -x: as
 * runsv. `1` makes the program ready, `2` makes the service fail for good.
 *
 * standin notify DIR LETTERS	tell the event directory DIR
 * standin listen DIR		subscribe there, print `ready` and what comes
 * standin client status|keys DIR
 * standin client control DIR WORD
 * standin client wait DIR STATE [DURATION]
 *
 * 111 and the name of what could not be opened if it is supervised already.
 */
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../../lib/client.h"
#include "../../lib/control.h"
#include "../../lib/diag.h"
#include "../../lib/fifodir.h"
#include "../../lib/status.h"
#include "../../lib/sys.h"

static struct control control = CONTROL_INIT;
static struct status status;
static int event_fd = -1, service_fd = -1;
static bool ready_at_once, as_runsv, once, exiting;
static char *const *program = (char *const[]){ "sleep", "1000", NULL };

static void
tell(const char *letters)
{
	int r = status_write(control.dir_fd, &status, false);

	if (r < 0)
		fprintf(stderr, "standin: status: %s\n", strerror(-r));
	if (letters[0] != '\0')
		(void)fifodir_notify(event_fd, letters);
}

static void
touch_time(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	status.since_s = now.tv_sec;
	status.since_ns = (uint32_t)now.tv_nsec;
}

static void
become_ready(void)
{
	if (status.state != STATUS_UP || status.ready)
		return;
	status.ready = true;
	status.ready_s = time(NULL);
	tell("U");
}

static void
start(void)
{
	uint64_t none = 0;
	pid_t pid;

	if (status.has_ended)
		usleep(10000); /* a program that fails is no load */
	pid = fork();
	if (pid == 0) {
		sys_sigmask(SIG_SETMASK, &none, NULL);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		fchdir(service_fd);
		execvp(program[0], program);
		_exit(127);
	}
	status.state = STATUS_UP;
	status.pid = (uint32_t)pid;
	status.ready = status.paused = status.got_term = false;
	touch_time();
	tell("u");
	if (ready_at_once)
		become_ready();
}

static void
end(int wstat)
{
	status.state = STATUS_FINISH;
	status.pid = 0;
	status.wstat = wstat;
	status.has_ended = true;
	status.ready = status.paused = status.got_term = false;
	touch_time();
	tell("d");
	status.state = STATUS_DOWN;
	if (once)
		status.want_up = false;
	tell(status.failed ? "OD" : "D");
}

static void
signal_program(int sig)
{
	if (status.pid == 0)
		return;
	kill((pid_t)status.pid, sig);
	if (sig == SIGTERM)
		kill((pid_t)status.pid, SIGCONT);
}

static void
pause_program(bool on)
{
	if (status.pid == 0)
		return;
	kill((pid_t)status.pid, on ? SIGSTOP : SIGCONT);
	status.paused = on;
	tell("");
}

static void
want(bool up)
{
	status.want_up = up;
	if (up)
		status.failed = false;
	else if (status.pid != 0)
		status.got_term = true;
	tell("");
	if (!up)
		signal_program(SIGTERM);
}

static void
obey(const struct control_letter *row)
{
	switch ((enum command)row->command) {
	case COMMAND_UP:
		once = false;
		want(true);
		break;
	case COMMAND_STOP_EXIT:
		status.will_exit = exiting = true;
		want(false);
		break;
	case COMMAND_DOWN:
		want(false);
		break;
	case COMMAND_ONCE:
		once = true;
		status.want_up = false;
		tell("");
		if (status.pid == 0)
			start();
		break;
	case COMMAND_EXIT:
		status.will_exit = exiting = true;
		tell("");
		break;
	case COMMAND_RESTART:
		signal_program(SIGTERM);
		break;
	case COMMAND_PAUSE:
	case COMMAND_CONTINUE:
		pause_program(row->command == COMMAND_PAUSE);
		break;
	case COMMAND_SIGNAL:
		if (row->signal == SIGUSR1) {
			become_ready();
			break;
		}
		if (row->signal == SIGUSR2) {
			status.failed = true;
			want(false);
			break;
		}
		if (row->signal == SIGTERM) {
			status.got_term = status.pid != 0;
			tell("");
		}
		signal_program(row->signal);
		break;
	default:
		break;
	}
}

static void
take_letters(void)
{
	char letters[16];
	const struct control_letter *row;
	ssize_t i, n;

	n = control_read(&control, letters, sizeof(letters));
	for (i = 0; i < n; i++) {
		row = control_find(letters[i], as_runsv);
		if (row != NULL)
			obey(row);
	}
}

static int
supervise(const char *dir, enum control_access access)
{
	struct signalfd_siginfo from;
	struct pollfd fds[2] = { { .events = POLLIN }, { .events = POLLIN } };
	uint64_t chld = UINT64_C(1) << (SIGCHLD - 1);
	uint64_t mask = chld | UINT64_C(1) << (SIGPIPE - 1);
	const char *name = "";
	int r, wstat;
	pid_t pid;

	sys_sigmask(SIG_BLOCK, &mask, NULL);
	fds[0].fd = sys_signalfd(chld);
	service_fd = sys_open(AT_FDCWD, dir, O_RDONLY | O_DIRECTORY);
	r = service_fd;
	if (r >= 0)
		r = control_open(&control, service_fd, access, &name);
	if (r >= 0)
		r = event_fd = fifodir_make(
		    service_fd, "event", control_event_mode(access));
	if (r < 0) {
		fprintf(stderr, "standin: %s: %s\n", name, strerror(-r));
		return 111;
	}
	fds[1].fd = control.fd;
	status.want_up = faccessat(service_fd, "down", F_OK, 0) < 0;
	touch_time();
	tell("");
	if (control_announce(&control, access) < 0) {
		fprintf(stderr, "standin: supervise/ok\n");
		return 111;
	}
	tell("s");
	for (;;) {
		if (status.state == STATUS_DOWN && exiting)
			break;
		if (status.state == STATUS_DOWN && status.want_up)
			start();
		poll(fds, 2, -1);
		if (fds[0].revents != 0)
			(void)!read(fds[0].fd, &from, sizeof(from));
		while ((pid = waitpid(-1, &wstat, WNOHANG)) > 0)
			if (pid == (pid_t)status.pid)
				end(wstat);
		if (fds[1].revents != 0)
			take_letters();
	}
	tell("x");
	control_close(&control);
	return 0;
}

static int
listen_to(const char *dir)
{
	struct fifodir_subscription sub;
	struct pollfd fd = { .events = POLLIN };
	char letters[64];
	ssize_t n;
	int r, dir_fd = sys_open(AT_FDCWD, dir, O_PATH | O_DIRECTORY);

	r = fifodir_subscribe(dir_fd, &sub);
	if (r < 0) {
		fprintf(stderr, "standin: subscribe: %s\n", strerror(-r));
		return 111;
	}
	fd.fd = sub.fd;
	puts("ready");
	fflush(stdout);
	while (poll(&fd, 1, 10000) == 1) {
		n = sys_read(sub.fd, letters, sizeof(letters));
		fwrite(letters, 1, n > 0 ? (size_t)n : 0, stdout);
		fflush(stdout);
		if (n > 0 && letters[n - 1] == 'x')
			break;
	}
	fifodir_unsubscribe(&sub);
	return 0;
}

static int
client(int argc, char **argv)
{
	int64_t timeout = INT64_MAX;

	if (argc == 2 && strcmp(argv[0], "status") == 0)
		return client_status(argv[1], false);
	if (argc == 2 && strcmp(argv[0], "keys") == 0)
		return client_status(argv[1], true);
	if (argc == 3 && strcmp(argv[0], "control") == 0)
		return client_control(argv[1], argv[2]);
	if (argc == 4 && str_to_duration(argv[3], &timeout) < 0)
		return EXIT_USAGE;
	if (argc >= 3 && strcmp(argv[0], "wait") == 0)
		return client_wait(argv[1], argv[2], timeout);
	return EXIT_USAGE;
}

int
main(int argc, char **argv)
{
	enum control_access access = CONTROL_AS_IS;
	int c;

	if (argc > 2 && strcmp(argv[1], "client") == 0)
		return client(argc - 2, argv + 2);
	if (argc == 3 && strcmp(argv[1], "listen") == 0)
		return listen_to(argv[2]);
	if (argc == 4 && strcmp(argv[1], "notify") == 0) {
		(void)signal(SIGPIPE, SIG_IGN);
		event_fd = sys_open(AT_FDCWD, argv[2], O_RDONLY | O_DIRECTORY);
		c = fifodir_notify(event_fd, argv[3]);
		if (c < 0)
			fprintf(stderr, "standin: %s\n", strerror(-c));
		return c < 0;
	}
	while ((c = getopt(argc, argv, "+a:rx")) != -1) {
		if (c == 'a')
			access = strcmp(optarg, "all") == 0 ? CONTROL_ALL
							    : CONTROL_GROUP;
		else if (c == 'r')
			ready_at_once = true;
		else if (c == 'x')
			as_runsv = true;
		else
			return EXIT_USAGE;
	}
	if (optind >= argc)
		return EXIT_USAGE;
	if (optind + 1 < argc)
		program = argv + optind + 1;
	return supervise(argv[optind], access);
}
