/* SPDX-License-Identifier: MIT */
/* The order of parts. */
#include "import/parts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int parts_add(struct parts *p, const struct import_set *set, int split, const char *name,
              struct err *e)
{
    if (p->count == PARTS_MAX)
        return err_set(e, -EINVAL, "more than %d files", PARTS_MAX);
    struct part *new = &p->all[p->count];
    *new = (struct part){.split = split};
    snprintf(new->name, sizeof new->name, "%s", name);
    for (size_t i = 0; i < p->count; i++) {
        if (p->all[i].split != split)
            continue;
        if (!strcmp(p->all[i].name, new->name))
            return err_set(e, -EINVAL, "%s of split %s a second time", name,
                           import_set_split_name(set, split));
        new->first += p->all[i].count;
    }
    new->count = import_set_image_count(set, split) - new->first;
    p->count++;
    return 0;
}

static int by_name(const void *a, const void *b)
{
    const struct part *x = a, *y = b;
    int order = (x->split > y->split) - (x->split < y->split);
    return order ? order : strverscmp(x->name, y->name);
}

/* Parts [first, end) are a split's, in order. */
static int sort_split(const struct part *parts, size_t count, struct import_set *set, struct err *e)
{
    uint64_t total = import_set_image_count(set, parts->split), at = 0;
    bool right = true;
    for (size_t i = 1; i < count; i++)
        right = right && parts[i].first > parts[i - 1].first;
    if (right)
        return 0;
    uint32_t *order = malloc(total * sizeof *order);
    if (!order)
        return err_set(e, -ENOMEM, "out of memory");
    for (size_t i = 0; i < count; i++)
        for (uint64_t k = 0; k < parts[i].count; k++)
            order[at++] = (uint32_t)(parts[i].first + k);
    int rc = import_set_permute(set, parts->split, order, e);
    free(order);
    return rc;
}

int parts_sort(struct parts *p, struct import_set *set, struct err *e)
{
    int rc = 0;
    qsort(p->all, p->count, sizeof *p->all, by_name);
    for (size_t i = 0, n; !rc && i < p->count; i += n) {
        for (n = 1; i + n < p->count && p->all[i + n].split == p->all[i].split;)
            n++;
        rc = n > 1 ? sort_split(p->all + i, n, set, e) : 0;
    }
    return rc;
}
