/* SPDX-License-Identifier: MIT */
/* render/index_list_cache.h — clients' own lists of indices, kept by digest and shared by all that
 * read them.
 *
 * A list in use stays; of those that nobody uses the last ones stay too, so that the next epoch,
 * rank or restart of a trainer need not send its list again.
 *
 * Threads: any. Memory: the lists in use, and at most `idle_bytes` in INDEX_LIST_CACHE_IDLE_COUNT
 * of others.
 */
#ifndef RENDER_INDEX_LIST_CACHE_H
#define RENDER_INDEX_LIST_CACHE_H

#include "base/budget.h"
#include "spec/spec.h"

#include <stddef.h>

/* Whoever asks for samples by their numbers sends a list for each few: they are many, and small. */
#define INDEX_LIST_CACHE_IDLE_COUNT 256

struct index_list_cache;

/* One list. Immutable from index_list_cache_add on. A client's is found by its digest; one that was
 * made of a selection (selection.h) by what it was made of. */
struct index_list {
    uint8_t key[LIST_DIGEST_SIZE];
    uint8_t digest[LIST_DIGEST_SIZE];
    const uint32_t *indices; /* [index_count] */
    uint64_t index_count;
    const uint32_t *ends; /* [batch_count], as struct sampler has them; NULL: runs of batch_size */
    uint64_t batch_count;
    uint32_t longest;       /* of the batches; 0 where ends is NULL */
    uint64_t largest_at;    /* the place of the first of the largest indices */
    const uint32_t *values; /* [index_count][value_count], unchecked; NULL: none */
    uint32_t value_count;
    /* Of a selection: what label `label_first + i` becomes; NULL: they stay as they are. Such a
     * list may have no indices, where all of the split is selected. */
    const int32_t *labels; /* [label_count] */
    int32_t label_first;
    uint32_t label_count;
    int32_t label_min, label_max; /* of the labels then */
};

struct index_list_cache *index_list_cache_new(uint64_t idle_bytes);
void index_list_cache_free(struct index_list_cache *l);

/* Another bound. Lists that nobody uses go until it holds the rest. */
void index_list_cache_resize(struct index_list_cache *l, uint64_t idle_bytes);

/* Lists are of memory that was taken from the budget, and give it back. Before there are any. */
void index_list_cache_share(struct index_list_cache *l, struct budget *budget);

/* Drops all that nobody uses. */
void index_list_cache_drop_idle(struct index_list_cache *l);

/* The list of that key; NULL where there is none. Give it back with index_list_cache_put. */
const struct index_list *index_list_cache_get(struct index_list_cache *l,
                                              const uint8_t key[LIST_DIGEST_SIZE]);

/* Keeps a list of which all is checked, or finds the same one that is there. Its numbers are the
 * cache's then. Give the list back with index_list_cache_put. Errors: -ENOMEM; then nothing is
 * taken. */
struct index_list_check;
int index_list_cache_add(struct index_list_cache *l, struct index_list_check *k,
                         const struct index_list **out, struct err *e);

/* Refuses a list of that digest which is not of the size that the spec says: digests are what a
 * client says, too. Errors: -EINVAL. */
int index_list_match(const struct index_list *list, const struct spec *spec, struct err *e);

/* Accepts NULL. */
void index_list_cache_put(struct index_list_cache *l, const struct index_list *list);

/* What the list takes in memory: 4 bytes an index, a batch, a value and a label. */
uint64_t index_list_bytes(const struct index_list *list);

struct index_list_cache_usage {
    uint32_t count; /* kept, in use or not */
    uint64_t bytes; /* of them */
    uint64_t added; /* since the start */
};
void index_list_cache_usage(struct index_list_cache *l, struct index_list_cache_usage *u);

#endif
