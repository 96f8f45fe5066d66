/* SPDX-License-Identifier: MIT */
/* Choosing a level. */
#include "pixels/isa.h"
#include "pixels/isa_variants.h"
#include "support/support.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* putenv and strings of ours, because setenv's copies are never freed and would count as a leak. */
static char setting[64];

static void set_level(const char *name)
{
    snprintf(setting, sizeof setting, "FMNIST_ISA=%s", name);
    putenv(setting);
}

/* Every name must choose its level, or be refused where the CPU lacks it; never another level. */
START_TEST(isa_choose__named_level__is_used_or_refused)
{
    for (int level = 0; level < ISA_COUNT; level++) {
        struct err e = {""};
        set_level(isa_names[level]);
        int r = isa_choose(&e);
        if (isa_available(level)) {
            ck_assert_int_eq(r, 0);
            ck_assert_int_eq(isa_level(), level);
        } else {
            ck_assert_int_eq(r, -EINVAL);
            ck_assert_ptr_nonnull(strstr(e.text, isa_names[level]));
        }
    }
}
END_TEST

/* A misspelt level must be reported, and the program must run all the same. */
START_TEST(isa_choose__unknown_name__is_refused_and_best_is_used)
{
    struct err e;
    set_level("");
    ck_assert_int_eq(isa_choose(NULL), 0);
    int best = isa_level();
    isa_force(ISA_PORTABLE);
    set_level("avx9000");
    ck_assert_int_eq(isa_choose(&e), -EINVAL);
    ck_assert_ptr_nonnull(strstr(e.text, "avx9000"));
    ck_assert_ptr_nonnull(strstr(e.text, "portable"));
    ck_assert_int_eq(isa_level(), best);
}
END_TEST

/* The library never calls isa_choose: the first use must do it, also with a bad environment. */
START_TEST(isa_level__without_choose__uses_an_available_level)
{
    set_level("nonsense");
    ck_assert(isa_available(isa_level()));
}
END_TEST

/* The first putenv makes room in the environment; that belongs to the baseline. */
static void make_room(void)
{
    set_level("");
}

int main(void)
{
    Suite *suite = suite_create("pixels/isa");
    TCase *tc = tcase_create("isa");
    tcase_add_checked_fixture(tc, make_room, NULL);
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_add_test(tc, isa_choose__named_level__is_used_or_refused);
    tcase_add_test(tc, isa_choose__unknown_name__is_refused_and_best_is_used);
    tcase_add_test(tc, isa_level__without_choose__uses_an_available_level);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
