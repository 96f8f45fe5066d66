/* SPDX-License-Identifier: MIT */
/* The IDX header parser. */
#include "dataset/idx.h"

#include "dataset/idxfile.h"

#include <errno.h>
#include <stdio.h>

static const struct {
    uint8_t type;
    uint32_t bytes;
} types[] = {{0x08, 1}, {0x09, 1}, {0x0b, 2}, {0x0c, 4}, {0x0d, 4}, {0x0e, 8}};

/* A type or a number of dimensions could be parsed with the wrong size. */
START_TEST(idx_parse__every_type_and_dimension_count__sizes_are_exact)
{
    const uint32_t dims[] = {5, 3, 2, 7};
    for (size_t t = 0; t < sizeof types / sizeof *types; t++)
        for (unsigned n = 1; n <= 4; n++) {
            struct bytes b = idx_make(types[t].type, n, dims, types[t].bytes);
            struct idx_header h;
            struct err e;
            ck_assert_int_eq(idx_parse(b.data, b.size, &h, &e), 0);
            ck_assert_uint_eq(h.type, types[t].type);
            ck_assert_uint_eq(h.dim_count, n);
            ck_assert_uint_eq(h.header_bytes + h.data_bytes, b.size);
            for (unsigned i = 0; i < 4; i++)
                ck_assert_uint_eq(h.dims[i], i < n ? dims[i] : 1);
            free(b.data);
        }
}
END_TEST

/* Every other type byte and dimension count must be refused, whatever stands behind. */
START_TEST(idx_parse__every_other_type_or_count__einval)
{
    for (unsigned type = 0; type < 256; type++)
        for (unsigned n = 0; n < 256; n++) {
            uint8_t b[20] = {0, 0, (uint8_t)type, (uint8_t)n};
            for (int i = 0; i < 4; i++)
                put_be32(b + 4 + 4 * i, 1);
            bool good_type = false;
            for (size_t t = 0; t < sizeof types / sizeof *types; t++)
                good_type |= types[t].type == type;
            struct idx_header h;
            struct err e;
            int want = good_type && n >= 1 && n <= 4 ? 0 : -EINVAL;
            ck_assert_int_eq(idx_parse(b, sizeof b, &h, &e), want);
        }
}
END_TEST

/* A short header must ask for exactly the bytes it lacks, never read behind them. */
START_TEST(idx_parse__every_short_length__says_how_many_it_needs)
{
    struct bytes b = idx_make(0x0c, 4, (uint32_t[]){1, 1, 1, 1}, 4);
    for (size_t n = 0; n < 20; n++) {
        uint8_t *exact = malloc(n ? n : 1);
        memcpy(exact, b.data, n);
        struct idx_header h;
        struct err e;
        ck_assert_int_eq(idx_parse(exact, n, &h, &e), IDX_MORE);
        ck_assert_uint_eq(h.header_bytes, n < 4 ? 4 : 20);
        free(exact);
    }
    free(b.data);
}
END_TEST

/* 32-bit or 64-bit products wrap to small sizes that look right. */
START_TEST(idx_parse__dimensions_that_overflow__einval)
{
    static const uint32_t dims[][4] = {
        {UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX},
        {0x10000, 0x10000, 0x10000, 0x10000},
        {0x80000000, 0x80000000, 2, 1},
        {0x80000000, 0x40000000, 4, 1},
        {1, UINT32_MAX, UINT32_MAX, 0x10},
    };
    for (size_t i = 0; i < sizeof dims / sizeof *dims; i++)
        for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
            uint8_t b[20] = {0, 0, types[t].type, 4};
            for (int k = 0; k < 4; k++)
                put_be32(b + 4 + 4 * k, dims[i][k]);
            struct idx_header h;
            struct err e;
            ck_assert_int_eq(idx_parse(b, sizeof b, &h, &e), -EINVAL);
        }
}
END_TEST

/* The largest size that an off_t holds is still a size; 64-bit arithmetic must not refuse it. */
START_TEST(idx_parse__just_below_63_bits__fits)
{
    uint8_t b[20] = {0, 0, 0x08, 3};
    put_be32(b + 4, 0x40000000);
    put_be32(b + 8, 0x40000000);
    put_be32(b + 12, 7);
    struct idx_header h;
    struct err e;
    ck_assert_int_eq(idx_parse(b, sizeof b, &h, &e), 0);
    ck_assert_uint_eq(h.data_bytes, (UINT64_C(1) << 60) * 7);
}
END_TEST

/* An empty dimension makes a dataset without a first image. */
START_TEST(idx_parse__a_dimension_of_zero__einval_says_which)
{
    for (unsigned zero = 0; zero < 3; zero++) {
        uint8_t b[16] = {0, 0, 0x08, 3};
        for (unsigned i = 0; i < 3; i++)
            put_be32(b + 4 + 4 * i, i == zero ? 0 : 28);
        struct idx_header h;
        struct err e;
        char want[32];
        snprintf(want, sizeof want, "dimension %u", zero);
        ck_assert_int_eq(idx_parse(b, sizeof b, &h, &e), -EINVAL);
        ck_assert_ptr_nonnull(strstr(e.text, want));
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("dataset/idx");
    TCase *tc = tcase_create("idx_parse");
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_add_test(tc, idx_parse__every_type_and_dimension_count__sizes_are_exact);
    tcase_add_test(tc, idx_parse__every_other_type_or_count__einval);
    tcase_add_test(tc, idx_parse__every_short_length__says_how_many_it_needs);
    tcase_add_test(tc, idx_parse__dimensions_that_overflow__einval);
    tcase_add_test(tc, idx_parse__just_below_63_bits__fits);
    tcase_add_test(tc, idx_parse__a_dimension_of_zero__einval_says_which);
    suite_add_tcase(s, tc);
    return support_run(s);
}
