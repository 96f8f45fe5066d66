/* SPDX-License-Identifier: MIT */
/* augment/plan.h — a chain for images of one shape: sizes through it, what comes out of it.
 *
 * A chain falls into two parts. The `head` (operations 0 .. tail.head_count - 1) is run on a sample
 * and gives levels, or float32 where the chain does more with floats than the library's last step
 * can. What is left behind it is to-tensor or to-dtype, and normalize, and is that last step
 * (pixels/convert.h): `tail` says what it has to be.
 *
 * Sizes within a chain may depend on the draws (random-rotation with expand, random-apply); that of
 * its end may not.
 *
 * Threads: a plan is immutable. Memory: the plan.
 */
#ifndef AUGMENT_PLAN_H
#define AUGMENT_PLAN_H

#include "augment/chain.h"

/* Where a picture is in the chain. */
enum augment_form {
    AUGMENT_PICTURE, /* levels; operations act as on PIL images */
    AUGMENT_LEVELS,  /* uint8; as on tensors */
    AUGMENT_FLOATS   /* float32 tensor */
};

struct augment_shape {
    uint32_t channels, height, width;
    uint32_t form; /* enum augment_form */
};

/* The last step of a chain, where the library's own is enough for it. */
struct augment_tail {
    uint32_t head_count;            /* operations before it */
    bool floats;                    /* the whole chain gives float32; else it gives levels */
    uint32_t scale;                 /* enum convert_scale, where the head gives levels */
    uint32_t mean_count, std_count; /* 0, 1, or one a channel */
    float mean[FMNIST_CHANNELS_MAX], std[FMNIST_CHANNELS_MAX];
};

/* Of a chain, whatever the images are. Moves to-tensor and to-dtype behind operations that only put
 * pixels elsewhere: the same bytes and draws, and levels for longer. */
void augment_tail_of(struct augment_tail *tail, struct augment_chain *chain);

struct augment_plan {
    struct augment_chain *chain; /* owned */
    struct augment_tail tail;
    struct augment_shape in, out;   /* of the head */
    uint32_t max_height, max_width; /* of any picture within the chain, padding included */
    uint32_t max_channels;
};

/* in: of the samples; form AUGMENT_PICTURE. Takes the chain over, also on failure.
 * Errors: -EINVAL for what the chain cannot do with such images, by name and place ("augment[2],
 * center-crop: ..."), -ENOMEM. Owns: the caller; end with augment_plan_free. */
int augment_plan_new(struct augment_plan **plan, struct augment_chain *chain,
                     const struct augment_shape *in, struct err *e);
void augment_plan_free(struct augment_plan *plan);

/* The shape behind an operation that has those values (its own, not the row's), for a picture of
 * shape `s` before it. The values are such as augment_check_values takes; those of random-apply's
 * children are asked one by one. Draws and pixels both follow it. */
void augment_shape_after(const struct augment_op *op, const uint32_t *values,
                         struct augment_shape *s);

/* About what one picture's way through the head takes of a CPU, with every picture in it as large
 * as the largest: an estimate, the same everywhere. */
uint64_t augment_work_ns(const struct augment_plan *plan);

/* Bytes of one sample behind the head: planar, uint8 or float32. */
size_t augment_sample_bytes(const struct augment_plan *plan);

#endif
