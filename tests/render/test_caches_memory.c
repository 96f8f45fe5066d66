/* SPDX-License-Identifier: MIT */
/* One budget for all: what is taken of it, that it goes back, and who gives way. */
#include "render/caches_memory.h"

#include "fmnist.h"
#include "render/caches.h"
#include "render/lists.h"
#include "sampler/sampler.h"

#include <errno.h>

enum { COUNT = 100, SIDE = 8, OUT = 16, SAMPLE = OUT * OUT + 1, LIMIT = 100000 };

static struct fake_set set;
static struct render_caches caches;
static struct budget budget;
static struct err e;

static void setup(void)
{
    support_setup();
    fake_set_init(&set, COUNT, SIDE, SIDE, 1);
    caches_init(&caches, 1 << 20);
    budget = (struct budget){0};
    budget_set(&budget, LIMIT, 2 * LIMIT, "its cgroup");
    render_caches_share(&caches, &budget);
}

/* Whatever was taken is given back with the last of it. */
static void teardown(void)
{
    sample_cache_forget(caches.samples, &set.dataset.splits[DATASET_TRAIN]);
    permutation_cache_drop_idle(caches.permutations);
    index_list_cache_drop_idle(caches.index_lists);
    ck_assert_uint_eq(budget_left(&budget), LIMIT);
    caches_free(&caches);
    fake_set_free(&set);
    support_teardown();
}

static struct sample_entry *samples(uint32_t side)
{
    struct sample_entry *entry;
    ck_assert_int_eq(sample_cache_get(caches.samples, &set.dataset.splits[DATASET_TRAIN],
                                      FMNIST_RESIZE_PILLOW_BILINEAR, side, side, &entry, &e),
                     0);
    return entry;
}

/* One that has no sample is not kept. */
static void fill_one(struct sample_entry *entry)
{
    void *scratch = aligned_alloc(64, (sample_entry_scratch_bytes(entry) + 127) / 64 * 64);
    ck_assert_ptr_nonnull(sample_entry_get(entry, 0, scratch));
    free(scratch);
}

START_TEST(sample_cache__budget__all_but_a_quarter)
{
    struct sample_entry *first = samples(OUT), *second = samples(4 * OUT);
    uint64_t left = budget_left(&budget);
    ck_assert_uint_ge(left, LIMIT / 4);
    ck_assert_uint_lt(left, LIMIT / 4 + 16 * OUT * OUT + 1); /* not one more fits */
    struct sample_entry *none = samples(5 * OUT);
    ck_assert_uint_eq(budget_left(&budget), left);
    sample_entry_put(first);
    sample_entry_put(second);
    sample_entry_put(none);
}
END_TEST

/* Samples that nobody uses go for a ring; those in use stay, and it is refused with the numbers. */
START_TEST(render_caches_take__too_little__idle_samples_go_others_stay)
{
    struct sample_entry *used = samples(OUT), *idle = samples(OUT + 1);
    fill_one(idle);
    sample_entry_put(idle);
    uint64_t most = LIMIT - COUNT * SAMPLE;
    ck_assert_uint_lt(budget_left(&budget), most);
    ck_assert_int_eq(render_caches_take(&caches, "a ring", most, &e), 0);
    ck_assert_uint_eq(budget_left(&budget), 0);
    ck_assert_int_eq(render_caches_take(&caches, "a ring", 1, &e), -E2BIG);
    ck_assert_str_eq(e.text,
                     "a ring of 1 bytes: the memory limit of its cgroup is 200000 bytes, of "
                     "which 100000 are in use and 100000 kept free");
    budget_give(&budget, most);
    sample_entry_put(used);
}
END_TEST

/* A list's memory is taken by whoever receives it, and given back by the cache that has it. */
START_TEST(index_list_cache__list_nobody_uses__goes_and_is_given_back)
{
    enum { NUMBERS = 1000 };
    const struct index_list *list;
    struct spec spec = {.list_count = NUMBERS};
    uint32_t *numbers = calloc(NUMBERS, sizeof *numbers);
    ck_assert_ptr_nonnull(numbers);
    ck_assert_int_eq(render_caches_take(&caches, "a list", 4 * NUMBERS, &e), 0);
    list_digest(&(struct list){.indices = numbers, .index_count = NUMBERS}, spec.list_digest);
    ck_assert_int_eq(list_keep(caches.index_lists, &spec, numbers, &list, &e), 0);
    ck_assert_int_eq(render_caches_take(&caches, "a ring", LIMIT, &e), -E2BIG);
    index_list_cache_put(caches.index_lists, list);
    ck_assert_uint_eq(budget_left(&budget), LIMIT - 4 * NUMBERS); /* idle, and kept */
    ck_assert_int_eq(render_caches_take(&caches, "a ring", LIMIT, &e), 0);
    budget_give(&budget, LIMIT);
}
END_TEST

static void make_permutation(uint64_t seed)
{
    struct sampler s = {.order = FMNIST_ORDER_TORCH, .seed = seed, .count = 1000};
    struct permutation *p = permutation_cache_get(caches.permutations, &s, 0);
    ck_assert_ptr_nonnull(p);
    while (!permutation_cache_step(caches.permutations, p, &s, true))
        ;
    permutation_cache_put(caches.permutations, p);
}

/* Permutations that nobody uses are kept as far as there is memory, and go for a ring. */
START_TEST(permutation_cache__idle__of_the_budget)
{
    make_permutation(1);
    uint64_t each = LIMIT - budget_left(&budget);
    ck_assert_uint_ge(each, 4000);
    make_permutation(1);
    ck_assert_uint_eq(budget_left(&budget), LIMIT - each);
    for (uint64_t seed = 2; seed < 100; seed++)
        make_permutation(seed);
    ck_assert_uint_lt(budget_left(&budget), each);
    ck_assert_int_eq(render_caches_take(&caches, "a ring", LIMIT, &e), 0);
    make_permutation(100); /* none is kept now, but made all the same */
    budget_give(&budget, LIMIT);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("render/caches_memory");
    TCase *tc = tcase_create("memory");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, sample_cache__budget__all_but_a_quarter);
    tcase_add_test(tc, render_caches_take__too_little__idle_samples_go_others_stay);
    tcase_add_test(tc, index_list_cache__list_nobody_uses__goes_and_is_given_back);
    tcase_add_test(tc, permutation_cache__idle__of_the_budget);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
