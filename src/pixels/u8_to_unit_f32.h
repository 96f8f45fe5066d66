/* SPDX-License-Identifier: MIT */
/* pixels/u8_to_unit_f32.h — level / 255 in float32, without the division. Private to pixels/.
 *
 * 1/255 is cut into HI, its first 16 significant bits, and LO, the rest. v * HI is exact for an
 * 8-bit v, so the one rounding that counts is that of the sum, and it rounds (almost) v / 255.
 * "Almost" is enough for each of the 256 levels, which a test shows one by one. A multiplication by
 * fl32(1/255) is wrong for 126 of them. A fused multiply-add would be as exact, and a true division
 * costs about four times as much.
 */
#ifndef PIXELS_U8_TO_UNIT_F32_H
#define PIXELS_U8_TO_UNIT_F32_H

#include <stdint.h>

#define UNIT_SCALE_HI 0x1.0100p-8f
#define UNIT_SCALE_LO 0x1.010102p-24f

static inline float u8_to_unit_f32(uint8_t level)
{
    float v = (float)level;
    return v * UNIT_SCALE_HI + v * UNIT_SCALE_LO;
}

#endif
