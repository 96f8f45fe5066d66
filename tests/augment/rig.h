/* SPDX-License-Identifier: MIT */
/* tests/augment/rig.h — plans of texts, rows of values and numbers in them. */
#ifndef TESTS_AUGMENT_RIG_H
#define TESTS_AUGMENT_RIG_H

#include "augment/draw.h"
#include "augment/run.h"
#include "support/support.h"

#include <stdlib.h>
#include <string.h>

static inline struct augment_plan *try_plan(const char *text, uint32_t channels, uint32_t height,
                                            uint32_t width, struct err *e)
{
    struct augment_chain *chain;
    struct augment_plan *plan;
    ck_assert_msg(!augment_parse(&chain, text, e), "%s: %s", text, e->text);
    struct augment_shape in = {channels, height, width, AUGMENT_PICTURE};
    return augment_plan_new(&plan, chain, &in, e) ? NULL : plan;
}

static inline struct augment_plan *plan_of(const char *text, uint32_t height, uint32_t width)
{
    struct err e = {""};
    struct augment_plan *plan = try_plan(text, 1, height, width, &e);
    ck_assert_msg(plan != NULL, "%s: %s", text, e.text);
    return plan;
}

static inline uint32_t *rows_of(const struct augment_plan *plan, size_t count)
{
    return malloc((count * plan->chain->value_count + 1) * sizeof(uint32_t));
}

static inline float float_of(uint32_t bits)
{
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

static inline uint32_t bits_of(float f)
{
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    return bits;
}

static inline void run_row(const struct augment_plan *plan, const void *sample, const uint32_t *row,
                           void *place)
{
    struct augment_scratch *scratch = augment_scratch_new(plan);
    augment_run(plan, scratch, &sample, row, 1, &place);
    augment_scratch_free(scratch);
}

/* A row by counter, of one seed and epoch. */
static inline void draw_one(const struct augment_plan *plan, uint32_t sample, uint32_t view,
                            uint32_t *row)
{
    augment_draw_counter(plan, 11, 22, view, &sample, 1, row, 0);
}

/* A small generator of the test's own. */
static inline uint32_t dice(uint64_t *state, uint32_t sides)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((*state >> 33) % sides);
}

#endif
