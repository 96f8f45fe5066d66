/* SPDX-License-Identifier: MIT */
/* What a reader says of its waiting: at any moment all of it, so that no stretch of time has more
 * of it than passed. */
#include "ring/ring.h"
#include "support/support.h"

#include <string.h>

enum { SLOTS = 2, SLOT_BYTES = 4096, SECOND = 1000000000 };

static struct ring ring;
static struct seat seat;
static struct ring_view view;

static void setup(void)
{
    support_setup();
    struct err e;
    ck_assert_msg(ring_init(&ring, SLOTS, SLOT_BYTES, 0, &e) == 0, "%s", e.text);
    ck_assert_msg(seat_init(&seat, 0, &e) == 0, "%s", e.text);
    ck_assert_msg(ring_view_init(&view, ring.fd, seat.fd, SLOTS, SLOT_BYTES, &e) == 0, "%s",
                  e.text);
}

static void teardown(void)
{
    ring_view_close(&view);
    seat_close(&seat);
    ring_close(&ring);
    support_teardown();
}

static uint64_t waited_by(uint64_t now_ns)
{
    struct seat_waited w = {0};
    seat_waited_by(&w, &seat, now_ns);
    return w.waited_ns;
}

/* A wait of a second counts where it passes, and not in one piece where it ends. */
START_TEST(seat_waited_by__in_a_wait__grows_with_the_time)
{
    const uint64_t start = UINT64_C(50) * SECOND;
    ck_assert_uint_eq(waited_by(start), 0);
    ring_view_begin_wait(&view, start);
    ck_assert_uint_eq(waited_by(start + 7), 7);
    ck_assert_uint_eq(waited_by(start + SECOND), SECOND);
    ring_view_note_wait(&view, SECOND);
    ck_assert_uint_eq(waited_by(start + SECOND), SECOND);
    ck_assert_uint_eq(waited_by(start + UINT64_C(5) * SECOND), SECOND); /* it works meanwhile */
    ring_view_begin_wait(&view, start + UINT64_C(5) * SECOND);
    ck_assert_uint_eq(waited_by(start + UINT64_C(5) * SECOND + 9), SECOND + 9);
    ring_view_note_wait(&view, 10);
    ck_assert_uint_eq(waited_by(start + UINT64_C(9) * SECOND), SECOND + 10);
}
END_TEST

/* A look that was taken before the wait began, as another thread's may be, and a reader of another
 * clock: what it has waited before stays. */
START_TEST(seat_waited_by__times_that_do_not_fit__what_was_before)
{
    ring_view_note_wait(&view, 100);
    ring_view_begin_wait(&view, UINT64_C(50) * SECOND);
    ck_assert_uint_eq(waited_by(UINT64_C(50) * SECOND - 1), 100);
    ck_assert_uint_eq(waited_by(1), 100);
    atomic_store(&seat.page->wait_base_ns, UINT64_MAX);
    ck_assert_uint_eq(waited_by(UINT64_C(50) * SECOND), 100);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ring/waited");
    TCase *tc = tcase_create("waited");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, seat_waited_by__in_a_wait__grows_with_the_time);
    tcase_add_test(tc, seat_waited_by__times_that_do_not_fit__what_was_before);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
