/* SPDX-License-Identifier: MIT */
/* augment/chain.h — a chain of image transforms: its operations, their arguments, its text.
 *
 * Names, arguments, their order and their defaults are torchvision's, with '-' for '_' and words
 * cut where a capital letter begins one: RandomCrop(28, padding=4) is random-crop(28, padding=4).
 *
 *     chain      operation { blank operation }
 *     operation  name [ '(' [ argument { ',' argument } ] ')' ]
 *     argument   [ key '=' ] value                        without a key: in the order of the table
 *     value      number | word | '(' number { ',' number } [ ',' ] ')' | '[' chain ']'
 *
 * A number is strtod's, in the C locale's way: "4", "0.5", "0x1.8p-1". A flag is true or false. A
 * size is (height, width), or one number for both (resize: the shorter side, as torchvision's).
 * Nothing in it depends on the images: what fits those is augment/plan.h's.
 *
 * What an operation takes for each image is drawn (augment/draw.h) and stands in `value_count`
 * values of 4 bytes, one operation's behind the other's; the table below says which.
 *
 * Threads: a chain is immutable. Memory: the chain.
 */
#ifndef AUGMENT_CHAIN_H
#define AUGMENT_CHAIN_H

#include "base/err.h"
#include "fmnist.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AUGMENT_TEXT_MAX 1023u /* characters of a chain's canonical text */
#define AUGMENT_OPS_MAX  32u   /* operations, those within others too */

/* These numbers enter keys of random draws: they never change meaning. */
enum augment_kind {
    /* geometry of whole pixels                                   values, 4 bytes each */
    AUGMENT_RANDOM_CROP = 1,     /* top, left: of the window in the padded image; i32 */
    AUGMENT_CENTER_CROP = 2,     /* none */
    AUGMENT_PAD = 3,             /* none */
    AUGMENT_HORIZONTAL_FLIP = 4, /* applied: 0 or 1, i32  (random-horizontal-flip) */
    AUGMENT_VERTICAL_FLIP = 5,   /* applied               (random-vertical-flip) */
    /* resampling */
    AUGMENT_RESIZE = 6,              /* none */
    AUGMENT_RANDOM_ROTATION = 7,     /* angle: degrees, f32 */
    AUGMENT_RANDOM_AFFINE = 8,       /* angle f32, x, y: pixels, i32; scale, shear x, shear y: f32
                                      * (0, 0, 1, 0, 0 where not asked for) */
    AUGMENT_RANDOM_RESIZED_CROP = 9, /* top, left, height, width: i32 */
    /* levels */
    AUGMENT_COLOR_JITTER = 10,         /* order: four 2-bit numbers, the first applied in the lowest
                                        * bits, 0 brightness 1 contrast 2 saturation 3 hue; then the
                                        * four factors, f32 (1, 1, 1, 0 where not asked for) */
    AUGMENT_RANDOM_GRAYSCALE = 11,     /* applied */
    AUGMENT_GRAYSCALE = 12,            /* none */
    AUGMENT_TRIVIAL_AUGMENT_WIDE = 13, /* operation 0 .. 13, level 0 .. bins - 1, negative 0 or 1 */
    AUGMENT_RAND_AUGMENT = 14,         /* num_ops times: operation 0 .. 13, negative */
    AUGMENT_AUTO_AUGMENT = 15,         /* policy; then twice: applied, negative */
    /* tensors */
    AUGMENT_TO_TENSOR = 16,      /* none: levels / 255 as float32, from a picture or levels */
    AUGMENT_TO_IMAGE = 17,       /* none: a picture becomes a tensor of levels */
    AUGMENT_TO_DTYPE = 18,       /* none: float32, scaled; api 1 divides, 2 multiplies */
    AUGMENT_NORMALIZE = 19,      /* none */
    AUGMENT_RANDOM_ERASING = 20, /* top, left, height, width: i32; all 0: nothing is erased */
    /* others */
    AUGMENT_RANDOM_APPLY = 21, /* applied; the values of its children follow, 0 where not */
    AUGMENT_KIND_END = 22
};

enum augment_interpolation { AUGMENT_NEAREST = 0, AUGMENT_BILINEAR = 1, AUGMENT_BICUBIC = 2 };
enum augment_padding { AUGMENT_CONSTANT, AUGMENT_EDGE, AUGMENT_REFLECT, AUGMENT_SYMMETRIC };
/* How PyTorch's matrix product makes a tensor's grid: its library (MKL) takes a fused multiply-add
 * on some CPUs and none on others. It shows in few pixels, but for exact quarter turns. */
enum augment_grid { AUGMENT_GRID_PLAIN, AUGMENT_GRID_FUSED };
enum augment_policy { AUGMENT_IMAGENET, AUGMENT_CIFAR10, AUGMENT_SVHN };

/* One operation with all its arguments; those that its kind does not have are 0. */
struct augment_op {
    uint32_t kind;        /* enum augment_kind */
    uint32_t api;         /* 1: torchvision.transforms, 2 (default): torchvision.transforms.v2. They
                             draw or round differently in random-crop, random-affine, random-apply,
                             rand-augment, trivial-augment-wide, to-dtype, pad with reflect */
    uint32_t occurrence;  /* operations of the same kind before it in the chain */
    uint32_t children;    /* random-apply: so many operations behind it belong to it */
    uint32_t first_value; /* its values begin there */
    uint32_t value_count; /* its own, without its children's */
    uint32_t at;          /* of its name in the text it was parsed from */

    uint32_t size[2];    /* height, width; resize of one number: {shorter side, 0} */
    uint32_t padding[4]; /* left, top, right, bottom */
    uint32_t padding_mode, pad_if_needed;
    uint32_t fill_count, value_channels; /* numbers in fill, value: 1, or one a channel */
    float fill[FMNIST_CHANNELS_MAX];     /* default 0; a level, or a tensor's own unit */
    float value[FMNIST_CHANNELS_MAX];    /* random-erasing */
    double p;
    uint32_t interpolation; /* enum augment_interpolation */
    uint32_t pillow; /* resize, random-resized-crop: 12 or 13 (default), the order of passes */
    uint32_t grid;   /* random-rotation, random-affine on tensors: enum augment_grid */
    uint32_t expand;
    uint32_t has_padding, has_center, has_translate, has_scale, shear_count; /* 0, 2 or 4 */
    double degrees[2], center[2], translate[2], scale[2], shear[4], ratio[2];
    float
        log_ratio[2]; /* PyTorch's own float32 logarithms of ratio; where not given: the rounded
                         true ones, but for the two default ratios, whose PyTorch bits are known */
    uint32_t has_factor[4]; /* color-jitter: brightness, contrast, saturation, hue */
    double factor[4][2];    /* low and high of each */
    uint32_t bins, num_ops, magnitude, policy;
    uint32_t channels; /* grayscale: 1 or 3 */
    uint32_t mean_count, std_count;
    float mean[FMNIST_CHANNELS_MAX], std[FMNIST_CHANNELS_MAX];
};

struct augment_chain {
    uint32_t count;       /* operations, 1 .. AUGMENT_OPS_MAX */
    uint32_t value_count; /* of all */
    struct augment_op ops[];
};

/* Errors: -EINVAL, with the character's place, what was seen and what is known there; -ENOMEM.
 * Owns: the caller; free(3) it. */
int augment_parse(struct augment_chain **chain, const char *text, struct err *e);

/* The canonical text: every argument that is not its default, by key, in the table's order, numbers
 * so short that they are read back as they were. Equal chains have equal text. Errors: -EINVAL
 * where it is longer than AUGMENT_TEXT_MAX. */
int augment_print(const struct augment_chain *chain, char text[AUGMENT_TEXT_MAX + 1],
                  struct err *e);

/* "random-crop"; NULL for a number that is no kind. */
const char *augment_name(uint32_t kind);

/* The name of an operation's i-th value: "top". NULL where it has fewer. */
const char *augment_value_name(const struct augment_op *op, uint32_t i, bool *is_float);

#endif
