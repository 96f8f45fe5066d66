/* The datasets of a config: names, folders, files and classes. Does not open anything. */
#include "config/loader.h"

#include "dataset/known.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLASS_MAX 255u

static int take_text(const struct config_loader *l, const char *text, const char **out)
{
    *out = strdup(text);
    return *out ? 0 : config_loader_no_memory(l);
}

static bool is_control(unsigned char c)
{
    return c < 0x20 || c == 0x7f;
}

static int take_name(const struct config_loader *l, const struct tree_node *n,
                     struct dataset_source *d)
{
    const char *name = n->text;
    size_t length = strlen(name);
    bool good = length >= 1 && length < DATASET_NAME_SIZE && name[0] != '.';
    for (size_t i = 0; i < length; i++)
        good = good && name[i] != '/' && !is_control((unsigned char)name[i]);
    if (!good)
        return config_loader_refuse(l, n, "datasets[].name");
    for (const struct dataset_source *other = l->c->datasets; other < d; other++)
        if (!strcmp(other->name, name))
            return tree_error(
                &l->tree, n, l->e,
                "datasets[].name \"%s\" is here a second time; allowed: each name once", name);
    return take_text(l, name, &d->name);
}

/* A file's name inside the dataset's folder; folders below it are fine. */
static int take_file(const struct config_loader *l, const struct tree_node *n, const char *path,
                     const char **out)
{
    if (!n->text[0] || n->text[0] == '/' || n->text[0] == '~' ||
        n->text[strlen(n->text) - 1] == '/')
        return config_loader_refuse(l, n, path);
    return take_text(l, n->text, out);
}

static int take_split(const struct config_loader *l, const struct tree_node *splits, int split,
                      struct dataset_source *d)
{
    static const char *const images[] = {"datasets[].splits.train.images",
                                         "datasets[].splits.test.images"};
    static const char *const labels[] = {"datasets[].splits.train.labels",
                                         "datasets[].splits.test.labels"};
    const struct tree_node *n = tree_member(&l->tree, splits, dataset_split_names[split]);
    if (!n)
        return 0;
    int rc =
        take_file(l, tree_member(&l->tree, n, "images"), images[split], &d->splits[split].images);
    if (rc)
        return rc;
    return take_file(l, tree_member(&l->tree, n, "labels"), labels[split],
                     &d->splits[split].labels);
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

static int take_splits(const struct config_loader *l, const struct tree_node *entry,
                       struct dataset_source *d)
{
    const struct tree_node *splits = tree_member(&l->tree, entry, "splits");
    if (!splits && !known_find(d->name)) {
        char list[256];
        return tree_error(&l->tree, entry, l->e,
                          "dataset \"%s\" has no splits and is not known by name; allowed without: "
                          "%s",
                          d->name, known_names(list, sizeof list));
    }
    if (splits && !tree_first(&l->tree, splits))
        return config_loader_refuse(l, splits, "datasets[].splits");
    for (int split = 0; split < DATASET_SPLITS; split++) {
        int rc = take_split(l, splits, split, d);
        if (rc)
            return rc;
    }
    return 0;
}

static int take_classes(const struct config_loader *l, const struct tree_node *entry,
                        const struct raw_dataset *raw, struct dataset_source *d)
{
    const struct tree_node *list = tree_member(&l->tree, entry, "classes");
    if (!list)
        return 0;
    const char **classes = calloc(raw->classes_count, sizeof *classes);
    if (!classes)
        return config_loader_no_memory(l);
    d->classes = classes;
    d->class_count = raw->classes_count;
    const struct tree_node *n = tree_first(&l->tree, list);
    for (uint32_t i = 0; i < raw->classes_count; i++, n = tree_next(&l->tree, list, n)) {
        size_t length = strlen(raw->classes[i]);
        if (!length || length > CLASS_MAX)
            return config_loader_refuse(l, n, "datasets[].classes[]");
        int rc = take_text(l, raw->classes[i], &classes[i]);
        if (rc)
            return rc;
    }
    return 0;
}

static int take_dataset(const struct config_loader *l, const struct tree_node *entry,
                        const struct raw_dataset *raw, struct dataset_source *d)
{
    char *path;
    int rc = take_name(l, tree_member(&l->tree, entry, "name"), d);
    if (rc)
        return rc;
    rc = config_loader_path(l, tree_member(&l->tree, entry, "path"), "datasets[].path", &path);
    if (rc)
        return rc;
    d->path = path;
    d->transpose = tree_member(&l->tree, entry, "transpose") ? raw->transpose : -1;
    d->multi_label = tree_member(&l->tree, entry, "multi_label") ? raw->multi_label : -1;
    rc = take_splits(l, entry, d);
    if (rc)
        return rc;
    return take_classes(l, entry, raw, d);
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
        int rc = take_dataset(l, entry, &l->raw->datasets[i], &l->c->datasets[i]);
        if (rc)
            return rc;
        l->c->dataset_lines[i] = tree_member(&l->tree, entry, "path")->line;
        entry = tree_next(&l->tree, list, entry);
    }
    return 0;
}
