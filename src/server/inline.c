/* Batches on the socket: a frame is a slot as it lies in the ring. */
#include "base/clock.h"
#include "server/session_state.h"
#include "wire/socket.h"

#include <errno.h>

#define PARTS_MAX 64 /* frames' heads and bodies in one sendmsg */

/* Gathers the unsent rest of published frames. Returns the number of parts. */
static size_t gather_frames(struct session *s, uint64_t head, struct iovec *parts,
                            uint8_t heads[][WIRE_HEAD_SIZE])
{
    const struct stream *stream = s->reader->stream;
    const struct recipe *r = stream->recipe;
    uint64_t skip = s->sent_bytes;
    size_t n = 0, frames = 0;
    for (uint64_t i = s->reader->tail; i < head && n + 2 <= PARTS_MAX; i++, frames++) {
        struct slot_header *slot = ring_slot(&stream->ring, i);
        struct slot_layout layout;
        slot_layout_init(&layout, slot->count, r->image_bytes, r->label_bytes);
        wire_put_head(heads[frames], WIRE_BATCH, (uint32_t)layout.bytes);
        if (skip < WIRE_HEAD_SIZE) {
            parts[n++] = (struct iovec){heads[frames] + skip, WIRE_HEAD_SIZE - skip};
            parts[n++] = (struct iovec){slot, layout.bytes};
        } else {
            uint64_t into = skip - WIRE_HEAD_SIZE;
            parts[n++] = (struct iovec){(char *)slot + into, layout.bytes - into};
        }
        skip = 0;
    }
    return n;
}

/* Moves the position behind `n` sent bytes. */
static void advance_frames(struct session *s, uint64_t n)
{
    const struct stream *stream = s->reader->stream;
    uint64_t at = s->reader->tail;
    s->sent_bytes += n;
    while (s->sent_bytes) {
        struct slot_layout layout;
        slot_layout_init(&layout, ring_slot(&stream->ring, at)->count, stream->recipe->image_bytes,
                         stream->recipe->label_bytes);
        if (s->sent_bytes < WIRE_HEAD_SIZE + layout.bytes)
            break;
        s->sent_bytes -= WIRE_HEAD_SIZE + layout.bytes;
        at++;
    }
    if (at != s->reader->tail)
        pool_sent(s->server->pool, s->reader, at);
}

/* Keeps the time in which the client could have had more than there was. */
static void note_empty(struct session *s, bool empty)
{
    if (empty && !s->empty_since_ns) {
        s->empty_since_ns = clock_ns();
        s->waited.waits++;
    } else if (!empty && s->empty_since_ns) {
        s->waited.waited_ns += clock_ns() - s->empty_since_ns;
        s->empty_since_ns = 0;
    }
}

bool inline_send(struct session *s)
{
    for (;;) {
        struct progress p = pool_progress(s->server->pool, s->reader);
        note_empty(s, p.tail == p.head && p.tail < s->reader->limit);
        if (p.tail == p.head)
            return true;
        struct iovec parts[PARTS_MAX];
        uint8_t heads[PARTS_MAX][WIRE_HEAD_SIZE];
        size_t n = gather_frames(s, p.head, parts, heads);
        ssize_t sent = socket_send(s->fd, parts, n);
        if (sent == -EAGAIN)
            return false;
        if (sent < 0) {
            session_end(s);
            return false;
        }
        advance_frames(s, (uint64_t)sent);
    }
}
