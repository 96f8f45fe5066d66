/* SPDX-License-Identifier: MIT */
/* Places at streams: found, shared, paid for, refused, given back. */
#include "session/place.h"

#include "config/config.h"
#include "feed/pool_state.h"
#include "feed/stream.h"
#include "fmnist.h"
#include "render/caches.h"
#include "render/lists.h"

#include <errno.h>
#include <sched.h>

enum { COUNT = 500 };

static struct fake_set set;
static struct render_caches caches;
static struct config config;
static struct accounts accounts;
static struct services services;
static struct account *account;

static void ignore(void *data)
{
}

static void setup(void)
{
    struct err e;
    support_setup();
    fake_set_init(&set, COUNT, 8, 8, 1);
    caches_init(&caches, 1 << 20);
    config = (struct config){
        .ring_bytes = 1 << 16,
        .limits = {.ring_bytes = 1 << 20, .ring_bytes_per_user = 1 << 20, .list_bytes = 1 << 16}};
    services = (struct services){.config = &config, .caches = &caches, .accounts = &accounts};
    ck_assert_int_eq(pool_start(&services.pool, 1, ignore, NULL, &e), 0);
    account = account_open(&accounts, 7);
}

static void teardown(void)
{
    account_close(account);
    pool_stop(services.pool);
    caches_free(&caches);
    fake_set_free(&set);
    support_teardown();
}

static enum job_result never(struct pool_job *job)
{
    ck_abort();
}

static void never_done(struct pool_job *job)
{
    ck_abort();
}

static struct spec shuffled(uint64_t seed)
{
    struct spec spec;
    spec_init(&spec);
    strcpy(spec.dataset, "fake");
    spec.batch_size = 8;
    spec.order = FMNIST_ORDER_SHUFFLE;
    spec.seed = seed;
    return spec;
}

/* As the job of an open begins. */
static void begin(struct place_job *j, const struct spec *spec)
{
    ck_assert_int_eq(place_job_init(j, &services, account, never, never_done), 0);
    struct stream_options o = {.spec = spec, .dataset = &set.dataset, .caches = &caches};
    ck_assert_int_eq(stream_new(&j->stream, &o, &j->limit, &j->err), 0);
    ck_assert_int_eq(place_choose_slots(j), 0);
}

/* And goes on to its end. Returns j->rc. */
static int find(struct place_job *j)
{
    while (place_find(j) != JOB_DONE)
        ;
    ck_assert_ptr_null(j->stream);
    return j->rc;
}

static struct place *take(uint64_t seed)
{
    struct place_job j;
    struct spec spec = shuffled(seed);
    begin(&j, &spec);
    find(&j);
    struct place *p = place_take(&j);
    ck_assert_msg(p != NULL, "%s", j.err.text);
    place_job_close(&j);
    return p;
}

/* Of the account's user; those that are being made or freed, too. */
static uint64_t ring_bytes(void)
{
    const struct user *u = account_user(account, services.pool);
    pool_lock(services.pool);
    uint64_t bytes = user_ring_bytes(u, NULL) + u->freeing_bytes;
    pool_unlock(services.pool);
    return bytes;
}

/* Rings are freed by a thread. */
static void wait_for_ring_bytes(uint64_t bytes)
{
    while (ring_bytes() != bytes)
        sched_yield();
}

/* The account has of a ring what its consumers have. */
START_TEST(place__equal_and_other_specs__charged_by_ring)
{
    struct place *a = take(1);
    uint64_t one = stream_bytes(a->consumer->stream);
    ck_assert_uint_eq(ring_bytes(), one);
    struct place *b = take(1);
    ck_assert_ptr_eq(a->consumer->stream, b->consumer->stream);
    ck_assert_uint_eq(ring_bytes(), one);
    struct place *c = take(2);
    ck_assert_ptr_ne(a->consumer->stream, c->consumer->stream);
    ck_assert_uint_eq(ring_bytes(), 2 * one);
    ck_assert_uint_eq(pool_ring_bytes(services.pool), 2 * one);
    place_leave(&services, a);
    ck_assert_uint_eq(ring_bytes(), 2 * one);
    place_leave(&services, b);
    place_leave(&services, c);
    place_leave(&services, NULL);
    wait_for_ring_bytes(0);
    ck_assert_uint_eq(pool_stream_count(services.pool), 0);
}
END_TEST

/* What a limit is against is not made. */
START_TEST(place_find__beyond_the_users_limit__no_ring)
{
    struct place *a = take(1);
    uint64_t one = stream_bytes(a->consumer->stream);
    config.limits.ring_bytes_per_user = one + 1;
    for (uint64_t seed = 2; seed < 66; seed++) {
        struct place_job j;
        struct spec spec = shuffled(seed);
        begin(&j, &spec);
        ck_assert_int_eq(find(&j), -E2BIG);
        ck_assert_msg(strstr(j.err.text, "limits.ring_bytes_per_user"), "%s", j.err.text);
        ck_assert_ptr_null(place_take(&j));
        place_job_close(&j);
        ck_assert_uint_eq(pool_ring_bytes(services.pool), one);
        ck_assert_uint_eq(ring_bytes(), one);
    }
    place_leave(&services, a);
}
END_TEST

/* Rings of several pieces, all under way at the same time: those that do not fit are refused before
 * they are begun, however far the others are. */
START_TEST(place_find__many_at_a_time__never_beyond_the_limit)
{
    enum { JOBS = 64, FIT = 3 };
    static struct place_job jobs[JOBS];
    uint64_t bytes;
    bool done[JOBS] = {false};
    config.ring_bytes = config.limits.ring_bytes = 3 * RING_PIECE_BYTES;
    for (int i = 0; i < JOBS; i++) {
        struct spec spec = shuffled((uint64_t)i);
        spec.batch_size = 400; /* few slots do, so that a ring is that large */
        begin(&jobs[i], &spec);
        ck_assert_int_eq(stream_ring_size(jobs[i].stream, jobs[i].slots, &bytes, &jobs[i].err), 0);
        ck_assert_uint_gt(bytes, 2 * RING_PIECE_BYTES);
        jobs[i].limits.ring_bytes = FIT * bytes + bytes / 2;
    }
    for (int left = JOBS; left > 0;)
        for (int i = 0; i < JOBS; i++) {
            if (!done[i] && place_find(&jobs[i]) == JOB_DONE) {
                done[i] = true;
                left--;
            }
            ck_assert_uint_le(ring_bytes(), FIT * bytes);
        }
    int fit = 0;
    for (int i = 0; i < JOBS; i++) {
        struct place *p = place_take(&jobs[i]);
        fit += p != NULL;
        ck_assert(p || jobs[i].rc == -E2BIG);
        place_leave(&services, p);
        place_job_close(&jobs[i]);
    }
    ck_assert_int_eq(fit, FIT);
    wait_for_ring_bytes(0);
}
END_TEST

/* Its ring has more than one step makes, and one is done. */
static void begin_half_made(struct place_job *j)
{
    struct spec spec = shuffled(1);
    config.ring_bytes = config.limits.ring_bytes = 3 * RING_PIECE_BYTES;
    config.limits.ring_bytes_per_user = 4 * RING_PIECE_BYTES;
    spec.batch_size = 400;
    begin(j, &spec);
    ck_assert_int_eq(place_find(j), JOB_AGAIN);
}

/* Nobody waits any more: what was made of the ring goes back, and no more is made. */
START_TEST(place_find__abandoned__all_goes_back)
{
    struct place_job j;
    begin_half_made(&j);
    ck_assert_uint_gt(ring_bytes(), 2 * RING_PIECE_BYTES);
    place_job_abandon(&j);
    ck_assert_int_eq(place_find(&j), JOB_DONE);
    ck_assert_int_eq(j.rc, -ECANCELED);
    place_drop(&j);
    place_job_close(&j);
    wait_for_ring_bytes(0);
}
END_TEST

/* The daemon ends in the midst of it. */
START_TEST(place_take__half_made__eio_and_all_goes_back)
{
    struct place_job j;
    begin_half_made(&j);
    ck_assert_ptr_null(place_take(&j));
    ck_assert_int_eq(j.rc, -EIO);
    place_job_close(&j);
    wait_for_ring_bytes(0);
}
END_TEST

START_TEST(place_drop__nobody_there__left)
{
    struct place_job j;
    struct spec spec = shuffled(1);
    begin(&j, &spec);
    ck_assert_int_eq(find(&j), 0);
    place_drop(&j);
    place_job_close(&j);
    ck_assert_uint_eq(pool_stream_count(services.pool), 0);
}
END_TEST

/* A job that no worker came to, because the daemon ends. */
START_TEST(place_take__never_run__eio)
{
    struct place_job j;
    ck_assert_int_eq(place_job_init(&j, &services, account, never, never_done), 0);
    ck_assert_ptr_null(place_take(&j));
    ck_assert_int_eq(j.rc, -EIO);
    place_job_close(&j);
}
END_TEST

static bool ended;

static void note_end(struct pool_job *job)
{
    place_drop((struct place_job *)job);
    place_job_close((struct place_job *)job);
    ended = true;
}

/* The daemon ends while jobs wait for a worker. What they had of their user is given back, or the
 * end would be an abort. */
START_TEST(pool_stop__job_waits__ended_and_all_goes_back)
{
    struct place_job j;
    pool_end_workers(services.pool);
    ck_assert_int_eq(place_job_init(&j, &services, account, never, note_end), 0);
    place_job_start(&j);
    account_close(account);
    pool_stop(services.pool);
    ck_assert(ended);
    account = NULL;
    services.pool = NULL;
}
END_TEST

/* ---- lists --------------------------------------------------------------------------------- */

static uint64_t list_bytes(void)
{
    const struct user *u = account_user(account, services.pool);
    pool_lock(services.pool);
    uint64_t bytes = user_list_bytes(u, NULL);
    pool_unlock(services.pool);
    return bytes;
}

START_TEST(place_charge_list__at_and_beyond_the_limit__says_what)
{
    struct place_job j, second;
    struct spec spec;
    spec_init(&spec);
    spec.list_count = 100;
    spec.order = FMNIST_ORDER_TORCH;
    config.limits.list_bytes = 1200;
    ck_assert_int_eq(place_job_init(&j, &services, account, never, never_done), 0);
    ck_assert_int_eq(place_job_init(&second, &services, account, never, never_done), 0);
    ck_assert_int_eq(place_charge_list(&j, &spec), 0);
    ck_assert_uint_eq(list_bytes(), 400);
    ck_assert_int_eq(place_charge_list(&second, &spec), -E2BIG);
    ck_assert_str_eq(second.err.text,
                     "a list of 400 bytes and 800 of its order (shuffle takes none): "
                     "limits.list_bytes is 1200 bytes for all lists of uid 7");
    place_job_close(&j);
    ck_assert_uint_eq(list_bytes(), 0);
    ck_assert_int_eq(place_charge_list(&second, &spec), 0);
    place_job_close(&second);
    ck_assert_uint_eq(list_bytes(), 0);
}
END_TEST

/* A list of ten, which the caches know. */
static struct spec listed(uint32_t order, const struct index_list **list)
{
    struct err e;
    struct spec spec = shuffled(0);
    uint32_t *numbers = malloc(10 * sizeof *numbers);
    for (uint32_t i = 0; i < 10; i++)
        numbers[i] = i;
    spec.order = order;
    spec.list_count = 10;
    list_digest(&(struct list){.indices = numbers, .index_count = 10}, spec.list_digest);
    ck_assert_int_eq(list_keep(caches.index_lists, &spec, numbers, list, &e), 0);
    return spec;
}

/* One list, however many streams and consumers read it; permutations once for each stream. */
START_TEST(place_find__lists__each_once)
{
    const struct index_list *list;
    struct spec torch = listed(FMNIST_ORDER_TORCH, &list), other = torch;
    const struct spec *specs[] = {&torch, &torch, &other};
    static const uint64_t want[] = {40 + 80, 40 + 80, 40 + 2 * 80};
    struct place *places[3];
    other.seed = 5;
    for (int i = 0; i < 3; i++) {
        struct place_job j;
        begin(&j, specs[i]);
        ck_assert_msg(find(&j) == 0, "%s", j.err.text);
        places[i] = place_take(&j);
        place_job_close(&j);
        ck_assert_uint_eq(list_bytes(), want[i]);
    }
    ck_assert_ptr_eq(places[0]->consumer->stream, places[1]->consumer->stream);
    place_leave(&services, places[0]); /* another consumer is at its stream */
    ck_assert_uint_eq(list_bytes(), want[2]);
    place_leave(&services, places[1]);
    ck_assert_uint_eq(list_bytes(), 40 + 80);
    place_leave(&services, places[2]);
    ck_assert_uint_eq(list_bytes(), 0);
    index_list_cache_put(caches.index_lists, list);
}
END_TEST

/* The list came for it: counted as on its way, and then as read, and never twice. */
START_TEST(place_find__list_just_came__counted_once)
{
    const struct index_list *list;
    struct place_job j;
    struct spec spec = listed(FMNIST_ORDER_TORCH, &list);
    config.limits.list_bytes = 40 + 80;
    begin(&j, &spec);
    ck_assert_int_eq(place_charge_list(&j, &spec), 0);
    ck_assert_msg(find(&j) == 0, "%s", j.err.text);
    ck_assert_uint_eq(list_bytes(), 40 + 80);
    struct place *p = place_take(&j);
    place_job_close(&j);
    ck_assert_uint_eq(list_bytes(), 40 + 80);
    place_leave(&services, p);
    ck_assert_uint_eq(list_bytes(), 0);
    index_list_cache_put(caches.index_lists, list);
}
END_TEST

/* Before a ring or a permutation is made. */
START_TEST(place_find__permutations_beyond_the_limit__no_ring)
{
    const struct index_list *list;
    struct place_job j;
    struct spec spec = listed(FMNIST_ORDER_TORCH, &list);
    config.limits.list_bytes = 40 + 79;
    begin(&j, &spec);
    ck_assert_int_eq(find(&j), -E2BIG);
    ck_assert_msg(strstr(j.err.text, "limits.list_bytes"), "%s", j.err.text);
    ck_assert_uint_eq(ring_bytes(), 0);
    ck_assert_uint_eq(permutation_cache_bytes(caches.permutations), 0);
    ck_assert_ptr_null(place_take(&j));
    place_job_close(&j);
    index_list_cache_put(caches.index_lists, list);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("session/place");
    TCase *tc = tcase_create("place");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, place__equal_and_other_specs__charged_by_ring);
    tcase_add_test(tc, place_find__beyond_the_users_limit__no_ring);
    tcase_add_test(tc, place_find__many_at_a_time__never_beyond_the_limit);
    tcase_add_test(tc, place_find__abandoned__all_goes_back);
    tcase_add_test(tc, place_take__half_made__eio_and_all_goes_back);
    tcase_add_test(tc, place_drop__nobody_there__left);
    tcase_add_test(tc, place_take__never_run__eio);
    tcase_add_test(tc, pool_stop__job_waits__ended_and_all_goes_back);
    tcase_add_test(tc, place_charge_list__at_and_beyond_the_limit__says_what);
    tcase_add_test(tc, place_find__lists__each_once);
    tcase_add_test(tc, place_find__list_just_came__counted_once);
    tcase_add_test(tc, place_find__permutations_beyond_the_limit__no_ring);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
