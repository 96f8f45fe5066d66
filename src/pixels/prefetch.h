/* SPDX-License-Identifier: MIT */
/* pixels/prefetch.h — coming samples into the cache, while others are worked on.
 *
 * Samples lie anywhere, so the CPU's own prefetcher does not find them.
 */
#ifndef PIXELS_PREFETCH_H
#define PIXELS_PREFETCH_H

#include <stddef.h>
#include <stdint.h>

/* Enough lines under way to hide the memory's latency, few enough not to evict each other:
 * measured, for samples of 1 KiB. */
#define PREFETCH_WINDOW_BYTES 8192u
#define PREFETCH_SAMPLE_BYTES 2048u
#define PREFETCH_AHEAD_MAX    16u

/* gcc takes a function of prefetches for one without effects and leaves its calls out, where it has
 * not inlined them before it looks. */
#define PREFETCH_INLINE static inline __attribute__((always_inline))

struct prefetch {
    size_t bytes; /* of each sample: the rest of a large one follows by the CPU's own prefetcher */
    size_t ahead; /* samples */
};

static inline struct prefetch prefetch_of(size_t sample_bytes)
{
    struct prefetch p;
    p.bytes = sample_bytes < PREFETCH_SAMPLE_BYTES ? sample_bytes : PREFETCH_SAMPLE_BYTES;
    p.ahead = PREFETCH_WINDOW_BYTES / p.bytes;
    if (p.ahead > PREFETCH_AHEAD_MAX)
        p.ahead = PREFETCH_AHEAD_MAX;
    return p;
}

/* Touches the lines of a sample. Its last byte is asked for by itself, because an unaligned sample
 * has one line more than its size says. */
PREFETCH_INLINE void prefetch_sample(const struct prefetch *p, const void *sample)
{
    const uint8_t *bytes = sample;
    for (size_t at = 0; at < p->bytes; at += 64)
        __builtin_prefetch(bytes + at, 0, 3);
    __builtin_prefetch(bytes + p->bytes - 1, 0, 3);
}

/* Before the first of count samples is worked on. */
PREFETCH_INLINE void prefetch_begin(const struct prefetch *p, const void *const *samples,
                                    size_t count)
{
    for (size_t i = 0; i < p->ahead && i < count; i++)
        prefetch_sample(p, samples[i]);
}

/* Before sample i is worked on. */
PREFETCH_INLINE void prefetch_at(const struct prefetch *p, const void *const *samples, size_t count,
                                 size_t i)
{
    if (i + p->ahead < count)
        prefetch_sample(p, samples[i + p->ahead]);
}

#endif
