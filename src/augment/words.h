/* SPDX-License-Identifier: MIT */
/* augment/words.h — random words of 32 bits, from a Mersenne Twister or from Philox, and the
 * numbers that PyTorch makes of them on a CPU.
 *
 * Source: PyTorch's CPUGeneratorImpl, TransformationHelper.h, RangeFactories and Distributions
 * kernels; Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (Philox4x32-10).
 * Threads: one at a time. Private to augment/.
 */
#ifndef AUGMENT_WORDS_H
#define AUGMENT_WORDS_H

#include "base/mt19937.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WORDS_AHEAD 64u

struct words {
    const uint32_t *at, *end; /* in `ahead` */
    struct mt19937 *mt;       /* NULL: Philox */
    uint64_t key, offset;     /* Philox: of the next block of four words */
    uint32_t ahead[WORDS_AHEAD];
};

/* Words from a twister, which words_end leaves behind the last one that was taken. */
static inline void words_begin_torch(struct words *w, struct mt19937 *mt)
{
    w->mt = mt;
    w->at = w->end = w->ahead;
}

void words_end_torch(struct words *w);

/* Words of Philox4x32-10 with that key, subsequence 0, from block `offset` on. */
static inline void words_begin_philox(struct words *w, uint64_t key, uint64_t offset)
{
    w->mt = NULL;
    w->key = key;
    w->offset = offset;
    w->at = w->end = w->ahead;
}

/* Four words. */
void philox4x32_10(uint64_t key, uint64_t offset, uint64_t subsequence, uint32_t out[4]);

void words_refill(struct words *w);

static inline uint32_t words_next(struct words *w)
{
    if (w->at == w->end)
        words_refill(w);
    return *w->at++;
}

/* torch.rand, float32. */
static inline float words_rand(struct words *w)
{
    return (float)(words_next(w) & 0xffffff) * 0x1p-24f;
}

/* torch.empty(1).uniform_(low, high): with the fused multiply-add of every CPU that has one. */
static inline float words_uniform(struct words *w, double low, double high)
{
    float a = (float)low, b = (float)high;
    float v = fmaf(words_rand(w), b - a, a);
    return v == b ? a : v;
}

/* torch.randint(n): one word below 2^28, else two, the first one high. */
static inline uint32_t words_below(struct words *w, uint32_t n)
{
    uint64_t word = words_next(w);
    if (n >= 1u << 28)
        word = word << 32 | words_next(w);
    return (uint32_t)(word % n);
}

/* torch.exp of a float32, whose last bit PyTorch does not always have right. */
static inline float words_exp(float x)
{
    return (float)exp((double)x);
}

#endif
