/* SPDX-License-Identifier: MIT */
/* ctl/twins.h — images that are there more than once, within a split and across splits. Pure.
 *
 * Two images are the same where height, width, channels and every byte are: by XXH3's 128 bits of
 * them, which no two different images of any dataset have had.
 *
 * Threads: one. Memory: 40 bytes an image.
 */
#ifndef CTL_TWINS_H
#define CTL_TWINS_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An image where it is stored. */
struct twin {
    uint64_t content[2];
    int64_t label; /* of a multi-label set: a digest of the row */
    uint32_t index;
    uint32_t split;
    uint64_t parts; /* a bit for each split that has it as a part of that one */
};

struct twins {
    struct twin *all; /* owned */
    size_t count, room;
};

/* Room for so many images more. Errors: -ENOMEM. */
int twins_expect(struct twins *t, uint64_t more, struct err *e);
/* There has to be room. `row`, [columns]: its labels. */
void twins_add(struct twins *t, uint32_t split, uint64_t index, const uint8_t *image,
               uint32_t height, uint32_t width, uint32_t channels, const int32_t *row,
               uint32_t columns);
/* The image added last is one of `split` that the split numbered `part` has, too: no image of its
 * own, and its labels there may be others. */
void twins_is_part(struct twins *t, uint32_t part);
/* Sorts: from now on groups are found, in the order of their first images. Calls shared() for each
 * image that several parts have, with their bits; NULL: nobody is told. */
void twins_sort(struct twins *t, void (*shared)(void *me, uint64_t parts), void *me);
void twins_close(struct twins *t); /* accepts a zeroed one */

/* Two or more that are the same, in the order of splits and indices. */
struct twin_group {
    const struct twin *members; /* [count] */
    size_t count;
    bool conflict; /* they have not all the same label */
    bool across;   /* they are of several splits */
};

/* The next group, *at being 0 first. Returns false behind the last. */
bool twins_next(const struct twins *t, size_t *at, struct twin_group *group);

#endif
