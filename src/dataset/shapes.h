/* SPDX-License-Identifier: MIT */
/* dataset/shapes.h — which shapes the two files of a split may have, and what the others are.
 *
 * Threads: any; pure.
 */
#ifndef DATASET_SHAPES_H
#define DATASET_SHAPES_H

#include "dataset/dataset.h"
#include "dataset/idx.h"
#include "dataset/source.h"

/* A file's header, and the name for messages. */
struct shape_file {
    const struct idx_header *header;
    const char *path;
};

/* How labels that are a table of numbers are read. */
struct shape_rules {
    bool transpose; /* rows and columns of an image are exchanged */
    uint32_t
        label_columns; /* int32 tables of so many columns: column 0 is the class; 0: none are */
    bool multi_label;  /* a uint8 table is rows of labels, and nothing else will do */
};

/* Fills count, height, width, channels and label_count of *s.
 * Shape: images[count][height][width] or [height][width][channels] uint8; labels[count] uint8 or
 * int32, also with dimensions of 1 behind; with multi_label labels[count][label_count] uint8.
 * Errors: -EINVAL with what the file holds and what to do. */
int shapes_take(const struct shape_file files[SOURCE_FILES], struct shape_rules rules,
                struct dataset_split *s, struct err *e);

#endif
