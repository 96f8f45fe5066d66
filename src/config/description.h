/* SPDX-License-Identifier: MIT */
/* config/description.h — private to datasets.c and cuts.c: what describes a dataset, its entry of
 * the config or its dataset.yaml. The first that is taken has the say. Threads: one. */
#ifndef CONFIG_DESCRIPTION_H
#define CONFIG_DESCRIPTION_H

#include "config/loader.h"

struct description {
    const struct config_loader *l;
    const struct tree *tree;
    const struct tree_node *node;
    const struct schema *schema;
    const char *at; /* what the paths of its keys begin with in the schema */
};

/* "FILE:LINE: datasets[].splits.dev.images is ...; allowed: ...": of a key of the split `name`.
 * Returns -EINVAL. */
int description_refuse(const struct description *from, const struct tree_node *n, const char *name,
                       const char *key);

#endif
