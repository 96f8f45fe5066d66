/* SPDX-License-Identifier: MIT */
/* The words about the bottleneck: each side, and the numbers at the borders. */
#include "ctl/bottleneck.h"
#include "support/support.h"

#include <string.h>

static enum side side(double waited, double busy, double batches)
{
    struct flow f = {.seconds = 10, .waited = waited * 10, .busy = busy, .batches = batches};
    return bottleneck_side(&f);
}

/* A user who buys CPUs for the wrong side pays for it. */
START_TEST(bottleneck_side__each_case__named)
{
    ck_assert_int_eq(side(0, 0.5, 0), SIDE_NOBODY);
    ck_assert_int_eq(side(0.01, 0.2, 100), SIDE_READER);
    ck_assert_int_eq(side(0.05, 0.9, 100), SIDE_READER);
    ck_assert_int_eq(side(0.3, 0.9, 100), SIDE_BOTH);
    ck_assert_int_eq(side(0.8, 0.95, 100), SIDE_WORKERS);
    ck_assert_int_eq(side(0.8, 0.1, 100), SIDE_ELSEWHERE);
    ck_assert_int_eq(side(0.8, -1, 100), SIDE_WORKERS);
}
END_TEST

/* A reader that waits for its first batch is not idle. */
START_TEST(bottleneck_side__waiting_without_a_batch__not_nobody)
{
    ck_assert_int_eq(side(1, 1, 0), SIDE_WORKERS);
}
END_TEST

/* A client may say more than passed, and a first look has no time behind it. */
START_TEST(bottleneck_text__impossible_numbers__kept_within_0_and_100)
{
    char text[256];
    struct flow f = {.seconds = 1, .waited = 50, .busy = 1, .batches = 1};
    bottleneck_text(&f, text, sizeof text);
    ck_assert_ptr_nonnull(strstr(text, "waits 100 %"));
    f = (struct flow){.seconds = 0, .waited = 1, .busy = 0, .batches = 1};
    bottleneck_text(&f, text, sizeof text);
    ck_assert_ptr_nonnull(strstr(text, "waits 0.0 % of its time; the workers are idle"));
}
END_TEST

START_TEST(bottleneck_text__half_busy_workers__headroom_of_two)
{
    char text[256];
    struct flow f = {.seconds = 10, .waited = 0.1, .busy = 0.5, .batches = 1};
    bottleneck_text(&f, text, sizeof text);
    ck_assert_str_eq(text, "the reader is the bottleneck: it waits 1.0 % of its time; the workers "
                           "are busy 50 %: headroom 2.0x");
}
END_TEST

/* A ring that is full beside a reader that waits is no riddle. */
START_TEST(bottleneck_text__waits_elsewhere__says_for_what)
{
    char text[256];
    struct flow f = {.seconds = 1, .waited = 0.8, .busy = 0.1, .batches = 1, .ready = 1};
    bottleneck_text(&f, text, sizeof text);
    ck_assert_str_eq(text, "batches lie ready, and yet the reader waits 80 % of its time: more "
                           "programs want to run than there are CPUs");
    f.ready = 0;
    bottleneck_text(&f, text, sizeof text);
    ck_assert_ptr_nonnull(strstr(text, "but the workers are busy 10 %: more programs want to run"));
    ck_assert_uint_lt(strlen(text), sizeof text - 1);
}
END_TEST

/* Workers that want to run and may not: more of them would help nobody. */
START_TEST(bottleneck_text__busy_without_a_cpu__no_more_workers)
{
    char text[256];
    struct flow f = {.seconds = 1, .waited = 0.9, .busy = 1, .stalled = 0.96, .batches = 1};
    ck_assert_int_eq(bottleneck_side(&f), SIDE_ELSEWHERE);
    bottleneck_text(&f, text, sizeof text);
    ck_assert_str_eq(text, "the reader waits 90 % of its time, and the workers, while they are "
                           "busy, have a CPU for 4 % of theirs: other programs have the CPUs, or "
                           "what is read comes from a disk");
    f.stalled = 0.3;
    ck_assert_int_eq(bottleneck_side(&f), SIDE_WORKERS);
    f.waited = 0.01, f.stalled = 0.96; /* nobody minds */
    ck_assert_int_eq(bottleneck_side(&f), SIDE_READER);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("bottleneck");
    TCase *tc = tcase_create("words");
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_add_test(tc, bottleneck_side__each_case__named);
    tcase_add_test(tc, bottleneck_side__waiting_without_a_batch__not_nobody);
    tcase_add_test(tc, bottleneck_text__impossible_numbers__kept_within_0_and_100);
    tcase_add_test(tc, bottleneck_text__half_busy_workers__headroom_of_two);
    tcase_add_test(tc, bottleneck_text__waits_elsewhere__says_for_what);
    tcase_add_test(tc, bottleneck_text__busy_without_a_cpu__no_more_workers);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
