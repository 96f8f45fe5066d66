/* SPDX-License-Identifier: MIT */
/* config/loader.h — private to the files that load one config: load.c, values.c, socket.c,
 * datasets.c and what those use.
 *
 * Threads: the loop thread. Memory: a struct config_loader owns its tree, raw values and folder;
 * what it puts into the struct config belongs to that at once, so that config_free clears a failed
 * load.
 */
#ifndef CONFIG_LOADER_H
#define CONFIG_LOADER_H

#include "config/config.h"
#include "config/schema.h"
#include "config/tree.h"

#include <sys/un.h>

/* Less than sun_path holds by the ".new" under which the listener binds before it renames. */
#define SOCKET_MAX (sizeof((struct sockaddr_un *)NULL)->sun_path - sizeof ".new")

struct config_loader {
    struct config *c;       /* being filled */
    struct raw_config *raw; /* as libcyaml loaded it */
    struct tree tree;       /* the same with lines; passed schema_check */
    const char *file;
    char *folder; /* absolute; what relative paths are relative to */
    struct err *e;
};

/* The value of a top-level key, or NULL where the file leaves it out. */
const struct tree_node *config_loader_given(const struct config_loader *l, const char *key);

/* "FILE:LINE: <path> is <what n holds>; allowed: ...", where `path` is one of config_key_at's.
 * Returns -EINVAL. */
int config_loader_refuse(const struct config_loader *l, const struct tree_node *n,
                         const char *path);

/* Returns -ENOMEM. */
int config_loader_no_memory(const struct config_loader *l);

/* Makes *out (malloc'd, absolute) of a path as the file has it; `key` is its path in the schema.
 * Errors: -EINVAL, -ENOMEM. */
int config_loader_path(const struct config_loader *l, const struct tree_node *n, const char *key,
                       char **out);

/* Fills *c with what the file says, and defaults. Errors: -EINVAL, -ENOMEM. */
int config_loader_values(const struct config_loader *l);

/* "<folder>/<name>", or the name where it is absolute. malloc'd; NULL when out of memory. */
char *config_loader_join(const char *folder, const char *name);

/* Fills what the config says of its socket. Errors: -EINVAL, -ENOMEM. */
int config_loader_socket(const struct config_loader *l);

/* Reads a whole file of at most 1 MiB; `flags` are more of open's. *text is malloc'd.
 * Errors: -EINVAL "FILE:1: ..." where it is no regular file or too long, those of open and read,
 * -ENOMEM. */
int config_read_text(const char *path, int flags, char **text, size_t *size, struct err *e);

/* Fills c->datasets. Errors: -EINVAL, -ENOMEM, and those of reading a dataset.yaml. */
int config_loader_datasets(const struct config_loader *l);

#endif
