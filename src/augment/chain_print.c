/* SPDX-License-Identifier: MIT */
/* A chain's text, written. The shortest number is found by reading it back. */
#include "augment/chain_table.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WHOLE_TEXT_MAX     1e9 /* whole numbers below are written without an exponent */
#define ARGUMENT_TEXT_SIZE 128

static const void *const_member(const struct argument *a, const struct augment_op *op)
{
    return (const char *)op + a->at;
}

/* ---- a value --------------------------------------------------------------------------------- */

#define NUMBER_SIZE 32

/* Tries a number's text with so many digits; 0: as a whole number. false: it has no such text. */
static bool number_text(double number, int digits, char text[NUMBER_SIZE])
{
    if (digits == 0 && !(number == floor(number) && fabs(number) < WHOLE_TEXT_MAX))
        return false;
    snprintf(text, NUMBER_SIZE, digits ? "%.*g" : "%.*f", digits, number);
    return true;
}

static bool same_double(double a, double b)
{
    return !memcmp(&a, &b, sizeof a);
}

static void write_double(double number, char text[NUMBER_SIZE])
{
    for (int digits = 0; digits <= 17; digits++)
        if (number_text(number, digits, text) && same_double(strtod(text, NULL), number))
            return;
}

static void write_float(float number, char text[NUMBER_SIZE])
{
    for (int digits = 0; digits <= 9; digits++)
        if (number_text(number, digits, text) && same_double((float)strtod(text, NULL), number))
            return;
}

/* The number that a pair is made of, if there is one. */
static bool write_spread(const struct argument *a, const double pair[2], char text[NUMBER_SIZE])
{
    double number = pair[1] - (a->type == ARGUMENT_FACTOR ? 1 : 0);
    for (int digits = 0; digits <= 17; digits++) {
        double made[2];
        if (!number_text(number, digits, text))
            continue;
        double seen = strtod(text, NULL);
        argument_spread(a, seen, made);
        if (seen >= 0 && !memcmp(made, pair, sizeof made))
            return true;
    }
    return false;
}

static void write_list(char *text, uint32_t count, char numbers[][NUMBER_SIZE])
{
    if (count == 1) {
        memcpy(text, numbers[0], NUMBER_SIZE);
        return;
    }
    size_t n = 0;
    for (uint32_t i = 0; i < count; i++)
        n += (size_t)snprintf(text + n, ARGUMENT_TEXT_SIZE - n, "%s%s", i ? ", " : "(", numbers[i]);
    snprintf(text + n, ARGUMENT_TEXT_SIZE - n, ")");
}

static void write_doubles(char *text, uint32_t count, const double *from)
{
    char numbers[4][NUMBER_SIZE];
    for (uint32_t i = 0; i < count; i++)
        write_double(from[i], numbers[i]);
    write_list(text, count, numbers);
}

static void write_floats(char *text, uint32_t count, const float *from)
{
    char numbers[4][NUMBER_SIZE];
    for (uint32_t i = 0; i < count; i++)
        write_float(from[i], numbers[i]);
    write_list(text, count, numbers);
}

static void write_wholes(char *text, uint32_t count, const uint32_t *from)
{
    char numbers[4][NUMBER_SIZE];
    for (uint32_t i = 0; i < count; i++)
        snprintf(numbers[i], NUMBER_SIZE, "%u", from[i]);
    write_list(text, count, numbers);
}

static uint32_t padding_count(const uint32_t p[4])
{
    if (p[0] != p[2] || p[1] != p[3])
        return 4;
    return p[0] == p[1] ? 1 : 2;
}

static void write_value(const struct argument *a, const struct augment_op *op, char *text)
{
    const void *from = const_member(a, op);
    const uint32_t *whole = from;
    const double *numbers = from;
    switch (a->type) {
    case ARGUMENT_WHOLE:
        write_wholes(text, 1, whole);
        break;
    case ARGUMENT_NUMBER:
        write_doubles(text, 1, numbers);
        break;
    case ARGUMENT_FLAG:
        snprintf(text, ARGUMENT_TEXT_SIZE, "%s", *whole ? "true" : "false");
        break;
    case ARGUMENT_WORD:
        snprintf(text, ARGUMENT_TEXT_SIZE, "%s", a->words[*whole]);
        break;
    case ARGUMENT_SIZE:
        write_wholes(text, whole[0] == whole[1] ? 1 : 2, whole);
        break;
    case ARGUMENT_SHORTER:
        write_wholes(text, whole[1] ? 2 : 1, whole);
        break;
    case ARGUMENT_PADDING:
        write_wholes(text, padding_count(whole), whole);
        break;
    case ARGUMENT_FLOATS:
        write_floats(text, *(const uint32_t *)(const void *)((const char *)op + a->count_at), from);
        break;
    case ARGUMENT_LOGS:
        write_floats(text, 2, from);
        break;
    case ARGUMENT_SHEAR:
        if (op->shear_count == 4) {
            write_doubles(text, 4, numbers);
            break;
        } /* fall through */
    case ARGUMENT_ANGLES:
    case ARGUMENT_FACTOR:
    case ARGUMENT_SHIFT:
        if (write_spread(a, numbers, text))
            break;
        /* fall through */
    default:
        write_doubles(text, 2, numbers);
        break;
    }
}

/* ---- a chain --------------------------------------------------------------------------------- */

static bool same_argument(const struct argument *a, const struct augment_op *op,
                          const struct augment_op *other)
{
    const char *count = (const char *)op + a->count_at;
    const char *other_count = (const char *)other + a->count_at;
    return !memcmp(const_member(a, op), const_member(a, other), a->bytes) &&
           (!a->count_at || !memcmp(count, other_count, sizeof(uint32_t)));
}

struct printing {
    char *text;
    size_t used; /* what did not fit counts too */
};

static void put(struct printing *out, const char *letters)
{
    size_t n = strlen(letters);
    for (size_t i = 0; i < n && out->used + i < AUGMENT_TEXT_MAX; i++)
        out->text[out->used + i] = letters[i];
    out->used += n;
}

static void put_chain(struct printing *out, const struct augment_op *ops, uint32_t count);

static bool differs(const struct argument *a, const struct augment_op *op,
                    const struct augment_op *plain)
{
    return !a->start || !same_argument(a, op, plain);
}

static void put_operation(struct printing *out, const struct augment_op *op)
{
    const struct operation *known = operation_of(op->kind);
    const char *between = "(";
    struct augment_op plain;
    chain_defaults(&plain, op->kind);
    if (op->ratio[0] > 0)
        augment_log_ratio(op->ratio, plain.log_ratio);
    put(out, known->name);
    for (const struct argument *a = known->arguments; a->type; a++) {
        char text[ARGUMENT_TEXT_SIZE];
        if (!differs(a, op, &plain))
            continue;
        put(out, between);
        put(out, a->key);
        put(out, "=");
        between = ", ";
        if (a->type == ARGUMENT_CHAIN) {
            put(out, "[");
            put_chain(out, op + 1, op->children);
            put(out, "]");
        } else {
            write_value(a, op, text);
            put(out, text);
        }
    }
    put(out, *between == ',' ? ")" : "");
}

static void put_chain(struct printing *out, const struct augment_op *ops, uint32_t count)
{
    for (uint32_t i = 0; i < count; i += 1 + ops[i].children) {
        put(out, i ? " " : "");
        put_operation(out, &ops[i]);
    }
}

int augment_print(const struct augment_chain *chain, char text[AUGMENT_TEXT_MAX + 1], struct err *e)
{
    struct c_locale locale;
    struct printing out = {.text = text};
    text[0] = 0;
    int rc = c_locale_enter(&locale, e);
    if (rc)
        return rc;
    put_chain(&out, chain->ops, chain->count);
    c_locale_leave(&locale);
    if (out.used > AUGMENT_TEXT_MAX)
        return err_set(e, -EINVAL,
                       "augment: a chain of %zu characters, written out: want at most %u", out.used,
                       AUGMENT_TEXT_MAX);
    text[out.used] = 0;
    return 0;
}
