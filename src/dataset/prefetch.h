/* SPDX-License-Identifier: MIT */
/* dataset/prefetch.h — asks for the pages of coming images, where memory does not hold the split.
 *
 * Nothing depends on it: a page that was not asked for, or has gone again, is read by the fault.
 * Through io_uring where the kernel gives one, so that a worker never waits for room in the disk's
 * queue; else by madvise, which does.
 *
 * Threads: one a prefetcher; the kernel adds helpers that end with the thread that used it, and
 * while they idle wake every few seconds. Memory: its ring, made when it is first needed.
 */
#ifndef DATASET_PREFETCH_H
#define DATASET_PREFETCH_H

#include "dataset/dataset.h"

#include <liburing.h>
#include <stddef.h>

/* Zeroed: not opened yet. */
struct prefetcher {
    struct io_uring ring;
    enum { PREFETCH_NEW, PREFETCH_URING, PREFETCH_PLAIN } way;
};

/* Begins to read the pages of these images where the split is paged, images in a row by one call.
 * Blocks: by io_uring not for the disk; by madvise for room in its queue, not for the reads. */
void prefetch_images(struct prefetcher *f, const struct dataset_split *s, const uint32_t *indices,
                     size_t count);

/* Accepts a zeroed object. */
void prefetch_close(struct prefetcher *f);

#endif
