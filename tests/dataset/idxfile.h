/* SPDX-License-Identifier: MIT */
/* tests/dataset/idxfile.h — small IDX and gzip files for the tests. All memory is malloc'd. */
#ifndef TESTS_IDXFILE_H
#define TESTS_IDXFILE_H

#include "base/bytes.h"
#include "support/support.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

struct bytes {
    uint8_t *data;
    size_t size;
};

/* A header and `item_bytes` x product of dims bytes of items, which are left 0. */
static inline struct bytes idx_make(uint8_t type, unsigned dim_count, const uint32_t *dims,
                                    size_t item_bytes)
{
    size_t header = 4 + 4 * (size_t)dim_count, items = item_bytes;
    for (unsigned i = 0; i < dim_count; i++)
        items *= dims[i];
    struct bytes b = {calloc(1, header + items), header + items};
    ck_assert_ptr_nonnull(b.data);
    b.data[2] = type;
    b.data[3] = (uint8_t)dim_count;
    for (unsigned i = 0; i < dim_count; i++)
        put_be32(b.data + 4 + 4 * i, dims[i]);
    return b;
}

/* uint8 images whose pixels differ from their neighbours'. */
static inline struct bytes idx_images(uint32_t count, uint32_t h, uint32_t w)
{
    struct bytes b = idx_make(0x08, 3, (uint32_t[]){count, h, w}, 1);
    for (size_t i = 16; i < b.size; i++)
        b.data[i] = (uint8_t)((i - 16) * 7 + (i - 16) / 256);
    return b;
}

/* uint8 labels 0, 1 ... 9, 0 ... */
static inline struct bytes idx_labels(uint32_t count)
{
    struct bytes b = idx_make(0x08, 1, (uint32_t[]){count}, 1);
    for (uint32_t i = 0; i < count; i++)
        b.data[8 + i] = (uint8_t)(i % 10);
    return b;
}

static inline struct bytes gzip_make(const void *data, size_t size)
{
    z_stream z = {0};
    ck_assert_int_eq(deflateInit2(&z, 9, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    struct bytes b = {.size = deflateBound(&z, size) + 32};
    b.data = malloc(b.size);
    z.next_in = (Bytef *)data;
    z.avail_in = (uInt)size;
    z.next_out = b.data;
    z.avail_out = (uInt)b.size;
    ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
    b.size = z.total_out;
    deflateEnd(&z);
    return b;
}

/* Writes NAME in the test's folder and frees the bytes. */
static inline void put_file(const char *name, struct bytes b)
{
    support_write(support_path("%s", name), b.data, b.size);
    free(b.data);
}

static inline void put_gzip(const char *name, struct bytes b)
{
    struct bytes z = gzip_make(b.data, b.size);
    free(b.data);
    put_file(name, z);
}

#endif
