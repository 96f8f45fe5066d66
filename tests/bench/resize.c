/* SPDX-License-Identifier: MIT */
/* resize.c — the resize kernels alone, in one thread: nanoseconds an image for every rule.
 *
 * usage: resize [--milliseconds N]
 *
 * Single-channel images of random pixels, many of them in turn, so that neither the branch
 * predictor nor the cache knows the next one. Each size is timed for N ms, in rounds; the best
 * round counts. Prints one JSON object.
 */
#include "common.h"

#include "base/bytes.h"
#include "pixels/isa.h"
#include "pixels/resize.h"

#define IMAGES 256u

static const struct {
    const char *name;
    uint32_t rule;
} rules[] = {
    {"pillow-nearest", FMNIST_RESIZE_PILLOW_NEAREST},
    {"pillow-box", FMNIST_RESIZE_PILLOW_BOX},
    {"pillow-bilinear", FMNIST_RESIZE_PILLOW_BILINEAR},
    {"pillow-hamming", FMNIST_RESIZE_PILLOW_HAMMING},
    {"pillow-bicubic", FMNIST_RESIZE_PILLOW_BICUBIC},
    {"pillow-lanczos", FMNIST_RESIZE_PILLOW_LANCZOS},
    {"pillow12-box", FMNIST_RESIZE_PILLOW12_BOX},
    {"pillow12-bilinear", FMNIST_RESIZE_PILLOW12_BILINEAR},
    {"pillow12-hamming", FMNIST_RESIZE_PILLOW12_HAMMING},
    {"pillow12-bicubic", FMNIST_RESIZE_PILLOW12_BICUBIC},
    {"pillow12-lanczos", FMNIST_RESIZE_PILLOW12_LANCZOS},
    {"opencv-linear", FMNIST_RESIZE_OPENCV_LINEAR},
    {"tf-bilinear-pad", FMNIST_RESIZE_TF_BILINEAR_PAD},
};

static const uint32_t sizes[][2] = {{28, 32}, {28, 64}, {28, 224}, {32, 28}};

static double best_ns(uint32_t rule, uint32_t from, uint32_t to, double seconds)
{
    struct resize_shape shape = {from, from, 1, to, to};
    struct resize_plan *plan;
    struct err e;
    if (resize_plan_new(&plan, rule, &shape, &e))
        fail("%s", e.text);
    size_t in_bytes = (size_t)from * from, out_bytes = resize_sample_bytes(plan);
    uint8_t *images = malloc(in_bytes * IMAGES);
    void *sample = aligned_alloc(64, align_up(out_bytes, 64));
    void *scratch = aligned_alloc(64, align_up(resize_scratch_bytes(plan) + 64, 64));
    if (!images || !sample || !scratch)
        fail("out of memory");
    uint64_t state = 1;
    for (size_t i = 0; i < in_bytes * IMAGES; i++) {
        state = state * UINT64_C(6364136223846793005) + 1442695040888963407u;
        images[i] = (uint8_t)(state >> 56);
    }
    double best = 1e9;
    for (double began = now(), end = began + seconds; began < end;) {
        for (uint32_t i = 0; i < IMAGES; i++)
            resize_run(plan, images + i * in_bytes, sample, scratch);
        double done = now();
        best = done - began < best ? done - began : best;
        began = done;
    }
    free(images);
    free(sample);
    free(scratch);
    resize_plan_free(plan);
    return best / IMAGES * 1e9;
}

int main(int argc, char **argv)
{
    bench_name = "resize";
    (void)argc;
    double milliseconds = 60;
    for (char **a = argv + 1; *a; a += 2)
        if (!strcmp(*a, "--milliseconds"))
            milliseconds = number(*a, a[1], 1, 60000);
        else
            fail("usage: resize [--milliseconds N]");
    struct err e;
    if (isa_choose(&e))
        fail("%s", e.text);
    printf("{\"program\": \"resize\", \"isa\": \"%s\", \"results\": [", isa_names[isa_level()]);
    const char *comma = "";
    for (size_t r = 0; r < sizeof rules / sizeof *rules; r++)
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            printf("%s\n  {\"rule\": \"%s\", \"from\": %u, \"to\": %u, \"ns\": %.1f}", comma,
                   rules[r].name, sizes[s][0], sizes[s][1],
                   best_ns(rules[r].rule, sizes[s][0], sizes[s][1], milliseconds / 1000));
            comma = ",";
        }
    printf("\n]}\n");
    return 0;
}
