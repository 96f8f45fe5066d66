/* SPDX-License-Identifier: MIT */
/* Rendering from a split that memory does not hold: what is asked for ahead, and that it never
 * changes a byte. */
#include "dataset/paged.h"
#include "fmnist.h"
#include "render/caches.h"

enum { OUT = 16, SAMPLE = OUT * OUT };

static struct nonresident_split p;

static void setup(void)
{
    support_setup();
    nonresident_split_in_file(&p);
}

static void teardown(void)
{
    nonresident_split_free(&p);
    support_teardown();
}

/* A kept sample does not need its image any more; reading that would cost more than it saves. */
START_TEST(sample_entry_prefetch__some_are_kept__only_the_others)
{
    struct sample_cache *store = sample_cache_new(PAGED_COUNT / 2 * SAMPLE);
    struct sample_entry *entry;
    struct err e;
    ck_assert_int_eq(
        sample_cache_get(store, &p.split, FMNIST_RESIZE_PILLOW_BILINEAR, OUT, OUT, &entry, &e), 0);
    void *scratch = aligned_alloc(64, (sample_entry_scratch_bytes(entry) + 127) / 64 * 64);
    ck_assert_ptr_nonnull(sample_entry_get(entry, 5, scratch));
    ck_assert_ptr_nonnull(sample_entry_get(entry, 6, scratch));
    /* Two are kept, two have room and are not made yet, two will never be kept. */
    static const uint32_t indices[] = {6, 9, PAGED_COUNT - 1, 5, 10, PAGED_COUNT / 2};
    if (throw_out(&p)) {
        struct prefetcher f = {.way = PREFETCH_NEW};
        sample_entry_prefetch(entry, &f, indices, 6);
        wait_image(&p, 9);
        wait_image(&p, 10);
        wait_image(&p, PAGED_COUNT - 1);
        wait_image(&p, PAGED_COUNT / 2);
        ck_assert_uint_eq(images_in(&p), 4);
        prefetch_close(&f);
    }
    free(scratch);
    sample_entry_put(entry);
    sample_cache_free(store);
}
END_TEST

/* Renders an epoch in one call and returns its images. */
static uint8_t *render_epoch(const struct spec *spec, struct dataset *dataset)
{
    struct render_caches caches;
    caches_init(&caches, 10 * SAMPLE);
    struct render_scratch *scratch = render_scratch_new();
    struct render_plan *r = must_make(spec, dataset, &caches);
    struct batch_target targets[PAGED_COUNT];
    uint8_t *images = malloc(PAGED_COUNT * r->sample_bytes);
    uint32_t *indices = malloc(PAGED_COUNT * sizeof *indices);
    int32_t *labels = malloc(PAGED_COUNT * sizeof *labels);
    for (uint64_t i = 0; i < r->sampler.steps; i++)
        targets[i] = (struct batch_target){
            .samples = images + i * spec->batch_size * r->sample_bytes,
            .labels = labels + i * spec->batch_size,
            .indices = indices + i * spec->batch_size,
        };
    render_all(r, scratch, (struct render_run){.batches = r->sampler.steps, .targets = targets},
               UINT64_MAX);
    render_plan_free(r);
    render_scratch_free(scratch);
    caches_free(&caches);
    free(indices);
    free(labels);
    return images;
}

START_TEST(render_plan_render__pages_thrown_out__the_same_bytes)
{
    static const uint32_t sizes[][2] = {{FMNIST_RESIZE_NONE, PAGED_SIDE},
                                        {FMNIST_RESIZE_PILLOW_BILINEAR, OUT}};
    struct dataset dataset = {.name = "paged", .users = 1};
    for (int i = 0; i < 8; i++) {
        struct spec spec;
        spec_init(&spec);
        strcpy(spec.dataset, "paged");
        spec.resize = sizes[i % 2][0];
        spec.height = spec.width = sizes[i % 2][1];
        spec.dtype = FMNIST_UINT8;
        spec.order = i & 2 ? FMNIST_ORDER_SHUFFLE : FMNIST_ORDER_SEQUENTIAL;
        spec.batch_size = i & 4 ? 7 : 200;
        dataset.splits[DATASET_TRAIN] = p.split;
        strcpy(dataset.splits[DATASET_TRAIN].name, "train");
        dataset.splits[DATASET_TRAIN].not_resident = false;
        uint8_t *want = render_epoch(&spec, &dataset);
        dataset.splits[DATASET_TRAIN].not_resident = true;
        throw_out(&p);
        uint8_t *got = render_epoch(&spec, &dataset);
        ck_assert_mem_eq(got, want, PAGED_COUNT * spec.height * spec.width);
        free(want);
        free(got);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("render/paging");
    TCase *tc = tcase_create("paging");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, sample_entry_prefetch__some_are_kept__only_the_others);
    tcase_add_test(tc, render_plan_render__pages_thrown_out__the_same_bytes);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
