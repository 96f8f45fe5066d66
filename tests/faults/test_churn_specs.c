/* SPDX-License-Identifier: MIT */
/* Thousands of streams that nobody asked for before: other sizes, rules, seeds, orders, lists and
 * chains each, by either transport. What a client asked for goes with it, or into caches that have
 * a bound: the daemon has as much memory and as many descriptors after the last third as after the
 * one before. */
#include "e2e/peer.h"
#include "faults/faults.h"

#include <inttypes.h>
#include <poll.h>

#define IMAGES  60000u
#define SIDES   400u /* every size from here to twice that is asked for once */
#define LONGEST 300u

static struct daemon d;
static struct images all;
static struct fmnist_client *client;
static struct fmnist_stream *holder;

static void setup(void)
{
    support_setup();
    images_make(&all, IMAGES, 4, 4, 1);
    /* Bounds that a third of the brief form fills, and a stream that has all of the store. */
    serve_tiny(&d, "workers: 2\nsample_store: 1MiB\nlimits: {list_bytes: 1MiB}\n");
    client = connect_to(&d);
    struct fmnist_spec spec = spec_of("tiny");
    spec.height = spec.width = 8;
    holder = open_stream(client, &spec);
}

static void teardown(void)
{
    fmnist_close(holder);
    fmnist_disconnect(client);
    daemon_stop(&d);
    images_free(&all);
    support_teardown();
}

/* Memory that is the daemon's own, in KiB: not its files'. */
static uint64_t own_kib(void)
{
    char path[64], line[256];
    uint64_t sum = 0, kib;
    snprintf(path, sizeof path, "/proc/%d/status", (int)d.pid);
    FILE *f = fopen(path, "re");
    ck_assert_ptr_nonnull(f);
    while (fgets(line, sizeof line, f))
        if (sscanf(line, "RssAnon: %" SCNu64, &kib) == 1 ||
            sscanf(line, "RssShmem: %" SCNu64, &kib) == 1)
            sum += kib;
    fclose(f);
    return sum;
}

struct churn {
    struct fmnist_spec spec;
    char augment[128];
    uint32_t list[LONGEST];
};

static void choose_list(struct churn *c, uint64_t *random)
{
    c->spec.list = c->list;
    c->spec.list_count = 1 + next_random(random) % LONGEST;
    for (uint64_t i = 0; i < c->spec.list_count; i++)
        c->list[i] = (uint32_t)(next_random(random) % IMAGES);
    if (c->spec.order == FMNIST_ORDER_SEQUENTIAL)
        c->spec.order = FMNIST_ORDER_LIST;
}

/* The i-th stream: like none before it. */
static void choose(struct churn *c, uint64_t i, uint64_t *random)
{
    static const uint32_t orders[] = {FMNIST_ORDER_SEQUENTIAL, FMNIST_ORDER_SHUFFLE,
                                      FMNIST_ORDER_TORCH, FMNIST_ORDER_TORCH_LOADER,
                                      FMNIST_ORDER_NUMPY};
    uint64_t what = next_random(random);
    c->spec = spec_of("tiny");
    c->spec.height = SIDES + (uint32_t)(i % SIDES);
    c->spec.width = SIDES + (uint32_t)(i / SIDES % SIDES);
    c->spec.resize = FMNIST_RESIZE_PILLOW_NEAREST + (uint32_t)(what % 6);
    c->spec.order = orders[what / 4 % 5];
    c->spec.seed = i;
    c->spec.epoch = what / 32 % 20;
    c->spec.transport = what & 1 << 10 ? FMNIST_SHM : FMNIST_INLINE;
    c->spec.batch_size = 1 + (uint32_t)(what >> 12) % 3;
    if (what >> 20 & 1)
        choose_list(c, random);
    if ((what >> 22) % 4 == 0) {
        snprintf(c->augment, sizeof c->augment, "random-rotation(%u) pad(%u)",
                 (unsigned)(i % 180 + 1), (unsigned)(what >> 24) % 9);
        c->spec.augment = c->augment;
    }
}

/* Opens it, reads a little, or nothing, and leaves. */
static void come_and_go(const struct churn *c, unsigned batches)
{
    struct fmnist_stream *stream = open_stream(client, &c->spec);
    struct fmnist_batch b;
    for (; batches; batches--) {
        int rc = fmnist_next(stream, &b);
        if (rc == FMNIST_END_OF_EPOCH)
            continue;
        must(rc);
        must(fmnist_release(stream, &b));
    }
    fmnist_close(stream);
}

/* What has ended is freed a little later: until there are no fewer descriptors for 100 ms. */
static bool is_settled(void *unused)
{
    unsigned before = daemon_descriptors(&d);
    poll(NULL, 0, 100);
    return daemon_descriptors(&d) == before;
}

START_TEST(churn__unique_specs__memory_and_descriptors_are_flat)
{
    unsigned times = fault_times(900, 200000) / 3, descriptors[3];
    uint64_t kib[3], random = 5;
    for (unsigned third = 0; third < 3; third++) {
        for (unsigned i = 0; i < times; i++) {
            struct churn c = {0};
            choose(&c, third * (uint64_t)times + i, &random);
            come_and_go(&c, (unsigned)next_random(&random) % 3);
        }
        wait_for_clients(client, 2);
        ck_assert(daemon_wait_until(is_settled, NULL));
        kib[third] = own_kib();
        descriptors[third] = daemon_descriptors(&d);
    }
    /* The heap has holes of other sizes each time, which many streams even out. What each stream
     * of an earlier daemon left is three times as much as the brief form allows. */
    uint64_t bound = kib[1] + kib[1] / fault_times(4, 10) + 4096;
    ck_assert_msg(kib[2] <= bound,
                  "%" PRIu64 ", %" PRIu64 ", %" PRIu64 " KiB after each third of the streams",
                  kib[0], kib[1], kib[2]);
    ck_assert_uint_le(descriptors[2], descriptors[1]);
    fault_held("streams of specs that differ", 3ul * times,
               "%" PRIu64 " MiB and %u descriptors after two thirds, %" PRIu64
               " MiB and %u after all",
               kib[1] >> 10, descriptors[1], kib[2] >> 10, descriptors[2]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("churn of specs");
    TCase *tc = tcase_create("churn");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 36000);
    tcase_add_test(tc, churn__unique_specs__memory_and_descriptors_are_flat);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
