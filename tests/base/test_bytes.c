/* SPDX-License-Identifier: MIT */
/* Byte order, sizes, alignment, CRC-32. */
#include "base/bytes.h"
#include "base/clock.h"
#include "base/crc32.h"
#include "support/support.h"

#include <string.h>

static const uint8_t octets[8] = {0xf1, 0xe2, 0xd3, 0xc4, 0xb5, 0xa6, 0x97, 0x88};

/* A sign that spreads from the top byte, or bytes taken in the wrong order. */
START_TEST(get__high_bytes__each_order)
{
    ck_assert_uint_eq(get_le16(octets), 0xe2f1);
    ck_assert_uint_eq(get_le32(octets), UINT32_C(0xc4d3e2f1));
    ck_assert_uint_eq(get_le64(octets), UINT64_C(0x8897a6b5c4d3e2f1));
    ck_assert_uint_eq(get_be32(octets), UINT32_C(0xf1e2d3c4));
}
END_TEST

/* Fields of messages lie at any address. */
START_TEST(put_get__any_alignment__round_trip)
{
    uint8_t buffer[16];
    for (int at = 0; at < 8; at++) {
        memset(buffer, 0xee, sizeof buffer);
        put_le64(buffer + at, UINT64_C(0x8897a6b5c4d3e2f1));
        ck_assert_mem_eq(buffer + at, octets, 8);
        ck_assert_uint_eq(get_le64(buffer + at), UINT64_C(0x8897a6b5c4d3e2f1));
        put_le32(buffer + at, UINT32_C(0xdeadbeef));
        ck_assert_uint_eq(get_le32(buffer + at), UINT32_C(0xdeadbeef));
        put_be32(buffer + at, UINT32_C(0xdeadbeef));
        ck_assert_uint_eq(get_be32(buffer + at), UINT32_C(0xdeadbeef));
        put_le16(buffer + at, 0xfedc);
        ck_assert_uint_eq(get_le16(buffer + at), 0xfedc);
        ck_assert_uint_eq(buffer[at + 8], 0xee);
    }
}
END_TEST

/* Products of dimensions from a hostile header. */
START_TEST(size_mul__overflow__refused_and_untouched)
{
    uint64_t r = 7;
    ck_assert(!size_mul(UINT64_MAX, 2, &r));
    ck_assert(!size_mul(UINT64_C(1) << 32, UINT64_C(1) << 32, &r));
    ck_assert_uint_eq(r, 7);
    ck_assert(size_mul(UINT64_MAX, 1, &r));
    ck_assert_uint_eq(r, UINT64_MAX);
    ck_assert(size_mul(UINT64_C(1) << 32, (UINT64_C(1) << 32) - 1, &r));
    ck_assert_uint_eq(r, UINT64_C(0xffffffff00000000));
    ck_assert(size_mul(0, UINT64_MAX, &r));
    ck_assert_uint_eq(r, 0);
}
END_TEST

/* A size that is already a multiple must stay. */
START_TEST(align_up__around_a_multiple__next_multiple)
{
    ck_assert_uint_eq(align_up(0, 4096), 0);
    ck_assert_uint_eq(align_up(1, 4096), 4096);
    ck_assert_uint_eq(align_up(4095, 4096), 4096);
    ck_assert_uint_eq(align_up(4096, 4096), 4096);
    ck_assert_uint_eq(align_up(4097, 4096), 8192);
    ck_assert_uint_eq(align_up(5, 1), 5);
    ck_assert_uint_eq(align_up((UINT64_C(1) << 40) + 1, 64), (UINT64_C(1) << 40) + 64);
}
END_TEST

/* The check value of CRC-32 as gzip has it, and the empty input. */
START_TEST(crc32_of__check_values__as_published)
{
    ck_assert_uint_eq(crc32_of("123456789", 9), UINT32_C(0xcbf43926));
    ck_assert_uint_eq(crc32_of("", 0), 0);
    ck_assert_uint_eq(crc32_of("\0", 1), UINT32_C(0xd202ef8d));
}
END_TEST

/* Time-outs are differences of this clock. */
START_TEST(clock_ns__repeated__never_back)
{
    uint64_t last = clock_ns();
    for (int i = 0; i < 10000; i++) {
        uint64_t now = clock_ns();
        ck_assert_uint_ge(now, last);
        last = now;
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base/bytes");
    TCase *tc = tcase_create("bytes");
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_add_test(tc, get__high_bytes__each_order);
    tcase_add_test(tc, put_get__any_alignment__round_trip);
    tcase_add_test(tc, size_mul__overflow__refused_and_untouched);
    tcase_add_test(tc, align_up__around_a_multiple__next_multiple);
    tcase_add_test(tc, crc32_of__check_values__as_published);
    tcase_add_test(tc, clock_ns__repeated__never_back);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
