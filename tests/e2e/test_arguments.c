/* SPDX-License-Identifier: MIT */
/* The daemon's command line: what it prints, refuses and ends with, and the life of one that is
 * started by another program. */
#include "e2e/harness.h"
#include "e2e/program.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>

static void run_daemon(const char *words)
{
    char command[2000];
    snprintf(command, sizeof command, "%s %s", support_program("fmnistd"), words);
    run_words(&said, command);
}

START_TEST(arguments__help_and_version__printed)
{
    run_daemon("--help");
    check_said(0, "usage: fmnistd [-c FILE] ");
    run_daemon("-h --no-such");
    check_said(0, "usage: fmnistd [-c FILE] ");
    run_daemon("--version");
    check_said(0, "fmnistd " FMNIST_VERSION "\nlibuv ");
}
END_TEST

START_TEST(arguments__slips__64_and_the_way_out)
{
    run_daemon("--no-such");
    check_said(64, "fmnistd: see fmnistd --help\n");
    run_daemon("-c");
    check_said(64, "fmnistd: see fmnistd --help\n");
    run_daemon("-c x start");
    check_said(64, "fmnistd: unexpected argument \"start\": see fmnistd --help\n");
}
END_TEST

START_TEST(arguments__no_config__78_and_its_name)
{
    char words[600];
    snprintf(words, sizeof words, "-c %s", support_path("none"));
    run_daemon(words);
    check_said(78, "/none: No such file or directory\n");
    snprintf(words, sizeof words, "-c %s", support_dir());
    run_daemon(words);
    check_said(78, ":1: a folder; allowed: a YAML file\n");
}
END_TEST

/* ---- started by a program ------------------------------------------------------------------ */

static struct images images;
static char config[512], wanted[512];

static void write_config(void)
{
    char text[1024];
    images_make(&images, 100, 28, 28, 1);
    int n = snprintf(text, sizeof text,
                     "socket: ./of-config.sock\ncache: none\ndatasets:\n  - name: tiny\n"
                     "    path: %s\n"
                     "    splits: {train: {images: train-images-idx3-ubyte, labels: "
                     "train-labels-idx1-ubyte}}\n",
                     support_dir());
    snprintf(config, sizeof config, "%s", support_path("a.yaml"));
    snprintf(wanted, sizeof wanted, "%s", support_path("said.sock"));
    support_write(config, text, (size_t)n);
}

static bool answers(void *unused)
{
    struct fmnist_connect_options o = {
        .size = sizeof o, .socket = wanted, .timeout_ms = 10000, .reconnect_ms = -1};
    struct fmnist_client *client;
    if (fmnist_connect(&o, &client))
        return false;
    fmnist_disconnect(client);
    return true;
}

/* It listens where the command line says, goes on while the pipe is open, whatever comes by it, and
 * ends in order when the program at its other end does. */
START_TEST(until_eof__pipe_ends__an_orderly_end)
{
    int ends[2], status;
    write_config();
    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(ends[0], STDIN_FILENO);
        if (!freopen(support_path("log"), "w", stderr))
            _exit(126);
        execl(support_program("fmnistd"), "fmnistd", "-c", config, "--socket", wanted,
              "--until-eof", (char *)NULL);
        _exit(127);
    }
    close(ends[0]);
    ck_assert(daemon_wait_until(answers, NULL));
    ck_assert_int_ne(access(support_path("of-config.sock"), F_OK), 0);
    ck_assert_int_eq(write(ends[1], "ignored", 7), 7);
    ck_assert(answers(NULL));
    close(ends[1]);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "wait status %#x", status);
    size_t n;
    char *log = support_read(support_path("log"), &n);
    ck_assert_ptr_nonnull(memmem(log, n, "standard input has ended: ending", 32));
    free(log);
    ck_assert_int_ne(access(wanted, F_OK), 0);
    images_free(&images);
}
END_TEST

/* A file ends at once, and never tells. */
START_TEST(until_eof__no_pipe__refused)
{
    char words[1600];
    write_config();
    snprintf(words, sizeof words, "-c %s --socket %s --until-eof <%s", config, wanted, config);
    run_daemon(words);
    check_said(1, "--until-eof: standard input cannot be watched (");
    ck_assert_ptr_nonnull(strstr(said.text, "): want a pipe\n"));
    ck_assert_int_ne(access(wanted, F_OK), 0);
    images_free(&images);
}
END_TEST

START_TEST(socket__too_long__78_and_the_bound)
{
    char words[1600], name[200];
    write_config();
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = 0;
    snprintf(words, sizeof words, "-c %s --socket %s", config, name);
    run_daemon(words);
    check_said(78, "--socket \"xxxxxxxx");
    check_said(78, " bytes long; allowed: ");
    images_free(&images);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("arguments");
    TCase *tc = tcase_create("arguments");
    tcase_set_timeout(tc, 120);
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_add_test(tc, arguments__help_and_version__printed);
    tcase_add_test(tc, arguments__slips__64_and_the_way_out);
    tcase_add_test(tc, arguments__no_config__78_and_its_name);
    tcase_add_test(tc, until_eof__pipe_ends__an_orderly_end);
    tcase_add_test(tc, until_eof__no_pipe__refused);
    tcase_add_test(tc, socket__too_long__78_and_the_bound);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
