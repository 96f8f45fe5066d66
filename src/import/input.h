/* SPDX-License-Identifier: MIT */
/* import/input.h — a source of images as a walk over files, however they are packed.
 *
 * A source is a file, a folder (walked recursively, sorted bytewise) or an archive (zip, or tar in
 * any compression); several are walked one behind the other. Each file is read once, as a stream. A
 * file that is itself compressed (.gz, .xz, .bz2, .Z, .zst) reads as its content, also in a folder
 * or an archive; one in whose place an .npz stands there, as its members. Files whose name, or a
 * folder's of which, begins with '.' or is __MACOSX are passed over.
 *
 * Limits: an archive's links, devices, sparse files and names that lead out of it are refused, and
 * so is what unpacks to more than IMPORT_RATIO_MAX times its size.
 * Memory: buffers, and the names of one folder at each level. Threads: one.
 */
#ifndef IMPORT_INPUT_H
#define IMPORT_INPUT_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Of zeros, deflate makes a thousandth; of images nothing does. Below so many bytes all is fine. */
#define IMPORT_RATIO_MAX   2000u
#define IMPORT_RATIO_ABOVE (UINT64_C(64) << 20)

#define IMPORT_SIZE_UNKNOWN UINT64_MAX

struct import_member {
    const char *source; /* the last part of the path that was given: "cifar-10-python.tar.gz" */
    const char *name;   /* in the source: "cifar-10-batches-py/data_batch_1"; of a file alone, its
                           own. Both are valid until the next one */
    uint64_t size;      /* of its content; IMPORT_SIZE_UNKNOWN where that is not said */
};

/* Who is told how far it is, and may end it. */
struct import_watch {
    void *data;
    /* `done` of `total` bytes of the sources are read. Returns 0, or a negative errno value with
     * which the reading ends (-ECANCELED). NULL: nobody. */
    int (*step)(void *data, uint64_t done, uint64_t total, struct err *e);
};

struct import_input;

/* Errors: negative errno values where a path is not there. Owns: copies of the paths. */
int import_input_open(struct import_input **in, const char *const *paths, size_t count,
                      struct import_watch watch, struct err *e);
void import_input_close(struct import_input *in);

/* To the beginning again. */
void import_input_rewind(struct import_input *in);

/* Goes to the next file. Returns 1; 0 behind the last. Errors: negative errno values, told without
 * the place (import_input_where). */
int import_input_next(struct import_input *in, struct import_member *m, struct err *e);

/* Reads `size` bytes, or fewer at the file's end. */
ssize_t import_input_read(struct import_input *in, void *buffer, size_t size, struct err *e);

/* The same, all of them. Errors: -EINVAL where the file ends before: "ends at byte 12 of ...". */
int import_input_all(struct import_input *in, void *buffer, size_t size, struct err *e);

enum { IMPORT_PEEK_BYTES = 1 << 16 };

/* The next bytes, at most IMPORT_PEEK_BYTES, without taking them. Fewer only where the file has no
 * more. */
ssize_t import_input_peek(struct import_input *in, const uint8_t **bytes, struct err *e);

/* Of this file, how many bytes were read. */
uint64_t import_input_offset(const struct import_input *in);

/* For messages: "cifar.tar.gz: cifar-10-batches-py/data_batch_1". */
const char *import_input_where(const struct import_input *in);

/* The text of a licence that was passed on the way (LICENSE, COPYING); NULL: none so far. */
const char *import_input_licence(const struct import_input *in);

/* The first path from *at on of which nothing was taken: no byte read, no licence passed on the
 * way. NULL: none. *at goes behind it; 0 at the beginning. */
const char *import_input_untouched(const struct import_input *in, size_t *at);

/* The first path; and the only one, NULL where there are more. */
const char *import_input_first_path(const struct import_input *in);
const char *import_input_only_path(const struct import_input *in);

/* -EINVAL: a file that ends before what it says it has: "12.0 of 30.1 MB ...". */
int import_input_short(const struct import_input *in, uint64_t want, struct err *e);

#endif
