/* SPDX-License-Identifier: MIT */
/* Values of any type to levels and labels; none is rounded. */
#include "import/npy.h"

#include "base/bytes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* "[12][3][4]" of a place in the file. */
static const char *index_text(const struct npy_header *h, uint64_t at, char text[128])
{
    uint64_t index[NPY_DIMS_MAX];
    int n = 0;
    for (int i = 0; i < h->dim_count; i++) {
        int d = h->fortran ? i : h->dim_count - 1 - i;
        index[d] = at % h->dims[d];
        at /= h->dims[d];
    }
    text[0] = 0;
    for (int d = 0; d < h->dim_count; d++)
        n += snprintf(text + n, 128 - (size_t)n, "[%llu]", (unsigned long long)index[d]);
    return text;
}

static uint64_t bits_of(const struct npy_header *h, const uint8_t *p)
{
    uint64_t v = 0;
    for (uint32_t i = 0; i < h->item_bytes; i++)
        v |= (uint64_t)p[h->big_endian ? h->item_bytes - 1 - i : i] << 8 * i;
    return v;
}

static int64_t whole_of(const struct npy_header *h, const uint8_t *p)
{
    unsigned spare = 64 - 8 * h->item_bytes;
    uint64_t v = bits_of(h, p);
    if (h->kind == 'i')
        return (int64_t)(v << spare) >> spare;
    return v > INT64_MAX ? INT64_MAX : (int64_t)v;
}

static double real_of(const struct npy_header *h, const uint8_t *p)
{
    uint64_t bits = bits_of(h, p);
    uint32_t low = (uint32_t)bits;
    float single;
    double value;
    if (h->item_bytes == 8) {
        memcpy(&value, &bits, sizeof value);
        return value;
    }
    memcpy(&single, &low, sizeof single);
    return single;
}

/* The level that the value is a 255th of, rounded as its type is; -1: none. */
static int level_of(const struct npy_header *h, double v)
{
    if (!(v >= 0 && v <= 1))
        return -1;
    int level = (int)(v * 255 + 0.5);
    if (h->item_bytes == 8)
        return v == level / 255.0 ? level : -1;
    return (float)v == (float)level / 255.0f || (float)v == (float)(level / 255.0) ? level : -1;
}

int npy_levels(const struct npy_header *h, const uint8_t *raw, size_t count, uint64_t first,
               uint8_t *out, struct err *e)
{
    char at[128];
    if (h->item_bytes == 1 && h->kind == 'u') {
        memcpy(out, raw, count);
        return 0;
    }
    for (size_t i = 0; i < count; i++, raw += h->item_bytes) {
        if (h->kind == 'f') {
            double v = real_of(h, raw);
            int level = level_of(h, v);
            if (level < 0)
                return err_set(e, -EINVAL,
                               "value %.9g at %s is no level of a pixel: want levels / 255, from 0 "
                               "to 1, without anything else done to them, or whole levels as uint8",
                               v, index_text(h, first + i, at));
            out[i] = (uint8_t)level;
        } else {
            int64_t v = h->kind == 'b' ? *raw != 0 : whole_of(h, raw);
            if (v < 0 || v > 255)
                return err_set(e, -EINVAL, "value %lld at %s, want levels from 0 to 255",
                               (long long)v, index_text(h, first + i, at));
            out[i] = (uint8_t)v;
        }
    }
    return 0;
}

int npy_labels(const struct npy_header *h, const uint8_t *raw, size_t count, uint64_t first,
               int32_t *out, struct err *e)
{
    char at[128];
    for (size_t i = 0; i < count; i++, raw += h->item_bytes) {
        double real = h->kind == 'f' ? real_of(h, raw) : 0;
        bool whole = h->kind != 'f' || (real >= 0 && real <= INT32_MAX && real == (int32_t)real);
        int64_t v = h->kind == 'b' ? *raw != 0 : h->kind != 'f' ? whole_of(h, raw) : 0;
        if (!whole)
            return err_set(e, -EINVAL, "label %.9g at %s, want whole numbers from 0 on", real,
                           index_text(h, first + i, at));
        if (h->kind == 'f')
            v = (int64_t)real;
        if (v < 0 || v > INT32_MAX)
            return err_set(e, -EINVAL, "label %lld at %s, want numbers from 0 to 2147483647",
                           (long long)v, index_text(h, first + i, at));
        out[i] = (int32_t)v;
    }
    return 0;
}
