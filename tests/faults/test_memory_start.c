/* Every allocation fails once, and from then on, while the daemon starts: it serves the right
 * bytes, or ends in order and says why.
 *
 * libuv ends the process where it finds no memory to grow a table of its own; that end is allowed,
 * and counted. */
#include "e2e/harness.h"
#include "faults/faults.h"
#include "faults/injected.h"

#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
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
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid)
        return pid;
    const char *build = getenv("BUILD");
    char program[512];
    snprintf(program, sizeof program, "%s/fmnistd", build ? build : "build");
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (freopen(log_path, "w", stderr))
        execl(program, program, "-c", config, (char *)NULL);
    _exit(127);
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
};

static bool has_ended(void *data)
{
    struct start *s = data;
    s->ended = s->ended || waitpid(s->pid, &s->status, WNOHANG) == s->pid;
    return s->ended;
}

static bool is_ready_or_ended(void *data)
{
    return log_says(" ready: ") || has_ended(data);
}

/* An end that is in order, with a word of why. */
static void check_end(const struct start *s, const char *where, uint64_t n)
{
    if (WIFSIGNALED(s->status) && WTERMSIG(s->status) == SIGABRT &&
        atomic_exchange(&page->libuv_aborted, 0)) {
        aborted++;
        return;
    }
    char *text = support_read(log_path, NULL);
    ck_assert_msg(WIFEXITED(s->status) &&
                      (WEXITSTATUS(s->status) == 1 || WEXITSTATUS(s->status) == 78) && *text,
                  "%s start, allocation %llu: 0x%x; its log:\n%s", where, (unsigned long long)n,
                  (unsigned)s->status, text);
    free(text);
    nftw(support_path("cache"), look_at_entry, 8, FTW_PHYS);
    ck_assert_msg(!unfinished, "%s start, allocation %llu: leaves half a file in the cache", where,
                  (unsigned long long)n);
    refused++;
}

static void check_service(struct start *s, const char *where, uint64_t n)
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
    ck_assert_msg(daemon_wait_until(has_ended, s), "%s start, allocation %llu: it does not end",
                  where, (unsigned long long)n);
    ck_assert_msg(s->status == 0, "%s start, allocation %llu: 0x%x at its end", where,
                  (unsigned long long)n, (unsigned)s->status);
    served++;
}

/* One start in which these allocations fail. Returns whether there were so many. */
static bool start_once(bool cold, uint64_t first, uint64_t last)
{
    const char *where = cold ? "cold" : "warm";
    if (cold)
        make_cold();
    struct start s = {0};
    inject_arm(page, CALL_memory, ENOMEM, first, last);
    unlink(log_path);
    support_write(log_path, "", 0);
    s.pid = begin_daemon();
    ck_assert_msg(daemon_wait_until(is_ready_or_ended, &s),
                  "%s start, allocation %llu: neither ready nor ended", where,
                  (unsigned long long)first);
    bool failed = inject_disarm(page) > 0;
    if (s.ended || !log_says(" ready: "))
        check_end(&s, where, first);
    else
        check_service(&s, where, first);
    return failed;
}

/* Brief: each of the first ones, then some. */
static uint64_t step_behind(uint64_t n)
{
    return n < 20 ? 1 : fault_times(5, 1);
}

static unsigned long start_each(bool cold)
{
    unsigned long times = 0;
    ck_assert(!start_once(cold, UINT64_MAX - 1, UINT64_MAX - 1));
    for (uint64_t n = 0; start_once(cold, n, n); n += step_behind(n)) {
        start_once(cold, n, UINT64_MAX);
        times += 2;
    }
    return times;
}

START_TEST(start__any_allocation_fails__serves_or_says_why)
{
    unsigned long times = start_each(true) + start_each(false);
    ck_assert_uint_gt(refused, 0);
    ck_assert_uint_gt(served, 0);
    fault_held("an allocation fails, or all from it on, while the daemon starts", times,
               "%u ends that say why, %u served all the same, %u ended by libuv", refused, served,
               aborted);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("memory at the start");
    TCase *t = tcase_create("memory at the start");
    tcase_set_timeout(t, fault_times(300, 20000));
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, start__any_allocation_fails__serves_or_says_why);
    suite_add_tcase(s, t);
    return support_run(s);
}
