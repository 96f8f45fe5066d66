/* SPDX-License-Identifier: MIT */
/* Whose turn it is, and who gets a second worker: by a clock that the test winds. */
#include "feed/rig.h"

enum { SLOTS = 1024 };

/* ---- fairness ------------------------------------------------------------------------------ */

/* Serves for some time; both clients give back whatever they get. */
static void serve_both(struct consumer *a, struct consumer *b, uint64_t end_ns)
{
    while (rig.now_ns < end_ns) {
        ck_assert(rig_turn());
        for (int i = 0; i < 2; i++) {
            struct consumer *r = i ? b : a;
            rig_release(r, r->stream->head);
            scheduler_kick(&rig.k, r, false, false, rig.now_ns);
            rig_unlock();
        }
    }
}

/* Time is shared, not chunks: a stream whose chunks take long gets fewer of them. */
START_TEST(fairness__two_streams__the_same_time_for_each)
{
    struct consumer *a = rig_open(FMNIST_ORDER_SEQUENTIAL, SLOTS);
    struct consumer *b = rig_open(FMNIST_ORDER_SHUFFLE, SLOTS);
    a->stream->chunk_max = 4;
    b->stream->chunk_max = 64;
    rig.cost_ns[STEP_RENDER] = 35 * US;
    serve_both(a, b, rig.now_ns + 50 * MS);
    uint64_t x = a->stream->render.done_ns, y = b->stream->render.done_ns;
    ck_assert_uint_gt(x + y, 45 * MS);
    ck_assert_uint_lt(x > y ? x - y : y - x, 2 * TURN_QUANTUM_NS + 70 * US);
}
END_TEST

/* A stream is billed by consumer: two that share one get twice the time of one alone. */
START_TEST(fairness__two_consumers_at_one__twice_the_time)
{
    struct consumer *a = rig_open(FMNIST_ORDER_SEQUENTIAL, SLOTS);
    struct consumer *b = rig_open(FMNIST_ORDER_SHUFFLE, SLOTS);
    struct consumer *with_a = rig_consumer(false, 0, 1); /* which soon wants nothing more */
    struct stream *like = rig_stream(FMNIST_ORDER_SEQUENTIAL, FMNIST_SHM, 0);
    ck_assert_ptr_eq(rig_seat(like, with_a, NULL), a->stream);
    stream_free(like);
    a->stream->chunk_max = b->stream->chunk_max = 8;
    rig.cost_ns[STEP_RENDER] = 35 * US;
    ck_assert(rig_turn() && rig_turn());
    rig_release(with_a, 1);
    serve_both(a, b, rig.now_ns + 60 * MS);
    double ratio = (double)a->stream->render.done_ns / (double)b->stream->render.done_ns;
    ck_assert_msg(ratio > 1.9 && ratio < 2.1, "%f", ratio);
}
END_TEST

/* Whoever slept for long does not take all of the time when it comes back. */
START_TEST(fairness__long_sleeper__makes_up_for_a_moment)
{
    struct consumer *a = rig_open(FMNIST_ORDER_SEQUENTIAL, SLOTS);
    struct consumer *b = rig_open(FMNIST_ORDER_SHUFFLE, 32);
    a->stream->chunk_max = b->stream->chunk_max = 16;
    rig.cost_ns[STEP_RENDER] = 50 * US;
    while (b->stream->runnable) { /* until its ring is full */
        ck_assert(rig_turn());
        rig_release(a, a->stream->head);
        scheduler_kick(&rig.k, a, false, false, rig.now_ns);
    }
    serve_both(a, a, rig.now_ns + 80 * MS);
    uint64_t before = b->stream->render.done_ns, others = a->stream->render.done_ns;
    rig_release(b, b->stream->head);
    scheduler_kick(&rig.k, b, true, false, rig.now_ns);
    ck_assert_uint_eq(b->vtime_ns, rig.user->turn_vtime_ns - USER_CREDIT_NS);
    serve_both(a, b, rig.now_ns + 20 * MS);
    uint64_t got = b->stream->render.done_ns - before, had = a->stream->render.done_ns - others;
    ck_assert_uint_ge(got, had);
    ck_assert_uint_le(got, had + USER_CREDIT_NS + 3 * TURN_QUANTUM_NS);
}
END_TEST

/* ---- help ---------------------------------------------------------------------------------- */

/* One more worker where a CPU is left for it, and none where it would take the reader's. */
START_TEST(help__much_room__where_a_cpu_is_left)
{
    struct consumer *r = rig_open(FMNIST_ORDER_SEQUENTIAL, SLOTS);
    r->stream->chunk_max = 8;
    rig.k.workers = 2;
    rig.k.sleeping = 1;
    rig.k.cpus = 2; /* this worker's, and the reader's */
    rig.cost_ns[STEP_RENDER] = 40 * US;
    rig_forget();
    rig_turn();
    ck_assert_uint_eq(rig.woken, 0);
    rig.k.cpus = 3;
    rig_turn();
    ck_assert_uint_gt(rig.woken, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("feed/fairness");
    TCase *tc = tcase_create("fairness");
    tcase_add_checked_fixture(tc, rig_setup, rig_teardown);
    tcase_add_test(tc, fairness__two_streams__the_same_time_for_each);
    tcase_add_test(tc, fairness__two_consumers_at_one__twice_the_time);
    tcase_add_test(tc, fairness__long_sleeper__makes_up_for_a_moment);
    tcase_add_test(tc, help__much_room__where_a_cpu_is_left);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
