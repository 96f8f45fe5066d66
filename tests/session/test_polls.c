/* SPDX-License-Identifier: MIT */
/* libuv's table of what it polls, which must not have to grow when there is no memory. */
#include "session/polls.h"

#include "base/io.h"
#include "support/support.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static uv_loop_t loop;
static int ends[2];
static bool no_memory;

static void *allocate(size_t size)
{
    return no_memory ? NULL : malloc(size);
}

static void *allocate_many(size_t count, size_t size)
{
    return no_memory ? NULL : calloc(count, size);
}

static void *allocate_again(void *old, size_t size)
{
    return no_memory ? NULL : realloc(old, size);
}

static void setup(void)
{
    ck_assert_int_eq(uv_replace_allocator(allocate, allocate_again, allocate_many, free), 0);
    uv_loop_init(&loop); /* keeps two descriptors for the process */
    uv_loop_close(&loop);
    support_setup();
    ck_assert_int_eq(uv_loop_init(&loop), 0);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
}

static void teardown(void)
{
    no_memory = false;
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
    close(ends[0]);
    close(ends[1]);
    support_teardown();
}

static void on_event(uv_poll_t *poll, int status, int events)
{
}

static int poll_once(int fd)
{
    uv_poll_t poll;
    int rc = polls_init(&loop, &poll, fd);
    if (rc)
        return rc;
    rc = uv_poll_start(&poll, UV_READABLE, on_event);
    uv_close((uv_handle_t *)&poll, NULL);
    uv_run(&loop, UV_RUN_NOWAIT);
    return rc;
}

/* An accept in a moment without memory ended the daemon, and every stream. */
START_TEST(polls_reserve__then_no_memory__every_descriptor_can_be_polled)
{
    ck_assert_int_eq(polls_reserve(&loop, ends[0], 500), 0);
    ck_assert_uint_ge(loop.nwatchers, 500);
    no_memory = true;
    for (int i = 20; i < 490; i++) {
        int fd = fcntl(ends[0], F_DUPFD_CLOEXEC, i);
        ck_assert(fd >= i && fd < 500);
        ck_assert_int_eq(poll_once(fd), 0);
        fd_close(&fd);
    }
}
END_TEST

/* It asks for no more than the process may have, and twice for the same is once. */
START_TEST(polls_reserve__more_than_there_can_be__as_many_as_there_can_be)
{
    struct rlimit limit, small = {.rlim_cur = 300};
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    small.rlim_max = limit.rlim_max;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &small), 0);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(polls_reserve(&loop, ends[0], UINT64_MAX), 0);
    ck_assert_uint_ge(loop.nwatchers, 300);
    ck_assert_uint_lt(loop.nwatchers, 1000);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}
END_TEST

/* Without the memory that libuv would ask for, the one connection is refused. */
START_TEST(polls_init__no_memory_for_a_larger_table__refused)
{
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    struct rlimit limit, none = {.rlim_cur = 1};
    int fd = fcntl(ends[0], F_DUPFD_CLOEXEC, 900000);
    if (fd < 0)
        return; /* the process may not have that many */
    ck_assert_int_eq(getrlimit(RLIMIT_AS, &limit), 0);
    none.rlim_max = limit.rlim_max;
    ck_assert_int_eq(setrlimit(RLIMIT_AS, &none), 0);
    int rc = poll_once(fd);
    ck_assert_int_eq(setrlimit(RLIMIT_AS, &limit), 0);
    ck_assert_int_eq(rc, -ENOMEM);
    fd_close(&fd);
#endif
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("session/polls");
    TCase *tc = tcase_create("polls");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, polls_reserve__then_no_memory__every_descriptor_can_be_polled);
    tcase_add_test(tc, polls_reserve__more_than_there_can_be__as_many_as_there_can_be);
    tcase_add_test(tc, polls_init__no_memory_for_a_larger_table__refused);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
