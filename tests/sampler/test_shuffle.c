/* SPDX-License-Identifier: MIT */
/* Our own order: its fixed vectors, and whether it looks random. The statistics are of fixed keys,
 * so that they never fail by chance; the bounds are those of a random permutation, 5 to 6 standard
 * deviations wide. */
#include "sampler/sampler.h"
#include "sampler/shuffle.h"
#include "support/support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static uint32_t *whole(uint64_t seed, uint64_t epoch, uint32_t count)
{
    struct shuffle s;
    uint32_t *out = malloc(count * sizeof *out);
    shuffle_init(&s, seed, epoch, count);
    shuffle_indices(&s, 0, 1, count, out);
    return out;
}

/* sum of (observed - expected)^2 / expected over equally likely cells. */
static double chi_square(const uint32_t *cells, uint32_t cell_count, double expected)
{
    double sum = 0;
    for (uint32_t i = 0; i < cell_count; i++)
        sum += (cells[i] - expected) * (cells[i] - expected) / expected;
    return sum;
}

/* Too even is as wrong as too uneven. */
static void expect_chi_square(double value, double freedom)
{
    double width = 6 * sqrt(2 * freedom);
    ck_assert_msg(value > freedom - width && value < freedom + width,
                  "chi-square %.1f with %.0f degrees of freedom", value, freedom);
}

/* Correlation of x[i] and y[i], each a part of a permutation of 0 .. count-1. */
static double correlation(const uint32_t *x, const uint32_t *y, uint32_t pairs, uint32_t count)
{
    double mean = (count - 1) / 2.0, variance = ((double)count * count - 1) / 12, sum = 0;
    for (uint32_t i = 0; i < pairs; i++)
        sum += (x[i] - mean) * (y[i] - mean);
    return sum / variance / pairs;
}

/* Whether (y - x) mod count is spread evenly and x, y are uncorrelated. */
static void expect_independent(const uint32_t *x, const uint32_t *y, uint32_t pairs, uint32_t count)
{
    enum { CELLS = 60 };
    uint32_t cells[CELLS] = {0};
    double r = correlation(x, y, pairs, count);
    ck_assert_msg(fabs(r) * sqrt(pairs) < 5, "correlation %.5f of %u pairs", r, pairs);
    for (uint32_t i = 0; i < pairs; i++)
        cells[(uint64_t)((y[i] + count - x[i]) % count) * CELLS / count]++;
    expect_chi_square(chi_square(cells, CELLS, (double)pairs / CELLS), CELLS - 1);
}

/* ---- vectors ---- */

/* An order that changed without a new SHUFFLE_VERSION: tokens would resume into other data. The
 * values are from a second implementation, written from the text of shuffle.h alone. */
START_TEST(shuffle_indices__fixed_keys__documented_vectors)
{
    static const uint32_t ten[] = {7, 9, 2, 1, 0, 3, 5, 8, 6, 4};
    static const uint32_t first[] = {29028, 1735, 4374, 49373, 43283, 20264, 26803, 2167};
    static const uint32_t positions[] = {0, 1, 107374182, 214748361, 214748362};
    static const uint32_t largest[] = {81180163, 152466558, 204375456, 78344994, 203161598};
    ck_assert_int_eq(SHUFFLE_VERSION, 1);

    uint32_t *p = whole(42, 3, 10);
    ck_assert_mem_eq(p, ten, sizeof ten);
    free(p);

    p = whole(0, 0, 60000);
    uint64_t sum = 0;
    for (uint64_t i = 0; i < 60000; i++)
        sum += (i + 1) * p[i];
    ck_assert_mem_eq(p, first, sizeof first);
    ck_assert_uint_eq(sum, UINT64_C(54020711244398));
    free(p);

    struct shuffle s;
    shuffle_init(&s, UINT64_MAX, UINT32_MAX, SAMPLER_COUNT_MAX);
    for (int i = 0; i < 5; i++) {
        uint32_t index;
        shuffle_indices(&s, positions[i], 1, 1, &index);
        ck_assert_uint_eq(index, largest[i]);
    }
}
END_TEST

/* The loops over blocks, for this CPU and for any, and the loop over single positions are three
 * forms of one function; strides and the lengths of the last block as shards have them. */
START_TEST(shuffle_indices__every_form__equal)
{
    static const uint32_t counts[] = {33, 1023, 1024, 1025, 4096, 16385, 65536, 60000};
    static uint32_t blocks[65536], portable[65536];
    for (int c = 0; c < 8; c++)
        for (uint32_t stride = 1; stride <= 5; stride += 2) {
            struct shuffle s;
            uint32_t first = stride / 2, length = (counts[c] - first) / stride;
            shuffle_init(&s, 5, 6, counts[c]);
            shuffle_indices(&s, first, stride, length, blocks);
            shuffle_indices_portable(&s, first, stride, length, portable);
            ck_assert_mem_eq(blocks, portable, length * sizeof *blocks);
            for (uint32_t i = 0; i < length; i++) {
                uint32_t index;
                shuffle_indices_portable(&s, first + i * stride, stride, 1, &index);
                ck_assert_uint_eq(index, blocks[i]);
            }
        }
}
END_TEST

/* ---- one permutation against all permutations ---- */

/* Number of the permutation of n items among the n! (Lehmer code). */
static uint32_t rank_permutation(const uint32_t *p, uint32_t n)
{
    uint32_t rank = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t smaller = 0;
        for (uint32_t j = i + 1; j < n; j++)
            smaller += p[j] < p[i];
        rank = rank * (n - i) + smaller;
    }
    return rank;
}

/* A permutation that no key gives, or that too many give, for the smallest sets. */
START_TEST(shuffle_indices__tiny_sets__every_permutation_equally_often)
{
    static const uint32_t factorials[] = {1, 1, 2, 6, 24, 120, 720};
    for (uint32_t n = 2; n <= 6; n++) {
        uint32_t cells[720] = {0}, expected = 500, total = expected * factorials[n];
        for (uint32_t seed = 0; seed < total; seed++) {
            struct shuffle s;
            uint32_t p[6];
            shuffle_init(&s, seed / 2, seed % 2, n);
            shuffle_indices(&s, 0, 1, n, p);
            cells[rank_permutation(p, n)]++;
        }
        expect_chi_square(chi_square(cells, factorials[n], expected), factorials[n] - 1);
    }
}
END_TEST

/* An index that prefers a place in the epoch, below and above the change of rounds. */
START_TEST(shuffle_indices__many_epochs__each_index_everywhere)
{
    enum { CELLS = 50, EPOCHS = 2000 };
    static const uint32_t counts[] = {50, 250, 1000, 1050, 2500};
    static uint32_t cells[CELLS * CELLS];
    for (int c = 0; c < 5; c++) {
        uint32_t count = counts[c];
        memset(cells, 0, sizeof cells);
        for (uint32_t epoch = 0; epoch < EPOCHS; epoch++) {
            uint32_t *p = whole(1, epoch, count);
            for (uint32_t i = 0; i < count; i++)
                cells[i * CELLS / count * CELLS + p[i] * CELLS / count]++;
            free(p);
        }
        /* Each row and column has a fixed sum; n / (n - 1) because nothing is drawn twice. */
        double value = chi_square(cells, CELLS * CELLS, (double)EPOCHS * count / CELLS / CELLS);
        expect_chi_square(value * (count - 1) / count, (CELLS - 1) * (CELLS - 1));
    }
}
END_TEST

/* Fixed points of a random permutation: Poisson with mean 1. */
START_TEST(shuffle_indices__many_keys__fixed_points_are_poisson)
{
    enum { KEYS = 4000 };
    static const uint32_t counts[] = {300, 2000};
    static const double poisson[] = {0.367879, 0.367879, 0.183940, 0.061313, 0.018988};
    for (int c = 0; c < 2; c++) {
        uint32_t cells[5] = {0};
        for (uint32_t key = 0; key < KEYS; key++) {
            uint32_t *p = whole(key, 0, counts[c]), fixed = 0;
            for (uint32_t i = 0; i < counts[c]; i++)
                fixed += p[i] == i;
            cells[fixed < 4 ? fixed : 4]++;
            free(p);
        }
        double sum = 0;
        for (int k = 0; k < 5; k++) {
            double expected = KEYS * poisson[k];
            sum += (cells[k] - expected) * (cells[k] - expected) / expected;
        }
        ck_assert_msg(sum < 30, "chi-square %.1f with 4 degrees of freedom", sum);
    }
}
END_TEST

/* ---- neighbours ---- */

/* Neighbours in the epoch that are neighbours in the file: the grid's columns (256) and rows
 * (235 at this count) are where a weak network would show. */
START_TEST(shuffle_indices__any_lag__independent)
{
    static const uint32_t lags[] = {1, 2, 3, 8, 16, 64, 128, 235, 255, 256, 257, 512, 30000};
    for (uint64_t seed = 0; seed < 20; seed++) {
        uint32_t *p = whole(seed, 0, 60000);
        for (int i = 0; i < 13; i++)
            expect_independent(p, p + lags[i], 60000 - lags[i], 60000);
        free(p);
    }
}
END_TEST

/* An epoch that is like the one before it, or like the same epoch of the next seed. */
START_TEST(shuffle_indices__adjacent_epochs_and_seeds__independent)
{
    for (uint64_t epoch = 0; epoch < 20; epoch++) {
        uint32_t *p = whole(7, epoch, 60000);
        uint32_t *next_epoch = whole(7, epoch + 1, 60000), *next_seed = whole(8, epoch, 60000);
        expect_independent(p, next_epoch, 60000, 60000);
        expect_independent(p, next_seed, 60000, 60000);
        expect_independent(next_epoch, next_seed, 60000, 60000);
        free(p);
        free(next_epoch);
        free(next_seed);
    }
}
END_TEST

/* A key of seed + epoch makes seed 1 epoch 0 the order of seed 0 epoch 1. */
START_TEST(shuffle_indices__seed_1_epoch_0__not_seed_0_epoch_1)
{
    static const uint64_t pairs[][4] = {
        {1, 0, 0, 1}, {2, 3, 3, 2}, {0, 0, UINT64_MAX, 1}, {5, 5, 0, 0}};
    for (int i = 0; i < 4; i++) {
        uint32_t *p = whole(pairs[i][0], pairs[i][1], 60000);
        uint32_t *q = whole(pairs[i][2], pairs[i][3], 60000), equal = 0;
        for (uint32_t k = 0; k < 60000; k++)
            equal += p[k] == q[k];
        ck_assert_uint_lt(equal, 10);
        expect_independent(p, q, 60000, 60000);
        free(p);
        free(q);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sampler/shuffle");
    TCase *tc = tcase_create("shuffle");
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, shuffle_indices__fixed_keys__documented_vectors);
    tcase_add_test(tc, shuffle_indices__every_form__equal);
    tcase_add_test(tc, shuffle_indices__tiny_sets__every_permutation_equally_often);
    tcase_add_test(tc, shuffle_indices__many_epochs__each_index_everywhere);
    tcase_add_test(tc, shuffle_indices__many_keys__fixed_points_are_poisson);
    tcase_add_test(tc, shuffle_indices__any_lag__independent);
    tcase_add_test(tc, shuffle_indices__adjacent_epochs_and_seeds__independent);
    tcase_add_test(tc, shuffle_indices__seed_1_epoch_0__not_seed_0_epoch_1);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
