/* SPDX-License-Identifier: MIT */
/* Finding a dataset's files: spellings, what is missing, what is another kind of file. */
#include "dataset/opener.h"

#include <sys/stat.h>
#include <unistd.h>

static struct dataset_source known(const char *name, const char *folder)
{
    return (struct dataset_source){.name = name, .path = folder, .transpose = -1};
}

/* Opening and only looking give the same reason. */
static void check_refused(const struct dataset_source *source, int code, const char *says)
{
    struct err e;
    ck_assert_int_eq(try_open(source, &e), code);
    ck_assert_text(e.text, says);
    ck_assert_int_eq(dataset_look(source, &e), code);
    ck_assert_text(e.text, says);
    ck_assert_int_eq(strncmp(e.text, "dataset \"", 9), 0);
}

/* ---- spellings ----------------------------------------------------------------------------- */

/* Half of the world's copies have a dot: found under every way to ask, in every form. */
START_TEST(find__dot_or_dash_gz_or_not__whichever_is_there)
{
    static const char *const images[] = {"train-images-idx3-ubyte", "train-images.idx3-ubyte",
                                         "train-images-idx3-ubyte.gz",
                                         "train-images.idx3-ubyte.gz"};
    static const char *const labels[] = {"train-labels-idx1-ubyte", "train-labels.idx1-ubyte",
                                         "train-labels-idx1-ubyte.gz",
                                         "train-labels.idx1-ubyte.gz"};
    for (int there = 0; there < 4; there++) {
        (there < 2 ? put_file : put_gzip)(images[there], idx_images(7, 3, 3));
        (there < 2 ? put_file : put_gzip)(labels[3 - there], idx_labels(7));
        if (there < 2) /* put_file wrote it unpacked under a .gz name, which is fine, too */
            ck_assert_ptr_nonnull(strstr(labels[3 - there], ".gz"));
        for (int asked = -1; asked < 4; asked++) {
            struct dataset_source source = known("mnist", support_dir());
            if (asked >= 0) {
                source.splits[0].images = images[asked];
                source.splits[0].labels = labels[asked];
            }
            struct err e;
            ck_assert_msg(try_open(&source, &e) == 0, "%s", e.text);
            ck_assert_msg(dataset_look(&source, &e) == 0, "%s", e.text);
        }
        unlink(support_path("%s", images[there]));
        unlink(support_path("%s", labels[3 - there]));
    }
}
END_TEST

/* Of two files the one that was named is taken. */
START_TEST(find__both_spellings_there__the_named_one)
{
    put_file("train-images-idx3-ubyte", idx_images(7, 3, 3));
    put_file("train-images.idx3-ubyte", idx_images(7, 5, 5));
    put_file("train-labels-idx1-ubyte", idx_labels(7));
    for (int dot = 0; dot < 2; dot++) {
        struct dataset_source source = known("mnist", support_dir());
        source.splits[0].images = dot ? "train-images.idx3-ubyte" : "train-images-idx3-ubyte";
        source.splits[0].labels = "train-labels.idx1-ubyte";
        struct dataset *d;
        struct err e;
        ck_assert_msg(open_noted(&source, NULL, false, &d, &e) == 0, "%s", e.text);
        ck_assert_uint_eq(d->splits[0].height, dot ? 5 : 3);
        dataset_close(d);
    }
}
END_TEST

/* ---- what is missing ----------------------------------------------------------------------- */

START_TEST(find__folder_is_not_there__said_with_the_near_one)
{
    struct dataset_source source = known("mnist", support_path("mnits"));
    check_refused(&source, -ENOENT, "mnits: there is no such folder");
    ck_assert_int_eq(mkdir(support_path("mnist"), 0700), 0);
    check_refused(&source, -ENOENT, "mnits: there is no such folder (is it \"mnist\"?)");
    source.path = support_path("mnits/raw/x");
    check_refused(&source, -ENOENT, "there is no such folder, as there is no \"mnits\" in ");
    source.path = "/no-such-root/x";
    check_refused(&source, -ENOENT, ", as there is no \"no-such-root\" in /");
    put_file("file", idx_labels(5));
    source.path = support_path("file");
    check_refused(&source, -ENOTDIR, "file: a file, want the folder that the dataset's files are");
    source = mine();
    source.splits[0].images = "sub/train-images";
    check_refused(&source, -ENOENT, "sub: there is no such folder");
}
END_TEST

START_TEST(find__file_is_not_there__what_is_beside_it)
{
    static const struct {
        const char *there; /* NULL: nothing */
        const char *says;
    } cases[] = {
        {NULL, "; there are t10k-images-idx3-ubyte, train-labels-idx1-ubyte"},
        {"train-image-idx3-ubyte", "; train-image-idx3-ubyte is there: rename it, or name it"},
        {"Train_Images_idx3_ubyte", "; Train_Images_idx3_ubyte is there: rename it"},
        {"train-images-idx3-ubyte (1).gz", "; train-images-idx3-ubyte (1).gz is there: rename"},
        {"train-images-idx3-ubyte.gz.crdownload", "; train-images-idx3-ubyte.gz.crdownload is "},
        {"something-else", "there are something-else, t10k-images-idx3-ubyte, train-labels"},
        {"raw/train-images.idx3-ubyte.gz", "; it is in "},
        {"raw/train-images-idx3-ubyte", "/raw: set the path to that"},
    };
    ck_assert_int_eq(mkdir(support_path("raw"), 0700), 0);
    put_file("train-labels-idx1-ubyte", idx_labels(5));
    put_file("t10k-images-idx3-ubyte", idx_images(5, 3, 3)); /* as near as any, but another one */
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (i < 6)
            rmdir(support_path("raw"));
        else
            mkdir(support_path("raw"), 0700);
        if (cases[i].there)
            put_file(cases[i].there, idx_images(5, 3, 3));
        struct dataset_source source = known("mnist", support_dir());
        check_refused(&source, -ENOENT, "no images file train-images-idx3-ubyte there, with or");
        check_refused(&source, -ENOENT, cases[i].says);
        if (cases[i].there)
            unlink(support_path("%s", cases[i].there));
    }
}
END_TEST

START_TEST(find__folder_is_empty_or_full__said)
{
    struct dataset_source source = known("mnist", support_dir());
    check_refused(&source, -ENOENT, "with or without .gz; the folder is empty");
    for (int i = 0; i < 1100; i++)
        put_file(support_path("f%04d", i) + strlen(support_dir()) + 1, idx_labels(1));
    check_refused(&source, -ENOENT, ", ");
    check_refused(&source, -ENOENT, " and 996 more");
}
END_TEST

START_TEST(find__link_to_nothing__said)
{
    ck_assert_int_eq(symlink("nowhere", support_path("train-images-idx3-ubyte.gz")), 0);
    put_file("train-labels-idx1-ubyte", idx_labels(5));
    struct dataset_source source = known("mnist", support_dir());
    check_refused(&source, -ENOENT, "train-images-idx3-ubyte.gz is there, but leads to no file");
}
END_TEST

/* ---- other kinds of files ------------------------------------------------------------------ */

START_TEST(find__another_kind_of_file__named_for_what_it_is)
{
    static const struct {
        const char *bytes;
        size_t size;
        const char *says;
    } cases[] = {
        {"\x89PNG\r\n\x1a\n", 8, "train-images: not an IDX file but a PNG image"},
        {"\xff\xd8\xff\xe0", 4, "a JPEG image"},
        {"<!DOCTYPE html>", 15, "an HTML or XML page, as servers send in a file's place: fetch it"},
        {"\n\n <html>", 9, "an HTML or XML page"},
        {"\xef\xbb\xbf<html>", 9, "an HTML or XML page"},
        {"{\"error\":404}", 13, "JSON text"},
        {"PK\x03\x04....", 8, "a ZIP archive (.zip or .npz): unpack it first"},
        {"\x93NUMPY\x01", 7, "a NumPy array"},
        {"version https://git-lfs.github.com/spec/v1", 42, "a pointer of Git LFS"},
        {"BZh9", 4, "packed by bzip2: unpack it first"},
        {"\x03\x08\0\0\x05\0\0\0", 8, "an IDX header with its bytes the other way round"},
        {"    ", 4, "bad magic 0x20202020"},
        {"\x7f\x45LF", 4, "bad magic 0x7f454c46"},
        {"", 0, "train-images: the file is empty: fetch it again"},
    };
    put_file("train-labels", idx_labels(5));
    struct dataset_source source = mine();
    for (int packed = 0; packed < 2; packed++)
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            struct bytes b = {malloc(cases[i].size + 1), cases[i].size};
            memcpy(b.data, cases[i].bytes, cases[i].size);
            (packed ? put_gzip : put_file)("train-images", b);
            check_refused(&source, -EINVAL, cases[i].says);
        }
    support_write(support_path("train-images"), "\x1f\x9d\x90\x01", 4);
    check_refused(&source, -EINVAL, "not gzip: begins with 0x1f9d, want 0x1f8b; it was packed by");
    struct bytes once = idx_images(5, 3, 3), twice = gzip_make(once.data, once.size);
    free(once.data);
    put_gzip("train-images", twice);
    check_refused(&source, -EINVAL, "not an IDX file but gzip in gzip: it was packed twice");
}
END_TEST

/* Looking reads headers only, so what is wrong behind them is seen when it is opened. */
START_TEST(find__truncated_gz__said_when_opened)
{
    struct bytes raw = idx_images(500, 9, 9), z = gzip_make(raw.data, raw.size);
    support_write(support_path("train-images.gz"), z.data, z.size / 2);
    put_file("train-labels", idx_labels(500));
    struct dataset_source source = mine();
    struct err e;
    ck_assert_int_eq(dataset_look(&source, &e), 0);
    ck_assert_int_eq(try_open(&source, &e), -EINVAL);
    ck_assert_text(e.text, "train-images.gz: gzip: truncated: the file ends at byte ");
    ck_assert_text(e.text, "inside a member: fetch it again");
    free(raw.data);
    free(z.data);
}
END_TEST

START_TEST(dataset_look__nothing_named__einval)
{
    struct dataset_source source = known("mine", support_dir());
    check_refused(&source, -EINVAL, "no files are named, and the name is none of those");
    source.splits[1].images = "test-images";
    check_refused(&source, -EINVAL, "test: no labels file is named");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("dataset/find");
    TCase *tc = tcase_create("find");
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, find__dot_or_dash_gz_or_not__whichever_is_there);
    tcase_add_test(tc, find__both_spellings_there__the_named_one);
    tcase_add_test(tc, find__folder_is_not_there__said_with_the_near_one);
    tcase_add_test(tc, find__file_is_not_there__what_is_beside_it);
    tcase_add_test(tc, find__folder_is_empty_or_full__said);
    tcase_add_test(tc, find__link_to_nothing__said);
    tcase_add_test(tc, find__another_kind_of_file__named_for_what_it_is);
    tcase_add_test(tc, find__truncated_gz__said_when_opened);
    tcase_add_test(tc, dataset_look__nothing_named__einval);
    suite_add_tcase(s, tc);
    return support_run(s);
}
