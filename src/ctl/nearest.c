/* Words by their distance: the fewest edits, where two letters swapped are one. */
#include "ctl/nearest.h"

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define LETTERS_MAX 32

static char plain(char c)
{
    return c == '_' ? '-' : (char)tolower((unsigned char)c);
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Edits between two words of at most LETTERS_MAX letters. Source: "optimal string alignment". */
static size_t distance(const char *a, size_t an, const char *b, size_t bn)
{
    size_t d[LETTERS_MAX + 1][LETTERS_MAX + 1];
    for (size_t i = 0; i <= an; i++) {
        for (size_t j = 0; j <= bn; j++) {
            if (!i || !j) {
                d[i][j] = i + j;
                continue;
            }
            bool same = plain(a[i - 1]) == plain(b[j - 1]);
            d[i][j] = least(d[i - 1][j - 1] + !same, least(d[i - 1][j], d[i][j - 1]) + 1);
            if (i > 1 && j > 1 && plain(a[i - 1]) == plain(b[j - 2]) &&
                plain(a[i - 2]) == plain(b[j - 1]))
                d[i][j] = least(d[i][j], d[i - 2][j - 2] + 1);
        }
    }
    return d[an][bn];
}

static bool begins(const char *a, size_t an, const char *b, size_t bn)
{
    return an > 1 && an <= bn && distance(a, an, b, an) == 0;
}

const char *nearest(const char *word, const char *const *words)
{
    const char *best = NULL;
    size_t n = strlen(word), fewest = n / 3 + 1;
    for (; n <= LETTERS_MAX && *words; words++) {
        size_t wn = strlen(*words);
        if (wn > LETTERS_MAX)
            continue;
        size_t wrong = begins(word, n, *words, wn) ? 0 : distance(word, n, *words, wn);
        if (wrong < fewest) {
            fewest = wrong;
            best = *words;
        }
    }
    return best;
}
