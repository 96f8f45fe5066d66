/* SPDX-License-Identifier: MIT */
/* The frameworks' orders against vectors that the frameworks themselves made (tests/golden). */
#include "fmnist.h"
#include "sampler/permutations.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the golden text: words and numbers between white space ---- */

struct reader {
    char *text;
    char *at;
};

static void reader_init(struct reader *r, const char *name)
{
    r->text = support_golden(name, NULL);
    r->at = r->text;
}

/* Whether another record begins; its kind is copied to `kind`. */
static bool read_kind(struct reader *r, char kind[32])
{
    int n = 0;
    if (sscanf(r->at, " %31s%n", kind, &n) != 1)
        return false;
    r->at += n;
    return true;
}

static uint64_t read_number(struct reader *r)
{
    char *end;
    uint64_t v = strtoull(r->at, &end, 10);
    ck_assert_ptr_ne(end, r->at);
    r->at = end;
    return v;
}

static void expect_indices(struct reader *r, const uint32_t *indices, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t want = read_number(r);
        ck_assert_msg(indices[i] == want, "index %zu of %zu: %u, want %lu", i, count, indices[i],
                      (unsigned long)want);
    }
}

static struct sampler make_sampler(uint32_t order, uint64_t count, uint64_t seed)
{
    struct sampler s = {
        .order = order,
        .seed = seed,
        .count = count,
        .world_size = 1,
        .pad = FMNIST_PAD_WRAP,
        .batch_size = 1,
    };
    ck_assert_int_eq(sampler_init(&s, NULL), 0);
    return s;
}

static uint32_t *build(const struct sampler *s, uint64_t epoch, struct permutation_walk *walk)
{
    uint32_t *p = malloc(s->count * sizeof *p);
    permutation_build(s, epoch, p, walk);
    return p;
}

/* sum of (i + 1) * p[i], as the golden files have it for long orders. */
static uint64_t weighted_sum(const uint32_t *p, uint64_t count)
{
    uint64_t sum = 0;
    for (uint64_t i = 0; i < count; i++)
        sum += (i + 1) * p[i];
    return sum;
}

/* ---- one check a kind of record ---- */

static void check_randperm(struct reader *r)
{
    uint64_t n = read_number(r), seed = read_number(r);
    struct sampler s = make_sampler(FMNIST_ORDER_TORCH, n, seed);
    uint32_t *p = build(&s, 0, NULL);
    expect_indices(r, p, n);
    free(p);
}

static void check_running(struct reader *r, uint32_t order)
{
    uint64_t n = read_number(r), seed = read_number(r), epochs = read_number(r);
    struct sampler s = make_sampler(order, n, seed);
    struct permutation_walk walk = {.epoch = UINT64_MAX}; /* leads nowhere */
    for (uint64_t e = 0; e < epochs; e++) {
        uint32_t *p = build(&s, e, &walk);
        ck_assert_uint_eq(walk.epoch, e);
        expect_indices(r, p, n);
        free(p);
    }
}

static uint64_t draw_i64(struct mt19937 *mt)
{
    uint64_t high = mt19937_u32(mt);
    return (high << 32 | mt19937_u32(mt)) & INT64_MAX;
}

/* What the global generator of torch.manual_seed gives an epoch: a base seed, then a seed. */
static void check_loader_global(struct reader *r)
{
    uint64_t n = read_number(r), seed = read_number(r), epochs = read_number(r);
    uint64_t next = read_number(r);
    struct mt19937 global;
    mt19937_seed(&global, (uint32_t)seed);
    for (uint64_t e = 0; e < epochs; e++) {
        draw_i64(&global);
        struct sampler s = make_sampler(FMNIST_ORDER_TORCH, n, draw_i64(&global));
        uint32_t *p = build(&s, 0, NULL);
        expect_indices(r, p, n);
        free(p);
    }
    ck_assert_uint_eq(draw_i64(&global), next);
}

static void check_distributed(struct reader *r)
{
    uint64_t n = read_number(r), seed = read_number(r), epoch = read_number(r);
    uint32_t world = (uint32_t)read_number(r), drop = (uint32_t)read_number(r);
    uint64_t per_rank = read_number(r);
    struct sampler s = make_sampler(FMNIST_ORDER_TORCH, n, seed);
    uint32_t *p = build(&s, epoch, NULL), *indices = malloc(per_rank * sizeof *indices);
    s.world_size = world;
    s.pad = drop ? FMNIST_PAD_DROP : FMNIST_PAD_WRAP;
    for (s.rank = 0; s.rank < world; s.rank++) {
        ck_assert_int_eq(sampler_init(&s, NULL), 0);
        ck_assert_uint_eq(s.shard_count, per_rank);
        sampler_indices(&s, epoch, p, 0, per_rank, indices);
        expect_indices(r, indices, per_rank);
    }
    free(p);
    free(indices);
}

static void check_first_of_60000(struct reader *r)
{
    uint64_t seed = read_number(r), first = read_number(r), last = read_number(r);
    uint64_t sum = read_number(r);
    struct sampler s = make_sampler(FMNIST_ORDER_TORCH, 60000, seed);
    uint32_t *p = build(&s, 0, NULL);
    expect_indices(r, p, first);
    expect_indices(r, p + 60000 - last, last);
    ck_assert_uint_eq(weighted_sum(p, 60000), sum);
    free(p);
}

/* A long NumPy order: its first and last five indices and the weighted sum, each epoch. */
static void check_numpy_sums(struct reader *r)
{
    uint64_t n = read_number(r), seed = read_number(r), epochs = read_number(r);
    struct sampler s = make_sampler(FMNIST_ORDER_NUMPY, n, seed);
    struct permutation_walk walk = {.epoch = UINT64_MAX}; /* leads nowhere */
    for (uint64_t e = 0; e < epochs; e++) {
        uint32_t *p = build(&s, e, &walk);
        expect_indices(r, p, 5);
        expect_indices(r, p + n - 5, 5);
        ck_assert_uint_eq(weighted_sum(p, n), read_number(r));
        free(p);
    }
}

/* A draw too many or too few, a wrong modulus, or a wrong padding shows in PyTorch's vectors. */
START_TEST(permutation_build__torch_vectors__equal)
{
    struct reader r;
    char kind[32];
    int records = 0;
    reader_init(&r, "torch_order.txt");
    for (; read_kind(&r, kind); records++) {
        if (!strcmp(kind, "randperm"))
            check_randperm(&r);
        else if (!strcmp(kind, "loader_generator"))
            check_running(&r, FMNIST_ORDER_TORCH_LOADER);
        else if (!strcmp(kind, "loader_global"))
            check_loader_global(&r);
        else if (!strcmp(kind, "distributed"))
            check_distributed(&r);
        else if (!strcmp(kind, "first_of_60000"))
            check_first_of_60000(&r);
        else
            ck_abort_msg("record of kind %s", kind);
    }
    ck_assert_int_eq(records, 208);
    free(r.text);
}
END_TEST

/* A wrong mask, or a rejected word that is not drawn again, shows in NumPy's vectors. */
START_TEST(permutation_build__numpy_vectors__equal)
{
    struct reader r;
    char kind[32];
    int records = 0;
    reader_init(&r, "numpy_order.txt");
    for (; read_kind(&r, kind); records++) {
        if (!strcmp(kind, "full"))
            check_running(&r, FMNIST_ORDER_NUMPY);
        else if (!strcmp(kind, "sums"))
            check_numpy_sums(&r);
        else
            ck_abort_msg("record of kind %s", kind);
    }
    ck_assert_int_eq(records, 28);
    free(r.text);
}
END_TEST

/* The published first indices of np.random.seed(0) over 60,000 images. */
START_TEST(permutation_build__numpy_seed_0__begins_as_published)
{
    static const uint32_t published[] = {3048, 19563, 58303, 8870, 40228};
    struct sampler s = make_sampler(FMNIST_ORDER_NUMPY, 60000, 0);
    uint32_t *p = build(&s, 0, NULL);
    ck_assert_mem_eq(p, published, sizeof published);
    free(p);
}
END_TEST

/* ---- the textbook forms, a draw at a time, for sizes around the blocks of the fast ones ---- */

static void naive_torch(struct mt19937 *mt, uint32_t *p, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        p[i] = i;
    for (uint32_t i = 0; i + 1 < n; i++) {
        uint32_t j = i + mt19937_u32(mt) % (n - i), t = p[i];
        p[i] = p[j];
        p[j] = t;
    }
}

static void naive_numpy(struct mt19937 *mt, uint32_t *p, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        p[i] = i;
    for (uint32_t i = n - 1; i > 0; i--) {
        uint32_t mask = i, j;
        for (int shift = 1; shift < 32; shift *= 2)
            mask |= mask >> shift;
        do
            j = mt19937_u32(mt) & mask;
        while (j > i);
        uint32_t t = p[i];
        p[i] = p[j];
        p[j] = t;
    }
}

static void naive_epoch(uint32_t order, struct mt19937 *mt, uint32_t *p, uint32_t n)
{
    if (order == FMNIST_ORDER_NUMPY) {
        naive_numpy(mt, p, n);
        return;
    }
    uint32_t *thrown_away = malloc(n * sizeof *thrown_away);
    draw_i64(mt);
    naive_torch(mt, p, n);
    naive_torch(mt, thrown_away, n);
    free(thrown_away);
}

static void compare_with_naive(uint32_t order, uint32_t n)
{
    struct sampler s = make_sampler(order, n, 7);
    struct permutation_walk walk = {.epoch = UINT64_MAX}; /* leads nowhere */
    struct mt19937 mt;
    uint32_t *want = malloc(n * sizeof *want);
    mt19937_seed(&mt, 7);
    for (uint64_t e = 0; e < 3; e++) {
        naive_epoch(order, &mt, want, n);
        uint32_t *p = build(&s, e, &walk);
        ck_assert_mem_eq(p, want, n * sizeof *want);
        free(p);
    }
    free(want);
}

/* An order that loses its place where a block of draws ends, or where NumPy's mask narrows. */
START_TEST(permutation_build__sizes_around_blocks__as_the_textbook)
{
    static const uint32_t sizes[] = {511,  512,  513,  514,  623,  624,   625,   1023,  1024,  1025,
                                     1026, 2047, 2048, 2049, 4097, 65535, 65536, 65537, 300001};
    for (uint32_t n = 1; n <= 300; n++) {
        compare_with_naive(FMNIST_ORDER_TORCH_LOADER, n);
        compare_with_naive(FMNIST_ORDER_NUMPY, n);
    }
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        compare_with_naive(FMNIST_ORDER_TORCH_LOADER, sizes[i]);
        compare_with_naive(FMNIST_ORDER_NUMPY, sizes[i]);
    }
}
END_TEST

/* ---- running on ---- */

/* An epoch that depends on how it was reached: in turn, by a walk, or backwards. */
START_TEST(permutation_build__any_walk__same_epoch)
{
    static const uint32_t orders[] = {FMNIST_ORDER_TORCH, FMNIST_ORDER_TORCH_LOADER,
                                      FMNIST_ORDER_NUMPY};
    static const uint64_t visits[] = {0, 1, 2, 5, 5, 3, 6, 0, 7};
    for (int o = 0; o < 3; o++) {
        struct sampler s = make_sampler(orders[o], 1000, 11);
        struct permutation_walk walk = {.epoch = UINT64_MAX}; /* leads nowhere */
        for (size_t i = 0; i < sizeof visits / sizeof *visits; i++) {
            uint32_t *by_walk = build(&s, visits[i], &walk), *fresh = build(&s, visits[i], NULL);
            ck_assert_mem_eq(by_walk, fresh, 1000 * sizeof *fresh);
            free(by_walk);
            free(fresh);
        }
    }
}
END_TEST

/* ---- in steps ------------------------------------------------------------------------------ */

/* Steps of `words`, or of 1 .. 2 * -words at random. */
static uint32_t *build_in_steps(const struct sampler *s, uint64_t epoch, int words)
{
    uint32_t *p = malloc(s->count * sizeof *p);
    struct permutation_walk w, moved;
    permutation_walk_begin(&w, s, epoch, NULL);
    unsigned random = 1, most = 2 * (unsigned)-words;
    bool whole = false;
    while (!whole) {
        moved = w; /* nothing of it may point into itself */
        random = random * 1103515245 + 12345;
        uint64_t step = words > 0 ? (unsigned)words : 1 + (random >> 8) % most;
        whole = permutation_walk_step(&moved, s, p, step);
        w = moved;
    }
    ck_assert(permutation_walk_step(&w, s, p, 100)); /* and stays so */
    return p;
}

/* A walk that loses its place, or a word, where it is left and gone on with. */
START_TEST(permutation_walk_step__every_split__as_at_once)
{
    static const uint32_t orders[] = {FMNIST_ORDER_TORCH, FMNIST_ORDER_TORCH_LOADER,
                                      FMNIST_ORDER_NUMPY};
    static const uint64_t sizes[] = {1, 2, 3, 31, 32, 33, 63, 64, 65, 130, 511, 513, 2500};
    static const int splits[] = {1, 2, 3, 7, 31, 32, 33, 511, 512, 513, 700, -1, -50, -600};
    for (int o = 0; o < 3; o++)
        for (size_t n = 0; n < sizeof sizes / sizeof *sizes; n++)
            for (uint64_t epoch = 0; epoch < 4; epoch++) {
                struct sampler s = make_sampler(orders[o], sizes[n], 9 + n);
                uint32_t *want = build(&s, epoch, NULL);
                for (size_t i = 0; i < sizeof splits / sizeof *splits; i++) {
                    uint32_t *p = build_in_steps(&s, epoch, splits[i]);
                    ck_assert_mem_eq(p, want, s.count * sizeof *p);
                    free(p);
                }
                free(want);
            }
}
END_TEST

/* A generator that was left on its way, wherever, leads on as one that was seeded. */
START_TEST(permutation_walk_begin__at_one_left_anywhere__as_from_the_seed)
{
    static const uint32_t orders[] = {FMNIST_ORDER_TORCH_LOADER, FMNIST_ORDER_NUMPY};
    static const uint64_t sizes[] = {1, 2, 100, 700};
    for (int o = 0; o < 2; o++)
        for (size_t n = 0; n < 4; n++) {
            struct sampler s = make_sampler(orders[o], sizes[n], 77);
            uint32_t *p = malloc(s.count * sizeof *p);
            uint32_t *near = build(&s, 6, NULL), *far = build(&s, 40, NULL);
            for (uint64_t words = 0; words < 14 * s.count; words += 1 + words / 9) {
                struct permutation_walk left, w;
                permutation_walk_begin(&left, &s, 5, NULL);
                permutation_walk_step(&left, &s, p, words);
                permutation_walk_begin(&w, &s, 6, &left);
                ck_assert(permutation_walk_step(&w, &s, p, UINT64_MAX));
                ck_assert_mem_eq(p, near, s.count * sizeof *p);
                ck_assert(permutation_walk_leads(&w, &s, 40) && !permutation_walk_leads(&w, &s, 5));
                permutation_walk_begin(&w, &s, 40, &w);
                ck_assert(permutation_walk_step(&w, &s, p, UINT64_MAX));
                ck_assert_mem_eq(p, far, s.count * sizeof *p);
            }
            free(near);
            free(far);
            free(p);
        }
}
END_TEST

/* An epoch that was skipped to, without its partners, begins where one begins that was drawn. */
START_TEST(permutation_walk_step__epochs_skipped__as_drawn_one_by_one)
{
    static const uint64_t sizes[] = {1, 2, 5, 40, 1000, 2049, 70000};
    for (size_t n = 0; n < sizeof sizes / sizeof *sizes; n++) {
        struct sampler s = make_sampler(FMNIST_ORDER_NUMPY, sizes[n], 123);
        struct permutation_walk walk = {.epoch = UINT64_MAX};
        for (uint64_t e = 0; e <= 20; e++) {
            uint32_t *drawn = build(&s, e, &walk), *skipped = build(&s, e, NULL);
            ck_assert_mem_eq(drawn, skipped, s.count * sizeof *drawn);
            free(drawn);
            free(skipped);
        }
    }
}
END_TEST

/* `torch` is randperm(seed + epoch): the documented likeness of neighbouring seeds. */
START_TEST(permutation_build__torch_seed_plus_epoch__same_order)
{
    struct sampler a = make_sampler(FMNIST_ORDER_TORCH, 500, 1);
    struct sampler b = make_sampler(FMNIST_ORDER_TORCH, 500, 0);
    uint32_t *p = build(&a, 0, NULL), *q = build(&b, 1, NULL);
    ck_assert_mem_eq(p, q, 500 * sizeof *p);
    free(p);
    free(q);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sampler/orders");
    TCase *tc = tcase_create("orders");
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, permutation_build__torch_vectors__equal);
    tcase_add_test(tc, permutation_build__numpy_vectors__equal);
    tcase_add_test(tc, permutation_build__numpy_seed_0__begins_as_published);
    tcase_add_test(tc, permutation_build__sizes_around_blocks__as_the_textbook);
    tcase_add_test(tc, permutation_build__any_walk__same_epoch);
    tcase_add_test(tc, permutation_walk_step__every_split__as_at_once);
    tcase_add_test(tc, permutation_walk_begin__at_one_left_anywhere__as_from_the_seed);
    tcase_add_test(tc, permutation_walk_step__epochs_skipped__as_drawn_one_by_one);
    tcase_add_test(tc, permutation_build__torch_seed_plus_epoch__same_order);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
