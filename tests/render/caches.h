/* SPDX-License-Identifier: MIT */
/* tests/render/caches.h — a dataset in memory and the caches to render it with. No files. */
#ifndef TESTS_RENDER_CACHES_H
#define TESTS_RENDER_CACHES_H

#include "render/render_plan.h"
#include "support/support.h"

#include <stdlib.h>
#include <string.h>

struct fake_set {
    struct dataset dataset;
    uint8_t *images;
    int32_t *labels;
};

/* One training split of count images whose pixels all differ somehow. */
static inline void fake_set_init(struct fake_set *f, uint64_t count, uint32_t height,
                                 uint32_t width, uint32_t channels)
{
    size_t bytes = count * height * width * channels;
    memset(f, 0, sizeof *f);
    f->images = malloc(bytes);
    f->labels = malloc(count * sizeof *f->labels);
    for (size_t i = 0; i < bytes; i++)
        f->images[i] = (uint8_t)(i * 2654435761u >> 13);
    for (size_t i = 0; i < count; i++)
        f->labels[i] = (int32_t)(i % 10);
    strcpy(f->dataset.name, "fake");
    f->dataset.users = 1; /* the test's own */
    f->dataset.splits[DATASET_TRAIN] = (struct dataset_split){
        .name = "train",
        .count = count,
        .height = height,
        .width = width,
        .channels = channels,
        .label_max = 9,
        .images = f->images,
        .labels = f->labels,
    };
    memset(f->dataset.splits[DATASET_TRAIN].digest, 0x11, 16);
}

static inline void fake_set_free(struct fake_set *f)
{
    free(f->images);
    free(f->labels);
}

static inline void caches_init(struct render_caches *k, uint64_t budget_bytes)
{
    *k = (struct render_caches){.permutations = permutation_cache_new()};
    k->samples = sample_cache_new(budget_bytes);
    k->index_lists = index_list_cache_new(1 << 20);
    ck_assert(k->permutations && k->samples && k->index_lists);
}

static inline void caches_free(struct render_caches *k)
{
    permutation_cache_free(k->permutations);
    sample_cache_free(k->samples);
    index_list_cache_free(k->index_lists);
}

static inline struct render_plan *must_make(const struct spec *spec, struct dataset *dataset,
                                            struct render_caches *caches)
{
    struct render_plan *r;
    struct err e;
    ck_assert_msg(render_plan_new(&r, spec, dataset, caches, &e) == 0, "%s", e.text);
    return r;
}

/* Renders batches in calls that end at end_ns: 0 has each make a group of samples at most. Returns
 * how many calls it took. */
static inline int render_all(const struct render_plan *r, struct render_scratch *scratch,
                             struct render_run run, uint64_t end_ns)
{
    struct permutation_cache *orders = r->caches->permutations;
    struct permutation *p = NULL;
    if (sampler_needs_permutation(&r->sampler)) {
        p = permutation_cache_get(orders, &r->sampler, run.epoch);
        while (!permutation_cache_step(orders, p, &r->sampler, true))
            ;
        run.permutation = permutation_indices(p);
    }
    uint64_t done = 0, before = 0;
    int rc = 0, calls = 0;
    for (; rc == 0; calls++, before = done) {
        rc = render_part(r, scratch, &run, &done, end_ns);
        ck_assert(rc >= 0 && done > before);
    }
    permutation_cache_put(orders, p);
    return calls;
}

#endif
