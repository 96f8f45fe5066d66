/* SPDX-License-Identifier: MIT */
/* Import of a folder that has a dataset.yaml: what import and export wrote, and people may have
 * changed. */
#include "e2e/harness.h"
#include "e2e/program.h"
#include "e2e/sets.h"

static struct set set;

static void setup(void)
{
    support_setup();
    set_fill(&set);
    set_write(&set);
}

static void check_same(const char *folder, const char *other)
{
    char *a = set_digests(folder), *b = set_digests(other);
    ck_assert_str_eq(a, b);
    free(a);
    free(b);
}

static void check_yaml(const char *folder, const char *line)
{
    char *yaml = support_read(support_path("%s/dataset.yaml", folder), NULL);
    ck_assert_msg(strstr(yaml, line) != NULL, "no %s in\n%s", line, yaml);
    free(yaml);
}

static void describe(const char *lines)
{
    support_write(support_path("set/dataset.yaml"), lines, strlen(lines));
}

#define TRAIN "  train: {images: train-images-idx4-ubyte, labels: train-labels-idx1-ubyte}\n"
#define TEST  "  test: {images: test-images-idx4-ubyte, labels: test-labels-idx1-ubyte}\n"

/* Also of splits that no file's name tells, as export writes a part. */
START_TEST(described__export_then_import__the_same_splits_and_classes)
{
    struct daemon d;
    set_describe("  dev: {from: train, last: 7}\n  extra: {from: test, first: 9}\n");
    set_serve(&d);
    run_ctl(&said, "--socket %s export noise -o %s/out", d.socket, support_dir());
    check_said(0, "dev, 7 images");
    run_ctl(&said, "import %s/out -o %s/made", support_dir(), support_dir());
    check_said(0, "\ndev: 7 images, 9 x 7 x 3, ");
    check_said(0, "\nextra: 9 images, 9 x 7 x 3, ");
    check_said(0, "  - name: noise\n");
    check_same(support_path("out"), support_path("made"));
    check_yaml("made", "\nclasses:\n  - \"red\"\n  - \"a, b\"\n  - \"q\\\"\"\n  - \"pale blue\"\n");
    daemon_stop(&d);
}
END_TEST

/* Where it is from, and what one may do with it, stays with it; also in an archive, where the
 * dataset.yaml is the last. */
START_TEST(described__origin_and_licence__kept)
{
    const char *sum = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    char lines[1024], words[256];
    snprintf(lines, sizeof lines,
             "format: 1\nname: roses\nsplits:\n" TRAIN TEST "classes: [a, b, c, d, e]\n"
             "origin: \"roses.tar.gz\"\nsource_sha256: \"%s\"\nlicence: \"Mine.\\nAll.\"\n",
             sum);
    describe(lines);
    run_ctl(&said, "import %s/set -o %s/made", support_dir(), support_dir());
    check_said(0, "  - name: roses\n");
    snprintf(words, sizeof words, "sh -c 'cd %s && tar cf set.tar set/t* set/dataset.yaml'",
             support_dir());
    run_words(&said, words);
    ck_assert_int_eq(said.status, 0);
    run_ctl(&said, "import %s/set.tar -o %s/tar", support_dir(), support_dir());
    check_said(0, "  - name: roses\n");
    snprintf(lines, sizeof lines, "\nsource_sha256: \"%s\"\n", sum);
    for (int i = 0; i < 2; i++) {
        const char *folder = i ? "tar" : "made";
        check_yaml(folder, "\nname: \"roses\"\n");
        check_yaml(folder, "\n  - \"d\"\n  - \"e\"\n");
        check_yaml(folder, "\norigin: \"roses.tar.gz\"\n");
        check_yaml(folder, "\nlicence: \"Mine.\\nAll.\"\n");
        check_yaml(folder, lines);
    }
    support_write(support_path("names"), "1\n2\n3\n4\n", 8);
    run_ctl(&said, "import %s/set --name own --classes %s/names -o %s/own", support_dir(),
            support_dir(), support_dir());
    check_said(0, "  - name: own\n");
    check_yaml("own", "\nclasses:\n  - \"1\"\n");
}
END_TEST

/* The files are what it says, and not what they are called. */
START_TEST(described__splits__as_it_names_them)
{
    describe("format: 1\nname: x\nsplits:\n"
             "  nights: {images: train-images-idx4-ubyte, labels: train-labels-idx1-ubyte}\n"
             "  few: {from: nights, first: 5}\n");
    run_ctl(&said, "import %s/set -o %s/made", support_dir(), support_dir());
    check_said(0, "\nnights: 60 images, 9 x 7 x 3, ");
    check_said(0, "dataset.yaml: split few is a part of nights: left out");
    check_said(0, "test-images-idx4-ubyte: left out: the dataset.yaml does not name it");
    ck_assert_msg(!strstr(said.text, "\ntest: "), "%s", said.text);
    describe("format: 1\nname: x\ntranspose: true\nsplits:\n" TEST);
    run_ctl(&said, "import %s/set -o %s/turned", support_dir(), support_dir());
    check_said(0, "\ntest: 25 images, 7 x 9 x 3, ");
    check_same(support_path("turned"), support_path("set"));
    describe("format: 1\nname: emnist-letters\nsplits:\n" TEST);
    run_ctl(&said, "import %s/set -o %s/known", support_dir(), support_dir());
    check_said(0, "\ntest: 25 images, 7 x 9 x 3, ");
    check_same(support_path("known"), support_path("set"));
}
END_TEST

/* As the shell gives them for FOLDER/ and an asterisk. */
START_TEST(described__files_one_by_one__as_their_folder)
{
    describe("format: 1\nname: roses\nsplits:\n"
             "  nights: {images: ./train-images-idx4-ubyte, labels: train-labels-idx1-ubyte}\n");
    run_ctl(&said, "import %s/set/* -o %s/made", support_dir(), support_dir());
    check_said(0, "\nnights: 60 images, 9 x 7 x 3, ");
    check_said(0, "  - name: roses\n");
    check_said(0, "test-images-idx4-ubyte: left out: the dataset.yaml does not name it");
}
END_TEST

/* What it cannot be honoured beside. */
START_TEST(described__another_says_what_it_is__refused)
{
    char words[512];
    describe("format: 1\nname: x\nsplits:\n" TRAIN TEST);
    run_ctl(&said, "import %s/set --set letters -o %s/made", support_dir(), support_dir());
    check_said(1, "--set letters is not for what is here: a dataset.yaml says what it is\n");
    snprintf(words, sizeof words, "cp -r %s/set %s/other", support_dir(), support_dir());
    run_words(&said, words);
    run_ctl(&said, "import %s/set %s/other -o %s/made", support_dir(), support_dir(),
            support_dir());
    check_said(1, "import: other: dataset.yaml: a second one: import one after the other\n");
    ck_assert_int_ne(access(support_path("made"), F_OK), 0);
}
END_TEST

START_TEST(described__wrong__refused_with_its_place)
{
    describe("format: 1\nname: x\nsplits:\n" TRAIN "  test: {images: gone, labels: "
             "test-labels-idx1-ubyte}\n");
    run_ctl(&said, "import %s/set -o %s/made", support_dir(), support_dir());
    check_said(1, "import: gone, which its dataset.yaml names for test, is not there\n");
    describe("format: 1\nname: \"\\x9b31mred\"\nsplits:\n  \"a\\x9b\": {images: "
             "train-images-idx4-ubyte, labels: train-labels-idx1-ubyte}\n");
    run_ctl(&said, "import %s/set -o %s/made", support_dir(), support_dir());
    check_said(1, "dataset.yaml:4: splits: a split is called \"a??\"; allowed: a name");
    describe("format: 2\nsplits:\n" TRAIN);
    run_ctl(&said, "import %s/set -o %s/made", support_dir(), support_dir());
    check_said(1, "dataset.yaml:1: format is \"2\"; allowed: 1");
    describe("format: 1\nsplits:\n  train: {images: a}\n");
    run_ctl(&said, "import %s/set -o %s/made", support_dir(), support_dir());
    check_said(1, "dataset.yaml:3: splits.train.labels is missing");
    describe("format: 1\nsplits:\n" TRAIN "  dev: {images: train-images-idx4-ubyte, labels: b}\n");
    run_ctl(&said, "import %s/set -o %s/made", support_dir(), support_dir());
    check_said(1, "dataset.yaml:4: splits.dev.images is a file of train already, and import reads "
                  "it once");
    ck_assert_int_ne(access(support_path("made"), F_OK), 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("e2e/import_described");
    TCase *tc = tcase_create("import_described");
    tcase_add_checked_fixture(tc, setup, support_teardown);
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, described__export_then_import__the_same_splits_and_classes);
    tcase_add_test(tc, described__origin_and_licence__kept);
    tcase_add_test(tc, described__splits__as_it_names_them);
    tcase_add_test(tc, described__files_one_by_one__as_their_folder);
    tcase_add_test(tc, described__another_says_what_it_is__refused);
    tcase_add_test(tc, described__wrong__refused_with_its_place);
    suite_add_tcase(s, tc);
    return support_run(s);
}
