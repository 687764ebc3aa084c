/* SPDX-License-Identifier: ISC */
#ifndef ARGV0_H
#define ARGV0_H

/*
 * Called as tini, tini-static, docker-init, dumb-init or catatonit (the last
 * component of argv[0]) we understand that tool's command line, and of its
 * environment variables those with a meaning here, as the options of ours
 * that come nearest. man/supervise.1 says what is different; by any other
 * name the command line is ours (lib/options.h).
 *
 * Like dumb-init, and unlike the other two, all end at the first operand.
 */

#include "options.h"
#include "str.h"

/*
 * As options_parse; what is to be printed after OPTIONS_HELP and
 * OPTIONS_VERSION is added to *answer. OPTIONS_PAUSE: argv0_pause is wanted.
 */
enum options_result argv0_parse(struct options *options, char **argv,
    struct options_error *error, struct text *answer);

/*
 * catatonit -P: the init of a pod's PID namespace. Orphans are reaped by the
 * kernel; TERM or INT, which must be blocked already, end it with 0.
 */
_Noreturn void argv0_pause(void);

#endif
