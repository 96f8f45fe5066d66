/* SPDX-License-Identifier: MIT */
/* augment/draw_rules.h — what drawing and checking values have to know alike. Private to augment/.
 *
 * Source: torchvision's RandomCrop, RandAugment and TrivialAugmentWide.
 */
#ifndef AUGMENT_DRAW_RULES_H
#define AUGMENT_DRAW_RULES_H

#include "augment/plan.h"
#include "augment/policy.h"

/* Operations that rand-augment and trivial-augment-wide draw from: enum act_kind's first ones. */
#define POLICY_DRAWN ((uint32_t)ACT_INVERT)

static inline bool draw_has_level(uint32_t act)
{
    return act >= ACT_SHEAR_X && act <= ACT_SOLARIZE;
}

static inline bool draw_has_sign(uint32_t act)
{
    return act >= ACT_SHEAR_X && act <= ACT_SHARPNESS;
}

/* The picture that random-crop crops: with its padding. */
static inline struct augment_shape draw_padded(const struct augment_op *op,
                                               const struct augment_shape *s)
{
    struct augment_shape p = *s;
    if (op->has_padding) {
        p.height += op->padding[1] + op->padding[3];
        p.width += op->padding[0] + op->padding[2];
    }
    if (op->pad_if_needed && p.height < op->size[0])
        p.height += 2 * (op->size[0] - p.height);
    if (op->pad_if_needed && p.width < op->size[1])
        p.width += 2 * (op->size[1] - p.width);
    return p;
}

#endif
