/* SPDX-License-Identifier: MIT */
/* import/mat_unpack.h — a MATLAB 5 file made plain: no compression, and nothing in it but arrays of
 * real numbers.
 *
 * What reads the arrays (import/mat.h) can then seek in them instead of unpacking from the
 * beginning for each part, and never meets what this drops: cells, structs, objects, functions,
 * text, sparse and complex arrays.
 *
 * Shape: 128 bytes of header; then elements, each {type u32, bytes u32}, content, in the byte order
 * that the header names. Type 14 is an array, 15 such an element packed by zlib.
 * Memory: two buffers. Threads: any.
 * Source: "MAT-File Format", MathWorks, chapter 1 (level 5).
 */
#ifndef IMPORT_MAT_UNPACK_H
#define IMPORT_MAT_UNPACK_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { MAT_HEADER_BYTES = 128 };

/* A file has at most so many elements, which it is not meant to run out of. */
enum { MAT_ELEMENTS_MAX = 4096 };

/* What is larger, and larger than this many times its packed form, holds no images. */
#define MAT_RATIO_MAX   300u
#define MAT_RATIO_ABOVE (UINT64_C(64) << 20)

struct mat_source {
    void *data;
    /* Reads `size` bytes, or fewer at the end. Errors: negative errno values, told. */
    ssize_t (*read)(void *data, void *buffer, size_t size, struct err *e);
};

/* Whether a file that begins so is a MATLAB file of level 5, or one of HDF5's (version 7.3), which
 * mat_unpack refuses by name. */
bool mat_begins(const uint8_t *bytes, size_t size);

/* Writes the plain file to `fd`, from its offset on. Returns the number of arrays written.
 * Errors: -ENOTSUP (another level), -EINVAL (what does not add up, and where), -EFBIG, -ENOMEM, and
 * those of reading and writing. */
int mat_unpack(const struct mat_source *source, int fd, struct err *e);

#endif
