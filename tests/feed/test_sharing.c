/* SPDX-License-Identifier: MIT */
/* Who sits where, and what happens when somebody comes, moves or leaves. */
#include "feed/rig.h"

enum { SLOTS = 1024 };

/* ---- sharing and moving -------------------------------------------------------------------- */

/* Equal bytes, and near: one ring. Others get their own, and say so before they have it. */
START_TEST(seat__near_and_equal__one_ring)
{
    struct consumer *a = rig_open(FMNIST_ORDER_SEQUENTIAL, 64);
    rig_turn();
    struct stream *equal = rig_stream(FMNIST_ORDER_SEQUENTIAL, FMNIST_SHM, 0);
    struct stream *other = rig_stream(FMNIST_ORDER_SHUFFLE, FMNIST_SHM, 0);
    struct consumer *b = rig_consumer(false, 0, 1000), *c = rig_consumer(false, 0, 1000);
    ck_assert_ptr_eq(rig_seat(equal, b, NULL), a->stream);
    ck_assert_uint_eq(a->stream->consumer_count, 2);
    ck_assert_ptr_null(rig_seat(other, c, NULL));
    rig_leave(b);
    rig_release(a, 50);
    scheduler_kick(&rig.k, a, false, false, rig.now_ns);
    ck_assert_msg(!rig_seat(equal, c, NULL), "batch 0 has no slot any more");
    consumer_free(c);
    stream_free(equal);
    stream_free(other);
}
END_TEST

/* Where the next batch waits for somebody, a newcomer would wait too. */
START_TEST(seat__at_the_head_of_a_full_ring__elsewhere)
{
    struct consumer *a = rig_open(FMNIST_ORDER_SEQUENTIAL, 64);
    rig_turn();
    struct stream *own;
    struct err e;
    ck_assert_int_eq(stream_fork(&own, a->stream, a->stream->plan, 64, &e), 0);
    struct consumer *b = rig_consumer(false, 64, 1000);
    ck_assert_ptr_null(rig_seat(own, b, NULL));
    rig_release(a, 1);
    ck_assert_ptr_eq(rig_seat(own, b, NULL), a->stream);
    stream_free(own);
}
END_TEST

/* It goes on as long as one of its consumers wants more, whoever came first. */
START_TEST(seat__consumers_of_other_lengths__rendered_to_the_longest)
{
    struct stream *s = rig_stream(FMNIST_ORDER_SEQUENTIAL, FMNIST_SHM, 64);
    struct stream *like = rig_stream(FMNIST_ORDER_SEQUENTIAL, FMNIST_SHM, 0);
    rig_seat(s, rig_consumer(false, 0, 3), NULL);
    rig_seat(like, rig_consumer(false, 0, 40), NULL);
    rig_seat(like, rig_consumer(false, 0, 5), NULL);
    stream_free(like);
    ck_assert_uint_eq(s->consumer_count, 3);
    rig_turn();
    ck_assert_uint_eq(s->head, 40);
}
END_TEST

/* A stream that had given everybody everything has more to do with a newcomer. */
START_TEST(seat__wants_more_than_was_wanted__served_at_once)
{
    struct stream *s = rig_stream(FMNIST_ORDER_SEQUENTIAL, FMNIST_SHM, 64);
    struct stream *like = rig_stream(FMNIST_ORDER_SEQUENTIAL, FMNIST_SHM, 0);
    rig_seat(s, rig_consumer(false, 0, 5), NULL);
    rig_turn();
    ck_assert(s->head == 5 && !s->runnable);
    ck_assert_ptr_eq(rig_seat(like, rig_consumer(false, 0, 40), NULL), s);
    stream_free(like);
    rig_turn();
    ck_assert_uint_eq(s->head, 40);
}
END_TEST

/* Whoever moves away does not come back to where it was. */
START_TEST(move__old_ring_is_near__another_one_all_the_same)
{
    struct consumer *a = rig_open(FMNIST_ORDER_SEQUENTIAL, 64);
    struct consumer *moved = rig_consumer(false, 0, 1000);
    struct stream *own;
    struct err e;
    ck_assert_int_eq(stream_fork(&own, a->stream, a->stream->plan, 0, &e), 0);
    ck_assert_int_eq(stream_make_ring(own, 64, &e), 0);
    ck_assert_ptr_eq(rig_seat(own, moved, a->stream), own);
}
END_TEST

/* A neighbour may cost 5 ms; then there is a ring of its own, with the same bytes in it. */
START_TEST(move__neighbour_is_slow__goes_to_a_ring_of_its_own)
{
    struct consumer *slow = rig_open(FMNIST_ORDER_SHUFFLE, 64);
    struct stream *like = rig_stream(FMNIST_ORDER_SHUFFLE, FMNIST_SHM, 0);
    struct consumer *fast = rig_consumer(false, 0, 10000);
    struct stream *old = slow->stream, *own;
    struct err e;
    ck_assert_ptr_eq(rig_seat(like, fast, NULL), old);
    stream_free(like);
    rig_turn();
    rig_release(fast, 64);
    rig_sleeps(fast, true);
    ck_assert_uint_eq(scheduler_kick(&rig.k, fast, true, false, rig.now_ns), CONSUMER_STALL_NS);
    rig.now_ns += CONSUMER_STALL_NS - MS;
    ck_assert_uint_eq(scheduler_kick(&rig.k, fast, false, false, rig.now_ns), MS);
    rig.now_ns += MS;
    ck_assert_uint_eq(scheduler_kick(&rig.k, fast, false, false, rig.now_ns), 0);
    ck_assert_uint_gt(scheduler_kick(&rig.k, fast, false, true, rig.now_ns), 0);

    ck_assert_int_eq(stream_fork(&own, old, old->plan, 64, &e), 0);
    ck_assert_int_eq(stream_make_ring(own, 64, &e), 0);
    struct consumer *moved = rig_consumer(false, 64, 10000);
    ck_assert_ptr_eq(rig_seat(own, moved, old), own);
    ck_assert_ptr_eq(rig_turn(), own);
    ck_assert_uint_eq(own->head, 128);
    rig_leave(fast);
    ck_assert_uint_eq(rig.freed, 1);
    rig_release(slow, 64);
    scheduler_kick(&rig.k, slow, true, false, rig.now_ns);
    ck_assert_ptr_eq(rig_turn(), old);
    for (uint64_t n = 64; n < 128; n++)
        ck_assert_mem_eq(ring_slot(&old->ring, n), ring_slot(&own->ring, n), old->ring.slot_bytes);
}
END_TEST

/* Rings that were made for few give way when there are more. */
START_TEST(window__another_stream_comes_and_goes__shrinks_and_grows)
{
    struct stream *a = rig_stream(FMNIST_ORDER_SEQUENTIAL, FMNIST_SHM, 0), *b;
    struct consumer *r = rig_consumer(false, 0, 10000), *other = rig_consumer(false, 0, 10000);
    struct err e;
    a->fits_cache = true;
    ck_assert_int_eq(stream_make_ring(a, SLOTS, &e), 0);
    a->ring.slot_bytes = stream_cache_share(2) / 16; /* as if batches were large */
    uint64_t bytes = a->ring.slot_bytes;
    rig_seat(a, r, NULL);
    ck_assert_uint_eq(a->ring.window, stream_cache_share(1) / bytes);
    b = rig_stream(FMNIST_ORDER_SHUFFLE, FMNIST_SHM, 64);
    rig_seat(b, other, NULL);
    ck_assert_uint_eq(a->ring.window, stream_cache_share(2) / bytes);
    rig_leave(other);
    ck_assert_uint_eq(a->ring.window, stream_cache_share(1) / bytes);
}
END_TEST

/* And goes on at once with the slots that it gets back. */
START_TEST(window__grows_while_parked__served_again)
{
    struct consumer *r = rig_open(FMNIST_ORDER_SEQUENTIAL, 64);
    struct consumer *other = rig_open(FMNIST_ORDER_SHUFFLE, 64);
    struct stream *s = r->stream;
    s->fits_cache = true;
    ring_set_window(&s->ring, 16);
    s->chunk_max = 8;
    while (rig_turn())
        ;
    ck_assert_uint_eq(s->head, 16);
    rig_leave(other);
    ck_assert_uint_eq(s->ring.window, 64);
    ck_assert_ptr_eq(rig_turn(), s);
    ck_assert_uint_gt(s->head, 16);
}
END_TEST

/* ---- leaving ------------------------------------------------------------------------------- */

/* Whoever leaves while a worker is at the stream stays until that is gone. */
START_TEST(leave__worker_at_the_stream__freed_with_its_use)
{
    struct consumer *r = rig_open(FMNIST_ORDER_SEQUENTIAL, 64);
    struct turn t;
    ck_assert(turn_begin(&t, &rig.k, rig.now_ns));
    struct step step = rig_next(&t);
    ck_assert_int_eq(step.kind, STEP_RENDER);
    rig_leave(r);
    ck_assert_uint_eq(rig.freed + rig.ended, 0);
    ck_assert_uint_eq(rig.k.stream_count, 0);
    rig_finish(&t, &step);
    ck_assert_int_eq(rig_next(&t).kind, STEP_END);
    ck_assert_uint_eq(rig.freed, 1);
    ck_assert_uint_eq(rig.ended, 1);
}
END_TEST

/* An event of one that left would be for nobody. */
START_TEST(leave__with_an_event__forgotten)
{
    struct consumer *r = rig_open(FMNIST_ORDER_SEQUENTIAL, 64);
    rig_release(r, 1000);
    scheduler_kick(&rig.k, r, false, false, rig.now_ns);
    ck_assert(r->has_event);
    rig_leave(r);
    ck_assert_ptr_null(scheduler_take_event(&rig.k));
}
END_TEST

/* With the slowest goes what the others waited for. */
START_TEST(leave__the_slowest__the_others_go_on)
{
    struct consumer *fast = rig_open(FMNIST_ORDER_SEQUENTIAL, 64);
    struct stream *like = rig_stream(FMNIST_ORDER_SEQUENTIAL, FMNIST_SHM, 0);
    struct consumer *slow = rig_consumer(false, 0, 1000);
    ck_assert_ptr_eq(rig_seat(like, slow, NULL), fast->stream);
    stream_free(like);
    rig_turn();
    rig_release(fast, 64);
    ck_assert(!fast->stream->runnable);
    rig.k.sleeping = 1;
    rig_forget();
    rig_leave(slow);
    ck_assert_uint_eq(rig.woken, 1);
    rig_turn();
    ck_assert_uint_eq(fast->stream->head, 128);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("feed/sharing");
    TCase *tc = tcase_create("sharing");
    tcase_add_checked_fixture(tc, rig_setup, rig_teardown);
    tcase_add_test(tc, seat__near_and_equal__one_ring);
    tcase_add_test(tc, seat__at_the_head_of_a_full_ring__elsewhere);
    tcase_add_test(tc, seat__consumers_of_other_lengths__rendered_to_the_longest);
    tcase_add_test(tc, seat__wants_more_than_was_wanted__served_at_once);
    tcase_add_test(tc, move__old_ring_is_near__another_one_all_the_same);
    tcase_add_test(tc, move__neighbour_is_slow__goes_to_a_ring_of_its_own);
    tcase_add_test(tc, window__another_stream_comes_and_goes__shrinks_and_grows);
    tcase_add_test(tc, window__grows_while_parked__served_again);
    tcase_add_test(tc, leave__worker_at_the_stream__freed_with_its_use);
    tcase_add_test(tc, leave__with_an_event__forgotten);
    tcase_add_test(tc, leave__the_slowest__the_others_go_on);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
