/* Sending batches. Does not schedule: scheduler.c decides who sends when. */
#include "feed/inline_sender.h"

#include "base/io.h"
#include "feed/stream.h"
#include "wire/message.h"
#include "wire/socket.h"

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

bool inline_sender_has_work(const struct stream *s, const struct consumer *r)
{
    const struct inline_sender *o = &r->sender;
    return o->state == SENDER_OPEN && !o->sending && !r->failed && r->tail < stream_ready(s, r);
}

static uint64_t frame_bytes(const struct stream *s, const struct slot_header *slot)
{
    struct slot_layout layout;
    slot_layout_init(&layout, slot->count, s->plan->image_bytes, s->plan->label_bytes);
    return layout.bytes;
}

ssize_t inline_sender_send(const struct stream *s, const struct consumer *r, uint64_t head,
                           bool *all)
{
    struct iovec parts[PARTS_MAX];
    uint8_t heads[PARTS_MAX / 2][WIRE_HEAD_SIZE];
    uint64_t skip = r->sender.sent_bytes, bytes = 0, number = r->tail;
    size_t n = 0;
    for (; number < head && n < PARTS_MAX; number++) {
        struct slot_header *slot = ring_slot(&s->ring, number);
        uint64_t body = frame_bytes(s, slot),
                 in_head = skip < WIRE_HEAD_SIZE ? skip : WIRE_HEAD_SIZE;
        uint8_t *at = heads[n / 2];
        wire_put_head(at, WIRE_BATCH, (uint32_t)body);
        parts[n++] = (struct iovec){at + in_head, WIRE_HEAD_SIZE - in_head};
        parts[n++] = (struct iovec){(char *)slot + (skip - in_head), body - (skip - in_head)};
        bytes += WIRE_HEAD_SIZE + body - skip;
        skip = 0;
    }
    ssize_t sent = socket_send(r->sender.fd, parts, n);
    *all = sent >= 0 && (uint64_t)sent == bytes;
    return sent;
}

void inline_sender_advance(const struct stream *s, struct consumer *r, uint64_t n)
{
    uint64_t *sent = &r->sender.sent_bytes;
    for (*sent += n; *sent; r->tail++) {
        uint64_t bytes = WIRE_HEAD_SIZE + frame_bytes(s, ring_slot(&s->ring, r->tail));
        if (*sent < bytes)
            break;
        *sent -= bytes;
    }
}

/* Whether the client has taken everything. */
static bool is_drained(const struct inline_sender *o)
{
    int left = 0;
    return ioctl(o->fd, SIOCOUTQ, &left) == 0 && left == 0;
}

struct seat_waited inline_sender_waited(const struct inline_sender *o, uint64_t now_ns)
{
    struct seat_waited w = o->waited;
    if (o->idle_since_ns && is_drained(o)) {
        w.waited_ns += now_ns - o->idle_since_ns;
        w.waits++;
    }
    return w;
}

void inline_sender_note(struct consumer *r, uint64_t now_ns)
{
    struct inline_sender *o = &r->sender;
    bool idle = o->state == SENDER_OPEN && !o->sending && r->tail < r->limit;
    if (idle == (o->idle_since_ns != 0))
        return;
    o->waited = inline_sender_waited(o, now_ns);
    o->idle_since_ns = idle ? now_ns : 0;
}
