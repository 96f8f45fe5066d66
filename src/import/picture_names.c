/* SPDX-License-Identifier: MIT */
/* Paths are kept one behind the other in one text. */
#include "import/picture_names.h"

#include "import/set.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct item {
    uint64_t at;       /* of the path, in the text */
    uint32_t skip;     /* bytes of the path before its class */
    uint32_t position; /* in its split, as they came */
    uint32_t class;
    int32_t split;
};

struct picture_names {
    char *text;
    size_t used, room;
    struct item *items; /* sorted, once settled */
    size_t count, items_room;
    uint32_t in_split[IMPORT_SPLITS_MAX];
    size_t *classes; /* the first item of each */
    uint32_t class_count;
};

/* ---- splits */

static const char *split_of(const char *part, size_t n)
{
    static const struct {
        const char *word, *split;
    } words[] = {{"train", "train"},          {"training", "train"}, {"test", "test"},
                 {"testing", "test"},         {"val", "validation"}, {"valid", "validation"},
                 {"validation", "validation"}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strlen(words[i].word) == n && !strncasecmp(part, words[i].word, n))
            return words[i].split;
    return NULL;
}

/* The part behind this one, or NULL. */
static const char *next_part(const char *part)
{
    const char *slash = strchr(part, '/');
    return slash ? slash + 1 : NULL;
}

const char *picture_split(const char *path, size_t *skip)
{
    const char *part = path;
    for (int depth = 0; part && depth < 2; depth++) {
        const char *class = next_part(part), *file = class ? next_part(class) : NULL;
        const char *split = file ? split_of(part, (size_t)(class - part - 1)) : NULL;
        if (split) {
            if (skip)
                *skip = (size_t)(class - path);
            return split;
        }
        part = class;
    }
    return NULL;
}

/* ---- collecting */

int picture_names_new(struct picture_names **names, struct err *e)
{
    *names = calloc(1, sizeof **names);
    return *names ? 0 : err_set(e, -ENOMEM, "no memory for pictures' names");
}

void picture_names_free(struct picture_names *names)
{
    if (!names)
        return;
    free(names->text);
    free(names->items);
    free(names->classes);
    free(names);
}

/* Room for one more of `unit` bytes behind `used`. */
static bool grow(void **memory, size_t *room, size_t used, size_t more, size_t unit)
{
    if (used + more <= *room)
        return true;
    size_t want = *room * 2 > used + more ? *room * 2 : used + more + 1024;
    void *larger = reallocarray(*memory, want, unit);
    if (!larger)
        return false;
    *memory = larger;
    *room = want;
    return true;
}

int picture_names_add(struct picture_names *n, const char *path, int split, struct err *e)
{
    size_t bytes = strlen(path) + 1, skip = 0;
    void *text = n->text, *items = n->items;
    bool fits = grow(&text, &n->room, n->used, bytes, 1);
    n->text = text;
    fits = fits && grow(&items, &n->items_room, n->count, 1, sizeof *n->items);
    n->items = items;
    if (!fits)
        return err_set(e, -ENOMEM, "no memory for the names of %zu pictures", n->count);
    picture_split(path, &skip);
    memcpy(n->text + n->used, path, bytes);
    n->items[n->count++] =
        (struct item){.at = n->used,
                      .skip = (uint32_t)skip,
                      .position = split == PICTURE_BROKEN ? 0 : n->in_split[split]++,
                      .split = split};
    n->used += bytes;
    return 0;
}

/* ---- settling */

static const char *path_of(const struct picture_names *n, const struct item *x)
{
    return n->text + x->at;
}

static int check_mixed(const struct picture_names *n, struct err *e)
{
    const struct item *with = NULL, *without = NULL;
    for (size_t i = 0; i < n->count; i++)
        *(n->items[i].skip ? &with : &without) = &n->items[i];
    if (with && without)
        return err_set(e, -EINVAL, "%s lies in a split, and %s does not", path_of(n, with),
                       path_of(n, without));
    return 0;
}

/* One folder around all classes is passed over. */
static void skip_top(struct picture_names *n)
{
    const char *first = n->count ? n->text : "";
    const char *slash = strchr(first, '/');
    size_t top = slash ? (size_t)(slash - first) + 1 : 0;
    for (size_t i = 0; i < n->count; i++) {
        const char *path = path_of(n, &n->items[i]);
        if (n->items[i].skip || strncmp(path, first, top) != 0 || !strchr(path + top, '/'))
            return;
    }
    for (size_t i = 0; i < n->count; i++)
        n->items[i].skip = (uint32_t)top;
}

static int compare_bytes(const char *a, size_t na, const char *b, size_t nb)
{
    int r = memcmp(a, b, na < nb ? na : nb);
    return r ? r : (na > nb) - (na < nb);
}

static size_t class_length(const char *class)
{
    return (size_t)(strchr(class, '/') - class);
}

static int compare_class(const struct picture_names *n, const struct item *a, const struct item *b)
{
    const char *x = path_of(n, a) + a->skip, *y = path_of(n, b) + b->skip;
    return compare_bytes(x, class_length(x), y, class_length(y));
}

/* By class, folder, name; and what has the same, as it came. */
static int compare(const void *left, const void *right, void *data)
{
    const struct picture_names *n = data;
    const struct item *a = left, *b = right;
    int r = compare_class(n, a, b);
    if (r)
        return r;
    const char *x = path_of(n, a), *y = path_of(n, b);
    const char *x_name = strrchr(x, '/'), *y_name = strrchr(y, '/');
    r = compare_bytes(x, (size_t)(x_name - x), y, (size_t)(y_name - y));
    r = r ? r : strcmp(x_name, y_name);
    return r ? r : (a->at > b->at) - (a->at < b->at);
}

static int number_classes(struct picture_names *n, struct err *e)
{
    size_t room = 0;
    for (size_t i = 0; i < n->count; i++) {
        if (i == 0 || compare_class(n, &n->items[i - 1], &n->items[i]) != 0) {
            void *classes = n->classes;
            bool fits = grow(&classes, &room, n->class_count, 1, sizeof *n->classes);
            n->classes = classes;
            if (!fits)
                return err_set(e, -ENOMEM, "no memory for classes");
            if (n->class_count == IMPORT_CLASSES_MAX)
                return err_set(e, -EINVAL, "more than %d folders of pictures, each a class",
                               IMPORT_CLASSES_MAX);
            n->classes[n->class_count++] = i;
        }
        n->items[i].class = n->class_count - 1;
    }
    return 0;
}

int picture_names_settle(struct picture_names *n, struct err *e)
{
    int r = check_mixed(n, e);
    if (r < 0)
        return r;
    skip_top(n);
    if (n->count)
        qsort_r(n->items, n->count, sizeof *n->items, compare, n);
    return number_classes(n, e);
}

uint32_t picture_class_count(const struct picture_names *n)
{
    return n->class_count;
}

void picture_class_name(const struct picture_names *n, uint32_t class, char *name, size_t size)
{
    const struct item *x = &n->items[n->classes[class]];
    const char *text = path_of(n, x) + x->skip;
    size_t length = class_length(text);
    length = length < size ? length : size - 1;
    memcpy(name, text, length);
    name[length] = 0;
}

void picture_order(const struct picture_names *n, int split, int32_t *labels, uint32_t *order)
{
    for (size_t i = 0; i < n->count; i++)
        if (n->items[i].split == split) {
            labels[n->items[i].position] = (int32_t)n->items[i].class;
            *order++ = n->items[i].position;
        }
}
