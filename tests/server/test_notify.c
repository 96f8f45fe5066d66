/* SPDX-License-Identifier: MIT */
/* What a service manager hears, and one that does not listen. */
#include "server/notify.h"

#include "base/clock.h"
#include "base/io.h"
#include "support/support.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static char variable[256]; /* setenv(3) would keep a copy for ever */

/* What libc keeps of a changed environment is no leak of a test. */
static void setup(void)
{
    static const char *const names[] = {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        setenv(names[i], "", 1);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unsetenv(names[i]);
    support_setup();
}

static void teardown(void)
{
    unsetenv("NOTIFY_SOCKET");
    support_teardown();
}

/* A service manager's socket, in a folder or abstract, as the environment then names it. */
static int open_manager(bool abstract)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    if (abstract)
        snprintf(a.sun_path, sizeof a.sun_path, "@fmnistd-test-%d", (int)getpid());
    else
        snprintf(a.sun_path, sizeof a.sun_path, "%s", support_path("notify"));
    snprintf(variable, sizeof variable, "NOTIFY_SOCKET=%s", a.sun_path);
    putenv(variable);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(a.sun_path));
    if (abstract)
        a.sun_path[0] = 0;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&a, size), 0);
    return fd;
}

START_TEST(notify__service_manager_listens__hears_each_word)
{
    char word[32] = "";
    int fd = open_manager(_i);
    ck_assert(notify_ready());
    ck_assert_int_eq(recv(fd, word, sizeof word, 0), 7);
    ck_assert_int_eq(memcmp(word, "READY=1", 7), 0);
    ck_assert(notify_stopping());
    ck_assert_int_eq(recv(fd, word, sizeof word, 0), 10);
    ck_assert_int_eq(memcmp(word, "STOPPING=1", 10), 0);
    ck_assert(notify_alive());
    ck_assert_int_eq(recv(fd, word, sizeof word, 0), 10);
    ck_assert_int_eq(memcmp(word, "WATCHDOG=1", 10), 0);
    fd_close(&fd);
}
END_TEST

/* A manager holds the time against that of its request. */
START_TEST(notify_reloading__any_time__within_its_call)
{
    char word[128] = "";
    unsigned long long us;
    int fd = open_manager(false), end = 0;
    uint64_t before = clock_ns() / 1000;
    ck_assert(notify_reloading());
    ck_assert_int_gt(recv(fd, word, sizeof word - 1, 0), 0);
    ck_assert_int_eq(sscanf(word, "RELOADING=1\nMONOTONIC_USEC=%llu%n", &us, &end), 1);
    ck_assert_int_eq(word[end], 0);
    ck_assert(us >= before && us <= clock_ns() / 1000);
    fd_close(&fd);
}
END_TEST

START_TEST(notify_alive_ms__what_the_environment_says__half_of_it)
{
    static const struct {
        const char *us, *pid; /* NULL: ours */
        uint64_t ms;
    } cases[] = {{"", "", 0},      {"0", NULL, 0},     {"x", NULL, 0},
                 {"-5", NULL, 0},  {"10", NULL, 1},    {"60000000", NULL, 30000},
                 {"2000", "1", 0}, {"2000x", NULL, 0}, {"99999999999999999999", NULL, 0}};
    static char us[64], pid[64];
    ck_assert_uint_eq(notify_alive_ms(), 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(us, sizeof us, "WATCHDOG_USEC=%s", cases[i].us);
        snprintf(pid, sizeof pid, "WATCHDOG_PID=%s", cases[i].pid ? cases[i].pid : "");
        if (!cases[i].pid)
            snprintf(pid, sizeof pid, "WATCHDOG_PID=%d", (int)getpid());
        putenv(us);
        putenv(pid);
        ck_assert_uint_eq(notify_alive_ms(), cases[i].ms);
    }
    unsetenv("WATCHDOG_PID"); /* any process */
    snprintf(us, sizeof us, "WATCHDOG_USEC=4000");
    ck_assert_uint_eq(notify_alive_ms(), 2);
    unsetenv("WATCHDOG_USEC");
}
END_TEST

/* sd_notify(3) waits for it, and the loop would. */
START_TEST(notify__service_manager_does_not_read__not_waited_for_and_said_later)
{
    char word[32];
    int fd = open_manager(false), said = 0;
    while (said < 100000 && notify_ready())
        said++;
    ck_assert_int_lt(said, 100000);
    while (recv(fd, word, sizeof word, 0) > 0)
        said--;
    ck_assert_int_eq(said, 0);
    ck_assert(notify_ready());
    fd_close(&fd);
}
END_TEST

/* By hand; or the service manager has gone. */
START_TEST(notify__nobody_to_tell__nothing_to_say_again)
{
    static const char *const names[] = {"NOTIFY_SOCKET=", "NOTIFY_SOCKET=/",
                                        "NOTIFY_SOCKET=relative", "NOTIFY_SOCKET=/nowhere/notify"};
    ck_assert(notify_ready() && notify_stopping());
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(variable, sizeof variable, "%s", names[i]);
        putenv(variable);
        ck_assert(notify_ready() && notify_stopping());
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("server/notify");
    TCase *tc = tcase_create("notify");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, notify__service_manager_listens__hears_each_word, 0, 2);
    tcase_add_test(tc, notify_reloading__any_time__within_its_call);
    tcase_add_test(tc, notify_alive_ms__what_the_environment_says__half_of_it);
    tcase_add_test(tc, notify__service_manager_does_not_read__not_waited_for_and_said_later);
    tcase_add_test(tc, notify__nobody_to_tell__nothing_to_say_again);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
