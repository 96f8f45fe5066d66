/* SPDX-License-Identifier: MIT */
/* Reads a cut's texts: one pass, by a strict grammar. What the steps do is make.c's. */
#include "cut/cut.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct reader {
    const char *text, *at;
    const char *what; /* "split", "select" */
    struct err *e;
};

/* Characters are counted from 1. */
__attribute__((format(printf, 2, 3))) static int refuse(const struct reader *r, const char *format,
                                                        ...)
{
    char text[ERR_TEXT_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return err_set(r->e, -EINVAL, "%s, character %td: %s", r->what, r->at - r->text + 1, text);
}

/* ---- letters ------------------------------------------------------------------------------- */

static void skip_blanks(struct reader *r)
{
    r->at += strspn(r->at, " ");
}

static bool take(struct reader *r, char c)
{
    skip_blanks(r);
    if (*r->at != c)
        return false;
    r->at++;
    return true;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || c == '-';
}

/* The word that stands here, and nothing that goes on behind it. */
static bool take_word(struct reader *r, const char *word)
{
    skip_blanks(r);
    size_t n = strlen(word);
    if (strncmp(r->at, word, n) != 0 || is_letter(r->at[n]) || is_digit(r->at[n]))
        return false;
    r->at += n;
    return true;
}

/* A whole number without a sign, at most `most`. */
static int take_number(struct reader *r, uint64_t most, uint64_t *out)
{
    skip_blanks(r);
    if (!is_digit(*r->at))
        return refuse(r, "want a number");
    const char *first = r->at;
    uint64_t n = 0;
    for (; is_digit(*r->at); r->at++) {
        if (n > (most - (uint64_t)(*r->at - '0')) / 10) {
            r->at = first;
            return refuse(r, "a number beyond %llu", (unsigned long long)most);
        }
        n = n * 10 + (uint64_t)(*r->at - '0');
    }
    *out = n;
    return 0;
}

static int take_signed(struct reader *r, uint64_t most, int64_t *out)
{
    bool negative = take(r, '-');
    uint64_t n = 0;
    int rc = take_number(r, most, &n);
    *out = negative ? -(int64_t)n : (int64_t)n;
    return rc;
}

/* ---- slices -------------------------------------------------------------------------------- */

#define IMAGES_MAX UINT64_C(4294967295)

static int take_bound(struct reader *r, struct cut_bound *b, bool *percent)
{
    skip_blanks(r);
    if (*r->at != '-' && !is_digit(*r->at))
        return 0;
    const char *first = r->at;
    int rc = take_signed(r, IMAGES_MAX, &b->value);
    if (rc)
        return rc;
    b->given = true;
    if (!take(r, '%'))
        return 0;
    *percent = true;
    if (b->value < -100 || b->value > 100) {
        r->at = first;
        return refuse(r, "percent: want -100 to 100");
    }
    return 0;
}

/* "[from]:[to]". A % at either end is of both, as tensorflow_datasets has it. */
static int take_range(struct reader *r, struct cut_step *s)
{
    if (s->range_count == CUT_RANGES_MAX)
        return refuse(r, "more than %u slices", CUT_RANGES_MAX);
    struct cut_range *range = &s->ranges[s->range_count++];
    skip_blanks(r);
    const char *first = r->at;
    int rc = take_bound(r, &range->from, &range->percent);
    if (rc)
        return rc;
    if (!take(r, ':'))
        return refuse(r, "want ':' in a slice, as [:50000], [90%%:] or [-10000:]");
    rc = take_bound(r, &range->to, &range->percent);
    if (rc)
        return rc;
    const struct cut_bound *ends[] = {&range->from, &range->to};
    for (int i = 0; i < 2; i++)
        if (range->percent && (ends[i]->value < -100 || ends[i]->value > 100)) {
            r->at = first;
            return refuse(r, "percent: want -100 to 100");
        }
    if (!range->from.given && !range->to.given) {
        r->at = first;
        return refuse(r, "a slice without an end; want the name alone for all of it");
    }
    return 0;
}

static struct cut_step *add_step(struct cut *c, enum cut_kind kind, uint32_t at)
{
    if (c->step_count == CUT_STEPS_MAX)
        return NULL;
    struct cut_step *s = &c->steps[c->step_count++];
    memset(s, 0, sizeof *s);
    s->kind = kind;
    s->at = at;
    return s;
}

size_t cut_name_length(const char *split)
{
    size_t n = strcspn(split, "[|");
    while (split[n] && n && split[n - 1] == ' ')
        n--;
    return n;
}

int cut_add_split(struct cut *c, const char *split, struct err *e)
{
    size_t n = cut_name_length(split);
    struct reader r = {.text = split, .at = split + n, .what = "split", .e = e};
    skip_blanks(&r);
    if (!*r.at)
        return 0;
    if (*r.at != '[')
        return refuse(&r, "want a slice behind the name, as [:50000]");
    struct cut_step *s = add_step(c, CUT_SLICE, 0);
    if (!s)
        return refuse(&r, "more than %u steps in all", CUT_STEPS_MAX);
    for (;;) {
        r.at++; /* the bracket */
        int rc = take_range(&r, s);
        if (rc)
            return rc;
        if (!take(&r, ']'))
            return refuse(&r, "want ']' behind a slice");
        if (!take(&r, '+'))
            break;
        skip_blanks(&r);
        bool same = !strncmp(r.at, split, n);
        r.at += same ? n : 0;
        skip_blanks(&r);
        if (!same || *r.at != '[')
            return refuse(&r, "want another slice of %.*s: slices of one split can be put together",
                          (int)n, split);
    }
    skip_blanks(&r);
    return *r.at ? refuse(&r, "want the end behind a slice, or '+'") : 0;
}

/* ---- arguments ----------------------------------------------------------------------------- */

static int take_slices(struct reader *r, struct cut_step *s)
{
    do {
        int rc = take_range(r, s);
        if (rc)
            return rc;
    } while (take(r, ','));
    return 0;
}

/* "0.125": digits before and behind the point. Both are whole numbers below 2^53, so that the
 * quotient is the double nearest to the text, whatever the locale's point is. */
static int take_fraction(struct reader *r, const char *first, uint64_t whole, double *out)
{
    uint64_t digits = 0, scale = 1;
    int count = 0;
    for (; is_digit(*r->at); r->at++, count++) {
        if (count == 15)
            return refuse(r, "a fraction of more than 15 digits");
        digits = digits * 10 + (uint64_t)(*r->at - '0');
        scale *= 10;
    }
    if (!count)
        return refuse(r, "want digits behind the point");
    *out = (double)digits / (double)scale;
    if (!whole && digits)
        return 0;
    r->at = first;
    return refuse(r, "a fraction: want more than 0 and less than 1; a number of images has no "
                     "point");
}

/* "3/10", "0.1" or "6000". */
static int take_amount(struct reader *r, struct cut_step *s)
{
    uint64_t n = 0, folds = 0;
    skip_blanks(r);
    const char *first = r->at;
    int rc = take_number(r, IMAGES_MAX, &n);
    if (rc)
        return rc;
    if (*r->at == '.') {
        r->at++;
        return take_fraction(r, first, n, &s->fraction);
    }
    if (!take(r, '/')) {
        s->count = n;
        return n ? 0 : refuse(r, "0 images: want 1 or more");
    }
    rc = take_number(r, CUT_FOLDS_MAX, &folds);
    if (rc)
        return rc;
    if (folds < 2 || n >= folds) {
        r->at = first;
        return refuse(r, "fold %llu of %llu: want 2 folds or more, counted from 0",
                      (unsigned long long)n, (unsigned long long)folds);
    }
    s->kind = CUT_FOLD;
    s->fold = (uint32_t)n;
    s->folds = (uint32_t)folds;
    return 0;
}

static int take_parting(struct reader *r, struct cut_step *s)
{
    uint64_t seed = 0;
    int rc = take_amount(r, s);
    while (!rc && take(r, ',')) {
        if (!s->stratified && take_word(r, "stratified")) {
            s->stratified = true;
        } else if (!s->seeded && take_word(r, "seed")) {
            if (!take(r, '='))
                return refuse(r, "want '=' behind seed");
            rc = take_number(r, UINT32_MAX, &seed);
            s->seeded = true;
            s->seed = (uint32_t)seed;
        } else {
            return refuse(r, "want seed=N or stratified, each once");
        }
    }
    if (!rc && s->kind == CUT_DRAW && !s->seeded)
        return refuse(r, "want seed=N: what is drawn must be the same each time");
    return rc;
}

static int take_label(struct reader *r, int32_t *out)
{
    int64_t n = 0;
    int rc = take_signed(r, INT32_MAX, &n);
    *out = (int32_t)n;
    return rc;
}

static bool has_label(const struct cut_step *s, int32_t label)
{
    for (uint32_t i = 0; i < s->label_count; i++)
        if (s->from[i] == label)
            return true;
    return false;
}

/* "3, 7, renumber" */
static int take_classes(struct reader *r, struct cut_step *s)
{
    do {
        int32_t label;
        if (s->label_count && take_word(r, "renumber")) {
            s->renumber = true;
            return 0;
        }
        skip_blanks(r);
        const char *first = r->at;
        int rc = take_label(r, &label);
        if (rc)
            return rc;
        bool twice = has_label(s, label);
        if (twice || s->label_count == CUT_LABELS_MAX) {
            r->at = first;
            return twice ? refuse(r, "class %d is here a second time", label)
                         : refuse(r, "more than %u classes", CUT_LABELS_MAX);
        }
        s->from[s->label_count] = label;
        s->to[s->label_count] = (int32_t)s->label_count;
        s->label_count++;
    } while (take(r, ','));
    return 0;
}

/* "0, 0, 1" or "3:0, 7:1" */
static int take_labels(struct reader *r, struct cut_step *s)
{
    do {
        int32_t from, to;
        skip_blanks(r);
        const char *first = r->at;
        int rc = take_label(r, &from);
        if (rc)
            return rc;
        bool pair = take(r, ':');
        if (pair)
            rc = take_label(r, &to);
        if (rc)
            return rc;
        r->at = s->label_count && pair == s->whole ? first : r->at;
        if (s->label_count && pair == s->whole)
            return refuse(r, "want a number for each label, or pairs as 3:0, and not both");
        s->whole = !pair;
        if (!pair) {
            to = from;
            from = (int32_t)s->label_count;
        }
        bool twice = has_label(s, from);
        if (twice || s->label_count == CUT_LABELS_MAX) {
            r->at = first;
            return twice ? refuse(r, "label %d is here a second time", from)
                         : refuse(r, "more than %u labels", CUT_LABELS_MAX);
        }
        s->from[s->label_count] = from;
        s->to[s->label_count] = to;
        s->label_count++;
    } while (take(r, ','));
    return 0;
}

/* ---- steps --------------------------------------------------------------------------------- */

static const struct operation {
    const char *name;
    enum cut_kind kind;
    bool held_out;
    int (*take)(struct reader *r, struct cut_step *s);
} operations[] = {
    {"slice", CUT_SLICE, false, take_slices},    {"held-out", CUT_DRAW, true, take_parting},
    {"training", CUT_DRAW, false, take_parting}, {"classes", CUT_CLASSES, false, take_classes},
    {"labels", CUT_LABELS, false, take_labels},
};
#define OPERATIONS (sizeof operations / sizeof operations[0])

static int take_step(struct reader *r, struct cut *c)
{
    size_t i = 0;
    uint32_t at = (uint32_t)(r->at - r->text) + 1;
    while (i < OPERATIONS && !take_word(r, operations[i].name))
        i++;
    if (i == OPERATIONS)
        return refuse(r, "want slice(...), held-out(...), training(...), classes(...) or "
                         "labels(...)");
    struct cut_step *s = add_step(c, operations[i].kind, at);
    if (!s)
        return refuse(r, "more than %u steps in all", CUT_STEPS_MAX);
    s->held_out = operations[i].held_out;
    if (!take(r, '('))
        return refuse(r, "want '(' behind %s", operations[i].name);
    int rc = operations[i].take(r, s);
    if (rc)
        return rc;
    return take(r, ')') ? 0 : refuse(r, "want ')' behind %s's arguments", operations[i].name);
}

int cut_add_selection(struct cut *c, const char *text, struct err *e)
{
    struct reader r = {.text = text, .at = text, .what = "select", .e = e};
    for (skip_blanks(&r); *r.at; skip_blanks(&r)) {
        int rc = take_step(&r, c);
        if (rc)
            return rc;
    }
    return 0;
}
