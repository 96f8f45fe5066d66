/* SPDX-License-Identifier: MIT */
/* trainer.c — a trainer that computes a while on each batch: what the waiting costs it.
 *
 * usage: trainer [--compute-us N] [--batches N] [--FIELD VALUE]...
 *
 * Reads every byte of a batch, then does a fixed amount of arithmetic, measured beforehand to take
 * N us. Blocks of batches from the daemon alternate with blocks on one constant batch in private
 * memory, so that whatever else the machine does hits both. Prints one JSON object: quantiles and
 * a histogram of the time that fmnist_next took, and the throughput beside that on constant data.
 */
#include "common.h"

#define BLOCK   100  /* batches */
#define BUCKETS 1000 /* of the histogram, 0.1 us each; the last holds all beyond */

struct options {
    struct fmnist_spec spec;
    double compute_us;
    uint32_t batches;
};

static struct options parse(char **args)
{
    struct options o = {.compute_us = 1000, .batches = 2000};
    fmnist_spec_init(&o.spec);
    for (; *args; args += 2) {
        const char *name = args[0], *value = args[1];
        if (!strcmp(name, "--compute-us"))
            o.compute_us = number(name, value, 0, 1e6);
        else if (!strcmp(name, "--batches"))
            o.batches = (uint32_t)number(name, value, BLOCK, 1e7);
        else
            set_field(&o.spec, name, value);
        if (!value)
            fail("%s needs a value", name);
    }
    o.batches -= o.batches % BLOCK;
    return o;
}

static volatile uint64_t sink; /* so that no work is left out */

static void compute(uint64_t rounds)
{
    uint64_t x = sink | 1;
    for (uint64_t i = 0; i < rounds; i++)
        x = (x ^ x >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
    sink = x;
}

/* Rounds of compute() that take `us`: the fastest of several runs is the undisturbed one. */
static uint64_t calibrate(double us)
{
    const uint64_t rounds = 1000000;
    double best = 1e9;
    for (int i = 0; i < 20; i++) {
        double began = now();
        compute(rounds);
        double took = now() - began;
        best = took < best ? took : best;
    }
    return (uint64_t)(us * 1e-6 / best * (double)rounds);
}

/* Seconds for a block of batches; the time that each next took goes to `waits`. */
static double train_block(struct reader *r, uint64_t rounds, double *waits)
{
    double began = now();
    for (int i = 0; i < BLOCK; i++) {
        struct fmnist_batch batch;
        double before = now();
        reader_next(r, &batch);
        waits[i] = now() - before;
        sink += read_batch(r, &batch);
        fmnist_release(r->stream, &batch);
        compute(rounds);
    }
    return now() - began;
}

static double constant_block(const void *images, size_t bytes, uint64_t rounds)
{
    double began = now();
    for (int i = 0; i < BLOCK; i++) {
        sink += sum_words(images, bytes);
        compute(rounds);
    }
    return now() - began;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double quantile(const double *sorted, size_t count, double share)
{
    size_t at = (size_t)((double)count * share);
    return sorted[at < count ? at : count - 1];
}

static void print(double *waits, size_t count, double ratio)
{
    static uint32_t histogram[BUCKETS];
    for (size_t i = 0; i < count; i++) {
        double bucket = waits[i] * 1e7;
        histogram[bucket < BUCKETS - 1 ? (size_t)bucket : BUCKETS - 1]++;
    }
    qsort(waits, count, sizeof *waits, by_value);
    printf("{\"program\": \"trainer\", \"batches\": %zu, \"p50_us\": %.3f, \"p90_us\": %.3f, "
           "\"p99_us\": %.3f, \"p999_us\": %.3f, \"max_us\": %.3f, "
           "\"time_of_constant_data\": %.5f, \"bucket_us\": 0.1, \"histogram\": [",
           count, quantile(waits, count, 0.5) * 1e6, quantile(waits, count, 0.9) * 1e6,
           quantile(waits, count, 0.99) * 1e6, quantile(waits, count, 0.999) * 1e6,
           waits[count - 1] * 1e6, ratio);
    for (int i = 0; i < BUCKETS; i++)
        printf("%s%u", i ? ", " : "", histogram[i]);
    printf("]}\n");
}

int main(int argc, char **argv)
{
    bench_name = "trainer";
    (void)argc;
    struct options o = parse(argv + 1);
    struct reader r;
    reader_open(&r, &o.spec);
    size_t bytes = r.info.batch_size * r.info.image_bytes, blocks = o.batches / BLOCK;
    unsigned char *constant = malloc(bytes);
    double *waits = malloc(o.batches * sizeof *waits);
    double *ratios = malloc(blocks * sizeof *ratios);
    if (!constant || !waits || !ratios)
        fail("out of memory");
    memset(constant, 1, bytes);
    uint64_t rounds = calibrate(o.compute_us);
    train_block(&r, rounds, waits); /* fills the sample store */
    for (size_t b = 0; b < blocks; b++) {
        double without = constant_block(constant, bytes, rounds);
        double with = train_block(&r, rounds, waits + b * BLOCK);
        without = (without + constant_block(constant, bytes, rounds)) / 2;
        ratios[b] = with / without;
    }
    qsort(ratios, blocks, sizeof *ratios, by_value);
    print(waits, o.batches, ratios[blocks / 2]);
    reader_close(&r);
    return 0;
}
