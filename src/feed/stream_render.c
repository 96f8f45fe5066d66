/* SPDX-License-Identifier: MIT */
/* A stream's chunks: claimed, rendered, published in order; and the orders that they need. Does not
 * say who renders when: that is turn.c's. */
#include "feed/stream.h"

#include "base/clock.h"
#include "ledger/sum.h"

#include <assert.h>
#include <errno.h>

/* ---- rendering ----------------------------------------------------------------------------- */

/* The one that keeps the others from being published first. */
static struct chunk *oldest_paused(struct stream *s) REQUIRES(feed_lock)
{
    struct chunk *c = NULL;
    for (uint32_t i = 0; !c && i < s->chunk_count; i++) {
        struct chunk *at = &s->chunks[(s->chunk_first + i) % STREAM_CHUNKS_MAX];
        c = at->paused ? at : NULL;
    }
    return c;
}

struct chunk *stream_claim(struct stream *s, uint64_t room)
{
    assert(!s->closed && !s->failed);
    if (s->paused_count) {
        struct chunk *c = oldest_paused(s);
        assert(c);
        c->paused = false;
        s->paused_count--;
        return c;
    }
    assert(s->chunk_count < STREAM_CHUNKS_MAX && room > 0 && stream_is_ordered(s));
    uint64_t steps = s->plan->sampler.steps;
    uint64_t count = steps - s->claimed % steps; /* a chunk has one epoch */
    if (count > room)
        count = room;
    if (count > s->chunk_max)
        count = s->chunk_max;
    struct chunk *c = &s->chunks[(s->chunk_first + s->chunk_count++) % STREAM_CHUNKS_MAX];
    *c = (struct chunk){.first = s->claimed, .count = (uint32_t)count};
    for (uint64_t i = 0; i < count; i++)
        ring_take(&s->ring, s->claimed++);
    assert(s->claimed - s->kept <= s->ring.slot_count);
    return c;
}

/* The parts of batch `number`'s slot. An inline slot is laid out for the batch's own count, so
 * that it travels as it is. */
static struct batch_target open_slot(const struct stream *s, uint64_t number)
{
    const struct render_plan *r = s->plan;
    uint64_t steps = r->sampler.steps;
    struct slot_header *h = ring_slot(&s->ring, number);
    *h = (struct slot_header){
        .number = number,
        .epoch = number / steps,
        .step = number % steps,
    };
    h->count = sampler_batch_count(&r->sampler, h->step);
    const struct slot_sample sample = stream_slot_sample(s);
    struct slot_layout layout;
    slot_layout_init(&layout, s->is_inline ? h->count : r->slot_samples, &sample);
    char *at = (char *)h;
    return (struct batch_target){
        .samples = at + SLOT_SAMPLES_AT,
        .labels = at + layout.labels_at,
        .indices = (uint32_t *)(at + layout.indices_at),
    };
}

/* The batches from number `first` on, which nobody else looks at yet. */
static void sum_batches(const struct stream *s, uint64_t first, uint32_t count,
                        const struct batch_target *targets)
{
    for (uint32_t i = 0; s->sums && i < count; i++)
        s->sums[(first + i + 1) & s->sums_mask] =
            ledger_batch_sum(first + i, targets[i].indices, targets[i].count);
}

/* Of an epoch that has a chunk, whose order stays until that is published. */
static const uint32_t *permutation_of(const struct stream *s, uint64_t epoch)
{
    const struct permutation *p = s->held[epoch % 2].order;
    if (!sampler_needs_permutation(&s->plan->sampler))
        return NULL;
    assert(p && s->held[epoch % 2].epoch == epoch);
    return permutation_indices(p);
}

int stream_render(const struct stream *s, struct chunk *c, struct render_scratch *scratch,
                  uint64_t end_ns)
{
    struct batch_target targets[STREAM_RUN_BATCHES];
    uint64_t steps = s->plan->sampler.steps, epoch = c->first / steps;
    do {
        uint64_t first = c->first + c->rendered;
        uint32_t left = c->count - c->rendered;
        struct render_run run = {
            .epoch = epoch,
            .step = first % steps,
            .batches = left < STREAM_RUN_BATCHES ? left : STREAM_RUN_BATCHES,
            .permutation = permutation_of(s, epoch),
            .targets = targets,
        };
        for (size_t i = 0; i < run.batches; i++)
            targets[i] = open_slot(s, first + i);
        int rc = render_part(s->plan, scratch, &run, &c->samples, end_ns);
        if (rc <= 0)
            return rc;
        sum_batches(s, first, (uint32_t)run.batches, targets);
        c->rendered += (uint32_t)run.batches;
        c->samples = 0;
    } while (c->rendered < c->count && clock_ns() < end_ns);
    return c->rendered == c->count;
}

void stream_pause(struct stream *s, struct chunk *c, const struct chunk *now)
{
    assert(!c->done && !c->paused && c->first == now->first && now->rendered < c->count);
    c->rendered = now->rendered;
    c->samples = now->samples;
    c->paused = true;
    s->paused_count++;
}

/* Those before each batch up to the head, which moves to `head`. */
static void add_sums(struct stream *s, uint64_t head) REQUIRES(feed_lock)
{
    for (uint64_t n = s->head; s->sums && n < head; n++)
        s->sums[(n + 1) & s->sums_mask] += s->sums[n & s->sums_mask];
}

bool stream_finish(struct stream *s, struct chunk *c)
{
    assert(!c->done && !c->paused && c->first >= s->head && c->first + c->count <= s->claimed);
    c->done = true;
    uint64_t head = s->head;
    while (s->chunk_count && s->chunks[s->chunk_first].done) {
        struct chunk *oldest = &s->chunks[s->chunk_first];
        assert(oldest->first == head);
        head = oldest->first + oldest->count;
        s->chunk_first = (s->chunk_first + 1) % STREAM_CHUNKS_MAX;
        s->chunk_count--;
    }
    if (head == s->head)
        return false;
    add_sums(s, head);
    s->head = head;
    ring_publish(&s->ring, head);
    for (struct consumer *r = s->consumers; r; r = r->next)
        consumer_stall_end(r);
    return true;
}

/* ---- orders -------------------------------------------------------------------------------- */

/* Whether the order of the epoch, the head's or the next, is there. */
static bool has_order(const struct stream *s, uint64_t epoch) REQUIRES(feed_lock)
{
    return !sampler_needs_permutation(&s->plan->sampler) || s->ordered[epoch % 2] == epoch + 1;
}

bool stream_is_ordered(const struct stream *s)
{
    return s->paused_count > 0 || has_order(s, s->claimed / s->plan->sampler.steps);
}

bool stream_is_stuck(const struct stream *s)
{
    uint64_t steps = s->plan->sampler.steps;
    return !stream_is_ordered(s) && (s->ordering || s->claimed / steps > s->head / steps + 1);
}

bool stream_order_due(struct stream *s, uint64_t *due)
{
    uint64_t steps = s->plan->sampler.steps;
    uint64_t epoch = s->head / steps, step = s->head % steps;
    if (s->ordering || s->closed || s->failed)
        return false;
    bool ahead = step >= steps - steps / 4 || s->claimed / steps > epoch;
    if (has_order(s, epoch) && ahead)
        epoch++;
    if (has_order(s, epoch) || epoch * steps >= s->limit)
        return false;
    s->ordering = true;
    s->ordered[epoch % 2] = 0; /* that of two epochs before, of which there is no chunk any more */
    *due = epoch;
    return true;
}

int stream_make_order(struct stream *s, uint64_t epoch, bool wait)
{
    struct permutation_cache *orders = s->plan->caches->permutations;
    const struct sampler *sampler = &s->plan->sampler;
    struct permutation **order = &s->held[epoch % 2].order;
    if (!*order || s->held[epoch % 2].epoch != epoch) {
        permutation_cache_put(orders, *order);
        *order = permutation_cache_get(orders, sampler, epoch);
        s->held[epoch % 2].epoch = epoch;
    }
    if (!*order)
        return -ENOMEM;
    return permutation_cache_step(orders, *order, sampler, wait);
}

void stream_end_order(struct stream *s, uint64_t epoch, int rc)
{
    assert(s->ordering);
    s->ordering = false;
    if (rc > 0)
        s->ordered[epoch % 2] = epoch + 1;
}
