/* SPDX-License-Identifier: MIT */
/* The values of a config as libcyaml has loaded them, turned into numbers, sizes and paths. Does
 * not look whether a path exists: the datasets and the listener say that better when they open it.
 */
#include "config/loader.h"
#include "config/memory.h"
#include "config/sizes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORKERS_MAX 256u

/* ---- finding and refusing values */

static const struct tree_node *given_limit(const struct config_loader *l, const char *key)
{
    return tree_member(&l->tree, config_loader_given(l, "limits"), key);
}

/* ---- numbers and sizes */

/* A key with a size, and its range. The range also stands in schema.c, in words. */
struct size_rule {
    const char *path;
    uint64_t least;
    uint64_t most;
};

/* Reads a size that the file gives; leaves *out alone where `n` is NULL. */
static int take_size(const struct config_loader *l, const struct tree_node *n,
                     struct size_rule rule, uint64_t *out)
{
    uint64_t bytes;
    if (!n)
        return 0;
    if (!size_parse(n->text, &bytes)) {
        char seen[TREE_SEEN_SIZE];
        return tree_error(&l->tree, n, l->e,
                          "%s is %s; allowed: %s, as bytes or with KiB, MiB, GiB or TiB", rule.path,
                          tree_seen(n, seen), config_allowed(rule.path));
    }
    if (bytes < rule.least || bytes > rule.most)
        return config_loader_refuse(l, n, rule.path);
    *out = bytes;
    return 0;
}

/* The same for a plain number. */
struct number_rule {
    const char *path;
    uint32_t least;
    uint32_t most;
};

/* Takes a number that libcyaml has loaded; leaves *out alone where `n` is NULL. */
static int take_number(const struct config_loader *l, const struct tree_node *n,
                       struct number_rule rule, uint64_t value, uint32_t *out)
{
    if (!n)
        return 0;
    if (value < rule.least || value > rule.most)
        return config_loader_refuse(l, n, rule.path);
    *out = (uint32_t)value;
    return 0;
}

static int take_workers(const struct config_loader *l)
{
    const struct tree_node *n = config_loader_given(l, "workers");
    if (!n || !strcmp(n->text, "auto"))
        return 0;
    size_t digits = strspn(n->text, "0123456789");
    bool plain = digits && digits <= 3 && !n->text[digits] && n->text[0] != '0';
    unsigned long workers = plain ? strtoul(n->text, NULL, 10) : 0;
    if (workers < 1 || workers > WORKERS_MAX)
        return config_loader_refuse(l, n, "workers");
    l->c->workers = (uint32_t)workers;
    return 0;
}

/* ---- limits */

static int take_client_limits(const struct config_loader *l)
{
    static const struct number_rule all = {"limits.clients", 1, 65536};
    static const struct number_rule each = {"limits.clients_per_user", 1, 65536};
    static const struct number_rule image = {"limits.image_us", 100, 60000000};
    static const struct number_rule handshake = {"limits.handshake_ms", 100, 600000};
    const struct raw_limits *raw = &l->raw->limits;
    struct config_limits *limits = &l->c->limits;
    const struct tree_node *per_user = given_limit(l, "clients_per_user");
    int rc = take_number(l, given_limit(l, "clients"), all, raw->clients, &limits->clients);
    if (rc)
        return rc;
    if (limits->clients_per_user > limits->clients)
        limits->clients_per_user = limits->clients;
    rc = take_number(l, per_user, each, raw->clients_per_user, &limits->clients_per_user);
    if (rc)
        return rc;
    if (limits->clients_per_user > limits->clients)
        return tree_error(&l->tree, per_user, l->e,
                          "limits.clients_per_user is %u; allowed: 1 .. limits.clients, which is "
                          "%u",
                          limits->clients_per_user, limits->clients);
    rc = take_number(l, given_limit(l, "image_us"), image, raw->image_us, &limits->image_us);
    if (rc)
        return rc;
    return take_number(l, given_limit(l, "handshake_ms"), handshake, raw->handshake_ms,
                       &limits->handshake_ms);
}

/* One of the two may be given alone: the other's default then follows it. */
static int take_ring_limits(const struct config_loader *l)
{
    static const struct size_rule one = {"limits.ring_bytes", 64 * KIB, TIB};
    static const struct size_rule all = {"limits.ring_bytes_per_user", 64 * KIB, TIB};
    struct config_limits *limits = &l->c->limits;
    const struct tree_node *one_node = given_limit(l, "ring_bytes");
    const struct tree_node *all_node = given_limit(l, "ring_bytes_per_user");
    int rc = take_size(l, one_node, one, &limits->ring_bytes);
    if (rc)
        return rc;
    rc = take_size(l, all_node, all, &limits->ring_bytes_per_user);
    if (rc || limits->ring_bytes <= limits->ring_bytes_per_user)
        return rc;
    if (!all_node) {
        limits->ring_bytes_per_user = limits->ring_bytes;
        return 0;
    }
    if (!one_node) {
        limits->ring_bytes = limits->ring_bytes_per_user;
        return 0;
    }
    char a[SIZE_TEXT_SIZE], b[SIZE_TEXT_SIZE];
    return tree_error(
        &l->tree, all_node, l->e,
        "limits.ring_bytes_per_user is %s; allowed: at least limits.ring_bytes, which "
        "is %s",
        size_text(limits->ring_bytes_per_user, " bytes", a),
        size_text(limits->ring_bytes, " bytes", b));
}

static int take_ring(const struct config_loader *l)
{
    static const struct size_rule rule = {"ring", 64 * KIB, GIB};
    struct config *c = l->c;
    const struct tree_node *n = config_loader_given(l, "ring");
    if (!n || !strcmp(n->text, "auto"))
        return 0;
    int rc = take_size(l, n, rule, &c->ring_bytes);
    if (rc || c->ring_bytes <= c->limits.ring_bytes)
        return rc;
    char a[SIZE_TEXT_SIZE], b[SIZE_TEXT_SIZE];
    return tree_error(
        &l->tree, n, l->e, "ring is %s; allowed: at most limits.ring_bytes, which is %s",
        size_text(c->ring_bytes, " bytes", a), size_text(c->limits.ring_bytes, " bytes", b));
}

/* ---- the cache */

static int take_cache(const struct config_loader *l)
{
    const struct tree_node *n = config_loader_given(l, "cache");
    if (n && !strcmp(n->text, "none"))
        return 0;
    if (n)
        return config_loader_path(l, n, "cache", &l->c->cache);
    l->c->cache = config_default_cache();
    return l->c->cache ? 0 : config_loader_no_memory(l);
}

/* ---- the whole file */

static int take_list_limit(const struct config_loader *l)
{
    static const struct size_rule rule = {"limits.list_bytes", 0, TIB};
    return take_size(l, given_limit(l, "list_bytes"), rule, &l->c->limits.list_bytes);
}

static int take_sample_store(const struct config_loader *l)
{
    static const struct size_rule rule = {"sample_store", 0, TIB};
    return take_size(l, config_loader_given(l, "sample_store"), rule, &l->c->sample_cache_bytes);
}

static int take_ledger(const struct config_loader *l)
{
    static const struct size_rule bytes = {"ledger.max_bytes", 64 * KIB, TIB};
    static const struct number_rule files = {"ledger.files", 2, 64};
    const struct tree_node *n = config_loader_given(l, "ledger");
    struct config_ledger *ledger = &l->c->ledger;
    if (!n)
        return 0;
    const struct tree_node *path = tree_member(&l->tree, n, "path");
    if (path->text[0] && path->text[strlen(path->text) - 1] == '/')
        return config_loader_refuse(l, path, "ledger.path");
    int rc = config_loader_path(l, path, "ledger.path", &ledger->path);
    if (!rc)
        rc = take_size(l, tree_member(&l->tree, n, "max_bytes"), bytes, &ledger->max_bytes);
    if (!rc)
        rc = take_number(l, tree_member(&l->tree, n, "files"), files, l->raw->ledger->files,
                         &ledger->files);
    return rc;
}

/* Where in the file each key stands, but for those of datasets. */
static void note_lines(const struct config_loader *l)
{
    const struct config_key *key;
    for (size_t i = 0; (key = config_key_at(i)); i++) {
        const char *dot = strchr(key->path, '.');
        char above[32] = "";
        if (dot)
            snprintf(above, sizeof above, "%.*s", (int)(dot - key->path), key->path);
        const struct tree_node *n = config_loader_given(l, dot ? above : key->path);
        if (dot)
            n = tree_member(&l->tree, n, dot + 1);
        l->c->lines[i] = n ? n->line : 0;
    }
}

int config_loader_values(const struct config_loader *l)
{
    /* In this order: `ring` is held against the limits. */
    static int (*const take[])(const struct config_loader *) = {
        config_loader_socket,   take_cache,        take_workers,
        take_client_limits,     take_ring_limits,  take_ring,
        take_list_limit,        take_sample_store, take_ledger,
        config_loader_datasets,
    };
    *l->c = (struct config){
        .socket_gid = CONFIG_OWN_GROUP,
        .io_uring = config_loader_given(l, "io_uring") ? l->raw->io_uring : 1,
        .log_level = config_loader_given(l, "log_level") ? (enum log_level)l->raw->log_level
                                                         : LOG_LEVEL_INFO,
        .ledger = {.max_bytes = 64 * MIB, .files = 4},
        .limits = {.image_us = 20000, .handshake_ms = 5000},
    };
    config_memory_defaults(l->c, host_memory_limit());
    note_lines(l);
    for (size_t i = 0; i < sizeof take / sizeof *take; i++) {
        int rc = take[i](l);
        if (rc)
            return rc;
    }
    return 0;
}
