/* SPDX-License-Identifier: MIT */
/* dataset/gzip.h — the bytes of a file that may be gzip, pulled a piece at a time.
 *
 * Members that follow one another are one stream, as gunzip has it; everything else behind a member
 * is an error, and so is an input that ends inside one. Every member's CRC-32 and length are
 * checked. Input that does not begin with gzip's first byte is passed through as it is: an IDX file
 * begins with 0.
 *
 * Nothing is produced but what is asked for, so the caller's own limit is the limit of a bomb.
 * Source: RFC 1952 §2.2, §2.3. Threads: one. Memory: zlib's window, about 40 KiB.
 */
#ifndef DATASET_GZIP_H
#define DATASET_GZIP_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zlib.h>

/* deflate cannot do better than this: 258 bytes for 2 bits, and a byte of slack for rounding. */
#define GZIP_RATIO_MAX 1033

/* Where the input comes from. */
struct gzip_source {
    /* Gives the next bytes, which stay until the next call; *size = 0 at the end.
     * Returns 0, or a negative code with text. */
    int (*next)(void *data, const uint8_t **bytes, size_t *size, struct err *e);
    void *data;
};

struct gzip {
    struct gzip_source source;
    z_stream z;
    const uint8_t *in; /* input not used yet */
    size_t in_size;
    uint64_t in_total; /* input taken from the source, in_size included */
    bool plain;        /* passed through */
    bool in_member;    /* between a member's first byte and its checked trailer */
    bool ended;        /* the input ended where it may */
};

/* Looks at the first bytes. On success end with gzip_close.
 * Errors: -ENOMEM, -EINVAL another format of gzip's first byte, and those of the source. */
int gzip_open(struct gzip *g, const struct gzip_source *source, struct err *e);

/* Fills `out`. *got < size only at the clean end of the input.
 * Errors: -EINVAL damaged, truncated or followed by something else; those of the source. */
int gzip_read(struct gzip *g, void *out, size_t size, size_t *got, struct err *e);

/* Accepts a zeroed object. */
void gzip_close(struct gzip *g);

#endif
