/* SPDX-License-Identifier: MIT */
/* Nearest pixels of affine maps, compiled once a level (isa_variants.h). */
#include "pixels/warp_loops.h"

#include <math.h>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

/* ---- places -------------------------------------------------------------------------------- */

/* A row goes in blocks of so many pixels. The last one is laid over its neighbour rather than cut,
 * so that no pixel is done by itself. */
#define BLOCK 16u

static inline int32_t place_of(int32_t column, int32_t row, uint32_t in_w, uint32_t in_h)
{
    int32_t outside = -(int32_t)(((uint32_t)column >= in_w) | ((uint32_t)row >= in_h));
    return (row * (int32_t)in_w + column) | outside;
}

/* Pixels i .. i + n - 1 of a row that begins at (x, y). */
static inline void fixed_block(const struct warp *w, const struct warp_fixed *map, uint32_t x,
                               uint32_t y, uint32_t i, uint32_t n, int32_t *restrict places)
{
    const uint32_t step_x = (uint32_t)map->m[0], step_y = (uint32_t)map->m[3];
    for (uint32_t k = i; k < i + n; k++)
        places[k] = place_of((int32_t)(x + k * step_x) >> 16, (int32_t)(y + k * step_y) >> 16,
                             w->in_w, w->in_h);
}

void ISA_NAME(warp_places_fixed)(const struct warp *w, const struct warp_fixed *map, uint32_t y,
                                 uint32_t rows, int32_t *restrict places)
{
    const uint32_t width = w->out_w;
    for (uint32_t end = y + rows; y < end; y++, places += width) {
        uint32_t x0 = (uint32_t)map->m[2] + y * (uint32_t)map->m[1];
        uint32_t y0 = (uint32_t)map->m[5] + y * (uint32_t)map->m[4];
        if (width < BLOCK)
            fixed_block(w, map, x0, y0, 0, width, places);
        else
            for (uint32_t i = 0; i < width; i += BLOCK)
                fixed_block(w, map, x0, y0, i + BLOCK <= width ? i : width - BLOCK, BLOCK, places);
    }
}

/* The pixel nearest to a coordinate of -1 .. 1, ties to even; -1 or n where there is none. What is
 * no number comes out as -1. */
static inline int32_t nearest_pixel(float g, float n)
{
    const float whole = 12582912.0f; /* 1.5 * 2^23: a sum with it has no fraction */
    float v = ((g + 1.0f) * n - 1.0f) * 0.5f;
    v = v > -1.0f ? v : -1.0f;
    v = v < n ? v : n;
    return (int32_t)((v + whole) - whole);
}

static inline float grid_at(const float m[3], float x, float y, bool fused)
{
    return (fused ? fmaf(y, m[1], x * m[0]) : x * m[0] + y * m[1]) + m[2];
}

static inline void grid_block(const struct warp *w, const float m[6], float y, uint32_t i,
                              uint32_t n, int32_t *restrict places, bool fused)
{
    const float first = 0.5f - 0.5f * (float)w->out_w, in_w = (float)w->in_w;
    const float in_h = (float)w->in_h;
    for (uint32_t k = i; k < i + n; k++) {
        float x = first + (float)(int32_t)k;
        places[k] = place_of(nearest_pixel(grid_at(m, x, y, fused), in_w),
                             nearest_pixel(grid_at(m + 3, x, y, fused), in_h), w->in_w, w->in_h);
    }
}

static inline void places_grid(const struct warp *w, const float m[6], uint32_t y, uint32_t rows,
                               int32_t *restrict places, bool fused)
{
    const uint32_t width = w->out_w;
    const float first = 0.5f - 0.5f * (float)w->out_h;
    for (uint32_t end = y + rows; y < end; y++, places += width) {
        float at = first + (float)y;
        if (width < BLOCK)
            grid_block(w, m, at, 0, width, places, fused);
        else
            for (uint32_t i = 0; i < width; i += BLOCK)
                grid_block(w, m, at, i + BLOCK <= width ? i : width - BLOCK, BLOCK, places, fused);
    }
}

void ISA_NAME(warp_places_grid)(const struct warp *w, const struct warp_grid *map, uint32_t y,
                                uint32_t rows, int32_t *places)
{
    if (map->fused)
        places_grid(w, map->m, y, rows, places, true);
    else
        places_grid(w, map->m, y, rows, places, false);
}

/* ---- pixels at places ---------------------------------------------------------------------- */

/* Gathers read four bytes for each level; those behind it are WARP_MARGIN's, or other pixels. */
void ISA_NAME(warp_take_levels)(const int32_t *restrict places, size_t count,
                                const uint8_t *restrict in, uint8_t fill, uint8_t *restrict out)
{
    size_t i = 0;
#if defined(__AVX512BW__) && defined(__AVX512VL__)
    const __m512i nothing = _mm512_set1_epi32(fill);
    for (; i + 16 <= count; i += 16) {
        __m512i at = _mm512_loadu_si512(places + i);
        __mmask16 inside = (__mmask16)~_mm512_movepi32_mask(at);
        __m512i v = _mm512_mask_i32gather_epi32(nothing, inside, at, in, 1);
        _mm_storeu_si128((__m128i *)(void *)(out + i), _mm512_cvtepi32_epi8(v));
    }
#endif
    for (; i < count; i++)
        out[i] = places[i] < 0 ? fill : in[places[i]];
}

void ISA_NAME(warp_take_floats)(const int32_t *restrict places, size_t count,
                                const float *restrict in, float fill, float *restrict out)
{
    for (size_t i = 0; i < count; i++)
        out[i] = places[i] < 0 ? fill : in[places[i]];
}
