/* SPDX-License-Identifier: ISC */
/*
 * slowdie FILE		fill half a gigabyte, page by page, make FILE, and
 *sleep: to die takes it some tens of milliseconds.
 */
#include <sys/mman.h>

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

int
main(int argc, char **argv)
{
	const size_t size = (size_t)512 << 20;
	char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (argc != 2 || memory == MAP_FAILED)
		return 1;
	(void)madvise(memory, size, MADV_NOHUGEPAGE);
	memset(memory, 1, size);
	if (open(argv[1], O_WRONLY | O_CREAT | O_CLOEXEC, 0644) < 0)
		return 1;
	for (;;)
		(void)pause();
}
