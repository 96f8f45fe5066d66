/* SPDX-License-Identifier: MIT */
/* tests/fuzz/unchecked.h — stands in for Check and for tests/support, so that the rigs of other
 * tests serve fuzzers too: what they check ends the process. To be included before them. */
#ifndef TESTS_FUZZ_UNCHECKED_H
#define TESTS_FUZZ_UNCHECKED_H

#define TESTS_SUPPORT_H /* support.h is not to follow */

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define ck_assert_msg(holds, ...)         \
    do {                                  \
        if (!(holds)) {                   \
            fprintf(stderr, __VA_ARGS__); \
            abort();                      \
        }                                 \
    } while (0)
#define ck_assert(holds)         ck_assert_msg(holds, "%s:%d: %s\n", __FILE__, __LINE__, #holds)
#define ck_assert_int_eq(a, b)   ck_assert((int64_t)(a) == (int64_t)(b))
#define ck_assert_uint_eq(a, b)  ck_assert((uint64_t)(a) == (uint64_t)(b))
#define ck_assert_ptr_eq(a, b)   ck_assert((const void *)(a) == (const void *)(b))
#define ck_assert_ptr_null(a)    ck_assert(!(a))
#define ck_assert_ptr_nonnull(a) ck_assert(a)

static inline void support_setup(void)
{
}

static inline void support_teardown(void)
{
}

#endif
