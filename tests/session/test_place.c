/* Places at streams: found, shared, paid for, refused, given back. */
#include "session/place.h"

#include "config/config.h"
#include "feed/stream.h"
#include "fmnist.h"
#include "render/caches.h"

#include <errno.h>

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

static void never(struct pool_job *job)
{
    ck_abort();
}

/* As the job of an open does it. */
static void find(struct place_job *j, uint64_t seed)
{
    struct spec spec;
    ck_assert_int_eq(place_job_init(j, &services, never, never), 0);
    spec_init(&spec);
    strcpy(spec.dataset, "fake");
    spec.batch_size = 8;
    spec.order = FMNIST_ORDER_SHUFFLE;
    spec.seed = seed;
    struct stream_options o = {.spec = &spec, .dataset = &set.dataset, .caches = &caches};
    j->rc = stream_new(&j->stream, &o, &j->limit, &j->err);
    ck_assert_int_eq(j->rc, 0);
    ck_assert_int_eq(place_choose_slots(j), 0);
    j->rc = place_find(j);
    ck_assert_int_eq(j->rc, 0);
}

static struct place *take(uint64_t seed)
{
    struct place_job j;
    find(&j, seed);
    struct place *p = place_admit(&j, account);
    ck_assert_msg(p != NULL, "%s", j.err.text);
    place_job_close(&j);
    return p;
}

/* The account has of a ring what its consumers have. */
START_TEST(place__equal_and_other_specs__charged_by_ring)
{
    struct place *a = take(1);
    uint64_t one = stream_bytes(a->consumer->stream);
    ck_assert_uint_eq(account_ring_bytes(account, services.pool), one);
    struct place *b = take(1);
    ck_assert_ptr_eq(a->consumer->stream, b->consumer->stream);
    ck_assert_uint_eq(account_ring_bytes(account, services.pool), one);
    struct place *c = take(2);
    ck_assert_ptr_ne(a->consumer->stream, c->consumer->stream);
    ck_assert_uint_eq(account_ring_bytes(account, services.pool), 2 * one);
    ck_assert_uint_eq(pool_ring_bytes(services.pool), 2 * one);
    place_leave(&services, a);
    ck_assert_uint_eq(account_ring_bytes(account, services.pool), 2 * one);
    place_leave(&services, b);
    place_leave(&services, c);
    place_leave(&services, NULL);
    ck_assert_uint_eq(account_ring_bytes(account, services.pool), 0);
    ck_assert_uint_eq(pool_stream_count(services.pool), 0);
}
END_TEST

/* What a limit is against is neither kept nor charged. */
START_TEST(place_admit__beyond_the_users_limit__gone_again)
{
    struct place_job j;
    struct place *a = take(1);
    config.limits.ring_bytes_per_user = stream_bytes(a->consumer->stream) + 1;
    find(&j, 2);
    ck_assert_uint_eq(pool_stream_count(services.pool), 2);
    ck_assert_ptr_null(place_admit(&j, account));
    ck_assert_int_eq(j.rc, -E2BIG);
    ck_assert_msg(strstr(j.err.text, "limits.ring_bytes_per_user"), "%s", j.err.text);
    place_job_close(&j);
    ck_assert_uint_eq(pool_stream_count(services.pool), 1);
    ck_assert_uint_eq(account_ring_bytes(account, services.pool),
                      stream_bytes(a->consumer->stream));
    place_leave(&services, a);
}
END_TEST

START_TEST(place_drop__nobody_there__left)
{
    struct place_job j;
    find(&j, 1);
    place_drop(&j);
    place_job_close(&j);
    ck_assert_uint_eq(pool_stream_count(services.pool), 0);
}
END_TEST

/* A job that no worker came to, because the daemon ends. */
START_TEST(place_admit__never_run__eio)
{
    struct place_job j;
    ck_assert_int_eq(place_job_init(&j, &services, never, never), 0);
    ck_assert_ptr_null(place_admit(&j, account));
    ck_assert_int_eq(j.rc, -EIO);
    place_job_close(&j);
}
END_TEST

START_TEST(place_check_list__at_and_beyond_the_limit__says_what)
{
    struct spec spec;
    struct err e;
    spec_init(&spec);
    spec.list_count = 100;
    spec.order = FMNIST_ORDER_TORCH;
    ck_assert_int_eq(place_check_list(&services, account, &spec, 1 << 16, &e), 0);
    ck_assert_int_eq(place_check_list(&services, account, &spec, (1 << 16) + 1, &e), -E2BIG);
    ck_assert_str_eq(e.text, "a list of 400 bytes and 800 of its order (shuffle takes none): "
                             "limits.list_bytes is 65536 bytes for all lists of uid 7");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("session/place");
    TCase *tc = tcase_create("place");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, place__equal_and_other_specs__charged_by_ring);
    tcase_add_test(tc, place_admit__beyond_the_users_limit__gone_again);
    tcase_add_test(tc, place_drop__nobody_there__left);
    tcase_add_test(tc, place_admit__never_run__eio);
    tcase_add_test(tc, place_check_list__at_and_beyond_the_limit__says_what);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
