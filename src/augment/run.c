/* SPDX-License-Identifier: MIT */
/* The head of a chain on one picture after the other: which operation is next, where its picture
 * lies and where the next one is made. Windows and what is done to tensors are here; operations
 * that compute pixels are in run_acts.c. */
#include "augment/run.h"

#include "augment/run_state.h"
#include "pixels/levels.h"
#include "pixels/prefetch.h"

#include <assert.h>
#include <math.h>

static size_t pixels_of(const struct augment_shape *s)
{
    return (size_t)s->height * s->width;
}

static size_t bytes_of(const struct augment_shape *s)
{
    return pixels_of(s) * s->channels * (s->form == AUGMENT_FLOATS ? sizeof(float) : 1);
}

/* ---- windows ------------------------------------------------------------------------------- */

/* Looks through the window, if there is one. */
static void flush_window(struct run *r)
{
    if (!r->has_window)
        return;
    r->has_window = false;
    if (window_axis_is_identity(&r->window.rows) && window_axis_is_identity(&r->window.columns))
        return;
    void *to = run_target(r);
    if (r->shape.form == AUGMENT_FLOATS)
        ISA_PICK(window_floats)(&r->window, r->at, r->fill.floats, to);
    else
        ISA_PICK(window_levels)(&r->window, r->at, r->fill.levels, to);
    r->at = to;
}

static void want_window(struct run *r)
{
    if (r->has_window)
        return;
    r->has_window = true;
    r->window.planes = r->shape.channels;
    window_axis_init(&r->window.rows, r->shape.height, r->scratch->row_maps);
    window_axis_init(&r->window.columns, r->shape.width, r->scratch->column_maps);
}

/* For pixels outside the picture. A window has one fill: where it shows another one already, that
 * is looked through first. */
static void set_fill(struct run *r, const struct augment_op *op)
{
    struct run_fill fill = run_fill_of(op);
    want_window(r);
    if ((window_axis_has_outside(&r->window.rows) || window_axis_has_outside(&r->window.columns)) &&
        memcmp(&fill, &r->fill, sizeof fill) != 0) {
        flush_window(r);
        want_window(r);
    }
    r->fill = fill;
}

/* before and behind: rows, then columns. */
static void pad(struct run *r, const struct augment_op *op, const uint32_t before[2],
                const uint32_t behind[2])
{
    if (op->padding_mode == AUGMENT_CONSTANT)
        set_fill(r, op);
    want_window(r);
    r->shape.height += before[0] + behind[0];
    r->shape.width += before[1] + behind[1];
    assert(r->shape.height <= r->scratch->max_height && r->shape.width <= r->scratch->max_width);
    static const enum window_border borders[] = {[AUGMENT_CONSTANT] = WINDOW_CONSTANT,
                                                 [AUGMENT_EDGE] = WINDOW_EDGE,
                                                 [AUGMENT_REFLECT] = WINDOW_REFLECT,
                                                 [AUGMENT_SYMMETRIC] = WINDOW_SYMMETRIC};
    window_axis_pad(&r->window.rows, before[0], behind[0], borders[op->padding_mode]);
    window_axis_pad(&r->window.columns, before[1], behind[1], borders[op->padding_mode]);
}

static void crop(struct run *r, uint32_t top, uint32_t left, uint32_t height, uint32_t width)
{
    want_window(r);
    window_axis_crop(&r->window.rows, top, height);
    window_axis_crop(&r->window.columns, left, width);
    r->shape.height = height;
    r->shape.width = width;
}

/* A side that is too short grows at both ends by all that it lacks: with api 2 together with the
 * padding, with api 1 in a second step, which borders see. */
static void random_crop(struct run *r, const struct augment_op *op, const uint32_t *values)
{
    uint32_t before[2] = {0, 0}, behind[2] = {0, 0};
    if (op->has_padding) {
        before[0] = op->padding[1], before[1] = op->padding[0];
        behind[0] = op->padding[3], behind[1] = op->padding[2];
    }
    if (op->api == 1 && op->has_padding) {
        pad(r, op, before, behind);
        memset(before, 0, sizeof before);
        memset(behind, 0, sizeof behind);
    }
    if (op->pad_if_needed) {
        uint32_t sides[2] = {r->shape.height + before[0] + behind[0],
                             r->shape.width + before[1] + behind[1]};
        for (int i = 0; i < 2; i++) {
            uint32_t lack = sides[i] < op->size[i] ? op->size[i] - sides[i] : 0;
            before[i] += lack;
            behind[i] += lack;
        }
    }
    if (before[0] + before[1] + behind[0] + behind[1] > 0)
        pad(r, op, before, behind);
    crop(r, values[0], values[1], op->size[0], op->size[1]);
}

static void center_crop(struct run *r, const struct augment_op *op)
{
    uint32_t sides[2] = {r->shape.height, r->shape.width}, first[2];
    uint32_t before[2] = {0, 0}, behind[2] = {0, 0};
    for (int i = 0; i < 2; i++) {
        uint32_t lack = sides[i] < op->size[i] ? op->size[i] - sides[i] : 0;
        before[i] = lack / 2;
        behind[i] = lack - before[i];
        first[i] = (uint32_t)rint((sides[i] + lack - op->size[i]) / 2.0);
    }
    if (before[0] + before[1] + behind[0] + behind[1] > 0)
        pad(r, op, before, behind);
    crop(r, first[0], first[1], op->size[0], op->size[1]);
}

/* ---- tensors ------------------------------------------------------------------------------- */

static void to_floats(struct run *r, bool multiply)
{
    if (r->shape.form == AUGMENT_FLOATS)
        return;
    void *to = run_target(r);
    ISA_PICK(levels_to_floats)(r->at, pixels_of(&r->shape) * r->shape.channels, multiply, to);
    r->at = to;
    r->shape.form = AUGMENT_FLOATS;
}

static void normalize(struct run *r, const struct augment_op *op)
{
    const float *in = r->at;
    float *out = run_over(r);
    size_t pixels = pixels_of(&r->shape);
    for (uint32_t c = 0; c < r->shape.channels; c++)
        ISA_PICK(floats_normalize)
    (in + c * pixels, pixels, op->mean[op->mean_count == 1 ? 0 : c],
     op->std[op->std_count == 1 ? 0 : c], out + c * pixels);
    r->at = out;
}

/* values: top, left, height, width. */
static void erase(struct run *r, const struct augment_op *op, const uint32_t *values)
{
    uint32_t top = values[0], left = values[1], height = values[2], width = values[3];
    if (height == 0 || width == 0)
        return;
    assert(top + height <= r->shape.height && left + width <= r->shape.width);
    void *to = run_over(r);
    if (to != r->at)
        memcpy(to, r->at, bytes_of(&r->shape));
    for (uint32_t c = 0; c < r->shape.channels; c++) {
        float value = op->value_channels == 0 ? 0.0f : op->value[op->value_channels == 1 ? 0 : c];
        for (uint32_t y = top; y < top + height; y++) {
            size_t at = c * pixels_of(&r->shape) + (size_t)y * r->shape.width + left;
            if (r->shape.form == AUGMENT_FLOATS)
                for (uint32_t x = 0; x < width; x++)
                    ((float *)to)[at + x] = value;
            else
                memset((uint8_t *)to + at, (int)value, width);
        }
    }
    r->at = to;
}

/* What Pillow makes of a box without pixels. */
static void blacken(struct run *r, const struct augment_op *op)
{
    r->has_window = false;
    r->shape.height = op->size[0];
    r->shape.width = op->size[1];
    void *to = run_target(r);
    memset(to, 0, bytes_of(&r->shape));
    r->at = to;
}

/* ---- the chain ----------------------------------------------------------------------------- */

static bool is_window(uint32_t kind)
{
    switch (kind) {
    case AUGMENT_RANDOM_CROP:
    case AUGMENT_CENTER_CROP:
    case AUGMENT_PAD:
    case AUGMENT_HORIZONTAL_FLIP:
    case AUGMENT_VERTICAL_FLIP:
        return true;
    default:
        return false;
    }
}

static void run_window(struct run *r, const struct augment_op *op, const uint32_t *values)
{
    switch (op->kind) {
    case AUGMENT_RANDOM_CROP:
        random_crop(r, op, values);
        break;
    case AUGMENT_CENTER_CROP:
        center_crop(r, op);
        break;
    case AUGMENT_PAD:
        pad(r, op, (uint32_t[2]){op->padding[1], op->padding[0]},
            (uint32_t[2]){op->padding[3], op->padding[2]});
        break;
    case AUGMENT_HORIZONTAL_FLIP:
        if (values[0]) {
            want_window(r);
            window_axis_flip(&r->window.columns);
        }
        break;
    case AUGMENT_VERTICAL_FLIP:
        if (values[0]) {
            want_window(r);
            window_axis_flip(&r->window.rows);
        }
        break;
    }
}

static void run_pixels(struct run *r, const struct augment_op *op, const uint32_t *values)
{
    switch (op->kind) {
    case AUGMENT_RESIZE:
    case AUGMENT_RANDOM_RESIZED_CROP: /* of the box, which is the picture now */
        run_resize(r, op);
        break;
    case AUGMENT_RANDOM_ROTATION:
        run_rotation(r, op, values);
        break;
    case AUGMENT_RANDOM_AFFINE:
        run_affine(r, op, values);
        break;
    case AUGMENT_COLOR_JITTER:
        run_jitter(r, op, values);
        break;
    case AUGMENT_RANDOM_GRAYSCALE:
        if (values[0])
            run_grayscale(r, r->shape.channels);
        break;
    case AUGMENT_GRAYSCALE:
        run_grayscale(r, op->channels);
        break;
    case AUGMENT_TRIVIAL_AUGMENT_WIDE:
    case AUGMENT_RAND_AUGMENT:
    case AUGMENT_AUTO_AUGMENT:
        run_policy(r, op, values);
        break;
    case AUGMENT_TO_TENSOR:
        to_floats(r, false);
        break;
    case AUGMENT_TO_IMAGE:
        if (r->shape.form == AUGMENT_PICTURE)
            r->shape.form = AUGMENT_LEVELS;
        break;
    case AUGMENT_TO_DTYPE:
        to_floats(r, op->api == 2);
        break;
    case AUGMENT_NORMALIZE:
        normalize(r, op);
        break;
    case AUGMENT_RANDOM_ERASING:
        erase(r, op, values);
        break;
    default:
        assert(!"an operation without pixels");
    }
}

/* values: the sample's row. */
static void run_chain(struct run *r, const struct augment_op *op, const struct augment_op *end,
                      const uint32_t *values)
{
    while (op < end) {
        const uint32_t *own = values + op->first_value;
        const struct augment_op *next = op + 1 + op->children;
        if (op->kind == AUGMENT_RANDOM_APPLY) {
            op = own[0] ? op + 1 : next;
            continue;
        }
        if (is_window(op->kind)) {
            run_window(r, op, own);
        } else if (op->kind == AUGMENT_RANDOM_RESIZED_CROP && (own[2] == 0 || own[3] == 0)) {
            r->last = next == end;
            blacken(r, op);
        } else {
            if (op->kind == AUGMENT_RANDOM_RESIZED_CROP)
                crop(r, own[0], own[1], own[2], own[3]);
            flush_window(r);
            r->last = next == end;
            run_pixels(r, op, own);
        }
        op = next;
    }
    r->last = true;
    flush_window(r);
    if (r->at != r->place)
        memcpy(r->place, r->at, bytes_of(&r->shape));
}

void augment_run(const struct augment_plan *plan, struct augment_scratch *scratch,
                 const void *const *samples, const uint32_t *values, size_t count,
                 void *const *places)
{
    const struct augment_op *first = plan->chain->ops, *end = first + plan->tail.head_count;
    static const uint32_t none[1];
    if (plan->chain->value_count == 0)
        values = none; /* the caller's may be NULL */
    struct prefetch p = prefetch_of(bytes_of(&plan->in));
    struct run r = {.scratch = scratch};
    prefetch_begin(&p, samples, count);
    for (size_t i = 0; i < count; i++, values += plan->chain->value_count) {
        prefetch_at(&p, samples, count, i);
        r.sample = r.at = samples[i];
        r.place = places[i];
        r.shape = plan->in;
        r.last = false;
        run_chain(&r, first, end, values);
    }
}
