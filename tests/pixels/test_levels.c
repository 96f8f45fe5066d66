/* SPDX-License-Identifier: MIT */
/* Operations on levels: rules that can be said in a line, and the levels of SIMD against each
 * other. What the pixels are is tests/augment's, against the real libraries. */
#include "pixels/guarded.h"
#include "pixels/levels.h"
#include "support/support.h"

#include <math.h>
#include <stdlib.h>

#define COUNT_MAX 1100

/* ---- tables -------------------------------------------------------------------------------- */

static void histogram_of(const uint8_t *in, size_t count, uint32_t histogram[256])
{
    levels_histogram(in, count, histogram);
    size_t sum = 0;
    for (int v = 0; v < 256; v++)
        sum += histogram[v];
    ck_assert_uint_eq(sum, count);
}

START_TEST(levels_histogram__any_count__counts_each)
{
    uint64_t rng = 1;
    uint8_t in[70] = {0};
    uint32_t histogram[256];
    for (size_t count = 0; count <= sizeof in; count++) {
        random_bytes(&rng, in, count);
        histogram_of(in, count, histogram);
        for (size_t i = 0; i < count; i++) {
            uint32_t same = 0;
            for (size_t k = 0; k < count; k++)
                same += in[k] == in[i];
            ck_assert_uint_eq(histogram[in[i]], same);
        }
    }
}
END_TEST

/* The least level becomes 0 and the largest 255; one level alone stays what it is. */
START_TEST(levels_autocontrast__some_pictures__ends_at_both_ends)
{
    uint8_t table[256];
    uint32_t histogram[256];
    const uint8_t two[] = {40, 200, 41}, one[] = {7, 7};
    histogram_of(two, sizeof two, histogram);
    levels_autocontrast(histogram, table);
    ck_assert_uint_eq(table[40], 0);
    ck_assert_uint_eq(table[200], 255);
    ck_assert_uint_eq(table[41], 1);
    ck_assert_uint_eq(table[0], 0);
    ck_assert_uint_eq(table[255], 255);
    histogram_of(one, sizeof one, histogram);
    levels_autocontrast(histogram, table);
    for (int v = 0; v < 256; v++)
        ck_assert_uint_eq(table[v], v);
}
END_TEST

/* A picture of few pixels, or of one level, stays; one of all levels is spread evenly. */
START_TEST(levels_equalize__some_pictures__as_said)
{
    uint8_t table[256], all[512];
    uint32_t histogram[256];
    for (size_t i = 0; i < sizeof all; i++)
        all[i] = (uint8_t)(i / 2);
    histogram_of(all, 254, histogram);
    levels_equalize(histogram, table);
    for (int v = 0; v < 256; v++)
        ck_assert_uint_eq(table[v], v);
    histogram_of(all, sizeof all, histogram);
    levels_equalize(histogram, table);
    for (int v = 0; v < 256; v++) /* step 2, from 1 on: (1 + 2 v) / 2 */
        ck_assert_uint_eq(table[v], v);
    memset(all, 9, sizeof all);
    histogram_of(all, sizeof all, histogram);
    levels_equalize(histogram, table);
    for (int v = 0; v < 256; v++)
        ck_assert_uint_eq(table[v], v);
}
END_TEST

START_TEST(levels_tables__numbers__as_said)
{
    uint8_t table[256];
    for (uint32_t bits = 0; bits <= 8; bits++) {
        levels_posterize(bits, table);
        for (uint32_t v = 0; v < 256; v++)
            ck_assert_uint_eq(table[v], bits == 0 ? 0 : v >> (8 - bits) << (8 - bits));
    }
    levels_solarize(127.5, table);
    ck_assert_uint_eq(table[127], 127);
    ck_assert_uint_eq(table[128], 127);
    levels_solarize(128, table);
    ck_assert_uint_eq(table[128], 127);
    levels_solarize(0, table);
    ck_assert_uint_eq(table[0], 255);
    levels_invert(table);
    for (int v = 0; v < 256; v++)
        ck_assert_uint_eq(table[v], 255 - v);
}
END_TEST

/* ---- pixel by pixel ------------------------------------------------------------------------ */

/* All pairs of levels: with factor 0 the first, with 1 the second, between them no level that is
 * not between them, beyond them none outside 0 .. 255. */
START_TEST(levels_blend__all_pairs__between_or_clipped)
{
    if (!isa_available(_i))
        return;
    isa_force(_i);
    uint8_t from[256], to[256], out[256], one[256];
    static const float factors[] = {0.0f, 1.0f, 0.25f, 0.999f, 1.5f, 3.0f, 1e30f};
    for (int v = 0; v < 256; v++)
        to[v] = (uint8_t)v;
    for (int d = 0; d < 256; d++) {
        memset(from, d, sizeof from);
        for (size_t f = 0; f < sizeof factors / sizeof *factors; f++) {
            float factor = factors[f];
            ISA_PICK(levels_blend)(from, to, 256, factor, out);
            ISA_PICK(levels_blend_one)((uint8_t)d, to, 256, factor, one);
            ck_assert_mem_eq(out, one, 256);
            for (int v = 0; v < 256; v++) {
                double exact = d + (double)factor * (v - d);
                double want = exact < 0 ? 0 : exact > 255 ? 255 : exact;
                ck_assert_msg(fabs(out[v] + 0.5 - want) <= 0.5001, "%d to %d by %g: %d", d, v,
                              (double)factor, out[v]);
            }
            if (factor == 1.0f)
                ck_assert_mem_eq(out, to, 256);
        }
    }
}
END_TEST

/* Grey stays grey, also in hue; a turn by nothing of pure colours changes none. */
START_TEST(levels_colours__grey_and_pure__kept)
{
    if (!isa_available(_i))
        return;
    isa_force(_i);
    uint8_t gray[256], out[256], r[256], g[256], b[256];
    for (int v = 0; v < 256; v++)
        gray[v] = r[v] = g[v] = b[v] = (uint8_t)v;
    ISA_PICK(levels_gray)(gray, gray, gray, 256, out);
    ck_assert_mem_eq(out, gray, 256);
    ISA_PICK(levels_shift_hue)(r, g, b, 256, 77);
    ck_assert_mem_eq(r, gray, 256);
    ck_assert_mem_eq(g, gray, 256);
    ck_assert_mem_eq(b, gray, 256);
    uint8_t red[] = {255, 0, 0}, green[] = {0, 255, 0}, blue[] = {0, 0, 255}, before[3][3];
    memcpy(before[0], red, 3);
    memcpy(before[1], green, 3);
    memcpy(before[2], blue, 3);
    ISA_PICK(levels_shift_hue)(red, green, blue, 3, 0);
    ck_assert_mem_eq(red, before[0], 3);
    ck_assert_mem_eq(green, before[1], 3);
    ck_assert_mem_eq(blue, before[2], 3);
    ISA_PICK(levels_shift_hue)(red, green, blue, 3, 85); /* a third of the circle */
    ck_assert_mem_eq(red, before[2], 3);
    ck_assert_mem_eq(green, before[0], 3);
    ck_assert_mem_eq(blue, before[1], 3);
}
END_TEST

/* ---- levels of SIMD ------------------------------------------------------------------------ */

struct picture {
    uint8_t in[3][COUNT_MAX];
    size_t height, width, count;
    float factor;
    uint8_t shift, table[256];
};

enum operation { LOOK_UP, BLEND, BLEND_ONE, GRAY, HUE, SMOOTH, DIVIDE, MULTIPLY, NORMALIZE, END };

/* Owns: the caller. Every buffer lies against an unmapped page. */
static struct guarded run(const struct picture *p, enum operation operation, enum guard_side side)
{
    struct guarded in[3], out = guarded_new(p->count * 4, side);
    for (int c = 0; c < 3; c++) {
        in[c] = guarded_new(p->count, side);
        memcpy(in[c].data, p->in[c], p->count);
    }
    float *floats = (float *)(void *)out.data;
    memset(out.data, 0, p->count * 4);
    switch (operation) {
    case LOOK_UP:
        ISA_PICK(levels_look_up)(p->table, in[0].data, p->count, out.data);
        break;
    case BLEND:
        ISA_PICK(levels_blend)(in[1].data, in[0].data, p->count, p->factor, out.data);
        break;
    case BLEND_ONE:
        ISA_PICK(levels_blend_one)(p->shift, in[0].data, p->count, p->factor, out.data);
        break;
    case GRAY:
        ISA_PICK(levels_gray)(in[0].data, in[1].data, in[2].data, p->count, out.data);
        break;
    case HUE:
        ISA_PICK(levels_shift_hue)(in[0].data, in[1].data, in[2].data, p->count, p->shift);
        for (int c = 0; c < 3; c++)
            memcpy(out.data + (size_t)c * p->count, in[c].data, p->count);
        break;
    case SMOOTH:
        ISA_PICK(levels_smooth)(in[0].data, p->height, p->width, out.data);
        break;
    case DIVIDE:
    case MULTIPLY:
        ISA_PICK(levels_to_floats)(in[0].data, p->count, operation == MULTIPLY, floats);
        break;
    default:
        ISA_PICK(levels_to_floats)(in[0].data, p->count, false, floats);
        ISA_PICK(floats_normalize)(floats, p->count, p->factor, 0.353f, floats);
    }
    for (int c = 0; c < 3; c++)
        guarded_free(&in[c]);
    return out;
}

/* A SIMD variant must give the portable bytes whatever the size, and touch nothing outside. */
START_TEST(levels__random_pictures__levels_agree)
{
    enum operation operation = (enum operation)_i;
    uint64_t rng = 0xabc + (uint64_t)_i;
    struct picture *p = malloc(sizeof *p);
    for (int n = 0; n < 300; n++) {
        p->height = 1 + random_u32(&rng) % 33;
        p->width = 1 + random_u32(&rng) % 33;
        p->count = p->height * p->width;
        p->factor = (float)(random_u32(&rng) % 4000) / 1000.0f;
        p->shift = (uint8_t)random_u32(&rng);
        random_bytes(&rng, p->table, 256);
        for (int c = 0; c < 3; c++)
            random_bytes(&rng, p->in[c], p->count);
        isa_force(ISA_PORTABLE);
        struct guarded want = run(p, operation, GUARD_BEHIND);
        for (int level = ISA_AVX2; level < ISA_COUNT; level++) {
            if (!isa_available(level))
                continue;
            isa_force(level);
            struct guarded got = run(p, operation, n % 2 ? GUARD_BEHIND : GUARD_BEFORE);
            ck_assert_msg(!memcmp(got.data, want.data, p->count * 4), "operation %d, %s, %zu x %zu",
                          operation, isa_names[level], p->height, p->width);
            guarded_free(&got);
        }
        guarded_free(&want);
    }
    free(p);
}
END_TEST

/* Both rules of making floats, level by level. */
START_TEST(levels_to_floats__all_levels__both_rules)
{
    if (!isa_available(_i))
        return;
    isa_force(_i);
    uint8_t levels[256];
    float divided[256], multiplied[256];
    for (int v = 0; v < 256; v++)
        levels[v] = (uint8_t)v;
    ISA_PICK(levels_to_floats)(levels, 256, false, divided);
    ISA_PICK(levels_to_floats)(levels, 256, true, multiplied);
    int other = 0;
    for (int v = 0; v < 256; v++) {
        ck_assert(divided[v] == (float)v / 255.0f);
        ck_assert(multiplied[v] == (float)v * (float)(1.0 / 255.0));
        other += divided[v] != multiplied[v];
    }
    ck_assert_int_eq(other, 126);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pixels/levels");
    TCase *tc = tcase_create("levels");
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, levels_histogram__any_count__counts_each);
    tcase_add_test(tc, levels_autocontrast__some_pictures__ends_at_both_ends);
    tcase_add_test(tc, levels_equalize__some_pictures__as_said);
    tcase_add_test(tc, levels_tables__numbers__as_said);
    tcase_add_loop_test(tc, levels_blend__all_pairs__between_or_clipped, 0, ISA_COUNT);
    tcase_add_loop_test(tc, levels_colours__grey_and_pure__kept, 0, ISA_COUNT);
    tcase_add_loop_test(tc, levels__random_pictures__levels_agree, 0, END);
    tcase_add_loop_test(tc, levels_to_floats__all_levels__both_rules, 0, ISA_COUNT);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
