/* SPDX-License-Identifier: MIT */
/* A daemon with little memory and a client that asks for much: told, or the exact bytes, and never
 * ended by the kernel. */
#include "faults/faults.h"

#include "e2e/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define MIB (UINT64_C(1) << 20)

static struct images all;
static struct daemon d;

/* ---- where the memory is limited ------------------------------------------------------------- */

static char group[600], own_group[600]; /* folders of the test's cgroup, and of the one it is in */

static bool put_text(const char *folder, const char *name, const char *text)
{
    char path[700];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool put = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (fd >= 0)
        close(fd);
    return put;
}

static bool enter(const char *folder)
{
    return put_text(folder, "cgroup.procs", "0") || put_text(folder, "tasks", "0");
}

/* The group of the hierarchy that limits memory: version 1's of that name, else version 2's. */
static bool find_own_group(void)
{
    char line[512];
    bool found = false;
    FILE *f = fopen("/proc/self/cgroup", "re");
    while (f && !found && fgets(line, sizeof line, f)) {
        char *path = strstr(line, ":memory:");
        line[strcspn(line, "\n")] = 0;
        if (path)
            snprintf(own_group, sizeof own_group, "/sys/fs/cgroup/memory%s", path + 8);
        else if (!strncmp(line, "0::", 3) && !access("/sys/fs/cgroup/cgroup.controllers", F_OK))
            snprintf(own_group, sizeof own_group, "/sys/fs/cgroup%s", line + 3);
        else
            continue;
        found = true;
    }
    if (f)
        fclose(f);
    return found;
}

static void leave_group(void)
{
    if (*group)
        enter(own_group);
}

/* A cgroup with that limit, and this process in it. Returns false where none can be made. */
static bool enter_group(uint64_t bytes)
{
    char text[32];
    snprintf(text, sizeof text, "%llu", (unsigned long long)bytes);
    *group = 0;
    if (!find_own_group())
        return false;
    snprintf(group, sizeof group, "%.500s/fmnistd-test-%d", own_group, (int)getpid());
    if (mkdir(group, 0755) < 0) {
        *group = 0;
        return false;
    }
    if ((put_text(group, "memory.max", text) || put_text(group, "memory.limit_in_bytes", text)) &&
        enter(group))
        return true;
    rmdir(group);
    *group = 0;
    return false;
}

static void remove_group(void)
{
    if (*group)
        ck_assert_msg(rmdir(group) == 0, "%s: %s", group, strerror(errno));
}

/* The daemon has so much: by a cgroup, or by RLIMIT_AS where none can be made. */
static const char *start_within(uint64_t bytes, const char *config)
{
    struct rlimit before, little;
    ck_assert_int_eq(getrlimit(RLIMIT_AS, &before), 0);
    little = before;
    bool grouped = enter_group(bytes);
    if (!grouped) {
        little.rlim_cur = bytes;
        ck_assert_int_eq(setrlimit(RLIMIT_AS, &little), 0);
    }
    daemon_start(&d,
                 "%sdatasets:\n  - {name: tiny, path: %s, splits: {train: "
                 "{images: train-images-idx3-ubyte, labels: train-labels-idx1-ubyte}}}\n",
                 config, support_dir());
    leave_group();
    if (!grouped)
        ck_assert_int_eq(setrlimit(RLIMIT_AS, &before), 0);
    return grouped ? "a cgroup" : "RLIMIT_AS (no cgroup can be made here)";
}

/* ---- the client that asks for much ----------------------------------------------------------- */

struct asked {
    unsigned opened, told, batches;
    struct fmnist_client *clients[64];
    struct fmnist_stream *streams[64];
    unsigned held;
};

static void must_be_told(int rc)
{
    ck_assert_msg(rc == FMNIST_ELIMIT || rc == FMNIST_ENOMEM, "%d: %s", rc, fmnist_error());
    ck_assert_msg(strstr(fmnist_error(), "memory") || strstr(fmnist_error(), "limits."), "%s",
                  fmnist_error());
}

/* Reads on, held batches and all; exact where the images are not resized. */
static void read_some(struct asked *a, struct fmnist_stream *stream, bool exact)
{
    struct fmnist_batch b;
    for (int i = 0; i < 3; i++) {
        int rc = fmnist_next(stream, &b);
        if (rc == FMNIST_END_OF_EPOCH)
            continue;
        if (rc != FMNIST_OK) {
            must_be_told(rc);
            a->told++;
            return;
        }
        if (exact)
            check_bytes(&all, &b);
        a->batches++;
        must(fmnist_release(stream, &b));
    }
}

static void let_go(struct asked *a)
{
    for (unsigned i = 0; i < a->held; i++)
        fmnist_close(a->streams[i]);
    a->held = 0;
}

static void ask(struct asked *a, const struct fmnist_spec *spec)
{
    struct fmnist_connect_options o = {
        .size = sizeof o, .socket = d.socket, .reconnect_ms = -1, .timeout_ms = DAEMON_PATIENCE_MS};
    struct fmnist_client *client;
    int rc = fmnist_connect(&o, &client);
    if (rc == FMNIST_OK) {
        rc = fmnist_open(client, spec, NULL, &a->streams[a->held]);
        fmnist_disconnect(client);
    }
    if (rc) {
        must_be_told(rc);
        a->told++;
        let_go(a); /* and goes on with others */
        return;
    }
    a->opened++;
    read_some(a, a->streams[a->held++], spec->resize == FMNIST_RESIZE_NONE);
    if (a->held == sizeof a->streams / sizeof *a->streams)
        let_go(a);
}

static struct fmnist_spec raw_spec(void)
{
    struct fmnist_spec spec = spec_of("tiny");
    spec.dtype = FMNIST_UINT8;
    spec.resize = FMNIST_RESIZE_NONE;
    return spec;
}

static void ask_for_rings(struct asked *a)
{
    static const uint32_t batches[] = {64, 1024, 4000, 8000, 10000};
    for (uint32_t i = 0; i < 40; i++) {
        struct fmnist_spec spec = raw_spec();
        spec.batch_size = batches[i % 5];
        spec.order = FMNIST_ORDER_SHUFFLE;
        spec.seed = i + 1;
        ask(a, &spec);
    }
    let_go(a);
}

static void ask_for_sizes(struct asked *a)
{
    for (uint32_t i = 0; i < 40; i++) {
        struct fmnist_spec spec = raw_spec();
        spec.resize = FMNIST_RESIZE_PILLOW_BILINEAR;
        spec.height = spec.width = 20 + 3 * i;
        spec.order = FMNIST_ORDER_SHUFFLE;
        ask(a, &spec);
    }
    let_go(a);
}

static void ask_for_orders(struct asked *a)
{
    for (uint32_t i = 0; i < 40; i++) {
        struct fmnist_spec spec = raw_spec();
        spec.order = FMNIST_ORDER_TORCH;
        spec.transport = i % 2 ? FMNIST_INLINE : FMNIST_SHM;
        spec.seed = i + 1;
        ask(a, &spec);
    }
    let_go(a);
}

static void ask_for_lists(struct asked *a)
{
    static uint32_t list[500000];
    for (uint32_t i = 0; i < 16; i++) {
        struct fmnist_spec spec = raw_spec();
        for (uint32_t k = 0; k < sizeof list / sizeof *list; k++)
            list[k] = (k * 7 + i) % all.count;
        spec.list = list;
        spec.list_count = 1000 + i * 33000;
        spec.order = i % 2 ? FMNIST_ORDER_LIST : FMNIST_ORDER_SHUFFLE;
        ask(a, &spec);
    }
    let_go(a);
}

static void ask_for_all(struct asked *a)
{
    for (unsigned i = 0, times = fault_times(1, 200); i < times; i++) {
        ask_for_rings(a);
        ask_for_sizes(a);
        ask_for_orders(a);
        ask_for_lists(a);
    }
}

static void setup(void)
{
    support_setup();
    images_make(&all, fault_times(10000, 60000), 28, 28, 1);
}

static void teardown(void)
{
    images_free(&all);
    support_teardown();
}

static const uint64_t sizes[] = {40, 64, 100, 200, 400};

START_TEST(memory_limit__client_asks_for_everything__told_or_exact)
{
    struct asked a = {0};
    const char *by = start_within(sizes[_i] * MIB, "cache: cache\n");
    ck_assert_ptr_nonnull(strstr(d.log, "memory: the limit of "));
    ask_for_all(&a);
    daemon_stop(&d); /* it lives, and ends in order */
    remove_group();
    ck_assert_uint_gt(a.opened, 0);
    ck_assert_uint_gt(a.batches, 0);
    char what[80];
    snprintf(what, sizeof what, "all memory asked for, of %llu MiB", (unsigned long long)sizes[_i]);
    fault_held(what, a.opened + a.told,
               "limited by %s; %u streams opened and %u batches exact, %u requests refused by "
               "name; the daemon lives",
               by, a.opened, a.batches, a.told);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("memory limit");
    TCase *tc = tcase_create("memory limit");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 1200);
    tcase_add_loop_test(tc, memory_limit__client_asks_for_everything__told_or_exact, 0,
                        (int)(sizeof sizes / sizeof *sizes));
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
