/* SPDX-License-Identifier: MIT */
/* tests of config/config: what a config may say. */
#include "config/load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- whole files */

/* A key that is read into the wrong field, or not at all. */
START_TEST(config_load__every_key__every_field)
{
    static const char text[] = "%YAML 1.1\n---\n"
                               "socket: /tmp/s\n"
                               "socket_mode: 0660\n"
                               "socket_group: 4294967294\n"
                               "cache: /tmp/c\n"
                               "workers: 256\n"
                               "ring: 64KiB\n"
                               "sample_store: 3 MiB\n"
                               "io_uring: off\n"
                               "log_level: debug\n"
                               "ledger: {path: /tmp/l, max_bytes: 1MiB, files: 64}\n"
                               "limits:\n"
                               "  clients: 7\n"
                               "  clients_per_user: 5\n"
                               "  ring_bytes: 70000\n"
                               "  ring_bytes_per_user: 1TiB\n"
                               "  list_bytes: 12345\n"
                               "  image_us: 60000000\n"
                               "  handshake_ms: 100\n"
                               "datasets:\n"
                               "  - name: mine\n"
                               "    path: /data/mine\n"
                               "    splits:\n"
                               "      train: {images: sub/a, labels: b.gz}\n"
                               "      dev: {images: e, labels: ../f}\n"
                               "      test: {images: c, labels: d}\n"
                               "      \"held out\": {images: g, labels: h}\n"
                               "    classes: [cat, \"dog, big\", 3]\n"
                               "    transpose: true\n"
                               "    multi_label: true\n"
                               "  - {name: kmnist, path: /k, transpose: false}\n";
    struct config c;
    ck_assert_msg(load_text(&c, text) == 0, "%s", e.text);
    ck_assert_str_eq(c.socket, "/tmp/s");
    ck_assert_uint_eq(c.socket_mode, 0660);
    ck_assert_uint_eq(c.socket_gid, 4294967294u);
    ck_assert_str_eq(c.socket_group, "4294967294");
    ck_assert_str_eq(c.cache, "/tmp/c");
    ck_assert_uint_eq(c.workers, 256);
    ck_assert_uint_eq(c.ring_bytes, 65536);
    ck_assert_uint_eq(c.sample_cache_bytes, 3 << 20);
    ck_assert_int_eq(c.io_uring, 0);
    ck_assert_int_eq(c.log_level, LOG_LEVEL_DEBUG);
    ck_assert_str_eq(c.ledger.path, "/tmp/l");
    ck_assert_uint_eq(c.ledger.max_bytes, 1 << 20);
    ck_assert_uint_eq(c.ledger.files, 64);
    ck_assert_uint_eq(c.limits.clients, 7);
    ck_assert_uint_eq(c.limits.clients_per_user, 5);
    ck_assert_uint_eq(c.limits.ring_bytes, 70000);
    ck_assert_uint_eq(c.limits.ring_bytes_per_user, UINT64_C(1) << 40);
    ck_assert_uint_eq(c.limits.list_bytes, 12345);
    ck_assert_uint_eq(c.limits.image_us, 60000000);
    ck_assert_uint_eq(c.limits.handshake_ms, 100);
    ck_assert_uint_eq(c.dataset_count, 2);
    const struct dataset_source *d = c.datasets;
    ck_assert_str_eq(d[0].name, "mine");
    ck_assert_str_eq(d[0].path, "/data/mine");
    ck_assert_str_eq(d[0].splits[DATASET_TRAIN].images, "sub/a");
    ck_assert_str_eq(d[0].splits[DATASET_TRAIN].labels, "b.gz");
    ck_assert_str_eq(d[0].splits[DATASET_TEST].images, "c");
    ck_assert_str_eq(d[0].splits[DATASET_TEST].labels, "d");
    ck_assert_str_eq(d[0].splits[DATASET_OTHERS].name, "dev");
    ck_assert_str_eq(d[0].splits[DATASET_OTHERS].labels, "../f");
    ck_assert_str_eq(d[0].splits[DATASET_OTHERS + 1].name, "held out");
    ck_assert_ptr_null(d[0].splits[DATASET_OTHERS + 2].name);
    ck_assert_uint_eq(d[0].class_count, 3);
    ck_assert_str_eq(d[0].classes[0], "cat");
    ck_assert_str_eq(d[0].classes[1], "dog, big");
    ck_assert_str_eq(d[0].classes[2], "3");
    ck_assert_int_eq(d[0].transpose, 1);
    ck_assert_int_eq(d[0].multi_label, 1);
    ck_assert_str_eq(d[1].name, "kmnist");
    ck_assert_ptr_null(d[1].splits[DATASET_TRAIN].images);
    ck_assert_ptr_null(d[1].classes);
    ck_assert_int_eq(d[1].transpose, 0);
    ck_assert_int_eq(d[1].multi_label, -1);
    config_free(&c);
    check_empty(&c);
}
END_TEST

/* Each way of cutting is the text that a client would select with; what is cut from a cut is cut
 * from the files. */
START_TEST(config_load__splits_cut_from_others__as_texts)
{
    static const struct {
        const char *of, *from, *cut;
    } cuts[] = {
        {"{from: train}", "train", ""},
        {"{from: train, first: 10}", "train", "slice(:10)"},
        {"{from: train, last: 10}", "train", "slice(-10:)"},
        {"{from: train, fraction: 0.10, seed: 7}", "train", "held-out(0.10, seed=7)"},
        {"{from: train, fraction: 0.5, seed: 0, stratified: true, classes: [3, 7], renumber: true, "
         "label_map: [1, 0], select: training(1/3)}",
         "train",
         "held-out(0.5, seed=0, stratified) classes(3, 7, renumber) labels(1, 0) training(1/3)"},
        {"{from: train, without: b}\n      b: {from: train, first: 5}", "train", "slice(5:)"},
        {"{from: train, without: b}\n      b: {from: train, last: 5}", "train", "slice(:-5)"},
        {"{from: train, without: b, classes: [1]}\n      b: {from: train, fraction: 0.1, seed: 1}",
         "train", "training(0.1, seed=1) classes(1)"},
        {"{from: b, first: 3}\n      b: {from: c, last: 5}\n      c: {from: train, first: 9}",
         "train", "slice(:9) slice(-5:) slice(:3)"},
        {"{from: train, without: b}\n      b: {from: train, select: held-out(3/10)}", "train",
         "training(3/10)"},
    };
    for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
        char text[1024];
        struct config c;
        snprintf(text, sizeof text, ENTRY CUT("%s"), cuts[i].of);
        ck_assert_msg(load_text(&c, text) == 0, "%s", e.text);
        ck_assert_str_eq(c.datasets[0].splits[DATASET_OTHERS].name, "dev");
        ck_assert_str_eq(c.datasets[0].splits[DATASET_OTHERS].from, cuts[i].from);
        ck_assert_str_eq(c.datasets[0].splits[DATASET_OTHERS].cut, cuts[i].cut);
        ck_assert_ptr_null(c.datasets[0].splits[DATASET_OTHERS].images);
        config_free(&c);
    }
    /* Of a set that is known by name. */
    struct config c;
    ck_assert_msg(load_text(&c,
                            "datasets:\n  - {name: mnist, path: /d, splits: {dev: {from: train, "
                            "last: 5}}}\n") == 0,
                  "%s", e.text);
    ck_assert_str_eq(c.datasets[0].splits[DATASET_OTHERS].cut, "slice(-5:)");
    config_free(&c);
}
END_TEST

/* A default that differs from the one that the documents state. */
START_TEST(config_load__only_datasets__the_documented_defaults)
{
    struct config c;
    char *socket = config_default_socket(), *cache = config_default_cache();
    ck_assert_msg(load_text(&c, DATASETS) == 0, "%s", e.text);
    check_defaults(&c);
    ck_assert_ptr_null(c.ledger.path);
    ck_assert_str_eq(c.socket, socket);
    ck_assert_str_eq(c.cache, cache);
    ck_assert_uint_eq(c.dataset_count, 1);
    ck_assert_int_eq(c.datasets[0].transpose, -1);
    config_free(&c);
    free(socket);
    free(cache);
}
END_TEST

/* "none" taken for a folder of that name. */
START_TEST(config_load__cache_none__no_folder)
{
    struct config c;
    ck_assert_msg(load_text(&c, DATASETS "cache: none\n") == 0, "%s", e.text);
    ck_assert_ptr_null(c.cache);
    config_free(&c);
}
END_TEST

/* A group that is named and not let in; a number that a name stands for. */
START_TEST(config_load__socket_group__by_name_and_let_in)
{
    struct config c;
    ck_assert_msg(load_text(&c, DATASETS "socket_group: root\n") == 0, "%s", e.text);
    ck_assert_uint_eq(c.socket_gid, 0);
    ck_assert_uint_eq(c.socket_mode, 0660);
    config_free(&c);
    ck_assert_msg(load_text(&c, DATASETS "socket_group: none\nsocket_mode: 0660\n") == 0, "%s",
                  e.text);
    ck_assert_uint_eq(c.socket_gid, CONFIG_OWN_GROUP);
    ck_assert_uint_eq(c.socket_mode, 0660);
    config_free(&c);
}
END_TEST

/* One limit given alone must not contradict the other's default. */
START_TEST(config_load__one_limit_alone__defaults_follow)
{
    struct config c;
    ck_assert_msg(load_text(&c, DATASETS "limits: {clients: 10, ring_bytes: 8GiB}\n") == 0, "%s",
                  e.text);
    ck_assert_uint_eq(c.limits.clients_per_user, 10);
    ck_assert_uint_eq(c.limits.ring_bytes_per_user, UINT64_C(8) << 30);
    config_free(&c);
    ck_assert_msg(load_text(&c, DATASETS "limits: {ring_bytes_per_user: 1MiB}\n") == 0, "%s",
                  e.text);
    ck_assert_uint_eq(c.limits.ring_bytes, 1 << 20);
    config_free(&c);
}
END_TEST

/* Paths relative to where the daemon was started, instead of to the file. */
START_TEST(config_load__relative_paths__relative_to_the_file)
{
    struct config c;
    ck_assert_msg(load_text(&c, "socket: ./s\ncache: ../c\n"
                                "datasets: [{name: mnist, path: ./~d/e}]\n") == 0,
                  "%s", e.text);
    ck_assert_str_eq(c.socket, support_path("s"));
    ck_assert_str_eq(c.cache, support_path("../c"));
    ck_assert_str_eq(c.datasets[0].path, support_path("~d/e"));
    config_free(&c);
}
END_TEST

/* The same, with the file itself named relative to the current folder. */
START_TEST(config_load__file_named_relatively__paths_absolute)
{
    struct config c;
    char expected[600];
    char *before = getcwd(NULL, 0);
    ck_assert_ptr_nonnull(before);
    ck_assert_int_eq(mkdir(support_path("sub"), 0700), 0);
    support_write(support_path("sub/c.yaml"), "socket: s\n" DATASETS,
                  strlen("socket: s\n" DATASETS));
    static const char *const names[][2] = {
        {"", "sub/c.yaml"}, {"", "./sub/c.yaml"}, {"sub", "c.yaml"}};
    for (size_t i = 0; i < 3; i++) {
        ck_assert_int_eq(chdir(support_path("%s", names[i][0])), 0);
        ck_assert_msg(config_load(&c, names[i][1], &e) == 0, "%s", e.text);
        snprintf(expected, sizeof expected, "%s/sub/s", support_dir());
        ck_assert_str_eq(c.socket, expected);
        config_free(&c);
    }
    ck_assert_int_eq(chdir(before), 0);
    free(before);
}
END_TEST

/* A name of 63 bytes fits struct dataset's 64, and a socket of 103 bytes, with ".new", sun_path. */
START_TEST(config_load__longest_name_and_socket__accepted)
{
    struct config c;
    static const char text[] = "socket: /" A50 A50 "aa\ncache: none\ndatasets:\n"
                               "  - name: " A50 A10 "aaa\n    path: /d\n" TRAIN;
    ck_assert_msg(load_text(&c, text) == 0, "%s", e.text);
    ck_assert_uint_eq(strlen(c.socket), 103);
    ck_assert_uint_eq(strlen(c.datasets[0].name), 63);
    config_free(&c);
}
END_TEST

/* Windows line ends and a byte order mark are no reason to refuse a file. */
START_TEST(config_load__bom_and_crlf__accepted)
{
    struct config c;
    ck_assert_msg(
        load_text(&c, "\xef\xbb\xbfworkers: 3\r\ndatasets: [{name: mnist, path: /d}]\r\n") == 0,
        "%s", e.text);
    ck_assert_uint_eq(c.workers, 3);
    config_free(&c);
}
END_TEST

/* ---- files that are none */

START_TEST(config_load__missing_file__enoent)
{
    struct config c;
    ck_assert_int_eq(config_load(&c, support_path("none.yaml"), &e), -ENOENT);
    ck_assert_ptr_nonnull(strstr(e.text, "none.yaml: No such file"));
    check_empty(&c);
}
END_TEST

START_TEST(config_load__folder__refused)
{
    struct config c;
    ck_assert_int_eq(config_load(&c, support_dir(), &e), -EINVAL);
    ck_assert_ptr_nonnull(strstr(e.text, ":1: a folder; allowed: a YAML file"));
    check_empty(&c);
}
END_TEST

/* root reads everything, so there is nothing to see for it. */
START_TEST(config_load__unreadable_file__eacces)
{
    struct config c;
    if (geteuid() == 0)
        return;
    support_write(support_path("c.yaml"), DATASETS, strlen(DATASETS));
    ck_assert_int_eq(chmod(support_path("c.yaml"), 0), 0);
    ck_assert_int_eq(config_load(&c, support_path("c.yaml"), &e), -EACCES);
}
END_TEST

START_TEST(config_load__more_than_1_mib__refused)
{
    struct config c;
    support_write(support_path("c.yaml"), "", 0);
    ck_assert_int_eq(truncate(support_path("c.yaml"), (1 << 20) + 1), 0);
    ck_assert_int_eq(config_load(&c, support_path("c.yaml"), &e), -EINVAL);
    ck_assert_ptr_nonnull(
        strstr(e.text, "c.yaml:1: a file of more than 1MiB; allowed: up to 1MiB"));
}
END_TEST

/* Nothing is waited for that may never come, or never end. */
START_TEST(config_load__pipe_or_device__refused_at_once)
{
    struct config c;
    ck_assert_int_eq(mkfifo(support_path("c.yaml"), 0600), 0);
    ck_assert_int_eq(config_load(&c, support_path("c.yaml"), &e), -EINVAL);
    ck_assert_ptr_nonnull(strstr(e.text, "c.yaml:1: a pipe; allowed: a YAML file"));
    ck_assert_int_eq(config_load(&c, "/dev/zero", &e), -EINVAL);
    ck_assert_str_eq(e.text, "/dev/zero:1: a device or socket; allowed: a YAML file");
}
END_TEST

/* Large files that are near the limit: one that is all keys, one that is all nesting, one long
 * word, and one of NUL bytes. Each must end soon, with one line. */
START_TEST(config_load__large_files__refused_soon)
{
    static const char *const parts[] = {"workers: 1\n", "a: \n", "[",  "- ",
                                        "{a: ",         "x",     "\"", "&a "};
    size_t size = (1 << 20) - 16;
    char *text = malloc(size);
    struct config c;
    ck_assert_ptr_nonnull(text);
    for (size_t k = 0; k <= sizeof parts / sizeof parts[0]; k++) {
        memset(text, 0, size);
        for (size_t i = 0; k < sizeof parts / sizeof parts[0] && i < size; i++)
            text[i] = parts[k][i % strlen(parts[k])];
        ck_assert_int_eq(load_bytes(&c, text, size), -EINVAL);
        ck_assert_ptr_null(strchr(e.text, '\n'));
        check_empty(&c);
    }
    free(text);
}
END_TEST

/* Every beginning of a good file is good or refused, and gives everything back. */
START_TEST(config_load__every_truncation__no_leak)
{
    static const char text[] =
        "socket: /s\nlimits: {clients: 3}\n" ENTRY TRAIN "    classes: [a, \"b\"]\nworkers: 1\n";
    struct config c;
    for (size_t n = 0; n < sizeof text; n++) {
        int rc = load_bytes(&c, text, n);
        ck_assert_msg(rc == 0 || rc == -EINVAL, "%zu bytes: %d %s", n, rc, e.text);
        config_free(&c);
    }
}
END_TEST

/* A caller that does not want the text. */
START_TEST(config_load__no_err__only_the_code)
{
    struct config c;
    support_write(support_path("c.yaml"), "a: 1\n", 5);
    ck_assert_int_eq(config_load(&c, support_path("c.yaml"), NULL), -EINVAL);
}
END_TEST

START_TEST(config_free__zeroed_struct__nothing)
{
    struct config c = {0};
    config_free(&c);
}
END_TEST

/* ---- defaults of the two paths */

/* Changes a variable that main has set: without an allocation that a leak check would count. */
static void set_variable(const char *text)
{
    ck_assert_int_eq(putenv((char *)text), 0);
}

/* Variables that are empty or relative count as not set. */
START_TEST(config_default_socket__runtime_dir__used_when_absolute)
{
    static const char *const values[][2] = {
        {"XDG_RUNTIME_DIR=/run/user/7", "/run/user/7/fmnistd/fmnistd.sock"},
        {"XDG_RUNTIME_DIR=", "/run/fmnistd/fmnistd.sock"},
        {"XDG_RUNTIME_DIR=run", "/run/fmnistd/fmnistd.sock"},
    };
    for (size_t i = 0; i < 3; i++) {
        set_variable(values[i][0]);
        char *path = config_default_socket();
        ck_assert_str_eq(path, values[i][1]);
        free(path);
    }
    unsetenv("XDG_RUNTIME_DIR");
    char *path = config_default_socket();
    ck_assert_str_eq(path, "/run/fmnistd/fmnistd.sock");
    free(path);
}
END_TEST

/* A daemon of root must not write where some user's variables point. */
START_TEST(config_default_cache__user_and_root__own_folders)
{
    set_variable("XDG_CACHE_HOME=/x");
    set_variable("HOME=/h");
    char *path = config_default_cache();
    ck_assert_str_eq(path, geteuid() == 0 ? "/var/cache/fmnistd" : "/x/fmnistd");
    free(path);
    unsetenv("XDG_CACHE_HOME");
    path = config_default_cache();
    ck_assert_str_eq(path, geteuid() == 0 ? "/var/cache/fmnistd" : "/h/.cache/fmnistd");
    free(path);
}
END_TEST

/* A default socket that does not fit is the environment's fault, and is said as such. */
START_TEST(config_load__default_socket_too_long__said)
{
    struct config c;
    set_variable("XDG_RUNTIME_DIR=/" A50 A50);
    ck_assert_int_eq(load_text(&c, DATASETS), -EINVAL);
    check_text(1, "socket, by default, is 122 bytes long");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("config");
    TCase *tc = config_case("config");
    tcase_add_test(tc, config_load__every_key__every_field);
    tcase_add_test(tc, config_load__splits_cut_from_others__as_texts);
    tcase_add_test(tc, config_load__only_datasets__the_documented_defaults);
    tcase_add_test(tc, config_load__cache_none__no_folder);
    tcase_add_test(tc, config_load__socket_group__by_name_and_let_in);
    tcase_add_test(tc, config_load__one_limit_alone__defaults_follow);
    tcase_add_test(tc, config_load__relative_paths__relative_to_the_file);
    tcase_add_test(tc, config_load__file_named_relatively__paths_absolute);
    tcase_add_test(tc, config_load__longest_name_and_socket__accepted);
    tcase_add_test(tc, config_load__bom_and_crlf__accepted);
    tcase_add_test(tc, config_load__missing_file__enoent);
    tcase_add_test(tc, config_load__folder__refused);
    tcase_add_test(tc, config_load__unreadable_file__eacces);
    tcase_add_test(tc, config_load__more_than_1_mib__refused);
    tcase_add_test(tc, config_load__pipe_or_device__refused_at_once);
    tcase_add_test(tc, config_load__large_files__refused_soon);
    tcase_add_test(tc, config_load__every_truncation__no_leak);
    tcase_add_test(tc, config_load__no_err__only_the_code);
    tcase_add_test(tc, config_free__zeroed_struct__nothing);
    tcase_add_test(tc, config_default_socket__runtime_dir__used_when_absolute);
    tcase_add_test(tc, config_default_cache__user_and_root__own_folders);
    tcase_add_test(tc, config_load__default_socket_too_long__said);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
