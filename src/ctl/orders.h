/* SPDX-License-Identifier: MIT */
/* ctl/orders.h — epochs' permutations, the last one kept. Threads: one. Memory: 4 bytes a sample.
 */
#ifndef CTL_ORDERS_H
#define CTL_ORDERS_H

#include "sampler/sampler.h"

/* Zeroed: none yet. */
struct orders {
    uint32_t *permutation; /* owned; of the sampler and epoch below */
    struct sampler sampler;
    uint64_t epoch;
    struct permutation_walk walk;
};

/* The permutation of the epoch, until the next call; *out NULL where the order needs none.
 * Errors: -ENOMEM. Blocks: for as long as a walk of the order's generator takes. */
int orders_get(struct orders *o, const struct sampler *s, uint64_t epoch, const uint32_t **out);
void orders_close(struct orders *o);

#endif
