/* SPDX-License-Identifier: MIT */
/* The log's thread: a standard error that takes no lines, for now or for ever. */
#include "base/captured.h"
#include "base/thread.h"

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>

enum { TO_PIPE, TO_SOCKET, TO_TERMINAL, TO_NONBLOCKING_PIPE, WAYS };

/* Standard error's new file, and the end that it is read from. */
struct reader {
    int saved, fd;
    char text[2 << 20];
    size_t size;
};

static struct reader reader;

static void open_terminal(int ends[2])
{
    struct termios raw;
    ends[0] = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    ck_assert(ends[0] >= 0 && grantpt(ends[0]) == 0 && unlockpt(ends[0]) == 0);
    ends[1] = open(ptsname(ends[0]), O_RDWR | O_NOCTTY | O_CLOEXEC);
    ck_assert(ends[1] >= 0 && tcgetattr(ends[1], &raw) == 0);
    cfmakeraw(&raw);
    tcsetattr(ends[1], TCSANOW, &raw);
}

static void reader_begin(int way)
{
    int ends[2];
    if (way == TO_SOCKET)
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    else if (way == TO_TERMINAL)
        open_terminal(ends);
    else
        ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    if (way == TO_NONBLOCKING_PIPE)
        fcntl(ends[1], F_SETFL, O_NONBLOCK);
    reader.saved = dup(STDERR_FILENO);
    reader.fd = ends[0];
    reader.size = 0;
    dup2(ends[1], STDERR_FILENO);
    fd_close(&ends[1]);
}

/* Takes what comes within timeout_ms. Returns whether the text has that line now. */
static bool read_some(const char *line, int timeout_ms)
{
    struct pollfd p = {.fd = reader.fd, .events = POLLIN};
    if (poll(&p, 1, timeout_ms) == 1) {
        size_t room = sizeof reader.text - 1 - reader.size;
        ssize_t n = read(reader.fd, reader.text + reader.size, room);
        ck_assert_int_gt(n, 0);
        reader.size += (size_t)n;
        reader.text[reader.size] = 0;
    }
    return strstr(reader.text, line) != NULL;
}

static void reader_end(void)
{
    dup2(reader.saved, STDERR_FILENO);
    fd_close(&reader.saved);
    fd_close(&reader.fd);
}

/* Each line's number must be the one behind that of the line before, but for what is told lost. */
static unsigned count_lines(unsigned *lost)
{
    unsigned next = 0, told = 0;
    *lost = 0;
    for (char *line = strtok(reader.text, "\n"); line; line = strtok(NULL, "\n")) {
        const char *said = strstr(line, "error: line "), *gone = strstr(line, "warning: ");
        if (said) {
            ck_assert_int_eq(atoi(said + 12), (int)next++);
            told++;
        } else if (gone && strstr(line, "lines were lost")) {
            *lost += (unsigned)atoi(gone + 9);
            next += (unsigned)atoi(gone + 9);
        }
    }
    return told;
}

static int64_t milliseconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

enum { FLOOD = 20000 };

static void flood(void)
{
    for (unsigned i = 0; i < FLOOD; i++)
        log_error("line %u", i);
}

/* The loop would stand still in the write, and with it everything. */
START_TEST(log_line__nobody_reads__never_waits_and_says_what_was_lost)
{
    struct err e;
    char last[32];
    unsigned lost, total = FLOOD;
    reader_begin(_i);
    ck_assert_int_eq(log_start(&e), 0);
    flood();
    do {
        log_error("line %u", total);
        snprintf(last, sizeof last, "line %u\n", total++);
    } while (!read_some(last, 10));
    log_end(30000);
    unsigned told = count_lines(&lost);
    reader_end();
    ck_assert_uint_eq(told + lost, total);
    ck_assert_uint_gt(lost, FLOOD / 2);
}
END_TEST

static void *end_at_once(void *unused)
{
    return unused;
}

/* A process's task folder has two links more than threads. */
static nlink_t count_threads(void)
{
    struct stat st;
    ck_assert_int_eq(stat("/proc/self/task", &st), 0);
    return st.st_nlink - 2;
}

/* libc gives back a detached thread's stack with the next one's. */
static void wait_for_threads(nlink_t count)
{
    pthread_t thread;
    for (int64_t start = milliseconds(); milliseconds() - start < 30000; poll(NULL, 0, 1))
        if (count_threads() == count) {
            ck_assert_int_eq(thread_start(&thread, "short", end_at_once, NULL), 0);
            pthread_join(thread, NULL);
            return;
        }
    ck_abort_msg("the log's thread does not end");
}

/* An end that waits for a reader is none. */
START_TEST(log_end__nobody_reads__within_its_bound)
{
    struct err e;
    signal(SIGPIPE, SIG_IGN);
    reader_begin(_i);
    nlink_t threads = count_threads();
    ck_assert_int_eq(log_start(&e), 0);
    flood();
    int64_t start = milliseconds();
    log_end(50);
    ck_assert_int_ge(milliseconds() - start, 49);
    ck_assert_int_le(milliseconds() - start, 10000);
    flood(); /* to nobody, and at once */
    /* Its thread, which the process's end would take, ends with the queue. */
    int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    dup2(nowhere, STDERR_FILENO);
    fd_close(&nowhere);
    fd_close(&reader.fd);
    wait_for_threads(threads);
    reader_end();
}
END_TEST

/* All that was queued is there at the end. */
START_TEST(log_end__lines_queued__all_written)
{
    struct err e;
    for (int round = 0; round < 50; round++) {
        struct capture c = capture_begin();
        ck_assert_int_eq(log_start(&e), 0);
        for (unsigned i = 0; i < LOG_QUEUE_LINES; i++)
            log_error("%u", i);
        log_end(30000);
        log_error("behind it");
        char *text = capture_end(&c);
        ck_assert_ptr_nonnull(strstr(text, "error: 511\n"));
        ck_assert_ptr_nonnull(strstr(text, "error: behind it\n"));
        free(text);
    }
}
END_TEST

/* A full disk, a reader that has gone, no standard error: nothing waits, spins or ends. */
START_TEST(log_line__cannot_be_written__goes_on_and_says_so_later)
{
    struct err e;
    int ends[2];
    signal(SIGPIPE, SIG_IGN);
    struct capture c = capture_begin();
    ck_assert_int_eq(log_start(&e), 0);
    int kept = dup(STDERR_FILENO);
    if (_i == 0) {
        int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
        dup2(full, STDERR_FILENO);
        fd_close(&full);
    } else if (_i == 1) {
        ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
        dup2(ends[1], STDERR_FILENO);
        fd_close(&ends[0]);
        fd_close(&ends[1]);
    } else {
        close(STDERR_FILENO);
    }
    flood();
    log_end(30000);
    dup2(kept, STDERR_FILENO);
    fd_close(&kept);
    ck_assert_int_eq(log_start(&e), 0);
    log_error("it goes again");
    log_end(30000);
    char *text = capture_end(&c);
    expect_match(text,
                 "^" TIME " warning: 20000 lines were lost: .*\n" TIME " error: it goes again\n$");
    free(text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base/log_thread");
    TCase *tc = tcase_create("log_thread");
    tcase_add_checked_fixture(tc, warm_up_libc, NULL);
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_set_timeout(tc, 120);
    tcase_add_loop_test(tc, log_line__nobody_reads__never_waits_and_says_what_was_lost, 0, WAYS);
    tcase_add_loop_test(tc, log_end__nobody_reads__within_its_bound, 0, WAYS);
    tcase_add_test(tc, log_end__lines_queued__all_written);
    tcase_add_loop_test(tc, log_line__cannot_be_written__goes_on_and_says_so_later, 0, 3);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
