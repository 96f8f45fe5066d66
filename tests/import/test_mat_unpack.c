/* SPDX-License-Identifier: MIT */
/* A MATLAB file made plain: what is kept, what is dropped, and what does not add up. */
#include "base/io.h"
#include "import/mat_unpack.h"
#include "import/matfile.h"
#include "support/support.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct mat_bytes made, plain, from;
static size_t given; /* bytes of made that were read */
static struct err err;

static const uint8_t levels[24] = {1, 2, 3, 250, 251, 252};
static const double classes[2] = {10, 1};
static const struct mat_made X = {"X", MX_UINT8, MI_UINT8, 4, {2, 2, 3, 2}, levels, sizeof levels};
static const struct mat_made y = {"y", MX_DOUBLE, MI_DOUBLE, 2, {2, 1}, classes, sizeof classes};
static const struct mat_made text = {"s", MX_CHAR, MI_UINT8, 2, {1, 3}, "abc", 3};
static const struct mat_made cell = {"c", MX_CELL, MI_MATRIX, 2, {1, 1}, "", 0};

static void set_up(void)
{
    support_setup();
    mat_put_header(&made);
    given = 0;
    err.text[0] = 0;
}

static void tear_down(void)
{
    free(made.at);
    free(plain.at);
    free(from.at);
    made = plain = from = (struct mat_bytes){NULL, 0};
    support_teardown();
}

static ssize_t give(void *data, void *buffer, size_t size, struct err *e)
{
    size_t n = made.size - given < size ? made.size - given : size;
    memcpy(buffer, made.at + given, n);
    given += n;
    return (ssize_t)n;
}

/* Unpacks `made` to `plain`. */
static int unpack(void)
{
    const struct mat_source source = {NULL, give};
    int fd = open(support_path("plain.mat"), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ck_assert_int_ge(fd, 0);
    given = 0;
    int r = mat_unpack(&source, fd, &err);
    plain.size = (size_t)lseek(fd, 0, SEEK_END);
    plain.at = realloc(plain.at, plain.size + !plain.size);
    ck_assert_int_eq(pread_full(fd, plain.at, plain.size, 0), (ssize_t)plain.size);
    close(fd);
    return r;
}

static void check_refused(int code, const char *said)
{
    int r = unpack();
    ck_assert_msg(r == code && strstr(err.text, said), "%d: %s, want %s", r, err.text, said);
}

/* Packed or not, the arrays of numbers are there, and nothing else is. */
START_TEST(unpack__arrays_and_others__numbers_are_kept)
{
    mat_put_array(&made, &text, true);
    mat_put_array(&made, &X, true);
    mat_put_array(&made, &cell, false);
    mat_put_array(&made, &y, false);
    ck_assert_msg(unpack() == 2, "%s", err.text);
    mat_put_header(&from);
    mat_put_array(&from, &X, false);
    mat_put_array(&from, &y, false);
    ck_assert_uint_eq(plain.size, from.size);
    ck_assert_mem_eq(plain.at, from.at, from.size);
}
END_TEST

/* Larger than every buffer, and a multiple of none. */
START_TEST(unpack__large_array__whole)
{
    size_t size = 1000 * 333;
    uint8_t *values = malloc(size);
    for (size_t i = 0; i < size; i++)
        values[i] = (uint8_t)(i * i >> 7);
    const struct mat_made large = {"X", MX_UINT8, MI_UINT8, 3, {10, 100, 333}, values, size};
    mat_put_array(&made, &large, true);
    mat_put_array(&made, &large, false);
    ck_assert_int_eq(unpack(), 2);
    mat_put_header(&from);
    mat_put_array(&from, &large, false);
    mat_put_array(&from, &large, false);
    free(values);
    ck_assert_uint_eq(plain.size, from.size);
    ck_assert_mem_eq(plain.at, from.at, from.size);
}
END_TEST

/* Cut anywhere, it is an error that says so, but between two elements. */
START_TEST(unpack__cut_anywhere__refused)
{
    mat_put_array(&made, &X, true);
    size_t first = made.size;
    mat_put_array(&made, &y, false);
    size_t whole = made.size;
    for (size_t cut = 0; cut < whole; cut++) {
        made.size = cut;
        int r = unpack();
        if (cut == MAT_HEADER_BYTES || cut == first)
            ck_assert_int_eq(r, cut == first);
        else
            ck_assert_msg(r == -EINVAL && *err.text, "cut at %zu: %d", cut, r);
    }
}
END_TEST

START_TEST(unpack__other_levels__refused_by_name)
{
    memcpy(made.at, "MATLAB 7.3", 10);
    check_refused(-ENOTSUP, "save it with -v7");
    ck_assert(mat_begins(made.at, made.size));
    memset(made.at, 0, MAT_HEADER_BYTES);
    check_refused(-ENOTSUP, "level 5");
    ck_assert(!mat_begins(made.at, made.size));
    memcpy(made.at + 124, "\1\0MI", 4); /* the other byte order */
    ck_assert_int_eq(unpack(), 0);
    ck_assert(mat_begins(made.at, made.size) && !mat_begins(made.at, made.size - 1));
}
END_TEST

/* What is packed says its size itself, in bytes that nobody else has checked. */
START_TEST(unpack__packed_size_that_is_not__refused)
{
    uint8_t inside[64] = {MI_MATRIX, 0, 0, 0, 40}, small[128];
    for (int size = 39; size <= 41; size++) {
        uLongf n = sizeof small;
        made.size = MAT_HEADER_BYTES;
        compress(small, &n, inside, 8 + (uLong)size);
        mat_put_u32(&made, 15);
        mat_put_u32(&made, (uint32_t)n);
        mat_put(&made, small, n);
        if (size == 40)
            ck_assert_int_eq(unpack(), 0); /* zeros are no array of numbers */
        else
            check_refused(-EINVAL, size < 40 ? "end early" : "more than it says");
    }
    made.at[MAT_HEADER_BYTES + 12] ^= 0x55;
    check_refused(-EINVAL, "element 1");
}
END_TEST

START_TEST(unpack__other_elements__refused)
{
    mat_put_u32(&made, 3);
    mat_put_u32(&made, 8);
    check_refused(-EINVAL, "type 3, want 14 or 15");
}
END_TEST

/* A file that only has elements is read for a while, not for ever. */
START_TEST(unpack__elements_without_end__refused)
{
    for (int i = 0; i <= MAT_ELEMENTS_MAX; i++) {
        mat_put_u32(&made, MI_MATRIX);
        mat_put_u32(&made, 0);
    }
    check_refused(-EFBIG, "4096 elements");
}
END_TEST

/* 100 MiB of zeros in 100 KiB. */
START_TEST(unpack__bomb__refused_before_it_is_written)
{
    size_t size = (size_t)100 << 20;
    const struct mat_made zeros = {
        "X", MX_UINT8, MI_UINT8, 3, {1 << 10, 1 << 10, 100}, calloc(1, size), size};
    mat_put_array(&made, &zeros, true);
    free((void *)zeros.values);
    check_refused(-EINVAL, "more than 300 times its size");
    ck_assert_uint_lt(plain.size, 1 << 20);
}
END_TEST

/* Dims that claim other values than there are, or more than there can be; what has none is dropped.
 */
START_TEST(unpack__dims__go_with_values)
{
    static const uint32_t dims[][4] = {{2, 2, 3, 1000},
                                       {2, 2, 3, 1},
                                       {1u << 16, 1u << 16, 1, 1},
                                       {0x7fffffff, 0x7fffffff, 3, 1},
                                       {0xffffffff, 0xffffffff, 1, 24}};
    struct mat_made a = X;
    for (size_t i = 0; i < sizeof dims / sizeof *dims; i++) {
        memcpy(a.dims, dims[i], sizeof dims[i]);
        made.size = MAT_HEADER_BYTES;
        mat_put_array(&made, &a, i % 2);
        check_refused(-EINVAL, "an array of");
    }
    memset(a.dims, 0xff, sizeof a.dims);
    a.rank = 6;
    made.size = MAT_HEADER_BYTES;
    mat_put_array(&made, &a, false);
    check_refused(-EINVAL, "an array of");
    a = X;
    a.dims[1] = 0;
    made.size = MAT_HEADER_BYTES;
    mat_put_array(&made, &a, false);
    ck_assert_int_eq(unpack(), 0);
    a = X;
    a.class = MX_DOUBLE; /* as MATLAB keeps whole numbers */
    mat_put_array(&made, &a, false);
    ck_assert_msg(unpack() == 1, "%s", err.text);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("import/mat_unpack");
    TCase *tc = tcase_create("unpack");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, unpack__arrays_and_others__numbers_are_kept);
    tcase_add_test(tc, unpack__large_array__whole);
    tcase_add_test(tc, unpack__cut_anywhere__refused);
    tcase_add_test(tc, unpack__other_levels__refused_by_name);
    tcase_add_test(tc, unpack__packed_size_that_is_not__refused);
    tcase_add_test(tc, unpack__other_elements__refused);
    tcase_add_test(tc, unpack__elements_without_end__refused);
    tcase_add_test(tc, unpack__dims__go_with_values);
    tcase_add_test(tc, unpack__bomb__refused_before_it_is_written);
    suite_add_tcase(s, tc);
    return support_run(s);
}
