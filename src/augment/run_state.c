/* SPDX-License-Identifier: MIT */
/* Where the next picture is made, and what stands beside it. */
#include "augment/run_state.h"

void *run_target(struct run *r)
{
    if (r->last)
        return r->place;
    return r->at == r->scratch->rooms[0] ? r->scratch->rooms[1] : r->scratch->rooms[0];
}

void *run_over(struct run *r)
{
    if (r->at == r->sample)
        return run_target(r);
    return (void *)r->at;
}

static uint8_t level_of(float v)
{
    return v <= 0.0f ? 0 : v >= 255.0f ? 255 : (uint8_t)v;
}

struct run_fill run_fill_of(const struct augment_op *op)
{
    struct run_fill fill = {{0}, {0}};
    if (op->fill_count == 1) {
        uint8_t level = level_of(op->fill[0]);
        for (uint32_t c = 0; c < FMNIST_CHANNELS_MAX; c++) {
            fill.floats[c] = op->fill[0];
            fill.levels[c] = level;
        }
        return fill;
    }
    for (uint32_t c = 0; c < op->fill_count; c++) {
        fill.floats[c] = op->fill[c];
        fill.levels[c] = level_of(op->fill[c]);
    }
    return fill;
}
