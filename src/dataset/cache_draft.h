/* SPDX-License-Identifier: MIT */
/* dataset/cache_draft.h — a cache file while it is built, and its becoming one.
 *
 * It has no name until it is whole (O_TMPFILE of open(2)), so that a builder that is killed leaves
 * nothing behind. Where the file system has no such files it is STEM.tmp, and what a killed builder
 * left is replaced.
 *
 * Threads: one a draft, which holds the stem's lock.
 */
#ifndef DATASET_CACHE_DRAFT_H
#define DATASET_CACHE_DRAFT_H

#include "dataset/cache.h"

struct cache_draft {
    int fd; /* owned, for writing */
    bool named;
};

/* Makes an empty file. On success end with cache_draft_close. Errors: -EACCES, -ENOSPC ... */
int cache_draft_open(struct cache_draft *f, const struct cache *c, const char *stem, struct err *e);

/* Syncs what was written and gives it the name STEM.cache, in the place of the file that has it.
 * Whenever the machine stops, there is the old file of that name, the new one whole, or none.
 * Errors: -EIO, -ENOSPC ...: the file is not to be trusted. */
int cache_draft_commit(struct cache_draft *f, const struct cache *c, const char *stem,
                       struct err *e);

/* Without a commit before it nothing is left. */
void cache_draft_close(struct cache_draft *f, const struct cache *c, const char *stem);

#endif
