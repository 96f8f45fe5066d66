/* SPDX-License-Identifier: MIT */
/* pixels/gather.h — samples from anywhere in memory to their places in a batch, as they are.
 *
 * The one copy of a pixel on the daemon's side. Coming samples are prefetched into the cache as it
 * goes, so that long runs are what pays.
 * Threads: any; pure. Every SIMD variant writes the same bytes.
 */
#ifndef PIXELS_GATHER_H
#define PIXELS_GATHER_H

#include <stddef.h>

/* Copies samples[i], `bytes` each, to places[i]; neither needs an alignment. Never fails. */
void gather_samples(const void *const *samples, void *const *places, size_t count, size_t bytes);

#endif
