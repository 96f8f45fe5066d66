/* SPDX-License-Identifier: MIT */
/* The line that says how far something is: its words, and that a log never has it. */
#include "ctl/progress.h"
#include "support/support.h"

#include <string.h>
#include <unistd.h>

START_TEST(progress_text__known_and_unknown_totals__share_and_time_left)
{
    char text[80];
    struct progress p = {"dump", "samples", 200, 1000000000, 0};
    progress_text(&p, 50, 3000000000, text); /* 2 s for a quarter */
    ck_assert_str_eq(text, "dump: 25 % of 200 samples, 6 s left");
    progress_text(&p, 200, 3000000000, text);
    ck_assert_str_eq(text, "dump: 100 % of 200 samples, 0 s left");
    progress_text(&p, 0, 3000000000, text);
    ck_assert_str_eq(text, "dump: 0 samples");
    p.total = 0;
    progress_text(&p, 70, 3000000000, text);
    ck_assert_str_eq(text, "dump: 70 samples");
}
END_TEST

/* A test's standard error is no terminal, nor is a log. */
START_TEST(progress_start__no_terminal__never_told)
{
    struct progress p;
    progress_start(&p, "dump", "samples", 5);
    ck_assert(p.next_ns == UINT64_MAX || isatty(2));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ctl/progress");
    TCase *tc = tcase_create("progress");
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_add_test(tc, progress_text__known_and_unknown_totals__share_and_time_left);
    tcase_add_test(tc, progress_start__no_terminal__never_told);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
