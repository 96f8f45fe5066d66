/* base/hunch.h — whether it pays to look again before sleeping, judged by how it went lately.
 *
 * A short spin is cheaper than a sleep where the other side is on a CPU of its own, and a plain
 * waste where it waits for ours. Each look that failed counts two against those that paid; without
 * credit one look in HUNCH_PROBE is tried all the same, so that better times are noticed.
 *
 * Threads: the owner's. Memory: none.
 */
#ifndef BASE_HUNCH_H
#define BASE_HUNCH_H

#include <stdbool.h>
#include <stdint.h>

#define HUNCH_CREDIT_MAX 16u
#define HUNCH_PROBE      16u

struct hunch {
    uint8_t debit;   /* HUNCH_CREDIT_MAX - credit: a zeroed hunch is hopeful */
    uint8_t skipped; /* looks in a row that were not tried */
};

static inline bool hunch_says_look(struct hunch *h)
{
    if (h->debit < HUNCH_CREDIT_MAX || ++h->skipped == HUNCH_PROBE) {
        h->skipped = 0;
        return true;
    }
    return false;
}

static inline void hunch_learn(struct hunch *h, bool paid)
{
    unsigned debit = h->debit;
    if (paid)
        debit -= debit > 0;
    else
        debit = debit + 2 < HUNCH_CREDIT_MAX ? debit + 2 : HUNCH_CREDIT_MAX;
    h->debit = (uint8_t)debit;
}

#endif
