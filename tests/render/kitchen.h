/* tests/render/kitchen.h — a dataset in memory and a kitchen to render it in. No files. */
#ifndef TESTS_KITCHEN_H
#define TESTS_KITCHEN_H

#include "render/recipe.h"
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

static inline void kitchen_init(struct kitchen *k, uint64_t budget_bytes)
{
    k->orders = orders_new();
    k->store = store_new(budget_bytes);
    k->lists = lists_new(1 << 20);
    ck_assert(k->orders && k->store && k->lists);
}

static inline void kitchen_free(struct kitchen *k)
{
    orders_free(k->orders);
    store_free(k->store);
    lists_free(k->lists);
}

static inline struct recipe *must_make(const struct spec *spec, struct dataset *dataset,
                                       struct kitchen *kitchen, bool narrow)
{
    struct recipe *r;
    struct err e;
    ck_assert_msg(recipe_new(&r, spec, dataset, kitchen, narrow, &e) == 0, "%s", e.text);
    return r;
}

#endif
