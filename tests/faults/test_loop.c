/* SPDX-License-Identifier: MIT */
/* The daemon's loop beside what does not get on: a log that nobody reads, a config that is a pipe,
 * a lock that is held, clients that are refused again and again. */
#include "e2e/peer.h"
#include "faults/faults.h"
#include "faults/started.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static struct images images;
static struct daemon d;

static void setup(void)
{
    support_setup();
    memset(&d, 0, sizeof d);
    images_make(&images, 500, 28, 28, 3);
}

static void teardown(void)
{
    images_free(&images);
    support_teardown();
}

/* `more` are lines of the config; an entry is the test's images under a name. */
static void write_config(const char *more, int entries)
{
    char text[4096];
    size_t n = (size_t)snprintf(text, sizeof text, "socket: fmnistd.sock\n%sdatasets:\n", more);
    for (int i = 0; i < entries; i++)
        n += (size_t)snprintf(text + n, sizeof text - n,
                              "  - name: %s\n    path: %s\n"
                              "    splits: {train: {images: train-images-idx3-ubyte, "
                              "labels: train-labels-idx1-ubyte}}\n",
                              i ? "other" : "tiny", support_dir());
    snprintf(d.config, sizeof d.config, "%s/fmnistd.yaml", support_dir());
    snprintf(d.socket, sizeof d.socket, "%s/fmnistd.sock", support_dir());
    support_write(d.config, text, n);
}

static bool can_connect(void *data)
{
    struct fmnist_connect_options o = {
        .size = sizeof o, .socket = d.socket, .timeout_ms = 30000, .reconnect_ms = -1};
    return fmnist_connect(&o, data) == FMNIST_OK;
}

static void read_batches(struct fmnist_stream *stream, int count)
{
    struct fmnist_batch b;
    while (count > 0) {
        int rc = fmnist_next(stream, &b);
        if (rc == FMNIST_END_OF_EPOCH)
            continue;
        must(rc);
        check_bytes(&images, &b);
        must(fmnist_release(stream, &b));
        count--;
    }
}

static struct fmnist_stream *open_small(struct fmnist_client *client)
{
    struct fmnist_spec spec = spec_of("tiny");
    spec.dtype = FMNIST_UINT8;
    spec.batch_size = 8;
    spec.order = FMNIST_ORDER_SHUFFLE;
    return open_stream(client, &spec);
}

/* Its stream has been told that the daemon ends, and by the daemon. */
static void hear_the_end(struct fmnist_stream *stream)
{
    struct fmnist_batch b;
    int rc;
    while ((rc = fmnist_next(stream, &b)) >= 0)
        if (rc == FMNIST_OK)
            must(fmnist_release(stream, &b));
    ck_assert_int_eq(rc, FMNIST_EDEAD);
    ck_assert_msg(strstr(fmnist_error(), "shutting down"), "%s", fmnist_error());
}

/* A pipe that is full, and nobody reads it. */
static void open_full_pipe(int ends[2])
{
    static const char filling[4096];
    char name[64];
    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    ck_assert_int_eq(fcntl(ends[1], F_SETPIPE_SZ, 4096), 4096);
    snprintf(name, sizeof name, "/proc/self/fd/%d", ends[1]);
    int own = open(name, O_WRONLY | O_NONBLOCK | O_CLOEXEC); /* an open file of its own */
    ck_assert_int_eq(write(own, filling, sizeof filling), sizeof filling);
    ck_assert_int_eq(write(own, filling, 1), -1);
    close(own);
}

/* The loop stood in the write: clients, reload and SIGTERM with it. */
START_TEST(stderr_is_a_full_pipe__serves_reloads_and_ends)
{
    unsigned rounds = fault_times(2, 200);
    int batches = 500, reloads = 40;
    for (unsigned i = 0; i < rounds; i++) {
        int ends[2];
        struct fmnist_client *client;
        write_config("cache: none\nlog_level: debug\n", 1);
        open_full_pipe(ends);
        pid_t pid = start_daemon(d.config, ends[1]);
        ck_assert(daemon_wait_until(can_connect, &client));
        struct fmnist_stream *stream = open_small(client);
        for (int k = 0; k < reloads; k++)
            must(fmnist_reload(client, NULL));
        read_batches(stream, batches);
        int64_t start = milliseconds();
        end_daemon(pid);
        ck_assert_int_le(milliseconds() - start, END_MS);
        hear_the_end(stream);
        fmnist_close(stream);
        fmnist_disconnect(client);
        close(ends[0]);
        close(ends[1]);
    }
    fault_held("standard error is a full pipe that nobody reads", rounds,
               "%d batches, %d reloads, then SIGTERM: an orderly end each time", batches, reloads);
}
END_TEST

/* open(2) of a pipe waits for its writer, and a worker waited there. */
START_TEST(reload__config_is_a_pipe__refused_while_streams_go_on)
{
    unsigned times = fault_times(20, 2000);
    write_config("cache: none\nworkers: 1\n", 1);
    daemon_restart(&d);
    struct fmnist_client *client = connect_to(&d);
    struct fmnist_stream *stream = open_small(client);
    ck_assert(unlink(d.config) == 0 && mkfifo(d.config, 0600) == 0);
    for (unsigned i = 0; i < times; i++) {
        ck_assert_int_eq(kill(d.pid, SIGHUP), 0);
        int rc = fmnist_reload(client, NULL);
        ck_assert(rc == FMNIST_EINVAL || rc == FMNIST_EBUSY);
        read_batches(stream, 50);
    }
    int rc; /* on a busy machine all were refused because the first was under way */
    while ((rc = fmnist_reload(client, NULL)) == FMNIST_EBUSY)
        read_batches(stream, 50);
    ck_assert_int_eq(rc, FMNIST_EINVAL);
    fmnist_close(stream);
    fmnist_disconnect(client);
    daemon_stop(&d);
    ck_assert_msg(strstr(d.log, "fmnistd.yaml:1: a pipe; allowed: a YAML file"), "%s", d.log);
    fault_held("reload of a config that is a pipe", times,
               "refused each time, with one worker, and 50 batches after each");
}
END_TEST

/* Somebody else builds the cache file of the dataset that a reload adds, and does not get on. */
START_TEST(reload__cache_lock_is_held__streams_go_on_and_sigterm_ends)
{
    unsigned times = fault_times(3, 100);
    int64_t longest = 0;
    for (unsigned i = 0; i < times; i++) {
        memset(&d, 0, sizeof d);
        write_config("cache: cache\nworkers: 1\n", 1);
        daemon_restart(&d);
        struct fmnist_client *client = connect_to(&d);
        struct fmnist_stream *stream = open_small(client);
        int lock = open(support_path("cache/other-train.lock"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        ck_assert(lock >= 0 && flock(lock, LOCK_EX) == 0);
        write_config("cache: cache\nworkers: 1\n", 2);
        ck_assert_int_eq(kill(d.pid, SIGHUP), 0);
        ck_assert_int_eq(kill(d.pid, SIGHUP), 0); /* another one waits behind it */
        read_batches(stream, 2000);
        int64_t start = milliseconds();
        daemon_stop(&d);
        longest = milliseconds() - start > longest ? milliseconds() - start : longest;
        hear_the_end(stream);
        fmnist_close(stream);
        fmnist_disconnect(client);
        ck_assert_int_eq(access(support_path("cache/other-train.tmp"), F_OK), -1);
        close(lock);
    }
    ck_assert_int_le(longest, END_MS);
    fault_held("SIGTERM while a reload waits for a held cache lock", times,
               "2,000 batches with one worker meanwhile; ends in at most %d ms", (int)longest);
}
END_TEST

/* The daemon's thread of that name. */
static pid_t find_thread(const char *name)
{
    char path[64], got[32];
    pid_t found = 0;
    snprintf(path, sizeof path, "/proc/%d/task", (int)d.pid);
    DIR *folder = opendir(path);
    for (struct dirent *e; folder && !found && (e = readdir(folder));) {
        snprintf(path, sizeof path, "/proc/%d/task/%.16s/comm", (int)d.pid, e->d_name);
        FILE *f = *e->d_name == '.' ? NULL : fopen(path, "re");
        if (f && fgets(got, sizeof got, f) && !strncmp(got, name, strlen(name)))
            found = atoi(e->d_name);
        if (f)
            fclose(f);
    }
    if (folder)
        closedir(folder);
    return found;
}

/* Whether it waits for the lock, and so holds no other: one that stood still within malloc would
 * keep everybody from it. */
static bool opener_waits(void *unused)
{
    char path[64];
    int call = -1;
    snprintf(path, sizeof path, "/proc/%d/task/%d/syscall", (int)d.pid, (int)find_thread("opener"));
    FILE *f = fopen(path, "re");
    if (f && fscanf(f, "%d", &call) != 1)
        call = -1; /* it runs */
    if (f)
        fclose(f);
    return call == SYS_clock_nanosleep || call == SYS_nanosleep;
}

/* As in a file system that does not answer: the thread stands still, and hears of nothing. */
START_TEST(sigterm__opener_does_not_get_on__ends_and_tells)
{
    write_config("cache: cache\n", 1);
    daemon_restart(&d);
    struct fmnist_client *client = connect_to(&d);
    struct fmnist_stream *stream = open_small(client);
    int lock = open(support_path("cache/other-train.lock"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    ck_assert(lock >= 0 && flock(lock, LOCK_EX) == 0);
    write_config("cache: cache\n", 2);
    ck_assert_int_eq(kill(d.pid, SIGHUP), 0);
    ck_assert(daemon_wait_until(opener_waits, NULL));
    pid_t opener = find_thread("opener");
    if (ptrace(PTRACE_SEIZE, opener, 0, 0) || ptrace(PTRACE_INTERRUPT, opener, 0, 0)) {
        fputs("skipped: a thread cannot be stopped here\n", stderr);
        daemon_stop(&d);
    } else {
        ck_assert_int_eq(waitpid(opener, NULL, __WALL), opener); /* it stands */
        read_batches(stream, 1000);
        ck_assert_int_eq(kill(d.pid, SIGTERM), 0);
        ck_assert_int_eq(waitpid(opener, NULL, __WALL), opener); /* it ends with the process */
        int status = daemon_reap(&d);
        ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%#x", (unsigned)status);
        ck_assert_msg(strstr(d.log, "ending without waiting for the thread that opens datasets"),
                      "%s", d.log);
        ck_assert_int_ne(access(d.socket, F_OK), 0);
        hear_the_end(stream);
    }
    fmnist_close(stream);
    fmnist_disconnect(client);
    close(lock);
}
END_TEST

static unsigned count_lines(const char *text, const char *word)
{
    unsigned n = 0;
    for (const char *at = text; (at = strstr(at, word)); at++)
        n++;
    return n;
}

/* A client that is refused comes again at once: 8,000 lines a second were seen. */
START_TEST(clients__refused_again_and_again__few_lines)
{
    unsigned times = fault_times(3000, 300000);
    write_config("cache: none\n", 1);
    daemon_restart(&d);
    int64_t start = milliseconds();
    for (unsigned i = 0; i < times; i++) {
        int fd = dial(&d);
        say(fd, OPEN, NULL, 0);
        hear_error(fd, FMNIST_EPROTO, "not expected before hello");
    }
    /* Every two seconds the first of them, and a line for the others. */
    unsigned allowed = 11 * (unsigned)((milliseconds() - start) / 2000 + 2);
    daemon_stop(&d);
    unsigned lines = count_lines(d.log, "client");
    ck_assert_uint_le(lines, allowed);
    ck_assert_uint_ge(count_lines(d.log, "more of this kind, the last: client"), 1);
    fault_held("a client refused again and again", times, "%u lines in the log", lines);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("faults/loop");
    TCase *tc = tcase_create("loop");
    tcase_set_timeout(tc, getenv("FAULTS") ? 7200 : 120);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, stderr_is_a_full_pipe__serves_reloads_and_ends);
    tcase_add_test(tc, reload__config_is_a_pipe__refused_while_streams_go_on);
    tcase_add_test(tc, reload__cache_lock_is_held__streams_go_on_and_sigterm_ends);
    tcase_add_test(tc, sigterm__opener_does_not_get_on__ends_and_tells);
    tcase_add_test(tc, clients__refused_again_and_again__few_lines);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
