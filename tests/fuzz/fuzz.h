/* SPDX-License-Identifier: MIT */
/* tests/fuzz/fuzz.h — what a fuzzer is, and taking an input apart.
 *
 * A fuzzer is one function over any bytes that returns 0, or ends the process where something that
 * must hold does not. libFuzzer runs it over bytes that reach new code (make fuzz), replay.c over
 * the files of tests/fuzz/corpus/NAME (make test).
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The bytes that are left; behind the last there are zeros. */
struct input {
    const uint8_t *at;
    size_t left;
};

static inline void input_bytes(struct input *in, void *to, size_t size)
{
    size_t n = in->left < size ? in->left : size;
    memset(to, 0, size);
    if (n)
        memcpy(to, in->at, n);
    in->at += n;
    in->left -= n;
}

static inline uint8_t input_u8(struct input *in)
{
    uint8_t v;
    input_bytes(in, &v, sizeof v);
    return v;
}

static inline uint16_t input_u16(struct input *in)
{
    uint16_t v;
    input_bytes(in, &v, sizeof v);
    return v;
}

static inline uint32_t input_u32(struct input *in)
{
    uint32_t v;
    input_bytes(in, &v, sizeof v);
    return v;
}

static inline uint64_t input_u64(struct input *in)
{
    uint64_t v;
    input_bytes(in, &v, sizeof v);
    return v;
}

#endif
