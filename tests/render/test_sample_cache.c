/* SPDX-License-Identifier: MIT */
/* The sample store: its budget, what it gives up, and many workers that want one sample. */
#include "fmnist.h"
#include "render/caches.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>

enum { COUNT = 100, SIDE = 8, OUT = 16, SAMPLE = OUT * OUT, ROOM = SAMPLE + 1 };

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

static struct sample_entry *get(struct sample_cache *s, uint32_t rule, uint32_t side)
{
    struct sample_entry *entry;
    struct err e;
    ck_assert_msg(sample_cache_get(s, split, rule, side, side, &entry, &e) == 0, "%s", e.text);
    return entry;
}

static struct sample_cache_usage usage_of(struct sample_cache *s)
{
    struct sample_cache_usage u;
    sample_cache_usage(s, &u);
    return u;
}

static void *make_scratch(const struct sample_entry *entry)
{
    size_t size = sample_entry_scratch_bytes(entry);
    return aligned_alloc(64, (size + 127) / 64 * 64);
}

/* Takes sample `index` from the entry, and checks it against a rendering. Returns whether it is
 * kept. */
static bool check_sample(struct sample_entry *entry, uint32_t index)
{
    void *scratch = make_scratch(entry);
    uint8_t want[SAMPLE];
    const void *sample = sample_entry_get(entry, index, scratch);
    sample_entry_render(entry, index, want, scratch);
    if (sample)
        ck_assert_mem_eq(sample, want, sizeof want);
    free(scratch);
    return sample;
}

START_TEST(sample_cache_get__same_rule_and_size__same_shelf)
{
    struct sample_cache *s = sample_cache_new(1 << 20);
    struct sample_entry *a = get(s, FMNIST_RESIZE_PILLOW_BILINEAR, OUT);
    ck_assert_ptr_eq(get(s, FMNIST_RESIZE_PILLOW_BILINEAR, OUT), a);
    struct sample_entry *rule = get(s, FMNIST_RESIZE_OPENCV_LINEAR, OUT);
    struct sample_entry *size = get(s, FMNIST_RESIZE_PILLOW_BILINEAR, OUT + 1);
    ck_assert(rule != a && size != a && rule != size);
    ck_assert_uint_eq(sample_entry_bytes(a), SAMPLE);
    ck_assert_uint_eq(usage_of(s).entries, 3);
    sample_entry_put(a);
    sample_entry_put(a);
    sample_entry_put(rule);
    sample_entry_put(size);
    sample_cache_free(s);
}
END_TEST

START_TEST(sample_entry_sample__room_for_all__each_rendered_once_and_kept)
{
    struct sample_cache *s = sample_cache_new(COUNT * ROOM);
    struct sample_entry *entry = get(s, FMNIST_RESIZE_PILLOW_BILINEAR, OUT);
    for (uint32_t i = 0; i < COUNT; i++)
        ck_assert(check_sample(entry, i));
    struct sample_cache_usage u = usage_of(s);
    ck_assert_uint_eq(u.filled_bytes, COUNT * SAMPLE);
    ck_assert_uint_eq(u.reserved_bytes, COUNT * ROOM);
    void *scratch = make_scratch(entry);
    const void *first = sample_entry_get(entry, 7, scratch);
    ck_assert_ptr_eq(sample_entry_get(entry, 7, scratch), first);
    ck_assert_uint_eq(usage_of(s).filled_bytes, COUNT * SAMPLE);
    free(scratch);
    sample_entry_put(entry);
    sample_cache_free(s);
}
END_TEST

/* One byte too few for all: the first ones are kept, the others are right all the same. */
START_TEST(sample_entry_sample__budget_for_some__the_first_are_kept)
{
    static const uint64_t budgets[] = {0, ROOM - 1, ROOM, 10 * ROOM + 5, COUNT * ROOM - 1};
    for (size_t b = 0; b < sizeof budgets / sizeof *budgets; b++) {
        struct sample_cache *s = sample_cache_new(budgets[b]);
        struct sample_entry *entry = get(s, FMNIST_RESIZE_PILLOW_BICUBIC, OUT);
        for (uint32_t i = 0; i < COUNT; i++)
            ck_assert_int_eq(check_sample(entry, i), i < budgets[b] / ROOM);
        struct sample_cache_usage u = usage_of(s);
        ck_assert_uint_eq(u.reserved_bytes, budgets[b] / ROOM * ROOM);
        ck_assert_uint_le(u.reserved_bytes, u.budget_bytes);
        sample_entry_put(entry);
        sample_cache_free(s);
    }
}
END_TEST

/* An entry in use is never taken away; of the idle ones the least recently used goes. */
START_TEST(sample_cache_get__no_room__the_longest_idle_shelf_goes)
{
    struct sample_cache *s = sample_cache_new(2 * COUNT * ROOM);
    struct sample_entry *used = get(s, FMNIST_RESIZE_PILLOW_BOX, OUT);
    ck_assert(check_sample(used, 0));
    struct sample_entry *idle = get(s, FMNIST_RESIZE_PILLOW_BILINEAR, OUT);
    ck_assert(check_sample(idle, 0));
    sample_entry_put(idle);
    ck_assert_uint_eq(usage_of(s).filled_bytes, 2 * SAMPLE);

    /* A third evicts the idle one, not the one that was made first. */
    struct sample_entry *third = get(s, FMNIST_RESIZE_PILLOW_HAMMING, OUT);
    ck_assert_uint_eq(usage_of(s).entries, 2);
    ck_assert_uint_eq(usage_of(s).reserved_bytes, 2 * COUNT * ROOM);
    ck_assert_uint_eq(usage_of(s).filled_bytes, SAMPLE);
    ck_assert(check_sample(used, 0));

    /* With both in use there is no room: nothing is kept, nothing is wrong. */
    struct sample_entry *fourth = get(s, FMNIST_RESIZE_PILLOW_LANCZOS, OUT);
    ck_assert(!check_sample(fourth, 0));
    ck_assert_uint_eq(usage_of(s).reserved_bytes, 2 * COUNT * ROOM);
    sample_entry_put(used);
    sample_entry_put(third);
    sample_entry_put(fourth);
    sample_cache_free(s);
}
END_TEST

/* A rule that copies keeps nothing: the dataset's own bytes are its samples. */
START_TEST(sample_entry_sample__copying_rule__the_datasets_bytes)
{
    struct sample_cache *s = sample_cache_new(1 << 20);
    struct sample_entry *entry = get(s, FMNIST_RESIZE_NONE, SIDE);
    for (uint32_t i = 0; i < COUNT; i++)
        ck_assert_ptr_eq(sample_entry_get(entry, i, NULL), set.images + i * SIDE * SIDE);
    ck_assert_uint_eq(usage_of(s).reserved_bytes, 0);
    sample_entry_put(entry);
    struct err e = {""};
    ck_assert_int_eq(sample_cache_get(s, split, FMNIST_RESIZE_NONE, SIDE, SIDE + 1, &entry, &e),
                     -EINVAL);
    ck_assert(e.text[0]);
    ck_assert_uint_eq(usage_of(s).entries, 0);
    sample_cache_free(s);
}
END_TEST

/* Sizes that were only asked for leave nothing: not their weights, nor a place in the list. */
START_TEST(sample_entry_put__nothing_filled__goes_at_once)
{
    struct sample_cache *s = sample_cache_new(4 << 20);
    struct sample_entry *used = get(s, FMNIST_RESIZE_PILLOW_BOX, OUT);
    size_t before = mallinfo2().uordblks;
    for (uint32_t side = 20; side < 500; side++)
        sample_entry_put(get(s, FMNIST_RESIZE_PILLOW_LANCZOS, side));
    ck_assert_uint_eq(usage_of(s).entries, 1);
    ck_assert_uint_eq(usage_of(s).reserved_bytes, COUNT * ROOM);
    ck_assert_uint_le(mallinfo2().uordblks, before + 4096);
    sample_entry_put(used);
    ck_assert_uint_eq(usage_of(s).entries, 0);
    sample_cache_free(s);
}
END_TEST

/* With room for all of them, entries of one sample each are many lists of weights. */
START_TEST(sample_entry_put__many_sizes__a_number_of_them_stays)
{
    struct sample_cache *s = sample_cache_new(UINT64_C(1) << 40);
    struct sample_entry *entry;
    for (uint32_t side = 1; side <= 3 * SAMPLE_CACHE_IDLE_COUNT; side++) {
        struct err e;
        int rc = sample_cache_get(s, split, FMNIST_RESIZE_OPENCV_LINEAR, 1, side, &entry, &e);
        ck_assert_msg(rc == 0, "%s", e.text);
        void *scratch = make_scratch(entry);
        ck_assert_ptr_nonnull(sample_entry_get(entry, 0, scratch));
        free(scratch);
        sample_entry_put(entry);
        ck_assert_uint_le(usage_of(s).entries, SAMPLE_CACHE_IDLE_COUNT);
    }
    ck_assert_uint_eq(usage_of(s).entries, SAMPLE_CACHE_IDLE_COUNT);
    sample_cache_forget(s, split);
    ck_assert_uint_eq(usage_of(s).reserved_bytes, 0);
    sample_cache_free(s);
}
END_TEST

enum { THREADS = 8, ROUNDS = 30 };
static struct {
    struct sample_entry *entry;
    pthread_barrier_t start;
    _Atomic unsigned kept, wrong;
} race;

static void *want_all(void *seed)
{
    uint8_t want[SAMPLE];
    void *scratch = make_scratch(race.entry);
    pthread_barrier_wait(&race.start);
    for (uint32_t k = 0; k < COUNT; k++) {
        /* All in one order, so that they meet at the same sample. */
        uint32_t i = (k + (uint32_t)(uintptr_t)seed / 4) % COUNT;
        const void *sample = sample_entry_get(race.entry, i, scratch);
        sample_entry_render(race.entry, i, want, scratch);
        race.kept += sample != NULL;
        race.wrong += sample && memcmp(sample, want, sizeof want) != 0;
    }
    free(scratch);
    return NULL;
}

/* A sample that is seen before it is complete would be half an image, once in a blue moon. */
START_TEST(sample_entry_sample__eight_workers_at_once__never_half_a_sample)
{
    for (int round = 0; round < ROUNDS; round++) {
        struct sample_cache *s = sample_cache_new(COUNT * ROOM);
        pthread_t threads[THREADS];
        race.entry = get(s, FMNIST_RESIZE_PILLOW_LANCZOS, OUT);
        pthread_barrier_init(&race.start, NULL, THREADS);
        for (uintptr_t t = 0; t < THREADS; t++)
            ck_assert_int_eq(pthread_create(&threads[t], NULL, want_all, (void *)t), 0);
        for (int t = 0; t < THREADS; t++)
            pthread_join(threads[t], NULL);
        pthread_barrier_destroy(&race.start);
        ck_assert_uint_eq(race.wrong, 0);
        ck_assert_uint_eq(usage_of(s).filled_bytes, COUNT * SAMPLE);
        sample_entry_put(race.entry);
        sample_cache_free(s);
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
    tcase_add_test(tc, sample_cache_get__same_rule_and_size__same_shelf);
    tcase_add_test(tc, sample_entry_sample__room_for_all__each_rendered_once_and_kept);
    tcase_add_test(tc, sample_entry_sample__budget_for_some__the_first_are_kept);
    tcase_add_test(tc, sample_cache_get__no_room__the_longest_idle_shelf_goes);
    tcase_add_test(tc, sample_entry_sample__copying_rule__the_datasets_bytes);
    tcase_add_test(tc, sample_entry_put__nothing_filled__goes_at_once);
    tcase_add_test(tc, sample_entry_put__many_sizes__a_number_of_them_stays);
    tcase_add_test(tc, sample_entry_sample__eight_workers_at_once__never_half_a_sample);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
