/* SPDX-License-Identifier: MIT */
/* pixels/warp.h — pictures seen through an affine map (pixels/affine.h): Pillow's
 * Image.transform on levels, and torchvision's rules on tensors.
 *
 * Shape: in [planes][in_h][in_w], out [planes][out_h][out_w], uint8 or float32. All planes are seen
 * through the same map. A place outside the input shows fill[plane].
 * Threads: any; pure. Every SIMD variant gives the bytes of the portable C.
 * Source: Pillow Geometry.c; torchvision's affine grid with PyTorch's grid_sample. The rules are
 * derived from their results, and verified against them (tests/augment).
 */
#ifndef PIXELS_WARP_H
#define PIXELS_WARP_H

#include "pixels/isa_variants.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum warp_filter { WARP_NEAREST, WARP_BILINEAR, WARP_BICUBIC };

/* Bytes behind an input that are read, though nothing comes of them. */
#define WARP_MARGIN 16

struct warp {
    uint32_t planes, in_h, in_w, out_h, out_w;
    uint32_t filter; /* enum warp_filter */
    bool fused;      /* of tensors: the grid's sums take a fused multiply-add */
    uint32_t api;    /* of tensors: torchvision's, 1 or 2 */
    double m[6];
};

/* Of the scratch that the functions below want, aligned for any type, where neither the input nor
 * the output is larger. */
size_t warp_scratch_bytes(uint32_t planes, uint32_t height, uint32_t width);

/* Pillow's transform, by any filter. */
void warp_levels(const struct warp *w, const uint8_t *in, const uint8_t *fill, uint8_t *out,
                 void *scratch);

/* torchvision's affine and rotate on tensors; nearest or bilinear. */
void warp_tensor_levels(const struct warp *w, const uint8_t *in, const float *fill, uint8_t *out,
                        void *scratch);
void warp_tensor_floats(const struct warp *w, const float *in, const float *fill, float *out,
                        void *scratch);

#endif
