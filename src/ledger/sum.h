/* ledger/sum.h — which images a batch had, as one number that can be added up.
 *
 * The sum of a run of batches is that of its batches, so that a run of any length has one number,
 * and the sum of the batches before each says all that lies between two of them. A batch's own
 * depends on its number and on its indices in their order. It tells a mistake, not a forger.
 *
 * Definition (LEDGER_VERSION changes with it): a = number * P + count; for each index x, in order:
 * a = rotl(a ^ x, 23) * P; then a ^ a >> 29, in 64 bits, P = 0x9e3779b97f4a7c15. Four of them run
 * beside each other, over the places i % 4; they begin with a, a + 1, a + 2, a + 3 and are added.
 * Threads: any.
 */
#ifndef LEDGER_SUM_H
#define LEDGER_SUM_H

#include <stddef.h>
#include <stdint.h>

#define LEDGER_SUM_PRIME UINT64_C(0x9e3779b97f4a7c15)

static inline uint64_t ledger_sum_mix(uint64_t a, uint32_t index)
{
    a ^= index;
    return (a << 23 | a >> 41) * LEDGER_SUM_PRIME;
}

static inline uint64_t ledger_batch_sum(uint64_t number, const uint32_t *indices, uint64_t count)
{
    uint64_t a[4], sum = 0, i = 0;
    for (int k = 0; k < 4; k++)
        a[k] = number * LEDGER_SUM_PRIME + count + (uint64_t)k;
    for (; count - i >= 4; i += 4)
        for (int k = 0; k < 4; k++)
            a[k] = ledger_sum_mix(a[k], indices[i + (uint64_t)k]);
    for (; i < count; i++)
        a[i % 4] = ledger_sum_mix(a[i % 4], indices[i]);
    for (int k = 0; k < 4; k++)
        sum += a[k] ^ a[k] >> 29;
    return sum;
}

#endif
