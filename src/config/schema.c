/* SPDX-License-Identifier: MIT */
/* The keys of a config: the tables. check.c walks them. */
#include "config/schema.h"

#include "base/log.h"
#include "base/utf8.h"
#include "config/config.h"
#include "cut/cut.h"

#include <assert.h>
#include <string.h>

/* clang-format off: one key a line */
#define TEXT(key, type, member)                                                            \
    CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, type, member, 0, \
                           CYAML_UNLIMITED)
#define TEXT_NEEDED(key, type, member) \
    CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER, type, member, 0, CYAML_UNLIMITED)
#define WORD(key, type, member, words)                                                  \
    CYAML_FIELD_ENUM(key, CYAML_FLAG_OPTIONAL | CYAML_FLAG_STRICT, type, member, words, \
                     CYAML_ARRAY_LEN(words))
#define NUMBER(key, type, member) CYAML_FIELD_UINT(key, CYAML_FLAG_OPTIONAL, type, member)

static const cyaml_strval_t io_uring_words[] = {{"auto", 1}, {"off", 0}};
static const cyaml_strval_t log_level_words[] = {
    {"error", LOG_LEVEL_ERROR},
    {"warning", LOG_LEVEL_WARNING},
    {"info", LOG_LEVEL_INFO},
    {"debug", LOG_LEVEL_DEBUG},
};

static const cyaml_schema_value_t label_entry = {
    CYAML_VALUE_UINT(CYAML_FLAG_DEFAULT, uint64_t),
};

static const cyaml_schema_field_t split_fields[] = {
    TEXT("images", struct raw_split, images),
    TEXT("labels", struct raw_split, labels),
    TEXT("from", struct raw_split, from),
    NUMBER("first", struct raw_split, first),
    NUMBER("last", struct raw_split, last),
    TEXT("fraction", struct raw_split, fraction),
    NUMBER("seed", struct raw_split, seed),
    CYAML_FIELD_BOOL("stratified", CYAML_FLAG_OPTIONAL, struct raw_split, stratified),
    TEXT("without", struct raw_split, without),
    CYAML_FIELD_SEQUENCE("classes", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct raw_split,
                         classes, &label_entry, 1, CUT_LABELS_MAX),
    CYAML_FIELD_BOOL("renumber", CYAML_FLAG_OPTIONAL, struct raw_split, renumber),
    CYAML_FIELD_SEQUENCE("label_map", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct raw_split,
                         label_map, &label_entry, 1, CUT_LABELS_MAX),
    TEXT("select", struct raw_split, select),
    CYAML_FIELD_END,
};

static const cyaml_schema_value_t class_entry = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 0, CYAML_UNLIMITED),
};

static const cyaml_schema_field_t dataset_fields[] = {
    TEXT("name", struct raw_dataset, name),
    TEXT_NEEDED("path", struct raw_dataset, path),
    CYAML_FIELD_IGNORE("splits", CYAML_FLAG_OPTIONAL),
    CYAML_FIELD_SEQUENCE("classes", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct raw_dataset,
                         classes, &class_entry, 1, CLASSES_MAX),
    CYAML_FIELD_BOOL("transpose", CYAML_FLAG_OPTIONAL, struct raw_dataset, transpose),
    CYAML_FIELD_BOOL("multi_label", CYAML_FLAG_OPTIONAL, struct raw_dataset, multi_label),
    CYAML_FIELD_END,
};

static const cyaml_schema_value_t dataset_entry = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_dataset, dataset_fields),
};

static const cyaml_schema_field_t file_fields[] = {
    CYAML_FIELD_UINT("format", CYAML_FLAG_DEFAULT, struct raw_file, format),
    TEXT("name", struct raw_file, name),
    CYAML_FIELD_IGNORE("splits", CYAML_FLAG_DEFAULT),
    CYAML_FIELD_SEQUENCE("classes", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct raw_file,
                         classes, &class_entry, 1, CLASSES_MAX),
    CYAML_FIELD_BOOL("multi_label", CYAML_FLAG_OPTIONAL, struct raw_file, multi_label),
    CYAML_FIELD_BOOL("transpose", CYAML_FLAG_OPTIONAL, struct raw_file, transpose),
    TEXT("origin", struct raw_file, origin),
    TEXT("source_sha256", struct raw_file, source_sha256),
    TEXT("licence", struct raw_file, licence),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t limits_fields[] = {
    NUMBER("clients", struct raw_limits, clients),
    NUMBER("clients_per_user", struct raw_limits, clients_per_user),
    TEXT("ring_bytes", struct raw_limits, ring_bytes),
    TEXT("ring_bytes_per_user", struct raw_limits, ring_bytes_per_user),
    TEXT("list_bytes", struct raw_limits, list_bytes),
    NUMBER("image_us", struct raw_limits, image_us),
    NUMBER("handshake_ms", struct raw_limits, handshake_ms),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t ledger_fields[] = {
    TEXT_NEEDED("path", struct raw_ledger, path),
    TEXT("max_bytes", struct raw_ledger, max_bytes),
    NUMBER("files", struct raw_ledger, files),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t config_fields[] = {
    TEXT("socket", struct raw_config, socket),
    TEXT("socket_mode", struct raw_config, socket_mode),
    TEXT("socket_group", struct raw_config, socket_group),
    TEXT("cache", struct raw_config, cache),
    TEXT("workers", struct raw_config, workers),
    TEXT("ring", struct raw_config, ring),
    TEXT("sample_store", struct raw_config, sample_store),
    WORD("io_uring", struct raw_config, io_uring, io_uring_words),
    WORD("log_level", struct raw_config, log_level, log_level_words),
    CYAML_FIELD_MAPPING_PTR("ledger", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct raw_config,
                            ledger, ledger_fields),
    CYAML_FIELD_MAPPING("limits", CYAML_FLAG_OPTIONAL, struct raw_config, limits, limits_fields),
    CYAML_FIELD_SEQUENCE("datasets", CYAML_FLAG_POINTER, struct raw_config, datasets,
                         &dataset_entry, 1, DATASETS_MAX),
    CYAML_FIELD_END,
};
/* clang-format on */

const cyaml_schema_value_t config_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct raw_config, config_fields),
};

const cyaml_schema_value_t split_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct raw_split, split_fields),
};

static const cyaml_schema_value_t file_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct raw_file, file_fields),
};

#define FILE_NAME  "a file name in the dataset's folder, with or without \".gz\""
#define NAME       "1 .. 63 bytes without '/' or control characters, not beginning with '.'"
#define SPLITS     "a mapping of names to splits: train, test and up to 14 others"
#define SPLIT      "a mapping with images and labels, or from and what of it"
#define FROM       "the name of another split"
#define IMAGES     "a number of images, 1 or more"
#define FRACTION   "more than 0 and less than 1, as 0.1, with a seed"
#define SEED       "0 .. 4294967295, beside fraction"
#define WITHOUT    "the name of a split that is cut from the same by first, last or fraction"
#define LABELS     "a list of 1 .. 320 labels"
#define LABEL      "0 .. 2147483647"
#define SELECT     "a selection's text, at most 639 characters"
#define CLASSES    "a list of 1 .. 4096 names, that of label 0 first"
#define CLASS      "a name of 1 .. 255 bytes"
#define TRUE_FALSE "true or false"

/* In the schema's order. */
static const struct config_key keys[] = {
    {"socket", "the path of a Unix socket, at most 103 bytes when made absolute"},
    {"socket_mode", "\"0600\" (this user) or \"0660\" (this user and its group)"},
    {"socket_group", "a group's name or number, or none"},
    {"cache", "a folder, or none"},
    {"workers", "auto, or 1 .. 256"},
    {"ring", "auto, or 64KiB .. 1GiB"},
    {"sample_store", "0 .. 1TiB"},
    {"io_uring", "auto or off"},
    {"log_level", "error, warning, info or debug"},
    {"ledger", "a mapping with a path"},
    {"ledger.path", "a file, alone in its folder with PATH.1, PATH.2 and so on"},
    {"ledger.max_bytes", "64KiB .. 1TiB"},
    {"ledger.files", "2 .. 64"},
    {"limits", "a mapping"},
    {"limits.clients", "1 .. 65536"},
    {"limits.clients_per_user", "1 .. 65536, at most limits.clients"},
    {"limits.ring_bytes", "64KiB .. 1TiB"},
    {"limits.ring_bytes_per_user", "64KiB .. 1TiB, at least limits.ring_bytes"},
    {"limits.list_bytes", "0 .. 1TiB"},
    {"limits.image_us", "100 .. 60000000"},
    {"limits.handshake_ms", "100 .. 600000"},
    {"datasets", "a list of 1 .. 256 entries, each with a name and a path"},
    {"datasets[]", "a mapping with a name and a path"},
    {"datasets[].name", NAME},
    {"datasets[].path", "a folder"},
    {"datasets[].splits", SPLITS},
    {"datasets[].splits.NAME", SPLIT},
    {"datasets[].splits.NAME.images", FILE_NAME},
    {"datasets[].splits.NAME.labels", FILE_NAME},
    {"datasets[].splits.NAME.from", FROM},
    {"datasets[].splits.NAME.first", IMAGES},
    {"datasets[].splits.NAME.last", IMAGES},
    {"datasets[].splits.NAME.fraction", FRACTION},
    {"datasets[].splits.NAME.seed", SEED},
    {"datasets[].splits.NAME.stratified", TRUE_FALSE},
    {"datasets[].splits.NAME.without", WITHOUT},
    {"datasets[].splits.NAME.classes", LABELS},
    {"datasets[].splits.NAME.classes[]", LABEL},
    {"datasets[].splits.NAME.renumber", TRUE_FALSE},
    {"datasets[].splits.NAME.label_map", LABELS},
    {"datasets[].splits.NAME.label_map[]", LABEL},
    {"datasets[].splits.NAME.select", SELECT},
    {"datasets[].classes", CLASSES},
    {"datasets[].classes[]", CLASS},
    {"datasets[].transpose", TRUE_FALSE},
    {"datasets[].multi_label", TRUE_FALSE},
};

/* Of a dataset.yaml. */
static const struct config_key file_keys[] = {
    {"format", "1"},
    {"name", NAME},
    {"splits", SPLITS},
    {"splits.NAME", SPLIT},
    {"splits.NAME.images", FILE_NAME ", and not outside of it"},
    {"splits.NAME.labels", FILE_NAME ", and not outside of it"},
    {"splits.NAME.from", FROM},
    {"splits.NAME.first", IMAGES},
    {"splits.NAME.last", IMAGES},
    {"splits.NAME.fraction", FRACTION},
    {"splits.NAME.seed", SEED},
    {"splits.NAME.stratified", TRUE_FALSE},
    {"splits.NAME.without", WITHOUT},
    {"splits.NAME.classes", LABELS},
    {"splits.NAME.classes[]", LABEL},
    {"splits.NAME.renumber", TRUE_FALSE},
    {"splits.NAME.label_map", LABELS},
    {"splits.NAME.label_map[]", LABEL},
    {"splits.NAME.select", SELECT},
    {"classes", CLASSES},
    {"classes[]", CLASS},
    {"multi_label", TRUE_FALSE},
    {"transpose", TRUE_FALSE},
    {"origin", "a text"},
    {"source_sha256", "a text"},
    {"licence", "a text"},
};

#define COUNT(a) (sizeof(a) / sizeof *(a))

const struct schema config_file_schema = {&config_schema, keys, COUNT(keys),
                                          "the key \"datasets\""};
const struct schema dataset_file_schema = {&file_schema, file_keys, COUNT(file_keys),
                                           "the keys \"format\" and \"splits\""};

static_assert(sizeof keys / sizeof keys[0] <= CONFIG_KEYS_MAX, "a line for each key");

const struct config_key *config_key_at(size_t i)
{
    return i < sizeof keys / sizeof keys[0] ? &keys[i] : NULL;
}

size_t config_key_index(const char *path)
{
    size_t i = 0;
    while (i < sizeof keys / sizeof keys[0] && strcmp(keys[i].path, path))
        i++;
    assert(i < sizeof keys / sizeof keys[0]);
    return i;
}

const char *config_allowed(const char *path)
{
    return keys[config_key_index(path)].allowed;
}

const char *schema_allowed(const struct schema *s, const char *path)
{
    size_t i = 0;
    while (i < s->key_count && strcmp(s->keys[i].path, path))
        i++;
    assert(i < s->key_count);
    return s->keys[i].allowed;
}

bool schema_is_name(const char *name)
{
    return strlen(name) < DATASET_NAME_SIZE && utf8_is_file_name(name);
}

bool schema_is_split_name(const char *name)
{
    return schema_is_name(name) && !strpbrk(name, "[]+|");
}
