/* SPDX-License-Identifier: MIT */
/* Calls of the system that fail under a daemon that serves: the request is refused or served, two
 * witnesses have the same bytes, what was made is given back, and nothing spins.
 *
 * libuv ends the process where epoll_ctl(2) finds no memory; that end is allowed, and counted: the
 * daemon is started again, and the witnesses go on. */
#include "faults/calls.h"
#include "faults/faults.h"
#include "faults/usage.h"
#include "faults/witness.h"

#include <signal.h>

#define COUNT 1000

static struct daemon d;
static struct inject_page *page;
static struct images all;
static struct usage bound;
static unsigned refused, served, aborted;

/* ---- requests ----------------------------------------------------------------------------------
 */

static int read_stream(uint32_t transport)
{
    struct fmnist_connect_options o = {
        .size = sizeof o, .socket = d.socket, .timeout_ms = 30000, .reconnect_ms = -1};
    struct fmnist_spec spec = witness_spec(transport);
    struct fmnist_client *client = NULL;
    struct fmnist_stream *stream = NULL;
    struct fmnist_batch b;
    spec.order = FMNIST_ORDER_SHUFFLE;
    int rc = fmnist_connect(&o, &client);
    if (!rc)
        rc = fmnist_open(client, &spec, NULL, &stream);
    for (int i = 0; i < 30 && !rc; i++) {
        rc = fmnist_next(stream, &b);
        if (!rc) {
            check_bytes(&all, &b);
            rc = fmnist_release(stream, &b);
        }
    }
    fmnist_close(stream);
    fmnist_disconnect(client);
    return rc;
}

static int ask(void)
{
    struct fmnist_connect_options o = {
        .size = sizeof o, .socket = d.socket, .timeout_ms = 30000, .reconnect_ms = -1};
    struct fmnist_client *client = NULL;
    char *text = NULL;
    int rc = fmnist_connect(&o, &client);
    if (!rc)
        rc = fmnist_status(client, &text);
    free(text);
    if (!rc)
        rc = fmnist_reload(client, NULL);
    fmnist_disconnect(client);
    return rc;
}

/* A stream of each transport, a status and a reload. Returns the first failure. */
static int make_requests(void)
{
    int shm = read_stream(FMNIST_SHM), in_line = read_stream(FMNIST_INLINE), asked = ask();
    return shm ? shm : in_line ? in_line : asked;
}

/* ---- faults ------------------------------------------------------------------------------------
 */

/* The daemon ended as libuv ends it: another takes its place. */
static bool was_aborted(void)
{
    struct timespec a_moment = {.tv_nsec = 20000000};
    if (!atomic_load(&page->libuv_aborted))
        return false;
    nanosleep(&a_moment, NULL);
    int status = daemon_reap(&d);
    ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "0x%x", (unsigned)status);
    atomic_store(&page->libuv_aborted, 0);
    atomic_store(&page->live_bytes, 0);
    atomic_store(&page->live_blocks, 0);
    daemon_restart(&d);
    aborted++;
    return true;
}

static void settle(struct witness witnesses[2])
{
    witness_await(&witnesses[0], 30);
    witness_await(&witnesses[1], 30);
    for (int i = 0; i < 3; i++)
        ck_assert_msg(make_requests() == 0, "%s", fmnist_error());
    bound = usage_settled(&d, page);
}

static void check_alive(const char *name, int error, uint64_t n)
{
    int status;
    if (waitpid(d.pid, &status, WNOHANG) == d.pid)
        ck_abort_msg("%s, call %llu fails with %s: the daemon ended, 0x%x", name,
                     (unsigned long long)n, strerror(error), (unsigned)status);
}

/* One fault. Returns whether there was such a call. */
static bool fail_once(const struct call_errors *c, int error, uint64_t n,
                      struct witness witnesses[2])
{
    inject_arm(page, c->call, error, n, n);
    int rc = make_requests();
    bool failed = inject_disarm(page) > 0;
    if (was_aborted()) {
        settle(witnesses);
        return true;
    }
    check_alive(c->name, error, n);
    ck_assert_msg(rc != FMNIST_EPROTO && rc != FMNIST_ETIMEDOUT && rc != FMNIST_EINVAL,
                  "%s, call %llu fails with %s: %d: %s", c->name, (unsigned long long)n,
                  strerror(error), rc, fmnist_error());
    refused += failed && rc;
    served += failed && !rc;
    char what[128];
    snprintf(what, sizeof what, "%s, call %llu fails with %s", c->name, (unsigned long long)n,
             strerror(error));
    usage_await(&d, page, &bound, what);
    rc = make_requests();
    ck_assert_msg(rc == 0, "behind it: %s: %d: %s", what, rc, fmnist_error());
    witness_await(&witnesses[0], 3);
    witness_await(&witnesses[1], 3);
    return failed;
}

static uint64_t count_calls(const struct call_errors *c)
{
    inject_count(page, c->call);
    make_requests();
    uint64_t calls = atomic_load(&page->calls);
    inject_disarm(page);
    return calls;
}

/* Returns how many faults there were. */
static unsigned long fail_each(const struct call_errors *c, struct witness witnesses[2])
{
    unsigned long times = 0;
    uint64_t calls = count_calls(c), most = fault_times(4, 100);
    for (int i = 0; i < CALL_ERRORS_MAX && c->errors[i]; i++) {
        if (c->call == CALL_accept4 && c->errors[i] == EPERM)
            continue; /* accepting pauses for seconds: the other test does it once */
        for (uint64_t k = 0; k < most && k < calls; k++)
            times += fail_once(c, c->errors[i], calls <= most ? k : k * (calls - 1) / (most - 1),
                               witnesses);
    }
    return times;
}

static void setup(void)
{
    page = inject_setup();
    images_make(&all, COUNT, 28, 28, 1);
    serve_tiny(&d, "workers: 2\nring: 128KiB\n");
}

static void teardown(void)
{
    daemon_stop(&d);
    images_free(&all);
    inject_teardown(page);
}

START_TEST(daemon__any_call_fails__refuses_or_serves_and_others_go_on)
{
    struct witness witnesses[2];
    witness_start_for(&witnesses[0], &d, FMNIST_SHM, &all, DAEMON_PATIENCE_MS);
    witness_start_for(&witnesses[1], &d, FMNIST_INLINE, &all, DAEMON_PATIENCE_MS);
    settle(witnesses);
    unsigned long times = 0;
    for (size_t i = 0; i < CALLS; i++)
        times += fail_each(&call_errors[i], witnesses);
    unsigned long batches = witness_end(&witnesses[0]);
    batches += witness_end(&witnesses[1]);
    fault_held(
        "a call of the daemon's fails while it serves", times,
        "%u refused, %u served all the same, %u ended by libuv; two witnesses exact over %lu "
        "batches; nothing kept",
        refused, served, aborted, batches);
}
END_TEST

/* ---- errors that last ------------------------------------------------------------------------ */

static double cpu_seconds(void)
{
    clockid_t clock;
    struct timespec t;
    ck_assert_int_eq(clock_getcpuclockid(d.pid, &clock), 0);
    ck_assert_int_eq(clock_gettime(clock, &t), 0);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* A client that asks for something all the while, and is answered behind it. Returns the share of a
 * CPU that the daemon took. */
static double cpu_share_while(const struct call_errors *c, int error)
{
    struct fmnist_connect_options o = {
        .size = sizeof o, .socket = d.socket, .timeout_ms = 60, .reconnect_ms = -1};
    struct fmnist_client *client = NULL;
    char *text = NULL;
    inject_arm(page, c->call, error, 0, UINT64_MAX);
    double before = cpu_seconds();
    int64_t start = milliseconds();
    if (!fmnist_connect(&o, &client) && !fmnist_status(client, &text))
        free(text);
    nanosleep(&(struct timespec){.tv_nsec = 30000000}, NULL);
    int64_t took = milliseconds() - start;
    double share = 0;
    if (!atomic_load(&page->libuv_aborted)) {
        check_alive(c->name, error, 0);
        share = (cpu_seconds() - before) * 1000 / (double)took;
    }
    inject_disarm(page);
    fmnist_disconnect(client);
    return share;
}

START_TEST(daemon__any_call_fails_for_a_while__does_not_spin)
{
    unsigned long times = 0;
    double most = 0;
    for (size_t i = 0; i < CALLS; i++)
        for (const int *error = call_errors[i].errors; *error; error++) {
            if (!call_error_lasts(*error))
                continue;
            double share = cpu_share_while(&call_errors[i], *error);
            ck_assert_msg(share < 0.6, "%s fails with %s: %.0f %% of a CPU", call_errors[i].name,
                          strerror(*error), share * 100);
            most = share > most ? share : most;
            times++;
            if (!was_aborted())
                ck_assert_msg(make_requests() == 0, "behind it: %s fails with %s: %s",
                              call_errors[i].name, strerror(*error), fmnist_error());
        }
    fault_held("all calls of a kind fail for a while", times,
               "served again behind it; at most %.0f %% of a CPU meanwhile", most * 100);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("calls of the daemon");
    TCase *t = tcase_create("calls of the daemon");
    tcase_set_timeout(t, fault_times(300, 40000));
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, daemon__any_call_fails__refuses_or_serves_and_others_go_on);
    tcase_add_test(t, daemon__any_call_fails_for_a_while__does_not_spin);
    suite_add_tcase(s, t);
    return support_run(s);
}
