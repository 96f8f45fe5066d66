/* ring/slot.h — one batch in memory: where its images, labels and indices lie.
 *
 * Shape: a 64-byte header, images[batch_size][image_bytes], labels[batch_size] of label_bytes,
 * indices[batch_size] int64; each part begins on a 64-byte boundary.
 * The same layout, made for a batch's own count, is the body of an inline frame.
 */
#ifndef RING_SLOT_H
#define RING_SLOT_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stdint.h>

struct slot_header {
    uint64_t number; /* of the batch in its ring, from 0 */
    uint64_t epoch;
    uint64_t step;
    uint64_t count; /* samples */
    uint64_t reserved[4];
};
_Static_assert(sizeof(struct slot_header) == 64, "a slot's header is one cache line");

struct slot_layout {
    uint64_t labels_at; /* images begin behind the header */
    uint64_t indices_at;
    uint64_t bytes;
};

#define SLOT_IMAGES_AT sizeof(struct slot_header)
#define SLOT_BYTES_MAX ((UINT64_C(1) << 32) - 4096) /* fits a frame's length */

/* Returns false where a slot would be larger than SLOT_BYTES_MAX. */
static inline bool slot_layout_init(struct slot_layout *l, uint64_t batch_size,
                                    uint64_t image_bytes, uint32_t label_bytes)
{
    uint64_t images;
    *l = (struct slot_layout){0};
    if (batch_size > SLOT_BYTES_MAX || !size_mul(batch_size, image_bytes, &images) ||
        images > SLOT_BYTES_MAX)
        return false;
    l->labels_at = align_up(SLOT_IMAGES_AT + images, 64);
    l->indices_at = align_up(l->labels_at + batch_size * label_bytes, 64);
    l->bytes = align_up(l->indices_at + batch_size * sizeof(int64_t), 64);
    return l->bytes <= SLOT_BYTES_MAX;
}

#endif
