/* SPDX-License-Identifier: MIT */
/* A hostile client beside a good one of another user: the good one's batches come, every byte of
 * them right, and whatever the hostile one took goes back with it.
 *
 * How much of the good client's rate and patience an attack costs is told; what is asserted is that
 * it goes on, for the machine that tests run on has others to serve.
 */
#include "faults/attacks.h"
#include "faults/faults.h"

#include <errno.h>

enum { BUCKETS = 256, BATCH = 8, BEFORE = 0, DURING = 1, AFTER = 2 };

#define USER_BYTES (UINT64_C(32) << 20)
#define SLACK      (UINT64_C(96) << 20) /* of the daemon's own, of jobs under way, of sockets */

static struct images all;
static struct daemon d;
static struct fmnist_client *client; /* the test's own */
static unsigned descriptors;

/* What the good client tells. */
static struct good {
    _Atomic int phase;
    _Atomic bool stop;
    _Atomic uint64_t batches[3];
    _Atomic uint32_t waits[3][BUCKETS]; /* of batches, by how long they took */
    _Atomic uint64_t tries;             /* the attacker's */
    char wrong[400];
} * good;

static void setup(void)
{
    support_setup();
    images_make(&all, 1000, 10, 10, 1);
    serve_tiny(&d, "workers: 2\n"
                   "limits: {ring_bytes: 8MiB, ring_bytes_per_user: 32MiB, list_bytes: 1MiB, "
                   "handshake_ms: 300}\n");
    let_all_in(&d);
    good = mmap(NULL, sizeof *good, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(good, MAP_FAILED);
    tries = &good->tries;
    client = connect_to(&d);
}

static void teardown(void)
{
    fmnist_disconnect(client);
    daemon_stop(&d);
    munmap(good, sizeof *good);
    images_free(&all);
    ck_assert_int_eq(chmod(support_dir(), 0700), 0);
    support_teardown();
}

/* ---- the good client ------------------------------------------------------------------------ */

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* Four to each power of two. */
static unsigned bucket_of(uint64_t us)
{
    if (us < 4)
        return (unsigned)us;
    unsigned top = 63 - (unsigned)__builtin_clzll(us);
    return 4 * (top - 1) + (us >> (top - 2) & 3);
}

/* What no value of the bucket reaches. */
static uint64_t end_of_bucket(unsigned i)
{
    return i < 4 ? i + 1 : (UINT64_C(5) + i % 4) << (i / 4 - 1);
}

static bool is_right(const struct fmnist_batch *b)
{
    size_t size = (size_t)all.height * all.width;
    uint64_t first = b->step * BATCH;
    if (first + b->count > all.count)
        return false;
    for (uint64_t i = 0; i < b->count; i++)
        if (b->indices[i] != (int64_t)(first + i) ||
            ((const int64_t *)b->labels)[i] != all.labels[first + i])
            return false;
    return !memcmp(b->images, all.pixels + first * size, b->count * size);
}

static int read_one(struct fmnist_stream *stream)
{
    struct fmnist_batch b;
    uint64_t start = now_ns();
    int rc = fmnist_next(stream, &b);
    if (rc)
        return rc == FMNIST_END_OF_EPOCH ? 0 : rc;
    int phase = atomic_load(&good->phase);
    atomic_fetch_add(&good->waits[phase][bucket_of((now_ns() - start) / 1000)], 1);
    atomic_fetch_add(&good->batches[phase], 1);
    if (!is_right(&b)) {
        snprintf(good->wrong, sizeof good->wrong, "batch (%llu, %llu) has other bytes",
                 (unsigned long long)b.epoch, (unsigned long long)b.step);
        return 1;
    }
    return fmnist_release(stream, &b);
}

static int read_on(const struct daemon *to_daemon, int to)
{
    struct fmnist_connect_options o = {.size = sizeof o,
                                       .socket = to_daemon->socket,
                                       .timeout_ms = DAEMON_PATIENCE_MS,
                                       .reconnect_ms = -1};
    struct fmnist_spec spec = spec_of("tiny");
    struct fmnist_client *own = NULL;
    struct fmnist_stream *stream = NULL;
    spec.dtype = FMNIST_UINT8;
    spec.batch_size = BATCH;
    int rc = fmnist_connect(&o, &own);
    if (!rc)
        rc = fmnist_open(own, &spec, NULL, &stream);
    while (!rc && !atomic_load(&good->stop))
        rc = read_one(stream);
    if (rc && !*good->wrong)
        snprintf(good->wrong, sizeof good->wrong, "%d: %s", rc, fmnist_error());
    fmnist_close(stream);
    fmnist_disconnect(own);
    return rc != 0;
}

/* The wait that one batch of a hundred had at least, in microseconds. */
static uint64_t p99_us(int phase)
{
    uint64_t count = 0, all_of_them = atomic_load(&good->batches[phase]);
    for (unsigned i = 0; i < BUCKETS; i++) {
        count += atomic_load(&good->waits[phase][i]);
        if (count * 100 >= all_of_them * 99)
            return end_of_bucket(i);
    }
    return 0;
}

/* ---- an attack ------------------------------------------------------------------------------ */

/* What the daemon has resident, all shared memory included. */
static uint64_t resident_bytes(void)
{
    char path[64], line[256];
    unsigned long long kb = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)d.pid);
    FILE *f = fopen(path, "re");
    ck_assert_ptr_nonnull(f);
    while (fgets(line, sizeof line, f) && sscanf(line, "VmRSS: %llu", &kb) != 1)
        ;
    fclose(f);
    return kb * 1024;
}

/* Batches of a phase that lasts so long; the daemon's most memory meanwhile. */
static double rate_of(int phase, unsigned ms, uint64_t *most)
{
    int64_t start = milliseconds();
    atomic_store(&good->phase, phase);
    while (milliseconds() - start < ms) {
        poll(NULL, 0, 10);
        uint64_t bytes = resident_bytes();
        *most = bytes > *most ? bytes : *most;
    }
    uint64_t batches = atomic_load(&good->batches[phase]);
    atomic_store(&good->phase, AFTER);
    return (double)batches * 1000 / (double)(milliseconds() - start);
}

static bool good_reads(void *data)
{
    return atomic_load(&good->batches[BEFORE]) > 0 || *good->wrong;
}

static bool good_goes_on(void *data)
{
    return atomic_load(&good->batches[AFTER]) > 100 || *good->wrong;
}

static bool has_descriptors(void *data)
{
    return daemon_descriptors(&d) <= descriptors;
}

/* The attacker has gone, and nothing of it is left. */
static void check_rest(const char *what)
{
    ck_assert_msg(daemon_wait_until(good_goes_on, NULL), "after %s the good client stays", what);
    wait_for_clients(client, 2);
    ck_assert_msg(daemon_wait_until(has_descriptors, NULL), "%s: descriptors: %u before, %u after",
                  what, descriptors, daemon_descriptors(&d));
}

typedef void hostile(const struct daemon *d);
static hostile *hostile_act; /* of the attack under way */

static int be_hostile(const struct daemon *to_daemon, int to)
{
    hostile_act(to_daemon);
    return 0;
}

static void attack(const char *what, hostile *act)
{
    struct other bob, alice;
    uint64_t before_bytes = 0, most = 0;
    memset(good, 0, sizeof *good);
    other_start(&bob, BOB, &d, read_on);
    ck_assert_msg(daemon_wait_until(good_reads, NULL), "the good client reads nothing");
    wait_for_clients(client, 2);
    descriptors = daemon_descriptors(&d);
    atomic_store(&good->batches[BEFORE], 0);
    double before = rate_of(BEFORE, fault_times(300, 5000), &before_bytes);
    hostile_act = act;
    other_start(&alice, ALICE, &d, be_hostile);
    double during = rate_of(DURING, fault_times(900, 600000), &most);
    other_kill(&alice);
    check_rest(what);
    atomic_store(&good->stop, true);
    int status = other_wait(&bob);
    ck_assert_msg(status == 0, "%s: the good client ended with %d: %s", what, status, good->wrong);
    ck_assert_msg(atomic_load(&good->tries) > 0, "%s: nothing was done", what);
    /* A second of a busy machine says that it goes on; minutes say how fast. */
    ck_assert_msg(during > fault_share(0.01, 0.4) * before, "%s: %.0f batches/s of %.0f", what,
                  during, before);
    ck_assert_msg(SANITIZED || most < before_bytes + USER_BYTES + SLACK,
                  "%s: %llu bytes, %llu before", what, (unsigned long long)most,
                  (unsigned long long)before_bytes);
    fault_held(what, atomic_load(&good->tries),
               "a good client of another user: every byte right, %.0f %% of its rate, p99 %llu us "
               "(%llu before); the daemon had %.0f MiB more at most, and has let go of all",
               100 * during / before, (unsigned long long)p99_us(DURING),
               (unsigned long long)p99_us(BEFORE),
               most > before_bytes ? (double)(most - before_bytes) / (1 << 20) : 0.0);
}

static const struct {
    const char *what;
    hostile *act;
} attacks[] = {
    {"hostile client: descriptors with every frame", send_descriptors},
    {"hostile client: every word of its page", write_its_page},
    {"hostile client: half handshakes", half_handshakes},
    {"hostile client: floods of each frame in each state", flood_frames},
    {"hostile client: floods of KICK", flood_kicks},
    {"hostile client: far seeks", seek_far},
    {"hostile client: opens all the time", storm_of_opens},
    {"hostile client: giant specs", giant_specs},
    {"hostile client: asks and never reads", never_read},
    {"hostile client: flags, locks and holes of shared files", change_files},
};

START_TEST(attack__any__the_good_client_goes_on)
{
    attack(attacks[_i].what, attacks[_i].act);
}
END_TEST

/* ---- shared memory -------------------------------------------------------------------------- */

/* Everything that could write into a ring, or resize it or the seat, by descriptor `fd`. Returns 0,
 * or the number of what went. */
static int write_anyhow(int fd, bool is_ring)
{
    void *map;
    if (is_ring) {
        map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (map != MAP_FAILED)
            return 1;
        map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
        if (map != MAP_FAILED && mprotect(map, 4096, PROT_READ | PROT_WRITE) == 0)
            return 2;
        if (map != MAP_FAILED)
            munmap(map, 4096);
        if (pwrite(fd, "x", 1, 64) >= 0)
            return 3;
        if (!fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096))
            return 4;
    }
    if (!ftruncate(fd, 0) || !ftruncate(fd, 1 << 30))
        return 5;
    if (!fallocate(fd, 0, 0, 1 << 30))
        return 6;
    static const int seals[] = {F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_WRITE,
                                F_SEAL_FUTURE_WRITE};
    for (size_t i = 0; i < sizeof seals / sizeof *seals; i++)
        if (!fcntl(fd, F_ADD_SEALS, seals[i]))
            return 7;
    return 0;
}

/* By the descriptors that came, and by what can be opened again of them. */
static int write_memory(const struct daemon *to_daemon, int to)
{
    int fds[2], fd = attack_open(to_daemon, fds);
    if (fd < 0)
        return 90;
    for (int i = 0; i < 2; i++) {
        static const int modes[] = {O_RDWR, O_WRONLY, O_RDONLY, O_RDWR | O_TRUNC};
        char path[64];
        int went = write_anyhow(fds[i], i == 0);
        if (went)
            return 10 * i + went;
        for (size_t k = 0; k < sizeof modes / sizeof *modes; k++) {
            snprintf(path, sizeof path, "/proc/self/fd/%d", fds[i]);
            int again = open(path, modes[k] | O_CLOEXEC);
            if (again >= 0 && geteuid() == ALICE)
                return 10 * i + 8; /* it is the daemon's user's, and nobody else's */
            went = again < 0 ? 0 : write_anyhow(again, i == 0);
            if (went)
                return 10 * i + went;
            if (again >= 0)
                close(again);
        }
    }
    close(fd);
    return 0;
}

START_TEST(memory__by_any_descriptor_and_user__neither_written_nor_resized)
{
    static const uid_t users[] = {0, ALICE};
    for (int i = 0; i < 2; i++) {
        struct other o;
        other_start(&o, users[i], &d, write_memory);
        int went = other_wait(&o);
        ck_assert_msg(went == 0, "uid %u: %d", (unsigned)users[i], went);
    }
    wait_for_clients(client, 1);
    fault_held("hostile client: writes, resizes and seals of shared memory", 2,
               "as the daemon's user and as another one; all refused");
}
END_TEST

/* ---- who may not come in -------------------------------------------------------------------- */

static int knock(const struct daemon *to_daemon, int to)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    memcpy(a.sun_path, to_daemon->socket, strlen(to_daemon->socket));
    for (unsigned i = 0, times = fault_times(1000, 1000000); i < times; i++) {
        int fd = socket(AF_UNIX, i % 2 ? SOCK_STREAM : SOCK_SEQPACKET, 0);
        if (connect(fd, (struct sockaddr *)&a, sizeof a) == 0 || errno != EACCES)
            return 1;
        close(fd);
    }
    static const char *const ends[] = {"", ".lock", ".new"};
    for (size_t i = 0; i < 3; i++) {
        char path[600];
        snprintf(path, sizeof path, "%s%s", to_daemon->socket, ends[i]);
        if (unlink(path) == 0 || open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) >= 0)
            return 2;
    }
    return 0;
}

START_TEST(socket__of_mode_0600__nobody_else_comes_in)
{
    struct other o;
    if (!other_users_can_be())
        return;
    ck_assert_int_eq(chmod(d.socket, 0600), 0);
    other_start(&o, CAROL, &d, knock);
    ck_assert_int_eq(other_wait(&o), 0);
    fault_held("a user who may not connect", fault_times(1000, 1000000),
               "refused by the socket's mode; its files stay where they are");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("hostile");
    TCase *tc = tcase_create("hostile");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, fault_times(120, 3600));
    tcase_add_loop_test(tc, attack__any__the_good_client_goes_on, 0,
                        sizeof attacks / sizeof *attacks);
    tcase_add_test(tc, memory__by_any_descriptor_and_user__neither_written_nor_resized);
    tcase_add_test(tc, socket__of_mode_0600__nobody_else_comes_in);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
