/* Edit distance (Levenshtein), a row at a time. */
#include "base/near.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

#define NAME_MAX_BYTES 128

static unsigned edit_distance(const char *a, const char *b)
{
    unsigned row[NAME_MAX_BYTES];
    size_t n = strlen(b);
    for (size_t j = 0; j <= n; j++)
        row[j] = (unsigned)j;
    for (size_t i = 0; a[i]; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i + 1;
        for (size_t j = 0; j < n; j++) {
            unsigned best =
                diagonal + (tolower((unsigned char)a[i]) != tolower((unsigned char)b[j]));
            diagonal = row[j + 1];
            if (best > row[j] + 1)
                best = row[j] + 1;
            if (best > diagonal + 1)
                best = diagonal + 1;
            row[j + 1] = best;
        }
    }
    return row[n];
}

bool near_takes(const char *seen, const char *name, unsigned *least)
{
    if (strlen(seen) >= NAME_MAX_BYTES || strlen(name) >= NAME_MAX_BYTES)
        return false;
    unsigned edits = edit_distance(seen, name);
    if (edits >= *least || 2 * edits >= strlen(name))
        return false;
    *least = edits;
    return true;
}
