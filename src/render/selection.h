/* SPDX-License-Identifier: MIT */
/* render/selection.h — what a spec's split and selection mean: a list of indices that is made here,
 * not sent.
 *
 *     split "validation[:50%]", select "classes(3, 7)"
 *
 *     the config's cut of "validation" ─► the slice ─► the selection ─► places of a client's list
 *
 * What comes of it is kept among the clients' lists, found by the digest of the stored split and of
 * all these texts, so that whoever asks for it again need not make it. From there on it is a list
 * as any other: its content's digest is part of the stream's, it is charged as one, an order runs
 * over its places.
 *
 *     selection_find ─► a key ─► in the cache? ─no─► selection_new ─► selection_step … ─► a list
 *
 * Threads: one at a time. Memory: selection_bytes while it is made, of the caches' budget.
 */
#ifndef RENDER_SELECTION_H
#define RENDER_SELECTION_H

#include "cut/make.h"
#include "render/render_plan.h"

/* What a spec selects of a dataset. */
struct selected {
    const struct dataset_split *split; /* the stored one */
    bool is_cut;                       /* there are steps */
    uint8_t key[LIST_DIGEST_SIZE];     /* where it is */
};

/* Errors: -ENOENT for a split that there is not, -EINVAL for a text that cannot be read, -EIO where
 * the split is not whole any more. `cut`: becomes the steps; NULL: nobody wants them. */
int selection_find(struct selected *out, struct cut *cut, const struct spec *spec,
                   const struct dataset *dataset, struct err *e);

struct selection;

/* Begins to make what the spec selects, for which there is memory of the caches' budget then.
 * Returns SELECTION_WANTS_LIST where the caches do not have the client's list that it also has.
 * Errors: those of selection_find, -E2BIG where there is no memory for it, -ENOMEM. The dataset is
 * borrowed. */
#define SELECTION_WANTS_LIST 1
int selection_new(struct selection **out, const struct spec *spec, const struct dataset *dataset,
                  struct render_caches *caches, struct err *e);

/* The most that it takes while it is made. */
uint64_t selection_bytes(const struct spec *spec, const struct dataset_split *split);

/* A step, of a millisecond. Returns whether *out is the list, a use of it (index_list_cache_put).
 * Errors: -EINVAL where the split cannot be cut so, or the client's list has a place that the
 * selection has not; -EIO where the split is not whole any more; -ENOMEM. */
int selection_step(struct selection *s, const struct index_list **out, struct err *e);

/* Accepts NULL. */
void selection_free(struct selection *s);

#endif
