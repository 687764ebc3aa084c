/* SPDX-License-Identifier: ISC */
#ifndef TTY_H
#define TTY_H

/*
 * The controlling terminal and its foreground process group, termios(3).
 * With SIGTTOU blocked, as it is here, a background process may change it.
 */

#include <stdbool.h>

/*
 * A descriptor of our controlling terminal, or -1 when there is none. Also
 * where there is no /dev/tty: then one of 0, 1 and 2.
 */
int tty_open(void);
bool tty_is_ours(int tty_fd);   /* our group is in the foreground */
int tty_holder(int tty_fd);     /* the group that is, or -1 */
void tty_take_back(int tty_fd); /* make it so */
void tty_give_to(int tty_fd, int pgid);
/*
 * Stops us and our group as the terminal would, by SIGTSTP: not at all in a
 * group that nobody could continue (an orphaned one). Returns when we have
 * been continued.
 */
void tty_stop(void);

#endif
