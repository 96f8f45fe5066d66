/* The gzip stream over any bytes, cut in two ways: both must end alike, with the same bytes. */
#include "dataset/gzip.h"

#include <assert.h>
#include <string.h>

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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
