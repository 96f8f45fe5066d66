/* SPDX-License-Identifier: MIT */
/* render/index_list_check.h — a list that came from elsewhere, checked step by step.
 *
 * A list of 64 million numbers takes a tenth of a second: whoever checks it does so a millisecond
 * at a time, and may leave it.
 *
 *     index_list_check_new ─► index_list_check_step, until all is ─► index_list_cache_add
 *
 * Threads: one at a time. Memory: the list's numbers, which are the cache's in the end.
 */
#ifndef RENDER_INDEX_LIST_CHECK_H
#define RENDER_INDEX_LIST_CHECK_H

#include "render/index_list_cache.h"

#define INDEX_LIST_STEP_NS 1000000u

struct index_list_check {
    struct index_list list; /* whole once all is checked; its arrays are numbers' parts */
    uint32_t *numbers;      /* owned, malloc'd: the indices, then the lengths, then the values */
    int32_t *labels;        /* owned, malloc'd: of a selection */
    bool is_made;           /* the digest is the one that it has */
    struct list came;       /* the same, as it came */
    struct list_digester *digester;
    struct list_lengths lengths;
    uint64_t looked; /* indices of which the largest is known */
    uint64_t ended;  /* lengths that are ends already */
    bool digested;
};

/* The spec's list. Takes the numbers over where it succeeds. Errors: -ENOMEM. */
int index_list_check_new(struct index_list_check **out, const struct spec *spec, uint32_t *numbers,
                         struct err *e);

/* Goes on for INDEX_LIST_STEP_NS. Returns whether all is checked.
 * Errors: -EINVAL for another digest or lengths that are not those of the list. */
int index_list_check_step(struct index_list_check *k, struct err *e);

/* Accepts NULL. */
void index_list_check_free(struct index_list_check *k);

#endif
