/* SPDX-License-Identifier: ISC */
/*
 * Sends sd_notify datagrams that no library would make.
 *
 * notify [-f FILE]... [-b] [-e] [-o] ADDRESS TEXT...	one datagram a TEXT
 * notify listen ADDRESS FILE		a receiver: each datagram to FILE
 *
 * In TEXT `\n` and `\0` are those bytes. -f sends FILE's descriptor with the
 * first; -b waits as sd_notify_barrier does, 5 s at most; -e goes on in a
 * grandchild; -o sends 5,000 bytes in place of TEXT. ADDRESS `-` is
 * NOTIFY_SOCKET. vsock:1:PORT is listened to as a SOCK_SEQPACKET or stream.
 */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <err.h>
#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static socklen_t
address_of(const char *name, struct sockaddr_un *address)
{
	size_t length = strlen(name);

	memset(address, 0, sizeof(*address));
	address->sun_family = AF_UNIX;
	if (length >= sizeof(address->sun_path))
		errx(2, "%s: too long", name);
	memcpy(address->sun_path, name, length);
	if (*name == '@')
		address->sun_path[0] = '\0';
	else
		length++;
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
}

static void
log_message(const char *file, const char *data, ssize_t n)
{
	int fd = open(file, O_WRONLY | O_APPEND | O_CREAT, 0644);

	if (fd < 0 || write(fd, data, (size_t)n) != n ||
	    write(fd, "--\n", 3) < 0)
		err(2, "%s", file);
	close(fd);
}

static _Noreturn void
listen_vsock(const char *name, const char *file)
{
	struct sockaddr_vm address = {
		.svm_family = AF_VSOCK,
		.svm_cid = VMADDR_CID_ANY,
		.svm_port = (unsigned)atoi(strrchr(name, ':') + 1),
	};
	char data[8192];
	int fd, peer;

	fd = socket(AF_VSOCK, SOCK_STREAM, 0);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(fd, 8) < 0)
		err(2, "%s", name);
	log_message(file, "listening\n", 10);
	for (;;) {
		peer = accept(fd, NULL, NULL);
		if (peer < 0)
			err(2, "accept");
		log_message(file, data, read(peer, data, sizeof(data)));
		close(peer);
	}
}

static _Noreturn void
listen_unix(const char *name, const char *file)
{
	struct sockaddr_un address;
	socklen_t length = address_of(name, &address);
	char data[8192];
	ssize_t n;
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	if (bind(fd, (struct sockaddr *)&address, length) < 0)
		err(2, "%s", name);
	log_message(file, "listening\n", 10);
	while ((n = recv(fd, data, sizeof(data) - 1, 0)) > 0) {
		if (data[n - 1] != '\n')
			data[n++] = '\n';
		log_message(file, data, n);
	}
	exit(0);
}

static size_t
unescape(const char *text, char *data)
{
	size_t n = 0;

	for (; *text != '\0'; text++) {
		if (*text == '\\' && (text[1] == 'n' || text[1] == '0'))
			data[n++] = *++text == 'n' ? '\n' : '\0';
		else
			data[n++] = *text;
	}
	return n;
}

static void
send_with(int fd, const struct sockaddr_un *address, socklen_t length,
    const char *data, size_t size, const int *fds, int nfds)
{
	char control[CMSG_SPACE(16 * sizeof(int))];
	struct iovec iov = { (void *)(size_t)data, size };
	struct msghdr message = {
		.msg_name = (void *)(size_t)address,
		.msg_namelen = length,
		.msg_iov = &iov,
		.msg_iovlen = 1,
	};
	struct cmsghdr *header;

	if (nfds > 0) {
		message.msg_control = control;
		message.msg_controllen = CMSG_SPACE((size_t)nfds * sizeof(int));
		header = CMSG_FIRSTHDR(&message);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN((size_t)nfds * sizeof(int));
		memcpy(CMSG_DATA(header), fds, (size_t)nfds * sizeof(int));
	}
	if (sendmsg(fd, &message, MSG_NOSIGNAL) < 0)
		err(1, "sendmsg");
}

/* The writing end of a pipe, and not its reader as well. */
static int
open_file(const char *name)
{
	struct stat st;

	if (stat(name, &st) == 0 && S_ISFIFO(st.st_mode))
		return open(name, O_WRONLY | O_NONBLOCK);
	return open(name, O_RDWR);
}

int
main(int argc, char **argv)
{
	static char big[5000], data[8192];
	struct sockaddr_un address;
	const char *name;
	int fds[16], nfds = 0, c, fd, ends[2];
	bool barrier = false, escape = false, oversized = false;
	socklen_t length;
	size_t size;

	if (argc == 4 && strcmp(argv[1], "listen") == 0) {
		if (strncmp(argv[2], "vsock", 5) == 0)
			listen_vsock(argv[2], argv[3]);
		listen_unix(argv[2], argv[3]);
	}
	while ((c = getopt(argc, argv, "+f:beo")) != -1) {
		switch (c) {
		case 'f':
			fds[nfds++] = open_file(optarg);
			if (fds[nfds - 1] < 0)
				err(2, "%s", optarg);
			break;
		case 'b':
			barrier = true;
			break;
		case 'e':
			escape = true;
			break;
		case 'o':
			oversized = true;
			break;
		default:
			return 2;
		}
	}
	if (argv[optind] == NULL)
		return 2;
	name = strcmp(argv[optind], "-") != 0 ? argv[optind]
					      : getenv("NOTIFY_SOCKET");
	if (name == NULL)
		errx(3, "no NOTIFY_SOCKET");
	if (escape && (fork() != 0 || setsid() < 0 || fork() != 0))
		return 0;
	length = address_of(name, &address);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	memset(big, 'x', sizeof(big));
	memcpy(big, "READY=1\nX=", 10);
	while (argv[++optind] != NULL) {
		size = unescape(argv[optind], data);
		if (oversized)
			send_with(
			    fd, &address, length, big, sizeof(big), fds, nfds);
		else
			send_with(fd, &address, length, data, size, fds, nfds);
		nfds = 0;
	}
	if (barrier) {
		struct pollfd pollfd;

		if (pipe2(ends, O_CLOEXEC) < 0)
			err(2, "pipe2");
		send_with(fd, &address, length, "BARRIER=1", 9, &ends[1], 1);
		close(ends[1]);
		pollfd = (struct pollfd){ .fd = ends[0] };
		if (poll(&pollfd, 1, 5000) != 1)
			errx(4, "the barrier was not closed");
	}
	return 0;
}
