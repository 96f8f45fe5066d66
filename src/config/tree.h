/* SPDX-License-Identifier: MIT */
/* config/tree.h — a YAML text as a flat list of nodes, each with its line.
 *
 * libcyaml loads values but keeps no lines, and in version 1.3.1 the line of an error is often that
 * of the value before it. This tree is where every message about the config gets its line from.
 * It also refuses what a config has no use for and what makes YAML dangerous: aliases, anchors and
 * tags, more than one document, deep nesting, NUL characters, keys that are not words.
 *
 * Shape: nodes in the order of the text; a node's descendants follow it up to `end`. The children
 * of a mapping alternate key, value. Walk the children of node n with
 *
 *     for (c = tree_first(t, n); c; c = tree_next(t, n, c))
 *
 * Threads: one. Memory: owned by the tree; tree_free gives it back.
 */
#ifndef CONFIG_TREE_H
#define CONFIG_TREE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tree_kind { TREE_SCALAR, TREE_MAPPING, TREE_SEQUENCE };

struct tree_node {
    enum tree_kind kind;
    uint32_t line; /* where the node begins, from 1 */
    uint32_t end;  /* index behind its last descendant */
    char *text;    /* a scalar's text, else NULL */
    bool null;     /* a scalar without a value: nothing, "~" or "null", unquoted */
};

struct tree {
    const char *file; /* as messages name it; not owned */
    struct tree_node *nodes;
    uint32_t count; /* 0: the text holds no document */
};

/* Reads the text. Errors: -EINVAL "FILE:LINE: ...", -ENOMEM; *t is then empty. */
int tree_parse(struct tree *t, const char *file, const void *text, size_t size, struct err *e);

/* Accepts a zeroed struct. */
void tree_free(struct tree *t);

/* The first child of n, and the child behind c; NULL where there is none. */
const struct tree_node *tree_first(const struct tree *t, const struct tree_node *n);
const struct tree_node *tree_next(const struct tree *t, const struct tree_node *n,
                                  const struct tree_node *c);

/* The value of a key of mapping n. Returns NULL where it has no such key, and for a NULL n. */
const struct tree_node *tree_member(const struct tree *t, const struct tree_node *n,
                                    const char *key);

/* Writes "FILE:LINE: " and the text, and returns -EINVAL. A NULL n stands for line 1. */
int tree_error(const struct tree *t, const struct tree_node *n, struct err *e, const char *format,
               ...) __attribute__((format(printf, 4, 5)));

/* What stands in the file, fit for a message: a scalar in quotes, with other than printable
 * characters escaped and cut after some 40; or "a list", "a mapping", "nothing". */
#define TREE_SEEN_SIZE 256
const char *tree_seen(const struct tree_node *n, char seen[TREE_SEEN_SIZE]);

#endif
