/* SPDX-License-Identifier: MIT */
/* dataset/mapping.h — a watch over a mapped file: it neither ends the process nor lies unnoticed.
 *
 * A mapping is as good as its file. Where that is cut short, or its disk fails, reading is a
 * SIGBUS; where it is written into, other bytes are read than were verified. So
 *
 *   - the kernel is asked for a read lease (fcntl(2), F_SETLEASE): whoever opens the file for
 *     writing or truncates it waits until we, by the signal SIGIO, have marked the mapping as
 *     broken;
 *   - SIGBUS in the mapping marks it as broken and puts zeros in its place, so that whoever reads
 *     goes on. Anywhere else it does what it did before.
 *
 * Invariant: the mark is set before the first wrong byte can be read. Who looks at it behind the
 * last byte that he read, and finds none, has read what was verified. A mark stays.
 *
 * Threads: any; SIGBUS must not be blocked where a mapping is read, SIGIO must be open in some
 * thread. Memory: a static table of MAPPINGS_MAX.
 */
#ifndef DATASET_MAPPING_H
#define DATASET_MAPPING_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

#define MAPPINGS_MAX 1024 /* 256 datasets of two splits, and as many that a reload replaced */

struct mapping; /* one that is watched */

/* mapping_watch: it is watched, but the file system gives no lease; text says why. */
enum { MAPPING_NO_LEASE = 1 };

/* Watches over the `size` bytes at `map`. They are those of `fd`, which nobody may have open for
 * writing, and which is the watch's from then on, whatever comes of it; -1: of memory of our own.
 * Returns 0 or MAPPING_NO_LEASE. Errors: -EAGAIN somebody has the file open for writing, -ENOSPC
 * there are too many; with text, and *out is NULL. */
int mapping_watch(struct mapping **out, void *map, size_t size, int fd, struct err *e);

/* Accepts NULL: always. */
bool mapping_is_whole(const struct mapping *m);

/* Before the bytes are unmapped. Accepts NULL. */
void mapping_end(struct mapping *m);

#endif
