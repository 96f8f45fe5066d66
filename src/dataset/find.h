/* SPDX-License-Identifier: MIT */
/* dataset/find.h — which files a split of a source has, and how they are read. Threads: any.
 * Blocks: opens files. */
#ifndef DATASET_FIND_H
#define DATASET_FIND_H

#include "dataset/dataset.h"
#include "dataset/known.h"
#include "dataset/shapes.h"
#include "dataset/source.h"

/* find_files: the source has no such split. */
enum { FIND_NO_SPLIT = 1 };

/* Opens the two files of a split: those that the source names, else those that its name is known
 * for (`known`, NULL where it is not). A split that is only known may be left out.
 * Returns 0 or FIND_NO_SPLIT; files are ended by source_close whatever is returned.
 * Errors: those of source_open and missing_tell; -EINVAL where only one of the two is named. */
int find_files(const struct dataset_source *source, const struct known_dataset *known, int split,
               struct source_file files[SOURCE_FILES], struct err *e);

/* How the files of a source are read. */
struct shape_rules find_rules(const struct dataset_source *source,
                              const struct known_dataset *known);

/* Tells why a source has no split at all. Returns a negative errno value. */
int find_tell_nothing(const struct dataset_source *source, const struct known_dataset *known,
                      struct err *e);

#endif
