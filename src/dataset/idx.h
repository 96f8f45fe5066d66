/* SPDX-License-Identifier: MIT */
/* dataset/idx.h — the header of an IDX file.
 *
 * Shape: 2 zero bytes, the type of an item, the number of dimensions, one big-endian uint32 a
 * dimension; then the items, big-endian, row-major.
 * Source: "The IDX file format", https://yann.lecun.com/exdb/mnist/.
 * Threads: any; pure.
 */
#ifndef DATASET_IDX_H
#define DATASET_IDX_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

enum idx_type {
    IDX_UINT8 = 0x08,
    IDX_INT8 = 0x09,
    IDX_INT16 = 0x0b,
    IDX_INT32 = 0x0c,
    IDX_FLOAT32 = 0x0d,
    IDX_FLOAT64 = 0x0e
};

enum { IDX_DIMS_MAX = 4, IDX_PREFIX_BYTES = 4, IDX_HEADER_BYTES_MAX = 4 + 4 * IDX_DIMS_MAX };

struct idx_header {
    uint8_t type; /* enum idx_type */
    uint8_t dim_count;
    uint32_t dims[IDX_DIMS_MAX]; /* each >= 1; those behind dim_count are 1 */
    uint32_t item_bytes;
    uint32_t header_bytes;
    uint64_t
        data_bytes; /* product of dims x item_bytes; header_bytes more still fits in an off_t */
};

/* idx_parse: more bytes are needed; header_bytes says how many in all. */
enum { IDX_MORE = 1 };

/* Parses the first `size` bytes of a file.
 * Returns 0, or IDX_MORE where the bytes are right so far but too few.
 * Errors: -EINVAL for a magic, type, number of dimensions, dimension or size that cannot be. */
int idx_parse(const uint8_t *bytes, size_t size, struct idx_header *h, struct err *e);

/* "uint8", "int32" ... or "unknown type". */
const char *idx_type_name(uint8_t type);

#endif
