/* SPDX-License-Identifier: MIT */
/* The tables. What an option does stands in options.c. */
#include "ctl/option_table.h"

#include <assert.h>
#include <string.h>

#define SPEC_OPTIONS                                            \
    {"dataset", required_argument, NULL, OPTION_FIELD},         \
        {"split", required_argument, NULL, OPTION_FIELD},       \
        {"select", required_argument, NULL, OPTION_FIELD},      \
        {"batch-size", required_argument, NULL, OPTION_FIELD},  \
        {"drop-last", optional_argument, NULL, OPTION_FIELD},   \
        {"resize", required_argument, NULL, OPTION_FIELD},      \
        {"height", required_argument, NULL, OPTION_FIELD},      \
        {"width", required_argument, NULL, OPTION_FIELD},       \
        {"dtype", required_argument, NULL, OPTION_FIELD},       \
        {"layout", required_argument, NULL, OPTION_FIELD},      \
        {"channels", required_argument, NULL, OPTION_FIELD},    \
        {"mean", required_argument, NULL, OPTION_FIELD},        \
        {"std", required_argument, NULL, OPTION_FIELD},         \
        {"label-dtype", required_argument, NULL, OPTION_FIELD}, \
        {"order", required_argument, NULL, OPTION_FIELD},       \
        {"seed", required_argument, NULL, OPTION_FIELD},        \
        {"epoch", required_argument, NULL, OPTION_FIELD},       \
        {"rank", required_argument, NULL, OPTION_FIELD},        \
        {"world-size", required_argument, NULL, OPTION_FIELD},  \
        {"pad", required_argument, NULL, OPTION_FIELD},         \
        {"transport", required_argument, NULL, OPTION_FIELD},   \
        {"augment", required_argument, NULL, OPTION_FIELD},     \
        {"draws", required_argument, NULL, OPTION_FIELD},       \
        {"views", required_argument, NULL, OPTION_FIELD},       \
    {                                                           \
        "indices", required_argument, NULL, OPTION_INDICES      \
    }

#define AMOUNT_OPTIONS                                     \
    {"epochs", required_argument, NULL, OPTION_EPOCHS},    \
    {                                                      \
        "batches", required_argument, NULL, OPTION_BATCHES \
    }

/* Of every verb. */
#define COMMON_OPTIONS                                                              \
    {"socket", required_argument, NULL, OPTION_SOCKET},                             \
        {"timeout", required_argument, NULL, OPTION_TIMEOUT},                       \
        {"json", no_argument, NULL, OPTION_JSON}, {"help", no_argument, NULL, 'h'}, \
        {"version", no_argument, NULL, 'V'},                                        \
    {                                                                               \
        NULL, 0, NULL, 0                                                            \
    }

static const struct option none[] = {COMMON_OPTIONS};
static const struct option top[] = {{"once", no_argument, NULL, OPTION_ONCE},
                                    {"pages", required_argument, NULL, OPTION_PAGES},
                                    COMMON_OPTIONS};
static const struct option bench[] = {SPEC_OPTIONS,
                                      AMOUNT_OPTIONS,
                                      {"no-read", no_argument, NULL, OPTION_NO_READ},
                                      {"advise", no_argument, NULL, OPTION_ADVISE},
                                      {"step-us", required_argument, NULL, OPTION_STEP_US},
                                      {"seconds", required_argument, NULL, OPTION_SECONDS},
                                      {"config", required_argument, NULL, OPTION_CONFIG},
                                      COMMON_OPTIONS};
static const struct option verify[] = {{"indices", required_argument, NULL, OPTION_INDICES},
                                       COMMON_OPTIONS};
static const struct option dump[] = {
    SPEC_OPTIONS, AMOUNT_OPTIONS, {"output", required_argument, NULL, 'o'}, COMMON_OPTIONS};
static const struct option show[] = {SPEC_OPTIONS,
                                     AMOUNT_OPTIONS,
                                     {"output", required_argument, NULL, 'o'},
                                     {"columns", required_argument, NULL, OPTION_COLUMNS},
                                     COMMON_OPTIONS};
static const struct option explain[] = {SPEC_OPTIONS,
                                        {"step", required_argument, NULL, OPTION_STEP},
                                        {"row", required_argument, NULL, OPTION_ROW},
                                        {"output", required_argument, NULL, 'o'},
                                        COMMON_OPTIONS};
static const struct option datasets[] = {{"all", no_argument, NULL, OPTION_ALL}, COMMON_OPTIONS};
static const struct option export[] = {{"output", required_argument, NULL, 'o'},
                                       {"format", required_argument, NULL, OPTION_FORMAT},
                                       {"split", required_argument, NULL, OPTION_SPLIT},
                                       COMMON_OPTIONS};
static const struct option check[] = {{"output", required_argument, NULL, 'o'},
                                      {"columns", required_argument, NULL, OPTION_COLUMNS},
                                      COMMON_OPTIONS};
static const struct option generate[] = {{"train", required_argument, NULL, OPTION_TRAIN},
                                         {"test", required_argument, NULL, OPTION_TEST},
                                         {"size", required_argument, NULL, OPTION_SIZE},
                                         {"seed", required_argument, NULL, OPTION_SEED},
                                         {"raw", no_argument, NULL, OPTION_RAW},
                                         {"output", required_argument, NULL, 'o'},
                                         COMMON_OPTIONS};

static const struct option import[] = {{"name", required_argument, NULL, OPTION_IMPORT},
                                       {"output", required_argument, NULL, 'o'},
                                       {"split", required_argument, NULL, OPTION_IMPORT},
                                       {"classes", required_argument, NULL, OPTION_IMPORT},
                                       {"set", required_argument, NULL, OPTION_IMPORT},
                                       {"size", required_argument, NULL, OPTION_IMPORT},
                                       {"resize", required_argument, NULL, OPTION_IMPORT},
                                       {"grayscale", no_argument, NULL, OPTION_CHANNELS},
                                       {"rgb", no_argument, NULL, OPTION_CHANNELS},
                                       {"images", required_argument, NULL, OPTION_IMPORT},
                                       {"labels", required_argument, NULL, OPTION_IMPORT},
                                       {"label-column", required_argument, NULL, OPTION_IMPORT},
                                       {"labels-kind", required_argument, NULL, OPTION_IMPORT},
                                       {"add", required_argument, NULL, OPTION_IMPORT},
                                       COMMON_OPTIONS};

static const struct option *const tables[] = {
    [OPTIONS_NONE] = none,     [OPTIONS_HELP] = none,         [OPTIONS_COMPLETION] = none,
    [OPTIONS_TOP] = top,       [OPTIONS_BENCH] = bench,       [OPTIONS_DUMP] = dump,
    [OPTIONS_SHOW] = show,     [OPTIONS_EXPLAIN] = explain,   [OPTIONS_GENERATE] = generate,
    [OPTIONS_VERIFY] = verify, [OPTIONS_IMPORT] = import,     [OPTIONS_CHECK] = check,
    [OPTIONS_EXPORT] = export, [OPTIONS_DATASETS] = datasets,
};

const struct option *option_table(enum options_kind kind)
{
    return tables[kind];
}

const struct option *option_by_name(const struct option *table, const char *name, size_t n)
{
    for (; table->name; table++)
        if (strlen(table->name) == n && !memcmp(table->name, name, n))
            return table;
    return NULL;
}

const struct option *option_by_val(const struct option *table, int val)
{
    for (; table->name; table++)
        if (table->val == val)
            return table;
    return NULL;
}

bool option_is_offered(const struct verb *verb, const struct option *option)
{
    return verb_asks_daemon(verb) || verb->options == OPTIONS_IMPORT ||
           (option->val != OPTION_SOCKET && option->val != OPTION_TIMEOUT);
}

void option_table_all(struct option all[OPTIONS_MAX])
{
    size_t n = 0;
    memset(all, 0, OPTIONS_MAX * sizeof *all);
    for (size_t k = 0; k < sizeof tables / sizeof *tables; k++)
        for (const struct option *o = tables[k]; o->name; o++)
            if (!option_by_name(all, o->name, strlen(o->name))) {
                assert(n < OPTIONS_MAX - 1);
                all[n++] = *o;
            }
}
