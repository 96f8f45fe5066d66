/* SPDX-License-Identifier: MIT */
/* Makes texts of keys. What a text means for a split is cut/'s, and whether the split can be cut so
 * shows when it is opened. */
#include "config/cuts.h"

#include "cut/cut.h"
#include "dataset/known.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A split's text on its way. */
struct text {
    const struct description *in;
    const struct tree_node *node;
    const char *name;
    char steps[CUT_TEXT_SIZE * 2];
    size_t used;
};

static const struct tree_node *member(const struct text *t, const char *key)
{
    return tree_member(t->in->tree, t->node, key);
}

__attribute__((format(printf, 2, 3))) static void add(struct text *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(t->steps + t->used, sizeof t->steps - t->used, format, args);
    va_end(args);
    t->used += (size_t)n < sizeof t->steps - t->used ? (size_t)n : sizeof t->steps - t->used - 1;
}

static int refuse(const struct text *t, const struct tree_node *n, const char *key)
{
    return description_refuse(t->in, n, t->name, key);
}

static int no_memory(const struct text *t)
{
    return config_loader_no_memory(t->in->l);
}

static bool is_true(const struct tree_node *n)
{
    return n && !strcmp(n->text, "true");
}

/* ---- keys ---------------------------------------------------------------------------------- */

static int add_ends(struct text *t)
{
    static const char *const keys[] = {"first", "last"};
    for (int i = 0; i < 2; i++) {
        const struct tree_node *n = member(t, keys[i]);
        if (n && (strlen(n->text) > 10 || !strcmp(n->text, "0")))
            return refuse(t, n, keys[i]);
        if (n)
            add(t, i ? "slice(-%s:) " : "slice(:%s) ", n->text);
    }
    return 0;
}

static int add_fraction(struct text *t)
{
    const struct tree_node *n = member(t, "fraction"), *seed = member(t, "seed");
    const struct tree_node *stratified = member(t, "stratified");
    if (!n && (seed || stratified))
        return tree_error(t->in->tree, seed ? seed : stratified, t->in->l->e,
                          "%ssplits.%s: %s without fraction; allowed: %s", t->in->at, t->name,
                          seed ? "seed" : "stratified",
                          config_allowed("datasets[].splits.NAME.fraction"));
    if (!n)
        return 0;
    size_t digits = strlen(n->text) > 2 ? strspn(n->text + 2, "0123456789") : 0;
    bool good = !strncmp(n->text, "0.", 2) && digits && digits <= 15 && !n->text[2 + digits] &&
                strspn(n->text + 2, "0") < digits;
    if (!good || !seed)
        return refuse(t, n, "fraction");
    if (strlen(seed->text) > 10 || strtoull(seed->text, NULL, 10) > UINT32_MAX)
        return refuse(t, seed, "seed");
    add(t, "held-out(%s, seed=%s%s) ", n->text, seed->text,
        is_true(stratified) ? ", stratified" : "");
    return 0;
}

/* "3, 7": the numbers of a list. */
static int add_numbers(struct text *t, const struct tree_node *list, const char *key)
{
    const struct tree_node *n = tree_first(t->in->tree, list);
    for (bool first = true; n; n = tree_next(t->in->tree, list, n), first = false) {
        if (strlen(n->text) > 10 || strtoull(n->text, NULL, 10) > INT32_MAX) {
            char path[32];
            snprintf(path, sizeof path, "%s[]", key);
            return refuse(t, n, path);
        }
        add(t, "%s%s", first ? "" : ", ", n->text);
    }
    return 0;
}

static int add_labels(struct text *t)
{
    const struct tree_node *classes = member(t, "classes"), *map = member(t, "label_map");
    const struct tree_node *renumber = member(t, "renumber");
    int rc = 0;
    if (!classes && renumber)
        return tree_error(t->in->tree, renumber, t->in->l->e,
                          "%ssplits.%s: renumber without classes; allowed: beside them", t->in->at,
                          t->name);
    if (classes) {
        add(t, "classes(");
        rc = add_numbers(t, classes, "classes");
        add(t, is_true(renumber) ? ", renumber) " : ") ");
    }
    if (map && !rc) {
        add(t, "labels(");
        rc = add_numbers(t, map, "label_map");
        add(t, ") ");
    }
    return rc;
}

/* The text is one, and not too long. */
static int check(struct text *t, const struct tree_node *select)
{
    struct err why;
    struct cut *cut = calloc(1, sizeof *cut);
    if (!cut)
        return no_memory(t);
    int rc = cut_add_selection(cut, t->steps, &why);
    free(cut);
    if (rc)
        return tree_error(t->in->tree, select ? select : t->node, t->in->l->e,
                          "%ssplits.%s: %s; allowed: %s", t->in->at, t->name, why.text,
                          config_allowed("datasets[].splits.NAME.select"));
    if (strlen(t->steps) < CUT_TEXT_SIZE)
        return 0;
    return tree_error(t->in->tree, t->node, t->in->l->e,
                      "%ssplits.%s: %zu characters of steps; allowed: %d", t->in->at, t->name,
                      strlen(t->steps), CUT_TEXT_SIZE - 1);
}

static bool contradict(const struct text *t)
{
    static const char *const keys[] = {"first", "last", "fraction", "without"};
    int given = 0;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        given += member(t, keys[i]) != NULL;
    return given > 1 || member(t, "images") || member(t, "labels");
}

static int take_steps(struct text *t)
{
    if (contradict(t))
        return tree_error(t->in->tree, t->node, t->in->l->e,
                          "%ssplits.%s: two ways of saying which images; allowed: from with one of "
                          "first, last, fraction and without",
                          t->in->at, t->name);
    int rc = add_ends(t);
    if (!rc)
        rc = add_fraction(t);
    if (!rc)
        rc = add_labels(t);
    if (rc)
        return rc;
    const struct tree_node *select = member(t, "select");
    if (select && strlen(select->text) >= CUT_TEXT_SIZE)
        return refuse(t, select, "select");
    if (select)
        add(t, "%s", select->text);
    while (t->used && t->steps[t->used - 1] == ' ')
        t->steps[--t->used] = '\0';
    return check(t, select);
}

int cuts_take(struct cuts *c, const struct description *in, const struct tree_node *node, int place,
              struct dataset_source *d)
{
    struct text t = {.in = in, .node = node, .name = dataset_split_name(d, place)};
    const struct tree_node *from = member(&t, "from");
    int rc = take_steps(&t);
    if (rc)
        return rc;
    c->places[place].in = in;
    c->places[place].node = node;
    d->splits[place].from = strdup(from->text);
    d->splits[place].cut = strdup(t.steps);
    return d->splits[place].from && d->splits[place].cut ? 0 : no_memory(&t);
}

/* ---- once all are known --------------------------------------------------------------------- */

static int find_place(const struct dataset_source *d, const char *name)
{
    for (int i = 0; i < DATASET_SPLITS; i++) {
        const char *taken = dataset_split_name(d, i);
        bool there =
            d->splits[i].images || d->splits[i].cut || (i < KNOWN_SPLITS && known_find(d->name));
        if (taken && there && !strcmp(taken, name))
            return i;
    }
    return -1;
}

/* The steps that leave what those of another cut take: the same with the other word. "": there are
 * none. */
static void rest_of(const char *steps, char rest[CUT_TEXT_SIZE])
{
    static const char *const words[][2] = {{"held-out(", "training("}, {"training(", "held-out("}};
    char end[16] = "", again[64] = "";
    rest[0] = '\0';
    if (strchr(steps, ')') != strrchr(steps, ')'))
        return; /* more than one step */
    for (int i = 0; i < 2; i++)
        if (!strncmp(steps, words[i][0], strlen(words[i][0])))
            snprintf(rest, CUT_TEXT_SIZE, "%s%s", words[i][1], steps + strlen(words[i][0]));
    if (sscanf(steps, "slice(:%10[0-9]", end) == 1)
        snprintf(again, sizeof again, "slice(:%s)", end);
    if (*end && !strcmp(again, steps))
        snprintf(rest, CUT_TEXT_SIZE, "slice(%s:)", end);
    if (!*end && sscanf(steps, "slice(-%10[0-9]", end) == 1)
        snprintf(again, sizeof again, "slice(-%s:)", end);
    if (*end && !*rest && !strcmp(again, steps))
        snprintf(rest, CUT_TEXT_SIZE, "slice(:-%s)", end);
}

static int replace(const struct text *t, const char **steps, const char *before)
{
    char *joined;
    if (asprintf(&joined, "%s%s%s", before, *before && **steps ? " " : "", *steps) < 0)
        return no_memory(t);
    free((char *)*steps);
    *steps = joined;
    return 0;
}

/* The rest of another cut stands before what else the split says. */
static int resolve_rest(const struct cuts *c, struct text *t, int place, struct dataset_source *d)
{
    const struct tree_node *n = member(t, "without");
    if (!n)
        return 0;
    char rest[CUT_TEXT_SIZE] = "";
    int other = find_place(d, n->text);
    if (other >= 0 && c->places[other].in && d->splits[other].cut &&
        !tree_member(c->places[other].in->tree, c->places[other].node, "without") &&
        !strcmp(d->splits[other].from, d->splits[place].from))
        rest_of(d->splits[other].cut, rest);
    return *rest ? replace(t, &d->splits[place].cut, rest) : refuse(t, n, "without");
}

static int refuse_circle(const struct text *t)
{
    char seen[TREE_SEEN_SIZE];
    const struct tree_node *n = member(t, "from");
    return tree_error(t->in->tree, n, t->in->l->e,
                      "%ssplits.%s.from is %s, which leads in a circle; allowed: what ends at a "
                      "split with files",
                      t->in->at, t->name, tree_seen(n, seen));
}

/* Up to the split that has files. */
static int resolve_from(const struct cuts *c, struct text *t, int place, struct dataset_source *d)
{
    for (int depth = 0; depth <= DATASET_SPLITS; depth++) {
        int other = find_place(d, d->splits[place].from);
        if (other < 0)
            return refuse(t, member(t, "from"), "from");
        if (other == place)
            return refuse_circle(t);
        if (!c->places[other].in)
            return strlen(d->splits[place].cut) < CUT_TEXT_SIZE
                       ? 0
                       : tree_error(t->in->tree, t->node, t->in->l->e,
                                    "%ssplits.%s: %zu characters of steps, with those of what it "
                                    "is cut from; allowed: %d",
                                    t->in->at, t->name, strlen(d->splits[place].cut),
                                    CUT_TEXT_SIZE - 1);
        int rc = replace(t, &d->splits[place].cut, d->splits[other].cut);
        char *from = rc ? NULL : strdup(d->splits[other].from);
        if (!from)
            return rc ? rc : no_memory(t);
        free((char *)d->splits[place].from);
        d->splits[place].from = from;
    }
    return refuse_circle(t);
}

int cuts_resolve(const struct cuts *c, struct dataset_source *d)
{
    static int (*const resolve[])(const struct cuts *c, struct text *t, int place,
                                  struct dataset_source *d) = {resolve_rest, resolve_from};
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < DATASET_SPLITS; i++) {
            if (!c->places[i].in)
                continue;
            struct text t = {
                .in = c->places[i].in, .node = c->places[i].node, .name = dataset_split_name(d, i)};
            int rc = resolve[pass](c, &t, i, d);
            if (rc)
                return rc;
        }
    return 0;
}
