/* SPDX-License-Identifier: MIT */
/* Lines of refusals: few of a kind and user, and how many more there were. */
#include "base/io.h"
#include "session/refusals.h"
#include "support/support.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static struct refusals refusals;
static int saved;

/* Standard error goes to a file of the test's folder. */
static void setup(void)
{
    tzset(); /* what libc keeps of the time zone is no leak */
    support_setup();
    refusals = (struct refusals){0};
    saved = dup(STDERR_FILENO);
    int fd = open(support_path("log"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    ck_assert_int_ge(fd, 0);
    dup2(fd, STDERR_FILENO);
    fd_close(&fd);
}

static void teardown(void)
{
    dup2(saved, STDERR_FILENO);
    fd_close(&saved);
    support_teardown();
}

static unsigned lines_with(const char *words)
{
    char *text = support_read(support_path("log"), NULL);
    unsigned n = 0;
    for (const char *at = text; (at = strstr(at, words)); at++)
        n++;
    free(text);
    return n;
}

/* 8,000 lines a second were seen, of one client that was refused again and again. */
START_TEST(refusals__flood_of_one_user__few_lines_and_their_number)
{
    for (int i = 0; i < 8000; i++)
        refusals_add(&refusals, LOG_LEVEL_INFO, 1, 5, "client %d: too many", i);
    ck_assert_uint_eq(lines_with("\n"), REFUSALS_LINES);
    refusals_tell(&refusals);
    ck_assert_uint_eq(lines_with("\n"), REFUSALS_LINES + 1);
    ck_assert_uint_eq(lines_with(": 7990 more of this kind, the last: client 7999: too many\n"), 1);
    refusals_tell(&refusals);
    ck_assert_uint_eq(lines_with("\n"), REFUSALS_LINES + 1);
    refusals_add(&refusals, LOG_LEVEL_INFO, 1, 5, "one more");
    ck_assert_uint_eq(lines_with("one more"), 1);
}
END_TEST

/* A flood of one user hides no line of another, nor one of another kind. */
START_TEST(refusals__beside_a_flood__others_have_their_lines)
{
    for (int i = 0; i < 1000; i++)
        refusals_add(&refusals, LOG_LEVEL_INFO, 1, 5, "flood");
    refusals_add(&refusals, LOG_LEVEL_INFO, 1, 6, "another kind");
    refusals_add(&refusals, LOG_LEVEL_INFO, 2, 5, "another user");
    ck_assert_uint_eq(lines_with("another "), 2);
    ck_assert_uint_eq(lines_with("flood"), REFUSALS_LINES);
}
END_TEST

/* A thousand user ids are no thousand lines. */
START_TEST(refusals__more_kinds_than_the_table_has__bounded)
{
    for (uint32_t uid = 0; uid < 1000; uid++)
        for (int i = 0; i < 20; i++)
            refusals_add(&refusals, LOG_LEVEL_INFO, uid, 5, "uid %u", uid);
    refusals_tell(&refusals);
    ck_assert_uint_eq(lines_with("\n"), REFUSALS_KINDS * (REFUSALS_LINES + 1));
    ck_assert_uint_eq(lines_with("19370 more of this kind, the last: uid 999\n"), 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("session/refusals");
    TCase *tc = tcase_create("refusals");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, refusals__flood_of_one_user__few_lines_and_their_number);
    tcase_add_test(tc, refusals__beside_a_flood__others_have_their_lines);
    tcase_add_test(tc, refusals__more_kinds_than_the_table_has__bounded);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
