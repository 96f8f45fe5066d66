/* SPDX-License-Identifier: MIT */
/* Lists of indices as text: what is read, and what is refused with its line. */
#include "ctl/indices.h"
#include "support/support.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int read_text(const char *text, uint32_t **indices, uint64_t *count, struct err *e)
{
    const char *path = support_path("indices.txt");
    support_write(path, text, strlen(text));
    return indices_read(path, indices, count, e);
}

START_TEST(indices_read__numbers_and_any_white_space__read_in_order)
{
    static const char *const texts[] = {"3 0\n3\t4294967295\n", "\n\n  3\r\n0 3 \v\f 4294967295",
                                        "003 000 3 4294967295 "};
    static const uint32_t want[] = {3, 0, 3, UINT32_MAX};
    for (size_t i = 0; i < 3; i++) {
        uint32_t *indices;
        uint64_t count;
        struct err e;
        ck_assert_int_eq(read_text(texts[i], &indices, &count, &e), 0);
        ck_assert_uint_eq(count, 4);
        ck_assert_mem_eq(indices, want, sizeof want);
        free(indices);
    }
}
END_TEST

/* A NUL ends no number. */
START_TEST(indices_read__nul_in_a_word__einval)
{
    static const char text[] = "1\n2\0003\n";
    const char *path = support_path("indices.txt");
    support_write(path, text, sizeof text - 1);
    uint32_t *indices;
    uint64_t count;
    struct err e;
    ck_assert_int_eq(indices_read(path, &indices, &count, &e), -EINVAL);
    ck_assert_ptr_nonnull(strstr(e.text, ":2: \"2\""));
}
END_TEST

/* Longer than what is made room for at first, and than a buffer of stdio. */
START_TEST(indices_read__many__all)
{
    enum { COUNT = 10000 };
    char *text = malloc(8 * COUNT);
    ck_assert_ptr_nonnull(text);
    size_t size = 0;
    for (uint32_t i = 0; i < COUNT; i++)
        size += (size_t)sprintf(text + size, "%u\n", i * 7 % COUNT);
    uint32_t *indices;
    uint64_t count;
    struct err e;
    ck_assert_int_eq(read_text(text, &indices, &count, &e), 0);
    ck_assert_uint_eq(count, COUNT);
    for (uint32_t i = 0; i < COUNT; i++)
        ck_assert_uint_eq(indices[i], i * 7 % COUNT);
    free(indices);
    free(text);
}
END_TEST

/* A number that is passed over, or cut short, trains on other images. */
START_TEST(indices_read__anything_else__einval_with_line_and_word)
{
    static const char *const texts[][2] = {
        {"1\n2\n-3\n", ":3: \"-3\""},
        {"1, 2", ":1: \"1,\""},
        {"1\n+2", ":2: \"+2\""},
        {"4294967296", "\"4294967296\": want whole numbers from 0 to 4294967295"},
        {"99999999999999999999999999999", ":1: \"999999"},
        {"1.5", "\"1.5\""},
        {"0x1", "\"0x1\""},
        {"\n\n\n# 1", ":4: \"#\""},
        {" \n", "has no number"},
        {"", "has no number"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        uint32_t *indices = NULL;
        uint64_t count;
        struct err e;
        ck_assert_int_eq(read_text(texts[i][0], &indices, &count, &e), -EINVAL);
        ck_assert_msg(strstr(e.text, texts[i][1]), "\"%s\" has no %s", e.text, texts[i][1]);
        ck_assert_ptr_null(indices);
    }
}
END_TEST

START_TEST(indices_read__no_file_or_a_folder__its_errno)
{
    uint32_t *indices;
    uint64_t count;
    struct err e;
    ck_assert_int_eq(indices_read(support_path("absent"), &indices, &count, &e), -ENOENT);
    ck_assert_ptr_nonnull(strstr(e.text, "absent"));
    ck_assert_int_eq(indices_read(support_dir(), &indices, &count, &e), -EISDIR);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ctl/indices");
    TCase *tc = tcase_create("indices");
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_add_test(tc, indices_read__numbers_and_any_white_space__read_in_order);
    tcase_add_test(tc, indices_read__nul_in_a_word__einval);
    tcase_add_test(tc, indices_read__many__all);
    tcase_add_test(tc, indices_read__anything_else__einval_with_line_and_word);
    tcase_add_test(tc, indices_read__no_file_or_a_folder__its_errno);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
