/* SPDX-License-Identifier: MIT */
/* Sizes through a chain: what comes behind one operation. Nothing here looks at pixels. */
#include "augment/plan.h"
#include "augment/rotation.h"

#include <assert.h>
#include <string.h>

/* torchvision's arithmetic where one number is given: the shorter side becomes that. */
static void set_resized(const struct augment_op *op, struct augment_shape *s)
{
    uint32_t height = op->size[0], width = op->size[1];
    if (width == 0) {
        bool portrait = s->width <= s->height;
        uint64_t shorter = portrait ? s->width : s->height;
        uint64_t longer = portrait ? s->height : s->width;
        uint32_t longer_after = (uint32_t)(op->size[0] * longer / shorter);
        width = portrait ? op->size[0] : longer_after;
        height = portrait ? longer_after : op->size[0];
    }
    s->height = height;
    s->width = width;
}

void augment_shape_after(const struct augment_op *op, const uint32_t *values,
                         struct augment_shape *s)
{
    switch (op->kind) {
    case AUGMENT_RANDOM_CROP:
    case AUGMENT_CENTER_CROP:
    case AUGMENT_RANDOM_RESIZED_CROP:
        s->height = op->size[0];
        s->width = op->size[1];
        break;
    case AUGMENT_PAD:
        s->width += op->padding[0] + op->padding[2];
        s->height += op->padding[1] + op->padding[3];
        break;
    case AUGMENT_RESIZE:
        set_resized(op, s);
        break;
    case AUGMENT_RANDOM_ROTATION:
        if (op->expand) {
            struct rotation r;
            float angle;
            memcpy(&angle, values, sizeof angle);
            rotation_of(&r, op, angle, s);
            s->height = r.height;
            s->width = r.width;
        }
        break;
    case AUGMENT_GRAYSCALE:
        s->channels = op->channels;
        break;
    case AUGMENT_TO_TENSOR:
    case AUGMENT_TO_DTYPE:
        s->form = AUGMENT_FLOATS;
        break;
    case AUGMENT_TO_IMAGE:
        s->form = AUGMENT_LEVELS;
        break;
    default: /* flips, affine maps, levels, erasing, random-apply: the same shape */
        assert(op->kind != 0 && op->kind < AUGMENT_KIND_END);
    }
}
