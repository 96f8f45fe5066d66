/* SPDX-License-Identifier: MIT */
/* Tables of the augmentation policies. What an act does to pixels is run_acts.c's. */
#include "augment/policy.h"

#include <assert.h>
#include <math.h>

/* How far each act goes: at the last level, for the first ten of them at 0 on the other end. */
struct reach {
    double shear, translate, rotate, enhance; /* translate 0: 150 / 331 of the side */
    double posterize;
};

static const struct reach narrow = {0.3, 0.0, 30.0, 0.9, 4.0};
static const struct reach wide = {0.99, 32.0, 135.0, 0.99, 6.0};

/* torch.linspace(start, end, count)[i]. */
static float linspace(double start, double end, uint32_t count, uint32_t i)
{
    float from = (float)start, to = (float)end;
    if (count == 1)
        return from;
    float step = (to - from) / (float)(count - 1);
    return i < count / 2 ? fmaf(step, (float)i, from) : fmaf(-step, (float)(count - 1 - i), to);
}

/* api 1 rounds the bits that are taken away, api 2 those that are left; ties to even in both. */
static double posterize_bits(double reach, uint32_t api, uint32_t bins, uint32_t level)
{
    float taken = (float)level / (float)((bins - 1) / reach);
    return api == 1 ? 8.0 - rintf(taken) : rintf(8.0f - taken);
}

/* The amount of an act at one of `bins` levels, without its sign. */
static double amount_of(const struct augment_op *op, const struct reach *reach, uint32_t kind,
                        uint32_t bins, uint32_t level, const struct augment_shape *s)
{
    const double side_part = 150.0 / 331.0;
    switch (kind) {
    case ACT_SHEAR_X:
    case ACT_SHEAR_Y:
        return linspace(0.0, reach->shear, bins, level);
    case ACT_TRANSLATE_X:
        return linspace(0.0, reach->translate != 0.0 ? reach->translate : side_part * s->width,
                        bins, level);
    case ACT_TRANSLATE_Y:
        return linspace(0.0, reach->translate != 0.0 ? reach->translate : side_part * s->height,
                        bins, level);
    case ACT_ROTATE:
        return linspace(0.0, reach->rotate, bins, level);
    case ACT_BRIGHTNESS:
    case ACT_COLOR:
    case ACT_CONTRAST:
    case ACT_SHARPNESS:
        return linspace(0.0, reach->enhance, bins, level);
    case ACT_POSTERIZE:
        return posterize_bits(reach->posterize, op->api, bins, level);
    case ACT_SOLARIZE:
        return op->api == 1 ? (double)linspace(255.0, 0.0, bins, level)
                            : 255.0 * (double)linspace(1.0, 0.0, bins, level);
    default:
        return 0.0;
    }
}

static struct act act_of(const struct augment_op *op, const struct reach *reach, uint32_t kind,
                         uint32_t bins, uint32_t level, bool negative,
                         const struct augment_shape *s)
{
    double amount = amount_of(op, reach, kind, bins, level, s);
    if (kind == ACT_TRANSLATE_X || kind == ACT_TRANSLATE_Y)
        amount = trunc(amount);
    return (struct act){kind, negative ? -amount : amount};
}

/* ---- auto-augment -------------------------------------------------------------------------- */

#define SHEAR_X      ACT_SHEAR_X
#define SHEAR_Y      ACT_SHEAR_Y
#define TRANSLATE_X  ACT_TRANSLATE_X
#define TRANSLATE_Y  ACT_TRANSLATE_Y
#define ROTATE       ACT_ROTATE
#define BRIGHTNESS   ACT_BRIGHTNESS
#define COLOR        ACT_COLOR
#define CONTRAST     ACT_CONTRAST
#define SHARPNESS    ACT_SHARPNESS
#define POSTERIZE    ACT_POSTERIZE
#define SOLARIZE     ACT_SOLARIZE
#define AUTOCONTRAST ACT_AUTOCONTRAST
#define EQUALIZE     ACT_EQUALIZE
#define INVERT       ACT_INVERT

/* Act, tenths of its probability, its level of ten. */
static const struct policy_step policies[][POLICY_ROWS][2] = {
    [AUGMENT_IMAGENET] =
        {
            {{POSTERIZE, 4, 8}, {ROTATE, 6, 9}},  {{SOLARIZE, 6, 5}, {AUTOCONTRAST, 6, 0}},
            {{EQUALIZE, 8, 0}, {EQUALIZE, 6, 0}}, {{POSTERIZE, 6, 7}, {POSTERIZE, 6, 6}},
            {{EQUALIZE, 4, 0}, {SOLARIZE, 2, 4}}, {{EQUALIZE, 4, 0}, {ROTATE, 8, 8}},
            {{SOLARIZE, 6, 3}, {EQUALIZE, 6, 0}}, {{POSTERIZE, 8, 5}, {EQUALIZE, 10, 0}},
            {{ROTATE, 2, 3}, {SOLARIZE, 6, 8}},   {{EQUALIZE, 6, 0}, {POSTERIZE, 4, 6}},
            {{ROTATE, 8, 8}, {COLOR, 4, 0}},      {{ROTATE, 4, 9}, {EQUALIZE, 6, 0}},
            {{EQUALIZE, 0, 0}, {EQUALIZE, 8, 0}}, {{INVERT, 6, 0}, {EQUALIZE, 10, 0}},
            {{COLOR, 6, 4}, {CONTRAST, 10, 8}},   {{ROTATE, 8, 8}, {COLOR, 10, 2}},
            {{COLOR, 8, 8}, {SOLARIZE, 8, 7}},    {{SHARPNESS, 4, 7}, {INVERT, 6, 0}},
            {{SHEAR_X, 6, 5}, {EQUALIZE, 10, 0}}, {{COLOR, 4, 0}, {EQUALIZE, 6, 0}},
            {{EQUALIZE, 4, 0}, {SOLARIZE, 2, 4}}, {{SOLARIZE, 6, 5}, {AUTOCONTRAST, 6, 0}},
            {{INVERT, 6, 0}, {EQUALIZE, 10, 0}},  {{COLOR, 6, 4}, {CONTRAST, 10, 8}},
            {{EQUALIZE, 8, 0}, {EQUALIZE, 6, 0}},
        },
    [AUGMENT_CIFAR10] =
        {
            {{INVERT, 1, 0}, {CONTRAST, 2, 6}},          {{ROTATE, 7, 2}, {TRANSLATE_X, 3, 9}},
            {{SHARPNESS, 8, 1}, {SHARPNESS, 9, 3}},      {{SHEAR_Y, 5, 8}, {TRANSLATE_Y, 7, 9}},
            {{AUTOCONTRAST, 5, 0}, {EQUALIZE, 9, 0}},    {{SHEAR_Y, 2, 7}, {POSTERIZE, 3, 7}},
            {{COLOR, 4, 3}, {BRIGHTNESS, 6, 7}},         {{SHARPNESS, 3, 9}, {BRIGHTNESS, 7, 9}},
            {{EQUALIZE, 6, 0}, {EQUALIZE, 5, 0}},        {{CONTRAST, 6, 7}, {SHARPNESS, 6, 5}},
            {{COLOR, 7, 7}, {TRANSLATE_X, 5, 8}},        {{EQUALIZE, 3, 0}, {AUTOCONTRAST, 4, 0}},
            {{TRANSLATE_Y, 4, 3}, {SHARPNESS, 2, 6}},    {{BRIGHTNESS, 9, 6}, {COLOR, 2, 8}},
            {{SOLARIZE, 5, 2}, {INVERT, 0, 0}},          {{EQUALIZE, 2, 0}, {AUTOCONTRAST, 6, 0}},
            {{EQUALIZE, 2, 0}, {EQUALIZE, 6, 0}},        {{COLOR, 9, 9}, {EQUALIZE, 6, 0}},
            {{AUTOCONTRAST, 8, 0}, {SOLARIZE, 2, 8}},    {{BRIGHTNESS, 1, 3}, {COLOR, 7, 0}},
            {{SOLARIZE, 4, 5}, {AUTOCONTRAST, 9, 0}},    {{TRANSLATE_Y, 9, 9}, {TRANSLATE_Y, 7, 9}},
            {{AUTOCONTRAST, 9, 0}, {SOLARIZE, 8, 3}},    {{EQUALIZE, 8, 0}, {INVERT, 1, 0}},
            {{TRANSLATE_Y, 7, 9}, {AUTOCONTRAST, 9, 0}},
        },
    [AUGMENT_SVHN] =
        {
            {{SHEAR_X, 9, 4}, {INVERT, 2, 0}},       {{SHEAR_Y, 9, 8}, {INVERT, 7, 0}},
            {{EQUALIZE, 6, 0}, {SOLARIZE, 6, 6}},    {{INVERT, 9, 0}, {EQUALIZE, 6, 0}},
            {{EQUALIZE, 6, 0}, {ROTATE, 9, 3}},      {{SHEAR_X, 9, 4}, {AUTOCONTRAST, 8, 0}},
            {{SHEAR_Y, 9, 8}, {INVERT, 4, 0}},       {{SHEAR_Y, 9, 5}, {SOLARIZE, 2, 6}},
            {{INVERT, 9, 0}, {AUTOCONTRAST, 8, 0}},  {{EQUALIZE, 6, 0}, {ROTATE, 9, 3}},
            {{SHEAR_X, 9, 4}, {SOLARIZE, 3, 3}},     {{SHEAR_Y, 8, 8}, {INVERT, 7, 0}},
            {{EQUALIZE, 9, 0}, {TRANSLATE_Y, 6, 6}}, {{INVERT, 9, 0}, {EQUALIZE, 6, 0}},
            {{CONTRAST, 3, 3}, {ROTATE, 8, 4}},      {{INVERT, 8, 0}, {TRANSLATE_Y, 0, 2}},
            {{SHEAR_Y, 7, 6}, {SOLARIZE, 4, 8}},     {{INVERT, 6, 0}, {ROTATE, 8, 4}},
            {{SHEAR_Y, 3, 7}, {TRANSLATE_X, 9, 3}},  {{SHEAR_X, 1, 6}, {INVERT, 6, 0}},
            {{SOLARIZE, 7, 2}, {TRANSLATE_Y, 6, 7}}, {{SHEAR_Y, 8, 4}, {INVERT, 8, 0}},
            {{SHEAR_X, 7, 9}, {TRANSLATE_Y, 8, 3}},  {{SHEAR_Y, 8, 5}, {AUTOCONTRAST, 7, 0}},
            {{SHEAR_X, 7, 2}, {INVERT, 1, 0}},
        },
};

const struct policy_step *policy_step_of(uint32_t policy, uint32_t row, uint32_t step)
{
    assert(policy <= AUGMENT_SVHN && row < POLICY_ROWS && step < 2);
    return &policies[policy][row][step];
}

static uint32_t auto_acts(const struct augment_op *op, const uint32_t *values,
                          const struct augment_shape *s, struct act *acts)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < 2; i++) {
        const struct policy_step *step = policy_step_of(op->policy, values[0], i);
        if (values[1 + 2 * i])
            acts[count++] =
                act_of(op, &narrow, step->kind, 10, step->level, values[2 + 2 * i] != 0, s);
    }
    return count;
}

/* ---- the three kinds ----------------------------------------------------------------------- */

uint32_t policy_acts(const struct augment_op *op, const uint32_t *values,
                     const struct augment_shape *s, struct act acts[POLICY_ACTS_MAX])
{
    if (op->kind == AUGMENT_AUTO_AUGMENT)
        return auto_acts(op, values, s, acts);
    if (op->kind == AUGMENT_TRIVIAL_AUGMENT_WIDE) {
        acts[0] = act_of(op, &wide, values[0], op->bins, values[1], values[2] != 0, s);
        return 1;
    }
    assert(op->num_ops <= POLICY_ACTS_MAX);
    for (uint32_t i = 0; i < op->num_ops; i++)
        acts[i] =
            act_of(op, &narrow, values[2 * i], op->bins, op->magnitude, values[2 * i + 1] != 0, s);
    return op->num_ops;
}
