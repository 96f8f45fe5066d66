/* SPDX-License-Identifier: MIT */
/* Files whose images run down their columns, and USPS's text: STL-10's binary files, MATLAB files,
 * lines of libsvm, packed and not; and what does not add up. */
#include "import/mat.h"
#include "import/matfile.h"
#include "import/packed.h"

#include <errno.h>

enum { STL_IMAGE = 96 * 96 * 3 };

static uint8_t *noise(size_t size)
{
    uint8_t *bytes = malloc(size);
    uint32_t state = 7;
    for (size_t i = 0; i < size; i++) {
        state = state * 1664525 + 1013904223;
        bytes[i] = (uint8_t)(state >> 24);
    }
    return bytes;
}

static const char *tar(const struct packed_file *files, size_t count)
{
    return pack(support_path("set.tar.gz"), "tar", "gzip", files, count);
}

/* ---- STL-10 */

/* More images than are read at once, labels from 0 on, names of the file; unlabeled ones are told.
 */
START_TEST(stl__archive__images_labels_classes)
{
    enum { COUNT = 35 };
    uint8_t *stored = noise((size_t)COUNT * STL_IMAGE), labels[COUNT];
    for (int i = 0; i < COUNT; i++)
        labels[i] = (uint8_t)(1 + i % 10);
    const struct packed_file files[] = {
        {"stl10_binary/test_y.bin", labels, COUNT},
        {"stl10_binary/unlabeled_X.bin", stored, STL_IMAGE},
        {"stl10_binary/test_X.bin", stored, (size_t)COUNT * STL_IMAGE},
        {"stl10_binary/class_names.txt", "airplane\nbird\r\n", 15},
        {"stl10_binary/fold_indices.txt", "1 2\n", 4}};
    uint32_t dims[4];
    size_t bytes;
    struct err e;
    const char *path = tar(files, 3); /* without its names: they are known */
    ck_assert_msg(import_paths(&path, 1, NULL, NULL, &e) == 0, "%s", e.text);
    ck_assert_str_eq(called, "stl-10");
    ck_assert_ptr_nonnull(strstr(told, "unlabeled_X.bin: left out"));
    uint8_t *got = read_set("test-images-idx4-ubyte", dims, &bytes);
    ck_assert(dims[0] == COUNT && dims[1] == 96 && dims[2] == 96 && dims[3] == 3);
    for (size_t i = 0; i < COUNT; i++)
        for (size_t c = 0; c < 3; c++)
            for (size_t x = 0; x < 96; x++)
                for (size_t y = 0; y < 96; y++)
                    ck_assert(got[((i * 96 + y) * 96 + x) * 3 + c] ==
                              stored[((i * 3 + c) * 96 + x) * 96 + y]);
    free(got);
    got = read_set("test-labels-idx1-ubyte", dims, &bytes);
    for (int i = 0; i < COUNT; i++)
        ck_assert_uint_eq(got[i], i % 10);
    free(got);
    char *yaml = support_read(support_path("set/dataset.yaml"), NULL);
    ck_assert_ptr_nonnull(strstr(yaml, "airplane"));
    free(yaml);
    free(stored);
    remove_set();
}
END_TEST

START_TEST(stl__what_does_not_add_up__refused)
{
    uint8_t *stored = noise(2 * STL_IMAGE);
    struct packed_file files[] = {{"train_X.bin", stored, 2 * STL_IMAGE - 1},
                                  {"train_y.bin", "\1\2", 2}};
    must_refuse(tar(files, 2), NULL, "want a multiple of 27648");
    must_refuse(pack(support_path("train_X.bin.gz"), "raw", "gzip", files, 1), NULL,
                "in the middle of an image");
    files[0].size = 2 * STL_IMAGE;
    files[1] = (struct packed_file){"train_y.bin", "\1\13", 2};
    must_refuse(tar(files, 2), NULL, "label 11 at byte 1, want 1 to 10");
    files[1].bytes = "\0\1";
    must_refuse(tar(files, 2), NULL, "label 0 at byte 0, want 1 to 10");
    files[1].bytes = "\1\2\3";
    files[1].size = 3;
    must_refuse(tar(files, 2), NULL, "3 labels");
    files[1] = files[0];
    must_refuse(tar(files, 2), NULL, "a second time");
    free(stored);
}
END_TEST

/* ---- USPS */

/* A line of one value everywhere. */
static size_t put_line(char *to, int label, const char *value)
{
    int n = sprintf(to, "%d", label);
    for (int i = 1; i <= 256; i++)
        n += sprintf(to + n, " %d:%s", i, value);
    return (size_t)n;
}

/* Longer than a buffer; a last line without an end; ".t" is the test split, whatever packs it. */
START_TEST(usps__two_files__splits)
{
    enum { COUNT = 60 };
    char *text = malloc(COUNT * 4096), *at = text;
    for (int i = 0; i < COUNT; i++) {
        at += put_line(at, 1 + i % 10, i % 2 ? "1" : "-0.5");
        *at++ = '\n';
    }
    const struct packed_file train = {"usps", text, (size_t)(at - text)},
                             test = {"usps.t", text, (size_t)(strchr(text, '\n') - text)};
    const char *paths[] = {pack(support_path("usps.bz2"), "raw", "bzip2", &train, 1),
                           pack(support_path("usps.t.bz2"), "raw", "bzip2", &test, 1)};
    uint32_t dims[4];
    size_t bytes;
    struct err e;
    ck_assert_msg(import_paths(paths, 2, NULL, NULL, &e) == 0, "%s", e.text);
    ck_assert_str_eq(called, "usps");
    uint8_t *got = read_set("train-images-idx3-ubyte", dims, &bytes);
    ck_assert(dims[0] == COUNT && dims[1] == 16 && dims[2] == 16);
    for (int i = 0; i < COUNT * 256; i++)
        ck_assert_uint_eq(got[i], i / 256 % 2 ? 255 : 63);
    free(got);
    got = read_set("train-labels-idx1-ubyte", dims, &bytes);
    for (int i = 0; i < COUNT; i++)
        ck_assert_uint_eq(got[i], i % 10);
    free(got);
    free(read_set("test-images-idx3-ubyte", dims, &bytes));
    ck_assert_uint_eq(dims[0], 1);
    free(text);
    remove_set();
}
END_TEST

START_TEST(usps__lines_that_are_none__refused_with_their_number)
{
    enum { SIZE = 200000 };
    char *text = malloc(SIZE);
    size_t n = put_line(text, 3, "0");
    text[n++] = '\n';
    size_t m = n + put_line(text + n, 3, "0.5");
    struct packed_file file = {"usps", text, m - 8};
    must_refuse(pack(support_path("usps.bz2"), "raw", "bzip2", &file, 1), NULL,
                "line 2: ends after 255");
    memset(text + n, ' ', SIZE - n);
    file.size = SIZE;
    must_refuse(pack(support_path("usps.bz2"), "raw", "bzip2", &file, 1), NULL,
                "line 2: longer than 16384");
    free(text);
}
END_TEST

/* ---- MATLAB */

static uint8_t levels[32 * 32 * 3 * 2];
static const uint8_t classes[2] = {10, 3};
static const struct mat_made X = {"X",    MX_UINT8,     MI_UINT8, 4, {32, 32, 3, 2},
                                  levels, sizeof levels};
static const struct mat_made y = {"y", MX_UINT8, MI_UINT8, 2, {2, 1}, classes, sizeof classes};

/* A file of these arrays. */
static const char *mat_of(const char *name, const struct mat_made *const *arrays, size_t count)
{
    struct mat_bytes m = {NULL, 0};
    mat_put_header(&m);
    for (size_t i = 0; i < count; i++)
        mat_put_array(&m, arrays[i], i % 2 == 0);
    support_write(support_path("%s", name), m.at, m.size);
    free(m.at);
    return support_path("%s", name);
}

/* SVHN's 10 is 0, and its third split has its name. */
START_TEST(mat__svhn__upright_and_from_zero)
{
    const struct mat_made *const arrays[] = {&X, &y};
    for (size_t i = 0; i < sizeof levels; i++)
        levels[i] = (uint8_t)(i * 5 >> 2);
    const char *path = mat_of("extra_32x32.mat", arrays, 2);
    uint32_t dims[4];
    size_t bytes;
    struct err e;
    ck_assert_msg(import_paths(&path, 1, NULL, NULL, &e) == 0, "%s", e.text);
    ck_assert_str_eq(called, "svhn");
    uint8_t *got = read_set("extra-labels-idx1-ubyte", dims, &bytes);
    ck_assert(bytes == 2 && got[0] == 0 && got[1] == 3);
    free(got);
    got = read_set("extra-images-idx4-ubyte", dims, &bytes);
    ck_assert(dims[0] == 2 && dims[1] == 32 && dims[2] == 32 && dims[3] == 3);
    for (size_t i = 0; i < sizeof levels; i++) {
        size_t row = i % 32, x = i / 32 % 32, c = i / 1024 % 3, n = i / 3072;
        ck_assert_uint_eq(got[((n * 32 + row) * 32 + x) * 3 + c], levels[i]);
    }
    free(got);
    remove_set();
}
END_TEST

/* Which arrays are meant is not guessed at. */
START_TEST(mat__arrays_that_do_not_go_together__refused)
{
    struct mat_made a = X, b = X, few = y;
    const struct mat_made *const none[] = {&y}, *const two[] = {&a, &y, &b},
                                 *const short_of[] = {&X, &few};
    a.name = "a";
    b.name = "b";
    few.bytes = few.dims[0] = 1;
    must_refuse(mat_of("a.mat", none, 1), NULL, "there is: y 2x1");
    must_refuse(mat_of("a.mat", two, 3), NULL, "there is: a 32x32x3x2, y 2x1, b 32x32x3x2");
    must_refuse(mat_of("a.mat", short_of, 2), NULL, "no array with a label for each image");
    must_refuse(mat_of("a.mat", NULL, 0), NULL, "no array of real numbers");
    const struct import_options o = {.images = "b", .labels = "y"};
    must_import(mat_of("a.mat", two, 3), &o);
    remove_set();
}
END_TEST

/* In a build that has no matio, by name. */
START_TEST(mat__without_matio__refused)
{
    const struct mat_made *const arrays[] = {&X, &y};
    must_refuse(mat_of("a.mat", arrays, 2), NULL, "without matio");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("import/columns");
    TCase *tc = tcase_create("columns");
    tcase_add_checked_fixture(tc, packed_setup, support_teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, stl__archive__images_labels_classes);
    tcase_add_test(tc, stl__what_does_not_add_up__refused);
    tcase_add_test(tc, usps__two_files__splits);
    tcase_add_test(tc, usps__lines_that_are_none__refused_with_their_number);
    if (mat_library) {
        tcase_add_test(tc, mat__svhn__upright_and_from_zero);
        tcase_add_test(tc, mat__arrays_that_do_not_go_together__refused);
    } else
        tcase_add_test(tc, mat__without_matio__refused);
    suite_add_tcase(s, tc);
    return support_run(s);
}
