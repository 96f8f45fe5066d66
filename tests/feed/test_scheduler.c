/* SPDX-License-Identifier: MIT */
/* Who parks, and who is asked for a message: by a clock that the test winds. */
#include "feed/rig.h"

#include <errno.h>

/* ---- parking ------------------------------------------------------------------------------- */

/* With nothing to do it looks a moment longer, and then asks for a message. */
START_TEST(park__ring_full__asks_when_half_is_free)
{
    struct consumer *r = rig_open(FMNIST_ORDER_SEQUENTIAL, 64);
    struct stream *s = r->stream;
    rig_turn();
    ck_assert_str_eq(rig.trace, "RRt");
    ck_assert(!s->runnable && !rig_turn());
    ck_assert_ptr_eq(s->parked, r);
    ck_assert_uint_eq(rig_wake_at(r), 32);
}
END_TEST

/* A message brings it back, and a worker that sleeps is woken; with none there is none. */
START_TEST(park__message__served_again)
{
    struct consumer *r = rig_open(FMNIST_ORDER_SEQUENTIAL, 64);
    rig_turn();
    rig_forget();
    rig.k.sleeping = 1;
    ck_assert_uint_eq(scheduler_kick(&rig.k, r, false, false, rig.now_ns), CONSUMER_NOT_STALLED);
    rig_unlock();
    ck_assert_msg(!r->stream->runnable && rig.woken == 0, "nothing was given back");
    rig_release(r, 32);
    scheduler_kick(&rig.k, r, false, false, rig.now_ns);
    rig_unlock();
    ck_assert(r->stream->runnable);
    ck_assert_uint_eq(rig.woken, 1);
    rig_turn();
    ck_assert_uint_eq(r->stream->head, 96);
    ck_assert_msg(rig_wake_at(r) == 32 + 32, "%llu", (unsigned long long)rig_wake_at(r));
}
END_TEST

static struct consumer *watched;

static void release_while_watched(const struct step *step)
{
    if (step->kind == STEP_WATCH_TAIL)
        rig_release(watched, step->enough);
}

/* A client as fast as we are spares both sides the message. */
START_TEST(park__tail_moves_while_watched__goes_on)
{
    watched = rig_open(FMNIST_ORDER_SEQUENTIAL, 64);
    rig.meanwhile = release_while_watched;
    rig_turn();
    ck_assert_str_eq(rig.trace, "RRtR"); /* once a turn */
    ck_assert_uint_eq(watched->stream->head, 96);
    ck_assert(!watched->stream->watched && !watched->stream->runnable);
}
END_TEST

/* One worker that looks is enough: the other leaves the stream to it, and does not park it. */
START_TEST(park__another_worker_watches__left_to_it)
{
    struct consumer *r = rig_open(FMNIST_ORDER_SEQUENTIAL, 64);
    struct turn a, b;
    ck_assert(turn_begin(&a, &rig.k, rig.now_ns) && turn_begin(&b, &rig.k, rig.now_ns));
    struct step step;
    while ((step = rig_next(&a)).kind != STEP_WATCH_TAIL)
        rig_finish(&a, &step);
    ck_assert_int_eq(rig_next(&b).kind, STEP_END);
    ck_assert(r->stream->runnable && !r->stream->parked && r->stream->watched);
    ck_assert_msg(!rig_turn(), "nobody begins a turn with a stream that is watched");
    rig_finish(&a, &step);
    ck_assert_int_eq(rig_next(&a).kind, STEP_END);
    ck_assert(!r->stream->runnable && r->stream->parked == r);
}
END_TEST

/* Of several it is the slowest that counts, and another one when that has caught up. */
START_TEST(park__several_consumers__the_slowest_is_asked)
{
    struct consumer *a = rig_open(FMNIST_ORDER_SEQUENTIAL, 64);
    struct stream *like = rig_stream(FMNIST_ORDER_SEQUENTIAL, FMNIST_SHM, 0);
    struct consumer *b = rig_consumer(false, 0, 1000);
    ck_assert_ptr_eq(rig_seat(like, b, NULL), a->stream);
    stream_free(like);
    rig_turn();
    rig_release(a, 20);
    scheduler_kick(&rig.k, a, false, false, rig.now_ns);
    rig_unlock();
    ck_assert_ptr_eq(a->stream->parked, b);
    ck_assert_uint_eq(rig_wake_at(a), SEAT_NOT_PARKED);
    rig_release(b, 40);
    scheduler_kick(&rig.k, b, false, false, rig.now_ns);
    rig_unlock();
    ck_assert_ptr_eq(a->stream->parked, a);
    ck_assert_uint_eq(rig_wake_at(b), SEAT_NOT_PARKED);
}
END_TEST

static struct consumer *open_with_window(uint32_t window)
{
    struct consumer *r = rig_open(FMNIST_ORDER_SEQUENTIAL, 64);
    ring_set_window(&r->stream->ring, window);
    r->stream->chunk_max = r->stream->wake_room = 8;
    rig_turn();
    ck_assert_uint_eq(r->stream->head, window);
    return r;
}

/* A consumer that says that it waits gets a chunk at once, out of the whole ring; others wait until
 * the window has room for one. */
START_TEST(park__consumer_waits__a_chunk_beyond_the_window)
{
    struct consumer *r = open_with_window(16);
    ck_assert_uint_eq(rig_wake_at(r), 8);
    rig_release(r, 1);
    scheduler_kick(&rig.k, r, false, false, rig.now_ns);
    ck_assert(!rig_turn());
    scheduler_kick(&rig.k, r, true, false, rig.now_ns);
    ck_assert(rig_turn());
    ck_assert_uint_eq(r->stream->head, 16 + 8);
    ck_assert(!r->stream->starved && !r->stream->runnable);
}
END_TEST

/* And less than a chunk, where there is not more. */
START_TEST(park__consumer_waits_at_a_full_ring__any_room_is_worth_it)
{
    struct consumer *r = open_with_window(64);
    rig_release(r, 3);
    scheduler_kick(&rig.k, r, false, false, rig.now_ns);
    ck_assert(!rig_turn());
    scheduler_kick(&rig.k, r, true, false, rig.now_ns);
    ck_assert(rig_turn());
    ck_assert_uint_eq(r->stream->head, 64 + 3);
}
END_TEST

static void kick_while_watched(const struct step *step)
{
    if (step->kind == STEP_WATCH_TAIL)
        scheduler_kick(&rig.k, watched, true, false, rig.now_ns);
}

/* What it said when nothing could be done is not held against the others for ever. */
START_TEST(park__consumer_waited_without_room__forgotten)
{
    watched = rig_open(FMNIST_ORDER_SEQUENTIAL, 64);
    watched->stream->chunk_max = 8;
    rig.meanwhile = kick_while_watched;
    rig_turn();
    ck_assert(!watched->stream->starved);
    rig_release(watched, 1);
    scheduler_kick(&rig.k, watched, false, false, rig.now_ns);
    ck_assert(!rig_turn());
}
END_TEST

/* Whoever has not much more to read cannot be asked for more than that. */
START_TEST(park__slowest_ends_soon__asked_at_its_end)
{
    struct consumer *a = rig_open(FMNIST_ORDER_SEQUENTIAL, 64);
    struct stream *like = rig_stream(FMNIST_ORDER_SEQUENTIAL, FMNIST_SHM, 0);
    struct consumer *b = rig_consumer(false, 0, 10);
    ck_assert_ptr_eq(rig_seat(like, b, NULL), a->stream);
    stream_free(like);
    rig_turn();
    rig_release(a, 30);
    scheduler_kick(&rig.k, a, false, false, rig.now_ns);
    ck_assert_ptr_eq(a->stream->parked, b);
    ck_assert_uint_eq(rig_wake_at(b), 10);
}
END_TEST

/* Nobody is asked for room that nobody wants. */
START_TEST(park__everything_rendered__asks_nobody)
{
    struct stream *s = rig_stream(FMNIST_ORDER_SEQUENTIAL, FMNIST_SHM, 64);
    struct consumer *r = rig_consumer(false, 0, 5);
    ck_assert_ptr_eq(rig_seat(s, r, NULL), s);
    rig_turn();
    ck_assert_str_eq(rig.trace, "R");
    ck_assert_uint_eq(s->head, 5);
    ck_assert(!s->parked && !s->runnable);
    ck_assert_uint_eq(rig_wake_at(r), SEAT_NOT_PARKED);
}
END_TEST

/* A client that breaks its page ends alone. */
START_TEST(failure__tail_ahead_of_the_head__only_its_consumer)
{
    struct consumer *a = rig_open(FMNIST_ORDER_SEQUENTIAL, 64);
    struct stream *like = rig_stream(FMNIST_ORDER_SEQUENTIAL, FMNIST_SHM, 0);
    struct consumer *b = rig_consumer(false, 0, 1000);
    ck_assert_ptr_eq(rig_seat(like, b, NULL), a->stream);
    stream_free(like);
    rig_turn();
    rig_release(b, 65);
    scheduler_kick(&rig.k, b, false, false, rig.now_ns);
    rig_unlock();
    ck_assert_int_eq(b->failed, -EPROTO);
    ck_assert_ptr_eq(scheduler_take_event(&rig.k), b);
    rig_release(a, 64);
    scheduler_kick(&rig.k, a, false, false, rig.now_ns);
    rig_turn();
    ck_assert_uint_eq(a->stream->head, 128);
    ck_assert_int_eq(a->failed, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("feed/scheduler");
    TCase *tc = tcase_create("scheduler");
    tcase_add_checked_fixture(tc, rig_setup, rig_teardown);
    tcase_add_test(tc, park__ring_full__asks_when_half_is_free);
    tcase_add_test(tc, park__message__served_again);
    tcase_add_test(tc, park__tail_moves_while_watched__goes_on);
    tcase_add_test(tc, park__another_worker_watches__left_to_it);
    tcase_add_test(tc, park__several_consumers__the_slowest_is_asked);
    tcase_add_test(tc, park__consumer_waits__a_chunk_beyond_the_window);
    tcase_add_test(tc, park__consumer_waits_at_a_full_ring__any_room_is_worth_it);
    tcase_add_test(tc, park__consumer_waited_without_room__forgotten);
    tcase_add_test(tc, park__slowest_ends_soon__asked_at_its_end);
    tcase_add_test(tc, park__everything_rendered__asks_nobody);
    tcase_add_test(tc, failure__tail_ahead_of_the_head__only_its_consumer);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
