/* SPDX-License-Identifier: MIT */
/* augment/run_state.h — one picture on its way through a chain. Private to augment/.
 *
 * Crops, borders and flips are not done when they are met: they are put together into a window,
 * which is looked through when an operation wants the pixels, or at the end.
 */
#ifndef AUGMENT_RUN_STATE_H
#define AUGMENT_RUN_STATE_H

#include "augment/plan.h"
#include "augment/policy.h"
#include "augment/scratch.h"
#include "pixels/window.h"

#include <string.h>

/* Of pixels outside a window's picture, one number a channel, in the picture's form. */
struct run_fill {
    float floats[FMNIST_CHANNELS_MAX];
    uint8_t levels[FMNIST_CHANNELS_MAX];
};

struct run {
    struct augment_scratch *scratch;
    const void *sample;
    void *place;                /* where the result belongs */
    const void *at;             /* the picture: the sample, a room, or the place */
    struct augment_shape shape; /* of the picture as it will be behind the window */
    bool last;                  /* what is made now is the result */

    bool has_window;
    struct window window;
    struct run_fill fill;
};

static inline float value_f32(const uint32_t *value)
{
    float f;
    memcpy(&f, value, sizeof f);
    return f;
}

/* Where the next picture is to be made: not where the present one is. */
void *run_target(struct run *r);

/* Where an operation that works pixel by pixel writes: over the picture, where that is ours. */
void *run_over(struct run *r);

/* An operation's fill. Levels are cut to 0 .. 255, their fractions off. */
struct run_fill run_fill_of(const struct augment_op *op);

/* ---- run_acts.c: operations on pixels that are there (no window is pending) */

void run_resize(struct run *r, const struct augment_op *op);
void run_rotation(struct run *r, const struct augment_op *op, const uint32_t *values);
void run_affine(struct run *r, const struct augment_op *op, const uint32_t *values);
void run_jitter(struct run *r, const struct augment_op *op, const uint32_t *values);
void run_grayscale(struct run *r, uint32_t channels);
void run_policy(struct run *r, const struct augment_op *op, const uint32_t *values);

#endif
