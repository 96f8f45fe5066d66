/* SPDX-License-Identifier: MIT */
/* Who is connected, and whose user of the feed that is. */
#include "session/account.h"

#include "support/support.h"

static struct accounts all;

static void setup(void)
{
    support_setup();
    all = (struct accounts){0};
}

static void teardown(void)
{
    ck_assert_msg(!all.first, "an account outlived its clients");
    support_teardown();
}

START_TEST(account_open__same_user__one_account)
{
    struct account *a = account_open(&all, 7), *b = account_open(&all, 8);
    ck_assert_ptr_ne(a, b);
    ck_assert_ptr_eq(account_open(&all, 7), a);
    ck_assert_uint_eq(accounts_find(&all, 7)->clients, 2);
    ck_assert_uint_eq(accounts_find(&all, 8)->clients, 1);
    ck_assert_ptr_null(accounts_find(&all, 9));
    account_close(a);
    ck_assert_uint_eq(a->clients, 1);
    account_close(a);
    ck_assert_ptr_null(accounts_find(&all, 7));
    account_close(b);
    account_close(NULL);
}
END_TEST

static void ignore(void *data)
{
}

/* It is the feed's, and ends with the last client. */
START_TEST(account_user__several_clients__one_user)
{
    struct pool *pool;
    struct err e;
    ck_assert_int_eq(pool_start(&pool, 1, ignore, NULL, &e), 0);
    struct account *a = account_open(&all, 7), *b = account_open(&all, 8);
    account_open(&all, 7);
    struct user *user = account_user(a, pool);
    ck_assert_ptr_eq(account_user(a, pool), user);
    ck_assert_ptr_ne(account_user(b, pool), user);
    ck_assert_uint_eq(user->uid, 7);
    account_close(a);
    ck_assert_uint_eq(user->uses, 1);
    account_close(a);
    account_close(b);
    pool_stop(pool);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("session/account");
    TCase *tc = tcase_create("account");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, account_open__same_user__one_account);
    tcase_add_test(tc, account_user__several_clients__one_user);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
