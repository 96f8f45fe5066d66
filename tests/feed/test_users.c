/* SPDX-License-Identifier: MIT */
/* Fairness among users, of time and of memory: by a clock that the test winds. */
#include "feed/rig.h"

enum { SLOTS = 256, MANY = 126 };

static struct user *other;

static void setup(void)
{
    rig_setup();
    other = rig_user(2);
}

static void teardown(void)
{
    while (rig.k.streams)
        rig_leave(rig.k.streams->consumers);
    users_drop(&rig.k.users, other);
    rig_teardown();
}

/* A stream of its own for that user: another epoch, another ring. */
static struct consumer *open_for(struct user *u, uint64_t first)
{
    struct stream *s = rig_stream(FMNIST_ORDER_SEQUENTIAL, FMNIST_SHM, 0);
    struct err e;
    s->first = first;
    ck_assert_int_eq(stream_make_ring(s, SLOTS, &e), 0);
    s->chunk_max = 16;
    struct consumer *r = rig_consumer(false, first, UINT64_C(1) << 40);
    r->user = u;
    ck_assert_ptr_eq(rig_seat(s, r, NULL), s);
    return r;
}

static void give_back_all(void)
{
    for (struct stream *s = rig.k.streams, *next; s; s = next) {
        next = s->next;
        for (struct consumer *r = s->consumers; r; r = r->next) {
            rig_release(r, s->head);
            scheduler_kick(&rig.k, r, false, false, rig.now_ns);
        }
    }
    rig_unlock();
}

/* What a worker does next: a step of a job, which takes job_ns and says `result`, or a turn. */
static struct stream *work(uint64_t job_ns, enum job_result result)
{
    struct pool_job *job = scheduler_take_job(&rig.k, rig.now_ns);
    if (!job)
        return rig_turn();
    rig.now_ns += job_ns;
    users_end_step(&rig.k.users, job, result, job_ns, rig.now_ns);
    rig_unlock();
    return NULL;
}

static uint64_t render_ns_of(const struct user *u)
{
    uint64_t sum = 0;
    for (const struct consumer *r = u->consumers; r; r = r->next_of_user)
        sum += r->stream->render.done_ns;
    return sum;
}

static uint64_t difference(uint64_t a, uint64_t b)
{
    return a > b ? a - b : b - a;
}

/* ---- time ---------------------------------------------------------------------------------- */

/* However many streams a user opens, it has the time of one user. */
START_TEST(time__many_streams_beside_one__half_each)
{
    for (uint64_t i = 0; i < MANY; i++)
        open_for(rig.user, i * SLOTS * 8);
    struct consumer *one = open_for(other, MANY * SLOTS * 8);
    rig.cost_ns[STEP_RENDER] = 35 * US;
    uint64_t end_ns = rig.now_ns + 100 * MS;
    while (rig.now_ns < end_ns) {
        ck_assert(rig_turn());
        give_back_all();
    }
    uint64_t many = render_ns_of(rig.user), alone = one->stream->render.done_ns;
    ck_assert_uint_gt(many + alone, 99 * MS);
    ck_assert_msg(difference(many, alone) < USER_CREDIT_NS + 2 * TURN_QUANTUM_NS, "%llu %llu",
                  (unsigned long long)many, (unsigned long long)alone);
    /* And of it each of the streams the same. */
    for (const struct consumer *r = rig.user->consumers; r; r = r->next_of_user)
        ck_assert_uint_le(difference(r->stream->render.done_ns, many / MANY), 2 * TURN_QUANTUM_NS);
}
END_TEST

/* Jobs without end of one user, and a stream of another: it waits for one step at the most, and has
 * half of the time. */
START_TEST(time__jobs_without_end__streams_of_others_wait_for_one_step)
{
    struct consumer *r = open_for(other, 0);
    rig.cost_ns[STEP_RENDER] = 35 * US;
    rig_put_job(rig.user);
    uint64_t began_ns = rig.now_ns, waits_since_ns = began_ns, longest_ns = 0;
    while (rig.now_ns < began_ns + 200 * MS) {
        give_back_all();
        uint64_t before_ns = rig.now_ns;
        if (work(5 * MS, JOB_AGAIN)) {
            longest_ns =
                before_ns - waits_since_ns > longest_ns ? before_ns - waits_since_ns : longest_ns;
            waits_since_ns = rig.now_ns;
        }
    }
    ck_assert_uint_eq(longest_ns, 5 * MS);
    ck_assert_uint_le(difference(r->stream->render.done_ns, 100 * MS), 6 * MS);
}
END_TEST

/* One user alone: what was just asked for comes first, and what takes long has half. */
START_TEST(time__job_and_stream_of_one_user__first_and_then_in_turn)
{
    struct consumer *r = open_for(rig.user, 0);
    rig.cost_ns[STEP_RENDER] = 35 * US;
    while (rig.now_ns < 1010 * MS) {
        ck_assert_ptr_eq(work(0, JOB_DONE), r->stream);
        give_back_all();
    }
    rig_put_job(rig.user);
    ck_assert(rig.user->vtime_ns > 0 && user_has_job_due(rig.user));
    ck_assert_ptr_null(work(3 * MS, JOB_AGAIN));
    uint64_t before_ns = r->stream->render.done_ns;
    give_back_all();
    while (work(3 * MS, JOB_AGAIN))
        give_back_all();
    uint64_t had_ns = r->stream->render.done_ns - before_ns;
    ck_assert_msg(had_ns >= 3 * MS && had_ns < 3 * MS + 2 * TURN_QUANTUM_NS, "%llu",
                  (unsigned long long)had_ns);
}
END_TEST

START_TEST(time__job_alone__goes_on_at_once)
{
    rig_put_job(rig.user);
    for (int i = 0; i < 4; i++) {
        ck_assert_uint_eq(rig.k.users.waiting, 1);
        ck_assert_ptr_null(work(3 * MS, i < 3 ? JOB_AGAIN : JOB_DONE));
    }
    ck_assert_uint_eq(rig.k.users.waiting, 0);
    ck_assert_uint_eq(rig.user->vtime_ns, 12 * MS);
}
END_TEST

/* Whoever had much time and leaves has had it still when it comes back. */
START_TEST(time__leaves_and_comes_back__owes_still)
{
    struct consumer *r = open_for(other, 0);
    struct user *third = rig_user(3);
    rig.cost_ns[STEP_RENDER] = 35 * US;
    rig_put_job(third);
    ck_assert_ptr_null(work(50 * MS, JOB_DONE));
    users_drop(&rig.k.users, third);
    rig_unlock();
    third = rig_user(3);
    rig_put_job(third);
    uint64_t since_ns = rig.now_ns;
    while (work(50 * MS, JOB_DONE))
        give_back_all();
    ck_assert_uint_ge(rig.now_ns - since_ns, 99 * MS);
    ck_assert_uint_ge(r->stream->render.done_ns, 49 * MS);
    users_drop(&rig.k.users, third);
    rig_unlock();
    /* And is forgotten when the others have had as much. */
    while (third->vtime_ns > rig.k.users.vtime_ns) {
        ck_assert(rig_turn());
        give_back_all();
        ck_assert_uint_lt(rig.now_ns - since_ns, 300 * MS);
    }
    users_drop(&rig.k.users, rig_user(4));
    for (const struct user *u = rig.k.users.first; u; u = u->next)
        ck_assert_uint_lt(u->uid, 3);
    rig_unlock();
}
END_TEST

/* Those that share a ring pay for it together; whoever has time left has it served. */
START_TEST(time__ring_of_two_users__each_pays_its_part)
{
    struct consumer *a = open_for(rig.user, 0);
    struct stream *like = rig_stream(FMNIST_ORDER_SEQUENTIAL, FMNIST_SHM, 0);
    struct consumer *b = rig_consumer(false, 0, UINT64_C(1) << 40);
    b->user = other;
    ck_assert_ptr_eq(rig_seat(like, b, NULL), a->stream);
    stream_free(like);
    rig.cost_ns[STEP_RENDER] = 40 * US;
    rig_put_job(rig.user);
    ck_assert_ptr_null(work(80 * MS, JOB_DONE)); /* which is not b's concern */
    rig_put_job(rig.user);
    uint64_t had_ns = rig.user->vtime_ns, began_ns = rig.now_ns;
    while (rig.now_ns < began_ns + 50 * MS) {
        ck_assert_ptr_eq(work(0, JOB_DONE), a->stream);
        give_back_all();
    }
    ck_assert_uint_le(difference(rig.user->vtime_ns - had_ns, 25 * MS), MS);
    ck_assert_uint_le(difference(other->vtime_ns, 25 * MS), MS);
}
END_TEST

/* Of two workers one is not for the storm while somebody else reads. */
START_TEST(time__another_user_was_served_lately__one_worker_is_left_for_it)
{
    struct consumer *r = open_for(other, 0);
    rig.k.workers = 2;
    ck_assert_ptr_eq(rig_turn(), r->stream); /* and the ring is full */
    ck_assert_ptr_null(rig_turn());
    struct pool_job second = {0};
    rig_put_job(rig.user);
    users_put_job(&rig.k.users, rig.user, &second);
    uint64_t served_ns = rig.now_ns;
    struct pool_job *job = scheduler_take_job(&rig.k, rig.now_ns);
    ck_assert_ptr_nonnull(job);
    ck_assert_ptr_null(scheduler_take_job(&rig.k, rig.now_ns));
    give_back_all();
    struct turn t;
    ck_assert(turn_begin(&t, &rig.k, rig.now_ns));
    ck_assert_ptr_eq(t.stream, r->stream);
    for (struct step step; (step = rig_next(&t)).kind != STEP_END;)
        rig_finish(&t, &step);
    ck_assert_uint_eq(other->served_ns, served_ns);
    rig.now_ns = served_ns + USER_LINGER_NS - 1;
    ck_assert_ptr_null(scheduler_take_job(&rig.k, rig.now_ns));
    rig.now_ns++;
    ck_assert_ptr_eq(scheduler_take_job(&rig.k, rig.now_ns), &second);
    users_end_step(&rig.k.users, job, JOB_DONE, 0, rig.now_ns);
    users_end_step(&rig.k.users, &second, JOB_DONE, 0, rig.now_ns);
}
END_TEST

/* A consumer that leaves in the midst of a step pays for it. */
START_TEST(time__leaves_in_a_step__pays)
{
    struct consumer *r = open_for(other, 0);
    struct turn t;
    rig.cost_ns[STEP_RENDER] = 30 * MS;
    ck_assert(turn_begin(&t, &rig.k, rig.now_ns));
    struct step step = rig_next(&t);
    rig_leave(r);
    uint64_t before_ns = other->vtime_ns;
    rig_finish(&t, &step);
    ck_assert_uint_eq(other->vtime_ns - before_ns, 30 * MS);
    ck_assert_int_eq(rig_next(&t).kind, STEP_END);
    ck_assert_uint_eq(rig.ended, 1);
}
END_TEST

/* ---- rings --------------------------------------------------------------------------------- */

static struct seat_wish wish_for(struct user *u)
{
    struct consumer *r = rig_consumer(false, 0, 1000);
    r->user = u;
    return (struct seat_wish){.stream = rig_stream(FMNIST_ORDER_SHUFFLE, FMNIST_SHM, 0),
                              .consumer = r,
                              .limits = rig.limits};
}

static void drop(struct seat_wish *w)
{
    consumer_free(w->consumer);
    if (w->stream->user)
        scheduler_drop(&rig.k, w->stream);
    else
        stream_free(w->stream);
    rig_unlock();
}

/* However many ask at the same time, before anything is made. */
START_TEST(ring__many_claims__up_to_the_limit)
{
    struct seat_wish wishes[8];
    rig.limits.ring_bytes = 3500;
    for (int i = 0; i < 8; i++) {
        wishes[i] = wish_for(other);
        enum seat_result got = scheduler_claim_ring(&rig.k, &wishes[i], 1000);
        ck_assert_int_eq(got, i < 3 ? SEAT_TAKEN : SEAT_NO_RINGS);
        ck_assert_uint_eq(user_ring_bytes(other, NULL), i < 3 ? (i + 1) * 1000u : 3000);
    }
    struct seat_wish of_another = wish_for(rig.user);
    ck_assert_int_eq(scheduler_claim_ring(&rig.k, &of_another, 3500), SEAT_TAKEN);
    drop(&of_another);
    for (int i = 0; i < 8; i++)
        drop(&wishes[i]);
    ck_assert_uint_eq(user_ring_bytes(other, NULL) + other->freeing_bytes, 0);
}
END_TEST

START_TEST(ring__larger_than_everything__refused)
{
    struct seat_wish w = wish_for(other);
    rig.limits.ring_bytes = w.limits.ring_bytes = 1000;
    ck_assert_int_eq(scheduler_claim_ring(&rig.k, &w, UINT64_MAX), SEAT_NO_RINGS);
    drop(&w);
}
END_TEST

/* A ring on its way out is not there twice: whoever wants its memory waits for it. */
START_TEST(ring__another_is_being_freed__waits_for_that)
{
    struct seat_wish first = wish_for(other), second = wish_for(other);
    first.limits.ring_bytes = second.limits.ring_bytes = 1500;
    ck_assert_int_eq(scheduler_claim_ring(&rig.k, &first, 1000), SEAT_TAKEN);
    consumer_free(first.consumer);
    scheduler_drop(&rig.k, first.stream);
    ck_assert_uint_eq(other->freeing_bytes, 1000);
    ck_assert_int_eq(scheduler_claim_ring(&rig.k, &second, 1000), SEAT_MUST_WAIT);
    rig_put_job(other);
    ck_assert_ptr_null(work(0, JOB_WAITS)); /* and the ring is freed behind it */
    ck_assert_uint_eq(other->freeing_bytes, 0);
    ck_assert(!jobs_are_empty(&other->jobs));
    ck_assert_int_eq(scheduler_claim_ring(&rig.k, &second, 1000), SEAT_TAKEN);
    drop(&second);
}
END_TEST

/* Until the last byte is gone, and by the one that left last. */
START_TEST(ring__last_one_leaves__charged_until_it_is_freed)
{
    struct consumer *r = open_for(other, 0);
    uint64_t bytes = stream_bytes(r->stream);
    ck_assert_uint_eq(user_ring_bytes(other, NULL), bytes);
    rig.free_ns = 20 * MS;
    uint64_t before_ns = other->vtime_ns;
    seat_shut(&r->seat);
    scheduler_leave(&rig.k, r);
    ck_assert_uint_eq(user_ring_bytes(other, NULL), 0);
    ck_assert_uint_eq(other->freeing_bytes, bytes);
    rig_unlock();
    ck_assert_uint_eq(other->freeing_bytes, 0);
    ck_assert_uint_eq(other->vtime_ns - before_ns, 20 * MS);
}
END_TEST

/* A ring is shared by those that sit at it, whosever they are; a seat beyond the limit is none. */
START_TEST(ring__shared__by_consumer)
{
    struct consumer *a = open_for(rig.user, 0), *b[3];
    uint64_t bytes = stream_bytes(a->stream);
    for (int i = 0; i < 3; i++) {
        struct stream *like = rig_stream(FMNIST_ORDER_SEQUENTIAL, FMNIST_SHM, 0);
        b[i] = rig_consumer(false, 0, 1000);
        b[i]->user = other;
        rig.limits.ring_bytes = i < 2 ? bytes * 2 / 3 : bytes * 3 / 4 - 1;
        rig_seat(like, b[i], NULL);
        stream_free(like);
    }
    ck_assert_int_eq(rig.seated, SEAT_NO_RINGS);
    ck_assert(b[0]->stream && b[1]->stream && !b[2]->stream);
    consumer_free(b[2]);
    ck_assert_uint_eq(user_ring_bytes(rig.user, NULL), bytes / 3);
    ck_assert_uint_eq(user_ring_bytes(other, NULL), bytes / 3 * 2);
    rig_leave(a);
    ck_assert_uint_eq(user_ring_bytes(other, NULL), bytes / 2 * 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("feed/users");
    TCase *tc = tcase_create("users");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, time__many_streams_beside_one__half_each);
    tcase_add_test(tc, time__jobs_without_end__streams_of_others_wait_for_one_step);
    tcase_add_test(tc, time__job_and_stream_of_one_user__first_and_then_in_turn);
    tcase_add_test(tc, time__job_alone__goes_on_at_once);
    tcase_add_test(tc, time__leaves_and_comes_back__owes_still);
    tcase_add_test(tc, time__ring_of_two_users__each_pays_its_part);
    tcase_add_test(tc, time__another_user_was_served_lately__one_worker_is_left_for_it);
    tcase_add_test(tc, time__leaves_in_a_step__pays);
    tcase_add_test(tc, ring__many_claims__up_to_the_limit);
    tcase_add_test(tc, ring__larger_than_everything__refused);
    tcase_add_test(tc, ring__another_is_being_freed__waits_for_that);
    tcase_add_test(tc, ring__last_one_leaves__charged_until_it_is_freed);
    tcase_add_test(tc, ring__shared__by_consumer);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
