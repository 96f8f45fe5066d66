/* SPDX-License-Identifier: MIT */
/* What a stream adds up for the delivery ledger: at any tail, that of the batches before it. */
#include "feed/rig.h"
#include "ledger/sum.h"

static uint64_t random_state = 88172645463325252u;

static uint64_t draw(uint64_t below)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state % below;
}

/* Batches of one image, in order. */
static uint64_t sum_of(uint64_t first, uint64_t end)
{
    uint64_t sum = 0;
    for (uint64_t n = first; n < end; n++) {
        uint32_t index = (uint32_t)(n % RIG_COUNT);
        sum += ledger_batch_sum(n, &index, 1);
    }
    return sum;
}

static struct stream *summed_stream(uint32_t transport, uint32_t slots)
{
    struct err e;
    struct stream *s = rig_stream(FMNIST_ORDER_SEQUENTIAL, transport, 0);
    s->is_summed = true;
    ck_assert_int_eq(stream_make_ring(s, slots, &e), 0);
    return s;
}

/* Two readers of one ring, one of which wants less, and their tails go as they like: over the ends
 * of epochs, and on where one has all that it wanted. */
START_TEST(consumer_sum__any_tails__of_the_batches_before)
{
    struct stream *s = summed_stream(FMNIST_SHM, 7);
    struct consumer *a = rig_consumer(false, 0, UINT64_C(1) << 40);
    struct consumer *b = rig_consumer(false, 0, 5000);
    rig_seat(s, a, NULL);
    rig_seat(s, b, NULL);
    uint64_t told_a = 0, told_b = 0, a_sum = 0, b_sum = 0;
    while (a->tail < 9000) {
        while (rig_turn())
            ;
        uint64_t ready_a = stream_ready(s, a) - a->tail, ready_b = stream_ready(s, b) - b->tail;
        rig_release(a, a->tail + draw(ready_a + 1));
        if (ready_b)
            rig_release(b, b->tail + draw(ready_b + 1));
        scheduler_kick(&rig.k, a, true, false, rig.now_ns);
        rig_unlock();
        b_sum += sum_of(told_b, b->tail);
        ck_assert_uint_eq(b->sum, b_sum);
        told_b = b->tail;
        a_sum += sum_of(told_a, a->tail);
        ck_assert_uint_eq(a->sum, a_sum);
        told_a = a->tail;
    }
    ck_assert_uint_eq(b->tail, 5000);
}
END_TEST

/* One who sits down at a ring in the midst, as after a move. */
START_TEST(consumer_sum__sits_down_later__the_difference_is_its_own)
{
    struct stream *s = summed_stream(FMNIST_SHM, 8);
    struct consumer *a = rig_consumer(false, 0, UINT64_C(1) << 40);
    rig_seat(s, a, NULL);
    while (rig_turn())
        ;
    rig_release(a, 5);
    scheduler_kick(&rig.k, a, true, false, rig.now_ns);
    rig_unlock();
    struct consumer *b = rig_consumer(false, 5, UINT64_C(1) << 40);
    struct stream *like;
    struct err e;
    ck_assert_int_eq(stream_fork(&like, s, s->plan, 5, &e), 0);
    ck_assert(like->is_summed);
    ck_assert_ptr_eq(rig_seat(like, b, NULL), s);
    stream_free(like);
    uint64_t begin = b->sum;
    ck_assert_uint_eq(begin, sum_of(0, 5));
    rig_release(b, 8);
    scheduler_kick(&rig.k, b, true, false, rig.now_ns);
    rig_unlock();
    ck_assert_uint_eq(b->sum - begin, sum_of(5, 8));
}
END_TEST

/* Inline, the tail is what was sent. */
START_TEST(consumer_sum__inline__of_the_batches_sent)
{
    int ends[2];
    char bytes[4096];
    struct err e;
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    struct stream *s = summed_stream(FMNIST_INLINE, 4);
    struct consumer *r = rig_consumer(true, 0, UINT64_C(1) << 40);
    ck_assert_int_eq(inline_sender_init(&r->sender, ends[0], &e), 0);
    rig_seat(s, r, NULL);
    scheduler_writable(&rig.k, r, rig.now_ns);
    uint64_t sent = 0, told = 0, sum = 0;
    while (r->tail < 200) {
        rig_turn();
        ssize_t n = recv(ends[1], bytes, sizeof bytes, 0);
        sent += n > 0 ? (uint64_t)n : 0;
        sum += sum_of(told, r->tail);
        told = r->tail;
        ck_assert_uint_eq(r->sum, sum);
        scheduler_writable(&rig.k, r, rig.now_ns);
    }
    ck_assert_uint_le(sent, r->sender.all_bytes);
    ck_assert_uint_ge(r->sender.all_bytes, 200 * (64 + 3 * 64));
    close(ends[0]);
    close(ends[1]);
}
END_TEST

/* Without a ledger there is nothing to add up. */
START_TEST(consumer_sum__not_asked_for__no_memory_and_none)
{
    struct consumer *r = rig_open(FMNIST_ORDER_SEQUENTIAL, 8);
    while (rig_turn())
        ;
    rig_release(r, 8);
    scheduler_kick(&rig.k, r, true, false, rig.now_ns);
    rig_unlock();
    ck_assert_ptr_null(r->stream->sums);
    ck_assert_uint_eq(r->sum, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sums");
    TCase *tc = tcase_create("sums");
    tcase_add_checked_fixture(tc, rig_setup, rig_teardown);
    tcase_add_test(tc, consumer_sum__any_tails__of_the_batches_before);
    tcase_add_test(tc, consumer_sum__sits_down_later__the_difference_is_its_own);
    tcase_add_test(tc, consumer_sum__inline__of_the_batches_sent);
    tcase_add_test(tc, consumer_sum__not_asked_for__no_memory_and_none);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
