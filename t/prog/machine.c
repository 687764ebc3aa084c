/* SPDX-License-Identifier: ISC */
/*
 * machine print	every state with every event: what is done, what is next
 * machine check	what must hold in any such table; prints what does not
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "../../lib/machine.h"

static int failures;

__attribute__((format(printf, 2, 3))) static void
check(bool good, const char *format, ...)
{
	va_list args;

	if (good)
		return;
	failures++;
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

static const char *
name(const char *name)
{
	return name != NULL ? name : "(no name)";
}

static void
print(void)
{
	const struct step *step;
	int state, event;

	for (state = 0; state < NSTATES; state++) {
		printf("%s\n", name(state_names[state]));
		for (event = 0; event < NEVENTS; event++) {
			step = &machine[state][event];
			printf("\t%-16s", name(event_names[event]));
			if (step->action == IGNORE && step->next == 0)
				printf("-\n");
			else
				printf("%-16s%s\n",
				    name(action_names[step->action]),
				    name(state_names[step->next]));
		}
	}
}

/* Is `to` to be reached from `from` by any row of events? */
static bool
reaches(int from, int to)
{
	bool seen[NSTATES] = { false };
	int round, state, event;

	seen[from] = true;
	for (round = 0; round < NSTATES; round++)
		for (state = 0; state < NSTATES; state++)
			for (event = 0; event < NEVENTS; event++)
				if (seen[state] && machine[state][event].action)
					seen[machine[state][event].next] = true;
	return seen[to];
}

static void
check_names(void)
{
	int i;

	for (i = 0; i < NSTATES; i++)
		check(state_names[i] != NULL, "state %d has no name", i);
	for (i = 0; i < NEVENTS; i++)
		check(event_names[i] != NULL, "event %d has no name", i);
	for (i = 0; i < NACTIONS; i++)
		check(action_names[i] != NULL, "action %d has no name", i);
}

static void
check_cells(void)
{
	bool used[NACTIONS] = { [IGNORE] = true };
	bool raised[NEVENTS] = { false };
	const struct step *step;
	int state, event, i;

	for (state = 0; state < NSTATES; state++) {
		for (event = 0; event < NEVENTS; event++) {
			step = &machine[state][event];
			used[step->action] = true;
			if (step->action != IGNORE)
				raised[event] = true;
			check(step->action != IGNORE || step->next == 0,
			    "%s %s: ignored, and yet goes to %s",
			    state_names[state], event_names[event],
			    state_names[step->next]);
			check(state != KILLING || step->action == IGNORE ||
				  step->next == KILLING || event == TREE_EMPTY,
			    "KILLING is left by %s", event_names[event]);
			check((step->action == KILL_TREE) ==
				  (step->next == KILLING && state != KILLING &&
				      step->action != IGNORE),
			    "%s %s: KILL_TREE and KILLING go together",
			    state_names[state], event_names[event]);
			check((step->action == BURY) ==
				  (state != DOWN && step->next == DOWN &&
				      step->action != IGNORE),
			    "%s %s: only BURY leads to DOWN",
			    state_names[state], event_names[event]);
			check(state != DOWN || step->next == DOWN ||
				  step->action == START,
			    "DOWN %s: only START leads out of it",
			    event_names[event]);
		}
	}
	for (i = 0; i < NACTIONS; i++)
		check(used[i], "%s is never done", action_names[i]);
	for (i = 0; i < NEVENTS; i++)
		check(
		    raised[i], "%s means nothing in any state", event_names[i]);
}

static void
check_paths(void)
{
	int state;

	for (state = 0; state < NSTATES; state++) {
		check(reaches(DOWN, state), "%s is never reached",
		    state_names[state]);
		check(state == DOWN || reaches(state, KILLING),
		    "%s: KILLING is out of reach", state_names[state]);
		check(reaches(state, DOWN), "%s: DOWN is out of reach",
		    state_names[state]);
	}
	/* a stop that nothing answers must still end in a kill */
	for (state = STOPPING; state <= STRAGGLERS; state++) {
		check(machine[state][KILL_DUE].next == KILLING,
		    "%s: a deadline does not kill", state_names[state]);
		check(machine[state][KILL_WANTED].next == KILLING,
		    "%s: a second request does not kill", state_names[state]);
	}
}

int
main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "print") == 0) {
		print();
		return 0;
	}
	if (argc != 2 || strcmp(argv[1], "check") != 0)
		return 2;
	check_names();
	if (failures == 0)
		check_cells();
	if (failures == 0)
		check_paths();
	printf("%d wrong\n", failures);
	return failures > 0;
}
