/* SPDX-License-Identifier: MIT */
/* ledger/sum.h — which images a batch had, as one number that can be added up.
 *
 * The sum of a run of batches is that of its batches, so that a run of any length has one number,
 * and the sum of the batches before each says all that lies between two of them. A batch's own
 * depends on its number and on its indices in their order. It tells a mistake, not a forger.
 *
 * Definition (LEDGER_VERSION changes with it), in 64 bits, P = 0x9e3779b97f4a7c15: two indices are
 * a word, x[2 j] + x[2 j + 1] * 2^32, of which the last one may lack its upper half. Word j goes to
 * lane j % 4. A lane k that has words begins with a = number * P + count + k; each word w of it
 * makes a = rotl(a ^ w, 23) * P; and the sum is that of a ^ a >> 29 over these lanes. Threads: any.
 */
#ifndef LEDGER_SUM_H
#define LEDGER_SUM_H

#include <stddef.h>
#include <stdint.h>

#define LEDGER_SUM_PRIME UINT64_C(0x9e3779b97f4a7c15)

static inline uint64_t ledger_sum_mix(uint64_t a, uint64_t word)
{
    a ^= word;
    return (a << 23 | a >> 41) * LEDGER_SUM_PRIME;
}

static inline uint64_t ledger_sum_word(const uint32_t *indices, uint64_t count, uint64_t j)
{
    uint64_t high = 2 * j + 1 < count ? indices[2 * j + 1] : 0;
    return indices[2 * j] | high << 32;
}

static inline uint64_t ledger_batch_sum(uint64_t number, const uint32_t *indices, uint64_t count)
{
    const uint64_t begin = number * LEDGER_SUM_PRIME + count, words = count / 2 + count % 2;
    uint64_t a = begin, b = begin + 1, c = begin + 2, d = begin + 3, sum = 0, j = 0;
    if (words == 1) { /* of batches that small there are millions a second */
        a = ledger_sum_mix(a, ledger_sum_word(indices, count, 0));
        return a ^ a >> 29;
    }
    for (; words - j >= 4; j += 4) {
        a = ledger_sum_mix(a, ledger_sum_word(indices, count, j));
        b = ledger_sum_mix(b, ledger_sum_word(indices, count, j + 1));
        c = ledger_sum_mix(c, ledger_sum_word(indices, count, j + 2));
        d = ledger_sum_mix(d, ledger_sum_word(indices, count, j + 3));
    }
    if (j < words)
        a = ledger_sum_mix(a, ledger_sum_word(indices, count, j));
    if (j + 1 < words)
        b = ledger_sum_mix(b, ledger_sum_word(indices, count, j + 1));
    if (j + 2 < words)
        c = ledger_sum_mix(c, ledger_sum_word(indices, count, j + 2));
    if (words > 0)
        sum += a ^ a >> 29;
    if (words > 1)
        sum += b ^ b >> 29;
    if (words > 2)
        sum += c ^ c >> 29;
    if (words > 3)
        sum += d ^ d >> 29;
    return sum;
}

#endif
