/* base/near.h — names that somebody may have meant. Threads: any; pure. */
#ifndef BASE_NEAR_H
#define BASE_NEAR_H

#include <stdbool.h>

/* Begin with these: a word is near within two edits, a file's name within four. */
enum { NEAR_WORD = 3, NEAR_FILE = 5 };

/* Whether `name` is less than *least edits (insert, delete, replace; case does not count) from
 * `seen`, and less than half of its own length, since a short word is a few edits from any other.
 * *least is then their number: of several names the last that was taken is the nearest.
 * Names of 128 bytes and more are near to none. */
bool near_takes(const char *seen, const char *name, unsigned *least);

#endif
