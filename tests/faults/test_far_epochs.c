/* SPDX-License-Identifier: MIT */
/* Epochs far ahead of orders whose generator runs on (numpy, torch-loader): a daemon walks it for
 * seconds, and any client can ask for that. Nobody else may wait for it, and it ends with its
 * client, or with the daemon. */
#include "faults/faults.h"
#include "faults/other_user.h"
#include "faults/witness.h"

/* As far as 60,000 images let anybody go. */
#define IMAGES    60000u
#define FAR_EPOCH 35791u
#define MID_EPOCH (SANITIZED ? 1000u : 6000u)
#define WALKERS   8u
#define LOOK_MS   1000
#define STILL_MS  300

static struct daemon d;
static struct images all;
static struct {
    struct fmnist_client *client;
    struct fmnist_stream *stream;
} walkers[WALKERS];

static void setup(void)
{
    support_setup();
    images_make(&all, IMAGES, 4, 4, 1);
    serve_tiny(&d, "workers: 2\n");
}

static void teardown(void)
{
    daemon_stop(&d);
    images_free(&all);
    support_teardown();
}

static void open_walkers(unsigned count, uint64_t seed)
{
    struct fmnist_spec spec = spec_of("tiny");
    spec.epoch = FAR_EPOCH;
    for (unsigned i = 0; i < count; i++) {
        spec.order = i % 4 ? FMNIST_ORDER_NUMPY : FMNIST_ORDER_TORCH_LOADER;
        spec.transport = i % 2 ? FMNIST_SHM : FMNIST_INLINE;
        spec.seed = seed + i;
        walkers[i].client = connect_to(&d);
        walkers[i].stream = open_stream(walkers[i].client, &spec);
    }
}

static void close_walkers(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        fmnist_close(walkers[i].stream);
        fmnist_disconnect(walkers[i].client);
    }
}

static void nap_ms(int64_t ms)
{
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

/* What the witness reads in LOOK_MS, and the longest that it goes without a batch. */
static uint64_t reads_of(struct witness *w, int64_t *longest_ms)
{
    uint64_t first = atomic_load(&w->page->batches), seen = first;
    int64_t start = milliseconds(), last = start, now;
    *longest_ms = 0;
    do {
        nap_ms(1);
        now = milliseconds();
        uint64_t batches = atomic_load(&w->page->batches);
        if (now - last > *longest_ms)
            *longest_ms = now - last;
        if (batches != seen)
            last = now;
        seen = batches;
    } while (now - start < LOOK_MS);
    return seen - first;
}

static bool is_still(void *data)
{
    uint64_t before = daemon_cpu_ticks(&d);
    nap_ms(STILL_MS);
    return daemon_cpu_ticks(&d) - before <= 2;
}

/* The walks of one user beside the reader of the same one: it has a stream's share, and goes on. */
START_TEST(far_epochs__eight_walks__a_reader_goes_on)
{
    unsigned times = fault_times(1, 200);
    uint64_t worst_rate = 100;
    int64_t worst_ms = 0;
    for (unsigned i = 0; i < times; i++) {
        struct witness w;
        int64_t alone_ms, beside_ms;
        witness_start(&w, &d, i % 2 ? FMNIST_INLINE : FMNIST_SHM, &all);
        uint64_t alone = reads_of(&w, &alone_ms);
        open_walkers(WALKERS, 1 + 100 * i);
        uint64_t beside = reads_of(&w, &beside_ms);
        ck_assert_msg(!is_still(NULL), "nobody walks: nothing was tried");
        close_walkers(WALKERS);
        witness_end(&w);
        ck_assert_msg((double)beside > fault_share(0.02, 0.02) * (double)alone,
                      "%llu batches beside walks, %llu alone", (unsigned long long)beside,
                      (unsigned long long)alone);
        ck_assert_msg(SANITIZED || beside_ms < LOOK_MS * 9 / 10, "%lld ms without a batch",
                      (long long)beside_ms);
        worst_rate = 100 * beside / alone < worst_rate ? 100 * beside / alone : worst_rate;
        worst_ms = beside_ms > worst_ms ? beside_ms : worst_ms;
    }
    fault_held("8 streams of epoch 35,791 beside a reader of the same user", times,
               "the reader kept %llu %% of its rate or more, waited %lld ms at most",
               (unsigned long long)worst_rate, (long long)worst_ms);
}
END_TEST

/* Opens them as another user, tells that it has, and stays. */
static int walk_as_another(const struct daemon *daemon, int to)
{
    for (unsigned i = 0; i < WALKERS; i++) {
        struct fmnist_connect_options o = {
            .size = sizeof o, .socket = daemon->socket, .timeout_ms = 60000, .reconnect_ms = -1};
        struct fmnist_spec spec = spec_of("tiny");
        spec.epoch = FAR_EPOCH;
        spec.order = FMNIST_ORDER_NUMPY;
        spec.seed = (uint64_t)getpid() * 100 + i;
        if (fmnist_connect(&o, &walkers[i].client) ||
            fmnist_open(walkers[i].client, &spec, NULL, &walkers[i].stream))
            return 1;
    }
    if (write(to, "!", 1) != 1)
        return 2;
    pause();
    return 0;
}

/* What one user asks for is that user's: another one goes on. The witness naps and wants less than
 * its half of the workers, so that it keeps nearly all of its rate; the bound is for busy machines.
 */
START_TEST(far_epochs__of_another_user__a_reader_goes_on)
{
    unsigned times = fault_times(1, 200);
    uint64_t worst_rate = UINT64_MAX;
    int64_t worst_ms = 0;
    if (!other_users_can_be())
        return;
    let_all_in(&d);
    for (unsigned i = 0; i < times; i++) {
        struct witness w;
        struct other o;
        char told;
        int64_t alone_ms, beside_ms;
        witness_start(&w, &d, i % 2 ? FMNIST_INLINE : FMNIST_SHM, &all);
        uint64_t alone = reads_of(&w, &alone_ms);
        other_start(&o, ALICE, &d, walk_as_another);
        other_tells(&o, &told, 1);
        /* The best of three looks. */
        uint64_t beside = 0;
        for (int look = 0; look < 3 && beside * 10 < alone * 4; look++) {
            uint64_t seen = reads_of(&w, &beside_ms);
            beside = seen > beside ? seen : beside;
        }
        uint64_t rate = 100 * beside / alone;
        ck_assert_msg(!is_still(NULL), "nobody walks: nothing was tried");
        other_kill(&o);
        witness_end(&w);
        ck_assert_msg((double)beside > fault_share(0.1, 0.2) * (double)alone,
                      "%llu batches beside walks, %llu alone", (unsigned long long)beside,
                      (unsigned long long)alone);
        worst_rate = rate < worst_rate ? rate : worst_rate;
        worst_ms = beside_ms > worst_ms ? beside_ms : worst_ms;
    }
    fault_held("8 streams of epoch 35,791 beside a reader of another user", times,
               "the reader kept %llu %% of its rate or more, waited %lld ms at most",
               (unsigned long long)worst_rate, (long long)worst_ms);
}
END_TEST

/* A walk that nobody waits for any more would keep a CPU for seconds: four of them two workers for
 * eight. */
START_TEST(far_epochs__clients_leave__the_walks_end)
{
    unsigned times = fault_times(3, 1000);
    int64_t worst_ms = 0;
    for (unsigned i = 0; i < times; i++) {
        open_walkers(4, 1000 + 100 * i);
        nap_ms(50);
        close_walkers(4);
        int64_t start = milliseconds();
        ck_assert_msg(daemon_wait_until(is_still, NULL), "the daemon still walks");
        int64_t took_ms = milliseconds() - start - STILL_MS;
        worst_ms = took_ms > worst_ms ? took_ms : worst_ms;
    }
    ck_assert_int_le(worst_ms, 6000);
    fault_held("clients of far epochs leave", times, "the daemon was idle within %lld ms",
               (long long)worst_ms);
}
END_TEST

START_TEST(far_epochs__sigterm__ends_soon)
{
    unsigned times = fault_times(2, 200);
    int64_t worst_ms = 0;
    for (unsigned i = 0; i < times; i++) {
        open_walkers(4, 5000 + 100 * i);
        int64_t start = milliseconds();
        daemon_stop(&d);
        int64_t took_ms = milliseconds() - start;
        worst_ms = took_ms > worst_ms ? took_ms : worst_ms;
        close_walkers(4);
        daemon_restart(&d);
    }
    ck_assert_int_le(worst_ms, 4000);
    fault_held("SIGTERM while far epochs are walked to", times, "the daemon ended within %lld ms",
               (long long)worst_ms);
}
END_TEST

/* Its first batch's hash, and what the daemon used of a CPU for that. */
static uint64_t first_batch(uint64_t epoch, uint32_t transport, uint64_t *cpu_ms)
{
    struct fmnist_spec spec = spec_of("tiny");
    struct fmnist_batch b;
    spec.order = FMNIST_ORDER_NUMPY;
    spec.epoch = epoch;
    spec.seed = 31;
    spec.transport = transport;
    struct fmnist_client *client = connect_to(&d);
    uint64_t before = daemon_cpu_ticks(&d);
    struct fmnist_stream *stream = open_stream(client, &spec);
    struct fmnist_stream_info info = info_of(stream);
    must(fmnist_next(stream, &b));
    *cpu_ms = (daemon_cpu_ticks(&d) - before) * 1000 / (uint64_t)sysconf(_SC_CLK_TCK);
    uint64_t hash = hash_batch(&info, &b);
    must(fmnist_release(stream, &b));
    fmnist_close(stream);
    fmnist_disconnect(client);
    return hash;
}

/* Whoever comes back, or comes behind, need not walk again; and it is the same epoch. */
START_TEST(far_epochs__asked_again__not_walked_again)
{
    uint64_t cpu_ms[4];
    uint64_t hashes[4];
    for (int i = 0; i < 3; i++)
        hashes[i] = first_batch(MID_EPOCH, i % 2 ? FMNIST_INLINE : FMNIST_SHM, &cpu_ms[i]);
    ck_assert_uint_eq(hashes[0], hashes[1]);
    ck_assert_uint_eq(hashes[0], hashes[2]);
    ck_assert_uint_ge(cpu_ms[0], 20); /* it did walk */
    ck_assert_uint_le(cpu_ms[1], cpu_ms[0] / 2);
    /* From an epoch that is behind, and from the seed. */
    daemon_stop(&d);
    daemon_restart(&d);
    hashes[3] = first_batch(MID_EPOCH - 1, FMNIST_SHM, &cpu_ms[3]);
    ck_assert_uint_eq(first_batch(MID_EPOCH, FMNIST_INLINE, &cpu_ms[1]), hashes[0]);
    ck_assert_uint_le(cpu_ms[1], cpu_ms[3] / 2);
    ck_assert_uint_ne(hashes[3], hashes[0]);
    fault_held("epoch 6,000 asked for again", 3,
               "%llu ms of a CPU for the first, %llu ms from the epoch before",
               (unsigned long long)cpu_ms[0], (unsigned long long)cpu_ms[1]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("far epochs");
    TCase *tc = tcase_create("far epochs");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 36000);
    tcase_add_test(tc, far_epochs__eight_walks__a_reader_goes_on);
    tcase_add_test(tc, far_epochs__of_another_user__a_reader_goes_on);
    tcase_add_test(tc, far_epochs__clients_leave__the_walks_end);
    tcase_add_test(tc, far_epochs__sigterm__ends_soon);
    tcase_add_test(tc, far_epochs__asked_again__not_walked_again);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
