/* SPDX-License-Identifier: MIT */
/* Draws by counter: whose words they are, what they depend on, and that they look like chance. That
 * whole chains draw what torchvision draws is test_golden.c's. */
#include "augment/rig.h"
#include "augment/words.h"

/* ---- counter ------------------------------------------------------------------------------- */

/* r.uniform of torch 2.14.1 (CPU) for keys made as draw.c says, times 2^24. The values show their
 * words: a range of 2^16 has its float32 exactly. */
START_TEST(counter__keys_and_words__those_of_torch_func_random)
{
    static const struct {
        const char *chain;
        uint64_t seed, epoch;
        uint32_t sample, view;
        uint32_t op, values[3], words[3]; /* of that operation, those values are made of these */
    } known[] = {
        {"random-affine((0,65536),shear=(0,65536,0,65536))",
         UINT64_C(0x2a),
         UINT64_C(0x3),
         12345,
         0,
         0,
         {0, 4, 5},
         {0x274038, 0x1ac8ea, 0x4cc82f}},
        {"random-affine((0,65536),shear=(0,65536,0,65536))",
         UINT64_C(0x0),
         UINT64_C(0x0),
         0,
         0,
         0,
         {0, 4, 5},
         {0x86c4da, 0x389799, 0x96d0bd}},
        {"random-affine((0,65536),shear=(0,65536,0,65536))",
         UINT64_C(0xfedcba9876543210),
         UINT64_C(0x10000000000),
         4294967295,
         3,
         0,
         {0, 4, 5},
         {0x542cd8, 0x234431, 0x4cc378}},
        {"color-jitter((0,65536),(0,65536),(0,65536))",
         UINT64_C(0x1),
         UINT64_C(0x2),
         3,
         0,
         0,
         {1, 2, 3},
         {0x2fe804, 0x59f4d, 0x64a84d}},
        {"random-horizontal-flip random-affine((0,65536),shear=(0,65536,0,65536)) "
         "random-affine((0,65536),shear=(0,65536,0,65536))",
         UINT64_C(0x7),
         UINT64_C(0xea5f),
         59999,
         1,
         2,
         {0, 4, 5},
         {0xef6b13, 0x180717, 0x9b0a39}},
        {"random-apply([random-crop(28) color-jitter((0,65536),(0,65536),(0,65536))],p=1) "
         "color-jitter((0,65536),(0,65536),(0,65536))",
         UINT64_C(0x7),
         UINT64_C(0x1),
         65,
         16777215,
         3,
         {1, 2, 3},
         {0x9bcc64, 0x131dde, 0xb7aaa3}},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        struct augment_plan *plan = plan_of(known[i].chain, 28, 28);
        uint32_t *row = rows_of(plan, 1);
        augment_draw_counter(plan, known[i].seed, known[i].epoch, known[i].view, &known[i].sample,
                             1, row, 0);
        const uint32_t *v = row + plan->chain->ops[known[i].op].first_value;
        for (int k = 0; k < 3; k++) {
            float want = (float)known[i].words[k] * 0x1p-8f;
            ck_assert_msg(float_of(v[known[i].values[k]]) == want, "vector %zu: %g, want %g", i,
                          (double)float_of(v[known[i].values[k]]), (double)want);
        }
        free(row);
        augment_plan_free(plan);
    }
}
END_TEST

/* A row belongs to its sample: not to the batch, nor to the place in it. */
START_TEST(counter__any_batch_and_order__the_samples_own_values)
{
    struct augment_plan *plan =
        plan_of("random-crop(28,padding=4) random-resized-crop(20) "
                "random-apply([random-rotation(9)],p=0.5) color-jitter(0.3)",
                28, 28);
    uint32_t n = plan->chain->value_count, indices[300];
    uint32_t *rows = rows_of(plan, 300), *one = rows_of(plan, 1);
    uint64_t random = 3;
    for (int i = 0; i < 300; i++)
        indices[i] = dice(&random, 60000);
    augment_draw_counter(plan, 11, 22, 0, indices, 300, rows, n);
    for (size_t i = 0; i < 300; i++) {
        draw_one(plan, indices[i], 0, one);
        ck_assert_mem_eq(one, rows + i * n, n * sizeof *one);
    }
    free(rows);
    free(one);
    augment_plan_free(plan);
}
END_TEST

/* Streams that differ in other operations, in sizes or in strength see the same draws. */
START_TEST(counter__other_chain_around_an_operation__the_same_values)
{
    static const struct {
        const char *a, *b;
        uint32_t op_a, op_b;
        float times; /* as much in b as in a; 0: the same bits */
    } twins[] = {
        {"random-crop(28,padding=4)", "random-horizontal-flip random-crop(28,padding=4)", 0, 1, 0},
        {"random-horizontal-flip", "random-rotation(3) random-horizontal-flip to-tensor", 0, 1, 0},
        {"random-crop(28,padding=4)", "random-apply([random-crop(28,padding=4)],p=1)", 0, 1, 0},
        {"random-crop(28,padding=4)", "resize(14) random-crop(16,padding=5)", 0, 1, 0},
        {"random-rotation(8)", "random-rotation(16)", 0, 0, 2},
        {"random-rotation(8,interpolation=bilinear,api=1)", "random-rotation(4)", 0, 0, 0.5f},
        {"random-rotation(8) random-rotation(8)", "pad(2) random-rotation(1) random-rotation(8)", 1,
         2, 0},
    };
    for (size_t i = 0; i < sizeof twins / sizeof *twins; i++) {
        struct augment_plan *a = plan_of(twins[i].a, 28, 28), *b = plan_of(twins[i].b, 28, 28);
        const struct augment_op *op = &a->chain->ops[twins[i].op_a];
        uint32_t at = b->chain->ops[twins[i].op_b].first_value;
        uint32_t *row_a = rows_of(a, 1), *row_b = rows_of(b, 1);
        for (uint32_t sample = 0; sample < 200; sample++) {
            draw_one(a, sample, 0, row_a);
            draw_one(b, sample, 0, row_b);
            for (uint32_t k = 0; k < op->value_count; k++) {
                uint32_t x = row_a[op->first_value + k], y = row_b[at + k];
                bool same =
                    twins[i].times == 0 ? x == y : float_of(x) * twins[i].times == float_of(y);
                ck_assert_msg(same, "twins %zu, sample %u, value %u: %08x and %08x", i, sample, k,
                              x, y);
            }
        }
        free(row_a);
        free(row_b);
        augment_plan_free(a);
        augment_plan_free(b);
    }
}
END_TEST

#define SAMPLES 65536

/* Numbers from 0 to 1 of samples 0, 1, 2 ...: an angle's of an operation. */
static double *numbers(const char *chain, uint32_t op, uint64_t seed, uint64_t epoch, uint32_t view)
{
    struct augment_plan *plan = plan_of(chain, 28, 28);
    uint32_t n = plan->chain->value_count, *rows = rows_of(plan, SAMPLES);
    uint32_t *indices = malloc(SAMPLES * sizeof *indices);
    double *x = malloc((SAMPLES + 1) * sizeof *x);
    for (uint32_t i = 0; i < SAMPLES; i++)
        indices[i] = i;
    augment_draw_counter(plan, seed, epoch, view, indices, SAMPLES, rows, n);
    for (uint32_t i = 0; i < SAMPLES; i++)
        x[i] = (double)float_of(rows[i * n + plan->chain->ops[op].first_value]) / 65536;
    x[SAMPLES] = x[0];
    free(rows);
    free(indices);
    augment_plan_free(plan);
    return x;
}

#define TURN "random-rotation((0,65536))"

static const struct {
    const char *chain;
    uint32_t op;
    uint64_t seed, epoch;
    uint32_t view;
} sources[] = {
    {TURN, 0, 0, 0, 0},
    {TURN, 0, 1, 0, 0},
    {TURN, 0, 0, 1, 0},
    {TURN, 0, 0, 0, 1},
    {TURN " " TURN, 1, 0, 0, 0},
    {"random-affine((0,65536))", 0, 0, 0, 0},
    {TURN, 0, UINT64_C(1) << 63, 0, 0},
    {TURN, 0, 0, UINT64_C(1) << 32, 0},
    {TURN, 0, 1, 1, 1},
};
#define SOURCES (sizeof sources / sizeof *sources)

static double *source(size_t i)
{
    return numbers(sources[i].chain, sources[i].op, sources[i].seed, sources[i].epoch,
                   sources[i].view);
}

/* 256 equal parts, filled evenly: chi-square of 255 degrees has mean 255, deviation 22.6. */
START_TEST(counter__numbers_of_a_source__uniform)
{
    double *x = source((size_t)_i);
    uint32_t counts[256] = {0}, low[256] = {0};
    double chi = 0, chi_low = 0;
    for (uint32_t i = 0; i < SAMPLES; i++) {
        ck_assert(x[i] >= 0 && x[i] < 1);
        counts[(uint32_t)(x[i] * 256)]++;
        low[(uint32_t)(x[i] * 0x1p24) & 255]++;
    }
    for (int k = 0; k < 256; k++) {
        double e = SAMPLES / 256.0;
        chi += (counts[k] - e) * (counts[k] - e) / e;
        chi_low += (low[k] - e) * (low[k] - e) / e;
    }
    ck_assert_msg(chi > 150 && chi < 370, "chi-square %g", chi);
    ck_assert_msg(chi_low > 150 && chi_low < 370, "chi-square of the low bits %g", chi_low);
    free(x);
}
END_TEST

static double correlation(const double *x, const double *y)
{
    double sum = 0;
    for (uint32_t i = 0; i < SAMPLES; i++)
        sum += (x[i] - 0.5) * (y[i] - 0.5);
    return sum * 12 / SAMPLES;
}

/* Deviation of a correlation of so many numbers: 1/256. */
START_TEST(counter__neighbours__nothing_in_common)
{
    double *x = source((size_t)_i);
    double r = correlation(x, x + 1);
    ck_assert_msg(fabs(r) < 4.5 / 256, "neighbours of source %d: %g", _i, r);
    for (size_t k = (size_t)_i + 1; k < SOURCES; k++) {
        double *y = source(k);
        r = correlation(x, y);
        ck_assert_msg(fabs(r) < 4.5 / 256, "sources %d and %zu: %g", _i, k, r);
        r = correlation(x, y + 1);
        ck_assert_msg(fabs(r) < 4.5 / 256, "sources %d and %zu, next sample: %g", _i, k, r);
        free(y);
    }
    free(x);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("augment/draw");
    TCase *tc = tcase_create("draw");
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    suite_add_tcase(s, tc);
    tcase_add_test(tc, counter__keys_and_words__those_of_torch_func_random);
    tcase_add_test(tc, counter__any_batch_and_order__the_samples_own_values);
    tcase_add_test(tc, counter__other_chain_around_an_operation__the_same_values);
    tcase_add_loop_test(tc, counter__numbers_of_a_source__uniform, 0, SOURCES);
    tcase_add_loop_test(tc, counter__neighbours__nothing_in_common, 0, SOURCES);
    return support_run(s);
}
