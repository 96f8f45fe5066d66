/* SPDX-License-Identifier: MIT */
/* What a chain costs, by weights that were measured: nanoseconds of a CPU for each number of the
 * picture that an operation makes, of its slowest draw. Not promised to be right on any machine; it
 * is the same on all of them. */
#include "augment/plan.h"

/* random-rotation and random-affine, by interpolation. */
static uint64_t warp_weight(const struct augment_op *op)
{
    static const uint64_t weights[] = {4, 12, 19};
    return weights[op->interpolation <= AUGMENT_BICUBIC ? op->interpolation : AUGMENT_BICUBIC];
}

static uint64_t weight(const struct augment_op *op)
{
    switch ((enum augment_kind)op->kind) {
    case AUGMENT_RANDOM_ROTATION:
    case AUGMENT_RANDOM_AFFINE:
        return warp_weight(op);
    case AUGMENT_COLOR_JITTER:
        return 11;
    case AUGMENT_TRIVIAL_AUGMENT_WIDE:
        return warp_weight(op);
    case AUGMENT_RAND_AUGMENT:
        return warp_weight(op) * op->num_ops;
    case AUGMENT_AUTO_AUGMENT:
        return warp_weight(op) * 2;
    case AUGMENT_RESIZE:
    case AUGMENT_RANDOM_RESIZED_CROP:
    case AUGMENT_RANDOM_ERASING:
        return 3;
    default:
        return 1;
    }
}

uint64_t augment_work_ns(const struct augment_plan *plan)
{
    uint64_t numbers = (uint64_t)plan->max_height * plan->max_width * plan->max_channels;
    uint64_t sum = 1; /* it is taken in */
    for (uint32_t i = 0; i < plan->tail.head_count; i++)
        sum += weight(&plan->chain->ops[i]);
    return numbers * sum;
}
