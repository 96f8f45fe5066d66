/* SPDX-License-Identifier: MIT */
/* pixels/window.h — crops, borders and flips: whole pixels from other places, none computed.
 *
 * Any run of them is one window: for each row and each column of the output the row or column of
 * the input that is shown there, or none, where the fill is. So a run costs one pass, whatever its
 * length, and a crop or a flip costs no more than a copy.
 *
 * Shape: in [planes][rows.in][columns.in], out [planes][rows.out][columns.out], uint8 or float32.
 * Threads: any; pure. Memory: of an axis' map the caller's rooms.
 */
#ifndef PIXELS_WINDOW_H
#define PIXELS_WINDOW_H

#include "pixels/isa_variants.h"

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An input's side is at most this. */
#define WINDOW_SIDE_MAX 16384

enum window_border { WINDOW_CONSTANT, WINDOW_EDGE, WINDOW_REFLECT, WINDOW_SYMMETRIC };

struct window_axis {
    int32_t in, out;
    int32_t first, step; /* place i shows first + step * i (step 1 or -1), */
    int32_t lo, hi;      /* for lo <= i < hi; elsewhere nothing */
    int16_t *map;        /* where it is not NULL, it says what place i shows; -1 nothing */
    int16_t *rooms[2];   /* for maps: each as long as any output */
    uint32_t room;       /* that the map lies in */
};

/* The rest of what is below, for maps. Private to window.c and this header. */
void window_map_flip(struct window_axis *axis);
void window_map_pad(struct window_axis *axis, int32_t before, int32_t behind,
                    enum window_border border);
bool window_map_has_outside(const struct window_axis *axis);

/* All of it, as it is. */
static inline void window_axis_init(struct window_axis *axis, uint32_t side,
                                    int16_t *const rooms[2])
{
    assert(side > 0 && side <= WINDOW_SIDE_MAX);
    int32_t n = (int32_t)side;
    *axis =
        (struct window_axis){.in = n, .out = n, .step = 1, .hi = n, .rooms = {rooms[0], rooms[1]}};
}

static inline int32_t window_clamp(int32_t v, int32_t most)
{
    return v < 0 ? 0 : v > most ? most : v;
}

/* The places first .. first + side - 1 of what was there. */
static inline void window_axis_crop(struct window_axis *axis, uint32_t first, uint32_t side)
{
    assert(side > 0 && (uint64_t)first + side <= (uint32_t)axis->out);
    int32_t from = (int32_t)first;
    axis->out = (int32_t)side;
    axis->first += axis->step * from;
    axis->lo = window_clamp(axis->lo - from, axis->out);
    axis->hi = window_clamp(axis->hi - from, axis->out);
    if (axis->map)
        axis->map += from;
}

static inline void window_axis_flip(struct window_axis *axis)
{
    int32_t n = axis->out, lo = axis->lo;
    if (axis->map) {
        window_map_flip(axis);
        return;
    }
    axis->first += axis->step * (n - 1);
    axis->step = -axis->step;
    axis->lo = n - axis->hi;
    axis->hi = n - lo;
}

/* Borders are as NumPy's: reflect leaves the outermost place out, symmetric repeats it. */
static inline void window_axis_pad(struct window_axis *axis, uint32_t before, uint32_t behind,
                                   enum window_border border)
{
    assert((uint64_t)axis->out + before + behind <= WINDOW_SIDE_MAX);
    int32_t start = (int32_t)before;
    if (before == 0 && behind == 0)
        return;
    if (border != WINDOW_CONSTANT || axis->map) {
        window_map_pad(axis, start, (int32_t)behind, border);
        return;
    }
    axis->first -= axis->step * start;
    axis->lo += start;
    axis->hi += start;
    axis->out += start + (int32_t)behind;
}

/* Whether some place shows nothing. */
static inline bool window_axis_has_outside(const struct window_axis *axis)
{
    return axis->map ? window_map_has_outside(axis) : axis->lo > 0 || axis->hi < axis->out;
}

/* Whether the output is the input; false also of a map that is. */
static inline bool window_axis_is_identity(const struct window_axis *axis)
{
    return !axis->map && axis->in == axis->out && axis->first == 0 && axis->step == 1 &&
           axis->lo == 0 && axis->hi == axis->out;
}

struct window {
    uint32_t planes;
    struct window_axis rows, columns;
};

/* fill[planes]: where nothing is shown. */
ISA_DECLARE(window_levels, const struct window *w, const uint8_t *in, const uint8_t *fill,
            uint8_t *out);
ISA_DECLARE(window_floats, const struct window *w, const float *in, const float *fill, float *out);

#endif
