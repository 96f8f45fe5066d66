/* SPDX-License-Identifier: MIT */
/* Chains' text: read, refused, written, and read again. */
#include "augment/chain_table.h"

#include "support/support.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct augment_chain *read_chain(const char *text)
{
    struct augment_chain *chain;
    struct err e = {""};
    int rc = augment_parse(&chain, text, &e);
    ck_assert_msg(rc == 0, "\"%s\": %s", text, e.text);
    return chain;
}

static struct augment_op first_op(const char *text)
{
    struct augment_chain *chain = read_chain(text);
    struct augment_op op = chain->ops[0];
    free(chain);
    return op;
}

static void check_text(const char *text, const char *canonical)
{
    char out[AUGMENT_TEXT_MAX + 1];
    struct err e = {""};
    struct augment_chain *chain = read_chain(text);
    int rc = augment_print(chain, out, &e);
    ck_assert_msg(rc == 0, "\"%s\": %s", text, e.text);
    ck_assert_str_eq(out, canonical);
    free(chain);
}

/* All but the place in the text, which is not the chain's. */
static void check_same(const struct augment_chain *a, const struct augment_chain *b,
                       const char *text)
{
    ck_assert_uint_eq(a->count, b->count);
    ck_assert_uint_eq(a->value_count, b->value_count);
    for (uint32_t i = 0; i < a->count; i++) {
        struct augment_op one = a->ops[i], other = b->ops[i];
        one.at = other.at = 0;
        ck_assert_msg(!memcmp(&one, &other, sizeof one), "operation %u of \"%s\"", i, text);
    }
}

/* ---- what is read -------------------------------------------------------------------------- */

START_TEST(parse__crop_and_flip__operations_with_arguments_and_values)
{
    struct augment_chain *c = read_chain(" random-crop(28, padding=4)\trandom-horizontal-flip\n"
                                         "random_crop( size = (24,20) ,padding=(1,2) ) ");
    ck_assert_uint_eq(c->count, 3);
    ck_assert_uint_eq(c->value_count, 5);
    const struct augment_op *op = c->ops;
    ck_assert_uint_eq(op->kind, AUGMENT_RANDOM_CROP);
    ck_assert_uint_eq(op->api, 2);
    ck_assert_uint_eq(op->at, 1);
    ck_assert_uint_eq(op->size[0], 28);
    ck_assert_uint_eq(op->size[1], 28);
    ck_assert_uint_eq(op->has_padding, 1);
    for (int i = 0; i < 4; i++)
        ck_assert_uint_eq(op->padding[i], 4);
    ck_assert_uint_eq(op->fill_count, 1);
    ck_assert_uint_eq(op->value_count, 2);
    op++;
    ck_assert_uint_eq(op->kind, AUGMENT_HORIZONTAL_FLIP);
    ck_assert_double_eq(op->p, 0.5);
    ck_assert_uint_eq(op->first_value, 2);
    ck_assert_uint_eq(op->value_count, 1);
    op++;
    ck_assert_uint_eq(op->occurrence, 1);
    ck_assert_uint_eq(op->first_value, 3);
    ck_assert_uint_eq(op->size[0], 24);
    ck_assert_uint_eq(op->size[1], 20);
    ck_assert_uint_eq(op->padding[0], 1); /* left */
    ck_assert_uint_eq(op->padding[1], 2); /* top */
    ck_assert_uint_eq(op->padding[2], 1);
    ck_assert_uint_eq(op->padding[3], 2);
    free(c);
}
END_TEST

/* torchvision's signatures, without a key. */
START_TEST(parse__arguments_in_order__torchvisions_order)
{
    struct augment_op op = first_op("random-affine(10, (0.1, 0.2), (0.9, 1.1), (1, 2, 3, 4), "
                                    "bicubic, (1, 2, 3), (14, 13.5))");
    ck_assert_double_eq(op.degrees[0], -10);
    ck_assert_double_eq(op.degrees[1], 10);
    ck_assert_uint_eq(op.has_translate, 1);
    ck_assert_double_eq(op.translate[1], 0.2);
    ck_assert_double_eq(op.scale[0], 0.9);
    ck_assert_uint_eq(op.shear_count, 4);
    ck_assert_double_eq(op.shear[3], 4);
    ck_assert_uint_eq(op.interpolation, AUGMENT_BICUBIC);
    ck_assert_uint_eq(op.fill_count, 3);
    ck_assert_float_eq(op.fill[2], 3);
    ck_assert_uint_eq(op.has_center, 1);
    ck_assert_double_eq(op.center[1], 13.5);
    op = first_op("random-crop((28, 24), 2, true, 7, reflect)");
    ck_assert_uint_eq(op.pad_if_needed, 1);
    ck_assert_float_eq(op.fill[0], 7);
    ck_assert_uint_eq(op.padding_mode, AUGMENT_REFLECT);
    op = first_op("rand-augment(3, 5, 10, bilinear, 128)");
    ck_assert_uint_eq(op.num_ops, 3);
    ck_assert_uint_eq(op.magnitude, 5);
    ck_assert_uint_eq(op.bins, 10);
    ck_assert_uint_eq(op.interpolation, AUGMENT_BILINEAR);
    ck_assert_uint_eq(op.value_count, 6);
    op = first_op("random-rotation((-5, 30), bilinear, true, (3, 4), 9)");
    ck_assert_double_eq(op.degrees[0], -5);
    ck_assert_uint_eq(op.expand, 1);
    op = first_op("random-erasing(0.25, (0.1, 0.2), (0.5, 2), (1, -1, 0.5))");
    ck_assert_double_eq(op.p, 0.25);
    ck_assert_uint_eq(op.value_channels, 3);
    ck_assert_float_eq(op.value[1], -1);
}
END_TEST

/* What torchvision takes where nothing is said. */
START_TEST(parse__nothing_said__torchvisions_defaults)
{
    ck_assert_uint_eq(first_op("resize(32)").interpolation, AUGMENT_BILINEAR);
    ck_assert_uint_eq(first_op("resize(32)").size[1], 0); /* of the shorter side */
    ck_assert_uint_eq(first_op("resize(32)").pillow, 13);
    ck_assert_uint_eq(first_op("center-crop(32)").size[1], 32);
    ck_assert_uint_eq(first_op("random-rotation(1)").interpolation, AUGMENT_NEAREST);
    ck_assert_uint_eq(first_op("random-affine(1)").interpolation, AUGMENT_NEAREST);
    ck_assert_uint_eq(first_op("random-affine(1)").shear_count, 0);
    ck_assert_double_eq(first_op("random-grayscale").p, 0.1);
    ck_assert_uint_eq(first_op("grayscale()").channels, 1);
    ck_assert_uint_eq(first_op("auto-augment").policy, AUGMENT_IMAGENET);
    struct augment_op op = first_op("random-resized-crop(28)");
    ck_assert_double_eq(op.scale[0], 0.08);
    ck_assert_double_eq(op.scale[1], 1.0);
    ck_assert_double_eq(op.ratio[0], 3.0 / 4.0);
    ck_assert_double_eq(op.ratio[1], 4.0 / 3.0);
    ck_assert_uint_eq(op.interpolation, AUGMENT_BILINEAR);
    ck_assert_float_eq(op.log_ratio[0], -0x1.26962p-2f);
    ck_assert_float_eq(op.log_ratio[1], 0x1.269624p-2f);
    op = first_op("random-erasing");
    ck_assert_double_eq(op.scale[0], 0.02);
    ck_assert_double_eq(op.scale[1], 0.33);
    ck_assert_float_eq(op.log_ratio[0], -0x1.34379p+0f);
    ck_assert_float_eq(op.log_ratio[1], 0x1.31a4e8p+0f);
    op = first_op("rand-augment");
    ck_assert_uint_eq(op.num_ops, 2);
    ck_assert_uint_eq(op.magnitude, 9);
    ck_assert_uint_eq(op.bins, 31);
    ck_assert_float_eq(first_op("random-erasing(ratio=(0.5, 2))").log_ratio[1],
                       (float)log((double)2.0f));
}
END_TEST

/* One number stands for a range in several ways. */
START_TEST(parse__one_number_for_a_range__torchvisions_range)
{
    struct augment_op op = first_op("color-jitter(0.4, 1.5, 0, 0.1)");
    ck_assert_double_eq(op.factor[0][0], 1 - 0.4);
    ck_assert_double_eq(op.factor[0][1], 1 + 0.4);
    ck_assert_double_eq(op.factor[1][0], 0);
    ck_assert_double_eq(op.factor[1][1], 2.5);
    ck_assert_uint_eq(op.has_factor[1], 1);
    ck_assert_uint_eq(op.has_factor[2], 0);
    ck_assert_double_eq(op.factor[3][0], -0.1);
    ck_assert_uint_eq(first_op("color-jitter((1, 1), hue=(0, 0))").has_factor[0], 0);
    ck_assert_uint_eq(first_op("color-jitter((0, 0))").has_factor[0], 1);
    op = first_op("random-affine(0, shear=5)");
    ck_assert_uint_eq(op.shear_count, 2);
    ck_assert_double_eq(op.shear[0], -5);
    ck_assert(signbit(op.degrees[0]) && !signbit(op.degrees[1]));
    op = first_op("random-affine((0, 0))");
    ck_assert(!signbit(op.degrees[0]));
}
END_TEST

START_TEST(parse__random_apply__children_behind_it)
{
    struct augment_chain *c =
        read_chain("pad(1) random-apply([random-crop(20) random-apply([pad(2) "
                   "random-rotation(5)], 0.25)], p=0.75) random-vertical-flip pad(3)");
    static const struct {
        uint32_t kind, children, first, values, occurrence;
    } want[] = {
        {AUGMENT_PAD, 0, 0, 0, 0},           {AUGMENT_RANDOM_APPLY, 4, 0, 1, 0},
        {AUGMENT_RANDOM_CROP, 0, 1, 2, 0},   {AUGMENT_RANDOM_APPLY, 2, 3, 1, 1},
        {AUGMENT_PAD, 0, 4, 0, 1},           {AUGMENT_RANDOM_ROTATION, 0, 4, 1, 0},
        {AUGMENT_VERTICAL_FLIP, 0, 5, 1, 0}, {AUGMENT_PAD, 0, 6, 0, 2},
    };
    ck_assert_uint_eq(c->count, sizeof want / sizeof *want);
    ck_assert_uint_eq(c->value_count, 6);
    for (uint32_t i = 0; i < c->count; i++) {
        ck_assert_uint_eq(c->ops[i].kind, want[i].kind);
        ck_assert_uint_eq(c->ops[i].children, want[i].children);
        ck_assert_uint_eq(c->ops[i].first_value, want[i].first);
        ck_assert_uint_eq(c->ops[i].value_count, want[i].values);
        ck_assert_uint_eq(c->ops[i].occurrence, want[i].occurrence);
    }
    ck_assert_double_eq(c->ops[1].p, 0.75);
    ck_assert_double_eq(c->ops[3].p, 0.25);
    free(c);
}
END_TEST

START_TEST(value_name__every_operation__as_many_as_it_counts)
{
    bool is_float;
    struct augment_op op = first_op("random-affine(3)");
    ck_assert_uint_eq(op.value_count, 6);
    ck_assert_str_eq(augment_value_name(&op, 0, &is_float), "angle");
    ck_assert(is_float);
    ck_assert_str_eq(augment_value_name(&op, 1, &is_float), "x");
    ck_assert(!is_float);
    ck_assert_str_eq(augment_value_name(&op, 5, &is_float), "shear-y");
    ck_assert_ptr_null(augment_value_name(&op, 6, &is_float));
    op = first_op("rand-augment(8)");
    ck_assert_uint_eq(op.value_count, 16);
    ck_assert_str_eq(augment_value_name(&op, 15, &is_float), "negative-8");
    ck_assert_uint_eq(first_op("rand-augment(0)").value_count, 0);
    ck_assert_uint_eq(first_op("color-jitter(1)").value_count, 5);
    ck_assert_uint_eq(first_op("trivial-augment-wide").value_count, 3);
    ck_assert_uint_eq(first_op("auto-augment").value_count, 5);
    ck_assert_uint_eq(first_op("random-erasing").value_count, 4);
    ck_assert_ptr_null(augment_name(0));
    ck_assert_ptr_null(augment_name(AUGMENT_KIND_END));
}
END_TEST

/* A number is C's, whatever the program's locale says; and the locale is left as it was. */
START_TEST(parse__locale_with_comma__the_same)
{
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8"};
    const char *is = NULL;
    for (size_t i = 0; i < 3 && !is; i++)
        is = setlocale(LC_ALL, names[i]);
    check_text("random-horizontal-flip(0.25)", "random-horizontal-flip(p=0.25)");
    if (is) {
        char text[8];
        snprintf(text, sizeof text, "%.1f", 0.5);
        ck_assert_str_eq(text, "0,5");
    }
    setlocale(LC_ALL, "C");
}
END_TEST

/* ---- what is written ----------------------------------------------------------------------- */

START_TEST(print__chains__canonical_text)
{
    static const char *const texts[][2] = {
        {"random-crop(28,padding=4)  random-horizontal-flip(0.5)",
         "random-crop(size=28, padding=4) random-horizontal-flip"},
        {"random_crop(28, pad_if_needed=true, padding_mode=edge, api=1)",
         "random-crop(size=28, pad-if-needed=true, padding-mode=edge, api=1)"},
        {"random-crop((28,28), padding=0)", "random-crop(size=28)"},
        {"random-crop((28,27), padding=(1,2,3,2), fill=(0,0,0))",
         "random-crop(size=(28, 27), padding=(1, 2, 3, 2), fill=(0, 0, 0))"},
        {"pad(0)", "pad(padding=0)"},
        {"pad((2,2,2,2))", "pad(padding=2)"},
        {"pad((2,1))", "pad(padding=(2, 1))"},
        {"resize(28)", "resize(size=28)"},
        {"resize((28,28), pillow=12)", "resize(size=(28, 28), pillow=12)"},
        {"random-rotation(0)", "random-rotation(degrees=0)"},
        {"random-rotation(9, grid=plain)", "random-rotation(degrees=9)"},
        {"random-affine(9, api=1, grid=fused)", "random-affine(degrees=9, grid=fused, api=1)"},
        {"random-rotation((0,0))", "random-rotation(degrees=(0, 0))"},
        {"random-rotation((0,-0))", "random-rotation(degrees=(0, -0))"},
        {"random-rotation((-1e1,10))", "random-rotation(degrees=10)"},
        {"random-rotation((-10,20.50))", "random-rotation(degrees=(-10, 20.5))"},
        {"random-affine(0x1.8p-1, shear=(-3,3))", "random-affine(degrees=0.75, shear=3)"},
        {"random-affine(1, shear=(-3,3,-3,3))", "random-affine(degrees=1, shear=(-3, 3, -3, 3))"},
        {"color-jitter(0.4, 0.1, (0.5,0.75), .1)",
         "color-jitter(brightness=0.4, contrast=0.1, saturation=(0.5, 0.75), hue=0.1)"},
        {"color-jitter(brightness=3, contrast=(1, 1))", "color-jitter(brightness=3)"},
        {"color-jitter", "color-jitter"},
        {"random-resized-crop(28, ratio=(0.75, 1.3333333333333333))",
         "random-resized-crop(size=28)"},
        {"random-resized-crop(28, (0.2, 1), log-ratio=(-0x1.26962p-2, 0x1.269624p-2))",
         "random-resized-crop(size=28, scale=(0.2, 1))"},
        {"random-resized-crop(28, ratio=(0.5, 2), log-ratio=(-0.6931472, 0.6931471))",
         "random-resized-crop(size=28, ratio=(0.5, 2), log-ratio=(-0.6931472, 0.6931471))"},
        {"to-tensor() normalize((0.2860,), 0.3530)", "to-tensor normalize(mean=0.286, std=0.353)"},
        {"normalize((0.1307, 0.5, 1e-3), (0.3081, -1, 2))",
         "normalize(mean=(0.1307, 0.5, 0.001), std=(0.3081, -1, 2))"},
        {"random-apply([ pad(1)  to-tensor() ])",
         "random-apply(transforms=[pad(padding=1) to-tensor])"},
        {"grayscale(3)", "grayscale(num-output-channels=3)"},
        {"auto-augment(cifar10)", "auto-augment(policy=cifar10)"},
        {"random-horizontal-flip(p=1e-300)", "random-horizontal-flip(p=1e-300)"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        check_text(texts[i][0], texts[i][1]);
}
END_TEST

START_TEST(print__longer_than_text_max__refused)
{
    char long_text[4096] = "", text[AUGMENT_TEXT_MAX + 1];
    for (int i = 0; i < 20; i++)
        strcat(long_text, "normalize((0.12345, 0.23456, 0.34567), (0.45678, 0.56789, 0.67891)) ");
    struct augment_chain *c = read_chain(long_text);
    struct err e = {""};
    ck_assert_int_eq(augment_print(c, text, &e), -EINVAL);
    ck_assert_ptr_nonnull(strstr(e.text, "want at most 1023"));
    free(c);
}
END_TEST

/* ---- random chains ------------------------------------------------------------------------- */

static uint64_t random_state;

static uint32_t pick(uint32_t below)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 33) % below;
}

/* With few and with all digits, at both ends too. */
static double pick_number(double low, double high)
{
    char text[32];
    double made = low + pick(1u << 30) / (double)(1u << 30) * (high - low);
    switch (pick(6)) {
    case 0:
        return low;
    case 1:
        return high;
    case 2:
        return low <= 0 && high >= 0 ? -0.0 : low;
    case 3:
        snprintf(text, sizeof text, "%.3g", made);
        return fmin(high, fmax(low, strtod(text, NULL)));
    default:
        return made;
    }
}

static char *put_numbers(char *to, uint32_t count, const double *numbers)
{
    for (uint32_t i = 0; i < count; i++)
        to += sprintf(to, "%s%.17g", i ? "," : "(", numbers[i]);
    return to + sprintf(to, ")");
}

static char *put_ranges(char *to, const struct argument *a, uint32_t count)
{
    double numbers[4];
    for (uint32_t i = 0; i < count; i += 2) {
        double one = pick_number(a->low, a->high), other = pick_number(a->low, a->high);
        numbers[i] = one <= other ? one : other;
        numbers[i + 1] = one <= other ? other : one;
    }
    return put_numbers(to, count, numbers);
}

static char *put_wholes(char *to, const struct argument *a, uint32_t count)
{
    double numbers[4];
    for (uint32_t i = 0; i < count; i++)
        numbers[i] = floor(pick_number(a->low, pick(2) ? a->high : a->low + 2));
    return count == 1 && pick(2) ? to + sprintf(to, "%g", numbers[0])
                                 : put_numbers(to, count, numbers);
}

static char *put_floats(char *to, const struct argument *a)
{
    double numbers[4];
    uint32_t count = strcmp(a->key, "std") ? 1 + pick(4) : 1; /* as many as mean has, or 1 */
    for (uint32_t i = 0; i < count; i++) {
        numbers[i] = pick(2) ? pick_number(a->low, a->high) : pick_number(-1, 1);
        if (!strcmp(a->key, "std") && fabs(numbers[i]) < 1e-30)
            numbers[i] = 0.5;
    }
    return put_numbers(to, count, numbers);
}

static char *put_chain(char *to, int depth);

static char *put_value(char *to, const struct argument *a, int depth)
{
    uint32_t words = 0;
    switch (a->type) {
    case ARGUMENT_WHOLE:
        if (!strcmp(a->key, "magnitude") || !strcmp(a->key, "num-output-channels"))
            return to + sprintf(to, "1"); /* others do not go with all bins; 2 is refused */
        return to + sprintf(to, "%.0f", floor(pick_number(a->low, a->high)));
    case ARGUMENT_NUMBER:
        return to + sprintf(to, "%.17g", pick_number(a->low, a->high));
    case ARGUMENT_FLAG:
        return to + sprintf(to, pick(2) ? "true" : "false");
    case ARGUMENT_WORD:
        while (a->words[words])
            words++;
        return to + sprintf(to, "%s", a->words[pick(words)]);
    case ARGUMENT_SIZE:
    case ARGUMENT_SHORTER:
        return put_wholes(to, a, 1 + pick(2));
    case ARGUMENT_PADDING:
        return put_wholes(to, a, 1u << pick(3));
    case ARGUMENT_FLOATS:
        return put_floats(to, a);
    case ARGUMENT_CHAIN:
        *to++ = '[';
        to = put_chain(to, depth + 1);
        return to + sprintf(to, "]");
    case ARGUMENT_ANGLES:
    case ARGUMENT_FACTOR:
    case ARGUMENT_SHIFT:
    case ARGUMENT_SHEAR:
        if (pick(2))
            return to + sprintf(to, "%.17g", pick_number(0, pick(2) ? 0.5 : a->high / 2));
        return put_ranges(to, a, a->type == ARGUMENT_SHEAR ? 2 + 2 * pick(2) : 2);
    default:
        return put_ranges(to, a, 2);
    }
}

/* Both, the logarithms PyTorch's or one bit beside them. */
static char *put_ratio_and_logs(char *to, const struct argument *a)
{
    double ratio[2] = {pick_number(a->low, 1), pick_number(1, a->high)};
    float logs[2];
    augment_log_ratio(ratio, logs);
    if (pick(2))
        logs[pick(2)] *= 1 + 0x1p-22f;
    to = put_numbers(to + sprintf(to, "ratio="), 2, ratio);
    return put_numbers(to + sprintf(to, ", log-ratio="), 2, (double[]){logs[0], logs[1]});
}

/* Arguments in any order, by key. */
static char *put_operation(char *to, uint32_t kind, int depth)
{
    const struct operation *o = operation_of(kind);
    uint32_t count = 0, first;
    const char *between = "";
    while (o->arguments[count].type)
        count++;
    first = pick(count);
    to += sprintf(to, "%s(", o->name);
    for (uint32_t i = 0; i < count; i++) {
        const struct argument *a = &o->arguments[(first + i) % count];
        bool wanted = !a->start || !strcmp(a->key, "magnitude"); /* its default is many */
        if (a->type == ARGUMENT_LOGS || (!wanted && pick(2)))
            continue;
        to += sprintf(to, "%s", between);
        between = pick(2) ? "," : " , ";
        if (!strcmp(a->key, "ratio") && pick(2))
            to = put_ratio_and_logs(to, a);
        else
            to = put_value(to + sprintf(to, "%s=", a->key), a, depth);
    }
    return to + sprintf(to, ")");
}

static char *put_chain(char *to, int depth)
{
    uint32_t count = 1 + pick(depth ? 2 : 5);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t kinds = depth < 3 ? AUGMENT_KIND_END - 1 : AUGMENT_RANDOM_APPLY - 1;
        to = put_operation(to + sprintf(to, i ? " " : ""), 1 + pick(kinds), depth);
    }
    return to;
}

/* Every operation and argument of the table: what is written is read as the same chain, and written
 * as the same text. */
START_TEST(print__random_chains__read_back_the_same)
{
    static char text[1 << 16];
    uint32_t compared = 0;
    random_state = 14;
    for (int i = 0; i < 20000; i++) {
        char written[AUGMENT_TEXT_MAX + 1], again[AUGMENT_TEXT_MAX + 1];
        struct err e = {""};
        put_chain(text, 0);
        struct augment_chain *one = read_chain(text);
        if (augment_print(one, written, &e) == 0) {
            struct augment_chain *other = read_chain(written);
            check_same(one, other, text);
            ck_assert_int_eq(augment_print(other, again, &e), 0);
            ck_assert_str_eq(written, again);
            free(other);
            compared++;
        }
        free(one);
    }
    ck_assert_uint_gt(compared, 15000);
}
END_TEST

/* docs/augmentation.md has each operation with its arguments and values, in the table's order. */
START_TEST(table__docs__the_same_operations_and_arguments)
{
    size_t size;
    char *read = support_golden("../../docs/augmentation.md", &size);
    char *docs = strndup(read, size);
    for (uint32_t kind = 1; kind < AUGMENT_KIND_END; kind++) {
        const struct operation *o = operation_of(kind);
        char row[512], *to = row + sprintf(row, "| `%s` | ", o->name);
        for (uint32_t i = 0; o->arguments[i].type; i++)
            if (strcmp(o->arguments[i].key, "api") != 0)
                to += sprintf(to, "%s`%s`",
                              i == 0               ? ""
                              : i == o->positional ? " \\| "
                                                   : ", ",
                              o->arguments[i].key);
        if (to[-1] != ' ')
            to += sprintf(to, " ");
        to += sprintf(to, "| ");
        for (size_t i = 0; i < sizeof o->values / sizeof *o->values && o->values[i]; i++)
            to += sprintf(to, "%s`%s`", i ? ", " : "", o->values[i] + (*o->values[i] == '~'));
        ck_assert_msg(strstr(docs, row), "no row \"%s\"", row);
    }
    free(docs);
    free(read);
}
END_TEST

/* ---- what is refused ----------------------------------------------------------------------- */

static void check_refused(const char *text, const char *want)
{
    struct augment_chain *chain;
    struct err e = {""};
    int rc = augment_parse(&chain, text, &e);
    ck_assert_msg(rc == -EINVAL, "\"%.99s\" was taken", text);
    ck_assert_ptr_null(chain);
    ck_assert_msg(strstr(e.text, want), "\"%.99s\": \"%s\", want \"%s\"", text, e.text, want);
    ck_assert_msg(!strncmp(e.text, "augment, character ", 19), "%s", e.text);
}

START_TEST(parse__bad_texts__refused_by_name_and_place)
{
    static const char *const cases[][2] = {
        {"", "character 1: want an operation, got the text's end"},
        {"  ", "character 3: want an operation"},
        {"random-crp(28)",
         "character 1: no operation \"random-crp\": did you mean \"random-crop\""},
        {"RandomCrop(28)", "did you mean \"random-crop\""},
        {"pad(1) GaussianBlur(3)",
         "character 8: no operation \"GaussianBlur\"; known are random-crop, "},
        {"pad(1) [", "character 8: want an operation, got '['"},
        {"pad(1) \xc3\xa9", "got a byte 0xc3"},
        {"pad(1)pad(2)", "character 7: want a blank behind an operation, got 'p'"},
        {"pad(1), pad(2)", "character 7: want a blank behind an operation, got ','"},
        {"pad(1)]", "got ']'"},
        {"pad(1", "character 6: pad: want ',' or ')' behind an argument, got the text's end"},
        {"pad(1 2)", "want ',' or ')'"},
        {"pad(1,)", "character 7: want a number, got ')'"},
        {"pad(,)", "want a number, got ','"},
        {"pad((1,2)", "want ',' or ')'"},
        {"pad((,))", "want a number"},
        {"pad((1,2,3))", "pad, padding: 3 numbers in parentheses: want a whole number, (sides,"},
        {"pad((1,2,3,4,5))", "more than 4 numbers"},
        {"pad(-4)",
         "character 5: pad, padding: -4: want a whole number, 0 to 4096 (negative padding"},
        {"pad(4097)", "want a whole number, 0 to 4096"},
        {"pad(1.5)", "1.5: want a whole number"},
        {"pad()", "pad wants padding"},
        {"random-crop", "random-crop wants size"},
        {"random-crop(padding=4)", "random-crop wants size"},
        {"random-crop(28,28,padding=4)",
         "padding is given twice (a size is a number or (height, width))"},
        {"random-crop(0)", "size: 0: want a whole number, 1 to 4096"},
        {"random-crop((1,2,3))", "want a whole number or (height, width)"},
        {"random-crop(28, paddings=4)",
         "character 17: random-crop has no argument \"paddings\": did you mean \"padding\""},
        {"random-crop(28, zoom=4)", "no argument \"zoom\"; it has size, padding, pad-if-needed,"},
        {"random-crop(28, size=28)", "size is given twice"},
        {"random-crop(size=28, 4)", "an argument without a key behind one with a key"},
        {"random-crop(28, pad-if-needed=1)", "want true or false"},
        {"random-crop(28, pad-if-needed=yes)", "\"yes\": want true or false"},
        {"random-crop(28, padding-mode=mirror)",
         "\"mirror\": want one of constant, edge, reflect, symmetric"},
        {"random-crop(28, padding=none)", "\"none\": want a whole number"},
        {"random-horizontal-flip(1.5)", "p: 1.5: want a number, 0 to 1"},
        {"random-horizontal-flip(-0.1)", "want a number, 0 to 1"},
        {"random-horizontal-flip((0.5))", "1 number in parentheses: want a number"},
        {"random-horizontal-flip(nan)", "\"nan\": want a number"},
        {"random-horizontal-flip(-nan)", "want a finite number"},
        {"random-horizontal-flip(1e999)", "\"1e999\": want a finite number"},
        {"random-horizontal-flip(0.5x)", "\"0.5x\" is no number"},
        {"random-horizontal-flip(0,5)", "random-horizontal-flip takes 1 argument without a key"},
        {"random-horizontal-flip(0.5, api=3)", "api: 3: want a whole number, 1 to 2"},
        {"random-horizontal-flip(0.5, 1)", "takes 1 argument without a key"},
        {"resize(28, pillow=11)", "want a whole number, 12 to 13"},
        {"resize(28, lanczos)", "want one of nearest, bilinear, bicubic"},
        {"random-rotation(-5)", "a single number has to be 0 or more"},
        {"random-rotation((5))", "1 number in parentheses"},
        {"random-rotation((5, -5))", "the first number has to be the lower one"},
        {"random-rotation((1,2,3,4))", "4 numbers in parentheses"},
        {"random-rotation(1e7)", "-10000000: want a number"},
        {"random-affine(5, 0.1)", "a number: want 2 numbers in parentheses"},
        {"random-affine(5, (0.1, 1.1))", "translate: 1.1: want a number, 0 to 1"},
        {"random-affine(5, scale=(0, 1))", "scale: 0: want a number, 0.001 to 1000"},
        {"random-affine(5, scale=(2, 1))", "the first number has to be the lower one"},
        {"random-affine(5, shear=(1,2,3))", "3 numbers in parentheses"},
        {"random-affine(5, shear=(1,2,4,3))", "the first number has to be the lower one"},
        {"random-resized-crop(28, (-0.1, 1))", "scale: -0.1"},
        {"random-resized-crop(28, ratio=(1, 0.5))", "the first number has to be the lower one"},
        {"random-resized-crop(28, ratio=(0, 1))", "ratio: 0"},
        {"random-resized-crop(28, log-ratio=(-1, 1))",
         "log-ratio -1 is not the logarithm of ratio 0.75"},
        {"color-jitter(-0.1)", "a single number has to be 0 or more"},
        {"color-jitter((-0.1, 1))", "brightness: -0.1: want a number, 0 to"},
        {"color-jitter(hue=0.6)", "hue: -0.6: want a number, -0.5 to 0.5"},
        {"color-jitter((1, 0.5))", "the first number has to be the lower one"},
        {"grayscale(2)", "want 1 or 3"},
        {"rand-augment(-1)", "num-ops: -1"},
        {"rand-augment(9)", "num-ops: 9: want a whole number, 0 to 8"},
        {"rand-augment(2, 31)", "magnitude 31: want less than num-magnitude-bins, 31"},
        {"trivial-augment-wide(1)", "num-magnitude-bins: 1: want a whole number, 2 to 1024"},
        {"auto-augment(mnist)", "want one of imagenet, cifar10, svhn"},
        {"to-tensor(1)", "to-tensor takes 0 arguments without a key"},
        {"normalize(0.5)", "normalize wants std"},
        {"normalize(0.5, 0)", "std[0] is 0"},
        {"normalize(0.5, 1e-60)", "std[0] is 0 as a float32"},
        {"normalize((1,2,3), (1,2))", "3 numbers in mean, 2 in std"},
        {"normalize((1,2,3,4,5), 1)", "more than 4 numbers"},
        {"random-erasing(0.5, (0.1, 1.1))", "scale: 1.1: want a number, 0 to 1"},
        {"random-erasing(value=random)", "value: \"random\": want a number, or 1 to 4"},
        {"random-apply", "random-apply wants transforms"},
        {"random-apply(0.5)", "transforms: a number: want a chain in [ ]"},
        {"random-apply([])", "character 15: want an operation, got ']'"},
        {"random-apply([pad(1))", "character 21: want a blank behind an operation, got ')'"},
        {"random-apply([pad(1)", "want ']', got the text's end"},
        {"random-apply([pad(1) pda(2)])", "character 22: no operation \"pda\""},
        {"pad([pad(1)])", "a chain: want a whole number"},
        {"random-apply([random-apply([random-apply([random-apply([random-apply([pad(1)])])])])])",
         "more than 4 random-apply within one another"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_refused(cases[i][0], cases[i][1]);
}
END_TEST

/* Every constructor of the table refuses what is not a number of its own. */
START_TEST(parse__not_a_number_for_each_argument__refused)
{
    char text[512];
    for (uint32_t kind = 1; kind < AUGMENT_KIND_END; kind++) {
        const struct operation *o = operation_of(kind);
        for (const struct argument *a = o->arguments; a->type; a++) {
            static const char *const bad[] = {"nan", "-inf",  "1e400", "(1, nan)", "(-1e400)",
                                              "",    "-1e30", "maybe", "(",        "(1"};
            for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
                snprintf(text, sizeof text, "%s(%s=%s)", o->name, a->key, bad[i]);
                check_refused(text, "augment, character ");
            }
        }
    }
}
END_TEST

/* Operations, children too, are counted; the rest of the text is not looked at. */
START_TEST(parse__too_many_operations__refused)
{
    char text[2048] = "";
    for (uint32_t i = 0; i < AUGMENT_OPS_MAX - 1; i++)
        strcat(text, i == 3 ? "random-apply([pad(1) " : i == 5 ? "pad(1)]) " : "pad(1) ");
    struct augment_chain *chain = read_chain(text);
    ck_assert_uint_eq(chain->count, AUGMENT_OPS_MAX);
    free(chain);
    strcat(text, "pad(1)");
    check_refused(text, "more than 32 operations");
}
END_TEST

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* A million characters of anything take no memory, and as little time as to write them. */
START_TEST(parse__a_million_characters__refused_at_once)
{
    static const char *const pieces[] = {"a",
                                         "(",
                                         "pad(1) ",
                                         "9",
                                         "pad(",
                                         "[",
                                         "1,",
                                         "random-apply([",
                                         " ",
                                         "-",
                                         "pad(1,",
                                         "\t",
                                         "random-crop(size=(",
                                         "=",
                                         "\xff",
                                         "to-image"};
    static const char *const begins[] = {
        "", "pad(", "pad((", "pad(padding", "normalize(mean=(", "random-apply(["};
    size_t size = 1000000;
    char *text = malloc(size + 64);
    double written_s = 0, refused_s = 0;
    for (size_t b = 0; b < sizeof begins / sizeof *begins; b++)
        for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
            double began = cpu_seconds();
            size_t n = strlen(begins[b]), piece = strlen(pieces[i]);
            memcpy(text, begins[b], n);
            for (; n < size; n += piece)
                memcpy(text + n, pieces[i], piece);
            text[n] = 0;
            double written = cpu_seconds();
            check_refused(text, "augment, character ");
            written_s += written - began;
            refused_s += cpu_seconds() - written;
        }
    ck_assert_msg(refused_s < 10 * written_s, "%g s, written in %g s", refused_s, written_s);
    free(text);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("augment/chain");
    TCase *tc = tcase_create("chain");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_add_test(tc, parse__crop_and_flip__operations_with_arguments_and_values);
    tcase_add_test(tc, parse__arguments_in_order__torchvisions_order);
    tcase_add_test(tc, parse__nothing_said__torchvisions_defaults);
    tcase_add_test(tc, parse__one_number_for_a_range__torchvisions_range);
    tcase_add_test(tc, parse__random_apply__children_behind_it);
    tcase_add_test(tc, value_name__every_operation__as_many_as_it_counts);
    tcase_add_test(tc, print__chains__canonical_text);
    tcase_add_test(tc, print__longer_than_text_max__refused);
    tcase_add_test(tc, print__random_chains__read_back_the_same);
    tcase_add_test(tc, table__docs__the_same_operations_and_arguments);
    tcase_add_test(tc, parse__bad_texts__refused_by_name_and_place);
    tcase_add_test(tc, parse__not_a_number_for_each_argument__refused);
    tcase_add_test(tc, parse__too_many_operations__refused);
    tcase_add_test(tc, parse__a_million_characters__refused_at_once);
    suite_add_tcase(s, tc);
    TCase *locales = tcase_create("locale"); /* what setlocale keeps is no leak */
    tcase_add_test(locales, parse__locale_with_comma__the_same);
    suite_add_tcase(s, locales);
    return support_run(s);
}
