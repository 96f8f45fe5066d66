/* config/schema.h — which keys a config may have, as libcyaml and people read them.
 *
 * The schema is the one list of keys: libcyaml loads by it, schema_check walks it, and a test holds
 * conf/fmnistd.yaml and docs/config.md against it. Constant data; threads: any.
 */
#ifndef CONFIG_SCHEMA_H
#define CONFIG_SCHEMA_H

#include "config/tree.h"

#include <cyaml/cyaml.h>
#include <stdint.h>

/* The config as libcyaml loads it: words and numbers as written, NULL or 0 where a key is left
 * out. Owned by libcyaml; values.c makes a struct config of it. */

struct raw_split {
    char *images;
    char *labels;
};

struct raw_splits {
    struct raw_split *train;
    struct raw_split *test;
};

struct raw_dataset {
    char *name;
    char *path;
    struct raw_splits splits;
    char **classes;
    uint32_t classes_count;
    bool transpose;
    bool multi_label;
};

struct raw_limits {
    uint64_t clients;
    uint64_t clients_per_user;
    char *ring_bytes;
    char *ring_bytes_per_user;
    char *list_bytes;
    uint64_t image_us;
    uint64_t handshake_ms;
};

struct raw_ledger {
    char *path;
    char *max_bytes;
    uint64_t files;
};

struct raw_config {
    char *socket;
    char *socket_mode;
    char *socket_group;
    char *cache;
    char *workers;
    char *ring;
    char *sample_store;
    int io_uring;
    int log_level;
    struct raw_ledger *ledger;
    struct raw_limits limits;
    struct raw_dataset *datasets;
    uint32_t datasets_count;
};

#define DATASETS_MAX 256u
#define CLASSES_MAX  4096u

extern const cyaml_schema_value_t config_schema;

/* One key and what it allows, in words. Keys inside others are joined with dots, and "[]" stands
 * for any entry of a list: "datasets[].splits.train.images". */
struct config_key {
    const char *path;
    const char *allowed;
};

/* Entry i, or NULL behind the last. */
const struct config_key *config_key_at(size_t i);

/* Which entry has the path, which is one of them. */
size_t config_key_index(const char *path);

/* What the key of this path allows. The path is one of config_key_at's. */
const char *config_allowed(const char *path);

/* Refuses unknown and repeated keys, keys that must be there and are not, values of the wrong kind,
 * and lists that are too short or too long: whatever the tree then holds, libcyaml can load.
 * Errors: -EINVAL "FILE:LINE: ...". */
int schema_check(const struct tree *t, struct err *e);

#endif
