/* SPDX-License-Identifier: MIT */
/* Names that may have been meant. */
#include "base/near.h"

#include "support/support.h"

#include <string.h>

START_TEST(near_takes__edits_and_lengths__near_or_not)
{
    static const struct {
        const char *seen, *name;
        unsigned begin;
        int edits; /* -1: not near */
    } cases[] = {
        {"worker", "workers", NEAR_WORD, 1},
        {"FashionMNIST", "fashion-mnist", NEAR_WORD, 1},
        {"MNIST", "mnist", NEAR_WORD, 0},
        {"mnits", "mnist", NEAR_WORD, 1},
        {"rign", "ring", NEAR_WORD, 1},
        {"fashion_mnist", "fashion-mnist", NEAR_WORD, 0},
        {"rung", "ring", NEAR_WORD, 1},
        {"rang", "rnig", NEAR_WORD, -1},
        {"", "a", NEAR_WORD, -1},
        {"a", "", NEAR_WORD, -1},
        {"fashion", "fashion-mnist", NEAR_WORD, -1},
        {"trainimages.idx3.ubyte", "train-images-idx3-ubyte", NEAR_WORD, -1},
        {"trainimages.idx3.ubyte", "train-images-idx3-ubyte", NEAR_FILE, 3},
        {"train-labels-idx1-ubyte", "train-images-idx3-ubyte", NEAR_FILE, -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        unsigned least = cases[i].begin;
        bool near = near_takes(cases[i].seen, cases[i].name, &least);
        ck_assert_msg(near == (cases[i].edits >= 0), "\"%s\", \"%s\"", cases[i].seen,
                      cases[i].name);
        ck_assert_uint_eq(least, near ? (unsigned)cases[i].edits : cases[i].begin);
    }
}
END_TEST

/* Names come from files and sockets: any length. */
START_TEST(near_takes__very_long_names__not_near)
{
    char a[300], b[300];
    for (size_t length = 120; length < 290; length++) {
        memset(a, 'x', length);
        memset(b, 'x', length);
        a[length] = b[length] = 0;
        b[0] = 'y';
        unsigned least = NEAR_FILE;
        ck_assert_int_eq(near_takes(a, b, &least), length < 128);
        ck_assert_int_eq(near_takes(a, "x", &least), false);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("base/near");
    TCase *tc = tcase_create("near");
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_add_test(tc, near_takes__edits_and_lengths__near_or_not);
    tcase_add_test(tc, near_takes__very_long_names__not_near);
    suite_add_tcase(s, tc);
    return support_run(s);
}
