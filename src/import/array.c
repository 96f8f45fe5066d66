/* SPDX-License-Identifier: MIT */
/* Rows of an array, converted a chunk at a time. */
#include "import/array.h"

#include "base/io.h"
#include "dataset/cache_format.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CHUNK_BYTES = 1 << 20, GATHER_BYTES = 32 << 20 };

/* One array on its way. */
struct array {
    struct import_set *set;
    int split;
    const struct npy_header *h;
    const struct array_source *source;
    const struct array_images *images; /* NULL: labels */
    size_t row_items;                  /* of one image or label */
    size_t out_bytes;                  /* of an item as it goes out: 1 or 4 */
    uint8_t *raw, *out, *turned;
    size_t chunk_rows;
    int spool; /* -1: none */
};

/* ---- shapes -------------------------------------------------------------------------------- */

static uint32_t square_root(uint64_t n)
{
    uint32_t side = 1;
    while ((uint64_t)side * side < n)
        side++;
    return (uint64_t)side * side == n ? side : 0;
}

static int row_shape(uint64_t pixels, const struct import_shape *size, struct import_shape *shape)
{
    if (size->h) {
        *shape = (struct import_shape){size->h, size->w, 1};
        shape->channels = (uint64_t)size->h * size->w * 3 == pixels ? 3 : 1;
        return (uint64_t)shape->h * shape->w * shape->channels != pixels;
    }
    if (pixels > UINT64_C(4) * SPLIT_SIDE_MAX * SPLIT_SIDE_MAX)
        return 1;
    uint32_t side = square_root(pixels);
    *shape = (struct import_shape){side, side, 1};
    if (!side && pixels % 3 == 0) {
        side = square_root(pixels / 3);
        *shape = (struct import_shape){side, side, 3};
    }
    return !side;
}

static bool fits(uint64_t h, uint64_t w, uint64_t c)
{
    return h >= 1 && w >= 1 && c >= 1 && h <= SPLIT_SIDE_MAX && w <= SPLIT_SIDE_MAX &&
           c <= SPLIT_CHANNELS;
}

int array_images_shape(const struct npy_header *h, const struct import_shape *size,
                       struct array_images *images)
{
    const uint64_t *d = h->dims;
    *images = (struct array_images){.planar = false};
    if (h->dim_count == 2) {
        int rc = row_shape(d[1], size, &images->shape);
        images->planar = images->shape.channels > 1;
        return rc;
    }
    if (h->dim_count == 3 && fits(d[1], d[2], 1))
        images->shape = (struct import_shape){(uint32_t)d[1], (uint32_t)d[2], 1};
    else if (h->dim_count == 4 && fits(d[1], d[2], d[3]))
        images->shape = (struct import_shape){(uint32_t)d[1], (uint32_t)d[2], (uint32_t)d[3]};
    else if (h->dim_count == 4 && fits(d[2], d[3], d[1]))
        images->shape = (struct import_shape){(uint32_t)d[2], (uint32_t)d[3], (uint32_t)d[1]};
    else
        return 1;
    images->planar = h->dim_count == 4 && d[3] > SPLIT_CHANNELS;
    return 0;
}

void array_interleave(const uint8_t *from, uint8_t *to, size_t pixels, uint32_t channels)
{
    for (uint32_t c = 0; c < channels; c++)
        for (size_t i = 0; i < pixels; i++)
            to[i * channels + c] = *from++;
}

/* ---- rows ---------------------------------------------------------------------------------- */

static int make_buffers(struct array *a, struct err *e)
{
    size_t raw_row = a->row_items * a->h->item_bytes, out_row = a->row_items * a->out_bytes;
    a->chunk_rows = raw_row < CHUNK_BYTES ? CHUNK_BYTES / raw_row : 1;
    a->raw = malloc(a->chunk_rows * raw_row);
    a->out = malloc(a->chunk_rows * out_row);
    a->turned = malloc(a->chunk_rows * out_row);
    return a->raw && a->out && a->turned ? 0 : err_set(e, -ENOMEM, "out of memory");
}

static int convert(const struct array *a, size_t items, uint64_t first, struct err *e)
{
    return a->images ? npy_levels(a->h, a->raw, items, first, a->out, e)
                     : npy_labels(a->h, a->raw, items, first, (int32_t *)a->out, e);
}

/* Hands on rows that are row-major. */
static int put_rows(const struct array *a, const uint8_t *rows, size_t count, struct err *e)
{
    if (!a->images)
        return import_set_labels(a->set, a->split, (uint32_t)a->row_items, (const int32_t *)rows,
                                 count, e);
    const struct import_shape *s = &a->images->shape;
    if (a->images->planar && s->channels > 1) {
        for (size_t i = 0; i < count; i++)
            array_interleave(rows + i * a->row_items, a->turned + i * a->row_items,
                             (size_t)s->h * s->w, s->channels);
        rows = a->turned;
    }
    return import_set_images(a->set, a->split, *s, rows, count, e);
}

static int put_spool(const struct array *a, size_t items, struct err *e)
{
    int rc = write_full(a->spool, a->out, items * a->out_bytes);
    return rc ? err_sys(e, rc, "writing a temporary file") : 0;
}

/* Reads the values one behind the other, and hands them on or spools them. */
static int read_values(const struct array *a, struct err *e)
{
    uint64_t total = a->h->dims[0] * a->row_items;
    for (uint64_t at = 0; at < total;) {
        size_t items = a->chunk_rows * a->row_items;
        items = total - at < items ? (size_t)(total - at) : items;
        ssize_t n = a->source->read(a->source->data, a->raw, items * a->h->item_bytes, e);
        if (n < 0)
            return (int)n;
        if ((size_t)n < items * a->h->item_bytes)
            return a->source->short_of(a->source->data, e);
        int rc = convert(a, items, at, e);
        if (!rc)
            rc = a->spool >= 0 ? put_spool(a, items, e)
                               : put_rows(a, a->out, items / a->row_items, e);
        if (rc)
            return rc;
        at += items;
    }
    return 0;
}

/* ---- the first dimension runs fastest ------------------------------------------------------- */

/* The place within a row, row-major, of what comes as the i-th within the other dimensions. */
static size_t place_of(const struct npy_header *h, size_t i)
{
    size_t place = 0;
    size_t index[NPY_DIMS_MAX] = {0};
    for (int d = 1; d < h->dim_count; d++) {
        index[d] = i % (size_t)h->dims[d];
        i /= (size_t)h->dims[d];
    }
    for (int d = 1; d < h->dim_count; d++)
        place = place * (size_t)h->dims[d] + index[d];
    return place;
}

/* Rows [first, first + count) of the spool. Shape: column[count]; rows[count][row_items]. */
static int gather_rows(const struct array *a, uint64_t first, size_t count, uint8_t *column,
                       uint8_t *rows, struct err *e)
{
    size_t b = a->out_bytes;
    for (size_t i = 0; i < a->row_items; i++) {
        size_t place = place_of(a->h, i);
        ssize_t n = pread_full(a->spool, column, count * b, (a->h->dims[0] * i + first) * b);
        if (n != (ssize_t)(count * b))
            return err_sys(e, n < 0 ? (int)n : -EIO, "reading a temporary file");
        for (size_t r = 0; r < count; r++)
            memcpy(rows + (r * a->row_items + place) * b, column + r * b, b);
        int rc = import_set_asked(a->set, e);
        if (rc)
            return rc;
    }
    return 0;
}

static int put_gathered(const struct array *a, struct err *e)
{
    size_t row = a->row_items * a->out_bytes;
    size_t at_once = row < GATHER_BYTES ? GATHER_BYTES / row : 1;
    uint8_t *rows = malloc(at_once * row), *column = malloc(at_once * a->out_bytes);
    int rc = rows && column ? 0 : err_set(e, -ENOMEM, "out of memory");
    for (uint64_t at = 0; !rc && at < a->h->dims[0];) {
        uint64_t left = a->h->dims[0] - at;
        size_t count = left < at_once ? (size_t)left : at_once;
        rc = gather_rows(a, at, count, column, rows, e);
        for (size_t r = 0; !rc && r < count; r += a->chunk_rows)
            rc = put_rows(a, rows + r * row, count - r < a->chunk_rows ? count - r : a->chunk_rows,
                          e);
        at += count;
    }
    free(rows);
    free(column);
    return rc;
}

/* ---- an array ------------------------------------------------------------------------------ */

static int read_array(struct array *a, struct err *e)
{
    int rc = make_buffers(a, e);
    bool scattered = a->h->fortran && a->row_items > 1 && a->h->dims[0] > 1;
    if (!rc && scattered) {
        a->spool = import_set_spool(a->set, e);
        rc = a->spool < 0 ? a->spool : 0;
    }
    if (!rc)
        rc = read_values(a, e);
    if (!rc && scattered)
        rc = put_gathered(a, e);
    fd_close(&a->spool);
    free(a->raw);
    free(a->out);
    free(a->turned);
    return rc;
}

int array_read_images(struct import_set *set, int split, const struct npy_header *h,
                      const struct array_images *images, const struct array_source *source,
                      struct err *e)
{
    const struct import_shape *s = &images->shape;
    struct array a = {
        .set = set, .split = split, .h = h, .source = source, .images = images, .spool = -1};
    a.row_items = (size_t)s->h * s->w * s->channels;
    a.out_bytes = 1;
    if (h->dims[0] > SPLIT_COUNT_MAX)
        return err_set(e, -EINVAL, "%llu images, want at most %llu", (unsigned long long)h->dims[0],
                       (unsigned long long)SPLIT_COUNT_MAX);
    return read_array(&a, e);
}

int array_read_labels(struct import_set *set, int split, const struct npy_header *h,
                      const struct array_source *source, struct err *e)
{
    struct array a = {.set = set, .split = split, .h = h, .source = source, .spool = -1};
    uint64_t row = h->dims[0] ? h->data_bytes / h->item_bytes / h->dims[0] : 1;
    a.out_bytes = 4;
    if (row < 1 || row > IMPORT_COLUMNS_MAX)
        return err_set(e, -EINVAL, "labels of %llu numbers, want 1 to %d", (unsigned long long)row,
                       IMPORT_COLUMNS_MAX);
    a.row_items = (size_t)row;
    return read_array(&a, e);
}
