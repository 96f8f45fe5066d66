/* SPDX-License-Identifier: MIT */
/* The table of operations. Nothing here reads or writes a text. */
#include "augment/chain_table.h"

#include <stddef.h>
#include <string.h>

#define AT(field) \
    offsetof(struct augment_op, field), (uint16_t)sizeof(((struct augment_op *)0)->field)
#define COUNT(field) offsetof(struct augment_op, field)

/* Angles, places and levels: far beyond any use, and far from where arithmetic ends. */
#define REAL_MAX 1e6
/* Scales and ratios are divided by. */
#define SCALE_MIN 1e-3
#define SCALE_MAX 1e3
#define SIDE_MAX  4096.0

static const char *const interpolations[] = {"nearest", "bilinear", "bicubic", NULL};
static const char *const paddings[] = {"constant", "edge", "reflect", "symmetric", NULL};
static const char *const grids[] = {"plain", "fused", NULL};
static const char *const policies[] = {"imagenet", "cifar10", "svhn", NULL};

/* clang-format off */
#define SIZE          {"size", ARGUMENT_SIZE, AT(size), 0, NULL, 1, SIDE_MAX, NULL}
#define PADDING(start) \
    {"padding", ARGUMENT_PADDING, AT(padding), COUNT(has_padding), start, 0, SIDE_MAX, NULL}
#define PADDING_MODE \
    {"padding-mode", ARGUMENT_WORD, AT(padding_mode), 0, "constant", 0, 0, paddings}
#define FILL \
    {"fill", ARGUMENT_FLOATS, AT(fill), COUNT(fill_count), "0", -REAL_MAX, REAL_MAX, NULL}
#define P(start)      {"p", ARGUMENT_NUMBER, AT(p), 0, start, 0, 1, NULL}
#define DEGREES       {"degrees", ARGUMENT_ANGLES, AT(degrees), 0, NULL, -REAL_MAX, REAL_MAX, NULL}
#define CENTER \
    {"center", ARGUMENT_PAIR, AT(center), COUNT(has_center), "", -REAL_MAX, REAL_MAX, NULL}
#define INTERPOLATION(start) \
    {"interpolation", ARGUMENT_WORD, AT(interpolation), 0, start, 0, 0, interpolations}
#define RATIO(start)  {"ratio", ARGUMENT_RANGE, AT(ratio), 0, start, SCALE_MIN, SCALE_MAX, NULL}
#define LOG_RATIO     {"log-ratio", ARGUMENT_LOGS, AT(log_ratio), 0, "", -10, 10, NULL}
#define FACTOR(key, i) \
    {key, ARGUMENT_FACTOR, AT(factor[i]), COUNT(has_factor[i]), "0", 0, REAL_MAX, NULL}
#define BINS          {"num-magnitude-bins", ARGUMENT_WHOLE, AT(bins), 0, "31", 2, 1024, NULL}
#define API           {"api", ARGUMENT_WHOLE, AT(api), 0, "2", 1, 2, NULL}
#define GRID          {"grid", ARGUMENT_WORD, AT(grid), 0, "plain", 0, 0, grids}
#define PILLOW        {"pillow", ARGUMENT_WHOLE, AT(pillow), 0, "13", 12, 13, NULL}
#define STATISTICS(key, to, count) \
    {key, ARGUMENT_FLOATS, AT(to), COUNT(count), NULL, -REAL_MAX, REAL_MAX, NULL}

static const struct operation operations[AUGMENT_KIND_END] = {
    [AUGMENT_RANDOM_CROP] = {"random-crop", 5,
        {SIZE, PADDING(""),
         {"pad-if-needed", ARGUMENT_FLAG, AT(pad_if_needed), 0, "false", 0, 0, NULL},
         FILL, PADDING_MODE, API},
        {"top", "left"}},
    [AUGMENT_CENTER_CROP] = {"center-crop", 1, {SIZE, API}, {NULL}},
    [AUGMENT_PAD] = {"pad", 3, {PADDING(NULL), FILL, PADDING_MODE, API}, {NULL}},
    [AUGMENT_HORIZONTAL_FLIP] = {"random-horizontal-flip", 1, {P("0.5"), API}, {"applied"}},
    [AUGMENT_VERTICAL_FLIP] = {"random-vertical-flip", 1, {P("0.5"), API}, {"applied"}},
    [AUGMENT_RESIZE] = {"resize", 2,
        {{"size", ARGUMENT_SHORTER, AT(size), 0, NULL, 1, SIDE_MAX, NULL},
         INTERPOLATION("bilinear"), PILLOW, API},
        {NULL}},
    [AUGMENT_RANDOM_ROTATION] = {"random-rotation", 5,
        {DEGREES, INTERPOLATION("nearest"),
         {"expand", ARGUMENT_FLAG, AT(expand), 0, "false", 0, 0, NULL}, CENTER, FILL, GRID, API},
        {"~angle"}},
    [AUGMENT_RANDOM_AFFINE] = {"random-affine", 7,
        {DEGREES,
         {"translate", ARGUMENT_PAIR, AT(translate), COUNT(has_translate), "", 0, 1, NULL},
         {"scale", ARGUMENT_RANGE, AT(scale), COUNT(has_scale), "", SCALE_MIN, SCALE_MAX, NULL},
         {"shear", ARGUMENT_SHEAR, AT(shear), COUNT(shear_count), "", -REAL_MAX, REAL_MAX, NULL},
         INTERPOLATION("nearest"), FILL, CENTER, GRID, API},
        {"~angle", "x", "y", "~scale", "~shear-x", "~shear-y"}},
    [AUGMENT_RANDOM_RESIZED_CROP] = {"random-resized-crop", 4,
        {SIZE, {"scale", ARGUMENT_RANGE, AT(scale), 0, "(0.08, 1)", 0, SCALE_MAX, NULL},
         RATIO("(0.75, 1.3333333333333333)"), INTERPOLATION("bilinear"), LOG_RATIO, PILLOW, API},
        {"top", "left", "height", "width"}},
    [AUGMENT_COLOR_JITTER] = {"color-jitter", 4,
        {FACTOR("brightness", 0), FACTOR("contrast", 1), FACTOR("saturation", 2),
         {"hue", ARGUMENT_SHIFT, AT(factor[3]), COUNT(has_factor[3]), "0", -0.5, 0.5, NULL}, API},
        {"order", "~brightness", "~contrast", "~saturation", "~hue"}},
    [AUGMENT_RANDOM_GRAYSCALE] = {"random-grayscale", 1, {P("0.1"), API}, {"applied"}},
    [AUGMENT_GRAYSCALE] = {"grayscale", 1,
        {{"num-output-channels", ARGUMENT_WHOLE, AT(channels), 0, "1", 1, 3, NULL}, API}, {NULL}},
    [AUGMENT_TRIVIAL_AUGMENT_WIDE] = {"trivial-augment-wide", 3,
        {BINS, INTERPOLATION("nearest"), FILL, API}, {"operation", "level", "negative"}},
    [AUGMENT_RAND_AUGMENT] = {"rand-augment", 5,
        {{"num-ops", ARGUMENT_WHOLE, AT(num_ops), 0, "2", 0, 8, NULL},
         {"magnitude", ARGUMENT_WHOLE, AT(magnitude), 0, "9", 0, 1023, NULL},
         BINS, INTERPOLATION("nearest"), FILL, API},
        {NULL}},
    [AUGMENT_AUTO_AUGMENT] = {"auto-augment", 3,
        {{"policy", ARGUMENT_WORD, AT(policy), 0, "imagenet", 0, 0, policies},
         INTERPOLATION("nearest"), FILL, API},
        {"policy", "applied-1", "negative-1", "applied-2", "negative-2"}},
    [AUGMENT_TO_TENSOR] = {"to-tensor", 0, {API}, {NULL}},
    [AUGMENT_TO_IMAGE] = {"to-image", 0, {API}, {NULL}},
    [AUGMENT_TO_DTYPE] = {"to-dtype", 0, {API}, {NULL}},
    [AUGMENT_NORMALIZE] = {"normalize", 2,
        {STATISTICS("mean", mean, mean_count), STATISTICS("std", std, std_count), API}, {NULL}},
    [AUGMENT_RANDOM_ERASING] = {"random-erasing", 4,
        {P("0.5"), {"scale", ARGUMENT_RANGE, AT(scale), 0, "(0.02, 0.33)", 0, 1, NULL},
         RATIO("(0.3, 3.3)"),
         {"value", ARGUMENT_FLOATS, AT(value), COUNT(value_channels), "0", -REAL_MAX, REAL_MAX,
          NULL},
         LOG_RATIO, API},
        {"top", "left", "height", "width"}},
    [AUGMENT_RANDOM_APPLY] = {"random-apply", 2,
        {{"transforms", ARGUMENT_CHAIN, 0, 0, 0, NULL, 0, 0, NULL}, P("0.5"), API}, {"applied"}},
};
/* clang-format on */

const struct operation *operation_of(uint32_t kind)
{
    return kind > 0 && kind < AUGMENT_KIND_END ? &operations[kind] : NULL;
}

const char *augment_name(uint32_t kind)
{
    const struct operation *o = operation_of(kind);
    return o ? o->name : NULL;
}

/* rand-augment's: num_ops times two. */
static const char *rand_augment_value(const struct augment_op *op, uint32_t i)
{
    static const char *const names[] = {"operation-1", "negative-1", "operation-2", "negative-2",
                                        "operation-3", "negative-3", "operation-4", "negative-4",
                                        "operation-5", "negative-5", "operation-6", "negative-6",
                                        "operation-7", "negative-7", "operation-8", "negative-8"};
    return i < 2 * op->num_ops && i < sizeof names / sizeof *names ? names[i] : NULL;
}

const char *augment_value_name(const struct augment_op *op, uint32_t i, bool *is_float)
{
    const struct operation *o = operation_of(op->kind);
    const char *name = NULL;
    if (op->kind == AUGMENT_RAND_AUGMENT)
        name = rand_augment_value(op, i);
    else if (o && i < sizeof o->values / sizeof *o->values)
        name = o->values[i];
    *is_float = name && *name == '~';
    return *is_float ? name + 1 : name;
}

bool chain_name_is(const char *name, const char *letters, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (name[i] != (letters[i] == '_' ? '-' : letters[i]))
            return false;
    return name[count] == 0;
}
