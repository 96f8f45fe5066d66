/* SPDX-License-Identifier: MIT */
/* Positions and weights of OpenCV's 8-bit linear resize. */
#include "pixels/opencv.h"

#include "base/bytes.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define WEIGHT_ONE 2048

static uint32_t clamp_index(int64_t i, uint32_t n)
{
    return i < 0 ? 0 : i >= n ? n - 1 : (uint32_t)i;
}

int opencv_axis_init(struct opencv_axis *axis, enum opencv_direction direction, uint32_t n_in,
                     uint32_t n_out)
{
    *axis = (struct opencv_axis){.n_in = n_in, .n_out = n_out};
    axis->taps = calloc(n_out, sizeof *axis->taps);
    if (!axis->taps)
        return -ENOMEM;
    double ratio = (double)n_out / n_in;
    double step = 1 / ratio;
    for (uint32_t d = 0; d < n_out; d++) {
        float p = (float)((d + 0.5) * step - 0.5);
        int64_t s = (int64_t)floorf(p);
        float f = p - (float)s;
        /* Columns beyond the edge are moved onto it; rows keep their fraction, and both their
         * terms then come from the edge row, each truncated for itself. */
        if (direction == OPENCV_X && (s < 0 || s >= (int64_t)n_in - 1)) {
            s = clamp_index(s, n_in);
            f = 0;
        }
        axis->taps[d] = (struct opencv_tap){
            .lo = clamp_index(s, n_in),
            .hi = clamp_index(s + 1, n_in),
            .w_lo = (int32_t)lrintf((1 - f) * WEIGHT_ONE),
            .w_hi = (int32_t)lrintf(f * WEIGHT_ONE),
        };
    }
    return 0;
}

void opencv_axis_close(struct opencv_axis *axis)
{
    free(axis->taps);
    *axis = (struct opencv_axis){0};
}

size_t opencv_scratch_bytes(uint32_t n_out_x)
{
    return 2 * align_up(n_out_x * sizeof(int16_t), 64);
}
