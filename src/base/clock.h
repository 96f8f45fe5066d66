/* SPDX-License-Identifier: MIT */
/* base/clock.h — the monotonic clock. Units: nanoseconds since an arbitrary point. Threads: any. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* What this thread has used of a CPU. */
static inline uint64_t clock_cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Milliseconds until then, begun ones whole: 0 where it is past, INT32_MAX at most. */
static inline uint32_t clock_ms_until(uint64_t when_ns)
{
    uint64_t now = clock_ns();
    uint64_t ms = now < when_ns ? (when_ns - now + 999999) / 1000000 : 0;
    return ms < INT32_MAX ? (uint32_t)ms : INT32_MAX;
}

#endif
