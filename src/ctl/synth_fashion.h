/* SPDX-License-Identifier: MIT */
/* ctl/synth_fashion.h — drawn clothing: the project's own synthetic data set.
 *
 * Ten classes in Fashion-MNIST's order, drawn with variation of shape, size, position, rotation,
 * brightness, texture and noise. Shirts, pullovers, coats and T-shirts overlap on purpose: a linear
 * classifier is to reach about what it reaches on photographs (tests/ctl/test_synth_fashion.c).
 *
 * Invariant: an image is a pure function of (seed, split, index, size), whatever was drawn before
 * it; each run of ten indices from a multiple of ten has each class once.
 * Threads: a painter belongs to one thread. Memory: 4 bytes a pixel.
 */
#ifndef CTL_SYNTH_FASHION_H
#define CTL_SYNTH_FASHION_H

#include "base/err.h"

#include <stdint.h>

#define GARMENT_CLASSES  10
#define GARMENT_SIZE_MIN 8
#define GARMENT_SIZE_MAX 256

struct garment_painter {
    uint64_t seed;
    uint32_t split; /* 0: train, 1: test; any other number is one more independent set */
    uint32_t size;  /* pixels, height and width */
    float *canvas;  /* [size][size] levels 0..1 */
};

/* Errors: -ENOMEM. Owns: the caller; end with painter_close. */
int painter_init(struct garment_painter *p, uint64_t seed, uint32_t split, uint32_t size,
                 struct err *err);
void painter_close(struct garment_painter *p);

/* The class of image `index`, 0 .. 9. */
uint8_t painter_label(const struct garment_painter *p, uint64_t index);

/* Draws image `index`. Shape: pixels[size][size] uint8, garment bright on black. */
void painter_draw(struct garment_painter *p, uint64_t index, uint8_t *pixels);

#endif
