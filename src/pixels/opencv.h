/* SPDX-License-Identifier: MIT */
/* pixels/opencv.h — OpenCV's linear resize of 8-bit planes: positions and weights of one axis, and
 * the resize. Private to pixels/.
 *
 * Weights have 11 fractional bits. The horizontal pass is exact; the vertical one truncates three
 * times (opencv_isa.c), and that shows in the pixels.
 * Invariant: lo, hi < n_in; both are already clamped to the plane.
 * Source: OpenCV resize.cpp, INTER_LINEAR of CV_8U, 3.4 to 5.0.
 */
#ifndef PIXELS_OPENCV_H
#define PIXELS_OPENCV_H

#include "pixels/isa_variants.h"

#include <stddef.h>
#include <stdint.h>

struct opencv_tap {
    uint32_t lo, hi;    /* indices of the two samples */
    int32_t w_lo, w_hi; /* their weights */
};

struct opencv_axis {
    uint32_t n_in, n_out;
    struct opencv_tap *taps; /* [n_out] */
};

enum opencv_direction { OPENCV_X, OPENCV_Y };

/* Errors: -ENOMEM. Owns: the caller; end with opencv_axis_close, also after an error. */
int opencv_axis_init(struct opencv_axis *axis, enum opencv_direction direction, uint32_t n_in,
                     uint32_t n_out);
void opencv_axis_close(struct opencv_axis *axis);

/* Bytes of scratch for a target of this width. */
size_t opencv_scratch_bytes(uint32_t n_out_x);

/* Shape: in[y.n_in][x.n_in] to out[y.n_out][x.n_out]; scratch 64-byte aligned. */
ISA_DECLARE(opencv_plane, const struct opencv_axis *x, const struct opencv_axis *y,
            const uint8_t *in, uint8_t *out, void *scratch);

#endif
