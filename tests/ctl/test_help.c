/* SPDX-License-Identifier: MIT */
/* Help and the man page against the tables of verbs and options: all is there, and fits. */
#include "ctl/help.h"
#include "ctl/option_table.h"
#include "support/support.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COLUMNS_MAX 80

/* What is printed of a verb, or with NULL of all. The caller's to free. */
static char *printed(const struct verb *verb)
{
    size_t size;
    fflush(stdout);
    int before = dup(STDOUT_FILENO);
    int fd = open(support_path("help"), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ck_assert(before >= 0 && fd >= 0);
    ck_assert_int_eq(dup2(fd, STDOUT_FILENO), STDOUT_FILENO);
    if (verb)
        help_print(verb);
    else
        help_print_usage();
    fflush(stdout);
    dup2(before, STDOUT_FILENO);
    close(before);
    close(fd);
    return support_read(support_path("help"), &size);
}

/* Whether the word stands there and does not go on. */
static bool has_word(const char *text, const char *word)
{
    size_t n = strlen(word);
    for (const char *at = text; (at = strstr(at, word)); at += n)
        if (!strchr("-abcdefghijklmnopqrstuvwxyz", at[n]) && strncmp(at + n, "\\-", 2) != 0)
            return true;
    return false;
}

static void check_width(const char *name, const char *text)
{
    for (size_t n; *text; text += n + (text[n] == '\n')) {
        n = strcspn(text, "\n");
        ck_assert_msg(n <= COLUMNS_MAX, "%s: %zu columns: %.*s", name, n, (int)n, text);
    }
}

/* A line that a terminal breaks is hard to read. */
START_TEST(help__each_text__fits_a_terminal)
{
    char *text = printed(NULL);
    check_width("help", text);
    for (const struct verb *v = verbs; v->name; v++)
        ck_assert_msg(has_word(text, v->name), "%s", v->name);
    free(text);
    for (const struct verb *v = verbs; v->name; v++) {
        text = printed(v);
        check_width(v->name, text);
        free(text);
    }
}
END_TEST

/* An option that is taken and not told of. */
START_TEST(help__each_option__is_told)
{
    char *common = printed(NULL);
    for (const struct verb *v = verbs; v->name; v++) {
        char *own = printed(v), option[64];
        for (const struct option *o = option_table(v->options); o->name; o++) {
            snprintf(option, sizeof option, "--%s", o->name);
            ck_assert_msg(has_word(own, option) || has_word(common, option), "%s %s", v->name,
                          option);
        }
        free(own);
    }
    free(common);
}
END_TEST

/* As troff has it: \-\-batch\-size. */
static void escape(const char *word, char *out)
{
    for (; *word; word++) {
        if (*word == '-')
            *out++ = '\\';
        *out++ = *word;
    }
    *out = 0;
}

START_TEST(man_page__each_verb_and_option__is_there)
{
    size_t size;
    char *page = support_read("docs/fmnistctl.1", &size), word[64], escaped[128];
    for (const struct verb *v = verbs; v->name; v++) {
        escape(v->name, escaped);
        ck_assert_msg(has_word(page, escaped), "%s", v->name);
        for (const struct option *o = option_table(v->options); o->name; o++) {
            snprintf(word, sizeof word, "--%s", o->name);
            escape(word, escaped);
            ck_assert_msg(has_word(page, escaped), "%s", word);
        }
    }
    free(page);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ctl/help");
    TCase *tc = tcase_create("help");
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_add_test(tc, help__each_text__fits_a_terminal);
    tcase_add_test(tc, help__each_option__is_told);
    tcase_add_test(tc, man_page__each_verb_and_option__is_there);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
