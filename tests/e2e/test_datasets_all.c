/* SPDX-License-Identifier: MIT */
/* fmnistctl datasets --all: each place that a framework keeps data in, in a home of the test's own.
 */
#include "e2e/harness.h"
#include "e2e/program.h"

#include <stdarg.h>
#include <sys/stat.h>

static char home[128], program[512];

/* A file below the test's folder, with the folders that lead there. */
static void put(const char *path, const char *text)
{
    char whole[512];
    snprintf(whole, sizeof whole, "%s/%s", home, path);
    for (char *slash = whole + strlen(home) + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = 0;
        mkdir(whole, 0700);
        *slash = '/';
    }
    support_write(whole, text, strlen(text));
}

static void put_idx(const char *folder)
{
    static const char *const names[] = {"train-images-idx3-ubyte", "train-labels-idx1-ubyte",
                                        "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"};
    static const uint8_t bytes[2 * 3 * 3];
    char path[512];
    for (int i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        put(path, "");
        snprintf(path, sizeof path, "%s/%s/%s", home, folder, names[i]);
        write_idx(path, i % 2 ? 1 : 3, (uint32_t[]){2, 3, 3}, bytes);
    }
}

static void setup(void)
{
    support_setup();
    snprintf(home, sizeof home, "%s/home", support_dir());
    ck_assert_int_eq(mkdir(home, 0700), 0);
    ck_assert_ptr_nonnull(realpath(ctl_path(), program));
    put("job/here", "");
}

/* In ~/job, with these variables, without a daemon. */
static json_t *look(const char *variables)
{
    char words[2048];
    snprintf(words, sizeof words,
             "env -i -C %s/job HOME=%s %s %s --json --socket %s/none datasets --all", home, home,
             variables, program, home);
    run_words(&said, words);
    json_t *all = said_json(0);
    ck_assert(json_is_false(json_object_get(all, "daemon")));
    ck_assert_uint_eq(json_array_size(json_object_get(all, "served")), 0);
    return all;
}

static const char *text(const json_t *object, const char *key)
{
    const char *t = json_string_value(json_object_get(object, key));
    ck_assert_msg(t, "%s: %s", key, said.text);
    return t;
}

/* One of that name and path (below home), with that line; "%%" in it is the home. */
static void check_one(const json_t *all, const char *name, const char *kind, const char *path,
                      const char *line)
{
    char want_path[512], want[1024] = "";
    snprintf(want_path, sizeof want_path, "%s/%s", home, path);
    for (const char *at = line; *at; at++) {
        size_t n = strlen(want);
        if (*at == '@')
            snprintf(want + n, sizeof want - n, "%s", home);
        else
            snprintf(want + n, sizeof want - n, "%c", *at);
    }
    const json_t *found = json_object_get(all, "found"), *f;
    size_t i, seen = 0;
    json_array_foreach (found, i, f)
        if (!strcmp(text(f, "name"), name) && !strcmp(text(f, "path"), want_path)) {
            ck_assert_str_eq(text(f, "kind"), kind);
            ck_assert_str_eq(text(f, "line"), want);
            seen++;
        }
    ck_assert_msg(seen == 1, "%s in %s: %zu times: %s", name, want_path, seen, said.text);
}

START_TEST(datasets_all__default_folders__each_with_its_line)
{
    put_idx("job/data/FashionMNIST/raw");
    put_idx("data/MNIST/raw");
    put_idx(".local/share/fmnistd/datasets/kmnist");
    put_idx(".mxnet/datasets/mnist");
    put("data/cifar-10-python.tar.gz", "x");
    put("data/cifar-100-python/train", "x");
    put("data/cifar-100-python.tar.gz", "x"); /* the folder is the same, unpacked */
    put("data/train_32x32.mat", "x");
    put("data/test_32x32.mat", "x");
    put(".pytorch/usps.bz2", "x"); /* half of it */
    put(".keras/datasets/mnist.npz", "x");
    put(".medmnist/pathmnist_128.npz", "x");
    put(".medmnist/organmnist3d.npz", "x");
    put("tensorflow_datasets/cifar10/3.0.2/features.json", "x");
    put(".cache/huggingface/hub/datasets--ylecun--mnist/refs/main", "x");
    json_t *all = look("");
    check_one(all, "fashion-mnist", "idx", "job/data/FashionMNIST/raw",
              "- {name: fashion-mnist, path: @/job/data/FashionMNIST/raw}");
    check_one(all, "mnist", "idx", "data/MNIST/raw", "- {name: mnist, path: @/data/MNIST/raw}");
    check_one(all, "kmnist", "idx", ".local/share/fmnistd/datasets/kmnist",
              "- {name: kmnist, path: @/.local/share/fmnistd/datasets/kmnist}");
    check_one(all, "mnist", "idx", ".mxnet/datasets/mnist",
              "- {name: mnist, path: @/.mxnet/datasets/mnist}");
    check_one(all, "cifar-10", "foreign", "data/cifar-10-python.tar.gz",
              "fmnistctl import @/data/cifar-10-python.tar.gz --name cifar-10");
    check_one(all, "cifar-100", "foreign", "data/cifar-100-python",
              "fmnistctl import @/data/cifar-100-python --name cifar-100");
    check_one(all, "svhn", "foreign", "data/train_32x32.mat",
              "fmnistctl import @/data/train_32x32.mat @/data/test_32x32.mat --name svhn");
    check_one(all, "mnist", "foreign", ".keras/datasets/mnist.npz",
              "fmnistctl import @/.keras/datasets/mnist.npz --name mnist");
    check_one(all, "pathmnist_128", "foreign", ".medmnist/pathmnist_128.npz",
              "fmnistctl import @/.medmnist/pathmnist_128.npz --name pathmnist_128");
    check_one(all, "cifar-10", "python", "tensorflow_datasets/cifar10/3.0.2",
              "fmnist.import_dataset({s: tfds.load(\"cifar10\", split=s) for s in (\"train\", "
              "\"test\")}, name=\"cifar-10\")");
    check_one(all, "mnist", "python", ".cache/huggingface/hub/datasets--ylecun--mnist",
              "fmnist.import_dataset(datasets.load_dataset(\"ylecun/mnist\"), name=\"mnist\")");
    size_t debian =
        access("/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz", F_OK) == 0;
    ck_assert_uint_eq(json_array_size(json_object_get(all, "found")), 11 + debian);
    json_decref(all);
}
END_TEST

/* The frameworks' variables take the place of their defaults, and a path that a shell or YAML would
 * take apart is quoted. */
START_TEST(datasets_all__variables_and_odd_names__quoted_lines)
{
    put_idx("o'dd: #1/MNIST/raw");
    put("o'dd: #1/cifar-10-binary.tar.gz", "x");
    put("kh/datasets/mnist.npz", "x");
    put(".keras/datasets/mnist.npz", "x");
    put("hub/datasets--uoft-cs--cifar10/x", "x");
    put("share/fmnistd/datasets/mine/dataset.yaml", "x");
    char variables[1024];
    snprintf(variables, sizeof variables,
             "FMNIST_DATA=\"%s/o'dd: #1\" KERAS_HOME=%s/kh HF_HOME=%s XDG_DATA_HOME=%s/share", home,
             home, home, home);
    json_t *all = look(variables);
    check_one(all, "mnist", "idx", "o'dd: #1/MNIST/raw",
              "- {name: mnist, path: \"@/o'dd: #1/MNIST/raw\"}");
    check_one(all, "cifar-10", "foreign", "o'dd: #1/cifar-10-binary.tar.gz",
              "fmnistctl import '@/o'\\''dd: #1/cifar-10-binary.tar.gz' --name cifar-10");
    check_one(all, "mnist", "foreign", "kh/datasets/mnist.npz",
              "fmnistctl import @/kh/datasets/mnist.npz --name mnist");
    check_one(all, "mine", "idx", "share/fmnistd/datasets/mine",
              "- {path: @/share/fmnistd/datasets/mine}");
    check_one(all, "cifar-10", "python", "hub/datasets--uoft-cs--cifar10",
              "fmnist.import_dataset(datasets.load_dataset(\"uoft-cs/cifar10\"), "
              "name=\"cifar-10\")");
    json_decref(all);
}
END_TEST

/* The entry is one that a daemon starts with, as it stands there. */
START_TEST(datasets_all__an_entry__is_served)
{
    struct daemon d;
    put_idx("data/KMNIST/raw");
    json_t *all = look("");
    const json_t *f = json_array_get(json_object_get(all, "found"), 0);
    daemon_start(&d, "cache: none\ndatasets:\n  %s\n", text(f, "line"));
    run_ctl(&said, "--socket %s datasets --all", d.socket);
    check_said(0, "kmnist           train          2 images of 3x3x1");
    daemon_stop(&d);
    json_decref(all);
}
END_TEST

/* What is there and wrong is told, and not offered. */
START_TEST(datasets_all__half_a_download__broken)
{
    put_idx("data/MNIST/raw");
    put("data/MNIST/raw/t10k-labels-idx1-ubyte", "<!DOCTYPE html>");
    json_t *all = look("");
    const json_t *f = json_array_get(json_object_get(all, "found"), 0);
    ck_assert_str_eq(text(f, "kind"), "broken");
    ck_assert_msg(strstr(text(f, "line"), "t10k-labels-idx1-ubyte"), "%s", said.text);
    json_decref(all);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("e2e/datasets_all");
    TCase *tc = tcase_create("datasets_all");
    tcase_add_checked_fixture(tc, setup, support_teardown);
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, datasets_all__default_folders__each_with_its_line);
    tcase_add_test(tc, datasets_all__variables_and_odd_names__quoted_lines);
    tcase_add_test(tc, datasets_all__an_entry__is_served);
    tcase_add_test(tc, datasets_all__half_a_download__broken);
    suite_add_tcase(s, tc);
    return support_run(s);
}
