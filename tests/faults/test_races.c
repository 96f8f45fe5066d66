/* SPDX-License-Identifier: MIT */
/* Workers, readers and rings of several numbers and sizes, all at once: every batch is the right
 * one, also where its number passes 2^32 and where the last epoch ends. Built with SANITIZE=thread,
 * both the daemon and the library are watched for races: a report ends either with a status that
 * fails.
 */
#include "e2e/harness.h"
#include "faults/faults.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

enum { READERS_MAX = 8, HELD_MAX = 3, IMAGES = 500, SIDE = 28 };

#define EPOCH_LAST UINT64_C(0xffffffff)

static const struct setting {
    const char *ring;
    unsigned workers, readers;
    uint32_t batch_size;
} settings[] = {
    {"64KiB", 1, 3, 64}, /* two slots */
    {"64KiB", 4, 8, 8},
    {"1MiB", 2, 8, 64},
    {"auto", 8, 4, 1},
};

static struct daemon d;
static struct images all;

static struct reader {
    pthread_t thread;
    const struct setting *setting;
    uint64_t random;
    uint64_t batches;
    char wrong[300]; /* "": nothing was */
} readers[READERS_MAX];
static _Atomic bool stop;

/* ---- a reader ------------------------------------------------------------------------------- */

static bool fail_with(struct reader *r, const char *what, int rc)
{
    snprintf(r->wrong, sizeof r->wrong, "%s: %d, %s", what, rc, fmnist_error());
    return false;
}

/* Each sample is the image that its index says; in sequence, also the right one. */
static bool is_right(const struct reader *r, uint32_t order, const struct fmnist_batch *b)
{
    const size_t size = SIDE * SIDE;
    for (uint64_t i = 0; i < b->count; i++) {
        int64_t index = b->indices[i];
        if (index < 0 || index >= IMAGES || ((const int64_t *)b->labels)[i] != all.labels[index] ||
            memcmp((const char *)b->images + i * size, all.pixels + (size_t)index * size, size))
            return false;
        if (order == FMNIST_ORDER_SEQUENTIAL &&
            (uint64_t)index != b->step * r->setting->batch_size + i)
            return false;
    }
    return true;
}

/* Somewhere: at the begin, around batch 2^32, or at the end of everything. */
static void choose_place(struct reader *r, uint64_t steps, uint64_t *epoch, uint64_t *step)
{
    uint64_t what = next_random(&r->random), near = what >> 8 & 31;
    uint64_t number = near;
    if (what % 4 == 1 || what % 4 == 2)
        number = (UINT64_C(1) << 32) - 16 + near;
    if (what % 4 == 3)
        number = (EPOCH_LAST + 1) * steps - 1 - near % steps;
    *epoch = number / steps;
    *step = number % steps;
}

/* Reads on from there, holding some, until the stream ends or it has had enough. */
static bool read_some(struct reader *r, struct fmnist_stream *stream, uint32_t order,
                      uint64_t epoch, uint64_t step)
{
    struct fmnist_batch held[HELD_MAX];
    unsigned count = 0, most = 1 + (unsigned)(next_random(&r->random) % HELD_MAX);
    for (unsigned i = 0; i < 80; i++) {
        struct fmnist_batch *b = &held[count];
        int rc = fmnist_next(stream, b);
        if (rc == FMNIST_END_OF_EPOCH) {
            epoch++;
            step = 0;
            continue;
        }
        if (rc == FMNIST_END_OF_STREAM)
            return epoch == EPOCH_LAST + 1 || fail_with(r, "the end, too soon", rc);
        if (rc == FMNIST_EBUSY && count > 0) {
            fmnist_release(stream, &held[--count]);
            continue;
        }
        if (rc)
            return fail_with(r, "next", rc);
        if (b->epoch != epoch || b->step != step || !is_right(r, order, b))
            return fail_with(r, "another batch came", (int)b->step);
        step++;
        r->batches++;
        if (++count < most)
            continue;
        while (count > 0)
            if ((rc = fmnist_release(stream, &held[--count])))
                return fail_with(r, "release", rc);
        if (next_random(&r->random) % 32 == 0)
            usleep(2000);
    }
    return true;
}

static bool read_once(struct reader *r, struct fmnist_client *client)
{
    struct fmnist_spec spec = spec_of("tiny");
    struct fmnist_stream *stream;
    struct fmnist_token token;
    uint64_t epoch, step;
    uint64_t what = next_random(&r->random);
    spec.dtype = FMNIST_UINT8;
    spec.epochs = 0;
    spec.batch_size = r->setting->batch_size;
    spec.order = what & 256 ? FMNIST_ORDER_SHUFFLE : FMNIST_ORDER_SEQUENTIAL;
    spec.transport = what % 4 ? FMNIST_SHM : FMNIST_INLINE;
    int rc = fmnist_open(client, &spec, NULL, &stream);
    if (rc)
        return fail_with(r, "open", rc);
    uint64_t samples = IMAGES + spec.batch_size - 1;
    choose_place(r, samples / spec.batch_size, &epoch, &step);
    rc = fmnist_stream_token_at(stream, epoch, step, &token);
    fmnist_close(stream);
    if (!rc)
        rc = fmnist_open(client, &spec, &token, &stream);
    if (rc)
        return fail_with(r, "open at a place", rc);
    bool good = read_some(r, stream, spec.order, epoch, step);
    fmnist_close(stream);
    return good;
}

static void *read_on(void *data)
{
    struct reader *r = data;
    struct fmnist_connect_options o = {
        .size = sizeof o, .socket = d.socket, .timeout_ms = DAEMON_PATIENCE_MS, .reconnect_ms = -1};
    struct fmnist_client *client;
    int rc = fmnist_connect(&o, &client);
    if (rc) {
        fail_with(r, "connect", rc);
        return NULL;
    }
    while (!atomic_load(&stop) && read_once(r, client))
        ;
    fmnist_disconnect(client);
    return NULL;
}

/* ---- all of them ---------------------------------------------------------------------------- */

static uint64_t read_for(const struct setting *setting, unsigned ms)
{
    uint64_t batches = 0;
    atomic_store(&stop, false);
    for (unsigned i = 0; i < setting->readers; i++) {
        readers[i] = (struct reader){.setting = setting, .random = 2 * i + 1};
        ck_assert_int_eq(pthread_create(&readers[i].thread, NULL, read_on, &readers[i]), 0);
    }
    poll(NULL, 0, (int)ms);
    atomic_store(&stop, true);
    for (unsigned i = 0; i < setting->readers; i++)
        pthread_join(readers[i].thread, NULL);
    for (unsigned i = 0; i < setting->readers; i++) {
        ck_assert_msg(!*readers[i].wrong, "ring %s, %u workers: reader %u: %s", setting->ring,
                      setting->workers, i, readers[i].wrong);
        batches += readers[i].batches;
    }
    return batches;
}

START_TEST(races__workers_readers_and_rings__every_batch_is_right)
{
    const struct setting *setting = &settings[_i];
    char text[64];
    support_setup();
    images_make(&all, IMAGES, SIDE, SIDE, 1);
    snprintf(text, sizeof text, "workers: %u\nring: %s\n", setting->workers, setting->ring);
    serve_tiny(&d, text);
    uint64_t batches = read_for(setting, fault_times(1250, 450000));
    ck_assert_uint_gt(batches, 0);
    daemon_stop(&d); /* with another status where there was a race */
    images_free(&all);
    support_teardown();
    fault_held("workers and readers at once, at numbers around 2^32 and the end", batches,
               "ring %s, %u workers, %u readers: every batch right", setting->ring,
               setting->workers, setting->readers);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("races");
    TCase *tc = tcase_create("races");
    tcase_set_timeout(tc, fault_times(120, 1000));
    tcase_add_loop_test(tc, races__workers_readers_and_rings__every_batch_is_right, 0,
                        sizeof settings / sizeof *settings);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
