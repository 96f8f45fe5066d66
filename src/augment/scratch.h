/* SPDX-License-Identifier: MIT */
/* augment/scratch.h — a thread's memory for pictures on their way through a chain. Private to
 * augment/.
 *
 * Pictures go from one of two rooms to the other, operation by operation; a third room is for what
 * an operation makes beside. Resampling keeps the weights of recent sizes: random-resized-crop
 * meets the same ones again and again.
 */
#ifndef AUGMENT_SCRATCH_H
#define AUGMENT_SCRATCH_H

#include "augment/plan.h"
#include "augment/run.h"
#include "pixels/pillow.h"

struct axis_slot {
    struct pillow_axis axis;  /* n_out 0: none yet */
    uint32_t filter, weights; /* enum pillow_filter, pillow_weights */
    void *memory;
};

/* Weights along one direction. A size has one slot that it may lie in. */
struct axis_cache {
    struct axis_slot *slots;
    uint32_t count;
};

struct augment_scratch {
    void *memory;                   /* all below lies in it */
    size_t bytes;                   /* of it */
    uint32_t max_height, max_width; /* the plan's: no picture and no border is larger */
    uint8_t *rooms[2], *beside;
    int16_t *row_maps[2], *column_maps[2]; /* of windows */
    void *warp;
    struct axis_cache horizontal, vertical;
};

/* The weights of a size, made where they are not there. Valid until the next call with this cache.
 */
const struct pillow_axis *axis_cache_get(struct axis_cache *cache, enum pillow_filter filter,
                                         enum pillow_weights weights, uint32_t n_in,
                                         uint32_t n_out);

#endif
