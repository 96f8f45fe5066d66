/* SPDX-License-Identifier: MIT */
/* tests of config/dataset_file: what a dataset.yaml beside a dataset's files may say, what the
 * config's entry says against it, and what is said about one that is wrong. */
#include "config/config.h"

#include "support/support.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SPLITS "splits: {train: {images: a, labels: b}}\n"
#define WHOLE  "format: 1\nname: cifar-10\n" SPLITS
#define A64    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static struct err e;

/* Loads a config with one entry, its path the folder "set" with that dataset.yaml. NULL: none. */
static int load(struct config *c, const char *file, const char *entry)
{
    char text[4096];
    mkdir(support_path("set"), 0700);
    if (file)
        support_write(support_path("set/dataset.yaml"), file, strlen(file));
    snprintf(text, sizeof text, "datasets:\n  - path: set\n%s", entry);
    support_write(support_path("c.yaml"), text, strlen(text));
    e.text[0] = '\0';
    return config_load(c, support_path("c.yaml"), &e);
}

/* The file that fmnistctl import writes, with all that it may have. */
static const char whole[] =
    "# written by fmnistctl import\n"
    "format: 1\n"
    "name: cifar-10\n"
    "splits:\n"
    "  test: {images: test-images-idx4-ubyte, labels: test-labels-idx1-ubyte}\n"
    "  validation: {images: sub/v..i, labels: ..v}\n"
    "  train: {images: train-images-idx4-ubyte, labels: train-labels-idx1-ubyte}\n"
    "classes: [airplane, \"auto, mobile\"]\n"
    "multi_label: true\n"
    "transpose: true\n"
    "origin: cifar-10-binary.tar.gz\n"
    "source_sha256: 0123456789abcdef\n"
    "licence: |\n  first line\n  second\n";

/* A name, a split or a class that is not taken from the file. */
START_TEST(dataset_file__path_alone__all_of_it)
{
    struct config c;
    ck_assert_msg(load(&c, whole, "") == 0, "%s", e.text);
    const struct dataset_source *d = &c.datasets[0];
    ck_assert_str_eq(d->name, "cifar-10");
    ck_assert_str_eq(d->path, support_path("set"));
    ck_assert_str_eq(d->splits[DATASET_TRAIN].images, "train-images-idx4-ubyte");
    ck_assert_str_eq(d->splits[DATASET_TEST].labels, "test-labels-idx1-ubyte");
    ck_assert_str_eq(d->splits[DATASET_OTHERS].name, "validation");
    ck_assert_str_eq(d->splits[DATASET_OTHERS].images, "sub/v..i");
    ck_assert_str_eq(d->splits[DATASET_OTHERS].labels, "..v");
    ck_assert_uint_eq(d->class_count, 2);
    ck_assert_str_eq(d->classes[1], "auto, mobile");
    ck_assert_int_eq(d->transpose, 1);
    ck_assert_int_eq(d->multi_label, 1);
    config_free(&c);
}
END_TEST

/* The file winning over the entry, or an entry's split hiding all others. */
START_TEST(dataset_file__entry_says_otherwise__the_entry)
{
    struct config c;
    ck_assert_msg(
        load(&c, whole,
             "    name: mine\n    classes: [x]\n    transpose: false\n    multi_label: false\n"
             "    splits:\n      extra: {images: e, labels: f}\n"
             "      train: {images: g, labels: h}\n") == 0,
        "%s", e.text);
    const struct dataset_source *d = &c.datasets[0];
    ck_assert_str_eq(d->name, "mine");
    ck_assert_uint_eq(d->class_count, 1);
    ck_assert_int_eq(d->transpose, 0);
    ck_assert_int_eq(d->multi_label, 0);
    ck_assert_str_eq(d->splits[DATASET_TRAIN].images, "g");
    ck_assert_str_eq(d->splits[DATASET_TEST].images, "test-images-idx4-ubyte");
    ck_assert_str_eq(d->splits[DATASET_OTHERS].name, "extra");
    ck_assert_str_eq(d->splits[DATASET_OTHERS + 1].name, "validation");
    config_free(&c);
}
END_TEST

/* ---- one wrong thing each */

static const struct fault {
    const char *file; /* of the folder; NULL: none */
    const char *entry;
    unsigned line; /* of the dataset.yaml; 0: of the config, its second */
    const char *part;
} faults[] = {
    {"", "", 1, "the file is empty; allowed: at least the keys \"format\" and \"splits\""},
    {"- a\n", "", 1, "the file is a list"},
    {"name: x\n" SPLITS, "", 1, "format is missing; allowed: 1"},
    {"format: 2\nname: x\n" SPLITS, "", 1, "format is \"2\"; allowed: 1, which is all that this"},
    {"format: one\n" SPLITS, "", 1, "format is \"one\"; allowed: 1"},
    {"format: 1\nname: x\n", "", 1, "splits is missing"},
    {"format: 1\nname: x\nsplits: {}\n", "", 3, "splits is a mapping; allowed: a mapping of names"},
    {WHOLE "path: /etc\n", "", 4, "unknown key \"path\""},
    {WHOLE "datasets: []\n", "", 4, "unknown key \"datasets\""},
    {WHOLE "name: y\n", "", 4, "name is here a second time (first on line 2)"},
    {WHOLE "\nx: [\n", "", 6, "not YAML"},
    {WHOLE "licence: !x y\n", "", 4, "an anchor, alias or tag"},
    {WHOLE "licence: [a]\n", "", 4, "licence is a list; allowed: a text"},
    {WHOLE "classes: []\n", "", 4, "classes has 0 entries; allowed: a list of 1 .. 4096"},
    {WHOLE "classes: [a, '']\n", "", 4, "classes[] is \"\"; allowed: a name"},
    {WHOLE "multi_label: maybe\n", "", 4, "multi_label is \"maybe\"; allowed: true or false"},
    {"format: 1\nname: a/b\n" SPLITS, "", 2, "name is \"a/b\"; allowed: 1 .. 63 bytes"},
    {"format: 1\nname: \"a\\x9b31mb\"\n" SPLITS, "", 2, "; allowed: 1 .. 63 bytes without '/' or"},
    {"format: 1\nname: " A64 "\n" SPLITS, "", 2, "name is \"aaa"},
    {"format: 1\nname: x\nsplits:\n  dev: {images: /etc/a, labels: b}\n", "", 4,
     "splits.dev.images is \"/etc/a\"; allowed: a file name in the dataset's folder, with or "
     "without \".gz\", and not outside of it"},
    {"format: 1\nname: x\nsplits:\n  dev: {images: a, labels: ../b}\n", "", 4,
     "splits.dev.labels is \"../b\""},
    {"format: 1\nname: x\nsplits:\n  dev: {images: a/../../b, labels: b}\n", "", 4,
     "splits.dev.images is \"a/../../b\""},
    {"format: 1\nname: x\nsplits:\n  dev: {images: .., labels: b}\n", "", 4, "images is \"..\""},
    {"format: 1\nname: x\nsplits:\n  dev: {images: a/.., labels: b}\n", "", 4, "is \"a/..\""},
    {"format: 1\nname: x\nsplits:\n  dev: {images: ~a, labels: b}\n", "", 4, "images is \"~a\""},
    {"format: 1\nname: x\nsplits:\n  dev: {images: a, file: b}\n", "", 4,
     "splits.dev: unknown key \"file\""},
    {"format: 1\nname: x\nsplits:\n  a/b: {images: a, labels: b}\n", "", 4, "a split is called"},
    /* of the entry beside it */
    {"format: 1\n" SPLITS, "", 0, "datasets[].name is missing, and no dataset.yaml in "},
    {NULL, "", 0, "datasets[].name is missing, and no dataset.yaml in "},
    {NULL, "    name: mine\n", 0, "dataset \"mine\" has no splits and is not known by name"},
    {WHOLE, "  - {name: cifar-10, path: /x, splits: {train: {images: a, labels: b}}}\n", 3,
     "datasets[].name \"cifar-10\" is here a second time"},
};

/* Each is refused with the line of the file that it stands in, and leaves nothing behind. */
START_TEST(dataset_file__one_fault__exact_line_and_words)
{
    static const struct config zero;
    const struct fault *f = &faults[_i];
    struct config c;
    char head[600];
    ck_assert_msg(load(&c, f->file, f->entry) == -EINVAL, "accepted:\n%s", f->file);
    bool other = !f->line || !strncmp(f->part, "datasets[]", 10);
    snprintf(head, sizeof head, "%s:%u: ", support_path(other ? "c.yaml" : "set/dataset.yaml"),
             f->line ? f->line : 2);
    ck_assert_msg(!strncmp(e.text, head, strlen(head)), "\"%s\" expected: %s", head, e.text);
    ck_assert_msg(strstr(e.text, f->part), "\"%s\" expected: %s", f->part, e.text);
    ck_assert_msg(!strchr(e.text, '\n'), "more than a line: %s", e.text);
    ck_assert_mem_eq(&c, &zero, sizeof zero);
}
END_TEST

/* More splits than a dataset may have, of which neither file has too many. */
START_TEST(dataset_file__more_splits_than_both_may_have__refused)
{
    char file[2048] = "format: 1\nname: x\nsplits:\n", entry[2048] = "    splits:\n";
    for (int i = 0; i < 8; i++) {
        snprintf(file + strlen(file), 64, "  f%d: {images: a, labels: b}\n", i);
        snprintf(entry + strlen(entry), 64, "      e%d: {images: a, labels: b}\n", i);
    }
    struct config c;
    ck_assert_int_eq(load(&c, file, entry), -EINVAL);
    ck_assert_msg(strstr(e.text, "dataset.yaml:10: splits: one too many"), "%s", e.text);
}
END_TEST

/* A link, a pipe or a huge file in its place: followed, waited for, read whole. */
START_TEST(dataset_file__no_regular_file__refused)
{
    struct config c;
    mkdir(support_path("set"), 0700);
    support_write(support_path("secret"), "root:x\n", 7);
    ck_assert_int_eq(symlink(support_path("secret"), support_path("set/dataset.yaml")), 0);
    ck_assert_int_eq(load(&c, NULL, "    name: mnist\n"), -EINVAL);
    ck_assert_msg(strstr(e.text, "set/dataset.yaml:1: a link; allowed: a file"), "%s", e.text);
    ck_assert_int_eq(unlink(support_path("set/dataset.yaml")), 0);
    ck_assert_int_eq(mkfifo(support_path("set/dataset.yaml"), 0600), 0);
    ck_assert_int_eq(load(&c, NULL, "    name: mnist\n"), -EINVAL);
    ck_assert_msg(strstr(e.text, "dataset.yaml:1: a pipe; allowed: a YAML file"), "%s", e.text);
    ck_assert_int_eq(unlink(support_path("set/dataset.yaml")), 0);
    char *big = calloc(1, (1 << 20) + 2);
    memset(big, '#', (1 << 20) + 1);
    ck_assert_int_eq(load(&c, big, "    name: mnist\n"), -EINVAL);
    ck_assert_msg(strstr(e.text, "a file of more than 1MiB"), "%s", e.text);
    free(big);
}
END_TEST

/* A file cut anywhere is told of, or is whole in what it has; nothing leaks. */
START_TEST(dataset_file__every_truncation__no_leak)
{
    char file[sizeof whole];
    for (size_t i = 0; i < sizeof whole; i++) {
        struct config c;
        memcpy(file, whole, i);
        file[i] = '\0';
        if (load(&c, file, "") == 0)
            config_free(&c);
        else
            ck_assert_msg(strstr(e.text, "dataset.yaml"), "%s", e.text);
    }
}
END_TEST

int main(void)
{
    putenv("XDG_RUNTIME_DIR=/run/user/1");
    Suite *suite = suite_create("dataset_file");
    TCase *tc = tcase_create("dataset_file");
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, dataset_file__path_alone__all_of_it);
    tcase_add_test(tc, dataset_file__entry_says_otherwise__the_entry);
    tcase_add_loop_test(tc, dataset_file__one_fault__exact_line_and_words, 0,
                        sizeof faults / sizeof faults[0]);
    tcase_add_test(tc, dataset_file__more_splits_than_both_may_have__refused);
    tcase_add_test(tc, dataset_file__no_regular_file__refused);
    tcase_add_test(tc, dataset_file__every_truncation__no_leak);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
