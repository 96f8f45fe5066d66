/* SPDX-License-Identifier: MIT */
/* A dataset of its splits: that there is one, its classes, and what was published under its name.
 * How a split is opened is opening.c's. */
#include "dataset/dataset.h"

#include "dataset/find.h"
#include "dataset/known_classes.h"
#include "dataset/mapping.h"
#include "dataset/opening.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what was published -------------------------------------------------------------------- */

/* Whether the split is the published one of its name. Returns 1, or 0 with *text saying what it is
 * instead, or a negative code where it is that of another name. */
static int check_split_content(const struct opening *o, int split, const struct dataset_split *s,
                               const char **text, struct err *e)
{
    int which;
    const struct known_dataset *found = known_by_digest(s->digest, &which);
    if (found && found != o->known)
        return err_set(e, -EINVAL,
                       "%s: %s holds the published %s split of \"%s\", not of \"%s\": name it "
                       "\"%s\", or set the path to the folder of \"%s\"",
                       s->name, o->source->path, which == DATASET_TRAIN ? "train" : "test",
                       found->name, o->known->name, found->name, o->known->name);
    *text = found ? "the other split of the published data" : "not the published data";
    return (found && which == split) || !o->known->digests;
}

/* The files of MNIST and of what replaces it have the same names, so a name over the wrong folder
 * opens, and the digits are "Trouser". */
static int check_content(const struct opening *o, const struct dataset *d, struct err *e)
{
    char says[256] = "";
    size_t used = 0;
    for (int i = 0; o->known && i < KNOWN_SPLITS; i++) {
        const char *text = NULL;
        int rc = d->splits[i].count ? check_split_content(o, i, &d->splits[i], &text, e) : 1;
        if (rc < 0)
            return rc;
        if (rc == 0)
            used += (size_t)snprintf(says + used, sizeof says - used, "%s%s is %s",
                                     used ? ", " : "", d->splits[i].name, text);
    }
    if (used && o->options->warn) {
        char text[ERR_TEXT_SIZE];
        snprintf(text, sizeof text,
                 "dataset \"%s\": %s; served as it is (data of your own is better named otherwise)",
                 o->source->name, says);
        o->options->warn(o->options->note_data, text);
    }
    return 0;
}

/* ---- the dataset --------------------------------------------------------------------------- */

static int copy_classes(struct dataset *d, const char *const *classes, uint32_t count,
                        struct err *e)
{
    d->classes = calloc(count ? count : 1, sizeof *d->classes);
    if (!d->classes)
        return err_set(e, -ENOMEM, "no memory for class names");
    for (; d->class_count < count; d->class_count++) {
        d->classes[d->class_count] = strdup(classes[d->class_count]);
        if (!d->classes[d->class_count])
            return err_set(e, -ENOMEM, "no memory for class names");
    }
    return 0;
}

/* The source's own class names, or those of the set whose files these are: labels that do not fit
 * them are wrong, and refused where they are read. */
static int take_classes(const struct opening *o, struct dataset *d, struct err *e)
{
    if (o->source->classes)
        return copy_classes(d, o->source->classes, o->source->class_count, e);
    const struct known_classes *known = o->known ? known_classes_find(o->known->name) : NULL;
    return known ? copy_classes(d, known->names, known->count, e) : 0;
}

static bool labels_fit(const struct dataset_split *s, uint32_t classes)
{
    if (s->label_count)
        return s->label_count == classes;
    return !s->count || (s->label_min >= 0 && (uint32_t)s->label_max < classes);
}

/* Of a name that says what the classes are and nothing of the files, once they are open. Data of
 * somebody's own may have that name, too: its labels then have none. */
static int guess_classes(const struct opening *o, struct dataset *d, struct err *e)
{
    if (o->source->classes || o->known)
        return 0;
    const struct known_classes *known = known_classes_find(o->source->name);
    for (int i = 0; known && i < DATASET_SPLITS; i++)
        if (!d->splits[i].cut && !labels_fit(&d->splits[i], known->count)) {
            opening_note(o,
                         "dataset \"%s\": %s has not the labels of the %u classes of that name: "
                         "they have no names",
                         o->source->name, d->splits[i].name, (unsigned)known->count);
            known = NULL;
        }
    return known ? copy_classes(d, known->names, known->count, e) : 0;
}

static int open_all(struct opening *o, struct dataset *d, struct err *e)
{
    const struct dataset_source *source = o->source;
    if (strlen(source->name) >= sizeof d->name || !*source->name)
        return err_set(e, -EINVAL, "the name has %zu bytes, want 1 to %zu", strlen(source->name),
                       sizeof d->name - 1);
    strcpy(d->name, source->name);
    o->known = known_find(source->name);
    int rc = take_classes(o, d, e);
    if (rc < 0)
        return rc;
    if (o->options->cache && cache_open(&o->cache, o->options->cache, e) < 0)
        opening_note(o, "dataset \"%s\": no cache, held in memory: %s", source->name, e->text);
    bool any = false;
    for (int i = 0; i < DATASET_SPLITS; i++) {
        rc = opening_split(o, i, d, e);
        if (rc < 0)
            return rc;
        any |= d->splits[i].count > 0;
    }
    for (int i = 0; i < DATASET_SPLITS; i++) {
        rc = opening_cut(o, i, d, e);
        if (rc < 0)
            return rc;
    }
    if (!any)
        return find_tell_nothing(source, o->known, e);
    rc = guess_classes(o, d, e);
    return rc < 0 ? rc : check_content(o, d, e);
}

int dataset_open(const struct dataset_source *source, const struct dataset_options *options,
                 struct dataset **out, struct err *e)
{
    struct err unheard;
    if (!e)
        e = &unheard; /* notes are made of it */
    *out = NULL;
    struct opening o = {.source = source,
                        .options = options,
                        .cache = {.dir = -1},
                        .pulse = {.cancel = options->cancel, .lock = -1}};
    struct dataset *d = calloc(1, sizeof *d);
    if (!d)
        return err_set(e, -ENOMEM, "no memory for a dataset");
    int rc = open_all(&o, d, e);
    cache_close(&o.cache);
    if (rc < 0) {
        dataset_close(d);
        return err_prefix(e, rc, "opening dataset \"%s\"", source->name);
    }
    atomic_init(&d->users, 1);
    *out = d;
    return 0;
}

bool dataset_split_is_whole(const struct dataset_split *s)
{
    return mapping_is_whole(s->mapping);
}

int dataset_check(const struct dataset *d, struct err *e)
{
    for (int i = 0; i < DATASET_SPLITS; i++) {
        const struct dataset_split *s = &d->splits[i];
        if (!s->cut && !dataset_split_is_whole(s))
            return err_set(e, -EIO,
                           "dataset \"%s\" %s: %s%s was changed or cannot be read any more: "
                           "fmnistctl reload builds it again",
                           d->name, s->name, s->file ? "the cache file " : "memory",
                           s->file ? s->file : "");
    }
    return 0;
}

bool dataset_tell_first(struct dataset *d)
{
    return !atomic_exchange(&d->told, true);
}

struct dataset *dataset_get(struct dataset *d)
{
    atomic_fetch_add(&d->users, 1);
    return d;
}

bool dataset_put(struct dataset *d)
{
    return atomic_fetch_sub(&d->users, 1) == 1;
}

void dataset_close(struct dataset *d)
{
    if (!d)
        return;
    for (int i = 0; i < DATASET_SPLITS; i++) {
        free(d->splits[i].cut); /* before all of it is forgotten */
        cache_unmap(&d->splits[i]);
    }
    for (uint32_t i = 0; i < d->class_count; i++)
        free(d->classes[i]);
    free(d->classes);
    free(d);
}
