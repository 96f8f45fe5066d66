/* SPDX-License-Identifier: MIT */
/* import/npy.h — the header of a NumPy array file (.npy), and its values.
 *
 * The header is written as a Python literal. What is read here is a grammar of our own: one mapping
 * of three keys to a text, a truth value and a tuple of whole numbers. Nothing is evaluated.
 * Source: numpy.lib.format, versions 1.0, 2.0 and 3.0. Threads: any; pure.
 */
#ifndef IMPORT_NPY_H
#define IMPORT_NPY_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NPY_DIMS_MAX = 5, NPY_PREFIX_BYTES = 12, NPY_HEADER_BYTES_MAX = 1 << 16 };

struct npy_header {
    char kind; /* 'u', 'i', 'b' or 'f' */
    uint32_t item_bytes;
    bool big_endian;
    bool fortran; /* the first dimension runs fastest */
    int dim_count;
    uint64_t dims[NPY_DIMS_MAX]; /* those behind dim_count are 1 */
    uint32_t header_bytes;
    uint64_t data_bytes; /* product of dims x item_bytes; header_bytes more still fits in 63 bits */
    char descr[16];      /* as it stands there: "<f4" */
};

/* npy_parse: more bytes are needed; header_bytes says how many in all. */
enum { NPY_MORE = 1 };

/* Parses the first `size` bytes of a file. Returns 0, or NPY_MORE where they are right so far.
 * Errors: -EINVAL for what is no such header, with the byte; a type of values that is no number; a
 * size that cannot be. */
int npy_parse(const uint8_t *bytes, size_t size, struct npy_header *h, struct err *e);

/* Values as levels of pixels: whole numbers from 0 to 255, truth as 0 and 1, and reals that are
 * level / 255 rounded to their type. Shape: raw[count] of the header's type; out[count]. `first`
 * is the place of raw[0] in the file, for messages.
 * Errors: -EINVAL with the value and its place. */
int npy_levels(const struct npy_header *h, const uint8_t *raw, size_t count, uint64_t first,
               uint8_t *out, struct err *e);

/* Values as labels: whole numbers, also as reals. Likewise. */
int npy_labels(const struct npy_header *h, const uint8_t *raw, size_t count, uint64_t first,
               int32_t *out, struct err *e);

#endif
