/* SPDX-License-Identifier: MIT */
/* Resolves specs. Their digests are plan_hash.c's, and rendering is render.c's. */
#include "render/render_plan.h"

#include "augment/draw.h"
#include "base/clock.h"
#include "render/plan_hash.h"
#include "render/selection.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int resolve_size(struct spec *s, const struct dataset_split *split, struct err *e)
{
    if (!s->height) {
        s->height = split->height;
        s->width = split->width;
    }
    bool same = s->height == split->height && s->width == split->width;
    if (s->resize == FMNIST_RESIZE_NONE && !same)
        return err_set(e, -EINVAL, "resize none with %ux%u: images of \"%s\" are %ux%u", s->height,
                       s->width, s->dataset, split->height, split->width);
    /* Every rule copies where the size stays, so all of them are the same stream then. */
    if (same)
        s->resize = FMNIST_RESIZE_NONE;
    return 0;
}

/* One value stands for every channel; a missing mean is 0 and a missing std is 1. */
static int resolve_values(const char *name, uint32_t *count, float *values, float missing,
                          const struct spec *s, struct err *e)
{
    if (*count > 1 && *count != s->channels)
        return err_set(e, -EINVAL, "%s has %u values: want 1, or %u for %u channels", name, *count,
                       s->channels, s->channels);
    for (uint32_t c = 0; c < FMNIST_CHANNELS_MAX; c++)
        if (c >= s->channels)
            values[c] = 0;
        else if (*count == 0)
            values[c] = missing;
        else if (*count == 1)
            values[c] = values[0];
    *count = s->channels;
    return 0;
}

/* Of images that have `stored` channels when the last step begins. */
static int resolve_channels(struct spec *s, uint32_t stored, struct err *e)
{
    const char *what = *s->augment ? "images behind augment" : "its images";
    if (!s->channels)
        s->channels = stored;
    if (s->channels != stored && !(stored == 1 && s->channels == 3))
        return err_set(e, -EINVAL, "channels %u of \"%s\": %s have %u, which gives %u%s",
                       s->channels, s->dataset, what, stored, stored, stored == 1 ? " or 3" : "");
    if (s->channels == 1)
        s->layout = FMNIST_NCHW; /* the same bytes either way */
    if (!s->mean_count && !s->std_count)
        return 0;
    int rc = resolve_values("mean", &s->mean_count, s->mean, 0, s, e);
    return rc ? rc : resolve_values("std", &s->std_count, s->std, 1, s, e);
}

/* ---- the chain ----------------------------------------------------------------------------- */

static int check_floats(const struct spec *s, const struct augment_tail *tail, struct err *e)
{
    if (!tail->floats)
        return 0;
    if (s->dtype == FMNIST_UINT8)
        return err_set(e, -EINVAL,
                       "augment ends in a tensor of floats: dtype uint8 cannot hold them, want "
                       "float32, float16 or bfloat16");
    if (s->mean_count || s->std_count)
        return err_set(e, -EINVAL,
                       "mean and std with augment that ends in a tensor of floats: put normalize "
                       "into it");
    return 0;
}

static int check_value_count(struct render_plan *r, const struct augment_plan *p, struct err *e)
{
    const struct spec *s = &r->spec;
    uint64_t want = (uint64_t)s->views * p->chain->value_count;
    if (s->draws != FMNIST_DRAWS_LIST)
        return 0;
    if (s->list_value_count != want)
        return err_set(
            e, -EINVAL,
            "list_values has %u numbers an index: want %llu, of %u views of a chain that "
            "draws %u",
            s->list_value_count, (unsigned long long)want, s->views, p->chain->value_count);
    r->unchecked_rows = want ? r->list->index_count * s->views : 0;
    return 0;
}

/* Equal chains have equal text from here on. */
static int read_chain(struct render_plan *r, struct augment_plan **plan, struct err *e)
{
    struct spec *s = &r->spec;
    struct augment_shape in = {r->split->channels, s->height, s->width, AUGMENT_PICTURE};
    struct augment_chain *chain;
    int rc = augment_parse(&chain, s->augment, e);
    if (rc)
        return rc;
    rc = augment_plan_new(plan, chain, &in, e);
    if (rc)
        return rc;
    memset(s->augment, 0, sizeof s->augment);
    rc = augment_print((*plan)->chain, s->augment, e);
    if (!rc)
        rc = check_floats(s, &(*plan)->tail, e);
    return rc ? rc : check_value_count(r, *plan, e);
}

/* What a slot's images are: as the sample, until a chain says otherwise. */
static int resolve_augment(struct render_plan *r, struct err *e)
{
    struct spec *s = &r->spec;
    r->image =
        (struct augment_shape){r->split->channels, s->height, s->width,
                               resize_yields_float(s->resize) ? AUGMENT_FLOATS : AUGMENT_LEVELS};
    r->final = r->image;
    r->views = 1;
    if (!*s->augment) {
        s->draws = s->views = 0;
        return 0;
    }
    if (resize_yields_float(s->resize))
        return err_set(e, -EINVAL,
                       "resize tf-bilinear-pad yields floats: augment wants levels, use "
                       "another, or resize within it");
    s->draws = s->draws ? s->draws : FMNIST_DRAWS_COUNTER;
    s->views = s->views ? s->views : 1;
    struct augment_plan *plan = NULL;
    int rc = read_chain(r, &plan, e);
    if (rc) {
        augment_plan_free(plan);
        return rc;
    }
    r->final = plan->out;
    bool here = s->draws != FMNIST_DRAWS_CALLER && (plan->tail.head_count || s->views > 1);
    if (!here) {
        r->unchecked_rows = 0; /* nothing is drawn */
        augment_plan_free(plan);
        return 0;
    }
    r->augment = plan;
    r->image = plan->out;
    r->views = s->views;
    return 0;
}

static void resolve_order(struct spec *s)
{
    if (s->list_count && s->order == FMNIST_ORDER_SEQUENTIAL)
        s->order = FMNIST_ORDER_LIST; /* the same bytes */
    bool drawn = *s->augment && s->draws <= FMNIST_DRAWS_COUNTER;
    if (!drawn && (s->order == FMNIST_ORDER_SEQUENTIAL || s->order == FMNIST_ORDER_LIST))
        s->seed = 0;
    if (s->pad == FMNIST_PAD_AUTO)
        s->pad = s->drop_last ? FMNIST_PAD_DROP : FMNIST_PAD_WRAP;
    if (s->world_size == 1)
        s->pad = FMNIST_PAD_NONE;
}

/* From here on a selection is a list as any other, or nothing where it is all of the split. */
static int take_selection(struct render_plan *r, const struct selected *what, struct err *e)
{
    struct spec *s = &r->spec;
    r->labels = index_list_cache_get(r->caches->index_lists, what->key);
    if (!r->labels)
        return err_set(e, -EAGAIN, "the daemon has not made what is selected yet");
    r->label_min = r->labels->label_min;
    r->label_max = r->labels->label_max;
    s->list_count = r->labels->index_count;
    memset(s->list_digest, 0, sizeof s->list_digest);
    if (!s->list_count)
        return 0;
    memcpy(s->list_digest, r->labels->digest, sizeof s->list_digest);
    r->list = r->labels;
    return 0;
}

/* Lengths of the list's own take the place of batch_size and drop_last. */
static int take_list(struct render_plan *r, const struct selected *what, struct err *e)
{
    struct spec *s = &r->spec;
    int rc = what->is_cut ? take_selection(r, what, e) : 0;
    if (rc || !s->list_count)
        return rc;
    if (!r->list)
        r->list = index_list_cache_get(r->caches->index_lists, s->list_digest);
    if (!r->list)
        return err_set(e, -ENODATA, "the daemon does not have the list");
    const struct index_list *l = r->list;
    rc = index_list_match(l, s, e);
    if (rc)
        return rc;
    if (l->longest > SPEC_BATCH_MAX)
        return err_set(e, -EINVAL, "list_batches has a length of %u: want at most %u", l->longest,
                       SPEC_BATCH_MAX);
    if (l->ends) {
        s->batch_size = l->longest;
        s->drop_last = 0;
    }
    return list_check_index(l->largest_at, l->indices[l->largest_at], r->split->count, e);
}

static int check_labels(const struct render_plan *r, struct err *e)
{
    if (r->spec.label_dtype == FMNIST_UINT8 && (r->label_min < 0 || r->label_max > 255))
        return err_set(e, -EINVAL, "label-dtype uint8: labels of \"%s\" run from %d to %d",
                       r->spec.dataset, r->label_min, r->label_max);
    return 0;
}

_Static_assert(SPEC_LIST_MAX <= SAMPLER_COUNT_MAX, "every list can be sampled");

static int make_sampler(struct render_plan *r, struct err *e)
{
    const struct spec *s = &r->spec;
    r->sampler = (struct sampler){
        .order = s->order,
        .seed = s->seed,
        .count = r->list ? r->list->index_count : r->split->count,
        .rank = s->rank,
        .world_size = s->world_size,
        .pad = s->pad,
        .batch_size = s->batch_size,
        .drop_last = s->drop_last,
        .list = r->list ? r->list->indices : NULL,
        .ends = r->list ? r->list->ends : NULL,
        .end_count = r->list ? r->list->batch_count : 0,
    };
    return sampler_init(&r->sampler, e);
}

/* Samples in all from which on translations of addresses are worth loading first, and a second
 * worker's memory accesses beside the first one's. Measured: with less of them that costs up to a
 * tenth, with 6 GB the first more than halves the time of a gather, and the second takes a seventh
 * off. */
#define EXCEEDS_CACHE_BYTES (UINT64_C(256) << 20)

static int find_samples(struct render_plan *r, struct err *e)
{
    const struct spec *s = &r->spec;
    int rc = sample_cache_get(r->caches->samples, r->split, s->resize, s->height, s->width,
                              &r->entry, e);
    if (rc)
        return rc;
    r->image_bytes = r->augment ? augment_sample_bytes(r->augment) : sample_entry_bytes(r->entry);
    r->sample_bytes = r->image_bytes * r->views;
    r->work_ns = (uint64_t)s->height * s->width * r->split->channels; /* resizing: 1 ns each */
    if (r->augment)
        r->work_ns += r->views * augment_work_ns(r->augment);
    r->exceeds_cache = r->split->count * sample_entry_bytes(r->entry) > EXCEEDS_CACHE_BYTES;
    r->slot_samples =
        r->sampler.shard_count < s->batch_size ? (uint32_t)r->sampler.shard_count : s->batch_size;
    return 0;
}

int render_plan_new(struct render_plan **out, const struct spec *spec, struct dataset *dataset,
                    struct render_caches *caches, struct err *e)
{
    struct selected what;
    int rc = selection_find(&what, NULL, spec, dataset, e);
    if (rc)
        return rc;
    const struct dataset_split *split = what.split;
    struct render_plan *r = calloc(1, sizeof *r);
    if (!r)
        return err_set(e, -ENOMEM, "out of memory");
    atomic_init(&r->users, 1);
    r->spec = *spec;
    r->dataset = dataset_get(dataset);
    r->split = split;
    r->label_min = split->label_min;
    r->label_max = split->label_max;
    r->caches = caches;
    rc = take_list(r, &what, e);
    resolve_order(&r->spec);
    if (!rc)
        rc = resolve_size(&r->spec, split, e);
    if (!rc)
        rc = resolve_augment(r, e);
    if (!rc)
        rc = resolve_channels(&r->spec, r->final.channels, e);
    if (!rc)
        rc = check_labels(r, e);
    if (!rc)
        rc = make_sampler(r, e);
    if (!rc)
        rc = find_samples(r, e);
    if (rc) {
        render_plan_free(r);
        return rc;
    }
    render_plan_hash(r);
    *out = r;
    return 0;
}

/* Rows between two looks at the clock: 100 µs at most. */
#define CHECK_ROWS 512u

int render_plan_check(struct render_plan *r, struct err *e)
{
    uint64_t end_ns = clock_ns() + RENDER_CHECK_NS;
    while (r->unchecked_rows) {
        uint64_t first = r->list->index_count * r->spec.views - r->unchecked_rows;
        uint64_t count = r->unchecked_rows < CHECK_ROWS ? r->unchecked_rows : CHECK_ROWS;
        int rc = augment_check_rows(r->augment, r->list->values, first, count, e);
        if (rc)
            return rc;
        r->unchecked_rows -= count;
        if (clock_ns() >= end_ns)
            break;
    }
    return r->unchecked_rows == 0;
}

struct render_plan *render_plan_share(struct render_plan *r)
{
    if (r)
        atomic_fetch_add(&r->users, 1);
    return r;
}

void render_caches_put_dataset(struct render_caches *k, struct dataset *d)
{
    if (!d || !dataset_put(d))
        return;
    for (int i = 0; i < DATASET_SPLITS; i++)
        sample_cache_forget(k->samples, &d->splits[i]);
    dataset_close(d);
}

void render_plan_free(struct render_plan *r)
{
    if (!r || atomic_fetch_sub(&r->users, 1) > 1)
        return;
    sample_entry_put(r->entry);
    augment_plan_free(r->augment);
    index_list_cache_put(r->caches->index_lists, r->labels ? r->labels : r->list);
    render_caches_put_dataset(r->caches, r->dataset);
    free(r);
}
