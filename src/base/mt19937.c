/* SPDX-License-Identifier: MIT */
/* MT19937. The recurrence is split at the points where its two other operands change sides, so
 * that each loop is plain and the compiler vectorises it; the words are those of genrand_int32. */
#include "base/mt19937.h"

enum { N = MT19937_WORDS, M = 397, LANES = 16 };

void mt19937_seed(struct mt19937 *mt, uint32_t seed)
{
    uint32_t w = seed;
    mt->words[0] = w;
    for (uint32_t i = 1; i < N; i++) {
        w = 1812433253u * (w ^ w >> 30) + i;
        mt->words[i] = w;
    }
    mt->next = N;
}

static inline uint32_t twist_word(uint32_t upper, uint32_t lower, uint32_t other)
{
    uint32_t y = (upper & 0x80000000u) | (lower & 0x7fffffffu);
    return other ^ y >> 1 ^ (-(lower & 1) & 0x9908b0dfu);
}

/* Constant trip counts in multiples of four: what gcc -O2 vectorises. */
static void twist(struct mt19937 *mt)
{
    uint32_t *w = mt->words;
    enum { HEAD = (N - M) & ~3 };
    for (int i = 0; i < HEAD; i++)
        w[i] = twist_word(w[i], w[i + 1], w[i + M]);
    for (int i = HEAD; i < N - M; i++)
        w[i] = twist_word(w[i], w[i + 1], w[i + M]);
    for (int i = N - M; i < N - 1; i++)
        w[i] = twist_word(w[i], w[i + 1], w[i - (N - M)]);
    w[N - 1] = twist_word(w[N - 1], w[0], w[M - 1]);
    mt->next = 0;
}

static inline uint32_t temper(uint32_t y)
{
    y ^= y >> 11;
    y ^= y << 7 & 0x9d2c5680u;
    y ^= y << 15 & 0xefc60000u;
    return y ^ y >> 18;
}

uint32_t mt19937_u32(struct mt19937 *mt)
{
    if (mt->next == N)
        twist(mt);
    return temper(mt->words[mt->next++]);
}

/* A constant count and restrict: the vectorised part of mt19937_fill. */
static void temper_lanes(uint32_t *restrict out, const uint32_t *restrict words)
{
    for (int lane = 0; lane < LANES; lane++)
        out[lane] = temper(words[lane]);
}

void mt19937_fill(struct mt19937 *mt, uint32_t *out, size_t count)
{
    while (count) {
        if (mt->next == N)
            twist(mt);
        size_t n = N - mt->next < count ? N - mt->next : count, i = 0;
        const uint32_t *words = mt->words + mt->next;
        for (; i + LANES <= n; i += LANES)
            temper_lanes(out + i, words + i);
        for (; i < n; i++)
            out[i] = temper(words[i]);
        mt->next += (uint32_t)n;
        out += n;
        count -= n;
    }
}

void mt19937_skip(struct mt19937 *mt, uint64_t count)
{
    while (count > N - mt->next) {
        count -= N - mt->next;
        twist(mt);
    }
    mt->next += (uint32_t)count;
}
