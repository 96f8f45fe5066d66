/* SPDX-License-Identifier: MIT */
/* What takes many steps: orders, and chunks that are rendered in parts. Others are served between
 * them, whoever leaves ends them, and nothing is claimed before its order is there. */
#include "feed/rig.h"

#include <errno.h>

enum { SLOTS = 1024 };

/* ---- orders -------------------------------------------------------------------------------- */

static void end_turn(struct turn *t)
{
    struct step step;
    rig_put_job(rig.user);
    while ((step = rig_next(t)).kind != STEP_END)
        rig_finish(t, &step);
    rig_take_jobs();
}

/* Nothing is claimed before the order is there, and nobody else turns to the stream meanwhile. */
START_TEST(order__first_turn__made_before_anything_is_claimed)
{
    struct consumer *r = rig_open(FMNIST_ORDER_TORCH, SLOTS);
    struct turn a, b;
    rig_sleeps(r, true);
    rig.cost_ns[STEP_ORDER] = 5 * MS;
    ck_assert(turn_begin(&a, &rig.k, rig.now_ns));
    struct step step = rig_next(&a);
    ck_assert_int_eq(step.kind, STEP_ORDER);
    ck_assert_uint_eq(step.epoch, 0);
    ck_assert(step.wait && r->stream->ordering);
    ck_assert_msg(!turn_begin(&b, &rig.k, rig.now_ns), "there is nothing for a second worker");
    uint64_t before = r->vtime_ns;
    rig_finish(&a, &step);
    ck_assert(!r->stream->ordering);
    ck_assert_uint_eq(r->vtime_ns - before, 5 * MS);
    rig_turn();
    ck_assert_msg(!strncmp(rig.trace, "OR", 2) && !strchr(rig.trace + 1, 'O'), "%s", rig.trace);
    end_turn(&a);
}
END_TEST

/* An order that takes many steps is made between those of others, and not for one that left. */
START_TEST(order__takes_many_steps__others_are_served_between)
{
    struct consumer *far = rig_open(FMNIST_ORDER_TORCH, SLOTS);
    struct consumer *other = rig_open(FMNIST_ORDER_SEQUENTIAL, SLOTS);
    rig.cost_ns[STEP_ORDER] = rig.cost_ns[STEP_RENDER] = MS;
    rig.order_again = true;
    uint32_t orders = 0;
    for (int i = 0; i < 200; i++) {
        rig_forget();
        struct stream *s = rig_turn();
        ck_assert_ptr_nonnull(s);
        orders += s == far->stream;
        ck_assert(s != far->stream || !strcmp(rig.trace, "O"));
        rig_release(other, other->stream->head);
    }
    ck_assert_uint_ge(orders, 90);
    ck_assert_uint_le(orders, 110);
    ck_assert_uint_eq(far->stream->claimed, 0);
    rig_leave(far);
    for (int i = 0; i < 20; i++) {
        ck_assert_ptr_eq(rig_turn(), other->stream);
        rig_release(other, other->stream->head);
    }
}
END_TEST

/* The order that is needed cannot be made: the stream ends. */
START_TEST(order__no_memory__consumers_are_told)
{
    struct consumer *r = rig_open(FMNIST_ORDER_TORCH, SLOTS);
    struct turn t;
    ck_assert(turn_begin(&t, &rig.k, rig.now_ns));
    struct step step = rig_next(&t);
    struct outcome o = {.start_ns = rig.now_ns, .end_ns = rig.now_ns, .rc = -ENOMEM};
    ck_assert_int_eq(step.kind, STEP_ORDER);
    turn_done(&t, &rig.k, &step, &o);
    rig_unlock();
    ck_assert_int_eq(r->stream->failed, -ENOMEM);
    ck_assert_ptr_eq(scheduler_take_event(&rig.k), r);
    end_turn(&t);
    ck_assert(!rig_turn());
}
END_TEST

/* ---- parts of a chunk ---------------------------------------------------------------------- */

static int renders;

/* The ring looks full to another worker while a chunk is under way. */
static void another_worker_parks(const struct step *step)
{
    if (step->kind == STEP_RENDER && renders++ == 0)
        scheduler_park(&rig.k, step->stream);
}

/* A chunk that is paused is gone on with, by whoever comes, and published whole. */
START_TEST(render__takes_many_steps__others_are_served_between)
{
    struct consumer *slow = rig_open(FMNIST_ORDER_SHUFFLE, SLOTS);
    struct consumer *other = rig_open(FMNIST_ORDER_SEQUENTIAL, SLOTS);
    slow->stream->chunk_max = SLOTS / 2;
    rig.end_ns = 0; /* a group of samples, and then the turn is over */
    rig.cost_ns[STEP_RENDER] = MS;
    uint32_t turns[2] = {0}, published = 0;
    renders = 0;
    rig.meanwhile = another_worker_parks;
    for (int i = 0; i < 400; i++) {
        struct stream *s = rig_turn();
        ck_assert_ptr_nonnull(s);
        turns[s == slow->stream]++;
        if (slow->stream->head > published) {
            ck_assert_uint_eq(slow->stream->paused_count, 0);
            published = (uint32_t)slow->stream->head;
        }
        rig_release(other, other->stream->head);
        rig_release(slow, slow->stream->head);
    }
    ck_assert_uint_ge(published, SLOTS);
    ck_assert_uint_ge(turns[0], 150);
    ck_assert_uint_ge(turns[1], 150);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("feed/steps");
    TCase *tc = tcase_create("steps");
    tcase_add_checked_fixture(tc, rig_setup, rig_teardown);
    tcase_add_test(tc, order__first_turn__made_before_anything_is_claimed);
    tcase_add_test(tc, order__takes_many_steps__others_are_served_between);
    tcase_add_test(tc, order__no_memory__consumers_are_told);
    tcase_add_test(tc, render__takes_many_steps__others_are_served_between);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
