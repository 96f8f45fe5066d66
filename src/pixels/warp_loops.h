/* SPDX-License-Identifier: MIT */
/* pixels/warp_loops.h — the variants of the loops of an affine map. Private to pixels/.
 *
 * Nearest takes two steps, so that several planes share the first: for some rows of the output, the
 * place of each pixel in a plane of the input, or -1; then the pixels from there.
 */
#ifndef PIXELS_WARP_LOOPS_H
#define PIXELS_WARP_LOOPS_H

#include "pixels/warp.h"

/* Map in 16.16 fixed point; sums wrap. */
struct warp_fixed {
    int32_t m[6];
};

/* torchvision's grid: from the middle, in float32, in units of half an input's side. */
struct warp_grid {
    float m[6];
    bool fused;
};

/* Of rows y .. y + rows - 1, to places[rows][out_w]. */
ISA_DECLARE(warp_places_fixed, const struct warp *w, const struct warp_fixed *map, uint32_t y,
            uint32_t rows, int32_t *places);
ISA_DECLARE(warp_places_grid, const struct warp *w, const struct warp_grid *map, uint32_t y,
            uint32_t rows, int32_t *places);

ISA_DECLARE(warp_take_levels, const int32_t *places, size_t count, const uint8_t *in, uint8_t fill,
            uint8_t *out);
ISA_DECLARE(warp_take_floats, const int32_t *places, size_t count, const float *in, float fill,
            float *out);

/* Whole tensors, bilinear. */
ISA_DECLARE(warp_bilinear_levels, const struct warp *w, const struct warp_grid *map,
            const uint8_t *in, const float *fill, uint8_t *out);
ISA_DECLARE(warp_bilinear_floats, const struct warp *w, const struct warp_grid *map,
            const float *in, const float *fill, float *out);

/* Whole pictures. quads: room for (in_h + 1)(in_w + 1) numbers a plane, or NULL, which is slower.
 */
ISA_DECLARE(warp_bilinear, const struct warp *w, const uint8_t *in, const uint8_t *fill,
            uint8_t *out, uint32_t *quads);
ISA_DECLARE(warp_bicubic, const struct warp *w, const uint8_t *in, const uint8_t *fill,
            uint8_t *out);

#endif
