/* SPDX-License-Identifier: MIT */
/* A chain's text, read: one pass, no letter looked at twice but a name's. What a value may be is
 * chain_value.c's, what an operation takes the
 * table's. */
#include "augment/chain.h"
#include "augment/chain_table.h"

#include "base/near.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* random-apply within random-apply, at most. */
#define DEPTH_MAX 4

struct parser {
    const char *text, *at;
    struct augment_chain *chain;
    uint32_t depth;
    struct err *e;
};

/* One operation while its arguments are read. */
struct reading {
    struct parser *p;
    const struct operation *known;
    struct augment_op *op;
    uint32_t given; /* a bit for each argument */
    bool by_key;    /* from now on */
};

static int parse_chain(struct parser *p, char end);

/* Characters are counted from 1. */
static int misplaced(const struct parser *p, const char *at, int rc)
{
    return err_prefix(p->e, rc, "augment, character %td", at - p->text + 1);
}

__attribute__((format(printf, 3, 4))) static int refuse(const struct parser *p, const char *at,
                                                        const char *format, ...)
{
    char text[ERR_TEXT_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return misplaced(p, at, err_set(p->e, -EINVAL, "%s", text));
}

/* ---- letters ------------------------------------------------------------------------------- */

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool in_name(char c)
{
    return is_letter(c) || is_digit(c) || c == '-' || c == '_';
}

static bool in_number(char c)
{
    return is_letter(c) || is_digit(c) || c == '-' || c == '+' || c == '.';
}

static void skip_blanks(struct parser *p)
{
    while (is_blank(*p->at))
        p->at++;
}

static bool skip(struct parser *p, char c)
{
    skip_blanks(p);
    if (*p->at != c)
        return false;
    p->at++;
    return true;
}

/* What stands there, for an error. Memory: `seen`. */
static const char *seen_at(const char *at, char seen[16])
{
    if (!*at)
        return "the text's end";
    if (*at < ' ' || *at > '~')
        snprintf(seen, 16, "a byte 0x%02x", (unsigned char)*at);
    else
        snprintf(seen, 16, "'%c'", *at);
    return seen;
}

/* As many letters as belong together; the text's too, where they are more than fit. */
static size_t read_letters(struct parser *p, bool (*belongs)(char),
                           char letters[CHAIN_LETTERS_MAX + 1])
{
    size_t n = 0;
    for (; belongs(*p->at); p->at++, n++)
        if (n < CHAIN_LETTERS_MAX)
            letters[n] = *p->at;
    letters[n < CHAIN_LETTERS_MAX ? n : CHAIN_LETTERS_MAX] = 0;
    return n;
}

/* ---- values -------------------------------------------------------------------------------- */

static int parse_number(struct parser *p, double *number)
{
    const char *begin = p->at;
    char letters[CHAIN_LETTERS_MAX + 1], seen[16], *end;
    size_t n = read_letters(p, in_number, letters);
    if (n == 0)
        return refuse(p, begin, "want a number, got %s", seen_at(begin, seen));
    if (n > CHAIN_LETTERS_MAX)
        return refuse(p, begin, "\"%.20s...\": a number of more than %d characters", letters,
                      CHAIN_LETTERS_MAX);
    *number = strtod(letters, &end);
    if (end != letters + n)
        return refuse(p, begin, "\"%s\" is no number", letters);
    if (!isfinite(*number))
        return refuse(p, begin, "\"%s\": want a finite number", letters);
    return 0;
}

static int parse_list(struct parser *p, struct argument_value *v)
{
    const uint32_t most = sizeof v->numbers / sizeof *v->numbers;
    char seen[16];
    v->list = true;
    do {
        skip_blanks(p);
        if (v->count == most)
            return refuse(p, p->at, "more than %u numbers in parentheses", most);
        int rc = parse_number(p, &v->numbers[v->count++]);
        if (rc)
            return rc;
        if (!skip(p, ','))
            break;
        skip_blanks(p);
    } while (*p->at != ')');
    if (!skip(p, ')'))
        return refuse(p, p->at, "want ',' or ')' behind a number, got %s", seen_at(p->at, seen));
    return 0;
}

/* A chain's own operations are left for parse_chain. */
static int parse_value(struct parser *p, struct argument_value *v)
{
    *v = (struct argument_value){.is = VALUE_NUMBERS};
    skip_blanks(p);
    if (*p->at == '[') {
        v->is = VALUE_CHAIN;
        return 0;
    }
    if (*p->at == '(') {
        p->at++;
        return parse_list(p, v);
    }
    if (!is_letter(*p->at)) {
        v->count = 1;
        return parse_number(p, &v->numbers[0]);
    }
    v->is = VALUE_WORD;
    read_letters(p, in_name, v->word);
    return 0;
}

/* ---- arguments ----------------------------------------------------------------------------- */

static int unknown_argument(const struct reading *r, const char *at, const char *key)
{
    char known[256] = "";
    const char *meant = NULL;
    unsigned least = NEAR_WORD;
    for (const struct argument *a = r->known->arguments; a->type; a++) {
        size_t n = strlen(known);
        snprintf(known + n, sizeof known - n, "%s%s", n ? ", " : "", a->key);
        if (near_takes(key, a->key, &least))
            meant = a->key;
    }
    if (meant)
        return refuse(r->p, at, "%s has no argument \"%s\": did you mean \"%s\"?", r->known->name,
                      key, meant);
    return refuse(r->p, at, "%s has no argument \"%s\"; it has %s", r->known->name, key, known);
}

/* The argument whose key stands there, if a key does; else the next one in order. */
static int find_argument(struct reading *r, const struct argument **found)
{
    struct parser *p = r->p;
    const char *begin = p->at;
    char letters[CHAIN_LETTERS_MAX + 1];
    size_t n = is_letter(*begin) ? read_letters(p, in_name, letters) : 0;
    if (n && skip(p, '=')) {
        for (const struct argument *a = r->known->arguments; a->type; a++)
            if (n <= CHAIN_LETTERS_MAX && chain_name_is(a->key, letters, n)) {
                *found = a;
                r->by_key = true;
                return 0;
            }
        return unknown_argument(r, begin, letters);
    }
    p->at = begin;
    if (r->by_key)
        return refuse(p, begin, "%s: an argument without a key behind one with a key",
                      r->known->name);
    uint32_t i = (uint32_t)__builtin_popcount(r->given);
    if (i >= r->known->positional)
        return refuse(p, begin, "%s takes %u argument%s without a key", r->known->name,
                      r->known->positional, r->known->positional == 1 ? "" : "s");
    *found = &r->known->arguments[i];
    return 0;
}

static int parse_children(struct reading *r)
{
    struct parser *p = r->p;
    const char *begin = p->at;
    uint32_t before = p->chain->count;
    if (p->depth == DEPTH_MAX)
        return refuse(p, begin, "more than %d random-apply within one another", DEPTH_MAX);
    p->at++;
    p->depth++;
    int rc = parse_chain(p, ']');
    p->depth--;
    p->at += !rc; /* the bracket */
    r->op->children = p->chain->count - before;
    return rc;
}

static int parse_argument(struct reading *r)
{
    struct parser *p = r->p;
    const struct argument *a = NULL;
    skip_blanks(p);
    const char *begin = p->at;
    int rc = find_argument(r, &a);
    if (rc)
        return rc;
    uint32_t bit = 1u << (a - r->known->arguments);
    if (r->given & bit)
        return refuse(p, begin, "%s: %s is given twice%s", r->known->name, a->key,
                      a->type == ARGUMENT_PADDING ? " (a size is a number or (height, width))"
                                                  : "");
    r->given |= bit;
    struct argument_value v;
    skip_blanks(p);
    const char *value = p->at;
    rc = parse_value(p, &v);
    if (rc)
        return rc;
    if (a->type == ARGUMENT_CHAIN && v.is == VALUE_CHAIN)
        return parse_children(r);
    rc = argument_take(a, &v, r->op, p->e);
    if (!rc)
        return 0;
    return misplaced(p, value, err_prefix(p->e, rc, "%s, %s", r->known->name, a->key));
}

static int parse_arguments(struct reading *r)
{
    struct parser *p = r->p;
    const char *behind = p->at;
    char seen[16];
    if (!skip(p, '(')) {
        p->at = behind;
        return 0;
    }
    if (skip(p, ')'))
        return 0;
    do {
        int rc = parse_argument(r);
        if (rc)
            return rc;
    } while (skip(p, ','));
    if (!skip(p, ')'))
        return refuse(p, p->at, "%s: want ',' or ')' behind an argument, got %s", r->known->name,
                      seen_at(p->at, seen));
    return 0;
}

/* ---- an operation -------------------------------------------------------------------------- */

void chain_defaults(struct augment_op *op, uint32_t kind)
{
    *op = (struct augment_op){.kind = kind};
    for (const struct argument *a = operation_of(kind)->arguments; a->type; a++) {
        if (!a->start || !*a->start)
            continue;
        struct parser p = {.text = a->start, .at = a->start};
        struct argument_value v;
        int rc = parse_value(&p, &v);
        if (!rc)
            rc = argument_take(a, &v, op, NULL);
        if (rc)
            abort(); /* the table is wrong */
    }
}

static bool has_argument(const struct operation *o, enum argument_type type)
{
    for (const struct argument *a = o->arguments; a->type; a++)
        if (a->type == type)
            return true;
    return false;
}

static bool was_given(const struct reading *r, enum argument_type type)
{
    for (const struct argument *a = r->known->arguments; a->type; a++)
        if (a->type == type)
            return r->given & 1u << (a - r->known->arguments);
    return false;
}

/* Logarithms that are not the ratio's would draw boxes that nothing else expects. */
static int settle_logs(const struct reading *r, const char *at)
{
    struct augment_op *op = r->op;
    float logs[2];
    augment_log_ratio(op->ratio, logs);
    if (!was_given(r, ARGUMENT_LOGS)) {
        memcpy(op->log_ratio, logs, sizeof logs);
        return 0;
    }
    for (int i = 0; i < 2; i++)
        if (fabsf(op->log_ratio[i] - logs[i]) > 1e-5f)
            return refuse(r->p, at, "%s: log-ratio %.9g is not the logarithm of ratio %.9g, %.9g",
                          r->known->name, op->log_ratio[i], op->ratio[i], logs[i]);
    return 0;
}

/* What no argument says alone. */
static int check_together(const struct reading *r, const char *at)
{
    const struct augment_op *op = r->op;
    const char *name = r->known->name;
    if (op->kind == AUGMENT_RAND_AUGMENT && op->magnitude >= op->bins)
        return refuse(r->p, at, "%s: magnitude %u: want less than num-magnitude-bins, %u", name,
                      op->magnitude, op->bins);
    if (op->kind == AUGMENT_GRAYSCALE && op->channels == 2)
        return refuse(r->p, at, "%s: num-output-channels 2: want 1 or 3", name);
    if (op->kind != AUGMENT_NORMALIZE)
        return 0;
    if (op->mean_count != op->std_count && op->mean_count != 1 && op->std_count != 1)
        return refuse(r->p, at, "%s: %u numbers in mean, %u in std: want as many, or 1", name,
                      op->mean_count, op->std_count);
    for (uint32_t i = 0; i < op->std_count; i++)
        if (op->std[i] == 0)
            return refuse(r->p, at, "%s: std[%u] is 0 as a float32, which nothing is divided by",
                          name, i);
    return 0;
}

static int finish_operation(const struct reading *r, const char *at)
{
    const struct argument *a = r->known->arguments;
    for (uint32_t i = 0; a[i].type; i++)
        if (!a[i].start && !(r->given & 1u << i))
            return refuse(r->p, at, "%s wants %s", r->known->name, a[i].key);
    int rc = has_argument(r->known, ARGUMENT_LOGS) ? settle_logs(r, at) : 0;
    return rc ? rc : check_together(r, at);
}

static int unknown_operation(const struct parser *p, const char *at, const char *name)
{
    const char *meant = NULL;
    unsigned least = NEAR_WORD;
    for (uint32_t kind = 1; kind < AUGMENT_KIND_END; kind++)
        if (near_takes(name, augment_name(kind), &least))
            meant = augment_name(kind);
    if (meant)
        return refuse(p, at, "no operation \"%s\": did you mean \"%s\"?", name, meant);
    char known[400] = "";
    for (uint32_t kind = 1; kind < AUGMENT_KIND_END; kind++) {
        size_t n = strlen(known);
        snprintf(known + n, sizeof known - n, "%s%s", n ? ", " : "", augment_name(kind));
    }
    return refuse(p, at, "no operation \"%.40s\"; known are %s", name, known);
}

static int parse_operation(struct parser *p)
{
    const char *begin = p->at;
    char letters[CHAIN_LETTERS_MAX + 1], seen[16];
    size_t n = is_letter(*begin) ? read_letters(p, in_name, letters) : 0;
    if (n == 0)
        return refuse(p, begin, "want an operation, got %s", seen_at(begin, seen));
    uint32_t kind = 1;
    while (kind < AUGMENT_KIND_END &&
           (n > CHAIN_LETTERS_MAX || !chain_name_is(augment_name(kind), letters, n)))
        kind++;
    if (kind == AUGMENT_KIND_END)
        return unknown_operation(p, begin, letters);
    if (p->chain->count == AUGMENT_OPS_MAX)
        return refuse(p, begin, "more than %u operations", AUGMENT_OPS_MAX);
    struct reading r = {
        .p = p, .known = operation_of(kind), .op = &p->chain->ops[p->chain->count++]};
    chain_defaults(r.op, kind);
    r.op->at = (uint32_t)(begin - p->text);
    int rc = parse_arguments(&r);
    return rc ? rc : finish_operation(&r, begin);
}

/* Operations to the text's end or a bracket, which is left. */
static int parse_chain(struct parser *p, char end)
{
    char seen[16];
    skip_blanks(p);
    do {
        int rc = parse_operation(p);
        if (rc)
            return rc;
        const char *behind = p->at;
        skip_blanks(p);
        if (*p->at && *p->at != end && behind == p->at)
            return refuse(p, p->at, "want a blank behind an operation, got %s",
                          seen_at(p->at, seen));
    } while (*p->at && *p->at != end);
    if (*p->at != end)
        return refuse(p, p->at, "want '%c', got the text's end", end);
    return 0;
}

/* ---- the whole ----------------------------------------------------------------------------- */

static uint32_t count_values(const struct augment_op *op)
{
    uint32_t n = 0;
    bool is_float;
    while (augment_value_name(op, n, &is_float))
        n++;
    return n;
}

static void number_operations(struct augment_chain *chain)
{
    uint32_t seen[AUGMENT_KIND_END] = {0};
    for (struct augment_op *op = chain->ops; op < chain->ops + chain->count; op++) {
        op->occurrence = seen[op->kind]++;
        op->first_value = chain->value_count;
        op->value_count = count_values(op);
        chain->value_count += op->value_count;
    }
}

int c_locale_enter(struct c_locale *l, struct err *e)
{
    *l = (struct c_locale){.c = newlocale(LC_ALL_MASK, "C", (locale_t)0)};
    if (!l->c)
        return err_set(e, -ENOMEM, "augment: out of memory");
    l->before = uselocale(l->c);
    return 0;
}

void c_locale_leave(const struct c_locale *l)
{
    uselocale(l->before);
    freelocale(l->c);
}

int augment_parse(struct augment_chain **chain, const char *text, struct err *e)
{
    struct c_locale locale;
    struct augment_chain *made = calloc(1, sizeof *made + AUGMENT_OPS_MAX * sizeof *made->ops);
    *chain = NULL;
    if (!made)
        return err_set(e, -ENOMEM, "augment: out of memory");
    int rc = c_locale_enter(&locale, e);
    if (rc)
        goto out;
    struct parser p = {.text = text, .at = text, .chain = made, .e = e};
    rc = parse_chain(&p, 0);
    c_locale_leave(&locale);
    if (rc)
        goto out;
    number_operations(made);
    *chain = made;
    return 0;
out:
    free(made);
    return rc;
}
