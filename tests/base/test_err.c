/* SPDX-License-Identifier: MIT */
/* Error text: what a leaf writes, what callers put before it, and what is cut. */
#include "base/err.h"
#include "support/support.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

/* ---- err_set ---- */

/* A code that is changed on the way would be handled as another error. */
START_TEST(err_set__text_and_code__kept)
{
    struct err e;
    ck_assert_int_eq(err_set(&e, -EINVAL, "bad magic 0x%08x at byte %d", 0x801, 0), -EINVAL);
    ck_assert_str_eq(e.text, "bad magic 0x00000801 at byte 0");
}
END_TEST

/* Callers that do not want the text pass NULL everywhere. */
START_TEST(err_all__null__only_the_code)
{
    ck_assert_int_eq(err_set(NULL, -EIO, "x"), -EIO);
    ck_assert_int_eq(err_sys(NULL, -ENOSPC, "x"), -ENOSPC);
    ck_assert_int_eq(err_prefix(NULL, -ENOENT, "x"), -ENOENT);
}
END_TEST

/* Text of exactly the size that fits is whole; one character more is marked as cut. */
START_TEST(err_set__around_the_size__cut_only_where_too_long)
{
    char long_text[ERR_TEXT_SIZE + 1];
    struct err e;
    memset(long_text, 'a', sizeof long_text);
    long_text[ERR_TEXT_SIZE - 1] = 0;
    err_set(&e, -1, "%s", long_text);
    ck_assert_str_eq(e.text, long_text);

    long_text[ERR_TEXT_SIZE - 1] = 'a';
    long_text[ERR_TEXT_SIZE] = 0;
    err_set(&e, -1, "%s", long_text);
    ck_assert_uint_eq(strlen(e.text), ERR_TEXT_SIZE - 1);
    ck_assert_str_eq(e.text + ERR_TEXT_SIZE - 5, "a...");
}
END_TEST

/* ---- err_sys ---- */

/* strerror takes the positive number: the wrong sign gives "Unknown error -28". */
START_TEST(err_sys__errno__named)
{
    struct err e;
    ck_assert_int_eq(err_sys(&e, -ENOSPC, "writing %s", "cache"), -ENOSPC);
    ck_assert_str_eq(e.text, "writing cache: No space left on device");
}
END_TEST

/* Whoever reads it would have to guess which limit that is. */
START_TEST(err_sys__limit_of_the_process__named)
{
    struct err e;
    struct rlimit limit;
    char want[128];
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    snprintf(want, sizeof want, "x: Too many open files (RLIMIT_NOFILE is %llu)",
             (unsigned long long)limit.rlim_cur);
    err_sys(&e, -EMFILE, "x");
    ck_assert_str_eq(e.text, limit.rlim_cur == RLIM_INFINITY ? "x: Too many open files" : want);
}
END_TEST

/* The reason does not fit behind a long path: that must show. */
START_TEST(err_sys__long_context__cut_and_marked)
{
    char long_text[ERR_TEXT_SIZE];
    struct err e;
    memset(long_text, 'p', sizeof long_text);
    for (size_t room = 0; room < 40; room++) {
        long_text[ERR_TEXT_SIZE - 1 - room] = 0;
        err_sys(&e, -ENOSPC, "%s", long_text);
        size_t whole = strlen(long_text) + strlen(": No space left on device");
        if (whole < ERR_TEXT_SIZE)
            ck_assert_ptr_nonnull(strstr(e.text, "p: No space left on device"));
        else
            ck_assert_str_eq(e.text + ERR_TEXT_SIZE - 4, "...");
    }
}
END_TEST

/* ---- err_prefix ---- */

/* The order of the contexts: outermost first. */
START_TEST(err_prefix__twice__outermost_first)
{
    struct err e;
    err_set(&e, -EINVAL, "bad magic");
    err_prefix(&e, -EINVAL, "train-%s", "images");
    ck_assert_int_eq(err_prefix(&e, -EINVAL, "opening dataset \"%s\"", "mnist"), -EINVAL);
    ck_assert_str_eq(e.text, "opening dataset \"mnist\": train-images: bad magic");
}
END_TEST

/* Contexts without end must neither overflow nor lose the terminating 0. */
START_TEST(err_prefix__many_times__cut_and_marked)
{
    struct err e;
    err_set(&e, -1, "leaf");
    for (int i = 0; i < 100; i++)
        err_prefix(&e, -1, "context %d", i);
    ck_assert_uint_eq(strlen(e.text), ERR_TEXT_SIZE - 1);
    ck_assert_int_eq(strncmp(e.text, "context 99: context 98: ", 24), 0);
    ck_assert_str_eq(e.text + ERR_TEXT_SIZE - 4, "...");
}
END_TEST

/* A name that a client or a file chose must not begin a line of its own in a log. */
START_TEST(err_all__control_characters__one_line)
{
    struct err e;
    err_set(&e, -EINVAL, "a\nb\r\x1b[31m\x7f é");
    ck_assert_str_eq(e.text, "a?b??[31m? é");
    err_prefix(&e, -EINVAL, "\t%s", "\n");
    ck_assert_str_eq(e.text, "??: a?b??[31m? é");
    err_sys(&e, -ENOENT, "\n");
    ck_assert_str_eq(e.text, "?: No such file or directory");
    err_set(&e, -EINVAL,
            "\xc2\x9b"
            "31m \xc2\x80\xc2\xa0\xc3\x80 \xc2"); /* CSI as UTF-8 has it */
    ck_assert_str_eq(e.text, "??31m ??\xc2\xa0\xc3\x80 \xc2");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base/err");
    TCase *tc = tcase_create("err");
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_add_test(tc, err_set__text_and_code__kept);
    tcase_add_test(tc, err_all__null__only_the_code);
    tcase_add_test(tc, err_set__around_the_size__cut_only_where_too_long);
    tcase_add_test(tc, err_sys__errno__named);
    tcase_add_test(tc, err_sys__limit_of_the_process__named);
    tcase_add_test(tc, err_sys__long_context__cut_and_marked);
    tcase_add_test(tc, err_prefix__twice__outermost_first);
    tcase_add_test(tc, err_prefix__many_times__cut_and_marked);
    tcase_add_test(tc, err_all__control_characters__one_line);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
