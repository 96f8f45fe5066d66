/* SPDX-License-Identifier: MIT */
/* bench: reads batches as a trainer would and times it. Times are the client's own: what passes
 * between asking for a batch and having it (p50, p99), and from the first request to the last byte
 * read (everything else). */
#include "ctl/verbs.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "ctl/advise.h"
#include "ctl/bottleneck.h"
#include "ctl/json.h"
#include "ctl/progress.h"
#include "ctl/reading.h"
#include "ctl/starved.h"

#include <stdio.h>

/* A histogram of nanoseconds, exact to 1/64: 64 steps for each power of two. */
#define STEP_BITS 6
#define STEPS     (1u << STEP_BITS)

struct histogram {
    uint64_t counts[64][STEPS];
    uint64_t total;
};

static void histogram_add(struct histogram *h, uint64_t ns)
{
    unsigned power = ns < STEPS ? 0 : 63 - STEP_BITS - (unsigned)__builtin_clzll(ns) + 1;
    uint64_t step = ns < STEPS ? ns : (ns >> (power - 1)) - STEPS;
    h->counts[power][step]++;
    h->total++;
}

/* The time that `share` of all took at most, in microseconds. */
static double histogram_quantile(const struct histogram *h, double share)
{
    uint64_t wanted = (uint64_t)((double)h->total * share), seen = 0;
    for (unsigned power = 0; power < 64; power++)
        for (uint64_t step = 0; step < STEPS; step++) {
            seen += h->counts[power][step];
            if (seen > wanted)
                return (double)(power ? (STEPS + step) << (power - 1) : step) / 1e3;
        }
    return 0;
}

struct totals {
    uint64_t batches, images;
    double seconds;
    double waited;       /* inside fmnist_next */
    double starved;      /* of it, that no batch was there; negative: not known */
    volatile double sum; /* so that the reading is not left out */
};

static int read_all(const struct invocation *in, struct fmnist_stream *stream,
                    const struct fmnist_stream_info *info, struct histogram *h, struct totals *t)
{
    struct fmnist_batch batch;
    struct progress progress;
    uint64_t want;
    if (in->batches)
        want = in->batches;
    else if (!size_mul(in->epochs, info->steps, &want))
        want = 0;
    progress_start(&progress, "bench", "batches", want);
    uint64_t start = clock_ns(), before = start;
    int rc;
    while ((rc = ctl_next(in, stream, &t->batches, &batch)) == 1) {
        uint64_t took = clock_ns() - before;
        histogram_add(h, took);
        t->waited += (double)took / 1e9;
        t->images += batch.count;
        if (!in->no_read)
            t->sum += reading_sum(info, &batch);
        fmnist_release(stream, &batch);
        progress_tell(&progress, t->batches, before);
        before = clock_ns();
    }
    progress_clear();
    t->seconds = (double)(clock_ns() - start) / 1e9;
    return rc;
}

static void print_result(const struct invocation *in, const struct fmnist_stream_info *info,
                         const struct histogram *h, const struct totals *t)
{
    double gigabytes = (double)t->images * (double)info->image_bytes / 1e9;
    uint64_t epochs = t->batches / info->steps; /* whole ones */
    struct flow flow = {.seconds = t->seconds,
                        .waited = t->starved < 0 ? t->waited : t->starved,
                        .busy = -1,
                        .ready = -1,
                        .batches = (double)t->batches};
    char sentence[256];
    bottleneck_text(&flow, sentence, sizeof sentence);
    double p50 = histogram_quantile(h, 0.50), p99 = histogram_quantile(h, 0.99);
    if (in->json) {
        json_t *all = json_pack(
            "{s:I, s:I, s:I, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:o, s:s, s:s}", "images",
            (json_int_t)t->images, "batches", (json_int_t)t->batches, "epochs", (json_int_t)epochs,
            "seconds", t->seconds, "images_per_second", (double)t->images / t->seconds,
            "batches_per_second", (double)t->batches / t->seconds, "gigabytes_per_second",
            gigabytes / t->seconds, "p50_us", p50, "p99_us", p99, "waited_seconds", t->waited,
            "starved_seconds", t->starved < 0 ? json_null() : json_real(t->starved), "bottleneck",
            sentence, "bottleneck_side", bottleneck_word(bottleneck_side(&flow)));
        ctl_print_json(stdout, all);
        return;
    }
    printf("images                %llu\n"
           "batches               %llu\n"
           "epochs                %llu\n"
           "seconds               %.6f\n"
           "images_per_second     %.0f\n"
           "batches_per_second    %.0f\n"
           "gigabytes_per_second  %.3f\n"
           "p50_us                %.2f\n"
           "p99_us                %.2f\n"
           "waited_seconds        %.6f\n",
           (unsigned long long)t->images, (unsigned long long)t->batches,
           (unsigned long long)epochs, t->seconds, (double)t->images / t->seconds,
           (double)t->batches / t->seconds, gigabytes / t->seconds, p50, p99, t->waited);
    if (t->starved >= 0)
        printf("starved_seconds       %.6f\n", t->starved);
    puts(sentence);
}

int verb_bench(const struct invocation *in)
{
    static struct histogram h;
    struct fmnist_client *client;
    struct fmnist_stream *stream;
    struct fmnist_stream_info info;
    if (in->advise)
        return advise_run(in);
    int status = ctl_open(in, &client, &stream, &info);
    if (status)
        return status;
    struct totals t = {0};
    if (read_all(in, stream, &info, &h, &t) < 0)
        status = EXIT_FAILED;
    else
        t.starved = starved_seconds(client);
    if (t.starved > t.waited) /* the daemon counts until it is asked, and from the opening on */
        t.starved = t.waited;
    fmnist_close(stream);
    fmnist_disconnect(client);
    if (!status)
        print_result(in, &info, &h, &t);
    return status;
}
