/* SPDX-License-Identifier: MIT */
/* Shards, batches and positions. The permutations themselves are in permutation.c (the frameworks')
 * and shuffle.c (our own). */
#include "sampler/sampler.h"

#include "fmnist.h"
#include "sampler/shuffle.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>

/* Samples of this rank in an epoch. */
static uint64_t count_shard(const struct sampler *s)
{
    const uint64_t n = s->count, world = s->world_size;
    switch (s->pad) {
    case FMNIST_PAD_WRAP:
        return (n + world - 1) / world;
    case FMNIST_PAD_DROP:
        /* DistributedSampler has ceil((n - W) / W) where W does not divide n: the same number. */
        return n / world;
    default:
        assert(s->pad == FMNIST_PAD_NONE);
        return s->rank < n ? (n - s->rank + world - 1) / world : 0;
    }
}

int sampler_init(struct sampler *s, struct err *e)
{
    assert(s->order >= FMNIST_ORDER_SEQUENTIAL && s->order <= FMNIST_ORDER_LIST);
    assert(s->list || s->order != FMNIST_ORDER_LIST);
    assert(!s->ends || (s->order == FMNIST_ORDER_LIST && s->world_size == 1 && !s->drop_last));
    assert(!s->ends || (s->end_count > 0 && s->ends[s->end_count - 1] == s->count));
    assert(s->batch_size > 0 && s->rank < s->world_size);
    if (s->count < 1 || s->count > SAMPLER_COUNT_MAX)
        return err_set(e, -EINVAL, "%s of %" PRIu64 " images: 1 to %" PRIu32 " can be sampled",
                       s->list ? "a list" : "a split", s->count, SAMPLER_COUNT_MAX);
    s->shard_count = count_shard(s);
    s->steps = s->ends ? s->end_count : s->shard_count / s->batch_size;
    if (!s->ends && !s->drop_last && s->shard_count % s->batch_size)
        s->steps++;
    if (s->shard_count == 0)
        return err_set(e, -EINVAL,
                       "no batch in an epoch: rank %" PRIu32 " of %" PRIu32 " gets none of %" PRIu64
                       " images",
                       s->rank, s->world_size, s->count);
    if (s->steps == 0)
        return err_set(e, -EINVAL,
                       "no batch in an epoch: drop_last leaves out the only one, of %" PRIu64
                       " samples (batch size %" PRIu32 ")",
                       s->shard_count, s->batch_size);
    return 0;
}

bool sampler_needs_permutation(const struct sampler *s)
{
    return s->order == FMNIST_ORDER_TORCH || s->order == FMNIST_ORDER_TORCH_LOADER ||
           s->order == FMNIST_ORDER_NUMPY;
}

int sampler_check_epoch(const struct sampler *s, uint64_t epoch, struct err *e)
{
    if (s->order != FMNIST_ORDER_TORCH_LOADER && s->order != FMNIST_ORDER_NUMPY)
        return 0;
    uint64_t last = SAMPLER_WALK_MAX / s->count;
    if (epoch <= last)
        return 0;
    return err_set(e, -EINVAL,
                   "epoch %" PRIu64 " is out of reach: the generator of this order runs on from "
                   "epoch to epoch, and with %" PRIu64 " images epoch %" PRIu64 " is the last that "
                   "can be sought",
                   epoch, s->count, last);
}

/* What the epoch's order has at positions first, first + stride, ..., each < s->count. */
static void order_places(const struct sampler *s, uint64_t epoch, const uint32_t *permutation,
                         uint64_t first, size_t count, uint32_t *indices)
{
    const uint32_t begin = (uint32_t)first, stride = s->world_size;
    if (s->order == FMNIST_ORDER_SHUFFLE) {
        struct shuffle shuffle;
        shuffle_init(&shuffle, s->seed, epoch, (uint32_t)s->count);
        shuffle_indices(&shuffle, begin, stride, count, indices);
    } else if (sampler_needs_permutation(s)) {
        for (size_t i = 0; i < count; i++)
            indices[i] = permutation[begin + i * stride];
    } else {
        for (size_t i = 0; i < count; i++)
            indices[i] = begin + (uint32_t)i * stride;
    }
}

static void order_indices(const struct sampler *s, uint64_t epoch, const uint32_t *permutation,
                          uint64_t first, size_t count, uint32_t *indices)
{
    order_places(s, epoch, permutation, first, count, indices);
    for (size_t i = 0; s->list && i < count; i++)
        indices[i] = s->list[indices[i]];
}

void sampler_indices(const struct sampler *s, uint64_t epoch, const uint32_t *permutation,
                     uint64_t first, size_t count, uint32_t *indices)
{
    assert(first <= s->shard_count && count <= s->shard_count - first);
    assert(permutation || !sampler_needs_permutation(s));
    if (count == 0)
        return;
    /* Padding is shorter than world_size, so of a rank's samples only the last can lie in it. */
    uint64_t last = s->rank + (first + count - 1) * s->world_size;
    size_t inside = last < s->count ? count : count - 1;
    order_indices(s, epoch, permutation, s->rank + first * s->world_size, inside, indices);
    if (inside < count)
        order_indices(s, epoch, permutation, last % s->count, 1, indices + inside);
}

uint64_t sampler_batch_first(const struct sampler *s, uint64_t step)
{
    assert(step < s->steps);
    if (!s->ends)
        return step * s->batch_size;
    return step ? s->ends[step - 1] : 0;
}

uint64_t sampler_batch_count(const struct sampler *s, uint64_t step)
{
    assert(step < s->steps);
    if (s->ends)
        return s->ends[step] - sampler_batch_first(s, step);
    uint64_t left = s->shard_count - step * s->batch_size;
    return left < s->batch_size ? left : s->batch_size;
}
