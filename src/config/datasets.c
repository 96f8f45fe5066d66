/* SPDX-License-Identifier: MIT */
/* The datasets of a config: names, folders, files and classes, of their entries and of the
 * dataset.yaml in their folders. Opens nothing of a dataset. */
#include "config/cuts.h"
#include "config/dataset_file.h"
#include "config/description.h"

#include "dataset/known.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLASS_MAX 255u

static const struct tree_node *member(const struct description *from, const char *key)
{
    return tree_member(from->tree, from->node, key);
}

static int refuse(const struct description *from, const struct tree_node *n, const char *key)
{
    return description_refuse_as(from, n, key, key);
}

static int take_text(const struct config_loader *l, const char *text, const char **out)
{
    *out = strdup(text);
    return *out ? 0 : config_loader_no_memory(l);
}

/* ---- names --------------------------------------------------------------------------------- */

static int take_name(const struct description *from, const struct tree_node *n,
                     struct dataset_source *d)
{
    const struct config_loader *l = from->l;
    if (!schema_is_name(n->text))
        return refuse(from, n, "name");
    for (const struct dataset_source *other = l->c->datasets; other < d; other++)
        if (!strcmp(other->name, n->text))
            return tree_error(from->tree, n, l->e,
                              "%sname \"%s\" is here a second time; allowed: each name once",
                              from->at, n->text);
    return take_text(l, n->text, &d->name);
}

/* The entry's own name, or that of the dataset.yaml. */
static int find_name(const struct description *own, const struct description *found,
                     struct dataset_source *d)
{
    const struct tree_node *n = member(own, "name"),
                           *other = found->node ? member(found, "name") : NULL;
    if (n)
        return take_name(own, n, d);
    if (other)
        return take_name(found, other, d);
    return tree_error(own->tree, own->node, own->l->e,
                      "datasets[].name is missing, and no " DATASET_FILE_NAME
                      " in %s has one; allowed: %s",
                      d->path, config_allowed("datasets[].name"));
}

/* ---- splits -------------------------------------------------------------------------------- */

static bool leads_up(const char *name)
{
    for (const char *at = name; (at = strstr(at, "..")); at += 2)
        if ((at == name || at[-1] == '/') && (!at[2] || at[2] == '/'))
            return true;
    return false;
}

/* A file's name inside the dataset's folder; folders below it are fine. An entry is the
 * administrator's word, a dataset.yaml comes with the data. */
static int take_file(const struct description *from, const struct tree_node *split,
                     const char *name, const char *key, const char **out)
{
    const struct tree_node *n = tree_member(from->tree, split, key);
    char path[128];
    snprintf(path, sizeof path, "%ssplits.NAME.%s", from->at, key);
    if (!n)
        return tree_error(from->tree, split, from->l->e, "%ssplits.%s.%s is missing; allowed: %s",
                          from->at, name, key, schema_allowed(from->schema, path));
    bool wrong = !n->text[0] || n->text[0] == '/' || n->text[0] == '~' ||
                 n->text[strlen(n->text) - 1] == '/' || (!*from->at && leads_up(n->text));
    return wrong ? description_refuse(from, n, name, key) : take_text(from->l, n->text, out);
}

/* A split with files has no other key: it would be ignored. */
static int check_files_alone(const struct description *from, const struct tree_node *split,
                             const char *name)
{
    for (const struct tree_node *key = tree_first(from->tree, split); key;) {
        const struct tree_node *value = tree_next(from->tree, split, key);
        if (strcmp(key->text, "images") != 0 && strcmp(key->text, "labels") != 0)
            return tree_error(from->tree, key, from->l->e,
                              "%ssplits.%s: %s without from; allowed: images and labels, or from "
                              "and what of it",
                              from->at, name, key->text);
        key = tree_next(from->tree, split, value);
    }
    return 0;
}

/* The place of the split of that name: where it is, or where it may be. -1: there is none left. */
static int place_of(const struct dataset_source *d, const char *name)
{
    int place = 0;
    while (place < DATASET_SPLITS) {
        const char *taken = dataset_split_name(d, place);
        if (!taken || !strcmp(taken, name))
            return place;
        place++;
    }
    return -1;
}

static int take_split(const struct description *from, const struct tree_node *name,
                      const struct tree_node *n, struct dataset_source *d, struct cuts *cuts)
{
    int place = place_of(d, name->text);
    if (place < 0)
        return tree_error(from->tree, name, from->l->e,
                          "%ssplits: one too many, with those of the other file; allowed: %s",
                          from->at, config_allowed("datasets[].splits"));
    if (d->splits[place].images || d->splits[place].cut)
        return 0; /* the one that has the say has it */
    int rc = 0;
    if (place >= DATASET_OTHERS)
        rc = take_text(from->l, name->text, &d->splits[place].name);
    if (!rc && tree_member(from->tree, n, "from"))
        return cuts_take(cuts, from, n, place, d);
    if (!rc)
        rc = check_files_alone(from, n, name->text);
    if (!rc)
        rc = take_file(from, n, name->text, "images", &d->splits[place].images);
    return rc ? rc : take_file(from, n, name->text, "labels", &d->splits[place].labels);
}

static int take_splits(const struct description *from, struct dataset_source *d, struct cuts *cuts)
{
    const struct tree_node *splits = from->node ? member(from, "splits") : NULL;
    if (!splits)
        return 0;
    for (const struct tree_node *name = tree_first(from->tree, splits); name;) {
        const struct tree_node *value = tree_next(from->tree, splits, name);
        int rc = take_split(from, name, value, d, cuts);
        if (rc)
            return rc;
        name = tree_next(from->tree, splits, value);
    }
    return 0;
}

/* "a, b, c": the datasets that need no splits of their own. */
static const char *known_names(char *list, size_t size)
{
    size_t used = 0;
    list[0] = '\0';
    const struct known_dataset *known;
    for (size_t i = 0; (known = known_at(i)) && used < size; i++)
        used += (size_t)snprintf(list + used, size - used, "%s%s", i ? ", " : "", known->name);
    return list;
}

static int refuse_no_splits(const struct description *own, const struct dataset_source *d)
{
    char list[256];
    return tree_error(own->tree, own->node, own->l->e,
                      "dataset \"%s\" has no splits and is not known by name; allowed without: "
                      "%s, or a folder with a " DATASET_FILE_NAME " of fmnistctl import",
                      d->name, known_names(list, sizeof list));
}

/* ---- the rest ------------------------------------------------------------------------------ */

static int take_classes(const struct description *from, struct dataset_source *d)
{
    const struct tree_node *list = from->node ? member(from, "classes") : NULL;
    if (!list || d->classes)
        return 0;
    uint32_t count = 0;
    const struct tree_node *n;
    for (n = tree_first(from->tree, list); n; n = tree_next(from->tree, list, n))
        count++;
    const char **classes = calloc(count, sizeof *classes);
    if (!classes)
        return config_loader_no_memory(from->l);
    d->classes = classes;
    d->class_count = count;
    n = tree_first(from->tree, list);
    for (uint32_t i = 0; i < count; i++, n = tree_next(from->tree, list, n)) {
        size_t length = strlen(n->text);
        if (!length || length > CLASS_MAX)
            return refuse(from, n, "classes[]");
        int rc = take_text(from->l, n->text, &classes[i]);
        if (rc)
            return rc;
    }
    return 0;
}

/* 1, 0, or `before` where the description leaves it out. */
static int take_flag(const struct description *from, const char *key, int before)
{
    const struct tree_node *n = from->node && before < 0 ? member(from, key) : NULL;
    return n ? !strcmp(n->text, "true") : before;
}

static int describe(const struct description *own, const struct description *found,
                    struct dataset_source *d)
{
    const struct description *const all[] = {own, found};
    struct cuts cuts = {0};
    int rc = find_name(own, found, d);
    d->transpose = d->multi_label = -1;
    for (size_t i = 0; i < sizeof all / sizeof *all && !rc; i++) {
        rc = take_splits(all[i], d, &cuts);
        if (!rc)
            rc = take_classes(all[i], d);
        d->transpose = take_flag(all[i], "transpose", d->transpose);
        d->multi_label = take_flag(all[i], "multi_label", d->multi_label);
    }
    if (!rc && !member(own, "splits") && !found->node && !known_find(d->name))
        rc = refuse_no_splits(own, d);
    return rc ? rc : cuts_resolve(&cuts, d);
}

static int take_dataset(const struct config_loader *l, const struct tree_node *entry,
                        struct dataset_source *d)
{
    const struct description own = {l, &l->tree, entry, &config_file_schema, "datasets[]."};
    struct dataset_file file;
    char *path;
    int rc = config_loader_path(l, member(&own, "path"), "datasets[].path", &path);
    if (rc)
        return rc;
    d->path = path;
    rc = dataset_file_read(&file, d->path, l->e);
    if (rc)
        return rc;
    const struct description found = {l, &file.tree, file.tree.nodes, &dataset_file_schema, ""};
    rc = describe(&own, &found, d);
    dataset_file_free(&file);
    return rc;
}

int config_loader_datasets(const struct config_loader *l)
{
    const struct tree_node *list = config_loader_given(l, "datasets");
    const struct tree_node *entry = tree_first(&l->tree, list);
    l->c->datasets = calloc(l->raw->datasets_count, sizeof *l->c->datasets);
    l->c->dataset_lines = calloc(l->raw->datasets_count, sizeof *l->c->dataset_lines);
    if (!l->c->datasets || !l->c->dataset_lines)
        return config_loader_no_memory(l);
    for (uint32_t i = 0; i < l->raw->datasets_count; i++) {
        l->c->dataset_count = i + 1;
        int rc = take_dataset(l, entry, &l->c->datasets[i]);
        if (rc)
            return rc;
        l->c->dataset_lines[i] = tree_member(&l->tree, entry, "path")->line;
        entry = tree_next(&l->tree, list, entry);
    }
    return 0;
}
