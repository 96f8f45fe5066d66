/* SPDX-License-Identifier: MIT */
/* augment/policy.h — what one choice of rand-augment, trivial-augment-wide or auto-augment does.
 * Private to augment/.
 *
 * Source: the tables of the papers (AutoAugment, RandAugment, TrivialAugment) as torchvision has
 * them. Levels are torch.linspace's float32 numbers, of PyTorch builds with a fused multiply-add.
 */
#ifndef AUGMENT_POLICY_H
#define AUGMENT_POLICY_H

#include "augment/plan.h"

/* The first fourteen are numbered as they are drawn. */
enum act_kind {
    ACT_IDENTITY,
    ACT_SHEAR_X,
    ACT_SHEAR_Y,
    ACT_TRANSLATE_X,
    ACT_TRANSLATE_Y,
    ACT_ROTATE,
    ACT_BRIGHTNESS,
    ACT_COLOR,
    ACT_CONTRAST,
    ACT_SHARPNESS,
    ACT_POSTERIZE,
    ACT_SOLARIZE,
    ACT_AUTOCONTRAST,
    ACT_EQUALIZE,
    ACT_INVERT
};

/* amount: the tangent of a shear, whole pixels, degrees, a factor less 1, bits, a level. */
struct act {
    enum act_kind kind;
    double amount;
};

#define POLICY_ACTS_MAX 8u
#define POLICY_ROWS     25u /* of auto-augment's policies, each of two steps */

struct policy_step {
    uint8_t kind;               /* enum act_kind */
    uint8_t probability_tenths; /* applied with this probability */
    uint8_t level;              /* of ten */
};

/* auto-augment's: step 0 or 1 of a row of enum augment_policy. */
const struct policy_step *policy_step_of(uint32_t policy, uint32_t row, uint32_t step);

/* Acts of an operation of those three kinds that has those values (its own), in their order, for a
 * picture of that shape. Returns how many. */
uint32_t policy_acts(const struct augment_op *op, const uint32_t *values,
                     const struct augment_shape *s, struct act acts[POLICY_ACTS_MAX]);

#endif
