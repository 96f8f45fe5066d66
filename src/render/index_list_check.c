/* SPDX-License-Identifier: MIT */
/* Three passes: the digest, with the largest index on the way; the lengths, which are checked in
 * the second and become ends in the third. */
#include "render/index_list_check.h"

#include "base/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Between two looks at the clock: 100 µs at most. */
#define PIECE UINT64_C(65536)

int index_list_check_new(struct index_list_check **out, const struct spec *spec, uint32_t *numbers,
                         struct err *e)
{
    uint64_t index_count = spec->list_count, batch_count = spec->list_batch_count;
    struct index_list_check *k = calloc(1, sizeof *k);
    if (!k)
        return err_set(e, -ENOMEM, "out of memory");
    k->came = (struct list){
        .indices = numbers,
        .index_count = index_count,
        .lengths = batch_count ? numbers + index_count : NULL,
        .batch_count = batch_count,
        .values = spec->list_value_count ? numbers + index_count + batch_count : NULL,
        .value_count = spec->list_value_count,
    };
    k->digester = list_digester_new(&k->came);
    if (!k->digester) {
        free(k);
        return err_set(e, -ENOMEM, "out of memory");
    }
    k->list = (struct index_list){
        .indices = numbers,
        .index_count = index_count,
        .ends = k->came.lengths,
        .batch_count = batch_count,
        .values = k->came.values,
        .value_count = spec->list_value_count,
    };
    memcpy(k->list.digest, spec->list_digest, LIST_DIGEST_SIZE);
    memcpy(k->list.key, spec->list_digest, LIST_DIGEST_SIZE);
    k->numbers = numbers;
    *out = k;
    return 0;
}

void index_list_check_free(struct index_list_check *k)
{
    if (!k)
        return;
    list_digester_free(k->digester);
    free(k->numbers);
    free(k->labels);
    free(k);
}

/* A list has one index at least. */
static void look_at_indices(struct index_list_check *k)
{
    uint64_t left = k->list.index_count - k->looked,
             end = k->looked + (left < PIECE ? left : PIECE);
    uint32_t largest = k->list.indices[k->list.largest_at];
    for (; k->looked < end; k->looked++)
        if (k->list.indices[k->looked] > largest) {
            largest = k->list.indices[k->looked];
            k->list.largest_at = k->looked;
        }
}

static int digest(struct index_list_check *k, struct err *e)
{
    uint8_t came[LIST_DIGEST_SIZE];
    look_at_indices(k);
    if (!list_digester_step(k->digester, PIECE))
        return 0;
    list_digester_end(k->digester, came);
    if (k->is_made)
        memcpy(k->list.digest, came, sizeof came);
    else if (memcmp(came, k->list.digest, sizeof came) != 0)
        return err_set(e, -EINVAL, "the list that was sent has another digest than was announced");
    k->digested = true;
    return 0;
}

/* Lengths become ends in their place. Returns whether all have. */
static bool make_ends(struct index_list_check *k)
{
    uint32_t *lengths = k->numbers + k->list.index_count;
    uint64_t left = k->list.batch_count - k->ended, end = k->ended + (left < PIECE ? left : PIECE);
    for (; k->ended < end; k->ended++)
        lengths[k->ended] += k->ended ? lengths[k->ended - 1] : 0;
    return k->ended == k->list.batch_count;
}

static int check_piece(struct index_list_check *k, struct err *e)
{
    if (!k->digested)
        return digest(k, e);
    if (!k->ended) {
        int rc = list_check_some_lengths(&k->came, &k->lengths, PIECE, e);
        if (rc <= 0)
            return rc;
        k->list.longest = k->lengths.longest;
    }
    return make_ends(k);
}

int index_list_check_step(struct index_list_check *k, struct err *e)
{
    uint64_t end_ns = clock_ns() + INDEX_LIST_STEP_NS;
    int rc;
    do
        rc = check_piece(k, e);
    while (!rc && clock_ns() < end_ns);
    return rc;
}
