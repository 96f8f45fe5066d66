/* SPDX-License-Identifier: MIT */
/* How long a consumer waits for its neighbours. */
#include "feed/consumer.h"
#include "support/support.h"

#include <stdlib.h>

#define MS UINT64_C(1000000)

static struct consumer *consumer;

static void setup(void)
{
    struct err e;
    support_setup();
    struct consumer_options o = {.first = 100, .limit = 200, .since_ns = 1000 * MS};
    ck_assert_int_eq(consumer_new(&consumer, &o, &e), 0);
    consumer->looked_ns = 1000 * MS;
}

static void teardown(void)
{
    consumer_free(consumer);
    support_teardown();
}

/* The client has waited, and says so. */
static void state(uint64_t ns)
{
    atomic_fetch_add(&consumer->seat.page->waited_ns, ns);
}

START_TEST(consumer__whole_life__active_until_its_limit)
{
    ck_assert(consumer_is_active(consumer));
    ck_assert_uint_eq(consumer->tail, 100);
    ck_assert_uint_eq(atomic_load(&consumer->seat.page->tail), 100);
    consumer->tail = 200;
    ck_assert(!consumer_is_active(consumer));
    consumer->tail = 199;
    consumer->failed = -1;
    ck_assert(!consumer_is_active(consumer));
}
END_TEST

START_TEST(stall_budget__no_neighbour_keeps_it__without_end)
{
    ck_assert_uint_eq(consumer_stall_budget_ns(consumer, 1001 * MS), CONSUMER_NOT_STALLED);
    ck_assert_uint_eq(consumer_busy_stall_budget_ns(consumer, 0, 1001 * MS), CONSUMER_NOT_STALLED);
    consumer_stall_begin(consumer, 1001 * MS);
    consumer_stall_end(consumer);
    ck_assert_uint_eq(consumer_stall_budget_ns(consumer, 1003 * MS), CONSUMER_NOT_STALLED);
}
END_TEST

/* What it waited while no neighbour kept it waiting is nobody's fault. */
START_TEST(stall_budget__waits_for_rendering__are_not_counted)
{
    state(400 * MS);
    consumer_stall_clear(consumer, 1500 * MS);
    ck_assert_uint_eq(consumer_lost_ns(consumer, 1500 * MS), 0);
    consumer_stall_begin(consumer, 1500 * MS);
    ck_assert_uint_eq(consumer_lost_ns(consumer, 1500 * MS), 0);
    ck_assert_uint_eq(consumer_stall_budget_ns(consumer, 1500 * MS), CONSUMER_STALL_NS);
}
END_TEST

/* A seat may say anything: no more counts than the time that has passed. */
START_TEST(stall_budget__absurd_statement__is_cut)
{
    state(UINT64_MAX / 2);
    consumer_stall_begin(consumer, 1002 * MS);
    ck_assert_uint_eq(consumer_lost_ns(consumer, 1002 * MS), 2 * MS);
}
END_TEST

START_TEST(stall_budget__one_long_wait__ends_at_its_bound)
{
    consumer_stall_begin(consumer, 1000 * MS);
    consumer_stall_begin(consumer, 1004 * MS); /* still the same wait */
    ck_assert_uint_eq(consumer_stall_budget_ns(consumer, 1000 * MS), CONSUMER_STALL_NS);
    ck_assert_uint_eq(consumer_stall_budget_ns(consumer, 1004 * MS), CONSUMER_STALL_NS - 4 * MS);
    ck_assert_uint_eq(consumer_stall_budget_ns(consumer, 1000 * MS + CONSUMER_STALL_NS), 0);
    ck_assert_uint_eq(consumer_stall_budget_ns(consumer, 2000 * MS), 0);
}
END_TEST

/* A neighbour that costs 3 ms each time never costs 5 at once: the sum ends it. */
START_TEST(stall_budget__many_short_waits__end_at_their_sum)
{
    uint64_t now = 1000 * MS, lost = 0;
    for (;; now += MS) {
        consumer_stall_begin(consumer, now);
        now += 3 * MS;
        if (consumer_stall_budget_ns(consumer, now) == 0)
            break;
        consumer_stall_end(consumer);
        state(3 * MS);
        lost += 3 * MS;
        ck_assert_uint_lt(lost, 100 * MS);
    }
    ck_assert_uint_ge(consumer_lost_ns(consumer, now),
                      CONSUMER_GRACE_NS + (now - 1000 * MS) / CONSUMER_SHARE);
}
END_TEST

/* A consumer that naps, tells of its waiting and naps again is in one wait all the same. */
START_TEST(stall_budget__one_wait_told_in_pieces__ends_at_its_bound)
{
    uint64_t now = 1000 * MS, least = UINT64_MAX / 4;
    consumer_stall_begin(consumer, now);
    while (consumer_busy_stall_budget_ns(consumer, least, now) > 0) {
        now += 30 * MS;
        state(30 * MS);
        consumer_stall_begin(consumer, now);
        ck_assert_uint_lt(now, 1000 * MS + CONSUMER_BUSY_STALL_NS + 30 * MS);
    }
    ck_assert_uint_ge(now, 1000 * MS + CONSUMER_BUSY_STALL_NS);
    ck_assert_uint_eq(consumer_lost_ns(consumer, now), now - 1000 * MS); /* and counted once */
}
END_TEST

/* One that was moved brings along what it has lost, and since when it reads. */
START_TEST(consumer_new__moved__goes_on_counting)
{
    struct consumer_options o = {.limit = 1, .since_ns = 500 * MS, .lost_ns = 45 * MS};
    struct consumer *moved;
    struct err e;
    ck_assert_int_eq(consumer_new(&moved, &o, &e), 0);
    moved->looked_ns = 1000 * MS;
    ck_assert_uint_eq(consumer_lost_ns(moved, 1000 * MS), 45 * MS);
    consumer_stall_begin(moved, 1000 * MS);
    ck_assert_uint_eq(consumer_stall_budget_ns(moved, 1012 * MS), 0);
    consumer_free(moved);
}
END_TEST

/* On busy CPUs a wait as long as the neighbours' own is nobody's fault; a longer one is. */
START_TEST(busy_stall_budget__counts_beyond_the_luckiest_neighbour)
{
    uint64_t now = 1500 * MS;
    state(500 * MS);
    consumer_stall_begin(consumer, now);
    ck_assert_uint_eq(consumer_stall_budget_ns(consumer, now), 0);
    uint64_t allowed = CONSUMER_GRACE_NS + 500 * MS / CONSUMER_BUSY_SHARE,
             fair = 500 * MS - allowed;
    ck_assert_uint_eq(consumer_busy_stall_budget_ns(consumer, 500 * MS, now),
                      CONSUMER_BUSY_STALL_NS);
    ck_assert_uint_eq(consumer_busy_stall_budget_ns(consumer, fair + 40 * MS, now), 40 * MS);
    ck_assert_uint_eq(consumer_busy_stall_budget_ns(consumer, fair, now), 0);
    ck_assert_uint_eq(consumer_busy_stall_budget_ns(consumer, 0, now), 0);
    ck_assert_uint_eq(
        consumer_busy_stall_budget_ns(consumer, 500 * MS, now + CONSUMER_BUSY_STALL_NS), 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("consumer");
    TCase *t = tcase_create("consumer");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, consumer__whole_life__active_until_its_limit);
    tcase_add_test(t, stall_budget__no_neighbour_keeps_it__without_end);
    tcase_add_test(t, stall_budget__waits_for_rendering__are_not_counted);
    tcase_add_test(t, stall_budget__absurd_statement__is_cut);
    tcase_add_test(t, stall_budget__one_long_wait__ends_at_its_bound);
    tcase_add_test(t, stall_budget__one_wait_told_in_pieces__ends_at_its_bound);
    tcase_add_test(t, stall_budget__many_short_waits__end_at_their_sum);
    tcase_add_test(t, consumer_new__moved__goes_on_counting);
    tcase_add_test(t, busy_stall_budget__counts_beyond_the_luckiest_neighbour);
    suite_add_tcase(s, t);
    return support_run(s);
}
