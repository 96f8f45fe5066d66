/* SPDX-License-Identifier: MIT */
/* ctl/label.h — what an image of a batch is, in words: its class, or in a multi-label set those
 * that its row has. Threads: one. Memory: none of its own.
 */
#ifndef CTL_LABEL_H
#define CTL_LABEL_H

#include "fmnist.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

/* One image's. */
struct label {
    const struct fmnist_dataset *dataset; /* that has the names; NULL: none */
    int64_t index;                        /* in the split */
    const void *numbers;                  /* [count], or its class, of dtype */
    uint32_t count;                       /* 0: the set has one label an image */
    uint32_t dtype;
};

/* Of a batch's row; it is as long as the batch. */
struct label label_of(const struct fmnist_dataset *dataset, const struct fmnist_stream_info *info,
                      const struct fmnist_batch *batch, uint64_t row);

enum { LABEL_NAME_SIZE = 256 };

/* A class's name as a terminal may have it: who publishes data calls classes as he likes, and
 * control characters are '?'. Returns text. */
const char *label_shown(const char *name, char text[LABEL_NAME_SIZE]);

/* The class, or the number in a column. */
int64_t label_number(const struct label *l, uint32_t column);

/* Calls line() for "59: Ankle boot", or "59: 9" where the class has no name; in a multi-label set
 * for the columns that are not 0, "12: Effusion, Mass=2", or "12: none", in lines of `width`. */
void label_lines(const struct label *l, size_t width, void (*line)(void *to, const char *text),
                 void *to);

/* The same in one line. What has no room is told by number: "12: Effusion, Mass and 3 more". */
void label_text(const struct label *l, char *text, size_t size);

/* Adds "label" and "class", null in a multi-label set, and "labels", all numbers of the row, and
 * "classes", the names of those that are not 0 (a column's number where it has no name); these are
 * null in any other set. */
void label_add_json(const struct label *l, json_t *to);

#endif
