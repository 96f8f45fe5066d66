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

/* All of it, as it is. */
void window_axis_init(struct window_axis *axis, uint32_t side, int16_t *const rooms[2]);

/* The places first .. first + side - 1 of what was there. */
void window_axis_crop(struct window_axis *axis, uint32_t first, uint32_t side);

void window_axis_flip(struct window_axis *axis);

/* Borders are as NumPy's: reflect leaves the outermost place out, symmetric repeats it. */
void window_axis_pad(struct window_axis *axis, uint32_t before, uint32_t behind,
                     enum window_border border);

/* Whether some place shows nothing. */
bool window_axis_has_outside(const struct window_axis *axis);

/* Whether the output is the input. */
bool window_axis_is_identity(const struct window_axis *axis);

struct window {
    uint32_t planes;
    struct window_axis rows, columns;
};

/* fill[planes]: where nothing is shown. */
ISA_DECLARE(window_levels, const struct window *w, const uint8_t *in, const uint8_t *fill,
            uint8_t *out);
ISA_DECLARE(window_floats, const struct window *w, const float *in, const float *fill, float *out);

#endif
