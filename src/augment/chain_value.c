/* SPDX-License-Identifier: MIT */
/* One argument's value: from what stands in a text to struct augment_op. What arguments say
 * together is chain.c's, the way back chain_print.c's. */
#include "augment/chain_table.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *member(const struct argument *a, struct augment_op *op)
{
    return (char *)op + a->at;
}

static uint32_t *counter(const struct argument *a, struct augment_op *op)
{
    return (uint32_t *)(void *)((char *)op + a->count_at);
}

/* ---- what is wanted ------------------------------------------------------------------------ */

static const char *wanted_shape(const struct argument *a)
{
    switch (a->type) {
    case ARGUMENT_WHOLE:
        return "a whole number";
    case ARGUMENT_NUMBER:
        return "a number";
    case ARGUMENT_SIZE:
    case ARGUMENT_SHORTER:
        return "a whole number or (height, width)";
    case ARGUMENT_PADDING:
        return "a whole number, (sides, top and bottom) or (left, top, right, bottom)";
    case ARGUMENT_FLOATS:
        return "a number, or 1 to 4 in parentheses";
    case ARGUMENT_PAIR:
        return "2 numbers in parentheses";
    case ARGUMENT_RANGE:
    case ARGUMENT_LOGS:
        return "(low, high)";
    case ARGUMENT_SHEAR:
        return "a number, (low, high) or (low x, high x, low y, high y)";
    case ARGUMENT_CHAIN:
        return "a chain in [ ]";
    default:
        return "a number or (low, high)";
    }
}

static int refuse_shape(const struct argument *a, const struct argument_value *v, struct err *e)
{
    char seen[CHAIN_LETTERS_MAX + 3];
    if (v->is == VALUE_WORD)
        snprintf(seen, sizeof seen, "\"%s\"", v->word);
    else if (v->is == VALUE_CHAIN)
        snprintf(seen, sizeof seen, "a chain");
    else if (v->list)
        snprintf(seen, sizeof seen, "%u number%s in parentheses", v->count,
                 v->count == 1 ? "" : "s");
    else
        snprintf(seen, sizeof seen, "a number");
    return err_set(e, -EINVAL, "%s: want %s", seen, wanted_shape(a));
}

static int check_number(const struct argument *a, double number, struct err *e)
{
    const char *what = a->type == ARGUMENT_WHOLE || a->type == ARGUMENT_SIZE ||
                               a->type == ARGUMENT_SHORTER || a->type == ARGUMENT_PADDING
                           ? "a whole number"
                           : "a number";
    if (!isfinite(number) || number < a->low || number > a->high ||
        (what[2] == 'w' && number != floor(number)))
        return err_set(e, -EINVAL, "%.9g: want %s, %.9g to %.9g%s", number, what, a->low, a->high,
                       a->type == ARGUMENT_PADDING && number < 0
                           ? " (negative padding, which cuts, is not known)"
                           : "");
    return 0;
}

static int check_numbers(const struct argument *a, const double *numbers, uint32_t count,
                         struct err *e)
{
    int rc = 0;
    for (uint32_t i = 0; i < count && !rc; i++)
        rc = check_number(a, numbers[i], e);
    return rc;
}

static int check_rising(const double pair[2], struct err *e)
{
    if (pair[0] <= pair[1])
        return 0;
    return err_set(e, -EINVAL, "(%.9g, %.9g): the first number has to be the lower one", pair[0],
                   pair[1]);
}

/* ---- types --------------------------------------------------------------------------------- */

static int take_flag(const struct argument_value *v, uint32_t *to, struct err *e)
{
    if (v->is == VALUE_WORD && (!strcmp(v->word, "true") || !strcmp(v->word, "false"))) {
        *to = v->word[0] == 't';
        return 0;
    }
    if (v->is == VALUE_WORD)
        return err_set(e, -EINVAL, "\"%s\": want true or false", v->word);
    return err_set(e, -EINVAL, "want true or false");
}

static int take_word(const struct argument *a, const struct argument_value *v, uint32_t *to,
                     struct err *e)
{
    char known[96] = "";
    for (uint32_t i = 0; a->words[i]; i++) {
        if (v->is == VALUE_WORD && !strcmp(v->word, a->words[i])) {
            *to = i;
            return 0;
        }
        size_t n = strlen(known);
        snprintf(known + n, sizeof known - n, "%s%s", i ? ", " : "", a->words[i]);
    }
    if (v->is == VALUE_WORD)
        return err_set(e, -EINVAL, "\"%s\": want one of %s", v->word, known);
    return err_set(e, -EINVAL, "want one of %s", known);
}

static int take_sides(const struct argument *a, const struct argument_value *v, uint32_t to[2],
                      struct err *e)
{
    if (v->count > 2)
        return refuse_shape(a, v, e);
    uint32_t one = (uint32_t)v->numbers[0];
    to[0] = one;
    to[1] = v->count == 2 ? (uint32_t)v->numbers[1] : a->type == ARGUMENT_SIZE ? one : 0;
    return 0;
}

/* random-crop's padding of 0 is none. */
static int take_padding(const struct argument *a, const struct argument_value *v,
                        struct augment_op *op, struct err *e)
{
    uint32_t *to = op->padding, any = 0;
    if (v->count == 3)
        return refuse_shape(a, v, e);
    for (uint32_t i = 0; i < 4; i++) {
        to[i] = (uint32_t)v->numbers[v->count == 4 ? i : v->count == 2 ? i % 2 : 0];
        any |= to[i];
    }
    op->has_padding = any || op->kind == AUGMENT_PAD;
    return 0;
}

static int take_floats(const struct argument *a, const struct argument_value *v,
                       struct augment_op *op)
{
    float *to = member(a, op);
    memset(to, 0, a->bytes);
    for (uint32_t i = 0; i < v->count; i++)
        to[i] = (float)v->numbers[i];
    *counter(a, op) = v->count;
    return 0;
}

static int take_pair(const struct argument *a, const struct argument_value *v,
                     struct augment_op *op, struct err *e)
{
    if (v->count != 2)
        return refuse_shape(a, v, e);
    int rc = a->type == ARGUMENT_PAIR ? 0 : check_rising(v->numbers, e);
    if (rc)
        return rc;
    memcpy(member(a, op), v->numbers, 2 * sizeof *v->numbers);
    if (a->count_at)
        *counter(a, op) = 1;
    return 0;
}

static int take_logs(const struct argument *a, const struct argument_value *v, float to[2],
                     struct err *e)
{
    if (v->count != 2)
        return refuse_shape(a, v, e);
    to[0] = (float)v->numbers[0];
    to[1] = (float)v->numbers[1];
    return check_rising(v->numbers, e);
}

void argument_spread(const struct argument *a, double number, double pair[2])
{
    double middle = a->type == ARGUMENT_FACTOR ? 1 : 0;
    pair[0] = middle ? middle - number : -number;
    pair[1] = middle + number;
    if (a->type == ARGUMENT_FACTOR && pair[0] < 0)
        pair[0] = 0;
}

static int take_ranges(const struct argument *a, const struct argument_value *v,
                       struct augment_op *op, struct err *e)
{
    double numbers[4] = {0};
    uint32_t count = v->count;
    memcpy(numbers, v->numbers, count * sizeof *numbers);
    if (!v->list) {
        if (numbers[0] < 0)
            return err_set(e, -EINVAL, "%.9g: a single number has to be 0 or more", numbers[0]);
        argument_spread(a, v->numbers[0], numbers);
        count = 2;
    }
    if (count != 2 && !(a->type == ARGUMENT_SHEAR && count == 4))
        return refuse_shape(a, v, e);
    int rc = check_numbers(a, numbers, count, e);
    for (uint32_t i = 0; i < count && !rc; i += 2)
        rc = check_rising(numbers + i, e);
    if (rc)
        return rc;
    uint32_t given = a->type == ARGUMENT_SHEAR ? count : 1;
    if (a->type == ARGUMENT_FACTOR || a->type == ARGUMENT_SHIFT) {
        double middle = a->type == ARGUMENT_FACTOR ? 1 : 0;
        if (numbers[0] == middle && numbers[1] == middle) {
            memset(numbers, 0, sizeof numbers);
            given = 0;
        }
    }
    memcpy(member(a, op), numbers, a->bytes);
    if (a->count_at)
        *counter(a, op) = given;
    return 0;
}

int argument_take(const struct argument *a, const struct argument_value *v, struct augment_op *op,
                  struct err *e)
{
    void *to = member(a, op);
    if (a->type == ARGUMENT_FLAG)
        return take_flag(v, to, e);
    if (a->type == ARGUMENT_WORD)
        return take_word(a, v, to, e);
    if (v->is != VALUE_NUMBERS || a->type == ARGUMENT_CHAIN)
        return refuse_shape(a, v, e);
    if (a->type >= ARGUMENT_ANGLES && a->type <= ARGUMENT_SHIFT)
        return take_ranges(a, v, op, e);
    int rc = check_numbers(a, v->numbers, v->count, e);
    if (rc)
        return rc;
    switch (a->type) {
    case ARGUMENT_SIZE:
    case ARGUMENT_SHORTER:
        return take_sides(a, v, to, e);
    case ARGUMENT_PADDING:
        return take_padding(a, v, op, e);
    case ARGUMENT_FLOATS:
        return take_floats(a, v, op);
    case ARGUMENT_PAIR:
    case ARGUMENT_RANGE:
        return take_pair(a, v, op, e);
    case ARGUMENT_LOGS:
        return take_logs(a, v, to, e);
    default:
        break;
    }
    if (v->list)
        return refuse_shape(a, v, e);
    if (a->type == ARGUMENT_WHOLE)
        *(uint32_t *)to = (uint32_t)v->numbers[0];
    else
        *(double *)to = v->numbers[0];
    return 0;
}

/* The true logarithms, rounded, differ from PyTorch's of the default ratios in the last bit. */
void augment_log_ratio(const double ratio[2], float logs[2])
{
    if (ratio[0] == 3.0 / 4.0 && ratio[1] == 4.0 / 3.0) {
        logs[0] = -0x1.26962p-2f;
        logs[1] = 0x1.269624p-2f;
    } else if (ratio[0] == 0.3 && ratio[1] == 3.3) {
        logs[0] = -0x1.34379p+0f;
        logs[1] = 0x1.31a4e8p+0f;
    } else {
        for (int i = 0; i < 2; i++)
            logs[i] = (float)log((double)(float)ratio[i]);
    }
}
