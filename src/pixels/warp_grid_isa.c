/* SPDX-License-Identifier: MIT */
/* torchvision's bilinear rule for tensors, compiled once a level (isa_variants.h): PyTorch's
 * grid_sample in float32, with a fused multiply-add wherever its own loops for AVX2 and AVX-512
 * have one. Four neighbours are weighed one after the other; those outside count as 0, and how much
 * of a pixel lies inside says how much of it is the fill. */
#include "pixels/warp_loops.h"

#include <math.h>

/* A pixel's four neighbours, by place in a plane (0 where they lie outside), and their weights. */
struct corners {
    int32_t at[4];
    float weight[4], inside[4];
};

static inline float grid_at(const float m[3], float x, float y, bool fused)
{
    return (fused ? fmaf(y, m[1], x * m[0]) : x * m[0] + y * m[1]) + m[2];
}

static inline float weighed(const float v[4], const float weight[4])
{
    return fmaf(v[3], weight[3], fmaf(v[2], weight[2], fmaf(v[1], weight[1], v[0] * weight[0])));
}

/* False where all of them lie outside. */
static inline bool corners_at(struct corners *c, const struct warp *w, float gx, float gy)
{
    float width = (float)w->in_w, height = (float)w->in_h;
    float x = fmaf(gx + 1.0f, width * 0.5f, -0.5f), y = fmaf(gy + 1.0f, height * 0.5f, -0.5f);
    if (!(x > -1.0f && x < width && y > -1.0f && y < height))
        return false;
    float left = floorf(x), upper = floorf(y);
    float to_left = x - left, to_upper = y - upper;
    float to_right = 1.0f - to_left, to_lower = 1.0f - to_upper;
    const float weight[4] = {to_right * to_lower, to_left * to_lower, to_right * to_upper,
                             to_left * to_upper};
    for (int k = 0; k < 4; k++) {
        int32_t column = (int32_t)left + (k & 1), row = (int32_t)upper + (k >> 1);
        bool inside = (uint32_t)column < w->in_w && (uint32_t)row < w->in_h;
        c->at[k] = inside ? row * (int32_t)w->in_w + column : 0;
        c->inside[k] = inside ? 1.0f : 0.0f;
        c->weight[k] = weight[k];
    }
    return true;
}

/* v1 and v2 of torchvision mix the fill in by other operations. */
static inline float mixed(float v, float part, float fill, uint32_t api)
{
    return api == 1 ? v * part + (1.0f - part) * fill : (v - fill) * part + fill;
}

#define DEFINE_BILINEAR(name, type, to_type)                                                \
    void ISA_NAME(name)(const struct warp *w, const struct warp_grid *map, const type *in,  \
                        const float *fill, type *out)                                       \
    {                                                                                       \
        const size_t in_plane = (size_t)w->in_h * w->in_w;                                  \
        const size_t out_plane = (size_t)w->out_h * w->out_w;                               \
        const float first_x = 0.5f - 0.5f * (float)w->out_w;                                \
        const float first_y = 0.5f - 0.5f * (float)w->out_h;                                \
        for (size_t i = 0; i < out_plane; i++) {                                            \
            float x = first_x + (float)(i % w->out_w), y = first_y + (float)(i / w->out_w); \
            struct corners c;                                                               \
            bool some = corners_at(&c, w, grid_at(map->m, x, y, map->fused),                \
                                   grid_at(map->m + 3, x, y, map->fused));                  \
            float part = some ? weighed(c.inside, c.weight) : 0.0f;                         \
            for (uint32_t p = 0; p < w->planes; p++) {                                      \
                const type *plane = in + p * in_plane;                                      \
                float v = 0.0f, neighbours[4];                                              \
                for (int k = 0; some && k < 4; k++)                                         \
                    neighbours[k] = c.inside[k] != 0.0f ? (float)plane[c.at[k]] : 0.0f;     \
                if (some)                                                                   \
                    v = weighed(neighbours, c.weight);                                      \
                out[p * out_plane + i] = to_type(mixed(v, part, fill[p], w->api));          \
            }                                                                               \
        }                                                                                   \
    }

static inline uint8_t to_level(float v)
{
    v = rintf(v);
    return v <= 0.0f ? 0 : v >= 255.0f ? 255 : (uint8_t)v;
}

static inline float to_float(float v)
{
    return v;
}

DEFINE_BILINEAR(warp_bilinear_levels, uint8_t, to_level)
DEFINE_BILINEAR(warp_bilinear_floats, float, to_float)
