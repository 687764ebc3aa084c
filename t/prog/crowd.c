/* SPDX-License-Identifier: ISC */
/*
 * crowd LOCK READY COUNT
 *
 * Attacks by number: COUNT processes besides the program, each in a session
 * of its own, in branches of a hundred.
 */
#include "attack.h"

enum {
	BRANCH = 100,
};

int
main(int argc, char **argv)
{
	int left, i;

	begin(argc, argv, 1, "COUNT");
	for (left = atoi(argv[3]); left > 0; left -= BRANCH) {
		if (try_fork() != 0)
			continue;
		(void)setsid();
		for (i = 1; i < BRANCH && i < left; i++) {
			if (try_fork() != 0)
				continue;
			(void)setsid();
			break;
		}
		pass_gate();
		sleep_on();
	}
	await_all(atoi(argv[3]));
	return wait_for_end("all there");
}
