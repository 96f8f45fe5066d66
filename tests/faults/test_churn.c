/* SPDX-License-Identifier: MIT */
/* A hundred opens a second, each of a spec that the daemon has never seen, by either transport:
 * memory and descriptors stay as they are, and a steady reader does not wait longer at the end. */
#include "faults/faults.h"
#include "faults/usage.h"
#include "faults/witness.h"

#include <poll.h>
#include <signal.h>

#define COUNT  1000
#define RATE   100 /* opens a second */
#define WAITS  200000
#define SLICES 2 /* of the time: at the beginning, at the end */

static struct daemon d;
static struct inject_page *page;
static struct images all;

static void setup(void)
{
    page = inject_setup();
    images_make(&all, COUNT, 28, 28, 1);
    serve_tiny(&d, "workers: 2\nring: 128KiB\nsample_store: 2MiB\nlimits: {list_bytes: 64KiB}\n");
    inject_without();
}

static void teardown(void)
{
    daemon_stop(&d);
    images_free(&all);
    inject_teardown(page);
}

/* ---- the steady reader ------------------------------------------------------------------------
 */

struct reader {
    _Atomic bool stop;
    _Atomic uint32_t slice; /* of the test: where its waits are noted */
    _Atomic uint64_t count[SLICES];
    uint32_t waits_ns[SLICES][WAITS]; /* the last ones */
};

static uint32_t nanoseconds_since(const struct timespec *start)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t ns = (now.tv_sec - start->tv_sec) * 1000000000 + now.tv_nsec - start->tv_nsec;
    return ns < UINT32_MAX ? (uint32_t)ns : UINT32_MAX;
}

static int read_steadily(struct reader *r)
{
    struct fmnist_connect_options o = {.size = sizeof o, .socket = d.socket, .reconnect_ms = -1};
    struct fmnist_spec spec = witness_spec(FMNIST_SHM);
    struct fmnist_client *client = NULL;
    struct fmnist_stream *stream = NULL;
    struct fmnist_batch b;
    int rc = fmnist_connect(&o, &client);
    if (!rc)
        rc = fmnist_open(client, &spec, NULL, &stream);
    while (!rc && !atomic_load(&r->stop)) {
        struct timespec start;
        clock_gettime(CLOCK_MONOTONIC, &start);
        rc = fmnist_next(stream, &b);
        uint32_t slice = atomic_load(&r->slice);
        if (slice < SLICES)
            r->waits_ns[slice][r->count[slice]++ % WAITS] = nanoseconds_since(&start);
        if (rc == FMNIST_END_OF_EPOCH)
            rc = 0;
        else if (!rc && !witness_is_exact(&all, &b))
            rc = -100;
        else if (!rc)
            rc = fmnist_release(stream, &b);
        nanosleep(&(struct timespec){.tv_nsec = 500000}, NULL);
    }
    fmnist_close(stream);
    fmnist_disconnect(client);
    return rc != 0;
}

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static uint32_t p99_ns(struct reader *r, unsigned slice)
{
    uint64_t n = r->count[slice] < WAITS ? r->count[slice] : WAITS;
    ck_assert_uint_gt(n, 100);
    qsort(r->waits_ns[slice], n, sizeof **r->waits_ns, by_size);
    return r->waits_ns[slice][n * 99 / 100];
}

/* ---- the churn --------------------------------------------------------------------------------
 */

/* Of the number-th opening, unlike all before. */
static struct fmnist_spec spec_of_number(uint64_t number, uint32_t list[64])
{
    static const uint32_t orders[] = {FMNIST_ORDER_SHUFFLE, FMNIST_ORDER_TORCH, FMNIST_ORDER_NUMPY,
                                      FMNIST_ORDER_TORCH_LOADER, FMNIST_ORDER_LIST};
    struct fmnist_spec spec = witness_spec(number & 1 ? FMNIST_SHM : FMNIST_INLINE);
    spec.order = orders[number % 5];
    spec.seed = number;
    if (number % 3 == 0) { /* a size of its own */
        spec.height = 1 + (uint32_t)(number / 3 % 60);
        spec.width = 1 + (uint32_t)(number / 180 % 200);
        spec.resize = number % 2 ? FMNIST_RESIZE_PILLOW_BILINEAR : FMNIST_RESIZE_PILLOW12_BICUBIC;
    }
    if (spec.order == FMNIST_ORDER_LIST) {
        for (uint32_t i = 0; i < 64; i++)
            list[i] = (uint32_t)(number * 31 + i * 7) % COUNT;
        spec.seed = 0;
        spec.list = list;
        spec.list_count = 64;
    }
    return spec;
}

static void open_one(struct fmnist_client *client, uint64_t number)
{
    uint32_t list[64];
    struct fmnist_spec spec = spec_of_number(number, list);
    struct fmnist_stream *stream = open_stream(client, &spec);
    struct fmnist_batch b;
    for (int i = 0; i < 3; i++) {
        must(fmnist_next(stream, &b));
        must(fmnist_release(stream, &b));
    }
    fmnist_close(stream);
}

/* Opens at the rate for so long. Returns the number behind the last one's. */
static uint64_t churn(struct fmnist_client *client, uint64_t number, int64_t for_ms)
{
    int64_t start = milliseconds(), now;
    for (uint64_t opened = 0; (now = milliseconds()) < start + for_ms; opened++) {
        int64_t due = start + (int64_t)(opened * 1000 / RATE);
        if (due > now)
            poll(NULL, 0, (int)(due - now));
        open_one(client, number++);
    }
    return number;
}

/* ---- what must stay as it is ------------------------------------------------------------------
 */

/* Permutations are kept for whom may ask for the same again, up to KEPT_MAX; and this is more than
 * one opening leaves. */
#define KEPT_BYTES (3 * (COUNT * sizeof(uint32_t) + 4096))
#define KEPT_MAX   (68 << 20)

static int64_t resident_bytes(void)
{
    char path[64], line[256];
    long long kib = -1;
    snprintf(path, sizeof path, "/proc/%d/status", (int)d.pid);
    FILE *f = fopen(path, "re");
    ck_assert_ptr_nonnull(f);
    while (kib < 0 && fgets(line, sizeof line, f))
        sscanf(line, "RssAnon: %lld", &kib);
    fclose(f);
    return kib * 1024;
}

/* Anonymous memory moves by some pages of stacks and arenas. */
static void check_flat(const struct usage *before, int64_t resident_before, uint64_t opened)
{
    struct usage bound = *before;
    int64_t kept = (int64_t)(opened * KEPT_BYTES < KEPT_MAX ? opened * KEPT_BYTES : KEPT_MAX);
    bound.bytes += kept;
    bound.blocks += (int64_t)opened * 6;
    usage_await(&d, page, &bound, "churn");
    int64_t resident = resident_bytes();
    bool counted = before->blocks > 0; /* else there is a sanitizer, which keeps what is freed */
    ck_assert_msg(!counted || resident <= resident_before + kept + (4 << 20),
                  "resident: %lld bytes before, %lld "
                  "after %llu openings",
                  (long long)resident_before, (long long)resident, (unsigned long long)opened);
}

static pid_t begin_reader(struct reader *r)
{
    atomic_store(&r->slice, SLICES);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        _exit(read_steadily(r));
    }
    return pid;
}

static void end_reader(struct reader *r, pid_t pid)
{
    int status;
    atomic_store(&r->stop, true);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_msg(status == 0, "the steady reader: 0x%x", (unsigned)status);
}

/* Openings for so long, in which the reader's waits are noted. Returns the next one's number. */
static uint64_t churn_noted(struct reader *r, uint32_t slice, struct fmnist_client *client,
                            uint64_t number, int64_t for_ms)
{
    atomic_store(&r->slice, slice);
    number = churn(client, number, for_ms);
    atomic_store(&r->slice, SLICES);
    return number;
}

START_TEST(churn__unique_specs__memory_and_waits_stay_as_they_are)
{
    bool brief = fault_times(1, 0);
    int64_t quarter_ms = fault_times(1500, 900000);
    void *shared = mmap(NULL, sizeof(struct reader), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(shared, MAP_FAILED);
    struct reader *r = shared;
    pid_t pid = begin_reader(r);
    struct fmnist_client *client = connect_to(&d);
    uint64_t first = churn(client, 1, quarter_ms); /* caches fill */
    struct usage before = usage_settled(&d, page);
    int64_t resident = resident_bytes();
    uint64_t number = churn_noted(r, 0, client, first, quarter_ms);
    number = churn(client, number, quarter_ms);
    number = churn_noted(r, 1, client, number, quarter_ms);
    end_reader(r, pid);
    fmnist_disconnect(client);
    uint32_t p99[] = {p99_ns(r, 0), p99_ns(r, 1)};
    munmap(shared, sizeof *r);
    check_flat(&before, resident, number - first);
    ck_assert_msg(brief || p99[1] <= p99[0] * 1.1 + 2000, "p99 of the waits: %u ns, then %u",
                  p99[0], p99[1]);
    fault_held("a stream is opened, of a spec never seen, a hundred times a second", number,
               "%.1f MiB resident before, %.1f after; a steady reader's waits: p99 %.1f us at the "
               "beginning, %.1f at the end",
               (double)resident / 1048576, (double)resident_bytes() / 1048576, p99[0] / 1e3,
               p99[1] / 1e3);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("churn of openings");
    TCase *t = tcase_create("churn of openings");
    tcase_set_timeout(t, fault_times(120, 8000));
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, churn__unique_specs__memory_and_waits_stay_as_they_are);
    suite_add_tcase(s, t);
    return support_run(s);
}
