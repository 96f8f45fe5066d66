/* SPDX-License-Identifier: MIT */
/* Sources that are not what they should be: each is refused in a line, and leaves nothing. */
#include "import/packed.h"

#include <errno.h>

static uint8_t *image_file(size_t *size)
{
    static const uint32_t dims[] = {4, 3, 3};
    return make_idx(8, 1, 3, dims, 0, size);
}

/* A tar with one entry, as `change` makes it. */
static const char *pack_entry(const char *path, void (*change)(struct archive_entry *))
{
    struct archive *a = archive_write_new();
    struct archive_entry *entry = archive_entry_new();
    size_t size;
    uint8_t *bytes = image_file(&size);
    archive_write_set_format_pax(a);
    ck_assert_int_eq(archive_write_open_filename(a, path), ARCHIVE_OK);
    archive_entry_set_pathname(entry, "a/train-images");
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_size(entry, (la_int64_t)size);
    change(entry);
    ck_assert_int_eq(archive_write_header(a, entry), ARCHIVE_OK);
    archive_write_data(a, bytes, size);
    ck_assert_int_eq(archive_write_close(a), ARCHIVE_OK);
    archive_entry_free(entry);
    archive_write_free(a);
    free(bytes);
    return path;
}

static void make_symlink(struct archive_entry *e)
{
    archive_entry_set_filetype(e, AE_IFLNK);
    archive_entry_set_symlink(e, "/etc/passwd");
    archive_entry_set_size(e, 0);
}

static void make_hardlink(struct archive_entry *e)
{
    archive_entry_set_hardlink(e, "/etc/passwd");
}

static void make_device(struct archive_entry *e)
{
    archive_entry_set_filetype(e, AE_IFCHR);
    archive_entry_set_size(e, 0);
}

static void make_sparse(struct archive_entry *e)
{
    archive_entry_set_size(e, INT64_C(1) << 40);
    archive_entry_sparse_add_entry(e, 0, 16);
}

static void make_absolute(struct archive_entry *e)
{
    archive_entry_set_pathname(e, "/tmp/train-images");
}

static void make_climbing(struct archive_entry *e)
{
    archive_entry_set_pathname(e, "a/b/../../../train-images");
}

static void make_other_climbing(struct archive_entry *e)
{
    archive_entry_set_pathname(e, "a\\..\\..\\train-images");
}

START_TEST(input__members_that_lead_elsewhere__refused_by_name)
{
    static const struct {
        void (*change)(struct archive_entry *);
        const char *words;
    } cases[] = {
        {make_symlink, "\"a/train-images\" is a link"},
        {make_hardlink, "\"a/train-images\" is a link"},
        {make_device, "\"a/train-images\" is a device or a pipe"},
        {make_sparse, "\"a/train-images\" is a sparse file"},
        {make_absolute, "\"/tmp/train-images\" leads out"},
        {make_climbing, "\"a/b/../../../train-images\" leads out"},
        {make_other_climbing, "\"a\\..\\..\\train-images\" leads out"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        must_refuse(pack_entry(support_path("a.tar"), cases[i].change), NULL, cases[i].words);
}
END_TEST

/* 80 MB of nothing in some hundred bytes: ended long before a disk is full. */
START_TEST(input__bomb__ended_at_the_bound)
{
    size_t size = 80u << 20;
    uint8_t *zeros = calloc(1, size);
    static const uint8_t header[] = {0, 0, 8, 3, 4, 0, 0, 0, 0, 0, 0, 28, 0, 0, 0, 28};
    ck_assert_ptr_nonnull(zeros);
    memcpy(zeros, header, sizeof header);
    const struct packed_file file = {"train-images", zeros, size};
    must_refuse(pack(support_path("bomb"), "raw", "bzip2", &file, 1), NULL,
                "unpack to more than 2000 times as many: that is a bomb");
    free(zeros);
}
END_TEST

static void cut(const char *path, size_t by)
{
    size_t size;
    uint8_t *bytes = support_read(path, &size);
    support_write(path, bytes, size - by);
    free(bytes);
}

/* Half of each kind of file, named as that. */
START_TEST(input__half_downloads__named)
{
    static const char *const filters[] = {"gzip", "xz", "bzip2"};
    size_t size = 400000;
    uint8_t *bytes = malloc(size);
    static const uint8_t header[] = {0, 0, 8, 3, 0, 0, 1, 0xfe, 0, 0, 0, 28, 0, 0, 0, 28};
    uint32_t state = 1;
    for (size_t i = 0; i < size; i++) {
        state = state * 1664525 + 1013904223;
        bytes[i] = (uint8_t)(state >> 24);
    }
    memcpy(bytes, header, sizeof header);
    const struct packed_file file = {"train-images", bytes, size};
    for (size_t i = 0; i < 3; i++) {
        cut(pack(support_path("half"), "raw", filters[i], &file, 1), 1000);
        must_refuse(support_path("half"), NULL, "half: a half download: ");
    }
    cut(pack(support_path("half"), "zip", "none", &file, 1), 300);
    must_refuse(support_path("half"), NULL, "without the list of members at a zip file's end");
    cut(pack(support_path("half"), "tar", "none", &file, 1), 100000);
    must_refuse(support_path("half"), NULL, "half download");
    support_write(support_path("half"), bytes, 300000);
    must_refuse(support_path("half"), NULL, "it ends at byte 300000, want 399856 bytes");
    free(bytes);
}
END_TEST

/* One byte of gzip's sum is wrong: the bytes before it may be, too. */
START_TEST(input__gzip_with_a_wrong_sum__refused)
{
    size_t size;
    uint8_t *image = image_file(&size);
    const struct packed_file file = {"train-images", image, size};
    uint8_t *bytes = support_read(pack(support_path("a.gz"), "raw", "gzip", &file, 1), &size);
    bytes[size - 6] ^= 1;
    support_write(support_path("a.gz"), bytes, size);
    must_refuse(support_path("a.gz"), NULL, "its gzip data is damaged near packed byte");
    free(bytes);
    free(image);
}
END_TEST

START_TEST(input__what_servers_send_instead__named)
{
    static const char *const cases[][2] = {
        {"<html><body>404</body></html>", "an HTML or XML page"},
        {"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS"},
        {"{\"error\": 1}", "JSON text"},
        {"%PDF-1.4", "a PDF document"},
        {"abcdef", "no format that is known here"},
        {"", "an empty file"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        support_write(support_path("x.npz"), cases[i][0], strlen(cases[i][0]));
        must_refuse(support_path("x.npz"), NULL, cases[i][1]);
    }
}
END_TEST

/* A folder is no archive: what lies in it packed is not unpacked beside what was. */
START_TEST(input__archive_in_a_folder__said_so)
{
    size_t size;
    uint8_t *image = image_file(&size);
    const struct packed_file file = {"train-images", image, size};
    const struct import_options o = {.split = "a+b"};
    ck_assert_int_eq(mkdir(support_path("f"), 0700), 0);
    pack(support_path("f/a.tar.gz"), "tar", "gzip", &file, 1);
    must_refuse(support_path("f"), NULL, "f: a.tar.gz: an archive in a folder: name it itself");
    support_write(support_path("f/b"), image, size);
    must_refuse(support_path("f"), &o,
                "split \"a+b\": want 1 to 63 bytes of UTF-8 without '/', '[', ']'");
    free(image);
}
END_TEST

/* A folder in itself, by a link. */
START_TEST(input__folder_within_itself__refused)
{
    ck_assert_int_eq(mkdir(support_path("a"), 0700), 0);
    ck_assert_int_eq(symlink("..", support_path("a/b")), 0);
    must_refuse(support_path("a"), NULL, "a folder within itself");
}
END_TEST

static int end_now(struct err *e)
{
    return err_set(e, -ECANCELED, "ended");
}

/* Syncing a large set takes long, and Ctrl-C is as good then. */
START_TEST(input__ended_while_it_is_synced__nothing_left)
{
    static const uint8_t pixels[4];
    static const int32_t label;
    const struct import_shape shape = {2, 2, 1};
    struct import_set *set;
    struct stat st;
    struct err e;
    ck_assert_int_eq(import_set_new(&set, support_path("set"), "x", &e), 0);
    ck_assert_int_eq(import_set_split(set, "train", &e), 0);
    ck_assert_int_eq(import_set_images(set, 0, shape, pixels, 1, &e), 0);
    ck_assert_int_eq(import_set_labels(set, 0, 1, &label, 1, &e), 0);
    import_set_ask(set, end_now);
    ck_assert_int_eq(import_set_commit(set, &e), -ECANCELED);
    import_set_free(set);
    ck_assert_int_lt(lstat(support_path("set"), &st), 0);
    check_nothing_left();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("import/input");
    TCase *tc = tcase_create("input");
    tcase_set_timeout(tc, 120);
    tcase_add_checked_fixture(tc, packed_setup, support_teardown);
    tcase_add_test(tc, input__members_that_lead_elsewhere__refused_by_name);
    tcase_add_test(tc, input__bomb__ended_at_the_bound);
    tcase_add_test(tc, input__half_downloads__named);
    tcase_add_test(tc, input__gzip_with_a_wrong_sum__refused);
    tcase_add_test(tc, input__what_servers_send_instead__named);
    tcase_add_test(tc, input__archive_in_a_folder__said_so);
    tcase_add_test(tc, input__folder_within_itself__refused);
    tcase_add_test(tc, input__ended_while_it_is_synced__nothing_left);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
