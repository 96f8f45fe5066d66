/* SPDX-License-Identifier: MIT */
/* import/raster.h — one picture as pixels, and how a picture's pixels become gray or RGB.
 *
 * Shape: pixels[height][width][channels] uint8, row-major; channels 1 or 3.
 * Memory: one raster takes one picture after the other, and keeps the largest's room.
 * Threads: any, one at a time.
 * Source: Pillow's Convert.c, of which the formulas are: L = (19595 R + 38470 G + 7471 B + 2^15) /
 * 2^16.
 */
#ifndef IMPORT_RASTER_H
#define IMPORT_RASTER_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A picture is at most so many pixels, and a side so long: what its header claims is held against
 * this before any memory is taken. */
#define RASTER_PIXELS_MAX (UINT64_C(1) << 26)
#define RASTER_SIDE_MAX   (1u << 16)

enum raster_colour {
    RASTER_AS_STORED, /* one channel where the picture has no colour, else three */
    RASTER_GRAY,      /* Pillow's convert("L") */
    RASTER_RGB,       /* Pillow's convert("RGB") */
};

struct raster {
    uint32_t height, width, channels;
    uint8_t *pixels;
    size_t room; /* bytes that pixels has */
};

/* Whether a picture may be that large; `what` is what claims it, as "the PNG header".
 * Errors: -EFBIG, with the size and the bound; -EBADMSG for a side of 0. */
int raster_check(uint64_t height, uint64_t width, const char *what, struct err *e);

/* Makes room for a picture that raster_check has passed. Errors: -ENOMEM. */
int raster_reserve(struct raster *raster, uint32_t height, uint32_t width, uint32_t channels,
                   struct err *e);

/* The channels that a picture has as `colour`; is_gray: as it is stored. */
static inline uint32_t raster_channels(enum raster_colour colour, bool is_gray)
{
    return colour == RASTER_GRAY || (colour == RASTER_AS_STORED && is_gray) ? 1 : 3;
}

void raster_close(struct raster *raster);

static inline uint8_t raster_luma(uint8_t r, uint8_t g, uint8_t b)
{
    return (uint8_t)((19595u * r + 38470u * g + 7471u * b + 0x8000u) >> 16);
}

/* `count` pixels of `from` channels as `to` channels. from and to: 1 or 3. */
void raster_convert(uint8_t *out, uint32_t to, const uint8_t *in, uint32_t from, size_t count);

#endif
