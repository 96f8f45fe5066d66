/* SPDX-License-Identifier: MIT */
/* The pixels of chains: the levels of SIMD against each other with every operation, and chains
 * against their operations one after the other. What the pixels are is test_golden's. */
#include "augment/draw.h"
#include "augment/run.h"
#include "pixels/guarded.h"
#include "pixels/isa_variants.h"
#include "support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- a chain on some samples --------------------------------------------------------------- */

static struct augment_plan *plan_of(const char *text, const struct augment_shape *in)
{
    struct augment_chain *chain;
    struct augment_plan *plan;
    struct err e = {""};
    ck_assert_msg(!augment_parse(&chain, text, &e), "%s: %s", text, e.text);
    ck_assert_msg(!augment_plan_new(&plan, chain, in, &e), "%s: %s", text, e.text);
    return plan;
}

static size_t in_bytes(const struct augment_plan *plan)
{
    return (size_t)plan->in.channels * plan->in.height * plan->in.width;
}

static uint32_t *draw(const struct augment_plan *plan, uint64_t seed, uint32_t count)
{
    uint32_t *indices = malloc(count * sizeof *indices);
    uint32_t *values = malloc((count * plan->chain->value_count + 1) * sizeof *values);
    struct err e = {""};
    for (uint32_t i = 0; i < count; i++)
        indices[i] = i;
    augment_draw_counter(plan, seed, 0, 0, indices, count, values, plan->chain->value_count);
    ck_assert_msg(!augment_check_values(plan, values, count, &e), "%s", e.text);
    free(indices);
    return values;
}

/* Owns: the caller. Each sample and each result lies against an unmapped page by itself. */
static void run(const struct augment_plan *plan, const uint32_t *values, uint32_t count,
                const uint8_t *samples, enum guard_side side, struct guarded *out)
{
    struct augment_scratch *scratch = augment_scratch_new(plan);
    struct guarded *in = malloc(count * sizeof *in);
    const void **from = malloc(count * sizeof *from);
    void **to = malloc(count * sizeof *to);
    ck_assert_ptr_nonnull(scratch);
    for (uint32_t i = 0; i < count; i++) {
        in[i] = guarded_new(in_bytes(plan), side);
        memcpy(in[i].data, samples + i * in_bytes(plan), in_bytes(plan));
        out[i] = guarded_new(augment_sample_bytes(plan), side);
        from[i] = in[i].data;
        to[i] = out[i].data;
    }
    augment_run(plan, scratch, from, values, count, to);
    for (uint32_t i = 0; i < count; i++) {
        ck_assert_mem_eq(in[i].data, samples + i * in_bytes(plan), in_bytes(plan));
        guarded_free(&in[i]);
    }
    augment_scratch_free(scratch);
    free(in);
    free(from);
    free(to);
}

/* ---- levels of SIMD ------------------------------------------------------------------------ */

static const char *const chains[] = {
    "random-crop(28, padding=4) random-horizontal-flip",
    "random-crop(28, padding=4, fill=77) random-vertical-flip(0.5)",
    "random-crop((20,31), padding=(3,1,2,5), padding-mode=reflect) random-horizontal-flip",
    "random-crop(40, padding=2, padding-mode=symmetric, pad-if-needed=true)",
    "random-crop(40, padding=2, padding-mode=edge, pad-if-needed=true, api=1)",
    "pad(3, fill=9) pad(2, fill=200) center-crop(30) random-horizontal-flip pad(1)",
    "center-crop(61) random-crop(33) random-vertical-flip",
    "random-rotation(180) random-horizontal-flip",
    "random-rotation((90,90)) random-rotation((180,180)) random-rotation((270,270))",
    "random-rotation(40, expand=true, interpolation=bilinear, fill=3) center-crop(35)",
    "random-rotation(70, interpolation=bicubic, center=(3,-5))",
    "random-affine(30, translate=(0.2,0.1), scale=(0.5,2), shear=20)",
    "random-affine(0, scale=(0.7,1.4))",
    "random-affine(20, shear=(-9,9,-9,9), interpolation=bilinear, api=1)",
    "random-affine(20, scale=(0.001,0.002))",
    "random-resized-crop(28) random-horizontal-flip",
    "random-resized-crop((17,41), interpolation=bicubic, pillow=12)",
    "random-resized-crop((17,41), interpolation=nearest)",
    "resize(20) random-crop(20, padding=2)",
    "resize((50,11), interpolation=bicubic) random-vertical-flip",
    "color-jitter(0.4, 0.4, 0.4, 0.2)",
    "random-grayscale(0.5) grayscale(1) grayscale(3)",
    "grayscale(3) color-jitter(saturation=0.5, hue=0.5)",
    "trivial-augment-wide",
    "rand-augment(num-ops=4, magnitude=20)",
    "rand-augment(num-ops=8, magnitude=30, interpolation=bilinear, fill=40)",
    "auto-augment(imagenet)",
    "auto-augment(cifar10, interpolation=bicubic)",
    "auto-augment(svhn)",
    "random-apply([random-rotation(20) random-apply([random-horizontal-flip color-jitter(0.9)])])",
    "to-image random-rotation(45, fill=3) random-erasing(0.9, value=17)",
    "to-image random-affine(20, scale=(0.5,2), grid=fused) random-crop(28, padding=3)",
    "to-tensor random-rotation(45, fill=0.5, grid=fused) random-erasing(0.7)",
    "to-image random-rotation(60, expand=true, fill=9) center-crop(50)",
    "to-image random-rotation(60, expand=true, interpolation=bilinear, api=1) center-crop(50)",
    "to-image random-affine(30, scale=(0.5,2), interpolation=bilinear, fill=(9), grid=fused)",
    "to-tensor random-affine(30, shear=9, interpolation=bilinear, fill=-0.5, api=1, grid=fused)",
    "to-image resize((20,31)) random-horizontal-flip",
    "to-image random-resized-crop(28, interpolation=bicubic)",
    "to-tensor random-crop(30, padding=4, padding-mode=reflect) random-erasing(0.7, value=-1)",
    "to-tensor normalize(0.25, 0.5) random-erasing(0.9) random-horizontal-flip normalize(0.1, 2)",
    "to-image to-dtype random-rotation((90,90)) normalize(0.5, 0.25) pad(1, fill=-3) "
    "center-crop(9)",
    "random-crop(28, padding=4) random-horizontal-flip to-tensor normalize(0.286, 0.353) "
    "random-erasing(0.5)",
};

#define CHAINS (sizeof chains / sizeof *chains)

static const struct augment_shape shapes[] = {
    {1, 28, 28, AUGMENT_PICTURE},
    {3, 32, 32, AUGMENT_PICTURE},
    {1, 45, 37, AUGMENT_PICTURE},
};

/* A SIMD variant must give the portable bytes with every operation, read nothing outside the
 * samples and write nothing outside the results. */
START_TEST(augment_run__every_operation__levels_agree)
{
    enum { COUNT = 24 };
    const char *text = chains[_i];
    for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++) {
        struct augment_plan *plan = plan_of(text, &shapes[k]);
        uint32_t *values = draw(plan, 5 + k, COUNT);
        uint8_t *samples = malloc(COUNT * in_bytes(plan));
        uint64_t rng = 0x5eed + k;
        random_bytes(&rng, samples, COUNT * in_bytes(plan));
        struct guarded want[COUNT], got[COUNT];
        isa_force(ISA_PORTABLE);
        run(plan, values, COUNT, samples, GUARD_BEHIND, want);
        for (int level = ISA_AVX2; level < ISA_COUNT; level++) {
            if (!isa_available(level))
                continue;
            isa_force(level);
            run(plan, values, COUNT, samples, level % 2 ? GUARD_BEHIND : GUARD_BEFORE, got);
            for (int i = 0; i < COUNT; i++) {
                ck_assert_msg(!memcmp(got[i].data, want[i].data, augment_sample_bytes(plan)),
                              "%s: %s, shape %zu, sample %d", text, isa_names[level], k, i);
                guarded_free(&got[i]);
            }
        }
        for (int i = 0; i < COUNT; i++)
            guarded_free(&want[i]);
        free(values);
        free(samples);
        augment_plan_free(plan);
    }
}
END_TEST

/* ---- chains against their operations ------------------------------------------------------- */

/* Operations that keep a picture of levels, of whatever size. */
static const char *const parts[] = {
    "random-horizontal-flip",
    "random-vertical-flip",
    "pad((1,2,3,0), fill=7)",
    "pad(2, fill=9)",
    "pad(2, padding-mode=reflect)",
    "pad((0,3,1,2), padding-mode=symmetric)",
    "pad(1, padding-mode=edge)",
    "center-crop((24,27))",
    "center-crop((31,26))",
    "random-crop((22,25), pad-if-needed=true, fill=50)",
    "random-crop((26,23), padding=3, pad-if-needed=true, padding-mode=edge)",
    "random-rotation(180)",
    "random-rotation((90,90), expand=true)",
    "random-affine(9, translate=(0.3,0.3))",
    "color-jitter(0.5, 0.5)",
    "rand-augment(magnitude=25)",
    "random-resized-crop(25)",
    "random-apply([random-vertical-flip random-affine(5) random-horizontal-flip])",
};

#define PARTS (sizeof parts / sizeof *parts)

/* Values of a chain are its parts' in their order, so a part of it takes them from there. */
static void check_parts(uint64_t *rng, uint32_t length)
{
    enum { COUNT = 4 };
    char text[AUGMENT_TEXT_MAX] = "";
    const char *of[8];
    for (uint32_t k = 0; k < length; k++) {
        of[k] = parts[random_u32(rng) % PARTS];
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s ", of[k]);
    }
    struct augment_shape shape = {random_u32(rng) % 2 ? 3 : 1, 28, 28, AUGMENT_PICTURE};
    struct augment_plan *whole = plan_of(text, &shape);
    uint32_t *values = draw(whole, *rng, COUNT), all = whole->chain->value_count, first = 0;
    size_t bytes = in_bytes(whole);
    uint8_t *samples = malloc(COUNT * bytes);
    random_bytes(rng, samples, COUNT * bytes);
    struct guarded want[COUNT], got[COUNT];
    run(whole, values, COUNT, samples, GUARD_BEHIND, got);
    for (uint32_t k = 0; k < length; k++) {
        struct augment_plan *part = plan_of(of[k], &shape);
        uint32_t own = part->chain->value_count, *row = malloc((COUNT * own + 1) * sizeof *row);
        for (uint32_t i = 0; i < COUNT; i++)
            memcpy(row + i * own, values + i * all + first, own * sizeof *row);
        run(part, row, COUNT, samples, GUARD_BEHIND, want);
        bytes = augment_sample_bytes(part);
        samples = realloc(samples, COUNT * bytes);
        for (uint32_t i = 0; i < COUNT; i++) {
            memcpy(samples + i * bytes, want[i].data, bytes);
            guarded_free(&want[i]);
        }
        first += own;
        shape = part->out;
        free(row);
        augment_plan_free(part);
    }
    ck_assert_uint_eq(bytes, augment_sample_bytes(whole));
    for (uint32_t i = 0; i < COUNT; i++) {
        ck_assert_msg(!memcmp(got[i].data, samples + i * bytes, bytes), "%s: sample %u", text, i);
        guarded_free(&got[i]);
    }
    free(values);
    free(samples);
    augment_plan_free(whole);
}

/* However crops, borders and flips are put together, and wherever pictures lie in between: a chain
 * must give what its operations give one by one. */
START_TEST(augment_run__random_chains__as_their_operations_one_by_one)
{
    if (!isa_available(_i))
        return;
    isa_force(_i);
    uint64_t rng = 0xc0ffee;
    for (int n = 0; n < 800; n++)
        check_parts(&rng, 1 + random_u32(&rng) % 7);
}
END_TEST

/* Many sizes of random-resized-crop's box have the same slot for their weights. */
START_TEST(augment_run__weights_of_many_sizes__do_not_mix)
{
    enum { COUNT = 400 };
    struct augment_shape in = {1, 300, 280, AUGMENT_PICTURE};
    struct augment_plan *plan = plan_of("random-resized-crop((64,70), scale=(0.01,1))", &in);
    uint32_t *values = draw(plan, 3, COUNT);
    uint8_t *samples = malloc(in_bytes(plan)), *out = malloc(2 * augment_sample_bytes(plan));
    uint64_t rng = 77;
    random_bytes(&rng, samples, in_bytes(plan));
    struct augment_scratch *kept = augment_scratch_new(plan);
    void *const to[2] = {out, out + augment_sample_bytes(plan)};
    for (uint32_t i = 0; i < COUNT; i++) {
        struct augment_scratch *fresh = augment_scratch_new(plan);
        const void *from = samples;
        augment_run(plan, kept, &from, values + 4 * i, 1, to);
        augment_run(plan, fresh, &from, values + 4 * i, 1, to + 1);
        ck_assert_mem_eq(to[0], to[1], augment_sample_bytes(plan));
        augment_scratch_free(fresh);
    }
    augment_scratch_free(kept);
    free(samples);
    free(out);
    free(values);
    augment_plan_free(plan);
}
END_TEST

/* A chain of which nothing is left for the head copies its samples. */
START_TEST(augment_run__no_head__copies)
{
    struct augment_shape in = {3, 9, 11, AUGMENT_PICTURE};
    struct augment_plan *plan = plan_of("to-tensor normalize(0.5, 0.5)", &in);
    ck_assert_uint_eq(plan->tail.head_count, 0);
    uint8_t samples[2 * 3 * 9 * 11];
    struct guarded out[2];
    uint64_t rng = 1;
    random_bytes(&rng, samples, sizeof samples);
    run(plan, NULL, 2, samples, GUARD_BEHIND, out);
    for (int i = 0; i < 2; i++) {
        ck_assert_mem_eq(out[i].data, samples + i * 297, 297);
        guarded_free(&out[i]);
    }
    augment_scratch_free(NULL);
    augment_plan_free(plan);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("augment/run");
    TCase *tc = tcase_create("run");
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_set_timeout(tc, 120);
    tcase_add_loop_test(tc, augment_run__every_operation__levels_agree, 0, (int)CHAINS);
    tcase_add_loop_test(tc, augment_run__random_chains__as_their_operations_one_by_one, 0,
                        ISA_COUNT);
    tcase_add_test(tc, augment_run__weights_of_many_sizes__do_not_mix);
    tcase_add_test(tc, augment_run__no_head__copies);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
