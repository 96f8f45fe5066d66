/* SPDX-License-Identifier: MIT */
/* ctl/originals.h — images as they are before a stream's chain: by their numbers, from the daemon.
 *
 * Threads: one. Memory: the images, as RGB.
 */
#ifndef CTL_ORIGINALS_H
#define CTL_ORIGINALS_H

#include "base/err.h"
#include "ctl/verbs.h"

#include <stddef.h>
#include <stdint.h>

struct originals {
    const uint32_t *indices; /* [count], borrowed while they are read */
    uint64_t count;
    uint32_t channels, height, width;
    uint8_t *rgb; /* owned; [count][height][width][3] */
};

/* Those of the spec's split, resized as it says. Errors: -ECANCELED, told; or a negative number
 * with text. End with originals_close. */
int originals_read(struct originals *o, const struct invocation *in, const uint32_t *indices,
                   uint64_t count, struct err *e);
void originals_close(struct originals *o); /* accepts a zeroed one */

static inline const uint8_t *originals_at(const struct originals *o, uint64_t i)
{
    return o->rgb + i * o->height * o->width * 3;
}

#endif
