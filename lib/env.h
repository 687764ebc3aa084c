/* SPDX-License-Identifier: ISC */
#ifndef ENV_H
#define ENV_H

/*
 * The environment of a program that is about to be executed.
 *
 * env_change makes `environ` a new array: a change `NAME=value` sets, `NAME`
 * alone removes, `NAME=` followed by nothing is set to our own pid, as
 * LISTEN_PID and WATCHDOG_PID want it: in the program's own numbering, which
 * only the program's side of a clone knows. The array is mapped, for there is
 * no heap and no bound to how many variables there are; pid_text must live
 * until the exec, as the changes must.
 *
 * 0, or -ENOMEM and nothing changed.
 */

#include <stddef.h>

struct env_pid {
	char text[2][32];
};

/* The value of a variable, or NULL. */
const char *env_get(const char *name);
int env_change(const char *const *changes, size_t n, struct env_pid *pid_text);

#endif
