/* SPDX-License-Identifier: MIT */
/* Every allocation of the daemon fails once, and from then on: the request is refused, the
 * witnesses do not notice, and what the request had made is given back. */
#include "faults/faults.h"
#include "faults/usage.h"
#include "faults/witness.h"

#include <signal.h>

#define COUNT   1000
#define WARM_UP 40 /* requests, until what is kept for the next ones is as much as it may be */

static struct daemon d;
static struct inject_page *page;
static struct images all;
static unsigned number; /* of requests so far, for what has to be new to the daemon */

/* ---- requests, each from connecting to hanging up ------------------------------------------- */

static struct fmnist_client *dial_within(int *rc, uint32_t timeout_ms)
{
    struct fmnist_connect_options o = {
        .size = sizeof o, .socket = d.socket, .timeout_ms = timeout_ms, .reconnect_ms = -1};
    struct fmnist_client *client = NULL;
    *rc = fmnist_connect(&o, &client);
    return client;
}

static struct fmnist_client *dial(int *rc)
{
    return dial_within(rc, DAEMON_PATIENCE_MS);
}

static int read_some(struct fmnist_stream *stream, bool as_stored)
{
    struct fmnist_batch b;
    int rc = FMNIST_OK;
    for (int i = 0; i < 6 && !rc; i++) {
        rc = fmnist_next(stream, &b);
        if (rc)
            return rc;
        if (as_stored)
            check_bytes(&all, &b);
        rc = fmnist_release(stream, &b);
    }
    return rc;
}

static int read_stream(const struct fmnist_spec *spec, bool as_stored)
{
    struct fmnist_stream *stream = NULL;
    int rc;
    struct fmnist_client *client = dial(&rc);
    if (!rc)
        rc = fmnist_open(client, spec, NULL, &stream);
    if (!rc)
        rc = read_some(stream, as_stored);
    fmnist_close(stream);
    fmnist_disconnect(client);
    return rc;
}

static int open_shm(void)
{
    struct fmnist_spec spec = witness_spec(FMNIST_SHM);
    spec.order = FMNIST_ORDER_SHUFFLE;
    return read_stream(&spec, true);
}

static int open_inline(void)
{
    struct fmnist_spec spec = witness_spec(FMNIST_INLINE);
    spec.order = FMNIST_ORDER_TORCH;
    spec.seed = number;
    return read_stream(&spec, true);
}

static int open_list(void)
{
    uint32_t list[600], lengths[100];
    for (uint32_t i = 0; i < 600; i++)
        list[i] = (i * 7 + number) % COUNT;
    for (uint32_t i = 0; i < 100; i++)
        lengths[i] = 6;
    struct fmnist_spec spec = witness_spec(FMNIST_SHM);
    spec.order = FMNIST_ORDER_LIST;
    spec.list = list;
    spec.list_count = 600;
    spec.list_batches = lengths;
    spec.list_batch_count = 100;
    return read_stream(&spec, true);
}

static int open_augmented(void)
{
    struct fmnist_spec spec = witness_spec(number & 1 ? FMNIST_SHM : FMNIST_INLINE);
    spec.dtype = FMNIST_FLOAT32;
    spec.augment = "random-affine(10) random-crop(28, padding=4) random-horizontal-flip to-tensor";
    spec.order = FMNIST_ORDER_NUMPY;
    return read_stream(&spec, false);
}

static int open_resized(void)
{
    struct fmnist_spec spec = witness_spec(number & 1 ? FMNIST_SHM : FMNIST_INLINE);
    spec.height = spec.width = 14;
    spec.order = FMNIST_ORDER_TORCH_LOADER;
    return read_stream(&spec, false);
}

static int open_at_token(void)
{
    struct fmnist_spec spec = witness_spec(FMNIST_SHM);
    struct fmnist_stream *stream = NULL, *again = NULL;
    struct fmnist_token token;
    int rc;
    struct fmnist_client *client = dial(&rc);
    if (!rc)
        rc = fmnist_open(client, &spec, NULL, &stream);
    if (!rc)
        rc = fmnist_stream_token_at(stream, 3, 7, &token);
    if (!rc)
        rc = fmnist_open(client, &spec, &token, &again);
    if (!rc)
        rc = read_some(again, true);
    fmnist_close(again);
    fmnist_close(stream);
    fmnist_disconnect(client);
    return rc;
}

/* One of two at a ring waits for the other: it goes over to a ring of its own. Returns
 * FMNIST_ETIMEDOUT where the machine was too busy to open both in that time. */
static int try_to_move(void)
{
    struct fmnist_spec spec = witness_spec(FMNIST_SHM);
    spec.order = FMNIST_ORDER_SHUFFLE;
    struct fmnist_stream *slow = NULL, *stream = NULL;
    int rc;
    struct fmnist_client *client = dial_within(&rc, 60);
    if (!rc)
        rc = fmnist_open(client, &spec, NULL, &slow);
    if (!rc)
        rc = fmnist_open(client, &spec, NULL, &stream);
    for (int i = 0; i < 6 && !rc; i++)
        rc = read_some(stream, true);
    if (rc == FMNIST_ETIMEDOUT && stream) /* no memory for a ring: it waits for its neighbour */
        rc = read_some(slow, true);
    fmnist_close(stream);
    fmnist_close(slow);
    fmnist_disconnect(client);
    return rc;
}

static int move(void)
{
    int rc;
    do
        rc = try_to_move();
    while (rc == FMNIST_ETIMEDOUT);
    return rc;
}

/* Nothing is left out of a status: not a client, and not what a part of it says. */
static void check_whole(const char *text)
{
    static const struct {
        const char *words;
        unsigned times;
    } parts[] = {{"\"id\":", 3},
                 {"\"stream\":{", 2},
                 {"\"waits\":", 2},
                 {"\"name\":\"tiny\"", 1},
                 {"\"memory\":{", 1},
                 {"\"cpu_seconds\":", 1},
                 {"\"uptime_seconds\":", 1}};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        unsigned times = 0;
        for (const char *at = text; (at = strstr(at, parts[i].words)); at++)
            times++;
        ck_assert_msg(times >= parts[i].times, "%s: %u of %u in %s", parts[i].words, times,
                      parts[i].times, text);
    }
}

static int ask_status(void)
{
    int rc;
    char *text = NULL;
    struct fmnist_client *client = dial(&rc);
    if (!rc)
        rc = fmnist_status(client, &text);
    if (!rc) {
        check_whole(text);
    }
    free(text);
    fmnist_disconnect(client);
    return rc;
}

static int ask_datasets(void)
{
    int rc;
    struct fmnist_datasets *sets = NULL;
    struct fmnist_client *client = dial(&rc);
    if (!rc)
        rc = fmnist_datasets(client, &sets);
    if (!rc)
        ck_assert_uint_eq(sets->count, 1);
    fmnist_datasets_free(sets);
    fmnist_disconnect(client);
    return rc;
}

static int reload(void)
{
    int rc;
    struct fmnist_client *client = dial(&rc);
    if (!rc)
        rc = fmnist_reload(client, NULL);
    fmnist_disconnect(client);
    return rc;
}

static const struct request {
    const char *name;
    int (*make)(void);
    unsigned kept_blocks; /* for whom may ask for the same again */
} requests[] = {
    {"a stream in shared memory", open_shm, 0},
    {"an inline stream", open_inline, 8}, /* permutations of some epochs */
    {"a list", open_list, 0},
    {"an augmented stream", open_augmented, 0},
    {"another size", open_resized, 0},
    {"a token", open_at_token, 0},
    {"another ring", move, 0},
    {"the status", ask_status, 0},
    {"the datasets", ask_datasets, 0},
    {"a reload", reload, 0},
};
#define REQUESTS (int)(sizeof requests / sizeof *requests)

static int make(const struct request *r)
{
    number++;
    return r->make();
}

/* ---- faults ---------------------------------------------------------------------------------- */

/* What a daemon without memory may answer: that, or the end of the connection where it has none to
 * say so. */
static bool is_refusal(int rc)
{
    return rc == FMNIST_ENOMEM || rc == FMNIST_EDEAD || rc == FMNIST_ECONNECT;
}

static uint64_t refused, served;

/* One request with these calls failing, and the same again with memory. Returns whether any of them
 * was called. */
static bool fail_once(const struct request *r, struct usage *bound, uint64_t first, uint64_t last,
                      uint64_t again)
{
    bound->blocks += r->kept_blocks;
    bound->bytes += r->kept_blocks * COUNT * sizeof(uint32_t);
    inject_arm_pair(page, CALL_memory, ENOMEM, first, last, again);
    int rc = make(r);
    bool failed = inject_disarm(page) > 0;
    ck_assert_msg(rc == 0 || is_refusal(rc), "%s without memory from %llu to %llu: %d: %s", r->name,
                  (unsigned long long)first, (unsigned long long)last, rc, fmnist_error());
    refused += failed && rc != 0;
    served += failed && rc == 0;
    usage_await(&d, page, bound, r->name);
    bound->blocks += r->kept_blocks;
    bound->bytes += r->kept_blocks * COUNT * sizeof(uint32_t);
    rc = make(r);
    ck_assert_msg(rc == 0, "%s after it had no memory from %llu to %llu: %d: %s", r->name,
                  (unsigned long long)first, (unsigned long long)last, rc, fmnist_error());
    return failed;
}

/* Returns how many faults there were. */
static unsigned long fail_each(const struct request *r)
{
    for (int i = 0; i < WARM_UP; i++)
        ck_assert_msg(make(r) == 0, "%s: %s", r->name, fmnist_error());
    struct usage bound = usage_settled(&d, page);
    /* Whether the order of an epoch that nothing is read of was begun is a matter of time. */
    bound.blocks += 16;
    bound.bytes += 16 * COUNT * (int64_t)sizeof(uint32_t);
    unsigned long times = 0;
    uint64_t random = 1, n = 0;
    for (; fail_once(r, &bound, n, n, UINT64_MAX); n++)
        times++;
    for (uint64_t first = 0; first < n; first += first < 20 ? 1 : fault_times(4, 1)) {
        times += fail_once(r, &bound, first, UINT64_MAX - 1, UINT64_MAX);
        for (unsigned pair = fault_times(0, 20); pair; pair--)
            times += fail_once(r, &bound, first, first, first + 1 + next_random(&random) % n);
    }
    return times;
}

static void setup(void)
{
    page = inject_setup();
    images_make(&all, COUNT, 28, 28, 1);
    serve_tiny(&d, "workers: 2\nring: 128KiB\nlimits: {list_bytes: 6KiB}\n");
    inject_without();
}

static void teardown(void)
{
    daemon_stop(&d);
    images_free(&all);
    inject_teardown(page);
}

START_TEST(daemon__any_allocation_fails__refused_and_nothing_kept)
{
    struct witness witnesses[2];
    witness_start(&witnesses[0], &d, FMNIST_SHM, &all);
    witness_start(&witnesses[1], &d, FMNIST_INLINE, &all);
    unsigned long times = 0;
    for (int i = 0; i < REQUESTS; i++)
        times += fail_each(&requests[i]);
    unsigned long batches = witness_end(&witnesses[0]);
    batches += witness_end(&witnesses[1]);
    fault_held(
        "an allocation of the daemon fails, or all from it on, in each of ten requests", times,
        "%llu refused, %llu served without it; two witnesses exact over %lu batches; nothing "
        "kept",
        (unsigned long long)refused, (unsigned long long)served, batches);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("memory of the daemon");
    TCase *t = tcase_create("memory of the daemon");
    tcase_set_timeout(t, fault_times(300, 40000));
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, daemon__any_allocation_fails__refused_and_nothing_kept);
    suite_add_tcase(s, t);
    return support_run(s);
}
