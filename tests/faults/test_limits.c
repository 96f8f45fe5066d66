/* SPDX-License-Identifier: MIT */
/* A daemon that is started with little of what setrlimit(2) limits: it serves the exact bytes, or
 * refuses or ends with a sentence that names the limit. No signal ends it, and it never spins. */
#include "e2e/harness.h"
#include "faults/faults.h"
#include "faults/other_user.h"
#include "faults/started.h"

#include <fcntl.h>
#include <sys/resource.h>

#define KIB     UINT64_C(1024)
#define MIB     (1024 * KIB)
#define NO      RLIM_INFINITY
#define READERS 6

static struct images images;
static struct daemon d;

static void setup(void)
{
    support_setup();
    images_make(&images, 500, 28, 28, 3);
}

static void teardown(void)
{
    images_free(&images);
    support_teardown();
}

/* ---- one daemon under one limit -------------------------------------------------------------- */

struct limited {
    int resource;
    rlim_t soft, hard;
    uid_t uid; /* 0: ours */
};

/* In the child. The program is opened before: another user may not reach it by its path. */
static void become_limited(const struct limited *l, int program, int error_fd)
{
    char *arguments[] = {(char *)"fmnistd", (char *)"-c", d.config, NULL};
    const __rlimit_resource_t resource = (__rlimit_resource_t)l->resource;
    struct rlimit limit;
    dup2(error_fd, STDERR_FILENO);
    getrlimit(resource, &limit); /* only root raises a hard one */
    limit.rlim_max = l->hard < limit.rlim_max ? l->hard : limit.rlim_max;
    limit.rlim_cur = l->soft < limit.rlim_max ? l->soft : limit.rlim_max;
    bool is_other = !l->uid || (!setgroups(0, NULL) && !setgid(l->uid) && !setuid(l->uid));
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (is_other && !setrlimit(resource, &limit))
        syscall(SYS_execveat, program, "", arguments, environ, AT_EMPTY_PATH);
    dprintf(STDERR_FILENO, "becoming the daemon: %s\n", strerror(errno));
    _exit(127);
}

static void start_limited(const struct limited *l)
{
    char text[1024];
    int ends[2];
    memset(&d, 0, sizeof d);
    snprintf(d.config, sizeof d.config, "%s/fmnistd.yaml", support_dir());
    snprintf(d.socket, sizeof d.socket, "%s/fmnistd.sock", support_dir());
    int n = snprintf(text, sizeof text,
                     "socket: fmnistd.sock\ncache: cache\nworkers: 2\nsample_store: 0\n"
                     "limits: {ring_bytes: 1MiB}\ndatasets:\n"
                     "  - {name: tiny, path: %s, splits: {train: {images: "
                     "train-images-idx3-ubyte, labels: train-labels-idx1-ubyte}}}\n",
                     support_dir());
    support_write(d.config, text, (size_t)n);
    ck_assert_int_eq(chown(support_dir(), l->uid ? l->uid : geteuid(), (gid_t)-1), 0);
    ck_assert_int_eq(chmod(d.config, 0644), 0);
    int program = open(support_program("fmnistd"), O_PATH | O_CLOEXEC);
    ck_assert_int_ge(program, 0);
    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    unlink(support_path("cache/tiny-train.cache")); /* each builds its own */
    d.pid = fork_for_daemon();
    ck_assert_int_ge(d.pid, 0);
    if (d.pid == 0)
        become_limited(l, program, ends[1]);
    close(program);
    close(ends[1]);
    d.log_fd = ends[0];
    fcntl(d.log_fd, F_SETFL, O_NONBLOCK);
}

/* Whether it has ended; it is left to be taken. */
static bool has_ended(void)
{
    siginfo_t info = {.si_pid = 0};
    ck_assert_int_eq(waitid(P_PID, (id_t)d.pid, &info, WEXITED | WNOHANG | WNOWAIT), 0);
    return info.si_pid != 0;
}

static bool is_ready_or_ended(void *unused)
{
    ssize_t n = read(d.log_fd, d.log + d.log_bytes, sizeof d.log - 1 - d.log_bytes);
    d.log_bytes += n > 0 ? (size_t)n : 0;
    d.log[d.log_bytes] = 0;
    return strstr(d.log, " ready: ") || has_ended();
}

/* As it has to say it: by name, or in the sentences that clients get. */
static bool names_limit(const char *text)
{
    return strstr(text, "RLIMIT_") || strstr(text, " descriptors open that it may") ||
           strstr(text, "limits.ring_bytes");
}

static void must_name(const char *text, const char *what)
{
    ck_assert_msg(names_limit(text), "%s names no limit: \"%s\"", what, text);
}

/* ---- what came of it ------------------------------------------------------------------------- */

struct came {
    unsigned ended, served, refused;
};

/* Two epochs and a bit. */
static void read_exactly(struct fmnist_stream *stream)
{
    for (int i = 0; i < 20; i++) {
        struct fmnist_batch b;
        int rc = fmnist_next(stream, &b);
        if (rc == FMNIST_END_OF_EPOCH)
            continue;
        must(rc);
        check_bytes(&images, &b);
        must(fmnist_release(stream, &b));
    }
}

/* Clients of both transports at the same time. */
static void read_all(struct came *came)
{
    struct fmnist_client *clients[READERS] = {0};
    struct fmnist_stream *streams[READERS] = {0};
    struct fmnist_connect_options o = {
        .size = sizeof o, .socket = d.socket, .timeout_ms = DAEMON_PATIENCE_MS, .reconnect_ms = -1};
    struct fmnist_spec spec = spec_of("tiny");
    spec.dtype = FMNIST_UINT8;
    for (uint32_t i = 0; i < READERS; i++) {
        spec.transport = i % 2 ? FMNIST_INLINE : FMNIST_SHM;
        spec.seed = i; /* a ring of its own */
        spec.order = FMNIST_ORDER_SHUFFLE;
        int rc = fmnist_connect(&o, &clients[i]);
        if (!rc)
            rc = fmnist_open(clients[i], &spec, NULL, &streams[i]);
        if (rc)
            must_name(fmnist_error(), "a refusal");
        came->refused += rc != 0;
        came->served += rc == 0;
    }
    for (int i = 0; i < READERS; i++)
        if (streams[i])
            read_exactly(streams[i]);
    for (int i = 0; i < READERS; i++) {
        fmnist_close(streams[i]);
        fmnist_disconnect(clients[i]);
    }
}

static bool is_idle(void *unused)
{
    uint64_t before = daemon_cpu_ticks(&d);
    poll(NULL, 0, 40);
    return daemon_cpu_ticks(&d) - before <= 1;
}

static void try_limit(const struct limited *l, struct came *came)
{
    start_limited(l);
    ck_assert(daemon_wait_until(is_ready_or_ended, NULL));
    if (!has_ended()) {
        read_all(came);
        ck_assert_msg(daemon_wait_until(is_idle, NULL), "it does not become idle");
        daemon_stop(&d);
        return;
    }
    int status = daemon_reap(&d);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 1, "wait status %#x; its log:\n%s",
                  (unsigned)status, d.log);
    must_name(d.log, "the end");
    ck_assert_int_ne(access(d.socket, F_OK), 0);
    came->ended++;
}

static struct came try_limits(const struct limited *limits, size_t count, const char *what)
{
    unsigned times = fault_times(1, 100);
    struct came came = {0};
    for (unsigned i = 0; i < times; i++)
        for (size_t k = 0; k < count; k++)
            try_limit(&limits[k], &came);
    fault_held(what, times * count,
               "%u ended and named the limit; of the others %u streams were exact, %u refused by "
               "name; idle then, and an orderly end",
               came.ended, came.served, came.refused);
    return came;
}

#define TRY(limits, what) try_limits(limits, sizeof limits / sizeof *limits, what)

START_TEST(descriptors__few__told_or_exact)
{
    static const struct limited limits[] = {
        {RLIMIT_NOFILE, 8, 8, 0},   {RLIMIT_NOFILE, 12, 12, 0}, {RLIMIT_NOFILE, 16, 16, 0},
        {RLIMIT_NOFILE, 32, 32, 0}, {RLIMIT_NOFILE, 64, 64, 0}, {RLIMIT_NOFILE, 8, 1024, 0},
    };
    TRY(limits, "started with RLIMIT_NOFILE of 8 to 64");
}
END_TEST

/* Lock file, cache file, memory files: each may be the first that may not grow. SIGXFSZ ended it.
 */
START_TEST(file_size__small__told_or_exact)
{
    static const struct limited limits[] = {
        {RLIMIT_FSIZE, 0, 0, 0},
        {RLIMIT_FSIZE, 100 * KIB, 100 * KIB, 0},
        {RLIMIT_FSIZE, 450 * KIB, NO, 0},
    };
    TRY(limits, "started with RLIMIT_FSIZE of 0 to 450 KiB");
}
END_TEST

/* Threads had stacks of that size, and the second one that started ended all by SIGSEGV. */
START_TEST(stack__small_or_vast__told_or_exact)
{
    static const struct limited limits[] = {
        {RLIMIT_STACK, 64 * KIB, 64 * KIB, 0},
        {RLIMIT_STACK, 64 * KIB, NO, 0},
        {RLIMIT_STACK, 256 * KIB, 256 * KIB, 0},
        {RLIMIT_STACK, UINT64_C(1) << 40, UINT64_C(1) << 40, 0},
        {RLIMIT_STACK, NO, NO, 0},
    };
    TRY(limits, "started with RLIMIT_STACK of 64 KiB to none");
}
END_TEST

START_TEST(memory__little__told_or_exact)
{
    static const struct limited limits[] = {
        {RLIMIT_AS, 16 * MIB, 16 * MIB, 0}, {RLIMIT_AS, 24 * MIB, 24 * MIB, 0},
        {RLIMIT_AS, 48 * MIB, 48 * MIB, 0}, {RLIMIT_DATA, 2 * MIB, 2 * MIB, 0},
        {RLIMIT_DATA, 8 * MIB, 8 * MIB, 0}, {RLIMIT_DATA, 32 * MIB, 32 * MIB, 0},
    };
    TRY(limits, "started with RLIMIT_AS or RLIMIT_DATA of 2 to 48 MiB");
}
END_TEST

/* io_uring locks memory, in kernels of before 5.12. Root is exempt. */
START_TEST(locked_memory__none__exact)
{
    static const struct limited limits[] = {{RLIMIT_MEMLOCK, 0, 0, ALICE}};
    if (!other_users_can_be())
        return;
    struct came came = TRY(limits, "started with RLIMIT_MEMLOCK of 0, by another user than root");
    ck_assert_msg(came.served && !came.refused && !came.ended, "%u ended, %u served, %u refused",
                  came.ended, came.served, came.refused);
}
END_TEST

/* Root is exempt. */
START_TEST(threads__few__told_or_exact)
{
    static const struct limited limits[] = {
        {RLIMIT_NPROC, 1, 1, CAROL}, {RLIMIT_NPROC, 2, 2, CAROL}, {RLIMIT_NPROC, 3, 3, CAROL},
        {RLIMIT_NPROC, 4, 4, CAROL}, {RLIMIT_NPROC, 5, 5, CAROL}, {RLIMIT_NPROC, 6, 6, CAROL},
    };
    if (other_users_can_be())
        TRY(limits, "started with RLIMIT_NPROC of 1 to 6, by another user than root");
}
END_TEST

/* ---- CPU time -------------------------------------------------------------------------------- */

/* Reads what is dear to render, until the daemon ends. */
static void use_it_up(void)
{
    struct fmnist_client *client = connect_to(&d);
    struct fmnist_spec spec = spec_of("tiny");
    struct fmnist_batch b;
    spec.resize = FMNIST_RESIZE_PILLOW_LANCZOS;
    spec.height = spec.width = 224;
    spec.batch_size = 4;
    struct fmnist_stream *stream = open_stream(client, &spec);
    int rc = 0;
    while (rc >= 0) {
        rc = fmnist_next(stream, &b);
        if (rc == FMNIST_OK)
            rc = fmnist_release(stream, &b);
    }
    ck_assert_msg(rc == FMNIST_EDEAD, "%d: %s", rc, fmnist_error());
    fmnist_close(stream);
    fmnist_disconnect(client);
}

/* SIGXCPU ended it without a word, SIGKILL where the limits are the same. */
START_TEST(cpu_time__used_up__ends_in_order_and_told)
{
    static const struct limited limits[] = {{RLIMIT_CPU, 3, 3, 0}, {RLIMIT_CPU, 1, NO, 0}};
    unsigned times = fault_times(1, 100);
    for (unsigned i = 0; i < times; i++) {
        start_limited(&limits[i % 2]);
        ck_assert(daemon_wait_until(is_ready_or_ended, NULL));
        ck_assert(!has_ended());
        use_it_up();
        int status = daemon_reap(&d);
        ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 1,
                      "wait status %#x; its log:\n%s", (unsigned)status, d.log);
        ck_assert_msg(strstr(d.log, "error: all CPU time is used up that RLIMIT_CPU allows"), "%s",
                      d.log);
        ck_assert_int_ne(access(d.socket, F_OK), 0);
    }
    fault_held("all CPU time used up, by RLIMIT_CPU of 1 or 3 s", times,
               "clients were told; an orderly end with status 1 that names the limit");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("faults/limits");
    TCase *tc = tcase_create("limits");
    tcase_set_timeout(tc, getenv("FAULTS") ? 7200 : 240);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, descriptors__few__told_or_exact);
    tcase_add_test(tc, cpu_time__used_up__ends_in_order_and_told);
    tcase_add_test(tc, threads__few__told_or_exact);
    tcase_add_test(tc, locked_memory__none__exact);
    if (!SANITIZED) { /* whose own memory and files these limits are too little for */
        tcase_add_test(tc, file_size__small__told_or_exact);
        tcase_add_test(tc, stack__small_or_vast__told_or_exact);
        tcase_add_test(tc, memory__little__told_or_exact);
    }
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
