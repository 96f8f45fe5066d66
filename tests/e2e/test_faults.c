/* SPDX-License-Identifier: MIT */
/* Processes that die or stop, on either side: what the others notice of it, and when. */
#include "e2e/harness.h"
#include "e2e/peer.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* What a loaded machine may add to the library's promises. */
#define SLACK_MS 500

static struct daemon d;
static struct images all;
static struct fmnist_client *client;

static void setup(void)
{
    support_setup();
    images_make(&all, 1000, 28, 28, 1);
    serve_tiny(&d, "workers: 2\nring: 64KiB\n"
                   "limits: {ring_bytes: 64KiB, ring_bytes_per_user: 144KiB}\n");
    client = connect_to(&d);
}

static void teardown(void)
{
    fmnist_disconnect(client);
    if (d.pid)
        daemon_stop(&d);
    images_free(&all);
    support_teardown();
}

static struct fmnist_spec small_spec(void)
{
    struct fmnist_spec spec = spec_of("tiny");
    spec.dtype = FMNIST_UINT8;
    spec.order = FMNIST_ORDER_SHUFFLE;
    spec.batch_size = 8;
    return spec;
}

static void read_and_check(struct fmnist_stream *stream, int batches)
{
    struct fmnist_batch b;
    for (int i = 0; i < batches; i++) {
        int rc = fmnist_next(stream, &b);
        if (rc == FMNIST_END_OF_EPOCH)
            continue;
        must(rc);
        check_bytes(&all, &b);
        must(fmnist_release(stream, &b));
    }
}

/* A process that opens a stream, holds every slot (shm) or reads nothing more, says so, and waits
 * to be killed. `and_child`: a child of its own keeps its descriptors open after that. */
static pid_t fork_holder(struct fmnist_spec spec, bool and_child)
{
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(ends[0]);
        struct fmnist_connect_options o = {.size = sizeof o, .socket = d.socket};
        struct fmnist_client *own;
        struct fmnist_stream *stream;
        struct fmnist_batch b;
        int rc = fmnist_connect(&o, &own);
        if (!rc)
            rc = fmnist_open(own, &spec, NULL, &stream);
        while (!rc)
            rc = fmnist_next(stream, &b);
        if (and_child && fork() == 0)
            close(ends[1]), pause();
        if (rc == FMNIST_EBUSY && write(ends[1], "held", 4) == 4)
            pause();
        _exit(1);
    }
    close(ends[1]);
    char word[4];
    ck_assert_int_eq(read(ends[0], word, sizeof word), sizeof word);
    close(ends[0]);
    return pid;
}

static void kill_and_reap(pid_t pid)
{
    ck_assert_int_eq(kill(pid, SIGKILL), 0);
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}

/* What a killed client held is free again, ring and all, and nobody else loses a byte. */
START_TEST(client_killed__holding_every_slot__its_ring_comes_back)
{
    struct fmnist_spec spec = small_spec();
    struct fmnist_stream *stream = open_stream(client, &spec), *more = NULL;
    read_and_check(stream, 50);
    spec.seed = 1; /* rings of their own, that is */
    pid_t pid = fork_holder(spec, false);
    spec.seed = 2;
    must_be(fmnist_open(client, &spec, NULL, &more), FMNIST_ELIMIT, "a third ring", __FILE__,
            __LINE__);
    read_and_check(stream, 200);
    wait_for_clients(client, 3); /* we and our stream, its stream */
    kill_and_reap(pid);
    wait_for_clients(client, 2);
    must(fmnist_open(client, &spec, NULL, &more));
    read_and_check(more, 200);
    read_and_check(stream, 200);
    fmnist_close(more);
    fmnist_close(stream);
}
END_TEST

/* A child that the killed process forked keeps the socket open: that must not keep the ring. */
START_TEST(client_killed__its_child_keeps_the_socket__its_ring_comes_back)
{
    pid_t pid = fork_holder(small_spec(), true);
    wait_for_clients(client, 2);
    kill_and_reap(pid);
    wait_for_clients(client, 1);
}
END_TEST

/* Backpressure is a stream's own: one that never reads, in either transport, stops nobody. */
START_TEST(client_never_reads__others__go_on)
{
    struct fmnist_spec spec = small_spec();
    spec.transport = _i & 1 ? FMNIST_INLINE : FMNIST_SHM;
    struct fmnist_stream *idle = open_stream(client, &spec);
    spec.transport = _i & 2 ? FMNIST_INLINE : FMNIST_SHM;
    struct fmnist_stream *stream = open_stream(client, &spec);
    read_and_check(stream, 2000);
    fmnist_close(stream);
    read_and_check(idle, 500);
    fmnist_close(idle);
}
END_TEST

/* Delivers what was published, says FMNIST_EDEAD in time, and says it again. */
static struct fmnist_token read_until_dead(struct fmnist_stream *stream, uint64_t *events,
                                           size_t *count)
{
    struct fmnist_batch b;
    struct fmnist_token token;
    for (;;) {
        must(fmnist_stream_token(stream, &token));
        int64_t start = milliseconds();
        int rc = fmnist_next(stream, &b);
        if (rc == FMNIST_EDEAD) {
            ck_assert_int_le(milliseconds() - start, 250 + SLACK_MS);
            break;
        }
        ck_assert_msg(rc == FMNIST_OK || rc == FMNIST_END_OF_EPOCH, "%d: %s", rc, fmnist_error());
        if (rc == FMNIST_OK) {
            check_bytes(&all, &b);
            must(fmnist_release(stream, &b));
        }
        events[(*count)++] = rc == FMNIST_OK ? b.epoch << 32 | (b.step + 1) << 8 : 1;
    }
    ck_assert_int_eq(fmnist_next(stream, &b), FMNIST_EDEAD);
    return token;
}

/* A killed daemon loses nothing that it published, and its successor goes on with the next byte. */
START_TEST(daemon_killed__restarted__token_goes_on)
{
    struct fmnist_spec spec = small_spec();
    spec.transport = _i ? FMNIST_INLINE : FMNIST_SHM;
    struct fmnist_stream *stream = open_stream(client, &spec);
    uint64_t whole[64], events[4096];
    for (size_t i = 0; i < 64; i++)
        whole[i] = hash_next(stream);
    fmnist_close(stream);

    stream = open_stream(client, &spec);
    for (size_t i = 0; i < 5; i++)
        ck_assert_uint_eq(hash_next(stream), whole[i]);
    if (spec.transport == FMNIST_SHM)
        ck_assert(daemon_wait_until(rings_are_stocked, client));
    uint32_t slots = info_of(stream).slot_count;
    daemon_kill(&d);
    size_t count = 0;
    struct fmnist_token token = read_until_dead(stream, events, &count);
    if (spec.transport == FMNIST_SHM)
        ck_assert_uint_ge(count, slots / 2);
    fmnist_close(stream);

    char *text;
    ck_assert_int_eq(fmnist_status(client, &text), FMNIST_ECONNECT);
    fmnist_disconnect(client);
    daemon_restart(&d); /* over the socket that the killed one left */
    client = connect_to(&d);
    must(fmnist_open(client, &spec, &token, &stream));
    size_t at = 5 + count;
    for (size_t i = at; i < 64; i++) {
        ck_assert_uint_eq(hash_next(stream), whole[i]);
    }
    fmnist_close(stream);
}
END_TEST

/* A client that is asleep in fmnist_next is not left there by a daemon's death. */
START_TEST(daemon_killed__client_waits__dead_within_250_ms)
{
    struct fmnist_spec spec = small_spec();
    spec.transport = _i ? FMNIST_INLINE : FMNIST_SHM;
    struct fmnist_stream *stream = open_stream(client, &spec);
    read_and_check(stream, 3);
    daemon_pause(&d);
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    pid_t killer = fork();
    if (killer == 0) {
        poll(NULL, 0, 300); /* the parent empties the ring and falls asleep */
        kill(d.pid, SIGKILL);
        int64_t when = milliseconds();
        _exit(write(ends[1], &when, sizeof when) != sizeof when);
    }
    uint64_t events[4096];
    size_t count = 0;
    struct fmnist_batch b;
    int rc;
    while ((rc = fmnist_next(stream, &b)) >= 0)
        if (rc == FMNIST_OK)
            must(fmnist_release(stream, &b));
    int64_t end = milliseconds(), when;
    ck_assert_int_eq(rc, FMNIST_EDEAD);
    ck_assert_int_eq(read(ends[0], &when, sizeof when), sizeof when);
    ck_assert_int_le(end - when, 250 + SLACK_MS);
    read_until_dead(stream, events, &count);
    ck_assert_uint_eq(count, 0);
    close(ends[0]);
    close(ends[1]);
    ck_assert_int_eq(waitpid(killer, NULL, 0), killer);
    daemon_reap(&d);
    fmnist_close(stream);
}
END_TEST

/* SIGTERM with clients busy: an orderly end, and they are told. */
START_TEST(daemon_sigterm__streams_open__ends_and_tells)
{
    struct fmnist_spec spec = small_spec();
    struct fmnist_stream *shm = open_stream(client, &spec);
    spec.transport = FMNIST_INLINE;
    struct fmnist_stream *in_line = open_stream(client, &spec);
    read_and_check(shm, 10);
    read_and_check(in_line, 10);
    daemon_stop(&d);
    ck_assert_int_ne(access(d.socket, F_OK), 0);
    uint64_t events[4096];
    size_t count = 0;
    read_until_dead(shm, events, &count);
    count = 0;
    read_until_dead(in_line, events, &count);
    fmnist_close(shm);
    fmnist_close(in_line);
}
END_TEST

/* Whoever is told first still has what it holds: no neighbour goes on in those slots. */
START_TEST(daemon_sigterm__ring_shared__held_views_unchanged)
{
    struct fmnist_spec spec = small_spec();
    struct fmnist_stream *neighbour = open_stream(client, &spec);
    struct fmnist_client *crowd[20];
    for (int i = 0; i < 20; i++)
        crowd[i] = connect_to(&d);
    struct fmnist_stream *holder = open_stream(client, &spec);
    struct fmnist_batch held[2];
    must(fmnist_next(holder, &held[0]));
    must(fmnist_next(holder, &held[1]));
    read_and_check(neighbour, (int)info_of(neighbour).slot_count);
    int64_t first = held[0].indices[0], second = held[1].indices[0];
    daemon_stop(&d);
    ck_assert_int_eq(held[0].indices[0], first);
    ck_assert_int_eq(held[1].indices[0], second);
    check_bytes(&all, &held[0]);
    check_bytes(&all, &held[1]);
    fmnist_close(holder);
    fmnist_close(neighbour);
    for (int i = 0; i < 20; i++)
        fmnist_disconnect(crowd[i]);
}
END_TEST

/* A stopped daemon costs timeout_ms and nothing else: the stream goes on where it was. */
START_TEST(daemon_stopped__next__times_out_and_goes_on)
{
    struct fmnist_client *hasty = connect_within(&d, 200);
    struct fmnist_spec spec = small_spec();
    spec.transport = _i ? FMNIST_INLINE : FMNIST_SHM;
    struct fmnist_stream *stream = open_stream(hasty, &spec);
    daemon_pause(&d);
    struct fmnist_batch b;
    uint64_t step = 0;
    int64_t start;
    int rc;
    do {
        start = milliseconds();
        rc = fmnist_next(stream, &b);
        if (rc == FMNIST_OK) {
            ck_assert_uint_eq(b.step, step++ % info_of(stream).steps);
            check_bytes(&all, &b);
            must(fmnist_release(stream, &b));
        }
    } while (rc == FMNIST_OK || rc == FMNIST_END_OF_EPOCH); /* what was on its way still comes */
    ck_assert_msg(rc == FMNIST_ETIMEDOUT, "%d: %s", rc, fmnist_error());
    ck_assert_int_ge(milliseconds() - start, 199);
    ck_assert_int_le(milliseconds() - start, 200 + SLACK_MS);
    daemon_continue(&d);
    rc = fmnist_next(stream, &b);
    must_be(rc == FMNIST_END_OF_EPOCH ? fmnist_next(stream, &b) : rc, FMNIST_OK, "next", __FILE__,
            __LINE__);
    ck_assert_uint_eq(b.step, step % info_of(stream).steps);
    must(fmnist_release(stream, &b));
    fmnist_close(stream);
    fmnist_disconnect(hasty);
}
END_TEST

/* Asking again and again while a batch is held tells the daemon each time: a socket full of that
 * must not make a call wait. */
START_TEST(daemon_stopped__wait_without_time__never_blocks)
{
    struct fmnist_client *patient = connect_within(&d, 2000);
    struct fmnist_spec spec = small_spec();
    struct fmnist_stream *stream = open_stream(patient, &spec);
    struct fmnist_batch held;
    ck_assert(daemon_wait_until(rings_are_full, client));
    daemon_pause(&d);
    read_and_check(stream, (int)info_of(stream).slot_count - 1);
    must(fmnist_next(stream, &held));
    for (int i = 0; i < 2000; i++) {
        int64_t start = milliseconds();
        ck_assert_int_eq(fmnist_wait(stream, 0), FMNIST_ETIMEDOUT);
        ck_assert_int_le(milliseconds() - start, SLACK_MS);
    }
    daemon_continue(&d);
    must(fmnist_release(stream, &held));
    read_and_check(stream, 100);
    fmnist_close(stream);
    fmnist_disconnect(patient);
}
END_TEST

/* A question whose answer came too late: the next question gets its own answer, not that one. */
START_TEST(daemon_stopped__question__its_late_answer_is_no_other_ones)
{
    struct fmnist_client *hasty = connect_within(&d, 100);
    char *text;
    daemon_pause(&d);
    must_be(fmnist_status(hasty, &text), FMNIST_ETIMEDOUT, "status", __FILE__, __LINE__);
    daemon_continue(&d);
    struct fmnist_datasets *sets;
    for (int i = 0; i < 3; i++) {
        must(fmnist_datasets(hasty, &sets));
        ck_assert_uint_eq(sets->count, 1);
        fmnist_datasets_free(sets);
    }
    must(fmnist_status(hasty, &text));
    free(text);
    fmnist_disconnect(hasty);
}
END_TEST

/* ---- the system's memory ------------------------------------------------------------------- */

static unsigned kicks_to_lose, kicks_lost;

/* In the library's place of the C library's, also where it is a shared one: some frames of eight
 * bytes find no memory for a buffer. */
__attribute__((visibility("default"))) ssize_t sendmsg(int fd, const struct msghdr *m, int flags)
{
    const uint8_t *frame = m->msg_iovlen == 1 ? m->msg_iov[0].iov_base : NULL;
    if (kicks_to_lose && frame && m->msg_iov[0].iov_len == 8 && frame[4] == KICK) {
        kicks_to_lose--;
        kicks_lost++;
        errno = ENOBUFS;
        return -1;
    }
    return syscall(SYS_sendmsg, fd, m, flags);
}

/* A daemon that waits for word of room waits for good where that was lost; the only reader, too. */
START_TEST(kick__lost_for_want_of_memory__sent_again)
{
    for (unsigned lost = 1; lost <= 3; lost++)
        for (int k = 0; k < 2; k++) {
            struct fmnist_spec spec = small_spec();
            spec.dtype =
                k ? FMNIST_FLOAT32 : FMNIST_UINT8; /* given back at the release, or before */
            struct fmnist_stream *stream = open_stream(client, &spec);
            ck_assert(daemon_wait_until(rings_are_stocked, client));
            kicks_to_lose = lost;
            kicks_lost = 0;
            for (int i = 0; i < 500; i++) {
                struct fmnist_batch b;
                if (fmnist_next(stream, &b) == FMNIST_END_OF_EPOCH)
                    must(fmnist_next(stream, &b));
                must(fmnist_release(stream, &b));
            }
            ck_assert_uint_eq(kicks_lost, lost);
            fmnist_close(stream);
            wait_for_clients(client, 1);
        }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("faults");
    TCase *tc = tcase_create("faults");
    suite_add_tcase(suite, tc);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, kick__lost_for_want_of_memory__sent_again);
    tcase_add_test(tc, client_killed__holding_every_slot__its_ring_comes_back);
    tcase_add_test(tc, client_killed__its_child_keeps_the_socket__its_ring_comes_back);
    tcase_add_loop_test(tc, client_never_reads__others__go_on, 0, 4);
    tcase_add_loop_test(tc, daemon_killed__restarted__token_goes_on, 0, 2);
    tcase_add_loop_test(tc, daemon_killed__client_waits__dead_within_250_ms, 0, 2);
    tcase_add_test(tc, daemon_sigterm__streams_open__ends_and_tells);
    tcase_add_test(tc, daemon_sigterm__ring_shared__held_views_unchanged);
    tcase_add_loop_test(tc, daemon_stopped__next__times_out_and_goes_on, 0, 2);
    tcase_add_test(tc, daemon_stopped__wait_without_time__never_blocks);
    tcase_add_test(tc, daemon_stopped__question__its_late_answer_is_no_other_ones);
    return support_run(suite);
}
