/* SPDX-License-Identifier: MIT */
/* Work on a thread of its own: done on the loop, one at a time, and cancelled. */
#include "session/opener.h"

#include "support/support.h"

#include <sched.h>

static uv_loop_t loop;
static struct opener opener;
static pthread_t loop_thread;
static unsigned runs, dones, idles;
static bool again;

static void count_idle(void *data)
{
    ck_assert_ptr_eq(data, &idles);
    ck_assert(!opener.busy);
    idles++;
}

static void setup(void)
{
    uv_loop_init(&loop); /* keeps two descriptors for the process */
    uv_loop_close(&loop);
    support_setup();
    ck_assert_int_eq(uv_loop_init(&loop), 0);
    opener = (struct opener){0};
    ck_assert_int_eq(opener_init(&opener, &loop, count_idle, &idles), 0);
    loop_thread = pthread_self();
}

static void teardown(void)
{
    opener_close(&opener);
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
    support_teardown();
}

static void run(void *data, const _Atomic bool *cancel)
{
    bool *on_loop = data;
    *on_loop = pthread_equal(pthread_self(), loop_thread);
    runs++;
}

static void run_until_cancelled(void *data, const _Atomic bool *cancel)
{
    while (!*cancel)
        sched_yield();
    runs++;
}

static const struct opener_work work;

static void done(void *data)
{
    struct err e;
    ck_assert(pthread_equal(pthread_self(), loop_thread) && !opener.busy);
    dones++;
    if (again)
        ck_assert_int_eq(opener_run(&opener, &work, &e), 0);
    again = false;
}

static bool was_on_loop = true;
static const struct opener_work work = {.run = run, .done = done, .data = &was_on_loop};

START_TEST(opener_run__work__not_on_the_loop_and_then_done_on_it)
{
    struct err e;
    ck_assert_int_eq(opener_run(&opener, &work, &e), 0);
    ck_assert(opener.busy);
    while (!idles)
        uv_run(&loop, UV_RUN_ONCE);
    ck_assert(!was_on_loop && runs == 1 && dones == 1 && idles == 1);
}
END_TEST

/* It is idle once nothing follows. */
START_TEST(opener_run__next_begun_when_done__idle_once)
{
    struct err e;
    again = true;
    ck_assert_int_eq(opener_run(&opener, &work, &e), 0);
    while (!idles)
        uv_run(&loop, UV_RUN_ONCE);
    ck_assert(runs == 2 && dones == 2 && idles == 1);
}
END_TEST

START_TEST(opener_cancel__work_under_way_and_what_follows__hear_of_it)
{
    struct err e;
    const struct opener_work endless = {.run = run_until_cancelled, .done = done};
    for (int i = 0; i < 2; i++) {
        idles = 0;
        ck_assert_int_eq(opener_run(&opener, &endless, &e), 0);
        opener_cancel(&opener);
        while (!idles)
            uv_run(&loop, UV_RUN_ONCE);
    }
    ck_assert(runs == 2 && dones == 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("session/opener");
    TCase *tc = tcase_create("opener");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, opener_run__work__not_on_the_loop_and_then_done_on_it);
    tcase_add_test(tc, opener_run__next_begun_when_done__idle_once);
    tcase_add_test(tc, opener_cancel__work_under_way_and_what_follows__hear_of_it);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
