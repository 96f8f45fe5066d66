/* SPDX-License-Identifier: MIT */
/* A sum that is not exceeded. Does not know what the memory is for. */
#include "base/budget.h"

#include <assert.h>
#include <errno.h>

void budget_set(struct budget *b, uint64_t limit, uint64_t memory_bytes, const char *of)
{
    atomic_store(&b->limit, limit);
    atomic_store(&b->memory_bytes, memory_bytes);
    atomic_store(&b->of, of);
}

static uint64_t left_of(const struct budget *b, uint64_t used)
{
    uint64_t limit = atomic_load(&b->limit);
    return limit > used ? limit - used : 0;
}

uint64_t budget_left(const struct budget *b)
{
    return b ? left_of(b, atomic_load(&b->used)) : UINT64_MAX;
}

uint64_t budget_quarter(const struct budget *b)
{
    return b ? atomic_load(&b->limit) / 4 : 0;
}

uint64_t budget_take_some(struct budget *b, uint64_t bytes, uint64_t spare)
{
    if (!b)
        return bytes;
    uint64_t used = atomic_load(&b->used), taken;
    do {
        uint64_t left = left_of(b, used);
        taken = left > spare ? left - spare : 0;
        if (taken > bytes)
            taken = bytes;
    } while (taken && !atomic_compare_exchange_weak(&b->used, &used, used + taken));
    return taken;
}

bool budget_take(struct budget *b, uint64_t bytes)
{
    if (!b)
        return true;
    uint64_t used = atomic_load(&b->used);
    do {
        if (bytes > left_of(b, used))
            return false;
    } while (!atomic_compare_exchange_weak(&b->used, &used, used + bytes));
    return true;
}

void budget_give(struct budget *b, uint64_t bytes)
{
    if (!b)
        return;
    uint64_t before = atomic_fetch_sub(&b->used, bytes);
    assert(before >= bytes);
}

int budget_refuse(const struct budget *b, const char *what, uint64_t bytes, struct err *e)
{
    uint64_t memory = atomic_load(&b->memory_bytes), limit = atomic_load(&b->limit);
    return err_set(e, -E2BIG,
                   "%s of %llu bytes: the memory limit of %s is %llu bytes, of which %llu are in "
                   "use and %llu kept free",
                   what, (unsigned long long)bytes, atomic_load(&b->of), (unsigned long long)memory,
                   (unsigned long long)atomic_load(&b->used),
                   (unsigned long long)(memory > limit ? memory - limit : 0));
}
