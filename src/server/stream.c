/* One stream's ring and progress. Does not schedule: the pool decides who renders when. */
#include "server/stream.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A target without a chunk's worth of slots would make every batch a wake-up. */
#define SLOTS_MIN 2u
#define SLOTS_MAX 4096u

/* Unsent batches of an inline stream: enough small ones to fill a sendmsg, never many large ones.
 */
#define INLINE_BYTES (256u << 10)

static uint32_t choose_slots(uint64_t target_bytes, uint64_t slot_bytes)
{
    uint64_t n = target_bytes / slot_bytes;
    return n < SLOTS_MIN ? SLOTS_MIN : n > SLOTS_MAX ? SLOTS_MAX : (uint32_t)n;
}

static int check_token(const struct recipe *r, const struct token *t, struct err *e)
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
static int set_position(struct stream *s, const struct stream_options *o, struct err *e)
{
    const struct spec *spec = o->spec;
    uint64_t steps = s->recipe->sampler.steps;
    uint64_t epoch = spec->epoch, step = 0;
    if (o->token) {
        int rc = check_token(s->recipe, o->token, e);
        if (rc)
            return rc;
        epoch = o->token->epoch;
        step = o->token->step;
    }
    int rc = sampler_check_epoch(&s->recipe->sampler, epoch, e);
    if (rc)
        return rc;
    s->base = epoch * steps + step;
    uint64_t end =
        spec->epochs ? (spec->epoch + spec->epochs) * steps : (SPEC_EPOCH_MAX + 1) * steps;
    s->limit = end > s->base ? end - s->base : 0;
    return 0;
}

static int make_ring(struct stream *s, const struct stream_options *o, struct err *e)
{
    const struct recipe *r = s->recipe;
    struct slot_layout layout;
    if (!slot_layout_init(&layout, r->slot_samples, r->image_bytes, r->label_bytes))
        return err_set(e, -E2BIG, "a batch of %u images of %llu bytes: want at most 4 GiB",
                       r->slot_samples, (unsigned long long)r->image_bytes);
    if (layout.bytes * SLOTS_MIN > o->ring_max_bytes)
        return err_set(e, -E2BIG,
                       "two batches of %llu bytes: limits.ring_bytes allows a ring of %llu bytes",
                       (unsigned long long)layout.bytes, (unsigned long long)o->ring_max_bytes);
    uint64_t target = s->is_inline ? INLINE_BYTES : o->ring_target_bytes;
    if (target > o->ring_max_bytes)
        target = o->ring_max_bytes;
    uint32_t slots = choose_slots(target, layout.bytes);
    int rc = ring_init(&s->ring, slots, layout.bytes, e);
    if (rc)
        return rc;
    uint64_t chunk = (STREAM_CHUNK_BYTES + layout.bytes - 1) / layout.bytes;
    s->chunk_max = (uint32_t)(chunk < slots / 2 ? chunk : slots / 2);
    s->wake_room = slots / 2;
    return s->is_inline ? 0 : seat_init(&s->seat, 0, e);
}

int stream_new(struct stream **out, const struct stream_options *o, struct err *e)
{
    struct stream *s = calloc(1, sizeof *s);
    if (!s)
        return err_set(e, -ENOMEM, "out of memory");
    s->is_inline = o->spec->transport == FMNIST_INLINE;
    s->ring.fd = s->seat.fd = -1;
    int rc = recipe_new(&s->recipe, o->spec, o->dataset, o->kitchen, s->is_inline, e);
    if (!rc)
        rc = set_position(s, o, e);
    if (!rc)
        rc = make_ring(s, o, e);
    if (rc) {
        stream_free(s);
        return rc;
    }
    *out = s;
    return 0;
}

void stream_free(struct stream *s)
{
    if (!s)
        return;
    assert(s->uses == 0 && !s->runnable && !s->notified);
    seat_close(&s->seat);
    ring_close(&s->ring);
    recipe_free(s->recipe);
    free(s);
}

uint64_t stream_bytes(const struct stream *s)
{
    return s->ring.map_bytes;
}

int64_t stream_room(struct stream *s)
{
    if (!s->is_inline) {
        int rc = seat_update(&s->seat, s->head);
        if (rc)
            return rc;
        s->tail = s->seat.tail;
    }
    uint64_t end = s->tail + s->ring.slot_count;
    if (end > s->limit)
        end = s->limit;
    return end > s->claimed ? (int64_t)(end - s->claimed) : 0;
}

struct chunk *stream_claim(struct stream *s, uint64_t room)
{
    assert(s->chunk_count < STREAM_CHUNKS_MAX);
    uint64_t steps = s->recipe->sampler.steps;
    uint64_t count = steps - (s->base + s->claimed) % steps; /* a chunk has one epoch */
    if (count > room)
        count = room;
    if (count > s->chunk_max)
        count = s->chunk_max;
    struct chunk *c = &s->chunks[(s->chunk_first + s->chunk_count++) % STREAM_CHUNKS_MAX];
    *c = (struct chunk){.first = s->claimed, .count = (uint32_t)count};
    s->claimed += count;
    return c;
}

/* The parts of batch `number`'s slot. An inline slot is laid out for the batch's own count, so
 * that it travels as it is. */
static struct batch_target open_slot(const struct stream *s, uint64_t number)
{
    const struct recipe *r = s->recipe;
    uint64_t steps = r->sampler.steps;
    struct slot_header *h = ring_slot(&s->ring, number);
    *h = (struct slot_header){
        .number = number,
        .epoch = (s->base + number) / steps,
        .step = (s->base + number) % steps,
    };
    h->count = sampler_batch_count(&r->sampler, h->step);
    struct slot_layout layout;
    slot_layout_init(&layout, s->is_inline ? h->count : r->slot_samples, r->image_bytes,
                     r->label_bytes);
    char *at = (char *)h;
    return (struct batch_target){
        .images = at + SLOT_IMAGES_AT,
        .labels = at + layout.labels_at,
        .indices = (int64_t *)(at + layout.indices_at),
    };
}

int stream_render(const struct stream *s, const struct chunk *c, struct render_scratch *scratch)
{
    struct batch_target targets[64];
    uint64_t steps = s->recipe->sampler.steps;
    for (uint32_t done = 0; done < c->count;) {
        uint32_t n = c->count - done;
        if (n > sizeof targets / sizeof *targets)
            n = sizeof targets / sizeof *targets;
        for (uint32_t i = 0; i < n; i++)
            targets[i] = open_slot(s, c->first + done + i);
        uint64_t at = s->base + c->first + done;
        int rc = recipe_render(s->recipe, scratch, at / steps, at % steps, n, targets);
        if (rc)
            return rc;
        done += n;
    }
    return 0;
}

bool stream_finish(struct stream *s, struct chunk *c)
{
    c->done = true;
    uint64_t head = s->head;
    while (s->chunk_count && s->chunks[s->chunk_first].done) {
        struct chunk *oldest = &s->chunks[s->chunk_first];
        head = oldest->first + oldest->count;
        s->chunk_first = (s->chunk_first + 1) % STREAM_CHUNKS_MAX;
        s->chunk_count--;
    }
    if (head == s->head)
        return false;
    s->head = head;
    ring_publish(&s->ring, head);
    return true;
}
