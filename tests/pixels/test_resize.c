/* SPDX-License-Identifier: MIT */
/* Resize rules: real libraries' outputs, levels against each other, sizes at the edges of rules. */
#include "base/bytes.h"
#include "fmnist.h"
#include "pixels/guarded.h"
#include "pixels/isa_variants.h"
#include "pixels/resize.h"
#include "pixels/tf.h"
#include "support/support.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* Renders `image` with every buffer against an unmapped page. Owns: the caller. */
static struct guarded render(uint32_t rule, const struct resize_shape *shape, const uint8_t *image,
                             enum guard_side side)
{
    struct resize_plan *plan;
    struct err e = {""};
    int r = resize_plan_new(&plan, rule, shape, &e);
    ck_assert_msg(r == 0, "rule %u: %s", rule, e.text);
    size_t in_bytes = (size_t)shape->in_h * shape->in_w * shape->channels;
    struct guarded in = guarded_new(in_bytes, side);
    struct guarded out = guarded_new(resize_sample_bytes(plan), side);
    struct guarded scratch = guarded_new(resize_scratch_bytes(plan), side);
    memcpy(in.data, image, in_bytes);
    resize_run(plan, in.data, out.data, scratch.data);
    ck_assert_mem_eq(in.data, image, in_bytes);
    guarded_free(&in);
    guarded_free(&scratch);
    resize_plan_free(plan);
    return out;
}

/* ---- golden records; the layout is that of tests/golden/README.md */

struct record {
    uint32_t pipeline, filter, count, index;
    struct resize_shape shape;
    const uint8_t *in, *out;
};

enum pipeline {
    PIPELINE_PILLOW = 1,
    PIPELINE_OPENCV = 2,
    PIPELINE_TF = 3,
    PIPELINE_TORCHVISION = 4,
    PIPELINE_PILLOW13 = 5
};

static size_t read_record(const uint8_t *p, struct record *r)
{
    ck_assert(memcmp(p, "FMR1", 4) == 0 || memcmp(p, "FMR3", 4) == 0);
    ck_assert_uint_eq(get_le32(p + 4), 64);
    *r = (struct record){
        .pipeline = get_le32(p + 8),
        .filter = get_le32(p + 12),
        .shape = {.in_h = get_le32(p + 16),
                  .in_w = get_le32(p + 20),
                  .channels = p[3] - '0',
                  .out_h = get_le32(p + 24),
                  .out_w = get_le32(p + 28)},
        .count = get_le32(p + 32),
        .index = get_le32(p + 52),
        .in = p + 64,
    };
    r->out = r->in + (size_t)r->count * r->shape.in_h * r->shape.in_w * r->shape.channels;
    return 64 + get_le64(p + 56);
}

static uint32_t rule_of(const struct record *r)
{
    static const uint32_t newest[] = {FMNIST_RESIZE_PILLOW_NEAREST,  FMNIST_RESIZE_PILLOW_LANCZOS,
                                      FMNIST_RESIZE_PILLOW_BILINEAR, FMNIST_RESIZE_PILLOW_BICUBIC,
                                      FMNIST_RESIZE_PILLOW_BOX,      FMNIST_RESIZE_PILLOW_HAMMING};
    static const uint32_t older[] = {
        FMNIST_RESIZE_PILLOW_NEAREST,    FMNIST_RESIZE_PILLOW12_LANCZOS,
        FMNIST_RESIZE_PILLOW12_BILINEAR, FMNIST_RESIZE_PILLOW12_BICUBIC,
        FMNIST_RESIZE_PILLOW12_BOX,      FMNIST_RESIZE_PILLOW12_HAMMING};
    switch (r->pipeline) {
    case PIPELINE_OPENCV:
        return FMNIST_RESIZE_OPENCV_LINEAR;
    case PIPELINE_TF:
        return FMNIST_RESIZE_TF_BILINEAR_PAD;
    case PIPELINE_PILLOW13:
        return newest[r->filter];
    default:
        return older[r->filter];
    }
}

/* A record has its pixels' channels together, a sample channel after channel. */
static void interleave(const uint8_t *sample, size_t pixels, uint32_t channels, size_t bytes,
                       uint8_t *out)
{
    for (size_t i = 0; i < pixels; i++)
        for (uint32_t c = 0; c < channels; c++)
            memcpy(out + (i * channels + c) * bytes, sample + (c * pixels + i) * bytes, bytes);
}

static void compare_record(const struct record *r, const float unit[256])
{
    uint32_t channels = r->shape.channels;
    size_t in_pixels = (size_t)r->shape.in_h * r->shape.in_w * channels;
    size_t out_pixels = (size_t)r->shape.out_h * r->shape.out_w * channels;
    bool floats = r->pipeline == PIPELINE_TF || r->pipeline == PIPELINE_TORCHVISION;
    size_t out_bytes = out_pixels * (floats ? 4 : 1);
    float *widened = malloc(out_pixels * sizeof *widened);
    for (uint32_t i = 0; i < r->count; i++) {
        struct guarded got = render(rule_of(r), &r->shape, r->in + i * in_pixels, GUARD_BEHIND);
        uint8_t *turned = malloc(out_bytes);
        interleave(got.data, out_pixels / channels, channels,
                   resize_yields_float(rule_of(r)) ? 4 : 1, turned);
        const void *bytes = turned;
        if (r->pipeline == PIPELINE_TORCHVISION) {
            for (size_t k = 0; k < out_pixels; k++)
                widened[k] = unit[turned[k]];
            bytes = widened;
        }
        ck_assert_msg(memcmp(bytes, r->out + i * out_bytes, out_bytes) == 0,
                      "record %u, image %u: pipeline %u, filter %u, %ux%ux%u to %ux%u", r->index, i,
                      r->pipeline, r->filter, r->shape.in_h, r->shape.in_w, channels,
                      r->shape.out_h, r->shape.out_w);
        free(turned);
        guarded_free(&got);
    }
    free(widened);
}

static void compare_golden(const char *name)
{
    size_t size, records = 0;
    uint8_t *file = support_golden(name, &size);
    float *unit = support_golden("u8_to_f32.bin", NULL);
    for (size_t at = 0; at < size; records++) {
        struct record r;
        at += read_record(file + at, &r);
        ck_assert_uint_le(at, size);
        compare_record(&r, unit);
    }
    ck_assert_uint_gt(records, 0);
    free(unit);
    free(file);
}

/* Each level must give the bytes of Pillow 9.4, OpenCV 4.6 and torchvision 0.14. */
START_TEST(resize_run__open_records__equal_the_libraries)
{
    if (!isa_available(_i))
        return;
    isa_force(_i);
    compare_golden("open.bin");
}
END_TEST

/* Each level must give the bytes of Pillow 13, which may run its passes in the other order. */
START_TEST(resize_run__pillow13_records__equal_the_library)
{
    if (!isa_available(_i))
        return;
    isa_force(_i);
    compare_golden("open_pillow13.bin");
}
END_TEST

/* Each level must give TensorFlow's floats bit for bit: one fused multiply-add would show. */
START_TEST(resize_run__tensorflow_records__equal_the_library)
{
    if (!isa_available(_i))
        return;
    isa_force(_i);
    compare_golden("open_tf_ref.bin");
}
END_TEST

/* The same of pictures that the three libraries resized with all their channels at once. */
START_TEST(resize_run__colour_records__equal_the_libraries)
{
    if (!isa_available(_i))
        return;
    isa_force(_i);
    compare_golden("rgb.bin");
}
END_TEST

/* ---- levels */

static uint32_t side_of(uint64_t *rng)
{
    return 1 + random_u32(rng) % 70;
}

static struct resize_shape random_shape(uint64_t *rng, uint32_t rule)
{
    struct resize_shape s = {
        .in_h = side_of(rng), .in_w = side_of(rng), .out_h = side_of(rng), .out_w = side_of(rng)};
    s.channels = random_u32(rng) % 2 ? 3 : 1;
    if (random_u32(rng) % 4 == 0)
        s.in_w = s.in_h, s.out_w = s.out_h;
    if (random_u32(rng) % 8 == 0)
        s.out_w = s.in_w;
    if (random_u32(rng) % 8 == 0)
        s.out_h = s.in_h;
    if (rule == FMNIST_RESIZE_NONE)
        s.out_h = s.in_h, s.out_w = s.in_w;
    return s;
}

/* A rule's SIMD variant must give the portable bytes whatever the shape, and touch nothing outside
 * the three buffers on either side. */
START_TEST(resize_run__random_shapes__levels_agree)
{
    uint32_t rule = (uint32_t)_i;
    uint64_t rng = 0x9e3779b97f4a7c15u + rule;
    uint8_t *image = malloc(70 * 70 * 3);
    for (int n = 0; n < 150; n++) {
        struct resize_shape s = random_shape(&rng, rule);
        struct tf_geometry g;
        if (rule == FMNIST_RESIZE_TF_BILINEAR_PAD &&
            !tf_geometry_of(&g, s.in_h, s.in_w, s.out_h, s.out_w))
            continue;
        random_bytes(&rng, image, 70 * 70 * 3);
        size_t bytes = (size_t)s.out_h * s.out_w * s.channels * (resize_yields_float(rule) ? 4 : 1);
        isa_force(ISA_PORTABLE);
        struct guarded want = render(rule, &s, image, GUARD_BEHIND);
        for (int level = ISA_PORTABLE; level < ISA_COUNT; level++) {
            if (!isa_available(level))
                continue;
            isa_force(level);
            struct guarded got = render(rule, &s, image, n % 2 ? GUARD_BEHIND : GUARD_BEFORE);
            ck_assert_msg(memcmp(got.data, want.data, bytes) == 0, "rule %u, %s: %ux%ux%u to %ux%u",
                          rule, isa_names[level], s.in_h, s.in_w, s.channels, s.out_h, s.out_w);
            guarded_free(&got);
        }
        guarded_free(&want);
    }
    free(image);
}
END_TEST

/* Channels must not mix: each plane of a three-channel sample is what that channel gives alone. */
START_TEST(resize_run__three_channels__equal_three_single_images)
{
    uint32_t rule = (uint32_t)_i;
    bool none = rule == FMNIST_RESIZE_NONE;
    struct resize_shape s3 = {19, 23, 3, none ? 19 : 31, none ? 23 : 17};
    struct resize_shape s1 = s3;
    s1.channels = 1;
    uint64_t rng = 77;
    uint8_t image[19 * 23 * 3], plane[19 * 23];
    random_bytes(&rng, image, sizeof image);
    struct guarded all = render(rule, &s3, image, GUARD_BEHIND);
    size_t bytes = (size_t)s3.out_h * s3.out_w * (resize_yields_float(rule) ? 4 : 1);
    for (size_t c = 0; c < 3; c++) {
        for (size_t i = 0; i < sizeof plane; i++)
            plane[i] = image[i * 3 + c];
        struct guarded one = render(rule, &s1, plane, GUARD_BEHIND);
        ck_assert_mem_eq(all.data + c * bytes, one.data, bytes);
        guarded_free(&one);
    }
    guarded_free(&all);
}
END_TEST

/* ---- Pillow's order of passes */

/* One axis at a time, so that the order is ours. */
static struct guarded render_in_order(uint32_t rule, const struct resize_shape *s,
                                      const uint8_t *image, bool vertical_first)
{
    struct resize_shape first = *s, second = *s;
    if (vertical_first)
        first.out_w = s->in_w, second.in_h = s->out_h;
    else
        first.out_h = s->in_h, second.in_w = s->out_w;
    struct guarded between = render(rule, &first, image, GUARD_BEHIND);
    struct guarded out = render(rule, &second, between.data, GUARD_BEHIND);
    guarded_free(&between);
    return out;
}

static void check_order(uint32_t rule, const struct resize_shape *s, bool vertical_first)
{
    uint64_t rng = s->in_h * 1000003u + s->out_w;
    uint8_t *image = malloc((size_t)s->in_h * s->in_w);
    random_bytes(&rng, image, (size_t)s->in_h * s->in_w);
    struct guarded got = render(rule, s, image, GUARD_BEHIND);
    struct guarded want = render_in_order(rule, s, image, vertical_first);
    struct guarded other = render_in_order(rule, s, image, !vertical_first);
    size_t bytes = (size_t)s->out_h * s->out_w;
    ck_assert_msg(memcmp(got.data, want.data, bytes) == 0, "rule %u: %ux%u to %ux%u", rule, s->in_h,
                  s->in_w, s->out_h, s->out_w);
    ck_assert_msg(memcmp(got.data, other.data, bytes) != 0, "both orders are the same here");
    guarded_free(&got);
    guarded_free(&want);
    guarded_free(&other);
    free(image);
}

/* Pillow 13 turns the order at exactly rows removed > 2 * columns removed, where any rows are
 * removed; an off-by-one there changes pixels by dozens of levels. */
START_TEST(resize_run__pillow_13_at_the_order_boundary__vertical_first_only_beyond)
{
    static const struct {
        struct resize_shape shape;
        bool vertical_first;
    } cases[] = {
        {{28, 28, 1, 14, 21}, false}, /* 14 = 2 * 7 */
        {{28, 28, 1, 13, 21}, true},  /* 15 > 2 * 7 */
        {{28, 28, 1, 15, 21}, false}, /* 13 < 2 * 7 */
        {{28, 28, 1, 14, 40}, true},  /* 14 > 2 * -12 */
        {{28, 28, 1, 27, 29}, true},  /* 1 > -2 */
        {{28, 28, 1, 29, 40}, false}, /* rows are added */
        {{28, 28, 1, 40, 14}, false}, {{28, 28, 1, 14, 14}, false},
        {{60, 30, 1, 58, 29}, false}, {{60, 30, 1, 57, 29}, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        check_order(FMNIST_RESIZE_PILLOW_BICUBIC, &cases[i].shape, cases[i].vertical_first);
        check_order(FMNIST_RESIZE_PILLOW12_BICUBIC, &cases[i].shape, false);
    }
}
END_TEST

/* ---- TensorFlow's geometry */

/* Rounding shrinks the picture by one row and column for some targets; all 512 sizes of the table
 * must come out as TensorFlow has them. */
START_TEST(tf_geometry_of__table__equals_tensorflow)
{
    char *text = support_golden("tf_geometry.json", NULL);
    const char *at = strstr(text, "\"rows\"");
    ck_assert_ptr_nonnull(at);
    at = strchr(at, '[') + 1;
    unsigned rows = 0, v[6];
    for (; (at = strchr(at, '[')) != NULL; at++, rows++) {
        ck_assert_int_eq(
            sscanf(at, "[%u, %u, %u, %u, %u, %u]", &v[0], &v[1], &v[2], &v[3], &v[4], &v[5]), 6);
        struct tf_geometry g;
        ck_assert(tf_geometry_of(&g, 28, 28, v[0], v[1]));
        ck_assert_msg(g.h == v[2] && g.w == v[3] && g.top == v[4] && g.left == v[5],
                      "%ux%u: %ux%u at %u,%u", v[0], v[1], g.h, g.w, g.top, g.left);
    }
    ck_assert_uint_ge(rows, 512);
    free(text);
}
END_TEST

/* At these targets the last row and column are padding, and it must be +0 even though the sample's
 * memory was used before. */
START_TEST(resize_run__tf_special_sizes__last_row_and_column_are_zero)
{
    static const uint32_t sizes[] = {13,  26,  49,  51,  52,  89,  98,  102, 104, 105,
                                     125, 178, 195, 196, 204, 208, 210, 211, 221, 250};
    uint8_t image[28 * 28];
    memset(image, 255, sizeof image);
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        uint32_t n = sizes[k];
        struct resize_shape s = {28, 28, 1, n, n};
        struct guarded out = render(FMNIST_RESIZE_TF_BILINEAR_PAD, &s, image, GUARD_BEHIND);
        const uint32_t *bits = (const uint32_t *)(const void *)out.data;
        for (uint32_t y = 0; y < n; y++)
            for (uint32_t x = 0; x < n; x++)
                ck_assert_uint_eq(bits[y * n + x],
                                  y == n - 1 || x == n - 1 ? 0 : 0x3f800000 /* 1.0 */);
        guarded_free(&out);
    }
}
END_TEST

/* ---- plans */

/* Every rule copies an image of the target's size, and says so where bytes stay bytes. */
START_TEST(resize_plan_new__same_size__is_copy)
{
    uint32_t rule = (uint32_t)_i;
    struct resize_plan *plan;
    struct resize_shape s = {28, 28, 1, 28, 28};
    uint8_t image[28 * 28];
    uint64_t rng = 5;
    random_bytes(&rng, image, sizeof image);
    ck_assert_int_eq(resize_plan_new(&plan, rule, &s, NULL), 0);
    ck_assert_int_eq(resize_is_copy(plan), !resize_yields_float(rule));
    resize_plan_free(plan);
    struct guarded out = render(rule, &s, image, GUARD_BEHIND);
    const float *floats = (const float *)(const void *)out.data;
    for (size_t i = 0; i < sizeof image; i++)
        if (resize_yields_float(rule))
            ck_assert_float_eq(floats[i], (float)image[i] / 255.0f);
        else
            ck_assert_uint_eq(out.data[i], image[i]);
    guarded_free(&out);
}
END_TEST

/* What a rule cannot make must be refused with a text, and leave no plan behind. */
START_TEST(resize_plan_new__impossible__is_refused)
{
    static const struct {
        uint32_t rule;
        struct resize_shape shape;
        const char *text;
    } cases[] = {
        {FMNIST_RESIZE_NONE, {28, 28, 1, 32, 32}, "none"},
        {FMNIST_RESIZE_NONE, {28, 28, 1, 28, 29}, "none"},
        {FMNIST_RESIZE_TF_BILINEAR_PAD, {100, 2, 1, 10, 10}, "tf-bilinear-pad"},
        {FMNIST_RESIZE_TF_BILINEAR_PAD, {2, 100, 1, 10, 10}, "tf-bilinear-pad"},
        {FMNIST_RESIZE_PILLOW_BOX, {28, 28, 1, 0, 32}, "side of 0"},
        {FMNIST_RESIZE_PILLOW_BOX, {28, 0, 1, 32, 32}, "side of 0"},
        {FMNIST_RESIZE_PILLOW_BOX, {28, 28, 0, 32, 32}, "0 channels"},
        {FMNIST_RESIZE_PILLOW_BOX, {28, 28, 5, 32, 32}, "5 channels"},
        {FMNIST_RESIZE_PILLOW_BOX, {28, 28, 1, 32, UINT32_MAX}, "4294967295"},
        {0, {28, 28, 1, 28, 28}, "rule 0"},
        {15, {28, 28, 1, 32, 32}, "rule 15"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct resize_plan *plan = (struct resize_plan *)&plan;
        struct err e = {""};
        ck_assert_int_eq(resize_plan_new(&plan, cases[i].rule, &cases[i].shape, &e), -EINVAL);
        ck_assert_ptr_null(plan);
        ck_assert_msg(strstr(e.text, cases[i].text), "case %zu: \"%s\"", i, e.text);
    }
    resize_plan_free(NULL);
}
END_TEST

/* One pixel in or out, and far from square: windows are wider than the image there. */
START_TEST(resize_run__extreme_sizes__constant_stays_constant)
{
    static const struct resize_shape shapes[] = {
        {1, 1, 1, 37, 41}, {70, 70, 1, 1, 1},   {1, 300, 1, 5, 7},
        {300, 1, 1, 7, 5}, {3, 2, 1, 200, 150}, {257, 129, 1, 2, 3},
    };
    uint32_t rule = (uint32_t)_i;
    uint8_t image[257 * 129];
    memset(image, 200, sizeof image);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        struct guarded out = render(rule, &shapes[i], image, GUARD_BEHIND);
        for (uint32_t k = 0; k < shapes[i].out_h * shapes[i].out_w; k++)
            ck_assert_uint_eq(out.data[k], 200);
        guarded_free(&out);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pixels/resize");
    TCase *tc = tcase_create("resize");
    const int rules_end = FMNIST_RESIZE_TF_BILINEAR_PAD + 1;
    tcase_set_timeout(tc, 120);
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_add_loop_test(tc, resize_run__open_records__equal_the_libraries, 0, ISA_COUNT);
    tcase_add_loop_test(tc, resize_run__pillow13_records__equal_the_library, 0, ISA_COUNT);
    tcase_add_loop_test(tc, resize_run__tensorflow_records__equal_the_library, 0, ISA_COUNT);
    tcase_add_loop_test(tc, resize_run__colour_records__equal_the_libraries, 0, ISA_COUNT);
    tcase_add_loop_test(tc, resize_run__random_shapes__levels_agree, FMNIST_RESIZE_NONE, rules_end);
    tcase_add_loop_test(tc, resize_run__three_channels__equal_three_single_images,
                        FMNIST_RESIZE_NONE, rules_end);
    tcase_add_test(tc, resize_run__pillow_13_at_the_order_boundary__vertical_first_only_beyond);
    tcase_add_test(tc, tf_geometry_of__table__equals_tensorflow);
    tcase_add_test(tc, resize_run__tf_special_sizes__last_row_and_column_are_zero);
    tcase_add_loop_test(tc, resize_plan_new__same_size__is_copy, FMNIST_RESIZE_NONE, rules_end);
    tcase_add_test(tc, resize_plan_new__impossible__is_refused);
    tcase_add_loop_test(tc, resize_run__extreme_sizes__constant_stays_constant,
                        FMNIST_RESIZE_PILLOW_NEAREST, FMNIST_RESIZE_OPENCV_LINEAR + 1);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
