/* SPDX-License-Identifier: MIT */
/* base/adaptive_spin.h — whether it pays to look again before sleeping, judged by how it went
 * lately.
 *
 * A short spin is cheaper than a sleep where the other side is on a CPU of its own, and a plain
 * waste where it waits for ours. Each look that failed counts two against those that paid; without
 * credit one look in ADAPTIVE_SPIN_PROBE is tried all the same, so that better times are noticed.
 *
 * Threads: the owner's. Memory: none.
 */
#ifndef BASE_ADAPTIVE_SPIN_H
#define BASE_ADAPTIVE_SPIN_H

#include <stdbool.h>
#include <stdint.h>

#define ADAPTIVE_SPIN_CREDIT_MAX 16u
#define ADAPTIVE_SPIN_PROBE      16u

struct adaptive_spin {
    uint8_t debit;   /* ADAPTIVE_SPIN_CREDIT_MAX - credit: a zeroed one is hopeful */
    uint8_t skipped; /* looks in a row that were not tried */
};

static inline bool adaptive_spin_wants(struct adaptive_spin *h)
{
    if (h->debit < ADAPTIVE_SPIN_CREDIT_MAX || ++h->skipped == ADAPTIVE_SPIN_PROBE) {
        h->skipped = 0;
        return true;
    }
    return false;
}

static inline void adaptive_spin_learn(struct adaptive_spin *h, bool paid)
{
    unsigned debit = h->debit;
    if (paid)
        debit -= debit > 0;
    else
        debit = debit + 2 < ADAPTIVE_SPIN_CREDIT_MAX ? debit + 2 : ADAPTIVE_SPIN_CREDIT_MAX;
    h->debit = (uint8_t)debit;
}

#endif
