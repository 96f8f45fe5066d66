/* SPDX-License-Identifier: MIT */
/* tests/e2e/peer.h — a peer that speaks the protocol by hand, to break it.
 *
 * The numbers of the protocol stand here again, because they must never change.
 */
#ifndef TESTS_E2E_PEER_H
#define TESTS_E2E_PEER_H

#include "base/bytes.h"
#include "e2e/harness.h"

#include <sys/socket.h>
#include <sys/un.h>

enum {
    HELLO = 1,
    DATASETS,
    STATUS,
    OPEN,
    KICK,
    LEAVE,
    LIST,
    RELOAD,
    WELCOME = 101,
    STATUS_REPLY = 103,
    OPENED = 104,
    ERROR = 106,
    OFFER = 107,
    WANT_LIST = 108,
    RELOADED = 109,
    REFUSED = 110
};

static inline int dial(const struct daemon *d)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    ck_assert_uint_lt(strlen(d->socket), sizeof a.sun_path);
    memcpy(a.sun_path, d->socket, strlen(d->socket));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

static inline void say(int fd, uint16_t type, const void *body, uint32_t size)
{
    uint8_t frame[8 + 2048] = {(uint8_t)size,         (uint8_t)(size >> 8), (uint8_t)(size >> 16),
                               (uint8_t)(size >> 24), (uint8_t)type,        (uint8_t)(type >> 8)};
    ck_assert_uint_le(size, 2048);
    if (size)
        memcpy(frame + 8, body, size);
    /* The daemon may have hung up on the first half already. */
    ck_assert_int_ne(send(fd, frame, 8 + size, MSG_NOSIGNAL), 0);
}

static inline uint32_t little(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline void hear_welcome(int fd)
{
    uint8_t frame[64];
    ck_assert_int_gt(recv(fd, frame, 8, MSG_WAITALL), 0);
    ck_assert_uint_eq(frame[4], WELCOME);
    ck_assert_int_eq(recv(fd, frame + 8, little(frame), MSG_WAITALL), (ssize_t)little(frame));
}

/* One error frame of that code, with that word in its text, and then the end. */
static inline void hear_error(int fd, int code, const char *word)
{
    uint8_t frame[2048] = {0};
    ssize_t n = recv(fd, frame, 8, MSG_WAITALL);
    ck_assert_int_eq(n, 8);
    ck_assert_uint_eq(frame[4] | frame[5] << 8, ERROR);
    uint32_t size = little(frame);
    ck_assert(size >= 8 && size < sizeof frame - 8);
    ck_assert_int_eq(recv(fd, frame + 8, size, MSG_WAITALL), (ssize_t)size);
    ck_assert_int_eq((int)little(frame + 8), code);
    ck_assert_uint_eq(little(frame + 12), size - 8);
    ck_assert_msg(strstr((char *)frame + 16, word), "\"%s\" has no \"%s\"", frame + 16, word);
    ck_assert_int_le(recv(fd, frame, 1, 0), 0);
    close(fd);
}

static inline int dial_and_greet(const struct daemon *d)
{
    static const uint8_t version[4] = {PROTOCOL};
    int fd = dial(d);
    say(fd, HELLO, version, 4);
    hear_welcome(fd);
    return fd;
}

/* The head of the next frame, with the descriptors that came; false: the daemon hung up. */
static inline bool hear_head(int fd, uint8_t head[8], int fds[2])
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(2 * sizeof(int))];
    } control;
    struct iovec part = {head, 8};
    struct msghdr m = {.msg_iov = &part,
                       .msg_iovlen = 1,
                       .msg_control = &control,
                       .msg_controllen = sizeof control};
    fds[0] = fds[1] = -1;
    if (recvmsg(fd, &m, MSG_WAITALL | MSG_CMSG_CLOEXEC) != 8)
        return false;
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    if (c && c->cmsg_len == CMSG_LEN(2 * sizeof(int)))
        memcpy(fds, CMSG_DATA(c), 2 * sizeof(int));
    return true;
}

#define OPEN_SIZE 1368

/* The body of an open request for "tiny", in batches of 64 uint8 images. */
static inline void make_open(uint8_t body[OPEN_SIZE], uint32_t order, uint32_t transport)
{
    static const uint8_t magic[] = {'F', 'S', 'P', 'C', 2};
    const struct {
        int at;
        uint32_t value;
    } fields[] = {
        {136, 64},                 /* batch size */
        {144, FMNIST_RESIZE_NONE}, /* ... */
        {156, FMNIST_UINT8},       /* dtype */
        {160, FMNIST_NCHW},        /* layout */
        {208, FMNIST_INT64},       /* label dtype */
        {212, order},              /* ... */
        {228, 1},                  /* world size */
        {232, FMNIST_PAD_AUTO},    /* pad */
        {236, transport},          /* ... */
    };
    memset(body, 0, OPEN_SIZE);
    memcpy(body, magic, sizeof magic);
    memcpy(body + 8, "tiny", 4);
    memcpy(body + 72, "train", 5);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        put_le32(body + fields[i].at, fields[i].value);
}

#endif
