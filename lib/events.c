/* SPDX-License-Identifier: ISC */
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "events.h"
#include "sys.h"

enum {
	DROPPED_ROOM = 24 /* " dropped=4294967295" */
};

void
events_open(struct events *events, int fd)
{
	char path[32];
	struct text text = TEXT(path);
	struct stat st;

	events->fd = -ENXIO;
	if (fstat(fd, &st) == 0 &&
	    (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode))) {
		text_add(&text, "/proc/self/fd/");
		text_add_number(&text, fd);
		events->fd = sys_open(AT_FDCWD, path,
		    O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY);
	}
	if (events->fd < 0)
		events->fd = sys_fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (fd > STDERR_FILENO) /* it is meant for us alone */
		(void)close(fd);
}

void
events_begin(struct event_line *line, const char *word)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_BOOTTIME, &now); /* cannot fail */
	line->data[0] = '\n';
	line->text = (struct text){
		.data = line->data + 1,
		/* the 0 makes room for the newline */
		.size = sizeof(line->data) - 1 - DROPPED_ROOM,
	};
	text_add(&line->text, word);
	events_add_number(
	    line, "time", now.tv_sec * INT64_C(1000) + now.tv_nsec / NS_PER_MS);
}

static void
add_key(struct event_line *line, const char *key)
{
	text_add(&line->text, " ");
	text_add(&line->text, key);
	text_add(&line->text, "=");
}

void
events_add(struct event_line *line, const char *key, const char *value)
{
	char octal[5] = "\\";
	unsigned char byte;

	add_key(line, key);
	for (; *value != '\0'; value++) {
		byte = (unsigned char)*value;
		if (byte > ' ' && byte != '\\' && byte != 0x7f) {
			text_add_bytes(&line->text, value, 1);
			continue;
		}
		octal[1] = (char)('0' + (byte >> 6));
		octal[2] = (char)('0' + (byte >> 3 & 7));
		octal[3] = (char)('0' + (byte & 7));
		if (line->text.size - line->text.length <= strlen(octal))
			return; /* whole or not at all */
		text_add(&line->text, octal);
	}
}

void
events_add_number(struct event_line *line, const char *key, int64_t value)
{
	add_key(line, key);
	text_add_number(&line->text, value);
}

/* One write, or nothing. A pipe takes a line whole or says EAGAIN. */
static ssize_t
write_now(int fd, const char *data, size_t size)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLOUT };
	ssize_t n;

	n = send(fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0 && errno == ENOTSOCK) {
		/* where it could not be opened anew it may block: look first */
		if (poll(&pollfd, 1, 0) != 1 || (pollfd.revents & POLLOUT) == 0)
			return -EAGAIN;
		n = write(fd, data, size);
	}
	return n < 0 ? -errno : n;
}

void
events_send(struct events *events, struct event_line *line)
{
	const char *first = line->text.data - events->cut;
	ssize_t size, n;

	if (events->fd < 0)
		return;
	line->text.size = sizeof(line->data) - 1;
	if (events->dropped != 0)
		events_add_number(line, "dropped", events->dropped);
	/* a line cut short is a line all the same */
	line->text.data[line->text.length] = '\n';
	size = line->text.data + line->text.length + 1 - first;
	n = write_now(events->fd, first, (size_t)size);
	if (n == size)
		events->dropped = 0;
	else
		events->dropped++;
	if (n > 0)
		events->cut = n != size;
}
