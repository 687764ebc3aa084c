/* SPDX-License-Identifier: ISC */
#ifndef CLIENT_H
#define CLIENT_H

/*
 * What svstat, sv, s6-svc and s6-svwait do, for images that have none of
 * them: each a whole command, which changes to the directory of the service,
 * prints its result to standard output and what is wrong to standard error,
 * and returns an exit code:
 *
 *	0	done, or reached
 *	1	--wait: will not be reached; the service failed for good, or
 *		its supervisor has gone
 *	99	--wait: not reached in time
 *	100	there is no such command or state
 *	111	nobody supervises it, or the system refused
 */

#include <stdbool.h>
#include <stdint.h>

#include "status.h"
#include "str.h"

/*
 * One line for people, or key=value lines for programs:
 *
 *	state=up|finish|down  want=up|down  normally=up|down
 *	since=SECONDS (unix time)  paused=0|1  failed=0|1
 *
 * always, and where there is one pid=, ready=SECONDS, exit=CODE or signal=NAME
 * (of the last end); then deaths=NUMBER and for each, the oldest first,
 * death=SECONDS exit CODE or death=SECONDS signal NAME.
 */
int client_status(const char *dir, bool keys);
/* a word or a letter of control.h, in one write */
int client_control(const char *dir, const char *word);
/*
 * Until the service is `up`, `ready` or `down` (really), or its supervisor is
 * `gone`; 0 looks once. Nothing is polled: what happens comes through the
 * event directory and by inotify(7), and the end of the supervisor, even by
 * SIGKILL, as POLLERR of the FIFO `ok` whose reader it was.
 */
int client_wait(const char *dir, const char *state, int64_t timeout_ns);

/* the pure part of client_status, without the last newline */
void client_describe(struct text *text, const struct status *status,
    bool normally_up, int64_t now_s);
void client_add_keys(
    struct text *text, const struct status *status, bool normally_up);

#endif
