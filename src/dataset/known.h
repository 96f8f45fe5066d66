/* SPDX-License-Identifier: MIT */
/* dataset/known.h — the datasets that are known by name: their files, content and storage.
 *
 * Source: torchvision/datasets/mnist.py for file names; the EMNIST page for the transposed
 * storage. Threads: any; constant data.
 */
#ifndef DATASET_KNOWN_H
#define DATASET_KNOWN_H

#include "dataset/dataset.h"

#include <stddef.h>

enum { KNOWN_SPLITS = DATASET_OTHERS }; /* train and test */

struct known_dataset {
    const char *name; /* "fashion-mnist", "mnist", "kmnist", "qmnist", "emnist-letters" … */
    struct {
        const char *images; /* without ".gz" */
        const char *labels;
    } splits[KNOWN_SPLITS];
    /* Of the published data, as struct dataset_split has it; NULL: not known here. */
    const uint8_t (*digests)[16]; /* [KNOWN_SPLITS] */
    bool transposed;              /* stored with rows and columns exchanged */
    uint32_t label_columns; /* labels are a table of so many columns, the class first; 0: a list */
};

/* Returns NULL for a name that is not known. */
const struct known_dataset *known_find(const char *name);

/* The set that was published with a split of that content; *split says which. NULL: none that is
 * known here. */
const struct known_dataset *known_by_digest(const uint8_t digest[16], int *split);

/* Entry i, or NULL behind the last: to list them all. */
const struct known_dataset *known_at(size_t i);

#endif
