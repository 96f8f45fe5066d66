/* SPDX-License-Identifier: MIT */
/* The generator against published values, and its fast forms against the plain one. */
#include "base/mt19937.h"
#include "support/support.h"

#include <stdlib.h>

/* init_genrand(5489): the first word, and the 10,000th, which the C++ standard fixes
 * ([rand.predef]). */
START_TEST(mt19937_u32__seed_5489__as_published)
{
    struct mt19937 mt;
    mt19937_seed(&mt, 5489);
    ck_assert_uint_eq(mt19937_u32(&mt), UINT32_C(3499211612));
    for (int i = 2; i < 10000; i++)
        mt19937_u32(&mt);
    ck_assert_uint_eq(mt19937_u32(&mt), UINT32_C(4123659995));
}
END_TEST

enum { WORDS = 3000 };

static void draw_plainly(uint32_t out[WORDS])
{
    struct mt19937 mt;
    mt19937_seed(&mt, 1);
    for (int i = 0; i < WORDS; i++)
        out[i] = mt19937_u32(&mt);
}

/* A fill that loses or doubles words where the state is twisted. */
START_TEST(mt19937_fill__any_sizes__as_single_draws)
{
    static uint32_t plain[WORDS], filled[WORDS];
    draw_plainly(plain);
    for (size_t size = 0; size < 1300; size++) {
        struct mt19937 mt;
        mt19937_seed(&mt, 1);
        size_t lead = size % 5;
        for (size_t i = 0; i < lead; i++)
            ck_assert_uint_eq(mt19937_u32(&mt), plain[i]);
        mt19937_fill(&mt, filled, size);
        ck_assert_mem_eq(filled, plain + lead, size * sizeof *plain);
        ck_assert_uint_eq(mt19937_u32(&mt), plain[lead + size]);
    }
}
END_TEST

/* A skip that stops a word early or late at a multiple of the state's size. */
START_TEST(mt19937_skip__any_distance__as_drawing)
{
    static uint32_t plain[WORDS];
    draw_plainly(plain);
    for (size_t lead = 0; lead < 700; lead += 89)
        for (size_t distance = 0; distance < 2000; distance++) {
            struct mt19937 mt;
            mt19937_seed(&mt, 1);
            mt19937_skip(&mt, lead);
            mt19937_skip(&mt, distance);
            ck_assert_uint_eq(mt19937_u32(&mt), plain[lead + distance]);
        }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base/mt19937");
    TCase *tc = tcase_create("mt19937");
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_add_test(tc, mt19937_u32__seed_5489__as_published);
    tcase_add_test(tc, mt19937_fill__any_sizes__as_single_draws);
    tcase_add_test(tc, mt19937_skip__any_distance__as_drawing);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
