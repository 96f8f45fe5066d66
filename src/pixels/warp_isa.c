/* Loops of affine maps, compiled once a level (isa_variants.h).
 *
 * Bilinear and bicubic are computed in double, in Pillow's order, several pixels at a time. An
 * input's neighbours in a row come as one load of four bytes, from a place so chosen that all of
 * them are in it; rows and columns at the border count twice, as Pillow has it. */
#include "pixels/warp_loops.h"

#include <math.h>
#include <string.h>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

/* ---- places -------------------------------------------------------------------------------- */

void ISA_NAME(warp_places_fixed)(const struct warp *w, const struct warp_fixed *map, uint32_t y,
                                 uint32_t rows, int32_t *restrict places)
{
    const uint32_t step_x = (uint32_t)map->m[0], step_y = (uint32_t)map->m[3];
    const uint32_t width = w->out_w, in_w = w->in_w, in_h = w->in_h;
    for (uint32_t end = y + rows; y < end; y++, places += width) {
        uint32_t x0 = (uint32_t)map->m[2] + y * (uint32_t)map->m[1];
        uint32_t y0 = (uint32_t)map->m[5] + y * (uint32_t)map->m[4];
        for (uint32_t i = 0; i < width; i++) {
            int32_t column = (int32_t)(x0 + i * step_x) >> 16;
            int32_t row = (int32_t)(y0 + i * step_y) >> 16;
            int32_t outside = -(int32_t)(((uint32_t)column >= in_w) | ((uint32_t)row >= in_h));
            places[i] = (row * (int32_t)in_w + column) | outside;
        }
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

static inline void places_grid(const struct warp *w, const float m[6], uint32_t y, uint32_t rows,
                               int32_t *restrict places, bool fused)
{
    const uint32_t width = w->out_w, in_w = w->in_w, in_h = w->in_h;
    const float first_x = 0.5f - 0.5f * (float)width, first_y = 0.5f - 0.5f * (float)w->out_h;
    for (uint32_t end = y + rows; y < end; y++, places += width) {
        float at_y = first_y + (float)y;
        for (uint32_t i = 0; i < width; i++) {
            float x = first_x + (float)(int32_t)i;
            int32_t column = nearest_pixel(grid_at(m, x, at_y, fused), (float)in_w);
            int32_t row = nearest_pixel(grid_at(m + 3, x, at_y, fused), (float)in_h);
            int32_t outside = -(int32_t)(((uint32_t)column >= in_w) | ((uint32_t)row >= in_h));
            places[i] = (row * (int32_t)in_w + column) | outside;
        }
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

void ISA_NAME(warp_take_levels)(const int32_t *restrict places, size_t count,
                                const uint8_t *restrict in, uint8_t fill, uint8_t *restrict out)
{
    for (size_t i = 0; i < count; i++)
        out[i] = places[i] < 0 ? fill : in[places[i]];
}

void ISA_NAME(warp_take_floats)(const int32_t *restrict places, size_t count,
                                const float *restrict in, float fill, float *restrict out)
{
    for (size_t i = 0; i < count; i++)
        out[i] = places[i] < 0 ? fill : in[places[i]];
}

/* ---- filters ------------------------------------------------------------------------------- */

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

static inline double linear(double a, double b, double d)
{
    return a + (b - a) * d;
}

static inline uint8_t bilinear_at(const struct warp *w, const uint8_t *in, const struct spot *s)
{
    const uint8_t *upper = in + (size_t)clipped(s->y, w->in_h) * w->in_w;
    const uint8_t *lower = in + (size_t)clipped(s->y + 1, w->in_h) * w->in_w;
    int32_t left = clipped(s->x, w->in_w), right = clipped(s->x + 1, w->in_w);
    double a = linear(upper[left], upper[right], s->dx);
    double b = linear(lower[left], lower[right], s->dx);
    return (uint8_t)linear(a, b, s->dy);
}

static inline double cubic(double v1, double v2, double v3, double v4, double d)
{
    double p2 = -v1 + v3;
    double p3 = 2.0 * (v1 - v2) + v3 - v4;
    double p4 = -v1 + v2 - v3 + v4;
    return v2 + d * (p2 + d * (p3 + d * p4));
}

static inline uint8_t bicubic_at(const struct warp *w, const uint8_t *in, const struct spot *s)
{
    int32_t x[4];
    double v[4];
    for (int k = 0; k < 4; k++)
        x[k] = clipped(s->x - 1 + k, w->in_w);
    for (int k = 0; k < 4; k++) {
        const uint8_t *row = in + (size_t)clipped(s->y - 1 + k, w->in_h) * w->in_w;
        v[k] = cubic(row[x[0]], row[x[1]], row[x[2]], row[x[3]], s->dx);
    }
    double level = cubic(v[0], v[1], v[2], v[3], s->dy);
    return level <= 0.0 ? 0 : level >= 255.0 ? 255 : (uint8_t)level;
}

static inline void
filter_picture(const struct warp *w, const uint8_t *in, const uint8_t *fill, uint8_t *out,
               uint8_t (*filter)(const struct warp *w, const uint8_t *in, const struct spot *s))
{
    size_t in_plane = (size_t)w->in_h * w->in_w, out_plane = (size_t)w->out_h * w->out_w;
    for (uint32_t y = 0; y < w->out_h; y++)
        for (uint32_t x = 0; x < w->out_w; x++) {
            struct spot s = {0};
            bool inside = spot_at(w, x, y, &s);
            for (uint32_t p = 0; p < w->planes; p++)
                out[p * out_plane + (size_t)y * w->out_w + x] =
                    inside ? filter(w, in + p * in_plane, &s) : fill[p];
        }
}

void ISA_NAME(warp_bilinear)(const struct warp *w, const uint8_t *in, const uint8_t *fill,
                             uint8_t *out)
{
    filter_picture(w, in, fill, out, bilinear_at);
}

void ISA_NAME(warp_bicubic)(const struct warp *w, const uint8_t *in, const uint8_t *fill,
                            uint8_t *out)
{
    filter_picture(w, in, fill, out, bicubic_at);
}
