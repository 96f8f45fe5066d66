/* Weights of Pillow's filters, in the order of its own double arithmetic: another order of the
 * same formula gives other last bits, and those decide pixels. Must be compiled without contraction
 * and without value-changing float options. */
#include "pixels/pillow.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

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

static int32_t fixed_point(double w)
{
    double scaled = w * (1 << PILLOW_WEIGHT_BITS);
    return (int32_t)(w < 0 ? scaled - 0.5 : scaled + 0.5);
}

int pillow_axis_init(struct pillow_axis *axis, enum pillow_filter filter, uint32_t n_in,
                     uint32_t n_out)
{
    *axis = (struct pillow_axis){.n_in = n_in, .n_out = n_out};
    double step = (double)n_in / n_out;
    double stretch = step < 1.0 ? 1.0 : step;
    double reach = filters[filter].radius * stretch;
    double unstretch = 1.0 / stretch;

    for (uint32_t i = 0; i < n_out; i++) {
        struct window w = window_at(i, step, reach, n_in);
        if (w.hi - w.lo > axis->taps)
            axis->taps = (uint32_t)(w.hi - w.lo);
    }
    axis->first = calloc(n_out, sizeof *axis->first);
    axis->weights = calloc((size_t)n_out * axis->taps, sizeof *axis->weights);
    double *exact = calloc(axis->taps, sizeof *exact);
    if (!axis->first || !axis->weights || !exact) {
        free(exact);
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < n_out; i++) {
        struct window w = window_at(i, step, reach, n_in);
        double sum = 0.0;
        for (int64_t j = w.lo; j < w.hi; j++) {
            double k = filters[filter].kernel(((double)j - w.centre + 0.5) * unstretch);
            exact[j - w.lo] = k;
            sum += k;
        }
        int64_t first = w.lo + axis->taps <= n_in ? w.lo : n_in - axis->taps;
        axis->first[i] = (uint32_t)first;
        int32_t *row = axis->weights + (size_t)i * axis->taps + (w.lo - first);
        for (int64_t j = 0; j < w.hi - w.lo; j++)
            row[j] = fixed_point(sum != 0.0 ? exact[j] / sum : exact[j]);
    }
    free(exact);
    return 0;
}

void pillow_axis_close(struct pillow_axis *axis)
{
    free(axis->first);
    free(axis->weights);
    *axis = (struct pillow_axis){0};
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
