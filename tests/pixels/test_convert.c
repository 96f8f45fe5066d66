/* SPDX-License-Identifier: MIT */
/* Samples to images: values against slow references, levels against each other, every layout. */
#include "base/bytes.h"
#include "fmnist.h"
#include "pixels/convert.h"
#include "pixels/guarded.h"
#include "pixels/isa_variants.h"
#include "pixels/u8_to_unit_f32.h"
#include "support/support.h"

#include <math.h>
#include <stdlib.h>

#if defined(__FLT16_MAX__) && defined(__x86_64__)
#define HAVE_FLOAT16 1
#else
#define HAVE_FLOAT16 0
#endif

/* ---- references: one value at a time, by the definition */

static float float_of_bits(uint32_t u)
{
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}

static uint32_t bits_of_float(float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    return u;
}

/* The value in units of the last place of its binary16 binade, rounded by libm in double, where
 * every step is exact but the rounding. */
static uint16_t float16_of(float f)
{
    uint16_t sign = signbit(f) ? 0x8000 : 0;
    double magnitude = fabs((double)f);
    if (magnitude >= 65520.0)
        return sign | 0x7c00;
    int exponent = magnitude < 0x1p-14 ? -14 : ilogb(magnitude);
    double units = rint(ldexp(magnitude, 10 - exponent)); /* 0 .. 2048 */
    /* Subnormals have the biased exponent 0 and normals 1024 units more than their mantissa, so
     * both are this sum, and a carry into the next binade comes out right. */
    return (uint16_t)(sign | ((uint32_t)(exponent + 14) * 1024 + (uint32_t)units));
}

static uint16_t bfloat16_of(float f)
{
    if (isinf(f))
        return (uint16_t)(bits_of_float(f) >> 16);
    uint32_t below = bits_of_float(f) & 0xffff0000;
    uint32_t above = below + 0x10000; /* away from 0 */
    double low = fabs((double)float_of_bits(below));
    double high = isinf(float_of_bits(above)) ? 0x1p128 : fabs((double)float_of_bits(above));
    double to_low = fabs((double)f) - low, to_high = high - fabs((double)f);
    bool up = to_high < to_low || (to_high == to_low && (below >> 16 & 1));
    return (uint16_t)((up ? above : below) >> 16);
}

static float value_of(const struct convert_shape *s, const uint8_t *sample, uint32_t c, size_t i)
{
    size_t at = (s->in_channels == 1 ? 0 : c) * s->height * s->width + i;
    float x;
    if (s->float_samples)
        memcpy(&x, sample + at * sizeof x, sizeof x);
    else
        x = s->scale == CONVERT_DIVIDE ? (float)sample[at] / 255.0f
                                       : (float)((double)sample[at] * (double)(1.0f / 255.0f));
    if (s->normalise) {
        volatile float difference = x - s->mean[c];
        x = difference / s->std[c];
    }
    return x;
}

static void reference_image(const struct convert_shape *s, const uint8_t *sample, uint8_t *image)
{
    size_t pixels = (size_t)s->height * s->width;
    for (uint32_t c = 0; c < s->channels; c++)
        for (size_t i = 0; i < pixels; i++) {
            size_t at = s->layout == FMNIST_NCHW ? c * pixels + i : i * s->channels + c;
            if (s->dtype == FMNIST_UINT8) {
                image[at] = sample[(s->in_channels == 1 ? 0 : c) * pixels + i];
                continue;
            }
            float x = value_of(s, sample, c, i);
            if (s->dtype == FMNIST_FLOAT32)
                put_le32(image + 4 * at, bits_of_float(x));
            else
                put_le16(image + 2 * at,
                         s->dtype == FMNIST_FLOAT16 ? float16_of(x) : bfloat16_of(x));
        }
}

/* ---- values */

static const struct convert_shape one_channel = {
    .height = 1, .width = 256, .in_channels = 1, .channels = 1, .layout = FMNIST_NCHW};

static void convert_one(const struct convert_shape *s, const void *sample, void *image)
{
    struct convert_plan *plan = convert_plan_new(s);
    ck_assert_ptr_nonnull(plan);
    convert_batch(plan, sample, image, 1);
    convert_plan_free(plan);
}

/* Every level's float must be the correctly rounded quotient, which is also what torchvision gives:
 * a product with 1/255 is wrong for 126 of them. */
START_TEST(convert_batch__all_levels__equal_true_division)
{
    if (!isa_available(_i))
        return;
    isa_force(_i);
    float *table = support_golden("u8_to_f32.bin", NULL);
    struct convert_shape s = one_channel;
    s.dtype = FMNIST_FLOAT32;
    uint8_t sample[256];
    float image[256];
    for (int v = 0; v < 256; v++)
        sample[v] = (uint8_t)v;
    convert_one(&s, sample, image);
    for (int v = 0; v < 256; v++) {
        volatile float divisor = 255.0f;
        ck_assert_uint_eq(bits_of_float(image[v]), bits_of_float((float)v / divisor));
        ck_assert_uint_eq(bits_of_float(image[v]), bits_of_float(table[v]));
        ck_assert_uint_eq(bits_of_float(u8_to_unit_f32((uint8_t)v)), bits_of_float(table[v]));
    }
    free(table);
}
END_TEST

/* Floats in, narrow values out, all compared with a reference of one value at a time. */
static void check_narrowing(const float *values, uint32_t n, uint32_t dtype,
                            uint16_t (*reference)(float))
{
    struct convert_shape s = one_channel;
    s.width = n;
    s.dtype = dtype;
    s.float_samples = true;
    uint16_t *image = malloc(n * sizeof *image);
    convert_one(&s, values, image);
    for (uint32_t i = 0; i < n; i++)
        ck_assert_msg(image[i] == reference(values[i]), "%a: 0x%04x, want 0x%04x", values[i],
                      image[i], reference(values[i]));
    free(image);
}

#if HAVE_FLOAT16
static uint16_t compiler_float16(float f)
{
    _Float16 h = (_Float16)f;
    uint16_t u;
    memcpy(&u, &h, sizeof u);
    return u;
}
#endif

/* Rounding goes wrong at ties and at the ends of ranges: every binary16 value, every midpoint of
 * two and its two float neighbours, both signs, subnormals and what overflows. */
START_TEST(convert_batch__float16_ties__round_to_even)
{
    if (!isa_available(_i))
        return;
    isa_force(_i);
    uint32_t n = 0;
    float *values = malloc((0x7c00 * 8 + 16) * sizeof *values);
    for (uint32_t h = 0; h < 0x7c00; h++) {
        double unit = h < 0x800 ? 0x1p-24 : ldexp(1, (int)(h >> 10) - 25);
        double value = h < 0x400 ? h * unit : (1024 + (h & 0x3ff)) * unit;
        float middle = (float)(value + unit / 2);
        const float around[] = {(float)value, middle, nextafterf(middle, 0),
                                nextafterf(middle, INFINITY)};
        for (int k = 0; k < 4; k++) {
            values[n++] = around[k];
            values[n++] = -around[k];
        }
    }
    const float ends[] = {0x1p-149f, 0x1p-126f, 65535.0f, 65536.0f, 65537.0f, 0x1p127f, INFINITY};
    for (size_t k = 0; k < sizeof ends / sizeof *ends; k++) {
        values[n++] = ends[k];
        values[n++] = -ends[k];
    }
    check_narrowing(values, n, FMNIST_FLOAT16, float16_of);
#if HAVE_FLOAT16
    check_narrowing(values, n, FMNIST_FLOAT16, compiler_float16);
#endif
    free(values);
}
END_TEST

/* The same for bfloat16, whose values are the upper halves of floats. */
START_TEST(convert_batch__bfloat16_ties__round_to_even)
{
    if (!isa_available(_i))
        return;
    isa_force(_i);
    uint32_t n = 0;
    float *values = malloc((0x7f80 * 8 + 2) * sizeof *values);
    for (uint32_t h = 0; h < 0x7f80; h++) {
        const uint32_t around[] = {h << 16, h << 16 | 0x7fff, h << 16 | 0x8000, h << 16 | 0x8001};
        for (int k = 0; k < 4; k++) {
            values[n++] = float_of_bits(around[k]);
            values[n++] = -float_of_bits(around[k]);
        }
    }
    values[n++] = INFINITY;
    values[n++] = -INFINITY;
    check_narrowing(values, n, FMNIST_BFLOAT16, bfloat16_of);
    free(values);
}
END_TEST

/* ---- shapes */

static void random_sample(const struct convert_shape *s, uint64_t *rng, uint8_t *out, size_t bytes)
{
    random_bytes(rng, out, bytes);
    for (size_t i = 0; s->float_samples && i < bytes / 4; i++)
        put_le32(out + 4 * i, bits_of_float((float)random_u32(rng) * 0x1p-32f));
}

static struct convert_shape random_shape(uint64_t *rng, uint32_t dtype, uint32_t layout)
{
    struct convert_shape s = {.height = 1 + random_u32(rng) % 70,
                              .width = 1 + random_u32(rng) % 70,
                              .dtype = dtype,
                              .layout = layout,
                              .in_channels = 1 + random_u32(rng) % 4};
    s.channels = s.in_channels == 1 ? 1 + random_u32(rng) % 4 : s.in_channels;
    if (dtype != FMNIST_UINT8) {
        s.float_samples = random_u32(rng) % 2;
        s.normalise = random_u32(rng) % 2;
        s.scale = random_u32(rng) % 2 ? CONVERT_MULTIPLY : CONVERT_DIVIDE;
    }
    bool equal = random_u32(rng) % 2;
    for (uint32_t c = 0; c < s.channels; c++) {
        s.mean[c] = equal ? 0.25f : (float)random_u32(rng) * 0x1p-32f;
        s.std[c] = equal ? -0.5f : (float)(1 + random_u32(rng) % 1000) * 1e-3f;
    }
    return s;
}

/* Converts four samples, with all buffers against unmapped pages. */
static void check_shape(const struct convert_shape *s, uint64_t *rng, enum guard_side side)
{
    enum { COUNT = 4 };
    struct convert_plan *plan = convert_plan_new(s);
    ck_assert_ptr_nonnull(plan);
    size_t in_bytes = convert_sample_bytes(plan), out_bytes = convert_image_bytes(plan);
    struct guarded samples = guarded_new(COUNT * in_bytes, side),
                   images = guarded_new(COUNT * out_bytes, side);
    random_sample(s, rng, samples.data, COUNT * in_bytes);
    convert_batch(plan, samples.data, images.data, COUNT);
    uint8_t *want = malloc(out_bytes);
    for (int i = 0; i < COUNT; i++) {
        const uint8_t *sample = samples.data + i * in_bytes;
        reference_image(s, sample, want);
        ck_assert_msg(memcmp(images.data + i * out_bytes, want, out_bytes) == 0,
                      "image %d: %ux%u, %u to %u channels, dtype %u, layout %u%s%s", i, s->height,
                      s->width, s->in_channels, s->channels, s->dtype, s->layout,
                      s->float_samples ? ", float samples" : "",
                      s->normalise ? ", normalised" : "");
        if (convert_is_copy(plan))
            ck_assert_mem_eq(want, sample, out_bytes);
    }
    free(want);
    guarded_free(&samples);
    guarded_free(&images);
    convert_plan_free(plan);
}

/* Every pixel type in every layout, channels repeated or not, must equal the reference at each
 * level, and nothing outside a sample or an image may be touched. */
START_TEST(convert_batch__random_shapes__equal_the_reference)
{
    if (!isa_available(_i))
        return;
    isa_force(_i);
    uint64_t rng = 99;
    for (uint32_t dtype = FMNIST_UINT8; dtype <= FMNIST_BFLOAT16; dtype++)
        for (uint32_t layout = FMNIST_NCHW; layout <= FMNIST_NHWC; layout++)
            for (int n = 0; n < 60; n++) {
                struct convert_shape s = random_shape(&rng, dtype, layout);
                check_shape(&s, &rng, n % 2 ? GUARD_BEHIND : GUARD_BEFORE);
            }
}
END_TEST

/* A mean far outside and a tiny std overflow to infinity, which must come out as infinity. */
START_TEST(convert_batch__normalisation_overflows__gives_infinity)
{
    if (!isa_available(_i))
        return;
    isa_force(_i);
    struct convert_shape s = one_channel;
    s.width = 2;
    s.normalise = true;
    s.mean[0] = 0.5f;
    s.std[0] = 0x1p-140f;
    uint8_t sample[2] = {0, 255};
    uint16_t narrow[2];
    float wide[2];
    s.dtype = FMNIST_FLOAT32;
    convert_one(&s, sample, wide);
    ck_assert(isinf(wide[0]) && wide[0] < 0 && isinf(wide[1]) && wide[1] > 0);
    s.dtype = FMNIST_FLOAT16;
    convert_one(&s, sample, narrow);
    ck_assert_uint_eq(narrow[0], 0xfc00);
    ck_assert_uint_eq(narrow[1], 0x7c00);
    s.dtype = FMNIST_BFLOAT16;
    convert_one(&s, sample, narrow);
    ck_assert_uint_eq(narrow[0], 0xff80);
    ck_assert_uint_eq(narrow[1], 0x7f80);
}
END_TEST

/* Which plans are copies decides what travels narrow: only equal bytes may be called a copy. */
START_TEST(convert_is_copy__each_kind__is_true_for_equal_bytes_only)
{
    static const struct {
        struct convert_shape shape;
        bool copy;
    } cases[] = {
        {{4, 4, 1, 1, false, CONVERT_DIVIDE, FMNIST_UINT8, FMNIST_NCHW, false, {0}, {0}}, true},
        {{4, 4, 1, 1, false, CONVERT_DIVIDE, FMNIST_UINT8, FMNIST_NHWC, false, {0}, {0}}, true},
        {{4, 4, 3, 3, false, CONVERT_DIVIDE, FMNIST_UINT8, FMNIST_NCHW, false, {0}, {0}}, true},
        {{4, 4, 3, 3, false, CONVERT_DIVIDE, FMNIST_UINT8, FMNIST_NHWC, false, {0}, {0}}, false},
        {{4, 4, 1, 3, false, CONVERT_DIVIDE, FMNIST_UINT8, FMNIST_NCHW, false, {0}, {0}}, false},
        {{4, 4, 1, 1, false, CONVERT_DIVIDE, FMNIST_FLOAT32, FMNIST_NCHW, false, {0}, {0}}, false},
        {{4, 4, 1, 1, true, CONVERT_DIVIDE, FMNIST_FLOAT32, FMNIST_NCHW, false, {0}, {0}}, true},
        {{4, 4, 1, 1, true, CONVERT_DIVIDE, FMNIST_FLOAT32, FMNIST_NCHW, true, {0}, {1}}, false},
        {{4, 4, 1, 1, true, CONVERT_DIVIDE, FMNIST_FLOAT16, FMNIST_NCHW, false, {0}, {0}}, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct convert_plan *plan = convert_plan_new(&cases[i].shape);
        ck_assert_ptr_nonnull(plan);
        ck_assert_msg(convert_is_copy(plan) == cases[i].copy, "case %zu", i);
        convert_plan_free(plan);
    }
    convert_plan_free(NULL);
}
END_TEST

/* Nothing to do is a valid call: the last batch of an order may be empty. */
START_TEST(convert_batch__no_samples__writes_nothing)
{
    struct convert_shape s = one_channel;
    s.dtype = FMNIST_FLOAT32;
    struct convert_plan *plan = convert_plan_new(&s);
    convert_batch(plan, NULL, NULL, 0);
    convert_plan_free(plan);
}
END_TEST

/* Labels and indices must keep their value in every type. */
START_TEST(convert_labels__each_type__same_values)
{
    static const int32_t labels[] = {9, 0, 255, 3, -1, 1 << 30};
    static const uint32_t indices[] = {5, 0, UINT32_MAX};
    enum { COUNT = sizeof labels / sizeof *labels };
    struct guarded out = guarded_new(COUNT * 8, GUARD_BEHIND);
    int64_t *i64 = (int64_t *)(void *)out.data;
    convert_labels(labels, COUNT, FMNIST_INT64, i64);
    for (int i = 0; i < COUNT; i++)
        ck_assert_int_eq(i64[i], labels[i]);
    int32_t *i32 = (int32_t *)(void *)(out.data + COUNT * 4);
    convert_labels(labels, COUNT, FMNIST_INT32, i32);
    ck_assert_mem_eq(i32, labels, sizeof labels);
    uint8_t *u8 = out.data + COUNT * 7;
    convert_labels(labels, 4, FMNIST_UINT8, u8);
    for (int i = 0; i < 4; i++)
        ck_assert_uint_eq(u8[i], (uint8_t)labels[i]);
    convert_indices(indices, 3, i64);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(i64[i], indices[i]);
    guarded_free(&out);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pixels/convert");
    TCase *tc = tcase_create("convert");
    tcase_set_timeout(tc, 120);
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_add_loop_test(tc, convert_batch__all_levels__equal_true_division, 0, ISA_COUNT);
    tcase_add_loop_test(tc, convert_batch__float16_ties__round_to_even, 0, ISA_COUNT);
    tcase_add_loop_test(tc, convert_batch__bfloat16_ties__round_to_even, 0, ISA_COUNT);
    tcase_add_loop_test(tc, convert_batch__random_shapes__equal_the_reference, 0, ISA_COUNT);
    tcase_add_loop_test(tc, convert_batch__normalisation_overflows__gives_infinity, 0, ISA_COUNT);
    tcase_add_test(tc, convert_is_copy__each_kind__is_true_for_equal_bytes_only);
    tcase_add_test(tc, convert_batch__no_samples__writes_nothing);
    tcase_add_test(tc, convert_labels__each_type__same_values);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
