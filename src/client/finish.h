/* SPDX-License-Identifier: MIT */
/* client/finish.h — the last step: samples as they travel to images as they are delivered.
 *
 *     sample ─[draws of the caller's: the chain's head]─► image ─convert─► image as delivered
 *
 * Where the draws are the daemon's to make or to look up, its workers have run the head, and a
 * sample has all its views. Where they are the caller's, samples are as stored, and the head is run
 * here with the values that finish_values took.
 *
 * Threads: one at a time. Memory: of a few images, and the values of one batch.
 */
#ifndef CLIENT_FINISH_H
#define CLIENT_FINISH_H

#include "augment/run.h"
#include "pixels/convert.h"
#include "spec/spec.h"
#include "wire/message.h"

struct finish {
    struct convert_plan *convert; /* owned */
    uint32_t views;               /* images delivered of a sample */
    uint32_t value_count;         /* of the draws of one */
    size_t sample_bytes;          /* as it travels */
    /* The rest is for draws of the caller's. */
    struct augment_plan *augment; /* owned; NULL: they are not */
    struct augment_scratch *scratch;
    uint8_t *images;       /* [FINISH_GROUP] of the head, on their way to convert */
    uint32_t *values;      /* [values_room][views][value_count] */
    uint64_t values_room;  /* samples */
    uint64_t values_count; /* samples of the next batch; 0: not given yet */
};

#define FINISH_GROUP 64u

/* `chain`: the spec's, taken over, also on failure; NULL: it has none. `opened` has been checked.
 * Errors: FMNIST_EINVAL, FMNIST_ENOMEM, FMNIST_EPROTO where the daemon describes other images than
 * the chain gives. End with finish_close, also after an error. */
int finish_init(struct finish *f, const struct spec *spec, struct augment_chain *chain,
                const struct wire_opened *opened);
void finish_close(struct finish *f);

/* Whether the images are the samples, byte for byte. */
bool finish_is_copy(const struct finish *f);

/* Of a sample as delivered, all its views. */
size_t finish_image_bytes(const struct finish *f);

/* The draws of the next batch, which has `want` samples. Errors: FMNIST_EINVAL, FMNIST_ENOMEM. */
int finish_values(struct finish *f, const uint32_t *values, uint64_t count, uint64_t want);

/* Whether a batch of that many samples can be finished. Errors: FMNIST_EINVAL. */
int finish_ready(const struct finish *f, uint64_t count);

/* samples[count] into images[count]. Never fails. */
void finish_batch(struct finish *f, const void *samples, void *images, size_t count);

#endif
