/* SPDX-License-Identifier: ISC */
#ifndef OPTIONS_H
#define OPTIONS_H

/*
 * The command line: one table, which also prints the usage. As getopt_long(3)
 * would read it, in a fifth of its size: letters together, values in the same
 * word or the next, names cut short as long as they are clear. Parsing stops
 * at the first operand, so that programs can be chained. Nothing is printed
 * here and nothing started.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sys.h"

enum options_require {
	REQUIRE_CGROUP = 1,
	REQUIRE_PIDNS = 2,
	REQUIRE_LIMITS = 4,
	REQUIRE_SEALED = 8,
};

enum options_restart {
	RESTART_DEFAULT, /* no, but always in directory form */
	RESTART_NO,
	RESTART_ON_FAILURE, /* any exit code but 0, any signal */
	RESTART_ALWAYS,
};

enum {
	OPTIONS_NO_TIME = -1,
	OPTIONS_PATH_MAX = 4096
};

/* what else than to supervise */
enum options_client {
	CLIENT_NONE,
	CLIENT_STATUS,
	CLIENT_KEYS,
	CLIENT_CONTROL,
	CLIENT_WAIT,
};

struct options {
	char *const *argv; /* the program, ends with NULL; or the directory */
	bool dashes;       /* they were behind `--` */
	enum options_client client;
	const char *word; /* of --control and --wait */
	const char *dir;  /* of --dir */
	unsigned access;  /* enum control_access */
	int stop_signal;
	int64_t kill_after_ns, timeout_ns; /* INT64_MAX: never */
	int64_t linger_ns; /* the same for what the program leaves */
	int64_t until;     /* seconds since 1970, or none */
	bool wait_all, die_with_parent;
	int lifeline_fd; /* -1: none */
	enum options_restart restart;
	int64_t restart_min_ns, restart_max_ns;
	uint64_t restart_limit; /* UINT64_MAX: none */
	int64_t restart_window_ns;
	bool background, stats;
	int status_fd; /* -1: none */
	int ready_fd;  /* of the program; -1: none */
	bool ready_socket;
	const char *ready_path, *ready_check;
	int64_t ready_timeout_ns, watchdog_ns; /* INT64_MAX: never */
	int notify_fd;                         /* ours; -1: none */
	const char *cgroup_name;
	bool userns, no_cgroup, no_pidns, no_proc;
	unsigned require; /* enum options_require */
	unsigned char
	    map[SIGNAL_MAX + 1]; /* to signal ^ map[signal]; 0 drops */
	bool signal_tree, same_group, verbose, quiet;
	unsigned char exit_codes[256]; /* to code ^ exit_codes[code] */
};

enum options_result {
	OPTIONS_RUN,
	OPTIONS_HELP,
	OPTIONS_VERSION,
	OPTIONS_PAUSE, /* of lib/argv0.h only */
	OPTIONS_WRONG,
};

/* what was wrong, for a message: "--kill-after", "5x", "is no duration" */
struct options_error {
	char option[64];
	const char *value;
	const char *reason;
};

enum options_result options_parse(
    struct options *options, char **argv, struct options_error *error);

/* For another command line; options_check comes last. NULL, or the reason. */
void options_set_defaults(struct options *options);
const char *options_set_map(const char *value, unsigned char *map);
const char *options_set_exit_code(const char *value, unsigned char *exit_codes);
enum options_result options_check(
    const struct options *options, struct options_error *error);

/* Is there any --ready-...? */
bool options_ask_readiness(const struct options *options);

/* The usage, of at most size - 1 bytes; its length. */
size_t options_usage(char *text, size_t size);

#endif
