/* SPDX-License-Identifier: MIT */
/* tests/pixels/guarded.h — buffers whose end (or beginning) lies against unmapped pages, so that
 * the first byte read or written outside faults; and a small random generator.
 */
#ifndef TESTS_PIXELS_GUARDED_H
#define TESTS_PIXELS_GUARDED_H

#include <check.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum guard_side { GUARD_BEFORE, GUARD_BEHIND };

struct guarded {
    uint8_t *data;
    void *map;
    size_t map_bytes;
};

static inline struct guarded guarded_new(size_t size, enum guard_side side)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t inner = (size + page - 1) / page * page;
    struct guarded g = {.map_bytes = inner + 2 * page};
    g.map = mmap(NULL, g.map_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(g.map, MAP_FAILED);
    g.data = (uint8_t *)g.map + page;
    if (inner > 0)
        ck_assert_int_eq(mprotect(g.data, inner, PROT_READ | PROT_WRITE), 0);
    if (side == GUARD_BEHIND)
        g.data += inner - size;
    memset(g.data, 0xa5, size);
    return g;
}

static inline void guarded_free(struct guarded *g)
{
    munmap(g->map, g->map_bytes);
}

/* xorshift64: the same numbers in every run. */
static inline uint32_t random_u32(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (uint32_t)(*state >> 32);
}

static inline void random_bytes(uint64_t *state, uint8_t *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (uint8_t)random_u32(state);
}

#endif
