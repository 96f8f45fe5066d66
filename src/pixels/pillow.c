/* SPDX-License-Identifier: MIT */
/* Weights of Pillow's filters, in the order of its own double arithmetic: another order of the
 * same formula gives other last bits, and those decide pixels. Must be compiled without contraction
 * and without value-changing float options. */
#include "pixels/pillow.h"

#include "base/bytes.h"
#include "pixels/transpose.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static double box(double t)
{
    return t > -0.5 && t <= 0.5 ? 1.0 : 0.0;
}

static double bilinear(double t)
{
    t = fabs(t);
    return t < 1.0 ? 1.0 - t : 0.0;
}

static double hamming(double t)
{
    t = fabs(t);
    if (t == 0.0)
        return 1.0;
    if (t >= 1.0)
        return 0.0;
    t = t * M_PI;
    return sin(t) / t * (0.54f + 0.46f * cos(t)); /* single-precision constants, as the original */
}

static double bicubic(double t)
{
    const double a = -0.5;
    t = fabs(t);
    if (t < 1.0)
        return ((a + 2.0) * t - (a + 3.0)) * t * t + 1;
    if (t < 2.0)
        return (((t - 5) * t + 8) * t - 4) * a;
    return 0.0;
}

static double sinc(double t)
{
    if (t == 0.0)
        return 1.0;
    t = t * M_PI;
    return sin(t) / t;
}

static double lanczos(double t)
{
    return -3.0 <= t && t < 3.0 ? sinc(t) * sinc(t / 3) : 0.0;
}

static const struct {
    double (*kernel)(double t);
    double radius;
} filters[] = {
    [PILLOW_BOX] = {box, 0.5},         [PILLOW_BILINEAR] = {bilinear, 1.0},
    [PILLOW_HAMMING] = {hamming, 1.0}, [PILLOW_BICUBIC] = {bicubic, 2.0},
    [PILLOW_LANCZOS] = {lanczos, 3.0},
};

/* The source samples lo .. hi - 1 of one output position, and where its centre lies. */
struct window {
    double centre;
    int64_t lo, hi;
};

static struct window window_at(uint32_t i, double step, double reach, uint32_t n_in)
{
    struct window w;
    w.centre = (i + 0.5) * step;
    w.lo = (int64_t)(w.centre - reach + 0.5);
    w.hi = (int64_t)(w.centre + reach + 0.5);
    if (w.lo < 0)
        w.lo = 0;
    if (w.hi > n_in)
        w.hi = n_in;
    return w;
}

static int32_t fixed_point(double w, uint32_t bits)
{
    double scaled = w * (1 << bits);
    return (int32_t)(w < 0 ? scaled - 0.5 : scaled + 0.5);
}

/* As many as the largest weight leaves below 2^15. */
static uint32_t torch_bits(double largest)
{
    uint32_t bits = 0;
    while (bits < PILLOW_WEIGHT_BITS && (int32_t)(0.5 + largest * (1 << (bits + 1))) < 1 << 15)
        bits++;
    return bits;
}

/* The longest window there is. */
static uint32_t taps_of(enum pillow_filter filter, uint32_t n_in, uint32_t n_out)
{
    double step = (double)n_in / n_out;
    double reach = filters[filter].radius * (step < 1.0 ? 1.0 : step);
    uint32_t taps = 0;
    for (uint32_t i = 0; i < n_out; i++) {
        struct window w = window_at(i, step, reach, n_in);
        if (w.hi - w.lo > taps)
            taps = (uint32_t)(w.hi - w.lo);
    }
    return taps;
}

/* The exact weights of one output position; returns the largest. */
static double exact_weights(const struct pillow_axis *axis, enum pillow_filter filter,
                            const struct window *w, double *exact)
{
    double step = (double)axis->n_in / axis->n_out;
    double unstretch = 1.0 / (step < 1.0 ? 1.0 : step), sum = 0.0, largest = 0.0;
    size_t taps = (size_t)(w->hi - w->lo);
    for (size_t j = 0; j < taps; j++) {
        exact[j] =
            filters[filter].kernel(((double)(w->lo + (int64_t)j) - w->centre + 0.5) * unstretch);
        sum += exact[j];
    }
    for (size_t j = 0; j < taps; j++) {
        exact[j] = sum != 0.0 ? exact[j] / sum : exact[j];
        largest = exact[j] > largest ? exact[j] : largest;
    }
    return largest;
}

/* axis->first and weights point to zeroed memory, exact to room for axis->taps. */
static void fill_axis(struct pillow_axis *axis, enum pillow_filter filter,
                      enum pillow_weights weights, double *exact)
{
    uint32_t n_in = axis->n_in, bits = PILLOW_WEIGHT_BITS;
    double step = (double)n_in / axis->n_out;
    double reach = filters[filter].radius * (step < 1.0 ? 1.0 : step), largest = 0.0;
    for (uint32_t i = 0; weights == TORCH_WEIGHTS && i < axis->n_out; i++) {
        struct window w = window_at(i, step, reach, n_in);
        largest = fmax(largest, exact_weights(axis, filter, &w, exact));
    }
    if (weights == TORCH_WEIGHTS)
        bits = torch_bits(largest);
    for (uint32_t i = 0; i < axis->n_out; i++) {
        struct window w = window_at(i, step, reach, n_in);
        exact_weights(axis, filter, &w, exact);
        int64_t first = w.lo + axis->taps <= n_in ? w.lo : n_in - axis->taps;
        axis->first[i] = (uint32_t)first;
        int32_t *row = axis->weights + (size_t)i * axis->taps + (w.lo - first);
        for (int64_t j = 0; j < w.hi - w.lo; j++)
            row[j] = fixed_point(exact[j], bits) * (1 << (PILLOW_WEIGHT_BITS - bits));
    }
}

int pillow_axis_init(struct pillow_axis *axis, enum pillow_filter filter, uint32_t n_in,
                     uint32_t n_out)
{
    *axis = (struct pillow_axis){.n_in = n_in, .n_out = n_out};
    axis->taps = taps_of(filter, n_in, n_out);
    axis->first = calloc(n_out, sizeof *axis->first);
    axis->weights = calloc((size_t)n_out * axis->taps, sizeof *axis->weights);
    double *exact = calloc(axis->taps, sizeof *exact);
    if (!axis->first || !axis->weights || !exact) {
        free(exact);
        return -ENOMEM;
    }
    fill_axis(axis, filter, PILLOW_WEIGHTS, exact);
    free(exact);
    return 0;
}

void pillow_axis_close(struct pillow_axis *axis)
{
    free(axis->first);
    free(axis->weights);
    *axis = (struct pillow_axis){0};
}

/* ---- in the caller's memory: the doubles, the weights, the first samples */

/* A window is no longer than its reach to both sides, and the pixels that both ends cut. */
static uint32_t taps_at_most(enum pillow_filter filter, uint32_t n_in, uint32_t n_out)
{
    double step = (double)n_in / n_out;
    double taps = 2.0 * filters[filter].radius * (step < 1.0 ? 1.0 : step) + 2.0;
    return taps < n_in ? (uint32_t)taps : n_in;
}

size_t pillow_axis_bytes(enum pillow_filter filter, uint32_t n_in, uint32_t n_out)
{
    size_t taps = taps_at_most(filter, n_in, n_out);
    return taps * sizeof(double) + n_out * taps * sizeof(int32_t) + n_out * sizeof(uint32_t);
}

void pillow_axis_place(struct pillow_axis *axis, enum pillow_filter filter,
                       enum pillow_weights weights, uint32_t n_in, uint32_t n_out, void *memory)
{
    size_t bytes = pillow_axis_bytes(filter, n_in, n_out);
    *axis = (struct pillow_axis){.n_in = n_in, .n_out = n_out};
    axis->taps = taps_of(filter, n_in, n_out);
    assert(axis->taps <= taps_at_most(filter, n_in, n_out));
    memset(memory, 0, bytes);
    double *exact = memory;
    axis->weights = (int32_t *)(void *)(exact + axis->taps);
    axis->first = (uint32_t *)(void *)(axis->weights + (size_t)n_out * axis->taps);
    fill_axis(axis, filter, weights, exact);
}

/* ---- passes */

enum pillow_order pillow_order_of(bool revision_13, uint32_t in_h, uint32_t in_w, uint32_t out_h,
                                  uint32_t out_w)
{
    if (out_h == in_h)
        return PILLOW_X;
    if (out_w == in_w)
        return PILLOW_Y;
    int64_t rows_removed = (int64_t)in_h - out_h, columns_removed = (int64_t)in_w - out_w;
    return revision_13 && rows_removed > 0 && rows_removed > 2 * columns_removed ? PILLOW_YX
                                                                                 : PILLOW_XY;
}

static size_t aligned(size_t bytes)
{
    return align_up(bytes, 64);
}

size_t pillow_scratch_bytes(enum pillow_order order, size_t in_h, size_t in_w, size_t out_h,
                            size_t out_w)
{
    switch (order) {
    case PILLOW_X:
        return aligned(in_h * in_w) + aligned(in_h * out_w);
    case PILLOW_XY:
        return aligned(in_h * in_w) + 2 * aligned(in_h * out_w);
    case PILLOW_YX:
        return 2 * aligned(out_h * in_w) + aligned(out_h * out_w);
    default:
        return 0;
    }
}

/* Horizontal passes run on mirrored planes. a, b and c are pieces of the scratch. */
void pillow_resample(const struct pillow_axis *x, const struct pillow_axis *y,
                     enum pillow_order order, const uint8_t *in, uint8_t *out, uint8_t *scratch)
{
    size_t in_h = y->n_in, in_w = x->n_in, out_h = y->n_out, out_w = x->n_out;
    uint8_t *a = scratch, *b, *c;
    switch (order) {
    case PILLOW_Y:
        ISA_PICK(pillow_pass)(y, in, in_w, out);
        break;
    case PILLOW_X:
        b = a + aligned(in_w * in_h);
        transpose_bytes(in, in_h, in_w, a);
        ISA_PICK(pillow_pass)(x, a, in_h, b);
        transpose_bytes(b, out_w, in_h, out);
        break;
    case PILLOW_XY:
        b = a + aligned(in_w * in_h);
        c = b + aligned(out_w * in_h);
        transpose_bytes(in, in_h, in_w, a);
        ISA_PICK(pillow_pass)(x, a, in_h, b);
        transpose_bytes(b, out_w, in_h, c);
        ISA_PICK(pillow_pass)(y, c, out_w, out);
        break;
    default: /* PILLOW_YX */
        b = a + aligned(out_h * in_w);
        c = b + aligned(in_w * out_h);
        ISA_PICK(pillow_pass)(y, in, in_w, a);
        transpose_bytes(a, out_h, in_w, b);
        ISA_PICK(pillow_pass)(x, b, out_h, c);
        transpose_bytes(c, out_w, out_h, out);
    }
}

void pillow_nearest(uint32_t n_in, uint32_t n_out, uint32_t *index)
{
    double step = (double)n_in / n_out;
    double at = step * 0.5;
    /* The position is summed up, not computed afresh: where it falls on a sample's edge, the
     * rounding of the sums decides. */
    for (uint32_t i = 0; i < n_out; i++, at += step)
        index[i] = at >= n_in ? n_in : (uint32_t)at;
}
