/* SPDX-License-Identifier: MIT */
/* dataset/build.h — from a split's IDX files to the block of bytes that cache_format.h describes.
 *
 * Both files are read, inflated, checked and converted in one pass, with a few hundred KiB of
 * buffers whatever the size. Threads: any; one build a call.
 */
#ifndef DATASET_BUILD_H
#define DATASET_BUILD_H

#include "dataset/cache_format.h"
#include "dataset/pulse.h"
#include "dataset/shapes.h"
#include "dataset/sink.h"
#include "dataset/source.h"

struct build {
    const struct source_file *files; /* [SOURCE_FILES], open */
    struct shape_rules rules;
    struct pulse *pulse;
    bool use_uring;
    bool on_disk; /* the target is a file: take the space first, begin to write it back early */
    int target;   /* an empty file or memfd, open for writing */
    struct budget *budget; /* that a memfd's bytes are taken from; may be NULL */
    void (*note)(void *data, const char *text); /* may be NULL */
    void *note_data;
};

/* build_split: the files may be right, but the target cannot be written; text says why. */
enum { BUILD_NO_TARGET = SINK_NO_TARGET };

/* Builds into the target and describes it in *s (all but map, images and labels).
 * Returns 0 or BUILD_NO_TARGET.
 * Errors: -EINVAL what is in the files is wrong, -ECANCELED, -ENOMEM, -EIO ...; text names the
 * file. */
int build_split(const struct build *b, struct dataset_split *s, struct err *e);

/* Reads and checks the headers of the files only, and describes what they state in *s; takes no
 * target. Errors: as build_split. */
int build_look(const struct build *b, struct dataset_split *s, struct err *e);

#endif
