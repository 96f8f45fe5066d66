/* SPDX-License-Identifier: MIT */
/* Whole epochs through a daemon: every image once, with its own label and its own bytes. */
#include "e2e/harness.h"

/* From one pixel to the next that is looked at: of all, where no sanitizer does so, too. */
#define STRIDE (SANITIZED ? 13u : 1u)

static struct daemon d;
static struct images all;
static struct fmnist_client *client;

static void serve(const char *name, const char *folder, unsigned workers)
{
    daemon_start(&d, "cache: cache\nworkers: %u\ndatasets: [{name: %s, path: %s}]\n", workers, name,
                 folder);
    client = connect_to(&d);
}

static void serve_no_more(void)
{
    fmnist_disconnect(client);
    daemon_stop(&d);
}

/* Every batch is where it should be, and what it should be; `seen` counts the images. */
static void check_batch(const struct fmnist_spec *spec, const struct fmnist_stream_info *info,
                        const struct fmnist_batch *b, uint64_t step)
{
    uint64_t left = info->sample_count - step * info->batch_size;
    ck_assert_uint_eq(b->step, step);
    ck_assert_uint_eq(b->count, left < info->batch_size ? left : info->batch_size);
    ck_assert_uint_eq((uintptr_t)b->images % 64, 0);
    if (spec->dtype == FMNIST_UINT8) {
        check_bytes(&all, b);
        return;
    }
    const float *images = b->images;
    const int64_t *labels = b->labels;
    size_t size = (size_t)all.height * all.width;
    for (uint64_t i = 0; i < b->count; i++) {
        ck_assert(b->indices[i] >= 0 && b->indices[i] < all.count);
        const uint8_t *level = all.pixels + (size_t)b->indices[i] * size;
        ck_assert_int_eq(labels[i], all.labels[b->indices[i]]);
        for (size_t k = i % STRIDE; k < size; k += STRIDE)
            if (images[i * size + k] != (float)level[k] / 255.0f)
                ck_abort_msg("image %lld, pixel %zu is %.9g: want %u / 255",
                             (long long)b->indices[i], k, (double)images[i * size + k], level[k]);
    }
}

static void check_epoch(const struct fmnist_spec *spec, uint64_t epoch)
{
    struct fmnist_spec at = *spec;
    at.epoch = epoch;
    struct fmnist_stream *stream = open_stream(client, &at);
    struct fmnist_stream_info info = info_of(stream);
    uint8_t *seen = calloc(1, all.count);
    struct fmnist_batch b;
    uint64_t step = 0, samples = 0;
    int rc;
    for (; (rc = fmnist_next(stream, &b)) == FMNIST_OK; step++) {
        ck_assert_uint_eq(b.epoch, epoch);
        check_batch(spec, &info, &b, step);
        for (uint64_t i = 0; i < b.count; i++)
            if (seen[b.indices[i]]++)
                ck_abort_msg("image %lld came twice", (long long)b.indices[i]);
        samples += b.count;
        must(fmnist_release(stream, &b));
    }
    ck_assert_msg(rc == FMNIST_END_OF_EPOCH, "%d: %s", rc, fmnist_error());
    ck_assert_uint_eq(samples, info.sample_count);
    uint64_t dropped = spec->drop_last ? all.count % info.batch_size : 0;
    ck_assert_uint_eq(samples, all.count - dropped);
    ck_assert_uint_eq(step, info.steps);
    free(seen);
    fmnist_close(stream);
}

/* An epoch without a batch is refused, not delivered empty. */
static void check_refused(const struct fmnist_spec *spec)
{
    struct fmnist_stream *stream;
    must_be(fmnist_open(client, spec, NULL, &stream), FMNIST_EINVAL, "open", __FILE__, __LINE__);
    ck_assert_ptr_nonnull(strstr(fmnist_error(), "drop_last"));
}

/* Builds without a sanitizer try the whole product. */
#if SANITIZED
static const unsigned worker_counts[] = {1, 3};
#else
static const unsigned worker_counts[] = {1, 2, 3, 8};
#endif
#define WORKER_COUNTS (sizeof worker_counts / sizeof *worker_counts)
static const uint32_t batch_sizes[] = {1, 7, 64, 60000, 60001};

/* Every combination of transport, batch size and drop_last over one set, for so many workers. */
static void check_combinations(const char *name)
{
    for (uint32_t transport = FMNIST_SHM; transport <= FMNIST_INLINE; transport++)
        for (size_t k = 0; k < sizeof batch_sizes / sizeof *batch_sizes; k++)
            for (uint32_t drop = 0; drop <= 1; drop++) {
                struct fmnist_spec spec = spec_of(name);
                spec.dtype = FMNIST_UINT8;
                spec.order = FMNIST_ORDER_SHUFFLE;
                spec.seed = k;
                spec.transport = transport;
                spec.batch_size = batch_sizes[k];
                spec.drop_last = drop;
                if (drop && spec.batch_size > all.count)
                    check_refused(&spec);
                else if (!drop || all.count % spec.batch_size) /* else nothing is dropped */
                    check_epoch(&spec, drop);
            }
}

/* A lost wake-up, a slot written twice or a short last batch gone wrong shows as a missing, double
 * or wrong image in some combination of workers, transport, batch size and drop_last. */
START_TEST(epoch__uint8_any_workers_transport_and_batch_size__every_image_once)
{
    serve("fashion-mnist", images_large(&all), worker_counts[_i]);
    check_combinations("fashion-mnist");
    serve_no_more();
    images_free(&all);
}
END_TEST

/* A float is the level divided by 255, whoever converts: a worker, or the client for inline. */
START_TEST(epoch__float32_either_transport__level_over_255)
{
    serve("fashion-mnist", images_large(&all), 2);
    for (uint32_t transport = FMNIST_SHM; transport <= FMNIST_INLINE; transport++)
        for (size_t k = 1; k < sizeof batch_sizes / sizeof *batch_sizes; k++) {
            struct fmnist_spec spec = spec_of("fashion-mnist");
            spec.order = FMNIST_ORDER_TORCH;
            spec.transport = transport;
            spec.batch_size = batch_sizes[k];
            check_epoch(&spec, 3);
        }
    serve_no_more();
    images_free(&all);
}
END_TEST

/* Each order is a permutation in every epoch, and the sequential one is the file's. */
START_TEST(epoch__every_order__a_permutation_of_the_split)
{
    serve("fashion-mnist", images_large(&all), 2);
    for (uint32_t order = FMNIST_ORDER_SEQUENTIAL; order <= FMNIST_ORDER_NUMPY; order++)
        for (uint64_t epoch = 0; epoch < 3; epoch++) {
            struct fmnist_spec spec = spec_of("fashion-mnist");
            spec.dtype = FMNIST_UINT8;
            spec.order = order;
            spec.seed = 42;
            check_epoch(&spec, epoch);
        }
    struct fmnist_spec spec = spec_of("fashion-mnist");
    struct fmnist_stream *stream = open_stream(client, &spec);
    struct fmnist_batch b;
    for (int64_t next = 0; fmnist_next(stream, &b) == FMNIST_OK; fmnist_release(stream, &b))
        for (uint64_t i = 0; i < b.count; i++)
            ck_assert_int_eq(b.indices[i], next++);
    fmnist_close(stream);
    serve_no_more();
    images_free(&all);
}
END_TEST

static uint64_t hash_two_epochs(uint32_t order, uint32_t transport)
{
    struct fmnist_spec spec = spec_of("fashion-mnist");
    spec.order = order;
    spec.seed = 7;
    spec.transport = transport;
    spec.dtype = SANITIZED ? FMNIST_UINT8 : FMNIST_FLOAT32; /* a quarter of the bytes */
    spec.batch_size = 100;
    spec.epochs = 2;
    struct fmnist_stream *stream = open_stream(client, &spec);
    uint64_t hash = 0, one;
    do {
        one = hash_next(stream);
        hash = (hash ^ one) * UINT64_C(0x9e3779b97f4a7c15);
    } while (one != FMNIST_END_OF_STREAM);
    fmnist_close(stream);
    return hash;
}

/* The promise itself: neither the number of workers nor the transport changes a byte. */
START_TEST(epoch__other_workers_and_transports__same_bytes)
{
    const char *folder = images_large(&all);
    uint64_t want[FMNIST_ORDER_NUMPY + 1] = {0};
    for (size_t w = 0; w < WORKER_COUNTS; w++) {
        serve("fashion-mnist", folder, worker_counts[w]);
        for (uint32_t order = FMNIST_ORDER_SEQUENTIAL; order <= FMNIST_ORDER_NUMPY; order++)
            for (uint32_t transport = FMNIST_SHM; transport <= FMNIST_INLINE; transport++) {
                /* Inline with the fewest and the most workers is enough of the slower one. */
                if (transport == FMNIST_INLINE && w > 0 && w < WORKER_COUNTS - 1)
                    continue;
                uint64_t hash = hash_two_epochs(order, transport);
                if (!want[order])
                    want[order] = hash;
                ck_assert_uint_eq(hash, want[order]);
            }
        serve_no_more();
    }
    for (uint32_t order = FMNIST_ORDER_SHUFFLE; order <= FMNIST_ORDER_NUMPY; order++)
        ck_assert_uint_ne(want[order], want[order - 1]);
    images_free(&all);
}
END_TEST

/* A folder with MNIST's own four files, gzipped: $FMNIST_TEST_MNIST, or where MNIST usually lies.
 * NULL: there is none on this machine. */
static const char *find_mnist(void)
{
    static char path[512];
    const char *home = getenv("HOME"), *named = getenv("FMNIST_TEST_MNIST");
    char beside_home[2][300];
    snprintf(beside_home[0], sizeof beside_home[0], "%s/.local/share/fmnistd/datasets/mnist",
             home ? home : "");
    snprintf(beside_home[1], sizeof beside_home[1], "%s/data/MNIST/raw", home ? home : "");
    const char *folders[] = {named, "/usr/share/datasets/mnist", beside_home[0], beside_home[1]};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        if (!folders[i])
            continue;
        snprintf(path, sizeof path, "%s/train-images-idx3-ubyte.gz", folders[i]);
        bool there = access(path, R_OK) == 0;
        ck_assert_msg(there || i > 0, "FMNIST_TEST_MNIST=%s: no train-images-idx3-ubyte.gz", named);
        if (there) {
            snprintf(path, sizeof path, "%s", folders[i]);
            return path;
        }
    }
    return NULL;
}

/* The same of MNIST's own files, where this machine has them. */
START_TEST(epoch__mnist_any_transport_and_batch_size__every_image_once)
{
    const char *folder = find_mnist();
    if (!folder) {
        fprintf(stderr, "skipped: no MNIST on this machine (FMNIST_TEST_MNIST=FOLDER names it)\n");
        return;
    }
    images_read(&all, folder);
    ck_assert_uint_eq(all.count, 60000);
    serve("mnist", folder, 3);
    check_combinations("mnist");
    serve_no_more();
    images_free(&all);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("epochs");
    TCase *tc = tcase_create("epochs");
    suite_add_tcase(suite, tc);
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_set_timeout(tc, 300);
    tcase_add_loop_test(tc, epoch__uint8_any_workers_transport_and_batch_size__every_image_once, 0,
                        WORKER_COUNTS);
    tcase_add_test(tc, epoch__float32_either_transport__level_over_255);
    tcase_add_test(tc, epoch__every_order__a_permutation_of_the_split);
    tcase_add_test(tc, epoch__other_workers_and_transports__same_bytes);
    tcase_add_test(tc, epoch__mnist_any_transport_and_batch_size__every_image_once);
    return support_run(suite);
}
