/* When a stream has an epoch's order built. Rings, consumers and chunks are tested end to end. */
#include "feed/stream.h"
#include "fmnist.h"
#include "render/caches.h"
#include "support/support.h"

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
    dataset.splits[DATASET_TRAIN] = (struct dataset_split){
        .count = COUNT, .height = 1, .width = 1, .channels = 1, .images = images, .labels = labels};
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
    stream_make_order(s, due);
    s->ordering = false;
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
    tcase_add_test(tc, stream_order_due__order_without_permutation__never);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
