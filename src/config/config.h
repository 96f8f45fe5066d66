/* SPDX-License-Identifier: MIT */
/* config/config.h — the config file, read and checked.
 *
 * Shape: conf/fmnistd.yaml and docs/config.md document every key. Relative paths are relative to
 * the file's folder; "~" and variables are not expanded.
 * Threads: the loop thread. Memory: owned by the struct; config_free gives it back.
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include "base/err.h"
#include "base/log.h"
#include "dataset/dataset.h"
#include "host/memory.h"

#include <stdint.h>

struct config_limits {
    uint32_t clients;             /* connections in all; default 256 */
    uint32_t clients_per_user;    /* connections of one uid; default 128 */
    uint64_t ring_bytes;          /* one stream's ring; default 1 GiB */
    uint64_t ring_bytes_per_user; /* all rings of one uid; default 4 GiB */
    uint64_t list_bytes;          /* all lists of one uid, and idle ones kept; default 256 MiB */
    uint32_t image_us;            /* of a CPU, to make an image, by estimate; default 20,000 */
    uint32_t handshake_ms;        /* from accept to a whole first message; default 5,000 */
};

struct config_ledger {
    char *path;         /* absolute; NULL: no ledger */
    uint64_t max_bytes; /* of all its files; default 64 MiB */
    uint32_t files;     /* default 4 */
};

#define CONFIG_KEYS_MAX     60
#define CONFIG_COMMAND_LINE UINT32_MAX

/* chown(2) leaves a file's group alone then. */
#define CONFIG_OWN_GROUP UINT32_MAX

struct config {
    char *socket;                /* absolute */
    uint32_t socket_mode;        /* permission bits; default 0600; 0660 opens it to the group */
    char *socket_group;          /* as the file has it; NULL: none is named */
    uint32_t socket_gid;         /* its number; CONFIG_OWN_GROUP: that of the daemon */
    char *cache;                 /* absolute; NULL: "none" */
    uint32_t workers;            /* 0: auto, the CPUs this process may use; 1 .. 256 */
    uint64_t ring_bytes;         /* target of a ring; 0: auto, by their number */
    uint64_t sample_cache_bytes; /* budget of resized samples kept; default 1 GiB or less */
    int io_uring;                /* 1 auto (default), 0 off */
    enum log_level log_level;    /* default info */
    struct config_ledger ledger;
    struct config_limits limits;
    struct host_memory memory; /* that there is, which the defaults follow (config/memory.h) */
    uint64_t budget_bytes;     /* of it, what clients may take together */
    struct dataset_source *datasets; /* [dataset_count], paths absolute */
    uint32_t *dataset_lines;         /* [dataset_count], where in the file each one's path stands */
    uint32_t dataset_count;
    uint32_t lines[CONFIG_KEYS_MAX]; /* where in the file a key stands; config_line */
};

/* Reads and checks the file; on success *c holds every default filled in.
 * Errors: -EINVAL (the file's fault; text "FILE:LINE: what was seen, what is allowed"), -ENOENT,
 * -EACCES or another errno value (cannot be read), -ENOMEM. *c is then empty. */
int config_load(struct config *c, const char *path, struct err *e);

/* Puts another socket in the place of the config's; a relative path is relative to the working
 * directory. Errors: -EINVAL for a path that is too long, -ENOMEM, and those of getcwd. */
int config_set_socket(struct config *c, const char *path, struct err *e);

/* The same with the absolute path of a socket that is there already, passed by a service manager:
 * however long it is. Errors: -ENOMEM. */
int config_keep_socket(struct config *c, const char *path, struct err *e);

/* The line of the file that a key stands on, by its path ("limits.clients"; none of datasets).
 * Returns 0 where the file leaves it out, CONFIG_COMMAND_LINE where it is not the file's. */
uint32_t config_line(const struct config *c, const char *path);

/* Accepts a zeroed struct. */
void config_free(struct config *c);

/* $XDG_RUNTIME_DIR/fmnistd/fmnistd.sock for a user, else /run/fmnistd/fmnistd.sock: the default
 * `socket`. Returns a malloc'd path, or NULL when out of memory. */
char *config_default_socket(void);

/* /var/cache/fmnistd for root, else $XDG_CACHE_HOME/fmnistd or $HOME/.cache/fmnistd: the default
 * `cache`. Returns a malloc'd path, or NULL when out of memory. */
char *config_default_cache(void);

#endif
