/* SPDX-License-Identifier: MIT */
/* ctl/option_table.h — the options of each verb, as getopt_long takes them. Pure.
 *
 * Parsing, what is near a slip, help for programs and the shells' completion read the same tables.
 * Threads: any.
 */
#ifndef CTL_OPTION_TABLE_H
#define CTL_OPTION_TABLE_H

#include "ctl/verbs.h"

#include <getopt.h>

/* The val of those without a letter. */
enum option_id {
    OPTION_FIELD = 256, /* a field of a spec, of the same name */
    OPTION_INDICES,
    OPTION_EPOCHS,
    OPTION_BATCHES,
    OPTION_COLUMNS,
    OPTION_STEP,
    OPTION_ROW,
    OPTION_NO_READ,
    OPTION_ADVISE,
    OPTION_STEP_US,
    OPTION_SECONDS,
    OPTION_CONFIG,
    OPTION_TRAIN,
    OPTION_TEST,
    OPTION_SIZE,
    OPTION_SEED,
    OPTION_RAW,
    OPTION_CHANNELS, /* rgb, grayscale */
    OPTION_ALL,
    OPTION_FORMAT,
    OPTION_SPLIT,
    OPTION_IMPORT, /* a text of struct import_words, of the same name */
    OPTION_ONCE,
    OPTION_PAGES,
    OPTION_SOCKET,
    OPTION_TIMEOUT,
    OPTION_JSON
};

/* More than any table has, its end included. */
#define OPTIONS_MAX 64

/* Ended by one without a name. */
const struct option *option_table(enum options_kind kind);

/* Whether the verb can honour it: --socket and --timeout of one that asks no daemon are in its
 * table to be refused with the reason, and are offered nowhere. */
bool option_is_offered(const struct verb *verb, const struct option *option);

/* Each option of any verb, once. */
void option_table_all(struct option all[OPTIONS_MAX]);

/* The table's option of that whole name, of `n` bytes, or of that val; NULL: none. */
const struct option *option_by_name(const struct option *table, const char *name, size_t n);
const struct option *option_by_val(const struct option *table, int val);

#endif
