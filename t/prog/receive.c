/* SPDX-License-Identifier: ISC */
/*
 * receive [LAST [CODE]]	print every signal that comes in, a line each:
 *				its number, its si_code, its value in hex; the
 *				first line is `ready`. Exits with CODE (0) after
 *				the signal LAST (15).
 *
 * All 64 are blocked and waited for, by the kernel's own calls: those of libc
 * leave out 32 and 33. A blocked signal is kept whatever its disposition, a
 * stop does not stop us, and of the real-time ones none is merged.
 */
#include <sys/syscall.h>

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int
main(int argc, char **argv)
{
	const uint64_t all = ~UINT64_C(0);
	int last = argc > 1 ? atoi(argv[1]) : SIGTERM;
	char line[64];
	siginfo_t info;
	int n, sig = 0;

	(void)syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL, sizeof(all));
	n = snprintf(line, sizeof(line), "ready\n");
	do {
		if (write(STDOUT_FILENO, line, (size_t)n) != n)
			return 1;
		sig = (int)syscall(
		    SYS_rt_sigtimedwait, &all, &info, NULL, sizeof(all));
		if (sig < 0 && errno != EINTR)
			return 1;
		n = sig < 0 ? 0
			    : snprintf(line, sizeof(line), "%d %d %llx\n", sig,
				  info.si_code,
				  info.si_code == SI_QUEUE
				      ? (unsigned long long)(uintptr_t)
					    info.si_value.sival_ptr
				      : 0);
	} while (sig != last);
	if (write(STDOUT_FILENO, line, (size_t)n) != n)
		return 1;
	return argc > 2 ? atoi(argv[2]) : 0;
}
