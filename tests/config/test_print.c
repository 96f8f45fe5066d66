/* SPDX-License-Identifier: MIT */
/* A config printed reads as the same config, and says where each value comes from. */
#include "config/print.h"

#include "base/log.h"
#include "config/memory.h"
#include "support/support.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DATASETS "datasets:\n  - {name: mnist, path: /d}\n"

static struct err e;

static void load(struct config *c, const char *text)
{
    const char *path = support_path("c.yaml");
    support_write(path, text, strlen(text));
    ck_assert_msg(config_load(c, path, &e) == 0, "%s\n%s", e.text, text);
}

/* malloc'd. */
static char *print(const struct config *c)
{
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    ck_assert_ptr_nonnull(out);
    ck_assert_int_eq(config_print(c, c->workers ? c->workers : 3, out, &e), 0);
    fclose(out);
    return text;
}

/* Comments are what differs: all values are the file's the second time. No text in use here has a
 * "#". */
static void strip_comments(char *text)
{
    char *to = text;
    for (const char *at = text; *at; at++) {
        if (*at == '#')
            at += strcspn(at, "\n");
        if (*at == '\n')
            while (to > text && to[-1] == ' ')
                to--;
        *to++ = *at;
    }
    *to = 0;
}

static void check_line(const char *text, const char *line)
{
    ck_assert_msg(strstr(text, line), "no \"%s\" in:\n%s", line, text);
}

static const char *const texts[] = {
    DATASETS,
    "socket: /tmp/s\nsocket_mode: 0660\nsocket_group: 4711\ncache: none\nworkers: 256\n"
    "ring: 64KiB\nsample_store: 0\nio_uring: off\nlog_level: debug\n"
    "ledger: {path: /tmp/l, max_bytes: 1MiB, files: 64}\n"
    "limits: {clients: 7, clients_per_user: 5, ring_bytes: 70000, ring_bytes_per_user: 1TiB,\n"
    "  list_bytes: 12345, image_us: 60000000, handshake_ms: 100}\n"
    "datasets:\n  - name: mine\n    path: /data/mine\n    splits:\n"
    "      train: {images: sub/a, labels: b.gz}\n      test: {images: ./~c, labels: \"no\"}\n"
    "      dev: {from: train, fraction: 0.1, seed: 1, classes: [3, 7]}\n"
    "    classes: [cat, \"dog, big\", 3, \"null\", ~x]\n    transpose: true\n"
    "    multi_label: true\n  - {name: kmnist, path: /k, transpose: false}\n",
    /* what a text may hold */
    "cache: \"/\\x01\\n\\t\\\"\\\\'\\x7f\\x85\\u2028\\ufeff\\U0001f600\xc3\xa9 :{}[]&*!|>%@`\"\n"
    "ledger: {path: rel/l}\n"
    "datasets:\n  - {name: \"\xe2\x82\xac '\\\"\", path: \"yes\", splits: {test: {images: \"- a\", "
    "labels: \": b\"}}}\n",
};

/* A value that is left out, or that reads as another. */
START_TEST(config_print__any_config__read_and_printed_again_the_same)
{
    struct config c, again;
    load(&c, texts[_i]);
    char *first = print(&c);
    load(&again, first);
    char *second = print(&again);
    strip_comments(first);
    strip_comments(second);
    ck_assert_str_eq(first, second);
    ck_assert_str_eq(c.socket, again.socket);
    ck_assert(c.cache ? !strcmp(c.cache, again.cache) : !again.cache);
    ck_assert(c.ledger.path ? !strcmp(c.ledger.path, again.ledger.path) : !again.ledger.path);
    ck_assert_mem_eq(&c.limits, &again.limits, sizeof c.limits);
    ck_assert_uint_eq(c.dataset_count, again.dataset_count);
    ck_assert_str_eq(c.datasets[0].name, again.datasets[0].name);
    ck_assert_uint_eq(c.datasets[0].class_count, again.datasets[0].class_count);
    ck_assert_int_eq(c.datasets[0].multi_label, again.datasets[0].multi_label);
    free(first);
    free(second);
    config_free(&c);
    config_free(&again);
}
END_TEST

START_TEST(config_print__file_command_line_and_defaults__each_named)
{
    struct config c;
    load(&c, "limits:\n  clients: 9\nworkers: 4\n\nlog_level: info\n" DATASETS);
    ck_assert_int_eq(config_set_socket(&c, "/s", &e), 0);
    char *text = print(&c);
    check_line(text, "socket: \"/s\"                        # the command line\n");
    check_line(text, "  clients: 9                        # line 2\n");
    check_line(text, "  clients_per_user: 9               # default, as limits.clients\n");
    check_line(text, "  image_us: 20000                   # default\n");
    check_line(text, "workers: 4                          # line 3\n");
    check_line(text, "log_level: info                     # line 5\n");
    check_line(text, "    path: \"/d\"                      # line 7\n");
    free(text);
    config_free(&c);
}
END_TEST

/* The words of the file, of the print and of the log are the same. */
START_TEST(config_print__each_log_level__its_word)
{
    static const char *const words[] = {"error", "warning", "info", "debug"};
    for (int i = 0; i < 4; i++) {
        char lines[128];
        struct config c;
        snprintf(lines, sizeof lines, "log_level: %s\n" DATASETS, words[i]);
        load(&c, lines);
        char *text = print(&c);
        ck_assert_str_eq(log_level_name(c.log_level), words[i]);
        snprintf(lines, sizeof lines, "\nlog_level: %s ", words[i]);
        check_line(text, lines);
        free(text);
        config_free(&c);
    }
}
END_TEST

/* As under a cgroup's limit; a ring's default follows the one of a user. */
START_TEST(config_print__little_memory_and_limits_that_follow__said)
{
    struct config c;
    load(&c, DATASETS);
    config_memory_defaults(&c, (struct host_memory){.bytes = 400 << 20, .of = "its cgroup"});
    c.limits.ring_bytes = 1 << 20;
    char *text = print(&c);
    check_line(text, "# default, the CPUs that it may use\n");
    check_line(text, "  list_bytes: ");
    check_line(strstr(text, "list_bytes: "), "# default, by the memory limit of its cgroup\n");
    check_line(text,
               "  ring_bytes: 1MiB                  # default, as limits.ring_bytes_per_user");
    free(text);
    config_free(&c);
}
END_TEST

/* A folder's name is bytes, a config is UTF-8. */
START_TEST(config_print__path_that_is_no_utf8__refused)
{
    static char *const paths[] = {"/\xff", "/\xc3", "/\xc0\xaf", "/\xed\xa0\x80",
                                  "/\xf4\x90\x80\x80"};
    static const char *const keys[] = {"socket", "cache", "ledger.path", "datasets[].path"};
    struct config c;
    load(&c, "ledger: {path: /l}\n" DATASETS);
    for (int k = 0; k < 4; k++) {
        const char **place = k == 3   ? &c.datasets[0].path
                             : k == 2 ? (const char **)&c.ledger.path
                             : k == 1 ? (const char **)&c.cache
                                      : (const char **)&c.socket;
        const char *own = *place;
        char *text, want[64];
        size_t size;
        FILE *out = open_memstream(&text, &size);
        *place = paths[_i];
        ck_assert_int_eq(config_print(&c, 1, out, &e), -EILSEQ);
        fclose(out);
        snprintf(want, sizeof want, "%s is \"%s\", which is no UTF-8", keys[k], paths[_i]);
        ck_assert_msg(strstr(e.text, want), "%s, want %s", e.text, want);
        ck_assert_msg(size == 0, "printed before it was refused: %s", text);
        free(text);
        *place = own;
    }
    config_free(&c);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("config/print");
    TCase *tc = tcase_create("print");
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_add_loop_test(tc, config_print__any_config__read_and_printed_again_the_same, 0,
                        sizeof texts / sizeof *texts);
    tcase_add_test(tc, config_print__file_command_line_and_defaults__each_named);
    tcase_add_test(tc, config_print__each_log_level__its_word);
    tcase_add_test(tc, config_print__little_memory_and_limits_that_follow__said);
    tcase_add_loop_test(tc, config_print__path_that_is_no_utf8__refused, 0, 5);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
