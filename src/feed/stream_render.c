/* A stream's chunks: claimed, rendered, published in order; and the orders that they need. Does not
 * say who renders when: that is turn.c's. */
#include "feed/stream.h"

#include "ledger/sum.h"

#include <assert.h>

/* ---- rendering ----------------------------------------------------------------------------- */

struct chunk *stream_claim(struct stream *s, uint64_t room)
{
    assert(s->chunk_count < STREAM_CHUNKS_MAX && room > 0 && !s->closed && !s->failed);
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
    struct slot_layout layout;
    slot_layout_init(&layout, s->is_inline ? h->count : r->slot_samples, r->sample_bytes);
    char *at = (char *)h;
    return (struct batch_target){
        .samples = at + SLOT_SAMPLES_AT,
        .labels = (int32_t *)(at + layout.labels_at),
        .indices = (uint32_t *)(at + layout.indices_at),
    };
}

/* The batches from number `first` on, which nobody else looks at yet. */
static void sum_batches(const struct stream *s, uint64_t first, uint32_t count,
                        const struct batch_target *targets)
{
    for (uint32_t i = 0; s->sums && i < count; i++)
        s->sums[(first + i + 1) % (s->ring.slot_count + 1)] =
            ledger_batch_sum(first + i, targets[i].indices, targets[i].count);
}

int stream_render(const struct stream *s, const struct chunk *c, struct render_scratch *scratch)
{
    struct batch_target targets[64];
    uint64_t steps = s->plan->sampler.steps;
    for (uint32_t done = 0; done < c->count;) {
        uint32_t n = c->count - done;
        if (n > sizeof targets / sizeof *targets)
            n = sizeof targets / sizeof *targets;
        for (uint32_t i = 0; i < n; i++)
            targets[i] = open_slot(s, c->first + done + i);
        uint64_t at = c->first + done;
        int rc = render_batches(s->plan, scratch, at / steps, at % steps, n, targets);
        if (rc)
            return rc;
        sum_batches(s, at, n, targets);
        done += n;
    }
    return 0;
}

/* Those before each batch up to the head, which moves to `head`. */
static void add_sums(struct stream *s, uint64_t head) REQUIRES(feed_lock)
{
    uint64_t places = s->ring.slot_count + 1;
    for (uint64_t n = s->head; s->sums && n < head; n++)
        s->sums[(n + 1) % places] += s->sums[n % places];
}

bool stream_finish(struct stream *s, struct chunk *c)
{
    assert(!c->done && c->first >= s->head && c->first + c->count <= s->claimed);
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

/* ---- orders ahead -------------------------------------------------------------------------- */

/* Nobody orders now. */
static bool holds_order(const struct stream *s, uint64_t epoch)
{
    return s->held[epoch % 2].end == epoch + 1;
}

bool stream_order_due(struct stream *s, uint64_t *due)
{
    const struct sampler *sampler = &s->plan->sampler;
    if (s->ordering || !sampler_needs_permutation(sampler))
        return false;
    uint64_t epoch = s->head / sampler->steps, step = s->head % sampler->steps;
    if (holds_order(s, epoch) && step >= sampler->steps - sampler->steps / 4)
        epoch++;
    if (holds_order(s, epoch) || epoch * sampler->steps >= s->limit)
        return false;
    s->ordering = true;
    *due = epoch;
    return true;
}

void stream_make_order(struct stream *s, uint64_t epoch)
{
    struct permutation_cache *orders = s->plan->caches->permutations;
    permutation_cache_put(orders, s->held[epoch % 2].order);
    /* Without memory for it now, whoever renders tries again. */
    s->held[epoch % 2].order = permutation_cache_hold(orders, &s->plan->sampler, epoch);
    s->held[epoch % 2].end = epoch + 1;
}
