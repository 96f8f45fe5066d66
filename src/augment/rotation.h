/* SPDX-License-Identifier: MIT */
/* augment/rotation.h — what a rotation does to one picture: the turn or the matrix, and the
 * size behind it. Private to augment/: the shape and the pixels ask the same function.
 */
#ifndef AUGMENT_ROTATION_H
#define AUGMENT_ROTATION_H

#include "augment/plan.h"

struct rotation {
    int turns;   /* quarter turns counterclockwise that move whole pixels, or -1: */
    double m[6]; /* the map (pixels/affine.h): Pillow's for a picture, else torchvision's */
    uint32_t height, width; /* behind it */
};

/* By an angle in degrees. op says the centre, whether the size grows, and the api. */
void rotation_of(struct rotation *r, const struct augment_op *op, double angle,
                 const struct augment_shape *s);

#endif
