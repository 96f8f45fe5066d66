/* SPDX-License-Identifier: MIT */
/* Plans: which rule, which passes in which order, and how much scratch they need.
 *
 * Every rule works on single planes. An image with more than one channel is taken apart first:
 *
 *     image[h][w][c] ─plane c─► plane[h][w] ─rule─► sample[c][h'][w']
 *
 * The arithmetic is in pillow*.c, opencv*.c and tf*.c. */
#include "pixels/resize.h"

#include "base/bytes.h"
#include "fmnist.h"
#include "pixels/opencv.h"
#include "pixels/pillow.h"
#include "pixels/tf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A float32 holds every side up to here exactly. */
#define SIDE_MAX (1u << 24)

enum method { METHOD_COPY, METHOD_NEAREST, METHOD_PILLOW, METHOD_OPENCV, METHOD_TF };

struct resize_plan {
    struct resize_shape shape;
    enum method method;
    size_t in_pixels, out_pixels; /* of a plane */
    size_t sample_bytes;
    size_t plane_bytes; /* of the scratch: a plane that was taken out of the image, or 0 */
    size_t method_bytes;
    struct pillow_axis pillow_x, pillow_y;
    enum pillow_order pillow_order;
    uint32_t *nearest_x, *nearest_y;
    uint32_t inside_x, inside_y; /* positions that show a source pixel: all before these */
    struct opencv_axis opencv_x, opencv_y;
    struct tf_geometry geometry;
    struct tf_axis tf_x, tf_y;
};

static size_t aligned(size_t bytes)
{
    return align_up(bytes, 64);
}

/* ---- making a plan */

static bool pillow_filter_of(uint32_t rule, enum pillow_filter *filter)
{
    static const enum pillow_filter filters[] = {PILLOW_BOX, PILLOW_BILINEAR, PILLOW_HAMMING,
                                                 PILLOW_BICUBIC, PILLOW_LANCZOS};
    if (rule >= FMNIST_RESIZE_PILLOW_BOX && rule <= FMNIST_RESIZE_PILLOW_LANCZOS)
        *filter = filters[rule - FMNIST_RESIZE_PILLOW_BOX];
    else if (rule >= FMNIST_RESIZE_PILLOW12_BOX && rule <= FMNIST_RESIZE_PILLOW12_LANCZOS)
        *filter = filters[rule - FMNIST_RESIZE_PILLOW12_BOX];
    else
        return false;
    return true;
}

static int plan_pillow(struct resize_plan *p, uint32_t rule, enum pillow_filter filter)
{
    const struct resize_shape *s = &p->shape;
    p->method = METHOD_PILLOW;
    p->pillow_order =
        pillow_order_of(rule <= FMNIST_RESIZE_PILLOW_LANCZOS, s->in_h, s->in_w, s->out_h, s->out_w);
    p->method_bytes = pillow_scratch_bytes(p->pillow_order, s->in_h, s->in_w, s->out_h, s->out_w);
    p->pillow_x = (struct pillow_axis){.n_in = s->in_w, .n_out = s->out_w};
    p->pillow_y = (struct pillow_axis){.n_in = s->in_h, .n_out = s->out_h};
    int r = 0;
    if (p->pillow_order != PILLOW_Y)
        r = pillow_axis_init(&p->pillow_x, filter, s->in_w, s->out_w);
    if (r == 0 && p->pillow_order != PILLOW_X)
        r = pillow_axis_init(&p->pillow_y, filter, s->in_h, s->out_h);
    return r;
}

/* Positions only grow, so those beyond the source are the last ones. */
static uint32_t count_inside(const uint32_t *index, uint32_t n_in, uint32_t n_out)
{
    while (n_out > 0 && index[n_out - 1] >= n_in)
        n_out--;
    return n_out;
}

static int plan_nearest(struct resize_plan *p)
{
    const struct resize_shape *s = &p->shape;
    p->method = METHOD_NEAREST;
    p->nearest_x = calloc(s->out_w, sizeof *p->nearest_x);
    p->nearest_y = calloc(s->out_h, sizeof *p->nearest_y);
    if (!p->nearest_x || !p->nearest_y)
        return -ENOMEM;
    pillow_nearest(s->in_w, s->out_w, p->nearest_x);
    pillow_nearest(s->in_h, s->out_h, p->nearest_y);
    p->inside_x = count_inside(p->nearest_x, s->in_w, s->out_w);
    p->inside_y = count_inside(p->nearest_y, s->in_h, s->out_h);
    return 0;
}

static int plan_opencv(struct resize_plan *p)
{
    const struct resize_shape *s = &p->shape;
    p->method = METHOD_OPENCV;
    p->method_bytes = opencv_scratch_bytes(s->out_w);
    int r = opencv_axis_init(&p->opencv_x, OPENCV_X, s->in_w, s->out_w);
    return r < 0 ? r : opencv_axis_init(&p->opencv_y, OPENCV_Y, s->in_h, s->out_h);
}

static int plan_tf(struct resize_plan *p, struct err *e)
{
    const struct resize_shape *s = &p->shape;
    p->method = METHOD_TF;
    p->sample_bytes *= sizeof(float);
    struct tf_geometry *g = &p->geometry;
    if (!tf_geometry_of(g, s->in_h, s->in_w, s->out_h, s->out_w))
        return err_set(e, -EINVAL,
                       "tf-bilinear-pad: %ux%u fitted into %ux%u leaves %ux%u pixels (h x w)",
                       s->in_h, s->in_w, s->out_h, s->out_w, g->h, g->w);
    p->method_bytes = tf_scratch_bytes(s->in_w, g->w);
    int r = tf_axis_init(&p->tf_x, s->in_w, g->w);
    return r < 0 ? r : tf_axis_init(&p->tf_y, s->in_h, g->h);
}

static int plan_rule(struct resize_plan *p, uint32_t rule, struct err *e)
{
    const struct resize_shape *s = &p->shape;
    bool same = s->in_h == s->out_h && s->in_w == s->out_w;
    enum pillow_filter filter;
    if (rule == FMNIST_RESIZE_TF_BILINEAR_PAD)
        return plan_tf(p, e);
    if (rule == FMNIST_RESIZE_NONE && !same)
        return err_set(e, -EINVAL, "resize none: stored images are %ux%u, not %ux%u (h x w)",
                       s->in_h, s->in_w, s->out_h, s->out_w);
    bool is_pillow = pillow_filter_of(rule, &filter);
    if (!is_pillow && rule != FMNIST_RESIZE_NONE && rule != FMNIST_RESIZE_PILLOW_NEAREST &&
        rule != FMNIST_RESIZE_OPENCV_LINEAR)
        return err_set(e, -EINVAL, "resize rule %u: unknown, want 1 to 14", rule);
    p->method = METHOD_COPY;
    if (same)
        return 0;
    if (is_pillow)
        return plan_pillow(p, rule, filter);
    return rule == FMNIST_RESIZE_PILLOW_NEAREST ? plan_nearest(p) : plan_opencv(p);
}

static int check_shape(const struct resize_shape *s, struct err *e)
{
    const uint32_t sides[] = {s->in_h, s->in_w, s->out_h, s->out_w};
    for (size_t i = 0; i < sizeof sides / sizeof *sides; i++)
        if (sides[i] == 0 || sides[i] > SIDE_MAX)
            return err_set(e, -EINVAL, "resize: a side of %u pixels, want 1 to %u", sides[i],
                           SIDE_MAX);
    if (s->channels == 0 || s->channels > FMNIST_CHANNELS_MAX)
        return err_set(e, -EINVAL, "resize: %u channels, want 1 to %d", s->channels,
                       FMNIST_CHANNELS_MAX);
    return 0;
}

int resize_plan_new(struct resize_plan **plan, uint32_t rule, const struct resize_shape *shape,
                    struct err *e)
{
    *plan = NULL;
    int r = check_shape(shape, e);
    if (r < 0)
        return r;
    struct resize_plan *p = calloc(1, sizeof *p);
    if (!p)
        return err_set(e, -ENOMEM, "resize: out of memory");
    /* Sides below 2^24 and few channels: these products fit 64 bits. */
    p->shape = *shape;
    p->in_pixels = (size_t)shape->in_h * shape->in_w;
    p->out_pixels = (size_t)shape->out_h * shape->out_w;
    p->sample_bytes = p->out_pixels * shape->channels;
    p->plane_bytes = shape->channels > 1 ? aligned(p->in_pixels) : 0;
    r = plan_rule(p, rule, e);
    if (r < 0) {
        resize_plan_free(p);
        return r == -ENOMEM ? err_set(e, r, "resize weights: out of memory") : r;
    }
    *plan = p;
    return 0;
}

void resize_plan_free(struct resize_plan *plan)
{
    if (!plan)
        return;
    pillow_axis_close(&plan->pillow_x);
    pillow_axis_close(&plan->pillow_y);
    free(plan->nearest_x);
    free(plan->nearest_y);
    opencv_axis_close(&plan->opencv_x);
    opencv_axis_close(&plan->opencv_y);
    tf_axis_close(&plan->tf_x);
    tf_axis_close(&plan->tf_y);
    free(plan);
}

bool resize_yields_float(uint32_t rule)
{
    return rule == FMNIST_RESIZE_TF_BILINEAR_PAD;
}

bool resize_is_copy(const struct resize_plan *plan)
{
    return plan->method == METHOD_COPY;
}

size_t resize_sample_bytes(const struct resize_plan *plan)
{
    return plan->sample_bytes;
}

size_t resize_scratch_bytes(const struct resize_plan *plan)
{
    return plan->plane_bytes + plan->method_bytes;
}

/* ---- running it on one plane */

/* An output row that shows the same source row as the one before it is copied from there. */
static void run_nearest(const struct resize_plan *p, const uint8_t *in, uint8_t *restrict out)
{
    const struct resize_shape *s = &p->shape;
    const uint32_t *restrict index = p->nearest_x;
    for (uint32_t y = 0; y < p->inside_y; y++, out += s->out_w) {
        if (y > 0 && p->nearest_y[y] == p->nearest_y[y - 1]) {
            memcpy(out, out - s->out_w, s->out_w);
            continue;
        }
        const uint8_t *row = in + (size_t)p->nearest_y[y] * s->in_w;
        uint32_t x = 0;
        for (; x + 4 <= p->inside_x; x += 4) {
            out[x] = row[index[x]];
            out[x + 1] = row[index[x + 1]];
            out[x + 2] = row[index[x + 2]];
            out[x + 3] = row[index[x + 3]];
        }
        for (; x < p->inside_x; x++)
            out[x] = row[index[x]];
        memset(out + x, 0, s->out_w - x);
    }
    memset(out, 0, (size_t)(s->out_h - p->inside_y) * s->out_w);
}

static void run_tf(const struct resize_plan *p, const uint8_t *in, float *out, void *scratch)
{
    const struct tf_geometry *g = &p->geometry;
    size_t stride = p->shape.out_w;
    if (g->h < p->shape.out_h || g->w < stride)
        memset(out, 0, p->out_pixels * sizeof *out);
    ISA_PICK(tf_plane)(&p->tf_x, &p->tf_y, in, out + g->top * stride + g->left, stride, scratch);
}

static void run_plane(const struct resize_plan *p, const uint8_t *in, void *out, void *scratch)
{
    switch (p->method) {
    case METHOD_COPY:
        memcpy(out, in, p->out_pixels);
        break;
    case METHOD_NEAREST:
        run_nearest(p, in, out);
        break;
    case METHOD_OPENCV:
        ISA_PICK(opencv_plane)(&p->opencv_x, &p->opencv_y, in, out, scratch);
        break;
    case METHOD_TF:
        run_tf(p, in, out, scratch);
        break;
    default:
        pillow_resample(&p->pillow_x, &p->pillow_y, p->pillow_order, in, out, scratch);
    }
}

void resize_run(const struct resize_plan *plan, const uint8_t *image, void *sample, void *scratch)
{
    uint32_t channels = plan->shape.channels;
    size_t out_bytes = plan->sample_bytes / channels;
    if (channels == 1) {
        run_plane(plan, image, sample, scratch);
        return;
    }
    uint8_t *plane = scratch;
    for (uint32_t c = 0; c < channels; c++) {
        for (size_t i = 0; i < plan->in_pixels; i++)
            plane[i] = image[i * channels + c];
        run_plane(plan, plane, (uint8_t *)sample + c * out_bytes, plane + plan->plane_bytes);
    }
}
