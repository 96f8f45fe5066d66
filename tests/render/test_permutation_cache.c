/* SPDX-License-Identifier: MIT */
/* Permutations that streams share: one object for equals, a bound for idle ones, the same numbers
 * from wherever the generator stood. */
#include "fmnist.h"
#include "render/permutation_cache.h"
#include "sampler/permutations.h"

#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static struct sampler make_sampler(uint32_t order, uint64_t seed, uint64_t count)
{
    struct sampler s = {.order = order,
                        .seed = seed,
                        .count = count,
                        .world_size = 1,
                        .pad = FMNIST_PAD_NONE,
                        .batch_size = 8};
    ck_assert_int_eq(sampler_init(&s, NULL), 0);
    return s;
}

/* Got, and whole. */
static struct permutation *get(struct permutation_cache *o, const struct sampler *s, uint64_t epoch)
{
    struct permutation *p = permutation_cache_get(o, s, epoch);
    ck_assert_ptr_nonnull(p);
    while (!permutation_cache_step(o, p, s, true))
        ;
    return p;
}

static void expect_built(const struct permutation *p, const struct sampler *s, uint64_t epoch)
{
    uint32_t *want = malloc(s->count * sizeof *want);
    permutation_build(s, epoch, want, NULL);
    ck_assert_mem_eq(permutation_indices(p), want, s->count * sizeof *want);
    free(want);
}

START_TEST(permutation_cache_get__same_order_seed_count_epoch__one_permutation)
{
    struct permutation_cache *o = permutation_cache_new();
    struct sampler s = make_sampler(FMNIST_ORDER_TORCH, 1, 1000);
    struct permutation *p = get(o, &s, 5);
    struct sampler other_shard = s;
    other_shard.rank = 1;
    other_shard.world_size = 2;
    other_shard.batch_size = 3;
    ck_assert_ptr_eq(permutation_cache_get(o, &other_shard, 5), p);
    permutation_cache_put(o, p);
    permutation_cache_put(o, p);
    ck_assert_ptr_eq(permutation_cache_get(o, &s, 5), p); /* idle, but still there */

    struct sampler others[] = {make_sampler(FMNIST_ORDER_NUMPY, 1, 1000),
                               make_sampler(FMNIST_ORDER_TORCH, 2, 1000),
                               make_sampler(FMNIST_ORDER_TORCH, 1, 1001), s};
    for (int i = 0; i < 4; i++) {
        struct permutation *q = get(o, &others[i], i == 3 ? 6 : 5);
        ck_assert_ptr_ne(q, p);
        expect_built(q, &others[i], i == 3 ? 6 : 5);
        permutation_cache_put(o, q);
    }
    permutation_cache_put(o, p);
    permutation_cache_put(o, NULL);
    permutation_cache_free(o);
}
END_TEST

/* A generator that runs on from epoch to epoch gives the same numbers in whatever order epochs are
 * asked for: a resume and a neighbour at another epoch must not disturb it. */
START_TEST(permutation_cache_get__running_orders_in_any_epoch_order__same_as_alone)
{
    static const uint64_t epochs[] = {3, 0, 1, 9, 2, 9, 4, 12, 5, 0, 11};
    static const uint32_t orders[] = {FMNIST_ORDER_TORCH_LOADER, FMNIST_ORDER_NUMPY,
                                      FMNIST_ORDER_TORCH};
    struct permutation_cache *o = permutation_cache_new();
    for (size_t e = 0; e < sizeof epochs / sizeof *epochs; e++)
        for (size_t k = 0; k < 3; k++)
            for (uint64_t seed = 7; seed <= 8; seed++) {
                struct sampler s = make_sampler(orders[k], seed, 333);
                struct permutation *p = get(o, &s, epochs[e]);
                expect_built(p, &s, epochs[e]);
                permutation_cache_put(o, p);
            }
    permutation_cache_free(o);
}
END_TEST

/* Streams that come and go over many epochs leave at most PERMUTATION_CACHE_IDLE_BYTES behind. */
START_TEST(permutation_cache_put__many_epochs__idle_ones_are_bounded)
{
    enum { COUNT = 2 << 20 }; /* 8 MiB each: eight stay */
    struct permutation_cache *o = permutation_cache_new();
    struct sampler s = make_sampler(FMNIST_ORDER_TORCH, 1, COUNT);
    struct permutation *held = get(o, &s, 0);
    const uint32_t *first = permutation_indices(held);
    uint32_t sample = first[COUNT / 2];
    size_t before = mallinfo2().hblkhd;
    for (uint64_t epoch = 1; epoch <= 12; epoch++)
        permutation_cache_put(o, get(o, &s, epoch));
    size_t grown = mallinfo2().hblkhd - before;
    ck_assert_uint_le(grown, PERMUTATION_CACHE_IDLE_BYTES + (1 << 20));
    /* The one in use stays, though it is the oldest. */
    ck_assert_ptr_eq(permutation_cache_get(o, &s, 0), held);
    ck_assert_uint_eq(permutation_indices(held)[COUNT / 2], sample);
    permutation_cache_put(o, held);
    permutation_cache_put(o, held);
    permutation_cache_free(o);
}
END_TEST

enum { THREADS = 8 };
static struct {
    struct permutation_cache *orders;
    struct sampler sampler;
    pthread_barrier_t start;
    struct permutation *got[THREADS][8];
} race;

static void *get_eight(void *index)
{
    pthread_barrier_wait(&race.start);
    for (uint64_t e = 0; e < 8; e++)
        race.got[(uintptr_t)index][e] = get(race.orders, &race.sampler, e);
    return NULL;
}

/* Several workers that come to a new epoch at once make one, a step here and a step there. */
START_TEST(permutation_cache_get__eight_threads_at_once__one_built_permutation)
{
    pthread_t threads[THREADS];
    race.orders = permutation_cache_new();
    race.sampler = make_sampler(FMNIST_ORDER_TORCH_LOADER, 3, 20000);
    pthread_barrier_init(&race.start, NULL, THREADS);
    for (uintptr_t t = 0; t < THREADS; t++)
        ck_assert_int_eq(pthread_create(&threads[t], NULL, get_eight, (void *)t), 0);
    for (int t = 0; t < THREADS; t++)
        pthread_join(threads[t], NULL);
    for (uint64_t e = 0; e < 8; e++) {
        expect_built(race.got[0][e], &race.sampler, e);
        for (int t = 0; t < THREADS; t++) {
            ck_assert_ptr_eq(race.got[t][e], race.got[0][e]);
            permutation_cache_put(race.orders, race.got[t][e]);
        }
    }
    pthread_barrier_destroy(&race.start);
    permutation_cache_free(race.orders);
}
END_TEST

/* Small ones are many before they are large: a client of short lists leaves no more than these. */
START_TEST(permutation_cache_put__many_small_ones__idle_ones_are_counted)
{
    struct permutation_cache *o = permutation_cache_new();
    uint64_t most = 0;
    for (uint64_t seed = 0; seed < 3000; seed++) {
        struct sampler s =
            make_sampler(seed % 2 ? FMNIST_ORDER_TORCH : FMNIST_ORDER_NUMPY, seed, 3);
        permutation_cache_put(o, get(o, &s, seed % 5));
        uint64_t bytes = permutation_cache_bytes(o);
        most = bytes > most ? bytes : most;
    }
    ck_assert_uint_le(most, PERMUTATION_CACHE_IDLE_COUNT * 3000);
    permutation_cache_free(o);
}
END_TEST

/* ---- far epochs ---------------------------------------------------------------------------- */

/* Walks so many steps towards the epoch and gives up. */
static void walk_a_little(struct permutation_cache *o, const struct sampler *s, uint64_t epoch,
                          int steps)
{
    struct permutation *p = permutation_cache_get(o, s, epoch);
    for (int i = 0; i < steps; i++)
        ck_assert(!permutation_cache_step(o, p, s, true));
    permutation_cache_put(o, p);
}

static int steps_to(struct permutation_cache *o, const struct sampler *s, uint64_t epoch)
{
    struct permutation *p = permutation_cache_get(o, s, epoch);
    int steps = 1;
    while (!permutation_cache_step(o, p, s, true))
        steps++;
    permutation_cache_put(o, p);
    return steps;
}

/* A walk that was given up is gone on with, and what it leads to is what it always was. */
START_TEST(permutation_cache_step__walk_given_up__goes_on_from_there)
{
    enum { FAR = 200 };
    struct permutation_cache *o = permutation_cache_new();
    struct sampler s = make_sampler(FMNIST_ORDER_NUMPY, 4, 60000);
    uint32_t *want = malloc(s.count * sizeof *want);
    permutation_build(&s, FAR, want, NULL);
    for (int i = 0; i < 4; i++)
        walk_a_little(o, &s, FAR, 2);
    ck_assert_uint_eq(permutation_cache_bytes(o), 0);
    struct permutation *p = get(o, &s, FAR);
    ck_assert_mem_eq(permutation_indices(p), want, s.count * sizeof *want);
    permutation_cache_put(o, p);
    free(want);
    permutation_cache_free(o);
}
END_TEST

/* Whoever comes behind, even where the permutations of the way are no more, need not walk. */
START_TEST(permutation_cache_step__epoch_before_was_made__few_steps)
{
    enum { FAR = 1500 };
    struct permutation_cache *o = permutation_cache_new();
    struct sampler s = make_sampler(FMNIST_ORDER_NUMPY, 4, 60000);
    int far = steps_to(o, &s, FAR);
    ck_assert_int_ge(far, 20);
    ck_assert_int_le(steps_to(o, &s, FAR + 1), far / 4);
    for (uint64_t seed = 100; seed < 100 + PERMUTATION_CACHE_IDLE_COUNT + 1; seed++) {
        struct sampler other = make_sampler(FMNIST_ORDER_TORCH, seed, 8);
        steps_to(o, &other, 0);
    }
    ck_assert_int_le(steps_to(o, &s, FAR + 2), far / 4);
    permutation_cache_free(o);
}
END_TEST

/* Clients that walk with ever new seeds leave PERMUTATION_CACHE_WALKS generators, and no more. */
START_TEST(permutation_cache_put__many_walks_given_up__nothing_stays)
{
    struct permutation_cache *o = permutation_cache_new();
    size_t before = mallinfo2().uordblks;
    for (uint64_t seed = 0; seed < 3 * PERMUTATION_CACHE_WALKS; seed++) {
        struct sampler s = make_sampler(FMNIST_ORDER_NUMPY, seed, 60000);
        walk_a_little(o, &s, 30000, 1);
    }
    ck_assert_uint_eq(permutation_cache_bytes(o), 0);
    ck_assert_uint_le(mallinfo2().uordblks, before + 4096);
    permutation_cache_free(o);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("render/orders");
    TCase *tc = tcase_create("orders");
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, permutation_cache_get__same_order_seed_count_epoch__one_permutation);
    tcase_add_test(tc, permutation_cache_get__running_orders_in_any_epoch_order__same_as_alone);
    tcase_add_test(tc, permutation_cache_put__many_epochs__idle_ones_are_bounded);
    tcase_add_test(tc, permutation_cache_get__eight_threads_at_once__one_built_permutation);
    tcase_add_test(tc, permutation_cache_put__many_small_ones__idle_ones_are_counted);
    tcase_add_test(tc, permutation_cache_step__walk_given_up__goes_on_from_there);
    tcase_add_test(tc, permutation_cache_step__epoch_before_was_made__few_steps);
    tcase_add_test(tc, permutation_cache_put__many_walks_given_up__nothing_stays);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
