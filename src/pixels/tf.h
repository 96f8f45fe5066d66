/* SPDX-License-Identifier: MIT */
/* pixels/tf.h — TensorFlow's resize_with_pad of planes that were divided by 255: geometry,
 * positions of one axis, and the resize. Private to pixels/.
 *
 * The aspect ratio is kept, the picture is centred and the rest is +0. Everything is float32
 * arithmetic, one rounding an operation.
 * Invariant: lo, hi < n_in and hi - lo <= 1.
 * Source: TensorFlow image_ops_impl.py (_resize_image_with_pad_common), resize_bilinear_op.cc with
 * half-pixel centres.
 */
#ifndef PIXELS_TF_H
#define PIXELS_TF_H

#include "pixels/isa_variants.h"

#include <stddef.h>
#include <stdint.h>

/* Where the picture lies in the target. */
struct tf_geometry {
    uint32_t h, w;
    uint32_t top, left;
};

/* Returns false where no row or no column would be left (TensorFlow raises an error). */
bool tf_geometry_of(struct tf_geometry *g, uint32_t in_h, uint32_t in_w, uint32_t out_h,
                    uint32_t out_w);

struct tf_axis {
    uint32_t n_in, n_out;
    uint32_t *lo, *hi; /* [n_out] */
    float *t;          /* [n_out] weight of hi */
};

/* Errors: -ENOMEM. Owns: the caller; end with tf_axis_close, also after an error. */
int tf_axis_init(struct tf_axis *axis, uint32_t n_in, uint32_t n_out);
void tf_axis_close(struct tf_axis *axis);

/* Bytes of scratch. */
size_t tf_scratch_bytes(uint32_t n_in_x, uint32_t n_out_x);

/* Writes the picture's rows, `stride` floats apart; the rest of `out` is the caller's.
 * Shape: in[y.n_in][x.n_in] uint8; out[y.n_out] rows of x.n_out floats; scratch 64-byte aligned. */
ISA_DECLARE(tf_plane, const struct tf_axis *x, const struct tf_axis *y, const uint8_t *in,
            float *out, size_t stride, void *scratch);

#endif
