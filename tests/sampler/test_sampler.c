/* SPDX-License-Identifier: MIT */
/* Shards, batches, slices and refusals, against a reference that lists the whole epoch. */
#include "fmnist.h"
#include "sampler/permutations.h"
#include "support/support.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const uint32_t all_orders[] = {FMNIST_ORDER_SEQUENTIAL, FMNIST_ORDER_SHUFFLE,
                                      FMNIST_ORDER_TORCH, FMNIST_ORDER_TORCH_LOADER,
                                      FMNIST_ORDER_NUMPY};
enum { ORDERS = sizeof all_orders / sizeof *all_orders };

static struct sampler make_sampler(uint32_t order, uint64_t count)
{
    struct sampler s = {
        .order = order,
        .seed = 42,
        .count = count,
        .world_size = 1,
        .pad = FMNIST_PAD_WRAP,
        .batch_size = 1,
    };
    return s;
}

/* The whole order of an epoch, as one rank sees it. malloc'd. */
static uint32_t *epoch_order(uint32_t order, uint64_t count, uint64_t seed, uint64_t epoch)
{
    struct sampler s = make_sampler(order, count);
    s.seed = seed;
    ck_assert_int_eq(sampler_init(&s, NULL), 0);
    ck_assert_uint_eq(s.shard_count, count);
    uint32_t *indices = malloc(count * sizeof *indices), *p = NULL;
    if (sampler_needs_permutation(&s)) {
        p = malloc(count * sizeof *p);
        permutation_build(&s, epoch, p, NULL);
    }
    sampler_indices(&s, epoch, p, 0, count, indices);
    free(p);
    return indices;
}

/* ---- permutations ---- */

static void expect_permutation(const uint32_t *indices, uint64_t count)
{
    uint8_t *seen = calloc(count, 1);
    for (uint64_t i = 0; i < count; i++) {
        ck_assert_msg(indices[i] < count && !seen[indices[i]], "index %u at %lu of %lu", indices[i],
                      (unsigned long)i, (unsigned long)count);
        seen[indices[i]] = 1;
    }
    free(seen);
}

/* An image seen twice or never in an epoch. */
START_TEST(sampler_indices__every_order_and_size__permutation)
{
    for (int o = 0; o < ORDERS; o++)
        for (uint64_t n = 1; n <= 301; n++) {
            uint64_t count = n == 301 ? 60000 : n;
            uint32_t *indices = epoch_order(all_orders[o], count, 42, 3);
            expect_permutation(indices, count);
            free(indices);
        }
}
END_TEST

/* A shuffle that repeats itself from epoch to epoch. */
START_TEST(sampler_indices__next_epoch__differs_unless_sequential)
{
    for (int o = 0; o < ORDERS; o++) {
        uint32_t *a = epoch_order(all_orders[o], 1000, 42, 0);
        uint32_t *b = epoch_order(all_orders[o], 1000, 42, 1);
        bool same = memcmp(a, b, 1000 * sizeof *a) == 0;
        ck_assert_int_eq(same, all_orders[o] == FMNIST_ORDER_SEQUENTIAL);
        free(a);
        free(b);
    }
}
END_TEST

/* ---- shards ---- */

struct epoch_list {
    uint32_t *indices;
    uint64_t count;
};

/* The epoch's order after padding, as DistributedSampler's text describes it. */
static struct epoch_list pad_naively(const uint32_t *order, uint64_t n, uint64_t world,
                                     uint32_t pad)
{
    uint64_t total = n;
    if (pad == FMNIST_PAD_WRAP)
        total = (n + world - 1) / world * world;
    else if (pad == FMNIST_PAD_DROP && n % world)
        total = n < world ? 0 : (n - world + world - 1) / world * world;
    struct epoch_list list = {malloc((total + 1) * sizeof *list.indices), total};
    for (uint64_t i = 0; i < total; i++)
        list.indices[i] = order[i % n];
    return list;
}

static void check_rank(struct sampler *s, const uint32_t *permutation,
                       const struct epoch_list *list, uint64_t epoch)
{
    uint64_t expected = 0;
    for (uint64_t i = s->rank; i < list->count; i += s->world_size)
        expected++;
    struct err e;
    int r = sampler_init(s, &e);
    if (expected == 0) {
        ck_assert_int_eq(r, -EINVAL);
        ck_assert_ptr_nonnull(strstr(e.text, "no batch"));
        return;
    }
    ck_assert_int_eq(r, 0);
    ck_assert_uint_eq(s->shard_count, expected);
    uint32_t *indices = malloc(expected * sizeof *indices);
    sampler_indices(s, epoch, permutation, 0, expected, indices);
    for (uint64_t i = 0; i < expected; i++)
        ck_assert_uint_eq(indices[i], list->indices[s->rank + i * s->world_size]);
    free(indices);
}

static void check_world(uint32_t order, uint64_t n, uint32_t world, uint32_t pad)
{
    struct sampler s = make_sampler(order, n);
    uint32_t *whole = epoch_order(order, n, s.seed, 2), *p = NULL;
    struct epoch_list list = pad_naively(whole, n, world, pad);
    if (sampler_needs_permutation(&s)) {
        p = malloc(n * sizeof *p);
        permutation_build(&s, 2, p, NULL);
    }
    s.world_size = world;
    s.pad = pad;
    for (s.rank = 0; s.rank < world; s.rank++)
        check_rank(&s, p, &list, 2);
    free(whole);
    free(list.indices);
    free(p);
}

/* A sample lost or doubled between ranks, for fewer, as many and more samples than ranks. */
START_TEST(sampler_indices__every_pad_and_world__as_the_naive_list)
{
    static const uint64_t counts[] = {1, 2, 3, 7, 8, 9, 15, 16, 17, 64, 100, 1031};
    static const uint32_t worlds[] = {1, 2, 3, 5, 8, 16, 17, 101};
    static const uint32_t pads[] = {FMNIST_PAD_WRAP, FMNIST_PAD_DROP, FMNIST_PAD_NONE};
    for (int o = 0; o < ORDERS; o++)
        for (size_t c = 0; c < sizeof counts / sizeof *counts; c++)
            for (size_t w = 0; w < sizeof worlds / sizeof *worlds; w++)
                for (int p = 0; p < 3; p++)
                    check_world(all_orders[o], counts[c], worlds[w], pads[p]);
}
END_TEST

/* Any world size that divides the global batch sees the same samples in global batch b. */
START_TEST(sampler_indices__other_world_size__same_global_batch)
{
    enum { N = 960, GLOBAL = 48 };
    uint32_t *whole = epoch_order(FMNIST_ORDER_SHUFFLE, N, 42, 1);
    static const uint32_t worlds[] = {1, 2, 3, 4, 6, 8, 48};
    for (int w = 0; w < 7; w++) {
        struct sampler s = make_sampler(FMNIST_ORDER_SHUFFLE, N);
        s.world_size = worlds[w];
        s.batch_size = GLOBAL / worlds[w];
        for (s.rank = 0; s.rank < s.world_size; s.rank++) {
            uint32_t batch[GLOBAL];
            ck_assert_int_eq(sampler_init(&s, NULL), 0);
            sampler_indices(&s, 1, NULL, UINT64_C(5) * s.batch_size, s.batch_size, batch);
            for (uint32_t i = 0; i < s.batch_size; i++)
                ck_assert_uint_eq(batch[i], whole[5 * GLOBAL + s.rank + i * s.world_size]);
        }
    }
    free(whole);
}
END_TEST

/* ---- slices and batches ---- */

static void check_slices(uint32_t order, uint64_t n, uint32_t world)
{
    struct sampler s = make_sampler(order, n);
    s.world_size = world;
    s.rank = world - 1;
    ck_assert_int_eq(sampler_init(&s, NULL), 0);
    uint32_t *p = NULL, *whole = malloc(s.shard_count * sizeof *whole);
    uint32_t *slice = malloc(s.shard_count * sizeof *slice);
    if (sampler_needs_permutation(&s)) {
        p = malloc(n * sizeof *p);
        permutation_build(&s, 9, p, NULL);
    }
    sampler_indices(&s, 9, p, 0, s.shard_count, whole);
    for (uint64_t first = 0; first <= s.shard_count; first += first < 70 ? 1 : 31)
        for (uint64_t count = 0; count <= s.shard_count - first; count += count < 70 ? 1 : 37) {
            sampler_indices(&s, 9, p, first, count, slice);
            ck_assert_mem_eq(slice, whole + first, count * sizeof *slice);
        }
    free(p);
    free(whole);
    free(slice);
}

/* A batch whose indices depend on what else was asked for in the same call. */
START_TEST(sampler_indices__any_slice__part_of_the_whole)
{
    for (int o = 0; o < ORDERS; o++) {
        check_slices(all_orders[o], 300, 1);
        check_slices(all_orders[o], 1301, 3);
    }
}
END_TEST

/* The last batch: short, or left out with drop_last; and nothing in between is short. */
START_TEST(sampler_batch_count__every_size__adds_up)
{
    for (uint32_t n = 1; n <= 40; n++)
        for (uint32_t batch = 1; batch <= 42; batch++)
            for (uint32_t drop = 0; drop < 2; drop++) {
                struct sampler s = make_sampler(FMNIST_ORDER_SEQUENTIAL, n);
                s.batch_size = batch;
                s.drop_last = drop;
                if (sampler_init(&s, NULL) < 0) {
                    ck_assert(drop && n < batch);
                    continue;
                }
                uint64_t sum = 0;
                for (uint64_t step = 0; step < s.steps; step++) {
                    uint64_t samples = sampler_batch_count(&s, step);
                    ck_assert(samples == batch || (!drop && step + 1 == s.steps && samples > 0));
                    sum += samples;
                }
                ck_assert_uint_eq(sum, drop ? n - n % batch : n);
            }
}
END_TEST

/* ---- refusals ---- */

/* Sizes outside what the orders are defined for. */
START_TEST(sampler_init__count_out_of_range__einval)
{
    static const uint64_t bad[] = {0, UINT64_C(1) + SAMPLER_COUNT_MAX, UINT64_MAX};
    for (int i = 0; i < 3; i++) {
        struct err e;
        struct sampler s = make_sampler(FMNIST_ORDER_SHUFFLE, bad[i]);
        ck_assert_int_eq(sampler_init(&s, &e), -EINVAL);
        ck_assert_ptr_nonnull(strstr(e.text, "can be sampled"));
    }
    struct sampler s = make_sampler(FMNIST_ORDER_SHUFFLE, SAMPLER_COUNT_MAX);
    ck_assert_int_eq(sampler_init(&s, NULL), 0);
    ck_assert_uint_eq(s.steps, SAMPLER_COUNT_MAX);
}
END_TEST

/* An epoch without a batch would be an endless loop to a client that waits for one. */
START_TEST(sampler_init__no_batch__einval_with_the_numbers)
{
    struct err e;
    struct sampler s = make_sampler(FMNIST_ORDER_TORCH, 63);
    s.batch_size = 64;
    s.drop_last = 1;
    ck_assert_int_eq(sampler_init(&s, &e), -EINVAL);
    ck_assert_ptr_nonnull(strstr(e.text, "63"));
    ck_assert_ptr_nonnull(strstr(e.text, "64"));

    s = make_sampler(FMNIST_ORDER_TORCH, 7);
    s.world_size = 8;
    s.rank = 3;
    s.pad = FMNIST_PAD_DROP;
    ck_assert_int_eq(sampler_init(&s, &e), -EINVAL);
    ck_assert_ptr_nonnull(strstr(e.text, "rank 3 of 8"));

    s.pad = FMNIST_PAD_NONE;
    ck_assert_int_eq(sampler_init(&s, &e), 0);
    s.rank = 7;
    ck_assert_int_eq(sampler_init(&s, &e), -EINVAL);
}
END_TEST

/* A far epoch of a running order would keep a worker busy for ever. */
START_TEST(sampler_check_epoch__far__refused_for_running_orders_only)
{
    for (int o = 0; o < ORDERS; o++) {
        struct err e;
        struct sampler s = make_sampler(all_orders[o], 60000);
        bool runs =
            all_orders[o] == FMNIST_ORDER_TORCH_LOADER || all_orders[o] == FMNIST_ORDER_NUMPY;
        ck_assert_int_eq(sampler_check_epoch(&s, SAMPLER_WALK_MAX / 60000, &e), 0);
        ck_assert_int_eq(sampler_check_epoch(&s, SAMPLER_WALK_MAX / 60000 + 1, &e),
                         runs ? -EINVAL : 0);
        ck_assert_int_eq(sampler_check_epoch(&s, UINT64_MAX, &e), runs ? -EINVAL : 0);
        if (runs)
            ck_assert_ptr_nonnull(strstr(e.text, "epoch 35791 is the last"));
    }
}
END_TEST

/* ---- lists ---- */

/* A list with repeats, sharded as DistributedSampler shards any order of that length. */
START_TEST(sampler_indices__list__sharded_as_the_naive_list)
{
    static const uint32_t pads[] = {FMNIST_PAD_WRAP, FMNIST_PAD_DROP, FMNIST_PAD_NONE};
    uint32_t list[23];
    for (uint32_t i = 0; i < 23; i++)
        list[i] = i * i % 7 + 50000;
    for (size_t p = 0; p < 3; p++)
        for (uint32_t world = 1; world <= 8; world++) {
            struct epoch_list whole = pad_naively(list, 23, world, pads[p]);
            for (uint32_t rank = 0; rank < world; rank++) {
                struct sampler s = make_sampler(FMNIST_ORDER_LIST, 23);
                s.list = list;
                s.pad = pads[p];
                s.rank = rank;
                s.world_size = world;
                check_rank(&s, NULL, &whole, rank);
            }
            free(whole.indices);
        }
}
END_TEST

/* An order runs over the list's places: the naive epoch of as many images, looked up in the list.
 */
START_TEST(sampler_indices__list_in_any_order__looked_up)
{
    enum { N = 61 };
    uint32_t list[N];
    for (uint32_t i = 0; i < N; i++)
        list[i] = i * i % 47 + 50000;
    for (int o = 0; o < ORDERS; o++)
        for (uint32_t world = 1; world <= 5; world++) {
            struct sampler s = make_sampler(all_orders[o], N);
            uint32_t *order = epoch_order(s.order, N, s.seed, 2), p[N];
            if (sampler_needs_permutation(&s))
                permutation_build(&s, 2, p, NULL);
            for (uint32_t i = 0; i < N; i++)
                order[i] = list[order[i]];
            struct epoch_list whole = pad_naively(order, N, world, s.pad);
            s.list = list;
            s.world_size = world;
            for (s.rank = 0; s.rank < world; s.rank++)
                check_rank(&s, p, &whole, 2);
            free(whole.indices);
            free(order);
        }
}
END_TEST

/* Any batch is found at once, whatever the lengths before it. */
START_TEST(sampler_batch_first__list_with_ends__batches_of_these_lengths)
{
    static const uint32_t list[] = {9, 9, 4, 0, 7, 1};
    static const uint32_t ends[] = {1, 4, 6};
    static const uint64_t firsts[] = {0, 1, 4}, counts[] = {1, 3, 2};
    struct sampler s = make_sampler(FMNIST_ORDER_LIST, 6);
    s.batch_size = 3;
    s.list = list;
    s.ends = ends;
    s.end_count = 3;
    ck_assert_int_eq(sampler_init(&s, NULL), 0);
    ck_assert_uint_eq(s.steps, 3);
    for (uint64_t step = 0; step < 3; step++) {
        uint32_t got[3];
        ck_assert_uint_eq(sampler_batch_first(&s, step), firsts[step]);
        ck_assert_uint_eq(sampler_batch_count(&s, step), counts[step]);
        sampler_indices(&s, step, NULL, firsts[step], counts[step], got);
        ck_assert_mem_eq(got, list + firsts[step], counts[step] * sizeof *got);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sampler/sampler");
    TCase *tc = tcase_create("sampler");
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, sampler_indices__every_order_and_size__permutation);
    tcase_add_test(tc, sampler_indices__next_epoch__differs_unless_sequential);
    tcase_add_test(tc, sampler_indices__every_pad_and_world__as_the_naive_list);
    tcase_add_test(tc, sampler_indices__other_world_size__same_global_batch);
    tcase_add_test(tc, sampler_indices__any_slice__part_of_the_whole);
    tcase_add_test(tc, sampler_batch_count__every_size__adds_up);
    tcase_add_test(tc, sampler_init__count_out_of_range__einval);
    tcase_add_test(tc, sampler_init__no_batch__einval_with_the_numbers);
    tcase_add_test(tc, sampler_check_epoch__far__refused_for_running_orders_only);
    tcase_add_test(tc, sampler_indices__list__sharded_as_the_naive_list);
    tcase_add_test(tc, sampler_indices__list_in_any_order__looked_up);
    tcase_add_test(tc, sampler_batch_first__list_with_ends__batches_of_these_lengths);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
