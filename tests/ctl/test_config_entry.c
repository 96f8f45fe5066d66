/* SPDX-License-Identifier: MIT */
/* One more entry in configs as people write them: what was there stays, byte by byte. */
#include "ctl/config_entry.h"
#include "support/support.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void check_insert(const char *config, const char *want)
{
    struct err e;
    char *out;
    ck_assert_msg(config_entry_insert(config, "cifar-10", "/d/c", &out, &e) == 0, "%s", e.text);
    ck_assert_str_eq(out, want);
    free(out);
}

START_TEST(config_entry__as_people_write__behind_the_last_entry)
{
    check_insert(
        "workers: 1\ndatasets:\n  - name: a # mine\n    path: /a\n\n# the end\ncache: none\n",
        "workers: 1\ndatasets:\n  - name: a # mine\n    path: /a\n"
        "  - name: cifar-10\n    path: /d/c\n\n# the end\ncache: none\n");
    check_insert("datasets:\n- {name: a, path: /a}\nworkers: 1",
                 "datasets:\n- {name: a, path: /a}\n- name: cifar-10\n  path: /d/c\nworkers: 1");
    check_insert("datasets:\n    - path: /a\n      splits:\n\n        train: {}\n#x\n    # y\n",
                 "datasets:\n    - path: /a\n      splits:\n\n        train: {}\n"
                 "    - name: cifar-10\n      path: /d/c\n#x\n    # y\n");
    check_insert("datasets:\n  - path: /a", "datasets:\n  - path: /a\n  - name: cifar-10\n"
                                            "    path: /d/c\n");
}
END_TEST

START_TEST(config_entry__no_entry_yet__the_first)
{
    check_insert("", "datasets:\n  - name: cifar-10\n    path: /d/c\n");
    check_insert("#datasets:\nworkers: 1", "#datasets:\nworkers: 1\ndatasets:\n  - name: cifar-10\n"
                                           "    path: /d/c\n");
    check_insert("datasets: # none\nworkers: 1\n",
                 "datasets: # none\n  - name: cifar-10\n    path: /d/c\nworkers: 1\n");
    check_insert("datasets: [ ] # none\nworkers: 1\n",
                 "datasets:  # none\n  - name: cifar-10\n    path: /d/c\nworkers: 1\n");
    check_insert("workers: 1\r\ndatasets: []\r\n",
                 "workers: 1\r\ndatasets: \r\n  - name: cifar-10\r\n    path: /d/c\r\n");
    check_insert("datasets: []", "datasets: \n  - name: cifar-10\n    path: /d/c\n");
}
END_TEST

/* The same key for YAML: a second one would be refused. */
START_TEST(config_entry__key_as_yaml_may_have_it__found)
{
    check_insert("\"datasets\":\n  - path: /a\n",
                 "\"datasets\":\n  - path: /a\n  - name: cifar-10\n    path: /d/c\n");
    check_insert("'datasets' : []\n", "'datasets' : \n  - name: cifar-10\n    path: /d/c\n");
    check_insert("\xef\xbb\xbf"
                 "datasets :\n- path: /a\n",
                 "\xef\xbb\xbf"
                 "datasets :\n- path: /a\n- name: cifar-10\n  path: /d/c\n");
    check_insert("\"datasets:\n", "\"datasets:\ndatasets:\n  - name: cifar-10\n    path: /d/c\n");
}
END_TEST

START_TEST(config_entry__in_brackets__left_to_people)
{
    static const char *const configs[] = {"datasets: [{path: /a}]\n", "datasets: [\n{path: /a}]\n",
                                          "datasets: # some\n\n  [{path: /a}]\n",
                                          "datasets:\n[{path: /a}]\n"};
    struct err e;
    char *out;
    for (size_t i = 0; i < sizeof configs / sizeof *configs; i++) {
        ck_assert_int_eq(config_entry_insert(configs[i], "b", "/b", &out, &e), -EINVAL);
        ck_assert_ptr_nonnull(strstr(e.text, "for you to change"));
    }
}
END_TEST

START_TEST(config_entry__values__quoted_where_they_must_be)
{
    static const char *const cases[][2] = {
        {"cifar-10", "cifar-10"}, {"/data/my set", "\"/data/my set\""}, {"10", "\"10\""},
        {"No", "\"No\""},         {"a\"b\\c", "\"a\\\"b\\\\c\""},       {"a: b", "\"a: b\""},
        {"a\nb", "\"a\\x0ab\""},  {"\xc3\xa9", "\"\xc3\xa9\""},
    };
    char out[64];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        config_entry_value(cases[i][0], out, sizeof out);
        ck_assert_str_eq(out, cases[i][1]);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ctl/config_entry");
    TCase *tc = tcase_create("config_entry");
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_add_test(tc, config_entry__as_people_write__behind_the_last_entry);
    tcase_add_test(tc, config_entry__no_entry_yet__the_first);
    tcase_add_test(tc, config_entry__key_as_yaml_may_have_it__found);
    tcase_add_test(tc, config_entry__in_brackets__left_to_people);
    tcase_add_test(tc, config_entry__values__quoted_where_they_must_be);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
