/* SPDX-License-Identifier: MIT */
/* cut/make.h — the images of a cut, by their numbers in the split, made step by step.
 *
 *     cut_maker_new ─► cut_maker_step, until it is whole ─► cut_maker_take ─► cut_maker_free
 *
 * The result is the same for every division into steps. A hundred million images take seconds, so a
 * step is bounded by the images that it looks at: 5 to 30 ns each where memory is near, and a
 * microsecond where each is a miss on a busy machine.
 *
 * Threads: one at a time. Memory: CUT_MAKER_IMAGE_BYTES an image of the split at the most, and 1
 * MiB.
 */
#ifndef CUT_MAKE_H
#define CUT_MAKE_H

#include "cut/cut.h"

/* The most memory that making takes, for each image of the split. */
#define CUT_MAKER_IMAGE_BYTES 9u

/* Labels further apart than this are not parted, chosen or mapped. */
#define CUT_LABEL_SPAN 65536

/* What is cut. */
struct cut_source {
    uint64_t count;        /* images; 1 or more, below 2^32 */
    const int32_t *labels; /* [count], borrowed; NULL: a label is no number (multi-label) */
    int32_t label_min, label_max;
};

struct cut_maker;

/* The cut is copied. Errors: -EINVAL where it cannot be cut so, with the step; -ENOMEM. */
int cut_maker_new(struct cut_maker **out, const struct cut *c, const struct cut_source *source,
                  struct err *e);

/* Goes on for about so many images. Returns whether it is whole.
 * Errors: -EINVAL where the split cannot be cut so, as where a fold has more parts than a class has
 * images; -ENOMEM. */
int cut_maker_step(struct cut_maker *m, uint64_t images, struct err *e);

/* Of one that is whole. */
struct cut_made {
    uint64_t count;    /* of its images, 1 or more */
    uint32_t *indices; /* [count], malloc'd; NULL: all of the split, in its order */
    /* What labels become: table[label - table_first], malloc'd; NULL: they stay. */
    int32_t *table;
    int32_t table_first;          /* the split's label_min */
    uint32_t table_count;         /* label_max - label_min + 1, of the split */
    int32_t label_min, label_max; /* of the cut's labels, as they are then */
};

/* What was made is the caller's then. */
void cut_maker_take(struct cut_maker *m, struct cut_made *out);

/* Accepts NULL. */
void cut_maker_free(struct cut_maker *m);

#endif
