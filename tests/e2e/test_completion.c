/* SPDX-License-Identifier: MIT */
/* The completion as bash runs it: its own function, at lines as bash cuts them. */
#include "e2e/harness.h"
#include "e2e/program.h"

/* Runs the function that `source` defines where the cursor stands behind these words, and has what
 * it offers in `said`, each in brackets. */
static void complete_words(const char *source, const char *words)
{
    char script[2048], command[600];
    int n = snprintf(script, sizeof script,
                     "PATH=${0%%/*}:$PATH\n" /* where fmnistctl is */
                     "%s\n"
                     "complete -p fmnistctl >/dev/null || exit\n"
                     "COMP_WORDS=(\"$0\" %s)\n"
                     "COMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n"
                     "_fmnistctl\n"
                     "printf '[%%s]' \"${COMPREPLY[@]}\"\n",
                     source, words);
    ck_assert_int_lt(n, sizeof script);
    support_write(support_path("script"), script, (size_t)n);
    snprintf(command, sizeof command, "bash -c '. \"$1\"' \"$(realpath %s)\" %s", ctl_path(),
             support_path("script"));
    run_words(&said, command);
    ck_assert_msg(said.status == 0, "%s: %s", words, said.text);
}

static void check(const char *words, const char *want)
{
    complete_words("eval \"$(fmnistctl completion bash)\"", words);
    ck_assert_msg(!strcmp(said.text, want), "%s: %s", words, said.text);
}

START_TEST(completion__bash__verbs_options_values)
{
    check("rel", "[reload]");
    check("bench --wo", "[--world-size]");
    check("bench --order tor", "[torch][torch-loader]");
    check("bench --order = tor", "[torch][torch-loader]"); /* as bash cuts --order=tor */
    check("bench --drop-last =", "[true][false]");
    check("--json bench --dty", "[--dtype]");
    check("frobnicate", "[]");
}
END_TEST

/* What `make install` puts there is what bash reads. */
START_TEST(completion__bash__as_it_is_installed)
{
    complete_words(". conf/completions/fmnistctl", "bench --layout ''");
    ck_assert_str_eq(said.text, "[NCHW][NHWC]");
}
END_TEST

START_TEST(completion__bash__files)
{
    char words[600], want[600];
    support_write(support_path("numbers.txt"), "1", 1);
    snprintf(want, sizeof want, "[%s]", support_path("numbers.txt"));
    snprintf(words, sizeof words, "bench --indices %s", support_path("numb"));
    check(words, want);
    snprintf(words, sizeof words, "bench --indices = %s", support_path("numb"));
    check(words, want);
}
END_TEST

/* Where none answers there is no word, also none of an error. */
START_TEST(completion__bash__datasets_of_a_daemon)
{
    struct images images;
    struct daemon d;
    char words[600];
    images_make(&images, 10, 28, 28, 1);
    serve_tiny(&d, "");
    snprintf(words, sizeof words, "--socket %s bench --dataset t", d.socket);
    check(words, "[tiny]");
    daemon_stop(&d);
    check(words, "[]");
    images_free(&images);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("completion");
    TCase *tc = tcase_create("completion");
    tcase_set_timeout(tc, 120);
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_add_test(tc, completion__bash__verbs_options_values);
    tcase_add_test(tc, completion__bash__as_it_is_installed);
    tcase_add_test(tc, completion__bash__files);
    tcase_add_test(tc, completion__bash__datasets_of_a_daemon);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
