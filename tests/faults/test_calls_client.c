/* SPDX-License-Identifier: MIT */
/* Calls of the system that fail under the library: the call says so, or goes on with the same
 * bytes, within its time and with nothing kept. And messages cut at each of their bytes, by either
 * side.
 *
 * The library has its calls in this program, which is linked with what inject.so is made of. */
#include "faults/calls.h"
#include "faults/faults.h"
#include "faults/inject/page.h"
#include "faults/usage.h"
#include "faults/witness.h"

#include <grp.h>
#include <pwd.h>

#define COUNT      300
#define READ       12    /* batches of a stream */
#define TIMEOUT_MS 30000 /* of a call that waits */

static struct daemon d;
static struct inject_page *daemons;
static struct images all;
static unsigned number, refused, served;
static bool wrong; /* noted, as Check's own assertions make calls, too */

/* ---- what a program does ----------------------------------------------------------------------
 */

static bool is_right(const struct fmnist_batch *b, uint64_t step, const uint32_t *list)
{
    const size_t size = 28 * 28;
    if (b->step != step)
        return false;
    for (uint64_t i = 0; i < b->count; i++) {
        int64_t want = list ? list[step * WITNESS_BATCH + i] : (int64_t)(step * WITNESS_BATCH + i);
        if (b->indices[i] != want || ((const int64_t *)b->labels)[i] != all.labels[want] ||
            memcmp((const uint8_t *)b->images + i * size, all.pixels + (size_t)want * size, size))
            return false;
    }
    return true;
}

static int read_all(struct fmnist_stream *stream, const uint32_t *list)
{
    struct fmnist_batch b;
    for (uint64_t i = 0; i < READ; i++) {
        int rc = fmnist_next(stream, &b);
        if (rc)
            return rc;
        wrong = wrong || !is_right(&b, i, list);
        rc = fmnist_release(stream, &b);
        if (rc)
            return rc;
    }
    return FMNIST_OK;
}

/* From connecting to hanging up, with a list that the daemon has never seen, or none. */
static int run(uint32_t transport, bool with_list)
{
    struct fmnist_connect_options o = {
        .size = sizeof o, .socket = d.socket, .timeout_ms = TIMEOUT_MS, .reconnect_ms = TIMEOUT_MS};
    static uint32_t list[READ * WITNESS_BATCH];
    struct fmnist_spec spec = witness_spec(transport);
    struct fmnist_client *client = NULL;
    struct fmnist_stream *stream = NULL;
    char *text = NULL;
    number++;
    for (uint32_t i = 0; i < READ * WITNESS_BATCH; i++)
        list[i] = (i * 7 + i / 5 * number + number) % COUNT;
    if (with_list) {
        spec.order = FMNIST_ORDER_LIST;
        spec.list = list;
        spec.list_count = READ * WITNESS_BATCH;
    }
    int rc = fmnist_connect(&o, &client);
    if (!rc)
        rc = fmnist_status(client, &text);
    if (!rc)
        rc = fmnist_open(client, &spec, NULL, &stream);
    if (!rc)
        rc = read_all(stream, with_list ? list : NULL);
    fmnist_close(stream);
    fmnist_disconnect(client);
    free(text);
    return rc;
}

/* ---- calls that fail ---------------------------------------------------------------------------
 */

static void check_own(const struct usage *before, const char *name, int error, uint64_t n)
{
    struct usage after = usage_own(inject_page());
    ck_assert_msg(!wrong, "%s, call %llu fails with %s: other bytes", name, (unsigned long long)n,
                  strerror(error));
    ck_assert_msg(
        usage_is_within(&after, before),
        "%s, call %llu fails with %s: %u descriptors of %u, %u mappings of %u, %lld blocks "
        "of %lld",
        name, (unsigned long long)n, strerror(error), after.descriptors, before->descriptors,
        after.mappings, before->mappings, (long long)after.blocks, (long long)before->blocks);
}

/* One run with that call failing. Returns whether there was such a call. What libc keeps of a first
 * use, of names of users, say, it does not keep `again`. */
static bool fail_once(const struct call_errors *c, int error, uint64_t n, bool again)
{
    uint32_t transport = number & 1 ? FMNIST_SHM : FMNIST_INLINE;
    bool with_list = number & 2;
    struct usage before = usage_own(inject_page());
    inject_arm(inject_page(), c->call, error, n, n);
    int64_t start = milliseconds();
    int rc = run(transport, with_list);
    bool failed = inject_disarm(inject_page()) > 0;
    ck_assert_msg(milliseconds() - start < 2 * TIMEOUT_MS, "%s, call %llu fails with %s: hangs",
                  c->name, (unsigned long long)n, strerror(error));
    ck_assert_msg(rc <= 0 && rc != FMNIST_EINVAL && rc != FMNIST_ETIMEDOUT,
                  "%s, call %llu fails with %s: %d: %s", c->name, (unsigned long long)n,
                  strerror(error), rc, fmnist_error());
    struct usage after = usage_own(inject_page());
    if (failed && !usage_is_within(&after, &before) && !again)
        return fail_once(c, error, n, true);
    check_own(&before, c->name, error, n);
    refused += failed && rc;
    served += failed && !rc;
    return failed;
}

static unsigned long fail_each(const struct call_errors *c)
{
    unsigned long times = 0;
    for (const int *error = c->errors; *error; error++)
        for (uint64_t n = 0; n < fault_times(8, 1000) && fail_once(c, *error, n, false); n++)
            times++;
    return times;
}

static void setup(void)
{
    (void)getpwuid(getuid()); /* what libc keeps of names belongs to the baseline */
    (void)getgrgid(getgid());
    daemons = inject_setup();
    images_make(&all, COUNT, 28, 28, 1);
    serve_tiny(&d, "workers: 1\nring: 64KiB\n");
    inject_without();
}

static void teardown(void)
{
    daemon_stop(&d);
    images_free(&all);
    inject_teardown(daemons);
}

START_TEST(client__any_call_fails__says_so_or_goes_on)
{
    unsigned long times = 0;
    for (int i = 0; i < 4; i++)
        ck_assert_msg(run(i & 1 ? FMNIST_SHM : FMNIST_INLINE, i & 2) == 0, "%s", fmnist_error());
    for (size_t i = 0; i < CALLS; i++)
        times += fail_each(&call_errors[i]);
    fault_held("a call of the library's fails", times,
               "%u said so, %u went on with the same bytes; nothing kept", refused, served);
}
END_TEST

/* ---- messages that are cut ----------------------------------------------------------------------
 */

static const struct side {
    const char *name;
    bool is_daemons;
    enum inject_call call;
} sides[] = {
    {"the library sends", false, CALL_sendmsg},
    {"the library receives", false, CALL_recvmsg},
    {"the daemon sends", true, CALL_sendmsg},
    {"the daemon receives", true, CALL_recvmsg},
};
#define SIDES (sizeof sides / sizeof *sides)

/* Calls first .. last move `bytes` at most. Returns whether there was one. */
static bool cut(const struct side *s, uint32_t transport, uint32_t bytes, uint64_t first,
                uint64_t last)
{
    struct inject_page *page = s->is_daemons ? daemons : inject_page();
    inject_arm(page, CALL_none, 0, first, last);
    atomic_store(&page->cut, bytes);
    atomic_store(&page->call, s->call);
    int rc = run(transport, true);
    bool was_cut = inject_disarm(page) > 0;
    ck_assert_msg(rc == 0 && !wrong, "%s %u bytes in calls from %llu on: %d: %s%s", s->name, bytes,
                  (unsigned long long)first, rc, rc ? fmnist_error() : "",
                  wrong ? "other bytes" : "");
    return was_cut;
}

/* Each place of each message, and behind it all the rest of it; brief: some of the places. */
static unsigned long cut_each(const struct side *s, uint32_t transport)
{
    unsigned long times = cut(s, transport, 1, 0, UINT64_MAX - 1) ? 1 : 0;
    uint32_t step = fault_times(97, 1), most = 1400; /* more than a request has */
    for (uint64_t call = 0; call < fault_times(8, 40); call++) {
        bool was_cut = true;
        for (uint32_t bytes = 1; bytes <= most && was_cut; bytes += bytes < 9 ? 1 : step) {
            was_cut = cut(s, transport, bytes, call, call);
            times += was_cut;
        }
    }
    return times;
}

START_TEST(messages__cut_at_any_byte__the_same_bytes)
{
    unsigned long times = 0;
    for (size_t i = 0; i < SIDES; i++)
        times += cut_each(&sides[i], FMNIST_SHM) + cut_each(&sides[i], FMNIST_INLINE);
    fault_held("a message is cut at a byte, or at each of them, by either side", times,
               "the same bytes");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("calls of the client");
    TCase *t = tcase_create("calls of the client");
    tcase_set_timeout(t, fault_times(300, 40000));
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, client__any_call_fails__says_so_or_goes_on);
    tcase_add_test(t, messages__cut_at_any_byte__the_same_bytes);
    suite_add_tcase(s, t);
    return support_run(s);
}
