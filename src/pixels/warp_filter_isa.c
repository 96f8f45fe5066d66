/* SPDX-License-Identifier: MIT */
/* Filtered pixels of affine maps, compiled once a level (isa_variants.h).
 *
 * Bilinear and bicubic are computed in double, in Pillow's order, and with AVX2 several pixels at a
 * time. An input's neighbours in a row then come by one load of four bytes, from a place so chosen
 * that all of them are in it. Rows and columns beyond the border are those at the border. Must be
 * compiled without contraction and without value-changing float options. */
#include "fmnist.h"
#include "pixels/warp_loops.h"

#include <math.h>
#include <string.h>

/* `is_cubic` is known where a picture is begun; nothing below may ask again for each pixel. */
#define INLINE static inline __attribute__((always_inline))

/* ---- one pixel ----------------------------------------------------------------------------- */

static inline int32_t clipped(int32_t i, uint32_t n)
{
    return i < 0 ? 0 : i < (int32_t)n ? i : (int32_t)n - 1;
}

/* Where one output pixel lies between input pixels. */
struct spot {
    int32_t x, y;
    double dx, dy;
};

static inline bool spot_at(const struct warp *w, uint32_t column, uint32_t row, struct spot *s)
{
    double x = column + 0.5, y = row + 0.5;
    double at_x = w->m[0] * x + w->m[1] * y + w->m[2], at_y = w->m[3] * x + w->m[4] * y + w->m[5];
    if (!(at_x >= 0.0 && at_x < w->in_w && at_y >= 0.0 && at_y < w->in_h))
        return false;
    at_x -= 0.5;
    at_y -= 0.5;
    double whole_x = floor(at_x), whole_y = floor(at_y);
    *s = (struct spot){(int32_t)whole_x, (int32_t)whole_y, at_x - whole_x, at_y - whole_y};
    return true;
}

/* The two filters are one function: bilinear reads 2 x 2 pixels, bicubic 4 x 4 from one earlier. */
INLINE double interpolated(const double v[4], double d, bool is_cubic)
{
    if (!is_cubic)
        return v[0] + (v[1] - v[0]) * d;
    double p2 = -v[0] + v[2];
    double p3 = 2.0 * (v[0] - v[1]) + v[2] - v[3];
    double p4 = -v[0] + v[1] - v[2] + v[3];
    return v[1] + d * (p2 + d * (p3 + d * p4));
}

INLINE uint8_t filtered(const struct warp *w, const uint8_t *in, const struct spot *s,
                        bool is_cubic)
{
    int taps = is_cubic ? 4 : 2, before = is_cubic ? 1 : 0;
    double down[4], along[4];
    for (int r = 0; r < taps; r++) {
        const uint8_t *row = in + (size_t)clipped(s->y - before + r, w->in_h) * w->in_w;
        for (int k = 0; k < taps; k++)
            along[k] = row[clipped(s->x - before + k, w->in_w)];
        down[r] = interpolated(along, s->dx, is_cubic);
    }
    double level = interpolated(down, s->dy, is_cubic);
    return level <= 0.0 ? 0 : level >= 255.0 ? 255 : (uint8_t)level;
}

INLINE void filter_pixel(const struct warp *w, const uint8_t *in, const uint8_t *fill, uint32_t x,
                         uint32_t y, uint8_t *out, bool is_cubic)
{
    size_t in_plane = (size_t)w->in_h * w->in_w, out_plane = (size_t)w->out_h * w->out_w;
    struct spot s = {0};
    bool inside = spot_at(w, x, y, &s);
    for (uint32_t p = 0; p < w->planes; p++)
        out[p * out_plane + (size_t)y * w->out_w + x] =
            inside ? filtered(w, in + p * in_plane, &s, is_cubic) : fill[p];
}

/* ---- several pixels ------------------------------------------------------------------------ */

#if defined(__AVX2__)
#include <immintrin.h>

/* As many doubles as a register holds, and as many int32. */
#if defined(__AVX512F__) && defined(__AVX512VL__)
#define LANES 8u
typedef __m256i wholes_register;
#define WHOLE(operation) _mm256_##operation
#else
#define LANES            4u
typedef __m128i wholes_register;
#define WHOLE(operation) _mm_##operation
#endif
typedef double reals __attribute__((vector_size(8 * LANES)));
typedef int64_t masks __attribute__((vector_size(8 * LANES)));
typedef int32_t wholes __attribute__((vector_size(4 * LANES)));

static inline reals real_floor(reals v)
{
#if LANES == 8
    return _mm512_roundscale_pd(v, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
#else
    return _mm256_floor_pd(v);
#endif
}

/* Towards 0. */
static inline wholes to_wholes(reals v)
{
#if LANES == 8
    return (wholes)_mm512_cvttpd_epi32(v);
#else
    return (wholes)_mm256_cvttpd_epi32(v);
#endif
}

static inline reals to_reals(wholes v)
{
#if LANES == 8
    return _mm512_cvtepi32_pd((wholes_register)v);
#else
    return _mm256_cvtepi32_pd((wholes_register)v);
#endif
}

/* The four bytes from each place on. Without a value that is 0 before, a gather would wait for what
 * its register held. */
static inline wholes four_bytes(const uint8_t *in, wholes at)
{
    const int *base = (const int *)(const void *)in;
#if LANES == 8
    return (wholes)_mm256_mmask_i32gather_epi32(_mm256_setzero_si256(), 0xff, (__m256i)at, base, 1);
#else
    return (wholes)_mm_mask_i32gather_epi32(_mm_setzero_si128(), base, (__m128i)at,
                                            _mm_set1_epi32(-1), 1);
#endif
}

/* 0 .. most */
static inline wholes cut(wholes v, int32_t most)
{
    wholes_register low = WHOLE(max_epi32)((wholes_register)v, (wholes_register)(wholes){0});
    return (wholes)WHOLE(min_epi32)(low, (wholes_register)((wholes){0} + most));
}

/* 0 .. most */
static inline reals real_cut(reals v, double most)
{
#if LANES == 8
    return _mm512_min_pd(_mm512_max_pd(v, (reals){0}), (reals){0} + most);
#else
    return _mm256_min_pd(_mm256_max_pd(v, (reals){0}), (reals){0} + most);
#endif
}

static inline reals chosen(masks which, reals these, reals others)
{
    return (reals)((which & (masks)these) | (~which & (masks)others));
}

static inline void store_levels(uint8_t *out, wholes v)
{
#if LANES == 8
    _mm_storel_epi64((__m128i *)(void *)out, _mm256_cvtepi32_epi8((wholes_register)v));
#else
    const __m128i lowest =
        _mm_setr_epi8(0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1);
    int32_t levels = _mm_cvtsi128_si32(_mm_shuffle_epi8((wholes_register)v, lowest));
    memcpy(out, &levels, sizeof levels);
#endif
}

/* As `interpolated`, of one pixel. */
INLINE reals interpolate(const reals v[4], reals d, bool is_cubic)
{
    if (!is_cubic)
        return v[0] + (v[1] - v[0]) * d;
    reals p2 = -v[0] + v[2];
    reals p3 = 2.0 * (v[0] - v[1]) + v[2] - v[3];
    reals p4 = -v[0] + v[1] - v[2] + v[3];
    return v[1] + d * (p2 + d * (p3 + d * p4));
}

/* Where LANES pixels of a row lie between input pixels. */
struct spots {
    masks inside;
    reals x, y, dx, dy; /* whole pixels, and what is left */
};

INLINE struct spots spots_at(const struct warp *w, uint32_t column, uint32_t row)
{
#if LANES == 8
    const reals steps = {0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5};
#else
    const reals steps = {0.5, 1.5, 2.5, 3.5};
#endif
    const double y = (int32_t)row + 0.5;
    const reals x = steps + (double)(int32_t)column;
    reals at_x = w->m[0] * x + w->m[1] * y + w->m[2], at_y = w->m[3] * x + w->m[4] * y + w->m[5];
    struct spots s;
    s.inside = (masks)(at_x >= 0.0) & (masks)(at_x < (double)(int32_t)w->in_w) &
               (masks)(at_y >= 0.0) & (masks)(at_y < (double)(int32_t)w->in_h);
    at_x -= 0.5;
    at_y -= 0.5;
    s.x = real_floor(at_x);
    s.y = real_floor(at_y);
    s.dx = at_x - s.x;
    s.dy = at_y - s.y;
    return s;
}

/* Pixels that lie outside take the first of the picture, so that no place leaves it. */
INLINE void bring_inside(struct spots *s)
{
    s->x = chosen(s->inside, s->x, (reals){0});
    s->y = chosen(s->inside, s->y, (reals){0});
}

INLINE void store_inside(const struct spots *s, reals level, double fill, uint8_t *out)
{
    store_levels(out, to_wholes(chosen(s->inside, level, (reals){0} + fill)));
}

/* Any input: a load for each row of neighbours. */
INLINE void filter_pixels(const struct warp *w, const uint8_t *in, const double *fill, uint32_t x,
                          uint32_t y, uint8_t *out, bool is_cubic)
{
    const int taps = is_cubic ? 4 : 2, before = is_cubic ? 1 : 0;
    size_t in_plane = (size_t)w->in_h * w->in_w, out_plane = (size_t)w->out_h * w->out_w;
    struct spots s = spots_at(w, x, y);
    bring_inside(&s);
    wholes left = to_wholes(s.x) - before, top = to_wholes(s.y) - before;
    wholes first = cut(left, (int32_t)w->in_w - 1), rows[4], bits[4];
    for (int k = 0; k < taps; k++) {
        bits[k] = (cut(left + k, (int32_t)w->in_w - 1) - first) * 8;
        rows[k] = cut(top + k, (int32_t)w->in_h - 1) * (int32_t)w->in_w + first;
    }
    out += (size_t)y * w->out_w + x;
    for (uint32_t p = 0; p < w->planes; p++, in += in_plane, out += out_plane) {
        reals down[4], along[4];
        for (int r = 0; r < taps; r++) {
            wholes bytes = four_bytes(in, rows[r]);
            for (int k = 0; k < taps; k++)
                along[k] = to_reals((bytes >> bits[k]) & 0xff);
            down[r] = interpolate(along, s.dx, is_cubic);
        }
        reals level = interpolate(down, s.dy, is_cubic);
        if (is_cubic)
            level = real_cut(level, 255.0);
        store_inside(&s, level, fill[p], out);
    }
}

/* ---- bilinear, of small inputs: one load for all neighbours */

#define QUAD_BLOCK 16u

/* Quads between pixels x .. x + n of two rows. */
INLINE void quad_block(const uint8_t *restrict upper, const uint8_t *restrict lower, size_t x,
                       size_t n, uint32_t *restrict quads)
{
    for (size_t i = x; i < x + n; i++)
        quads[i] = (uint32_t)upper[i] | (uint32_t)upper[i + 1] << 8 | (uint32_t)lower[i] << 16 |
                   (uint32_t)lower[i + 1] << 24;
}

/* quads[y + 1][x + 1]: the neighbours of a pixel between columns x and x + 1 and rows y and y + 1,
 * which begin at -1; the upper left one in the lowest byte. */
static void make_quads(const struct warp *w, const uint8_t *in, uint32_t *quads)
{
    const size_t width = w->in_w, between = width - 1;
    for (int32_t y = -1; y < (int32_t)w->in_h; y++, quads += width + 1) {
        const uint8_t *upper = in + (size_t)clipped(y, w->in_h) * width;
        const uint8_t *lower = in + (size_t)clipped(y + 1, w->in_h) * width;
        quads[0] = upper[0] * 0x101u | lower[0] * 0x1010000u;
        quads[width] = upper[width - 1] * 0x101u | lower[width - 1] * 0x1010000u;
        if (between < QUAD_BLOCK)
            quad_block(upper, lower, 0, between, quads + 1);
        else
            for (size_t x = 0; x < between; x += QUAD_BLOCK)
                quad_block(upper, lower, x + QUAD_BLOCK <= between ? x : between - QUAD_BLOCK,
                           QUAD_BLOCK, quads + 1);
    }
}

/* Differences of neighbours, second less first, in the four bytes of each quad: two int16. */
static inline wholes differences(wholes quads)
{
#if LANES == 8
    return (wholes)_mm256_maddubs_epi16((__m256i)quads, _mm256_set1_epi16(0x01ff));
#else
    return (wholes)_mm_maddubs_epi16((__m128i)quads, _mm_set1_epi16(0x01ff));
#endif
}

/* all_inside: no pixel of the row lies outside. */
INLINE void quad_pixels(const struct warp *w, const uint32_t *quads, const double *fill, uint32_t x,
                        uint32_t y, uint8_t *out, bool all_inside)
{
    const int32_t width = (int32_t)w->in_w + 1, count = width * ((int32_t)w->in_h + 1);
    struct spots s = spots_at(w, x, y);
    if (!all_inside)
        bring_inside(&s);
    wholes at = to_wholes(s.y * (double)width + s.x) + (width + 1);
    out += (size_t)y * w->out_w + x;
    for (uint32_t p = 0; p < w->planes; p++, quads += count, out += (size_t)w->out_h * w->out_w) {
        wholes four = four_bytes((const uint8_t *)quads, at * 4), across = differences(four);
        reals above = to_reals(four & 0xff) + to_reals(across << 16 >> 16) * s.dx;
        reals below = to_reals(four >> 16 & 0xff) + to_reals(across >> 16) * s.dx;
        reals level = above + (below - above) * s.dy;
        if (all_inside)
            store_levels(out, to_wholes(level));
        else
            store_inside(&s, level, fill[p], out);
    }
}

/* Along a row both coordinates only grow or only fall, so its ends tell. */
static bool row_is_inside(const struct warp *w, uint32_t y)
{
    struct spot s;
    return spot_at(w, 0, y, &s) && spot_at(w, w->out_w - 1, y, &s);
}

/* The last block of a row is laid over its neighbour rather than cut. */
INLINE void quad_row(const struct warp *w, const uint32_t *quads, const double *fill, uint32_t y,
                     uint8_t *out, bool all_inside)
{
    for (uint32_t x = 0; x < w->out_w; x += LANES)
        quad_pixels(w, quads, fill, x + LANES <= w->out_w ? x : w->out_w - LANES, y, out,
                    all_inside);
}

static void quad_picture(const struct warp *map, const uint32_t *quads, const uint8_t *fill,
                         uint8_t *out)
{
    const struct warp w = *map; /* no pixel that is written is part of it */
    double fill_reals[FMNIST_CHANNELS_MAX];
    for (uint32_t p = 0; p < w.planes; p++)
        fill_reals[p] = fill[p];
    for (uint32_t y = 0; y < w.out_h; y++)
        if (row_is_inside(&w, y))
            quad_row(&w, quads, fill_reals, y, out, true);
        else
            quad_row(&w, quads, fill_reals, y, out, false);
}

#endif

/* ---- whole pictures ------------------------------------------------------------------------ */

INLINE void filter_picture(const struct warp *map, const uint8_t *in, const uint8_t *fill,
                           uint8_t *out, bool is_cubic)
{
    const struct warp w = *map; /* no pixel that is written is part of it */
#if defined(LANES)
    double fill_reals[FMNIST_CHANNELS_MAX];
    for (uint32_t p = 0; p < w.planes; p++)
        fill_reals[p] = fill[p];
#endif
    for (uint32_t y = 0; y < w.out_h; y++) {
        uint32_t x = 0;
#if defined(LANES)
        for (; w.out_w >= LANES && x < w.out_w; x += LANES)
            filter_pixels(&w, in, fill_reals, x + LANES <= w.out_w ? x : w.out_w - LANES, y, out,
                          is_cubic);
#endif
        for (; x < w.out_w; x++)
            filter_pixel(&w, in, fill, x, y, out, is_cubic);
    }
}

void ISA_NAME(warp_bilinear)(const struct warp *w, const uint8_t *in, const uint8_t *fill,
                             uint8_t *out, uint32_t *quads)
{
#if defined(LANES)
    if (quads && w->out_w >= LANES) {
        size_t in_plane = (size_t)w->in_h * w->in_w, of_plane = (w->in_h + 1ul) * (w->in_w + 1ul);
        for (uint32_t p = 0; p < w->planes; p++)
            make_quads(w, in + p * in_plane, quads + p * of_plane);
        quad_picture(w, quads, fill, out);
        return;
    }
#endif
    filter_picture(w, in, fill, out, false);
}

void ISA_NAME(warp_bicubic)(const struct warp *w, const uint8_t *in, const uint8_t *fill,
                            uint8_t *out)
{
    filter_picture(w, in, fill, out, true);
}
