/* SPDX-License-Identifier: ISC */
#ifndef NOTIFY_H
#define NOTIFY_H

/*
 * Readiness, in the two protocols of the field.
 *
 * s6: a newline on a descriptor. Whatever comes before it means nothing, the
 * end of the file without one means that it will not be told.
 *
 * systemd, sd_notify(3): a datagram of KEY=VALUE lines. Received here with
 * what the kernel says of its sender: the pid as we see it, whatever namespace
 * it is in (SCM_CREDENTIALS), and since Linux 6.5 a pidfd (SCM_PIDFD), which
 * is about that process also when its number is reused. Options for both are
 * set before the socket has a name: no message comes without.
 *
 * A descriptor that comes with it is not taken until the reader knows that it
 * wants it: to close a file of FUSE can block for ever, and the sender chooses
 * what he sends. So a datagram is looked at first and then taken, with its
 * descriptors or without; the kernel drops those in its own time.
 *
 * Nothing here blocks but notify_peer_send to a vsock, which is left to a
 * child. A datagram that is too long, has a 0 in its middle or a line that is
 * no KEY=VALUE is dropped whole, with its descriptors (-EBADMSG).
 */

#include <sys/socket.h>

#include <linux/vm_sockets.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/un.h>

enum notify_key {
	NOTIFY_READY,
	NOTIFY_RELOADING,
	NOTIFY_STOPPING,
	NOTIFY_WATCHDOG, /* "1", or "trigger" */
	NOTIFY_BARRIER,
	NOTIFY_FDSTORE,
	NOTIFY_FDSTOREREMOVE,
	NOTIFY_FDNAME,
	NOTIFY_FDPOLL,
	NOTIFY_STATUS,
	NOTIFY_MAINPID,
	NOTIFY_ERRNO,
	NOTIFY_EXIT_STATUS,
	NOTIFY_WATCHDOG_USEC,
	NOTIFY_EXTEND_USEC,
	NOTIFY_KEYS,
};

enum {
	NOTIFY_SIZE = 4096, /* as systemd takes it */
	NOTIFY_FDS = 253,   /* SCM_MAX_FD of the kernel */
};

/* One datagram. The descriptors are the reader's. */
struct notify {
	const char *values[NOTIFY_KEYS]; /* NULL: not in it; of two the last */
	int lines;
	pid_t pid; /* of the sender; 0: not to be seen from here */
	int pidfd; /* -1: none */
	bool has_fds;
	int fds[NOTIFY_FDS]; /* if they were taken */
	int nfds;
	char data[NOTIFY_SIZE + 1];
};

/* Fills values and lines; cuts data up. 0, or -EBADMSG. */
int notify_parse(struct notify *notify, size_t length);
/* Is that key's value "1"? */
bool notify_has(const struct notify *notify, enum notify_key key);
/* 1: it has a number, in *ret_number; else 0. */
int notify_number(
    const struct notify *notify, enum notify_key key, uint64_t *ret_number);

/*
 * A socket with an abstract name of the kernel's choice, for what can be read
 * everywhere in this network namespace and needs no file system. name is what
 * NOTIFY_SOCKET is to be: "@0004f".
 */
int notify_socket(char *name, size_t size);
/*
 * The first one, which stays. 1: *notify is filled, but for pidfd and fds; 0:
 * there is none, or -errno; -EBADMSG: it is to be taken nevertheless.
 */
int notify_peek(int fd, struct notify *notify);
/* Takes that one off: with its descriptors, or with a pidfd of its sender. */
void notify_take(int fd, struct notify *notify, bool with_fds);

/*
 * 1: the newline was in what could be read, 0: there was nothing, -EAGAIN:
 * there was something else, -EPIPE: the end.
 */
int notify_read_line(int fd);
/* The newline, once, without blocking. */
int notify_write_line(int fd);

/* Where NOTIFY_SOCKET of our own environment leads to. */
struct notify_peer {
	int fd; /* -1: nowhere */
	union {
		struct sockaddr any;
		struct sockaddr_un un;
		struct sockaddr_vm vm;
	} address;
	socklen_t length;
	int type;     /* of a vsock: 0 is to be found out */
	bool by_hand; /* see fd_close_others */
};

/*
 * `/path`, `@abstract`, `vsock:CID:PORT`, `vsock-stream:`, `vsock-dgram:` and
 * `vsock-seqpacket:`. 0, or -EINVAL, or what socket(2) says; that nobody
 * listens is found out when something is sent.
 */
int notify_peer_open(struct notify_peer *peer, const char *address);
/*
 * 0; -EAGAIN when the other side has fallen behind (then peer->fd polls as
 * writable once it has not); -errno; or the pid of a child that sends it, to a
 * vsock: one at a time, or their order is lost.
 */
int notify_peer_send(struct notify_peer *peer, const char *data, size_t length);

#endif
