/* SPDX-License-Identifier: MIT */
/* base/near.h — names that somebody may have meant. Threads: any; pure. */
#ifndef BASE_NEAR_H
#define BASE_NEAR_H

#include <stdbool.h>
#include <stddef.h>

enum { NEAR_LETTERS_MAX = 127 };

/* Letters wrong, missing, too many or swapped with the next one, between two words of at most
 * NEAR_LETTERS_MAX letters. Upper case is lower case, and '_' is '-'.
 * Source: "optimal string alignment". */
unsigned near_edits(const char *a, size_t a_letters, const char *b, size_t b_letters);

/* Begin with these: a word is near within two edits, a file's name within four. */
enum { NEAR_WORD = 3, NEAR_FILE = 5 };

/* Whether `name` is less than *least edits from `seen`, and less than half of its own length, since
 * a short word is a few edits from any other. *least is then their number: of several names the
 * last that was taken is the nearest. Longer names than NEAR_LETTERS_MAX are near to none. */
bool near_takes(const char *seen, const char *name, unsigned *least);

#endif
