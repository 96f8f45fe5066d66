/* SPDX-License-Identifier: MIT */
/* Sums, their bound, and what is said. */
#include "base/budget.h"
#include "support/support.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

static struct budget b;

static void setup(void)
{
    support_setup();
    b = (struct budget){0};
    budget_set(&b, 100, 150, "its cgroup");
}

START_TEST(budget_take__all_of_it__no_byte_more)
{
    ck_assert(budget_take(&b, 60));
    ck_assert(!budget_take(&b, 41));
    ck_assert(budget_take(&b, 40));
    ck_assert(!budget_take(&b, 1));
    ck_assert(!budget_take(&b, UINT64_MAX));
    ck_assert_uint_eq(budget_left(&b), 0);
    budget_give(&b, 30);
    ck_assert_uint_eq(budget_left(&b), 30);
}
END_TEST

START_TEST(budget_take_some__what_leaves_the_spare)
{
    ck_assert_uint_eq(budget_quarter(&b), 25);
    ck_assert_uint_eq(budget_take_some(&b, 50, 25), 50);
    ck_assert_uint_eq(budget_take_some(&b, 50, 25), 25);
    ck_assert_uint_eq(budget_take_some(&b, 50, 25), 0);
    ck_assert(budget_take(&b, 25));
}
END_TEST

/* A reload may find less memory than is in use. */
START_TEST(budget_set__less_than_is_used__nothing_until_it_fits)
{
    ck_assert(budget_take(&b, 80));
    budget_set(&b, 50, 60, "RLIMIT_AS");
    ck_assert_uint_eq(budget_left(&b), 0);
    ck_assert(!budget_take(&b, 1));
    ck_assert_uint_eq(budget_take_some(&b, 10, 0), 0);
    budget_give(&b, 40);
    ck_assert(budget_take(&b, 10));
}
END_TEST

START_TEST(budget__none__without_end)
{
    ck_assert(budget_take(NULL, UINT64_MAX));
    ck_assert_uint_eq(budget_take_some(NULL, 7, 5), 7);
    ck_assert_uint_eq(budget_left(NULL), UINT64_MAX);
    ck_assert_uint_eq(budget_quarter(NULL), 0);
    budget_give(NULL, 7);
}
END_TEST

START_TEST(budget_refuse__the_numbers)
{
    struct err e;
    ck_assert(budget_take(&b, 60));
    ck_assert_int_eq(budget_refuse(&b, "a ring", 70, &e), -E2BIG);
    ck_assert_str_eq(e.text, "a ring of 70 bytes: the memory limit of its cgroup is 150 bytes, of "
                             "which 60 are in use and 50 kept free");
}
END_TEST

static _Atomic uint64_t held; /* no more than was taken, at any moment */

static void *take_and_give(void *data)
{
    for (int i = 0; i < 100000; i++) {
        uint64_t taken = budget_take(&b, 40) ? 40 : budget_take_some(&b, 30, 10);
        bool exceeded = atomic_fetch_add(&held, taken) + taken > 100;
        if (i % 64 == 0)
            sched_yield(); /* with what it has */
        atomic_fetch_sub(&held, taken);
        budget_give(&b, taken);
        if (exceeded)
            return &b;
    }
    return NULL;
}

START_TEST(budget__three_threads__never_exceeded_and_all_given_back)
{
    pthread_t threads[3];
    void *bad;
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, take_and_give, NULL), 0);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(pthread_join(threads[i], &bad), 0);
        ck_assert_ptr_null(bad);
    }
    ck_assert_uint_eq(budget_left(&b), 100);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("budget");
    TCase *tc = tcase_create("budget");
    tcase_add_checked_fixture(tc, setup, support_teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, budget_take__all_of_it__no_byte_more);
    tcase_add_test(tc, budget_take_some__what_leaves_the_spare);
    tcase_add_test(tc, budget_set__less_than_is_used__nothing_until_it_fits);
    tcase_add_test(tc, budget__none__without_end);
    tcase_add_test(tc, budget_refuse__the_numbers);
    tcase_add_test(tc, budget__three_threads__never_exceeded_and_all_given_back);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
