/* SPDX-License-Identifier: MIT */
/* Loops over levels, compiled once a level of SIMD (isa_variants.h): elementwise arithmetic that
 * the compiler vectorises. */
#include "pixels/levels.h"
#include "pixels/u8_to_unit_f32.h"

#include <string.h>

void ISA_NAME(levels_look_up)(const uint8_t table[256], const uint8_t *in, size_t count,
                              uint8_t *out)
{
    for (size_t i = 0; i < count; i++)
        out[i] = table[in[i]];
}

/* Within 0 .. 1 no sum can leave the levels. */
static inline uint8_t blended(uint8_t degenerate, uint8_t level, float factor)
{
    float v = (float)degenerate + factor * (float)((int32_t)level - (int32_t)degenerate);
    v = v > 0.0f ? v : 0.0f;
    v = v < 255.0f ? v : 255.0f;
    return (uint8_t)(int32_t)v;
}

void ISA_NAME(levels_blend)(const uint8_t *degenerate, const uint8_t *in, size_t count,
                            float factor, uint8_t *out)
{
    for (size_t i = 0; i < count; i++)
        out[i] = blended(degenerate[i], in[i], factor);
}

void ISA_NAME(levels_blend_one)(uint8_t degenerate, const uint8_t *in, size_t count, float factor,
                                uint8_t *out)
{
    for (size_t i = 0; i < count; i++)
        out[i] = blended(degenerate, in[i], factor);
}

void ISA_NAME(levels_gray)(const uint8_t *red, const uint8_t *green, const uint8_t *blue,
                           size_t count, uint8_t *out)
{
    for (size_t i = 0; i < count; i++)
        out[i] = (uint8_t)((red[i] * 19595u + green[i] * 38470u + blue[i] * 7471u + 0x8000u) >> 16);
}

/* ---- smooth -------------------------------------------------------------------------------- */

static inline float row_sum(const uint8_t *row, size_t x, float middle, float side)
{
    return (float)row[x - 1] * side + (float)row[x] * middle + (float)row[x + 1] * side;
}

void ISA_NAME(levels_smooth)(const uint8_t *restrict in, size_t height, size_t width,
                             uint8_t *restrict out)
{
    const float side = 1.0f / 13.0f, middle = 5.0f / 13.0f;
    memcpy(out, in, height * width);
    for (size_t y = 1; y + 1 < height; y++) {
        const uint8_t *row = in + y * width;
        uint8_t *to = out + y * width;
        for (size_t x = 1; x + 1 < width; x++) {
            float sum = 0.5f;
            sum += row_sum(row + width, x, side, side);
            sum += row_sum(row, x, middle, side);
            sum += row_sum(row - width, x, side, side);
            to[x] = (uint8_t)(int32_t)sum; /* at most 255.5 */
        }
    }
}

/* ---- floats -------------------------------------------------------------------------------- */

void ISA_NAME(levels_to_floats)(const uint8_t *restrict in, size_t count, bool multiply,
                                float *restrict out)
{
    if (multiply)
        for (size_t i = 0; i < count; i++)
            out[i] = (float)in[i] * (1.0f / 255.0f);
    else
        for (size_t i = 0; i < count; i++)
            out[i] = u8_to_unit_f32(in[i]);
}

void ISA_NAME(floats_normalize)(const float *in, size_t count, float mean, float std, float *out)
{
    for (size_t i = 0; i < count; i++)
        out[i] = (in[i] - mean) / std;
}
