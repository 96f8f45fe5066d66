/* SPDX-License-Identifier: MIT */
/* What is drawn for an image, one operation after the other.
 *
 * The words of draws "counter", so that others can compute the same; COUNTER_VERSION changes with
 * any of it. They are those of PyTorch's stateless generator (torch.func._random): a key is a pair
 * of u64, seed and offset, and its words are Philox4x32-10's with that seed as key and the counters
 * offset, offset + 1, ... (subsequence 0), four words each. In its terms, r being that module:
 *
 *     k      r.key(seed)                        seed, 0
 *            for v in COUNTER_VERSION, epoch, kind, occurrence:  k = r.fold_in(k, v)
 *     words  of k with (view << 40) + (sample << 8) added to its offset, modulo 2^64
 *
 * fold_in takes the four words at offset + v: the new seed is the first, low half, and the second,
 * the new offset the third and the fourth. kind is the operation's number (chain.h), occurrence
 * counts the operations of that kind before it in the chain, those within random-apply too. So
 * r.uniform gives those words' numbers from 0 to 1; others are made of it by one fused multiply-add
 * (words.h), which r.uniform's own bounds are not on a CPU.
 *
 * Vector: seed 42, epoch 3, the first random-crop (kind 1), sample 12345, view 0: seed
 * 0x9e436d1a99c5bcdc, offset 0x4ceb928f180365c4 + 0x303900, words d55d1b85 fdcb38c6 f78b50e2
 * 38cd3b78. More: tests/augment/test_draw.c. torch 2.14.1 on a CPU gives the same.
 */
#include "augment/draw.h"

#include "augment/draw_rules.h"
#include "augment/policy.h"
#include "augment/words.h"

#include <math.h>
#include <string.h>

#define COUNTER_VERSION UINT64_C(0x464d4e4953540001)
#define TRIES           10 /* of torchvision's, for a box that fits */

/* A value as it lies in a row. */
static void put_float(uint32_t *value, float f)
{
    memcpy(value, &f, sizeof f);
}

/* ---- what an operation draws --------------------------------------------------------------- */

/* A probability is compared as float32. */
static bool happens(struct words *w, const struct augment_op *op)
{
    return words_rand(w) < (float)op->p;
}

/* api 1 draws both numbers unless the sizes are equal, api 2 one for each side that is longer. */
static void draw_crop(struct words *w, const struct augment_op *op, const struct augment_shape *s,
                      uint32_t *v)
{
    struct augment_shape p = draw_padded(op, s);
    uint32_t rows = p.height - op->size[0], columns = p.width - op->size[1];
    bool any = rows || columns;
    v[0] = (op->api == 1 ? any : rows > 0) ? words_below(w, rows + 1) : 0;
    v[1] = (op->api == 1 ? any : columns > 0) ? words_below(w, columns + 1) : 0;
}

static void draw_affine(struct words *w, const struct augment_op *op, const struct augment_shape *s,
                        uint32_t *v)
{
    put_float(&v[0], words_uniform(w, op->degrees[0], op->degrees[1]));
    double x = op->translate[0] * s->width, y = op->translate[1] * s->height;
    v[1] = op->has_translate ? (uint32_t)(int32_t)rint(words_uniform(w, -x, x)) : 0;
    v[2] = op->has_translate ? (uint32_t)(int32_t)rint(words_uniform(w, -y, y)) : 0;
    put_float(&v[3], op->has_scale ? words_uniform(w, op->scale[0], op->scale[1]) : 1);
    put_float(&v[4], op->shear_count ? words_uniform(w, op->shear[0], op->shear[1]) : 0);
    put_float(&v[5], op->shear_count == 4 ? words_uniform(w, op->shear[2], op->shear[3]) : 0);
}

static void put_box(uint32_t *v, uint32_t top, uint32_t left, uint32_t height, uint32_t width)
{
    v[0] = top;
    v[1] = left;
    v[2] = height;
    v[3] = width;
}

/* The middle of the picture, within the bounds of the ratio; maybe without a pixel. */
static void middle_box(const struct augment_op *op, const struct augment_shape *s, uint32_t *v)
{
    double ratio = (double)s->width / s->height;
    double least = fmin(op->ratio[0], op->ratio[1]), most = fmax(op->ratio[0], op->ratio[1]);
    uint32_t height = s->height, width = s->width;
    if (ratio < least)
        height = (uint32_t)rint(width / least);
    else if (ratio > most)
        width = (uint32_t)rint(height * most);
    put_box(v, (s->height - height) / 2, (s->width - width) / 2, height, width);
}

/* A try at a box of an area and a ratio. Of random-resized-crop the ratio is width to
 * height, and the box may be the whole picture; of random-erasing height to width, and it may not.
 */
static bool draw_box(struct words *w, const struct augment_op *op, const struct augment_shape *s,
                     uint32_t *v)
{
    bool erasing = op->kind == AUGMENT_RANDOM_ERASING;
    double target = (double)s->height * s->width * words_uniform(w, op->scale[0], op->scale[1]);
    double ratio = words_exp(words_uniform(w, op->log_ratio[0], op->log_ratio[1]));
    double a = rint(sqrt(target * ratio)), b = rint(sqrt(target / ratio));
    double height = erasing ? a : b, width = erasing ? b : a;
    bool fits = erasing ? height < s->height && width < s->width
                        : height >= 1 && height <= s->height && width >= 1 && width <= s->width;
    if (!fits)
        return false;
    uint32_t top = words_below(w, s->height - (uint32_t)height + 1);
    uint32_t left = words_below(w, s->width - (uint32_t)width + 1);
    put_box(v, top, left, (uint32_t)height, (uint32_t)width);
    return true;
}

static bool find_box(struct words *w, const struct augment_op *op, const struct augment_shape *s,
                     uint32_t *v)
{
    for (int i = 0; i < TRIES; i++)
        if (draw_box(w, op, s, v))
            return true;
    return false;
}

static void draw_resized_crop(struct words *w, const struct augment_op *op,
                              const struct augment_shape *s, uint32_t *v)
{
    if (!find_box(w, op, s, v))
        middle_box(op, s, v);
}

static void draw_erasing(struct words *w, const struct augment_op *op,
                         const struct augment_shape *s, uint32_t *v)
{
    if (!happens(w, op) || !find_box(w, op, s, v))
        put_box(v, 0, 0, 0, 0);
}

static void draw_jitter(struct words *w, const struct augment_op *op, uint32_t *v)
{
    uint32_t order[4] = {0, 1, 2, 3};
    for (uint32_t i = 0; i < 3; i++) {
        uint32_t k = i + words_below(w, 4 - i), kept = order[i];
        order[i] = order[k];
        order[k] = kept;
    }
    v[0] = order[0] | order[1] << 2 | order[2] << 4 | order[3] << 6;
    for (uint32_t i = 0; i < 4; i++)
        put_float(&v[1 + i], op->has_factor[i]
                                 ? words_uniform(w, op->factor[i][0], op->factor[i][1])
                                 : (i < 3 ? 1 : 0));
}

static uint32_t draw_sign(struct words *w, const struct augment_op *op)
{
    return op->api == 1 ? words_below(w, 2) != 0 : words_rand(w) <= 0.5f;
}

static void draw_trivial(struct words *w, const struct augment_op *op, uint32_t *v)
{
    v[0] = words_below(w, POLICY_DRAWN);
    v[1] = draw_has_level(v[0]) ? words_below(w, op->bins) : 0;
    v[2] = draw_has_sign(v[0]) ? draw_sign(w, op) : 0;
}

static void draw_rand_augment(struct words *w, const struct augment_op *op, uint32_t *v)
{
    for (uint32_t i = 0; i < op->num_ops; i++, v += 2) {
        v[0] = words_below(w, POLICY_DRAWN);
        v[1] = draw_has_sign(v[0]) ? draw_sign(w, op) : 0;
    }
}

/* Each step is applied by chance; api 1 draws all numbers at once, wanted or not. */
static void draw_auto_augment(struct words *w, const struct augment_op *op, uint32_t *v)
{
    float chance[2] = {0};
    uint32_t sign[2] = {0};
    v[0] = words_below(w, POLICY_ROWS);
    for (int i = 0; op->api == 1 && i < 2; i++)
        chance[i] = words_rand(w);
    for (int i = 0; op->api == 1 && i < 2; i++)
        sign[i] = words_below(w, 2);
    for (uint32_t i = 0; i < 2; i++) {
        const struct policy_step *step = policy_step_of(op->policy, v[0], i);
        float drawn = op->api == 1 ? chance[i] : words_rand(w);
        uint32_t applied = drawn <= (float)(step->probability_tenths / 10.0);
        uint32_t negative = 0;
        if (applied && draw_has_sign(step->kind))
            negative = op->api == 1 ? sign[i] == 0 : words_rand(w) <= 0.5f;
        v[1 + 2 * i] = applied;
        v[2 + 2 * i] = negative;
    }
}

static void draw_op(struct words *w, const struct augment_op *op, const struct augment_shape *s,
                    uint32_t *v)
{
    switch (op->kind) {
    case AUGMENT_RANDOM_CROP:
        draw_crop(w, op, s, v);
        break;
    case AUGMENT_HORIZONTAL_FLIP:
    case AUGMENT_VERTICAL_FLIP:
    case AUGMENT_RANDOM_GRAYSCALE:
        v[0] = happens(w, op);
        break;
    case AUGMENT_RANDOM_APPLY: /* api 1 skips where p < the number */
        v[0] = op->api == 1 ? words_rand(w) <= (float)op->p : happens(w, op);
        break;
    case AUGMENT_RANDOM_ROTATION:
        put_float(v, words_uniform(w, op->degrees[0], op->degrees[1]));
        break;
    case AUGMENT_RANDOM_AFFINE:
        draw_affine(w, op, s, v);
        break;
    case AUGMENT_RANDOM_RESIZED_CROP:
        draw_resized_crop(w, op, s, v);
        break;
    case AUGMENT_COLOR_JITTER:
        draw_jitter(w, op, v);
        break;
    case AUGMENT_TRIVIAL_AUGMENT_WIDE:
        draw_trivial(w, op, v);
        break;
    case AUGMENT_RAND_AUGMENT:
        draw_rand_augment(w, op, v);
        break;
    case AUGMENT_AUTO_AUGMENT:
        draw_auto_augment(w, op, v);
        break;
    case AUGMENT_RANDOM_ERASING:
        draw_erasing(w, op, s, v);
        break;
    }
}

/* ---- a sample ------------------------------------------------------------------------------ */

/* The operation behind one that was drawn: its children are left out where it is not applied. */
static const struct augment_op *after(const struct augment_op *op, uint32_t *values)
{
    if (op->kind != AUGMENT_RANDOM_APPLY || values[op->first_value])
        return op + 1;
    for (uint32_t i = 1; i <= op->children; i++)
        memset(values + op[i].first_value, 0, op[i].value_count * sizeof *values);
    return op + 1 + op->children;
}

/* An operation's words begin there: seed and offset. */
struct key {
    uint64_t seed, offset;
};

/* keys: of the operations, NULL for words that `w` goes on with; `place` is added to their offsets.
 */
static void draw_sample(const struct augment_plan *plan, struct words *w, const struct key *keys,
                        uint64_t place, uint32_t *values)
{
    struct augment_shape s = plan->in;
    const struct augment_op *first = plan->chain->ops, *end = first + plan->chain->count;
    for (const struct augment_op *op = first; op < end; op = after(op, values)) {
        uint32_t *v = values + op->first_value;
        if (keys && op->value_count)
            words_begin_philox(w, keys[op - first].seed, keys[op - first].offset + place);
        draw_op(w, op, &s, v);
        augment_shape_after(op, v, &s);
    }
}

void augment_draw_torch(const struct augment_plan *plan, struct mt19937 *mt, size_t count,
                        uint32_t *values)
{
    struct words w;
    words_begin_torch(&w, mt);
    for (size_t i = 0; i < count; i++, values += plan->chain->value_count)
        draw_sample(plan, &w, NULL, 0, values);
    words_end_torch(&w);
}

static struct key fold_in(struct key k, uint64_t v)
{
    uint32_t w[4];
    philox4x32_10(k.seed, k.offset + v, 0, w);
    return (struct key){w[0] | (uint64_t)w[1] << 32, w[2] | (uint64_t)w[3] << 32};
}

void augment_draw_counter(const struct augment_plan *plan, uint64_t seed, uint64_t epoch,
                          uint32_t view, const uint32_t *indices, size_t count, uint32_t *values,
                          size_t stride)
{
    const struct augment_chain *chain = plan->chain;
    struct key keys[AUGMENT_OPS_MAX];
    struct key base = fold_in(fold_in((struct key){seed, 0}, COUNTER_VERSION), epoch);
    for (uint32_t i = 0; i < chain->count; i++)
        if (chain->ops[i].value_count)
            keys[i] = fold_in(fold_in(base, chain->ops[i].kind), chain->ops[i].occurrence);
    struct words w;
    for (size_t i = 0; i < count; i++, values += stride)
        draw_sample(plan, &w, keys, ((uint64_t)view << 40) + ((uint64_t)indices[i] << 8), values);
}
