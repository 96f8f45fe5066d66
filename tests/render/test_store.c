/* The sample store: its budget, what it gives up, and many workers that want one sample. */
#include "fmnist.h"
#include "render/kitchen.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

enum { COUNT = 100, SIDE = 8, OUT = 16, SAMPLE = OUT * OUT };

static struct fake_set set;
static const struct dataset_split *split;

static void setup(void)
{
    support_setup();
    fake_set_init(&set, COUNT, SIDE, SIDE, 1);
    split = &set.dataset.splits[DATASET_TRAIN];
}

static void teardown(void)
{
    fake_set_free(&set);
    support_teardown();
}

static struct shelf *get(struct store *s, uint32_t rule, uint32_t side)
{
    struct shelf *shelf;
    struct err e;
    ck_assert_msg(store_get(s, split, rule, side, side, &shelf, &e) == 0, "%s", e.text);
    return shelf;
}

static struct store_usage usage_of(struct store *s)
{
    struct store_usage u;
    store_usage(s, &u);
    return u;
}

static void *make_scratch(const struct shelf *shelf)
{
    size_t size = shelf_scratch_bytes(shelf);
    return aligned_alloc(64, (size + 127) / 64 * 64);
}

/* Takes sample `index` from the shelf, and checks it against a rendering. Returns whether it is
 * kept. */
static bool check_sample(struct shelf *shelf, uint32_t index)
{
    void *scratch = make_scratch(shelf);
    uint8_t want[SAMPLE];
    const void *sample = shelf_sample(shelf, index, scratch);
    shelf_render(shelf, index, want, scratch);
    if (sample)
        ck_assert_mem_eq(sample, want, sizeof want);
    free(scratch);
    return sample;
}

START_TEST(store_get__same_rule_and_size__same_shelf)
{
    struct store *s = store_new(1 << 20);
    struct shelf *a = get(s, FMNIST_RESIZE_PILLOW_BILINEAR, OUT);
    ck_assert_ptr_eq(get(s, FMNIST_RESIZE_PILLOW_BILINEAR, OUT), a);
    struct shelf *rule = get(s, FMNIST_RESIZE_OPENCV_LINEAR, OUT);
    struct shelf *size = get(s, FMNIST_RESIZE_PILLOW_BILINEAR, OUT + 1);
    ck_assert(rule != a && size != a && rule != size);
    ck_assert_uint_eq(shelf_sample_bytes(a), SAMPLE);
    ck_assert_uint_eq(usage_of(s).shelves, 3);
    shelf_put(a);
    shelf_put(a);
    shelf_put(rule);
    shelf_put(size);
    store_free(s);
}
END_TEST

START_TEST(shelf_sample__room_for_all__each_rendered_once_and_kept)
{
    struct store *s = store_new(COUNT * SAMPLE);
    struct shelf *shelf = get(s, FMNIST_RESIZE_PILLOW_BILINEAR, OUT);
    for (uint32_t i = 0; i < COUNT; i++)
        ck_assert(check_sample(shelf, i));
    struct store_usage u = usage_of(s);
    ck_assert_uint_eq(u.filled_bytes, COUNT * SAMPLE);
    ck_assert_uint_eq(u.reserved_bytes, COUNT * SAMPLE);
    void *scratch = make_scratch(shelf);
    const void *first = shelf_sample(shelf, 7, scratch);
    ck_assert_ptr_eq(shelf_sample(shelf, 7, scratch), first);
    ck_assert_uint_eq(usage_of(s).filled_bytes, COUNT * SAMPLE);
    free(scratch);
    shelf_put(shelf);
    store_free(s);
}
END_TEST

/* One byte too few for all: the first ones are kept, the others are right all the same. */
START_TEST(shelf_sample__budget_for_some__the_first_are_kept)
{
    static const uint64_t budgets[] = {0, SAMPLE - 1, SAMPLE, 10 * SAMPLE + 5, COUNT * SAMPLE - 1};
    for (size_t b = 0; b < sizeof budgets / sizeof *budgets; b++) {
        struct store *s = store_new(budgets[b]);
        struct shelf *shelf = get(s, FMNIST_RESIZE_PILLOW_BICUBIC, OUT);
        for (uint32_t i = 0; i < COUNT; i++)
            ck_assert_int_eq(check_sample(shelf, i), i < budgets[b] / SAMPLE);
        struct store_usage u = usage_of(s);
        ck_assert_uint_eq(u.reserved_bytes, budgets[b] / SAMPLE * SAMPLE);
        ck_assert_uint_le(u.reserved_bytes, u.budget_bytes);
        shelf_put(shelf);
        store_free(s);
    }
}
END_TEST

/* A shelf in use is never taken away; of the idle ones the least recently used goes. */
START_TEST(store_get__no_room__the_longest_idle_shelf_goes)
{
    struct store *s = store_new(2 * COUNT * SAMPLE);
    struct shelf *used = get(s, FMNIST_RESIZE_PILLOW_BOX, OUT);
    ck_assert(check_sample(used, 0));
    struct shelf *idle = get(s, FMNIST_RESIZE_PILLOW_BILINEAR, OUT);
    ck_assert(check_sample(idle, 0));
    shelf_put(idle);
    ck_assert_uint_eq(usage_of(s).filled_bytes, 2 * SAMPLE);

    /* A third evicts the idle one, not the one that was made first. */
    struct shelf *third = get(s, FMNIST_RESIZE_PILLOW_HAMMING, OUT);
    ck_assert_uint_eq(usage_of(s).shelves, 2);
    ck_assert_uint_eq(usage_of(s).reserved_bytes, 2 * COUNT * SAMPLE);
    ck_assert_uint_eq(usage_of(s).filled_bytes, SAMPLE);
    ck_assert(check_sample(used, 0));

    /* With both in use there is no room: nothing is kept, nothing is wrong. */
    struct shelf *fourth = get(s, FMNIST_RESIZE_PILLOW_LANCZOS, OUT);
    ck_assert(!check_sample(fourth, 0));
    ck_assert_uint_eq(usage_of(s).reserved_bytes, 2 * COUNT * SAMPLE);
    shelf_put(used);
    shelf_put(third);
    shelf_put(fourth);
    store_free(s);
}
END_TEST

/* A rule that copies keeps nothing: the dataset's own bytes are its samples. */
START_TEST(shelf_sample__copying_rule__the_datasets_bytes)
{
    struct store *s = store_new(1 << 20);
    struct shelf *shelf = get(s, FMNIST_RESIZE_NONE, SIDE);
    for (uint32_t i = 0; i < COUNT; i++)
        ck_assert_ptr_eq(shelf_sample(shelf, i, NULL), set.images + i * SIDE * SIDE);
    ck_assert_uint_eq(usage_of(s).reserved_bytes, 0);
    shelf_put(shelf);
    struct err e = {""};
    ck_assert_int_eq(store_get(s, split, FMNIST_RESIZE_NONE, SIDE, SIDE + 1, &shelf, &e), -EINVAL);
    ck_assert(e.text[0]);
    ck_assert_uint_eq(usage_of(s).shelves, 1);
    store_free(s);
}
END_TEST

enum { THREADS = 8, ROUNDS = 30 };
static struct {
    struct shelf *shelf;
    pthread_barrier_t start;
    _Atomic unsigned kept, wrong;
} race;

static void *want_all(void *seed)
{
    uint8_t want[SAMPLE];
    void *scratch = make_scratch(race.shelf);
    pthread_barrier_wait(&race.start);
    for (uint32_t k = 0; k < COUNT; k++) {
        /* All in one order, so that they meet at the same sample. */
        uint32_t i = (k + (uint32_t)(uintptr_t)seed / 4) % COUNT;
        const void *sample = shelf_sample(race.shelf, i, scratch);
        shelf_render(race.shelf, i, want, scratch);
        race.kept += sample != NULL;
        race.wrong += sample && memcmp(sample, want, sizeof want) != 0;
    }
    free(scratch);
    return NULL;
}

/* A sample that is seen before it is complete would be half an image, once in a blue moon. */
START_TEST(shelf_sample__eight_workers_at_once__never_half_a_sample)
{
    for (int round = 0; round < ROUNDS; round++) {
        struct store *s = store_new(COUNT * SAMPLE);
        pthread_t threads[THREADS];
        race.shelf = get(s, FMNIST_RESIZE_PILLOW_LANCZOS, OUT);
        pthread_barrier_init(&race.start, NULL, THREADS);
        for (uintptr_t t = 0; t < THREADS; t++)
            ck_assert_int_eq(pthread_create(&threads[t], NULL, want_all, (void *)t), 0);
        for (int t = 0; t < THREADS; t++)
            pthread_join(threads[t], NULL);
        pthread_barrier_destroy(&race.start);
        ck_assert_uint_eq(race.wrong, 0);
        ck_assert_uint_eq(usage_of(s).filled_bytes, COUNT * SAMPLE);
        shelf_put(race.shelf);
        store_free(s);
    }
    ck_assert_uint_ge(race.kept, COUNT * ROUNDS);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("render/store");
    TCase *tc = tcase_create("store");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, store_get__same_rule_and_size__same_shelf);
    tcase_add_test(tc, shelf_sample__room_for_all__each_rendered_once_and_kept);
    tcase_add_test(tc, shelf_sample__budget_for_some__the_first_are_kept);
    tcase_add_test(tc, store_get__no_room__the_longest_idle_shelf_goes);
    tcase_add_test(tc, shelf_sample__copying_rule__the_datasets_bytes);
    tcase_add_test(tc, shelf_sample__eight_workers_at_once__never_half_a_sample);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
