/* SPDX-License-Identifier: MIT */
/* config/dataset_file.h — the dataset.yaml that `fmnistctl import` writes beside a dataset's files:
 * what it is called, which files its splits are, and what its classes are called.
 *
 * It comes with data, from anywhere: it is read as the config is, by a schema of its own, and may
 * name no file outside of its folder.
 *
 * Threads: any. Memory: the struct's. Blocks: reads a file.
 */
#ifndef CONFIG_DATASET_FILE_H
#define CONFIG_DATASET_FILE_H

#include "config/tree.h"

#define DATASET_FILE_NAME "dataset.yaml"

struct dataset_file {
    char *path;       /* absolute, where it is a file */
    struct tree tree; /* passed schema_check; without nodes where there is no such file */
};

/* Reads that of the folder, where there is one.
 * Errors: -EINVAL "FILE:LINE: ..." for what is wrong in it, for one that is no regular file or a
 * link, and for one that cannot be read; -ENOMEM. *f is then empty. */
int dataset_file_read(struct dataset_file *f, const char *folder, struct err *e);

/* The same of a text; path: as messages name it. */
int dataset_file_parse(struct dataset_file *f, const char *path, const char *text, size_t size,
                       struct err *e);

/* Accepts a zeroed struct. */
void dataset_file_free(struct dataset_file *f);

#endif
