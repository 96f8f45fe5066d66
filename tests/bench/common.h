/* SPDX-License-Identifier: MIT */
/* tests/bench/common.h — what the measuring programs share: time, a stream from the command line,
 * reading every byte of a batch, and another process's CPU time.
 *
 * Any mistake ends the program with its reason: a figure is right or there is none.
 */
#ifndef BENCH_COMMON_H
#define BENCH_COMMON_H

#include "fmnist.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *bench_name = "bench"; /* set by main, for messages */

static inline void __attribute__((noreturn, format(printf, 1, 2))) fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "%s: ", bench_name);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

static inline double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* CPU seconds that every thread of a process has used so far. */
static inline double cpu_seconds(pid_t pid)
{
    clockid_t clock;
    struct timespec t;
    int rc = clock_getcpuclockid(pid, &clock);
    if (rc || clock_gettime(clock, &t))
        fail("CPU time of process %d: %s", (int)pid, strerror(rc ? rc : errno));
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* The value of option `name` as a number; `value` may be NULL. */
static inline double number(const char *name, const char *value, double min, double max)
{
    char *end;
    double n = strtod(value ? value : "", &end);
    if (!value || !*value || *end || !(n >= min && n <= max))
        fail("%s needs a number, %g .. %g", name, min, max);
    return n;
}

/* ---- a stream ------------------------------------------------------------------------------ */

struct reader {
    struct fmnist_client *client;
    struct fmnist_stream *stream;
    struct fmnist_stream_info info;
};

/* Takes "--field value" as fmnistctl does. */
static inline void set_field(struct fmnist_spec *spec, const char *option, const char *value)
{
    if (strncmp(option, "--", 2) || !value || fmnist_spec_set(spec, option + 2, value))
        fail("%s %s: %s", option, value ? value : "",
             value ? fmnist_error() : "a value is missing");
}

static inline void reader_open(struct reader *r, const struct fmnist_spec *spec)
{
    r->info.size = sizeof r->info;
    if (fmnist_connect(NULL, &r->client) || fmnist_open(r->client, spec, NULL, &r->stream) ||
        fmnist_stream_info(r->stream, &r->info))
        fail("opening: %s", fmnist_error());
}

static inline void reader_close(struct reader *r)
{
    fmnist_close(r->stream);
    fmnist_disconnect(r->client);
}

/* The next batch, across the ends of epochs. */
static inline void reader_next(struct reader *r, struct fmnist_batch *batch)
{
    int rc;
    do
        rc = fmnist_next(r->stream, batch);
    while (rc == FMNIST_END_OF_EPOCH);
    if (rc)
        fail("next: %s", rc < 0 ? fmnist_error() : "the stream has ended");
}

/* Adds up every word. Eight vectors that do not wait for each other, so that memory is the limit;
 * images are a multiple of 128 bytes in all that is measured, labels are looked at as they are. */
typedef uint64_t words __attribute__((vector_size(16), aligned(1)));

static inline uint64_t sum_words(const void *data, size_t bytes)
{
    const unsigned char *at = data;
    words sums[8] = {{0}};
    size_t i = 0;
    for (; i + 128 <= bytes; i += 128)
#pragma GCC unroll 8
        for (size_t k = 0; k < 8; k++)
            sums[k] += *(const words *)(at + i + 16 * k);
    uint64_t sum = 0;
    for (; i < bytes; i++)
        sum += at[i];
    for (size_t k = 0; k < 8; k++)
        sum += sums[k][0] + sums[k][1];
    return sum;
}

/* Reads the whole batch. The result depends on every word of it. */
static inline uint64_t read_batch(const struct reader *r, const struct fmnist_batch *batch)
{
    return sum_words(batch->images, batch->count * r->info.image_bytes) +
           3 * sum_words(batch->labels, batch->count * r->info.label_bytes) +
           5 * sum_words(batch->indices, batch->count * sizeof *batch->indices);
}

#endif
