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

/* "FILE:LINE: datasets[].splits.train.images is ...; allowed: ...": `seen` is the key's path as it
 * stands there, `key` as the schema has it. Returns -EINVAL. */
int description_refuse_as(const struct description *from, const struct tree_node *n,
                          const char *seen, const char *key);

/* The same of a key of the split `name`. */
int description_refuse(const struct description *from, const struct tree_node *n, const char *name,
                       const char *key);

#endif
