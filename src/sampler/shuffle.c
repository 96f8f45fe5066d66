/* SPDX-License-Identifier: MIT */
/* The keyed permutation of shuffle.h. Positions are passed through the network a block at a time:
 * the rounds of one position are a chain of multiplications, so that several at once are what
 * keeps the multipliers busy. The block loop is plain C with fixed bounds, compiled once more for
 * AVX2, whose 32-bit multiplication makes it three times faster. Nothing is kept between calls. */
#include "sampler/shuffle.h"

#include <stdbool.h>

/* Into functions for any CPU level: only an inlined body takes on its caller's level. */
#define ALWAYS_INLINE static inline __attribute__((always_inline))

enum { BLOCK = 32, ROUNDS = 6, ROUNDS_SMALL = SHUFFLE_ROUNDS_MAX, SMALL = 1024 };

static const uint64_t gamma64 = UINT64_C(0x9e3779b97f4a7c15);

static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static uint64_t absorb(uint64_t state, uint64_t value)
{
    return mix((state + gamma64) ^ mix(value + gamma64));
}

void shuffle_init(struct shuffle *s, uint64_t seed, uint64_t epoch, uint32_t count)
{
    s->count = count;
    s->bits = 1;
    while (UINT64_C(1) << 2 * s->bits < count)
        s->bits++;
    s->rows = (count + (UINT32_C(1) << s->bits) - 1) >> s->bits;
    s->rounds = count < SMALL ? ROUNDS_SMALL : ROUNDS;

    uint64_t state = mix(SHUFFLE_VERSION);
    state = absorb(state, seed);
    state = absorb(state, epoch);
    state = absorb(state, count);
    for (uint32_t i = 0; i < s->rounds; i++) {
        uint64_t key = mix(state += gamma64);
        s->add[i] = (uint32_t)key;
        s->mul[i] = (uint32_t)(key >> 32) | 1;
    }
}

ALWAYS_INLINE uint32_t hash(uint32_t v, uint32_t add, uint32_t mul)
{
    uint32_t h = (v + add) * mul;
    h ^= h >> 15;
    return h * UINT32_C(0x2c1b3c6d);
}

/* v mod rows of v < 2 rows: the wrapped difference is the larger one where v < rows. */
ALWAYS_INLINE uint32_t reduce_once(uint32_t v, uint32_t rows)
{
    uint32_t less = v - rows;
    return less < v ? less : v;
}

ALWAYS_INLINE void pass_block(const struct shuffle *s, uint32_t x[BLOCK])
{
    const uint32_t bits = s->bits, rows = s->rows, mask = (UINT32_C(1) << bits) - 1;
    uint32_t low[BLOCK], high[BLOCK];
    for (int i = 0; i < BLOCK; i++) {
        low[i] = x[i] & mask;
        high[i] = x[i] >> bits;
    }
    for (uint32_t r = 0; r < s->rounds; r += 2) {
        const uint32_t add0 = s->add[r], mul0 = s->mul[r];
        const uint32_t add1 = s->add[r + 1], mul1 = s->mul[r + 1];
        for (int i = 0; i < BLOCK; i++) {
            uint32_t step = (uint32_t)((uint64_t)hash(low[i], add0, mul0) * rows >> 32);
            high[i] = reduce_once(high[i] + step, rows);
            low[i] = (low[i] + (hash(high[i], add1, mul1) >> (32 - bits))) & mask;
        }
    }
    for (int i = 0; i < BLOCK; i++)
        x[i] = high[i] << bits | low[i];
}

static uint32_t pass_one(const struct shuffle *s, uint32_t x)
{
    const uint32_t bits = s->bits, rows = s->rows, mask = (UINT32_C(1) << bits) - 1;
    uint32_t low = x & mask, high = x >> bits;
    for (uint32_t r = 0; r < s->rounds; r += 2) {
        uint32_t step = (uint32_t)((uint64_t)hash(low, s->add[r], s->mul[r]) * rows >> 32);
        high = reduce_once(high + step, rows);
        low = (low + (hash(high, s->add[r + 1], s->mul[r + 1]) >> (32 - bits))) & mask;
    }
    return high << bits | low;
}

static inline uint32_t walk(const struct shuffle *s, uint32_t x)
{
    while (x >= s->count)
        x = pass_one(s, x);
    return x;
}

ALWAYS_INLINE void fill_indices(const struct shuffle *s, uint32_t first, uint32_t stride,
                                size_t count, uint32_t *out)
{
    size_t done = 0;
    for (; done + BLOCK <= count; done += BLOCK) {
        uint32_t block[BLOCK], begin = first + (uint32_t)done * stride;
        for (uint32_t i = 0; i < BLOCK; i++)
            block[i] = begin + i * stride;
        pass_block(s, block);
        for (int i = 0; i < BLOCK; i++)
            out[done + i] = walk(s, block[i]);
    }
    for (; done < count; done++)
        out[done] = walk(s, pass_one(s, first + (uint32_t)done * stride));
}

void shuffle_indices_portable(const struct shuffle *s, uint32_t first, uint32_t stride,
                              size_t count, uint32_t *out)
{
    fill_indices(s, first, stride, count, out);
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static void fill_indices_avx2(const struct shuffle *s,
                                                              uint32_t first, uint32_t stride,
                                                              size_t count, uint32_t *out)
{
    fill_indices(s, first, stride, count, out);
}
#endif

void shuffle_indices(const struct shuffle *s, uint32_t first, uint32_t stride, size_t count,
                     uint32_t *out)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2")) {
        fill_indices_avx2(s, first, stride, count, out);
        return;
    }
#endif
    shuffle_indices_portable(s, first, stride, count, out);
}
