/* SPDX-License-Identifier: ISC */
/*
 * flash LOCK READY MICROSECONDS
 *
 * Attacks who waits for a notification: cgroup.events tells at most every
 * 10 ms. The program exits with 7 as soon as it has forked an orphan, which
 * lives on for MICROSECONDS.
 */
#include "attack.h"

int
main(int argc, char **argv)
{
	begin(argc, argv, 1, "MICROSECONDS");
	if (fork() == 0) {
		nap_us(atol(argv[3]));
		_exit(0);
	}
	return CODE;
}
