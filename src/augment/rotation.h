/* augment/rotation.h — what random-rotation does to one picture: the turn or the matrix, and the
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

/* values: the operation's own. */
void rotation_of(struct rotation *r, const struct augment_op *op, const uint32_t *values,
                 const struct augment_shape *s);

#endif
