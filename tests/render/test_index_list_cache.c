/* SPDX-License-Identifier: MIT */
/* Lists kept by digest: shared, copied, and dropped only when idle and over the bound. */
#include "render/lists.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const uint32_t indices[] = {3, 0, 3, 2};
static const uint32_t lengths[] = {1, 3};

/* Adds a copy, as it comes off a socket. */
static int add(struct index_list_cache *l, const struct list *list, const struct index_list **out,
               struct err *e)
{
    uint64_t count = list->index_count, batches = list->batch_count;
    struct spec spec = {
        .list_count = count, .list_batch_count = batches, .list_value_count = list->value_count};
    uint32_t *numbers = malloc(list_numbers(count, batches, list->value_count) * sizeof *numbers);
    ck_assert_ptr_nonnull(numbers);
    memcpy(numbers, list->indices, count * sizeof *numbers);
    if (list->lengths)
        memcpy(numbers + count, list->lengths, batches * sizeof *numbers);
    if (list->values)
        memcpy(numbers + count + batches, list->values,
               count * list->value_count * sizeof *numbers);
    list_digest(list, spec.list_digest);
    return list_keep(l, &spec, numbers, out, e);
}

static const struct index_list *must_add(struct index_list_cache *l, const struct list *list)
{
    const struct index_list *k;
    struct err e;
    ck_assert_int_eq(add(l, list, &k, &e), 0);
    return k;
}

START_TEST(index_list_cache_add__lengths__kept_as_ends)
{
    struct index_list_cache *l = index_list_cache_new(1 << 20);
    const struct index_list *k = must_add(l, &(struct list){indices, 4, lengths, 2, NULL, 0});
    ck_assert_mem_eq(k->indices, indices, sizeof indices);
    ck_assert_uint_eq(k->ends[0], 1);
    ck_assert_uint_eq(k->ends[1], 4);
    ck_assert_uint_eq(k->longest, 3);
    ck_assert_uint_eq(index_list_bytes(k), 24);
    index_list_cache_put(l, k);
    index_list_cache_free(l);
}
END_TEST

START_TEST(index_list_cache_add__values__kept_behind_the_ends)
{
    static const uint32_t values[] = {10, 11, 12, 13, 14, 15, 16, 17};
    struct index_list_cache *l = index_list_cache_new(1 << 20);
    const struct list list = {indices, 4, lengths, 2, values, 2};
    const struct index_list *k = must_add(l, &list);
    const struct index_list *without = must_add(l, &(struct list){indices, 4, lengths, 2, NULL, 0});
    ck_assert_ptr_ne(k, without);
    ck_assert_ptr_null(without->values);
    ck_assert_mem_eq(k->values, values, sizeof values);
    ck_assert_uint_eq(k->value_count, 2);
    ck_assert_uint_eq(k->ends[1], 4);
    ck_assert_uint_eq(index_list_bytes(k), 24 + sizeof values);
    index_list_cache_put(l, k);
    index_list_cache_put(l, without);
    index_list_cache_free(l);
}
END_TEST

enum { LONG = 3000000, LONG_BATCH = 3 };

/* A list that takes many steps is what it would be in one, and may be left between them. */
START_TEST(index_list_check_step__long_list__many_steps_and_whole)
{
    struct index_list_cache *l = index_list_cache_new(0);
    struct spec spec = {.list_count = LONG, .list_batch_count = LONG / LONG_BATCH};
    for (int i = 0; i < 3; i++) {
        uint32_t *numbers = malloc((LONG + LONG / LONG_BATCH) * sizeof *numbers);
        for (uint32_t n = 0; n < LONG; n++)
            numbers[n] = n * 2654435761u >> 12;
        numbers[LONG - 70000] = numbers[LONG - 3] = UINT32_MAX;
        for (uint32_t n = 0; n < LONG / LONG_BATCH; n++)
            numbers[LONG + n] = LONG_BATCH;
        numbers[LONG + LONG / LONG_BATCH - 1] += i == 1; /* one too many */
        list_digest(&(struct list){numbers, LONG, numbers + LONG, LONG / LONG_BATCH, NULL, 0},
                    spec.list_digest);
        struct index_list_check *k;
        const struct index_list *list;
        struct err e;
        int rc = 0, steps = 0;
        ck_assert_int_eq(index_list_check_new(&k, &spec, numbers, &e), 0);
        for (; rc == 0 && (i != 2 || steps < 2); steps++)
            rc = index_list_check_step(k, &e);
        ck_assert_int_ge(steps, 2);
        ck_assert_int_eq(rc, i == 0 ? 1 : i == 1 ? -EINVAL : 0);
        if (rc == 1) {
            ck_assert_int_eq(index_list_cache_add(l, k, &list, &e), 0);
            ck_assert_uint_eq(list->largest_at, LONG - 70000);
            ck_assert_uint_eq(list->longest, LONG_BATCH);
            uint32_t n = 0;
            while (n < list->batch_count && list->ends[n] == LONG_BATCH * (n + 1))
                n++;
            ck_assert_uint_eq(n, LONG / LONG_BATCH);
            index_list_cache_put(l, list);
        }
        index_list_check_free(k);
    }
    index_list_cache_free(l);
}
END_TEST

START_TEST(index_list_cache_add__same_list_twice__one)
{
    struct index_list_cache *l = index_list_cache_new(0);
    const struct list list = {indices, 4, NULL, 0, NULL, 0};
    const struct index_list *a = must_add(l, &list), *b = must_add(l, &list);
    ck_assert_ptr_eq(a, b);
    ck_assert_ptr_null(a->ends);
    struct index_list_cache_usage u;
    index_list_cache_usage(l, &u);
    ck_assert_uint_eq(u.count, 1);
    ck_assert_uint_eq(u.bytes, 16);
    ck_assert_uint_eq(u.added, 2);
    index_list_cache_put(l, a);
    const struct index_list *c = index_list_cache_get(l, b->digest); /* b's user keeps it */
    ck_assert_ptr_eq(c, b);
    index_list_cache_put(l, b);
    index_list_cache_put(l, c);
    index_list_cache_usage(l, &u);
    ck_assert_uint_eq(u.count, 0);
    index_list_cache_free(l);
}
END_TEST

/* Another list under this digest would be served to whoever asks for it by digest. */
START_TEST(index_list_cache_add__another_digest_or_wrong_lengths__refused_and_not_kept)
{
    static const uint32_t few[] = {1, 2};
    struct index_list_cache *l = index_list_cache_new(1 << 20);
    const struct index_list *k = NULL;
    struct err e;
    uint32_t *numbers = malloc(sizeof indices);
    ck_assert_ptr_nonnull(numbers);
    memcpy(numbers, indices, sizeof indices);
    const struct spec spec = {.list_count = 4, .list_digest = {1}};
    ck_assert_int_eq(list_keep(l, &spec, numbers, &k, &e), -EINVAL);
    ck_assert_ptr_nonnull(strstr(e.text, "digest"));
    ck_assert_int_eq(add(l, &(struct list){indices, 4, few, 2, NULL, 0}, &k, &e), -EINVAL);
    ck_assert_ptr_nonnull(strstr(e.text, "list_batches"));
    ck_assert_ptr_null(k);
    struct index_list_cache_usage u;
    index_list_cache_usage(l, &u);
    ck_assert_uint_eq(u.count, 0);
    index_list_cache_free(l);
}
END_TEST

START_TEST(index_list_cache_put__over_the_bound__least_recent_goes)
{
    enum { COUNT = 1000, KEPT = 3 * 4 * COUNT - 1 }; /* bytes: two lists fit, three do not */
    static uint32_t numbers[COUNT];
    struct index_list_cache *l = index_list_cache_new(KEPT);
    uint8_t digests[3][LIST_DIGEST_SIZE];
    for (uint32_t i = 0; i < 3; i++) {
        numbers[0] = i;
        const struct index_list *k = must_add(l, &(struct list){numbers, COUNT, NULL, 0, NULL, 0});
        memcpy(digests[i], k->digest, LIST_DIGEST_SIZE);
        index_list_cache_put(l, k);
        if (i == 1)
            index_list_cache_put(
                l, index_list_cache_get(l, digests[0])); /* now list 1 is the least recent */
    }
    for (int i = 0; i < 3; i++) {
        const struct index_list *k = index_list_cache_get(l, digests[i]);
        ck_assert_msg((k != NULL) == (i != 1), "list %d", i);
        index_list_cache_put(l, k);
    }
    index_list_cache_resize(l, KEPT / 2); /* one list */
    for (int i = 0; i < 3; i++) {
        const struct index_list *k = index_list_cache_get(l, digests[i]);
        ck_assert_msg((k != NULL) == (i == 2), "list %d", i);
        index_list_cache_put(l, k);
    }
    index_list_cache_free(l);
}
END_TEST

START_TEST(index_list_cache_put__more_than_the_count__least_recent_goes)
{
    struct index_list_cache *l = index_list_cache_new(1 << 20);
    uint8_t digests[INDEX_LIST_CACHE_IDLE_COUNT + 1][LIST_DIGEST_SIZE];
    for (uint32_t i = 0; i <= INDEX_LIST_CACHE_IDLE_COUNT; i++) {
        const struct index_list *k = must_add(l, &(struct list){&i, 1, NULL, 0, NULL, 0});
        memcpy(digests[i], k->digest, LIST_DIGEST_SIZE);
        index_list_cache_put(l, k);
    }
    struct index_list_cache_usage u;
    index_list_cache_usage(l, &u);
    ck_assert_uint_eq(u.count, INDEX_LIST_CACHE_IDLE_COUNT);
    ck_assert_ptr_null(index_list_cache_get(l, digests[0]));
    const struct index_list *k = index_list_cache_get(l, digests[1]);
    ck_assert_ptr_nonnull(k);
    index_list_cache_put(l, k);
    index_list_cache_free(l);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("render/lists");
    TCase *tc = tcase_create("lists");
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_add_test(tc, index_list_cache_add__lengths__kept_as_ends);
    tcase_add_test(tc, index_list_cache_add__values__kept_behind_the_ends);
    tcase_add_test(tc, index_list_check_step__long_list__many_steps_and_whole);
    tcase_add_test(tc, index_list_cache_add__same_list_twice__one);
    tcase_add_test(tc, index_list_cache_add__another_digest_or_wrong_lengths__refused_and_not_kept);
    tcase_add_test(tc, index_list_cache_put__over_the_bound__least_recent_goes);
    tcase_add_test(tc, index_list_cache_put__more_than_the_count__least_recent_goes);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
