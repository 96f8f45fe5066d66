/* SPDX-License-Identifier: MIT */
/* Values from elsewhere: what can be drawn is taken and can be run, what cannot is refused. */
#include "augment/rig.h"

#include <errno.h>
#include <float.h>
#include <stdarg.h>
#include <stdio.h>

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
    Suite *s = suite_create("augment/check_values");
    TCase *tc = tcase_create("check_values");
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
