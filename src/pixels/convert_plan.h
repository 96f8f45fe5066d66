/* SPDX-License-Identifier: MIT */
/* pixels/convert_plan.h — what convert.c works out once and the loops of convert_isa.c use for
 * every sample. Private to pixels/.
 *
 * Invariant: the shape is one that convert_plan_new has asserted.
 */
#ifndef PIXELS_CONVERT_PLAN_H
#define PIXELS_CONVERT_PLAN_H

#include "pixels/convert.h"
#include "pixels/isa_variants.h"

/* A whole number of pixels of 1, 2, 3 or 4 channels, and of vectors. */
#define CONVERT_ROW 48

struct convert_plan {
    struct convert_shape shape;
    size_t pixels;        /* height * width */
    size_t element_bytes; /* of one delivered value */
    size_t sample_bytes;  /* in */
    size_t image_bytes;   /* out */
    bool is_copy;         /* the image is the sample */
    bool planar;          /* the image is channel after channel: NCHW, or one channel */
    bool widen_only;      /* uint8 to float32 in the same places, and nothing else */
    bool channels_equal;  /* every delivered channel has the bytes of the first */
    /* Of value k of an interleaved image: those of channel k % channels. */
    float row_mean[CONVERT_ROW], row_std[CONVERT_ROW];
};

ISA_DECLARE(convert_loop, const struct convert_plan *plan, const uint8_t *samples, uint8_t *images,
            size_t count);

#endif
