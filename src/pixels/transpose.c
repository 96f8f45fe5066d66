/* SPDX-License-Identifier: MIT */
/* Mirrors bytes in blocks of 8 x 8, each held in registers. The last block of a row or
 * column is laid over its neighbour rather than cut, so there are no tails. */
#include "pixels/transpose.h"

#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#if defined(__SSE2__)

/* Interleaves neighbours as bytes, then pairs, then fours. gcc 12 makes slower code of the words
 * below. */
static inline void transpose_block(const uint8_t *in, size_t in_stride, uint8_t *out,
                                   size_t out_stride)
{
    __m128i pairs[4], fours[4];
    for (int i = 0; i < 4; i++) {
        const uint8_t *row = in + 2 * (size_t)i * in_stride;
        pairs[i] =
            _mm_unpacklo_epi8(_mm_loadl_epi64((const __m128i *)(const void *)row),
                              _mm_loadl_epi64((const __m128i *)(const void *)(row + in_stride)));
    }
    for (int i = 0; i < 2; i++) {
        fours[2 * i] = _mm_unpacklo_epi16(pairs[2 * i], pairs[2 * i + 1]);
        fours[2 * i + 1] = _mm_unpackhi_epi16(pairs[2 * i], pairs[2 * i + 1]);
    }
    /* fours[0], fours[2]: columns 0 to 3 of the upper and the lower rows; [1], [3]: 4 to 7. */
    for (int i = 0; i < 2; i++) {
        __m128i lo = _mm_unpacklo_epi32(fours[i], fours[i + 2]);
        __m128i hi = _mm_unpackhi_epi32(fours[i], fours[i + 2]);
        uint8_t *row = out + 4 * (size_t)i * out_stride;
        _mm_storel_epi64((__m128i *)(void *)row, lo);
        _mm_storel_epi64((__m128i *)(void *)(row + out_stride), _mm_unpackhi_epi64(lo, lo));
        _mm_storel_epi64((__m128i *)(void *)(row + 2 * out_stride), hi);
        _mm_storel_epi64((__m128i *)(void *)(row + 3 * out_stride), _mm_unpackhi_epi64(hi, hi));
    }
}

#else

/* Eight 64-bit words (little-endian): swaps, in each pair of words `distance` apart, the
 * off-diagonal squares that `mask` selects. */
#define SWAP_SQUARES(w, distance, bits, mask)                             \
    for (int i = 0; i < 8; i++)                                           \
        if (!(i & (distance))) {                                          \
            uint64_t t = ((w[i] >> (bits)) ^ w[i + (distance)]) & (mask); \
            w[i + (distance)] ^= t;                                       \
            w[i] ^= t << (bits);                                          \
        }

static inline void transpose_block(const uint8_t *in, size_t in_stride, uint8_t *out,
                                   size_t out_stride)
{
    uint64_t w[8];
    for (int i = 0; i < 8; i++)
        memcpy(&w[i], in + (size_t)i * in_stride, 8);
    SWAP_SQUARES(w, 4, 32, 0x00000000ffffffffull);
    SWAP_SQUARES(w, 2, 16, 0x0000ffff0000ffffull);
    SWAP_SQUARES(w, 1, 8, 0x00ff00ff00ff00ffull);
    for (int i = 0; i < 8; i++)
        memcpy(out + (size_t)i * out_stride, &w[i], 8);
}

#endif

void transpose_bytes(const uint8_t *in, size_t rows, size_t columns, uint8_t *out)
{
    if (rows < 8 || columns < 8) {
        for (size_t y = 0; y < rows; y++)
            for (size_t x = 0; x < columns; x++)
                out[x * rows + y] = in[y * columns + x];
        return;
    }
    for (size_t y = 0; y < rows; y += 8) {
        size_t top = y + 8 <= rows ? y : rows - 8;
        for (size_t x = 0; x < columns; x += 8) {
            size_t left = x + 8 <= columns ? x : columns - 8;
            transpose_block(in + top * columns + left, columns, out + left * rows + top, rows);
        }
    }
}
