/* SPDX-License-Identifier: MIT */
/* Rendering: indices to samples to batch bytes. The only copy of a pixel on the daemon's side. */
#include "render/render_plan.h"

#include "augment/draw.h"
#include "augment/run.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "dataset/cache_format.h"
#include "pixels/gather.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Samples are found in groups, whatever the batches' size: long enough for the gather's prefetch,
 * which begins anew with each, to run ahead, short enough for the group's pointers, and those
 * samples that are not kept, to stay in the cache. */
#define GROUP_SAMPLES 512u
#define UNKEPT_BYTES  (256u << 10)

/* What a group takes at most, or one sample. A worker that renders looks at the clock between
 * groups. */
#define GROUP_NS 1000000u

/* Of them samples that are made because they are not kept yet. The store is made of huge pages,
 * each of which the kernel clears for the first sample that comes to lie in it: 0.3 ms. */
#define GROUP_FRESH 8u

/* Samples whose indices are found at once. */
#define PART_SAMPLES 8192u

/* Images whose pages are asked for ahead of the one that is rendered: enough to fill a disk's
 * queue, and what they push out of memory is little. */
#define PAGES_AHEAD_BYTES (4u << 20)

/* Scratches of chains that a worker keeps: it goes round streams, and the weights of resampling
 * that lie in one take longer to make than a turn. */
#define SCRATCHES 4u

/* Larger memory goes after each part: images of that size take longer to make than it does. */
#define SCRATCH_KEPT_BYTES (8u << 20)

struct kept_scratch {
    uint8_t of[16]; /* the ring_id of the plan that it is for */
    struct augment_scratch *scratch;
};

struct render_scratch {
    uint32_t indices[PART_SAMPLES];
    size_t count; /* samples of the part being rendered */
    size_t asked; /* so many of them have been asked for */
    struct prefetcher prefetcher;
    uint8_t *unkept; /* samples that the store does not keep */
    size_t unkept_bytes;
    void *resize; /* for resize_run */
    size_t resize_bytes;
    struct kept_scratch augment[SCRATCHES]; /* owned; the last used first, NULL behind them */
    uint32_t *values;                       /* of a group and one view */
    size_t values_bytes;
};

struct render_scratch *render_scratch_new(void)
{
    return calloc(1, sizeof(struct render_scratch));
}

void render_scratch_free(struct render_scratch *scratch)
{
    if (!scratch)
        return;
    prefetch_close(&scratch->prefetcher);
    free(scratch->unkept);
    free(scratch->resize);
    free(scratch->values);
    for (size_t i = 0; i < SCRATCHES; i++)
        augment_scratch_free(scratch->augment[i].scratch);
    free(scratch);
}

/* Grows a 64-byte aligned buffer; what was in it is lost. */
static bool grow(void **buffer, size_t *have, size_t want)
{
    if (want <= *have)
        return true;
    free(*buffer);
    *have = 0;
    *buffer = aligned_alloc(64, align_up(want, 64));
    if (*buffer)
        *have = want;
    return *buffer;
}

/* Puts the plan's scratch first: one that is kept, or a new one in the place of the oldest. */
static bool find_scratch(struct render_scratch *scratch, const struct render_plan *r)
{
    struct kept_scratch *kept = scratch->augment, found;
    size_t i = 0;
    while (i < SCRATCHES - 1 && kept[i].scratch && memcmp(kept[i].of, r->ring_id, 16) != 0)
        i++;
    found = kept[i];
    if (!found.scratch || memcmp(found.of, r->ring_id, sizeof found.of) != 0) {
        augment_scratch_free(found.scratch);
        found.scratch = augment_scratch_new(r->augment);
        memcpy(found.of, r->ring_id, sizeof found.of);
    }
    memmove(kept + 1, kept, i * sizeof *kept);
    kept[0] = found;
    return found.scratch;
}

static void shrink(void **buffer, size_t *have)
{
    if (*have <= SCRATCH_KEPT_BYTES)
        return;
    free(*buffer);
    *buffer = NULL;
    *have = 0;
}

/* What a client asked for must not stay with every worker. */
static void trim(struct render_scratch *scratch, const struct render_plan *r)
{
    struct kept_scratch *kept = scratch->augment;
    shrink((void **)&scratch->unkept, &scratch->unkept_bytes);
    shrink(&scratch->resize, &scratch->resize_bytes);
    if (!r->augment || augment_scratch_bytes(kept[0].scratch) <= SCRATCH_KEPT_BYTES)
        return;
    augment_scratch_free(kept[0].scratch);
    memmove(kept, kept + 1, (SCRATCHES - 1) * sizeof *kept);
    kept[SCRATCHES - 1] = (struct kept_scratch){.scratch = NULL};
}

static bool prepare_augment(struct render_scratch *scratch, const struct render_plan *r)
{
    if (!r->augment)
        return true;
    size_t bytes = GROUP_SAMPLES * r->augment->chain->value_count * sizeof *scratch->values;
    return grow((void **)&scratch->values, &scratch->values_bytes, bytes ? bytes : 1) &&
           find_scratch(scratch, r);
}

static bool scratch_prepare(struct render_scratch *scratch, const struct render_plan *r)
{
    size_t sample_bytes = sample_entry_bytes(r->entry);
    return prepare_augment(scratch, r) &&
           grow((void **)&scratch->unkept, &scratch->unkept_bytes,
                sample_bytes > UNKEPT_BYTES ? sample_bytes : UNKEPT_BYTES) &&
           grow(&scratch->resize, &scratch->resize_bytes, sample_entry_scratch_bytes(r->entry));
}

/* A prefetch of a page whose translation is not at hand may be dropped; loads wait for theirs, and
 * those of a whole group wait together. */
static void load_translations(const void *const *samples, size_t count, size_t sample_bytes)
{
    for (size_t i = 0; i < count; i++) {
        const volatile uint8_t *first = samples[i], *last = first + sample_bytes - 1;
        (void)*first;
        if ((uintptr_t)first / PAGE_BYTES != (uintptr_t)last / PAGE_BYTES)
            (void)*last;
    }
}

/* A part's reads go to the disk together, and those of a long one keep running ahead. */
static void ask_for_pages(const struct render_plan *r, struct render_scratch *scratch, size_t at)
{
    const struct dataset_split *s = r->split;
    size_t window = PAGES_AHEAD_BYTES / ((size_t)s->height * s->width * s->channels);
    if (scratch->asked == scratch->count || scratch->asked > at + window / 2)
        return;
    size_t end = at + window < scratch->count ? at + window : scratch->count;
    sample_entry_prefetch(r->entry, &scratch->prefetcher, scratch->indices + scratch->asked,
                          end - scratch->asked);
    scratch->asked = end;
}

/* Samples of a group, at most. */
static size_t group_samples(const struct render_plan *r)
{
    uint64_t most = GROUP_NS / r->work_ns;
    return most < 1 ? 1 : most < GROUP_SAMPLES ? (size_t)most : GROUP_SAMPLES;
}

/* Where the samples from `first` of the part on lie, whose pages have been asked for. Returns how
 * many were found, at least one. */
static size_t find_group(const struct render_plan *r, struct render_scratch *scratch, size_t first,
                         const void *samples[GROUP_SAMPLES])
{
    size_t sample_bytes = sample_entry_bytes(r->entry);
    size_t unkept_max = scratch->unkept_bytes / sample_bytes;
    size_t n = 0, fresh = 0, unkept = 0;
    ask_for_pages(r, scratch, first);
    size_t end = first < scratch->asked ? scratch->asked : first + 1;
    for (size_t most = group_samples(r); n < most && first + n < end && fresh < GROUP_FRESH; n++) {
        uint32_t index = scratch->indices[first + n];
        fresh += sample_entry_lacks(r->entry, index);
        samples[n] = sample_entry_get(r->entry, index, scratch->resize);
        if (samples[n])
            continue;
        if (unkept == unkept_max)
            break;
        uint8_t *sample = scratch->unkept + unkept++ * sample_bytes;
        sample_entry_render(r->entry, index, sample, scratch->resize);
        samples[n] = sample;
    }
    if (r->exceeds_cache)
        load_translations(samples, n, sample_bytes);
    return n;
}

/* Where the run's samples go, one after the other. */
struct places {
    const struct batch_target *target;
    uint64_t in_batch; /* samples of *target that have had their place */
};

static struct places places_from(const struct batch_target *targets, uint64_t done)
{
    struct places p = {targets, done};
    while (p.in_batch > p.target->count)
        p.in_batch -= p.target++->count;
    return p;
}

/* The next sample's batch; its place there is in_batch. */
static const struct batch_target *next_batch(struct places *p)
{
    while (p->in_batch == p->target->count) {
        p->target++;
        p->in_batch = 0;
    }
    return p->target;
}

/* Where in an epoch the samples of a part are. */
struct position {
    uint64_t epoch, first;
};

/* The draws of n samples, from the part's `first` on, for one view. */
static const uint32_t *draw(const struct render_plan *r, struct render_scratch *scratch,
                            const struct position *at, size_t first, size_t n, uint32_t view)
{
    uint32_t count = r->augment->chain->value_count;
    if (r->spec.draws == FMNIST_DRAWS_COUNTER) {
        augment_draw_counter(r->augment, r->spec.seed, at->epoch, view, scratch->indices + first, n,
                             scratch->values, count);
        return scratch->values;
    }
    const uint32_t *rows = r->list->values + (at->first + first) * r->views * count;
    if (r->views == 1)
        return rows;
    for (size_t i = 0; i < n; i++)
        memcpy(scratch->values + i * count, rows + (i * r->views + view) * count,
               count * sizeof *rows);
    return scratch->values;
}

static void render_group(const struct render_plan *r, struct render_scratch *scratch,
                         const struct position *at, size_t first, size_t n,
                         const void *const *samples, void **to)
{
    if (!r->augment) {
        gather_samples(samples, to, n, r->sample_bytes);
        return;
    }
    for (uint32_t view = 0; view < r->views; view++) {
        const uint32_t *values = draw(r, scratch, at, first, n, view);
        augment_run(r->augment, scratch->augment[0].scratch, samples, values, n, to);
        for (size_t i = 0; i < n; i++)
            to[i] = (uint8_t *)to[i] + r->image_bytes;
    }
}

/* What an image's label is, or has become with what is selected. */
static inline int32_t label_of(const struct render_plan *r, uint32_t index)
{
    const struct index_list *l = r->labels;
    int32_t label = r->split->labels[index];
    if (!l || !l->labels)
        return label;
    /* A mapping that is broken meanwhile has zeros, for which the table need have no place. */
    uint32_t at = (uint32_t)label - (uint32_t)l->label_first;
    return at < l->label_count ? l->labels[at] : label;
}

/* For a label_count that is known when this is compiled, or any. */
static inline __attribute__((always_inline)) void place_each(const struct render_plan *r,
                                                             const uint32_t *indices, size_t n,
                                                             struct places *places, void **to,
                                                             size_t label_count)
{
    for (size_t i = 0; i < n; i++) {
        const struct batch_target *t = next_batch(places);
        uint64_t at = places->in_batch++;
        to[i] = (uint8_t *)t->samples + at * r->sample_bytes;
        if (label_count)
            memcpy((uint8_t *)t->labels + at * label_count,
                   r->split->label_rows + indices[i] * label_count, label_count);
        else
            ((int32_t *)t->labels)[at] = label_of(r, indices[i]);
        t->indices[at] = indices[i];
    }
}

/* The group's n samples, from the part's `first` on: their labels and indices, and where their
 * pixels go. */
static void place_group(const struct render_plan *r, const uint32_t *indices, size_t n,
                        struct places *places, void **to)
{
    if (r->split->label_count)
        place_each(r, indices, n, places, to, r->split->label_count);
    else
        place_each(r, indices, n, places, to, 0);
}

/* Samples of the scratch, until end_ns is past. Returns how many. */
static size_t render_samples(const struct render_plan *r, struct render_scratch *scratch,
                             const struct position *at, struct places *places, uint64_t end_ns)
{
    const void *samples[GROUP_SAMPLES];
    void *to[GROUP_SAMPLES];
    size_t first = 0;
    do {
        size_t n = find_group(r, scratch, first, samples);
        place_group(r, scratch->indices + first, n, places, to);
        render_group(r, scratch, at, first, n, samples, to);
        first += n;
    } while (first < scratch->count && clock_ns() < end_ns);
    return first;
}

/* How many samples the run has; targets learn theirs. */
static uint64_t count_samples(const struct sampler *s, const struct render_run *run)
{
    uint64_t samples = 0;
    for (size_t b = 0; b < run->batches; b++) {
        run->targets[b].count = sampler_batch_count(s, run->step + b);
        samples += run->targets[b].count;
    }
    return samples;
}

int render_part(const struct render_plan *r, struct render_scratch *scratch,
                const struct render_run *run, uint64_t *done, uint64_t end_ns)
{
    const struct sampler *s = &r->sampler;
    uint64_t first = sampler_batch_first(s, run->step), samples = count_samples(s, run);
    assert(!r->unchecked_rows);
    if (!scratch_prepare(scratch, r))
        return -ENOMEM;
    struct places places = places_from(run->targets, *done);
    do {
        uint64_t left = samples - *done;
        struct position at = {run->epoch, first + *done};
        scratch->count = left < PART_SAMPLES ? left : PART_SAMPLES;
        scratch->asked = 0;
        sampler_indices(s, at.epoch, run->permutation, at.first, scratch->count, scratch->indices);
        *done += render_samples(r, scratch, &at, &places, end_ns);
    } while (*done < samples && clock_ns() < end_ns);
    trim(scratch, r);
    /* Behind the last byte that was read. */
    return dataset_split_is_whole(r->split) ? *done == samples : -EIO;
}
