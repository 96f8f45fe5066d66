/* SPDX-License-Identifier: MIT */
/* Words by their distance, where a beginning is as good as the whole. */
#include "ctl/nearest.h"

#include "base/near.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define LETTERS_MAX 32

static bool begins(const char *a, size_t an, const char *b, size_t bn)
{
    return an > 1 && an <= bn && near_edits(a, an, b, an) == 0;
}

const char *nearest(const char *word, const char *const *words)
{
    const char *best = NULL;
    size_t n = strlen(word), fewest = n / 3 + 1;
    for (; n <= LETTERS_MAX && *words; words++) {
        size_t wn = strlen(*words);
        if (wn > LETTERS_MAX)
            continue;
        size_t wrong = begins(word, n, *words, wn) ? 0 : near_edits(word, n, *words, wn);
        if (wrong < fewest) {
            fewest = wrong;
            best = *words;
        }
    }
    return best;
}
