/* SPDX-License-Identifier: MIT */
/* When to look again before sleeping. */
#include "base/adaptive_spin.h"
#include "support/support.h"

START_TEST(adaptive_spin__fresh__looks)
{
    struct adaptive_spin h = {0};
    ck_assert(adaptive_spin_wants(&h));
}
END_TEST

/* Looks that keep failing stop, but for one in ADAPTIVE_SPIN_PROBE. */
START_TEST(adaptive_spin__only_failures__looks_seldom)
{
    struct adaptive_spin h = {0};
    unsigned looks = 0;
    for (unsigned i = 0; i < 100 * ADAPTIVE_SPIN_PROBE; i++)
        if (adaptive_spin_wants(&h)) {
            looks++;
            adaptive_spin_learn(&h, false);
        }
    ck_assert_uint_ge(looks, 100);
    ck_assert_uint_le(looks, 100 + ADAPTIVE_SPIN_CREDIT_MAX);
}
END_TEST

/* Better times are noticed, and then every look is tried again. */
START_TEST(adaptive_spin__pays_again__looks_always)
{
    struct adaptive_spin h = {0};
    for (unsigned i = 0; i < 100; i++)
        adaptive_spin_learn(&h, false);
    for (unsigned i = 0; i < 2 * ADAPTIVE_SPIN_PROBE; i++)
        if (adaptive_spin_wants(&h))
            adaptive_spin_learn(&h, true);
    for (unsigned i = 0; i < 100; i++) {
        ck_assert(adaptive_spin_wants(&h));
        adaptive_spin_learn(&h, i % 4 != 3); /* three of four pay */
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("adaptive_spin");
    TCase *t = tcase_create("adaptive_spin");
    tcase_add_checked_fixture(t, support_setup, support_teardown);
    tcase_add_test(t, adaptive_spin__fresh__looks);
    tcase_add_test(t, adaptive_spin__only_failures__looks_seldom);
    tcase_add_test(t, adaptive_spin__pays_again__looks_always);
    suite_add_tcase(s, t);
    return support_run(s);
}
