/* SPDX-License-Identifier: MIT */
/* Allocations and calls of the system that fail while the daemon starts: it serves the right bytes,
 * or ends in order and says why.
 *
 * libuv ends the process where it finds no memory to grow a table of its own, or epoll_ctl(2) has
 * none; that end is allowed, and counted. */
#include "e2e/harness.h"
#include "faults/calls.h"
#include "faults/faults.h"
#include "faults/injected.h"
#include "faults/started.h"

#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#define COUNT 200

static struct inject_page *page;
static struct images all;
static char config[512], log_path[512], socket_path[512];
static unsigned served, refused, aborted;

static void setup(void)
{
    page = inject_setup();
    images_make(&all, COUNT, 8, 8, 1);
    snprintf(config, sizeof config, "%s", support_path("fmnistd.yaml"));
    snprintf(log_path, sizeof log_path, "%s", support_path("log"));
    snprintf(socket_path, sizeof socket_path, "%s", support_path("fmnistd.sock"));
    char text[2048];
    int n = snprintf(text, sizeof text,
                     "socket: fmnistd.sock\n"
                     "cache: %s\n"
                     "workers: 1\n"
                     "datasets:\n"
                     "  - name: tiny\n"
                     "    path: %s\n"
                     "    splits: {train: {images: train-images-idx3-ubyte, "
                     "labels: train-labels-idx1-ubyte}}\n",
                     support_path("cache"), support_dir());
    support_write(config, text, (size_t)n);
}

static void teardown(void)
{
    images_free(&all);
    inject_teardown(page);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    return type == FTW_DP && ftw->level == 0 ? 0 : remove(path);
}

static int unfinished;

static int look_at_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    unfinished += strstr(path, ".tmp") != NULL;
    return 0;
}

static void make_cold(void)
{
    nftw(support_path("cache"), remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static pid_t begin_daemon(void)
{
    int log = open(log_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    pid_t pid = start_daemon(config, log);
    close(log);
    return pid;
}

static bool log_says(const char *word)
{
    char *text = support_read(log_path, NULL);
    bool says = strstr(text, word) != NULL;
    free(text);
    return says;
}

struct start {
    pid_t pid;
    int status;
    bool ended;
    int64_t begun_ms;
};

static bool has_ended(void *data)
{
    struct start *s = data;
    s->ended = s->ended || waitpid(s->pid, &s->status, WNOHANG) == s->pid;
    return s->ended;
}

/* Where the word of it was lost, as the log could not be written, it is ready when it serves. */
static bool is_ready_or_ended(void *data)
{
    const struct start *s = data;
    bool serves = milliseconds() - s->begun_ms > 2000 && access(socket_path, F_OK) == 0;
    return log_says(" ready: ") || serves || has_ended(data);
}

/* An end that is in order, with a word of why; false where it was libuv's. */
static bool check_end(const struct start *s, const char *where)
{
    if (WIFSIGNALED(s->status) && WTERMSIG(s->status) == SIGABRT &&
        atomic_exchange(&page->libuv_aborted, 0)) {
        aborted++;
        return false;
    }
    char *text = support_read(log_path, NULL);
    int code = WIFEXITED(s->status) ? WEXITSTATUS(s->status) : -1;
    ck_assert_msg((code == 1 || code == 69 || code == 78) && *text, "%s: 0x%x; its log:\n%s", where,
                  (unsigned)s->status, text);
    /* Want of memory is no fault of the config: a service manager is to start it again. */
    ck_assert_msg(code != 78 || !strstr(text, "memory"), "%s: exit status 78; its log:\n%s", where,
                  text);
    free(text);
    nftw(support_path("cache"), look_at_entry, 8, FTW_PHYS);
    ck_assert_msg(!unfinished, "%s: leaves half a file in the cache", where);
    return true;
}

static bool check_service(struct start *s, const char *where)
{
    struct fmnist_connect_options o = {
        .size = sizeof o, .socket = socket_path, .timeout_ms = DAEMON_PATIENCE_MS};
    struct fmnist_spec spec = spec_of("tiny");
    spec.dtype = FMNIST_UINT8;
    struct fmnist_client *client;
    struct fmnist_batch b;
    must(fmnist_connect(&o, &client));
    struct fmnist_stream *stream = open_stream(client, &spec);
    must(fmnist_next(stream, &b));
    check_bytes(&all, &b);
    fmnist_close(stream);
    fmnist_disconnect(client);
    kill(s->pid, SIGTERM);
    ck_assert_msg(daemon_wait_until(has_ended, s), "%s: it does not end", where);
    ck_assert_msg(s->status == 0, "%s: 0x%x at its end", where, (unsigned)s->status);
    return true;
}

/* One start in which these calls fail. Returns whether there were so many. */
static bool start_once(const struct call_errors *c, int error, bool cold, uint64_t first,
                       uint64_t last)
{
    char where[160];
    snprintf(where, sizeof where, "%s start, %s %llu fails with %s", cold ? "cold" : "warm",
             c->name, (unsigned long long)first, strerror(error));
    if (cold)
        make_cold();
    struct start s = {.begun_ms = milliseconds()};
    inject_arm(page, c->call, error, first, last);
    unlink(log_path);
    s.pid = begin_daemon();
    ck_assert_msg(daemon_wait_until(is_ready_or_ended, &s), "%s: neither ready nor ended", where);
    bool failed = inject_disarm(page) > 0;
    if (has_ended(&s))
        refused += check_end(&s, where) && failed;
    else
        served += check_service(&s, where) && failed;
    return failed;
}

static void forget_counts(void)
{
    served = refused = aborted = 0;
}

/* Brief: each of the first ones, then some. */
static uint64_t step_behind(uint64_t n)
{
    return n < 10 ? 1 : fault_times(9, 1);
}

static unsigned long start_without_memory(bool cold)
{
    static const struct call_errors memory = ERRORS(memory, ENOMEM);
    unsigned long times = 0;
    for (uint64_t n = 0; start_once(&memory, ENOMEM, cold, n, n); n += step_behind(n)) {
        start_once(&memory, ENOMEM, cold, n, UINT64_MAX);
        times += 2;
    }
    return times;
}

START_TEST(start__any_allocation_fails__serves_or_says_why)
{
    forget_counts();
    unsigned long times = start_without_memory(true) + start_without_memory(false);
    ck_assert(refused && served);
    fault_held("an allocation fails, or all from it on, while the daemon starts", times,
               "%u ends that say why, %u served all the same, %u ended by libuv", refused, served,
               aborted);
}
END_TEST

/* Brief: the first calls of each kind. */
static unsigned long start_with_errors(const struct call_errors *c, bool cold)
{
    unsigned long times = 0;
    for (const int *error = c->errors; *error; error++)
        for (uint64_t n = 0; n < fault_times(1, 1000) && start_once(c, *error, cold, n, n); n++)
            times++;
    return times;
}

START_TEST(start__any_call_fails__serves_or_says_why)
{
    forget_counts();
    unsigned long times = 0;
    for (size_t i = 0; i < CALLS; i++)
        times +=
            start_with_errors(&call_errors[i], true) + start_with_errors(&call_errors[i], false);
    ck_assert(refused && served);
    fault_held("a call of the system fails while the daemon starts", times,
               "%u ends that say why, %u served all the same, %u ended by libuv", refused, served,
               aborted);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("calls at the start");
    TCase *t = tcase_create("calls at the start");
    tcase_set_timeout(t, fault_times(300, 20000));
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, start__any_allocation_fails__serves_or_says_why);
    tcase_add_test(t, start__any_call_fails__serves_or_says_why);
    suite_add_tcase(s, t);
    return support_run(s);
}
