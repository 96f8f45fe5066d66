/* How long a reader waits for its neighbours. */
#include "server/reader.h"
#include "support/support.h"

#include <stdlib.h>

#define MS UINT64_C(1000000)

static struct reader *reader;

static void setup(void)
{
    struct err e;
    support_setup();
    ck_assert_int_eq(reader_new(&reader, false, 100, 200, &e), 0);
    reader->joined_ns = reader->looked_ns = 1000 * MS;
}

static void teardown(void)
{
    reader_free(reader);
    support_teardown();
}

/* The client has waited, and says so. */
static void state(uint64_t ns)
{
    atomic_fetch_add(&reader->seat.page->waited_ns, ns);
}

START_TEST(reader__whole_life__active_until_its_limit)
{
    ck_assert(reader_is_active(reader));
    ck_assert_uint_eq(reader->tail, 100);
    ck_assert_uint_eq(atomic_load(&reader->seat.page->tail), 100);
    reader->tail = 200;
    ck_assert(!reader_is_active(reader));
    reader->tail = 199;
    reader->failed = -1;
    ck_assert(!reader_is_active(reader));
}
END_TEST

START_TEST(patience__no_neighbour_keeps_it__without_end)
{
    ck_assert_uint_eq(reader_patience_ns(reader, 1001 * MS), READER_PATIENT);
    ck_assert_uint_eq(reader_busy_patience_ns(reader, 0, 1001 * MS), READER_PATIENT);
    reader_block(reader, 1001 * MS);
    reader_unblock(reader);
    ck_assert_uint_eq(reader_patience_ns(reader, 1003 * MS), READER_PATIENT);
}
END_TEST

/* What it waited while no neighbour kept it waiting is nobody's fault. */
START_TEST(patience__waits_for_rendering__are_not_counted)
{
    state(400 * MS);
    reader_acquit(reader, 1500 * MS);
    ck_assert_uint_eq(reader_lost_ns(reader, 1500 * MS), 0);
    reader_block(reader, 1500 * MS);
    ck_assert_uint_eq(reader_lost_ns(reader, 1500 * MS), 0);
    ck_assert_uint_eq(reader_patience_ns(reader, 1500 * MS), READER_WAIT_NS);
}
END_TEST

/* A seat may say anything: no more counts than the time that has passed. */
START_TEST(patience__absurd_statement__is_cut)
{
    state(UINT64_MAX / 2);
    reader_block(reader, 1002 * MS);
    ck_assert_uint_eq(reader_lost_ns(reader, 1002 * MS), 2 * MS);
}
END_TEST

START_TEST(patience__one_long_wait__ends_at_its_bound)
{
    reader_block(reader, 1000 * MS);
    reader_block(reader, 1004 * MS); /* still the same wait */
    ck_assert_uint_eq(reader_patience_ns(reader, 1000 * MS), READER_WAIT_NS);
    ck_assert_uint_eq(reader_patience_ns(reader, 1004 * MS), READER_WAIT_NS - 4 * MS);
    ck_assert_uint_eq(reader_patience_ns(reader, 1000 * MS + READER_WAIT_NS), 0);
    ck_assert_uint_eq(reader_patience_ns(reader, 2000 * MS), 0);
}
END_TEST

/* A neighbour that costs 3 ms each time never costs 5 at once: the sum ends it. */
START_TEST(patience__many_short_waits__end_at_their_sum)
{
    uint64_t now = 1000 * MS, lost = 0;
    for (;; now += MS) {
        reader_block(reader, now);
        now += 3 * MS;
        if (reader_patience_ns(reader, now) == 0)
            break;
        reader_unblock(reader);
        state(3 * MS);
        lost += 3 * MS;
        ck_assert_uint_lt(lost, 100 * MS);
    }
    ck_assert_uint_ge(reader_lost_ns(reader, now),
                      READER_GRACE_NS + (now - 1000 * MS) / READER_SHARE);
}
END_TEST

/* A reader that naps, tells of its waiting and naps again is in one wait all the same. */
START_TEST(patience__one_wait_told_in_pieces__ends_at_its_bound)
{
    uint64_t now = 1000 * MS, least = UINT64_MAX / 4;
    reader_block(reader, now);
    while (reader_busy_patience_ns(reader, least, now) > 0) {
        now += 30 * MS;
        state(30 * MS);
        reader_block(reader, now);
        ck_assert_uint_lt(now, 1000 * MS + READER_BUSY_NS + 30 * MS);
    }
    ck_assert_uint_ge(now, 1000 * MS + READER_BUSY_NS);
    ck_assert_uint_eq(reader_lost_ns(reader, now), now - 1000 * MS); /* and counted once */
}
END_TEST

/* On busy CPUs a wait as long as the neighbours' own is nobody's fault; a longer one is. */
START_TEST(busy_patience__counts_beyond_the_luckiest_neighbour)
{
    uint64_t now = 1500 * MS;
    state(500 * MS);
    reader_block(reader, now);
    ck_assert_uint_eq(reader_patience_ns(reader, now), 0);
    uint64_t allowed = READER_GRACE_NS + 500 * MS / READER_BUSY_SHARE, fair = 500 * MS - allowed;
    ck_assert_uint_eq(reader_busy_patience_ns(reader, 500 * MS, now), READER_BUSY_NS);
    ck_assert_uint_eq(reader_busy_patience_ns(reader, fair + 40 * MS, now), 40 * MS);
    ck_assert_uint_eq(reader_busy_patience_ns(reader, fair, now), 0);
    ck_assert_uint_eq(reader_busy_patience_ns(reader, 0, now), 0);
    ck_assert_uint_eq(reader_busy_patience_ns(reader, 500 * MS, now + READER_BUSY_NS), 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("reader");
    TCase *t = tcase_create("reader");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, reader__whole_life__active_until_its_limit);
    tcase_add_test(t, patience__no_neighbour_keeps_it__without_end);
    tcase_add_test(t, patience__waits_for_rendering__are_not_counted);
    tcase_add_test(t, patience__absurd_statement__is_cut);
    tcase_add_test(t, patience__one_long_wait__ends_at_its_bound);
    tcase_add_test(t, patience__one_wait_told_in_pieces__ends_at_its_bound);
    tcase_add_test(t, patience__many_short_waits__end_at_their_sum);
    tcase_add_test(t, busy_patience__counts_beyond_the_luckiest_neighbour);
    suite_add_tcase(s, t);
    return support_run(s);
}
