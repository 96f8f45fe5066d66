/* SPDX-License-Identifier: MIT */
/* The rendering of batches: with and without kept samples, and in parts. */
#include "render/fixture.h"

#include <malloc.h>

struct rendered {
    uint8_t *images;
    int32_t *labels;
    uint32_t *indices;
    uint64_t counts[32];
    size_t bytes;
};

/* All steps of an epoch, `at_once` at a time, in calls that end at end_ns. */
static struct rendered render_epoch(const struct render_plan *r, uint64_t epoch, size_t at_once,
                                    uint64_t end_ns)
{
    struct render_scratch *scratch = render_scratch_new();
    struct rendered out = {.bytes = r->sampler.shard_count * r->sample_bytes};
    out.images = calloc(1, out.bytes);
    out.labels = calloc(r->sampler.shard_count, 4);
    out.indices = calloc(r->sampler.shard_count, 4);
    for (uint64_t step = 0; step < r->sampler.steps;) {
        struct batch_target targets[32];
        size_t n = 0;
        for (; n < at_once && step + n < r->sampler.steps; n++) {
            uint64_t first = (step + n) * r->spec.batch_size;
            targets[n] = (struct batch_target){.samples = out.images + first * r->sample_bytes,
                                               .labels = out.labels + first,
                                               .indices = out.indices + first};
        }
        struct render_run run = {epoch, step, n, .targets = targets};
        render_all(r, scratch, run, end_ns);
        for (size_t i = 0; i < n; i++)
            out.counts[step + i] = targets[i].count;
        step += n;
    }
    render_scratch_free(scratch);
    return out;
}

static void rendered_free(struct rendered *r)
{
    free(r->images);
    free(r->labels);
    free(r->indices);
}

/* The same bytes whatever the store keeps, however many batches a worker claims, and however often
 * it is asked. */
START_TEST(render_plan_render__kept_or_not_and_any_claim__same_bytes)
{
    static const uint64_t budgets[] = {1 << 20, 0, 50 * 12 * 12};
    struct rendered want = {0};
    for (size_t b = 0; b < sizeof budgets / sizeof *budgets; b++) {
        struct render_caches k;
        caches_init(&k, budgets[b]);
        struct spec s = base_spec();
        struct render_plan *r = must_make(&s, &set.dataset, &k);
        for (size_t at_once = 1; at_once <= 17; at_once += 8) {
            struct rendered got = render_epoch(r, 2, at_once, b ? UINT64_MAX : 0);
            if (!want.images) {
                want = got;
                continue;
            }
            ck_assert_mem_eq(got.images, want.images, got.bytes);
            ck_assert_mem_eq(got.labels, want.labels, 100 * 4);
            ck_assert_mem_eq(got.indices, want.indices, 100 * 4);
            ck_assert_mem_eq(got.counts, want.counts, sizeof got.counts);
            rendered_free(&got);
        }
        render_plan_free(r);
        caches_free(&k);
    }
    for (int i = 0; i < 17; i++)
        ck_assert_uint_eq(want.counts[i], i < 16 ? 6 : 4);
    for (int i = 0; i < 100; i++)
        ck_assert_int_eq(want.labels[i], set.labels[want.indices[i]]);
    rendered_free(&want);
}
END_TEST

/* Batches longer than what is found, or rendered, at once: wherever a worker left them. */
START_TEST(render_part__any_split__same_bytes)
{
    static const uint32_t orders[] = {FMNIST_ORDER_SEQUENTIAL, FMNIST_ORDER_NUMPY,
                                      FMNIST_ORDER_SHUFFLE};
    static const char *const chains[] = {"", "random-crop(2, padding=1) random-horizontal-flip"};
    enum { COUNT = 20000, CASES = 3 * 2 * 2 };
    struct fake_set large;
    fake_set_init(&large, COUNT, 3, 3, 1);
    for (int i = 0; i < CASES; i++) {
        struct render_caches k;
        struct spec s;
        caches_init(&k, i % 2 ? 1 << 20 : 1000);
        spec_init(&s);
        s.order = orders[i % 3];
        strcpy(s.augment, chains[i / 3 % 2]);
        s.height = s.width = 3 + (uint32_t)i % 2;
        s.resize = FMNIST_RESIZE_PILLOW_NEAREST;
        s.batch_size = i / 6 ? COUNT : 1500;
        struct render_plan *r = must_make(&s, &large.dataset, &k);
        struct rendered want = render_epoch(r, 3, 32, UINT64_MAX);
        struct rendered got = render_epoch(r, 3, i % 4 ? 32 : 5, 0);
        ck_assert_mem_eq(got.images, want.images, want.bytes);
        ck_assert_mem_eq(got.labels, want.labels, COUNT * 4);
        ck_assert_mem_eq(got.indices, want.indices, COUNT * 4);
        rendered_free(&got);
        rendered_free(&want);
        render_plan_free(r);
        caches_free(&k);
    }
    fake_set_free(&large);
}
END_TEST

/* Large pictures, once asked for, would stay with every worker. */
START_TEST(render_part__large_pictures__their_memory_goes)
{
    struct spec s = base_spec();
    s.height = s.width = 1500;
    s.batch_size = 1;
    strcpy(s.augment, "random-rotation(9)");
    struct render_plan *r = must_make(&s, &set.dataset, &caches);
    struct render_scratch *scratch = render_scratch_new();
    uint8_t *image = malloc(r->sample_bytes);
    int32_t label;
    uint32_t index;
    struct batch_target target = {.samples = image, .labels = &label, .indices = &index};
    struct render_run run = {.batches = 1, .targets = &target};
    size_t before = mallinfo2().hblkhd;
    render_all(r, scratch, run, UINT64_MAX);
    ck_assert_uint_le(mallinfo2().hblkhd, before + (8 << 20));
    free(image);
    render_scratch_free(scratch);
    render_plan_free(r);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("render/render");
    TCase *tc = tcase_create("render");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, render_plan_render__kept_or_not_and_any_claim__same_bytes);
    tcase_add_test(tc, render_part__any_split__same_bytes);
    tcase_add_test(tc, render_part__large_pictures__their_memory_goes);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
