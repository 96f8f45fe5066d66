/* SPDX-License-Identifier: MIT */
/* Which of Pillow's rules a map falls under, and its pixels row by row. The loops are in
 * warp_isa.c. Must be compiled without contraction and without value-changing float options. */
#include "pixels/warp.h"

#include "base/bytes.h"
#include "fmnist.h"
#include "pixels/warp_loops.h"
#include "pixels/window.h"

#include <math.h>

/* Pixels whose places are found at a time: so many that the loops are long, so few that they stay
 * in the first-level cache. */
#define BLOCK 4096u

static uint32_t rows_of_block(uint32_t out_w)
{
    return out_w < BLOCK ? BLOCK / out_w : 1;
}

/* An input may have so many quads (warp_loops.h) a plane: they stay in the second-level cache. */
#define QUADS_MAX 65536u

static size_t quads_of(uint32_t height, uint32_t width)
{
    return (height + (size_t)1) * (width + (size_t)1);
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

size_t warp_scratch_bytes(uint32_t planes, uint32_t height, uint32_t width)
{
    size_t places = (size_t)(width < BLOCK ? BLOCK : width) * sizeof(int32_t);
    size_t maps = ((size_t)height + width) * sizeof(int16_t);
    size_t quads = quads_of(height, width);
    quads = planes * (quads < QUADS_MAX ? quads : QUADS_MAX) * sizeof(uint32_t);
    return align_up(larger(quads, larger(places, maps)), 64);
}

/* ---- nearest: places, then pixels ---------------------------------------------------------- */

static void take_levels(const struct warp *w, const int32_t *places, uint32_t y, uint32_t rows,
                        const uint8_t *in, const uint8_t *fill, uint8_t *out)
{
    size_t in_plane = (size_t)w->in_h * w->in_w, out_plane = (size_t)w->out_h * w->out_w;
    size_t count = (size_t)rows * w->out_w, at = (size_t)y * w->out_w;
    for (uint32_t p = 0; p < w->planes; p++)
        ISA_PICK(warp_take_levels)
    (places, count, in + p * in_plane, fill[p], out + p * out_plane + at);
}

/* Level pictures, by fixed point. */
static void run_fixed(const struct warp *w, const struct warp_fixed *map, const uint8_t *in,
                      const uint8_t *fill, uint8_t *out, int32_t *places)
{
    uint32_t block = rows_of_block(w->out_w);
    for (uint32_t y = 0; y < w->out_h; y += block) {
        uint32_t rows = w->out_h - y < block ? w->out_h - y : block;
        ISA_PICK(warp_places_fixed)(w, map, y, rows, places);
        take_levels(w, places, y, rows, in, fill, out);
    }
}

/* The pixel that a coordinate lies in; -1 before the first one, and anything >= n behind. */
static int32_t pixel_at(double v, uint32_t n)
{
    return v >= 0.0 && v < n ? (int32_t)v : -1;
}

/* Where coordinates leave the fixed point's range: in double, added up along rows and columns. */
static void run_exact(const struct warp *w, const uint8_t *in, const uint8_t *fill, uint8_t *out,
                      int32_t *places)
{
    const double *m = w->m;
    double row_x = m[2] + m[0] * 0.5 + m[1] * 0.5, row_y = m[5] + m[3] * 0.5 + m[4] * 0.5;
    for (uint32_t y = 0; y < w->out_h; y++) {
        double x = row_x, at_y = row_y;
        for (uint32_t i = 0; i < w->out_w; i++) {
            int32_t column = pixel_at(x, w->in_w), row = pixel_at(at_y, w->in_h);
            places[i] = column < 0 || row < 0 ? -1 : row * (int32_t)w->in_w + column;
            x += m[0];
            at_y += m[3];
        }
        take_levels(w, places, y, 1, in, fill, out);
        row_x += m[1];
        row_y += m[4];
    }
}

/* A map without rotation: rows and columns each for themselves, coordinates added up in double. */
static void scale_axis(struct window_axis *axis, uint32_t in, uint32_t out, double scale,
                       double offset, int16_t *map)
{
    *axis = (struct window_axis){.in = (int32_t)in, .out = (int32_t)out, .map = map};
    double at = offset + scale * 0.5;
    for (uint32_t i = 0; i < out; i++, at += scale)
        map[i] = (int16_t)pixel_at(at, in);
}

static void run_scale(const struct warp *w, const uint8_t *in, const uint8_t *fill, uint8_t *out,
                      int16_t *maps)
{
    struct window window = {.planes = w->planes};
    scale_axis(&window.columns, w->in_w, w->out_w, w->m[0], w->m[2], maps);
    scale_axis(&window.rows, w->in_h, w->out_h, w->m[4], w->m[5], maps + w->out_w);
    ISA_PICK(window_levels)(&window, in, fill, out);
}

/* Pillow's test, at the output's four corners. */
static bool fits_fixed(const struct warp *w)
{
    const double *m = w->m;
    for (int corner = 0; corner < 4; corner++) {
        double x = corner & 1 ? w->out_w : 0, y = corner & 2 ? w->out_h : 0;
        if (!(fabs(x * m[0] + y * m[1] + m[2]) < 32768.0) ||
            !(fabs(x * m[3] + y * m[4] + m[5]) < 32768.0))
            return false;
    }
    return true;
}

/* What does not fit belongs to the step of an axis that has no second pixel. */
static int32_t fixed_point(double v)
{
    v = floor(v * 65536.0 + 0.5);
    return v >= INT32_MIN && v <= INT32_MAX ? (int32_t)v : INT32_MIN;
}

static struct warp_fixed fixed_map(const double m[6])
{
    return (struct warp_fixed){{
        fixed_point(m[0]),
        fixed_point(m[1]),
        fixed_point(m[2] + m[0] * 0.5 + m[1] * 0.5),
        fixed_point(m[3]),
        fixed_point(m[4]),
        fixed_point(m[5] + m[3] * 0.5 + m[4] * 0.5),
    }};
}

void warp_levels(const struct warp *w, const uint8_t *in, const uint8_t *fill, uint8_t *out,
                 void *scratch)
{
    if (w->filter == WARP_BILINEAR) {
        uint32_t *quads = quads_of(w->in_h, w->in_w) <= QUADS_MAX ? scratch : NULL;
        ISA_PICK(warp_bilinear)(w, in, fill, out, quads);
    } else if (w->filter == WARP_BICUBIC) {
        ISA_PICK(warp_bicubic)(w, in, fill, out);
    } else if (w->m[1] == 0.0 && w->m[3] == 0.0) {
        run_scale(w, in, fill, out, scratch);
    } else if (fits_fixed(w)) {
        struct warp_fixed map = fixed_map(w->m);
        run_fixed(w, &map, in, fill, out, scratch);
    } else {
        run_exact(w, in, fill, out, scratch);
    }
}

/* ---- tensors ------------------------------------------------------------------------------- */

/* Of a matrix product as small as this, PyTorch computes the sums itself, one after the other. */
#define SMALL_PRODUCT 400u

static struct warp_grid grid_of(const struct warp *w)
{
    struct warp_grid g = {.fused = w->fused && 6ull * w->out_h * w->out_w >= SMALL_PRODUCT};
    for (int i = 0; i < 6; i++)
        g.m[i] = (float)w->m[i] / (0.5f * (float)(i < 3 ? w->in_w : w->in_h));
    return g;
}

/* A tensor of levels is rounded, ties to even, when it has been turned as floats. */
static uint8_t nearest_level(float v)
{
    v = rintf(v);
    return v <= 0.0f ? 0 : v >= 255.0f ? 255 : (uint8_t)v;
}

void warp_tensor_levels(const struct warp *w, const uint8_t *in, const float *fill, uint8_t *out,
                        void *scratch)
{
    struct warp_grid grid = grid_of(w);
    if (w->filter == WARP_BILINEAR) {
        ISA_PICK(warp_bilinear_levels)(w, &grid, in, fill, out);
        return;
    }
    uint8_t levels[FMNIST_CHANNELS_MAX];
    for (uint32_t p = 0; p < w->planes; p++)
        levels[p] = nearest_level(fill[p]);
    uint32_t block = rows_of_block(w->out_w);
    for (uint32_t y = 0; y < w->out_h; y += block) {
        uint32_t rows = w->out_h - y < block ? w->out_h - y : block;
        ISA_PICK(warp_places_grid)(w, &grid, y, rows, scratch);
        take_levels(w, scratch, y, rows, in, levels, out);
    }
}

void warp_tensor_floats(const struct warp *w, const float *in, const float *fill, float *out,
                        void *scratch)
{
    struct warp_grid grid = grid_of(w);
    if (w->filter == WARP_BILINEAR) {
        ISA_PICK(warp_bilinear_floats)(w, &grid, in, fill, out);
        return;
    }
    uint32_t block = rows_of_block(w->out_w);
    size_t in_plane = (size_t)w->in_h * w->in_w, out_plane = (size_t)w->out_h * w->out_w;
    for (uint32_t y = 0; y < w->out_h; y += block) {
        uint32_t rows = w->out_h - y < block ? w->out_h - y : block;
        ISA_PICK(warp_places_grid)(w, &grid, y, rows, scratch);
        for (uint32_t p = 0; p < w->planes; p++)
            ISA_PICK(warp_take_floats)
        (scratch, (size_t)rows * w->out_w, in + p * in_plane, fill[p],
         out + p * out_plane + (size_t)y * w->out_w);
    }
}
