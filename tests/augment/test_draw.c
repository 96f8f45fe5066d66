/* Draws: PyTorch's numbers and its generator's state, the counter's words, and what is refused as
 * never drawn. That whole chains draw what torchvision draws is test_golden.c's. */
#include "augment/draw.h"
#include "augment/run.h"
#include "augment/words.h"
#include "base/bytes.h"
#include "support/support.h"

#include <errno.h>
#include <float.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS 4096

static struct augment_plan *try_plan(const char *text, uint32_t channels, uint32_t height,
                                     uint32_t width, struct err *e)
{
    struct augment_chain *chain;
    struct augment_plan *plan;
    ck_assert_msg(!augment_parse(&chain, text, e), "%s: %s", text, e->text);
    struct augment_shape in = {channels, height, width, AUGMENT_PICTURE};
    return augment_plan_new(&plan, chain, &in, e) ? NULL : plan;
}

static struct augment_plan *plan_of(const char *text, uint32_t height, uint32_t width)
{
    struct err e = {""};
    struct augment_plan *plan = try_plan(text, 1, height, width, &e);
    ck_assert_msg(plan != NULL, "%s: %s", text, e.text);
    return plan;
}

static uint32_t *rows_of(const struct augment_plan *plan, size_t count)
{
    return malloc((count * plan->chain->value_count + 1) * sizeof(uint32_t));
}

static float float_of(uint32_t bits)
{
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

static uint32_t bits_of(float f)
{
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    return bits;
}

static void run_row(const struct augment_plan *plan, const void *sample, const uint32_t *row,
                    void *place)
{
    struct augment_scratch *scratch = augment_scratch_new(plan);
    augment_run(plan, scratch, &sample, row, 1, &place);
    augment_scratch_free(scratch);
}

/* A small generator of the test's own. */
static uint32_t dice(uint64_t *state, uint32_t sides)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((*state >> 33) % sides);
}

/* ---- words --------------------------------------------------------------------------------- */

/* Random123's published vectors. */
START_TEST(philox__published_vectors__same)
{
    static const struct {
        uint64_t key, offset, subsequence;
        uint32_t want[4];
    } known[] = {
        {0, 0, 0, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {UINT64_MAX, UINT64_MAX, UINT64_MAX, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {UINT64_C(0x299f31d0a4093822),
         UINT64_C(0x85a308d3243f6a88),
         UINT64_C(0x0370734413198a2e),
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        uint32_t got[4];
        philox4x32_10(known[i].key, known[i].offset, known[i].subsequence, got);
        ck_assert_msg(!memcmp(got, known[i].want, sizeof got), "vector %zu: %08x %08x %08x %08x", i,
                      got[0], got[1], got[2], got[3]);
    }
}
END_TEST

/* One record of golden/augment_draws.txt, read token by token. */
struct reader {
    char *rest;
    const char *record;
    struct words words;
};

static const char *token(struct reader *r)
{
    char *t;
    while ((t = strsep(&r->rest, " \n")) && !*t)
        ;
    return t;
}

static uint64_t number(struct reader *r)
{
    return strtoull(token(r), NULL, 10);
}

static uint64_t two_words(struct words *w)
{
    uint64_t high = words_next(w);
    return high << 32 | words_next(w);
}

static void check_bits(struct reader *r, uint64_t got, const char *call)
{
    uint64_t want = strtoull(token(r), NULL, 16);
    ck_assert_msg(got == want, "%s: %s gives %lx, want %lx", r->record, call, got, want);
}

static void check_randint(struct reader *r)
{
    int64_t low = (int64_t)number(r), high = (int64_t)number(r);
    for (uint64_t n = number(r); n; n--) {
        uint64_t range = (uint64_t)(high - low);
        uint64_t drawn = range <= UINT32_MAX ? words_below(&r->words, (uint32_t)range)
                                             : two_words(&r->words) % range;
        int64_t want = (int64_t)number(r), got = low + (int64_t)drawn;
        ck_assert_msg(got == want, "%s: randint %ld to %ld gives %ld, want %ld", r->record, low,
                      high, got, want);
    }
}

static void check_randperm(struct reader *r)
{
    uint32_t n = (uint32_t)number(r), *p = malloc(n * sizeof *p);
    for (uint32_t i = 0; i < n; i++)
        p[i] = i;
    for (uint32_t i = 0; i + 1 < n; i++) {
        uint32_t k = i + words_below(&r->words, n - i), kept = p[i];
        p[i] = p[k];
        p[k] = kept;
    }
    for (uint32_t i = 0; n <= 100 && i < n; i++)
        ck_assert_msg(p[i] == number(r), "%s: randperm(%u) at %u", r->record, n, i);
    free(p);
}

static void check_call(struct reader *r, const char *call)
{
    if (!strcmp(call, "randint")) {
        check_randint(r);
    } else if (!strcmp(call, "randperm")) {
        check_randperm(r);
    } else if (!strcmp(call, "uniform")) {
        double low = strtod(token(r), NULL), high = strtod(token(r), NULL);
        for (uint64_t n = number(r); n; n--)
            check_bits(r, bits_of(words_uniform(&r->words, low, high)), call);
    } else if (!strcmp(call, "rand")) {
        for (uint64_t n = number(r); n; n--)
            check_bits(r, bits_of(words_rand(&r->words)), call);
    } else if (!strcmp(call, "rand64")) {
        for (uint64_t n = number(r); n; n--) {
            double got = (double)(two_words(&r->words) & UINT64_C(0x1fffffffffffff)) * 0x1p-53;
            uint64_t bits;
            memcpy(&bits, &got, sizeof bits);
            check_bits(r, bits, call);
        }
    } else if (!strcmp(call, "random")) {
        for (uint64_t n = number(r); n; n--)
            ck_assert_uint_eq(two_words(&r->words) & INT64_MAX, number(r));
    } else {
        ck_assert_str_eq(call, "skip");
        for (uint64_t n = number(r); n; n--)
            words_next(&r->words);
    }
}

/* rand, uniform_, randint, randperm of torch 2.13.0, and how many words they took. */
START_TEST(words__records_of_torch__same_numbers_and_next_word)
{
    size_t size;
    char *file = support_golden("augment_draws.txt", &size);
    char *text = strndup(file, size);
    struct reader r = {.rest = text};
    unsigned records = 0, calls = 0;
    const char *t;
    free(file);
    while ((t = token(&r))) {
        ck_assert_str_eq(t, "record");
        r.record = token(&r);
        struct mt19937 mt, other;
        mt19937_seed(&mt, (uint32_t)strtoll(token(&r), NULL, 10));
        other = mt;
        words_begin_torch(&r.words, &mt);
        for (t = token(&r); strcmp(t, "end") != 0; t = token(&r), calls++)
            check_call(&r, t);
        words_end_torch(&r.words);
        mt19937_skip(&other, number(&r));
        uint32_t next = (uint32_t)number(&r);
        ck_assert_msg(mt19937_u32(&other) == next, "%s: the record itself", r.record);
        ck_assert_msg(mt19937_u32(&mt) == next, "%s: another word comes next", r.record);
        records++;
    }
    free(text);
    ck_assert_uint_eq(records, 14);
    ck_assert_uint_gt(calls, 300);
}
END_TEST

/* ---- the generator's state ----------------------------------------------------------------- */

/* Bytes of torch 2.13.0: manual_seed(2^40 + 7), then nothing, 1, 624, 625 and 1000 words. */
START_TEST(torch_state__after_any_number_of_words__as_torch_has_it)
{
    static const struct {
        uint32_t words, left, next, first; /* first: of the 624 */
    } known[] = {
        {0, 1, 0, 7}, {1, 624, 1, 0}, {624, 1, 624, 0}, {625, 624, 1, 0}, {1000, 249, 376, 0},
    };
    struct err e = {""};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        uint8_t state[TORCH_STATE_BYTES], as_was[TORCH_STATE_BYTES];
        struct mt19937 mt, want;
        torch_state_seed(state, (UINT64_C(1) << 40) + 7);
        put_le64(state + TORCH_STATE_BYTES - 32, 0x3ff8000000000000); /* a cached number */
        memcpy(as_was, state, sizeof state);
        ck_assert_int_eq(torch_state_load(&mt, state, &e), 0);
        mt19937_seed(&want, 7);
        ck_assert_mem_eq(&mt, &want, sizeof mt);
        mt19937_skip(&mt, known[i].words);
        torch_state_store(&mt, state);
        ck_assert_uint_eq(get_le64(state), (UINT64_C(1) << 40) + 7);
        ck_assert_uint_eq(get_le32(state + 8), known[i].left);
        ck_assert_uint_eq(get_le32(state + 12), 1);
        ck_assert_uint_eq(get_le64(state + 16), known[i].next);
        for (int k = 0; k < MT19937_WORDS; k++)
            ck_assert_uint_eq(get_le64(state + 24 + 8 * k), mt.words[k]);
        if (known[i].first)
            ck_assert_uint_eq(get_le64(state + 24), known[i].first);
        size_t behind = 24 + 8 * MT19937_WORDS;
        ck_assert_mem_eq(state + behind, as_was + behind, TORCH_STATE_BYTES - behind);
        ck_assert_int_eq(torch_state_load(&want, state, &e), 0);
        ck_assert_mem_eq(&mt, &want, sizeof mt);
    }
}
END_TEST

START_TEST(torch_state__no_such_state__refused)
{
    static const struct {
        uint32_t at, value;
    } wrong[] = {{8, 0}, {8, 626}, {8, UINT32_MAX}, {8, 5}, {12, 0}, {12, 2}};
    struct err e = {""};
    struct mt19937 mt;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        uint8_t state[TORCH_STATE_BYTES];
        torch_state_seed(state, 1);
        put_le32(state + wrong[i].at, wrong[i].value);
        ck_assert_int_eq(torch_state_load(&mt, state, &e), -EINVAL);
        ck_assert_msg(strstr(e.text, "want that of a CPU generator") != NULL, "%s", e.text);
    }
}
END_TEST

/* Words are read ahead: what was not taken is given back, wherever a call ends. */
START_TEST(torch__samples_drawn_in_parts__as_drawn_at_once)
{
    struct augment_plan *plan = plan_of("random-crop(28,padding=4) random-resized-crop(20) "
                                        "random-apply([color-jitter(0.2,0.3)],p=0.4) "
                                        "rand-augment(3) to-tensor random-erasing",
                                        28, 28);
    uint32_t *once = rows_of(plan, ROWS), *parts = rows_of(plan, ROWS);
    uint32_t n = plan->chain->value_count;
    uint8_t whole[TORCH_STATE_BYTES], state[TORCH_STATE_BYTES];
    struct mt19937 mt;
    struct err e = {""};
    uint64_t random = 5;
    torch_state_seed(whole, 99);
    torch_state_seed(state, 99);
    ck_assert_int_eq(torch_state_load(&mt, whole, &e), 0);
    augment_draw_torch(plan, &mt, ROWS, once);
    torch_state_store(&mt, whole);
    for (size_t done = 0, count; done < ROWS; done += count) {
        count = dice(&random, 40);
        count = count < ROWS - done ? count : ROWS - done;
        ck_assert_int_eq(torch_state_load(&mt, state, &e), 0);
        augment_draw_torch(plan, &mt, count, parts + done * n);
        torch_state_store(&mt, state);
    }
    ck_assert_mem_eq(parts, once, ROWS * n * sizeof *once);
    ck_assert_mem_eq(state, whole, sizeof state);
    free(once);
    free(parts);
    augment_plan_free(plan);
}
END_TEST

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

static void draw_one(const struct augment_plan *plan, uint32_t sample, uint32_t view, uint32_t *row)
{
    augment_draw_counter(plan, 11, 22, view, &sample, 1, row, 0);
}

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

/* ---- values from elsewhere ----------------------------------------------------------------- */

/* One value of a row, and between which all are taken. */
static const struct edge {
    const char *chain;
    uint32_t height, width;
    const char *row; /* values, floats with a point; those not said are 0 */
    uint32_t at;
    double low, high;
} edges[] = {
    {"random-crop(28,padding=4)", 28, 28, "", 0, 0, 8},
    {"random-crop(28,padding=4)", 28, 28, "8 8", 1, 0, 8},
    {"random-crop((20,28),padding=(0,1,2,3))", 28, 28, "", 0, 0, 12},
    {"random-crop((20,28),padding=(0,1,2,3))", 28, 28, "", 1, 0, 2},
    {"random-crop((40,10),pad-if-needed=true)", 28, 28, "", 0, 0, 12},
    {"random-crop((40,10),pad-if-needed=true,api=1)", 28, 28, "", 1, 0, 18},
    {"random-crop(28)", 28, 28, "", 0, 0, 0},
    {"random-horizontal-flip", 28, 28, "", 0, 0, 1},
    {"random-vertical-flip", 28, 28, "", 0, 0, 1},
    {"random-grayscale", 28, 28, "", 0, 0, 1},
    {"random-rotation((-10,30.1))", 28, 28, "0.", 0, -10, 30.1},
    {"random-rotation((5,5))", 28, 28, "5.", 0, 5, 5},
    {"random-affine(5.3)", 28, 28, "0. 0 0 1. 0. 0.", 0, -5.3, 5.3},
    {"random-affine(5)", 28, 28, "0. 0 0 1. 0. 0.", 1, 0, 0},
    {"random-affine(5)", 28, 28, "0. 0 0 1. 0. 0.", 2, 0, 0},
    {"random-affine(5)", 28, 28, "0. 0 0 1. 0. 0.", 3, 1, 1},
    {"random-affine(5)", 28, 28, "0. 0 0 1. 0. 0.", 4, 0, 0},
    {"random-affine(5)", 28, 28, "0. 0 0 1. 0. 0.", 5, 0, 0},
    {"random-affine(5,translate=(0.1,0.25))", 28, 56, "0. 0 0 1. 0. 0.", 1, -6, 6},
    {"random-affine(5,translate=(0.1,0.25))", 28, 56, "0. -6 0 1. 0. 0.", 2, -7, 7},
    {"random-affine(5,scale=(0.8,1.2))", 28, 28, "0. 0 0 1. 0. 0.", 3, 0.8, 1.2},
    {"random-affine(5,shear=3)", 28, 28, "0. 0 0 1. 0. 0.", 4, -3, 3},
    {"random-affine(5,shear=3)", 28, 28, "0. 0 0 1. 0. 0.", 5, 0, 0},
    {"random-affine(5,shear=(-3,3,-4,0.7))", 28, 28, "0. 0 0 1. 0. 0.", 5, -4, 0.7},
    {"random-resized-crop(8)", 28, 30, "0 0 10 12", 0, 0, 18},
    {"random-resized-crop(8)", 28, 30, "18 0 10 12", 1, 0, 18},
    {"random-resized-crop(8)", 28, 30, "0 0 10 12", 2, 0, 28},
    {"random-resized-crop(8)", 28, 30, "0 0 10 12", 3, 0, 30},
    {"to-tensor random-erasing", 28, 30, "0 0 10 12", 0, 0, 18},
    {"to-tensor random-erasing", 28, 30, "0 0 10 12", 1, 0, 18},
    {"to-tensor random-erasing", 28, 30, "0 0 10 12", 2, 0, 27},
    {"to-tensor random-erasing", 28, 30, "0 0 10 12", 3, 0, 29},
    {"color-jitter(0.4)", 28, 28, "228 1. 1. 1. 0.", 1, 0.6, 1.4},
    {"color-jitter(0.4)", 28, 28, "27 1. 1. 1. 0.", 2, 1, 1},
    {"color-jitter(0,0.4)", 28, 28, "27 1. 1. 1. 0.", 2, 0.6, 1.4},
    {"color-jitter(0,0,(0.1,7))", 28, 28, "27 1. 1. 1. 0.", 3, 0.1, 7},
    {"color-jitter(0.4)", 28, 28, "27 1. 1. 1. 0.", 4, 0, 0},
    {"color-jitter(hue=0.2)", 28, 28, "27 1. 1. 1. 0.", 4, -0.2, 0.2},
    {"trivial-augment-wide", 28, 28, "", 0, 0, 13},
    {"trivial-augment-wide", 28, 28, "1 30 1", 1, 0, 30},
    {"trivial-augment-wide(7)", 28, 28, "11 3 0", 1, 0, 6},
    {"trivial-augment-wide", 28, 28, "9 3 1", 2, 0, 1},
    {"trivial-augment-wide", 28, 28, "10 3 0", 2, 0, 0},
    {"trivial-augment-wide", 28, 28, "", 1, 0, 0},
    {"trivial-augment-wide", 28, 28, "12 0 0", 1, 0, 0},
    {"trivial-augment-wide", 28, 28, "13 0 0", 2, 0, 0},
    {"rand-augment(3)", 28, 28, "9 1 1 1 0 0", 4, 0, 13},
    {"rand-augment(3)", 28, 28, "9 1 1 1 0 0", 3, 0, 1},
    {"rand-augment(3)", 28, 28, "9 1 10 0 0 0", 3, 0, 0},
    {"rand-augment(3)", 28, 28, "9 1 10 0 0 0", 5, 0, 0},
    {"auto-augment(svhn)", 28, 28, "", 0, 0, 24},
    {"auto-augment(svhn)", 28, 28, "0 1 0 1 0", 1, 0, 1}, /* ShearX, then Invert */
    {"auto-augment(svhn)", 28, 28, "0 1 0 1 0", 2, 0, 1},
    {"auto-augment(svhn)", 28, 28, "0 1 1 1 0", 4, 0, 0},
    {"auto-augment(svhn)", 28, 28, "0 0 0 1 0", 2, 0, 0},
    {"auto-augment", 28, 28, "12 0 0 0 0", 1, 0, 1}, /* of probability 0: a number is 0, seldom */
    {"random-apply([random-crop(28,padding=2)],p=0.5)", 28, 28, "0", 0, 0, 1},
    {"random-apply([random-crop(28,padding=2)],p=0.5)", 28, 28, "1 4 4", 1, 0, 4},
    {"random-apply([random-crop(28,padding=2)],p=0.5)", 28, 28, "0 0 0", 2, 0, 0},
    {"random-apply([random-apply([random-crop(28,padding=2)],p=0.5)],p=0.5)", 28, 28, "1 1 3 0", 2,
     0, 4},
    {"random-apply([random-apply([random-crop(28,padding=2)],p=0.5)],p=0.5)", 28, 28, "1 0 0 0", 2,
     0, 0},
    {"random-apply([random-crop(20)],p=0.5) random-crop(20)", 28, 28, "1 8 8 0 0", 3, 0, 0},
    {"random-apply([random-crop(20)],p=0.5) random-crop(20)", 28, 28, "0 0 0 8 8", 3, 0, 8},
    {"random-rotation(45,expand=true) random-crop(28)", 28, 28, "45. 0 0", 1, 0, 12},
    {"random-rotation(45,expand=true) random-crop(28)", 28, 28, "0. 0 0", 1, 0, 0},
};

static void fill_row(const struct edge *g, uint32_t count, uint32_t *row)
{
    char text[64], *rest = text, *t;
    snprintf(text, sizeof text, "%s", g->row);
    memset(row, 0, count * sizeof *row);
    for (uint32_t i = 0; (t = strsep(&rest, " ")) && *t; i++) {
        ck_assert_uint_lt(i, count);
        row[i] = strchr(t, '.') ? bits_of(strtof(t, NULL)) : (uint32_t)atoi(t);
    }
}

static bool takes(const struct augment_plan *plan, uint32_t *row, uint32_t at, uint32_t value)
{
    struct err e = {""};
    uint32_t was = row[at];
    row[at] = value;
    int rc = augment_check_values(plan, row, 1, &e);
    row[at] = was;
    ck_assert(rc == 0 || (rc == -EINVAL && !strncmp(e.text, "draws[0]", 8)));
    return rc == 0;
}

START_TEST(check__each_value__its_range_and_no_more)
{
    const struct edge *g = &edges[_i];
    struct augment_plan *plan = plan_of(g->chain, g->height, g->width);
    uint32_t count = plan->chain->value_count, *row = rows_of(plan, 1);
    fill_row(g, count, row);
    ck_assert_msg(takes(plan, row, g->at, row[g->at]), "%s: \"%s\" is refused", g->chain, g->row);
    bool is_float = false;
    for (uint32_t i = 0; i < plan->chain->count; i++) {
        const struct augment_op *op = &plan->chain->ops[i];
        if (g->at >= op->first_value && g->at < op->first_value + op->value_count)
            augment_value_name(op, g->at - op->first_value, &is_float);
    }
    static const uint32_t never[] = {0x7fc00000, 0xffc00000, 0x7f800000, 0xff800000, 0x7f800001,
                                     0x80000001, 0x7fffffff, 0x7f7fffff, 0xff7fffff};
    for (size_t i = 0; i < sizeof never / sizeof *never; i++)
        if (is_float ? !(float_of(never[i]) >= g->low && float_of(never[i]) <= g->high) : true)
            ck_assert_msg(!takes(plan, row, g->at, never[i]), "%s: %08x", g->chain, never[i]);
    if (is_float) {
        float low = (float)g->low, high = (float)g->high;
        ck_assert(takes(plan, row, g->at, bits_of(low)));
        ck_assert(takes(plan, row, g->at, bits_of(high)));
        ck_assert(!takes(plan, row, g->at, bits_of(nextafterf(low, -FLT_MAX))));
        ck_assert(!takes(plan, row, g->at, bits_of(nextafterf(high, FLT_MAX))));
    } else {
        for (int64_t v = (int64_t)g->low - 20; v <= g->high + 20; v++)
            ck_assert_msg(takes(plan, row, g->at, (uint32_t)v) == (v >= g->low && v <= g->high),
                          "%s: value %u is %ld", g->chain, g->at, v);
    }
    free(row);
    augment_plan_free(plan);
}
END_TEST

START_TEST(check__order_of_a_jitter__each_factor_once)
{
    struct augment_plan *plan = plan_of("color-jitter(0.5)", 4, 4);
    uint32_t row[] = {27, bits_of(1), bits_of(1), bits_of(1), 0}, taken = 0;
    for (uint32_t order = 0; order < 1024; order++)
        taken += takes(plan, row, 0, order);
    ck_assert_uint_eq(taken, 24);
    augment_plan_free(plan);
}
END_TEST

START_TEST(check__a_wrong_value__told_with_row_operation_and_range)
{
    struct augment_plan *plan = plan_of("random-horizontal-flip random-crop(28,padding=4)", 28, 28);
    uint32_t rows[] = {0, 1, 1, 1, 2, 9};
    struct err e = {""};
    ck_assert_int_eq(augment_check_values(plan, rows, 2, &e), -EINVAL);
    ck_assert_str_eq(e.text, "draws[1], random-crop: left is 9, want 0 to 8");
    augment_plan_free(plan);
    plan = plan_of("color-jitter(0.5)", 28, 28);
    rows[0] = 0;
    ck_assert_int_eq(augment_check_values(plan, rows, 1, &e), -EINVAL);
    ck_assert_str_eq(e.text, "draws[0], color-jitter: order is 0, want 0, 1, 2 and 3 once each, "
                             "of two bits");
    augment_plan_free(plan);
    plan = plan_of("random-rotation(2.5)", 28, 28);
    rows[0] = bits_of(3);
    ck_assert_int_eq(augment_check_values(plan, rows, 1, &e), -EINVAL);
    ck_assert_str_eq(e.text, "draws[0], random-rotation: angle is 3, want -2.5 to 2.5");
    augment_plan_free(plan);
}
END_TEST

/* Where no box fits, the middle one is, which may have no pixel: Pillow makes black of it. */
START_TEST(check__boxes_that_never_fit__the_middle_one)
{
    static const char *const chains[] = {
        "random-resized-crop(8,scale=(1000,1000),ratio=(1000,1000))",
        "random-resized-crop(8,scale=(1000,1000),ratio=(0.001,0.001))",
        "random-resized-crop(8,scale=(1000,1000),ratio=(0.5,2))",
        "random-resized-crop(8,scale=(0,0))",
    };
    static const uint32_t want[][4] = {
        {14, 0, 0, 28}, {0, 14, 28, 0}, {0, 0, 28, 28}, {0, 0, 28, 28}};
    for (size_t i = 0; i < sizeof chains / sizeof *chains; i++) {
        struct augment_plan *plan = plan_of(chains[i], 28, 28);
        struct err e = {""};
        uint32_t row[4];
        draw_one(plan, 0, 0, row);
        ck_assert_msg(!memcmp(row, want[i], sizeof row), "%s: %u %u %u %u", chains[i], row[0],
                      row[1], row[2], row[3]);
        ck_assert_int_eq(augment_check_values(plan, row, 1, &e), 0);
        uint8_t sample[28 * 28], place[8 * 8], level = row[2] && row[3] ? 77 : 0;
        memset(sample, 77, sizeof sample);
        run_row(plan, sample, row, place);
        for (size_t k = 0; k < sizeof place; k++)
            ck_assert_uint_eq(place[k], level);
        augment_plan_free(plan);
    }
}
END_TEST

/* ---- chains of any kind -------------------------------------------------------------------- */

struct text {
    char at[1024];
    size_t length;
};

__attribute__((format(printf, 2, 3))) static void add(struct text *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(t->at + t->length, sizeof t->at - t->length, format, args);
    va_end(args);
    ck_assert_int_lt(n, (int)(sizeof t->at - t->length));
    t->length += (size_t)n;
}

/* An operation on pictures, of any kind that draws, or that changes a size. */
static void add_operation(struct text *t, uint64_t *d, int depth)
{
    uint32_t a = dice(d, 40), b = dice(d, 40), c = dice(d, 8);
    switch (dice(d, depth < 3 ? 14 : 13)) {
    case 0:
        add(t, "random-crop((%u,%u),padding=%u,pad-if-needed=true", 1 + a, 1 + b, c);
        break;
    case 1:
        add(t, "random-crop((%u,%u),padding=(%u,%u,0,3)", 1 + a / 2, 1 + b / 2, c, a);
        break;
    case 2:
        add(t, "random-horizontal-flip(%g", b / 39.0);
        break;
    case 3:
        add(t, "random-vertical-flip(%g", b / 39.0);
        break;
    case 4:
        add(t, "random-rotation((%d,%g),expand=%s", (int)a * 9 - 180, a * 9 + b - 179.75,
            c > 3 ? "true" : "false");
        break;
    case 5:
        add(t, "random-affine(%u.5,translate=(%g,%g),scale=(0.%u,1.%u)", a * 4, a / 39.0, b / 39.0,
            1 + c, c);
        break;
    case 6:
        add(t, "random-affine(0,shear=(-%u,%u,%d,%d.5)", a, b, -(int)b, (int)c);
        break;
    case 7:
        add(t, "random-resized-crop((%u,%u),scale=(%g,%g),ratio=(%g,%g)", 1 + a, 1 + b, a / 80.0,
            a / 80.0 + b / 20.0, 0.1 + c / 4.0, 0.1 + c / 4.0 + b / 9.0);
        break;
    case 8:
        add(t, "color-jitter(%g,%g,%g,%g", a / 20.0, b / 20.0, c / 8.0, c / 16.0);
        break;
    case 9:
        add(t, "random-grayscale(%g", b / 39.0);
        break;
    case 10:
        add(t, "trivial-augment-wide(%u", 2 + a);
        break;
    case 11:
        add(t, "rand-augment(%u,%u", a % 9, b % 31);
        break;
    case 12:
        add(t, "auto-augment(%s", a % 3 == 0 ? "imagenet" : a % 3 == 1 ? "cifar10" : "svhn");
        break;
    default:
        add(t, "random-apply([");
        for (uint32_t i = 0; i <= c % 3; i++) {
            add_operation(t, d, depth + 1);
            add(t, " ");
        }
        add(t, "],p=%g", b / 39.0);
    }
    add(t, ",api=%u)", 1 + dice(d, 2));
}

static struct augment_plan *any_plan(struct text *t, uint64_t *d)
{
    t->length = 0;
    for (uint32_t n = 1 + dice(d, 4); n; n--) {
        add_operation(t, d, 1);
        add(t, " ");
    }
    if (dice(d, 2))
        add(t, "center-crop(12) ");
    if (dice(d, 2))
        add(t, "to-tensor random-erasing(%g,scale=(0,%g),ratio=(%g,4))", dice(d, 40) / 39.0,
            dice(d, 40) / 39.0, 0.01 + dice(d, 40) / 10.0);
    struct err e = {""};
    uint32_t height = 1 + dice(d, 40), width = 1 + dice(d, 40);
    return try_plan(t->at, dice(d, 2) ? 3 : 1, height, width, &e);
}

/* Runs a row: sanitizers look on. */
static void try_row(const struct augment_plan *plan, const uint32_t *row)
{
    size_t in = (size_t)plan->in.channels * plan->in.height * plan->in.width;
    uint8_t *sample = malloc(in), *place = malloc(augment_sample_bytes(plan));
    memset(sample, 77, in);
    run_row(plan, sample, row, place);
    free(sample);
    free(place);
}

/* What was drawn is taken, in whatever chain; what was changed is refused or can be run. */
START_TEST(check__any_chain__takes_what_is_drawn_and_what_can_be_run)
{
    uint64_t d = 1000 + (uint64_t)_i;
    unsigned plans = 0, taken = 0, refused = 0;
    for (int round = 0; round < 400; round++) {
        struct text text;
        struct err e = {""};
        struct augment_plan *plan = any_plan(&text, &d);
        if (!plan)
            continue;
        plans++;
        uint32_t n = plan->chain->value_count, *rows = rows_of(plan, 100), indices[100];
        struct mt19937 mt;
        mt19937_seed(&mt, (uint32_t)round);
        augment_draw_torch(plan, &mt, 100, rows);
        ck_assert_msg(!augment_check_values(plan, rows, 100, &e), "%s: %s", text.at, e.text);
        for (uint32_t i = 0; i < 100; i++)
            indices[i] = i * 599;
        augment_draw_counter(plan, (uint64_t)round, 1, 0, indices, 100, rows, n);
        ck_assert_msg(!augment_check_values(plan, rows, 100, &e), "%s: %s", text.at, e.text);
        try_row(plan, rows);
        for (uint32_t i = 0; n && i < 100; i++) {
            uint32_t *value = rows + i * n + dice(&d, n);
            static const float floats[] = {0, 1, -1, 90, 0.3f, 1e6f, 44.99f, -720};
            *value = dice(&d, 2)   ? *value + dice(&d, 9) - 4
                     : dice(&d, 2) ? dice(&d, 64)
                                   : bits_of(floats[dice(&d, 8)]);
            if (augment_check_values(plan, rows + i * n, 1, &e)) {
                refused++;
                continue;
            }
            taken++;
            if (i < 10)
                try_row(plan, rows + i * n);
        }
        free(rows);
        augment_plan_free(plan);
    }
    ck_assert_uint_gt(plans, 100);
    ck_assert_uint_gt(taken, 1000);
    ck_assert_uint_gt(refused, 1000);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("augment/draw");
    TCase *tc = tcase_create("words");
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    suite_add_tcase(s, tc);
    tcase_add_test(tc, philox__published_vectors__same);
    tcase_add_test(tc, words__records_of_torch__same_numbers_and_next_word);
    tcase_add_test(tc, torch_state__after_any_number_of_words__as_torch_has_it);
    tcase_add_test(tc, torch_state__no_such_state__refused);
    tcase_add_test(tc, torch__samples_drawn_in_parts__as_drawn_at_once);
    tc = tcase_create("counter");
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    suite_add_tcase(s, tc);
    tcase_add_test(tc, counter__keys_and_words__those_of_torch_func_random);
    tcase_add_test(tc, counter__any_batch_and_order__the_samples_own_values);
    tcase_add_test(tc, counter__other_chain_around_an_operation__the_same_values);
    tcase_add_loop_test(tc, counter__numbers_of_a_source__uniform, 0, SOURCES);
    tcase_add_loop_test(tc, counter__neighbours__nothing_in_common, 0, SOURCES);
    tc = tcase_create("check");
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_set_timeout(tc, 60);
    suite_add_tcase(s, tc);
    tcase_add_loop_test(tc, check__each_value__its_range_and_no_more, 0,
                        sizeof edges / sizeof *edges);
    tcase_add_test(tc, check__order_of_a_jitter__each_factor_once);
    tcase_add_test(tc, check__a_wrong_value__told_with_row_operation_and_range);
    tcase_add_test(tc, check__boxes_that_never_fit__the_middle_one);
    tcase_add_loop_test(tc, check__any_chain__takes_what_is_drawn_and_what_can_be_run, 0, 4);
    return support_run(s);
}
