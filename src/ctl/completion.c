/* SPDX-License-Identifier: MIT */
/* Goes through the words as options_find_verb and options_parse would, but minds no error. */
#include "ctl/completion.h"

#include "ctl/option_table.h"
#include "ctl/verbs.h"

#include "spec/spec.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define DAEMON_MS 1000

static const char *const export_words[] = {"idx", "npz", "png", "csv"};

struct line {
    const struct completion *c;
    const struct verb *verb;    /* NULL: none yet */
    const struct option *wants; /* whose value comes next; NULL: none */
    const char *socket;
    const char *dataset; /* that is named; NULL: none yet */
    bool ended;          /* by "--" */
    const char *before;  /* of what is written, and of all that is offered: "--order=" */
    size_t before_length;
    const char *written; /* of the word or value at the cursor */
};

static void offer(const struct line *l, const char *word, const char *why)
{
    char text[256];
    if (strncmp(word, l->written, strlen(l->written)) != 0)
        return;
    snprintf(text, sizeof text, "%.*s%s%s%s", (int)l->before_length, l->before, word,
             why ? "\t" : "", why ? why : "");
    l->c->line(l->c->data, text);
}

/* ---- the words before the cursor ----------------------------------------------------------- */

static void note_value(struct line *l, const struct option *o, const char *value)
{
    if (o->val == OPTION_SOCKET)
        l->socket = value;
    else if (o->val == OPTION_FIELD && !strcmp(o->name, "dataset"))
        l->dataset = value;
}

static void pass_option(struct line *l, const struct option *table, const char *word)
{
    bool is_long = word[1] == '-';
    const char *value = is_long ? strchr(word, '=') : NULL;
    const struct option *o = is_long ? option_by_name(table, word + 2, strcspn(word + 2, "="))
                                     : option_by_val(table, word[1]);
    if (!o)
        return;
    if (value)
        note_value(l, o, value + 1);
    else if (o->has_arg == required_argument && (is_long || !word[2]))
        l->wants = o;
}

static void pass_word(struct line *l, const struct option *table, const char *word)
{
    if (l->wants) {
        note_value(l, l->wants, word);
        l->wants = NULL;
    } else if (!l->ended && !strcmp(word, "--")) {
        l->ended = l->verb; /* before the verb the verb's own options still come */
    } else if (!l->ended && word[0] == '-' && word[1]) {
        pass_option(l, table, word);
    } else if (!l->verb) {
        l->verb = verb_find(word);
    }
}

/* ---- what comes next ----------------------------------------------------------------------- */

static void offer_name(void *to, const char *name)
{
    for (const char *p = name; *p; p++)
        if (!isprint((unsigned char)*p))
            return; /* what would begin another line */
    offer(to, name, NULL);
}

static void offer_field(struct line *l, const char *field)
{
    const char *value;
    if (!strcmp(field, "dataset"))
        l->c->datasets(l->socket, offer_name, l);
    else if (!strcmp(field, "split"))
        l->c->splits(l->socket, l->dataset, offer_name, l);
    else if (!strcmp(field, "draws"))
        offer(l, "counter", NULL); /* what options_parse takes of them */
    else
        for (size_t i = 0; (value = spec_value(field, i)); i++)
            offer(l, value, NULL);
}

static void offer_import(struct line *l, const char *option)
{
    static const char *const splits[] = {"train", "test", "validation", NULL};
    static const char *const sets[] = {"byclass", "bymerge", "balanced", "letters",
                                       "digits",  "mnist",   NULL};
    static const char *const kinds[] = {"fine", "coarse", NULL};
    const char *const *words = !strcmp(option, "split")         ? splits
                               : !strcmp(option, "set")         ? sets
                               : !strcmp(option, "labels-kind") ? kinds
                                                                : NULL;
    const char *rule;
    for (size_t i = 0; !strcmp(option, "resize") && (rule = spec_value("resize", i)); i++)
        offer(l, rule, NULL);
    if (!strcmp(option, "add") || !strcmp(option, "classes"))
        l->c->line(l->c->data, ":file");
    for (; words && *words; words++)
        offer(l, *words, NULL);
}

static void offer_values(struct line *l, const struct option *o)
{
    switch (o->val) {
    case OPTION_FIELD:
        offer_field(l, o->name);
        break;
    case OPTION_INDICES:
    case OPTION_SOCKET:
    case OPTION_CONFIG:
        l->c->line(l->c->data, ":file");
        break;
    case OPTION_IMPORT:
        offer_import(l, o->name);
        break;
    case OPTION_FORMAT:
        for (size_t i = 0; i < sizeof export_words / sizeof *export_words; i++)
            offer(l, export_words[i], NULL);
        break;
    case OPTION_SPLIT:
        offer_field(l, "split");
        break;
    case 'o':
        l->c->line(l->c->data, l->verb && (l->verb->options == OPTIONS_GENERATE ||
                                           l->verb->options == OPTIONS_IMPORT)
                                   ? ":folder"
                                   : ":file");
        break;
    }
}

static void offer_options(struct line *l, const struct option *table)
{
    char word[64];
    for (; table->name; table++) {
        snprintf(word, sizeof word, "--%s", table->name);
        if (!l->verb || option_is_offered(l->verb, table))
            offer(l, word, NULL);
    }
}

static void offer_verbs(const struct line *l)
{
    for (const struct verb *v = verbs; v->name; v++)
        offer(l, v->name, v->summary);
}

static void offer_words(struct line *l, const struct option *table)
{
    switch (l->verb->options) {
    case OPTIONS_HELP:
        offer_verbs(l);
        break;
    case OPTIONS_COMPLETION:
        for (const struct completion_shell *s = completion_shells; s->name; s++)
            offer(l, s->name, NULL);
        break;
    case OPTIONS_IMPORT:
    case OPTIONS_VERIFY:
        l->c->line(l->c->data, ":file");
        break;
    case OPTIONS_CHECK:
    case OPTIONS_EXPORT:
        l->c->datasets(l->socket, offer_name, l);
        l->c->line(l->c->data, ":folder");
        break;
    default:
        if (!l->ended)
            offer_options(l, table); /* nothing else can stand there */
        break;
    }
}

void completion_find(const struct completion *c, const char *const *words, size_t count)
{
    struct option all[OPTIONS_MAX];
    struct line l = {.c = c, .before = "", .written = words[count - 1]};
    option_table_all(all);
    for (size_t i = 0; i + 1 < count; i++)
        pass_word(&l, l.verb ? option_table(l.verb->options) : all, words[i]);

    const struct option *table = l.verb ? option_table(l.verb->options) : all;
    const char *value = strncmp(l.written, "--", 2) ? NULL : strchr(l.written, '=');
    if (l.wants) {
        offer_values(&l, l.wants);
    } else if (!l.ended && value) {
        const struct option *o =
            option_by_name(table, l.written + 2, (size_t)(value - l.written) - 2);
        l.before = l.written;
        l.before_length = (size_t)(value + 1 - l.written);
        l.written = value + 1;
        if (o && o->has_arg != no_argument)
            offer_values(&l, o);
    } else if (!l.ended && *l.written == '-') {
        offer_options(&l, table);
    } else if (!l.verb) {
        offer_verbs(&l);
    } else {
        offer_words(&l, table);
    }
}

/* ---- `__complete` -------------------------------------------------------------------------- */

static void print_line(void *data, const char *text)
{
    puts(text);
}

/* NULL where no daemon answers. */
static struct fmnist_datasets *ask(const char *socket)
{
    struct fmnist_connect_options o = {
        .size = sizeof o, .socket = socket, .timeout_ms = DAEMON_MS, .reconnect_ms = -1};
    struct fmnist_client *client;
    struct fmnist_datasets *all = NULL;
    if (fmnist_connect(&o, &client))
        return NULL;
    if (fmnist_datasets(client, &all))
        all = NULL;
    fmnist_disconnect(client);
    return all;
}

static void ask_datasets(const char *socket, void (*name)(void *to, const char *name), void *to)
{
    struct fmnist_datasets *all = ask(socket);
    const struct fmnist_dataset *d, *last = NULL;
    for (size_t i = 0; all && (d = fmnist_datasets_at(all, i)); last = d, i++)
        if (!last || strcmp(last->name, d->name) != 0) /* its splits stand together */
            name(to, d->name);
    fmnist_datasets_free(all);
}

/* Where no daemon answers, the two that most have. */
static void ask_splits(const char *socket, const char *dataset,
                       void (*name)(void *to, const char *name), void *to)
{
    struct fmnist_datasets *all = ask(socket);
    if (!all) {
        name(to, "train");
        name(to, "test");
        return;
    }
    const struct fmnist_dataset *d, *first = fmnist_datasets_at(all, 0);
    for (size_t i = 0; (d = fmnist_datasets_at(all, i)); i++)
        if (!strcmp(d->name, dataset ? dataset : first->name))
            name(to, d->split);
    fmnist_datasets_free(all);
}

int completion_print(const char *const *words, size_t count)
{
    const struct completion c = {
        .line = print_line, .datasets = ask_datasets, .splits = ask_splits};
    if (count)
        completion_find(&c, words, count);
    return EXIT_FINE;
}
