/* SPDX-License-Identifier: ISC */
/*
 * orphans LOCK READY COUNT
 *
 * Attacks who does not reap: COUNT orphans that exit, a hundred at a time.
 * None may stay a zombie; whose child such an orphan comes to be is found out
 * by one. The program exits with 1 when zombies of that parent are left.
 */
#include <dirent.h>

#include "attack.h"

enum {
	BATCH = 100,
};

/* A hundred children that outlive their parent, whose end they wait for. */
static void
make_batch(int n, int report_fd)
{
	pid_t pid = try_fork(), parent;
	int i;

	if (pid != 0) {
		(void)waitpid(pid, NULL, 0);
		return;
	}
	parent = getpid();
	for (i = 0; i < n; i++) {
		if (try_fork() != 0)
			continue;
		while (getppid() == parent)
			nap_us(1000);
		if (report_fd >= 0) {
			pid = getppid();
			(void)!write(report_fd, &pid, sizeof(pid));
		}
		_exit(0);
	}
	_exit(0);
}

static int
count_zombies(pid_t of)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	pid_t parent;
	int n = 0;

	if (dir == NULL)
		die("/proc");
	while ((entry = readdir(dir)) != NULL)
		if (state_of(atoi(entry->d_name), &parent) == 'Z' &&
		    parent == of)
			n++;
	closedir(dir);
	return n;
}

int
main(int argc, char **argv)
{
	int left, zombies = 0, fds[2], tries;
	char word[64];
	pid_t reaper;

	begin(argc, argv, 1, "COUNT");
	if (pipe2(fds, O_CLOEXEC) < 0)
		die("pipe2");
	make_batch(1, fds[1]);
	if (read(fds[0], &reaper, sizeof(reaper)) != sizeof(reaper))
		die("read");
	close(fds[0]);
	close(fds[1]);
	for (left = atoi(argv[3]); left > 0; left -= BATCH)
		make_batch(left < BATCH ? left : BATCH, -1);
	await_all(0); /* the last of them has gone */
	for (tries = 0; tries < 100; tries++) {
		zombies = count_zombies(reaper);
		if (zombies == 0)
			break;
		nap_us(20000);
	}
	snprintf(word, sizeof(word), "%d zombies of %d", zombies, (int)reaper);
	if (zombies == 0)
		return wait_for_end(word);
	tell(word);
	fprintf(stderr, "%s\n", word);
	return 1;
}
