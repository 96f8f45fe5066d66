/* SPDX-License-Identifier: MIT */
/* ring/futex.h — the three things that a ring needs of futex(2). Threads: any. */
#ifndef RING_FUTEX_H
#define RING_FUTEX_H

#include <limits.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static inline const uint32_t *futex_word(const _Atomic uint32_t *word)
{
    return (const uint32_t *)word;
}

/* Sleeps while *word == seen, at most timeout_ms. Not private: the word is shared by processes. */
static inline void futex_wait(const uint32_t *word, uint32_t seen, uint32_t timeout_ms)
{
    struct timespec t = {
        .tv_sec = timeout_ms / 1000,
        .tv_nsec = (long)(timeout_ms % 1000) * 1000000,
    };
    syscall(SYS_futex, word, FUTEX_WAIT, seen, &t, NULL, 0);
}

static inline void futex_wake_all(const uint32_t *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

#endif
