/* SPDX-License-Identifier: MIT */
/* tests/faults/attacks.h — what a hostile client does, over and over until it is killed.
 *
 * Each is a process's whole life (other_user.h), speaks the protocol by hand (e2e/peer.h has its
 * numbers), and checks nothing: what must hold is its neighbour's and the daemon's.
 */
#ifndef TESTS_FAULTS_ATTACKS_H
#define TESTS_FAULTS_ATTACKS_H

#include "e2e/peer.h"
#include "faults/other_user.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/file.h>
#include <sys/mman.h>

/* Of the attack under way; shared with the attacker. */
static _Atomic uint64_t *tries;

static inline void tried(void)
{
    atomic_fetch_add(tries, 1);
}

/* ---- frames -------------------------------------------------------------------------------- */

/* Sends a frame, or what goes of it now. Returns false where the connection has ended. */
static inline bool put(int fd, uint16_t type, const void *body, uint32_t size)
{
    uint8_t frame[8 + 2048];
    put_le32(frame, size);
    put_le32(frame + 4, type);
    if (size)
        memcpy(frame + 8, body, size);
    tried();
    return send(fd, frame, 8 + size, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0 || errno == EAGAIN;
}

/* The same, with `count` descriptors that mean nothing. */
static inline bool put_with_fds(int fd, uint16_t type, size_t count)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(253 * sizeof(int))];
    } control = {0};
    uint8_t head[8] = {0};
    put_le32(head + 4, type);
    struct iovec part = {head, sizeof head};
    struct msghdr m = {.msg_iov = &part,
                       .msg_iovlen = 1,
                       .msg_control = &control,
                       .msg_controllen = CMSG_SPACE(count * sizeof(int))};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(count * sizeof(int));
    int *fds = (int *)CMSG_DATA(c);
    for (size_t i = 0; i < count; i++)
        fds[i] = i % 2 ? fd : STDERR_FILENO;
    tried();
    return sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

/* Takes what there is to be heard, at most a little. Returns false at the connection's end. */
static inline bool hear_some(int fd)
{
    uint8_t bytes[4096];
    ssize_t n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
    return n > 0 || (n < 0 && errno == EAGAIN);
}

/* Waits for the end. */
static inline void hear_out(int fd)
{
    uint8_t bytes[4096];
    while (recv(fd, bytes, sizeof bytes, 0) > 0)
        ;
    close(fd);
}

/* The good client's own stream, to sit at its ring. */
static inline void good_open(uint8_t body[OPEN_SIZE], uint32_t transport)
{
    make_open(body, FMNIST_ORDER_SEQUENTIAL, transport);
    put_le32(body + 136, 8);
}

/* Opens that stream and takes its descriptors. Returns the connection, or -1. */
static inline int attack_open(const struct daemon *d, int fds[2])
{
    uint8_t body[OPEN_SIZE], rest[256];
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(2 * sizeof(int))];
    } control;
    struct iovec part = {rest, sizeof rest};
    struct msghdr m = {.msg_iov = &part,
                       .msg_iovlen = 1,
                       .msg_control = &control,
                       .msg_controllen = sizeof control};
    int fd = other_dials(d, true);
    if (fd < 0)
        return -1;
    good_open(body, FMNIST_SHM);
    put(fd, OPEN, body, sizeof body);
    struct cmsghdr *c = recvmsg(fd, &m, MSG_CMSG_CLOEXEC) > 8 ? CMSG_FIRSTHDR(&m) : NULL;
    if (rest[4] == OPENED && c && c->cmsg_len == CMSG_LEN(2 * sizeof(int))) {
        memcpy(fds, CMSG_DATA(c), 2 * sizeof(int));
        return fd;
    }
    close(fd);
    return -1;
}

/* ---- attacks ------------------------------------------------------------------------------- */

/* Descriptors with every frame, in every state, in every number. */
static inline void send_descriptors(const struct daemon *d)
{
    static const size_t counts[] = {1, 2, 3, 8, 64, 253};
    for (unsigned i = 0;; i++) {
        int fd = other_dials(d, i % 3);
        if (fd < 0)
            continue;
        if (i % 3 == 2) {
            uint8_t body[OPEN_SIZE];
            good_open(body, i % 2 ? FMNIST_SHM : FMNIST_INLINE);
            put(fd, OPEN, body, sizeof body);
        }
        for (int k = 0; k < 4 && put_with_fds(fd, (uint16_t)(1 + i % 8), counts[i % 6]); k++)
            ;
        if (i % 4)
            hear_out(fd);
        else
            close(fd);
    }
}

/* Every word of its page, all values that are worth a try, as fast as a CPU can. */
static inline void write_its_page(const struct daemon *d)
{
    static const uint64_t values[] = {
        0, 1, UINT64_MAX, UINT64_MAX - 1, INT64_MAX, UINT64_C(1) << 63, UINT64_C(1) << 32, 4096};
    for (;;) {
        int fds[2], fd = attack_open(d, fds);
        if (fd < 0)
            continue;
        _Atomic uint64_t *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fds[1], 0);
        const _Atomic uint64_t *ring = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fds[0], 0);
        for (unsigned i = 0; i < 20000; i++) {
            uint64_t head = atomic_load(&ring[8]);
            /* All but the tail; that breaks the place, so it is wrong towards the end only. */
            atomic_store(&page[1 + i % 11], values[i / 11 % 8]);
            atomic_store(&page[0], i < 15000 ? head : values[i % 8]);
            if (i % 512 == 0 && !put(fd, KICK, NULL, 0))
                break;
            tried();
        }
        munmap(page, 4096);
        munmap((void *)ring, 4096);
        close(fds[0]);
        close(fds[1]);
        close(fd);
    }
}

/* A part of a hello, and then nothing or the end. */
static inline void half_handshakes(const struct daemon *d)
{
    static const uint8_t hello[12] = {4, 0, 0, 0, HELLO, 0, 0, 0, PROTOCOL};
    int held[64];
    memset(held, -1, sizeof held);
    for (unsigned i = 0;; i++) {
        int fd = other_dials(d, false);
        if (fd < 0)
            continue;
        tried();
        send(fd, hello, i % 12, MSG_NOSIGNAL);
        if (held[i % 64] >= 0)
            close(held[i % 64]);
        held[i % 64] = i % 2 ? fd : -1;
        if (i % 2 == 0)
            close(fd);
    }
}

/* As many frames of one type as go, in one of the states that a client comes into. */
static inline void flood(const struct daemon *d, uint16_t type, unsigned state)
{
    uint8_t body[OPEN_SIZE];
    static uint8_t frames[64 * 8];
    for (size_t i = 0; i < sizeof frames; i += 8) {
        memset(frames + i, 0, 8);
        frames[i + 4] = (uint8_t)type;
    }
    int fd = other_dials(d, state > 0);
    if (fd < 0)
        return;
    if (state > 1) {
        good_open(body, state == 2 ? FMNIST_SHM : FMNIST_INLINE);
        if (state == 4)
            put_le32(body + 256, 100); /* of a list that the daemon will want */
        put(fd, OPEN, body, sizeof body);
    }
    for (int i = 0; i < 200; i++) {
        ssize_t n = send(fd, frames, sizeof frames, MSG_DONTWAIT | MSG_NOSIGNAL);
        if ((n < 0 && errno != EAGAIN) || !hear_some(fd))
            break;
        tried();
    }
    close(fd);
}

static inline void flood_frames(const struct daemon *d)
{
    for (unsigned i = 0;; i++)
        flood(d, (uint16_t)(i % 12), i / 12 % 5);
}

static inline void flood_kicks(const struct daemon *d)
{
    for (;;)
        flood(d, KICK, 2);
}

/* Opens with one word changed, hears the answer, goes. */
static inline void open_changed(const struct daemon *d, uint32_t order, unsigned at, uint64_t value)
{
    uint8_t body[OPEN_SIZE];
    int fd = other_dials(d, true);
    if (fd < 0)
        return;
    make_open(body, order, FMNIST_SHM);
    put_le64(body + at, value);
    put(fd, OPEN, body, sizeof body);
    struct pollfd p = {.fd = fd, .events = POLLIN};
    poll(&p, 1, 1000);
    close(fd);
}

enum { SEED_AT = 216, EPOCH_AT = 240 };

static inline void seek_far(const struct daemon *d)
{
    static const uint32_t orders[] = {FMNIST_ORDER_NUMPY, FMNIST_ORDER_TORCH, FMNIST_ORDER_SHUFFLE};
    static const uint64_t epochs[] = {35791, 1u << 31, UINT32_MAX, UINT32_MAX - 1, UINT64_MAX};
    for (unsigned i = 0;; i++)
        open_changed(d, orders[i % 3], EPOCH_AT, epochs[i % 5]);
}

static inline void storm_of_opens(const struct daemon *d)
{
    for (uint64_t i = 1;; i++)
        open_changed(d, FMNIST_ORDER_SHUFFLE, SEED_AT, i);
}

/* Every word of the spec, at its largest and around what the daemon allows. */
static inline void giant_specs(const struct daemon *d)
{
    static const uint64_t values[] = {UINT64_MAX, UINT32_MAX, 1u << 24, 4096, 65536, 1u << 31};
    for (unsigned i = 0;; i++)
        open_changed(d, 1 + i % 4, 136 + i / 6 % 40 * 4, values[i % 6]);
}

/* Everything that is answered, and nothing is read. */
static inline void never_read(const struct daemon *d)
{
    int fds[48];
    memset(fds, -1, sizeof fds);
    for (unsigned i = 0;; i++) {
        int *fd = &fds[i % 48];
        uint8_t body[OPEN_SIZE];
        if (*fd < 0 || !put(*fd, (uint16_t)(i % 3 ? STATUS : DATASETS), NULL, 0)) {
            if (*fd >= 0)
                close(*fd);
            *fd = other_dials(d, true);
            good_open(body, FMNIST_INLINE);
            if (*fd >= 0 && i % 2)
                put(*fd, OPEN, body, sizeof body);
        }
        if (i % 48 == 0)
            poll(NULL, 0, 1);
    }
}

/* What can be done to the memory's descriptors, whose open files the daemon has too: modes, owners,
 * locks, leases, holes. */
static inline void change_files(const struct daemon *d)
{
    for (;;) {
        int fds[2], fd = attack_open(d, fds);
        if (fd < 0)
            continue;
        for (int i = 0; i < 2; i++) {
            fcntl(fds[i], F_SETFL, 0);
            fcntl(fds[i], F_SETFL, O_NONBLOCK | O_APPEND | O_ASYNC | O_NOATIME);
            fcntl(fds[i], F_SETOWN, getpid());
            flock(fds[i], LOCK_EX | LOCK_NB);
            fcntl(fds[i], F_SETLEASE, F_WRLCK);
            lseek(fds[i], 1 << 20, SEEK_SET);
            fallocate(fds[i], FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096);
            tried();
        }
        put(fd, KICK, NULL, 0);
        hear_some(fd);
        close(fds[0]);
        close(fds[1]);
        close(fd);
    }
}

#endif
