/* SPDX-License-Identifier: MIT */
/* Takes from the tree what a set has. */
#include "ctl/describe.h"

#include "config/dataset_file.h"
#include "dataset/known.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct tree_node *top(const struct tree *t, const char *key)
{
    return tree_member(t, &t->nodes[0], key);
}

static int take_file(struct described *d, const struct tree *t, const struct tree_node *name,
                     const struct tree_node *split, const char *key, struct err *e)
{
    const struct tree_node *n = tree_member(t, split, key);
    if (!n)
        return tree_error(t, split, e, "splits.%s.%s is missing", name->text, key);
    const char *file = n->text;
    while (!strncmp(file, "./", 2))
        file += 2;
    for (size_t i = 0; i < d->file_count; i++)
        if (!strcmp(d->files[i].name, file))
            return tree_error(t, n, e,
                              "splits.%s.%s is a file of %s already, and import reads it once",
                              name->text, key, d->files[i].split);
    struct described_file *f = &d->files[d->file_count++];
    if (strlen(file) >= sizeof f->name || strlen(name->text) >= sizeof f->split)
        return tree_error(t, n, e, "splits.%s.%s is too long", name->text, key);
    strcpy(f->name, file);
    strcpy(f->split, name->text);
    return 0;
}

static int take_splits(const struct import_options *o, const struct tree *t, struct described *d,
                       struct err *e)
{
    const struct tree_node *all = top(t, "splits");
    int rc = 0;
    for (const struct tree_node *name = tree_first(t, all); name && !rc;) {
        const struct tree_node *split = tree_next(t, all, name);
        const struct tree_node *from = tree_member(t, split, "from");
        if (from)
            import_note(o, false,
                        "%s: split %s is a part of %s: left out, a config may cut it again",
                        t->file, name->text, from->text);
        else if (d->file_count + 2 > sizeof d->files / sizeof *d->files)
            rc = tree_error(t, name, e, "more than %d splits", IMPORT_SPLITS_MAX);
        else
            rc = take_file(d, t, name, split, "images", e);
        if (!rc && !from)
            rc = take_file(d, t, name, split, "labels", e);
        name = tree_next(t, all, split);
    }
    return rc;
}

static int take_classes(const struct tree *t, struct import_set *set, struct err *e)
{
    const struct tree_node *all = top(t, "classes"), *n;
    uint32_t class = 0;
    int rc = 0;
    if (!all || import_set_has_classes(set)) /* the user has named them */
        return 0;
    for (n = tree_first(t, all); n && !rc; n = tree_next(t, all, n))
        rc = import_set_class(set, class ++, n->text, e);
    return rc;
}

static int take_text(const struct tree *t, const char *key, char **out, struct err *e)
{
    const struct tree_node *n = top(t, key);
    if (!n)
        return 0;
    *out = strdup(n->text);
    return *out ? 0 : err_set(e, -ENOMEM, "out of memory");
}

/* One of another length or with other signs is for people, and gets lost. */
static void take_sha256(const struct tree *t, struct described *d)
{
    const struct tree_node *n = top(t, "source_sha256");
    if (!n || strlen(n->text) != 64 || n->text[strspn(n->text, "0123456789abcdefABCDEF")])
        return;
    for (size_t i = 0; i < sizeof d->sha256; i++) {
        const char digits[3] = {n->text[2 * i], n->text[2 * i + 1], 0};
        d->sha256[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
    d->has_sha256 = true;
}

static int take(const struct import_options *o, const struct tree *t, struct import_set *set,
                struct described *d, struct err *e)
{
    const struct tree_node *name = top(t, "name"), *transpose = top(t, "transpose");
    const struct known_dataset *known = name ? known_find(name->text) : NULL;
    int rc = take_splits(o, t, d, e);
    if (!rc && name)
        rc = import_set_call(set, name->text, e);
    if (!rc)
        rc = take_classes(t, set, e);
    if (!rc)
        rc = take_text(t, "origin", &d->origin, e);
    if (!rc)
        rc = take_text(t, "licence", &d->licence, e);
    if (transpose)
        d->transpose = !strcmp(transpose->text, "true");
    else if (known) /* as the daemon goes by the name */
        d->transpose = known->transposed;
    take_sha256(t, d);
    return rc;
}

int describe(const struct import_options *o, const char *where, const char *text, size_t size,
             struct import_set *set, struct described *d, struct err *e)
{
    struct dataset_file f;
    int rc = dataset_file_parse(&f, where, text, size, e);
    if (rc)
        return rc;
    rc = take(o, &f.tree, set, d, e);
    dataset_file_free(&f);
    return rc;
}
