/* SPDX-License-Identifier: MIT */
/* Chains without a stream: what they draw, and their pixels. */
#include "augment/draw.h"
#include "augment/run.h"
#include "client/fail.h"
#include "client/sized.h"
#include "fmnist.h"
#include "pixels/convert.h"
#include "spec/spec.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(FMNIST_TORCH_STATE_BYTES == TORCH_STATE_BYTES, "one length of a generator's state");

struct fmnist_augment {
    struct augment_plan *plan;
    struct convert_plan *convert;
    char text[AUGMENT_TEXT_MAX + 1];
};

static struct convert_plan *make_convert(const struct augment_plan *p)
{
    const struct augment_tail *t = &p->tail;
    struct convert_shape shape = {
        .height = p->out.height,
        .width = p->out.width,
        .in_channels = p->out.channels,
        .channels = p->out.channels,
        .float_samples = p->out.form == AUGMENT_FLOATS,
        .scale = t->scale,
        .dtype = t->floats ? FMNIST_FLOAT32 : FMNIST_UINT8,
        .layout = FMNIST_NCHW,
    };
    convert_statistics(&shape, t->mean_count, t->mean, t->std_count, t->std);
    return convert_plan_new(&shape);
}

static int resolve(struct fmnist_augment *a, const char *text, const struct augment_shape *in)
{
    struct augment_chain *chain;
    struct err e;
    int rc = augment_parse(&chain, text, &e);
    if (!rc)
        rc = augment_plan_new(&a->plan, chain, in, &e);
    if (!rc)
        rc = augment_print(a->plan->chain, a->text, &e);
    if (rc)
        return fail_from(rc, &e);
    a->convert = make_convert(a->plan);
    return a->convert ? FMNIST_OK : fail(FMNIST_ENOMEM, "out of memory");
}

int fmnist_augment_new(const char *text, uint32_t channels, uint32_t height, uint32_t width,
                       struct fmnist_augment **augment)
{
    if (!text || !augment)
        return fail(FMNIST_EINVAL, "text and augment: want no NULL");
    *augment = NULL;
    if (!channels || channels > FMNIST_CHANNELS_MAX || !height || height > SPEC_SIDE_MAX ||
        !width || width > SPEC_SIDE_MAX)
        return fail(FMNIST_EINVAL,
                    "images of %u x %u x %u: want 1 to %d channels, sides of 1 to %u", channels,
                    height, width, FMNIST_CHANNELS_MAX, SPEC_SIDE_MAX);
    struct fmnist_augment *a = calloc(1, sizeof *a);
    if (!a)
        return fail(FMNIST_ENOMEM, "out of memory");
    int rc = resolve(a, text, &(struct augment_shape){channels, height, width, AUGMENT_PICTURE});
    if (rc) {
        fmnist_augment_free(a);
        return rc;
    }
    *augment = a;
    return FMNIST_OK;
}

void fmnist_augment_free(struct fmnist_augment *augment)
{
    if (!augment)
        return;
    augment_plan_free(augment->plan);
    convert_plan_free(augment->convert);
    free(augment);
}

int fmnist_augment_info(const struct fmnist_augment *a, struct fmnist_augment_info *info)
{
    static const struct sized_kind kind = {"info", "sizeof(struct fmnist_augment_info)",
                                           SIZED_UP_TO(struct fmnist_augment_info, text),
                                           sizeof *info};
    if (!a || !info)
        return fail(FMNIST_EINVAL, "augment and info: want no NULL");
    struct fmnist_augment_info all = {
        .value_count = a->plan->chain->value_count,
        .channels = a->plan->out.channels,
        .height = a->plan->out.height,
        .width = a->plan->out.width,
        .dtype = a->plan->tail.floats ? FMNIST_FLOAT32 : FMNIST_UINT8,
        .text = a->text,
    };
    return sized_give(&kind, info, &all);
}

int fmnist_augment_value(const struct fmnist_augment *a, uint32_t i,
                         struct fmnist_augment_value *value)
{
    static const struct sized_kind kind = {"value", "sizeof(struct fmnist_augment_value)",
                                           SIZED_UP_TO(struct fmnist_augment_value, is_float),
                                           sizeof *value};
    if (!a || !value)
        return fail(FMNIST_EINVAL, "augment and value: want no NULL");
    const struct augment_chain *chain = a->plan->chain;
    for (uint32_t at = 0; at < chain->count; at++) {
        const struct augment_op *op = &chain->ops[at];
        if (i < op->first_value || i - op->first_value >= op->value_count)
            continue;
        bool is_float;
        const char *name = augment_value_name(op, i - op->first_value, &is_float);
        struct fmnist_augment_value all = {
            .at = at, .operation = augment_name(op->kind), .name = name, .is_float = is_float};
        return sized_give(&kind, value, &all);
    }
    return fail(FMNIST_EINVAL, "value %u: the chain draws %u", i, chain->value_count);
}

int fmnist_augment_draw(const struct fmnist_augment *a, uint64_t seed, uint64_t epoch,
                        uint32_t views, const uint32_t *indices, uint64_t count, uint32_t *values)
{
    if (!a || (count && (!indices || !values)))
        return fail(FMNIST_EINVAL, "augment, indices and values: want no NULL");
    uint32_t n = a->plan->chain->value_count;
    for (uint32_t view = 0; view < views; view++)
        augment_draw_counter(a->plan, seed, epoch, view, indices, count, values + view * n,
                             (size_t)views * n);
    return FMNIST_OK;
}

int fmnist_augment_draw_torch(const struct fmnist_augment *a, uint8_t *states, uint32_t generators,
                              uint32_t first, const uint32_t *lengths, uint64_t batches,
                              uint32_t *values)
{
    if (!a || !states || !generators || (batches && (!lengths || !values)))
        return fail(FMNIST_EINVAL,
                    "augment, states, lengths and values: want no NULL, and at least "
                    "one generator");
    struct mt19937 *mt = malloc(generators * sizeof *mt);
    if (!mt)
        return fail(FMNIST_ENOMEM, "out of memory");
    struct err e;
    int rc = 0;
    for (uint32_t g = 0; g < generators && !rc; g++)
        rc = torch_state_load(&mt[g], states + (size_t)g * TORCH_STATE_BYTES, &e);
    for (uint64_t b = 0; b < batches && !rc; b++) {
        augment_draw_torch(a->plan, &mt[(first + b) % generators], lengths[b], values);
        values += (size_t)lengths[b] * a->plan->chain->value_count;
    }
    for (uint32_t g = 0; g < generators && !rc; g++)
        torch_state_store(&mt[g], states + (size_t)g * TORCH_STATE_BYTES);
    free(mt);
    return rc ? fail_from(rc, &e) : FMNIST_OK;
}

void fmnist_torch_seed(uint8_t state[FMNIST_TORCH_STATE_BYTES], uint64_t seed)
{
    torch_state_seed(state, seed);
}

int fmnist_augment_run(const struct fmnist_augment *a, const uint8_t *samples,
                       const uint32_t *values, uint64_t count, void *images)
{
    if (!a || (count && (!samples || !images)) || (count && a->plan->chain->value_count && !values))
        return fail(FMNIST_EINVAL, "augment, samples, values and images: want no NULL");
    const struct augment_shape *in = &a->plan->in;
    size_t sample_bytes = (size_t)in->channels * in->height * in->width;
    size_t image_bytes = convert_image_bytes(a->convert);
    struct err e;
    if (augment_check_values(a->plan, values, count, &e))
        return fail(FMNIST_EINVAL, "%s", e.text);
    struct augment_scratch *scratch = augment_scratch_new(a->plan);
    uint8_t *head = aligned_alloc(64, (augment_sample_bytes(a->plan) + 63) / 64 * 64);
    for (uint64_t i = 0; scratch && head && i < count; i++) {
        const void *from = samples + i * sample_bytes;
        void *to = head;
        augment_run(a->plan, scratch, &from, values + i * a->plan->chain->value_count, 1, &to);
        convert_batch(a->convert, head, (uint8_t *)images + i * image_bytes, 1);
    }
    int rc = scratch && head ? FMNIST_OK : fail(FMNIST_ENOMEM, "out of memory");
    free(head);
    augment_scratch_free(scratch);
    return rc;
}
