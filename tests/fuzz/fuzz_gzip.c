/* SPDX-License-Identifier: MIT */
/* The gzip stream over any bytes, cut in two ways: both must end alike, with the same bytes.
 *
 * Changed bytes of a compressed file are a wrong checksum and little else. Most inputs are
 * therefore changed where they are inflated, and compressed again: in other blocks, with another
 * head, in several members.
 */
#include "dataset/gzip.h"
#include "fuzz/fuzz.h"

#include <assert.h>
#include <stdlib.h>

enum { LIMIT = 1 << 16 };

struct memory {
    const uint8_t *data;
    size_t size, at, step;
};

static int next_piece(void *data, const uint8_t **bytes, size_t *size, struct err *e)
{
    struct memory *m = data;
    size_t n = m->size - m->at < m->step ? m->size - m->at : m->step;
    *bytes = m->data + m->at;
    *size = n;
    m->at += n;
    return 0;
}

static int read_all(const uint8_t *data, size_t size, size_t step, uint8_t *out, size_t *total)
{
    struct memory m = {data, size, 0, step};
    struct gzip g;
    struct err e;
    *total = 0;
    int rc = gzip_open(&g, &(struct gzip_source){next_piece, &m}, &e);
    while (rc == 0 && *total < LIMIT) {
        size_t want = LIMIT - *total < step ? LIMIT - *total : step, n;
        rc = gzip_read(&g, out + *total, want, &n, &e);
        if (rc == 0)
            *total += n;
        if (n < want)
            break;
    }
    gzip_close(&g);
    return rc;
}

/* libFuzzer's; there is none where the corpus is replayed. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size) __attribute__((weak));
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

/* One member of `n` bytes, which the bits of `how` say how to write. Returns its size, or 0 where
 * there is no room for it. */
static size_t compress_member(const uint8_t *plain, size_t n, unsigned how, uint8_t *out,
                              size_t room)
{
    static const int strategies[] = {Z_DEFAULT_STRATEGY, Z_HUFFMAN_ONLY, Z_FIXED, Z_RLE};
    static uint8_t extra[] = "extra", name[] = "name", comment[] = "comment";
    z_stream z = {0};
    gz_header head = {.extra = how & 1 ? extra : NULL,
                      .extra_len = sizeof extra,
                      .name = how & 2 ? name : NULL,
                      .comment = how & 4 ? comment : NULL,
                      .hcrc = how >> 3 & 1};
    if (deflateInit2(&z, (int)(how >> 4 & 7), Z_DEFLATED, 16 + 9 + (int)(how >> 7 & 3), 8,
                     strategies[how >> 9 & 3]) != Z_OK)
        return 0;
    deflateSetHeader(&z, &head);
    z.next_in = (uint8_t *)plain;
    z.avail_in = (unsigned)n;
    z.next_out = out;
    z.avail_out = (unsigned)room;
    int rc = deflate(&z, Z_FINISH);
    deflateEnd(&z);
    return rc == Z_STREAM_END ? room - z.avail_out : 0;
}

/* The first byte of an input says how it is cut. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    static uint8_t plain[LIMIT];
    size_t n;
    if (size < 2 || max_size < 64 || seed % 4 == 0 ||
        read_all(data + 1, size - 1, LIMIT, plain, &n))
        return LLVMFuzzerMutate(data, size, max_size);
    n = LLVMFuzzerMutate(plain, n, LIMIT);
    data[0] = (uint8_t)(seed >> 2);
    size_t first = seed >> 10 & 1 ? n / 2 : n;
    size_t used = 1 + compress_member(plain, first, seed >> 11, data + 1, max_size - 1);
    if (first < n)
        used += compress_member(plain + first, n - first, seed >> 13, data + used, max_size - used);
    return used;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t whole[LIMIT], pieces[LIMIT];
    if (size < 1)
        return 0;
    size_t whole_size, pieces_size;
    int a = read_all(data + 1, size - 1, LIMIT, whole, &whole_size);
    int b = read_all(data + 1, size - 1, 1u + data[0], pieces, &pieces_size);
    /* At the limit one of them may have seen the damage behind it and the other not. */
    if (whole_size == LIMIT || pieces_size == LIMIT)
        return 0;
    assert(a == b);
    if (a == 0)
        assert(whole_size == pieces_size && memcmp(whole, pieces, whole_size) == 0);
    return 0;
}
