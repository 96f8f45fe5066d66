/* SPDX-License-Identifier: MIT */
/* Digest and checks of a list. xxHash comes in from its header, so that libfmnist needs libc only.
 */
#include "spec/list.h"

#include "base/bytes.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define LIST_MAGIC   0x54534c46u /* "FLST" */
#define LIST_VERSION 1u
#define CHUNK        1024 /* numbers at a time */

static void digest_numbers(XXH3_state_t *state, const uint32_t *numbers, uint64_t count)
{
    uint8_t bytes[4 * CHUNK];
    while (count) {
        size_t n = count < CHUNK ? (size_t)count : CHUNK;
        for (size_t i = 0; i < n; i++)
            put_le32(bytes + 4 * i, numbers[i]);
        XXH3_128bits_update(state, bytes, 4 * n);
        numbers += n;
        count -= n;
    }
}

struct list_digester {
    XXH3_state_t state;
    struct list list;
    uint64_t done; /* numbers */
};

static void begin(struct list_digester *d, const struct list *l)
{
    uint8_t head[24];
    put_le32(head, LIST_MAGIC);
    put_le32(head + 4, LIST_VERSION);
    put_le64(head + 8, l->index_count);
    put_le64(head + 16, l->batch_count);
    d->list = *l;
    d->done = 0;
    XXH3_128bits_reset(&d->state);
    XXH3_128bits_update(&d->state, head, sizeof head);
}

/* Numbers of one of the arrays, which come behind `before` others. Returns how many. */
static uint64_t digest_some(struct list_digester *d, const uint32_t *numbers, uint64_t count,
                            uint64_t before, uint64_t most)
{
    uint64_t at = d->done - before, n = count - at < most ? count - at : most;
    digest_numbers(&d->state, numbers + at, n);
    d->done += n;
    return n;
}

bool list_digester_step(struct list_digester *d, uint64_t numbers)
{
    const struct list *l = &d->list;
    uint64_t ends = l->index_count + l->batch_count;
    uint64_t all = list_numbers(l->index_count, l->batch_count, l->value_count);
    while (numbers > 0 && d->done < all) {
        if (d->done == ends)
            digest_numbers(&d->state, &l->value_count, 1);
        if (d->done < l->index_count)
            numbers -= digest_some(d, l->indices, l->index_count, 0, numbers);
        else if (d->done < ends)
            numbers -= digest_some(d, l->lengths, l->batch_count, l->index_count, numbers);
        else
            numbers -= digest_some(d, l->values, all - ends, ends, numbers);
    }
    return d->done == all;
}

void list_digester_end(struct list_digester *d, uint8_t out[LIST_DIGEST_SIZE])
{
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(&d->state));
    memcpy(out, canonical.digest, LIST_DIGEST_SIZE);
}

struct list_digester *list_digester_new(const struct list *l)
{
    size_t size = align_up(sizeof(struct list_digester), _Alignof(struct list_digester));
    struct list_digester *d = aligned_alloc(_Alignof(struct list_digester), size);
    if (d)
        begin(d, l);
    return d;
}

void list_digester_free(struct list_digester *d)
{
    free(d);
}

void list_digest(const struct list *l, uint8_t out[LIST_DIGEST_SIZE])
{
    struct list_digester d;
    begin(&d, l);
    list_digester_step(&d, UINT64_MAX);
    list_digester_end(&d, out);
}

int list_check_some_lengths(const struct list *l, struct list_lengths *s, uint64_t count,
                            struct err *e)
{
    for (; count > 0 && s->checked < l->batch_count; count--, s->checked++) {
        uint32_t length = l->lengths[s->checked];
        if (length == 0)
            return err_set(e, -EINVAL, "list_batches[%" PRIu64 "] is 0: want at least 1",
                           s->checked);
        if (length > l->index_count - s->sum)
            return err_set(e, -EINVAL,
                           "list_batches[%" PRIu64 "] is %" PRIu32 ": the list has %" PRIu64
                           " indices, %" PRIu64 " of them in batches before it",
                           s->checked, length, l->index_count, s->sum);
        s->sum += length;
        s->longest = length > s->longest ? length : s->longest;
    }
    if (s->checked < l->batch_count)
        return 0;
    if (l->batch_count && s->sum != l->index_count)
        return err_set(e, -EINVAL,
                       "list_batches has lengths of %" PRIu64 " in all: want the %" PRIu64
                       " indices of the list",
                       s->sum, l->index_count);
    return 1;
}

int list_check_lengths(const struct list *l, uint32_t *longest, struct err *e)
{
    struct list_lengths s = {0};
    int rc = list_check_some_lengths(l, &s, UINT64_MAX, e);
    *longest = s.longest;
    return rc < 0 ? rc : 0;
}

int list_check_index(uint64_t place, uint32_t index, uint64_t image_count, struct err *e)
{
    if (index < image_count)
        return 0;
    return err_set(e, -EINVAL,
                   "list[%" PRIu64 "] is %" PRIu32 ": the split has %" PRIu64
                   " images, 0 to %" PRIu64,
                   place, index, image_count, image_count - 1);
}
