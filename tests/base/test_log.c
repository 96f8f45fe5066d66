/* SPDX-License-Identifier: MIT */
/* The log: levels, heads, one write a line. */
#include "base/captured.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* Debug lines in a log that asked for warnings, or the reverse. */
START_TEST(log_line__levels__above_are_dropped)
{
    unsetenv("JOURNAL_STREAM");
    struct capture c = capture_begin();
    log_set_level(LOG_LEVEL_WARNING);
    log_error("one %d", 1);
    log_warning("two");
    log_info("three");
    log_debug("four");
    log_set_level(LOG_LEVEL_DEBUG);
    log_debug("five");
    log_set_level(LOG_LEVEL_INFO);
    char *text = capture_end(&c);
    expect_match(text, "^" TIME " error: one 1\n" TIME " warning: two\n" TIME " debug: five\n$");
    free(text);
}
END_TEST

/* As systemd sets it, for what standard error is now. */
static void say_it_is_the_journal(void)
{
    static char stream[64]; /* setenv(3) would keep a copy for ever */
    struct stat st;
    ck_assert_int_eq(fstat(STDERR_FILENO, &st), 0);
    snprintf(stream, sizeof stream, "JOURNAL_STREAM=%llu:%llu", (unsigned long long)st.st_dev,
             (unsigned long long)st.st_ino);
    putenv(stream);
}

/* A service's child inherits the variable, and may have its standard error anywhere. */
START_TEST(log_line__journal_is_another_stream__as_by_hand)
{
    struct capture c = capture_begin(), other;
    say_it_is_the_journal();
    log_error("to the journal");
    other = c;
    other.path = support_path("other");
    int fd = open(other.path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    dup2(fd, STDERR_FILENO);
    fd_close(&fd);
    log_error("to a file");
    unsetenv("JOURNAL_STREAM");
    char *text = capture_end(&other), *journal = support_read(c.path, NULL);
    expect_match(text, "^" TIME " error: to a file\n$");
    ck_assert_str_eq(journal, "<3>to the journal\n");
    free(journal);
    free(text);
}
END_TEST

/* The journal reads the level from the head and has its own time. */
START_TEST(log_line__under_the_journal__priorities_and_no_time)
{
    struct capture c = capture_begin();
    say_it_is_the_journal();
    log_set_level(LOG_LEVEL_DEBUG);
    log_error("a");
    log_warning("b");
    log_info("c");
    log_debug("d");
    log_set_level(LOG_LEVEL_INFO);
    unsetenv("JOURNAL_STREAM");
    char *text = capture_end(&c);
    ck_assert_str_eq(text, "<3>a\n<4>b\n<6>c\n<7>d\n");
    free(text);
}
END_TEST

/* A line longer than the buffer still ends, and ends once. */
START_TEST(log_line__too_long__cut_with_its_newline)
{
    char long_text[3000];
    memset(long_text, 'x', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = 0;
    unsetenv("JOURNAL_STREAM");
    struct capture c = capture_begin();
    log_error("%s", long_text);
    log_error("next");
    char *text = capture_end(&c);
    char *newline = strchr(text, '\n');
    ck_assert_ptr_nonnull(newline);
    ck_assert_int_gt(newline - text, 900);
    ck_assert_int_eq(newline[-1], 'x');
    expect_match(newline + 1, "^" TIME " error: next\n$");
    free(text);
}
END_TEST

/* One call is one line, whatever a client calls its dataset. */
START_TEST(log_line__control_characters__one_line)
{
    struct capture c = capture_begin();
    log_line(LOG_LEVEL_ERROR, "no \"%s\"", "x\n12:00:00.000 info: fake\x1b[31m");
    char *text = capture_end(&c);
    expect_match(text, "^" TIME " error: no \"x\\?12:00:00.000 info: fake\\?\\[31m\"\n$");
    free(text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base/log");
    TCase *tc = tcase_create("log");
    tcase_add_checked_fixture(tc, warm_up_libc, NULL);
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_add_test(tc, log_line__levels__above_are_dropped);
    tcase_add_test(tc, log_line__under_the_journal__priorities_and_no_time);
    tcase_add_test(tc, log_line__journal_is_another_stream__as_by_hand);
    tcase_add_test(tc, log_line__too_long__cut_with_its_newline);
    tcase_add_test(tc, log_line__control_characters__one_line);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
