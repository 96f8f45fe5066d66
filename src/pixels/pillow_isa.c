/* SPDX-License-Identifier: MIT */
/* Pillow's pass, compiled once a level (isa_variants.h). A block of columns keeps its sums in
 * registers over all taps; the last block of a row is laid over its neighbour rather than cut.
 *
 * The wide blocks are written with intrinsics, because gcc 12 makes code several times slower of
 * the plain loop: it widens bytes through memory. */
#include "pixels/pillow.h"

#include <string.h>

#define COLUMNS        16u
#define NARROW_COLUMNS 8u
#define HALF           (1 << (PILLOW_WEIGHT_BITS - 1))

#if defined(__AVX2__)
#include <immintrin.h>

static inline __m256i weighed(const uint8_t *in, int32_t weight)
{
    __m128i v = _mm_loadl_epi64((const __m128i *)(const void *)in);
    return _mm256_mullo_epi32(_mm256_cvtepu8_epi32(v), _mm256_set1_epi32(weight));
}

/* Two times eight sums to sixteen levels. Packing saturates, which is the clamp, and works within
 * halves of a register, hence the permutation. */
static inline __m128i packed(__m256i left, __m256i right)
{
    left = _mm256_srai_epi32(left, PILLOW_WEIGHT_BITS);
    right = _mm256_srai_epi32(right, PILLOW_WEIGHT_BITS);
    __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(left, right), 0xd8);
    return _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
}

static inline void weigh_narrow_block(const uint8_t *in, size_t stride, const int32_t *weights,
                                      uint32_t taps, uint8_t *out)
{
    __m256i sum = _mm256_set1_epi32(HALF);
    for (uint32_t j = 0; j < taps; j++)
        sum = _mm256_add_epi32(sum, weighed(in + j * stride, weights[j]));
    _mm_storel_epi64((__m128i *)(void *)out, packed(sum, sum));
}

#if defined(__AVX512BW__) && defined(__AVX512VL__)

static inline void weigh_block(const uint8_t *in, size_t stride, const int32_t *weights,
                               uint32_t taps, uint8_t *out)
{
    __m512i sum = _mm512_set1_epi32(HALF);
    for (uint32_t j = 0; j < taps; j++) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(in + j * stride));
        __m512i product =
            _mm512_mullo_epi32(_mm512_cvtepu8_epi32(v), _mm512_set1_epi32(weights[j]));
        sum = _mm512_add_epi32(sum, product);
    }
    sum = _mm512_srai_epi32(sum, PILLOW_WEIGHT_BITS);
    sum = _mm512_max_epi32(sum, _mm512_setzero_si512());
    _mm_storeu_si128((__m128i *)(void *)out, _mm512_cvtusepi32_epi8(sum)); /* saturates at 255 */
}

#else

static inline void weigh_block(const uint8_t *in, size_t stride, const int32_t *weights,
                               uint32_t taps, uint8_t *out)
{
    __m256i left = _mm256_set1_epi32(HALF), right = left;
    for (uint32_t j = 0; j < taps; j++) {
        left = _mm256_add_epi32(left, weighed(in + j * stride, weights[j]));
        right = _mm256_add_epi32(right, weighed(in + j * stride + 8, weights[j]));
    }
    _mm_storeu_si128((__m128i *)(void *)out, packed(left, right));
}

#endif

#else

static inline void weigh_columns(const uint8_t *in, size_t stride, const int32_t *weights,
                                 uint32_t taps, uint8_t *out, uint32_t columns)
{
    int32_t sum[COLUMNS];
    for (uint32_t x = 0; x < columns; x++)
        sum[x] = HALF;
    for (uint32_t j = 0; j < taps; j++)
        for (uint32_t x = 0; x < columns; x++)
            sum[x] += in[j * stride + x] * weights[j];
    for (uint32_t x = 0; x < columns; x++) {
        int32_t v = sum[x] >> PILLOW_WEIGHT_BITS;
        v = v < 0 ? 0 : v;
        out[x] = (uint8_t)(v > 255 ? 255 : v);
    }
}

static inline void weigh_block(const uint8_t *in, size_t stride, const int32_t *weights,
                               uint32_t taps, uint8_t *out)
{
    weigh_columns(in, stride, weights, taps, out, COLUMNS);
}

static inline void weigh_narrow_block(const uint8_t *in, size_t stride, const int32_t *weights,
                                      uint32_t taps, uint8_t *out)
{
    weigh_columns(in, stride, weights, taps, out, NARROW_COLUMNS);
}

#endif

/* Rows that are narrower than any block. */
static void weigh_pixels(const uint8_t *in, size_t width, const int32_t *weights, uint32_t taps,
                         uint8_t *out)
{
    for (size_t x = 0; x < width; x++) {
        int32_t sum = HALF;
        for (uint32_t j = 0; j < taps; j++)
            sum += in[j * width + x] * weights[j];
        sum >>= PILLOW_WEIGHT_BITS;
        out[x] = (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
    }
}

void ISA_NAME(pillow_pass)(const struct pillow_axis *axis, const uint8_t *in, size_t width,
                           uint8_t *out)
{
    uint32_t taps = axis->taps;
    for (uint32_t i = 0; i < axis->n_out; i++, out += width) {
        const uint8_t *rows = in + axis->first[i] * width;
        const int32_t *weights = axis->weights + (size_t)i * taps;
        if (width >= COLUMNS)
            for (size_t x = 0; x < width; x += COLUMNS) {
                size_t at = x + COLUMNS <= width ? x : width - COLUMNS;
                weigh_block(rows + at, width, weights, taps, out + at);
            }
        else if (width >= NARROW_COLUMNS)
            for (size_t x = 0; x < width; x += NARROW_COLUMNS) {
                size_t at = x + NARROW_COLUMNS <= width ? x : width - NARROW_COLUMNS;
                weigh_narrow_block(rows + at, width, weights, taps, out + at);
            }
        else
            weigh_pixels(rows, width, weights, taps, out);
    }
}
