/* SPDX-License-Identifier: MIT */
/* One stream's ring, and who sits at it. Its chunks are stream_render.c's. */
#include "feed/stream.h"

#include "base/io.h"
#include "render/caches_memory.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A target without a chunk's worth of slots would make every batch a wake-up. */
#define SLOTS_MIN 2u

/* Unsent batches of an inline stream: two chunks, which stay in the CPU's own cache between
 * rendering and sending. */
#define INLINE_BYTES (512u << 10)

/* What the kernel holds of it unread: twice what wire/socket.h asks for. */
#define INLINE_SOCKET_BYTES (2u << 20)

/* A ring by itself may be large, so that its consumers wake and are woken seldom: eight consumers
 * of one ring of 8 MiB cost a third less than of 2 MiB. Several of that size would push each other,
 * and the samples that are gathered, out of the cache. */
#define RING_BYTES_ALONE (8u << 20)
#define RING_BYTES_SHARE (2u << 20)

uint64_t stream_cache_share(uint32_t rings)
{
    return rings == 1 ? RING_BYTES_ALONE : RING_BYTES_SHARE;
}

static uint32_t choose_slots(uint64_t target_bytes, uint64_t slot_bytes)
{
    uint64_t n = target_bytes / slot_bytes;
    return n < SLOTS_MIN ? SLOTS_MIN : n > RING_SLOTS_MAX ? RING_SLOTS_MAX : (uint32_t)n;
}

static int check_token(const struct render_plan *r, const struct token *t, struct err *e)
{
    if (memcmp(t->identity, r->identity, sizeof t->identity))
        return err_set(e, -ESTALE,
                       "the token belongs to another stream: its spec or its dataset differs");
    if (t->epoch > SPEC_EPOCH_MAX || t->step > r->sampler.steps)
        return err_set(e, -ESTALE, "the token says epoch %llu step %llu: want at most step %llu",
                       (unsigned long long)t->epoch, (unsigned long long)t->step,
                       (unsigned long long)r->sampler.steps);
    return 0;
}

/* Where the stream begins and ends. */
static int set_position(struct stream *s, const struct stream_options *o, uint64_t *limit,
                        struct err *e)
{
    const struct spec *spec = o->spec;
    uint64_t steps = s->plan->sampler.steps;
    uint64_t epoch = spec->epoch, step = 0;
    if (o->token) {
        int rc = check_token(s->plan, o->token, e);
        if (rc)
            return rc;
        epoch = o->token->epoch;
        step = o->token->step;
    }
    int rc = sampler_check_epoch(&s->plan->sampler, epoch, e);
    if (rc)
        return rc;
    s->first = epoch * steps + step;
    uint64_t end =
        spec->epochs ? (spec->epoch + spec->epochs) * steps : (SPEC_EPOCH_MAX + 1) * steps;
    *limit = end > s->first ? end : s->first;
    return 0;
}

int stream_new(struct stream **out, const struct stream_options *o, uint64_t *limit, struct err *e)
{
    struct stream *s = calloc(1, sizeof *s);
    if (!s)
        return err_set(e, -ENOMEM, "out of memory");
    s->is_inline = o->spec->transport == FMNIST_INLINE;
    s->ring.fd = -1;
    int rc = render_plan_new(&s->plan, o->spec, o->dataset, o->caches, e);
    if (rc == -ENODATA)
        rc = STREAM_WANTS_LIST;
    else if (rc == -EAGAIN)
        rc = STREAM_WANTS_SELECTION;
    if (rc)
        goto free_stream;
    rc = set_position(s, o, limit, e);
    if (rc)
        goto free_stream;
    *out = s;
    return 0;

free_stream:
    stream_free(s);
    return rc;
}

int stream_fork(struct stream **out, const struct stream *from, struct render_plan *plan,
                uint64_t first, struct err *e)
{
    assert(!memcmp(plan->ring_id, from->plan->ring_id, sizeof plan->ring_id));
    struct stream *s = calloc(1, sizeof *s);
    if (!s)
        return err_set(e, -ENOMEM, "out of memory");
    s->plan = render_plan_share(plan);
    s->is_inline = from->is_inline;
    s->fits_cache = from->fits_cache;
    s->is_summed = from->is_summed;
    s->first = first;
    s->ring.fd = -1;
    s->ring.slot_count = from->ring.slot_count; /* what the consumer is prepared for */
    *out = s;
    return 0;
}

static int slot_bytes(const struct stream *s, uint64_t *bytes, struct err *e)
{
    const struct render_plan *r = s->plan;
    const struct slot_sample sample = stream_slot_sample(s);
    struct slot_layout layout;
    if (!slot_layout_init(&layout, r->slot_samples, &sample))
        return err_set(e, -E2BIG, "a batch of %u samples of %llu bytes: want at most 4 GiB",
                       r->slot_samples, (unsigned long long)r->sample_bytes);
    *bytes = layout.bytes;
    return 0;
}

int stream_choose_slots(const struct stream *s, uint64_t target_bytes, uint64_t max_bytes,
                        uint32_t *slots, struct err *e)
{
    uint64_t bytes;
    int rc = slot_bytes(s, &bytes, e);
    if (rc)
        return rc;
    if (bytes * SLOTS_MIN > max_bytes)
        return err_set(e, -E2BIG,
                       "two batches of %llu bytes: limits.ring_bytes allows a ring of %llu bytes",
                       (unsigned long long)bytes, (unsigned long long)max_bytes);
    uint64_t target = s->is_inline ? INLINE_BYTES : target_bytes;
    *slots = choose_slots(target < max_bytes ? target : max_bytes, bytes);
    return 0;
}

static void set_window(struct stream *s, uint32_t slots) REQUIRES(feed_lock)
{
    uint64_t bytes = s->ring.slot_bytes, chunk = (STREAM_CHUNK_BYTES + bytes - 1) / bytes;
    ring_set_window(&s->ring, slots);
    s->chunk_max = (uint32_t)(chunk < slots / 2 ? chunk : slots / 2);
    s->wake_room = slots / 2;
}

void stream_set_window(struct stream *s, uint32_t rings)
{
    if (!s->fits_cache || s->is_inline)
        return;
    uint32_t slots = choose_slots(stream_cache_share(rings), s->ring.slot_bytes);
    set_window(s, slots < s->ring.slot_count ? slots : s->ring.slot_count);
}

int stream_ring_size(const struct stream *s, uint32_t slots, uint64_t *bytes, struct err *e)
{
    uint64_t slot;
    int rc = slot_bytes(s, &slot, e);
    if (rc)
        return rc;
    return ring_size(slots, slot, bytes)
               ? 0
               : err_set(e, -ENOMEM, "%u slots of %llu bytes", slots, (unsigned long long)slot);
}

/* With what it may need beside the ring: its permutations, and what its socket holds. Given back by
 * stream_free. */
static int take_memory(struct stream *s, uint64_t ring_bytes, struct err *e)
{
    const struct render_plan *r = s->plan;
    uint64_t bytes = RING_HEADER_SIZE + RING_SEAT_SIZE + ring_bytes +
                     permutation_cache_stream_bytes(r->spec.order, r->sampler.count) +
                     (s->is_inline ? INLINE_SOCKET_BYTES : 0);
    int rc = render_caches_take(r->caches, s->is_inline ? "a stream" : "a ring", bytes, e);
    s->taken_bytes = rc ? 0 : bytes;
    return rc;
}

static int make_sums(struct stream *s, uint32_t slots, struct err *e)
{
    uint64_t places = 1;
    if (!s->is_summed || s->sums)
        return 0;
    while (places <= slots)
        places *= 2;
    s->sums = calloc(places, sizeof *s->sums);
    s->sums_mask = places - 1;
    return s->sums ? 0 : err_set(e, -ENOMEM, "out of memory");
}

/* Nobody else has the stream yet. */
int stream_make_ring(struct stream *s, uint32_t slots, struct err *e) UNGUARDED
{
    uint64_t bytes;
    int rc = slot_bytes(s, &bytes, e);
    if (rc)
        return rc;
    rc = make_sums(s, slots, e);
    if (!rc && !s->ring.header)
        rc = take_memory(s, slots * bytes, e);
    if (rc)
        return rc;
    rc = s->ring.header ? ring_grow(&s->ring, e) : ring_init(&s->ring, slots, bytes, s->first, e);
    if (rc)
        return rc;
    if (s->is_inline)
        fd_close(&s->ring.fd); /* nobody else maps it */
    set_window(s, slots);
    s->tail = s->limit = s->kept = s->head = s->claimed = s->first;
    assert(s->chunk_max > 0 && s->wake_room > 0);
    return 0;
}

/* Nobody else has the stream any more. */
void stream_free(struct stream *s) UNGUARDED
{
    if (!s)
        return;
    assert(s->uses == 0 && !s->runnable && !s->consumers && !s->departed);
    for (int i = 0; i < 2; i++)
        if (s->held[i].order)
            permutation_cache_put(s->plan->caches->permutations, s->held[i].order);
    ring_close(&s->ring);
    if (s->plan)
        budget_give(s->plan->caches->budget, s->taken_bytes);
    render_plan_free(s->plan);
    free(s->sums);
    free(s);
}

uint64_t stream_bytes(const struct stream *s)
{
    return s->ring.map_bytes;
}

uint64_t stream_list_bytes(const struct spec *spec)
{
    return list_numbers(spec->list_count, spec->list_batch_count, spec->list_value_count) *
           sizeof(uint32_t);
}

uint64_t stream_order_bytes(const struct spec *spec)
{
    return permutation_cache_stream_bytes(spec->order, spec->list_count);
}

/* ---- consumers ------------------------------------------------------------------------------- */

bool stream_can_seat(struct stream *s, const struct stream *like)
{
    uint32_t slots = like->ring.slot_count;
    bool fits = !s->closed && !s->failed && !s->is_inline && !like->is_inline &&
                (!slots || slots == s->ring.slot_count) &&
                !memcmp(s->plan->ring_id, like->plan->ring_id, sizeof s->plan->ring_id) &&
                like->first >= s->kept && like->first <= s->head;
    /* Where the next batch waits for a consumer that is there already, a newcomer would, too. */
    return fits && (like->first < s->head || s->chunk_count || stream_room(s) > 0);
}

void stream_seat(struct stream *s, struct consumer *r, uint64_t now_ns)
{
    assert(!r->stream && !s->closed && ring_is_whole(&s->ring));
    assert(r->tail >= s->kept && r->tail <= s->head);
    r->stream = s;
    stream_note_sum(s, r);
    r->looked_ns = now_ns;
    if (!r->joined_ns)
        r->joined_ns = now_ns;
    r->next = s->consumers;
    s->consumers = r;
    ring_set_readers(&s->ring, ++s->consumer_count);
}

void stream_unseat(struct stream *s, struct consumer *r)
{
    assert(r->stream == s && s->consumer_count > 0);
    struct consumer **at = &s->consumers;
    while (*at != r)
        at = &(*at)->next;
    *at = r->next;
    r->stream = NULL;
    if (s->parked == r)
        s->parked = NULL;
    ring_set_readers(&s->ring, --s->consumer_count);
    s->closed = s->consumer_count == 0;
}

struct consumer *stream_slowest(const struct stream *s)
{
    struct consumer *slowest = NULL;
    for (struct consumer *r = s->consumers; r; r = r->next)
        if (consumer_is_active(r) && (!slowest || r->tail < slowest->tail))
            slowest = r;
    return slowest;
}

uint64_t stream_room(struct stream *s)
{
    uint64_t tail = UINT64_MAX, limit = 0;
    for (struct consumer *r = s->consumers; r; r = r->next) {
        if (!r->is_inline && !r->failed) {
            r->failed = seat_update(&r->seat, stream_ready(s, r));
            if (r->tail != r->seat.tail) {
                r->tail = r->seat.tail;
                stream_note_sum(s, r);
            }
        }
        if (!consumer_is_active(r))
            continue;
        tail = r->tail < tail ? r->tail : tail;
        limit = r->limit > limit ? r->limit : limit;
    }
    if (tail == UINT64_MAX)
        tail = limit = s->claimed;
    while (s->kept < tail)
        ring_give(&s->ring, s->kept++);
    s->tail = tail;
    s->limit = limit;
    assert(s->kept == s->tail && s->tail <= s->claimed);
    /* The window is what does for speed; a consumer that waits may have, and hold, all of the ring.
     */
    uint64_t end = tail + (s->starved ? s->ring.slot_count : s->ring.window);
    if (end > limit)
        end = limit;
    return end > s->claimed ? end - s->claimed : 0;
}

static uint64_t least_lost_ns(const struct stream *s, const struct consumer *but, uint64_t now_ns)
    REQUIRES(feed_lock)
{
    uint64_t least = UINT64_MAX / 2;
    for (const struct consumer *r = s->consumers; r; r = r->next)
        if (r != but && consumer_is_active(r) && consumer_lost_ns(r, now_ns) < least)
            least = consumer_lost_ns(r, now_ns);
    return least;
}

uint64_t stream_wait(struct stream *s, struct consumer *r, bool busy, uint64_t now_ns)
{
    /* Nothing is under way, and its own tail would let us go on, were it alone. */
    if (seat_waits(&r->seat) && consumer_is_active(r) && stream_room(s) == 0 &&
        s->chunk_count == 0 && s->claimed < r->limit && r->tail + s->ring.slot_count > s->claimed)
        consumer_stall_begin(r, now_ns);
    else
        consumer_stall_clear(r, now_ns);
    return busy ? consumer_busy_stall_budget_ns(r, least_lost_ns(s, r, now_ns), now_ns)
                : consumer_stall_budget_ns(r, now_ns);
}
