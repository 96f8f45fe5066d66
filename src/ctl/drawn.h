/* SPDX-License-Identifier: MIT */
/* ctl/drawn.h — what a stream's chain drew for its images, by name.
 *
 * Source: fmnist_augment_draw of the library, which gives what the daemon draws for
 * FMNIST_DRAWS_COUNTER. Threads: one. Memory: a chain.
 */
#ifndef CTL_DRAWN_H
#define CTL_DRAWN_H

#include "ctl/sheet.h"
#include "fmnist.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

struct drawn {
    struct fmnist_augment *augment; /* owned; NULL: nothing is drawn */
    struct fmnist_augment_info info;
    uint64_t seed;
    uint32_t views;
};

/* The spec's chain for images of that dataset; without a chain, nothing is drawn.
 * Errors: of fmnist_augment_new, with fmnist_error's text. End with drawn_close. */
int drawn_init(struct drawn *d, const struct fmnist_spec *spec,
               const struct fmnist_dataset *dataset);
void drawn_close(struct drawn *d); /* accepts a zeroed one */

/* Of one sample in an epoch. Shape: [views][value_count]. Errors: of fmnist_augment_draw. Owns: the
 * caller; free(3) it. */
int drawn_values(const struct drawn *d, uint64_t epoch, int64_t index, uint32_t **values);

/* Calls line() for each operation that draws, with its values by name: "random-crop: top 3, left
 * 5". Lines longer than `width` go on in a next one, behind two blanks. values: of one view. */
void drawn_lines(const struct drawn *d, const uint32_t *values, size_t width,
                 void (*line)(void *to, const char *text), void *to);

/* [{"operation": "random-crop", "at": 0, "values": {"top": 3, "left": 5}}, ...] of one view. NULL
 * without memory. */
json_t *drawn_json(const struct drawn *d, const uint32_t *values);

/* How the pixels of the stream's images are read. What the chain's normalize and the spec's mean
 * and std made of them is undone. mean, std: the caller's, as long as the result is used. */
struct sheet_pixels drawn_pixels(const struct drawn *d, const struct fmnist_spec *spec,
                                 const struct fmnist_stream_info *info,
                                 float mean[FMNIST_CHANNELS_MAX], float std[FMNIST_CHANNELS_MAX]);

#endif
