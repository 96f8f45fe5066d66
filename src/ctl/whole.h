/* SPDX-License-Identifier: MIT */
/* ctl/whole.h — a whole dataset, split by split, as it is stored: one that a daemon serves, or a
 * folder's.
 *
 *     whole_open(&w, in, "fashion-mnist", &e);
 *     for each split: whole_walk(&w, split, take, me, &e);
 *     whole_close(&w);
 *
 * A folder (a word with a "/", or one of dots) has a dataset.yaml, or IDX files of names that are
 * known; it is read as a daemon reads it, and asks none. Its splits are those with files, where a
 * daemon's are all that it serves: parts of others, too.
 *
 * Threads: one. Memory: a daemon's: a batch; a folder's: the dataset, as its file or in memory.
 */
#ifndef CTL_WHOLE_H
#define CTL_WHOLE_H

#include "base/err.h"
#include "ctl/verbs.h"

#include <stdbool.h>
#include <stdint.h>

#define WHOLE_SPLITS_MAX 64
#define WHOLE_STEP_BYTES (4u << 20) /* of images, in a step of a walk: about */

struct whole_split {
    const char *name; /* "train" */
    uint64_t count;   /* images, 1 .. */
    uint32_t height, width, channels;
    uint32_t label_columns; /* of a multi-label set; 0: one label an image, its class */
    uint8_t digest[16];
    bool named; /* its labels are the dataset's classes: not those of a part that numbers anew */
    int from;   /* the place of the split that it is a part of; -1: it is stored */
};

struct whole {
    char name[64];
    const char *folder; /* NULL: a daemon's */
    struct whole_split splits[WHOLE_SPLITS_MAX];
    size_t split_count;
    const char *const *classes; /* [class_count] */
    uint32_t class_count;
    /* behind them */
    const struct invocation *in;
    struct fmnist_client *client;     /* owned */
    struct fmnist_datasets *datasets; /* owned; NULL: a folder's */
    struct whole_folder *opened;      /* owned; NULL: a daemon's */
};

/* Returns 0, -ECANCELED where it is told already, -EINVAL where the word is wrong, or another
 * negative number; with text. *w is to be closed whatever is returned. */
int whole_open(struct whole *w, const struct invocation *in, const char *word, struct err *e);
void whole_close(struct whole *w);

/* The class's name, or NULL. */
const char *whole_class(const struct whole *w, int64_t label);

/* Some images of a split, in its order; first: the place of the first there, in a walk.
 * Shape: images[count][height][width][channels] uint8; labels[count] or [count][label_columns];
 * indices[count], of the stored split, or NULL where they are the places. */
struct whole_step {
    uint64_t first, count;
    const int64_t *indices;
    const uint8_t *images;
    const int32_t *labels;
};

/* Calls take() with all images of the split, in steps. What it returns but 0 ends the walk, and is
 * returned. Errors: as of whole_open. */
int whole_walk(struct whole *w, size_t split,
               int (*take)(void *me, const struct whole_step *step, struct err *e), void *me,
               struct err *e);

/* The same with the images of those numbers alone, each a step of its own. */
int whole_pick(struct whole *w, size_t split, const uint32_t *indices, uint64_t count,
               int (*take)(void *me, const struct whole_step *step, struct err *e), void *me,
               struct err *e);

#endif
