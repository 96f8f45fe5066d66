/* SPDX-License-Identifier: MIT */
/* Permutations for verify. */
#include "ctl/orders.h"

#include <errno.h>
#include <stdlib.h>

#define WORDS_A_STEP (UINT64_C(1) << 30)

static bool is_same(const struct sampler *a, const struct sampler *b)
{
    return a->order == b->order && a->seed == b->seed && a->count == b->count;
}

static void walk(struct orders *o, uint64_t epoch, bool same)
{
    struct permutation_walk before = o->walk;
    bool leads = same && permutation_walk_leads(&before, &o->sampler, epoch);
    permutation_walk_begin(&o->walk, &o->sampler, epoch, leads ? &before : NULL);
    while (!permutation_walk_step(&o->walk, &o->sampler, o->permutation, WORDS_A_STEP))
        ;
    o->epoch = epoch;
}

int orders_get(struct orders *o, const struct sampler *s, uint64_t epoch, const uint32_t **out)
{
    *out = NULL;
    if (!sampler_needs_permutation(s))
        return 0;
    bool same = o->permutation && is_same(&o->sampler, s);
    if (!same) {
        orders_close(o);
        o->permutation = malloc(s->count * sizeof *o->permutation);
        if (!o->permutation)
            return -ENOMEM;
        o->sampler = *s;
    }
    if (!same || o->epoch != epoch)
        walk(o, epoch, same);
    *out = o->permutation;
    return 0;
}

void orders_close(struct orders *o)
{
    free(o->permutation);
    *o = (struct orders){0};
}
