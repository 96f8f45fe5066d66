/* SPDX-License-Identifier: MIT */
/* dataset/source.h — the files of a split: where they are, opened once, and which they are.
 *
 * The identity is that of the descriptor which is then read, so a file that is exchanged behind our
 * back cannot be taken for the one that was read. Threads: any.
 */
#ifndef DATASET_SOURCE_H
#define DATASET_SOURCE_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

enum { SOURCE_IMAGES, SOURCE_LABELS, SOURCE_FILES };

/* Equal identities: the same path led to the same unchanged file. */
struct file_id {
    uint8_t path_hash[16]; /* XXH3-128 of the absolute path */
    uint64_t dev;
    uint64_t ino;
    uint64_t size;
    int64_t mtime_ns; /* since the Unix epoch */
    int64_t ctime_ns; /* sees what a program that restores mtime would hide */
};

struct source_file {
    char *path; /* owned */
    int fd;     /* owned; -1: closed */
    struct file_id id;
};

/* source_open: there is no such file under any of the names. */
enum { SOURCE_MISSING = 1 };

/* Opens folder/name, else the same with or without ".gz", else both with the other of the two
 * spellings that are about: "train-images-idx3-ubyte", "train-images.idx3-ubyte".
 * Returns 0 or SOURCE_MISSING, both with f to be ended by source_close.
 * Errors: -EINVAL not a regular file; -EACCES, -ENOMEM ... Text names the file. */
int source_open(struct source_file *f, const char *folder, const char *name, struct err *e);

/* Whether source_open takes the one for the other. */
bool source_same_name(const char *a, const char *b);

/* Waits until a later change of the file must show in its times (at most 10 ms, and only for a file
 * that has just been written): file times move in steps. Call before reading. */
void source_settle(const struct source_file *f);

/* Returns 0, or -EINVAL where the file is not what it was at source_open. */
int source_unchanged(const struct source_file *f, struct err *e);

void source_close(struct source_file *f);

#endif
