/* SPDX-License-Identifier: MIT */
/* ctl/tally.h — what a split's images and labels come to: levels, labels, images of one level.
 * Pure.
 *
 * Mean and deviation are those of all pixels of a channel, in units of the 0..1 pixel: what
 * torchvision's Normalize takes. They come from counts of each level, so that nothing is lost on
 * the way, however many images there are: integers of 128 bits up to the last division.
 *
 * Threads: any, a tally at a time. Memory: counts of levels and of labels.
 */
#ifndef CTL_TALLY_H
#define CTL_TALLY_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TALLY_CHANNELS  4
#define TALLY_LABEL_MAX 65535 /* greater ones, and negative ones, are counted together */

struct tally {
    uint64_t levels[TALLY_CHANNELS][256];
    uint64_t *labels;  /* owned; [label_room]: images of each label, or that have each column */
    size_t label_room; /* above the highest label that came */
    uint64_t labels_beyond;
};

/* Count images and labels as struct whole_step has them. */
void tally_images(struct tally *t, const uint8_t *images, uint64_t count, size_t pixels,
                  uint32_t channels);
/* Errors: -ENOMEM. */
int tally_labels(struct tally *t, const int32_t *labels, uint64_t count, uint32_t columns,
                 struct err *e);
void tally_close(struct tally *t); /* accepts a zeroed one */

/* Of one channel. */
struct tally_statistic {
    double mean, std;
};
struct tally_statistic tally_statistic(const struct tally *t, uint32_t channel);

/* Whether every pixel of an image is the same. */
bool tally_is_constant(const uint8_t *image, size_t pixels, uint32_t channels);

#endif
