/* SPDX-License-Identifier: MIT */
/* client/sized.h — public structs that grow: each begins with `size_t size`, its bytes in the
 * header that the program was compiled with. Both ways are openat2's.
 *
 *     a program's of an older header    [ size, fields .. ]           what it lacks is 0, or untold
 *     ours                              [ size, fields ......... ]
 *     a program's of a later header     [ size, fields ......... 0 0 ] what we lack has to be 0
 *
 * So whoever adds a field adds it at the end, with 0 as its default, and not into what was padding:
 * an older program's padding holds anything.
 *
 * Source: openat2(2), "Extensibility". Threads: any. Memory: the caller's.
 */
#ifndef CLIENT_SIZED_H
#define CLIENT_SIZED_H

#include <stddef.h>

#define SIZED_MAX 4096u /* as openat2's: more was never set by a compiler */

struct sized_kind {
    const char *name; /* of the argument: "into" */
    const char *how;  /* what sets the size right */
    size_t first;     /* bytes in the header of 0.1; multiples of size_t, and at least one */
    size_t known;     /* bytes in ours */
};

/* Bytes of a struct in the header where `last` was its last field. */
#define SIZED_UP_TO(type, last)                                                \
    ((offsetof(type, last) + sizeof(((type *)0)->last) + sizeof(size_t) - 1) & \
     ~(sizeof(size_t) - 1))

/* Reads a program's struct. Errors: FMNIST_EINVAL for a size below `first` or above SIZED_MAX, and
 * for one above `known` where a byte behind that is not 0: the program asks for what we cannot. */
int sized_take(const struct sized_kind *kind, void *ours, const void *theirs);

/* Fills a program's struct in but for its size; what it has behind ours becomes 0. Errors:
 * FMNIST_EINVAL for a size below `first` or above SIZED_MAX, and then nothing is written. */
int sized_give(const struct sized_kind *kind, void *theirs, const void *ours);

/* The same for a struct that was taken and is changed: nothing that was set may be lost. Errors:
 * FMNIST_EINVAL also where ours has something that theirs has no room for, and then nothing is
 * written either. */
int sized_give_back(const struct sized_kind *kind, void *theirs, const void *ours);

#endif
