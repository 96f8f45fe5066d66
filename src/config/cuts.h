/* SPDX-License-Identifier: MIT */
/* config/cuts.h — splits that are cut from others: the keys beside `from` become the text that a
 * client would select with (cut/cut.h).
 *
 *     validation: {from: train, fraction: 0.1, seed: 1}    held-out(0.1, seed=1)
 *     training: {from: train, without: validation}         training(0.1, seed=1)
 *
 * Threads: the loop's or the opener's. Memory: the dataset_source's.
 */
#ifndef CONFIG_CUTS_H
#define CONFIG_CUTS_H

#include "config/description.h"
#include "dataset/dataset.h"

/* Where a dataset's cuts stand, until all of its splits are known. */
struct cuts {
    struct {
        const struct description *in; /* NULL: the split in this place is not cut */
        const struct tree_node *node;
    } places[DATASET_SPLITS];
};

/* Takes a split's `from` and what stands beside it. Errors: -EINVAL, -ENOMEM. */
int cuts_take(struct cuts *c, const struct description *in, const struct tree_node *node, int place,
              struct dataset_source *d);

/* Once all splits are taken: what is cut from a cut, and what is the rest of another. From here on
 * each is cut from a split with files. Errors: -EINVAL, -ENOMEM. */
int cuts_resolve(const struct cuts *c, struct dataset_source *d);

#endif
