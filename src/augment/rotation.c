/* SPDX-License-Identifier: MIT */
/* A rotation's turn or matrix. Pillow takes the centre from the picture's corner, torchvision on
 * tensors from its middle; and only v1 on tensors has no turns that move whole pixels. */
#include "augment/rotation.h"

#include "pixels/affine.h"

static void picture_rotation(struct rotation *r, const struct augment_op *op, double angle)
{
    double x = op->has_center ? op->center[0] : r->width / 2.0;
    double y = op->has_center ? op->center[1] : r->height / 2.0;
    affine_pillow_rotation(angle, x, y, r->m);
    if (op->expand)
        affine_pillow_expand(r->m, &r->height, &r->width);
}

static void tensor_rotation(struct rotation *r, const struct augment_op *op, double angle)
{
    struct affine_params p = {.api = op->api, .angle = -angle, .scale = 1.0};
    if (op->api != 1)
        p.angle = -affine_modulo_360(angle);
    if (op->has_center) {
        p.center_x = op->center[0] - r->width * 0.5;
        p.center_y = op->center[1] - r->height * 0.5;
    }
    affine_matrix(&p, r->m);
    if (op->expand)
        affine_tensor_expand(r->m, op->api, &r->height, &r->width);
}

void rotation_of(struct rotation *r, const struct augment_op *op, double angle,
                 const struct augment_shape *s)
{
    bool picture = s->form == AUGMENT_PICTURE;
    *r = (struct rotation){.turns = -1, .height = s->height, .width = s->width};
    if (!op->has_center && (picture || op->api != 1))
        r->turns = affine_quarter_turns(angle, s->height, s->width, op->expand);
    if (r->turns < 0) {
        if (picture)
            picture_rotation(r, op, angle);
        else
            tensor_rotation(r, op, angle);
    } else if (r->turns & 1) {
        r->height = s->width;
        r->width = s->height;
    }
}
