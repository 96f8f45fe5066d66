/* SPDX-License-Identifier: MIT */
/* Hue through Pillow's mode HSV and back, compiled once a level of SIMD (isa_variants.h).
 *
 * Pillow computes in float where it says float, and in double where a constant makes it so; both
 * are kept, because the last bits decide levels. There are no branches, so that pixels can be
 * computed side by side. */
#include "pixels/levels.h"

#define BLOCK 64u

static inline int32_t larger(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

static inline int32_t smaller(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

/* C's round() of v >= 0. */
static inline int32_t rounded(double v)
{
    int32_t whole = (int32_t)v;
    return whole + (v - whole >= 0.5);
}

/* Hue and saturation, as levels. Where all are equal both come out as 0. */
static inline void to_hsv(int32_t red, int32_t green, int32_t blue, int32_t *hue,
                          int32_t *saturation, int32_t *value)
{
    int32_t max = larger(red, larger(green, blue)), min = smaller(red, smaller(green, blue));
    bool gray = max == min;
    float range = (float)(gray ? 1 : max - min);
    float r = (float)(max - red) / range, g = (float)(max - green) / range;
    float b = (float)(max - blue) / range;
    float of_red = b - g, of_green = (float)(2.0 + r - b), of_blue = (float)(4.0 + g - r);
    float h = red == max ? of_red : green == max ? of_green : of_blue;
    double turned = h / 6.0 + 1.0; /* below 2 */
    float circle = (float)(turned >= 1.0 ? turned - 1.0 : turned);
    float s = (float)(max - min) / (float)(max == 0 ? 1 : max);
    *hue = gray ? 0 : (int32_t)(circle * 255.0);
    *saturation = gray ? 0 : (int32_t)(s * 255.0);
    *value = max;
}

static inline void from_hsv(int32_t hue, int32_t saturation, int32_t value, uint8_t *red,
                            uint8_t *green, uint8_t *blue)
{
    double sixth = hue * 6.0 / 255.0;
    int32_t sector = (int32_t)sixth; /* 0 .. 6 */
    float rest = (float)(sixth - sector), s = (float)(saturation / 255.0), v = (float)value;
    int32_t p = rounded(v * (1.0 - s)), q = rounded(v * (1.0 - s * rest));
    int32_t t = rounded(v * (1.0 - s * (1.0 - rest)));
    sector = sector == 6 ? 0 : sector;
    int32_t r = sector == 0 || sector == 5 ? value : sector == 1 ? q : sector == 4 ? t : p;
    int32_t g = sector == 1 || sector == 2 ? value : sector == 0 ? t : sector == 3 ? q : p;
    int32_t b = sector == 3 || sector == 4 ? value : sector == 2 ? t : sector == 5 ? q : p;
    *red = (uint8_t)(saturation == 0 ? value : r);
    *green = (uint8_t)(saturation == 0 ? value : g);
    *blue = (uint8_t)(saturation == 0 ? value : b);
}

void ISA_NAME(levels_shift_hue)(uint8_t *restrict red, uint8_t *restrict green,
                                uint8_t *restrict blue, size_t count, uint8_t shift)
{
    int32_t hue[BLOCK], saturation[BLOCK], value[BLOCK];
    for (size_t at = 0; at < count; at += BLOCK, red += BLOCK, green += BLOCK, blue += BLOCK) {
        size_t n = count - at < BLOCK ? count - at : BLOCK;
        for (size_t i = 0; i < n; i++)
            to_hsv(red[i], green[i], blue[i], &hue[i], &saturation[i], &value[i]);
        for (size_t i = 0; i < n; i++)
            from_hsv((hue[i] + shift) & 0xff, saturation[i], value[i], &red[i], &green[i],
                     &blue[i]);
    }
}
