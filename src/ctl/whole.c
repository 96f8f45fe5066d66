/* SPDX-License-Identifier: MIT */
/* A whole dataset: from a daemon by a stream of the split in its order, from a folder as it is
 * mapped. */
#include "ctl/whole.h"

#include "ctl/whole_folder.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static bool names_folder(const char *word)
{
    return strchr(word, '/') || !strcmp(word, ".") || !strcmp(word, "..");
}

const char *whole_class(const struct whole *w, int64_t label)
{
    return label >= 0 && label < w->class_count ? w->classes[label] : NULL;
}

/* ---- a folder's ---------------------------------------------------------------------------- */

static int open_folder(struct whole *w, const char *word, struct err *e)
{
    w->opened = calloc(1, sizeof *w->opened);
    if (!w->opened)
        return err_set(e, -ENOMEM, "out of memory");
    int rc = whole_folder_open(w->opened, word, e);
    if (rc)
        return err_prefix(e, rc, "%s", word);
    const struct dataset *d = w->opened->dataset;
    w->folder = w->opened->path;
    snprintf(w->name, sizeof w->name, "%s", d->name);
    w->classes = (const char *const *)d->classes;
    w->class_count = d->class_count;
    for (int i = 0; i < DATASET_SPLITS; i++) {
        const struct dataset_split *s = &d->splits[i];
        if (!s->count || s->cut)
            continue; /* a part has no images of its own */
        struct whole_split *out = &w->splits[w->split_count++];
        *out = (struct whole_split){.name = s->name,
                                    .count = s->count,
                                    .height = s->height,
                                    .width = s->width,
                                    .channels = s->channels,
                                    .label_columns = s->label_count,
                                    .named = d->class_count,
                                    .from = -1};
        memcpy(out->digest, s->digest, sizeof out->digest);
    }
    return 0;
}

static const struct dataset_split *folder_split(const struct whole *w, size_t split)
{
    const struct dataset_split *s = w->opened->dataset->splits;
    while (!s->count || strcmp(s->name, w->splits[split].name) != 0)
        s++;
    return s;
}

static size_t image_bytes(const struct whole_split *s)
{
    return (size_t)s->height * s->width * s->channels;
}

static uint64_t step_images(const struct whole_split *s)
{
    uint64_t n = WHOLE_STEP_BYTES / image_bytes(s);
    return n ? n : 1;
}

/* Labels of a step. NULL without memory. */
static const int32_t *folder_labels(struct whole *w, const struct dataset_split *s, uint64_t first,
                                    uint64_t count)
{
    if (!s->label_rows)
        return s->labels + first;
    size_t n = (size_t)count * s->label_count;
    int32_t *rows = realloc(w->opened->rows, n * sizeof *rows);
    if (!rows)
        return NULL;
    w->opened->rows = rows;
    for (size_t i = 0; i < n; i++)
        rows[i] = s->label_rows[first * s->label_count + i];
    return rows;
}

static int give_folder(struct whole *w, size_t split, uint64_t first, uint64_t count,
                       int (*take)(void *, const struct whole_step *, struct err *), void *me,
                       struct err *e)
{
    const struct dataset_split *s = folder_split(w, split);
    struct whole_step step = {.first = first,
                              .count = count,
                              .images = s->images + first * image_bytes(&w->splits[split]),
                              .labels = folder_labels(w, s, first, count)};
    if (!step.labels)
        return err_set(e, -ENOMEM, "no memory for labels");
    int rc = take(me, &step, e);
    /* Behind the last byte that was read. */
    return rc ? rc : dataset_check(w->opened->dataset, e);
}

/* ---- a daemon's ---------------------------------------------------------------------------- */

static size_t find_split(const struct whole *w, const char *name)
{
    size_t i = 0;
    while (i < w->split_count && (!name || strcmp(w->splits[i].name, name) != 0))
        i++;
    return i;
}

/* Which splits are parts of which: the daemon's status says it. */
static int find_parts(struct whole *w, struct err *e)
{
    char *text = NULL;
    size_t i;
    json_t *entry;
    if (fmnist_status(w->client, &text))
        return err_set(e, -EIO, "%s", fmnist_error());
    json_t *all = json_loads(text, 0, NULL);
    free(text);
    if (!all)
        return err_set(e, -EIO, "the daemon's status is no JSON, or memory is short");
    json_array_foreach (json_object_get(all, "datasets"), i, entry) {
        const char *name = json_string_value(json_object_get(entry, "name"));
        size_t part = find_split(w, json_string_value(json_object_get(entry, "split")));
        size_t from = find_split(w, json_string_value(json_object_get(entry, "from")));
        if (name && !strcmp(name, w->name) && part < w->split_count && from < w->split_count)
            w->splits[part].from = (int)from;
    }
    json_decref(all);
    return 0;
}

static int open_served(struct whole *w, const char *word, struct err *e)
{
    w->client = ctl_connect(w->in);
    if (!w->client)
        return -ECANCELED;
    if (fmnist_datasets(w->client, &w->datasets))
        return err_set(e, -EIO, "%s", fmnist_error());
    const struct fmnist_dataset *d;
    for (size_t i = 0; (d = fmnist_datasets_at(w->datasets, i)) != NULL; i++) {
        if (strcmp(d->name, word) != 0 || w->split_count == WHOLE_SPLITS_MAX)
            continue;
        struct whole_split *out = &w->splits[w->split_count++];
        *out = (struct whole_split){.name = d->split,
                                    .count = d->count,
                                    .height = d->height,
                                    .width = d->width,
                                    .channels = d->channels,
                                    .label_columns = fmnist_datasets_label_count(w->datasets, i),
                                    .named = d->class_count,
                                    .from = -1};
        memcpy(out->digest, d->digest, sizeof out->digest);
        if (!w->class_count) {
            w->classes = d->class_names;
            w->class_count = d->class_count;
        }
    }
    snprintf(w->name, sizeof w->name, "%s", word);
    if (!w->split_count)
        return err_set(e, -EINVAL,
                       "no dataset \"%s\" is served (fmnistctl datasets lists them); a folder is "
                       "named with a slash: ./%s",
                       word, word);
    return find_parts(w, e);
}

static struct fmnist_spec spec_of(const struct whole *w, size_t split)
{
    const struct whole_split *s = &w->splits[split];
    struct fmnist_spec spec;
    fmnist_spec_init(&spec);
    spec.dataset = w->name;
    spec.split = s->name;
    spec.resize = FMNIST_RESIZE_NONE;
    spec.dtype = FMNIST_UINT8;
    spec.layout = FMNIST_NHWC;
    spec.label_dtype = FMNIST_INT32;
    spec.label_count = FMNIST_LABELS_ANY;
    spec.batch_size = (uint32_t)step_images(s);
    spec.epochs = 1;
    return spec;
}

/* Batches of one split to take(): `one`, each image alone. */
static int give_stream(const struct whole *w, struct fmnist_stream *stream, uint64_t want, bool one,
                       int (*take)(void *, const struct whole_step *, struct err *), void *me,
                       struct err *e)
{
    struct fmnist_stream_info info = {.size = sizeof info};
    struct fmnist_batch b;
    uint64_t got = 0, taken = 0;
    int rc = 0, next;
    if (fmnist_stream_info(stream, &info))
        return err_set(e, -EIO, "%s", fmnist_error());
    const struct invocation all = {.socket = w->in->socket};
    while (!rc && (next = ctl_next(&all, stream, &taken, &b)) == 1) {
        uint64_t many = one ? 1 : b.count;
        for (uint64_t i = 0; i < b.count && !rc; i += many) {
            struct whole_step step = {.first = got + i,
                                      .indices = b.indices + i,
                                      .count = many,
                                      .images = (const uint8_t *)b.images + i * info.image_bytes,
                                      .labels = (const int32_t *)b.labels +
                                                i * (info.label_bytes / sizeof(int32_t))};
            rc = take(me, &step, e);
        }
        got += b.count;
        fmnist_release(stream, &b);
    }
    if (!rc && next < 0)
        return -ECANCELED;
    if (!rc && got != want)
        return err_set(e, -EIO, "the stream ended behind %llu of %llu images",
                       (unsigned long long)got, (unsigned long long)want);
    return rc;
}

/* What is served may be another dataset of the name by now: its digest says so. */
static int same_data(struct whole *w, size_t split, struct err *e)
{
    struct fmnist_datasets *now;
    if (fmnist_datasets(w->client, &now))
        return err_set(e, -EIO, "%s", fmnist_error());
    const struct fmnist_dataset *d = fmnist_datasets_find(now, w->name, w->splits[split].name);
    bool same = d && !memcmp(d->digest, w->splits[split].digest, sizeof d->digest);
    fmnist_datasets_free(now);
    return same ? 0
                : err_set(e, -EIO, "%s/%s is not what it was: the daemon's config was read again",
                          w->name, w->splits[split].name);
}

static int give_served(struct whole *w, size_t split, const struct fmnist_spec *spec, bool one,
                       int (*take)(void *, const struct whole_step *, struct err *), void *me,
                       struct err *e)
{
    struct fmnist_stream *stream;
    if (fmnist_open(w->client, spec, NULL, &stream))
        return err_set(e, -EIO, "%s", fmnist_error());
    int rc = same_data(w, split, e);
    if (!rc)
        rc = give_stream(w, stream, one ? spec->list_count : w->splits[split].count, one, take, me,
                         e);
    fmnist_close(stream);
    return rc;
}

/* ---- both ---------------------------------------------------------------------------------- */

int whole_open(struct whole *w, const struct invocation *in, const char *word, struct err *e)
{
    *w = (struct whole){.in = in};
    return names_folder(word) ? open_folder(w, word, e) : open_served(w, word, e);
}

void whole_close(struct whole *w)
{
    fmnist_datasets_free(w->datasets);
    fmnist_disconnect(w->client);
    if (w->opened)
        whole_folder_close(w->opened);
    free(w->opened);
    *w = (struct whole){0};
}

int whole_walk(struct whole *w, size_t split,
               int (*take)(void *me, const struct whole_step *step, struct err *e), void *me,
               struct err *e)
{
    const struct whole_split *s = &w->splits[split];
    if (!w->opened) {
        struct fmnist_spec spec = spec_of(w, split);
        return give_served(w, split, &spec, false, take, me, e);
    }
    int rc = 0;
    uint64_t many = step_images(s);
    for (uint64_t at = 0; at < s->count && !rc; at += many)
        rc = give_folder(w, split, at, s->count - at < many ? s->count - at : many, take, me, e);
    return rc;
}

int whole_pick(struct whole *w, size_t split, const uint32_t *indices, uint64_t count,
               int (*take)(void *me, const struct whole_step *step, struct err *e), void *me,
               struct err *e)
{
    int rc = 0;
    if (!w->opened && count) {
        struct fmnist_spec spec = spec_of(w, split);
        spec.order = FMNIST_ORDER_LIST;
        spec.list = indices;
        spec.list_count = count;
        return give_served(w, split, &spec, true, take, me, e);
    }
    for (uint64_t i = 0; i < count && !rc; i++)
        rc = give_folder(w, split, indices[i], 1, take, me, e);
    return rc;
}
