/* SPDX-License-Identifier: MIT */
/* sampler/shuffle.h — the order "shuffle": a keyed permutation of 0 .. count-1 that is known at any
 * position at once, in O(1) memory. Statistical, not cryptographic.
 *
 * The definition, so that others can compute the same order; SHUFFLE_VERSION changes with any of
 * it. Operators are C's; u32 cuts to 32 bits, u64 to 64; G = 0x9e3779b97f4a7c15.
 *
 *     mix(x):      x = u64((x ^ x >> 30) * 0xbf58476d1ce4e5b9)           splitmix64's finaliser
 *                  x = u64((x ^ x >> 27) * 0x94d049bb133111eb)
 *                  return x ^ x >> 31
 *     state:       s = mix(SHUFFLE_VERSION)
 *                  for v in seed, epoch, count:  s = mix(u64(s + G) ^ mix(u64(v + G)))
 *     rounds:      24 where count < 1024, else 6
 *     keys:        for i in 0 .. rounds - 1:  s = u64(s + G)
 *                  add[i] = u32(mix(s));  mul[i] = u32(mix(s) >> 32) | 1
 *     grid:        bits = the least number >= 1 with 4^bits >= count
 *                  rows = ceil(count / 2^bits)
 *     hash(i, v):  h = u32((v + add[i]) * mul[i]);  h = h ^ h >> 15
 *                  return u32(h * 0x2c1b3c6d)
 *     pass(x):     low = x % 2^bits;  high = x / 2^bits
 *                  for i in 0, 2, 4 .. rounds - 2:
 *                      high = (high + (hash(i, low) * rows >> 32)) % rows      64-bit product
 *                      low = (low + (hash(i + 1, high) >> (32 - bits))) % 2^bits
 *                  return high * 2^bits + low
 *     at(p):       x = pass(p);  while x >= count: x = pass(x);  return x
 *
 * Why so: a pass is an alternating Feistel network over a grid of rows × 2^bits places, which is
 * at most 2^bits - 1 larger than count, so that the walk ("while") is rare where it would cost. An
 * even number of columns makes odd permutations reachable. The key is a hash of all that names an
 * epoch, so that seed 1 epoch 0 has nothing to do with seed 0 epoch 1. Small grids mix slowly (a
 * round halves the distance to uniform at count 4), hence more rounds there.
 *
 * Vector: seed 42, epoch 3, count 10: 7 9 2 1 0 3 5 8 6 4. More: tests/sampler/test_shuffle.c.
 *
 * Threads: any. Memory: 208 bytes, embedded.
 */
#ifndef SAMPLER_SHUFFLE_H
#define SAMPLER_SHUFFLE_H

#include <stddef.h>
#include <stdint.h>

#define SHUFFLE_VERSION    1
#define SHUFFLE_ROUNDS_MAX 24

struct shuffle {
    uint32_t count;
    uint32_t bits;
    uint32_t rows;
    uint32_t rounds;
    uint32_t add[SHUFFLE_ROUNDS_MAX];
    uint32_t mul[SHUFFLE_ROUNDS_MAX];
};

/* count: 1 .. SAMPLER_COUNT_MAX. */
void shuffle_init(struct shuffle *s, uint64_t seed, uint64_t epoch, uint32_t count);

/* out[i] = at(first + i * stride), every position < count. */
void shuffle_indices(const struct shuffle *s, uint32_t first, uint32_t stride, size_t count,
                     uint32_t *out);

/* The same without the CPU's wide multiplications, for comparison. */
void shuffle_indices_portable(const struct shuffle *s, uint32_t first, uint32_t stride,
                              size_t count, uint32_t *out);

#endif
