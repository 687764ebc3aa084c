/* SPDX-License-Identifier: ISC */
/*
 * stuck FILE MESSAGE [N]	mount a FUSE whose only file is FILE, in place
 *				of it, and send MESSAGE N times (1) to
 *				NOTIFY_SOCKET with a descriptor of it; then
 *				sleep. Who closes that descriptor waits for an
 *				answer (FUSE_FLUSH) that never comes, and so
 *				does who asks for its attributes.
 *
 * It has a mount namespace of its own: nobody else sees that file. 77 where
 * there is no FUSE. The protocol: include/uapi/linux/fuse.h.
 */
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <err.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void
answer(int fd, uint64_t unique, const void *body, size_t size)
{
	char reply[256];
	struct fuse_out_header header = {
		.len = (uint32_t)(sizeof(header) + size),
		.unique = unique,
	};

	memcpy(reply, &header, sizeof(header));
	memcpy(reply + sizeof(header), body, size);
	(void)!write(fd, reply, sizeof(header) + size);
}

/* Answers to what it takes to be mounted and opened. */
static _Noreturn void
serve(int fd)
{
	static union {
		struct fuse_in_header header;
		char bytes[FUSE_MIN_READ_BUFFER + 65536];
	} in;
	struct fuse_init_out init = {
		.major = FUSE_KERNEL_VERSION,
		.minor = FUSE_KERNEL_MINOR_VERSION,
		.max_write = 4096,
	};
	struct fuse_open_out opened = { .fh = 1 };
	struct fuse_attr_out attr = {
		.attr = { .ino = 1, .mode = S_IFREG | 0644, .nlink = 1 },
	};

	while (read(fd, &in, sizeof(in)) > 0) {
		if (in.header.opcode == FUSE_INIT)
			answer(fd, in.header.unique, &init, sizeof(init));
		else if (in.header.opcode == FUSE_OPEN)
			answer(fd, in.header.unique, &opened, sizeof(opened));
		else if (in.header.opcode == FUSE_GETATTR && attr.attr.ino) {
			answer(fd, in.header.unique, &attr, sizeof(attr));
			attr.attr.ino = 0; /* that once, for open(2) */
		}
	}
	_exit(1);
}

static void
say(const char *text, int fd)
{
	const char *name = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec data = { (void *)(uintptr_t)text, strlen(text) };
	struct msghdr message = {
		.msg_name = &address,
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	int s = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (name == NULL || strlen(name) >= sizeof(address.sun_path))
		errx(1, "NOTIFY_SOCKET");
	memcpy(address.sun_path, name, strlen(name));
	if (*name == '@')
		address.sun_path[0] = '\0';
	message.msg_namelen =
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&control.header), &fd, sizeof(int));
	if (sendmsg(s, &message, 0) < 0)
		err(1, "sendmsg");
	(void)close(s);
}

int
main(int argc, char **argv)
{
	int fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC), file, n;
	char options[80];

	if (argc < 3 || fuse < 0 || unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return 77;
	(void)snprintf(options, sizeof(options),
	    "fd=%d,rootmode=100644,user_id=0,group_id=0", fuse);
	if (mount("stuck", argv[1], "fuse", 0, options) < 0)
		return 77;
	if (fork() == 0)
		serve(fuse);
	/* or our end would wait for what only our end brings about */
	(void)close(fuse);
	file = open(argv[1], O_RDWR);
	if (file < 0)
		return 77;
	printf("open\n");
	(void)fflush(stdout);
	for (n = argc > 3 ? atoi(argv[3]) : 1; n > 0; n--)
		say(argv[2], file);
	printf("said\n");
	(void)fflush(stdout);
	for (;;)
		(void)pause();
}
