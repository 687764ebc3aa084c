/* SPDX-License-Identifier: ISC */
/*
 * daemon LOCK READY [COUNT]
 *
 * Attacks who follows sessions, process groups or parents: COUNT (3)
 * processes that have forked twice and lead a session each, as daemons do.
 */
#include "attack.h"

int
main(int argc, char **argv)
{
	int i, count;

	begin(argc, argv, 0, "[COUNT]");
	count = argc > 3 ? atoi(argv[3]) : 3;
	for (i = 0; i < count; i++)
		start_daemon();
	await_all(count);
	return wait_for_end("in position");
}
