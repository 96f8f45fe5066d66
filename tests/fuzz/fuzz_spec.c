/* SPDX-License-Identifier: MIT */
/* Specs and tokens from anywhere. The first byte chooses: fields set from text, as fmnist_spec_set
 * and fmnistctl take them; an encoded spec; a token. */
#include "client/spec_public.h"
#include "fuzz/fuzz.h"
#include "spec/spec.h"
#include "spec/token.h"

#include <assert.h>
#include <stdlib.h>

/* What is accepted is the same after the way over the wire. */
static void check_way(const struct spec *s)
{
    struct spec back;
    uint8_t bytes[SPEC_BYTES], again[SPEC_BYTES];
    if (spec_check(s, NULL))
        return;
    spec_encode(s, bytes);
    int rc = spec_decode(&back, bytes, NULL);
    assert(rc == 0);
    spec_encode(&back, again);
    assert(!memcmp(bytes, again, sizeof bytes));
}

/* Lines "field=value". A refused one changes nothing. */
static void set_fields(char *text)
{
    struct fmnist_spec spec, before;
    struct spec inner;
    fmnist_spec_init(&spec);
    for (char *line; (line = strsep(&text, "\n"));) {
        char *value = strchr(line, '=');
        if (!value)
            continue;
        *value++ = 0;
        before = spec;
        int rc = fmnist_spec_set(&spec, line, value);
        assert(rc == FMNIST_OK || rc == FMNIST_EINVAL);
        if (rc)
            assert(!memcmp(&before, &spec, sizeof spec));
    }
    if (spec_from_public(&inner, &spec) == FMNIST_OK)
        check_way(&inner);
}

static void decode_spec(struct input *in)
{
    struct spec s;
    uint8_t bytes[SPEC_BYTES];
    input_bytes(in, bytes, sizeof bytes);
    if (spec_decode(&s, bytes, NULL) == 0)
        check_way(&s);
}

/* A token of any position, one byte of it changed or none. */
static void decode_token(struct input *in)
{
    struct token t, back;
    struct fmnist_token bytes, moved;
    input_bytes(in, t.identity, sizeof t.identity);
    t.epoch = input_u64(in);
    t.step = input_u64(in);
    token_encode(&t, &bytes);
    uint8_t at = input_u8(in), change = input_u8(in);
    bytes.bytes[at % sizeof bytes.bytes] ^= change;
    int rc = token_decode(&back, &bytes, NULL);
    assert((rc == 0) == (change == 0));
    rc = fmnist_token_at(&bytes, t.step, t.epoch, &moved);
    assert((rc == FMNIST_OK) == (change == 0));
    if (rc)
        return;
    rc = token_decode(&back, &moved, NULL);
    assert(rc == 0 && back.epoch == t.step && back.step == t.epoch);
    assert(!memcmp(back.identity, t.identity, sizeof t.identity));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    uint8_t kind = input_u8(&in) % 4;
    if (kind == 0) {
        decode_spec(&in);
    } else if (kind == 1) {
        decode_token(&in);
    } else {
        char *text = calloc(in.left + 1, 1);
        assert(text);
        memcpy(text, in.at, in.left);
        set_fields(text);
        free(text);
    }
    return 0;
}
