/* SPDX-License-Identifier: MIT */
/* pixels/affine.h — affine maps of a picture: matrices, sizes, and the pixels behind them.
 *
 * A matrix m leads from the output to the input: the pixel at (x, y) shows the input's
 * (m[0] x + m[1] y + m[2], m[3] x + m[4] y + m[5]). What (x, y) is depends on the library:
 *
 *     Pillow       pixel centres, (column + 0.5, row + 0.5)
 *     torchvision  on tensors: the same, less half of the picture's size (the middle is 0, 0)
 *
 * Threads: any; pure. Memory: none.
 * Source: rules of Pillow's Image.rotate and Image.transform, and of torchvision's affine and
 * rotate, derived from their results; verified against them (tests/augment).
 */
#ifndef PIXELS_AFFINE_H
#define PIXELS_AFFINE_H

#include <stdbool.h>
#include <stdint.h>

/* What torchvision's affine is asked for; degrees and pixels. api: 1 or 2, which round differently
 * at a matrix's last bits. */
struct affine_params {
    uint32_t api;
    double angle, x, y, scale, shear_x, shear_y;
    double center_x, center_y;
};

/* Python's angle % 360.0: 0 <= r <= 360. */
double affine_modulo_360(double angle);

/* The inverse map. */
void affine_matrix(const struct affine_params *p, double m[6]);

/* Counterclockwise quarter turns by which Image.rotate moves whole pixels, without a matrix: 0 ..
 * 3; -1 where it does not. `turns_size`: a turn by 90 or 270 degrees may exchange height and width.
 * torchvision's v2 does the same on tensors. */
int affine_quarter_turns(double angle, uint32_t height, uint32_t width, bool turns_size);

/* Image.rotate's matrix about a centre, for an output of the same size. Its elements are rounded to
 * 15 decimal digits. */
void affine_pillow_rotation(double angle, double center_x, double center_y, double m[6]);

/* Pillow's expand: the size that holds all of the picture, and the matrix moved to its middle. */
void affine_pillow_expand(double m[6], uint32_t *height, uint32_t *width);

/* torchvision's expand on tensors: a size in float32 arithmetic. */
void affine_tensor_expand(const double m[6], uint32_t api, uint32_t *height, uint32_t *width);

#endif
