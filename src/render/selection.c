/* SPDX-License-Identifier: MIT */
/* Makes a list of what a spec selects. What the steps of a cut do is cut/'s; what a list is checked
 * for is index_list_check.c's. */
#include "render/selection.h"

#include "base/clock.h"
#include "base/near.h"
#include "render/caches_memory.h"
#include "render/index_list_check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define STEP_NS 1000000u
/* Images between two looks at the clock: half a millisecond where memory is far and busy. */
#define PIECE UINT64_C(512)

/* ---- what is asked for --------------------------------------------------------------------- */

static const struct dataset_split *find_split(const struct dataset *d, const char *name, size_t n)
{
    for (int i = 0; i < DATASET_SPLITS; i++)
        if (d->splits[i].count && !strncmp(name, d->splits[i].name, n) && !d->splits[i].name[n])
            return &d->splits[i];
    return NULL;
}

static int refuse_split(const struct dataset *d, const char *name, struct err *e)
{
    char list[ERR_TEXT_SIZE] = "";
    const char *near = NULL;
    unsigned least = NEAR_WORD;
    for (int i = 0; i < DATASET_SPLITS; i++) {
        if (!d->splits[i].count)
            continue;
        size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s%s", used ? ", " : "", d->splits[i].name);
        if (near_takes(name, d->splits[i].name, &least))
            near = d->splits[i].name;
    }
    return err_set(e, -ENOENT, "dataset \"%s\" has no split \"%s\"%s%s%s; it has: %s", d->name,
                   name, near ? " (is it \"" : "", near ? near : "", near ? "\"?)" : "", list);
}

/* Of the stored split's content and all texts: other words for the same images are another key, and
 * come to the same list's digest. */
static void make_key(struct selected *s, const char *cut, const struct spec *spec)
{
    struct {
        uint8_t split[16], list[LIST_DIGEST_SIZE];
        char cut[CUT_TEXT_SIZE], slices[SPEC_NAME_SIZE], select[SPEC_SELECT_SIZE];
    } all;
    memset(&all, 0, sizeof all);
    memcpy(all.split, s->split->digest, sizeof all.split);
    memcpy(all.list, spec->list_digest, sizeof all.list);
    snprintf(all.cut, sizeof all.cut, "%s", cut);
    snprintf(all.slices, sizeof all.slices, "%s", spec->split + cut_name_length(spec->split));
    snprintf(all.select, sizeof all.select, "%s", spec->select);
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits(&all, sizeof all));
    memcpy(s->key, canonical.digest, sizeof s->key);
}

static int read_texts(struct cut *cut, const char *config, const struct spec *spec, struct err *e)
{
    cut->step_count = 0;
    int rc = cut_add_selection(cut, config, e);
    if (!rc)
        rc = cut_add_split(cut, spec->split, e);
    return rc ? rc : cut_add_selection(cut, spec->select, e);
}

int selection_find(struct selected *out, struct cut *cut, const struct spec *spec,
                   const struct dataset *dataset, struct err *e)
{
    size_t n = cut_name_length(spec->split);
    const struct dataset_split *named = find_split(dataset, spec->split, n);
    char name[SPEC_NAME_SIZE] = "";
    memcpy(name, spec->split, n);
    if (!named)
        return refuse_split(dataset, name, e);
    *out = (struct selected){.split = dataset_stored(dataset->splits, named)};
    if (!dataset_split_is_whole(out->split))
        return dataset_check(dataset, e);
    const char *config = named->cut ? named->cut : "";
    out->is_cut = *config || spec->split[n] || *spec->select;
    if (out->is_cut)
        make_key(out, config, spec);
    return cut && out->is_cut ? read_texts(cut, config, spec, e) : 0;
}

/* ---- making it ----------------------------------------------------------------------------- */

struct selection {
    struct render_caches *caches;
    const struct dataset *dataset;     /* borrowed */
    const struct dataset_split *split; /* that is cut */
    struct spec spec;
    uint8_t key[LIST_DIGEST_SIZE];
    uint64_t taken_bytes; /* of the budget */
    struct cut_maker *maker;
    const struct index_list *own; /* a use of the client's; NULL: it has none */
    struct cut_made made;
    uint32_t *numbers; /* of both, while they are put together */
    uint64_t put;
    struct index_list_check *check;
};

/* Of the table that says what labels become, which is the list's in the end. */
static uint64_t table_bytes(const struct dataset_split *split)
{
    int64_t span = (int64_t)split->label_max - split->label_min + 1;
    return split->label_count || span > CUT_LABEL_SPAN ? 0 : (uint64_t)span * sizeof(int32_t);
}

uint64_t selection_bytes(const struct spec *spec, const struct dataset_split *split)
{
    return CUT_MAKER_IMAGE_BYTES * split->count + table_bytes(split) +
           sizeof(uint32_t) *
               list_numbers(spec->list_count, spec->list_batch_count, spec->list_value_count);
}

static struct cut_source source_of(const struct dataset_split *split)
{
    return (struct cut_source){.count = split->count,
                               .labels = split->label_count ? NULL : split->labels,
                               .label_min = split->label_min,
                               .label_max = split->label_max};
}

static int begin(struct selection *s, const struct dataset *dataset, struct err *e)
{
    struct cut *cut = calloc(1, sizeof *cut);
    struct selected what;
    if (!cut)
        return err_set(e, -ENOMEM, "out of memory");
    int rc = selection_find(&what, cut, &s->spec, dataset, e);
    if (rc)
        goto free_cut;
    s->split = what.split;
    memcpy(s->key, what.key, sizeof s->key);
    if (s->spec.list_count) {
        s->own = index_list_cache_get(s->caches->index_lists, s->spec.list_digest);
        rc = s->own ? index_list_match(s->own, &s->spec, e) : SELECTION_WANTS_LIST;
    }
    if (rc)
        goto free_cut;
    uint64_t bytes = selection_bytes(&s->spec, what.split);
    rc = render_caches_take(s->caches, "a selection", bytes, e);
    if (rc)
        goto free_cut;
    s->taken_bytes = bytes;
    const struct cut_source source = source_of(what.split);
    rc = cut_maker_new(&s->maker, cut, &source, e);
free_cut:
    free(cut);
    return rc;
}

int selection_new(struct selection **out, const struct spec *spec, const struct dataset *dataset,
                  struct render_caches *caches, struct err *e)
{
    struct selection *s = calloc(1, sizeof *s);
    if (!s)
        return err_set(e, -ENOMEM, "out of memory");
    s->caches = caches;
    s->dataset = dataset;
    s->spec = *spec;
    int rc = begin(s, dataset, e);
    if (rc) {
        selection_free(s);
        return rc;
    }
    *out = s;
    return 0;
}

void selection_free(struct selection *s)
{
    if (!s)
        return;
    budget_give(s->caches->budget, s->taken_bytes);
    cut_maker_free(s->maker);
    index_list_cache_put(s->caches->index_lists, s->own);
    free(s->made.indices);
    free(s->made.table);
    free(s->numbers);
    index_list_check_free(s->check);
    free(s);
}

/* What the client's list has beside indices, in the order in which it travelled. */
static void copy_rest(struct selection *s)
{
    const struct index_list *own = s->own;
    uint32_t *to = s->numbers + own->index_count;
    for (uint64_t i = 0; i < own->batch_count; i++)
        *to++ = own->ends[i] - (i ? own->ends[i - 1] : 0);
    if (own->values)
        memcpy(to, own->values, own->index_count * own->value_count * sizeof *to);
}

/* A subset of a subset: the client's numbers are places in what was selected. */
static int put_together(struct selection *s, struct err *e)
{
    const struct index_list *own = s->own;
    if (!s->numbers) {
        int rc = list_check_index(own->largest_at, own->indices[own->largest_at], s->made.count, e);
        if (rc)
            return err_prefix(e, rc, "of what is selected");
        s->numbers = malloc(list_numbers(own->index_count, own->batch_count, own->value_count) *
                            sizeof *s->numbers);
        if (!s->numbers)
            return err_set(e, -ENOMEM, "out of memory");
    }
    uint64_t end = s->put + PIECE < own->index_count ? s->put + PIECE : own->index_count;
    for (; s->put < end; s->put++) {
        uint32_t place = own->indices[s->put];
        s->numbers[s->put] = s->made.indices ? s->made.indices[place] : place;
    }
    if (s->put < own->index_count)
        return 0;
    copy_rest(s);
    return 1;
}

/* A list of these numbers, which are its own then. */
static int begin_check(struct selection *s, struct err *e)
{
    struct spec *spec = &s->spec;
    uint32_t **numbers = s->own ? &s->numbers : &s->made.indices;
    if (!s->own)
        spec->list_count = s->made.indices ? s->made.count : 0;
    int rc = index_list_check_new(&s->check, spec, *numbers, e);
    if (rc)
        return rc;
    *numbers = NULL;
    struct index_list *l = &s->check->list;
    memcpy(l->key, s->key, sizeof l->key);
    s->check->is_made = true;
    s->check->labels = s->made.table;
    l->labels = s->made.table;
    l->label_first = s->made.table_first;
    l->label_count = s->made.table ? s->made.table_count : 0;
    l->label_min = s->made.label_min;
    l->label_max = s->made.label_max;
    s->made.table = NULL;
    return 0;
}

/* What was made of labels that are not whole is nobody's: the list would be found by its key once
 * the split is there again. */
static int check_whole(const struct selection *s, struct err *e)
{
    return dataset_split_is_whole(s->split) ? 0 : dataset_check(s->dataset, e);
}

/* The memory of the list that is there goes with it; the rest of what was taken is given back. */
static int keep(struct selection *s, const struct index_list **out, struct err *e)
{
    int rc = check_whole(s, e);
    if (!rc)
        rc = index_list_cache_add(s->caches->index_lists, s->check, out, e);
    if (rc)
        return rc;
    bool is_new = !s->check->numbers && !s->check->labels;
    uint64_t bytes = is_new ? index_list_bytes(*out) : 0;
    budget_give(s->caches->budget, s->taken_bytes - bytes);
    s->taken_bytes = 0;
    return 1;
}

/* Returns 1 where the numbers are checked. */
static int check_piece(struct selection *s, struct err *e)
{
    if (!s->check) {
        int rc = begin_check(s, e);
        if (rc)
            return rc;
    }
    return s->check->list.index_count ? index_list_check_step(s->check, e) : 1;
}

static int make_piece(struct selection *s, struct err *e)
{
    int rc = cut_maker_step(s->maker, PIECE, e);
    if (rc <= 0)
        return rc;
    cut_maker_take(s->maker, &s->made);
    cut_maker_free(s->maker);
    s->maker = NULL;
    return 0;
}

int selection_step(struct selection *s, const struct index_list **out, struct err *e)
{
    uint64_t end_ns = clock_ns() + STEP_NS;
    int rc = 0;
    while (!rc && clock_ns() < end_ns) {
        if (s->maker) {
            rc = make_piece(s, e);
            continue;
        }
        if (s->own && !s->check && (!s->numbers || s->put < s->own->index_count)) {
            rc = put_together(s, e);
            rc = rc < 0 ? rc : 0;
            continue;
        }
        rc = check_piece(s, e);
        if (rc == 1)
            return keep(s, out, e);
    }
    int broken = rc ? check_whole(s, e) : 0;
    return broken ? broken : rc;
}
