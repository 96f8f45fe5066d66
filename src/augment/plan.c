/* SPDX-License-Identifier: MIT */
/* Sizes through a chain, from one that they are known at to one that they have to be known at. */
#include "augment/plan.h"

#include "pixels/convert.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of any picture within a chain: what a spec may ask for, with a rotation's corners and padding. */
#define SIDE_MAX    8192u
#define NUMBERS_MAX (1u << 24) /* of all its channels */

/* All that a picture may be at a place in the chain. */
struct bounds {
    uint32_t channels, form;
    uint32_t height[2], width[2]; /* least and most */
};

struct walk {
    const struct augment_chain *chain;
    struct augment_plan *plan;
    struct bounds at;
    struct err *e;
};

static const char *const form_names[] = {"a picture", "a tensor of levels", "a tensor of floats"};

__attribute__((format(printf, 3, 4))) static int
refuse(const struct walk *w, const struct augment_op *op, const char *format, ...)
{
    char text[ERR_TEXT_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return err_set(w->e, -EINVAL, "augment[%td], %s: %s", op - w->chain->ops,
                   augment_name(op->kind), text);
}

/* ---- what an operation wants --------------------------------------------------------------- */

#define PICTURE (1u << AUGMENT_PICTURE)
#define LEVELS  (1u << AUGMENT_LEVELS)
#define FLOATS  (1u << AUGMENT_FLOATS)
#define ANY     (PICTURE | LEVELS | FLOATS)

/* Where the pixels of tensors are other than those of pictures, and not known bit for bit, a tensor
 * is refused. */
static uint32_t forms_of(const struct augment_op *op)
{
    switch (op->kind) {
    case AUGMENT_RANDOM_CROP:
    case AUGMENT_CENTER_CROP:
    case AUGMENT_PAD:
    case AUGMENT_HORIZONTAL_FLIP:
    case AUGMENT_VERTICAL_FLIP:
    case AUGMENT_RANDOM_APPLY:
        return ANY;
    case AUGMENT_RANDOM_ROTATION:
    case AUGMENT_RANDOM_AFFINE:
        return op->interpolation == AUGMENT_BICUBIC ? PICTURE : ANY;
    case AUGMENT_RESIZE:
    case AUGMENT_RANDOM_RESIZED_CROP: /* api 1 takes floats in between */
        return op->api == 2 && op->interpolation != AUGMENT_NEAREST ? PICTURE | LEVELS : PICTURE;
    case AUGMENT_TO_IMAGE:
        return PICTURE | LEVELS;
    case AUGMENT_TO_DTYPE:
        return LEVELS | FLOATS;
    case AUGMENT_NORMALIZE:
        return FLOATS;
    case AUGMENT_RANDOM_ERASING:
        return LEVELS | FLOATS;
    default:
        return PICTURE;
    }
}

static int check_form(const struct walk *w, const struct augment_op *op)
{
    uint32_t wants = forms_of(op), form = w->at.form;
    if (wants & 1u << form)
        return 0;
    bool resizes = op->kind == AUGMENT_RESIZE || op->kind == AUGMENT_RANDOM_RESIZED_CROP;
    bool by_filter = op->kind == AUGMENT_RANDOM_ROTATION || op->kind == AUGMENT_RANDOM_AFFINE ||
                     (resizes && op->api == 2 && form == AUGMENT_LEVELS);
    const char *what = by_filter ? " with this interpolation" : "";
    if (wants == FLOATS)
        return refuse(w, op, "wants a tensor of floats, it gets %s: put to-tensor before it",
                      form_names[form]);
    if (!(wants & PICTURE))
        return refuse(w, op, "wants a tensor, it gets %s: put to-tensor or to-image before it",
                      form_names[form]);
    if (wants & LEVELS)
        return refuse(w, op, "wants a picture or levels, it gets %s: put it before to-tensor",
                      form_names[form]);
    return refuse(w, op, "wants a picture%s, it gets %s: put it before to-tensor and to-image",
                  what, form_names[form]);
}

static int check_channels(const struct walk *w, const struct augment_op *op, const char *name,
                          uint32_t count)
{
    if (count <= 1 || count == w->at.channels)
        return 0;
    return refuse(w, op, "%s has %u numbers: want 1, or %u for %u channels", name, count,
                  w->at.channels, w->at.channels);
}

/* What stands beside a picture's levels is one, too. */
static int check_level(const struct walk *w, const struct augment_op *op, const char *name,
                       const float *numbers, uint32_t count)
{
    if (w->at.form == AUGMENT_FLOATS || op->padding_mode != AUGMENT_CONSTANT)
        return 0; /* a border of the picture's own pixels takes no fill */
    for (uint32_t i = 0; i < count; i++)
        if (numbers[i] < 0 || numbers[i] > 255)
            return refuse(w, op, "%s %g in %s: want a level, 0 to 255", name, (double)numbers[i],
                          form_names[w->at.form]);
    return 0;
}

/* ---- sizes --------------------------------------------------------------------------------- */

static int grown(struct walk *w, const struct augment_op *op, uint32_t height, uint32_t width)
{
    struct augment_plan *p = w->plan;
    if (height > SIDE_MAX || width > SIDE_MAX)
        return refuse(w, op, "a picture may be %u x %u there: want at most %u a side", height,
                      width, SIDE_MAX);
    p->max_height = height > p->max_height ? height : p->max_height;
    p->max_width = width > p->max_width ? width : p->max_width;
    return 0;
}

static void set_size(struct bounds *b, uint32_t height, uint32_t width)
{
    b->height[0] = b->height[1] = height;
    b->width[0] = b->width[1] = width;
}

/* A tensor's border has each of its pixels at most once; a picture's goes on, mirrored again. */
static int check_border(const struct walk *w, const struct augment_op *op, uint32_t side,
                        uint32_t before, uint32_t behind)
{
    bool mirrored = op->padding_mode == AUGMENT_REFLECT || op->padding_mode == AUGMENT_SYMMETRIC;
    uint32_t most = op->padding_mode == AUGMENT_REFLECT ? side - 1 : side;
    if (w->at.form == AUGMENT_PICTURE || !mirrored || (before <= most && behind <= most))
        return 0;
    return refuse(w, op,
                  "padding %u and %u at a side of %u of a tensor: this padding_mode takes at "
                  "most %u",
                  before, behind, side, most);
}

static int pad(struct walk *w, const struct augment_op *op)
{
    struct bounds *b = &w->at;
    const uint32_t *p = op->padding; /* left, top, right, bottom */
    int rc = check_border(w, op, b->height[0], p[1], p[3]);
    if (!rc)
        rc = check_border(w, op, b->width[0], p[0], p[2]);
    for (int i = 0; i < 2; i++) {
        b->height[i] += p[1] + p[3];
        b->width[i] += p[0] + p[2];
    }
    return rc ? rc : grown(w, op, b->height[1], b->width[1]);
}

/* A side that is too short grows at both ends by the whole lack; `side` has its padding already.
 * api 2 borders the picture once, with the sum of both. */
static int fill_up(struct walk *w, const struct augment_op *op, uint32_t side[2], uint32_t want,
                   uint32_t before, uint32_t behind)
{
    if (side[0] >= want)
        return 0;
    uint32_t lack = want - side[0];
    int rc = op->api == 1
                 ? check_border(w, op, side[0], lack, lack)
                 : check_border(w, op, side[0] - before - behind, before + lack, behind + lack);
    for (int i = 1; i >= 0; i--)
        side[i] += side[i] < want ? 2 * (want - side[i]) : 0;
    if (side[1] < want + lack)
        side[1] = want + lack; /* the shortest grows longest */
    if (side[0] > want)
        side[0] = want; /* one that just fits does not grow */
    return rc;
}

static int random_crop(struct walk *w, const struct augment_op *op)
{
    struct bounds *b = &w->at;
    const uint32_t *p = op->padding; /* left, top, right, bottom; 0 without one */
    bool fixed = b->height[0] == b->height[1] && b->width[0] == b->width[1];
    int rc = op->has_padding ? pad(w, op) : 0;
    if (!rc && op->pad_if_needed && !fixed && op->padding_mode != AUGMENT_CONSTANT)
        return refuse(w, op, "pad_if_needed with this padding_mode wants pictures of one size");
    if (!rc && op->pad_if_needed)
        rc = fill_up(w, op, b->height, op->size[0], p[1], p[3]);
    if (!rc && op->pad_if_needed)
        rc = fill_up(w, op, b->width, op->size[1], p[0], p[2]);
    if (!rc)
        rc = grown(w, op, b->height[1], b->width[1]);
    if (rc)
        return rc;
    if (b->height[0] < op->size[0] || b->width[0] < op->size[1])
        return refuse(w, op, "size %u x %u is larger than the picture with its padding, %u x %u",
                      op->size[0], op->size[1], b->height[0], b->width[0]);
    set_size(b, op->size[0], op->size[1]);
    return 0;
}

/* Pads where the picture is smaller. */
static int center_crop(struct walk *w, const struct augment_op *op)
{
    struct bounds *b = &w->at;
    uint32_t h = op->size[0] > b->height[1] ? op->size[0] : b->height[1];
    uint32_t width = op->size[1] > b->width[1] ? op->size[1] : b->width[1];
    int rc = grown(w, op, h, width);
    set_size(b, op->size[0], op->size[1]);
    return rc;
}

static int resize(struct walk *w, const struct augment_op *op)
{
    struct bounds *b = &w->at;
    bool fixed = b->height[0] == b->height[1] && b->width[0] == b->width[1];
    if (op->kind == AUGMENT_RANDOM_RESIZED_CROP || op->size[1]) {
        set_size(b, op->size[0], op->size[1]);
        return grown(w, op, op->size[0], op->size[1]);
    }
    if (!fixed)
        return refuse(w, op,
                      "size %u, of the shorter side, wants pictures of one size: say both "
                      "sides",
                      op->size[0]);
    struct augment_shape s = {b->channels, b->height[0], b->width[0], b->form};
    augment_shape_after(op, NULL, &s);
    set_size(b, s.height, s.width);
    return grown(w, op, s.height, s.width);
}

/* Any angle: no side is shorter than the shorter one, or longer than the diagonal. */
static int rotation(struct walk *w, const struct augment_op *op)
{
    struct bounds *b = &w->at;
    if (!op->expand)
        return 0;
    if (op->degrees[0] == op->degrees[1] && b->height[0] == b->height[1] &&
        b->width[0] == b->width[1]) {
        float angle = (float)op->degrees[0];
        uint32_t value;
        memcpy(&value, &angle, sizeof value);
        struct augment_shape s = {b->channels, b->height[0], b->width[0], b->form};
        augment_shape_after(op, &value, &s);
        set_size(b, s.height, s.width);
        return grown(w, op, s.height, s.width);
    }
    /* About a centre that lies far away, a tensor's size in float32 is out by as much. */
    uint32_t slack = b->form != AUGMENT_PICTURE && op->has_center ? 2 : 0;
    uint32_t least = b->height[0] < b->width[0] ? b->height[0] : b->width[0];
    /* Not hypot(): glibc 2.35 gave it a new version, and what calls that needs it to start. */
    double high = b->height[1], wide = b->width[1];
    uint32_t most = (uint32_t)ceil(sqrt(high * high + wide * wide)) + 2 + slack;
    least = least > slack ? least - slack : 1;
    b->height[0] = b->width[0] = least;
    b->height[1] = b->width[1] = most;
    return grown(w, op, most, most);
}

/* ---- the walk ------------------------------------------------------------------------------ */

static int check_op(struct walk *w, const struct augment_op *op);

static int random_apply(struct walk *w, const struct augment_op *op)
{
    struct bounds before = w->at;
    for (const struct augment_op *child = op + 1; child <= op + op->children;
         child += 1 + child->children) {
        int rc = check_op(w, child);
        if (rc)
            return rc;
    }
    struct bounds *b = &w->at;
    if (b->form != before.form || b->channels != before.channels)
        return refuse(w, op,
                      "gives %s of %u channels where it is applied and %s of %u where it is "
                      "not",
                      form_names[b->form], b->channels, form_names[before.form], before.channels);
    for (int i = 0; i < 2; i++) {
        bool least = i == 0;
        if (least ? before.height[i] < b->height[i] : before.height[i] > b->height[i])
            b->height[i] = before.height[i];
        if (least ? before.width[i] < b->width[i] : before.width[i] > b->width[i])
            b->width[i] = before.width[i];
    }
    return 0;
}

static int check_op(struct walk *w, const struct augment_op *op)
{
    struct bounds *b = &w->at;
    int rc = check_form(w, op);
    if (!rc)
        rc = check_channels(w, op, "fill", op->fill_count);
    if (!rc)
        rc = check_channels(w, op, "value", op->value_channels);
    if (!rc)
        rc = check_level(w, op, "fill", op->fill, op->fill_count);
    if (!rc)
        rc = check_level(w, op, "value", op->value, op->value_channels);
    if (!rc)
        rc = check_channels(w, op, "mean", op->mean_count);
    if (!rc)
        rc = check_channels(w, op, "std", op->std_count);
    if (rc)
        return rc;
    switch (op->kind) {
    case AUGMENT_RANDOM_CROP:
        return random_crop(w, op);
    case AUGMENT_CENTER_CROP:
        return center_crop(w, op);
    case AUGMENT_PAD:
        return pad(w, op);
    case AUGMENT_RESIZE:
    case AUGMENT_RANDOM_RESIZED_CROP:
        return resize(w, op);
    case AUGMENT_RANDOM_ROTATION:
        return rotation(w, op);
    case AUGMENT_RANDOM_APPLY:
        return random_apply(w, op);
    case AUGMENT_COLOR_JITTER:
    case AUGMENT_TRIVIAL_AUGMENT_WIDE:
    case AUGMENT_RAND_AUGMENT:
    case AUGMENT_AUTO_AUGMENT:
    case AUGMENT_RANDOM_GRAYSCALE:
    case AUGMENT_GRAYSCALE:
        if (b->channels != 1 && b->channels != 3)
            return refuse(w, op, "wants 1 or 3 channels, the picture has %u", b->channels);
        if (op->kind == AUGMENT_GRAYSCALE)
            b->channels = op->channels;
        break;
    case AUGMENT_TO_TENSOR:
    case AUGMENT_TO_DTYPE:
        b->form = AUGMENT_FLOATS;
        break;
    case AUGMENT_TO_IMAGE:
        b->form = AUGMENT_LEVELS;
        break;
    }
    if (b->channels > w->plan->max_channels)
        w->plan->max_channels = b->channels;
    return 0;
}

/* Whether floats come of an operation before `end`. Within random-apply none do. */
static bool has_floats(const struct augment_chain *c, uint32_t end)
{
    for (uint32_t i = 0; i < end; i++)
        if (c->ops[i].kind == AUGMENT_TO_TENSOR || c->ops[i].kind == AUGMENT_TO_DTYPE)
            return true;
    return false;
}

static bool is_zero(const float *numbers, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (numbers[i] != 0)
            return false;
    return true;
}

/* Whether it only puts pixels elsewhere, and 0, which is 0 in either form, beside them. */
static bool only_moves(const struct augment_op *op)
{
    switch (op->kind) {
    case AUGMENT_RANDOM_CROP:
    case AUGMENT_PAD:
        return op->padding_mode != AUGMENT_CONSTANT || is_zero(op->fill, op->fill_count);
    case AUGMENT_CENTER_CROP:
    case AUGMENT_HORIZONTAL_FLIP:
    case AUGMENT_VERTICAL_FLIP:
        return true;
    case AUGMENT_RANDOM_APPLY:
        for (uint32_t i = 1; i <= op->children; i++)
            if (!only_moves(op + i))
                return false;
        return true;
    }
    return false;
}

static void move_conversion(struct augment_chain *c)
{
    for (uint32_t i = 0; i + 1 < c->count; i++) {
        struct augment_op op = c->ops[i];
        if (op.kind != AUGMENT_TO_TENSOR && op.kind != AUGMENT_TO_DTYPE)
            continue;
        uint32_t end = i + 1;
        while (end < c->count && only_moves(&c->ops[end]))
            end += 1 + c->ops[end].children;
        memmove(&c->ops[i], &c->ops[i + 1], (end - i - 1) * sizeof op);
        c->ops[end - 1] = op;
        return;
    }
}

void augment_tail_of(struct augment_tail *t, struct augment_chain *c)
{
    move_conversion(c);
    uint32_t end = c->count;
    const struct augment_op *normalize = NULL;
    *t = (struct augment_tail){.head_count = end, .scale = CONVERT_DIVIDE};
    t->floats = has_floats(c, end);
    if (c->ops[end - 1].kind == AUGMENT_NORMALIZE)
        normalize = &c->ops[--end];
    if (!end || has_floats(c, end - 1))
        return;
    const struct augment_op *op = &c->ops[end - 1];
    if (op->kind != AUGMENT_TO_TENSOR && op->kind != AUGMENT_TO_DTYPE)
        return;
    t->head_count = end - 1;
    t->scale = op->kind == AUGMENT_TO_DTYPE && op->api == 2 ? CONVERT_MULTIPLY : CONVERT_DIVIDE;
    if (!normalize)
        return;
    t->mean_count = normalize->mean_count;
    t->std_count = normalize->std_count;
    memcpy(t->mean, normalize->mean, sizeof t->mean);
    memcpy(t->std, normalize->std, sizeof t->std);
}

static void note_shape(struct augment_shape *s, const struct bounds *b)
{
    *s = (struct augment_shape){b->channels, b->height[0], b->width[0], b->form};
}

/* Checks the chain from its beginning to its end, and notes what the head's end gives. */
static int walk(struct augment_plan *p, struct err *e)
{
    if (p->in.height > SIDE_MAX || p->in.width > SIDE_MAX)
        return err_set(e, -EINVAL, "augment: pictures of %u x %u: want at most %u a side",
                       p->in.height, p->in.width, SIDE_MAX);
    struct walk w = {p->chain, p, .e = e};
    w.at = (struct bounds){.channels = p->in.channels, .form = p->in.form};
    set_size(&w.at, p->in.height, p->in.width);
    p->max_height = p->in.height;
    p->max_width = p->in.width;
    p->max_channels = p->in.channels;
    note_shape(&p->out, &w.at);
    const struct augment_op *first = p->chain->ops, *op = first;
    for (; op < first + p->chain->count; op += 1 + op->children) {
        int rc = check_op(&w, op);
        if (rc)
            return rc;
        if (op + 1 + op->children <= first + p->tail.head_count)
            note_shape(&p->out, &w.at);
    }
    uint64_t numbers = (uint64_t)p->max_height * p->max_width * p->max_channels;
    if (numbers > NUMBERS_MAX)
        return err_set(
            e, -EINVAL,
            "augment: a picture may be %u x %u of %u channels on the way: want at most %u "
            "numbers",
            p->max_height, p->max_width, p->max_channels, NUMBERS_MAX);
    if (w.at.height[0] != w.at.height[1] || w.at.width[0] != w.at.width[1])
        return err_set(e, -EINVAL,
                       "augment ends in pictures of %u x %u to %u x %u, by what is drawn: a batch "
                       "wants one size, put center-crop, random-crop or resize behind",
                       w.at.height[0], w.at.width[0], w.at.height[1], w.at.width[1]);
    return 0;
}

int augment_plan_new(struct augment_plan **plan, struct augment_chain *chain,
                     const struct augment_shape *in, struct err *e)
{
    struct augment_plan *p = calloc(1, sizeof *p);
    if (!p) {
        free(chain);
        return err_set(e, -ENOMEM, "out of memory");
    }
    p->chain = chain;
    p->in = *in;
    int rc = walk(p, e); /* as it was written, for what is refused */
    if (!rc) {
        augment_tail_of(&p->tail, chain);
        rc = walk(p, e);
    }
    if (rc) {
        augment_plan_free(p);
        return rc;
    }
    *plan = p;
    return 0;
}

void augment_plan_free(struct augment_plan *plan)
{
    if (!plan)
        return;
    free(plan->chain);
    free(plan);
}

size_t augment_sample_bytes(const struct augment_plan *plan)
{
    const struct augment_shape *s = &plan->out;
    return (size_t)s->channels * s->height * s->width * (s->form == AUGMENT_FLOATS ? 4 : 1);
}
