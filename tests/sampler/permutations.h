/* SPDX-License-Identifier: MIT */
/* tests/sampler/permutations.h — a whole permutation at once. */
#ifndef TESTS_SAMPLER_PERMUTATIONS_H
#define TESTS_SAMPLER_PERMUTATIONS_H

#include "sampler/sampler.h"
#include "support/support.h"

/* Into p[count]; from the walk, which may be NULL and else is behind the epoch afterwards. */
static inline void permutation_build(const struct sampler *s, uint64_t epoch, uint32_t *p,
                                     struct permutation_walk *walk)
{
    struct permutation_walk own;
    bool leads = walk && permutation_walk_leads(walk, s, epoch);
    permutation_walk_begin(&own, s, epoch, leads ? walk : NULL);
    ck_assert(permutation_walk_step(&own, s, p, UINT64_MAX));
    if (walk)
        *walk = own;
}

#endif
