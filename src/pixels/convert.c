/* SPDX-License-Identifier: MIT */
/* Plans of the last step, and labels. The loops over pixels are in convert_isa.c. */
#include "pixels/convert.h"
#include "pixels/convert_plan.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static size_t element_bytes(uint32_t dtype)
{
    switch (dtype) {
    case FMNIST_UINT8:
        return 1;
    case FMNIST_FLOAT16:
    case FMNIST_BFLOAT16:
        return 2;
    case FMNIST_FLOAT32:
        return 4;
    default:
        assert(!"pixel dtype");
        return 0;
    }
}

static float statistic(uint32_t count, const float *values, uint32_t channel, float missing)
{
    return count ? values[count == 1 ? 0 : channel] : missing;
}

void convert_statistics(struct convert_shape *shape, uint32_t mean_count, const float *mean,
                        uint32_t std_count, const float *std)
{
    shape->normalise = mean_count || std_count;
    for (uint32_t c = 0; c < shape->channels; c++) {
        shape->mean[c] = statistic(mean_count, mean, c, 0);
        shape->std[c] = statistic(std_count, std, c, 1);
    }
}

static bool same_float(float a, float b)
{
    return memcmp(&a, &b, sizeof a) == 0; /* +0 and -0 can give different bytes */
}

static bool channels_are_equal(const struct convert_shape *s)
{
    if (s->in_channels > 1)
        return false;
    for (uint32_t c = 1; s->normalise && c < s->channels; c++)
        if (!same_float(s->mean[c], s->mean[0]) || !same_float(s->std[c], s->std[0]))
            return false;
    return true;
}

static void check_shape(const struct convert_shape *s)
{
    assert(s->height > 0 && s->width > 0);
    assert(s->in_channels > 0 && s->in_channels <= FMNIST_CHANNELS_MAX);
    assert(s->channels > 0 && s->channels <= FMNIST_CHANNELS_MAX);
    assert(s->in_channels == 1 || s->channels == s->in_channels);
    assert(s->layout == FMNIST_NCHW || s->layout == FMNIST_NHWC);
    assert(s->dtype != FMNIST_UINT8 || (!s->float_samples && !s->normalise));
    assert(s->scale == CONVERT_DIVIDE || s->scale == CONVERT_MULTIPLY);
}

struct convert_plan *convert_plan_new(const struct convert_shape *shape)
{
    check_shape(shape);
    struct convert_plan *plan = calloc(1, sizeof *plan);
    if (!plan)
        return NULL;
    plan->shape = *shape;
    plan->pixels = (size_t)shape->height * shape->width;
    plan->element_bytes = element_bytes(shape->dtype);
    plan->sample_bytes = plan->pixels * shape->in_channels * (shape->float_samples ? 4 : 1);
    plan->image_bytes = plan->pixels * shape->channels * plan->element_bytes;
    plan->planar = shape->layout == FMNIST_NCHW || shape->channels == 1;
    plan->channels_equal = channels_are_equal(shape);
    bool same_places = plan->planar && shape->channels == shape->in_channels;
    bool same_values = shape->dtype == (shape->float_samples ? FMNIST_FLOAT32 : FMNIST_UINT8);
    plan->is_copy = same_values && !shape->normalise && same_places;
    for (uint32_t k = 0; k < CONVERT_ROW; k++) {
        plan->row_mean[k] = shape->mean[k % shape->channels];
        plan->row_std[k] = shape->std[k % shape->channels];
    }
    plan->widen_only = shape->dtype == FMNIST_FLOAT32 && !shape->float_samples &&
                       !shape->normalise && same_places && shape->scale == CONVERT_DIVIDE;
    return plan;
}

void convert_plan_free(struct convert_plan *plan)
{
    free(plan);
}

bool convert_is_copy(const struct convert_plan *plan)
{
    return plan->is_copy;
}

size_t convert_sample_bytes(const struct convert_plan *plan)
{
    return plan->sample_bytes;
}

size_t convert_image_bytes(const struct convert_plan *plan)
{
    return plan->image_bytes;
}

void convert_batch(const struct convert_plan *plan, const void *samples, void *images, size_t count)
{
    ISA_PICK(convert_loop)(plan, samples, images, count);
}

void convert_labels(const int32_t *labels, size_t count, uint32_t dtype, void *out)
{
    uint8_t *u8 = out;
    int64_t *i64 = out;
    switch (dtype) {
    case FMNIST_UINT8:
        for (size_t i = 0; i < count; i++)
            u8[i] = (uint8_t)labels[i];
        break;
    case FMNIST_INT32:
        memcpy(out, labels, count * sizeof *labels);
        break;
    case FMNIST_INT64:
        for (size_t i = 0; i < count; i++)
            i64[i] = labels[i];
        break;
    default:
        assert(!"label dtype");
    }
}

void convert_label_rows(const uint8_t *labels, size_t count, uint32_t dtype, void *out)
{
    int32_t *i32 = out;
    int64_t *i64 = out;
    switch (dtype) {
    case FMNIST_UINT8:
        memcpy(out, labels, count);
        break;
    case FMNIST_INT32:
        for (size_t i = 0; i < count; i++)
            i32[i] = labels[i];
        break;
    case FMNIST_INT64:
        for (size_t i = 0; i < count; i++)
            i64[i] = labels[i];
        break;
    default:
        assert(!"label dtype");
    }
}

void convert_indices(const uint32_t *indices, size_t count, int64_t *out)
{
    for (size_t i = 0; i < count; i++)
        out[i] = indices[i];
}
