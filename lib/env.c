/* SPDX-License-Identifier: ISC */
#include <sys/mman.h>

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "env.h"
#include "str.h"

static bool
is_changed(const char *variable, const char *const *changes, size_t n)
{
	size_t length = strcspn(variable, "="), i;

	for (i = 0; i < n; i++)
		if (strncmp(changes[i], variable, length) == 0 &&
		    (changes[i][length] == '=' || changes[i][length] == '\0'))
			return true;
	return false;
}

/* Most begin with another letter: a look at it is a tenth of getenv(3). */
const char *
env_get(const char *name)
{
	const char *value;
	char **variable;

	for (variable = environ; *variable != NULL; variable++) {
		if (**variable != *name)
			continue;
		value = str_after(*variable, name);
		if (value != NULL && *value == '=')
			return value + 1;
	}
	return NULL;
}

int
env_change(const char *const *changes, size_t n, struct env_pid *pid_text)
{
	char **new, **to;
	size_t count = 0, npids = 0, i;

	while (environ[count] != NULL)
		count++;
	new = mmap(NULL, (count + n + 1) * sizeof(*new), PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (new == MAP_FAILED)
		return -errno;
	to = new;
	for (i = 0; i < count; i++)
		if (!is_changed(environ[i], changes, n))
			*to++ = environ[i];
	for (i = 0; i < n; i++) {
		const char *value = strchr(changes[i], '=');

		if (value == NULL)
			continue;
		*to = (char *)(uintptr_t)changes[i];
		if (value[1] == '\0' && npids < 2) {
			struct text text = TEXT(pid_text->text[npids]);

			text_add(&text, changes[i]);
			text_add_number(&text, getpid());
			*to = pid_text->text[npids++];
		}
		to++;
	}
	environ = new;
	return 0;
}
