/* SPDX-License-Identifier: MIT */
/* ctl/reading.h — reads every byte of a batch, as a training step does at the least.
 *
 * Threads: any. Memory: none.
 */
#ifndef CTL_READING_H
#define CTL_READING_H

#include "fmnist.h"

/* A sum of the batch's images, floats as floats and everything else as words; so that it is not
 * left out, the caller keeps it where a compiler cannot see that nobody wants it. */
double reading_sum(const struct fmnist_stream_info *info, const struct fmnist_batch *batch);

#endif
