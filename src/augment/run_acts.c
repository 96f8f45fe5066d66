/* SPDX-License-Identifier: MIT */
/* Operations that compute pixels: resampling, maps, levels. The picture is r->at, of r->shape, and
 * no window is pending; the next one goes to run_target or, pixel by pixel, to run_over. */
#include "augment/rotation.h"
#include "augment/run_state.h"
#include "pixels/affine.h"
#include "pixels/levels.h"
#include "pixels/warp.h"

#include <assert.h>
#include <math.h>

static size_t pixels_of(const struct augment_shape *s)
{
    return (size_t)s->height * s->width;
}

/* ---- resampling ---------------------------------------------------------------------------- */

/* Pillow's nearest: whole rows and columns. */
static void resize_nearest(struct run *r, const struct augment_shape *to)
{
    struct window w = {.planes = to->channels};
    struct augment_scratch *s = r->scratch;
    uint32_t *index = (uint32_t *)(void *)s->beside;
    window_axis_init(&w.rows, r->shape.height, s->row_maps);
    window_axis_init(&w.columns, r->shape.width, s->column_maps);
    const uint32_t sides[2] = {to->height, to->width};
    struct window_axis *axes[2] = {&w.rows, &w.columns};
    for (int k = 0; k < 2; k++) {
        struct window_axis *axis = axes[k];
        int16_t *map = axis->rooms[0];
        pillow_nearest((uint32_t)axis->in, sides[k], index);
        for (uint32_t i = 0; i < sides[k]; i++)
            map[i] = index[i] < (uint32_t)axis->in ? (int16_t)index[i] : -1;
        axis->map = map;
        axis->out = (int32_t)sides[k];
    }
    const uint8_t nothing[FMNIST_CHANNELS_MAX] = {0};
    ISA_PICK(window_levels)(&w, r->at, nothing, run_target(r));
}

static void resize_filtered(struct run *r, const struct augment_op *op,
                            const struct augment_shape *to)
{
    const struct augment_shape *from = &r->shape;
    enum pillow_filter filter =
        op->interpolation == AUGMENT_BICUBIC ? PILLOW_BICUBIC : PILLOW_BILINEAR;
    /* PyTorch's passes for tensors of levels are Pillow's, by weights of its own; the horizontal
     * one comes first, as in Pillow before 13. */
    bool picture = from->form == AUGMENT_PICTURE;
    enum pillow_weights weights = picture ? PILLOW_WEIGHTS : TORCH_WEIGHTS;
    enum pillow_order order = pillow_order_of(picture && op->pillow >= 13, from->height,
                                              from->width, to->height, to->width);
    struct pillow_axis same_x = {.n_in = from->width, .n_out = to->width};
    struct pillow_axis same_y = {.n_in = from->height, .n_out = to->height};
    const struct pillow_axis *x = &same_x, *y = &same_y;
    if (order != PILLOW_Y)
        x = axis_cache_get(&r->scratch->horizontal, filter, weights, from->width, to->width);
    if (order != PILLOW_X)
        y = axis_cache_get(&r->scratch->vertical, filter, weights, from->height, to->height);
    const uint8_t *in = r->at;
    uint8_t *out = run_target(r);
    for (uint32_t c = 0; c < to->channels; c++)
        pillow_resample(x, y, order, in + c * pixels_of(from), out + c * pixels_of(to),
                        r->scratch->beside);
}

void run_resize(struct run *r, const struct augment_op *op)
{
    struct augment_shape to = r->shape;
    augment_shape_after(op, NULL, &to);
    assert(to.height <= r->scratch->max_height && to.width <= r->scratch->max_width);
    if (to.height == r->shape.height && to.width == r->shape.width)
        return;
    if (op->interpolation == AUGMENT_NEAREST)
        resize_nearest(r, &to);
    else
        resize_filtered(r, op, &to);
    r->at = run_target(r);
    r->shape = to;
}

/* ---- maps ---------------------------------------------------------------------------------- */

/* Quarter turns counterclockwise of one plane; height and width are the input's. */
#define DEFINE_TURN(type)                                                                      \
    static void turn_##type(const type *in, size_t height, size_t width, int turns, type *out) \
    {                                                                                          \
        size_t pixels = height * width;                                                        \
        if (turns == 2)                                                                        \
            for (size_t i = 0; i < pixels; i++)                                                \
                out[i] = in[pixels - 1 - i];                                                   \
        else                                                                                   \
            for (size_t y = 0; y < width; y++)                                                 \
                for (size_t x = 0; x < height; x++)                                            \
                    out[y * height + x] = turns == 1 ? in[x * width + (width - 1 - y)]         \
                                                     : in[(height - 1 - x) * width + y];       \
    }
DEFINE_TURN(uint8_t)
DEFINE_TURN(float)

static void run_turns(struct run *r, const struct rotation *rotation)
{
    if (rotation->turns == 0)
        return;
    size_t height = r->shape.height, width = r->shape.width, pixels = height * width;
    void *out = run_target(r);
    for (uint32_t c = 0; c < r->shape.channels; c++)
        if (r->shape.form == AUGMENT_FLOATS)
            turn_float((const float *)r->at + c * pixels, height, width, rotation->turns,
                       (float *)out + c * pixels);
        else
            turn_uint8_t((const uint8_t *)r->at + c * pixels, height, width, rotation->turns,
                         (uint8_t *)out + c * pixels);
    r->at = out;
    r->shape.height = rotation->height;
    r->shape.width = rotation->width;
}

/* Maps read a few bytes over a picture's end, which a sample need not have. */
static void leave_sample(struct run *r)
{
    if (r->at != r->sample)
        return;
    assert(r->shape.form != AUGMENT_FLOATS);
    uint8_t *room = r->scratch->rooms[0];
    memcpy(room, r->at, pixels_of(&r->shape) * r->shape.channels);
    r->at = room;
}

static void run_warp(struct run *r, const struct augment_op *op, const double m[6], uint32_t out_h,
                     uint32_t out_w)
{
    assert(out_h <= r->scratch->max_height && out_w <= r->scratch->max_width);
    struct warp w = {.planes = r->shape.channels,
                     .in_h = r->shape.height,
                     .in_w = r->shape.width,
                     .out_h = out_h,
                     .out_w = out_w,
                     .filter = op->interpolation,
                     .fused = op->grid == AUGMENT_GRID_FUSED,
                     .api = op->api};
    memcpy(w.m, m, sizeof w.m);
    leave_sample(r);
    void *out = run_target(r);
    struct run_fill fill = run_fill_of(op);
    if (r->shape.form == AUGMENT_PICTURE)
        warp_levels(&w, r->at, fill.levels, out, r->scratch->warp);
    else if (r->shape.form == AUGMENT_LEVELS)
        warp_tensor_levels(&w, r->at, fill.floats, out, r->scratch->warp);
    else
        warp_tensor_floats(&w, r->at, fill.floats, out, r->scratch->warp);
    r->at = out;
    r->shape.height = out_h;
    r->shape.width = out_w;
}

static void rotate(struct run *r, const struct augment_op *op, double angle)
{
    struct rotation rotation;
    rotation_of(&rotation, op, angle, &r->shape);
    if (rotation.turns >= 0)
        run_turns(r, &rotation);
    else
        run_warp(r, op, rotation.m, rotation.height, rotation.width);
}

void run_rotation(struct run *r, const struct augment_op *op, const uint32_t *values)
{
    rotate(r, op, value_f32(values));
}

/* The centre, where none is given: a picture's coordinates begin in its corner, a tensor's in its
 * middle. */
static void center(struct affine_params *p, const struct augment_op *op,
                   const struct augment_shape *s)
{
    double middle_x = s->width * 0.5, middle_y = s->height * 0.5;
    p->center_x = op->has_center ? op->center[0] : middle_x;
    p->center_y = op->has_center ? op->center[1] : middle_y;
    if (s->form != AUGMENT_PICTURE) {
        p->center_x -= middle_x;
        p->center_y -= middle_y;
    }
}

void run_affine(struct run *r, const struct augment_op *op, const uint32_t *values)
{
    struct affine_params p = {.api = op->api,
                              .angle = value_f32(values),
                              .x = (int32_t)values[1],
                              .y = (int32_t)values[2],
                              .scale = value_f32(values + 3),
                              .shear_x = value_f32(values + 4),
                              .shear_y = value_f32(values + 5)};
    double m[6];
    center(&p, op, &r->shape);
    affine_matrix(&p, m);
    run_warp(r, op, m, r->shape.height, r->shape.width);
}

/* ---- levels -------------------------------------------------------------------------------- */

static void blend_one(struct run *r, uint8_t degenerate, float factor)
{
    uint8_t *out = run_over(r);
    ISA_PICK(levels_blend_one)
    (degenerate, r->at, pixels_of(&r->shape) * r->shape.channels, factor, out);
    r->at = out;
}

/* The picture's grey plane: itself where it has one channel. */
static const uint8_t *gray_plane(struct run *r)
{
    const uint8_t *in = r->at;
    size_t pixels = pixels_of(&r->shape);
    if (r->shape.channels == 1)
        return in;
    ISA_PICK(levels_gray)(in, in + pixels, in + 2 * pixels, pixels, r->scratch->beside);
    return r->scratch->beside;
}

static void contrast(struct run *r, float factor)
{
    size_t pixels = pixels_of(&r->shape);
    double mean = (double)levels_sum(gray_plane(r), pixels) / (double)pixels;
    blend_one(r, (uint8_t)(int)(mean + 0.5), factor);
}

static void saturation(struct run *r, float factor)
{
    if (r->shape.channels == 1)
        return;
    const uint8_t *gray = gray_plane(r), *in = r->at;
    uint8_t *out = run_over(r);
    size_t pixels = pixels_of(&r->shape);
    for (uint32_t c = 0; c < r->shape.channels; c++)
        ISA_PICK(levels_blend)(gray, in + c * pixels, pixels, factor, out + c * pixels);
    r->at = out;
}

static void hue(struct run *r, double factor)
{
    if (r->shape.channels == 1)
        return;
    size_t pixels = pixels_of(&r->shape);
    uint8_t *out = run_over(r);
    if (out != r->at)
        memcpy(out, r->at, pixels * r->shape.channels);
    ISA_PICK(levels_shift_hue)
    (out, out + pixels, out + 2 * pixels, pixels, (uint8_t)(int)(factor * 255.0));
    r->at = out;
}

void run_jitter(struct run *r, const struct augment_op *op, const uint32_t *values)
{
    for (int i = 0; i < 4; i++) {
        uint32_t kind = values[0] >> 2 * i & 3;
        float factor = value_f32(values + 1 + kind);
        if (!op->has_factor[kind])
            continue;
        if (kind == 0)
            blend_one(r, 0, factor);
        else if (kind == 1)
            contrast(r, factor);
        else if (kind == 2)
            saturation(r, factor);
        else
            hue(r, factor);
    }
}

static void sharpness(struct run *r, float factor)
{
    const uint8_t *in = r->at;
    uint8_t *out = run_over(r), *smooth = r->scratch->beside;
    size_t pixels = pixels_of(&r->shape);
    for (uint32_t c = 0; c < r->shape.channels; c++) {
        ISA_PICK(levels_smooth)(in + c * pixels, r->shape.height, r->shape.width, smooth);
        ISA_PICK(levels_blend)(smooth, in + c * pixels, pixels, factor, out + c * pixels);
    }
    r->at = out;
}

void run_grayscale(struct run *r, uint32_t channels)
{
    if (r->shape.channels == 1 && channels == 1)
        return;
    const uint8_t *in = r->at;
    size_t pixels = pixels_of(&r->shape);
    uint8_t *out = run_over(r);
    if (r->shape.channels == 1)
        memmove(out, in, pixels);
    else
        ISA_PICK(levels_gray)(in, in + pixels, in + 2 * pixels, pixels, out);
    for (uint32_t c = 1; c < channels; c++)
        memcpy(out + c * pixels, out, pixels);
    r->at = out;
    r->shape.channels = channels;
}

/* ---- policies ------------------------------------------------------------------------------ */

/* A table from each channel's own histogram, or from a number. */
static void look_up(struct run *r, const struct act *act)
{
    const uint8_t *in = r->at;
    uint8_t *out = run_over(r), table[256];
    uint32_t histogram[256];
    size_t pixels = pixels_of(&r->shape);
    for (uint32_t c = 0; c < r->shape.channels; c++) {
        const uint8_t *plane = in + c * pixels;
        switch (act->kind) {
        case ACT_AUTOCONTRAST:
            levels_histogram(plane, pixels, histogram);
            levels_autocontrast(histogram, table);
            break;
        case ACT_EQUALIZE:
            levels_histogram(plane, pixels, histogram);
            levels_equalize(histogram, table);
            break;
        case ACT_POSTERIZE:
            levels_posterize((uint32_t)act->amount, table);
            break;
        case ACT_SOLARIZE:
            levels_solarize(act->amount, table);
            break;
        default:
            levels_invert(table);
        }
        ISA_PICK(levels_look_up)(table, plane, pixels, out + c * pixels);
    }
    r->at = out;
}

/* A shear about the corner, by its tangent; a translation. */
static void act_affine(struct run *r, const struct augment_op *op, const struct act *act)
{
    struct affine_params p = {.api = op->api, .scale = 1.0};
    double degrees = atan(act->amount) * (180.0 / M_PI), m[6];
    if (act->kind == ACT_SHEAR_X)
        p.shear_x = degrees;
    else if (act->kind == ACT_SHEAR_Y)
        p.shear_y = degrees;
    else
        center(&p, op, &r->shape);
    if (act->kind == ACT_TRANSLATE_X)
        p.x = act->amount;
    else if (act->kind == ACT_TRANSLATE_Y)
        p.y = act->amount;
    affine_matrix(&p, m);
    run_warp(r, op, m, r->shape.height, r->shape.width);
}

static void run_act(struct run *r, const struct augment_op *op, const struct act *act)
{
    float factor = (float)(1.0 + act->amount);
    switch (act->kind) {
    case ACT_IDENTITY:
        break;
    case ACT_SHEAR_X:
    case ACT_SHEAR_Y:
    case ACT_TRANSLATE_X:
    case ACT_TRANSLATE_Y:
        act_affine(r, op, act);
        break;
    case ACT_ROTATE:
        rotate(r, op, act->amount);
        break;
    case ACT_BRIGHTNESS:
        blend_one(r, 0, factor);
        break;
    case ACT_COLOR:
        saturation(r, factor);
        break;
    case ACT_CONTRAST:
        contrast(r, factor);
        break;
    case ACT_SHARPNESS:
        sharpness(r, factor);
        break;
    default:
        look_up(r, act);
    }
}

void run_policy(struct run *r, const struct augment_op *op, const uint32_t *values)
{
    struct act acts[POLICY_ACTS_MAX];
    uint32_t count = policy_acts(op, values, &r->shape, acts);
    bool last = r->last;
    for (uint32_t i = 0; i < count; i++) {
        r->last = last && i + 1 == count;
        run_act(r, op, &acts[i]);
    }
    r->last = last;
}
