/* server/config_load.h — private to config.c and config_datasets.c: one loading of a config.
 *
 * Threads: the loop thread. Memory: a struct load owns its tree, raw values and folder; what it
 * puts into the struct config belongs to that at once, so that config_free clears a failed load.
 */
#ifndef SERVER_CONFIG_LOAD_H
#define SERVER_CONFIG_LOAD_H

#include "server/config.h"
#include "server/config_schema.h"
#include "server/config_tree.h"

struct load {
    struct config *c;       /* being filled */
    struct raw_config *raw; /* as libcyaml loaded it */
    struct tree tree;       /* the same with lines; passed schema_check */
    const char *file;
    char *folder; /* absolute; what relative paths are relative to */
    struct err *e;
};

/* The value of a top-level key, or NULL where the file leaves it out. */
const struct tree_node *load_given(const struct load *l, const char *key);

/* "FILE:LINE: <path> is <what n holds>; allowed: ...", where `path` is one of config_key_at's.
 * Returns -EINVAL. */
int load_refuse(const struct load *l, const struct tree_node *n, const char *path);

/* Returns -ENOMEM. */
int load_no_memory(const struct load *l);

/* Makes *out (malloc'd, absolute) of a path as the file has it; `key` is its path in the schema.
 * Errors: -EINVAL, -ENOMEM. */
int load_path(const struct load *l, const struct tree_node *n, const char *key, char **out);

/* Fills c->datasets. Errors: -EINVAL, -ENOMEM. */
int load_datasets(const struct load *l);

#endif
