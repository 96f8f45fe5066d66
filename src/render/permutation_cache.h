/* render/permutation_cache.h — permutations of epochs, built once and shared by every stream that
 * needs them.
 *
 * An order such as torch needs the whole permutation of an epoch. Streams of the same (order, seed,
 * count) use one; the last ones used stay, so that ranks and neighbours find them. A stream holds
 * that of its epoch, and that of the next from three quarters on (stream.h).
 *
 * Threads: any; a builder holds no lock while it builds, others that want the same permutation
 * wait for it. Memory: 4 bytes an image for each permutation in use, and at most
 * PERMUTATION_CACHE_IDLE_BYTES of permutations that nobody uses.
 */
#ifndef RENDER_PERMUTATION_CACHE_H
#define RENDER_PERMUTATION_CACHE_H

#include "sampler/sampler.h"

#define PERMUTATION_CACHE_IDLE_BYTES (UINT64_C(64) << 20)

struct permutation_cache;
struct permutation;

struct permutation_cache *permutation_cache_new(void);
void permutation_cache_free(struct permutation_cache *o);

/* The most that one stream of such an order holds at a time: this epoch's permutation and the next
 * one's. 0 for orders that need none. */
uint64_t permutation_cache_stream_bytes(uint32_t order, uint64_t count);

/* The permutation of the epoch; give it back with permutation_cache_put. NULL when out of memory.
 * Blocks: while it is built (0.4 ms for 60,000 images, 45 ms for 8 million). */
struct permutation *permutation_cache_get(struct permutation_cache *o, const struct sampler *s,
                                          uint64_t epoch);

/* The same for one who only wants it to be there when others get it: builds it, but does not wait
 * for another who builds it. Its indices are not for the holder. */
struct permutation *permutation_cache_hold(struct permutation_cache *o, const struct sampler *s,
                                           uint64_t epoch);

/* Accepts NULL. */
void permutation_cache_put(struct permutation_cache *o, struct permutation *p);

/* Bytes of all permutations that are kept or in use. */
uint64_t permutation_cache_bytes(struct permutation_cache *o);

const uint32_t *permutation_indices(const struct permutation *p);

#endif
