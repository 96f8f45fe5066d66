/* SPDX-License-Identifier: MIT */
/* Whole reads and writes: short transfers, interruptions, ends and errors. */
#include "base/io.h"
#include "support/support.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

/* ---- fd_close ---- */

/* Clean-up paths close after a failure whose errno they still report. */
START_TEST(fd_close__errno__kept)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int number = fd;
    ck_assert_int_ge(fd, 0);
    errno = ENOSPC;
    fd_close(&fd);
    ck_assert_int_eq(errno, ENOSPC);
    ck_assert_int_eq(fd, -1);
    ck_assert_int_eq(fcntl(number, F_GETFD), -1);
}
END_TEST

/* A second close must not take a descriptor that somebody else was given meanwhile. */
START_TEST(fd_close__closed__nothing)
{
    int fd = -1;
    errno = 0;
    fd_close(&fd);
    ck_assert_int_eq(errno, 0);
    ck_assert_int_eq(fd, -1);
}
END_TEST

/* ---- through a pipe ---- */

enum { TRANSFER = 3 << 20 };

struct transfer {
    int fd;
    uint8_t *data;
    int result;
};

static void *do_nothing(void *arg)
{
    return arg;
}

/* What libc keeps of its first thread (the stack, for the next) is no leak of a test. */
static void warm_up_libc(void)
{
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, do_nothing, NULL), 0);
    pthread_join(thread, NULL);
}

static void *write_transfer(void *arg)
{
    struct transfer *t = arg;
    t->result = write_full(t->fd, t->data, TRANSFER);
    fd_close(&t->fd);
    return NULL;
}

static void on_alarm(int number)
{
    (void)number;
}

/* Signals without SA_RESTART every 0.2 ms; while a transfer runs they hit its read and write. */
static void set_alarms(bool on)
{
    struct sigaction action = {.sa_handler = on ? on_alarm : SIG_IGN};
    struct itimerval every = {{0, on ? 200 : 0}, {0, on ? 200 : 0}};
    if (on)
        sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &every, NULL);
    if (!on)
        sigaction(SIGALRM, &action, NULL);
}

/* A pipe holds 64 KiB: both sides transfer in parts and are interrupted in between. */
START_TEST(read_write_full__pipe_and_signals__every_byte)
{
    int ends[2];
    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    struct transfer t = {.fd = ends[1], .data = malloc(TRANSFER), .result = -1};
    uint8_t *got = malloc(TRANSFER + 1);
    for (int i = 0; i < TRANSFER; i++)
        t.data[i] = (uint8_t)(i * 2654435761u >> 24);

    pthread_t writer;
    set_alarms(true);
    ck_assert_int_eq(pthread_create(&writer, NULL, write_transfer, &t), 0);
    ssize_t n = read_full(ends[0], got, TRANSFER + 1); /* one more than comes: to the end */
    pthread_join(writer, NULL);
    set_alarms(false);

    ck_assert_int_eq(t.result, 0);
    ck_assert_int_eq(n, TRANSFER);
    ck_assert_int_eq(memcmp(got, t.data, TRANSFER), 0);
    fd_close(&ends[0]);
    free(t.data);
    free(got);
}
END_TEST

/* ---- files ---- */

/* The end of a file is a short count, not an error, and an empty read is nothing. */
START_TEST(pread_full__past_the_end__short)
{
    char buffer[16];
    const char *path = support_path("ten");
    support_write(path, "0123456789", 10);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ck_assert_int_eq(pread_full(fd, buffer, 16, 7), 3);
    ck_assert_mem_eq(buffer, "789", 3);
    ck_assert_int_eq(pread_full(fd, buffer, 16, 10), 0);
    ck_assert_int_eq(pread_full(fd, buffer, 0, 0), 0);
    ck_assert_int_eq(lseek(fd, 0, SEEK_CUR), 0);
    ck_assert_int_eq(read_full(fd, buffer, 4), 4);
    ck_assert_mem_eq(buffer, "0123", 4);
    fd_close(&fd);
}
END_TEST

/* Offsets beyond 4 GiB, in a file with a hole. */
START_TEST(pwrite_full__far_offset__read_back_there)
{
    char buffer[5];
    const uint64_t far_offset = UINT64_C(5) << 30;
    int fd = open(support_path("far"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    ck_assert_int_eq(pwrite_full(fd, "hello", 5, far_offset), 0);
    ck_assert_int_eq(pread_full(fd, buffer, 5, far_offset), 5);
    ck_assert_mem_eq(buffer, "hello", 5);
    ck_assert_int_eq(pread_full(fd, buffer, 5, 0), 5);
    ck_assert_mem_eq(buffer, "\0\0\0\0", 5);
    fd_close(&fd);
}
END_TEST

/* ---- errors ---- */

/* A full disk is an answer with its number, from both kinds of write. */
START_TEST(write_full__full_device__enospc)
{
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write_full(fd, "x", 1), -ENOSPC);
    ck_assert_int_eq(pwrite_full(fd, "x", 1, 0), -ENOSPC);
    fd_close(&fd);
}
END_TEST

/* The negative errno value, not -1. */
START_TEST(io__bad_descriptor__ebadf)
{
    char byte;
    ck_assert_int_eq(read_full(-1, &byte, 1), -EBADF);
    ck_assert_int_eq(pread_full(-1, &byte, 1, 0), -EBADF);
    ck_assert_int_eq(write_full(-1, "x", 1), -EBADF);
    ck_assert_int_eq(pwrite_full(-1, "x", 1, 0), -EBADF);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base/io");
    TCase *tc = tcase_create("io");
    tcase_add_checked_fixture(tc, warm_up_libc, NULL);
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_add_test(tc, fd_close__errno__kept);
    tcase_add_test(tc, fd_close__closed__nothing);
    tcase_add_test(tc, read_write_full__pipe_and_signals__every_byte);
    tcase_add_test(tc, pread_full__past_the_end__short);
    tcase_add_test(tc, pwrite_full__far_offset__read_back_there);
    tcase_add_test(tc, write_full__full_device__enospc);
    tcase_add_test(tc, io__bad_descriptor__ebadf);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
