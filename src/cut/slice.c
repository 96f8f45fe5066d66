/* SPDX-License-Identifier: MIT */
/* A slice's ends, in images. */
#include "cut/cut.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>

/* int(round(percent * count / 100.)): a division of doubles, and halves go to the even number. */
static int64_t of_percent(int64_t percent, uint64_t count)
{
    return (int64_t)nearbyint((double)(percent * (int64_t)count) / 100.0);
}

static int64_t bound(const struct cut_bound *b, bool percent, uint64_t count, uint64_t missing)
{
    if (!b->given)
        return (int64_t)missing;
    return percent ? of_percent(b->value, count) : b->value;
}

static bool is_within(int64_t at, uint64_t count)
{
    return at >= -(int64_t)count && at <= (int64_t)count;
}

int cut_resolve(const struct cut_range *r, uint64_t count, uint64_t *from, uint64_t *to,
                struct err *e)
{
    int64_t a = bound(&r->from, r->percent, count, 0), b = bound(&r->to, r->percent, count, count);
    if (!is_within(a, count) || !is_within(b, count))
        return err_set(e, -EINVAL,
                       "a slice from %" PRId64 " to %" PRId64 " of %" PRIu64
                       " images: want ends within them",
                       a, b, count);
    *from = (uint64_t)(a < 0 ? a + (int64_t)count : a);
    *to = (uint64_t)(b < 0 ? b + (int64_t)count : b);
    *to = *to < *from ? *from : *to;
    return 0;
}
