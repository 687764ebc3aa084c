/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <strings.h>

#include "diag.h"
#include "str.h"
#include "sys.h"

/* clang-format off */
#define E(name) { #name, name }
static const struct {
	char name[13];
	unsigned char error; /* all but MIPS have them below 256 */
} errnos[] = {
	E(E2BIG), E(EACCES), E(EAGAIN), E(EBADF), E(EBADMSG), E(EBUSY),
	E(ECHILD), E(ECONNREFUSED), E(ECONNRESET), E(EDQUOT), E(EEXIST),
	E(EFAULT), E(EINTR), E(EINVAL), E(EIO), E(EISDIR), E(ELIBBAD),
	E(ELOOP), E(EMFILE), E(EMSGSIZE), E(ENAMETOOLONG), E(ENFILE),
	E(ENODEV), E(ENOENT), E(ENOEXEC), E(ENOMEM), E(ENOSPC), E(ENOSYS),
	E(ENOTDIR), E(ENOTEMPTY), E(ENOTTY), E(ENXIO), E(EOPNOTSUPP),
	E(EOVERFLOW), E(EPERM), E(EPIPE), E(EPROTOTYPE), E(EROFS),
	E(ESRCH), E(ETIMEDOUT), E(ETXTBSY), E(EUSERS),
};
#undef E

#define S(name) { #name, SIG##name }
static const struct {
	char name[7];
	unsigned char sig;
} signals[] = {
	S(HUP), S(INT), S(QUIT), S(ILL), S(TRAP), S(ABRT), S(BUS), S(FPE),
	S(KILL), S(USR1), S(SEGV), S(USR2), S(PIPE), S(ALRM), S(TERM),
#ifdef SIGSTKFLT
	S(STKFLT),
#endif
	S(CHLD), S(CONT), S(STOP), S(TSTP), S(TTIN), S(TTOU), S(URG),
	S(XCPU), S(XFSZ), S(VTALRM), S(PROF), S(WINCH), S(IO), S(PWR),
	S(SYS), S(IOT), S(POLL),
	{ "CLD", SIGCHLD },
	{ "RTMIN", SIGNAL_RTMIN },
	{ "RTMAX", SIGNAL_MAX },
};
#undef S
/* clang-format on */

#define LENGTH(array) (sizeof(array) / sizeof(*(array)))

void
diag_add_errno(struct text *text, int error)
{
	size_t i;

	for (i = 0; i < LENGTH(errnos); i++) {
		if (errnos[i].error == error) {
			text_add(text, errnos[i].name);
			return;
		}
	}
	text_add(text, "errno ");
	text_add_number(text, error);
}

void
diag_add_signal(struct text *text, int sig)
{
	size_t i;

	for (i = 0; i < LENGTH(signals); i++) {
		if (signals[i].sig == sig) {
			text_add(text, signals[i].name);
			return;
		}
	}
	if (sig > SIGNAL_RTMIN && sig < SIGNAL_MAX) {
		text_add(text, "RTMIN+");
		sig -= SIGNAL_RTMIN;
	}
	text_add_number(text, sig);
}

int
diag_to_signal(const char *s, int *ret_signal)
{
	uint64_t number;
	size_t i;

	if (str_to_number(s, SIGNAL_MAX, &number) == 0) {
		if (number == 0)
			return -EINVAL;
		*ret_signal = (int)number;
		return 0;
	}
	if (strncasecmp(s, "SIG", 3) == 0)
		s += 3;
	for (i = 0; i < LENGTH(signals); i++) {
		if (strcasecmp(s, signals[i].name) == 0) {
			*ret_signal = signals[i].sig;
			return 0;
		}
	}
	if (strncasecmp(s, "RTMIN+", 6) != 0 &&
	    strncasecmp(s, "RTMAX-", 6) != 0)
		return -EINVAL;
	if (str_to_number(s + 6, SIGNAL_MAX - SIGNAL_RTMIN, &number) < 0)
		return -EINVAL;
	*ret_signal =
	    s[5] == '+' ? SIGNAL_RTMIN + (int)number : SIGNAL_MAX - (int)number;
	return 0;
}

void
diag_write(int fd, const char *data, size_t size)
{
	struct pollfd out = { .fd = fd, .events = POLLOUT };

	/* a reader that has fallen behind must not hold up a kill */
	if (poll(&out, 1, 0) == 1 && (out.revents & POLLOUT) != 0)
		(void)sys_write_all(fd, data, size);
}

void
diag_print(int fd, const struct diag *diag)
{
	char line[DIAG_SIZE];
	struct text text = { .data = line, .size = sizeof(line) - 1 };
	size_t i;

	text_add(&text, "supervise: ");
	if (diag->level != NULL) {
		text_add(&text, diag->level);
		text_add(&text, ": ");
	}
	text_add(&text, diag->what);
	if (diag->object != NULL) {
		text_add(&text, " ");
		text_add(&text, diag->object);
	}
	if (diag->error != 0) {
		text_add(&text, ": ");
		diag_add_errno(&text, diag->error);
	}
	if (diag->hint != NULL) {
		text_add(&text, " (");
		text_add(&text, diag->hint);
		text_add(&text, ")");
	}
	for (i = 0; i < text.length; i++)
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
			line[i] = '?'; /* one line, whatever we quote */
	line[text.length] = '\n';      /* the byte kept back above */
	diag_write(fd, line, text.length + 1);
}
