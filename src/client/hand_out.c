/* SPDX-License-Identifier: MIT */
/* Handing batches out in final form: as views, or in the caller's memory. How they come is not
 * known here. */
#include "base/fault_point.h"
#include "client/sized.h"
#include "client/stream.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* ---- memory of views ----------------------------------------------------------------------- */

#define HUGE_PAGE (UINT64_C(2) << 20)

/* From a batch of 16 MB on, huge pages were seen to save a tenth of the time of writing it and
 * reading it; below 2 MB, nothing. */
static void *make_memory(uint64_t bytes)
{
    if (bytes < HUGE_PAGE)
        return aligned_alloc(64, bytes);
    bytes = align_up(bytes, HUGE_PAGE);
    void *memory = aligned_alloc(HUGE_PAGE, bytes);
    if (memory)
        madvise(memory, bytes, MADV_HUGEPAGE); /* where the machine has none, small ones do */
    return memory;
}

/* The one released last, which is in the CPU's cache still; most programs hold one at a time, and
 * never have a second. */
static void *take_memory(struct fmnist_stream *s)
{
    return s->idle_count ? s->idle[--s->idle_count] : make_memory(s->view_layout.bytes);
}

static void put_memory(struct fmnist_stream *s, void *memory)
{
    s->idle[s->idle_count++] = memory;
}

/* ---- in final form ------------------------------------------------------------------------- */

static void describe(const struct fmnist_stream *s, const struct parts *p, struct fmnist_batch *b)
{
    *b = (struct fmnist_batch){
        .epoch = s->epoch,
        .step = s->step,
        .count = p->count,
        .slot = s->number,
    };
}

static void finish_labels(const struct fmnist_stream *s, const struct parts *p, void *out)
{
    if (s->opened.label_count)
        convert_label_rows(p->labels, p->count * s->opened.label_count, s->spec.label_dtype, out);
    else
        convert_labels(p->labels, p->count, s->spec.label_dtype, out);
}

static void fill_view(struct fmnist_stream *s, const struct parts *p, void *memory,
                      struct fmnist_batch *b)
{
    char *at = memory;
    void *labels = at + s->view_layout.labels_at;
    int64_t *indices = (int64_t *)(at + s->view_layout.indices_at);
    describe(s, p, b);
    if (!s->in_place)
        finish_batch(&s->finish, p->samples, memory, b->count);
    finish_labels(s, p, labels);
    convert_indices(p->indices, b->count, indices);
    b->images = s->in_place ? p->samples : memory;
    b->labels = labels;
    b->indices = indices;
}

static void fill_into(struct fmnist_stream *s, const struct parts *p,
                      const struct fmnist_into *into, struct fmnist_batch *b)
{
    describe(s, p, b);
    if (into->images)
        finish_batch(&s->finish, p->samples, into->images, b->count);
    if (into->labels)
        finish_labels(s, p, into->labels);
    if (into->indices)
        convert_indices(p->indices, b->count, into->indices);
    b->images = into->images;
    b->labels = into->labels;
    b->indices = into->indices;
}

/* ---- views --------------------------------------------------------------------------------- */

/* Where an inline batch comes that is not a view in place. */
static int need_frame(struct fmnist_stream *s)
{
    if (!s->frame && stream_is_inline(s))
        s->frame = aligned_alloc(64, s->layout.bytes);
    return s->frame || !stream_is_inline(s) ? FMNIST_OK : fail(FMNIST_ENOMEM, "out of memory");
}

/* Whether the next batch, if one comes, can be finished. */
static int ready(const struct fmnist_stream *s)
{
    bool ends = s->step == s->opened.steps;
    return ends ? FMNIST_OK : finish_ready(&s->finish, stream_batch_count(s));
}

static int receive_view(struct fmnist_stream *s, struct fmnist_batch *batch, void *memory)
{
    struct parts p;
    int rc = ready(s);
    if (!rc && !s->in_place)
        rc = need_frame(s);
    do {
        if (!rc)
            rc = stream_receive(s, s->in_place ? memory : s->frame, &p);
        if (!rc)
            fill_view(s, &p, memory, batch);
        FAULT_POINT("batch in hand");
    } while (!rc && stream_was_taken(s));
    return rc;
}

int fmnist_next(struct fmnist_stream *s, struct fmnist_batch *batch)
{
    if (!s || !batch)
        return fail(FMNIST_EINVAL, "stream and batch: want no NULL");
    bool full = s->number - s->tail >= s->slot_count; /* as stream_receive says then */
    void *memory = full ? NULL : take_memory(s);
    int rc = memory || full ? receive_view(s, batch, memory) : fail(FMNIST_ENOMEM, "out of memory");
    if (rc) {
        if (memory)
            put_memory(s, memory);
        *batch = (struct fmnist_batch){0};
        return rc;
    }
    s->held[s->number % s->held_size] = memory;
    s->number++;
    s->step++;
    s->finish.values_count = 0;
    if (!s->in_place)
        stream_give_back(s);
    return FMNIST_OK;
}

int fmnist_release(struct fmnist_stream *s, const struct fmnist_batch *batch)
{
    if (!s || !batch)
        return fail(FMNIST_EINVAL, "stream and batch: want no NULL");
    int rc = guard_check(&s->guard);
    if (rc)
        return rc;
    uint64_t n = batch->slot;
    if (n < s->tail || n >= s->number || !s->held[n % s->held_size])
        return fail(FMNIST_EINVAL, "batch (%llu, %llu) is not held",
                    (unsigned long long)batch->epoch, (unsigned long long)batch->step);
    put_memory(s, s->held[n % s->held_size]);
    s->held[n % s->held_size] = NULL;
    if (n == s->tail) { /* else an older one is still held */
        while (s->tail < s->number && !s->held[s->tail % s->held_size])
            s->tail++;
        if (s->in_place)
            stream_give_back(s);
    }
    stream_pay_kick(s);
    return FMNIST_OK;
}

/* ---- into the caller's memory -------------------------------------------------------------- */

static int check_into(const struct fmnist_stream *s, const struct fmnist_into *into)
{
    if (s->step == s->opened.steps)
        return FMNIST_OK; /* no batch comes, but the epoch's end */
    const struct {
        const char *name;
        const void *memory;
        size_t have;
        uint64_t want;
    } parts[] = {
        {"images", into->images, into->images_bytes, stream_batch_count(s) * s->image_bytes},
        {"labels", into->labels, into->labels_bytes, stream_batch_count(s) * s->label_bytes},
        {"indices", into->indices, into->indices_bytes, stream_batch_count(s) * sizeof(int64_t)},
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (parts[i].memory && parts[i].have < parts[i].want)
            return fail(FMNIST_EINVAL, "into.%s_bytes is %zu: the batch has %llu", parts[i].name,
                        parts[i].have, (unsigned long long)parts[i].want);
    return FMNIST_OK;
}

static int take_into(struct fmnist_into *to, const struct fmnist_into *theirs)
{
    static const struct sized_kind kind = {"into", "sizeof(struct fmnist_into)",
                                           SIZED_UP_TO(struct fmnist_into, indices_bytes),
                                           sizeof *to};
    return sized_take(&kind, to, theirs);
}

int fmnist_next_into(struct fmnist_stream *s, const struct fmnist_into *theirs,
                     struct fmnist_batch *batch)
{
    if (!s || !theirs || !batch)
        return fail(FMNIST_EINVAL, "stream, into and batch: want no NULL");
    struct fmnist_into into;
    struct parts p;
    int rc = take_into(&into, theirs);
    if (!rc)
        rc = check_into(s, &into);
    if (!rc && into.images)
        rc = ready(s);
    if (!rc)
        rc = need_frame(s);
    do {
        if (!rc)
            rc = stream_receive(s, s->frame, &p);
        if (!rc)
            fill_into(s, &p, &into, batch);
    } while (!rc && stream_was_taken(s));
    if (rc) {
        *batch = (struct fmnist_batch){0};
        return rc;
    }
    s->tail += s->tail == s->number; /* nothing is held */
    s->number++;
    s->step++;
    s->finish.values_count = 0;
    stream_give_back(s);
    stream_pay_kick(s);
    return FMNIST_OK;
}

/* ---- draws of the caller's ------------------------------------------------------------------- */

int fmnist_stream_values(struct fmnist_stream *s, const uint32_t *values, uint64_t count)
{
    if (!s || (!values && count))
        return fail(FMNIST_EINVAL, "stream and values: want no NULL");
    int rc = guard_check(&s->guard);
    if (rc)
        return rc;
    uint64_t step = s->step;
    s->step = step == s->opened.steps ? 0 : step; /* behind an epoch's end: the next one's first */
    uint64_t want = stream_batch_count(s);
    s->step = step;
    return finish_values(&s->finish, values, count, want);
}
