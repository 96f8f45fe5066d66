/* SPDX-License-Identifier: MIT */
/* Geometry and positions of TensorFlow's resize_with_pad, all in float32 as TensorFlow computes
 * them. Rounding is part of the rule: for a 28 x 28 image and a 13 x 13 target, 28 / (28 / 13)
 * comes out just below 13, so the picture is 12 x 12 and the last row and column are padding. */
#include "pixels/tf.h"

#include "base/bytes.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

bool tf_geometry_of(struct tf_geometry *g, uint32_t in_h, uint32_t in_w, uint32_t out_h,
                    uint32_t out_w)
{
    float h = (float)in_h, w = (float)in_w, th = (float)out_h, tw = (float)out_w;
    float ratio = fmaxf(w / tw, h / th);
    float fit_h = h / ratio, fit_w = w / ratio;
    g->h = (uint32_t)floorf(fit_h);
    g->w = (uint32_t)floorf(fit_w);
    g->top = (uint32_t)fmaxf(0.0f, floorf((th - fit_h) / 2));
    g->left = (uint32_t)fmaxf(0.0f, floorf((tw - fit_w) / 2));
    return g->h > 0 && g->w > 0 && g->top + g->h <= out_h && g->left + g->w <= out_w;
}

int tf_axis_init(struct tf_axis *axis, uint32_t n_in, uint32_t n_out)
{
    *axis = (struct tf_axis){.n_in = n_in, .n_out = n_out};
    axis->lo = calloc(n_out, sizeof *axis->lo);
    axis->hi = calloc(n_out, sizeof *axis->hi);
    axis->t = calloc(n_out, sizeof *axis->t);
    if (!axis->lo || !axis->hi || !axis->t)
        return -ENOMEM;
    float scale = (float)n_in / (float)n_out;
    for (uint32_t i = 0; i < n_out; i++) {
        float p = ((float)i + 0.5f) * scale - 0.5f;
        float below = floorf(p), above = ceilf(p);
        axis->lo[i] = below > 0 ? (uint32_t)below : 0;
        axis->hi[i] = above < (float)n_in ? (uint32_t)above : n_in - 1;
        axis->t[i] = p - below;
    }
    return 0;
}

void tf_axis_close(struct tf_axis *axis)
{
    free(axis->lo);
    free(axis->hi);
    free(axis->t);
    *axis = (struct tf_axis){0};
}

size_t tf_scratch_bytes(uint32_t n_in_x, uint32_t n_out_x)
{
    return align_up(n_in_x * sizeof(float), 64) + 2 * align_up(n_out_x * sizeof(float), 64);
}
