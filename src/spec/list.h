/* SPDX-License-Identifier: MIT */
/* spec/list.h — a list of dataset indices that a client chose itself, and its digest.
 *
 * Equal lists have equal digests, whoever computes them: XXH3-128 (canonical bytes) of
 * "FLST", version u32, index_count u64, batch_count u64, the indices u32, the lengths u32, and
 * where there are values, value_count u32 and the values u32; all little-endian. The digest tells
 * lists apart, it does not protect against a forger: whoever takes a list from another process
 * checks it.
 *
 * Threads: any. Memory: none; a list borrows its arrays.
 */
#ifndef SPEC_LIST_H
#define SPEC_LIST_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

#define LIST_DIGEST_SIZE 16

struct list {
    const uint32_t *indices; /* [index_count], repeats allowed */
    uint64_t index_count;
    const uint32_t *lengths; /* [batch_count], of consecutive batches; NULL: runs of batch_size */
    uint64_t batch_count;    /* 0 where lengths is NULL */
    const uint32_t *values;  /* [index_count][value_count], draws of augment/draw.h; NULL: none */
    uint32_t value_count;    /* 0 where values is NULL */
};

/* Numbers of all three. */
static inline uint64_t list_numbers(uint64_t index_count, uint64_t batch_count,
                                    uint32_t value_count)
{
    return index_count * (1 + (uint64_t)value_count) + batch_count;
}

void list_digest(const struct list *l, uint8_t out[LIST_DIGEST_SIZE]);

/* The same digest, taken step by step. `l` is borrowed. Returns NULL when out of memory. */
struct list_digester;
struct list_digester *list_digester_new(const struct list *l);
void list_digester_free(struct list_digester *d); /* accepts NULL */

/* Goes on for so many numbers, of the indices first. Returns whether that was all. */
bool list_digester_step(struct list_digester *d, uint64_t numbers);

/* After all of it. */
void list_digester_end(struct list_digester *d, uint8_t out[LIST_DIGEST_SIZE]);

/* Refuses a length of 0, and lengths whose sum is not index_count. Writes the longest length, 0
 * where there are no lengths. Errors: -EINVAL, with the position, the value and what is allowed. */
int list_check_lengths(const struct list *l, uint32_t *longest, struct err *e);

/* Step by step: lengths 0 .. checked - 1 are good. Zeroed: none is yet. */
struct list_lengths {
    uint64_t checked, sum; /* their number, and their sum */
    uint32_t longest;
};

/* Goes on for `count` lengths. Returns whether that was all. Errors: as above. */
int list_check_some_lengths(const struct list *l, struct list_lengths *s, uint64_t count,
                            struct err *e);

/* Refuses an index >= image_count, which stands at that place. Errors: as above. */
int list_check_index(uint64_t place, uint32_t index, uint64_t image_count, struct err *e);

#endif
