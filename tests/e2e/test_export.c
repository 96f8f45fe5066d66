/* SPDX-License-Identifier: MIT */
/* fmnistctl export: what comes back of import is the same dataset, and nothing is there by halves.
 */
#include "e2e/harness.h"
#include "e2e/program.h"
#include "e2e/sets.h"

#include <dirent.h>
#include <signal.h>

static struct set set;

static void setup(void)
{
    support_setup();
    set_fill(&set);
    set_write(&set);
}

static size_t names_in(const char *folder)
{
    DIR *dir = opendir(folder);
    size_t n = 0;
    ck_assert_ptr_nonnull(dir);
    while (readdir(dir))
        n++;
    closedir(dir);
    return n - 2;
}

/* ---- there and back ------------------------------------------------------------------------ */

/* The product of sources (a daemon's, a folder's) and forms that hold several splits. */
START_TEST(export__then_import__the_same_digests)
{
    static const char *const names[] = {"set-idx", "set.npz"};
    struct daemon d;
    char *want = set_digests(support_path("set")), words[1024];
    set_serve(&d);
    for (int served = 0; served < 2; served++)
        for (size_t f = 0; f < 2; f++) {
            if (served)
                snprintf(words, sizeof words, "--socket %s export noise", d.socket);
            else
                snprintf(words, sizeof words, "export %s/set", support_dir());
            run_ctl(&said, "%s -o %s/%d-%s", words, support_dir(), served, names[f]);
            check_said(0, "train, 60 images of 9x7x3; test, 25 images of 9x7x3\n");
            run_ctl(&said, "import %s/%d-%s --name noise -o %s/back-%d-%zu", support_dir(), served,
                    names[f], support_dir(), served, f);
            ck_assert_msg(said.status == 0, "%s", said.text);
            char *got = set_digests(support_path("back-%d-%zu", served, f));
            ck_assert_str_eq(got, want);
            free(got);
        }
    daemon_stop(&d);
    free(want);
}
END_TEST

/* A part of train is not written a second time. */
START_TEST(export__folder_with_a_part__its_files_alone)
{
    set_describe("  dev: {from: train, last: 9}\n");
    run_ctl(&said, "export %s/set -o %s/a.npz", support_dir(), support_dir());
    check_said(0, "/a.npz: train, 60 images of 9x7x3; test, 25 images of 9x7x3\n");
    run_ctl(&said, "export %s/set --split dev -o %s/b.npz", support_dir(), support_dir());
    check_said(1, "dev");
}
END_TEST

/* Names of classes stay, whatever characters they have. */
START_TEST(export__idx__classes_come_along)
{
    run_ctl(&said, "export %s/set -o %s/again", support_dir(), support_dir());
    check_said(0, "/again: train");
    run_ctl(&said, "check %s/again", support_dir());
    check_said(0, "\n    1 (a, b): 8\n    2 (q\"): 8\n");
    check_said(0, "\n    no image is 3 (pale blue)\n");
}
END_TEST

START_TEST(export__csv_then_import__the_same_digest)
{
    char *all = set_digests(support_path("set"));
    for (int s = 0; s < 2; s++) {
        const char *split = s ? "test" : "train";
        run_ctl(&said, "export %s/set --split %s -o %s/%s.csv", support_dir(), split, support_dir(),
                split);
        check_said(0, ".csv: ");
        run_ctl(&said, "import %s/%s.csv --size 9x7 --name noise -o %s/back-%s", support_dir(),
                split, support_dir(), split);
        ck_assert_msg(said.status == 0, "%s", said.text);
        char *one = set_digests(support_path("back-%s", split));
        one[strlen(one) - 1] = 0; /* of its list */
        ck_assert_msg(strstr(all, one + 1), "%s is not in %s", one + 1, all);
        free(one);
    }
    free(all);
}
END_TEST

/* "-" is a stream of the same bytes. */
START_TEST(export__standard_output__the_file_and_nothing_else)
{
    size_t a, b;
    for (int npz = 0; npz < 2; npz++) {
        const char *form = npz ? "npz" : "csv";
        run_ctl(&said, "export %s/set --split test -o %s/file.%s", support_dir(), support_dir(),
                form);
        ck_assert_int_eq(said.status, 0);
        run_ctl(&said, "export %s/set --split test --format %s -o - 2>%s/err >%s/piped",
                support_dir(), form, support_dir(), support_dir());
        ck_assert_int_eq(said.status, 0);
        char *file = support_read(support_path("file.%s", form), &a);
        char *piped = support_read(support_path("piped"), &b);
        ck_assert_uint_eq(a, b);
        ck_assert_mem_eq(file, piped, a);
        free(file);
        free(piped);
    }
}
END_TEST

/* A folder for each split and class, also where a class has no image: the order of the folders is
 * what loaders make labels of. */
START_TEST(export__png__a_folder_a_class)
{
    run_ctl(&said, "--json export %s/set --format png -o %s/pictures/", support_dir(),
            support_dir());
    json_t *all = said_json(0);
    ck_assert_str_eq(json_string_value(json_object_get(all, "format")), "png");
    ck_assert_str_eq(json_string_value(json_object_get(all, "dataset")), "noise");
    json_decref(all);
    ck_assert_uint_eq(names_in(support_path("pictures")), 3); /* classes.csv, too */
    ck_assert_uint_eq(names_in(support_path("pictures/test")), 4);
    ck_assert_uint_eq(names_in(support_path("pictures/train/0-red")), 15);
    ck_assert_uint_eq(names_in(support_path("pictures/train/1-a, b")), 15);
    ck_assert_uint_eq(names_in(support_path("pictures/train/2-q_")), 15);
    ck_assert_uint_eq(names_in(support_path("pictures/test/3-pale blue")), 0);
    ck_assert_int_eq(access(support_path("pictures/train/0-red/04.png"), F_OK), 0);
    ck_assert_int_eq(access(support_path("pictures/test/1-a, b/22.png"), F_OK), 0);
}
END_TEST

/* A part in an order of its own: numbered as it comes, and with its own labels' names, none. */
START_TEST(export__png_of_a_served_part__numbered_from_0)
{
    struct daemon d;
    set_describe("  few: {from: train, fraction: 0.4, seed: 3, classes: [2, 1], renumber: true}\n");
    set_serve(&d);
    run_ctl(&said, "--socket %s export noise --split few --format png -o %s/few", d.socket,
            support_dir());
    check_said(0, "");
    int found = 0;
    for (int i = 0; i < 24; i++)
        for (int label = 0; label < 2; label++)
            found += access(support_path("few/few/%d/%02d.png", label, i), F_OK) == 0;
    const char *of = strstr(said.text, "few, ");
    ck_assert(of && found > 3);
    ck_assert_int_eq(found, atoi(of + 5));
    run_ctl(&said, "--socket %s export noise --split train --format png -o %s/train", d.socket,
            support_dir());
    check_said(0, "");
    ck_assert_int_eq(access(support_path("train/train/0-red/00.png"), F_OK), 0);
    daemon_stop(&d);
}
END_TEST

/* Its label 0 is no airplane, whoever reads it. */
START_TEST(export__idx_of_a_renumbered_part__no_names_of_the_other_classes)
{
    struct daemon d;
    set_describe("  few: {from: train, classes: [2, 1], renumber: true}\n");
    daemon_start(&d, "cache: none\ndatasets:\n  - {name: cifar-10, path: %s/set}\n", support_dir());
    run_ctl(&said, "--socket %s export cifar-10 --split few -o %s/few", d.socket, support_dir());
    check_said(0, "few, 30 images");
    run_ctl(&said, "import %s/few -o %s/again", support_dir(), support_dir());
    check_said(0, "  - name: cifar-10-relabelled\n");
    run_ctl(&said, "check %s/again", support_dir());
    check_said(0, "2 labels, each of 15 images\nno image is there twice\n");
    run_ctl(&said, "--socket %s export cifar-10 --split test -o %s/test", d.socket, support_dir());
    check_said(0, "test, 25 images");
    run_ctl(&said, "check %s/test", support_dir());
    check_said(0, "cifar-10, ");
    daemon_stop(&d);
}
END_TEST

START_TEST(export__png_beside_what_was_left__made)
{
    char words[1024];
    snprintf(words, sizeof words,
             "sh -c 'mkdir %s/p.$$.tmp %s/p.$$-0.tmp; exec %s export %s/set --format png -o %s/p'",
             support_dir(), support_dir(), ctl_path(), support_dir(), support_dir());
    run_words(&said, words);
    check_said(0, "/p: train, 60 images");
    ck_assert_int_eq(access(support_path("p/classes.csv"), F_OK), 0);
}
END_TEST

/* So it is where classes have no names, and labels are not without gaps. */
START_TEST(export__png_of_labels_without_names__a_folder_each)
{
    const char *const lines = "format: 1\nname: gap\nsplits:\n"
                              "  train: {images: i, labels: l}\n  test: {images: j, labels: m}\n";
    ck_assert_int_eq(mkdir(support_path("gap"), 0700), 0);
    write_idx(support_path("gap/i"), 3, (uint32_t[]){2, 8, 8}, &set.train[0][0]);
    write_idx(support_path("gap/l"), 1, (uint32_t[]){2}, (const uint8_t[]){0, 11});
    write_idx(support_path("gap/j"), 3, (uint32_t[]){1, 8, 8}, &set.train[1][0]);
    write_idx(support_path("gap/m"), 1, (uint32_t[]){1}, (const uint8_t[]){3});
    support_write(support_path("gap/dataset.yaml"), lines, strlen(lines));
    run_ctl(&said, "export %s/gap --format png -o %s/pictures", support_dir(), support_dir());
    ck_assert_msg(said.status == 0, "%s", said.text);
    ck_assert_uint_eq(names_in(support_path("pictures/train")), 12);
    ck_assert_uint_eq(names_in(support_path("pictures/test")), 12);
    ck_assert_uint_eq(names_in(support_path("pictures/train/11")), 1);
    ck_assert_uint_eq(names_in(support_path("pictures/test/03")), 1);
    ck_assert_uint_eq(names_in(support_path("pictures/test/00")), 0);

    /* And import gives the same labels, though no picture has most of them. */
    run_ctl(&said, "import %s/pictures -o %s/back", support_dir(), support_dir());
    check_said(0,
               "train: 2 images, 8 x 8, labels up to 11\ntest: 1 images, 8 x 8, labels up to 3\n");
    uint8_t *labels = support_read(support_path("back/train-labels-idx1-ubyte"), NULL);
    ck_assert_mem_eq(labels + 8, "\0\13", 2);
    free(labels);
}
END_TEST

/* Import reads the pictures again: those of each class, in their order, with their labels. */
START_TEST(export__png_then_import__the_same_images_class_by_class)
{
    size_t size;
    const size_t head = 4 + 4 * 4;
    run_ctl(&said, "export %s/set --format png --split train -o %s/pictures", support_dir(),
            support_dir());
    ck_assert_int_eq(said.status, 0);
    run_ctl(&said, "import %s/pictures --name noise -o %s/back", support_dir(), support_dir());
    ck_assert_msg(said.status == 0, "%s", said.text);
    uint8_t *images = support_read(support_path("back/train-images-idx4-ubyte"), &size);
    ck_assert_uint_eq(size, head + sizeof set.train);
    uint8_t *labels = support_read(support_path("back/train-labels-idx1-ubyte"), &size);
    size_t at = 0;
    for (uint8_t label = 0; label < SET_CLASSES; label++)
        for (size_t i = 0; i < SET_TRAIN; i++) {
            if (set.train_labels[i] != label)
                continue;
            ck_assert_uint_eq(labels[8 + at], label);
            ck_assert_mem_eq(images + head + at * SET_IMAGE, set.train[i], SET_IMAGE);
            at++;
        }
    ck_assert_uint_eq(at, SET_TRAIN);
    free(images);
    free(labels);
    char *yaml = support_read(support_path("back/dataset.yaml"), &size);
    ck_assert_ptr_nonnull(
        strstr(yaml, "\nclasses:\n  - \"red\"\n  - \"a, b\"\n  - \"q\\\"\"\n  - \"pale blue\"\n"));
    free(yaml);
}
END_TEST

/* ---- refused ------------------------------------------------------------------------------- */

/* What is there stays as it is, for a file as for a folder. */
START_TEST(export__file_is_there__refused_and_kept)
{
    static const char *const names[] = {"a.npz", "a.csv"};
    for (size_t i = 0; i < 2; i++) {
        support_write(support_path("%s", names[i]), "mine", 4);
        run_ctl(&said, "export %s/set --split train -o %s/%s", support_dir(), support_dir(),
                names[i]);
        check_said(1, ": it is there already: remove it, or name another file\n");
        char *text = support_read(support_path("%s", names[i]), NULL);
        ck_assert_str_eq(text, "mine");
        free(text);
    }
    run_ctl(&said, "export %s/set --split train --format csv -o /dev/null", support_dir());
    check_said(0, "/dev/null: train, 60 images");
}
END_TEST

START_TEST(export__wrong_words__told_and_nothing_made)
{
    static const struct {
        const char *words;
        int status;
        const char *text;
    } all[] = {
        {"export", 2, "want the name of a dataset that is served"},
        {"export %s/set", 2, "-o FILE or -o FOLDER is missing"},
        {"export %s/set -o x --format nzp", 2, "did you mean npz? There are idx, npz, png, csv"},
        {"export %s/set -o x --format tar", 2, "want one of idx, npz, png, csv"},
        {"export %s/set -o -", 2, "--format is missing: want npz or csv"},
        {"export %s/set -o - --format png", 2, "png is a folder, which cannot be standard output"},
        {"export %s/set -o - --format idx", 2, "idx is a folder"},
        {"export %s/set -o none.csv", 1,
         "csv holds one split, and noise has 2: say which, --split "
         "train"},
        {"export %s/set -o none.npz --split tset", 1, "noise has no split \"tset\""},
        {"export %s/nowhere -o none.npz", 1, "nowhere: No such file or directory"},
        {"export %s/set -o nowhere/none.npz", 1, "its folder does not exist"},
        {"export %s/set -o nowhere/none --format png", 1, "No such file or directory"},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        char words[512];
        snprintf(words, sizeof words, all[i].words, support_dir());
        run_ctl(&said, "%s </dev/null", words);
        check_said(all[i].status, all[i].text);
    }
    ck_assert_int_ne(access("none.npz", F_OK), 0);
    ck_assert_int_ne(access("none.csv", F_OK), 0);
}
END_TEST

/* What is there is somebody's. */
START_TEST(export__folder_is_there__refused_and_as_it_was)
{
    static const char *const forms[] = {"idx", "png"};
    ck_assert_int_eq(mkdir(support_path("mine"), 0700), 0);
    support_write(support_path("mine/file"), "mine", 4);
    size_t before = names_in(support_dir());
    for (size_t f = 0; f < 2; f++) {
        run_ctl(&said, "export %s/set --format %s -o %s/mine", support_dir(), forms[f],
                support_dir());
        check_said(1, "/mine");
        ck_assert_uint_eq(names_in(support_dir()), before);
        ck_assert_uint_eq(names_in(support_path("mine")), 1);
    }
}
END_TEST

/* Labels of a row are no class and no column. */
START_TEST(export__multi_label__rows_in_npz_and_idx_alone)
{
    const char *const lines = "format: 1\nname: rows\nmulti_label: true\nsplits:\n"
                              "  train: {images: i, labels: l}\n";
    uint8_t rows[SET_TRAIN * 5] = {[3] = 1, [299] = 255};
    ck_assert_int_eq(mkdir(support_path("rows"), 0700), 0);
    write_idx(support_path("rows/i"), 4, (uint32_t[]){SET_TRAIN, SET_H, SET_W, SET_C},
              &set.train[0][0]);
    write_idx(support_path("rows/l"), 2, (uint32_t[]){SET_TRAIN, 5}, rows);
    support_write(support_path("rows/dataset.yaml"), lines, strlen(lines));
    char *want = set_digests(support_path("rows"));
    for (int npz = 0; npz < 2; npz++) {
        run_ctl(&said, "export %s/rows -o %s/out%s", support_dir(), support_dir(),
                npz ? ".npz" : "");
        check_said(0, "train, 60 images");
        run_ctl(&said, "import %s/out%s --name rows -o %s/back%d", support_dir(), npz ? ".npz" : "",
                support_dir(), npz);
        ck_assert_msg(said.status == 0, "%s", said.text);
        char *got = set_digests(support_path("back%d", npz));
        ck_assert_str_eq(got, want);
        free(got);
    }
    free(want);
    run_ctl(&said, "export %s/rows -o %s/rows.csv", support_dir(), support_dir());
    check_said(1, "csv holds one label an image, and those of rows have 5");
    const char *const two = "format: 1\nname: two\nsplits:\n  train: {images: i, labels: l}\n";
    ck_assert_int_eq(mkdir(support_path("two"), 0700), 0);
    write_idx(support_path("two/i"), 4, (uint32_t[]){2, 4, 4, 4}, &set.train[0][0]);
    write_idx(support_path("two/l"), 1, (uint32_t[]){2}, (const uint8_t[]){0, 1});
    support_write(support_path("two/dataset.yaml"), two, strlen(two));
    run_ctl(&said, "export %s/two -o %s/two.csv", support_dir(), support_dir());
    check_said(1, "csv holds images of 1 or 3 channels, ");
    run_ctl(&said, "export %s/rows --format png -o %s/rows.d", support_dir(), support_dir());
    check_said(1, "png holds one label an image");
    ck_assert_int_ne(access(support_path("rows.csv"), F_OK), 0);
    ck_assert_int_ne(access(support_path("rows.d"), F_OK), 0);
}
END_TEST

/* Ended in mid-work, it takes away what it began: thousands of pictures, of which some are there by
 * the time that the signal comes, or none. */
START_TEST(export__ended_by_a_signal__nothing_is_left)
{
    enum { MANY = 20000 };
    static uint8_t pixels[MANY][64], labels[MANY];
    const char *const lines = "format: 1\nname: many\nsplits: {train: {images: i, labels: l}}\n";
    ck_assert_int_eq(mkdir(support_path("many"), 0700), 0);
    write_idx(support_path("many/i"), 3, (uint32_t[]){MANY, 8, 8}, &pixels[0][0]);
    write_idx(support_path("many/l"), 1, (uint32_t[]){MANY}, labels);
    support_write(support_path("many/dataset.yaml"), lines, strlen(lines));
    size_t before = names_in(support_dir());
    for (int number = 0; number < 3; number++) {
        char words[1024];
        snprintf(words, sizeof words,
                 "sh -c '%s export %s/many --format png -o %s/out & p=$!; while kill -0 $p && "
                 "! ls %s/out.*.tmp/train/0; do sleep .02; done; kill -%s $p; wait $p; exit 7' "
                 ">/dev/null",
                 ctl_path(), support_dir(), support_dir(), support_dir(),
                 (const char *[]){"INT", "TERM", "HUP"}[number]);
        run_words(&said, words);
        ck_assert_int_eq(said.status, 7);
        ck_assert_uint_eq(names_in(support_dir()), before);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("e2e/export");
    TCase *tc = tcase_create("export");
    tcase_add_checked_fixture(tc, setup, support_teardown);
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, export__then_import__the_same_digests);
    tcase_add_test(tc, export__folder_with_a_part__its_files_alone);
    tcase_add_test(tc, export__idx__classes_come_along);
    tcase_add_test(tc, export__csv_then_import__the_same_digest);
    tcase_add_test(tc, export__standard_output__the_file_and_nothing_else);
    tcase_add_test(tc, export__png__a_folder_a_class);
    tcase_add_test(tc, export__png_of_a_served_part__numbered_from_0);
    tcase_add_test(tc, export__png_beside_what_was_left__made);
    tcase_add_test(tc, export__idx_of_a_renumbered_part__no_names_of_the_other_classes);
    tcase_add_test(tc, export__png_of_labels_without_names__a_folder_each);
    tcase_add_test(tc, export__png_then_import__the_same_images_class_by_class);
    tcase_add_test(tc, export__file_is_there__refused_and_kept);
    tcase_add_test(tc, export__wrong_words__told_and_nothing_made);
    tcase_add_test(tc, export__folder_is_there__refused_and_as_it_was);
    tcase_add_test(tc, export__multi_label__rows_in_npz_and_idx_alone);
    tcase_add_test(tc, export__ended_by_a_signal__nothing_is_left);
    suite_add_tcase(s, tc);
    return support_run(s);
}
