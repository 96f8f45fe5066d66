/* SPDX-License-Identifier: MIT */
/* What fmnistctl's verbs say, and leave, where they come to no good end: nowhere to write, no
 * daemon, a daemon or a terminal that goes away in the middle. */
#include "e2e/harness.h"
#include "e2e/program.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>

static struct daemon d;
static struct images images;

static void setup(void)
{
    support_setup();
    images_make(&images, 100, 28, 28, 1);
    serve_tiny(&d, "");
}

static void teardown(void)
{
    daemon_stop(&d);
    images_free(&images);
    support_teardown();
}

/* ---- what cannot be written ---------------------------------------------------------------- */

START_TEST(output__full_disk__its_name_and_why)
{
    static const char *const verbs[] = {"status", "status --json",        "datasets",
                                        "reload", "bench --dataset tiny", "explain --dataset tiny"};
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        run_ctl(&said, "--socket %s %s 2>&1 >/dev/full", d.socket, verbs[i]);
        check_said(1, "fmnistctl: writing to standard output: No space left on device\n");
    }
    run_ctl(&said, "--socket %s dump --dataset tiny -o /dev/full", d.socket);
    check_said(1, "fmnistctl: dump: /dev/full: ");
    check_said(1, "No space left on device\n");
    run_ctl(&said, "--socket %s show --dataset tiny -o /dev/full", d.socket);
    check_said(1, "fmnistctl: show: /dev/full: writing the picture: No space left on device\n");
    run_ctl(&said, "--socket %s explain --dataset tiny -o /dev/full", d.socket);
    check_said(1, "fmnistctl: explain: /dev/full: writing the picture: No space left on device\n");
}
END_TEST

START_TEST(output__no_such_place__what_to_do)
{
    char name[5000];
    run_ctl(&said, "--socket %s dump --dataset tiny -o %s/fmnistd.yaml/x", d.socket, support_dir());
    check_said(1, "its folder is a file: name another one\n");
    run_ctl(&said, "--socket %s explain --dataset tiny -o %s", d.socket, support_dir());
    check_said(1, "that is a folder: want the name of a file\n");
    memset(name, 'x', sizeof name);
    name[300] = 0;
    run_ctl(&said, "--socket %s show --dataset tiny -o %s/%s", d.socket, support_dir(), name);
    check_said(1, "File name too long\n");
}
END_TEST

/* More than memory, or than a picture, holds: refused by number, and no half of a file. */
START_TEST(dump_show__too_much__refused_by_its_number)
{
    char words[2048]; /* a sanitizer's own refusal would be the program's end */
    snprintf(
        words, sizeof words,
        "env ASAN_OPTIONS=allocator_may_return_null=1 TSAN_OPTIONS=allocator_may_return_null=1 "
        "%s --socket %s dump --dataset tiny --batches 4611686018427387904 -o %s",
        ctl_path(), d.socket, support_path("out"));
    run_words(&said, words);
    check_said(1, " samples: out of memory\n");
    run_ctl(&said, "--socket %s show --dataset tiny --batch-size 100 --batches 300 -o %s", d.socket,
            support_path("out"));
    check_said(1, "a sheet of 30000 images of 28x28 pixels is larger than 1024 MiB\n");
    ck_assert_int_ne(access(support_path("out"), F_OK), 0);
}
END_TEST

/* ---- an end in the middle ------------------------------------------------------------------ */

/* fmnistctl beside the test, its output and errors in the file "said". */
static pid_t start_ctl(const char *const *words)
{
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        char *argv[16] = {(char *)ctl_path(), (char *)"--socket", d.socket};
        for (int i = 0; words[i]; i++)
            argv[3 + i] = (char *)words[i];
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (!freopen(support_path("said"), "w", stdout) || dup2(STDOUT_FILENO, STDERR_FILENO) < 0)
            _exit(126);
        execv(argv[0], argv);
        _exit(127);
    }
    return pid;
}

static bool has_begun(void *name)
{
    struct stat st;
    return stat(name, &st) == 0 && st.st_size > 0;
}

/* The unfinished file goes, and the signal is what ended it. */
START_TEST(dump__ended_by_a_signal__no_file_left)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    const char *out = support_path("out.npz");
    const char *const words[] = {"dump",    "--dataset", "tiny", "--batches",
                                 "1000000", "-o",        out,    NULL};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        char temporary[600];
        int status;
        pid_t pid = start_ctl(words);
        snprintf(temporary, sizeof temporary, "%s.%d.tmp", out, (int)pid);
        ck_assert(daemon_wait_until(has_begun, temporary));
        ck_assert_int_eq(kill(pid, signals[i]), 0);
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == signals[i], "wait status %d",
                      status);
        ck_assert_int_ne(access(temporary, F_OK), 0);
        ck_assert_int_ne(access(out, F_OK), 0);
    }
}
END_TEST

/* Another client has taken a batch. */
static bool reads(void *client)
{
    char *text;
    must(fmnist_status(client, &text));
    json_t *status = json_loads(text, 0, NULL), *one;
    free(text);
    bool any = false;
    size_t i;
    json_array_foreach (json_object_get(status, "clients"), i, one)
        any |= json_integer_value(
                   json_object_get(json_object_get(one, "stream"), "batches_taken")) > 0;
    json_decref(status);
    return any;
}

START_TEST(streams__daemon_ends_in_the_middle__told_and_no_file)
{
    const char *out = support_path("out.npz");
    const char *const verbs[][8] = {
        {"bench", "--dataset", "tiny", "--batches", "1000000000"},
        {"dump", "--dataset", "tiny", "--batches", "1000000", "-o", out},
        {"show", "--dataset", "tiny", "--batches", "1000000", "-o", out},
    };
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        struct fmnist_client *client = connect_to(&d);
        pid_t pid = start_ctl(verbs[i]);
        int status;
        ck_assert(daemon_wait_until(reads, client));
        daemon_kill(&d);
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 1);
        char *text = support_read(support_path("said"), NULL);
        ck_assert_msg(strstr(text, "fmnistctl: ") == text &&
                          strstr(text, ": it has ended or was restarted, and its log says why\n"),
                      "%s", text);
        free(text);
        ck_assert_int_ne(access(out, F_OK), 0);
        fmnist_disconnect(client);
        daemon_restart(&d);
    }
}
END_TEST

/* Each verb that asks a daemon, where there is none. */
START_TEST(verbs__no_daemon__where_it_was_looked_for)
{
    static const char *const verbs[] = {"status",     "datasets",      "reload",    "bench",
                                        "show -o %s", "explain -o %s", "dump -o %s"};
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        char verb[600], line[700];
        snprintf(verb, sizeof verb, verbs[i], support_path("out"));
        run_ctl(&said, "--socket %s %s", support_path("none"), verb);
        snprintf(line, sizeof line, "fmnistctl: no daemon at %s", support_path("none"));
        check_said(1, line);
        ck_assert_int_ne(access(support_path("out"), F_OK), 0);
    }
}
END_TEST

/* A spec that the daemon refuses: wrong usage where the words are at fault, in the library's words.
 */
START_TEST(streams__refused_spec__status_and_sentence)
{
    static const char *const verbs[] = {"bench", "show", "explain", "dump"};
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        run_ctl(&said, "--socket %s %s --dataset tiny --batch-size 101 --drop-last", d.socket,
                verbs[i]);
        check_said(2, "fmnistctl: ");
        run_ctl(&said, "--socket %s %s --dataset tinny", d.socket, verbs[i]);
        check_said(1, "tinny");
        run_ctl(&said, "--socket %s %s --dataset tiny --indices /dev/null", d.socket, verbs[i]);
        check_said(1, "fmnistctl: --indices /dev/null has no number: want at least 1\n");
        run_ctl(&said, "--socket %s %s --dataset tiny --indices %s", d.socket, verbs[i],
                support_dir());
        check_said(1, ": Is a directory\n");
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("verbs_fail");
    TCase *tc = tcase_create("verbs_fail");
    tcase_set_timeout(tc, 120);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, output__full_disk__its_name_and_why);
    tcase_add_test(tc, output__no_such_place__what_to_do);
    tcase_add_test(tc, dump_show__too_much__refused_by_its_number);
    tcase_add_test(tc, dump__ended_by_a_signal__no_file_left);
    tcase_add_test(tc, streams__daemon_ends_in_the_middle__told_and_no_file);
    tcase_add_test(tc, verbs__no_daemon__where_it_was_looked_for);
    tcase_add_test(tc, streams__refused_spec__status_and_sentence);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
