/* Digest and checks of a list. xxHash comes in from its header, so that libfmnist needs libc only.
 */
#include "spec/list.h"

#include "base/bytes.h"

#include <errno.h>
#include <inttypes.h>
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

void list_digest(const struct list *l, uint8_t out[LIST_DIGEST_SIZE])
{
    uint8_t head[24];
    put_le32(head, LIST_MAGIC);
    put_le32(head + 4, LIST_VERSION);
    put_le64(head + 8, l->index_count);
    put_le64(head + 16, l->batch_count);
    XXH3_state_t state;
    XXH3_128bits_reset(&state);
    XXH3_128bits_update(&state, head, sizeof head);
    digest_numbers(&state, l->indices, l->index_count);
    digest_numbers(&state, l->lengths, l->batch_count);
    if (l->value_count) {
        digest_numbers(&state, &l->value_count, 1);
        digest_numbers(&state, l->values, l->index_count * l->value_count);
    }
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(&state));
    memcpy(out, canonical.digest, LIST_DIGEST_SIZE);
}

int list_check_lengths(const struct list *l, uint32_t *longest, struct err *e)
{
    uint64_t sum = 0;
    *longest = 0;
    for (uint64_t i = 0; i < l->batch_count; i++) {
        uint32_t length = l->lengths[i];
        if (length == 0)
            return err_set(e, -EINVAL, "list_batches[%" PRIu64 "] is 0: want at least 1", i);
        if (length > l->index_count - sum)
            return err_set(e, -EINVAL,
                           "list_batches[%" PRIu64 "] is %" PRIu32 ": the list has %" PRIu64
                           " indices, %" PRIu64 " of them in batches before it",
                           i, length, l->index_count, sum);
        sum += length;
        *longest = length > *longest ? length : *longest;
    }
    if (l->batch_count && sum != l->index_count)
        return err_set(e, -EINVAL,
                       "list_batches has lengths of %" PRIu64 " in all: want the %" PRIu64
                       " indices of the list",
                       sum, l->index_count);
    return 0;
}

int list_check_indices(const uint32_t *indices, uint64_t count, uint64_t image_count, struct err *e)
{
    for (uint64_t i = 0; i < count; i++)
        if (indices[i] >= image_count)
            return err_set(e, -EINVAL,
                           "list[%" PRIu64 "] is %" PRIu32 ": the split has %" PRIu64
                           " images, 0 to %" PRIu64,
                           i, indices[i], image_count, image_count - 1);
    return 0;
}
