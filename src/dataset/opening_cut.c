/* SPDX-License-Identifier: MIT */
/* A split that is cut from another: counted by cutting it once. Opens no file. */
#include "dataset/opening.h"

#include "base/bytes.h"
#include "cut/make.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/* Images between two beats of the pulse: 5 ms at most. */
#define PIECE UINT64_C(100000)

static int make(const struct opening *o, const struct cut *cut, const struct dataset_split *from,
                struct cut_made *made, struct err *e)
{
    const struct cut_source source = {.count = from->count,
                                      .labels = from->label_count ? NULL : from->labels,
                                      .label_min = from->label_min,
                                      .label_max = from->label_max};
    struct cut_maker *m;
    int rc = cut_maker_new(&m, cut, &source, e);
    if (rc)
        return rc;
    while (!rc) {
        rc = pulse_beat(&((struct opening *)o)->pulse, e);
        if (!rc)
            rc = cut_maker_step(m, PIECE, e);
    }
    if (rc > 0)
        cut_maker_take(m, made);
    cut_maker_free(m);
    return rc < 0 ? rc : 0;
}

/* Of the stored content and of what is cut of it: other words for the same images are the same. */
static void digest(struct dataset_split *s, const struct dataset_split *from,
                   const struct cut_made *made)
{
    uint64_t count = made->indices ? made->count : 0;
    XXH128_hash_t h = XXH3_128bits(from->digest, sizeof from->digest);
    if (count)
        h = XXH3_128bits_withSeed(made->indices, count * sizeof *made->indices, h.low64);
    if (made->table)
        h = XXH3_128bits_withSeed(made->table, made->table_count * sizeof *made->table, h.low64);
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, h);
    if (count || made->table)
        memcpy(s->digest, canonical.digest, sizeof s->digest);
}

static void describe(struct dataset_split *s, const struct dataset_split *from,
                     const struct cut_made *made)
{
    s->count = made->count;
    s->height = from->height;
    s->width = from->width;
    s->channels = from->channels;
    s->label_count = from->label_count;
    s->label_min = made->label_min;
    s->label_max = made->label_max;
    s->relabelled = made->table != NULL;
    memcpy(s->digest, from->digest, sizeof s->digest);
    digest(s, from, made);
}

static int find_from(const struct dataset *d, const char *name)
{
    int at = 0;
    while (at < DATASET_SPLITS &&
           (!d->splits[at].count || d->splits[at].cut || strcmp(d->splits[at].name, name) != 0))
        at++;
    return at < DATASET_SPLITS ? at : -1;
}

static int open_cut(struct opening *o, const char *name, const char *text, struct dataset_split *s,
                    const struct dataset_split *from, struct err *e)
{
    struct cut *cut = calloc(1, sizeof *cut);
    struct cut_made made = {0};
    uint64_t bytes = from->count * CUT_MAKER_IMAGE_BYTES;
    if (!cut)
        return err_set(e, -ENOMEM, "out of memory");
    int rc = cut_add_selection(cut, text, e);
    if (!rc && !budget_take(o->options->budget, bytes))
        rc = budget_refuse(o->options->budget, "cutting a split", bytes, e);
    if (!rc) {
        rc = make(o, cut, from, &made, e);
        budget_give(o->options->budget, bytes);
    }
    free(cut);
    if (rc)
        return rc;
    describe(s, from, &made);
    free(made.indices);
    free(made.table);
    s->cut = strdup(text);
    if (!s->cut) {
        s->count = 0;
        return err_set(e, -ENOMEM, "out of memory");
    }
    snprintf(s->name, sizeof s->name, "%s", name);
    return 0;
}

int opening_cut(struct opening *o, int split, struct dataset *d, struct err *e)
{
    const char *name = dataset_split_name(o->source, split);
    const char *from = o->source->splits[split].from, *text = o->source->splits[split].cut;
    if (!text)
        return 0;
    int at = find_from(d, from);
    if (at < 0)
        return err_set(e, -ENOENT, "%s: it is cut from \"%s\", which the dataset does not have",
                       name, from);
    int rc = open_cut(o, name, text, &d->splits[split], &d->splits[at], e);
    if (rc)
        return err_prefix(e, rc, "%s, cut from %s", name, from);
    d->splits[split].from = at;
    return 0;
}
