/* SPDX-License-Identifier: MIT */
/* sendmsg and recvmsg with their traps: short sends, surplus and truncated descriptors. */
#include "wire/socket.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SCM_MAX_FDS 253 /* the kernel's: no message brings more */

ssize_t socket_send(int fd, const struct iovec *parts, size_t part_count)
{
    struct msghdr m = {.msg_iov = (struct iovec *)parts, .msg_iovlen = part_count};
    ssize_t n;
    do
        n = sendmsg(fd, &m, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

ssize_t socket_send_fds(int fd, const void *data, size_t size, const int *fds, size_t fd_count)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(4 * sizeof(int))];
    } control = {0};
    struct iovec part = {.iov_base = (void *)data, .iov_len = size};
    struct msghdr m = {
        .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = &control,
        .msg_controllen = CMSG_SPACE(fd_count * sizeof(int)),
    };
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    assert(c && fd_count <= 4);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
    memcpy(CMSG_DATA(c), fds, fd_count * sizeof(int));
    ssize_t n;
    do
        n = sendmsg(fd, &m, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

void socket_widen(int fd)
{
    int bytes = 1 << 20;
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes); /* the kernel takes what it may */
}

/* Hands descriptors over as long as there is room, and closes the rest. Returns how many came. */
static size_t take_fds(struct msghdr *m, int *fds, size_t room)
{
    size_t came = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < n; i++) {
            int one;
            memcpy(&one, CMSG_DATA(c) + i * sizeof one, sizeof one);
            if (came < room)
                fds[came] = one;
            else
                close(one);
            came++;
        }
    }
    return came;
}

ssize_t socket_receive_fds(int fd, void *data, size_t size, int *fds, size_t *fd_count)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(SCM_MAX_FDS * sizeof(int))];
    } control;
    struct iovec part = {.iov_base = data, .iov_len = size};
    struct msghdr m = {
        .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = &control,
        .msg_controllen = sizeof control,
    };
    ssize_t n;
    do
        n = recvmsg(fd, &m, MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    if (n < 0) {
        n = -errno;
        *fd_count = 0;
        return n;
    }
    size_t room = *fd_count;
    size_t came = take_fds(&m, fds, room);
    if (came <= room && !(m.msg_flags & MSG_CTRUNC)) {
        *fd_count = came;
        return n;
    }
    for (size_t i = 0; i < came && i < room; i++)
        close(fds[i]);
    *fd_count = 0;
    return -EPROTO;
}

ssize_t socket_receive_parts(int fd, struct iovec *parts, size_t part_count)
{
    struct msghdr m = {.msg_iov = parts, .msg_iovlen = part_count};
    ssize_t n;
    do
        n = recvmsg(fd, &m, 0);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    /* Without a place for descriptors the kernel closes them, and says that it did. */
    return m.msg_flags & MSG_CTRUNC ? -EPROTO : n;
}

ssize_t socket_receive(int fd, void *data, size_t size)
{
    struct iovec part = {data, size};
    return socket_receive_parts(fd, &part, 1);
}
