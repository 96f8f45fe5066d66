/* SPDX-License-Identifier: MIT */
/* TensorFlow's bilinear resize of a plane, compiled once a level (isa_variants.h).
 *
 * TensorFlow interpolates each pixel from its four neighbours, left-right twice and then
 * top-bottom. The left-right result depends on the row and the column only, so it is computed once
 * for each row; the two rows in use are kept, each in the slot of its number's parity. */
#include "pixels/tf.h"

#include "base/bytes.h"
#include "pixels/u8_to_unit_f32.h"

#if defined(__AVX512F__)
#include <immintrin.h>

#define REGISTER_ROW 32u

static inline __m512 unit_of(__m128i levels)
{
    __m512 v = _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(levels));
    return _mm512_add_ps(_mm512_mul_ps(v, _mm512_set1_ps(UNIT_SCALE_HI)),
                         _mm512_mul_ps(v, _mm512_set1_ps(UNIT_SCALE_LO)));
}

/* A row of at most 32 levels lies in two registers and is looked up there: a gather from memory
 * costs several times as much. */
static inline void stretch_short_row(const struct tf_axis *x, const uint8_t *in,
                                     float *restrict out)
{
    __mmask32 inside = (__mmask32)(UINT32_MAX >> (REGISTER_ROW - x->n_in));
    __m256i levels = _mm256_maskz_loadu_epi8(inside, in);
    __m512 first = unit_of(_mm256_castsi256_si128(levels));
    __m512 second = unit_of(_mm256_extracti128_si256(levels, 1));
    for (uint32_t i = 0; i < x->n_out; i += 16) {
        uint32_t left = x->n_out - i;
        __mmask16 some = (__mmask16)(left >= 16 ? 0xffff : (1u << left) - 1);
        __m512i lo = _mm512_maskz_loadu_epi32(some, x->lo + i);
        __m512i hi = _mm512_maskz_loadu_epi32(some, x->hi + i);
        __m512 t = _mm512_maskz_loadu_ps(some, x->t + i);
        __m512 left_value = _mm512_permutex2var_ps(first, lo, second);
        __m512 right_value = _mm512_permutex2var_ps(first, hi, second);
        __m512 step = _mm512_mul_ps(_mm512_sub_ps(right_value, left_value), t);
        _mm512_mask_storeu_ps(out + i, some, _mm512_add_ps(left_value, step));
    }
}
#endif

static inline void stretch_row(const struct tf_axis *x, const uint8_t *in, float *restrict unit,
                               float *restrict out)
{
#if defined(__AVX512F__)
    if (x->n_in <= REGISTER_ROW) {
        stretch_short_row(x, in, out);
        return;
    }
#endif
    for (uint32_t i = 0; i < x->n_in; i++)
        unit[i] = u8_to_unit_f32(in[i]);
    const uint32_t *restrict lo = x->lo, *restrict hi = x->hi;
    const float *restrict t = x->t;
    for (uint32_t i = 0; i < x->n_out; i++)
        out[i] = unit[lo[i]] + (unit[hi[i]] - unit[lo[i]]) * t[i];
}

static inline void mix_rows(const float *top, const float *bottom, float t, size_t n,
                            float *restrict out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = top[i] + (bottom[i] - top[i]) * t;
}

void ISA_NAME(tf_plane)(const struct tf_axis *x, const struct tf_axis *y, const uint8_t *in,
                        float *out, size_t stride, void *scratch)
{
    float *unit = scratch;
    float *slots[2] = {unit + align_up(x->n_in, 16)};
    slots[1] = slots[0] + align_up(x->n_out, 16);
    int64_t held[2] = {-1, -1};
    for (uint32_t i = 0; i < y->n_out; i++, out += stride) {
        uint32_t rows[2] = {y->lo[i], y->hi[i]};
        for (int k = 0; k < 2; k++) {
            uint32_t slot = rows[k] & 1;
            if (held[slot] == rows[k])
                continue;
            stretch_row(x, in + (size_t)rows[k] * x->n_in, unit, slots[slot]);
            held[slot] = rows[k];
        }
        mix_rows(slots[rows[0] & 1], slots[rows[1] & 1], y->t[i], x->n_out, out);
    }
}
