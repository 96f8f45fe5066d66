/* SPDX-License-Identifier: MIT */
/* ring/slot.h — one batch on its way: where its samples, labels and indices lie (the wire form).
 *
 * Shape: a 64-byte header, samples[batch_size][in_channels][h][w] as they are kept (uint8, or
 * float32 where the resize rule yields floats), labels[batch_size] int32, or of a multi-label set
 * rows of them, [batch_size][label_count] uint8, indices[batch_size] uint32; each part begins on a
 * 64-byte boundary, in the machine's byte order.
 * The same layout, made for a batch's own count, is the body of an inline frame. What a spec wants
 * made of it (dtype, normalisation, channels, layout, label type) is made by the client library.
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
    uint64_t labels_at; /* samples begin behind the header */
    uint64_t indices_at;
    uint64_t bytes;
};

#define SLOT_SAMPLES_AT sizeof(struct slot_header)
#define SLOT_BYTES_MAX  ((UINT64_C(1) << 32) - 4096) /* fits a frame's length */

/* What lies in a slot for each sample. */
struct slot_sample {
    uint64_t bytes;       /* of its images */
    uint32_t label_count; /* bytes of its row of labels; 0: an int32 */
};

static inline uint64_t slot_label_bytes(const struct slot_sample *s)
{
    return s->label_count ? s->label_count : sizeof(int32_t);
}

/* Returns false where a slot would be larger than SLOT_BYTES_MAX. */
static inline bool slot_layout_init(struct slot_layout *l, uint64_t batch_size,
                                    const struct slot_sample *sample)
{
    uint64_t samples;
    *l = (struct slot_layout){0};
    if (batch_size > SLOT_BYTES_MAX || !size_mul(batch_size, sample->bytes, &samples) ||
        samples > SLOT_BYTES_MAX)
        return false;
    l->labels_at = align_up(SLOT_SAMPLES_AT + samples, 64);
    l->indices_at = align_up(l->labels_at + batch_size * slot_label_bytes(sample), 64);
    l->bytes = align_up(l->indices_at + batch_size * sizeof(uint32_t), 64);
    return l->bytes <= SLOT_BYTES_MAX;
}

#endif
