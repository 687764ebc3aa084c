/* SPDX-License-Identifier: ISC */
/*
 * asroot CMD...	run CMD as uid 0, with the real one as well: sudo(8),
 *for a test that has made this file setuid.
 */
#include <unistd.h>

int
main(int argc, char **argv)
{
	if (argc < 2 || setgid(0) < 0 || setuid(0) < 0)
		return 126;
	(void)execvp(argv[1], argv + 1);
	return 127;
}
