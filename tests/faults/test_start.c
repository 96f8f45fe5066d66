/* SPDX-License-Identifier: MIT */
/* The daemon's start and end at any moment: SIGTERM, two at once, as a container's first process,
 * with its files taken away. */
#include "e2e/harness.h"
#include "faults/faults.h"
#include "faults/started.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/stat.h>

static struct images images;
static struct daemon d;
static uint64_t randomness = 88172645463325252u;

static void setup(void)
{
    support_setup();
    memset(&d, 0, sizeof d);
    snprintf(d.config, sizeof d.config, "%s/fmnistd.yaml", support_dir());
    snprintf(d.socket, sizeof d.socket, "%s/fmnistd.sock", support_dir());
}

static void teardown(void)
{
    images_free(&images);
    support_teardown();
}

/* A dataset of so many images, with a cache that is not there yet. */
static void make_dataset(uint32_t count)
{
    images_make(&images, count, 28, 28, 3);
    char text[1024];
    int n = snprintf(text, sizeof text,
                     "socket: fmnistd.sock\ncache: cache\ndatasets:\n  - name: tiny\n    path: %s\n"
                     "    splits: {train: {images: train-images-idx3-ubyte, "
                     "labels: train-labels-idx1-ubyte}}\n",
                     support_dir());
    support_write(d.config, text, (size_t)n);
}

static bool can_connect(void *unused)
{
    struct fmnist_connect_options o = {
        .size = sizeof o, .socket = d.socket, .timeout_ms = 30000, .reconnect_ms = -1};
    struct fmnist_client *client;
    if (fmnist_connect(&o, &client))
        return false;
    fmnist_disconnect(client);
    return true;
}

/* Files of the cache folder with that ending. `remove`: they are taken away. */
static unsigned cache_files(const char *ending, bool remove)
{
    unsigned n = 0;
    DIR *folder = opendir(support_path("cache"));
    for (struct dirent *e; folder && (e = readdir(folder));) {
        size_t size = strlen(e->d_name), end = strlen(ending);
        if (size < end || strcmp(e->d_name + size - end, ending))
            continue;
        n++;
        if (remove)
            ck_assert_int_eq(unlinkat(dirfd(folder), e->d_name, 0), 0);
    }
    if (folder)
        closedir(folder);
    return n;
}

/* 51 of 100 left a file half built, and ended by the signal. */
START_TEST(sigterm__any_moment_of_the_start__in_order_and_nothing_half_is_left)
{
    unsigned times = fault_times(25, 3000), built = 0;
    make_dataset(60000);
    int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    for (unsigned i = 0; i < times; i++) {
        pid_t pid = start_daemon(d.config, nowhere);
        struct timespec moment = {.tv_nsec = (long)(next_random(&randomness) % 500000000)};
        nanosleep(&moment, NULL);
        int status = end_of_told(pid);
        ck_assert_msg(status == 0, "wait status %#x after %ld us", (unsigned)status,
                      moment.tv_nsec / 1000);
        ck_assert_uint_eq(cache_files(".tmp", false), 0);
        ck_assert_int_ne(access(d.socket, F_OK), 0);
        built += cache_files(".cache", true);
    }
    close(nowhere);
    fault_held("SIGTERM at a random moment of the start", times,
               "status 0, no half built file, no socket; %u had built the cache file", built);
}
END_TEST

/* flock(2) waited for the other builder, and SIGTERM for both. */
START_TEST(sigterm__start_waits_for_another_builder__ends)
{
    unsigned times = fault_times(3, 100);
    make_dataset(500);
    ck_assert_int_eq(mkdir(support_path("cache"), 0700), 0);
    int lock = open(support_path("cache/tiny-train.lock"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    ck_assert(lock >= 0 && flock(lock, LOCK_EX) == 0);
    for (unsigned i = 0; i < times; i++) {
        int ends[2];
        char log[4096] = "";
        ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
        pid_t pid = start_daemon(d.config, ends[1]);
        close(ends[1]);
        for (size_t n = 0; !strstr(log, "waiting for");) {
            ssize_t more = read(ends[0], log + n, sizeof log - 1 - n);
            ck_assert_int_gt(more, 0);
            n += (size_t)more;
        }
        end_daemon(pid);
        close(ends[0]);
        ck_assert_uint_eq(cache_files(".tmp", false), 0);
        ck_assert_int_ne(access(d.socket, F_OK), 0);
    }
    close(lock);
    fault_held("SIGTERM while the start waits for another builder", times, "status 0 each time");
}
END_TEST

/* A container's first process gets no signal that it has no handler for. */
START_TEST(sigterm__first_process_of_its_namespace__ends)
{
    unsigned times = fault_times(6, 200);
    make_dataset(60000);
    int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    for (unsigned i = 0; i < times; i++) {
        fflush(NULL);
        pid_t outer = fork();
        if (outer == 0) {
            if (unshare(geteuid() ? CLONE_NEWUSER | CLONE_NEWPID : CLONE_NEWPID))
                _exit(77);
            pid_t pid = fork_for_daemon();
            if (pid == 0)
                become_daemon(d.config, nowhere);
            if (pid < 0)
                _exit(1);
            struct timespec moment = {.tv_nsec = 30000000 + 20000000 * (long)(i % 40)};
            nanosleep(&moment, NULL);
            kill(pid, SIGTERM);
            int status = 0;
            waitpid(pid, &status, 0);
            _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
        }
        int status = end_of(outer);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
            fputs("skipped: a process namespace cannot be made here\n", stderr);
            break;
        }
        ck_assert_int_eq(status, 0);
        cache_files(".cache", true);
        if (i + 1 == times)
            fault_held("SIGTERM as the first process of a namespace, starting or serving", times,
                       "status 0 each time");
    }
    close(nowhere);
}
END_TEST

/* Both find the socket of a daemon that was killed. */
START_TEST(two_daemons__at_once__one_serves)
{
    unsigned times = fault_times(20, 2000);
    make_dataset(500);
    int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    for (unsigned i = 0; i < times; i++) {
        pid_t pids[2];
        for (int k = 0; k < 2; k++)
            pids[k] = start_daemon(d.config, nowhere);
        int status;
        pid_t loser = waitpid(-1, &status, 0);
        ck_assert(loser == pids[0] || loser == pids[1]);
        ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 69, "%#x", (unsigned)status);
        pid_t winner = loser == pids[0] ? pids[1] : pids[0];
        ck_assert(daemon_wait_until(can_connect, NULL));
        if (i % 2) {
            end_daemon(winner);
        } else {
            kill(winner, SIGKILL);
            end_of(winner);
        }
    }
    close(nowhere);
    fault_held("two daemons started at once for one socket", times,
               "one serves, the other ends with status 69");
}
END_TEST

/* What is in the way is named, and is no daemon. */
START_TEST(start__folder_where_the_socket_is_made__told)
{
    make_dataset(500);
    ck_assert_int_eq(mkdir(support_path("fmnistd.sock.new"), 0700), 0);
    char config[512];
    snprintf(config, sizeof config, "%s", d.config);
    ck_assert_int_eq(daemon_run(&d, config), 1);
    ck_assert_msg(strstr(d.log, "fmnistd.sock.new exists and is a folder"), "%s", d.log);
}
END_TEST

static unsigned connected;

static bool connects_again(void *unused)
{
    connected += can_connect(NULL);
    return connected > 0;
}

/* A cleaner of /tmp or /run takes them: nobody could connect any more, or two daemons serve. */
START_TEST(files_deleted__while_it_serves__made_again)
{
    unsigned times = fault_times(2, 100);
    make_dataset(500);
    daemon_restart(&d);
    struct fmnist_client *client = connect_to(&d);
    struct fmnist_spec spec = spec_of("tiny");
    struct fmnist_stream *stream = open_stream(client, &spec);
    for (unsigned i = 0; i < times; i++) {
        char config[512];
        ck_assert_int_eq(unlink(d.socket), 0);
        if (i % 2 == 0)
            ck_assert_int_eq(unlink(support_path("fmnistd.sock.lock")), 0);
        connected = 0;
        ck_assert(daemon_wait_until(connects_again, NULL));
        struct daemon second;
        snprintf(config, sizeof config, "%s", d.config);
        ck_assert_int_eq(daemon_run(&second, config), 69);
        hash_next(stream);
        hash_next(stream);
    }
    fmnist_close(stream);
    fmnist_disconnect(client);
    daemon_stop(&d);
    ck_assert_msg(strstr(d.log, "its socket file was gone"), "%s", d.log);
    ck_assert_msg(strstr(d.log, "its lock file was gone"), "%s", d.log);
    ck_assert_int_ne(access(d.socket, F_OK), 0);
    fault_held("socket and lock file deleted under a daemon", times,
               "made again within seconds, no second daemon, its stream went on");
}
END_TEST

/* A file of its own would get the number, and the log's lines. */
START_TEST(start__standard_error_is_closed__serves)
{
    make_dataset(500);
    pid_t pid = start_daemon(d.config, -1);
    ck_assert(daemon_wait_until(can_connect, NULL));
    end_daemon(pid);
    struct stat st;
    ck_assert_int_eq(stat(support_path("fmnistd.sock.lock"), &st), 0);
    ck_assert_int_eq(st.st_size, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("faults/start");
    TCase *tc = tcase_create("start");
    tcase_set_timeout(tc, getenv("FAULTS") ? 7200 : 120);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, sigterm__any_moment_of_the_start__in_order_and_nothing_half_is_left);
    tcase_add_test(tc, sigterm__start_waits_for_another_builder__ends);
    tcase_add_test(tc, sigterm__first_process_of_its_namespace__ends);
    tcase_add_test(tc, two_daemons__at_once__one_serves);
    tcase_add_test(tc, start__folder_where_the_socket_is_made__told);
    tcase_add_test(tc, files_deleted__while_it_serves__made_again);
    tcase_add_test(tc, start__standard_error_is_closed__serves);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
