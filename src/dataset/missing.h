/* SPDX-License-Identifier: MIT */
/* dataset/missing.h — why a dataset's file was not found, and what may have been meant.
 *
 * Threads: any. Blocks: reads a folder; only where something is wrong.
 */
#ifndef DATASET_MISSING_H
#define DATASET_MISSING_H

#include "base/err.h"

struct missing {
    const char *folder; /* absolute */
    const char *what;   /* "images", "labels" */
    const char *name;   /* as it was asked for */
    /* The dataset's other files, which are not meant by it however near their names are. */
    const char *const *others;
    int other_count;
};

/* Says what is missing: the folder, or the file; with the near name that is there, the folder below
 * that has it, or what there is instead.
 * Returns: -ENOENT, -ENOTDIR, or what keeps us from looking (-EACCES ...). */
int missing_tell(const struct missing *m, struct err *e);

#endif
