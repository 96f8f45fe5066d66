/* SPDX-License-Identifier: MIT */
/* pixels/levels.h — operations on the levels of a picture: Pillow's ImageEnhance, ImageOps and
 * colour conversions; and what makes floats of levels.
 *
 * Shape: planes of `count` pixels, uint8 or float32. Where a function works pixel by pixel, its
 * input may be its output.
 * Threads: any; pure. Every SIMD variant gives the bytes of the portable C.
 * Source: rules of Pillow's Blend.c, Convert.c, Filter.c and ImageOps.py, derived from their
 * results, and verified against them (tests/augment).
 */
#ifndef PIXELS_LEVELS_H
#define PIXELS_LEVELS_H

#include "pixels/isa_variants.h"

#include <stddef.h>
#include <stdint.h>

/* ---- pixel by pixel */

ISA_DECLARE(levels_look_up, const uint8_t table[256], const uint8_t *in, size_t count,
            uint8_t *out);

/* Image.blend: from `degenerate` to `in` and, with a factor above 1, beyond. */
ISA_DECLARE(levels_blend, const uint8_t *degenerate, const uint8_t *in, size_t count, float factor,
            uint8_t *out);
ISA_DECLARE(levels_blend_one, uint8_t degenerate, const uint8_t *in, size_t count, float factor,
            uint8_t *out);

/* The grey of red, green and blue, by Pillow's weights (mode L). */
ISA_DECLARE(levels_gray, const uint8_t *red, const uint8_t *green, const uint8_t *blue,
            size_t count, uint8_t *out);

/* Hue, in steps of 1/255 of the circle, through Pillow's mode HSV. */
ISA_DECLARE(levels_shift_hue, uint8_t *red, uint8_t *green, uint8_t *blue, size_t count,
            uint8_t shift);

/* ---- tables for levels_look_up: from one channel's histogram, or from a number */

void levels_histogram(const uint8_t *in, size_t count, uint32_t histogram[256]);
void levels_autocontrast(const uint32_t histogram[256], uint8_t table[256]);
void levels_equalize(const uint32_t histogram[256], uint8_t table[256]);
void levels_posterize(uint32_t bits, uint8_t table[256]);
void levels_solarize(double threshold, uint8_t table[256]);
void levels_invert(uint8_t table[256]);

/* ---- whole planes */

uint64_t levels_sum(const uint8_t *in, size_t count);

/* ImageFilter.SMOOTH; the border is copied. in and out are not the same. */
ISA_DECLARE(levels_smooth, const uint8_t *in, size_t height, size_t width, uint8_t *out);

/* ---- to floats: in and out do not overlap */

/* level / 255, or level * float(1 / 255) where the other rule is wanted. */
ISA_DECLARE(levels_to_floats, const uint8_t *in, size_t count, bool multiply, float *out);

/* (in - mean) / std */
ISA_DECLARE(floats_normalize, const float *in, size_t count, float mean, float std, float *out);

#endif
