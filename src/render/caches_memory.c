/* SPDX-License-Identifier: MIT */
/* Makes room in the caches. How much there is in all is the budget's to know. */
#include "render/caches_memory.h"

void render_caches_share(struct render_caches *k, struct budget *budget)
{
    k->budget = budget;
    permutation_cache_share(k->permutations, budget);
    sample_cache_share(k->samples, budget);
    index_list_cache_share(k->index_lists, budget);
}

int render_caches_take(struct render_caches *k, const char *what, uint64_t bytes, struct err *e)
{
    if (budget_take(k->budget, bytes))
        return 0;
    permutation_cache_drop_idle(k->permutations);
    index_list_cache_drop_idle(k->index_lists);
    sample_cache_drop_idle(k->samples, bytes);
    return budget_take(k->budget, bytes) ? 0 : budget_refuse(k->budget, what, bytes, e);
}
