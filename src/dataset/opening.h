/* SPDX-License-Identifier: MIT */
/* dataset/opening.h — one split on its way: its files found, and its cache file taken or built.
 *
 *     files ──► cache file fits? ──yes──────────────────────────► mapping
 *                  │ no                                             ▲
 *                  ▼                                                │
 *               lock, look again, build, sync, give it its name ────┤
 *                  │ the folder cannot be used, or whoever has      │
 *                  ▼ the lock does not get on                       │
 *               build in a memfd, seal it ──────────────────────────┘
 *
 * Threads: one an opening.
 */
#ifndef DATASET_OPENING_H
#define DATASET_OPENING_H

#include "dataset/cache.h"
#include "dataset/known.h"

struct opening {
    const struct dataset_source *source;
    const struct dataset_options *options;
    const struct known_dataset *known; /* NULL: not known by name */
    struct cache cache;                /* dir -1: not used */
    struct pulse pulse;
};

/* Tells whoever listens. */
void opening_note(const struct opening *o, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Opens d->splits[split]. Returns 0, also where the source has no such split. Errors: those of
 * dataset_open. */
int opening_split(struct opening *o, int split, struct dataset *d, struct err *e);

/* Describes d->splits[split] where it is cut from another one, once those with files are open: how
 * many images it has, and what their labels are. Which they are is made again where they are
 * wanted. Errors: -EINVAL where that one cannot be cut so, -E2BIG where there is no memory to try
 * it. */
int opening_cut(struct opening *o, int split, struct dataset *d, struct err *e);

#endif
