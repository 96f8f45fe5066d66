/* SPDX-License-Identifier: MIT */
/* Which word was meant. */
#include "ctl/nearest.h"
#include "support/support.h"

static const char *const words[] = {"status",     "datasets",   "reload",    "top",
                                    "batch-size", "world-size", "drop-last", NULL};

/* What people type. */
START_TEST(nearest__a_slip__the_word_that_was_meant)
{
    static const char *const cases[][2] = {
        {"stat", "status"},
        {"statsu", "status"},
        {"Status", "status"},
        {"dataset", "datasets"},
        {"reloda", "reload"},
        {"relaod", "reload"},
        {"tpo", "top"},
        {"batch_size", "batch-size"},
        {"batchsize", "batch-size"},
        {"worldsize", "world-size"},
        {"droplast", "drop-last"},
        {"DROP_LAST", "drop-last"},
        {"batch-sizes", "batch-size"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *got = nearest(cases[i][0], words);
        ck_assert_msg(got && !strcmp(got, cases[i][1]), "%s: %s", cases[i][0], got ? got : "none");
    }
}
END_TEST

/* A guess that is far off misleads. */
START_TEST(nearest__nothing_like_it__none)
{
    static const char *const far[] = {
        "", "x", "s", "help", "shuffle", "tests", "a-word-that-is-longer-than-any-of-these-words"};
    for (size_t i = 0; i < sizeof far / sizeof *far; i++)
        ck_assert_msg(!nearest(far[i], words), "%s: %s", far[i], nearest(far[i], words));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ctl/nearest");
    TCase *tc = tcase_create("nearest");
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_add_test(tc, nearest__a_slip__the_word_that_was_meant);
    tcase_add_test(tc, nearest__nothing_like_it__none);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
