/* SPDX-License-Identifier: MIT */
/* A client that is killed, stopped, or hangs up without a word, at any place of the library: two
 * witnesses, one of each transport, read on exactly, and the daemon has back what the client had.
 *
 * The library of this program is built with its fault points. Places in the middle of a frame are
 * made here: sendmsg and recvmsg stand in the C library's place, and move half of it. */
#define FAULT_POINTS
#include "base/fault_point.h"
#include "e2e/harness.h"
#include "e2e/peer.h"
#include "faults/faults.h"
#include "faults/usage.h"
#include "faults/witness.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#define COUNT      1000
#define LIST_COUNT 6000

/* ---- the places ---------------------------------------------------------------------------- */

/* What a client does on its way to a place. */
static void upload(void), move(void), receive(void), reopen(void);

static const struct place {
    const char *name;
    void (*way)(void);
    unsigned often; /* so many times at least it is come by */
} places[] = {
    {"before connect", upload, 1},
    {"connected", upload, 1},
    {"half of HELLO", upload, 1},
    {"hello sent", upload, 1},
    {"bytes wait", upload, 1},
    {"welcomed", upload, 1},
    {"half of OPEN", upload, 1},
    {"open sent", upload, 1},
    {"list wanted", upload, 1},
    {"half of LIST", upload, 1},
    {"part of a list sent", upload, 1},
    {"opened", upload, 1},
    {"ring mapped, seat not", upload, 1},
    {"ring and seat mapped", upload, 1},
    {"slot found", upload, 20},
    {"batch in hand", upload, 20},
    {"tail not moved", upload, 20},
    {"tail moved", upload, 20},
    {"ring unmapped, seat not", upload, 1},
    {"rings left, socket open", upload, 1},
    {"shut down, not closed", upload, 1},
    {"wait announced", move, 1},
    {"half of KICK", move, 1},
    {"kicked", move, 1},
    {"woken", move, 1},
    {"seat half written", move, 1},
    {"offer taken", move, 1},
    {"at two rings", move, 1},
    {"half of LEAVE", move, 1},
    {"leave sent", move, 1},
    {"batch's head taken", receive, 20},
    {"half of BATCH", receive, 20},
    {"open again", reopen, 1},
    {"reopened, two connections", reopen, 1},
    {"ring kept, no other", reopen, 1},
};
#define PLACES (sizeof places / sizeof *places)

enum fate { KILLED, STOPPED, HUNG_UP, FATES };

static struct daemon d;
static struct inject_page *page;
static struct images all;

/* The client's, in its own process. */
static struct {
    const struct place *place; /* NULL: it lives */
    unsigned left;             /* it comes by so many times before it is there */
    enum fate fate;
    int told; /* where it says that it has hung up */
    uint64_t epoch;
    uint32_t list_seed;
} own;

static void hang_up(void)
{
    for (int fd = 3; fd < 256; fd++) {
        int type;
        socklen_t size = sizeof type;
        if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0)
            close(fd);
    }
    if (write(own.told, "!", 1) == 1)
        for (;;)
            pause();
}

void fault_point(const char *name)
{
    if (!own.place || strcmp(own.place->name, name) || own.left--)
        return;
    if (own.fate == HUNG_UP)
        hang_up();
    raise(own.fate == KILLED ? SIGKILL : SIGSTOP);
}

/* ---- halves of frames ---------------------------------------------------------------------- */

static const char *half_of(unsigned type)
{
    static const char *const names[] = {
        "half of HELLO", "", "", "half of OPEN", "half of KICK", "half of LEAVE", "half of LIST"};
    return type >= HELLO && type <= LIST ? names[type - HELLO] : NULL;
}

/* The first parts of a message, and half of the last one of these. */
static struct msghdr halve(const struct msghdr *m, size_t count, struct iovec parts[2])
{
    struct msghdr half = *m;
    memcpy(parts, m->msg_iov, count * sizeof *parts);
    parts[count - 1].iov_len /= 2;
    half.msg_iov = parts;
    half.msg_iovlen = count;
    return half;
}

static bool is_place(const char *name)
{
    return own.place && name && strcmp(own.place->name, name) == 0;
}

ssize_t sendmsg(int fd, const struct msghdr *m, int flags)
{
    const uint8_t *frame = m->msg_iov[0].iov_base;
    const char *name = m->msg_iov[0].iov_len == 8 ? half_of(frame[4]) : NULL;
    if (!is_place(name))
        return syscall(SYS_sendmsg, fd, m, flags);
    struct iovec parts[2];
    struct msghdr half = halve(m, m->msg_iovlen, parts);
    ssize_t n = syscall(SYS_sendmsg, fd, &half, flags);
    fault_point(name);
    return n;
}

ssize_t recvmsg(int fd, struct msghdr *m, int flags)
{
    bool is_body = m->msg_iovlen == 2 && m->msg_iov[1].iov_len == 8; /* connection_batch's */
    if (!is_body || !is_place("half of BATCH"))
        return syscall(SYS_recvmsg, fd, m, flags);
    struct iovec parts[2];
    struct msghdr half = halve(m, 1, parts);
    ssize_t n = syscall(SYS_recvmsg, fd, &half, flags);
    m->msg_flags = half.msg_flags;
    fault_point("half of BATCH");
    return n;
}

/* ---- what a client does -------------------------------------------------------------------- */

static void expect(int rc)
{
    if (rc && rc != FMNIST_END_OF_EPOCH) {
        fprintf(stderr, "client at \"%s\": %d: %s\n", own.place ? own.place->name : "", rc,
                fmnist_error());
        _exit(1);
    }
}

static struct fmnist_client *come(void)
{
    struct fmnist_connect_options o = {.size = sizeof o, .socket = d.socket};
    struct fmnist_client *client;
    expect(fmnist_connect(&o, &client));
    return client;
}

static struct fmnist_stream *begin(struct fmnist_client *client, const struct fmnist_spec *spec)
{
    struct fmnist_stream *stream;
    expect(fmnist_open(client, spec, NULL, &stream));
    return stream;
}

/* Reads, with a batch held behind each. */
static void read_on(struct fmnist_stream *stream, int batches)
{
    struct fmnist_batch held, b;
    int rc = fmnist_next(stream, &held);
    expect(rc);
    while (batches--) {
        int more = fmnist_next(stream, &b);
        expect(more);
        if (!rc)
            expect(fmnist_release(stream, &held));
        held = b;
        rc = more;
    }
    if (!rc)
        expect(fmnist_release(stream, &held));
}

/* From hello to the end, with a list that the daemon has never seen. */
static void upload(void)
{
    static uint32_t list[LIST_COUNT];
    for (uint32_t i = 0; i < LIST_COUNT; i++)
        list[i] = (i * 7 + own.list_seed + i / 3 * own.list_seed) % COUNT;
    struct fmnist_client *client = come();
    struct fmnist_spec spec = witness_spec(FMNIST_SHM);
    spec.list = list;
    spec.list_count = LIST_COUNT;
    struct fmnist_stream *stream = begin(client, &spec);
    read_on(stream, 40);
    fmnist_close(stream);
    fmnist_disconnect(client);
}

/* One of two at a ring waits for the other, which does not read, and gets a ring of its own. */
static void move(void)
{
    struct fmnist_client *client = come();
    struct fmnist_spec spec = witness_spec(FMNIST_SHM);
    spec.seed = own.list_seed;
    spec.order = FMNIST_ORDER_SHUFFLE;
    struct fmnist_stream *slow = begin(client, &spec), *stream = begin(client, &spec);
    read_on(stream, 200);
    read_on(slow, 20);
    fmnist_close(stream);
    fmnist_close(slow);
    fmnist_disconnect(client);
}

static void receive(void)
{
    struct fmnist_client *client = come();
    struct fmnist_spec spec = witness_spec(FMNIST_INLINE);
    struct fmnist_stream *stream = begin(client, &spec);
    read_on(stream, 40);
    fmnist_close(stream);
    fmnist_disconnect(client);
}

/* The connection ends under a batch that is held; the stream goes on where the witness is. */
static void reopen(void)
{
    struct fmnist_client *client = come();
    struct fmnist_spec spec = witness_spec(FMNIST_SHM);
    spec.epoch = own.epoch;
    struct fmnist_stream *stream = begin(client, &spec);
    struct fmnist_batch b;
    expect(fmnist_next(stream, &b));
    for (int fd = 3; fd < 256; fd++)
        shutdown(fd, SHUT_RDWR);
    read_on(stream, 10);
    expect(fmnist_release(stream, &b));
    read_on(stream, 40);
    fmnist_close(stream);
    fmnist_disconnect(client);
}

/* ---- what is done to it -------------------------------------------------------------------- */

static pid_t begin_client(const struct place *place, enum fate fate, int told, uint64_t epoch,
                          unsigned number)
{
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    own.place = place;
    own.left = number % place->often;
    own.fate = fate;
    own.told = told;
    own.epoch = epoch;
    own.list_seed = number;
    place->way();
    _exit(0);
}

/* Returns whether it met its fate: where a place is come by only when the daemon takes its time, it
 * may have lived. */
static bool await_fate(pid_t pid, const struct place *place, enum fate fate, const int ends[2])
{
    int status = 0;
    char byte;
    close(ends[1]);
    bool met = fate == HUNG_UP && read(ends[0], &byte, 1) == 1;
    close(ends[0]);
    if (met)
        return true;
    ck_assert_int_eq(waitpid(pid, &status, WUNTRACED), pid);
    met = fate == KILLED    ? WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL
          : fate == STOPPED ? WIFSTOPPED(status)
                            : false;
    ck_assert_msg(met || status == 0, "\"%s\": 0x%x", place->name, (unsigned)status);
    return met;
}

static void end_client(pid_t pid)
{
    kill(pid, SIGKILL);
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}

/* A client that meets its fate. */
static pid_t begin_doomed(const struct place *place, enum fate fate, uint64_t epoch,
                          unsigned number)
{
    for (int tries = 0; tries < 100; tries++) {
        int ends[2];
        ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
        pid_t pid = begin_client(place, fate, ends[1], epoch, number);
        if (await_fate(pid, place, fate, ends))
            return pid;
    }
    ck_abort_msg("no client came to \"%s\"", place->name);
}

/* One client, and what it had is back. Returns how long that took, in milliseconds. */
static int64_t lose_client(const struct place *place, enum fate fate, struct witness witnesses[2],
                           const struct usage *bound, unsigned number)
{
    pid_t pid = begin_doomed(place, fate, atomic_load(&witnesses[0].page->epoch), number);
    witness_await(&witnesses[0], 20);
    witness_await(&witnesses[1], 20);
    if (fate == STOPPED)
        end_client(pid);
    int64_t took = usage_await(&d, page, bound, place->name);
    if (fate == HUNG_UP)
        end_client(pid);
    return took;
}

static void setup(void)
{
    page = inject_setup();
    images_make(&all, COUNT, 28, 28, 1);
    serve_tiny(&d, "workers: 2\nring: 128KiB\nlimits: {list_bytes: 40KiB}\n");
    inject_without();
}

static void teardown(void)
{
    daemon_stop(&d);
    images_free(&all);
    inject_teardown(page);
}

/* A client of each way that lives: what the daemon makes once, it has then. */
static void warm_up(void)
{
    static const struct place nowhere[] = {
        {"", upload, 1}, {"", move, 1}, {"", receive, 1}, {"", reopen, 1}};
    for (size_t i = 0; i < sizeof nowhere / sizeof *nowhere; i++) {
        int status;
        pid_t pid = begin_client(&nowhere[i], KILLED, -1, 0, (unsigned)i);
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert_int_eq(status, 0);
    }
}

START_TEST(client__lost_at_any_place__witnesses_exact_and_all_is_back)
{
    int64_t slowest = 0;
    unsigned rounds = fault_times(6, 10000);
    struct witness witnesses[2];
    witness_start(&witnesses[0], &d, FMNIST_SHM, &all);
    witness_start(&witnesses[1], &d, FMNIST_INLINE, &all);
    warm_up();
    struct usage bound = usage_settled(&d, page);
    for (unsigned r = 0; r < rounds; r++)
        for (unsigned p = 0; p < PLACES; p++) {
            enum fate fate = (r + p) % FATES;
            int64_t took = lose_client(&places[p], fate, witnesses, &bound, r * PLACES + p);
            slowest = took > slowest ? took : slowest;
        }
    ck_assert_int_le(slowest, 30000);
    unsigned long batches = witness_end(&witnesses[0]);
    batches += witness_end(&witnesses[1]);
    fault_held("a client is killed, stopped or hangs up, at each of 35 places of the library",
               rounds * PLACES,
               "two witnesses exact over %lu batches; descriptors, mappings, threads and memory "
               "back within %lld ms",
               batches, (long long)slowest);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("client killed");
    TCase *t = tcase_create("client killed");
    tcase_set_timeout(t, fault_times(240, 200000));
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, client__lost_at_any_place__witnesses_exact_and_all_is_back);
    suite_add_tcase(s, t);
    return support_run(s);
}
