/* SPDX-License-Identifier: MIT */
/* limit.c — how fast two processes can go: the measure that fmnistd's figures are held against.
 *
 * One process gathers resized 32x32 uint8 samples in shuffled order, prefetching those to come;
 * another adds up every value. Between them is a shared ring of batches with two counters (f32,
 * f32-wide, u8) or a Unix stream socket (socket, socket-u8), and nothing else: no protocol, no
 * checks, no second client. In mode f32 the reader makes float32 of each batch in memory of its
 * own, in f32-wide and socket the writer does, and four times the bytes travel. Nothing that
 * delivers the same batches to another process by the same way can be faster.
 *
 * usage: limit [f32 | f32-wide | u8 | socket | socket-u8] [--batch-size N] [--samples N] [--repeats
 * N]
 *              [--message-bytes N]
 *
 * Prints one JSON object: the seconds of each epoch, and the best.
 *
 * Self-contained on purpose, random pixels included: the cost does not depend on them, and a
 * mistake in the daemon's own loops cannot hide in both sides of the ratio. The sums are checked.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SAMPLE_BYTES   1024    /* 32 x 32 levels */
#define RING_VALUES    1048576 /* of 1, 2, 4 and 8 MiB the fastest for each type */
#define PREFETCH_AHEAD 8       /* samples */
#define REPEATS_MAX    1000
#define LANES          64 /* independent sums: enough to keep the adders busy */

/* The hot loops: plain C that the compiler vectorises, for what the CPU has. By feature: an
 * "arch=" takes the vendor's name for one and leaves the other's CPUs the default. */
#if defined(__x86_64__)
#define HOT __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define HOT
#endif
#if !defined(__clang__)
#pragma GCC optimize("O3") /* before GCC 12, O2 does not vectorise; GCC 12's hardly does */
#endif

enum mode { MODE_F32, MODE_F32_WIDE, MODE_U8, MODE_SOCKET, MODE_SOCKET_U8 };

static const char *const mode_names[] = {"f32", "f32-wide", "u8", "socket", "socket-u8"};

struct options {
    enum mode mode;
    uint32_t samples;
    uint32_t batch_size;
    uint32_t repeats;
    size_t message_bytes; /* socket: of one send(2); 0: a batch */
};

/* What the two share. Each counter has one writer, and a cache line of its own. */
struct shared {
    _Alignas(64) atomic_ullong produced; /* batches since the start */
    _Alignas(64) atomic_ullong consumed;
    _Alignas(64) double sum; /* of the last epoch; valid once its last batch is consumed */
};

struct bench {
    struct options options;
    size_t image_bytes; /* as it travels */
    size_t slot_bytes;
    uint32_t slot_count;
    uint32_t steps;  /* batches an epoch */
    uint8_t *store;  /* samples[samples][1024] */
    uint32_t *order; /* [samples] */
    uint8_t *ring;   /* slots[slot_count][slot_bytes], shared */
    struct shared *shared;
    int socket[2]; /* writer, reader */
};

/* What is summed up, */
static bool is_u8(const struct bench *b)
{
    return b->options.mode == MODE_U8 || b->options.mode == MODE_SOCKET_U8;
}

/* and what travels. */
static bool carries_u8(const struct bench *b)
{
    return is_u8(b) || b->options.mode == MODE_F32;
}

static bool by_socket(const struct bench *b)
{
    return b->options.mode == MODE_SOCKET || b->options.mode == MODE_SOCKET_U8;
}

static void fail(const char *what)
{
    fprintf(stderr, "limit: %s: %s\n", what, strerror(errno));
    exit(1);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void *pages(size_t bytes, int flags)
{
    void *p =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_POPULATE | flags, -1, 0);
    if (p == MAP_FAILED)
        fail("mmap");
    return p;
}

/* ---- the two loops -------------------------------------------------------------------------- */

/* level / 255, rounded as the true quotient is, without a division. 1/255 = c + c/2^24 + ... with
 * c = 65793/2^24, and level * c is exact; the second term is more than half a unit of the first's
 * last place and less than one, so the sum rounds as the whole series does. check_levels() shows
 * it for all 256. */
HOT static void convert_sample(const uint8_t *restrict from, float *restrict to)
{
    for (int i = 0; i < SAMPLE_BYTES; i++) {
        float x = (float)from[i];
        to[i] = x * 0x1.0101p-8f + x * 0x1.0101p-32f;
    }
}

static void check_levels(void)
{
    uint8_t from[SAMPLE_BYTES];
    float to[SAMPLE_BYTES];
    for (int i = 0; i < SAMPLE_BYTES; i++)
        from[i] = (uint8_t)i;
    convert_sample(from, to);
    for (int i = 0; i < SAMPLE_BYTES; i++)
        if (to[i] != (float)from[i] / 255.0f) {
            fprintf(stderr, "limit: level %d converts to %a, want %a\n", from[i], (double)to[i],
                    (double)((float)from[i] / 255.0f));
            exit(1);
        }
}

HOT static double sum_floats(const float *values, size_t count)
{
    float sums[LANES] = {0};
    for (size_t i = 0; i + LANES <= count; i += LANES)
        for (size_t k = 0; k < LANES; k++)
            sums[k] += values[i + k];
    double sum = 0;
    for (size_t k = 0; k < LANES; k++)
        sum += (double)sums[k];
    return sum;
}

HOT static uint64_t sum_levels(const void *data, size_t count)
{
    const uint8_t *values = data;
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i += SAMPLE_BYTES) {
        uint32_t part = 0; /* of one sample: fits, and is narrow enough for the CPU's vectors */
        for (size_t k = 0; k < SAMPLE_BYTES; k++)
            part += values[i + k];
        sum += part;
    }
    return sum;
}

/* Batch `step` of the epoch, written to `to`. Returns its bytes. */
static size_t render(const struct bench *b, uint32_t step, uint8_t *to)
{
    size_t first = (size_t)step * b->options.batch_size;
    size_t end = first + b->options.batch_size;
    if (end > b->options.samples)
        end = b->options.samples;
    for (size_t i = first; i < end; i++) {
        if (i + PREFETCH_AHEAD < b->options.samples) {
            const uint8_t *coming = b->store + (size_t)b->order[i + PREFETCH_AHEAD] * SAMPLE_BYTES;
            for (int line = 0; line < SAMPLE_BYTES; line += 64)
                __builtin_prefetch(coming + line);
        }
        const uint8_t *sample = b->store + (size_t)b->order[i] * SAMPLE_BYTES;
        if (carries_u8(b))
            memcpy(to, sample, SAMPLE_BYTES);
        else
            convert_sample(sample, (float *)(void *)to);
        to += b->image_bytes;
    }
    return (end - first) * b->image_bytes;
}

static size_t batch_bytes(const struct bench *b, uint32_t step)
{
    size_t first = (size_t)step * b->options.batch_size, left = b->options.samples - first;
    return (left < b->options.batch_size ? left : b->options.batch_size) * b->image_bytes;
}

static double sum_batch(const struct bench *b, const void *data, size_t bytes)
{
    if (is_u8(b))
        return (double)sum_levels(data, bytes);
    return sum_floats(data, bytes / sizeof(float));
}

/* ---- waiting --------------------------------------------------------------------------------
 * Spin shortly, because nothing is faster where both have a CPU; then offer the CPU, because they
 * may not. No PAUSE: a hypervisor takes a loop of it for a lost spinlock, and the CPU away. */

static void wait_until(atomic_ullong *counter, uint64_t value)
{
    for (int spins = 0; atomic_load_explicit(counter, memory_order_acquire) < value; spins++)
        if (spins > 200)
            sched_yield();
}

static void publish(atomic_ullong *counter, uint64_t value)
{
    atomic_store_explicit(counter, value, memory_order_release);
}

/* ---- the two processes ---------------------------------------------------------------------- */

static void send_all(int fd, const uint8_t *data, size_t bytes, size_t message_bytes)
{
    while (bytes > 0) {
        size_t part = message_bytes != 0 && message_bytes < bytes ? message_bytes : bytes;
        ssize_t sent = send(fd, data, part, MSG_NOSIGNAL);
        if (sent < 0 && errno != EINTR)
            fail("send");
        if (sent > 0) {
            data += sent;
            bytes -= (size_t)sent;
        }
    }
}

static void receive_all(int fd, uint8_t *data, size_t bytes)
{
    while (bytes > 0) {
        ssize_t got = recv(fd, data, bytes, 0);
        if (got == 0)
            exit(1);
        if (got < 0 && errno != EINTR)
            fail("recv");
        if (got > 0) {
            data += got;
            bytes -= (size_t)got;
        }
    }
}

static double read_batch(const struct bench *b, const uint8_t *data, size_t bytes, float *own)
{
    if (b->options.mode != MODE_F32)
        return sum_batch(b, data, bytes);
    for (size_t at = 0; at < bytes; at += SAMPLE_BYTES)
        convert_sample(data + at, own + at);
    return sum_floats(own, bytes);
}

/* The trainer's side: reads every value of every epoch. Never returns. */
static void consume(struct bench *b)
{
    float *own = pages(b->slot_bytes * sizeof(float), MAP_PRIVATE);
    uint8_t *private = b->ring; /* in socket mode nobody shares it: one slot, one side */
    uint64_t batch = 0;
    for (uint32_t epoch = 0; epoch < b->options.repeats; epoch++) {
        double sum = 0;
        for (uint32_t step = 0; step < b->steps; step++, batch++) {
            size_t bytes = batch_bytes(b, step);
            if (by_socket(b)) {
                receive_all(b->socket[1], private, bytes);
                sum += sum_batch(b, private, bytes);
            } else {
                wait_until(&b->shared->produced, batch + 1);
                sum += read_batch(b, b->ring + batch % b->slot_count * b->slot_bytes, bytes, own);
            }
            if (step + 1 == b->steps)
                b->shared->sum = sum;
            publish(&b->shared->consumed, batch + 1);
        }
    }
    _exit(0);
}

/* The loader's side: one epoch, from the first sample gathered to the last value read. */
static double produce_epoch(struct bench *b, uint32_t epoch, uint8_t *private)
{
    uint64_t batch = (uint64_t)epoch * b->steps;
    double began = now();
    for (uint32_t step = 0; step < b->steps; step++, batch++) {
        if (by_socket(b)) {
            send_all(b->socket[0], private, render(b, step, private), b->options.message_bytes);
            continue;
        }
        if (batch >= b->slot_count)
            wait_until(&b->shared->consumed, batch - b->slot_count + 1);
        render(b, step, b->ring + batch % b->slot_count * b->slot_bytes);
        publish(&b->shared->produced, batch + 1);
    }
    wait_until(&b->shared->consumed, batch);
    return now() - began;
}

/* ---- set-up --------------------------------------------------------------------------------- */

static uint64_t random_next(uint64_t *state)
{
    /* SplitMix64 (Steele, Lea, Flood 2014). */
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static void shuffle(uint32_t *order, uint32_t count, uint64_t *state)
{
    for (uint32_t i = count; i > 1; i--) {
        uint32_t j = (uint32_t)(random_next(state) % i), other = order[j];
        order[j] = order[i - 1];
        order[i - 1] = other;
    }
}

static void set_up(struct bench *b, uint64_t *random)
{
    const struct options *o = &b->options;
    b->image_bytes = carries_u8(b) ? SAMPLE_BYTES : SAMPLE_BYTES * sizeof(float);
    b->slot_bytes = b->image_bytes * o->batch_size;
    b->slot_count = RING_VALUES / (SAMPLE_BYTES * o->batch_size);
    if (b->slot_count < 4)
        b->slot_count = 4;
    b->steps = (o->samples + o->batch_size - 1) / o->batch_size;

    b->store = pages((size_t)o->samples * SAMPLE_BYTES, MAP_PRIVATE);
    for (size_t i = 0; i < (size_t)o->samples * SAMPLE_BYTES; i += 8) {
        uint64_t value = random_next(random);
        memcpy(b->store + i, &value, 8);
    }
    b->order = pages(o->samples * sizeof *b->order, MAP_PRIVATE);
    for (uint32_t i = 0; i < o->samples; i++)
        b->order[i] = i;
    b->ring = pages(b->slot_bytes * b->slot_count, by_socket(b) ? MAP_PRIVATE : MAP_SHARED);
    b->shared = pages(sizeof *b->shared, MAP_SHARED);
    if (by_socket(b) && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, b->socket) < 0)
        fail("socketpair");
}

static void check_sum(const struct bench *b)
{
    double want = (double)sum_levels(b->store, (size_t)b->options.samples * SAMPLE_BYTES);
    if (!is_u8(b))
        want /= 255;
    double off = b->shared->sum / want - 1;
    if (off < -1e-4 || off > 1e-4) {
        fprintf(stderr, "limit: the values read add up to %.6f, want %.6f\n", b->shared->sum, want);
        exit(1);
    }
}

static uint32_t number(const char *name, const char *text, uint32_t max)
{
    char *end;
    errno = 0;
    unsigned long value = strtoul(text != NULL ? text : "", &end, 10);
    if (text == NULL || *text == '\0' || *end != '\0' || errno != 0 || value < 1 || value > max) {
        fprintf(stderr, "limit: %s needs a number, 1 .. %u\n", name, max);
        exit(64);
    }
    return (uint32_t)value;
}

static struct options parse(char **args)
{
    struct options o = {MODE_F32, 60000, 64, 5, 0};
    for (; *args != NULL; args++) {
        bool named = false;
        for (size_t m = 0; m < sizeof mode_names / sizeof *mode_names; m++)
            if (strcmp(*args, mode_names[m]) == 0) {
                o.mode = (enum mode)m;
                named = true;
            }
        if (named)
            continue;
        const char *name = *args, *value = *++args;
        if (strcmp(name, "--batch-size") == 0) {
            o.batch_size = number(name, value, 65536);
        } else if (strcmp(name, "--samples") == 0) {
            o.samples = number(name, value, 1u << 24);
        } else if (strcmp(name, "--repeats") == 0) {
            o.repeats = number(name, value, REPEATS_MAX);
        } else if (strcmp(name, "--message-bytes") == 0) {
            o.message_bytes = number(name, value, 1u << 30);
        } else {
            fprintf(stderr,
                    "usage: limit [f32 | f32-wide | u8 | socket | socket-u8] [--batch-size N] "
                    "[--samples N] [--repeats N] [--message-bytes N]\n");
            exit(64);
        }
    }
    return o;
}

int main(int argc, char **argv)
{
    (void)argc;
    struct bench b = {.options = parse(argv + 1)};
    uint64_t random = 1;
    double seconds[REPEATS_MAX], best = 1e9;

    check_levels();
    set_up(&b, &random);
    pid_t reader = fork();
    if (reader < 0)
        fail("fork");
    if (reader == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        consume(&b);
    }
    uint8_t *private = pages(b.slot_bytes, MAP_PRIVATE);
    for (uint32_t epoch = 0; epoch < b.options.repeats; epoch++) {
        shuffle(b.order, b.options.samples, &random);
        seconds[epoch] = produce_epoch(&b, epoch, private);
        check_sum(&b);
        if (seconds[epoch] < best)
            best = seconds[epoch];
    }
    waitpid(reader, NULL, 0);

    printf("{\"program\": \"limit\", \"mode\": \"%s\", \"batch_size\": %u, \"samples\": %u, "
           "\"seconds\": %.6f, \"images_per_second\": %.0f, \"epochs\": [",
           mode_names[b.options.mode], b.options.batch_size, b.options.samples, best,
           b.options.samples / best);
    for (uint32_t epoch = 0; epoch < b.options.repeats; epoch++)
        printf("%s%.6f", epoch == 0 ? "" : ", ", seconds[epoch]);
    printf("]}\n");
    return 0;
}
