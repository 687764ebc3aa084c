/* SPDX-License-Identifier: ISC */
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "str.h"
#include "stub.h"
#include "sys.h"

bool
stub_life_ended(int life_fd, bool wait)
{
	struct pollfd pollfd = { .fd = life_fd, .events = POLLIN };
	int r;

	do
		r = poll(&pollfd, 1, wait ? -1 : 0);
	while (r < 0); /* EINTR; ENOMEM: never take that for an end */
	return r > 0;
}

/* One uid and one gid, each mapped to itself: all that one may do alone. */
static int
write_map(const char *path, int64_t id)
{
	char map[48];
	struct text text = TEXT(map);

	text_add_number(&text, id);
	text_add(&text, " ");
	text_add_number(&text, id);
	text_add(&text, " 1");
	return sys_write_file(AT_FDCWD, path, map);
}

static int
write_maps(uid_t uid, gid_t gid)
{
	int r = write_map("/proc/self/uid_map", uid);

	if (r == 0) /* since 3.19 a gid may not be mapped without */
		r = sys_write_file(AT_FDCWD, "/proc/self/setgroups", "deny");
	if (r == 0)
		r = write_map("/proc/self/gid_map", gid);
	return r;
}

static _Noreturn void
give_up(int report_fd, int step, int error)
{
	struct stub_report report = { .step = step, .error = -error };

	(void)sys_write_all(report_fd, &report, sizeof(report));
	_exit(1);
}

/* Is there a question among the signals that have come? */
static bool
take_signals(int signal_fd)
{
	struct signalfd_siginfo from;
	bool asked = false;

	while (sys_read(signal_fd, &from, sizeof(from)) == sizeof(from))
		asked |= from.ssi_signo == STUB_QUESTION;
	return asked;
}

/* Reaps until life_fd ends; tells when no child is left, or when asked. */
static void
tell_until_end(int life_fd, int signal_fd, int tell_fd)
{
	struct pollfd pollfds[] = {
		{ .fd = life_fd, .events = POLLIN },
		{ .fd = signal_fd, .events = POLLIN },
	};
	const uint64_t empty = STUB_EMPTY, busy = STUB_BUSY;
	siginfo_t info;
	bool asked;
	int r;

	while (poll(pollfds, 2, -1) < 0 || pollfds[0].revents == 0) {
		asked = take_signals(signal_fd);
		while ((r = sys_waitid(P_ALL, 0, &info, WEXITED | WNOHANG)) > 0)
			;
		if (r == -ECHILD)
			(void)sys_write_all(tell_fd, &empty, sizeof(empty));
		else if (asked)
			(void)sys_write_all(tell_fd, &busy, sizeof(busy));
	}
}

_Noreturn void
stub_run(const struct stub *stub)
{
	struct stub_report report = { .step = STUB_ARMED };
	int kept[STUB_KEPT + 3];
	int report_fd = stub->report_fd, signal_fd = -1, r;
	bool is_guard = stub->guard;
	int life_fd = stub->life_fd, tell_fd = stub->tell_fd;
	size_t n = 0, i;

	if (stub->guard) {
		(void)setsid(); /* fails only for who leads one already */
	} else {
		r = sys_prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (r < 0)
			report = (struct stub_report){
				.step = STUB_PDEATHSIG_REFUSED,
				.error = -r,
			};
		if (stub->tell_fd >= 0)
			signal_fd =
			    sys_signalfd(UINT64_C(1) << (SIGCHLD - 1) |
					 UINT64_C(1) << (STUB_QUESTION - 1));
		if (signal_fd < 0) /* then the kernel reaps */
			sys_dispose(SIGCHLD, SIG_IGN);
	}
	if (stub->userns) {
		r = write_maps(stub->uid, stub->gid);
		if (r < 0)
			give_up(report_fd, STUB_MAP_REFUSED, r);
	}
	/* PDEATHSIG is set: who died before that is seen here */
	if (stub_life_ended(stub->life_fd, false))
		_exit(0);
	(void)sys_write_all(report_fd, &report, sizeof(report));
	fd_close(&report_fd);
	/* only now: a close can take its time, on a network file system */
	kept[n++] = stub->life_fd;
	kept[n++] = signal_fd;
	kept[n++] = stub->tell_fd;
	for (i = 0; i < STUB_KEPT; i++)
		kept[n++] = stub->kept[i];
	fd_close_others(0, kept, n, stub->by_hand);
	if (!stub->guard)
		sys_drop_stack(true);
	if (signal_fd >= 0)
		tell_until_end(life_fd, signal_fd, tell_fd);
	else
		(void)stub_life_ended(life_fd, true);
	if (is_guard)
		stub->orphaned(stub->context);
	_exit(0);
}
