/* SPDX-License-Identifier: MIT */
/* The .npz writer, read back by libarchive's reader and by eye: headers as numpy.lib.format has
 * them, exact bytes, and arrays that are not what was announced. */
#include "ctl/npz.h"
#include "support/support.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* What the C library keeps for the time zone, which ZIP's times are in, is no leak. */
static void set_up(void)
{
    struct tm tm;
    time_t zero = 0;
    localtime_r(&zero, &tm);
    mktime(&tm);
    support_setup();
}

static int create(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ck_assert_int_ge(fd, 0);
    return fd;
}

/* Takes the next entry out of the archive; malloc'd. */
static char *next_entry(struct archive *a, const char *name, size_t *size)
{
    struct archive_entry *entry;
    ck_assert_int_eq(archive_read_next_header(a, &entry), ARCHIVE_OK);
    ck_assert_str_eq(archive_entry_pathname(entry), name);
    ck_assert(archive_entry_size_is_set(entry));
    *size = (size_t)archive_entry_size(entry);
    char *data = malloc(*size);
    ck_assert_ptr_nonnull(data);
    ck_assert_int_eq(archive_read_data(a, data, *size), (ssize_t)*size);
    return data;
}

static struct archive *open_archive(const char *path)
{
    struct archive *a = archive_read_new();
    archive_read_support_format_zip(a);
    ck_assert_int_eq(archive_read_open_filename(a, path, 4096), ARCHIVE_OK);
    return a;
}

/* Fails unless the entry is a version 1.0 header with this dictionary and then this payload. */
static void check_array(const char *entry, size_t size, const char *dictionary, const void *data,
                        size_t data_size)
{
    ck_assert_mem_eq(entry, "\x93NUMPY\x01\x00", 8);
    size_t header = 10 + (uint8_t)entry[8] + 256 * (size_t)(uint8_t)entry[9];
    ck_assert_uint_eq(header % 64, 0);
    ck_assert_uint_eq(size, header + data_size);
    size_t n = strlen(dictionary);
    ck_assert_mem_eq(entry + 10, dictionary, n);
    for (size_t i = 10 + n; i < header - 1; i++)
        ck_assert_int_eq(entry[i], ' ');
    ck_assert_int_eq(entry[header - 1], '\n');
    ck_assert_mem_eq(entry + header, data, data_size);
}

/* A shape written as a scalar where it has one dimension, or data that shifts behind a header. */
START_TEST(npz_write__two_arrays_in_pieces__exact_entries)
{
    const char *path = support_path("a.npz");
    const uint64_t images[] = {3, 1, 2, 2}, labels[] = {3};
    const uint8_t pixels[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 255};
    const int64_t values[3] = {9, -1, INT64_MAX};
    struct npz *z;
    struct err e;
    int fd = create(path);
    ck_assert_int_eq(npz_open(&z, fd, &e), 0);
    ck_assert_int_eq(npz_begin(z, "images", "|u1", images, 4, 1, &e), 0);
    ck_assert_int_eq(npz_write(z, pixels, 5, &e), 0);
    ck_assert_int_eq(npz_write(z, pixels + 5, 0, &e), 0);
    ck_assert_int_eq(npz_write(z, pixels + 5, 7, &e), 0);
    ck_assert_int_eq(npz_begin(z, "labels", "<i8", labels, 1, 8, &e), 0);
    ck_assert_int_eq(npz_write(z, values, sizeof values, &e), 0);
    ck_assert_int_eq(npz_close(z, &e), 0);
    ck_assert_int_eq(close(fd), 0); /* the descriptor stayed ours */

    size_t size;
    struct archive *a = open_archive(path);
    char *entry = next_entry(a, "images.npy", &size);
    check_array(entry, size, "{'descr': '|u1', 'fortran_order': False, 'shape': (3, 1, 2, 2,), }",
                pixels, 12);
    free(entry);
    entry = next_entry(a, "labels.npy", &size);
    check_array(entry, size, "{'descr': '<i8', 'fortran_order': False, 'shape': (3,), }", values,
                sizeof values);
    free(entry);
    struct archive_entry *none;
    ck_assert_int_eq(archive_read_next_header(a, &none), ARCHIVE_EOF);
    archive_read_free(a);
}
END_TEST

/* The time of day in an entry would make two dumps of the same batches differ. */
START_TEST(npz_close__same_content_twice__same_bytes)
{
    const char *paths[2] = {support_path("a.npz"), support_path("b.npz")};
    const uint64_t shape[] = {2};
    char *files[2];
    size_t sizes[2];
    for (int i = 0; i < 2; i++) {
        struct npz *z;
        struct err e;
        int fd = create(paths[i]);
        ck_assert_int_eq(npz_open(&z, fd, &e), 0);
        ck_assert_int_eq(npz_begin(z, "labels", "|u1", shape, 1, 1, &e), 0);
        ck_assert_int_eq(npz_write(z, "ab", 2, &e), 0);
        ck_assert_int_eq(npz_close(z, &e), 0);
        close(fd);
        files[i] = support_read(paths[i], &sizes[i]);
    }
    ck_assert_uint_eq(sizes[0], sizes[1]);
    ck_assert_mem_eq(files[0], files[1], sizes[0]);
    free(files[0]);
    free(files[1]);
}
END_TEST

/* A stream that ends early must not pass for a file. */
START_TEST(npz_begin_close__array_not_whole__error)
{
    const uint64_t shape[] = {4};
    struct npz *z;
    struct err e;
    int fd = create(support_path("a.npz"));
    ck_assert_int_eq(npz_open(&z, fd, &e), 0);
    ck_assert_int_eq(npz_begin(z, "labels", "|u1", shape, 1, 1, &e), 0);
    ck_assert_int_eq(npz_write(z, "abc", 3, &e), 0);
    ck_assert_int_eq(npz_begin(z, "indices", "|u1", shape, 1, 1, &e), -EIO);
    ck_assert_str_eq(e.text, "1 bytes of an array are missing");
    ck_assert_int_eq(npz_close(z, &e), -EIO);
    close(fd);
}
END_TEST

/* libarchive cuts what is too much without a word. */
START_TEST(npz_write__more_than_the_shape__error_and_array_unharmed)
{
    const uint64_t shape[] = {2};
    struct npz *z;
    struct err e;
    int fd = create(support_path("a.npz"));
    ck_assert_int_eq(npz_open(&z, fd, &e), 0);
    ck_assert_int_eq(npz_begin(z, "labels", "|u1", shape, 1, 1, &e), 0);
    ck_assert_int_eq(npz_write(z, "abc", 3, &e), -EIO);
    ck_assert_int_eq(npz_write(z, "ab", 2, &e), 0);
    ck_assert_int_eq(npz_close(z, &e), 0);
    close(fd);
}
END_TEST

/* A size that wraps would announce a small entry. */
START_TEST(npz_begin__size_beyond_64_bits__error)
{
    const uint64_t wraps[] = {UINT64_C(1) << 32, UINT64_C(1) << 32, 1, 1};
    const uint64_t negative[] = {UINT64_C(1) << 63};
    struct npz *z;
    struct err e;
    int fd = create(support_path("a.npz"));
    ck_assert_int_eq(npz_open(&z, fd, &e), 0);
    ck_assert_int_eq(npz_begin(z, "images", "<f4", wraps, 4, 4, &e), -EFBIG);
    ck_assert_int_eq(npz_begin(z, "images", "|u1", negative, 1, 1, &e), -EFBIG);
    ck_assert_int_eq(npz_close(z, &e), 0);
    close(fd);
}
END_TEST

/* A full disk must be seen, at the latest when the archive is finished, and say so. */
START_TEST(npz_close__full_disk__error_names_it)
{
    const uint64_t shape[] = {2};
    struct npz *z;
    struct err e;
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(npz_open(&z, fd, &e), 0);
    ck_assert_int_eq(npz_begin(z, "labels", "|u1", shape, 1, 1, &e), 0);
    ck_assert_int_eq(npz_write(z, "ab", 2, &e), 0);
    ck_assert_int_eq(npz_close(z, &e), -EIO);
    ck_assert_ptr_nonnull(strstr(e.text, strerror(ENOSPC)));
    close(fd);
}
END_TEST

/* Clean-up paths close what was never opened. */
START_TEST(npz_close__null__fine)
{
    ck_assert_int_eq(npz_close(NULL, NULL), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ctl/npz");
    TCase *tc = tcase_create("npz");
    tcase_add_checked_fixture(tc, set_up, support_teardown);
    tcase_add_test(tc, npz_write__two_arrays_in_pieces__exact_entries);
    tcase_add_test(tc, npz_close__same_content_twice__same_bytes);
    tcase_add_test(tc, npz_begin_close__array_not_whole__error);
    tcase_add_test(tc, npz_write__more_than_the_shape__error_and_array_unharmed);
    tcase_add_test(tc, npz_begin__size_beyond_64_bits__error);
    tcase_add_test(tc, npz_close__full_disk__error_names_it);
    tcase_add_test(tc, npz_close__null__fine);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
