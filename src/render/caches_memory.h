/* SPDX-License-Identifier: MIT */
/* render/caches_memory.h — memory for what clients ask for, out of one budget with the caches.
 *
 * Where it does not suffice, what the caches keep and nobody uses goes first.
 *
 * Threads: any.
 */
#ifndef RENDER_CACHES_MEMORY_H
#define RENDER_CACHES_MEMORY_H

#include "render/render_plan.h"

/* All that the caches take from now on is the budget's. Before any of them is used. */
void render_caches_share(struct render_caches *k, struct budget *budget);

/* Takes the bytes for "WHAT"; give them back with budget_give of k->budget.
 * Errors: -E2BIG, with the numbers. */
int render_caches_take(struct render_caches *k, const char *what, uint64_t bytes, struct err *e);

#endif
