/* SPDX-License-Identifier: MIT */
/* Builds the tree from libyaml's events. Does not know which keys a config has. */
#include "config/tree.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#define DEPTH_MAX 8u /* a config needs 5: file, datasets, entry, splits, train */

/* The state while events come in: the collections that are open, outermost first. */
struct builder {
    struct tree *tree;
    struct err *e;
    uint32_t capacity;
    uint32_t depth;
    struct {
        uint32_t node;
        bool want_key; /* a mapping whose next child is a key */
    } open[DEPTH_MAX];
    uint32_t documents;
};

/* ---- messages */

int tree_error(const struct tree *t, const struct tree_node *n, struct err *e, const char *format,
               ...)
{
    if (!e)
        return -EINVAL;
    char text[ERR_TEXT_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return err_set(e, -EINVAL, "%s:%u: %s", t->file, n ? n->line : 1, text);
}

const char *tree_seen(const struct tree_node *n, char seen[TREE_SEEN_SIZE])
{
    if (n->kind != TREE_SCALAR || n->null) {
        const char *what = n->kind == TREE_MAPPING    ? "a mapping"
                           : n->kind == TREE_SEQUENCE ? "a list"
                                                      : "nothing";
        snprintf(seen, TREE_SEEN_SIZE, "%s", what);
        return seen;
    }
    size_t used = 0;
    seen[used++] = '"';
    const unsigned char *p = (const unsigned char *)n->text;
    /* A character of several bytes is not cut in the middle: bytes 10xxxxxx go with the one before.
     */
    for (size_t i = 0; *p && (i < 40 || (*p & 0xc0) == 0x80); i++, p++) {
        if (*p < 0x20 || *p == 0x7f)
            used += (size_t)snprintf(seen + used, 5, "\\x%02x", *p);
        else
            seen[used++] = (char)*p;
    }
    snprintf(seen + used, TREE_SEEN_SIZE - used, *p ? "...\"" : "\"");
    return seen;
}

static int refuse(struct builder *b, const yaml_event_t *event, const char *text)
{
    const struct tree_node at = {.line = (uint32_t)event->start_mark.line + 1};
    return tree_error(b->tree, &at, b->e, "%s", text);
}

/* What libyaml could not read. A reader's error (bad UTF-8, control characters) has an offset only.
 */
static int syntax_error(struct builder *b, const yaml_parser_t *p, const char *text, size_t size)
{
    if (p->error == YAML_MEMORY_ERROR)
        return err_set(b->e, -ENOMEM, "%s: out of memory", b->tree->file);
    struct tree_node at = {.line = (uint32_t)p->problem_mark.line + 1};
    if (p->error == YAML_READER_ERROR) {
        at.line = 1;
        for (size_t i = 0; i < p->problem_offset && i < size; i++)
            at.line += text[i] == '\n';
        return tree_error(b->tree, &at, b->e, "byte 0x%02x: %s; allowed: UTF-8 text",
                          (unsigned char)(p->problem_offset < size ? text[p->problem_offset] : 0),
                          p->problem);
    }
    size_t line_start = 0;
    for (uint32_t line = 1; line < at.line && line_start < size; line_start++)
        line += text[line_start] == '\n';
    size_t indent = line_start;
    while (indent < size && text[indent] == ' ')
        indent++;
    if (indent < size && text[indent] == '\t')
        return tree_error(b->tree, &at, b->e, "a tab; allowed: spaces before a key");
    return tree_error(b->tree, &at, b->e, "not YAML: %s%s%s",
                      p->problem ? p->problem : "cannot be read", p->context ? " " : "",
                      p->context ? p->context : "");
}

/* ---- building */

/* Takes the next node; its text is copied. */
static int add_node(struct builder *b, enum tree_kind kind, const yaml_event_t *event)
{
    struct tree *t = b->tree;
    if (t->count == b->capacity) {
        uint32_t capacity = b->capacity ? b->capacity * 2 : 64;
        void *nodes = realloc(t->nodes, capacity * sizeof *t->nodes);
        if (!nodes)
            return err_set(b->e, -ENOMEM, "%s: out of memory", t->file);
        t->nodes = nodes;
        b->capacity = capacity;
    }
    struct tree_node *n = &t->nodes[t->count];
    *n = (struct tree_node){
        .kind = kind, .line = (uint32_t)event->start_mark.line + 1, .end = t->count + 1};
    if (kind == TREE_SCALAR) {
        n->text = strdup((const char *)event->data.scalar.value);
        if (!n->text)
            return err_set(b->e, -ENOMEM, "%s: out of memory", t->file);
        n->null = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
                  (!*n->text || !strcmp(n->text, "~") || !strcmp(n->text, "null"));
    }
    t->count++;
    return 0;
}

/* Anchors, aliases and tags: they make one text mean another, and a small file a huge tree. */
static bool is_marked(const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_ALIAS_EVENT:
        return true;
    case YAML_SCALAR_EVENT:
        return event->data.scalar.anchor || event->data.scalar.tag;
    case YAML_MAPPING_START_EVENT:
        return event->data.mapping_start.anchor || event->data.mapping_start.tag;
    case YAML_SEQUENCE_START_EVENT:
        return event->data.sequence_start.anchor || event->data.sequence_start.tag;
    default:
        return false;
    }
}

/* The place that a new node takes: a key, or a value. */
static int take_place(struct builder *b, const yaml_event_t *event)
{
    if (is_marked(event))
        return refuse(b, event,
                      "an anchor, alias or tag (&, *, !); allowed: plain values, with such "
                      "characters in quotes");
    if (event->type == YAML_SCALAR_EVENT &&
        strlen((const char *)event->data.scalar.value) != event->data.scalar.length)
        return refuse(b, event, "a NUL character; allowed: text without one");
    if (!b->depth)
        return 0;
    uint32_t top = b->depth - 1;
    if (b->tree->nodes[b->open[top].node].kind == TREE_MAPPING) {
        if (b->open[top].want_key && event->type != YAML_SCALAR_EVENT)
            return refuse(b, event, "a list or mapping as a key; allowed: a word");
        b->open[top].want_key = !b->open[top].want_key;
    }
    return 0;
}

static int open_node(struct builder *b, enum tree_kind kind, const yaml_event_t *event)
{
    int rc = take_place(b, event);
    if (rc)
        return rc;
    if (b->depth == DEPTH_MAX)
        return refuse(b, event, "nested too deep; allowed: what docs/config.md shows");
    rc = add_node(b, kind, event);
    if (rc)
        return rc;
    b->open[b->depth].node = b->tree->count - 1;
    b->open[b->depth].want_key = kind == TREE_MAPPING;
    b->depth++;
    return 0;
}

static int take_event(struct builder *b, const yaml_event_t *event)
{
    int rc;
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        return b->documents++ ? refuse(b, event, "a second document; allowed: one \"---\" at most")
                              : 0;
    case YAML_ALIAS_EVENT:
        return take_place(b, event);
    case YAML_SCALAR_EVENT:
        rc = take_place(b, event);
        if (rc)
            return rc;
        return add_node(b, TREE_SCALAR, event);
    case YAML_MAPPING_START_EVENT:
        return open_node(b, TREE_MAPPING, event);
    case YAML_SEQUENCE_START_EVENT:
        return open_node(b, TREE_SEQUENCE, event);
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
        assert(b->depth > 0); /* libyaml pairs them */
        b->depth--;
        b->tree->nodes[b->open[b->depth].node].end = b->tree->count;
        return 0;
    default: /* the ends of the stream and of a document */
        return 0;
    }
}

static int take_events(struct builder *b, yaml_parser_t *parser, const char *text, size_t size)
{
    bool more = true;
    while (more) {
        yaml_event_t event;
        if (!yaml_parser_parse(parser, &event))
            return syntax_error(b, parser, text, size);
        more = event.type != YAML_STREAM_END_EVENT;
        int rc = take_event(b, &event);
        yaml_event_delete(&event);
        if (rc)
            return rc;
    }
    return 0;
}

int tree_parse(struct tree *t, const char *file, const void *text, size_t size, struct err *e)
{
    *t = (struct tree){.file = file};
    struct builder b = {.tree = t, .e = e};
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser))
        return err_set(e, -ENOMEM, "%s: out of memory", file);
    /* Told that a text is UTF-8, libyaml takes a byte order mark for a column of the first line. */
    if (size >= 3 && !memcmp(text, "\xef\xbb\xbf", 3)) {
        text = (const char *)text + 3;
        size -= 3;
    }
    /* Stated, because libyaml would otherwise take a text for UTF-16 by its first two bytes. */
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, text, size);
    int rc = take_events(&b, &parser, text, size);
    yaml_parser_delete(&parser);
    if (rc)
        tree_free(t);
    return rc;
}

void tree_free(struct tree *t)
{
    for (uint32_t i = 0; i < t->count; i++)
        free(t->nodes[i].text);
    free(t->nodes);
    *t = (struct tree){0};
}

/* ---- walking */

static const struct tree_node *child_at(const struct tree *t, const struct tree_node *n, uint32_t i)
{
    return i < n->end ? &t->nodes[i] : NULL;
}

const struct tree_node *tree_first(const struct tree *t, const struct tree_node *n)
{
    return child_at(t, n, (uint32_t)(n - t->nodes) + 1);
}

const struct tree_node *tree_next(const struct tree *t, const struct tree_node *n,
                                  const struct tree_node *c)
{
    assert(c);
    return child_at(t, n, c->end);
}

const struct tree_node *tree_member(const struct tree *t, const struct tree_node *n,
                                    const char *key)
{
    if (!n || n->kind != TREE_MAPPING)
        return NULL;
    for (const struct tree_node *k = tree_first(t, n); k; k = tree_next(t, n, k)) {
        const struct tree_node *value = tree_next(t, n, k);
        if (!strcmp(k->text, key))
            return value;
        k = value;
    }
    return NULL;
}
