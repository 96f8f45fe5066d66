/* SPDX-License-Identifier: MIT */
/* sampler/sampler.h — (order, seed, shard, epoch, step) to dataset indices. Pure.
 *
 * Two kinds of order. Computed ones (sequential, shuffle) know the index at any position at once.
 * Permuted ones (torch, torch-loader, numpy) need the whole permutation of an epoch, which the
 * caller keeps: a permutation_walk fills it, step by step, and for the orders whose generator runs
 * on from epoch to epoch one that was left at an earlier epoch saves walking the epochs before it
 * again.
 *
 * With a list of the caller's own an order runs over the list's places, 0 .. count - 1, and an
 * index is what stands there. The order list is the list as it is, the same in every epoch; it may
 * have batches of any lengths (`ends`).
 *
 * Shards, for every order: rank r of W takes positions r, r + W, r + 2W, … of the epoch's order,
 * which `pad` has made a multiple of W long (wrap: its own beginning repeated; drop: tail left
 * out) or left ragged (none). Batches are consecutive runs of batch_size of that, or of the lengths
 * that `ends` gives.
 *
 * Source: torch.utils.data.DistributedSampler, RandomSampler, torch.randperm (CPU);
 * numpy.random.RandomState.shuffle. Threads: any; no state but what is passed in.
 */
#ifndef SAMPLER_SAMPLER_H
#define SAMPLER_SAMPLER_H

#include "base/err.h"
#include "base/mt19937.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The largest dataset: torch.randperm draws 64-bit numbers from here on (n >= UINT32_MAX / 20). */
#define SAMPLER_COUNT_MAX (UINT32_MAX / 20 - 1)

struct sampler {
    uint32_t order; /* enum fmnist_order */
    uint64_t seed;
    uint64_t count; /* images of the split, or indices of the list: 1 .. SAMPLER_COUNT_MAX */
    uint32_t rank, world_size;
    uint32_t pad; /* enum fmnist_pad: wrap, drop or none (auto has been resolved) */
    uint32_t batch_size;
    uint32_t drop_last;
    const uint32_t *list; /* borrowed, [count]; NULL: the split's images, not with order list */
    /* Borrowed; order list with world_size 1 and no drop_last only, else NULL. Batch b is samples
     * [ends[b - 1], ends[b]), from 0 for b == 0: ascending, the last one equal to count, no batch
     * longer than batch_size. */
    const uint32_t *ends;
    uint64_t end_count;
    /* derived by sampler_init */
    uint64_t shard_count; /* samples of this rank in an epoch */
    uint64_t steps;       /* batches of this rank in an epoch */
};

/* Derives shard_count and steps. Errors: -EINVAL where an epoch would have no batch, with the
 * numbers; -EINVAL where count is out of range. */
int sampler_init(struct sampler *s, struct err *e);

/* Whether the order needs a permutation from a permutation_walk. */
bool sampler_needs_permutation(const struct sampler *s);

/* The most draws of a walk to an epoch that has no walk at hand: epoch * count. */
#define SAMPLER_WALK_MAX (UINT64_C(1) << 31)

/* Errors: -EINVAL where a running order (torch-loader, numpy) would have to be walked further than
 * SAMPLER_WALK_MAX to reach the epoch; the text names the last epoch in reach. */
int sampler_check_epoch(const struct sampler *s, uint64_t epoch, struct err *e);

/* One epoch's permutation on its way, which may be left and gone on with anywhere: the generator,
 * and where it stands. Depends on order, seed and count only. */
struct permutation_walk {
    struct mt19937 mt;
    uint64_t target; /* the epoch that is wanted */
    uint64_t epoch;  /* that the generator is in: before the target's its words are only skipped */
    uint64_t at;     /* in there: words (torch, torch-loader) or partners (numpy) */
    uint32_t filled; /* of the permutation, as the identity */
};

/* Whether a walk, left anywhere, shortens the one to the epoch of the same order. */
bool permutation_walk_leads(const struct permutation_walk *from, const struct sampler *s,
                            uint64_t epoch);

/* Begins at `from`, which leads there; NULL: at the seed. */
void permutation_walk_begin(struct permutation_walk *w, const struct sampler *s, uint64_t epoch,
                            const struct permutation_walk *from);

/* Goes on for about `words` words of the generator (at most 4 ns each where memory is near), into
 * permutation[count], which is the same one in every step. Returns whether it is whole; the walk
 * then leads to the epochs behind it. The result is the same for every split into steps. */
bool permutation_walk_step(struct permutation_walk *w, const struct sampler *s,
                           uint32_t *permutation, uint64_t words);

/* The dataset indices of samples [first, first + count) of this rank's epoch, first + count <=
 * shard_count. `permutation` is that of the epoch, or NULL where none is needed. */
void sampler_indices(const struct sampler *s, uint64_t epoch, const uint32_t *permutation,
                     uint64_t first, size_t count, uint32_t *indices);

/* The first sample of batch `step` (< steps) in this rank's epoch. O(1). */
uint64_t sampler_batch_first(const struct sampler *s, uint64_t step);

/* Samples of batch `step` (< steps): batch_size, or fewer in the last; what `ends` says. O(1). */
uint64_t sampler_batch_count(const struct sampler *s, uint64_t step);

#endif
