/* SPDX-License-Identifier: MIT */
/* The last step. Where batches come from and go to is not known here. */
#include "client/finish.h"

#include "augment/draw.h"
#include "base/bytes.h"
#include "client/fail.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static struct convert_plan *make_convert(const struct spec *spec, const struct augment_tail *tail,
                                         const struct convert_shape *image)
{
    struct convert_shape shape = *image;
    shape.scale = tail ? tail->scale : CONVERT_DIVIDE;
    if (tail && tail->floats)
        convert_statistics(&shape, tail->mean_count, tail->mean, tail->std_count, tail->std);
    else
        convert_statistics(&shape, spec->mean_count, spec->mean, spec->std_count, spec->std);
    return convert_plan_new(&shape);
}

/* The caller's draws: the chain is run here, on samples as they travel. */
static int init_augment(struct finish *f, struct augment_chain *chain, const struct wire_opened *o)
{
    struct augment_shape in = {o->in_channels, o->in_height, o->in_width, AUGMENT_PICTURE};
    struct err e;
    int rc = augment_plan_new(&f->augment, chain, &in, &e);
    if (rc)
        return fail_from(rc, &e);
    const struct augment_shape *out = &f->augment->out;
    if (out->height != o->height || out->width != o->width || o->views != 1 || o->float_samples)
        return fail(FMNIST_EPROTO,
                    "the daemon says that augment gives images of %ux%u, here it gives %ux%u",
                    o->height, o->width, out->height, out->width);
    f->scratch = augment_scratch_new(f->augment);
    f->images = aligned_alloc(64, align_up(FINISH_GROUP * augment_sample_bytes(f->augment), 64));
    return f->scratch && f->images ? FMNIST_OK : fail(FMNIST_ENOMEM, "out of memory");
}

int finish_init(struct finish *f, const struct spec *spec, struct augment_chain *chain,
                const struct wire_opened *o)
{
    struct convert_shape image = {
        .height = o->height,
        .width = o->width,
        .in_channels = o->in_channels,
        .channels = o->channels,
        .float_samples = o->float_samples,
        .dtype = spec->dtype,
        .layout = spec->layout,
    };
    struct augment_tail tail;
    if (chain)
        augment_tail_of(&tail, chain);
    const struct augment_tail *its = chain ? &tail : NULL;
    *f = (struct finish){.views = o->views, .sample_bytes = o->sample_bytes};
    f->value_count = chain ? chain->value_count : 0;
    if (chain && spec->draws == FMNIST_DRAWS_CALLER) {
        int rc = init_augment(f, chain, o);
        if (rc)
            return rc;
        f->views = spec->views ? spec->views : 1;
        image.in_channels = f->augment->out.channels;
        image.float_samples = f->augment->out.form == AUGMENT_FLOATS;
    } else {
        free(chain);
    }
    if (image.in_channels != 1 && image.in_channels != image.channels)
        return fail(FMNIST_EPROTO, "the daemon makes %u channels of %u", image.channels,
                    image.in_channels);
    if (spec->dtype == FMNIST_UINT8 && (image.float_samples || (its && its->floats)))
        return fail(FMNIST_EPROTO, "the daemon sends floats for dtype uint8");
    f->convert = make_convert(spec, its, &image);
    if (!f->convert)
        return fail(FMNIST_ENOMEM, "out of memory");
    assert(f->augment || convert_sample_bytes(f->convert) * f->views == f->sample_bytes);
    return FMNIST_OK;
}

void finish_close(struct finish *f)
{
    convert_plan_free(f->convert);
    augment_plan_free(f->augment);
    augment_scratch_free(f->scratch);
    free(f->images);
    free(f->values);
    *f = (struct finish){0};
}

bool finish_is_copy(const struct finish *f)
{
    return !f->augment && convert_is_copy(f->convert);
}

size_t finish_image_bytes(const struct finish *f)
{
    return convert_image_bytes(f->convert) * f->views;
}

/* ---- the caller's draws -------------------------------------------------------------------- */

static size_t row_bytes(const struct finish *f)
{
    return (size_t)f->views * f->augment->chain->value_count * sizeof *f->values;
}

int finish_values(struct finish *f, const uint32_t *values, uint64_t count, uint64_t want)
{
    struct err e;
    if (!f->augment)
        return fail(FMNIST_EINVAL,
                    "values for a stream whose draws are not the caller's: want draws "
                    "\"caller\" in its spec");
    if (count != want)
        return fail(FMNIST_EINVAL, "values of %llu samples: the next batch has %llu",
                    (unsigned long long)count, (unsigned long long)want);
    if (augment_check_values(f->augment, values, count * f->views, &e))
        return fail(FMNIST_EINVAL, "%s", e.text);
    if (count > f->values_room) {
        uint32_t *room = realloc(f->values, count * row_bytes(f) + 1);
        if (!room)
            return fail(FMNIST_ENOMEM, "out of memory");
        f->values = room;
        f->values_room = count;
    }
    if (row_bytes(f))
        memcpy(f->values, values, count * row_bytes(f));
    f->values_count = count;
    return FMNIST_OK;
}

int finish_ready(const struct finish *f, uint64_t count)
{
    if (!f->augment || f->values_count == count || !row_bytes(f))
        return FMNIST_OK;
    return fail(FMNIST_EINVAL, "the draws of the next batch are the caller's, and were not given: "
                               "call fmnist_stream_values before it");
}

/* ---- batches ------------------------------------------------------------------------------- */

/* A few images at a time, which stay in the CPU's cache. */
static void augment_batch(struct finish *f, const uint8_t *samples, uint8_t *images, size_t count)
{
    size_t head_bytes = augment_sample_bytes(f->augment);
    size_t delivered = convert_image_bytes(f->convert);
    uint32_t value_count = f->augment->chain->value_count;
    const void *from[FINISH_GROUP];
    void *to[FINISH_GROUP];
    for (size_t at = 0, all = count * f->views; at < all;) {
        size_t n = all - at < FINISH_GROUP ? all - at : FINISH_GROUP;
        for (size_t i = 0; i < n; i++) {
            from[i] = samples + (at + i) / f->views * f->sample_bytes;
            to[i] = f->images + i * head_bytes;
        }
        augment_run(f->augment, f->scratch, from, f->values + at * value_count, n, to);
        convert_batch(f->convert, f->images, images + at * delivered, n);
        at += n;
    }
}

void finish_batch(struct finish *f, const void *samples, void *images, size_t count)
{
    if (f->augment)
        augment_batch(f, samples, images, count);
    else
        convert_batch(f->convert, samples, images, count * f->views);
}
