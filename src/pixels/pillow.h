/* SPDX-License-Identifier: MIT */
/* pixels/pillow.h — Pillow's resampling of 8-bit planes: weights of one axis, and one pass.
 * Private to pixels/.
 *
 * A pass makes each output row from up to `taps` neighbouring input rows:
 *
 *     out[i][x] = clamp((2^21 + sum over j of weights[i][j] * in[first[i] + j][x]) >> 22, 0, 255)
 *
 * Horizontal passes are this pass over the mirrored plane (transpose.h).
 * Invariant: first[i] + taps <= n_in: windows shorter than the longest are filled with weights
 * of 0, and moved back where they would leave the plane. The sums are integers, so that changes
 * nothing.
 * Source: Pillow Resample.c (precompute_coeffs, normalize_coeffs_8bpc).
 */
#ifndef PIXELS_PILLOW_H
#define PIXELS_PILLOW_H

#include "pixels/isa_variants.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum pillow_filter { PILLOW_BOX, PILLOW_BILINEAR, PILLOW_HAMMING, PILLOW_BICUBIC, PILLOW_LANCZOS };

#define PILLOW_WEIGHT_BITS 22

struct pillow_axis {
    uint32_t n_in, n_out;
    uint32_t taps;
    uint32_t *first;  /* [n_out] */
    int32_t *weights; /* [n_out][taps] */
};

/* Errors: -ENOMEM. Owns: the caller; end with pillow_axis_close, also after an error. */
int pillow_axis_init(struct pillow_axis *axis, enum pillow_filter filter, uint32_t n_in,
                     uint32_t n_out);
void pillow_axis_close(struct pillow_axis *axis);

/* How exact weights are kept: as Pillow's, in 22 bits, or as PyTorch's for tensors of uint8, in 15
 * bits and a sign, by as many places as the largest weight allows. All else is the same. */
enum pillow_weights { PILLOW_WEIGHTS, TORCH_WEIGHTS };

/* The same in the caller's memory, of pillow_axis_bytes, aligned for any type. No size from 1 to
 * n_in needs more bytes than n_in. */
size_t pillow_axis_bytes(enum pillow_filter filter, uint32_t n_in, uint32_t n_out);
void pillow_axis_place(struct pillow_axis *axis, enum pillow_filter filter,
                       enum pillow_weights weights, uint32_t n_in, uint32_t n_out, void *memory);

/* Shape: in[n_in][width] to out[n_out][width]; they do not overlap. */
ISA_DECLARE(pillow_pass, const struct pillow_axis *axis, const uint8_t *in, size_t width,
            uint8_t *out);

/* Which passes, in which order. */
enum pillow_order {
    PILLOW_X, /* horizontal only */
    PILLOW_Y, /* vertical only */
    PILLOW_XY,
    PILLOW_YX
};

/* Of a picture whose size changes. Pillow 13 begins with the vertical pass where it removes more
 * than twice as many rows as the horizontal one removes columns (which may be fewer than none). */
enum pillow_order pillow_order_of(bool revision_13, uint32_t in_h, uint32_t in_w, uint32_t out_h,
                                  uint32_t out_w);

/* Of the scratch of pillow_resample, 64-byte aligned. */
size_t pillow_scratch_bytes(enum pillow_order order, size_t in_h, size_t in_w, size_t out_h,
                            size_t out_w);

/* A plane. An axis that has no pass still says its side (n_in, n_out). */
void pillow_resample(const struct pillow_axis *x, const struct pillow_axis *y,
                     enum pillow_order order, const uint8_t *in, uint8_t *out, uint8_t *scratch);

/* The source index of each of n_out positions with the NEAREST filter; n_in where there is none
 * (such pixels are 0). */
void pillow_nearest(uint32_t n_in, uint32_t n_out, uint32_t *index);

#endif
