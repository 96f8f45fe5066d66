/* SPDX-License-Identifier: MIT */
/* tests/import/matfile.h — MATLAB 5 files, byte by byte, as the format's description has them.
 *
 * Memory: mat_bytes is malloc'd and grows. Threads: one.
 */
#ifndef TESTS_IMPORT_MATFILE_H
#define TESTS_IMPORT_MATFILE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { MI_INT8 = 1, MI_UINT8 = 2, MI_INT32 = 5, MI_UINT32 = 6, MI_DOUBLE = 9, MI_MATRIX = 14 };
enum { MX_CELL = 1, MX_STRUCT = 2, MX_CHAR = 4, MX_DOUBLE = 6, MX_UINT8 = 9 };

struct mat_bytes {
    uint8_t *at;
    size_t size;
};

static inline void mat_put(struct mat_bytes *m, const void *bytes, size_t size)
{
    m->at = realloc(m->at, m->size + size + !size);
    if (size)
        memcpy(m->at + m->size, bytes, size);
    m->size += size;
}

static inline void mat_put_u32(struct mat_bytes *m, uint32_t v)
{
    const uint8_t le[] = {(uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24)};
    mat_put(m, le, 4);
}

static inline void mat_put_header(struct mat_bytes *m)
{
    char text[124];
    memset(text, ' ', sizeof text);
    memcpy(text, "MATLAB 5.0 MAT-file", 19);
    mat_put(m, text, sizeof text);
    mat_put(m, "\0\1IM", 4);
}

/* A part of an array: its tag, its bytes, and zeros up to a multiple of 8. */
static inline void mat_put_part(struct mat_bytes *m, uint32_t type, const void *bytes, size_t size)
{
    static const uint8_t zeros[8];
    mat_put_u32(m, type);
    mat_put_u32(m, (uint32_t)size);
    mat_put(m, bytes, size);
    mat_put(m, zeros, -size % 8);
}

struct mat_made {
    const char *name;
    uint32_t class, type;
    uint32_t rank, dims[6];
    const void *values;
    size_t bytes;
};

/* The array as an element, and where `packed`, by zlib. */
static inline void mat_put_array(struct mat_bytes *m, const struct mat_made *a, bool packed)
{
    struct mat_bytes inside = {NULL, 0}, whole = {NULL, 0};
    const uint32_t flags[] = {a->class, 0};
    mat_put_part(&inside, MI_UINT32, flags, sizeof flags);
    mat_put_part(&inside, MI_INT32, a->dims, a->rank * sizeof *a->dims);
    mat_put_part(&inside, MI_INT8, a->name, strlen(a->name));
    mat_put_part(&inside, a->type, a->values, a->bytes);
    mat_put_u32(&whole, MI_MATRIX);
    mat_put_u32(&whole, (uint32_t)inside.size);
    mat_put(&whole, inside.at, inside.size);
    if (packed) {
        uLongf size = compressBound(whole.size);
        uint8_t *small = malloc(size);
        compress(small, &size, whole.at, whole.size);
        mat_put_u32(m, 15);
        mat_put_u32(m, (uint32_t)size);
        mat_put(m, small, size);
        free(small);
    } else
        mat_put(m, whole.at, whole.size);
    free(inside.at);
    free(whole.at);
}

#endif
