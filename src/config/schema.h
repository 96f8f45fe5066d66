/* SPDX-License-Identifier: MIT */
/* config/schema.h — which keys a config may have, as libcyaml and people read them, and a
 * dataset.yaml.
 *
 * The schema is the one list of keys: libcyaml loads by it, schema_check walks it, and a test holds
 * conf/fmnistd.yaml and docs/config.md against it. Splits have any names, which libcyaml cannot
 * load: it passes them over, and datasets.c has them from the tree. Constant data; threads: any.
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
    char *from;
    uint64_t first;
    uint64_t last;
    char *fraction;
    uint64_t seed;
    bool stratified;
    char *without;
    uint64_t *classes;
    uint32_t classes_count;
    bool renumber;
    uint64_t *label_map;
    uint32_t label_map_count;
    char *select;
};

struct raw_dataset {
    char *name;
    char *path;
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

/* A dataset.yaml (docs/config.md), of which libcyaml loads nothing. */
struct raw_file {
    uint64_t format;
    char *name;
    char **classes;
    uint32_t classes_count;
    bool multi_label;
    bool transpose;
    char *origin;
    char *source_sha256;
    char *licence;
};

extern const cyaml_schema_value_t config_schema;
extern const cyaml_schema_value_t split_schema; /* of any entry of "splits" */

/* One key and what it allows, in words. Keys inside others are joined with dots, "[]" stands for
 * any entry of a list, and NAME for any name of a split: "datasets[].splits.NAME.images". */
struct config_key {
    const char *path;
    const char *allowed;
};

/* A file's keys. */
struct schema {
    const cyaml_schema_value_t *value;
    const struct config_key *keys; /* [key_count] */
    size_t key_count;
    const char *least; /* what an empty file lacks, in words */
};
extern const struct schema config_file_schema, dataset_file_schema;

/* What the key of this path allows. The path is one of the schema's. */
const char *schema_allowed(const struct schema *s, const char *path);

/* Of a dataset: 1 .. 63 bytes without '/' or control characters, not beginning with '.'. */
bool schema_is_name(const char *name);

/* Of a split: the same, and none of "[]+|", which a cut of one is written with. */
bool schema_is_split_name(const char *name);

/* Entry i, or NULL behind the last. */
const struct config_key *config_key_at(size_t i);

/* Which entry has the path, which is one of them. */
size_t config_key_index(const char *path);

/* What the key of this path allows. The path is one of config_key_at's. */
const char *config_allowed(const char *path);

/* Refuses unknown and repeated keys, keys that must be there and are not, values of the wrong kind,
 * and lists that are too short or too long: whatever the tree then holds, libcyaml can load.
 * Errors: -EINVAL "FILE:LINE: ...". */
int schema_check(const struct schema *s, const struct tree *t, struct err *e);

#endif
