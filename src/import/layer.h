/* SPDX-License-Identifier: MIT */
/* import/layer.h — one layer of packing undone: an archive's members, or a packed file's content.
 *
 * Bytes come from below: a file, or another layer's member. gzip is undone by zlib, which checks
 * its sums; zip, tar and the other compressors by libarchive, in this process alone: no filter that
 * runs a program is known to it.
 *
 * Memory: some buffers; what xz and zstd want for their windows. Threads: one.
 */
#ifndef IMPORT_LAYER_H
#define IMPORT_LAYER_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { LAYER_PEEK_BYTES = 1 << 16 };

/* Where packed bytes come from. */
struct layer_source {
    void *data;
    /* Reads up to `size` bytes, 0 at the end. Errors: negative errno values, told. */
    ssize_t (*read)(void *data, void *buffer, size_t size, struct err *e);
    /* As lseek(2); NULL: cannot. */
    int64_t (*seek)(void *data, int64_t offset, int whence);
};

/* What may be found. */
enum layer_want {
    LAYER_ARCHIVE, /* zip or tar, in any compression, or one file in any */
    LAYER_ZIP,     /* a zip archive */
    LAYER_FILE     /* one file in any compression */
};

struct layer;

/* Errors: -ENOMEM; -EINVAL or those of the source where it cannot be read. */
int layer_open(struct layer **layer, const struct layer_source *source, enum layer_want want,
               struct err *e);
void layer_close(struct layer *layer); /* NULL: nothing */

/* Whether it is an archive with members; else it has one member, which has no name. Known from
 * layer_next on. And whether anything was unpacked. */
bool layer_has_members(const struct layer *layer);
bool layer_is_packed(const struct layer *layer);

/* What its next member says of itself. */
struct layer_member {
    const char *name; /* valid until the next call; NULL: it has none */
    uint64_t size;    /* UINT64_MAX: not known */
};

/* Goes to the next member that is a file. Returns 1; 0 behind the last.
 * Errors: -EINVAL for a damaged archive, and for links, devices, sparse files and names that lead
 * out of a folder. */
int layer_next(struct layer *layer, struct layer_member *member, struct err *e);

/* Reads the member's next bytes: `size`, or fewer at its end. */
ssize_t layer_read(struct layer *layer, void *buffer, size_t size, struct err *e);

/* The member's next bytes, at most LAYER_PEEK_BYTES, without taking them. */
ssize_t layer_peek(struct layer *layer, const uint8_t **bytes, struct err *e);

/* Bytes that were unpacked so far, also those that were passed over. */
uint64_t layer_unpacked(const struct layer *layer);

#endif
