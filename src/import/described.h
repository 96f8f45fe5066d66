/* SPDX-License-Identifier: MIT */
/* import/described.h — what a dataset.yaml among the files of a source says of them, as import and
 * export write one: which file is which split's, and what the new one has to say again.
 *
 * Reading YAML is not import's: who calls import_run does it (import_options.describe).
 * Threads: one.
 */
#ifndef IMPORT_DESCRIBED_H
#define IMPORT_DESCRIBED_H

#include "import/set.h"

#include <stdbool.h>

struct described_file {
    char name[256]; /* as the dataset.yaml has it: beside it, or below */
    char split[IMPORT_NAME_SIZE];
    bool seen;
};

struct described {
    char source[256], folder[1024]; /* of the dataset.yaml: "set/" */
    bool alone;                     /* it is a source itself, as its files are then */
    struct described_file files[2 * IMPORT_SPLITS_MAX];
    size_t file_count;
    int transpose;          /* 1, 0; -1: neither it nor the name in it says */
    char *origin, *licence; /* owned; NULL: it does not say */
    uint8_t sha256[32];
    bool has_sha256;
};

struct import_input;
struct import_member;
struct import_options;

/* Reads the first dataset.yaml of the input, which is at its beginning then and afterwards, and
 * names the set and its classes as it says. *d: NULL where there is none, or nobody reads it.
 * Errors: negative errno values, with the place. */
int described_read(struct described **d, struct import_input *in, struct import_set *set,
                   const struct import_options *o, struct err *e);
void described_free(struct described *d); /* accepts NULL */

/* Whether the member is a dataset.yaml, too, of another source. */
bool described_is_other(const struct described *d, const struct import_member *m);

/* The split that the member is a file of; NULL: it is not named. */
const char *described_split(struct described *d, const struct import_member *m);

/* Whether every file that is named came. Errors: -EINVAL. */
int described_check(const struct described *d, struct err *e);

/* The texts, for the new dataset.yaml. */
int described_tell(const struct described *d, struct import_set *set, struct err *e);

#endif
