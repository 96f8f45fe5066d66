/* SPDX-License-Identifier: MIT */
/* Affine maps: levels against each other, Pillow's rules at their edges, and the ways to the same
 * pixels against one another. What the pixels are is tests/augment's, against the real libraries.
 */
#include "pixels/affine.h"
#include "pixels/guarded.h"
#include "pixels/warp_loops.h"
#include "support/support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define PIXELS_MAX (90 * 90)

static double random_real(uint64_t *rng, double low, double high)
{
    return low + (high - low) * (random_u32(rng) / 4294967296.0);
}

/* Rotations, shears and scales as transforms draw them; now and then a map without rotation, one
 * that leaves the fixed point's range, and one that is no map. */
static struct warp random_warp(uint64_t *rng)
{
    struct warp w = {.planes = 1 + random_u32(rng) % 3, .filter = random_u32(rng) % 3};
    w.api = 1 + random_u32(rng) % 2;
    uint32_t most = random_u32(rng) % 4 == 0 ? 90 : 33;
    w.in_h = 1 + random_u32(rng) % most;
    w.in_w = 1 + random_u32(rng) % most;
    w.out_h = random_u32(rng) % 2 ? w.in_h : 1 + random_u32(rng) % most;
    w.out_w = random_u32(rng) % 2 ? w.in_w : 1 + random_u32(rng) % most;
    w.fused = random_u32(rng) % 2;
    double scale = random_real(rng, 0.3, 3.0);
    if (random_u32(rng) % 10 == 0)
        scale = random_u32(rng) % 2 ? 1e-3 : 1e-6;
    struct affine_params p = {.api = 1 + random_u32(rng) % 2,
                              .angle = random_real(rng, -180, 180),
                              .x = floor(random_real(rng, -9, 9)),
                              .y = floor(random_real(rng, -9, 9)),
                              .scale = scale,
                              .shear_x = random_real(rng, -40, 40),
                              .shear_y = random_real(rng, -40, 40),
                              .center_x = w.in_w * 0.5,
                              .center_y = w.in_h * 0.5};
    affine_matrix(&p, w.m);
    if (random_u32(rng) % 6 == 0)
        w.m[1] = w.m[3] = 0.0;
    if (random_u32(rng) % 40 == 0)
        w.m[random_u32(rng) % 6] = random_u32(rng) % 2 ? NAN : 1e300;
    return w;
}

enum way { PICTURE, TENSOR_LEVELS, TENSOR_FLOATS };

static const uint8_t fill_levels[4] = {7, 130, 255, 0};
static const float fill_floats[4] = {7.25f, -130.0f, 2.55f, 0.0f};

/* Owns: the caller. Every buffer lies against an unmapped page. */
static struct guarded run(const struct warp *w, enum way way, const uint8_t *levels,
                          enum guard_side side)
{
    size_t in_count = (size_t)w->in_h * w->in_w * w->planes, element = way == TENSOR_FLOATS ? 4 : 1;
    size_t out_count = (size_t)w->out_h * w->out_w * w->planes;
    uint32_t height = w->in_h > w->out_h ? w->in_h : w->out_h;
    uint32_t width = w->in_w > w->out_w ? w->in_w : w->out_w;
    struct guarded in = guarded_new(in_count * element + WARP_MARGIN, side);
    struct guarded out = guarded_new(out_count * element, side);
    struct guarded scratch = guarded_new(warp_scratch_bytes(w->planes, height, width), side);
    float *floats = (float *)(void *)in.data;
    for (size_t i = 0; i < in_count; i++)
        if (way == TENSOR_FLOATS)
            floats[i] = levels[i] / 3.0f;
        else
            in.data[i] = levels[i];
    if (way == PICTURE)
        warp_levels(w, in.data, fill_levels, out.data, scratch.data);
    else if (way == TENSOR_LEVELS)
        warp_tensor_levels(w, in.data, fill_floats, out.data, scratch.data);
    else
        warp_tensor_floats(w, floats, fill_floats, (float *)(void *)out.data, scratch.data);
    guarded_free(&in);
    guarded_free(&scratch);
    return out;
}

/* A SIMD variant must give the portable bytes whatever the map, and touch nothing outside its
 * buffers on either side. */
START_TEST(warp__random_maps__levels_agree)
{
    enum way way = (enum way)_i;
    uint64_t rng = 0xfeed + (uint64_t)_i;
    uint8_t *levels = malloc(3 * PIXELS_MAX);
    for (int n = 0; n < 1500; n++) {
        struct warp w = random_warp(&rng);
        random_bytes(&rng, levels, 3 * PIXELS_MAX);
        size_t bytes = (size_t)w.out_h * w.out_w * w.planes * (way == TENSOR_FLOATS ? 4 : 1);
        isa_force(ISA_PORTABLE);
        struct guarded want = run(&w, way, levels, GUARD_BEHIND);
        for (int level = ISA_AVX2; level < ISA_COUNT; level++) {
            if (!isa_available(level))
                continue;
            isa_force(level);
            struct guarded got = run(&w, way, levels, n % 2 ? GUARD_BEHIND : GUARD_BEFORE);
            ck_assert_msg(!memcmp(got.data, want.data, bytes),
                          "case %d, %s: filter %u, %ux%u to %ux%u", n, isa_names[level], w.filter,
                          w.in_h, w.in_w, w.out_h, w.out_w);
            guarded_free(&got);
        }
        guarded_free(&want);
    }
    free(levels);
}
END_TEST

/* With and without a load for all neighbours, bilinear must give the same pixels. */
START_TEST(warp_bilinear__with_and_without_quads__same_pixels)
{
    if (!isa_available(_i))
        return;
    isa_force(_i);
    uint64_t rng = 0xbeef;
    uint8_t *in = malloc(3 * PIXELS_MAX + WARP_MARGIN), *out[2];
    uint32_t *quads = malloc(3 * 91 * 91 * sizeof *quads);
    out[0] = malloc(3 * PIXELS_MAX);
    out[1] = malloc(3 * PIXELS_MAX);
    random_bytes(&rng, in, 3 * PIXELS_MAX + WARP_MARGIN);
    for (int n = 0; n < 2000; n++) {
        struct warp w = random_warp(&rng);
        ISA_PICK(warp_bilinear)(&w, in, fill_levels, out[0], quads);
        ISA_PICK(warp_bilinear)(&w, in, fill_levels, out[1], NULL);
        ck_assert_msg(!memcmp(out[0], out[1], (size_t)w.planes * w.out_h * w.out_w),
                      "case %d, %ux%u to %ux%u", n, w.in_h, w.in_w, w.out_h, w.out_w);
    }
    free(in);
    free(out[0]);
    free(out[1]);
    free(quads);
}
END_TEST

/* A picture that is too large for quads takes the other way by itself. */
START_TEST(warp_levels__large_picture__levels_agree)
{
    struct warp w = {.planes = 1, .in_h = 260, .in_w = 300, .out_h = 260, .out_w = 300};
    w.filter = WARP_BILINEAR;
    affine_pillow_rotation(17.5, 150, 130, w.m);
    uint64_t rng = 3;
    uint8_t *levels = malloc((size_t)w.in_h * w.in_w);
    random_bytes(&rng, levels, (size_t)w.in_h * w.in_w);
    isa_force(ISA_PORTABLE);
    struct guarded want = run(&w, PICTURE, levels, GUARD_BEHIND);
    for (int level = ISA_AVX2; level < ISA_COUNT; level++) {
        if (!isa_available(level))
            continue;
        isa_force(level);
        struct guarded got = run(&w, PICTURE, levels, GUARD_BEHIND);
        ck_assert_mem_eq(got.data, want.data, (size_t)w.out_h * w.out_w);
        guarded_free(&got);
    }
    guarded_free(&want);
    free(levels);
}
END_TEST

/* The map that changes nothing shows every pixel where it is, by any rule. */
START_TEST(warp__identity__same_picture)
{
    uint64_t rng = 11;
    uint8_t levels[2 * 13 * 17];
    random_bytes(&rng, levels, sizeof levels);
    struct warp w = {.planes = 2, .in_h = 13, .in_w = 17, .out_h = 13, .out_w = 17};
    for (w.filter = WARP_NEAREST; w.filter <= WARP_BICUBIC; w.filter++) {
        w.m[0] = w.m[4] = 1.0;
        struct guarded got = run(&w, PICTURE, levels, GUARD_BEHIND);
        ck_assert_mem_eq(got.data, levels, sizeof levels);
        guarded_free(&got);
    }
    w.filter = WARP_NEAREST;
    w.m[1] = 1e-9; /* by fixed point */
    struct guarded got = run(&w, PICTURE, levels, GUARD_BEHIND);
    ck_assert_mem_eq(got.data, levels, sizeof levels);
    guarded_free(&got);
    w.m[1] = 0.0;
    got = run(&w, TENSOR_LEVELS, levels, GUARD_BEHIND);
    ck_assert_mem_eq(got.data, levels, sizeof levels);
    guarded_free(&got);
}
END_TEST

/* ---- matrices ------------------------------------------------------------------------------ */

/* Image.rotate of Pillow 13 with these arguments: its matrix and its size, printed by Python. */
START_TEST(affine_pillow_rotation__known_angles__pillows_matrix)
{
    static const struct {
        double angle;
        uint32_t height, width, expanded_h, expanded_w;
        double m[6];
    } cases[] = {
        {0x1.e000000000000p+4,
         28,
         28,
         40,
         40,
         {0x1.bb67ae8584caep-1, -0x1.0000000000000p-1, 0x1.ab7ccbb23404ep+2, 0x1.0000000000000p-1,
          0x1.bb67ae8584caep-1, -0x1.aa419a26e5fd9p+3}},
        {0x1.6800000000000p+5,
         55,
         9,
         47,
         47,
         {0x1.6a09e667f3bd1p-1, -0x1.6a09e667f3bc8p-1, 0x1.1ffffffffffe8p+2, 0x1.6a09e667f3bc8p-1,
          0x1.6a09e667f3bd1p-1, -0x1.6efa29a2b7f54p+2}},
        {-0x1.6800000000000p+5,
         19,
         27,
         33,
         33,
         {0x1.6a09e667f3bc8p-1, 0x1.6a09e667f3bd1p-1, -0x1.3ab46b3666b55p+3, -0x1.6a09e667f3bd1p-1,
          0x1.6a09e667f3bc8p-1, 0x1.3000000000009p+3}},
        {0x1.e000000000000p+5,
         28,
         28,
         40,
         40,
         {0x1.0000000000000p-1, -0x1.bb67ae8584caep-1, 0x1.5520cd1372fecp+4, 0x1.bb67ae8584caep-1,
          0x1.0000000000000p-1, -0x1.aa419a26e5fd9p+3}},
        {0x1.79ca10c924223p-67,
         10,
         35,
         10,
         35,
         {0x1.0000000000000p+0, -0x0.0p+0, 0x0.0p+0, 0x0.0p+0, 0x1.0000000000000p+0, 0x0.0p+0}},
        {-0x1.79ca10c924223p-67,
         8,
         37,
         8,
         37,
         {0x1.0000000000000p+0, 0x0.0p+0, 0x0.0p+0, -0x0.0p+0, 0x1.0000000000000p+0, 0x0.0p+0}},
        {0x1.26f58ce59e23cp+5,
         28,
         28,
         40,
         40,
         {0x1.999999999999ap-1, -0x1.3333333333333p-1, 0x1.3ffffffffffffp+3, 0x1.3333333333333p-1,
          0x1.999999999999ap-1, -0x1.c000000000001p+3}},
        {0x1.a90a731a61dc4p+5,
         20,
         36,
         42,
         38,
         {0x1.3333333333333p-1, -0x1.999999999999ap-1, 0x1.7666666666667p+4, 0x1.999999999999ap-1,
          0x1.3333333333333p-1, -0x1.1ccccccccccccp+4}},
        {0x1.0000000000000p-1,
         53,
         44,
         55,
         46,
         {0x1.fffb02599c9cap-1, -0x1.1df37c4954c47p-7, -0x1.84ae96a58fa59p-1, 0x1.1df37c4954c47p-7,
          0x1.fffb02599c9cap-1, -0x1.331d20a556a4ep+0}},
        {-0x1.4800000000000p+3,
         28,
         28,
         34,
         34,
         {0x1.f7d42eaca5ceep-1, 0x1.6c6daa62c169ep-3, -0x1.703d25b35717cp+2, -0x1.6c6daa62c169ep-3,
          0x1.f7d42eaca5ceep-1, 0x1.2f75f559668a0p-2}},
        {-0x1.fb5c940000000p+5,
         12,
         7,
         12,
         15,
         {0x1.ca2eb21ca8bb7p-2, 0x1.c9e345add2251p-1, -0x1.4e3057bfccb3bp+2, -0x1.c9e345add2251p-1,
          0x1.ca2eb21ca8bb7p-2, 0x1.40b9c7441ade4p+3}},
        {-0x1.f6c6f60000000p+6,
         38,
         37,
         54,
         53,
         {-0x1.2abb51ea2102cp-1, 0x1.9fd106086b074p-1, 0x1.8115857d92105p+3, -0x1.9fd106086b074p-1,
          -0x1.2abb51ea2102cp-1, 0x1.c233930e423e2p+5}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double m[6];
        uint32_t h = cases[i].height, w = cases[i].width;
        affine_pillow_rotation(cases[i].angle, w / 2.0, h / 2.0, m);
        affine_pillow_expand(m, &h, &w);
        ck_assert_uint_eq(h, cases[i].expanded_h);
        ck_assert_uint_eq(w, cases[i].expanded_w);
        for (int k = 0; k < 6; k++)
            ck_assert_msg(m[k] == cases[i].m[k], "%g degrees, m[%d]: %a, want %a", cases[i].angle,
                          k, m[k], cases[i].m[k]);
    }
}
END_TEST

/* Quarter turns are exact; anything near them is not one. */
START_TEST(affine_quarter_turns__angles__as_pillow)
{
    static const struct {
        double angle;
        int square, portrait, turned; /* 28 x 28; 28 x 20; the same where its size may turn */
    } cases[] = {
        {0, 0, 0, 0},         {-0.0, 0, 0, 0},        {360, 0, 0, 0},   {-720, 0, 0, 0},
        {90, 1, -1, 1},       {-270, 1, -1, 1},       {450, 1, -1, 1},  {180, 2, 2, 2},
        {-180, 2, 2, 2},      {270, 3, -1, 3},        {-90, 3, -1, 3},  {1e-20, -1, -1, -1},
        {-1e-20, -1, -1, -1}, {90.00001, -1, -1, -1}, {45, -1, -1, -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double angle = cases[i].angle;
        ck_assert_int_eq(affine_quarter_turns(angle, 28, 28, false), cases[i].square);
        ck_assert_int_eq(affine_quarter_turns(angle, 28, 20, false), cases[i].portrait);
        ck_assert_int_eq(affine_quarter_turns(angle, 28, 20, true), cases[i].turned);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pixels/warp");
    TCase *tc = tcase_create("warp");
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_set_timeout(tc, 120);
    tcase_add_loop_test(tc, warp__random_maps__levels_agree, PICTURE, TENSOR_FLOATS + 1);
    tcase_add_loop_test(tc, warp_bilinear__with_and_without_quads__same_pixels, 0, ISA_COUNT);
    tcase_add_test(tc, warp_levels__large_picture__levels_agree);
    tcase_add_test(tc, warp__identity__same_picture);
    tcase_add_test(tc, affine_pillow_rotation__known_angles__pillows_matrix);
    tcase_add_test(tc, affine_quarter_turns__angles__as_pillow);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
