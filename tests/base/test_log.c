/* The log: levels, heads, one write a line. */
#include "base/io.h"
#include "base/log.h"
#include "support/support.h"

#include <fcntl.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* What libc keeps of the time zone and of a changed environment is no leak of a test. */
static void warm_up_libc(void)
{
    setenv("JOURNAL_STREAM", "8:1", 1);
    unsetenv("JOURNAL_STREAM");
    tzset();
}

struct capture {
    int saved;
    const char *path;
};

/* Standard error goes to a file of the test's folder from here on ... */
static struct capture capture_begin(void)
{
    struct capture c = {dup(STDERR_FILENO), support_path("stderr")};
    int fd = open(c.path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    ck_assert_int_ge(fd, 0);
    dup2(fd, STDERR_FILENO);
    fd_close(&fd);
    return c;
}

/* ... to here. malloc'd text. */
static char *capture_end(struct capture *c)
{
    dup2(c->saved, STDERR_FILENO);
    fd_close(&c->saved);
    return support_read(c->path, NULL);
}

static void expect_match(const char *text, const char *pattern)
{
    regex_t compiled;
    ck_assert_int_eq(regcomp(&compiled, pattern, REG_EXTENDED | REG_NOSUB), 0);
    int r = regexec(&compiled, text, 0, NULL, 0);
    regfree(&compiled);
    ck_assert_msg(r == 0, "\"%s\" does not match %s", text, pattern);
}

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
    expect_match(text, "^[0-9:]{8}\\.[0-9]{3} error: one 1\n[0-9:]{8}\\.[0-9]{3} warning: two\n"
                       "[0-9:]{8}\\.[0-9]{3} debug: five\n$");
    free(text);
}
END_TEST

/* The journal reads the level from the head and has its own time. */
START_TEST(log_line__under_the_journal__priorities_and_no_time)
{
    struct capture c = capture_begin();
    setenv("JOURNAL_STREAM", "8:1", 1);
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
    expect_match(newline + 1, "^[0-9:]{8}\\.[0-9]{3} error: next\n$");
    free(text);
}
END_TEST

/* One call is one line, whatever a client calls its dataset. */
START_TEST(log_line__control_characters__one_line)
{
    struct capture c = capture_begin();
    log_line(LOG_LEVEL_ERROR, "no \"%s\"", "x\n12:00:00.000 info: fake\x1b[31m");
    char *text = capture_end(&c);
    expect_match(text,
                 "^[0-9:]{8}\\.[0-9]{3} error: no \"x\\?12:00:00.000 info: fake\\?\\[31m\"\n$");
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
    tcase_add_test(tc, log_line__too_long__cut_with_its_newline);
    tcase_add_test(tc, log_line__control_characters__one_line);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
