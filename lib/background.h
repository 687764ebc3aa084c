/* SPDX-License-Identifier: ISC */
#ifndef BACKGROUND_H
#define BACKGROUND_H

/*
 * --background: the caller's process waits for word of the start and exits
 * with it, while a child in a session of its own goes on as supervise.
 *
 * background_begin forks. It returns in the child only, with the descriptor
 * to tell through; the parent exits with the code that comes, or, where the
 * child has ended without a word, with the child's own. What would end the
 * parent meanwhile (TERM, INT, QUIT, HUP: Ctrl-C in a script) it passes on to
 * the child as TERM, and goes on waiting.
 *
 * All signals must be blocked.
 */

#include "sys.h"

/* The descriptor, or -errno in the caller when there is no child. */
int background_begin(void);
/* Releases the caller with this exit code, once; -1 is no descriptor. */
void background_tell(int *fd, int exit_code);

#endif
