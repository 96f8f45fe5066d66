/* SPDX-License-Identifier: MIT */
/* base/mt19937.h — the Mersenne Twister as PyTorch and NumPy's legacy generator seed and draw it.
 *
 * Source: Matsumoto and Nishimura, mt19937ar.c (init_genrand, genrand_int32).
 * Threads: a state belongs to one thread. Memory: 2.5 KB, embedded.
 */
#ifndef BASE_MT19937_H
#define BASE_MT19937_H

#include <stddef.h>
#include <stdint.h>

#define MT19937_WORDS 624

struct mt19937 {
    uint32_t words[MT19937_WORDS];
    uint32_t next; /* index of the next word; MT19937_WORDS: twist first */
};

void mt19937_seed(struct mt19937 *mt, uint32_t seed);
uint32_t mt19937_u32(struct mt19937 *mt);

/* The next `count` words, as that many calls of mt19937_u32 would return them. */
void mt19937_fill(struct mt19937 *mt, uint32_t *out, size_t count);

/* Leaves `count` words out; cheaper than drawing them, as only the state moves on. */
void mt19937_skip(struct mt19937 *mt, uint64_t count);

#endif
