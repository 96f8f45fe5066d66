/* SPDX-License-Identifier: MIT */
/* What a worker does for a stream, and for how long: by a clock that the test winds. */
#include "feed/rig.h"

#include <errno.h>

enum { SLOTS = 1024 };

/* ---- turns --------------------------------------------------------------------------------- */

/* A chunk of 30 us: the fourth one ends behind the quantum, and ends the turn. */
START_TEST(turn__room_without_end__ends_with_the_quantum)
{
    struct consumer *r = rig_open(FMNIST_ORDER_SEQUENTIAL, SLOTS);
    r->stream->chunk_max = 8;
    rig.cost_ns[STEP_RENDER] = 30 * US;
    ck_assert_ptr_eq(rig_turn(), r->stream);
    ck_assert_str_eq(rig.trace, "RRRR");
    ck_assert_uint_eq(r->stream->head, 4 * 8);
    ck_assert_uint_eq(r->stream->render.done_ns, 120 * US);
    ck_assert(r->stream->runnable);
}
END_TEST

/* A long step counts while it goes on, and not in one piece behind it: a second of a worker's never
 * has more than a second of it. */
START_TEST(turn__in_the_midst_of_a_step__counted_so_far)
{
    struct consumer *r = rig_open(FMNIST_ORDER_SEQUENTIAL, SLOTS);
    struct turn t;
    rig.cost_ns[STEP_RENDER] = 30 * MS;
    ck_assert(turn_begin(&t, &rig.k, rig.now_ns));
    struct step step = rig_next(&t);
    ck_assert_int_eq(step.kind, STEP_RENDER);
    ck_assert_uint_eq(busy_meter_at(&r->stream->render, rig.now_ns + 12 * MS), 12 * MS);
    ck_assert_uint_eq(busy_meter_at(&rig.k.work, rig.now_ns + 12 * MS), 12 * MS);
    rig_finish(&t, &step);
    ck_assert_uint_eq(busy_meter_at(&r->stream->render, rig.now_ns + 12 * MS), 30 * MS);
    ck_assert_uint_eq(busy_meter_at(&rig.k.work, rig.now_ns + 12 * MS), 30 * MS);
    while ((step = rig_next(&t)).kind != STEP_END)
        rig_finish(&t, &step);
}
END_TEST

/* Waking costs as much as a batch: once, for all chunks of a turn. */
START_TEST(turn__reader_sleeps__woken_once_at_the_end)
{
    struct consumer *r = rig_open(FMNIST_ORDER_SEQUENTIAL, SLOTS);
    r->stream->chunk_max = 8;
    rig.cost_ns[STEP_RENDER] = 40 * US;
    rig_sleeps(r, true);
    rig_turn();
    ck_assert_str_eq(rig.trace, "RRRW");
}
END_TEST

START_TEST(turn__chunk_longer_than_the_quantum__one)
{
    struct consumer *r = rig_open(FMNIST_ORDER_SEQUENTIAL, SLOTS);
    r->stream->chunk_max = 8;
    rig.cost_ns[STEP_RENDER] = 3 * MS;
    rig_turn();
    ck_assert_str_eq(rig.trace, "R");
}
END_TEST

/* What the loop waits for comes before the rest of a turn. */
START_TEST(turn__job_waits__ends_after_its_step)
{
    struct consumer *r = rig_open(FMNIST_ORDER_SEQUENTIAL, SLOTS);
    r->stream->chunk_max = 8;
    rig_put_job(rig.user);
    rig_turn();
    ck_assert_str_eq(rig.trace, "R");
    ck_assert_uint_eq(r->stream->uses, 0);
}
END_TEST

/* Two workers at one stream: what is finished first may lie behind. */
START_TEST(turn__chunks_finish_out_of_order__published_in_order)
{
    struct consumer *r = rig_open(FMNIST_ORDER_SEQUENTIAL, SLOTS);
    struct stream *s = r->stream;
    struct turn a, b;
    s->chunk_max = 8;
    ck_assert(turn_begin(&a, &rig.k, rig.now_ns) && turn_begin(&b, &rig.k, rig.now_ns));
    ck_assert_ptr_eq(a.stream, b.stream);
    struct step first = rig_next(&a), second = rig_next(&b);
    ck_assert_uint_eq(second.chunk.first, first.chunk.first + first.chunk.count);
    rig_finish(&b, &second);
    ck_assert_uint_eq(s->head, 0);
    ck_assert(!b.published);
    rig_finish(&a, &first);
    ck_assert_uint_eq(s->head, 16);
    ck_assert(a.published);
    rig_put_job(rig.user); /* both turns end */
    ck_assert_int_eq(rig_next(&a).kind, STEP_END);
    ck_assert_uint_eq(s->uses, 1);
    ck_assert_int_eq(rig_next(&b).kind, STEP_END);
    ck_assert_uint_eq(s->uses, 0);
}
END_TEST

/* Published is published, though a later chunk has to wait for one before it. */
START_TEST(turn__later_chunk_waits__reader_is_woken_for_the_first)
{
    struct consumer *r = rig_open(FMNIST_ORDER_SEQUENTIAL, SLOTS);
    struct turn a, b;
    r->stream->chunk_max = 8;
    rig_sleeps(r, true);
    ck_assert(turn_begin(&a, &rig.k, rig.now_ns) && turn_begin(&b, &rig.k, rig.now_ns));
    struct step first = rig_next(&a);
    rig_finish(&a, &first);
    struct step under_way = rig_next(&b), third = rig_next(&a);
    ck_assert_int_eq(third.kind, STEP_RENDER);
    rig_finish(&a, &third);
    ck_assert_uint_eq(r->stream->head, 8);
    rig_put_job(rig.user);
    struct step step = rig_next(&a);
    ck_assert_int_eq(step.kind, STEP_WAKE);
    rig_finish(&a, &step);
    ck_assert_int_eq(rig_next(&a).kind, STEP_END);
    rig_finish(&b, &under_way);
    ck_assert_uint_eq(r->stream->head, 24);
    while ((step = rig_next(&b)).kind != STEP_END)
        rig_finish(&b, &step);
}
END_TEST

/* Whoever sleeps is woken before the worker looks whether it gives something back. */
START_TEST(turn__ring_full__wakes_before_it_watches)
{
    struct consumer *r = rig_open(FMNIST_ORDER_SEQUENTIAL, 64);
    rig_sleeps(r, true);
    rig_turn();
    ck_assert_str_eq(rig.trace, "RRWt");
}
END_TEST

/* A worker with nothing to do parked the stream; the one that is at it still takes that back. */
START_TEST(turn__parked_by_another_worker__unparked)
{
    struct consumer *r = rig_open(FMNIST_ORDER_SEQUENTIAL, 16);
    struct stream *s = r->stream;
    struct turn a, b;
    ck_assert(turn_begin(&a, &rig.k, rig.now_ns) && turn_begin(&b, &rig.k, rig.now_ns));
    struct step first = rig_next(&a), second = rig_next(&b);
    rig_finish(&b, &second);
    ck_assert_int_eq(rig_next(&b).kind, STEP_END);
    ck_assert(s->parked == r && !s->runnable);
    rig_finish(&a, &first);
    struct step step = rig_next(&a);
    ck_assert_int_eq(step.kind, STEP_WATCH_TAIL);
    ck_assert(!s->parked && s->runnable);
    ck_assert_uint_eq(rig_wake_at(r), SEAT_NOT_PARKED);
    rig_finish(&a, &step);
    ck_assert_int_eq(rig_next(&a).kind, STEP_END);
    ck_assert(s->parked == r && !s->runnable);
}
END_TEST

/* A chunk has one epoch: its last batch ends it. */
START_TEST(turn__end_of_an_epoch__ends_the_chunk)
{
    struct consumer *r = rig_open(FMNIST_ORDER_SEQUENTIAL, SLOTS);
    struct stream *s = r->stream;
    uint64_t steps = s->plan->sampler.steps;
    rig.cost_ns[STEP_RENDER] = 30 * US;
    while (s->claimed < steps) {
        ck_assert(rig_turn());
        ck_assert(s->claimed <= steps || s->head > steps);
        rig_release(r, s->head);
        scheduler_kick(&rig.k, r, true, false, rig.now_ns);
    }
    for (uint64_t n = s->kept; n < s->head; n++) {
        const struct slot_header *h = ring_slot(&s->ring, n);
        ck_assert_uint_eq(h->epoch, n / steps);
        ck_assert_uint_eq(h->step, n % steps);
    }
}
END_TEST

/* ---- failure ------------------------------------------------------------------------------- */

/* Everybody at the stream is told, once, and nobody is served any more. */
START_TEST(failure__rendering_fails__consumers_are_told)
{
    struct consumer *a = rig_open(FMNIST_ORDER_SEQUENTIAL, SLOTS);
    struct stream *like = rig_stream(FMNIST_ORDER_SEQUENTIAL, FMNIST_SHM, 0);
    struct consumer *b = rig_consumer(false, 0, 1000);
    ck_assert_ptr_eq(rig_seat(like, b, NULL), a->stream);
    rig.render_rc = -ENOMEM;
    rig_turn();
    ck_assert_str_eq(rig.trace, "R");
    ck_assert_int_eq(a->stream->failed, -ENOMEM);
    ck_assert_uint_eq(rig.notified, 1);
    struct consumer *first = scheduler_take_event(&rig.k), *second = scheduler_take_event(&rig.k);
    ck_assert((first == a && second == b) || (first == b && second == a));
    ck_assert_ptr_null(scheduler_take_event(&rig.k));
    ck_assert(!rig_turn());
    struct consumer *c = rig_consumer(false, 0, 1000);
    ck_assert_msg(!rig_seat(like, c, NULL), "nobody sits down at a stream that failed");
    consumer_free(c);
    stream_free(like);
}
END_TEST

/* ---- inline -------------------------------------------------------------------------------- */

static int client;

static struct consumer *open_inline(void)
{
    struct stream *s = rig_stream(FMNIST_ORDER_SEQUENTIAL, FMNIST_INLINE, SLOTS);
    struct consumer *r = rig_consumer(true, 0, UINT64_C(1) << 40);
    struct err e;
    int ends[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    ck_assert_int_eq(inline_sender_init(&r->sender, ends[0], &e), 0);
    close(ends[0]);
    client = ends[1];
    ck_assert_ptr_eq(rig_seat(s, r, NULL), s);
    s->chunk_max = 8;
    return r;
}

static void take_all(void)
{
    char sink[65536];
    while (read(client, sink, sizeof sink) > 0)
        ;
}

/* Nothing goes out before the reply; then each chunk goes out as it is made, and a full socket is
 * the loop's in the end. */
START_TEST(inline__socket_fills__watched_and_then_the_loops)
{
    struct consumer *r = open_inline();
    rig.cost_ns[STEP_RENDER] = 30 * US;
    rig_turn();
    ck_assert_msg(!strchr(rig.trace, 'S'), "%s", rig.trace);
    rig_forget();
    scheduler_writable(&rig.k, r, rig.now_ns);
    while (r->stream->runnable)
        rig_turn();
    ck_assert_msg(strstr(rig.trace, "RS") && strchr(rig.trace, 's'), "%s", rig.trace);
    ck_assert_int_eq(r->sender.state, SENDER_FULL);
    ck_assert_ptr_eq(scheduler_take_event(&rig.k), r);
    uint64_t tail = r->tail;
    take_all();
    scheduler_writable(&rig.k, r, rig.now_ns);
    rig_turn();
    ck_assert_uint_gt(r->tail, tail);
    close(client);
}
END_TEST

static void take_while_watched(const struct step *step)
{
    if (step->kind == STEP_WATCH_SOCKET)
        take_all();
}

/* A client that takes what fills its socket while we look spares the loop. */
START_TEST(inline__socket_takes_more_while_watched__goes_on)
{
    struct consumer *r = open_inline();
    rig.cost_ns[STEP_RENDER] = US;
    rig.meanwhile = take_while_watched;
    scheduler_writable(&rig.k, r, rig.now_ns);
    while (!strchr(rig.trace, 's')) {
        rig_forget();
        ck_assert(rig_turn());
    }
    ck_assert_msg(strstr(rig.trace, "sS") || r->sender.state == SENDER_OPEN, "%s", rig.trace);
    ck_assert_ptr_null(scheduler_take_event(&rig.k));
    close(client);
}
END_TEST

/* Another worker, who found nothing to do, has parked it: what was sent since makes room. */
START_TEST(inline__parked_by_another_worker__back_after_sending)
{
    struct consumer *r = open_inline();
    struct stream *s = r->stream;
    struct turn a, b;
    ring_set_window(&s->ring, 16);
    scheduler_writable(&rig.k, r, rig.now_ns);
    ck_assert(turn_begin(&a, &rig.k, rig.now_ns) && turn_begin(&b, &rig.k, rig.now_ns));
    struct step first = rig_next(&a), second = rig_next(&b);
    rig_finish(&b, &second);
    ck_assert_int_eq(rig_next(&b).kind, STEP_END);
    ck_assert(!s->runnable);
    rig_finish(&a, &first);
    rig_put_job(rig.user);
    struct step step = rig_next(&a);
    ck_assert_int_eq(step.kind, STEP_SEND);
    rig_finish(&a, &step);
    ck_assert_int_eq(rig_next(&a).kind, STEP_END);
    ck_assert(s->runnable);
    ck_assert_uint_eq(r->tail, 16);
    close(client);
}
END_TEST

/* The loop has found the socket full, and is told of room by whoever took its waiting away. */
static void fail_while_watched(const struct step *step)
{
    if (step->kind != STEP_WATCH_SOCKET)
        return;
    scheduler_fail(&rig.k, step->stream, -EIO);
    ck_assert_ptr_eq(scheduler_take_event(&rig.k), step->consumer);
    take_all();
}

START_TEST(inline__fails_while_watched__the_loop_sends_the_rest)
{
    struct consumer *r = open_inline();
    rig.cost_ns[STEP_RENDER] = US;
    rig.cost_ns[STEP_WATCH_SOCKET] = 200 * US;
    rig.meanwhile = fail_while_watched;
    scheduler_writable(&rig.k, r, rig.now_ns);
    while (!r->stream->failed)
        ck_assert(rig_turn());
    ck_assert_int_eq(r->sender.state, SENDER_OPEN);
    ck_assert(turn_may_send(r->stream));
    ck_assert_ptr_eq(scheduler_take_event(&rig.k), r);
    close(client);
}
END_TEST

START_TEST(inline__client_gone__its_consumer_fails)
{
    struct consumer *r = open_inline();
    scheduler_writable(&rig.k, r, rig.now_ns);
    close(client);
    rig_turn();
    ck_assert_int_eq(r->failed, -EPIPE);
    ck_assert_ptr_eq(scheduler_take_event(&rig.k), r);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("feed/turn");
    TCase *tc = tcase_create("turn");
    tcase_add_checked_fixture(tc, rig_setup, rig_teardown);
    tcase_add_test(tc, turn__room_without_end__ends_with_the_quantum);
    tcase_add_test(tc, turn__in_the_midst_of_a_step__counted_so_far);
    tcase_add_test(tc, turn__reader_sleeps__woken_once_at_the_end);
    tcase_add_test(tc, turn__chunk_longer_than_the_quantum__one);
    tcase_add_test(tc, turn__job_waits__ends_after_its_step);
    tcase_add_test(tc, turn__chunks_finish_out_of_order__published_in_order);
    tcase_add_test(tc, turn__later_chunk_waits__reader_is_woken_for_the_first);
    tcase_add_test(tc, turn__ring_full__wakes_before_it_watches);
    tcase_add_test(tc, turn__parked_by_another_worker__unparked);
    tcase_add_test(tc, turn__end_of_an_epoch__ends_the_chunk);
    tcase_add_test(tc, failure__rendering_fails__consumers_are_told);
    tcase_add_test(tc, inline__socket_fills__watched_and_then_the_loops);
    tcase_add_test(tc, inline__socket_takes_more_while_watched__goes_on);
    tcase_add_test(tc, inline__parked_by_another_worker__back_after_sending);
    tcase_add_test(tc, inline__fails_while_watched__the_loop_sends_the_rest);
    tcase_add_test(tc, inline__client_gone__its_consumer_fails);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
