/* SPDX-License-Identifier: MIT */
/* Messages over any bytes: what is accepted says the same when it is written again, and no reader
 * goes beyond its bytes (the sanitizer sees to that). The first byte chooses the reader. */
#include "fuzz/fuzz.h"
#include "wire/message.h"

#include <assert.h>
#include <stdlib.h>

static void try_open(const uint8_t *data, size_t size)
{
    struct wire_open m, back;
    uint8_t bytes[WIRE_OPEN_MAX], again[WIRE_OPEN_MAX];
    if (wire_get_open(&m, data, size, NULL))
        return;
    assert(size >= WIRE_OPEN_SIZE && spec_check(&m.spec, NULL) == 0);
    size_t put = wire_put_open(bytes, &m);
    int rc = wire_get_open(&back, bytes, put, NULL);
    assert(rc == 0 && put == size);
    assert(wire_put_open(again, &back) == put && !memcmp(bytes, again, put));
}

static void try_opened(const uint8_t *data, size_t size)
{
    struct wire_opened m;
    uint8_t bytes[WIRE_OPENED_SIZE];
    if (wire_get_opened(&m, data, size, NULL))
        return;
    wire_put_opened(bytes, &m);
    assert(size == sizeof bytes && !memcmp(bytes, data, 68) &&
           !memcmp(bytes + 72, data + 72, sizeof bytes - 72));
}

/* The bytes say which kinds are taken from what follows. */
static void try_cursor(const uint8_t *data, size_t size)
{
    struct wire_cursor c = {.at = data, .left = size};
    while (!c.failed && c.left) {
        uint32_t kind = *(const uint8_t *)wire_take(&c, 1);
        if (kind < 64)
            wire_take_u32(&c);
        else if (kind < 128)
            wire_take_u64(&c);
        else if (kind < 192)
            wire_take(&c, kind);
        else
            free(wire_take_text(&c, kind < 224 ? 16 : WIRE_REPLY_MAX));
        assert(c.at >= data && c.at + c.left == data + size);
    }
}

static void try_token(const uint8_t *data, size_t size)
{
    struct fmnist_token in, again;
    struct token t;
    if (size != sizeof in.bytes)
        return;
    memcpy(in.bytes, data, size);
    if (token_decode(&t, &in, NULL))
        return;
    token_encode(&t, &again);
    assert(!memcmp(again.bytes, in.bytes, 40));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const readers[])(const uint8_t *, size_t) = {try_open, try_opened, try_cursor,
                                                               try_token};
    struct wire_head h;
    if (!size)
        return 0;
    if (size > WIRE_HEAD_SIZE && !wire_get_head(&h, data + 1, NULL)) {
        uint8_t bytes[WIRE_HEAD_SIZE];
        wire_put_head(bytes, h.type, h.body_bytes);
        assert(!memcmp(bytes, data + 1, sizeof bytes));
    }
    readers[data[0] % 4](data + 1, size - 1);
    return 0;
}
