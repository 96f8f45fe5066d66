/* SPDX-License-Identifier: MIT */
/* import/mat.h — the arrays of a plain MATLAB 5 file (import/mat_unpack.h), read by matio.
 *
 * matio runs in a child process that can do nothing but read that file and answer: it has limits of
 * memory and CPU time, and a filter of system calls. Whatever a file makes of it, here it is an
 * error.
 *
 * In a build without matio (HAVE_MATIO) mat_open refuses.
 * Memory: MAT_SLAB values, on either side. Threads: one.
 */
#ifndef IMPORT_MAT_H
#define IMPORT_MAT_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MAT_NAME_SIZE = 64, MAT_DIMS_MAX = 4, MAT_ARRAYS_MAX = 64, MAT_SLAB = 1 << 18 };

struct mat_array {
    char name[MAT_NAME_SIZE];
    uint32_t rank;               /* over MAT_DIMS_MAX: its dims are not here */
    uint64_t dims[MAT_DIMS_MAX]; /* those behind the rank are 1; the first one varies fastest */
    uint64_t count;              /* values */
};

/* The library that this build reads by, which is loaded when a file is opened; NULL: none. */
extern const char *const mat_library;

struct mat_file;

/* Starts the child, for the file of this descriptor, which stays the caller's. Only the first
 * MAT_ARRAYS_MAX arrays are seen. Errors: -ENOTSUP, -EINVAL with what matio said, or that it ended;
 * negative errno values. */
int mat_open(struct mat_file **file, int fd, struct err *e);
void mat_close(struct mat_file *file); /* NULL: nothing */

const struct mat_array *mat_arrays(const struct mat_file *file, uint32_t *count);

enum mat_form {
    MAT_LEVELS, /* uint8_t; other values than 0, 1 ... 255 are an error */
    MAT_LABELS, /* int32_t; other values than whole ones are an error */
};

/* Begins to read an array, from its first value on. The one before has to be read whole. */
void mat_begin(struct mat_file *file, uint32_t array, enum mat_form form);

/* The next `count` values, which the array has to have. Errors: as mat_open, and values that the
 * form does not have. */
int mat_read(struct mat_file *file, void *values, size_t count, struct err *e);

#endif
