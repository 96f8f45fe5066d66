/* SPDX-License-Identifier: MIT */
/* tests/e2e/harness.h — datasets to serve, and the client's calls with their results checked.
 *
 * The pixels that a test expects come from here: written by this file's own IDX writer, or read
 * from the dataset's files with zlib alone. Nothing of the daemon's reading is used.
 */
#ifndef TESTS_E2E_HARNESS_H
#define TESTS_E2E_HARNESS_H

#include "fmnist.h"
#include "support/daemon.h"
#include "support/support.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

enum { PROTOCOL = 4 }; /* its version, which a client says first */

#define must(call) must_be((call), FMNIST_OK, #call, __FILE__, __LINE__)

static inline void must_be(int rc, int want, const char *what, const char *file, int line)
{
    ck_assert_msg(rc == want, "%s:%d: %s gives %d, want %d; the last error: %s", file, line, what,
                  rc, want, fmnist_error());
}

/* ---- images -------------------------------------------------------------------------------- */

struct images {
    uint32_t count, height, width;
    uint8_t *pixels; /* malloc'd; [count][height][width] */
    uint8_t *labels; /* malloc'd; [count] */
};

static inline void images_free(struct images *m)
{
    free(m->pixels);
    free(m->labels);
}

static inline uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static inline void put_be(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (24 - 8 * i));
}

/* Writes an IDX file: its magic number, its dimensions, its bytes. */
static inline void write_idx(const char *path, uint32_t dims, const uint32_t *size,
                             const uint8_t *bytes)
{
    uint8_t head[20];
    size_t total = 1;
    put_be(head, 0x800 + dims);
    for (uint32_t i = 0; i < dims; i++) {
        put_be(head + 4 + 4 * i, size[i]);
        total *= size[i];
    }
    FILE *f = fopen(path, "we");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(head, 4 + 4 * dims, 1, f), 1);
    ck_assert_uint_eq(fwrite(bytes, 1, total, f), total);
    ck_assert_int_eq(fclose(f), 0);
}

/* Random images in the test's folder, as train-images-idx3-ubyte and train-labels-idx1-ubyte. */
static inline void images_make(struct images *m, uint32_t count, uint32_t height, uint32_t width,
                               uint64_t seed)
{
    size_t size = (size_t)height * width;
    *m = (struct images){.count = count, .height = height, .width = width};
    m->pixels = malloc(count * size);
    m->labels = malloc(count);
    ck_assert(m->pixels && m->labels);
    uint64_t state = seed * 2 + 1;
    for (size_t i = 0; i < count * size; i++)
        m->pixels[i] = (uint8_t)(next_random(&state) >> 32);
    for (uint32_t i = 0; i < count; i++)
        m->labels[i] = (uint8_t)(next_random(&state) % 10);
    write_idx(support_path("train-images-idx3-ubyte"), 3, (uint32_t[]){count, height, width},
              m->pixels);
    write_idx(support_path("train-labels-idx1-ubyte"), 1, &count, m->labels);
}

static inline uint8_t *read_idx(const char *path, uint32_t dims, uint32_t *size)
{
    gzFile f = gzopen(path, "rbe");
    ck_assert_msg(f, "%s", path);
    uint8_t head[16];
    ck_assert_int_eq(gzread(f, head, 4 + 4 * dims), 4 + 4 * (int)dims);
    size_t total = 1;
    for (uint32_t i = 0; i < dims; i++) {
        const uint8_t *p = head + 4 + 4 * i;
        size[i] = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
        total *= size[i];
    }
    uint8_t *bytes = malloc(total);
    ck_assert_ptr_nonnull(bytes);
    ck_assert_int_eq(gzread(f, bytes, (unsigned)total), (int)total);
    gzclose(f);
    return bytes;
}

/* The training split that lies in `folder`, gzipped. */
static inline void images_read(struct images *m, const char *folder)
{
    char path[512];
    uint32_t size[3];
    snprintf(path, sizeof path, "%s/train-images-idx3-ubyte.gz", folder);
    m->pixels = read_idx(path, 3, size);
    m->count = size[0];
    m->height = size[1];
    m->width = size[2];
    snprintf(path, sizeof path, "%s/train-labels-idx1-ubyte.gz", folder);
    m->labels = read_idx(path, 1, size);
    ck_assert_uint_eq(size[0], m->count);
}

/* 60,000 images of 28x28: Fashion-MNIST where it is installed, else random ones of that size.
 * Returns the folder that they lie in. */
static inline const char *images_large(struct images *m)
{
    static const char *const real = "/usr/share/datasets/fashion-mnist";
    if (access("/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz", R_OK) == 0) {
        images_read(m, real);
        return real;
    }
    images_make(m, 60000, 28, 28, 1);
    return support_dir();
}

/* A daemon that serves images_make's as "tiny"; `more` are further lines of its config. */
static inline void serve_tiny(struct daemon *d, const char *more)
{
    daemon_start(d,
                 "cache: none\n%s"
                 "datasets:\n"
                 "  - name: tiny\n"
                 "    path: %s\n"
                 "    splits: {train: {images: train-images-idx3-ubyte, "
                 "labels: train-labels-idx1-ubyte}}\n"
                 "    classes: [zero, one, two, three, four, five, six, seven, eight, nine]\n",
                 more, support_dir());
}

/* ---- the client ---------------------------------------------------------------------------- */

/* A client whose streams tell a daemon's end at once. */
static inline struct fmnist_client *connect_within(const struct daemon *d, uint32_t timeout_ms)
{
    struct fmnist_connect_options o = {
        .size = sizeof o, .socket = d->socket, .timeout_ms = timeout_ms, .reconnect_ms = -1};
    struct fmnist_client *client;
    must(fmnist_connect(&o, &client));
    return client;
}

static inline struct fmnist_client *connect_to(const struct daemon *d)
{
    return connect_within(d, DAEMON_PATIENCE_MS);
}

static inline struct fmnist_spec spec_of(const char *dataset)
{
    struct fmnist_spec spec;
    fmnist_spec_init(&spec);
    spec.dataset = dataset;
    return spec;
}

static inline struct fmnist_stream *open_stream(struct fmnist_client *client,
                                                const struct fmnist_spec *spec)
{
    struct fmnist_stream *stream;
    must(fmnist_open(client, spec, NULL, &stream));
    return stream;
}

static inline struct fmnist_stream_info info_of(const struct fmnist_stream *stream)
{
    struct fmnist_stream_info info = {.size = sizeof info};
    must(fmnist_stream_info(stream, &info));
    return info;
}

/* A batch's position and all its bytes as one number. */
static inline uint64_t hash_batch(const struct fmnist_stream_info *info,
                                  const struct fmnist_batch *b)
{
    uint64_t place[] = {b->epoch, b->step, b->count};
    uLong high = adler32(1, (const Bytef *)place, sizeof place);
    uLong low = crc32(0, (const Bytef *)place, sizeof place);
    low = crc32_z(low, b->images, b->count * info->image_bytes);
    low = crc32_z(low, b->labels, b->count * info->label_bytes);
    low = crc32_z(low, (const Bytef *)b->indices, b->count * sizeof *b->indices);
    return (uint64_t)high << 32 | low | UINT64_C(1) << 63;
}

/* The next event as one number: of the result, or of the batch. */
static inline uint64_t hash_next(struct fmnist_stream *stream)
{
    struct fmnist_stream_info info = info_of(stream);
    struct fmnist_batch b;
    int rc = fmnist_next(stream, &b);
    if (rc != FMNIST_OK) {
        ck_assert_msg(rc == FMNIST_END_OF_EPOCH || rc == FMNIST_END_OF_STREAM, "%d: %s", rc,
                      fmnist_error());
        return (uint64_t)rc;
    }
    uint64_t hash = hash_batch(&info, &b);
    must(fmnist_release(stream, &b));
    return hash;
}

/* Fails unless a uint8 batch is what the dataset has under its indices. */
static inline void check_bytes(const struct images *m, const struct fmnist_batch *b)
{
    size_t size = (size_t)m->height * m->width;
    const uint8_t *images = b->images;
    const int64_t *labels = b->labels;
    for (uint64_t i = 0; i < b->count; i++) {
        ck_assert(b->indices[i] >= 0 && b->indices[i] < m->count);
        if (labels[i] != m->labels[b->indices[i]] ||
            memcmp(images + i * size, m->pixels + (size_t)b->indices[i] * size, size))
            ck_abort_msg("epoch %llu, step %llu: sample %llu is not image %lld",
                         (unsigned long long)b->epoch, (unsigned long long)b->step,
                         (unsigned long long)i, (long long)b->indices[i]);
    }
}

/* Clients that the daemon has, and batches that lie ready in all their rings. */
struct counts {
    unsigned clients;
    uint64_t ready, slots;
};

static inline struct counts counts_of(struct fmnist_client *client)
{
    char *text;
    must(fmnist_status(client, &text));
    json_t *status = json_loads(text, 0, NULL), *one;
    ck_assert_msg(status, "status is no JSON: %s", text);
    free(text);
    json_t *clients = json_object_get(status, "clients");
    struct counts c = {.clients = (unsigned)json_array_size(clients)};
    size_t i;
    json_array_foreach (clients, i, one) {
        json_t *stream = json_object_get(one, "stream");
        c.ready += (uint64_t)json_integer_value(json_object_get(stream, "batches_ready"));
        c.slots += (uint64_t)json_integer_value(json_object_get(stream, "slots"));
    }
    json_decref(status);
    return c;
}

struct wanted {
    struct fmnist_client *client;
    unsigned clients;
};

static inline bool has_clients(void *data)
{
    const struct wanted *w = data;
    return counts_of(w->client).clients == w->clients;
}

/* Waits until the daemon has that many clients, the asking one included. */
static inline void wait_for_clients(struct fmnist_client *client, unsigned clients)
{
    struct wanted w = {client, clients};
    ck_assert_msg(daemon_wait_until(has_clients, &w), "%u clients, want %u",
                  counts_of(client).clients, clients);
}

static inline bool rings_are_full(void *data)
{
    struct counts c = counts_of(data);
    return c.ready == c.slots;
}

/* Half full at least: what a daemon keeps to while batches are read. */
static inline bool rings_are_stocked(void *data)
{
    struct counts c = counts_of(data);
    return 2 * c.ready >= c.slots;
}

static inline int64_t milliseconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

#endif
