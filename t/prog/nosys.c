/* SPDX-License-Identifier: ISC */
/*
 * nosys [--default-kill] [CALL[=ERRNO|=kill]] ... -- COMMAND [ARGUMENT ...]
 *
 * Attacks who takes system calls for granted: runs COMMAND under a seccomp
 * filter by which each CALL fails with ENOSYS, or with ERRNO, or kills the
 * process. As on an older kernel (ENOSYS), or in a container (EPERM).
 *
 *	newns	stands for clone(2) and unshare(2) with any flag for a new
 *		namespace, and for setns(2). They fail with EPERM.
 *	--default-kill
 *		as a container's default filter that kills instead of
 *		refusing: what is not on the list of what is allowed is death,
 *		and so are clone3, newns, mount and other calls of privilege.
 *
 * The first word that fits a call decides.
 */
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#if defined(__x86_64__)
#define OUR_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OUR_ARCH AUDIT_ARCH_AARCH64
#else
#error "which AUDIT_ARCH?"
#endif

enum {
	NEW_NAMESPACE = 0x7e020080, /* CLONE_NEW*, all of them */
	NEWNS = -1,
	UNKNOWN = -2,
	/* the same numbers on all architectures from here on */
	FIRST_COMMON = 424,
	PIDFD_SEND_SIGNAL = 424,
	PIDFD_OPEN = 434,
	CLONE3 = 435,
	CLOSE_RANGE = 436,
	FACCESSAT2 = 439,
};

struct name {
	const char *name;
	int value;
};

/* clang-format off */
static const struct name calls[] = {
	{ "newns",		NEWNS },
	{ "clone3",		CLONE3 },
	{ "close_range",	CLOSE_RANGE },
	{ "pidfd_open",		PIDFD_OPEN },
	{ "pidfd_send_signal",	PIDFD_SEND_SIGNAL },
	{ "clone",		SYS_clone },
	{ "flock",		SYS_flock },
	{ "mkdirat",		SYS_mkdirat },
	{ "mount",		SYS_mount },
	{ "prctl",		SYS_prctl },
	{ "setns",		SYS_setns },
	{ "signalfd4",		SYS_signalfd4 },
	{ "unshare",		SYS_unshare },
	{ "waitid",		SYS_waitid },
};

static const struct name errors[] = {
	{ "EACCES",	EACCES },
	{ "EAGAIN",	EAGAIN },
	{ "EINVAL",	EINVAL },
	{ "ENOMEM",	ENOMEM },
	{ "ENOSPC",	ENOSPC },
	{ "ENOSYS",	ENOSYS },
	{ "EPERM",	EPERM },
	{ "E2BIG",	E2BIG },
};

/* of the numbers below FIRST_COMMON, what a container may not do */
static const int privileged[] = {
	SYS_acct, SYS_add_key, SYS_bpf, SYS_delete_module, SYS_finit_module,
	SYS_init_module, SYS_kexec_load, SYS_keyctl, SYS_mount,
	SYS_move_pages, SYS_open_by_handle_at, SYS_perf_event_open,
	SYS_pivot_root, SYS_quotactl, SYS_reboot, SYS_request_key, SYS_setns,
	SYS_swapoff, SYS_swapon, SYS_umount2, SYS_unshare, SYS_userfaultfd,
};

static const int allowed[] = {
	PIDFD_SEND_SIGNAL, PIDFD_OPEN, CLOSE_RANGE, FACCESSAT2,
	437, /* openat2 */
	441, /* epoll_pwait2 */
	449, /* futex_waitv */
	452, /* fchmodat2 */
};
/* clang-format on */

static struct sock_filter code[512];
static unsigned short length;

static void
emit(unsigned op, uint32_t k, unsigned yes, unsigned no)
{
	if (length == sizeof(code) / sizeof(*code)) {
		fputs("nosys: too many calls\n", stderr);
		exit(125);
	}
	code[length++] = (struct sock_filter){
		.code = (unsigned short)op,
		.jt = (unsigned char)yes,
		.jf = (unsigned char)no,
		.k = k,
	};
}

static void
load(size_t offset)
{
	emit(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

static void
end_with(uint32_t action)
{
	emit(BPF_RET | BPF_K, action, 0, 0);
}

static void
rule(int call, uint32_t action)
{
	emit(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call, 0, 1);
	end_with(action);
}

/* For a call whose first argument is flags. */
static void
rule_for_flags(int call, uint32_t flags, uint32_t action)
{
	emit(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call, 0, 4);
	load(offsetof(struct seccomp_data, args[0]));
	emit(BPF_JMP | BPF_JSET | BPF_K, flags, 0, 1);
	end_with(action);
	load(offsetof(struct seccomp_data, nr));
}

static void
rule_for_namespaces(uint32_t action)
{
	rule_for_flags(SYS_clone, NEW_NAMESPACE, action);
	rule_for_flags(SYS_unshare, NEW_NAMESPACE, action);
	rule(SYS_setns, action);
}

static int
look_up(const struct name *names, size_t n, const char *name)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (strcmp(names[i].name, name) == 0)
			return names[i].value;
	return UNKNOWN;
}

static void
add(char *word)
{
	char *how = strchr(word, '=');
	uint32_t action;
	int call, error;

	if (how != NULL)
		*how++ = '\0';
	call = look_up(calls, sizeof(calls) / sizeof(*calls), word);
	error = call == NEWNS ? EPERM : ENOSYS;
	if (how != NULL && strcmp(how, "kill") != 0)
		error = look_up(errors, sizeof(errors) / sizeof(*errors), how);
	if (call == UNKNOWN || error == UNKNOWN) {
		fprintf(stderr, "nosys: unknown: %s %s\n", word,
		    how != NULL ? how : "");
		exit(125);
	}
	action = SECCOMP_RET_ERRNO | (uint32_t)error;
	if (how != NULL && strcmp(how, "kill") == 0)
		action = SECCOMP_RET_KILL_PROCESS;
	if (call == NEWNS)
		rule_for_namespaces(action);
	else
		rule(call, action);
}

static void
allow_the_usual(void)
{
	size_t i;

	rule_for_namespaces(SECCOMP_RET_KILL_PROCESS);
	for (i = 0; i < sizeof(privileged) / sizeof(*privileged); i++)
		rule(privileged[i], SECCOMP_RET_KILL_PROCESS);
	for (i = 0; i < sizeof(allowed) / sizeof(*allowed); i++)
		rule(allowed[i], SECCOMP_RET_ALLOW);
	emit(BPF_JMP | BPF_JGE | BPF_K, FIRST_COMMON, 0, 1);
	end_with(SECCOMP_RET_KILL_PROCESS);
}

int
main(int argc, char **argv)
{
	struct sock_fprog program = { .filter = code };
	int i, kill_others = 0;

	load(offsetof(struct seccomp_data, arch));
	emit(BPF_JMP | BPF_JEQ | BPF_K, OUR_ARCH, 1, 0);
	end_with(SECCOMP_RET_KILL_PROCESS);
	load(offsetof(struct seccomp_data, nr));
	for (i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (strcmp(argv[i], "--default-kill") == 0)
			kill_others = 1;
		else
			add(argv[i]);
	}
	if (i + 1 >= argc) {
		fputs("usage: nosys [--default-kill] [CALL[=ERRNO|=kill]] ... "
		      "-- COMMAND [ARGUMENT ...]\n",
		    stderr);
		return 125;
	}
	if (kill_others)
		allow_the_usual();
	end_with(SECCOMP_RET_ALLOW);
	program.len = length;
	/* the first is enough with CAP_SYS_ADMIN, and leaves setuid alone */
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0 &&
	    (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)) {
		perror("nosys: seccomp");
		return 125;
	}
	(void)execvp(argv[i + 1], argv + i + 1);
	perror(argv[i + 1]);
	return errno == ENOENT ? 127 : 126;
}
