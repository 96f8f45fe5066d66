/* Sending batches. Does not schedule: turn.c decides who sends when. */
#include "server/outlet.h"

#include "base/io.h"
#include "server/stream.h"
#include "wire/message.h"
#include "wire/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>

#define PARTS_MAX 64 /* frames' heads and bodies in one sendmsg */

int outlet_init(struct outlet *o, int fd, struct err *e)
{
    o->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    return o->fd < 0 ? fd_error(e, -errno, "a descriptor for batches") : 0;
}

void outlet_close(struct outlet *o)
{
    fd_close(&o->fd);
}

bool outlet_has_work(const struct stream *s, const struct reader *r)
{
    const struct outlet *o = &r->outlet;
    return o->state == OUTLET_OPEN && !o->sending && !r->failed && r->tail < stream_ready(s, r);
}

static uint64_t frame_bytes(const struct stream *s, const struct slot_header *slot)
{
    struct slot_layout layout;
    slot_layout_init(&layout, slot->count, s->recipe->image_bytes, s->recipe->label_bytes);
    return layout.bytes;
}

ssize_t outlet_send(const struct stream *s, const struct reader *r, uint64_t head, bool *all)
{
    struct iovec parts[PARTS_MAX];
    uint8_t heads[PARTS_MAX / 2][WIRE_HEAD_SIZE];
    uint64_t skip = r->outlet.sent_bytes, bytes = 0, number = r->tail;
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
    ssize_t sent = socket_send(r->outlet.fd, parts, n);
    *all = sent >= 0 && (uint64_t)sent == bytes;
    return sent;
}

void outlet_advance(const struct stream *s, struct reader *r, uint64_t n)
{
    uint64_t *sent = &r->outlet.sent_bytes;
    for (*sent += n; *sent; r->tail++) {
        uint64_t bytes = WIRE_HEAD_SIZE + frame_bytes(s, ring_slot(&s->ring, r->tail));
        if (*sent < bytes)
            break;
        *sent -= bytes;
    }
}

/* Whether the client has taken everything. */
static bool is_drained(const struct outlet *o)
{
    int left = 0;
    return ioctl(o->fd, SIOCOUTQ, &left) == 0 && left == 0;
}

struct seat_waited outlet_waited(const struct outlet *o, uint64_t now_ns)
{
    struct seat_waited w = o->waited;
    if (o->idle_since_ns && is_drained(o)) {
        w.waited_ns += now_ns - o->idle_since_ns;
        w.waits++;
    }
    return w;
}

void outlet_note(struct reader *r, uint64_t now_ns)
{
    struct outlet *o = &r->outlet;
    bool idle = o->state == OUTLET_OPEN && !o->sending && r->tail < r->limit;
    if (idle == (o->idle_since_ns != 0))
        return;
    o->waited = outlet_waited(o, now_ns);
    o->idle_since_ns = idle ? now_ns : 0;
}
