/* SPDX-License-Identifier: MIT */
/* Counts of levels and labels, and what they come to. */
#include "ctl/tally.h"

#include "support/support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The two-pass definition, in long double. */
static struct tally_statistic reference(const uint8_t *images, size_t values, uint32_t channels,
                                        uint32_t channel)
{
    long double sum = 0, squares = 0;
    size_t n = values / channels;
    for (size_t i = channel; i < values; i += channels)
        sum += images[i] / 255.0L;
    for (size_t i = channel; i < values; i += channels)
        squares += (images[i] / 255.0L - sum / n) * (images[i] / 255.0L - sum / n);
    return (struct tally_statistic){(double)(sum / n), (double)sqrtl(squares / n)};
}

/* Every number of channels, and numbers of pixels that no step divides. */
START_TEST(tally_statistic__random_levels__equal_the_definition)
{
    enum { PIXELS = 331, IMAGES = 5 };
    uint8_t images[PIXELS * IMAGES * 4];
    uint64_t rng = 5;
    for (size_t i = 0; i < sizeof images; i++) {
        rng = rng * UINT64_C(6364136223846793005) + 1442695040888963407u;
        images[i] = (uint8_t)((rng >> 56) / (1 + i % 4));
    }
    for (uint32_t channels = 1; channels <= 4; channels++) {
        struct tally t = {0};
        tally_images(&t, images, 2, PIXELS, channels);
        tally_images(&t, images + 2 * PIXELS * channels, IMAGES - 2, PIXELS, channels);
        for (uint32_t c = 0; c < channels; c++) {
            struct tally_statistic want =
                reference(images, PIXELS * IMAGES * channels, channels, c);
            struct tally_statistic got = tally_statistic(&t, c);
            ck_assert_double_eq_tol(got.mean, want.mean, 1e-15);
            ck_assert_double_eq_tol(got.std, want.std, 1e-15);
        }
        tally_close(&t);
    }
}
END_TEST

/* A deviation that sums of squares in double would lose: 10^12 pixels, of which one is not like the
 * others. */
START_TEST(tally_statistic__very_many_levels__nothing_is_lost)
{
    struct tally t = {.levels = {{[254] = 1, [255] = UINT64_C(1000000000000) - 1}}};
    struct tally_statistic got = tally_statistic(&t, 0);
    ck_assert_double_eq_tol(got.std, sqrt(1e-12 * (1 - 1e-12)) / 255, 1e-18);
    ck_assert_double_eq_tol(1 - got.mean, 1e-12 / 255, 1e-16);
    struct tally one = {.levels = {{[7] = 3}}};
    ck_assert(tally_statistic(&one, 0).std == 0);
    ck_assert(tally_statistic(&(struct tally){0}, 0).std == 0);
}
END_TEST

START_TEST(tally_labels__classes_and_rows__images_of_each)
{
    struct tally t = {0};
    struct err e;
    const int32_t labels[] = {3, 0, 3, -1, 65535, 65536, 3};
    ck_assert_int_eq(tally_labels(&t, labels, 7, 0, &e), 0);
    ck_assert_uint_eq(t.label_room, 65536);
    ck_assert_uint_eq(t.labels[3], 3);
    ck_assert_uint_eq(t.labels[0], 1);
    ck_assert_uint_eq(t.labels[65535], 1);
    ck_assert_uint_eq(t.labels_beyond, 2);
    tally_close(&t);

    const int32_t rows[] = {0, 1, 0, 255, 1, 0};
    ck_assert_int_eq(tally_labels(&t, rows, 2, 3, &e), 0);
    ck_assert_uint_eq(t.label_room, 3);
    ck_assert_uint_eq(t.labels[0], 1);
    ck_assert_uint_eq(t.labels[1], 2);
    ck_assert_uint_eq(t.labels[2], 0);
    tally_close(&t);
}
END_TEST

/* One pixel that differs, in one channel, anywhere. */
START_TEST(tally_is_constant__one_pixel_differs__false)
{
    enum { PIXELS = 19 };
    uint8_t image[PIXELS * 3];
    for (size_t i = 0; i < PIXELS; i++)
        memcpy(image + 3 * i, "abc", 3);
    ck_assert(tally_is_constant(image, PIXELS, 3));
    ck_assert(tally_is_constant(image, 1, 3));
    for (size_t i = 0; i < sizeof image; i++) {
        image[i] ^= 1;
        ck_assert(!tally_is_constant(image, PIXELS, 3));
        image[i] ^= 1;
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("ctl/tally");
    TCase *tc = tcase_create("tally");
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_add_test(tc, tally_statistic__random_levels__equal_the_definition);
    tcase_add_test(tc, tally_statistic__very_many_levels__nothing_is_lost);
    tcase_add_test(tc, tally_labels__classes_and_rows__images_of_each);
    tcase_add_test(tc, tally_is_constant__one_pixel_differs__false);
    suite_add_tcase(s, tc);
    return support_run(s);
}
