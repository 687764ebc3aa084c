/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "notify.h"
#include "str.h"
#include "sys.h"

enum {
	PASSPIDFD = 76, /* SO_PASSPIDFD, Linux 6.5 */
	PIDFD = 4,      /* SCM_PIDFD */
	VSOCK_LIMIT_MS = 5000,
	VSOCK_PORTS = 1024, /* below it: who may bind there is privileged */
};

/* clang-format off */
static const char keys[NOTIFY_KEYS][21] = {
	[NOTIFY_READY]		= "READY=",
	[NOTIFY_RELOADING]	= "RELOADING=",
	[NOTIFY_STOPPING]	= "STOPPING=",
	[NOTIFY_WATCHDOG]	= "WATCHDOG=",
	[NOTIFY_BARRIER]	= "BARRIER=",
	[NOTIFY_FDSTORE]	= "FDSTORE=",
	[NOTIFY_FDSTOREREMOVE]	= "FDSTOREREMOVE=",
	[NOTIFY_FDNAME]		= "FDNAME=",
	[NOTIFY_FDPOLL]		= "FDPOLL=",
	[NOTIFY_STATUS]		= "STATUS=",
	[NOTIFY_MAINPID]	= "MAINPID=",
	[NOTIFY_ERRNO]		= "ERRNO=",
	[NOTIFY_EXIT_STATUS]	= "EXIT_STATUS=",
	[NOTIFY_WATCHDOG_USEC]	= "WATCHDOG_USEC=",
	[NOTIFY_EXTEND_USEC]	= "EXTEND_TIMEOUT_USEC=",
};
/* clang-format on */

static void
take_line(struct notify *notify, const char *line)
{
	const char *value;
	int key;

	notify->lines++;
	for (key = 0; key < NOTIFY_KEYS; key++) {
		value = str_after(line, keys[key]);
		if (value != NULL)
			notify->values[key] = value;
	}
}

int
notify_parse(struct notify *notify, size_t length)
{
	char *line = notify->data, *end;

	notify->lines = 0;
	memset(notify->values, 0, sizeof(notify->values));
	if (length > NOTIFY_SIZE)
		return -EBADMSG;
	notify->data[length] = '\0';
	/* one 0 at the end is a string that was sent with its size */
	if (length > 1 && strlen(line) < length - 1)
		return -EBADMSG;
	for (; *line != '\0'; line = end) {
		end = line + strcspn(line, "\n");
		if (*end != '\0')
			*end++ = '\0';
		if (*line == '\0')
			continue;
		if (*line == '=' || strchr(line, '=') == NULL)
			return -EBADMSG;
		take_line(notify, line);
	}
	return notify->lines > 0 ? 0 : -EBADMSG;
}

bool
notify_has(const struct notify *notify, enum notify_key key)
{
	return notify->values[key] != NULL &&
	       strcmp(notify->values[key], "1") == 0;
}

int
notify_number(
    const struct notify *notify, enum notify_key key, uint64_t *ret_number)
{
	return notify->values[key] != NULL &&
	       str_to_number(
		   notify->values[key], INT64_MAX / 1000, ret_number) == 0;
}

int
notify_socket(char *name, size_t size)
{
	struct text text = { .data = name, .size = size };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	socklen_t length = sizeof(address);
	const int one = 1;
	int fd, error;

	fd = sys_socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK);
	if (fd < 0)
		return fd;
	if (setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &one, sizeof(one)) < 0 ||
	    bind(fd, (struct sockaddr *)&address, sizeof(sa_family_t)) < 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &length) < 0) {
		error = errno;
		fd_close(&fd);
		return -error;
	}
	text_add(&text, "@");
	text_add_bytes(&text, address.sun_path + 1,
	    length - offsetof(struct sockaddr_un, sun_path) - 1);
	return fd;
}

static void
take_control(struct notify *notify, const struct cmsghdr *header)
{
	const unsigned char *data = CMSG_DATA(header);
	size_t size = header->cmsg_len - CMSG_LEN(0);
	struct ucred from;

	if (header->cmsg_level != SOL_SOCKET)
		return;
	if (header->cmsg_type == SCM_CREDENTIALS && size == sizeof(from)) {
		memcpy(&from, data, sizeof(from));
		notify->pid = from.pid;
	} else if (header->cmsg_type == PIDFD && size == sizeof(int)) {
		memcpy(&notify->pidfd, data, sizeof(int)); /* or an -errno */
	} else if (header->cmsg_type == SCM_RIGHTS &&
		   size <= sizeof(notify->fds)) {
		memcpy(notify->fds, data, size);
		notify->nfds = (int)(size / sizeof(int));
	}
}

union control {
	struct cmsghdr aligned;
	char bytes[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(sizeof(int)) +
		   CMSG_SPACE(NOTIFY_FDS * sizeof(int))];
};

static ssize_t
receive(int fd, struct notify *notify, struct msghdr *message, int flags)
{
	const char *control = message->msg_control;
	const struct cmsghdr *header;
	size_t at;
	ssize_t n;

	do
		n = recvmsg(
		    fd, message, flags | MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	/* what the kernel has written: no length in there is wrong */
	for (at = 0; at < message->msg_controllen;
	     at += CMSG_ALIGN(header->cmsg_len)) {
		header = (const struct cmsghdr *)(const void *)&control[at];
		take_control(notify, header);
	}
	return n;
}

int
notify_peek(int fd, struct notify *notify)
{
	union control control;
	struct iovec data = { notify->data, sizeof(notify->data) };
	/* room for the credentials: that it is too small tells the rest */
	struct msghdr message = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = CMSG_SPACE(sizeof(struct ucred)),
	};
	ssize_t n;
	int r;

	notify->pid = 0;
	notify->pidfd = -1;
	notify->nfds = 0;
	n = receive(fd, notify, &message, MSG_PEEK);
	if (n < 0)
		return n == -EAGAIN ? 0 : (int)n;
	notify->has_fds = (message.msg_flags & MSG_CTRUNC) != 0;
	r = notify_parse(notify, (size_t)n);
	return r == 0 && (message.msg_flags & MSG_TRUNC) == 0 ? 1 : -EBADMSG;
}

void
notify_take(int fd, struct notify *notify, bool with_fds)
{
	union control control;
	struct msghdr message = {
		.msg_control = &control,
		.msg_controllen = CMSG_SPACE(sizeof(struct ucred)),
	};
	const int on = !notify->has_fds, off = 0;

	/* the pidfd must not make room for what is not wanted */
	if (on)
		(void)setsockopt(fd, SOL_SOCKET, PASSPIDFD, &on, sizeof(on));
	if (on || with_fds)
		message.msg_controllen = sizeof(control);
	(void)receive(fd, notify, &message, 0);
	if (on)
		(void)setsockopt(fd, SOL_SOCKET, PASSPIDFD, &off, sizeof(off));
}

int
notify_read_line(int fd)
{
	char data[512];
	ssize_t n = sys_read(fd, data, sizeof(data));

	if (n == -EAGAIN)
		return 0;
	if (n <= 0)
		return -EPIPE;
	return memchr(data, '\n', (size_t)n) != NULL ? 1 : -EAGAIN;
}

int
notify_write_line(int fd)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLOUT };

	/* its mode is shared with others: look, where it could block */
	if (poll(&pollfd, 1, 0) != 1 || (pollfd.revents & POLLOUT) == 0)
		return -EAGAIN;
	return sys_write_all(fd, "\n", 1);
}

static int
open_unix(struct notify_peer *peer, const char *address)
{
	struct sockaddr_un *un = &peer->address.un;
	size_t length = strlen(address);

	if (length < 2 || length >= sizeof(un->sun_path))
		return -EINVAL;
	memcpy(un->sun_path, address, length + 1);
	if (*address == '@')
		un->sun_path[0] = '\0';
	else
		length++; /* a path has its 0 */
	un->sun_family = AF_UNIX;
	peer->length =
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
	peer->fd = sys_socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK);
	return peer->fd < 0 ? peer->fd : 0;
}

/* What follows `vsock`: `:2:1234`, `-stream:2:1234`. */
static int
open_vsock(struct notify_peer *peer, const char *rest)
{
	/* clang-format off */
	static const struct {
		char name[16];
		int type;
	} types[] = {
		{ ":",			0 },
		{ "-stream:",		SOCK_STREAM },
		{ "-dgram:",		SOCK_DGRAM },
		{ "-seqpacket:",	SOCK_SEQPACKET },
	};
	/* clang-format on */
	const char *numbers = NULL, *colon;
	char first[12];
	struct text text = TEXT(first);
	uint64_t cid, port;
	size_t i;

	for (i = 0; numbers == NULL; i++) {
		if (i == sizeof(types) / sizeof(*types))
			return -EINVAL;
		numbers = str_after(rest, types[i].name);
		peer->type = types[i].type;
	}
	colon = strchr(numbers, ':');
	if (colon == NULL)
		return -EINVAL;
	text_add_bytes(&text, numbers, (size_t)(colon - numbers));
	if (text.full || str_to_number(first, UINT32_MAX, &cid) < 0 ||
	    str_to_number(colon + 1, UINT32_MAX, &port) < 0)
		return -EINVAL;
	peer->address.vm = (struct sockaddr_vm){
		.svm_family = AF_VSOCK,
		.svm_cid = (unsigned)cid,
		.svm_port = (unsigned)port,
	};
	peer->length = sizeof(peer->address.vm);
	peer->fd = -1;
	return 0;
}

int
notify_peer_open(struct notify_peer *peer, const char *address)
{
	const char *vsock = str_after(address, "vsock");

	if (vsock != NULL)
		return open_vsock(peer, vsock);
	if (*address != '/' && *address != '@')
		return -EINVAL;
	return open_unix(peer, address);
}

static int
connect_vsock(const struct notify_peer *peer, int type)
{
	struct sockaddr_vm own = {
		.svm_family = AF_VSOCK,
		.svm_cid = VMADDR_CID_ANY,
		.svm_port = VSOCK_PORTS - 1,
	};
	int fd = sys_socket(AF_VSOCK, type);

	if (fd < 0)
		return -1;
	/* a port that the receiver takes for privileged, if we may */
	while (bind(fd, (struct sockaddr *)&own, sizeof(own)) < 0 &&
	       errno == EADDRINUSE && own.svm_port > 1)
		own.svm_port--;
	if (connect(fd, &peer->address.any, peer->length) == 0)
		return fd;
	(void)close(fd);
	return -1;
}

/* In a child: a connection that nobody takes is waited for by connect(2). */
static _Noreturn void
send_vsock(const struct notify_peer *peer, const char *data, size_t length)
{
	static const int types[] = { SOCK_DGRAM, SOCK_SEQPACKET, SOCK_STREAM };
	struct pollfd end = { .fd = -1, .events = POLLIN };
	size_t i;

	/* it may outlive us: our locks and pipes are not to */
	fd_close_others(0, NULL, 0, peer->by_hand);
	for (i = 0; end.fd < 0 && i < sizeof(types) / sizeof(*types); i++)
		if (peer->type == 0 || peer->type == types[i])
			end.fd = connect_vsock(peer, types[i]);
	if (end.fd >= 0 && send(end.fd, data, length, MSG_NOSIGNAL) >= 0 &&
	    shutdown(end.fd, SHUT_WR) == 0) /* its end is the receipt */
		(void)poll(&end, 1, VSOCK_LIMIT_MS);
	_exit(0);
}

int
notify_peer_send(struct notify_peer *peer, const char *data, size_t length)
{
	pid_t pid;
	int tries;

	if (peer->address.any.sa_family == AF_VSOCK) {
		pid = sys_clone(0, SIGCHLD, NULL); /* reaped as any child */
		if (pid == 0)
			send_vsock(peer, data, length);
		return pid;
	}
	/* connected, it polls as the receiver's queue; which may be new */
	for (tries = 0; tries < 2; tries++) {
		if (send(peer->fd, data, length, MSG_NOSIGNAL) >= 0)
			return 0;
		if (errno != ENOTCONN && errno != ECONNREFUSED &&
		    errno != EDESTADDRREQ)
			break;
		if (connect(peer->fd, &peer->address.any, peer->length) < 0)
			break;
	}
	return -errno;
}
