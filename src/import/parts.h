/* SPDX-License-Identifier: MIT */
/* import/parts.h — a split that lies in several files: in the order of their names, whatever order
 * they come in.
 *
 * Numbers in names count as numbers: data_batch_2 comes before data_batch_10. Threads: one.
 * Memory: four bytes an image while the order is mended.
 */
#ifndef IMPORT_PARTS_H
#define IMPORT_PARTS_H

#include "import/set.h"

enum { PARTS_MAX = 256 };

struct parts {
    struct part {
        int split;
        char name[128];
        uint64_t first, count; /* of the split's images, as they came */
    } all[PARTS_MAX];
    size_t count;
};

/* The split has its images up to now from this file, behind those of the files before. Errors:
 * -EINVAL for too many, or one that comes again. */
int parts_add(struct parts *p, const struct import_set *set, int split, const char *name,
              struct err *e);

/* Puts every split in order. */
int parts_sort(struct parts *p, struct import_set *set, struct err *e);

#endif
