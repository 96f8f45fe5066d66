/* SPDX-License-Identifier: MIT */
/* The daemon is killed at any moment, also while it starts, with its cache or without: four clients
 * go on by themselves, and each has read the bytes of an undisturbed run in the end. */
#include "e2e/harness.h"
#include "faults/faults.h"
#include "faults/started.h"

#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define COUNT   3000
#define CLIENTS 4
#define EVENTS  400 /* of a run, some epochs */

struct shared {
    _Atomic bool stop;
    _Atomic uint64_t events[CLIENTS];
    uint64_t golden[CLIENTS]; /* digest of each one's undisturbed run */
    char wrong[CLIENTS][400];
};

static struct daemon d;
static struct images all;
static struct shared *shared;
static uint32_t list[COUNT / 2];

static struct fmnist_spec spec_for(unsigned k)
{
    static const uint32_t orders[] = {FMNIST_ORDER_SHUFFLE, FMNIST_ORDER_TORCH, FMNIST_ORDER_LIST,
                                      FMNIST_ORDER_NUMPY};
    struct fmnist_spec spec = spec_of("tiny");
    spec.order = orders[k];
    spec.dtype = k & 1 ? FMNIST_FLOAT32 : FMNIST_UINT8;
    spec.transport = k & 1 ? FMNIST_INLINE : FMNIST_SHM;
    spec.batch_size = 32;
    spec.list = spec.order == FMNIST_ORDER_LIST ? list : NULL;
    spec.list_count = spec.list ? sizeof list / sizeof *list : 0;
    return spec;
}

/* ---- the clients --------------------------------------------------------------------------- */

static struct fmnist_client *dial(void)
{
    struct fmnist_connect_options o = {.size = sizeof o, .socket = d.socket};
    struct fmnist_client *client;
    return fmnist_connect(&o, &client) ? NULL : client;
}

/* Connecting and opening do not wait for a daemon, so that the caller tries again. */
static struct fmnist_stream *try_open(const struct fmnist_spec *spec)
{
    struct fmnist_client *client = dial();
    struct fmnist_stream *stream = NULL;
    if (client && fmnist_open(client, spec, NULL, &stream))
        stream = NULL;
    fmnist_disconnect(client);
    return stream;
}

/* The next event into the digest; a batch is held while the next one comes, now and then. */
static int digest_event(struct fmnist_stream *stream, struct fmnist_batch *held, uint64_t *digest)
{
    struct fmnist_stream_info info = {.size = sizeof info};
    struct fmnist_batch b;
    int rc = fmnist_next(stream, &b);
    if (rc < 0)
        return rc;
    fmnist_stream_info(stream, &info);
    *digest = *digest * 1099511628211u ^ (rc ? (uint64_t)rc : hash_batch(&info, &b));
    if (held->images)
        fmnist_release(stream, held);
    *held = (struct fmnist_batch){0};
    if (rc == FMNIST_OK && b.step % 5 == 2)
        *held = b;
    else if (rc == FMNIST_OK)
        fmnist_release(stream, &b);
    return FMNIST_OK;
}

/* One run. Returns its digest; 0 where a call failed. */
static uint64_t run(struct fmnist_stream *stream, unsigned k, bool naps)
{
    struct fmnist_batch held = {0};
    uint64_t digest = 14695981039346656037u;
    for (int i = 0; i < EVENTS; i++) {
        if (digest_event(stream, &held, &digest)) {
            snprintf(shared->wrong[k], sizeof shared->wrong[k], "%s", fmnist_error());
            return 0;
        }
        atomic_fetch_add(&shared->events[k], 1);
        if (naps)
            poll(NULL, 0, 1);
    }
    return digest;
}

static int live(unsigned k)
{
    struct fmnist_spec spec = spec_for(k);
    while (!atomic_load(&shared->stop)) {
        struct fmnist_stream *stream = try_open(&spec);
        if (!stream) {
            poll(NULL, 0, 10);
            continue;
        }
        uint64_t digest = run(stream, k, true);
        fmnist_close(stream);
        if (digest != shared->golden[k])
            return 1;
    }
    return 0;
}

static void begin_clients(pid_t pids[CLIENTS])
{
    for (unsigned k = 0; k < CLIENTS; k++) {
        struct fmnist_spec spec = spec_for(k);
        struct fmnist_stream *stream = try_open(&spec);
        ck_assert_msg(stream, "%s", fmnist_error());
        shared->golden[k] = run(stream, k, false);
        ck_assert_uint_ne(shared->golden[k], 0);
        fmnist_close(stream);
        atomic_store(&shared->events[k], 0);
    }
    for (unsigned k = 0; k < CLIENTS; k++) {
        pids[k] = fork();
        ck_assert_int_ge(pids[k], 0);
        if (pids[k] == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            _exit(live(k));
        }
    }
}

static bool have_whole_runs(void *unused)
{
    for (unsigned k = 0; k < CLIENTS; k++)
        if (atomic_load(&shared->events[k]) < EVENTS)
            return false;
    return true;
}

/* Lets each end the run that it is in. Returns the events of all. */
static unsigned long end_clients(const pid_t pids[CLIENTS])
{
    unsigned long events = 0;
    ck_assert(daemon_wait_until(have_whole_runs, NULL));
    atomic_store(&shared->stop, true);
    for (unsigned k = 0; k < CLIENTS; k++) {
        int status;
        ck_assert_int_eq(waitpid(pids[k], &status, 0), pids[k]);
        ck_assert_msg(status == 0, "client %u: 0x%x, other bytes than undisturbed, or: %s", k,
                      (unsigned)status, shared->wrong[k]);
        events += atomic_load(&shared->events[k]);
    }
    return events;
}

/* ---- the daemon ---------------------------------------------------------------------------- */

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    return type == FTW_DP ? 0 : remove(path);
}

/* Killed in its first milliseconds, before it is ready, most times. */
static void kill_a_starting_one(uint64_t *random)
{
    int status, nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    pid_t pid = start_daemon(d.config, nowhere);
    close(nowhere);
    poll(NULL, 0, (int)(next_random(random) % 30));
    kill(pid, SIGKILL);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "0x%x", (unsigned)status);
}

/* Kills the daemon at a moment of its serving and starts it again. Returns how long that took. */
static int64_t kill_and_restart(uint64_t *random, bool cold)
{
    poll(NULL, 0, (int)(next_random(random) % 100));
    daemon_kill(&d);
    if (cold)
        nftw(support_path("cache"), remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    if (next_random(random) % 2)
        kill_a_starting_one(random);
    int64_t start = milliseconds();
    daemon_restart(&d);
    return milliseconds() - start;
}

static void setup(void)
{
    support_setup();
    images_make(&all, COUNT, 28, 28, 1);
    for (uint32_t i = 0; i < COUNT / 2; i++)
        list[i] = i * 7 % COUNT;
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(shared, MAP_FAILED);
    daemon_start(&d,
                 "cache: %s/cache\nworkers: 2\nring: 1MiB\n"
                 "datasets:\n"
                 "  - name: tiny\n"
                 "    path: %s\n"
                 "    splits: {train: {images: train-images-idx3-ubyte, "
                 "labels: train-labels-idx1-ubyte}}\n",
                 support_dir(), support_dir());
}

static void teardown(void)
{
    daemon_stop(&d);
    munmap(shared, sizeof *shared);
    images_free(&all);
    support_teardown();
}

START_TEST(daemon__killed_at_any_moment__clients_go_on_with_the_same_bytes)
{
    unsigned times = fault_times(20, 1000);
    uint64_t random = 0x9e3779b97f4a7c15u;
    int64_t slowest[2] = {0};
    pid_t pids[CLIENTS];
    begin_clients(pids);
    for (unsigned i = 0; i < times; i++) {
        bool cold = i & 1;
        int64_t took = kill_and_restart(&random, cold);
        slowest[cold] = took > slowest[cold] ? took : slowest[cold];
    }
    ck_assert_int_le(slowest[0], 30000);
    unsigned long events = end_clients(pids);
    fault_held("kill -9 of the daemon under four clients, serving or starting", times,
               "each client's digests those of an undisturbed run, %lu events in all; ready again "
               "within %lld ms, without its cache %lld ms",
               events, (long long)slowest[0], (long long)slowest[1]);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("daemon killed");
    TCase *t = tcase_create("daemon killed");
    tcase_set_timeout(t, fault_times(240, 20000));
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, daemon__killed_at_any_moment__clients_go_on_with_the_same_bytes);
    suite_add_tcase(s, t);
    return support_run(s);
}
