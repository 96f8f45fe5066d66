/* SPDX-License-Identifier: MIT */
/* Sending batches. Does not schedule: scheduler.c decides who sends when. */
#include "feed/inline_sender.h"

#include "base/io.h"
#include "wire/message.h"
#include "wire/socket.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>

#define PARTS_MAX 64 /* frames' heads and bodies in one sendmsg */

int inline_sender_init(struct inline_sender *o, int fd, struct err *e)
{
    o->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    return o->fd < 0 ? fd_error(e, -errno, "a descriptor for batches") : 0;
}

void inline_sender_close(struct inline_sender *o)
{
    fd_close(&o->fd);
}

static uint64_t body_bytes(const struct inline_run *run, const struct slot_header *slot)
{
    struct slot_layout layout;
    slot_layout_init(&layout, slot->count, &run->sample);
    return layout.bytes;
}

ssize_t inline_sender_send(int fd, const struct inline_run *run, bool *all)
{
    struct iovec parts[PARTS_MAX];
    uint8_t heads[PARTS_MAX / 2][WIRE_HEAD_SIZE];
    uint64_t skip = run->skip_bytes, bytes = 0, number = run->tail;
    size_t n = 0;
    assert(run->tail < run->head);
    for (; number < run->head && n < PARTS_MAX; number++) {
        struct slot_header *slot = ring_slot(run->ring, number);
        uint64_t body = body_bytes(run, slot),
                 in_head = skip < WIRE_HEAD_SIZE ? skip : WIRE_HEAD_SIZE;
        assert(slot->number == number && skip < WIRE_HEAD_SIZE + body);
        uint8_t *at = heads[n / 2];
        wire_put_head(at, WIRE_BATCH, (uint32_t)body);
        parts[n++] = (struct iovec){at + in_head, WIRE_HEAD_SIZE - in_head};
        parts[n++] = (struct iovec){(char *)slot + (skip - in_head), body - (skip - in_head)};
        bytes += WIRE_HEAD_SIZE + body - skip;
        skip = 0;
    }
    ssize_t sent = socket_send(fd, parts, n);
    *all = sent >= 0 && (uint64_t)sent == bytes;
    return sent;
}

bool inline_sender_is_drained(int fd)
{
    int left = 0;
    return ioctl(fd, SIOCOUTQ, &left) == 0 && left == 0;
}

void inline_sender_advance(struct inline_sender *o, struct inline_run *run, uint64_t n)
{
    o->all_bytes += n;
    for (o->sent_bytes += n; o->sent_bytes; run->tail++) {
        assert(run->tail < run->head);
        uint64_t bytes = WIRE_HEAD_SIZE + body_bytes(run, ring_slot(run->ring, run->tail));
        if (o->sent_bytes < bytes)
            break;
        o->sent_bytes -= bytes;
    }
}

struct seat_waited inline_sender_waited(const struct inline_sender *o, bool drained,
                                        uint64_t now_ns)
{
    struct seat_waited w = o->waited;
    if (o->idle_since_ns && drained && now_ns > o->idle_since_ns) {
        w.waited_ns += now_ns - o->idle_since_ns;
        w.waits++;
    }
    return w;
}

void inline_sender_begin(struct inline_sender *o, bool drained, uint64_t now_ns)
{
    assert(o->sending);
    o->waited = inline_sender_waited(o, drained, now_ns);
    o->idle_since_ns = 0;
}

void inline_sender_end(struct inline_sender *o, bool more, uint64_t now_ns)
{
    assert(!o->sending);
    if (o->state == SENDER_OPEN && more && !o->idle_since_ns)
        o->idle_since_ns = now_ns;
}
