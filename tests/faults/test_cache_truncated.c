/* SPDX-License-Identifier: MIT */
/* The cache file of a dataset is cut short, punched, or written into, under clients that stream
 * from it and others that stream from another dataset: not one wrong byte, an error that names the
 * file, and a reload that builds it again. The others go on. */
#include "faults/faults.h"
#include "faults/witness.h"

#include <fcntl.h>
#include <sys/stat.h>

enum { COUNT = 6000, SIDE = 28, HURT_BATCH = 32 };

static struct daemon d;
static struct images all;
static const char *hurt; /* the path of its cache file */

static void setup(void)
{
    static char path[512];
    support_setup();
    images_make(&all, COUNT, SIDE, SIDE, 1);
    snprintf(path, sizeof path, "%s/cache/hurt-train.cache", support_dir());
    hurt = path;
    daemon_start(&d,
                 "cache: %s/cache\n"
                 "workers: 2\n"
                 "datasets:\n"
                 "  - name: tiny\n"
                 "    path: %s\n"
                 "    splits: {train: {images: train-images-idx3-ubyte, "
                 "labels: train-labels-idx1-ubyte}}\n"
                 "  - name: hurt\n"
                 "    path: %s\n"
                 "    splits: {train: {images: train-images-idx3-ubyte, "
                 "labels: train-labels-idx1-ubyte}}\n",
                 support_dir(), support_dir(), support_dir());
}

static void teardown(void)
{
    images_free(&all);
    support_teardown();
}

/* ---- what is done to the file --------------------------------------------------------------- */

static void cut(void)
{
    (void)!truncate(hurt, 0);
}

static void cut_in_the_middle(void)
{
    (void)!truncate(hurt, 4096 + COUNT / 2 * SIDE * SIDE + 5);
}

static void cut_and_grow(void)
{
    struct stat st;
    if (stat(hurt, &st) == 0 && truncate(hurt, 0) == 0)
        (void)!truncate(hurt, st.st_size);
}

static void punch(void)
{
    int fd = open(hurt, O_RDWR | O_CLOEXEC);
    fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096, COUNT * SIDE * SIDE);
    close(fd);
}

static void overwrite(void)
{
    static const char garbage[SIDE * SIDE] = "not an image";
    int fd = open(hurt, O_WRONLY | O_CLOEXEC);
    for (int i = 0; i < COUNT; i++)
        (void)!pwrite(fd, garbage, sizeof garbage, 4096 + i * (off_t)sizeof garbage);
    close(fd);
}

static void (*const ways[])(void) = {cut, cut_in_the_middle, cut_and_grow, punch, overwrite};
enum { WAYS = sizeof ways / sizeof *ways };

/* In a process of its own, at some moment of the next few milliseconds. */
static pid_t start_attack(void (*way)(void), uint64_t *random)
{
    struct timespec pause = {.tv_nsec = (long)(next_random(random) % 4000000)};
    pid_t pid = fork();
    if (pid == 0) {
        nanosleep(&pause, NULL);
        way();
        _exit(0);
    }
    return pid;
}

/* ---- its clients ---------------------------------------------------------------------------- */

enum { STREAMS = 4 };

/* Either transport. */
static struct fmnist_spec hurt_spec(int i)
{
    struct fmnist_spec spec = spec_of("hurt");
    spec.dtype = FMNIST_UINT8;
    spec.batch_size = HURT_BATCH;
    spec.order = FMNIST_ORDER_SHUFFLE;
    spec.seed = (uint64_t)i;
    spec.transport = i % 2 ? FMNIST_INLINE : FMNIST_SHM;
    return spec;
}

/* Reads one batch, which has to be exact. Returns whether there was one, not the error. */
static bool read_one(struct fmnist_stream *stream)
{
    struct fmnist_batch b;
    int rc = fmnist_next(stream, &b);
    if (rc == FMNIST_END_OF_EPOCH)
        return true;
    if (rc) {
        ck_assert_msg(rc == FMNIST_EIO, "%d: %s", rc, fmnist_error());
        ck_assert_msg(strstr(fmnist_error(), hurt), "\"%s\" does not name %s", fmnist_error(),
                      hurt);
        return false;
    }
    check_bytes(&all, &b);
    must(fmnist_release(stream, &b));
    return true;
}

/* Reads until each has ended. Returns how many batches came. */
static uint64_t read_until_hurt(struct fmnist_stream *streams[STREAMS])
{
    uint64_t batches = 0;
    bool ended[STREAMS] = {false};
    for (int left = STREAMS, i = 0; left; i = (i + 1) % STREAMS)
        if (!ended[i]) {
            ended[i] = !read_one(streams[i]);
            left -= ended[i];
            batches += !ended[i];
        }
    return batches;
}

static uint64_t run_round(unsigned round, uint64_t *random)
{
    struct fmnist_client *clients[STREAMS], *other = connect_to(&d);
    struct fmnist_stream *streams[STREAMS], *stream;
    for (int i = 0; i < STREAMS; i++) {
        struct fmnist_spec spec = hurt_spec(i);
        clients[i] = connect_to(&d);
        streams[i] = open_stream(clients[i], &spec);
        ck_assert(read_one(streams[i]));
    }
    pid_t attacker = start_attack(ways[round % WAYS], random);
    uint64_t batches = read_until_hurt(streams);
    ck_assert_int_eq(waitpid(attacker, NULL, 0), attacker);
    for (int i = 0; i < STREAMS; i++) {
        fmnist_close(streams[i]);
        fmnist_disconnect(clients[i]);
    }
    /* Whoever comes now is told, and the reload ends it. */
    struct fmnist_spec spec = hurt_spec(0);
    must_be(fmnist_open(other, &spec, NULL, &stream), FMNIST_EIO, "an open", __FILE__, __LINE__);
    ck_assert_ptr_nonnull(strstr(fmnist_error(), hurt));
    char *text;
    must(fmnist_reload(other, &text));
    ck_assert_ptr_nonnull(strstr(text, "dataset \"hurt\": opened anew"));
    free(text);
    stream = open_stream(other, &spec);
    for (int i = 0; i < 20; i++)
        ck_assert(read_one(stream));
    fmnist_close(stream);
    fmnist_disconnect(other);
    return batches;
}

START_TEST(cache_file__changed_under_streams__they_end_with_its_name_and_others_go_on)
{
    unsigned rounds = fault_times(4 * WAYS, 400 * WAYS);
    uint64_t random = 20261127, batches = 0;
    struct witness witness;
    witness_start(&witness, &d, FMNIST_SHM, &all);
    for (unsigned round = 0; round < rounds; round++) {
        batches += run_round(round, &random);
        witness_await(&witness, 1);
    }
    uint64_t exact = witness_end(&witness);
    daemon_stop(&d);
    ck_assert_msg(strstr(d.log, hurt), "the log does not name %s:\n%s", hurt, d.log);
    fault_held("a cache file is cut, punched or overwritten under four streams", rounds,
               "%llu batches of them exact until each ended with the file's name, one of another "
               "dataset exact over %llu; a reload built the file again",
               (unsigned long long)batches, (unsigned long long)exact);
}
END_TEST

/* Whose socket is full when the stream ends, with half of a batch in it, is told behind the rest.
 */
START_TEST(cache_file__changed_while_a_reader_sleeps__told_behind_what_was_sent)
{
    struct fmnist_client *control = connect_to(&d);
    uint64_t random = 20261128;
    for (int round = 0; round < 40; round++) {
        struct fmnist_client *client = connect_to(&d);
        struct fmnist_spec spec = hurt_spec(1);
        struct fmnist_stream *stream = open_stream(client, &spec);
        pid_t attacker = start_attack(cut, &random);
        ck_assert_int_eq(waitpid(attacker, NULL, 0), attacker);
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
        while (read_one(stream)) {
        }
        fmnist_close(stream);
        fmnist_disconnect(client);
        char *text;
        must(fmnist_reload(control, &text));
        free(text);
    }
    fmnist_disconnect(control);
    daemon_stop(&d);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("faults/cache_truncated");
    TCase *tc = tcase_create("cache_file");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 3600);
    tcase_add_test(tc, cache_file__changed_under_streams__they_end_with_its_name_and_others_go_on);
    tcase_add_test(tc, cache_file__changed_while_a_reader_sleeps__told_behind_what_was_sent);
    suite_add_tcase(s, tc);
    return support_run(s);
}
