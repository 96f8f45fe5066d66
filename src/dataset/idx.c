/* SPDX-License-Identifier: MIT */
/* The IDX header, top to bottom. Knows nothing of which shapes a dataset may have. */
#include "dataset/idx.h"

#include "base/bytes.h"
#include "dataset/kind.h"

#include <errno.h>
#include <string.h>

static const struct {
    uint8_t type;
    uint8_t bytes;
    const char *name;
} types[] = {
    {IDX_UINT8, 1, "uint8"}, {IDX_INT8, 1, "int8"},       {IDX_INT16, 2, "int16"},
    {IDX_INT32, 4, "int32"}, {IDX_FLOAT32, 4, "float32"}, {IDX_FLOAT64, 8, "float64"},
};

static uint32_t type_bytes(uint8_t type)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i].type == type)
            return types[i].bytes;
    return 0;
}

const char *idx_type_name(uint8_t type)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i].type == type)
            return types[i].name;
    return "unknown type";
}

static int parse_prefix(const uint8_t *bytes, struct idx_header *h, struct err *e)
{
    if (bytes[0] != 0 || bytes[1] != 0) {
        const char *kind = kind_of(bytes);
        if (kind)
            return err_set(e, -EINVAL, "not an IDX file but %s (begins with 0x%08x)", kind,
                           get_be32(bytes));
        return err_set(e, -EINVAL,
                       "not an IDX file: bad magic 0x%08x at byte 0, want 0x0000TTDD (TT the type, "
                       "DD the dimensions)",
                       get_be32(bytes));
    }
    h->type = bytes[2];
    h->item_bytes = type_bytes(h->type);
    if (!h->item_bytes)
        return err_set(e, -EINVAL,
                       "unknown IDX type 0x%02x at byte 2, want 0x08, 0x09, 0x0b, 0x0c, 0x0d or "
                       "0x0e",
                       h->type);
    h->dim_count = bytes[3];
    if (h->dim_count < 1 || h->dim_count > IDX_DIMS_MAX)
        return err_set(e, -EINVAL, "%u dimensions at byte 3, want 1 to %d", h->dim_count,
                       IDX_DIMS_MAX);
    h->header_bytes = IDX_PREFIX_BYTES + 4u * h->dim_count;
    return 0;
}

static int parse_dims(const uint8_t *bytes, struct idx_header *h, struct err *e)
{
    h->data_bytes = h->item_bytes;
    for (unsigned i = 0; i < IDX_DIMS_MAX; i++)
        h->dims[i] = 1;
    for (unsigned i = 0; i < h->dim_count; i++) {
        unsigned at = IDX_PREFIX_BYTES + 4 * i;
        h->dims[i] = get_be32(bytes + at);
        if (h->dims[i] == 0)
            return err_set(e, -EINVAL, "dimension %u at byte %u is 0, want at least 1", i, at);
        if (!size_mul(h->data_bytes, h->dims[i], &h->data_bytes) ||
            h->data_bytes > (uint64_t)INT64_MAX - h->header_bytes)
            return err_set(e, -EINVAL,
                           "dimension %u at byte %u is %u: the size in bytes does not fit in 63 "
                           "bits",
                           i, at, h->dims[i]);
    }
    return 0;
}

int idx_parse(const uint8_t *bytes, size_t size, struct idx_header *h, struct err *e)
{
    memset(h, 0, sizeof *h);
    h->header_bytes = IDX_PREFIX_BYTES;
    if (size < IDX_PREFIX_BYTES)
        return IDX_MORE;
    int rc = parse_prefix(bytes, h, e);
    if (rc < 0)
        return rc;
    return size < h->header_bytes ? IDX_MORE : parse_dims(bytes, h, e);
}
