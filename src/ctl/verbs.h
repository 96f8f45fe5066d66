/* SPDX-License-Identifier: MIT */
/* ctl/verbs.h — what fmnistctl can do, and what each verb is given.
 *
 * A verb prints its result on standard output and its errors, through ctl_error, on standard error.
 * It returns the exit status: 0, 1 for a failure, 2 for wrong usage; verify says 2 for what cannot
 * be read, too.
 * Threads: one.
 */
#ifndef CTL_VERBS_H
#define CTL_VERBS_H

#include "ctl/failure.h"
#include "fmnist.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { EXIT_FINE = 0, EXIT_FAILED = 1, EXIT_WRONG_USAGE = 2 };

#define STEP_TIMES_MAX 8

/* import's texts, as they are written; NULL: not there. */
struct import_words {
    const char *name, *split, *classes, *set, *size, *resize, *images, *labels, *label_column,
        *labels_kind, *add;
    bool grayscale, rgb;
};

/* What the command line says. */
struct invocation {
    /* of every verb */
    const char *socket;
    uint32_t timeout_ms; /* 0: the library's own */
    bool json;
    /* of some */
    struct fmnist_spec spec;
    const char *indices; /* the file of the order list; else NULL */
    uint64_t epochs;     /* how much: epochs, or, where batches is not 0, so many batches */
    uint64_t batches;
    bool once; /* top */
    uint64_t pages;
    const char *output;
    uint32_t columns;
    uint64_t step, row; /* explain */
    bool no_read;
    bool advise;                         /* bench */
    uint64_t step_times[STEP_TIMES_MAX]; /* [step_time_count], of the trainer, in microseconds */
    size_t step_time_count;
    uint64_t seconds; /* how long it measures */
    const char *config;
    uint64_t train, test, size, seed; /* gen-dataset */
    bool raw;
    const char *format, *only_split; /* export */
    bool all;                        /* datasets */
    struct import_words import;
    const char *const
        *words; /* [word_count], what stands behind the options: ledgers, sources, a verb */
    size_t word_count;
};

/* What a verb reads of the options. */
enum options_kind {
    OPTIONS_NONE,
    OPTIONS_HELP,
    OPTIONS_COMPLETION,
    OPTIONS_TOP,
    OPTIONS_BENCH,
    OPTIONS_VERIFY,
    OPTIONS_DUMP,
    OPTIONS_SHOW,
    OPTIONS_EXPLAIN,
    OPTIONS_GENERATE,
    OPTIONS_IMPORT,
    OPTIONS_CHECK,
    OPTIONS_EXPORT,
    OPTIONS_DATASETS
};

struct verb {
    const char *name;
    const char *summary; /* one line for the list of verbs */
    enum options_kind options;
    size_t words_max; /* that may stand behind the options */
    int (*run)(const struct invocation *in);
};

/* The verbs, ended by one without a name. */
extern const struct verb verbs[];

/* Whether it is for a daemon that runs. */
static inline bool verb_asks_daemon(const struct verb *verb)
{
    return verb->options != OPTIONS_GENERATE && verb->options != OPTIONS_IMPORT &&
           verb->options != OPTIONS_VERIFY && verb->options != OPTIONS_HELP &&
           verb->options != OPTIONS_COMPLETION;
}

/* The verb of that name; NULL: there is none. */
const struct verb *verb_find(const char *name);

/* Says that there is no such verb, or with NULL that there is none at all, and which are near.
 * Returns EXIT_WRONG_USAGE. */
int verb_refuse(const char *name);

int verb_status(const struct invocation *in);
int verb_datasets(const struct invocation *in);
int verb_reload(const struct invocation *in);
int verb_top(const struct invocation *in);
int verb_bench(const struct invocation *in);
int verb_show(const struct invocation *in);
int verb_explain(const struct invocation *in);
int verb_dump(const struct invocation *in);
int verb_verify(const struct invocation *in);
int verb_import(const struct invocation *in);
int verb_check(const struct invocation *in);
int verb_export(const struct invocation *in);
int verb_gen_dataset(const struct invocation *in);
int verb_completion(const struct invocation *in);
int verb_help(const struct invocation *in);

/* Connects as the invocation says; tells and returns NULL where that fails. */
struct fmnist_client *ctl_connect(const struct invocation *in);

/* Connects and opens the invocation's stream, reading its list. Returns an exit status. */
int ctl_open(const struct invocation *in, struct fmnist_client **client,
             struct fmnist_stream **stream, struct fmnist_stream_info *info);

/* The same at a step of the spec's epoch; a step that an epoch does not have is wrong usage. */
int ctl_open_at(const struct invocation *in, uint64_t step, struct fmnist_client **client,
                struct fmnist_stream **stream, struct fmnist_stream_info *info);

/* The next batch of those that the invocation asks for: passes over the ends of epochs.
 * Returns 1: a batch; 0: that was all; -1: an error, told. `taken` counts batches. */
int ctl_next(const struct invocation *in, struct fmnist_stream *stream, uint64_t *taken,
             struct fmnist_batch *batch);

/* Brings the verb to argv[1], from behind options that stand before it, and parses what stands
 * behind it, argv[0] being the verb. Both return 0 to go on, or 1 + the exit status; what is wrong
 * is told. */
int options_find_verb(int *argc, char **argv);
int options_parse(struct invocation *in, const struct verb *verb, int argc, char **argv);

#endif
