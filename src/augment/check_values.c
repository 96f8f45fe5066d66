/* SPDX-License-Identifier: MIT */
/* Whether values that came from elsewhere could have been drawn. Every value that draw.c makes is
 * taken; one that it never makes is taken only where augment_run does no harm with it, as a flip
 * with p=0. */
#include "augment/draw.h"

#include "augment/draw_rules.h"
#include "augment/policy.h"

#include <errno.h>
#include <math.h>
#include <string.h>

static float get_float(const uint32_t *value)
{
    float f;
    memcpy(&f, value, sizeof f);
    return f;
}

struct check {
    const struct augment_op *op;
    const uint32_t *v;
    size_t row;
    struct err *e;
    bool failed;
};

static void fail_int(struct check *c, uint32_t i, int64_t low, int64_t high)
{
    bool is_float;
    if (!c->failed)
        err_set(c->e, -EINVAL, "draws[%zu], %s: %s is %d, want %lld to %lld", c->row,
                augment_name(c->op->kind), augment_value_name(c->op, i, &is_float),
                (int32_t)c->v[i], (long long)low, (long long)high);
    c->failed = true;
}

static void check_int(struct check *c, uint32_t i, int64_t low, int64_t high)
{
    if ((int32_t)c->v[i] < low || (int32_t)c->v[i] > high)
        fail_int(c, i, low, high);
}

/* Both ends may be drawn: the lower one often, the upper one where rounding reaches it. */
static void check_float(struct check *c, uint32_t i, double low, double high)
{
    float f = get_float(&c->v[i]), a = (float)low, b = (float)high;
    if ((f >= a && f <= b) || c->failed)
        return;
    bool is_float;
    err_set(c->e, -EINVAL, "draws[%zu], %s: %s is %g, want %g to %g", c->row,
            augment_name(c->op->kind), augment_value_name(c->op, i, &is_float), (double)f,
            (double)a, (double)b);
    c->failed = true;
}

static void check_box(struct check *c, int64_t most_h, int64_t most_w,
                      const struct augment_shape *s)
{
    check_int(c, 2, 0, most_h);
    check_int(c, 3, 0, most_w);
    if (c->failed)
        return;
    check_int(c, 0, 0, (int64_t)s->height - c->v[2]);
    check_int(c, 1, 0, (int64_t)s->width - c->v[3]);
}

static void check_affine(struct check *c, const struct augment_shape *s)
{
    const struct augment_op *op = c->op;
    double x = op->has_translate ? rint((double)(float)(op->translate[0] * s->width)) : 0;
    double y = op->has_translate ? rint((double)(float)(op->translate[1] * s->height)) : 0;
    check_float(c, 0, op->degrees[0], op->degrees[1]);
    check_int(c, 1, -(int64_t)x, (int64_t)x);
    check_int(c, 2, -(int64_t)y, (int64_t)y);
    check_float(c, 3, op->has_scale ? op->scale[0] : 1, op->has_scale ? op->scale[1] : 1);
    check_float(c, 4, op->shear_count ? op->shear[0] : 0, op->shear_count ? op->shear[1] : 0);
    bool both = op->shear_count == 4;
    check_float(c, 5, both ? op->shear[2] : 0, both ? op->shear[3] : 0);
}

static void check_jitter(struct check *c)
{
    uint32_t order = c->v[0], seen = 0;
    for (int i = 0; i < 4; i++)
        seen |= 1u << (order >> 2 * i & 3);
    if (seen != 15 || order > 255) {
        err_set(c->e, -EINVAL,
                "draws[%zu], color-jitter: order is %u, want 0, 1, 2 and 3 once each, of two bits",
                c->row, order);
        c->failed = true;
    }
    for (uint32_t i = 0; i < 4; i++) {
        double none = i < 3 ? 1 : 0;
        bool has = c->op->has_factor[i];
        check_float(c, 1 + i, has ? c->op->factor[i][0] : none, has ? c->op->factor[i][1] : none);
    }
}

static void check_auto_augment(struct check *c)
{
    check_int(c, 0, 0, POLICY_ROWS - 1);
    for (uint32_t i = 0; i < 2 && !c->failed; i++) {
        const struct policy_step *step = policy_step_of(c->op->policy, c->v[0], i);
        check_int(c, 1 + 2 * i, 0, 1);
        check_int(c, 2 + 2 * i, 0, c->v[1 + 2 * i] && draw_has_sign(step->kind));
    }
}

static void check_op(struct check *c, const struct augment_shape *s)
{
    const struct augment_op *op = c->op;
    switch (op->kind) {
    case AUGMENT_RANDOM_CROP: {
        struct augment_shape p = draw_padded(op, s);
        check_int(c, 0, 0, (int64_t)p.height - op->size[0]);
        check_int(c, 1, 0, (int64_t)p.width - op->size[1]);
        break;
    }
    case AUGMENT_HORIZONTAL_FLIP:
    case AUGMENT_VERTICAL_FLIP:
    case AUGMENT_RANDOM_GRAYSCALE:
    case AUGMENT_RANDOM_APPLY:
        check_int(c, 0, 0, 1);
        break;
    case AUGMENT_RANDOM_ROTATION:
        check_float(c, 0, op->degrees[0], op->degrees[1]);
        break;
    case AUGMENT_RANDOM_AFFINE:
        check_affine(c, s);
        break;
    case AUGMENT_RANDOM_RESIZED_CROP:
        check_box(c, s->height, s->width, s);
        break;
    case AUGMENT_COLOR_JITTER:
        check_jitter(c);
        break;
    case AUGMENT_TRIVIAL_AUGMENT_WIDE:
        check_int(c, 0, 0, POLICY_DRAWN - 1);
        check_int(c, 1, 0, draw_has_level(c->v[0]) ? (int64_t)op->bins - 1 : 0);
        check_int(c, 2, 0, draw_has_sign(c->v[0]));
        break;
    case AUGMENT_RAND_AUGMENT:
        for (uint32_t i = 0; i < op->num_ops; i++) {
            check_int(c, 2 * i, 0, POLICY_DRAWN - 1);
            check_int(c, 2 * i + 1, 0, draw_has_sign(c->v[2 * i]));
        }
        break;
    case AUGMENT_AUTO_AUGMENT:
        check_auto_augment(c);
        break;
    case AUGMENT_RANDOM_ERASING:
        check_box(c, (int64_t)s->height - 1, (int64_t)s->width - 1, s);
        break;
    }
}

/* Of an operation that is not applied. */
static void check_zeros(struct check *c)
{
    for (uint32_t i = 0; i < c->op->value_count; i++)
        check_int(c, i, 0, 0);
}

static bool check_sample(const struct augment_plan *plan, const uint32_t *values, size_t row,
                         struct err *e)
{
    struct augment_shape s = plan->in;
    const struct augment_op *op = plan->chain->ops, *end = op + plan->chain->count;
    const struct augment_op *left_out = op; /* operations before it are not applied */
    struct check c = {.row = row, .e = e};
    for (; op < end && !c.failed; op++) {
        c.op = op;
        c.v = values + op->first_value;
        if (op < left_out) {
            check_zeros(&c);
            continue;
        }
        check_op(&c, &s);
        if (c.failed)
            break;
        if (op->kind == AUGMENT_RANDOM_APPLY && !c.v[0])
            left_out = op + 1 + op->children;
        augment_shape_after(op, c.v, &s);
    }
    return !c.failed;
}

int augment_check_rows(const struct augment_plan *plan, const uint32_t *values, size_t first,
                       size_t count, struct err *e)
{
    for (size_t i = first; i < first + count; i++)
        if (!check_sample(plan, values + i * plan->chain->value_count, i, e))
            return -EINVAL;
    return 0;
}

int augment_check_values(const struct augment_plan *plan, const uint32_t *values, size_t count,
                         struct err *e)
{
    return augment_check_rows(plan, values, 0, count, e);
}
