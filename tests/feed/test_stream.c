/* SPDX-License-Identifier: MIT */
/* When a stream has an epoch's order built. Rings, consumers and chunks are tested end to end. */
#include "feed/stream.h"
#include "fmnist.h"
#include "render/caches.h"
#include "support/support.h"

#include <errno.h>
#include <string.h>

enum { COUNT = 40, EPOCHS = 2 };

static uint8_t images[COUNT];
static int32_t labels[COUNT];
static struct dataset dataset;
static struct render_caches caches;
static struct stream *s;

static void setup(void)
{
    support_setup();
    dataset = (struct dataset){.name = "set", .users = 1};
    dataset.splits[DATASET_TRAIN] = (struct dataset_split){.name = "train",
                                                           .count = COUNT,
                                                           .height = 1,
                                                           .width = 1,
                                                           .channels = 1,
                                                           .images = images,
                                                           .labels = labels};
    caches_init(&caches, 0);
}

static void teardown(void)
{
    stream_free(s);
    caches_free(&caches);
    support_teardown();
}

/* Batches of one: the head is the number of samples. */
static void open_stream(uint32_t order)
{
    struct spec spec;
    struct err e;
    spec_init(&spec);
    strcpy(spec.dataset, "set");
    spec.batch_size = 1;
    spec.epochs = EPOCHS;
    spec.order = order;
    struct stream_options o = {.spec = &spec, .dataset = &dataset, .caches = &caches};
    uint64_t limit;
    ck_assert_msg(stream_new(&s, &o, &limit, &e) == 0, "%s", e.text);
    s->limit = limit;
}

static bool is_due(void)
{
    uint64_t epoch;
    return stream_order_due(s, &epoch);
}

static void check_order_made(uint64_t epoch)
{
    uint64_t due = UINT64_MAX;
    ck_assert(stream_order_due(s, &due));
    ck_assert_uint_eq(due, epoch);
    ck_assert_msg(!stream_order_due(s, &due), "a second worker would make it too");
    ck_assert(!stream_is_ordered(s) == (s->claimed / COUNT == epoch));
    ck_assert_int_eq(stream_make_order(s, due, true), 1);
    stream_end_order(s, due, 1);
    struct permutation *p = permutation_cache_get(caches.permutations, &s->plan->sampler, epoch);
    ck_assert_ptr_eq(s->held[epoch % 2].order, p);
    permutation_cache_put(caches.permutations, p);
    ck_assert(!is_due());
}

/* The first batch of an epoch must find its order; the last epoch has no next. */
START_TEST(stream_order_due__epochs__each_order_once_and_ahead)
{
    open_stream(FMNIST_ORDER_TORCH);
    check_order_made(0);
    for (s->head = 1; s->head < COUNT * 3 / 4; s->head++)
        ck_assert(!is_due());
    check_order_made(1);
    for (; s->head <= COUNT * EPOCHS; s->head++)
        ck_assert(!is_due());
}
END_TEST

/* A worker may have slept through the epoch's last quarter. */
START_TEST(stream_order_due__head_jumps_an_epoch__its_order)
{
    open_stream(FMNIST_ORDER_NUMPY);
    check_order_made(0);
    s->head = COUNT + 1;
    check_order_made(1);
}
END_TEST

/* A step that did not finish it leaves it due, and nothing can be claimed. */
START_TEST(stream_order_due__step_was_not_enough__again)
{
    uint64_t due;
    open_stream(FMNIST_ORDER_TORCH);
    for (int i = 0; i < 3; i++) {
        ck_assert(stream_order_due(s, &due));
        ck_assert_uint_eq(due, 0);
        stream_end_order(s, due, i < 2 ? 0 : -ENOMEM);
        ck_assert(!stream_is_ordered(s));
    }
    check_order_made(0);
    ck_assert(stream_is_ordered(s));
}
END_TEST

/* An order goes only when no chunk needs it: claims wait until the head is in the epoch before. */
START_TEST(stream_order_due__claims_run_ahead__not_beyond_the_next_epoch)
{
    open_stream(FMNIST_ORDER_TORCH);
    check_order_made(0);
    s->claimed = COUNT;
    ck_assert(!stream_is_ordered(s) && !stream_is_stuck(s));
    check_order_made(1);
    ck_assert(stream_is_ordered(s));
    s->limit = 5 * COUNT;
    s->claimed = 2 * COUNT;
    ck_assert(!stream_is_ordered(s) && stream_is_stuck(s) && !is_due());
    s->head = COUNT - 1;
    ck_assert(stream_is_stuck(s) && !is_due());
    s->head = COUNT;
    ck_assert(!stream_is_stuck(s));
    check_order_made(2);
}
END_TEST

START_TEST(stream_order_due__order_without_permutation__never)
{
    open_stream(FMNIST_ORDER_SHUFFLE);
    for (s->head = 0; s->head <= COUNT * EPOCHS; s->head++)
        ck_assert(!is_due());
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("feed/stream");
    TCase *tc = tcase_create("stream_order_due");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, stream_order_due__epochs__each_order_once_and_ahead);
    tcase_add_test(tc, stream_order_due__head_jumps_an_epoch__its_order);
    tcase_add_test(tc, stream_order_due__step_was_not_enough__again);
    tcase_add_test(tc, stream_order_due__claims_run_ahead__not_beyond_the_next_epoch);
    tcase_add_test(tc, stream_order_due__order_without_permutation__never);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
