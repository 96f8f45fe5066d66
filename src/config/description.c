/* SPDX-License-Identifier: MIT */
/* How what describes a dataset is refused. */
#include "config/description.h"

#include <stdio.h>

int description_refuse_as(const struct description *from, const struct tree_node *n,
                          const char *seen, const char *key)
{
    char path[128], text[TREE_SEEN_SIZE];
    snprintf(path, sizeof path, "%s%s", from->at, key);
    return tree_error(from->tree, n, from->l->e, "%s%s is %s; allowed: %s", from->at, seen,
                      tree_seen(n, text), schema_allowed(from->schema, path));
}

int description_refuse(const struct description *from, const struct tree_node *n, const char *name,
                       const char *key)
{
    char seen[128], path[64];
    snprintf(seen, sizeof seen, "splits.%s.%s", name, key);
    snprintf(path, sizeof path, "splits.NAME.%s", key);
    return description_refuse_as(from, n, seen, path);
}
