/* SPDX-License-Identifier: MIT */
/* dataset/cache_lock.h — who builds a cache file: flock(2) on STEM.lock.
 *
 * The file says which process holds the lock and changes a few times a second while that one gets
 * on. A holder that does not is waited for no longer than CACHE_LOCK_PATIENCE_MS: it may be
 * stopped, or hang in a dead disk.
 *
 * The file is never deleted, or two builders could hold two files of one name. Threads: any.
 */
#ifndef DATASET_CACHE_LOCK_H
#define DATASET_CACHE_LOCK_H

#include "dataset/cache.h"
#include "dataset/pulse.h"

#define CACHE_LOCK_PATIENCE_MS 3000

/* cache_lock_try: somebody else holds it, cache_lock_wait: and does not get on; text says who. */
enum { CACHE_LOCK_BUSY = 1 };

/* Opens the stem's lock file and takes the lock.
 * Returns 0 or CACHE_LOCK_BUSY, both with *lock to be closed, which gives the lock up.
 * Errors: -EACCES, -EROFS, -ENOSPC, -ENOLCK ...; *lock is -1. */
int cache_lock_try(const struct cache *c, const char *stem, int *lock, struct err *e);

/* Takes the lock of that file after whoever has it.
 * Returns 0 or CACHE_LOCK_BUSY. Errors: -ECANCELED by the pulse, -ENOLCK ...
 * Blocks: while the holder gets on, and CACHE_LOCK_PATIENCE_MS longer. */
int cache_lock_wait(int lock, struct pulse *pulse, struct err *e);

#endif
