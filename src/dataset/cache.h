/* SPDX-License-Identifier: MIT */
/* dataset/cache.h — the folder of cache files: one file a split, built by one process at a time.
 *
 *     STEM.cache   a whole, synced file (cache_format.h), or none
 *     STEM.tmp     being built, where a file without a name cannot be (cache_draft.h)
 *     STEM.lock    who builds (cache_lock.h)
 *
 * The stem is "DATASET-SPLIT" with everything but letters, digits, '.', '_' and '-' made '_'. Two
 * datasets of one stem take turns and stay right: the origin in the header tells them apart.
 * Threads: any; a struct cache is immutable once open, so threads may share it.
 */
#ifndef DATASET_CACHE_H
#define DATASET_CACHE_H

#include "dataset/cache_format.h"
#include "dataset/pulse.h"

struct cache {
    int dir; /* -1: closed */
};

/* Opens the folder and makes it (0700, with its parents) where it is missing.
 * Errors: -EACCES, -EROFS ..., -EPERM where others than root and we could exchange what is in it;
 * text names the folder. */
int cache_open(struct cache *c, const char *folder, struct err *e);
void cache_close(struct cache *c);

#define CACHE_STEM_SIZE (2 * DATASET_NAME_SIZE)

/* Both are at most DATASET_NAME_SIZE - 1 long. */
void cache_stem(char stem[CACHE_STEM_SIZE], const char *name, const char *split);

#define CACHE_NAME_SIZE (CACHE_STEM_SIZE + 8)

/* "STEM.ending". */
void cache_file_name(char name[CACHE_NAME_SIZE], const char *stem, const char *ending);

/* Named outcomes of cache_find. */
enum { CACHE_NONE = 1, CACHE_UNFIT = 2, CACHE_NO_LEASE = 3 };

/* Maps the file of the stem where it is whole, of this origin, and its content has its digest, and
 * watches over it from before that is looked at.
 * Returns 0 or CACHE_NO_LEASE (mapping.h), with *s filled, to be ended by cache_unmap; CACHE_NONE;
 * or CACHE_UNFIT with the reason as text. Errors: -ECANCELED by the pulse. */
int cache_find(const struct cache *c, const char *stem, const struct cache_origin *origin,
               struct dataset_split *s, struct pulse *pulse, struct err *why);

#endif
