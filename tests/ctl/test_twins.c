/* SPDX-License-Identifier: MIT */
/* Images that are there more than once. */
#include "ctl/twins.h"

#include "support/support.h"

#include <string.h>

static struct twins twins;

static void add(uint32_t split, uint64_t index, const char *pixels, int32_t label)
{
    struct err e;
    ck_assert_int_eq(twins_expect(&twins, 1, &e), 0);
    twins_add(&twins, split, index, (const uint8_t *)pixels, 2, 2, 1, &label, 0);
}

static void check_member(const struct twin_group *g, size_t i, uint32_t split, uint32_t index)
{
    ck_assert_uint_lt(i, g->count);
    ck_assert_uint_eq(g->members[i].split, split);
    ck_assert_uint_eq(g->members[i].index, index);
}

/* Groups in the order of their first images, members in the order of splits and indices. */
START_TEST(twins_next__within_and_across__all_groups_in_order)
{
    add(1, 3, "bbbb", 1);
    add(0, 9, "aaaa", 5);
    add(0, 4, "bbbb", 1);
    add(0, 5, "only", 1);
    add(0, 1, "cccc", 2);
    add(0, 0, "dddd", 2);
    add(0, 2, "cccc", 3);
    add(0, 8, "aaaa", 5);
    twins_sort(&twins, NULL, NULL);

    struct twin_group g;
    size_t at = 0;
    ck_assert(twins_next(&twins, &at, &g));
    ck_assert_uint_eq(g.count, 2);
    check_member(&g, 0, 0, 1);
    check_member(&g, 1, 0, 2);
    ck_assert(g.conflict && !g.across);
    ck_assert(twins_next(&twins, &at, &g));
    ck_assert_uint_eq(g.count, 2);
    check_member(&g, 0, 0, 4);
    check_member(&g, 1, 1, 3);
    ck_assert(!g.conflict && g.across);
    ck_assert(twins_next(&twins, &at, &g));
    check_member(&g, 0, 0, 8);
    check_member(&g, 1, 0, 9);
    ck_assert(!g.conflict && !g.across);
    ck_assert(!twins_next(&twins, &at, &g));
    twins_close(&twins);
}
END_TEST

/* The same bytes in another shape are another image. */
START_TEST(twins_next__same_bytes_other_shape__no_twins)
{
    static const uint32_t shapes[][3] = {{2, 2, 1}, {4, 1, 1}, {1, 4, 1},
                                         {1, 2, 2}, {2, 1, 2}, {1, 1, 4}};
    struct err e;
    int32_t label = 0;
    ck_assert_int_eq(twins_expect(&twins, 6, &e), 0);
    for (uint32_t i = 0; i < 6; i++)
        twins_add(&twins, 0, i, (const uint8_t *)"abcd", shapes[i][0], shapes[i][1], shapes[i][2],
                  &label, 0);
    twins_sort(&twins, NULL, NULL);
    size_t at = 0;
    struct twin_group g;
    ck_assert(!twins_next(&twins, &at, &g));
    twins_close(&twins);
}
END_TEST

/* Rows of labels differ by any of their numbers. */
START_TEST(twins_next__rows_of_labels__conflict_where_one_differs)
{
    static const int32_t rows[3][4] = {{0, 1, 0, 1}, {0, 1, 0, 1}, {0, 1, 1, 1}};
    struct err e;
    for (size_t second = 1; second < 3; second++) {
        ck_assert_int_eq(twins_expect(&twins, 2, &e), 0);
        twins_add(&twins, 0, 0, (const uint8_t *)"abcd", 2, 2, 1, rows[0], 4);
        twins_add(&twins, 0, 1, (const uint8_t *)"abcd", 2, 2, 1, rows[second], 4);
        twins_sort(&twins, NULL, NULL);
        size_t at = 0;
        struct twin_group g;
        ck_assert(twins_next(&twins, &at, &g));
        ck_assert_int_eq(g.conflict, second == 2);
        twins_close(&twins);
    }
}
END_TEST

static void keep(void *me, uint64_t parts)
{
    *(uint64_t *)me |= parts;
}

/* What a part has of a split is that split's image, whatever its label there; its twin is another.
 */
START_TEST(twins_sort__parts__one_image_with_their_bits)
{
    struct twin_group g;
    uint64_t shared = 0;
    size_t at = 0;
    add(0, 0, "aaaa", 1);
    add(0, 1, "bbbb", 1);
    add(0, 2, "bbbb", 1);
    add(0, 0, "aaaa", 7);
    twins_is_part(&twins, 1);
    add(0, 2, "bbbb", 7);
    twins_is_part(&twins, 1);
    add(0, 2, "bbbb", 1);
    twins_is_part(&twins, 3);
    twins_sort(&twins, keep, &shared);
    ck_assert(twins_next(&twins, &at, &g));
    ck_assert_uint_eq(g.count, 2);
    check_member(&g, 0, 0, 1);
    check_member(&g, 1, 0, 2);
    ck_assert_uint_eq(g.members[0].parts, 0);
    ck_assert_uint_eq(g.members[1].parts, 2 | 8);
    ck_assert(!g.conflict && !g.across);
    ck_assert(!twins_next(&twins, &at, &g));
    ck_assert_uint_eq(shared, 2 | 8);
    twins_close(&twins);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("ctl/twins");
    TCase *tc = tcase_create("twins");
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_add_test(tc, twins_next__within_and_across__all_groups_in_order);
    tcase_add_test(tc, twins_next__same_bytes_other_shape__no_twins);
    tcase_add_test(tc, twins_next__rows_of_labels__conflict_where_one_differs);
    tcase_add_test(tc, twins_sort__parts__one_image_with_their_bits);
    suite_add_tcase(s, tc);
    return support_run(s);
}
