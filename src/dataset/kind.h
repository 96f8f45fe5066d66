/* SPDX-License-Identifier: MIT */
/* dataset/kind.h — what a file is that is no IDX file. Threads: any; constant data. */
#ifndef DATASET_KIND_H
#define DATASET_KIND_H

#include <stdint.h>

enum { KIND_BYTES = 4 };

/* By a file's first bytes: "a PNG image ...", with what to do where there is something to do; NULL
 * where they tell nothing.
 * Source: the formats' own magic numbers, as file(1) has them. */
const char *kind_of(const uint8_t bytes[KIND_BYTES]);

#endif
