/* Lists kept by digest: shared, copied, and dropped only when idle and over the bound. */
#include "render/lists.h"
#include "support/support.h"

#include <string.h>

static const uint32_t indices[] = {3, 0, 3, 2};
static const uint32_t lengths[] = {1, 3};

START_TEST(lists_add__lengths__copy_with_ends)
{
    struct lists *l = lists_new(1 << 20);
    uint32_t borrowed[4];
    memcpy(borrowed, indices, sizeof borrowed);
    const struct kept_list *k = lists_add(l, &(struct list){borrowed, 4, lengths, 2});
    memset(borrowed, 0, sizeof borrowed);
    ck_assert_mem_eq(k->indices, indices, sizeof indices);
    ck_assert_uint_eq(k->ends[0], 1);
    ck_assert_uint_eq(k->ends[1], 4);
    lists_put(l, k);
    lists_free(l);
}
END_TEST

START_TEST(lists_add__same_list_twice__one)
{
    struct lists *l = lists_new(0);
    const struct list list = {indices, 4, NULL, 0};
    const struct kept_list *a = lists_add(l, &list), *b = lists_add(l, &list);
    ck_assert_ptr_eq(a, b);
    ck_assert_ptr_null(a->ends);
    lists_put(l, a);
    const struct kept_list *c = lists_get(l, b->digest); /* b's user keeps it */
    ck_assert_ptr_eq(c, b);
    lists_put(l, b);
    lists_put(l, c);
    lists_free(l);
}
END_TEST

START_TEST(lists_put__over_the_bound__least_recent_goes)
{
    enum { COUNT = 1000, KEPT = 3 * 4 * COUNT - 1 }; /* bytes: two lists fit, three do not */
    static uint32_t numbers[COUNT];
    struct lists *l = lists_new(KEPT);
    uint8_t digests[3][LIST_DIGEST_SIZE];
    for (uint32_t i = 0; i < 3; i++) {
        numbers[0] = i;
        const struct kept_list *k = lists_add(l, &(struct list){numbers, COUNT, NULL, 0});
        memcpy(digests[i], k->digest, LIST_DIGEST_SIZE);
        lists_put(l, k);
        if (i == 1)
            lists_put(l, lists_get(l, digests[0])); /* now list 1 is the least recent */
    }
    for (int i = 0; i < 3; i++) {
        const struct kept_list *k = lists_get(l, digests[i]);
        ck_assert_msg((k != NULL) == (i != 1), "list %d", i);
        lists_put(l, k);
    }
    lists_free(l);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("render/lists");
    TCase *tc = tcase_create("lists");
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_add_test(tc, lists_add__lengths__copy_with_ends);
    tcase_add_test(tc, lists_add__same_list_twice__one);
    tcase_add_test(tc, lists_put__over_the_bound__least_recent_goes);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
