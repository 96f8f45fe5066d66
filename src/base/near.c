/* SPDX-License-Identifier: MIT */
/* Edit distance, a row at a time. */
#include "base/near.h"

#include <ctype.h>
#include <string.h>

static char plain(char c)
{
    return c == '_' ? '-' : (char)tolower((unsigned char)c);
}

static unsigned least_of(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

unsigned near_edits(const char *a, size_t a_letters, const char *b, size_t b_letters)
{
    unsigned rows[3][NEAR_LETTERS_MAX + 1]; /* row i, of the first i letters of a, at i % 3 */
    for (size_t j = 0; j <= b_letters; j++)
        rows[0][j] = (unsigned)j;
    for (size_t i = 1; i <= a_letters; i++) {
        unsigned *row = rows[i % 3], *above = rows[(i - 1) % 3];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b_letters; j++) {
            bool same = plain(a[i - 1]) == plain(b[j - 1]);
            row[j] = least_of(above[j - 1] + !same, least_of(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && plain(a[i - 1]) == plain(b[j - 2]) &&
                plain(a[i - 2]) == plain(b[j - 1]))
                row[j] = least_of(row[j], rows[(i - 2) % 3][j - 2] + 1);
        }
    }
    return rows[a_letters % 3][b_letters];
}

bool near_takes(const char *seen, const char *name, unsigned *least)
{
    size_t seen_letters = strlen(seen), letters = strlen(name);
    if (seen_letters > NEAR_LETTERS_MAX || letters > NEAR_LETTERS_MAX)
        return false;
    unsigned edits = near_edits(seen, seen_letters, name, letters);
    if (edits >= *least || 2 * edits >= letters)
        return false;
    *least = edits;
    return true;
}
