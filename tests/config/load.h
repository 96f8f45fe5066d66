/* SPDX-License-Identifier: MIT */
/* tests/config/load.h — what the tests of config_load share: a text is a config, loaded, and what
 * came of it. */
#ifndef TESTS_CONFIG_LOAD_H
#define TESTS_CONFIG_LOAD_H

#include "config/config.h"

#include "support/support.h"

#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DATASETS "datasets:\n  - {name: mnist, path: /d}\n"
#define ENTRY    "datasets:\n  - name: mine\n    path: /d\n"
#define TRAIN    "    splits: {train: {images: a, labels: b}}\n"
#define S        "{images: a, labels: b}"
#define CUT(of)  "    splits:\n      train: " S "\n      dev: " of "\n"
#define A10      "aaaaaaaaaa"
#define A50      A10 A10 A10 A10 A10
#define A64      A50 A10 "aaaa"

static struct err e;

/* What libc keeps of the groups' database from its first use on is no leak of a test. */
static inline void setup(void)
{
    getgrnam("no such"); /* asks them all */
    support_setup();
}

/* Writes the text and loads it; returns config_load's result. */
static inline int load_bytes(struct config *c, const void *text, size_t size)
{
    const char *path = support_path("c.yaml");
    support_write(path, text, size);
    e.text[0] = '\0';
    return config_load(c, path, &e);
}

static inline int load_text(struct config *c, const char *text)
{
    return load_bytes(c, text, strlen(text));
}

/* Exactly one line, that begins with the file and `line` and has `part` in it. */
static inline void check_text(unsigned line, const char *part)
{
    char head[600];
    snprintf(head, sizeof head, "%s:%u: ", support_path("c.yaml"), line);
    ck_assert_msg(!strncmp(e.text, head, strlen(head)), "line %u expected: %s", line, e.text);
    ck_assert_msg(strstr(e.text, part), "\"%s\" expected: %s", part, e.text);
    ck_assert_msg(strstr(e.text, "allowed") || strstr(e.text, "not YAML"), "no way out: %s",
                  e.text);
    ck_assert_msg(!strchr(e.text, '\n'), "more than a line: %s", e.text);
}

static inline void check_empty(const struct config *c)
{
    static const struct config zero;
    ck_assert_mem_eq(c, &zero, sizeof zero);
}

static inline void check_defaults(const struct config *c)
{
    ck_assert_uint_eq(c->socket_mode, 0600);
    ck_assert_uint_eq(c->socket_gid, CONFIG_OWN_GROUP);
    ck_assert_ptr_null(c->socket_group);
    ck_assert_uint_eq(c->workers, 0);
    ck_assert_uint_eq(c->ring_bytes, 0); /* auto */
    ck_assert_uint_eq(c->sample_cache_bytes, 1 << 30);
    ck_assert_int_eq(c->io_uring, 1);
    ck_assert_int_eq(c->log_level, LOG_LEVEL_INFO);
    ck_assert_uint_eq(c->ledger.max_bytes, 64 << 20);
    ck_assert_uint_eq(c->ledger.files, 4);
    ck_assert_uint_eq(c->limits.clients, 256);
    ck_assert_uint_eq(c->limits.clients_per_user, 128);
    ck_assert_uint_eq(c->limits.ring_bytes, 1 << 30);
    ck_assert_uint_eq(c->limits.ring_bytes_per_user, UINT64_C(4) << 30);
    ck_assert_uint_eq(c->limits.list_bytes, 256 << 20);
    ck_assert_uint_eq(c->limits.image_us, 20000);
    ck_assert_uint_eq(c->limits.handshake_ms, 5000);
}

/* A case in the environment that the tests know. */
static inline TCase *config_case(const char *name)
{
    putenv("XDG_RUNTIME_DIR=/run/user/1");
    putenv("XDG_CACHE_HOME=/home/u/.cache");
    putenv("HOME=/home/u");
    TCase *tc = tcase_create(name);
    tcase_add_checked_fixture(tc, setup, support_teardown);
    tcase_set_timeout(tc, 30);
    return tc;
}

#endif
