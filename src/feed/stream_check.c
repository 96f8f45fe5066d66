/* SPDX-License-Identifier: MIT */
/* What must hold of a stream whenever nobody has the lock. */
#include "feed/stream.h"

#include <assert.h>

static void check_positions(const struct stream *s) REQUIRES(feed_lock)
{
    assert(s->kept <= s->tail && s->tail <= s->claimed);
    assert(s->head <= s->claimed && s->claimed - s->kept <= s->ring.slot_count);
    assert(ring_head(&s->ring) == s->head);
    assert(s->chunk_max > 0 && s->chunk_max <= s->ring.slot_count);
    ring_check(&s->ring, s->kept, s->claimed);
}

/* Without a gap from the head on. */
static void check_chunks(const struct stream *s) REQUIRES(feed_lock)
{
    uint64_t next = s->head;
    uint32_t paused = 0;
    assert(s->chunk_count <= STREAM_CHUNKS_MAX);
    for (uint32_t i = 0; i < s->chunk_count; i++) {
        const struct chunk *c = &s->chunks[(s->chunk_first + i) % STREAM_CHUNKS_MAX];
        assert(c->first == next && c->count > 0);
        assert(i > 0 || !c->done);
        assert(!c->paused || !c->done);
        paused += c->paused;
        next += c->count;
    }
    assert(next == s->claimed && paused == s->paused_count);
}

static void check_consumers(const struct stream *s) REQUIRES(feed_lock)
{
    uint32_t count = 0;
    bool has_parked = false;
    for (const struct consumer *r = s->consumers; r; r = r->next) {
        assert(r->stream == s && r->is_inline == s->is_inline);
        if (consumer_is_active(r))
            assert(r->tail >= s->kept && r->tail <= s->head && s->tail <= s->head);
        has_parked |= r == s->parked;
        count++;
    }
    assert(count == s->consumer_count && s->closed == (count == 0));
    assert(!s->parked || has_parked);
    assert(!s->is_inline || (count <= 1 && !s->parked));
}

void stream_check(const struct stream *s)
{
    check_positions(s);
    check_chunks(s);
    check_consumers(s);
    assert(!s->runnable || (!s->closed && !s->failed));
    assert(!s->watched || s->uses > 0);
    assert(!s->ordering || s->uses > 0);
    assert(!s->departed || s->uses > 0);
}
