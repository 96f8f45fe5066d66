/* SPDX-License-Identifier: MIT */
/* Arrays of MATLAB files by matio, in its process: values, and files that were made to hurt. */
#include "import/mat.h"
#include "import/mat_unpack.h"
#include "import/matfile.h"
#include "support/support.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"

static struct mat_bytes made;
static struct mat_file *file;
static struct err err;

static void set_up(void)
{
    support_setup();
    mat_put_header(&made);
    err.text[0] = 0;
}

static void tear_down(void)
{
    mat_close(file);
    file = NULL;
    free(made.at);
    made = (struct mat_bytes){NULL, 0};
    support_teardown();
}

static int open_made(void)
{
    int fd = open(support_path("plain.mat"), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write_full(fd, made.at, made.size), 0);
    int r = mat_open(&file, fd, &err);
    close(fd);
    return r;
}

/* Shapes of up to four dims, the values in the file's order, one array after the other and again.
 */
START_TEST(read__levels_and_labels__values)
{
    uint8_t levels[2 * 3 * 4 * 5], got[sizeof levels];
    const double classes[] = {10, 1, -3, 2147483647, 0};
    int32_t labels[5];
    uint32_t count;
    for (size_t i = 0; i < sizeof levels; i++)
        levels[i] = (uint8_t)(i * 7);
    const struct mat_made X = {"X", MX_UINT8, MI_UINT8, 4, {2, 3, 4, 5}, levels, sizeof levels};
    const struct mat_made y = {"labels", MX_DOUBLE, MI_DOUBLE, 2, {5, 1}, classes, sizeof classes};
    mat_put_array(&made, &X, false);
    mat_put_array(&made, &y, false);
    ck_assert_msg(open_made() == 0, "%s", err.text);
    const struct mat_array *a = mat_arrays(file, &count);
    ck_assert_uint_eq(count, 2);
    ck_assert_str_eq(a[0].name, "X");
    ck_assert_str_eq(a[1].name, "labels");
    ck_assert_uint_eq(a[0].rank, 4);
    ck_assert(a[0].dims[0] == 2 && a[0].dims[1] == 3 && a[0].dims[2] == 4 && a[0].dims[3] == 5);
    ck_assert_uint_eq(a[1].rank, 2);
    ck_assert_uint_eq(a[1].count, 5);
    for (int again = 0; again < 2; again++) {
        mat_begin(file, 1, MAT_LABELS);
        ck_assert_msg(mat_read(file, labels, 5, &err) == 0, "%s", err.text);
        for (int i = 0; i < 5; i++)
            ck_assert_int_eq(labels[i], (int32_t)classes[i]);
        mat_begin(file, 0, MAT_LEVELS);
        ck_assert_int_eq(mat_read(file, got, 7, &err), 0);
        ck_assert_int_eq(mat_read(file, got + 7, sizeof got - 7, &err), 0);
        ck_assert_mem_eq(got, levels, sizeof levels);
    }
}
END_TEST

/* More than one slab: each of them begins where the last one ended. */
START_TEST(read__several_slabs__values)
{
    size_t size = 3 * (size_t)MAT_SLAB + 17;
    double *values = malloc(size * sizeof *values);
    uint8_t *got = malloc(size);
    for (size_t i = 0; i < size; i++)
        values[i] = (double)(i % 251);
    const struct mat_made X = {
        "X", MX_DOUBLE, MI_DOUBLE, 2, {(uint32_t)size, 1}, values, size * sizeof *values};
    mat_put_array(&made, &X, false);
    free(values);
    ck_assert_int_eq(open_made(), 0);
    mat_begin(file, 0, MAT_LEVELS);
    ck_assert_msg(mat_read(file, got, size, &err) == 0, "%s", err.text);
    for (size_t i = 0; i < size; i++)
        ck_assert_uint_eq(got[i], i % 251);
    free(got);
}
END_TEST

/* What no level and no label is, is told with its place. */
START_TEST(read__other_values__refused)
{
    static const struct {
        double value;
        enum mat_form form;
        const char *said;
    } cases[] = {{256, MAT_LEVELS, "value 1 is 256"},
                 {-1, MAT_LEVELS, "value 1 is -1"},
                 {0.5, MAT_LEVELS, "value 1 is 0.5"},
                 {1.5, MAT_LABELS, "value 1 is 1.5"},
                 {3e9, MAT_LABELS, "value 1 is 3e+09"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double values[2] = {1, cases[i].value};
        int32_t got[2];
        const struct mat_made X = {"X", MX_DOUBLE, MI_DOUBLE, 2, {2, 1}, values, sizeof values};
        made.size = MAT_HEADER_BYTES;
        mat_put_array(&made, &X, false);
        ck_assert_int_eq(open_made(), 0);
        mat_begin(file, 0, cases[i].form);
        ck_assert_int_eq(mat_read(file, got, 2, &err), -EINVAL);
        ck_assert_msg(strstr(err.text, cases[i].said) != NULL, "%s", err.text);
        mat_close(file);
        file = NULL;
    }
}
END_TEST

/* Every byte before a small file's values, changed to what hurts most: an answer, or an error, and
 * in time. (Dims that do not go with the values never come here: mat_unpack.) */
START_TEST(read__any_byte_changed__answers)
{
    static const uint8_t levels[24] = {1}, changes[] = {0, 0x7f, 0xff};
    const struct mat_made X = {"X", MX_UINT8, MI_UINT8, 4, {2, 2, 3, 2}, levels, sizeof levels};
    unsigned answers = 0, errors = 0;
    mat_put_array(&made, &X, false);
    for (size_t at = MAT_HEADER_BYTES; at < MAT_HEADER_BYTES + 72; at++) {
        uint8_t before = made.at[at], got[24];
        uint32_t count = 0;
        made.at[at] = changes[at % 3];
        int r = open_made();
        if (r == 0 && mat_arrays(file, &count) && count > 0) {
            mat_begin(file, 0, MAT_LEVELS);
            r = mat_read(file, got, sizeof got, &err);
        }
        answers += r == 0;
        errors += r < 0;
        mat_close(file);
        file = NULL;
        made.at[at] = before;
    }
    ck_assert_uint_gt(answers, 0);
    ck_assert_uint_gt(errors, 0);
}
END_TEST

/* What cannot be opened: the child has nothing to say, and ends. */
START_TEST(open__no_file__refused)
{
    ck_assert_int_eq(mat_open(&file, -1, &err), -EINVAL);
    ck_assert_msg(strstr(err.text, "matio ended with status 1") != NULL, "%s", err.text);
}
END_TEST

/* More than an array has is no wait for what never comes. */
START_TEST(read__more_than_there_is__refused)
{
    static const uint8_t levels[24];
    uint8_t got[25];
    const struct mat_made X = {"X", MX_UINT8, MI_UINT8, 4, {2, 2, 3, 2}, levels, sizeof levels};
    mat_put_array(&made, &X, false);
    ck_assert_int_eq(open_made(), 0);
    mat_begin(file, 0, MAT_LEVELS);
    ck_assert_int_eq(mat_read(file, got, 20, &err), 0);
    ck_assert_int_eq(mat_read(file, got, 5, &err), -EINVAL);
    ck_assert_int_eq(mat_read(file, got, 4, &err), 0);
}
END_TEST

/* In a build that has no matio. */
START_TEST(open__without_matio__refused)
{
    ck_assert_int_eq(open_made(), -ENOTSUP);
    ck_assert_ptr_nonnull(strstr(err.text, "without matio"));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("import/mat");
    TCase *tc = tcase_create("mat");
    tcase_set_timeout(tc, 120);
    tcase_add_checked_fixture(tc, set_up, tear_down);
    if (mat_library) {
        tcase_add_test(tc, read__levels_and_labels__values);
        tcase_add_test(tc, read__several_slabs__values);
        tcase_add_test(tc, read__other_values__refused);
        tcase_add_test(tc, read__any_byte_changed__answers);
        tcase_add_test(tc, read__more_than_there_is__refused);
        tcase_add_test(tc, open__no_file__refused);
    } else
        tcase_add_test(tc, open__without_matio__refused);
    suite_add_tcase(s, tc);
    return support_run(s);
}
