/* SPDX-License-Identifier: MIT */
/* Everything at once: clients that nap, hold, seek, leave and die, lists that come, lying peers,
 * and a config that is read again all the while with other workers, limits and datasets. Whatever a
 * client is given is right, and in the end nothing is left behind. */
#include "e2e/peer.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define CLIENTS   8u
#define LIARS     2u
#define ROUNDS_MS 3000
#define PIXELS    784u
#define LISTS     3u
#define LIST_MAX  400u

static struct daemon d;
static struct images all;
static struct fmnist_client *client;
static uint32_t lists[LISTS][LIST_MAX];

static void setup(void)
{
    support_setup();
    images_make(&all, 500, 28, 28, 1);
    serve_tiny(&d, "workers: 2\nring: 128KiB\n");
    client = connect_to(&d);
    uint64_t random = 99;
    for (uint32_t i = 0; i < LISTS; i++)
        for (uint32_t k = 0; k < LIST_MAX; k++)
            lists[i][k] = (uint32_t)(next_random(&random) % all.count);
}

static void teardown(void)
{
    wait_for_clients(client, 1);
    fmnist_disconnect(client);
    daemon_stop(&d);
    images_free(&all);
    support_teardown();
}

/* "tiny" always, "other" at times and not always with the same classes, which opens it anew. */
static void reload_at_random(uint64_t *random)
{
    static const char *const rings[] = {"64KiB", "128KiB", "1MiB"};
    uint64_t what = next_random(random);
    char text[2048];
    int n = snprintf(text, sizeof text,
                     "socket: fmnistd.sock\ncache: none\nworkers: %u\nring: %s\n"
                     "sample_store: %s\nlimits: {list_bytes: %s}\ndatasets:\n",
                     (unsigned)(what % 8 + 1), rings[what / 8 % 3], what & 1024 ? "1MiB" : "100KiB",
                     what & 2048 ? "1MiB" : "2KiB");
    for (unsigned i = 0; i < 1 + (what >> 12) % 3; i++)
        n += snprintf(text + n, sizeof text - (size_t)n,
                      "  - name: %s\n    path: %s\n    transpose: %s\n"
                      "    splits: {train: {images: train-images-idx3-ubyte, "
                      "labels: train-labels-idx1-ubyte}}\n",
                      i == 0   ? "tiny"
                      : i == 1 ? "other"
                               : "turned",
                      support_dir(), i == 2 ? "true" : "false");
    support_write(d.config, text, (size_t)n);
    ck_assert_int_eq(kill(d.pid, SIGHUP), 0);
}

static void nap(uint64_t us)
{
    struct timespec t = {.tv_sec = 0, .tv_nsec = (long)(us % 1000000) * 1000};
    nanosleep(&t, NULL);
}

static struct fmnist_spec random_spec(uint64_t *random)
{
    uint64_t what = next_random(random);
    struct fmnist_spec spec = spec_of(what & 1 ? "tiny" : what & 2 ? "other" : "turned");
    spec.dtype = what >> 20 & 1 ? FMNIST_UINT8 : FMNIST_FLOAT32;
    spec.batch_size = 8;
    spec.epochs = what >> 4 & 1;
    spec.transport = what >> 5 & 1 ? FMNIST_SHM : FMNIST_INLINE;
    spec.order = FMNIST_ORDER_SHUFFLE;
    spec.seed = what >> 6 & 1;
    if ((what >> 8) % 3 == 0) {
        spec.order = FMNIST_ORDER_LIST;
        spec.seed = 0;
        spec.list = lists[what >> 12 & 1];
        spec.list_count = what >> 13 & 1 ? LIST_MAX : 40;
    }
    if ((what >> 16) % 4 == 0) {
        spec.height = spec.width = 14;
        spec.resize = FMNIST_RESIZE_PILLOW12_BILINEAR;
    }
    return spec;
}

static bool has_pixels(const struct fmnist_spec *spec, const struct fmnist_batch *b, uint64_t i)
{
    const uint8_t *levels = all.pixels + (size_t)b->indices[i] * PIXELS;
    if (spec->dtype == FMNIST_UINT8)
        return memcmp((const char *)b->images + i * PIXELS, levels, PIXELS) == 0;
    const float *values = (const float *)b->images + i * PIXELS;
    size_t p = 0;
    while (p < PIXELS && values[p] == (float)levels[p] / 255.0f)
        p++;
    return p == PIXELS;
}

static bool is_right(const struct fmnist_spec *spec, const struct fmnist_batch *b)
{
    for (uint64_t i = 0; i < b->count; i++) {
        int64_t index = b->indices[i];
        if (index < 0 || index >= all.count || ((const int64_t *)b->labels)[i] != all.labels[index])
            return false;
        if (spec->list && index != spec->list[b->step * spec->batch_size + i])
            return false;
        if (!spec->height && strcmp(spec->dataset, "turned") && !has_pixels(spec, b, i))
            return false;
    }
    return true;
}

/* Reads some batches. Returns 0, or the number of what went wrong. */
static int read_some(struct fmnist_stream *stream, const struct fmnist_spec *spec, uint64_t *random)
{
    struct fmnist_batch held[2];
    uint32_t holds = 0, slots = info_of(stream).slot_count;
    for (uint64_t left = next_random(random) % 300; left; left--) {
        uint64_t what = next_random(random) % 100;
        if (what < 4)
            nap(what < 1 ? 20000 : next_random(random) % 1000);
        struct fmnist_batch b;
        int rc = fmnist_next(stream, &b);
        if (rc == FMNIST_END_OF_STREAM)
            break;
        if (rc == FMNIST_END_OF_EPOCH)
            continue;
        if (rc)
            return 10;
        if (!is_right(spec, &b))
            return 11;
        if (what >= 90 && holds < 2 && slots > 4 && (!holds || b.slot - held[0].slot + 4 < slots)) {
            held[holds++] = b;
            continue;
        }
        if (fmnist_release(stream, &b))
            return 12;
        if (holds && (what % 3 == 0 || b.slot - held[0].slot + 2 >= slots)) {
            if (!is_right(spec, &held[0]) || fmnist_release(stream, &held[0]))
                return 13;
            held[0] = held[--holds];
        }
    }
    return 0;
}

/* Opens and reads streams until the time is up, or until it dies. */
static int live(uint64_t random, int64_t end, bool dies)
{
    struct fmnist_connect_options o = {.size = sizeof o, .socket = d.socket};
    struct fmnist_client *own;
    if (fmnist_connect(&o, &own))
        return 1;
    while (milliseconds() < end) {
        struct fmnist_spec spec = random_spec(&random);
        struct fmnist_stream *stream;
        int rc = fmnist_open(own, &spec, NULL, &stream);
        bool may_fail = strcmp(spec.dataset, "tiny") ? rc == FMNIST_ENOENT : false;
        if (rc && !may_fail && !(rc == FMNIST_ELIMIT && spec.list)) {
            fprintf(stderr, "open: %d %s\n", rc, fmnist_error());
            return 2;
        }
        if (rc)
            continue;
        rc = read_some(stream, &spec, &random);
        if (rc) {
            fprintf(stderr, "read: %d %s\n", rc, fmnist_error());
            return rc;
        }
        if (dies && next_random(&random) % 8 == 0)
            raise(SIGKILL);
        fmnist_close(stream);
    }
    fmnist_disconnect(own);
    return dies ? raise(SIGKILL) : 0;
}

/* ---- peers that lie ------------------------------------------------------------------------ */

/* Says and writes what no client would. */
static void lie(int fd, volatile uint64_t *seat, uint64_t *random)
{
    static const uint8_t leaves[2][4] = {{0}, {1}};
    for (int i = 0; i < 40; i++) {
        uint64_t what = next_random(random);
        if (what % 4 == 0 && seat)
            seat[2 + what / 4 % 2] = next_random(random); /* waits, waited_ns */
        if (what % 4 == 1 && seat)
            ((volatile uint32_t *)seat)[2] = (uint32_t)what & 1; /* waiting */
        if (what % 64 == 2 && seat)
            seat[0] += what / 64 % 3 == 0 ? UINT64_MAX : what / 64 % 8;
        if (what % 8 != 3)
            say(fd, KICK, NULL, 0);
        if (what % 64 == 5)
            say(fd, LEAVE, leaves[what / 64 % 2], 4);
        if (what % 8 == 6)
            nap(what / 8 % 4000);
    }
}

static int live_lying(uint64_t random, int64_t end)
{
    while (milliseconds() < end) {
        uint8_t body[OPEN_SIZE], head[8];
        int fds[2], fd = dial_and_greet(&d);
        uint32_t transport = next_random(&random) % 4 ? FMNIST_SHM : FMNIST_INLINE;
        make_open(body, FMNIST_ORDER_SHUFFLE, transport);
        put_le32(body + 136, 8);
        say(fd, OPEN, body, sizeof body);
        if (next_random(&random) % 4 && hear_head(fd, head, fds)) {
            void *seat = fds[1] < 0
                             ? MAP_FAILED
                             : mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fds[1], 0);
            lie(fd, seat == MAP_FAILED ? NULL : seat, &random);
            if (seat != MAP_FAILED)
                munmap(seat, 4096);
            if (fds[0] >= 0) {
                close(fds[0]);
                close(fds[1]);
            }
        }
        close(fd);
    }
    return 0;
}

START_TEST(churn__everything_at_once__every_batch_is_right)
{
    pid_t pids[CLIENTS + LIARS];
    uint64_t random = 0x9e3779b97f4a7c15u * (uint64_t)(_i + 1);
    int64_t end = milliseconds() + ROUNDS_MS;
    for (uint32_t k = 0; k < CLIENTS + LIARS; k++) {
        uint64_t own = next_random(&random);
        pids[k] = fork();
        ck_assert_int_ge(pids[k], 0);
        if (pids[k] == 0)
            _exit(k < CLIENTS ? live(own, end, k % 4 == 3) : live_lying(own, end));
    }
    while (milliseconds() < end) {
        reload_at_random(&random);
        pid_t stopped = pids[next_random(&random) % CLIENTS];
        kill(stopped, SIGSTOP);
        nap(next_random(&random) % 30000);
        kill(stopped, SIGCONT);
        ck_assert_uint_ge(counts_of(client).clients, 1);
    }
    for (uint32_t k = 0; k < CLIENTS + LIARS; k++) {
        int status;
        ck_assert_int_eq(waitpid(pids[k], &status, 0), pids[k]);
        if (k < CLIENTS && k % 4 == 3)
            ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "client %u: 0x%x", k,
                          status);
        else
            ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "client %u: 0x%x", k,
                          status);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("churn");
    TCase *t = tcase_create("churn");
    tcase_set_timeout(t, 120);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, churn__everything_at_once__every_batch_is_right, 0, 2);
    suite_add_tcase(s, t);
    return support_run(s);
}
