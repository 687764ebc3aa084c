/* SPDX-License-Identifier: ISC */
/*
 * exhaust LOCK READY MAX
 *
 * Attacks who needs a process to kill one: forks until fork(2) fails, and puts
 * a new one in place of each that dies. Ends with 1 when there are MAX of them
 * and no failure: the caller has set no limit. Never more than 3000.
 */
#include "attack.h"

enum {
	SAFE = 3000,
};

int
main(int argc, char **argv)
{
	char word[32];
	int max, n = 0;
	pid_t pid;

	begin(argc, argv, 1, "MAX");
	max = atoi(argv[3]);
	while (n < max && n < SAFE && (pid = fork()) >= 0) {
		if (pid == 0) {
			limit_life();
			(void)setsid();
			pass_gate();
			sleep_on();
		}
		n++;
	}
	await_all(n);
	snprintf(word, sizeof(word), "%d", n);
	tell(word);
	if (n >= max || n >= SAFE)
		return 1;
	while (access("end", F_OK) < 0) {
		while (waitpid(-1, NULL, WNOHANG) > 0) {
			pid = fork();
			if (pid == 0) {
				limit_life();
				sleep_on();
			}
		}
		nap_us(1000);
	}
	return CODE;
}
