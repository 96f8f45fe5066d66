/* SPDX-License-Identifier: MIT */
/* Descriptors over a socket: those that come are owned, surplus and lost ones are refused, and
 * none stays open by mistake (the fixture counts them). */
#include "support/support.h"
#include "wire/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static int ends[2];

static void setup(void)
{
    support_setup();
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
}

static void teardown(void)
{
    close(ends[0]);
    close(ends[1]);
    support_teardown();
}

/* Sends `count` descriptors of one file with one byte. */
static void send_fds(size_t count)
{
    int fds[4];
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    for (size_t i = 0; i < count; i++)
        fds[i] = fd;
    ck_assert_int_eq(socket_send_fds(ends[0], "x", 1, fds, count), 1);
    close(fd);
}

START_TEST(socket_receive_fds__as_many_as_expected__taken_close_on_exec)
{
    for (size_t count = 1; count <= 4; count++) {
        int fds[4] = {-1, -1, -1, -1};
        size_t came = 4;
        char byte;
        send_fds(count);
        ck_assert_int_eq(socket_receive_fds(ends[1], &byte, 1, fds, &came), 1);
        ck_assert_uint_eq(came, count);
        for (size_t i = 0; i < came; i++) {
            ck_assert_int_eq(fcntl(fds[i], F_GETFD), FD_CLOEXEC);
            close(fds[i]);
        }
    }
}
END_TEST

/* One descriptor more than expected fits the padding of a small control buffer: it must not leak.
 */
START_TEST(socket_receive_fds__surplus__eproto_and_all_closed)
{
    for (size_t room = 0; room < 4; room++)
        for (size_t count = room + 1; count <= 4; count++) {
            int fds[4];
            size_t came = room;
            char byte;
            send_fds(count);
            ck_assert_int_eq(socket_receive_fds(ends[1], &byte, 1, fds, &came), -EPROTO);
            ck_assert_uint_eq(came, 0);
        }
}
END_TEST

START_TEST(socket_receive__descriptors__eproto_and_closed)
{
    char byte;
    send_fds(1);
    ck_assert_int_eq(socket_receive(ends[1], &byte, 1), -EPROTO);
}
END_TEST

/* Where this process may open no more, the kernel drops descriptors and sets MSG_CTRUNC: what did
 * come is closed, and the caller hears of it. */
START_TEST(socket_receive_fds__no_room_for_descriptors__eproto_and_closed)
{
    struct rlimit before, few;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    send_fds(3);
    int probe = dup(ends[0]); /* the lowest number that is free */
    ck_assert_int_ge(probe, 0);
    close(probe);
    few = before;
    few.rlim_cur = (rlim_t)probe + 1;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
    int fds[4];
    size_t came = 4;
    char byte;
    ssize_t n = socket_receive_fds(ends[1], &byte, 1, fds, &came);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
    ck_assert_int_eq(n, -EPROTO);
    ck_assert_uint_eq(came, 0);
}
END_TEST

START_TEST(socket_receive__nothing_there_and_the_end__eagain_and_0)
{
    char byte;
    ck_assert_int_eq(socket_receive(ends[1], &byte, 1), -EAGAIN);
    ck_assert_int_eq(shutdown(ends[0], SHUT_WR), 0);
    ck_assert_int_eq(socket_receive(ends[1], &byte, 1), 0);
}
END_TEST

/* A send is not a receive: parts arrive in order whatever pieces they travel in, and a full buffer
 * is -EAGAIN. */
START_TEST(socket_send__more_than_fits__the_rest_later_in_order)
{
    static uint8_t data[1 << 20], got[sizeof data];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 2654435761u >> 24);
    size_t sent = 0, have = 0;
    bool was_full = false;
    while (have < sizeof data) {
        size_t half = (sizeof data - sent) / 2;
        struct iovec parts[] = {{data + sent, half},
                                {data + sent + half, sizeof data - sent - half}};
        ssize_t n = sent < sizeof data ? socket_send(ends[0], parts, 2) : -EAGAIN;
        if (n > 0)
            sent += (size_t)n;
        else if (sent < sizeof data)
            was_full = n == -EAGAIN;
        n = socket_receive(ends[1], got + have,
                           10007 < sizeof got - have ? 10007 : sizeof got - have);
        ck_assert_int_gt(n, 0);
        have += (size_t)n;
    }
    ck_assert(was_full);
    ck_assert_mem_eq(got, data, sizeof data);
}
END_TEST

/* A peer that is gone is an error, not a SIGPIPE. */
START_TEST(socket_send__peer_gone__epipe)
{
    close(ends[1]);
    struct iovec part = {(void *)"x", 1};
    int fd = ends[0];
    ck_assert_int_eq(socket_send(ends[0], &part, 1), -EPIPE);
    ck_assert_int_eq(socket_send_fds(ends[0], "x", 1, &fd, 1), -EPIPE);
    ends[1] = dup(ends[0]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("wire/socket");
    TCase *tc = tcase_create("socket");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, socket_receive_fds__as_many_as_expected__taken_close_on_exec);
    tcase_add_test(tc, socket_receive_fds__surplus__eproto_and_all_closed);
    tcase_add_test(tc, socket_receive__descriptors__eproto_and_closed);
    tcase_add_test(tc, socket_receive_fds__no_room_for_descriptors__eproto_and_closed);
    tcase_add_test(tc, socket_receive__nothing_there_and_the_end__eagain_and_0);
    tcase_add_test(tc, socket_send__more_than_fits__the_rest_later_in_order);
    tcase_add_test(tc, socket_send__peer_gone__epipe);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
