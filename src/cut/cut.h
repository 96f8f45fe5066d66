/* SPDX-License-Identifier: MIT */
/* cut/cut.h — a part of a split, as text: which of its images, and what their labels are.
 *
 * A split's text is a name, or a name with the slice that tensorflow_datasets writes behind it:
 *
 *     train    train[:50000]    train[90%:]    train[-10000:]    train[:10%]+train[-10%:]
 *
 * A selection is a row of steps, each done with what the one before it left:
 *
 *     slice(:10000)  slice(90%:)       the same slices, several with commas
 *     held-out(0.1, seed=1)            train_test_split(test_size=0.1, random_state=1): its second,
 *     training(0.1, seed=1)            and its first array, in their order; a whole number is a
 *                                      number of images; with `stratified`: stratify=labels
 *     held-out(3/10)  training(3/10)   what the fourth split of KFold(10) holds out, and the rest;
 *                                      with seed=1: shuffle=True, random_state=1; with
 *                                      `stratified`: StratifiedKFold
 *     classes(3, 7)                    images with these labels; with `renumber` the labels are
 *                                      then 0, 1, ... in the order in which they stand here
 *     labels(0, 0, 1)                  label i becomes the i-th number; every label must have one
 *     labels(3:0, 7:1)                 these labels become others
 *
 * Source: tensorflow_datasets' core/splits.py (ReadInstruction, rounding "closest");
 * scikit-learn's model_selection/_split.py. Threads: any. Memory: none.
 */
#ifndef CUT_CUT_H
#define CUT_CUT_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CUT_TEXT_SIZE  640 /* a selection, with its ending 0 */
#define CUT_STEPS_MAX  16u
#define CUT_RANGES_MAX 8u
#define CUT_LABELS_MAX 320u
#define CUT_FOLDS_MAX  10000u

enum cut_kind { CUT_SLICE, CUT_DRAW, CUT_FOLD, CUT_CLASSES, CUT_LABELS };

/* One end of a slice. */
struct cut_bound {
    bool given;
    int64_t value;
};

struct cut_range {
    struct cut_bound from, to;
    bool percent; /* of both */
};

struct cut_step {
    enum cut_kind kind;
    uint32_t at; /* where it stands in the text, from 1; 0: in the split's */
    /* CUT_SLICE */
    struct cut_range ranges[CUT_RANGES_MAX];
    uint32_t range_count;
    /* CUT_DRAW, CUT_FOLD */
    bool held_out; /* else the rest */
    bool stratified;
    bool seeded;
    uint32_t seed;
    double fraction; /* CUT_DRAW; 0: count says it */
    uint64_t count;
    uint32_t fold, folds; /* CUT_FOLD */
    /* CUT_CLASSES, CUT_LABELS */
    int32_t from[CUT_LABELS_MAX], to[CUT_LABELS_MAX];
    uint32_t label_count;
    bool renumber; /* CUT_CLASSES */
    bool whole;    /* CUT_LABELS: `from` is 0, 1, ..., and there may be no others */
};

struct cut {
    struct cut_step steps[CUT_STEPS_MAX];
    uint32_t step_count;
};

/* How long the name at the beginning of a split's text is. */
size_t cut_name_length(const char *split);

/* Puts the slices of a split's text behind the cut's steps; none where it is a name alone.
 * Errors: -EINVAL, with the place and what is allowed. */
int cut_add_split(struct cut *c, const char *split, struct err *e);

/* The same with the steps of a selection; "" has none. */
int cut_add_selection(struct cut *c, const char *text, struct err *e);

/* What a slice is of `count` images: *from up to, and without, *to.
 * Errors: -EINVAL where it reaches beyond them, as tensorflow_datasets has it. */
int cut_resolve(const struct cut_range *r, uint64_t count, uint64_t *from, uint64_t *to,
                struct err *e);

#endif
