/* SPDX-License-Identifier: MIT */
/* fmnistctl check: what is found in a folder, and the same of a daemon that serves it. */
#include "e2e/harness.h"
#include "e2e/program.h"
#include "e2e/sets.h"

#include <math.h>

static struct set set;

static json_int_t integer(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    ck_assert_msg(json_is_integer(value), "%s: %s", key, said.text);
    return json_integer_value(value);
}

/* Twins within train, with labels that differ; of test in train, with the same; two of one level.
 */
static void plant(void)
{
    memcpy(set.train[40], set.train[7], SET_IMAGE);
    set.train_labels[40] = 1;
    set.train_labels[7] = 2;
    memcpy(set.test[20], set.train[5], SET_IMAGE);
    set.test_labels[20] = set.train_labels[5];
    for (size_t i = 0; i < SET_H * SET_W; i++) {
        memcpy(set.train[50] + 3 * i, "\1\2\3", 3);
        memcpy(set.test[3] + 3 * i, "\1\1\1", 3);
    }
}

static void setup(void)
{
    support_setup();
    set_fill(&set);
}

/* ---- nothing ------------------------------------------------------------------------------- */

START_TEST(check__nothing_twice__exit_0_and_no_picture)
{
    set_write(&set);
    run_ctl(&said, "check %s/set -o %s/none.png", support_dir(), support_dir());
    check_said(0, "\nno image is there twice\n");
    check_said(0, "\ntrain: 60 images of 9x7x3\n");
    check_said(0, "\n  4 labels, each of 15 images\n");
    check_said(0, "\n    1 (a, b): 8\n");
    check_said(0, "\n    no image is 3 (pale blue)\n");
    ck_assert_int_ne(access(support_path("none.png"), F_OK), 0);
}
END_TEST

/* ---- what is found ------------------------------------------------------------------------- */

static void check_statistics(const json_t *split, const uint8_t *pixels, size_t images)
{
    for (int c = 0; c < SET_C; c++) {
        double sum = 0, squares = 0, n = (double)(images * SET_H * SET_W);
        for (size_t i = 0; i < images * SET_H * SET_W; i++) {
            double v = pixels[i * SET_C + (size_t)c] / 255.0;
            sum += v;
            squares += v * v;
        }
        double mean = json_real_value(json_array_get(json_object_get(split, "mean"), (size_t)c));
        double std = json_real_value(json_array_get(json_object_get(split, "std"), (size_t)c));
        ck_assert_double_eq_tol(mean, sum / n, 1e-12);
        ck_assert_double_eq_tol(std, sqrt(squares / n - sum / n * (sum / n)), 1e-12);
    }
}

static void check_labels(const json_t *split, const uint8_t *labels, size_t images)
{
    const json_t *list = json_object_get(split, "labels");
    ck_assert_uint_eq(json_array_size(list), SET_CLASSES);
    for (int k = 0; k < SET_CLASSES; k++) {
        json_int_t count = 0;
        for (size_t i = 0; i < images; i++)
            count += labels[i] == k;
        ck_assert_int_eq(integer(json_array_get(list, (size_t)k), "label"), k);
        ck_assert_int_eq(integer(json_array_get(list, (size_t)k), "images"), count);
    }
}

static void check_image(const json_t *group, size_t i, const char *split, int number, int label)
{
    const json_t *image = json_array_get(json_object_get(group, "images"), i);
    ck_assert_str_eq(json_string_value(json_object_get(image, "split")), split);
    ck_assert_int_eq(integer(image, "image"), number);
    ck_assert_int_eq(integer(image, "label"), label);
}

/* All of what plant() has done, and no more. */
static void check_planted(const json_t *all)
{
    const json_t *splits = json_object_get(all, "splits"), *groups = json_object_get(all, "groups");
    const json_t *train = json_array_get(splits, 0), *test = json_array_get(splits, 1);
    ck_assert_str_eq(json_string_value(json_object_get(all, "dataset")), "noise");
    ck_assert(json_is_true(json_object_get(all, "found")));
    ck_assert_uint_eq(json_array_size(splits), 2);
    ck_assert_int_eq(integer(train, "repeats"), 1);
    ck_assert_int_eq(integer(test, "repeats"), 0);
    ck_assert_int_eq(integer(train, "constant"), 1);
    ck_assert_int_eq(
        json_integer_value(json_array_get(json_object_get(train, "constant_images"), 0)), 50);
    ck_assert_int_eq(
        json_integer_value(json_array_get(json_object_get(test, "constant_images"), 0)), 3);
    const json_t *also = json_array_get(json_object_get(test, "also_in"), 0);
    ck_assert_str_eq(json_string_value(json_object_get(also, "split")), "train");
    ck_assert_int_eq(integer(also, "images"), 1);
    ck_assert_int_eq(integer(all, "group_count"), 2);
    ck_assert_int_eq(integer(all, "labels_differ"), 1);
    ck_assert_uint_eq(json_array_size(groups), 2);
    check_image(json_array_get(groups, 0), 0, "train", 7, 2);
    check_image(json_array_get(groups, 0), 1, "train", 40, 1);
    check_image(json_array_get(groups, 1), 0, "train", 5, 1);
    check_image(json_array_get(groups, 1), 1, "test", 20, 1);
    check_statistics(train, &set.train[0][0], SET_TRAIN);
    check_statistics(test, &set.test[0][0], SET_TEST);
    check_labels(train, set.train_labels, SET_TRAIN);
    check_labels(test, set.test_labels, SET_TEST);
}

/* A folder's and a daemon's are the same dataset, and so are their pictures. */
START_TEST(check__folder_and_daemon__the_same_findings)
{
    struct daemon d;
    size_t sizes[2];
    plant();
    set_write(&set);
    run_ctl(&said, "--json check %s/set -o %s/a.png", support_dir(), support_dir());
    json_t *folder = said_json(1);
    check_planted(folder);
    ck_assert_str_eq(json_string_value(json_object_get(folder, "file")), support_path("a.png"));

    set_serve(&d);
    run_ctl(&said, "--json --socket %s check noise -o %s/b.png", d.socket, support_dir());
    json_t *served = said_json(1);
    daemon_stop(&d);
    check_planted(served);
    ck_assert(json_is_null(json_object_get(served, "folder")));
    ck_assert(json_equal(json_object_get(served, "splits"), json_object_get(folder, "splits")));
    json_decref(folder);
    json_decref(served);

    char *a = support_read(support_path("a.png"), &sizes[0]);
    char *b = support_read(support_path("b.png"), &sizes[1]);
    ck_assert(sizes[0] > 100 && sizes[0] == sizes[1]);
    ck_assert_mem_eq(a, b, sizes[0]);
    free(a);
    free(b);
}
END_TEST

START_TEST(check__twins__told_in_words)
{
    plant();
    set_write(&set);
    run_ctl(&said, "check %s/set", support_dir());
    check_said(1, "\n2 images are there more than once, 1 of them with labels that differ\n"
                  "  train 7 (q\") = train 40 (a, b): labels differ\n"
                  "  train 5 = test 20 (a, b)\n");
    check_said(1, "\n  1 image of one level, the first is 50\n  1 image repeats an earlier one of "
                  "the split\n  1 image is in test, too\n");
}
END_TEST

/* What is cut from train is train's: looked at once. */
START_TEST(check__folder_with_a_part__its_files_once)
{
    set_write(&set);
    set_describe("  dev: {from: train, last: 9}\n");
    run_ctl(&said, "--json check %s/set", support_dir());
    json_t *all = said_json(0);
    ck_assert_uint_eq(json_array_size(json_object_get(all, "splits")), 2);
    json_decref(all);
}
END_TEST

static const char parts[] = "  dev: {from: train, last: 30}\n"
                            "  fit: {from: train, without: dev}\n"
                            "  few: {from: train, fraction: 0.3, seed: 1, classes: [1, 2], "
                            "renumber: true}\n";

/* Parts that are served are images of train, under other labels even: nothing is there twice. */
START_TEST(check__served_with_parts__whose_they_are_and_nothing_found)
{
    struct daemon d;
    set_write(&set);
    set_describe(parts);
    set_serve(&d);
    run_ctl(&said, "--socket %s check noise -o %s/none.png", d.socket, support_dir());
    check_said(0, "\nno image is there twice\n");
    check_said(0, "\ntrain: 60 images of 9x7x3\n");
    check_said(0, "\ndev: 30 images of 9x7x3, a part of train\n");
    check_said(0, "\nfew: ");
    check_said(0, " with the part dev\n");
    ck_assert_msg(!strstr(said.text, ", too\n"), "%s", said.text);
    run_ctl(&said, "--socket %s --json check noise", d.socket);
    json_t *all = said_json(0), *splits = json_object_get(all, "splits");
    json_int_t count = integer(json_array_get(splits, 4), "images"), shared = 0;
    ck_assert(json_is_null(json_object_get(json_array_get(splits, 0), "from")));
    ck_assert_str_eq(json_string_value(json_object_get(json_array_get(splits, 4), "from")),
                     "train");
    for (size_t i = 0; i < 2; i++)
        shared += integer(json_array_get(json_object_get(json_array_get(splits, 4), "shared"), i),
                          "images");
    ck_assert_int_gt(count, 0);
    ck_assert_int_eq(shared, count); /* each of few's is dev's or fit's */
    json_decref(all);
    daemon_stop(&d);
}
END_TEST

/* Images that are alike and of two parts are found, by their numbers in train. */
START_TEST(check__served_with_parts__twins_across_them_found)
{
    struct daemon d;
    plant();
    set_write(&set);
    set_describe(parts);
    set_serve(&d);
    run_ctl(&said, "--socket %s check noise -o %s/found.png", d.socket, support_dir());
    check_said(1, "\n2 images are there more than once, 1 of them with labels that differ\n"
                  "  train 7 in fit");
    check_said(1, " (q\") = train 40 in dev");
    check_said(1, " (a, b): labels differ\n  train 5 in fit");
    ck_assert_int_eq(access(support_path("found.png"), F_OK), 0);
    run_ctl(&said, "--socket %s --json check noise", d.socket);
    json_t *all = said_json(1), *splits = json_object_get(all, "splits");
    json_t *dev = json_array_get(splits, 2);
    ck_assert_int_eq(integer(all, "group_count"), 2);
    ck_assert_int_eq(integer(dev, "repeats"), 0);
    ck_assert_int_eq(integer(dev, "constant"), 0); /* train's: told there */
    ck_assert_str_eq(json_string_value(json_object_get(
                         json_array_get(json_object_get(dev, "also_in"), 0), "split")),
                     "fit");
    ck_assert_int_eq(integer(json_array_get(json_object_get(dev, "also_in"), 0), "images"), 1);
    check_image(json_array_get(json_object_get(all, "groups"), 0), 1, "train", 40, 1);
    json_decref(all);
    daemon_stop(&d);
}
END_TEST

/* ---- what cannot be looked at -------------------------------------------------------------- */

START_TEST(check__no_dataset__exit_2_and_why)
{
    struct daemon d;
    run_ctl(&said, "check");
    check_said(2, "check: want the name of a dataset that is served, or the path of a folder");
    run_ctl(&said, "check %s/nowhere", support_dir());
    check_said(2, "/nowhere: No such file or directory");
    run_ctl(&said, "check %s", support_dir());
    check_said(2, "no dataset.yaml and no IDX file of a known name lies there");
    run_ctl(&said, "--socket %s/none check mnist", support_dir());
    check_said(2, "no daemon");
    set_write(&set);
    run_ctl(&said, "check %s/set/dataset.yaml", support_dir());
    check_said(2, "a file: want a folder");
    set_serve(&d);
    run_ctl(&said, "--socket %s check nois", d.socket);
    check_said(2, "no dataset \"nois\" is served");
    daemon_stop(&d);
    support_write(support_path("set/dataset.yaml"), "format: 1\nname: 3x\nsplits: 4\n", 29);
    run_ctl(&said, "check %s/set/", support_dir());
    check_said(2, "/set/dataset.yaml:3: splits");
    support_write(support_path("set/train-labels-idx1-ubyte"), "no", 2);
    ck_assert_int_eq(unlink(support_path("set/dataset.yaml")), 0);
    ck_assert_int_eq(rename(support_path("set/train-images-idx4-ubyte"),
                            strdupa(support_path("set/train-images-idx3-ubyte"))),
                     0);
    run_ctl(&said, "check %s/set/", support_dir());
    check_said(2, "train-labels-idx1-ubyte");
}
END_TEST

/* The figures that people have normalised with for years. */
START_TEST(check__the_real_fashion_mnist__known_mean_and_std)
{
    if (access("/usr/share/datasets/fashion-mnist", R_OK)) {
        printf("skipped: Debian's dataset-fashion-mnist is not there\n");
        return;
    }
    run_ctl(&said, "check /usr/share/datasets/fashion-mnist/");
    check_said(0, "train: 60000 images of 28x28x1\n  levels: --mean 0.2860 --std 0.3530\n"
                  "  10 labels, each of 6000 images\n");
    check_said(0, "no image is there twice");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("e2e/check");
    TCase *tc = tcase_create("check");
    tcase_add_checked_fixture(tc, setup, support_teardown);
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, check__nothing_twice__exit_0_and_no_picture);
    tcase_add_test(tc, check__folder_and_daemon__the_same_findings);
    tcase_add_test(tc, check__twins__told_in_words);
    tcase_add_test(tc, check__folder_with_a_part__its_files_once);
    tcase_add_test(tc, check__served_with_parts__whose_they_are_and_nothing_found);
    tcase_add_test(tc, check__served_with_parts__twins_across_them_found);
    tcase_add_test(tc, check__no_dataset__exit_2_and_why);
    tcase_add_test(tc, check__the_real_fashion_mnist__known_mean_and_std);
    suite_add_tcase(s, tc);
    return support_run(s);
}
