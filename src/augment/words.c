/* SPDX-License-Identifier: MIT */
/* Refilling. */
#include "augment/words.h"

/* Never beyond the twister's block, so that what was not taken can be put back. */
void words_refill(struct words *w)
{
    uint32_t n = 4;
    if (w->mt) {
        uint32_t left = MT19937_WORDS - w->mt->next;
        n = left == 0 || left > WORDS_AHEAD ? WORDS_AHEAD : left;
        mt19937_fill(w->mt, w->ahead, n);
    } else {
        philox4x32_10(w->key, w->offset++, 0, w->ahead);
    }
    w->at = w->ahead;
    w->end = w->ahead + n;
}

void words_end_torch(struct words *w)
{
    w->mt->next -= (uint32_t)(w->end - w->at);
    w->at = w->end;
}

void philox4x32_10(uint64_t key, uint64_t offset, uint64_t subsequence, uint32_t out[4])
{
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    uint32_t a = (uint32_t)offset, b = (uint32_t)(offset >> 32);
    uint32_t c = (uint32_t)subsequence, d = (uint32_t)(subsequence >> 32);
    for (int round = 0; round < 10; round++) {
        uint64_t p = UINT64_C(0xd2511f53) * a, q = UINT64_C(0xcd9e8d57) * c;
        uint32_t next_a = (uint32_t)(q >> 32) ^ b ^ k0, next_c = (uint32_t)(p >> 32) ^ d ^ k1;
        b = (uint32_t)q;
        d = (uint32_t)p;
        a = next_a;
        c = next_c;
        k0 += 0x9e3779b9u;
        k1 += 0xbb67ae85u;
    }
    out[0] = a;
    out[1] = b;
    out[2] = c;
    out[3] = d;
}
