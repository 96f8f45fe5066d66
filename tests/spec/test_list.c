/* SPDX-License-Identifier: MIT */
/* Digests that tell lists apart, and lists that do not fit a dataset. */
#include "spec/list.h"
#include "support/support.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

static const uint32_t indices[] = {3, 0, 3, 2};
static const uint32_t lengths[] = {1, 3};

static struct list whole(void)
{
    return (struct list){indices, 4, lengths, 2, NULL, 0};
}

static bool same_digest(const struct list *a, const struct list *b)
{
    uint8_t x[LIST_DIGEST_SIZE], y[LIST_DIGEST_SIZE];
    list_digest(a, x);
    list_digest(b, y);
    return memcmp(x, y, sizeof x) == 0;
}

/* Written out by hand: the contract in list.h is what other programs rely on. */
START_TEST(list_digest__small_list__xxh3_of_the_stated_bytes)
{
    const uint8_t bytes[] = "FLST\1\0\0\0"
                            "\4\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0"
                            "\3\0\0\0\0\0\0\0\3\0\0\0\2\0\0\0"
                            "\1\0\0\0\3\0\0\0";
    XXH128_canonical_t want;
    XXH128_canonicalFromHash(&want, XXH3_128bits(bytes, sizeof bytes - 1));
    struct list l = whole();
    uint8_t got[LIST_DIGEST_SIZE];
    list_digest(&l, got);
    ck_assert_mem_eq(got, want.digest, sizeof got);
}
END_TEST

START_TEST(list_digest__equal_lists_elsewhere__equal)
{
    uint32_t other_indices[4], other_lengths[2];
    memcpy(other_indices, indices, sizeof indices);
    memcpy(other_lengths, lengths, sizeof lengths);
    struct list a = whole(), b = {other_indices, 4, other_lengths, 2, NULL, 0};
    ck_assert(same_digest(&a, &b));
}
END_TEST

START_TEST(list_digest__anything_differs__differs)
{
    const uint32_t other_order[] = {0, 3, 3, 2}, other_lengths[] = {3, 1};
    /* The lengths' bytes behind the indices' own: only the counts tell these two apart. */
    const uint32_t joined[] = {3, 0, 3, 2, 1, 3};
    const uint32_t values[] = {0, 0, 0, 0}, others_values[] = {0, 0, 0, 1};
    const struct list others[] = {
        {indices, 4, lengths, 2, values, 1},   {indices, 4, lengths, 2, others_values, 1},
        {other_order, 4, lengths, 2, NULL, 0}, {indices, 4, other_lengths, 2, NULL, 0},
        {indices, 3, lengths, 2, NULL, 0},     {indices, 4, NULL, 0, NULL, 0},
        {joined, 6, NULL, 0, NULL, 0},
    };
    struct list l = whole();
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        ck_assert_msg(!same_digest(&l, &others[i]), "list %zu", i);
}
END_TEST

/* Longer than the chunks it is digested in; a change in any place counts. */
START_TEST(list_digest__long_list__every_place_counts)
{
    enum { COUNT = 2500 };
    uint32_t *a = calloc(COUNT, sizeof *a), *b = calloc(COUNT, sizeof *b);
    ck_assert(a && b);
    struct list x = {a, COUNT, NULL, 0, NULL, 0}, y = {b, COUNT, NULL, 0, NULL, 0};
    for (size_t i = 0; i < COUNT; i++) {
        b[i] = 1;
        ck_assert_msg(!same_digest(&x, &y), "place %zu", i);
        b[i] = 0;
    }
    ck_assert(same_digest(&x, &y));
    free(a);
    free(b);
}
END_TEST

/* A digest that is taken piece by piece, wherever the pieces end. */
START_TEST(list_digester_step__every_split__the_digest)
{
    static const uint32_t values[] = {9, 8, 7, 6, 5, 4, 3, 2};
    struct list lists[] = {
        whole(), {indices, 4, NULL, 0, NULL, 0}, {indices, 4, NULL, 0, values, 2}};
    for (size_t i = 0; i < 3; i++)
        for (uint64_t step = 1; step < 20; step++) {
            uint8_t want[LIST_DIGEST_SIZE], got[LIST_DIGEST_SIZE];
            struct list_digester *d = list_digester_new(&lists[i]);
            while (!list_digester_step(d, step))
                ;
            list_digester_end(d, got);
            list_digester_free(d);
            list_digest(&lists[i], want);
            ck_assert_mem_eq(got, want, sizeof want);
        }
}
END_TEST

START_TEST(list_check__fits__accepted_with_the_longest)
{
    struct list l = whole();
    uint32_t longest;
    struct err e;
    ck_assert_int_eq(list_check_index(0, 3, 4, &e), 0);
    ck_assert_int_eq(list_check_lengths(&l, &longest, &e), 0);
    ck_assert_uint_eq(longest, 3);
    l.lengths = NULL;
    l.batch_count = 0;
    ck_assert_int_eq(list_check_lengths(&l, &longest, &e), 0);
    ck_assert_uint_eq(longest, 0);
}
END_TEST

static void must_say(int rc, const struct err *e, const char *text)
{
    ck_assert_int_eq(rc, -EINVAL);
    ck_assert_msg(strstr(e->text, text) != NULL, "\"%s\": want \"%s\"", e->text, text);
}

START_TEST(list_check_index__beyond_the_split__einval_with_place_and_value)
{
    struct err e;
    must_say(list_check_index(7, 3, 3, &e), &e, "list[7] is 3: the split has 3 images, 0 to 2");
}
END_TEST

START_TEST(list_check_lengths__not_those_of_the_list__einval_with_place_and_value)
{
    static const struct {
        uint32_t lengths[2];
        const char *text;
    } wrong[] = {
        {{4, 0}, "list_batches[1] is 0"},
        {{1, 2}, "lengths of 3 in all: want the 4"},
        {{1, 4}, "list_batches[1] is 4: the list has 4"},
        {{UINT32_MAX, 5}, "list_batches[0] is 4294967295"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct list l = {indices, 4, wrong[i].lengths, 2, NULL, 0};
        uint32_t longest;
        struct err e;
        must_say(list_check_lengths(&l, &longest, &e), &e, wrong[i].text);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("spec/list");
    TCase *tc = tcase_create("list");
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_add_test(tc, list_digest__small_list__xxh3_of_the_stated_bytes);
    tcase_add_test(tc, list_digest__equal_lists_elsewhere__equal);
    tcase_add_test(tc, list_digest__anything_differs__differs);
    tcase_add_test(tc, list_digest__long_list__every_place_counts);
    tcase_add_test(tc, list_digester_step__every_split__the_digest);
    tcase_add_test(tc, list_check__fits__accepted_with_the_longest);
    tcase_add_test(tc, list_check_index__beyond_the_split__einval_with_place_and_value);
    tcase_add_test(tc, list_check_lengths__not_those_of_the_list__einval_with_place_and_value);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
