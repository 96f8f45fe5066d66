/* SPDX-License-Identifier: MIT */
/* Users who take all the connections there are, or ask all the time: others come in, and root. */
#include "faults/faults.h"
#include "faults/other_user.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>

static struct images all;
static struct daemon d;

static void setup(void)
{
    support_setup();
    images_make(&all, 103, 5, 4, 1);
    serve_tiny(&d, "workers: 2\nlimits: {handshake_ms: 60000}\n");
    let_all_in(&d);
}

static void teardown(void)
{
    daemon_stop(&d);
    images_free(&all);
    ck_assert_int_eq(chmod(support_dir(), 0700), 0);
    support_teardown();
}

/* ---- the good user -------------------------------------------------------------------------- */

struct opens {
    unsigned good, refused;
    int64_t total_us, worst_us;
};

static int64_t microseconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static bool opens_and_reads(struct fmnist_client *client)
{
    struct fmnist_spec spec = spec_of("tiny");
    struct fmnist_stream *stream;
    struct fmnist_batch b;
    if (fmnist_open(client, &spec, NULL, &stream))
        return false;
    bool read = fmnist_next(stream, &b) == FMNIST_OK && fmnist_release(stream, &b) == FMNIST_OK;
    fmnist_close(stream);
    return read;
}

/* Comes, opens, reads and goes, again and again. */
static int come_and_go(const struct daemon *to_daemon, int to)
{
    struct fmnist_connect_options o = {
        .size = sizeof o, .socket = to_daemon->socket, .reconnect_ms = -1};
    struct opens seen = {0};
    for (unsigned i = 0, times = fault_times(30, 3000); i < times; i++) {
        int64_t start = microseconds();
        struct fmnist_client *client;
        bool good = fmnist_connect(&o, &client) == FMNIST_OK;
        if (good) {
            good = opens_and_reads(client);
            fmnist_disconnect(client);
        }
        if (!good && !seen.refused)
            fprintf(stderr, "refused: %s\n", fmnist_error());
        int64_t took = microseconds() - start;
        seen.good += good;
        seen.refused += !good;
        seen.total_us += took;
        seen.worst_us = took > seen.worst_us ? took : seen.worst_us;
        poll(NULL, 0, 1);
    }
    return write(to, &seen, sizeof seen) == sizeof seen ? 0 : 1;
}

/* What CAROL sees while others do what they do. */
static struct opens carols_opens(void)
{
    struct other carol;
    struct opens seen;
    other_start(&carol, CAROL, &d, come_and_go);
    other_tells(&carol, &seen, sizeof seen);
    ck_assert_int_eq(other_wait(&carol), 0);
    return seen;
}

/* As fmnistctl status does. */
static void root_looks(void)
{
    struct fmnist_client *client = connect_to(&d);
    char *text;
    must(fmnist_status(client, &text));
    ck_assert_ptr_nonnull(strstr(text, "tiny"));
    free(text);
    fmnist_disconnect(client);
}

/* The worst is a bound for hangs: the machine has others to serve. */
static void must_come_in(const char *what, unsigned attackers)
{
    struct opens seen = carols_opens();
    root_looks();
    ck_assert_msg(seen.refused == 0, "%u refused, %u came in", seen.refused, seen.good);
    ck_assert_msg(seen.worst_us < 30000000, "%lld us", (long long)seen.worst_us);
    fault_held(what, seen.good,
               "%u attacking users; every open of another user came, in %.1f ms on average and "
               "%.1f ms at most; root's status too",
               attackers, (double)seen.total_us / seen.good / 1000, (double)seen.worst_us / 1000);
}

/* ---- the others ----------------------------------------------------------------------------- */

enum { HELD = 128 };

static int hold(const struct daemon *to_daemon, int to, bool greets)
{
    int fds[HELD];
    for (int i = 0; i < HELD; i++)
        fds[i] = other_dials(to_daemon, greets);
    if (write(to, "h", 1) != 1)
        return 1;
    for (int i = 0;; i = (i + 1) % HELD) { /* whatever ends comes again */
        char byte;
        ssize_t n = fds[i] < 0 ? 0 : recv(fds[i], &byte, 1, MSG_DONTWAIT);
        if (n >= 0) {
            if (fds[i] >= 0)
                close(fds[i]);
            fds[i] = other_dials(to_daemon, greets);
        }
        if (i == 0)
            poll(NULL, 0, 1);
    }
}

static int hold_idle(const struct daemon *to_daemon, int to)
{
    return hold(to_daemon, to, true);
}

static int hold_silent(const struct daemon *to_daemon, int to)
{
    return hold(to_daemon, to, false);
}

static int connect_and_close(const struct daemon *to_daemon, int to)
{
    for (bool told = false;; told = true) {
        int fd = other_dials(to_daemon, false);
        if (fd >= 0)
            close(fd);
        if (!told && write(to, "h", 1) != 1)
            return 1;
    }
}

/* Asks on many connections, and takes what comes. */
static int ask_all_the_time(const struct daemon *to_daemon, int to, uint16_t type)
{
    enum { ASKING = 120 };
    static uint8_t bytes[1 << 16];
    const uint8_t head[8] = {0, 0, 0, 0, (uint8_t)type};
    uint8_t many[64 * sizeof head];
    struct pollfd p[ASKING];
    for (size_t i = 0; i < sizeof many; i++)
        many[i] = head[i % sizeof head];
    for (int i = 0; i < ASKING; i++)
        p[i] = (struct pollfd){other_dials(to_daemon, true), POLLIN | POLLOUT, 0};
    if (write(to, "h", 1) != 1)
        return 1;
    for (;;) {
        poll(p, ASKING, -1);
        for (int i = 0; i < ASKING; i++) {
            if (p[i].revents & POLLIN)
                while (recv(p[i].fd, bytes, sizeof bytes, MSG_DONTWAIT) == sizeof bytes)
                    ;
            if (p[i].revents & POLLOUT)
                send(p[i].fd, many, sizeof many, MSG_DONTWAIT | MSG_NOSIGNAL);
        }
    }
}

static int ask_for_status(const struct daemon *to_daemon, int to)
{
    return ask_all_the_time(to_daemon, to, 3);
}

static int ask_for_datasets(const struct daemon *to_daemon, int to)
{
    return ask_all_the_time(to_daemon, to, 2);
}

/* Asks for as much as the socket takes, and reads nothing. */
static int ask_and_never_read(const struct daemon *to_daemon, int to)
{
    static const uint8_t head[8] = {0, 0, 0, 0, 3};
    for (int i = 0; i < 120; i++) {
        int fd = other_dials(to_daemon, true);
        for (int k = 0; k < 10000 && send(fd, head, 8, MSG_DONTWAIT | MSG_NOSIGNAL) == 8; k++)
            ;
    }
    if (write(to, "h", 1) != 1)
        return 1;
    for (;;)
        pause();
}

static const uid_t attackers[] = {ALICE, BOB};

static void start_attack(struct other others[2], other_acts *act)
{
    char byte;
    for (int i = 0; i < 2; i++)
        other_start(&others[i], attackers[i], &d, act);
    for (int i = 0; i < 2; i++)
        other_tells(&others[i], &byte, 1);
}

static void must_come_in_beside(const char *what, other_acts *act)
{
    struct other others[2];
    if (!other_users_can_be())
        return;
    start_attack(others, act);
    must_come_in(what, 2);
    for (int i = 0; i < 2; i++)
        other_kill(&others[i]);
}

START_TEST(connections__two_users_hold_128_each__others_come_in)
{
    must_come_in_beside("all connections held idle", hold_idle);
}
END_TEST

START_TEST(connections__two_users_hold_128_silent_ones__others_come_in)
{
    must_come_in_beside("all connections held without a hello", hold_silent);
}
END_TEST

START_TEST(connections__opened_and_closed_in_a_loop__others_come_in)
{
    must_come_in_beside("connections opened and closed in a loop", connect_and_close);
}
END_TEST

START_TEST(status__asked_on_240_connections__others_open)
{
    must_come_in_beside("status asked on 240 connections in a loop", ask_for_status);
}
END_TEST

START_TEST(datasets__asked_on_240_connections__others_open)
{
    must_come_in_beside("datasets asked on 240 connections in a loop", ask_for_datasets);
}
END_TEST

START_TEST(status__asked_and_never_read__others_open)
{
    must_come_in_beside("status asked 10,000 times on 240 connections and never read",
                        ask_and_never_read);
}
END_TEST

/* ---- all places in use ---------------------------------------------------------------------- */

static int stream_on_all(const struct daemon *to_daemon, int to)
{
    struct fmnist_connect_options o = {.size = sizeof o, .socket = to_daemon->socket};
    struct fmnist_spec spec = spec_of("tiny");
    static struct fmnist_stream *streams[HELD];
    for (int i = 0; i < HELD; i++) {
        struct fmnist_client *client;
        if (fmnist_connect(&o, &client) || fmnist_open(client, &spec, NULL, &streams[i]))
            return 2;
        fmnist_disconnect(client);
    }
    if (write(to, "h", 1) != 1)
        return 1;
    for (int i = 0;; i = (i + 1) % HELD) { /* who is sent away has failed */
        struct fmnist_batch b;
        int rc = fmnist_next(streams[i], &b);
        if (rc == FMNIST_OK)
            rc = fmnist_release(streams[i], &b);
        if (rc < 0)
            return 3;
        poll(NULL, 0, 1);
    }
}

/* Who streams is never sent away: another user is told so by name, root can look and no more. */
START_TEST(connections__all_have_streams__refused_by_name_and_root_looks)
{
    struct other others[2];
    if (!other_users_can_be())
        return;
    start_attack(others, stream_on_all);
    struct opens seen = carols_opens();
    ck_assert_uint_eq(seen.good, 0);
    root_looks();
    struct fmnist_client *client = connect_to(&d);
    struct fmnist_spec spec = spec_of("tiny");
    struct fmnist_stream *stream;
    must_be(fmnist_open(client, &spec, NULL, &stream), FMNIST_ELIMIT, "open", __FILE__, __LINE__);
    ck_assert_msg(strstr(fmnist_error(), "limits.clients: 256 are connected"), "%s",
                  fmnist_error());
    fmnist_disconnect(client);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(waitpid(others[i].pid, NULL, WNOHANG), 0);
        other_kill(&others[i]);
    }
    fault_held("all connections in use by streams", seen.refused,
               "no stream ended; others were told the limit; root's status came");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("admission");
    TCase *tc = tcase_create("admission");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 900);
    tcase_add_test(tc, connections__two_users_hold_128_each__others_come_in);
    tcase_add_test(tc, connections__two_users_hold_128_silent_ones__others_come_in);
    tcase_add_test(tc, connections__opened_and_closed_in_a_loop__others_come_in);
    tcase_add_test(tc, connections__all_have_streams__refused_by_name_and_root_looks);
    tcase_add_test(tc, status__asked_on_240_connections__others_open);
    tcase_add_test(tc, datasets__asked_on_240_connections__others_open);
    tcase_add_test(tc, status__asked_and_never_read__others_open);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
