/* When to look again before sleeping. */
#include "base/hunch.h"
#include "support/support.h"

START_TEST(hunch__fresh__looks)
{
    struct hunch h = {0};
    ck_assert(hunch_says_look(&h));
}
END_TEST

/* Looks that keep failing stop, but for one in HUNCH_PROBE. */
START_TEST(hunch__only_failures__looks_seldom)
{
    struct hunch h = {0};
    unsigned looks = 0;
    for (unsigned i = 0; i < 100 * HUNCH_PROBE; i++)
        if (hunch_says_look(&h)) {
            looks++;
            hunch_learn(&h, false);
        }
    ck_assert_uint_ge(looks, 100);
    ck_assert_uint_le(looks, 100 + HUNCH_CREDIT_MAX);
}
END_TEST

/* Better times are noticed, and then every look is tried again. */
START_TEST(hunch__pays_again__looks_always)
{
    struct hunch h = {0};
    for (unsigned i = 0; i < 100; i++)
        hunch_learn(&h, false);
    for (unsigned i = 0; i < 2 * HUNCH_PROBE; i++)
        if (hunch_says_look(&h))
            hunch_learn(&h, true);
    for (unsigned i = 0; i < 100; i++) {
        ck_assert(hunch_says_look(&h));
        hunch_learn(&h, i % 4 != 3); /* three of four pay */
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("hunch");
    TCase *t = tcase_create("hunch");
    tcase_add_checked_fixture(t, support_setup, support_teardown);
    tcase_add_test(t, hunch__fresh__looks);
    tcase_add_test(t, hunch__only_failures__looks_seldom);
    tcase_add_test(t, hunch__pays_again__looks_always);
    suite_add_tcase(s, t);
    return support_run(s);
}
