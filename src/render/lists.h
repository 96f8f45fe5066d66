/* render/lists.h — clients' own lists of indices, kept by digest and shared by all that read them.
 *
 * A list in use stays; of those that nobody uses the last ones stay too, so that the next epoch,
 * rank or restart of a trainer need not send its list again.
 *
 * Threads: any. Memory: the lists in use, and at most `idle_bytes` of others.
 */
#ifndef RENDER_LISTS_H
#define RENDER_LISTS_H

#include "spec/list.h"

#include <stddef.h>

struct lists;

/* One list. Immutable from lists_add on. */
struct kept_list {
    uint8_t digest[LIST_DIGEST_SIZE];
    const uint32_t *indices; /* [index_count] */
    uint64_t index_count;
    const uint64_t *ends; /* [batch_count], as struct sampler has them; NULL: runs of batch_size */
    uint64_t batch_count;
};

struct lists *lists_new(uint64_t idle_bytes);
void lists_free(struct lists *l);

/* The list of that digest; NULL where there is none. Give it back with lists_put. */
const struct kept_list *lists_get(struct lists *l, const uint8_t digest[LIST_DIGEST_SIZE]);

/* Keeps a copy of `list`, which list_check accepted, or finds the one that is there. Give it back
 * with lists_put. NULL when out of memory. */
const struct kept_list *lists_add(struct lists *l, const struct list *list);

/* Accepts NULL. */
void lists_put(struct lists *l, const struct kept_list *list);

#endif
