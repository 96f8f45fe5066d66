/* SPDX-License-Identifier: MIT */
/* Every allocation of the library fails once, and from then on: the call says so, the batch comes
 * when there is memory again, and what was made of the handle is given back.
 *
 * The library has its malloc in this program, which is linked with what inject.so is made of. */
#include "faults/faults.h"
#include "faults/inject/page.h"
#include "faults/usage.h"
#include "faults/witness.h"

#include <sys/socket.h>

#define COUNT 300
#define READ  6 /* batches of a stream */

static struct daemon d;
static struct images all;
static unsigned number, refused, served, batches;

/* ---- what a program does ----------------------------------------------------------------------
 */

static int dial(struct fmnist_client **client)
{
    struct fmnist_connect_options o = {
        .size = sizeof o, .socket = d.socket, .timeout_ms = DAEMON_PATIENCE_MS};
    return fmnist_connect(&o, client);
}

/* Check's own assertions allocate, so that what is wrong is noted, and told when that is over. */
static bool wrong;

static void check(bool is_so)
{
    wrong = wrong || !is_so;
}

static void check_batch(const struct fmnist_batch *b, uint64_t step, bool as_stored)
{
    const size_t size = 28 * 28;
    check(b->step == step);
    for (uint64_t i = 0; i < b->count; i++) {
        int64_t index = b->indices[i];
        check(index >= 0 && index < COUNT && ((const int64_t *)b->labels)[i] == all.labels[index]);
        if (as_stored && !wrong)
            check(!memcmp((const uint8_t *)b->images + i * size, all.pixels + (size_t)index * size,
                          size));
    }
    batches++;
}

/* A call without memory may be made again, and has lost nothing. */
static int next_patiently(struct fmnist_stream *stream, struct fmnist_batch *b)
{
    int rc = fmnist_next(stream, b);
    return rc == FMNIST_ENOMEM ? fmnist_next(stream, b) : rc;
}

static int read_views(struct fmnist_stream *stream)
{
    struct fmnist_stream_info info = {.size = sizeof info};
    struct fmnist_batch held = {0}, b;
    int rc = fmnist_stream_info(stream, &info);
    for (uint64_t i = 0; i < READ && !rc; i++) {
        rc = next_patiently(stream, &b);
        if (rc)
            return rc;
        check_batch(&b, i, info.dtype == FMNIST_UINT8);
        if (held.images)
            rc = fmnist_release(stream, &held);
        held = b;
    }
    return rc;
}

static int read_into(struct fmnist_stream *stream)
{
    static uint8_t images[WITNESS_BATCH * 28 * 28];
    static int64_t labels[WITNESS_BATCH], indices[WITNESS_BATCH];
    struct fmnist_into into = {.size = sizeof into,
                               .images = images,
                               .images_bytes = sizeof images,
                               .labels = labels,
                               .labels_bytes = sizeof labels,
                               .indices = indices,
                               .indices_bytes = sizeof indices};
    struct fmnist_batch b;
    for (uint64_t i = 0; i < READ; i++) {
        int rc = fmnist_next_into(stream, &into, &b);
        if (rc == FMNIST_ENOMEM)
            rc = fmnist_next_into(stream, &into, &b);
        if (rc)
            return rc;
        check_batch(&b, i, true);
    }
    return FMNIST_OK;
}

static int read_stream(const struct fmnist_spec *spec, int (*read)(struct fmnist_stream *))
{
    struct fmnist_client *client = NULL;
    struct fmnist_stream *stream = NULL;
    int rc = dial(&client);
    if (!rc)
        rc = fmnist_open(client, spec, NULL, &stream);
    if (!rc)
        rc = read(stream);
    fmnist_close(stream);
    fmnist_disconnect(client);
    return rc;
}

static int shm_in_place(void)
{
    struct fmnist_spec spec = witness_spec(FMNIST_SHM);
    return read_stream(&spec, read_views);
}

static int shm_floats(void)
{
    struct fmnist_spec spec = witness_spec(FMNIST_SHM);
    spec.dtype = FMNIST_FLOAT32;
    spec.mean_count = spec.std_count = 1;
    spec.mean[0] = spec.std[0] = 0.5f;
    return read_stream(&spec, read_views);
}

static int inline_views(void)
{
    struct fmnist_spec spec = witness_spec(FMNIST_INLINE);
    return read_stream(&spec, read_views);
}

static int inline_into(void)
{
    struct fmnist_spec spec = witness_spec(FMNIST_INLINE);
    return read_stream(&spec, read_into);
}

static int with_list(void)
{
    uint32_t list[60], lengths[12];
    for (uint32_t i = 0; i < 60; i++)
        list[i] = (i * 7 + number) % COUNT;
    for (uint32_t i = 0; i < 12; i++)
        lengths[i] = 5;
    struct fmnist_spec spec = witness_spec(FMNIST_SHM);
    spec.order = FMNIST_ORDER_LIST;
    spec.list = list;
    spec.list_count = 60;
    spec.list_batches = lengths;
    spec.list_batch_count = 12;
    return read_stream(&spec, read_views);
}

/* The library augments by itself where the draws are the caller's. */
static int read_drawn(struct fmnist_stream *stream)
{
    uint32_t values[WITNESS_BATCH] = {0, 1, 0, 1, 1, 1, 0, 0};
    struct fmnist_batch b = {0};
    for (uint64_t i = 0; i < READ; i++) {
        int rc = fmnist_stream_values(stream, values, WITNESS_BATCH);
        if (!rc)
            rc = next_patiently(stream, &b);
        if (rc)
            return rc;
        check_batch(&b, i, false);
        rc = fmnist_release(stream, &b);
    }
    return FMNIST_OK;
}

static int with_draws(void)
{
    struct fmnist_spec spec = witness_spec(FMNIST_INLINE);
    spec.augment = "random-horizontal-flip";
    spec.draws = FMNIST_DRAWS_CALLER;
    return read_stream(&spec, read_drawn);
}

/* The connection ends behind the first batch, which is held meanwhile where more may be. */
static int read_reopened(struct fmnist_stream *stream)
{
    struct fmnist_batch first, b;
    struct fmnist_stream_info info = {.size = sizeof info};
    int rc = next_patiently(stream, &first);
    bool holds = !rc && !fmnist_stream_info(stream, &info) && info.slot_count > READ;
    if (!rc && !holds)
        rc = fmnist_release(stream, &first);
    for (int fd = 3; fd < 64; fd++)
        shutdown(fd, SHUT_RDWR); /* ours: the daemon's log is a pipe */
    for (uint64_t i = 1; i < READ && !rc; i++) {
        rc = next_patiently(stream, &b);
        if (rc)
            return rc;
        check_batch(&b, i, true);
        rc = fmnist_release(stream, &b);
    }
    if (!rc && holds)
        check_batch(&first, 0, true);
    return rc;
}

static int reopened(void)
{
    struct fmnist_spec spec = witness_spec(number & 1 ? FMNIST_SHM : FMNIST_INLINE);
    return read_stream(&spec, read_reopened);
}

static int questions(void)
{
    struct fmnist_client *client = NULL;
    struct fmnist_datasets *sets = NULL;
    char *text = NULL, *changes = NULL;
    int rc = dial(&client);
    if (!rc)
        rc = fmnist_datasets(client, &sets);
    if (!rc)
        check(!strcmp(fmnist_label_text(fmnist_datasets_find(sets, "tiny", "train"), 2), "two"));
    if (!rc)
        rc = fmnist_status(client, &text);
    if (!rc)
        rc = fmnist_reload(client, &changes);
    fmnist_datasets_free(sets);
    free(text);
    free(changes);
    fmnist_disconnect(client);
    return rc;
}

static int chain(void)
{
    struct fmnist_augment *augment = NULL;
    uint8_t samples[2 * 28 * 28] = {0}, images[2 * 24 * 24];
    uint32_t indices[] = {1, 2}, values[64];
    int rc = fmnist_augment_new("random-affine(10) random-crop(24)", 1, 28, 28, &augment);
    if (!rc)
        rc = fmnist_augment_draw(augment, 1, 0, 1, indices, 2, values);
    if (!rc)
        rc = fmnist_augment_run(augment, samples, values, 2, images);
    fmnist_augment_free(augment);
    return rc;
}

static const struct program {
    const char *name;
    int (*run)(void);
} programs[] = {
    {"views in place", shm_in_place}, {"floats", shm_floats},   {"inline views", inline_views},
    {"inline, into", inline_into},    {"a list", with_list},    {"the caller's draws", with_draws},
    {"opened again", reopened},       {"questions", questions}, {"a chain", chain},
};
#define PROGRAMS (sizeof programs / sizeof *programs)

/* ---- faults -----------------------------------------------------------------------------------
 */

/* One run with these failing, and one after it. Returns whether any was called. */
static bool run_once(const struct program *p, uint64_t first, uint64_t last, uint64_t again)
{
    number++;
    struct usage before = usage_own(inject_page());
    inject_arm_pair(inject_page(), CALL_memory, ENOMEM, first, last, again);
    int rc = p->run();
    bool failed = inject_disarm(inject_page()) > 0;
    ck_assert_msg(rc == 0 || rc == FMNIST_ENOMEM, "%s, allocation %llu: %d: %s", p->name,
                  (unsigned long long)first, rc, fmnist_error());
    ck_assert_msg(!wrong, "%s, allocation %llu: other bytes", p->name, (unsigned long long)first);
    struct usage after = usage_own(inject_page());
    ck_assert_msg(
        usage_is_within(&after, &before),
        "%s, allocation %llu: %u descriptors of %u, %u mappings of %u, %lld blocks of %lld",
        p->name, (unsigned long long)first, after.descriptors, before.descriptors, after.mappings,
        before.mappings, (long long)after.blocks, (long long)before.blocks);
    refused += failed && rc;
    served += failed && !rc;
    rc = p->run();
    ck_assert_msg(rc == 0, "%s after allocation %llu: %d: %s", p->name, (unsigned long long)first,
                  rc, fmnist_error());
    return failed;
}

static unsigned long run_each(const struct program *p)
{
    unsigned long times = 0;
    uint64_t random = 1, n = 0;
    ck_assert_msg(p->run() == 0, "%s: %s", p->name, fmnist_error());
    for (; run_once(p, n, n, UINT64_MAX); n++)
        times++;
    for (uint64_t first = 0; first < n; first++) {
        times += run_once(p, first, UINT64_MAX - 1, UINT64_MAX);
        for (unsigned pair = fault_times(2, 50); pair; pair--)
            times += run_once(p, first, first, first + 1 + next_random(&random) % n);
    }
    return times;
}

static void setup(void)
{
    support_setup();
    images_make(&all, COUNT, 28, 28, 1);
    serve_tiny(&d, "workers: 1\nring: 64KiB\n");
}

static void teardown(void)
{
    daemon_stop(&d);
    images_free(&all);
    support_teardown();
}

START_TEST(client__any_allocation_fails__says_so_and_loses_nothing)
{
    unsigned long times = 0;
    for (size_t i = 0; i < PROGRAMS; i++)
        times += run_each(&programs[i]);
    fault_held("an allocation of the library fails, or two, or all from it on, in nine programs",
               times,
               "%u refused, %u served all the same; %u batches with the right bytes; nothing kept",
               refused, served, batches);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("memory of the client");
    TCase *t = tcase_create("memory of the client");
    tcase_set_timeout(t, fault_times(240, 20000));
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, client__any_allocation_fails__says_so_and_loses_nothing);
    suite_add_tcase(s, t);
    return support_run(s);
}
