/* SPDX-License-Identifier: MIT */
/* Walks the schema over the tree. Kinds of values and names of keys only: whether a number or a
 * path makes sense is values.c's. */
#include "config/schema.h"

#include "base/near.h"
#include "dataset/dataset.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_SIZE 192 /* the longest path of a schema, with a split's name */

/* Where the walk is. */
struct walk {
    const struct schema *schema;
    const struct tree *tree;
    struct err *e;
    char path[PATH_SIZE]; /* as people read it: with a split's name; "" at the top */
    char key[PATH_SIZE];  /* as config_key has it */
};

/* How long both were before. */
struct depth {
    size_t path, key;
};

static int check_value(struct walk *w, const struct tree_node *n, const cyaml_schema_value_t *v);

/* ---- names of keys */

/* The key that was probably meant. Returns NULL where none is near. */
static const char *nearest_key(const cyaml_schema_field_t *fields, const char *seen)
{
    const char *nearest = NULL;
    unsigned least = NEAR_WORD;
    for (; fields->key; fields++)
        if (near_takes(seen, fields->key, &least))
            nearest = fields->key;
    return nearest;
}

/* "a, b, c": the keys that the mapping may have. */
static const char *list_keys(const cyaml_schema_field_t *fields, char *list, size_t size)
{
    size_t used = 0;
    list[0] = '\0';
    for (; fields->key && used < size; fields++)
        used += (size_t)snprintf(list + used, size - used, "%s%s", used ? ", " : "", fields->key);
    return list;
}

static int unknown_key(struct walk *w, const struct tree_node *key,
                       const cyaml_schema_field_t *fields)
{
    char seen[TREE_SEEN_SIZE], list[256];
    const char *near = nearest_key(fields, key->text);
    return tree_error(w->tree, key, w->e, "%s%sunknown key %s%s%s%s; allowed: %s", w->path,
                      *w->path ? ": " : "", tree_seen(key, seen), near ? " (is it \"" : "",
                      near ? near : "", near ? "\"?)" : "", list_keys(fields, list, sizeof list));
}

/* ---- values */

static int wrong_value(struct walk *w, const struct tree_node *n)
{
    char seen[TREE_SEEN_SIZE];
    if (!*w->path)
        return tree_error(w->tree, n, w->e, "the file is %s; allowed: a mapping of keys to values",
                          tree_seen(n, seen));
    return tree_error(w->tree, n, w->e, "%s is %s; allowed: %s", w->path, tree_seen(n, seen),
                      schema_allowed(w->schema, w->key));
}

static void put_key(char path[PATH_SIZE], size_t length, const char *key)
{
    snprintf(path + length, PATH_SIZE - length, "%s%s", length && key[0] != '[' ? "." : "", key);
}

/* Puts a key, or "[]", behind the path, that the schema calls `key`; give what is returned to
 * leave_path. */
static struct depth enter_path(struct walk *w, const char *seen, const char *key)
{
    struct depth before = {strlen(w->path), strlen(w->key)};
    put_key(w->path, before.path, seen);
    put_key(w->key, before.key, key);
    return before;
}

static void leave_path(struct walk *w, struct depth before)
{
    w->path[before.path] = '\0';
    w->key[before.key] = '\0';
}

static const cyaml_schema_field_t *find_field(const cyaml_schema_field_t *fields, const char *key)
{
    for (; fields->key; fields++)
        if (!strcmp(fields->key, key))
            return fields;
    return NULL;
}

/* At most one of each key has passed when this is called, so it is short for any file. */
static int check_repeated(struct walk *w, const struct tree_node *mapping,
                          const struct tree_node *key)
{
    for (const struct tree_node *k = tree_first(w->tree, mapping); k != key;) {
        if (!strcmp(k->text, key->text))
            return tree_error(w->tree, key, w->e,
                              "%s%s%s is here a second time (first on line %u); allowed: once",
                              w->path, *w->path ? "." : "", key->text, k->line);
        k = tree_next(w->tree, mapping, k);
        k = tree_next(w->tree, mapping, k);
    }
    return 0;
}

static int check_missing(struct walk *w, const struct tree_node *n,
                         const cyaml_schema_field_t *fields)
{
    for (; fields->key; fields++)
        if (!(fields->value.flags & CYAML_FLAG_OPTIONAL) && !tree_member(w->tree, n, fields->key)) {
            struct depth before = enter_path(w, fields->key, fields->key);
            int rc = tree_error(w->tree, n, w->e, "%s is missing; allowed: %s", w->path,
                                schema_allowed(w->schema, w->key));
            leave_path(w, before);
            return rc;
        }
    return 0;
}

static int check_mapping(struct walk *w, const struct tree_node *n,
                         const cyaml_schema_field_t *fields)
{
    if (n->kind != TREE_MAPPING)
        return wrong_value(w, n);
    for (const struct tree_node *key = tree_first(w->tree, n); key;) {
        const struct tree_node *value = tree_next(w->tree, n, key);
        const cyaml_schema_field_t *field = find_field(fields, key->text);
        if (!field)
            return unknown_key(w, key, fields);
        int rc = check_repeated(w, n, key);
        if (rc)
            return rc;
        struct depth before = enter_path(w, field->key, field->key);
        rc = check_value(w, value, &field->value);
        leave_path(w, before);
        if (rc)
            return rc;
        key = tree_next(w->tree, n, value);
    }
    return check_missing(w, n, fields);
}

static int check_sequence(struct walk *w, const struct tree_node *n, const cyaml_schema_value_t *v)
{
    if (n->kind != TREE_SEQUENCE)
        return wrong_value(w, n);
    uint32_t count = 0;
    for (const struct tree_node *c = tree_first(w->tree, n); c; c = tree_next(w->tree, n, c))
        count++;
    if (count < v->sequence.min || count > v->sequence.max)
        return tree_error(w->tree, n, w->e, "%s has %u entries; allowed: %s", w->path, count,
                          schema_allowed(w->schema, w->key));
    struct depth before = enter_path(w, "[]", "[]");
    int rc = 0;
    for (const struct tree_node *c = tree_first(w->tree, n); c && !rc; c = tree_next(w->tree, n, c))
        rc = check_value(w, c, v->sequence.entry);
    leave_path(w, before);
    return rc;
}

static int check_split(struct walk *w, const struct tree_node *splits, const struct tree_node *name,
                       const struct tree_node *value)
{
    char seen[TREE_SEEN_SIZE];
    if (!schema_is_split_name(name->text))
        return tree_error(w->tree, name, w->e,
                          "%s: a split is called %s; allowed: a name as a dataset's, without '[', "
                          "']', '+' and '|'",
                          w->path, tree_seen(name, seen));
    int rc = check_repeated(w, splits, name);
    if (rc)
        return rc;
    struct depth before = enter_path(w, name->text, "NAME");
    rc = check_value(w, value, &split_schema);
    leave_path(w, before);
    return rc;
}

/* Splits by their names, of which there may be any. */
static int check_splits(struct walk *w, const struct tree_node *n)
{
    if (n->kind != TREE_MAPPING || !tree_first(w->tree, n))
        return wrong_value(w, n);
    unsigned others = 0;
    for (const struct tree_node *name = tree_first(w->tree, n); name;) {
        const struct tree_node *value = tree_next(w->tree, n, name);
        others += strcmp(name->text, "train") != 0 && strcmp(name->text, "test") != 0;
        int rc = others > DATASET_SPLITS - DATASET_OTHERS
                     ? tree_error(w->tree, name, w->e, "%s has too many splits; allowed: %s",
                                  w->path, schema_allowed(w->schema, w->key))
                     : check_split(w, n, name, value);
        if (rc)
            return rc;
        name = tree_next(w->tree, n, value);
    }
    return 0;
}

/* Digits only: libcyaml by itself also takes "-1", "0x10" and, as eight, "010". */
static bool is_number(const char *text)
{
    size_t n = strlen(text);
    return n && n <= 19 && strspn(text, "0123456789") == n && (text[0] != '0' || n == 1);
}

static bool is_one_of(const char *text, const cyaml_strval_t *words, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (!strcmp(words[i].str, text))
            return true;
    return false;
}

static int check_value(struct walk *w, const struct tree_node *n, const cyaml_schema_value_t *v)
{
    bool scalar = n->kind == TREE_SCALAR && !n->null;
    bool good;
    switch (v->type) {
    case CYAML_MAPPING:
        return check_mapping(w, n, v->mapping.fields);
    case CYAML_SEQUENCE:
        return check_sequence(w, n, v);
    case CYAML_IGNORE: /* by libcyaml */
        return check_splits(w, n);
    case CYAML_UINT:
        good = scalar && is_number(n->text);
        break;
    case CYAML_BOOL: /* libcyaml by itself takes any word but "false", "no", "off" for true */
        good = scalar && (!strcmp(n->text, "true") || !strcmp(n->text, "false"));
        break;
    case CYAML_ENUM:
        good = scalar && is_one_of(n->text, v->enumeration.strings, v->enumeration.count);
        break;
    default:
        good = scalar;
        break;
    }
    return good ? 0 : wrong_value(w, n);
}

int schema_check(const struct schema *s, const struct tree *t, struct err *e)
{
    if (!t->count || t->nodes[0].null)
        return tree_error(t, NULL, e, "the file is empty; allowed: at least %s", s->least);
    struct walk w = {.schema = s, .tree = t, .e = e};
    return check_value(&w, &t->nodes[0], s->value);
}
