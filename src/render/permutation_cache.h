/* SPDX-License-Identifier: MIT */
/* render/permutation_cache.h — permutations of epochs, made once and shared by every stream that
 * needs them.
 *
 * An order such as torch needs the whole permutation of an epoch. Streams of the same (order, seed,
 * count) use one; the last ones used stay, so that ranks and neighbours find them. A stream holds
 * that of its epoch, and that of the next from three quarters on (stream.h).
 *
 * Making one may take seconds (a far epoch of an order whose generator runs on, a list of 100
 * million), so it is made in steps, by whoever wants it next: nobody has to wait for all of it, and
 * it ends where nobody wants it any more. How far the generator came is kept, so that the next one
 * who goes there does not walk it again.
 *
 *     permutation_cache_get ─► permutation_cache_step, until it is whole ─► permutation_indices
 *                                                                       ─► permutation_cache_put
 *
 * Threads: any; a step holds no lock. Memory: 4 bytes an image for each permutation in use; at most
 * PERMUTATION_CACHE_IDLE_BYTES, in PERMUTATION_CACHE_IDLE_COUNT, of those that nobody uses; and
 * PERMUTATION_CACHE_WALKS generators of 2.5 KB.
 */
#ifndef RENDER_PERMUTATION_CACHE_H
#define RENDER_PERMUTATION_CACHE_H

#include "base/budget.h"
#include "sampler/sampler.h"

#define PERMUTATION_CACHE_IDLE_BYTES (UINT64_C(64) << 20)
#define PERMUTATION_CACHE_IDLE_COUNT 256u
#define PERMUTATION_CACHE_WALKS      64u

/* How long a step is. */
#define PERMUTATION_STEP_NS 1000000u

struct permutation_cache;
struct permutation;

struct permutation_cache *permutation_cache_new(void);
void permutation_cache_free(struct permutation_cache *o);

/* The most that one stream of such an order holds at a time: this epoch's permutation and the next
 * one's. 0 for orders that need none. */
uint64_t permutation_cache_stream_bytes(uint32_t order, uint64_t count);

/* Those that nobody uses are of memory that is taken from the budget, where it has any: those in
 * use are for their streams to pay. Before there are any. */
void permutation_cache_share(struct permutation_cache *o, struct budget *budget);

/* Drops all that nobody uses. */
void permutation_cache_drop_idle(struct permutation_cache *o);

/* The permutation of the epoch, whole or not; give it back with permutation_cache_put. NULL when
 * out of memory. */
struct permutation *permutation_cache_get(struct permutation_cache *o, const struct sampler *s,
                                          uint64_t epoch);

/* Goes on making it, for PERMUTATION_STEP_NS. Returns whether it is whole; where another thread is
 * at it, that one's step counts, which is waited for if `wait`. `s` is such as it was got with. */
bool permutation_cache_step(struct permutation_cache *o, struct permutation *p,
                            const struct sampler *s, bool wait);

/* Accepts NULL. */
void permutation_cache_put(struct permutation_cache *o, struct permutation *p);

/* Bytes of all permutations that are kept or in use. */
uint64_t permutation_cache_bytes(struct permutation_cache *o);

/* Of one that is whole. */
const uint32_t *permutation_indices(const struct permutation *p);

#endif
