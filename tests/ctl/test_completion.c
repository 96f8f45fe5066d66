/* SPDX-License-Identifier: MIT */
/* What is offered at a cursor, out of the tables and of a daemon that is made up. */
#include "ctl/completion.h"
#include "support/support.h"

#include <stdio.h>
#include <string.h>

static char got[4096];    /* the lines, each with a | behind it */
static const char *asked; /* the socket */

static void take_line(void *data, const char *text)
{
    size_t n = strlen(got);
    ck_assert_int_lt(snprintf(got + n, sizeof got - n, "%s|", text), sizeof got - n);
}

static void two_datasets(const char *socket, void (*name)(void *to, const char *name), void *to)
{
    asked = socket ? socket : "";
    name(to, "fashion-mnist");
    name(to, "kuzushiji");
    name(to, "with a\nnew line");
}

static void some_splits(const char *socket, const char *dataset,
                        void (*name)(void *to, const char *name), void *to)
{
    asked = socket ? socket : "";
    name(to, "train");
    name(to, dataset ? dataset : "test");
}

static const char *offered(const char *const *words)
{
    const struct completion c = {
        .line = take_line, .datasets = two_datasets, .splits = some_splits};
    size_t count = 0;
    while (words[count])
        count++;
    got[0] = 0;
    asked = NULL;
    completion_find(&c, words, count);
    return got;
}

#define OFFERED(...) offered((const char *const[]){__VA_ARGS__, NULL})

START_TEST(completion__verb__by_its_beginning)
{
    ck_assert_str_eq(OFFERED("rel"), "reload\thave the daemon read its config file again|");
    ck_assert_ptr_nonnull(strstr(OFFERED(""), "bench\t"));
    ck_assert_str_eq(OFFERED("x"), "");
    ck_assert_str_eq(OFFERED("help", "rel"), "reload\thave the daemon read its config file again|");
    ck_assert_str_eq(OFFERED("completion", ""), "bash|zsh|fish|");
    ck_assert_str_eq(OFFERED("--seed", "3", "--json", "rel"),
                     "reload\thave the daemon read its config file again|");
}
END_TEST

/* What the verb does not take is not offered. */
START_TEST(completion__options__the_verbs_own)
{
    ck_assert_str_eq(OFFERED("bench", "--w"), "--width|--world-size|");
    ck_assert_str_eq(OFFERED("status", "--w"), "");
    ck_assert_str_eq(OFFERED("--w"), "--width|--world-size|");
    ck_assert_str_eq(OFFERED("status", ""), "--socket|--timeout|--json|--help|--version|");
    ck_assert_str_eq(OFFERED("bench", "--", "--w"), "");
    ck_assert_str_eq(OFFERED("verify", "-"), "--indices|--json|--help|--version|");
    ck_assert_str_eq(OFFERED("import", "--soc"), "--socket|");
}
END_TEST

START_TEST(completion__values__of_the_option_before)
{
    ck_assert_str_eq(OFFERED("bench", "--order", "torch"), "torch|torch-loader|");
    ck_assert_str_eq(OFFERED("bench", "--order=torch"), "--order=torch|--order=torch-loader|");
    ck_assert_str_eq(OFFERED("--order", "nu"), "numpy|");
    ck_assert_str_eq(OFFERED("bench", "--drop-last="), "--drop-last=true|--drop-last=false|");
    ck_assert_str_eq(OFFERED("bench", "--drop-last", "--jso"), "--json|");
    ck_assert_str_eq(OFFERED("bench", "--split", ""), "train|test|");
    ck_assert_str_eq(OFFERED("bench", "--dataset", "its", "--split="),
                     "--split=train|--split=its|");
    ck_assert_str_eq(OFFERED("--dataset=its", "bench", "--split", "i"), "its|");
    ck_assert_str_eq(OFFERED("bench", "--draws", ""), "counter|");
    ck_assert_str_eq(OFFERED("bench", "--batch-size", ""), "");
    ck_assert_str_eq(OFFERED("bench", "--json="), "");
    ck_assert_str_eq(OFFERED("bench", "--bogus="), "");
}
END_TEST

START_TEST(completion__files__left_to_the_shell)
{
    ck_assert_str_eq(OFFERED("dump", "-o", ""), ":file|");
    ck_assert_str_eq(OFFERED("dump", "--output=x"), ":file|");
    ck_assert_str_eq(OFFERED("gen-dataset", "-o", "x"), ":folder|");
    ck_assert_str_eq(OFFERED("verify", "led"), ":file|");
    ck_assert_str_eq(OFFERED("verify", "--", "-x"), ":file|");
}
END_TEST

/* Of the daemon that the line names; a name that is no line is not passed on. */
START_TEST(completion__datasets__asked_from_the_daemon)
{
    ck_assert_str_eq(OFFERED("bench", "--dataset", "f"), "fashion-mnist|");
    ck_assert_str_eq(asked, "");
    ck_assert_str_eq(OFFERED("--socket", "/a", "bench", "--dataset="),
                     "--dataset=fashion-mnist|--dataset=kuzushiji|");
    ck_assert_str_eq(asked, "/a");
    ck_assert_str_eq(OFFERED("bench", "--socket=/b", "--dataset", "k"), "kuzushiji|");
    ck_assert_str_eq(asked, "/b");
    OFFERED("bench", "--order", "");
    ck_assert_ptr_null(asked);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ctl/completion");
    TCase *tc = tcase_create("completion");
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_add_test(tc, completion__verb__by_its_beginning);
    tcase_add_test(tc, completion__options__the_verbs_own);
    tcase_add_test(tc, completion__values__of_the_option_before);
    tcase_add_test(tc, completion__files__left_to_the_shell);
    tcase_add_test(tc, completion__datasets__asked_from_the_daemon);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
