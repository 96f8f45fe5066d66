/* SPDX-License-Identifier: MIT */
/* import/planes.h — images whose bytes lie in another order, to the order that IDX has.
 *
 * MATLAB, and STL-10 which was written by it, run down a column first, then along the columns, then
 * through the channels.
 *
 * Shape: in [channels][width][height], out [height][width][channels], uint8. Threads: any; pure.
 */
#ifndef IMPORT_PLANES_H
#define IMPORT_PLANES_H

#include <stddef.h>
#include <stdint.h>

static inline void planes_from_columns(uint8_t *out, const uint8_t *in, uint32_t height,
                                       uint32_t width, uint32_t channels)
{
    for (uint32_t c = 0; c < channels; c++)
        for (uint32_t x = 0; x < width; x++) {
            const uint8_t *column = in + ((size_t)c * width + x) * height;
            for (uint32_t y = 0; y < height; y++)
                out[((size_t)y * width + x) * channels + c] = column[y];
        }
}

#endif
