/* SPDX-License-Identifier: ISC */
/*
 * count RUNS: what each process of a command costs, counted by ptrace: its
 * system calls, those that ask for memory among them, page faults, and in every
 * fifth run, of its own, the instructions. RUNS times; how often a loop goes
 * round is a matter of who comes first, so that the median is printed, and the
 * least and the most of the calls.
 *
 * The processes are told apart by what they do: the first, the one that
 * enters a namespace (helper), the one that execs (child, until then), and
 * the one that never does (stub). After its exec a program is not watched.
 */
#include <sys/ptrace.h>
#include <sys/syscall.h>

#include "bench.h"

enum {
	TASKS_MAX = 16,
	COUNT_RUNS_MAX = 100,
	STEP_EVERY = 5, /* a step takes 25 us */
	OPTIONS = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK |
		  PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |
		  PTRACE_O_TRACEEXEC | PTRACE_O_TRACEEXIT | PTRACE_O_EXITKILL,
};

enum role {
	FIRST,
	STUB,
	HELPER,
	CHILD,
	ROLES
};

static const char *const role_names[] = { "first", "stub", "helper", "child" };

enum what {
	CALLS,
	MEMORY,
	FAULTS,
	STEPS,
	WHATS
};

struct task {
	pid_t pid;
	enum role role;
	bool begun, gone;
	uint64_t at; /* the instruction that was stepped last */
	long count[WHATS];
};

struct run {
	struct task tasks[TASKS_MAX];
	int n;
	bool stepping;
	enum role *order; /* of births; known from a run that is not stepped */
};

struct tally {
	double count[WHATS][COUNT_RUNS_MAX];
	int n[WHATS];
};

static struct task *
find_task(struct run *run, pid_t pid)
{
	struct task *task;
	int i;

	for (i = 0; i < run->n; i++)
		if (run->tasks[i].pid == pid)
			return &run->tasks[i];
	if (run->n == TASKS_MAX)
		die("too many processes");
	task = &run->tasks[run->n];
	*task = (struct task){
		.pid = pid,
		.role = run->stepping ? run->order[run->n]
			: run->n == 0 ? FIRST
				      : STUB,
	};
	run->n++;
	return task;
}

/* minflt, the tenth word of stat(5) */
static long
faults_of(pid_t pid)
{
	char path[64], stat[1024], *at;
	long faults = 0;
	ssize_t n;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, stat, sizeof(stat) - 1);
	(void)close(fd);
	if (n <= 0)
		return 0;
	stat[n] = '\0';
	at = strrchr(stat, ')');
	(void)sscanf(at + 2, "%*c %*d %*d %*d %*d %*d %*u %ld", &faults);
	return faults;
}

static void
count_call(struct task *task, uint64_t number)
{
	task->count[CALLS]++;
	if (number == SYS_setns)
		task->role = HELPER;
	if (number == SYS_brk || number == SYS_mmap)
		task->count[MEMORY]++;
}

/* A repeated string instruction is one: it stays where it is. */
static void
count_step(struct task *task)
{
	struct __ptrace_syscall_info info;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, task->pid, sizeof(info), &info) < 0)
		return;
	if (info.instruction_pointer != task->at)
		task->count[STEPS]++;
	task->at = info.instruction_pointer;
}

static void
go_on(struct run *run, struct task *task, int sig)
{
	(void)ptrace(run->stepping ? PTRACE_SINGLESTEP : PTRACE_SYSCALL,
	    task->pid, NULL, (long)sig);
}

/* The stop of a traced process that is not its end. */
static void
take_stop(struct run *run, struct task *task, int status)
{
	struct __ptrace_syscall_info info;
	int sig = WSTOPSIG(status), event = status >> 16;

	if (sig == (SIGTRAP | 0x80)) {
		if (ptrace(PTRACE_GET_SYSCALL_INFO, task->pid, sizeof(info),
			&info) > 0 &&
		    info.op == 1 /* entry */)
			count_call(task, info.entry.nr);
		sig = 0;
	} else if (event == PTRACE_EVENT_EXEC && task->role != FIRST) {
		task->role = CHILD;
		task->count[FAULTS] = faults_of(task->pid);
		task->gone = true;
		(void)ptrace(PTRACE_DETACH, task->pid, NULL, NULL);
		return;
	} else if (event != 0) {
		if (event == PTRACE_EVENT_EXIT)
			task->count[FAULTS] = faults_of(task->pid);
		sig = 0;
	} else if (!task->begun) {
		sig = 0; /* the SIGSTOP of a new one, the exec of the first */
	} else if (sig == SIGTRAP) {
		if (run->stepping)
			count_step(task);
		sig = 0;
	}
	task->begun = true;
	go_on(run, task, sig);
}

/* False: it did not exit with 0. */
static bool
trace(struct run *run, struct row *row)
{
	int status = 0, first_status = 0;
	struct task *task;
	pid_t pid, first;

	first = vfork();
	if (first == 0) {
		(void)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		row_exec(row, row->argv);
	}
	run->n = 0;
	if (waitpid(first, &status, 0) != first || !WIFSTOPPED(status)) {
		row_refused(row, status);
		return false;
	}
	(void)ptrace(PTRACE_SETOPTIONS, first, NULL, (long)OPTIONS);
	take_stop(run, find_task(run, first), status);
	while ((pid = waitpid(-1, &status, __WALL)) > 0) {
		task = find_task(run, pid);
		if (WIFSTOPPED(status)) {
			take_stop(run, task, status);
			continue;
		}
		task->gone = true;
		if (pid == first)
			first_status = status;
	}
	if (first_status != 0)
		row_refused(row, first_status);
	return first_status == 0;
}

static void
add(struct tally *tallies, const struct run *run, bool stepping)
{
	long sum[ROLES][WHATS] = { 0 };
	struct tally *tally;
	int i, role, what;

	for (i = 0; i < run->n; i++)
		for (what = 0; what < WHATS; what++)
			sum[run->tasks[i].role][what] +=
			    run->tasks[i].count[what];
	for (role = 0; role < ROLES; role++) {
		tally = &tallies[role];
		for (what = 0; what < WHATS; what++)
			if ((what == STEPS) == stepping &&
			    tally->n[what] < COUNT_RUNS_MAX)
				tally->count[what][tally->n[what]++] =
				    (double)sum[role][what];
	}
}

static long
nth(struct tally *tally, int what, int quarter)
{
	int n = tally->n[what];

	if (n == 0)
		return 0;
	qsort(tally->count[what], (size_t)n, sizeof(double), compare);
	return (long)tally->count[what][(n - 1) * quarter / 4];
}

static void
print(const struct row *row, struct tally *tallies)
{
	struct tally *tally;
	int role, what;

	for (role = 0; role < ROLES; role++) {
		tally = &tallies[role];
		if (nth(tally, CALLS, 4) == 0)
			continue;
		printf("%s\t%s", row->name, role_names[role]);
		for (what = 0; what < WHATS; what++)
			printf("\t%ld", nth(tally, what, 2));
		printf(
		    "\t%ld\t%ld\n", nth(tally, CALLS, 0), nth(tally, CALLS, 4));
	}
}

static void
count(struct row *row, int runs)
{
	struct tally tallies[ROLES] = { 0 };
	enum role order[TASKS_MAX] = { FIRST };
	struct run run = { .order = order };
	int i, n;

	for (n = 0; n < runs && *row->word == '\0'; n++) {
		run.stepping = false;
		if (!trace(&run, row))
			break;
		add(tallies, &run, false);
		for (i = 0; i < TASKS_MAX; i++)
			order[i] = i < run.n ? run.tasks[i].role : CHILD;
		if (n % STEP_EVERY != STEP_EVERY - 1)
			continue;
		run.stepping = true;
		if (!trace(&run, row))
			break;
		add(tallies, &run, true);
	}
	if (*row->word != '\0')
		printf("%s\t%s\n", row->name, row->word);
	else
		print(row, tallies);
	(void)fflush(stdout);
}

int
main(int argc, char **argv)
{
	struct rows *rows = rows_read();
	int runs = argc > 1 ? atoi(argv[1]) : 1, i;

	bench_begin();
	printf("name\tprocess\tcalls\tmemory\tfaults\tinstructions\tleast\tmost"
	       "\n");
	for (i = 0; i < rows->n; i++)
		count(&rows->row[i], runs);
	return 0;
}
