/* SPDX-License-Identifier: MIT */
/* base/budget.h — memory that several parts may have together, however much each may have alone.
 *
 * What is large is taken before it is made, and given back once it is gone. What there is no memory
 * for is refused with the numbers, where the kernel would end the process.
 *
 * Invariant: used <= limit, but for a limit that was lowered since.
 * Threads: any. Memory: none. A NULL budget has no end.
 */
#ifndef BASE_BUDGET_H
#define BASE_BUDGET_H

#include "base/err.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct budget {
    _Atomic uint64_t limit;
    _Atomic uint64_t used;
    /* For people: what the limit was made of. */
    _Atomic uint64_t memory_bytes; /* that there are; the rest is kept free */
    const char *_Atomic of;        /* whose limit that is: "its cgroup"; static text */
};

/* `memory_bytes` are there, and of them `limit` to be had. */
void budget_set(struct budget *b, uint64_t limit, uint64_t memory_bytes, const char *of);

/* Bytes that can be taken; UINT64_MAX of no budget. */
uint64_t budget_left(const struct budget *b);

/* A quarter of it all; 0 of no budget. */
uint64_t budget_quarter(const struct budget *b);

/* Takes the bytes, or none. */
bool budget_take(struct budget *b, uint64_t bytes);

/* Takes as many of the bytes as leave `spare` of the limit to others. Returns how many. */
uint64_t budget_take_some(struct budget *b, uint64_t bytes, uint64_t spare);

void budget_give(struct budget *b, uint64_t bytes);

/* Says that "WHAT of N bytes" does not fit, and why. Returns -E2BIG. */
int budget_refuse(const struct budget *b, const char *what, uint64_t bytes, struct err *e);

#endif
