/* SPDX-License-Identifier: MIT */
/* augment/chain_table.h — what chain.h's operations are called and take. Private to augment/.
 *
 * The table has, for each kind, its name, its arguments in torchvision's order with the place of
 * each in struct augment_op, and its values' names. The parser, the printer and the docs follow it.
 *
 * Source: the constructors of torchvision 0.28's transforms and transforms.v2: names, order,
 * defaults and what they refuse. Bounds that torchvision does not have keep arithmetic finite.
 * Threads: any; immutable.
 */
#ifndef AUGMENT_CHAIN_TABLE_H
#define AUGMENT_CHAIN_TABLE_H

#include "augment/chain.h"

#include <locale.h>

enum argument_type {
    ARGUMENT_NONE, /* behind the last one */
    ARGUMENT_WHOLE,
    ARGUMENT_NUMBER,
    ARGUMENT_FLAG,
    ARGUMENT_WORD,
    ARGUMENT_SIZE,    /* a whole number for both sides, or (height, width) */
    ARGUMENT_SHORTER, /* the same, but one number is kept as {number, 0} */
    ARGUMENT_PADDING, /* 1, 2 (left and right, top and bottom) or 4 whole numbers */
    ARGUMENT_FLOATS,  /* 1 to FMNIST_CHANNELS_MAX */
    ARGUMENT_PAIR,    /* 2 numbers */
    ARGUMENT_RANGE,   /* 2, the first not above the second */
    ARGUMENT_ANGLES,  /* d for (-d, d), or a range */
    ARGUMENT_SHEAR,   /* the same, or two ranges */
    ARGUMENT_FACTOR,  /* f for (1 - f, 1 + f), not below `low`; or a range */
    ARGUMENT_SHIFT,   /* f for (-f, f), or a range */
    ARGUMENT_LOGS,    /* a range of float32; without it augment_log_ratio's */
    ARGUMENT_CHAIN
};

struct argument {
    const char *key;
    enum argument_type type;
    uint16_t at, bytes; /* in struct augment_op */
    uint16_t count_at;  /* of the uint32_t that counts its numbers; 0: it has none */
    const char *start;  /* the text of its default; "": it may be left out; NULL: it may not */
    double low, high;   /* of each number */
    const char *const *words; /* by number; ends in NULL */
};

#define ARGUMENTS_MAX 9

struct operation {
    const char *name;
    uint32_t positional; /* the first ones, which need no key */
    struct argument arguments[ARGUMENTS_MAX + 1];
    const char *values[6]; /* names; those of floats begin with '~' */
};

/* NULL for a number that is no kind. */
const struct operation *operation_of(uint32_t kind);

/* Letters of a name or of a number; longer ones are none. */
#define CHAIN_LETTERS_MAX 63

/* An argument's value as it stands in a text. */
struct argument_value {
    enum { VALUE_NUMBERS, VALUE_WORD, VALUE_CHAIN } is;
    uint32_t count; /* numbers */
    bool list;      /* in parentheses */
    double numbers[4];
    char word[CHAIN_LETTERS_MAX + 1];
};

/* Stores a value of any type but ARGUMENT_CHAIN. Errors: -EINVAL, what was seen and is wanted. */
int argument_take(const struct argument *a, const struct argument_value *v, struct augment_op *op,
                  struct err *e);

/* What one number of an ARGUMENT_ANGLES, _SHEAR, _FACTOR or _SHIFT stands for. */
void argument_spread(const struct argument *a, double number, double pair[2]);

/* PyTorch's float32 logarithms of a ratio, as far as they are known; see chain.h. */
void augment_log_ratio(const double ratio[2], float logs[2]);

/* Whether letters are a name of the table: '_' is '-'. */
bool chain_name_is(const char *name, const char *letters, size_t count);

/* An operation of which nothing is said, also what has to be. */
void chain_defaults(struct augment_op *op, uint32_t kind);

/* Numbers are C's whatever the program's locale is: the thread's, in between. */
struct c_locale {
    locale_t c, before;
};
int c_locale_enter(struct c_locale *l, struct err *e);
void c_locale_leave(const struct c_locale *l);

#endif
