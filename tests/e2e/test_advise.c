/* SPDX-License-Identifier: MIT */
/* bench --advise beside a daemon that serves: what it measures, that it leaves that daemon alone,
 * and that nothing is left of its own, however it ends. Not what it advises: a machine that tests
 * is no machine to measure. */
#include "e2e/harness.h"
#include "e2e/program.h"

#include <dirent.h>
#include <math.h>
#include <signal.h>
#include <sys/stat.h>

static struct said said;
static struct daemon d;
static struct images images;

static void setup(void)
{
    support_setup();
    images_make(&images, 100, 28, 28, 1);
    serve_tiny(&d, "ledger: {path: ledger}\nworkers: 3\n");
    mkdir(support_path("own"), 0700);
}

static void teardown(void)
{
    daemon_stop(&d);
    images_free(&images);
    support_teardown();
}

/* Whether it has no folder any more. */
static bool own_is_gone(void *unused)
{
    DIR *folder = opendir(support_path("own"));
    ck_assert_ptr_nonnull(folder);
    bool any = false;
    for (const struct dirent *e; (e = readdir(folder)) != NULL;)
        any |= e->d_name[0] != '.';
    closedir(folder);
    return !any;
}

static bool own_is_there(void *unused)
{
    return !own_is_gone(unused);
}

static void advise(const char *words)
{
    char line[1500];
    snprintf(line, sizeof line,
             "env -u XDG_RUNTIME_DIR TMPDIR=%s %s --socket %s bench --advise --dataset tiny "
             "--batch-size 10 %s",
             support_path("own"), ctl_path(), d.socket, words);
    run_words(&said, line);
}

static double real(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    ck_assert_msg(json_is_real(value), "%s: %s", key, said.text);
    return json_real_value(value);
}

static json_int_t integer(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    ck_assert_msg(json_is_integer(value), "%s: %s", key, said.text);
    return json_integer_value(value);
}

/* The daemon that serves has its own workers, has had nobody's stream, and its ledger is its own.
 */
static void check_left_alone(void)
{
    struct fmnist_client *client = connect_to(&d);
    char *json;
    must(fmnist_status(client, &json));
    fmnist_disconnect(client);
    json_t *all = json_loads(json, 0, NULL);
    free(json);
    ck_assert_int_eq(integer(all, "workers"), 3);
    ck_assert_int_eq(
        json_integer_value(json_object_get(json_object_get(all, "sample_store"), "entries")), 0);
    ck_assert_str_eq(json_string_value(json_object_get(all, "config")), d.config);
    json_decref(all);
}

START_TEST(advise__json__each_number_of_workers_beside_each_step)
{
    advise("--seconds 2 --step-us 0 --step-us 200,50 --json");
    json_t *all = json_loads(said.text, 0, NULL);
    ck_assert_msg(said.status == 0 && all, "%d %s", said.status, said.text);
    ck_assert_int_eq(integer(all, "steps_per_epoch"), 10);
    ck_assert_str_eq(json_string_value(json_object_get(all, "config")), d.config);
    ck_assert_str_eq(json_string_value(json_object_get(all, "config_workers")), "3 (line 4)");
    ck_assert(json_is_true(json_object_get(all, "warm")));
    json_int_t cpus = integer(all, "cpus"), most = 0;
    static const json_int_t computes[] = {0, 200, 50};
    const json_t *steps = json_object_get(all, "steps");
    ck_assert_uint_eq(json_array_size(steps), 3);
    for (size_t s = 0; s < 3; s++) {
        const json_t *step = json_array_get(steps, s), *tried = json_object_get(step, "tried");
        ck_assert_int_eq(integer(step, "compute_us"), computes[s]);
        ck_assert_int_eq(integer(json_array_get(tried, 0), "workers"), 1);
        ck_assert_int_eq(integer(json_array_get(tried, json_array_size(tried) - 1), "workers"),
                         cpus);
        most = integer(step, "workers") > most ? integer(step, "workers") : most;
        for (size_t k = 0; k < json_array_size(tried); k++) {
            const json_t *t = json_array_get(tried, k);
            double us = real(t, "step_us");
            /* the step is in it, and the waiting; and the other figures are of the same step */
            ck_assert_msg(us > (double)computes[s] && us >= real(t, "waited_us"), "%s", said.text);
            ck_assert(fabs(real(t, "epoch_seconds") - us * 10 / 1e6) < us / 1e6);
            ck_assert(real(t, "spread_us") >= 0 && real(t, "cpu_share") >= 0);
        }
    }
    ck_assert_int_eq(integer(all, "workers"), most);
    char line[32];
    snprintf(line, sizeof line, "workers: %d", (int)most);
    ck_assert_str_eq(json_string_value(json_object_get(all, "line")), line);
    json_decref(all);
    check_left_alone();
    ck_assert(own_is_gone(NULL));
}
END_TEST

START_TEST(advise__text__tables_and_the_line_for_the_config)
{
    advise("--seconds 1 --step-us 100");
    ck_assert_msg(said.status == 0, "%d %s", said.status, said.text);
    ck_assert(!strncmp(said.text, "tiny/train, batch 10: 10 steps an epoch; ", 41));
    static const char *const has[] = {"\nBeside a trainer that computes 100 us a step:\n",
                                      "\n        1 ",
                                      "\nworkers: ",
                                      ", because ",
                                      "\nThe line for the config:\n\nworkers: ",
                                      " has now: workers: 3 (line 4)\n"};
    for (size_t i = 0; i < sizeof has / sizeof *has; i++)
        ck_assert_msg(strstr(said.text, has[i]), "\"%s\": %s", has[i], said.text);
    for (const char *at = said.text, *end; (end = strchr(at, '\n')) != NULL; at = end + 1)
        ck_assert_msg(end - at < 80 || strstr(at, "has now"), "%s", at);
    ck_assert(own_is_gone(NULL));
}
END_TEST

/* Ctrl-C, and what no program can see coming. */
START_TEST(advise__ended_by_a_signal__nothing_of_its_own_left)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGKILL};
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        unsetenv("XDG_RUNTIME_DIR");
        setenv("TMPDIR", support_path("own"), 1);
        execl(ctl_path(), "fmnistctl", "--socket", d.socket, "bench", "--advise", "--dataset",
              "tiny", "--seconds", "600", (char *)NULL);
        _exit(127);
    }
    ck_assert(daemon_wait_until(own_is_there, NULL));
    int status;
    kill(pid, numbers[_i]);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == numbers[_i]);
    ck_assert(daemon_wait_until(own_is_gone, NULL));
    check_left_alone();
}
END_TEST

/* What it cannot do is said, with the name of what is missing. */
START_TEST(advise__impossible__refused_by_name)
{
    char config[1200];
    const char *empty = support_path("empty.yaml");
    support_write(empty, "workers: 2\n", 11);
    snprintf(config, sizeof config, "--config %s", empty);
    const struct {
        const char *words, *says;
        int status;
    } cases[] = {
        {"--split test", "tiny", 1},
        {"--dataset none", "no dataset \"none\"; served: tiny", 1},
        {"--config /none", "config /none: No such file or directory", 1},
        {config, "empty.yaml", 1},
        {"--seconds 1 --step-us 1000000", "takes longer than 1 s: want --seconds ", 2},
        {"--epochs 2", "--advise reads as long as --seconds says: leave --epochs out", 2},
        {"--step-us 1,2,3,4,5,6,7,8,9", "want at most 8 of them", 2},
        {"--step-us 1,,2", "--step-us \"\": want a whole number from 0 to 10000000", 2},
        {"--config ''", "--config: want the path", 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        advise(cases[i].words);
        ck_assert_msg(said.status == cases[i].status && strstr(said.text, cases[i].says),
                      "%s: %d %s", cases[i].words, said.status, said.text);
        ck_assert_msg(own_is_gone(NULL), "%s", cases[i].words);
    }
    snprintf(config, sizeof config, "env FMNISTD=/none %s --socket %s bench --advise", ctl_path(),
             d.socket);
    run_words(&said, config);
    ck_assert_msg(said.status == 1 && strstr(said.text, "$FMNISTD, /none, is no program"), "%s",
                  said.text);
    run_ctl(&said, "--socket /none/s bench --advise");
    ck_assert_msg(said.status == 1 && strstr(said.text, "or from --config FILE"), "%s", said.text);
    support_write(d.config, "workers: 2\n", 11);
    advise("");
    check_said(1, "fmnistd.yaml:1: datasets is missing");
    check_said(1, "; --config FILE names one that this user can use");
    ck_assert_int_eq(unlink(d.config), 0);
    advise("");
    check_said(1, "does not say where its config is; want --config FILE");
    run_ctl(&said, "bench --seconds 3");
    ck_assert_msg(said.status == 2 && strstr(said.text, "--seconds belongs to --advise"), "%s",
                  said.text);
}
END_TEST

/* The program that is named, and what it warns of is no part of a config. */
START_TEST(advise__program_that_warns__served_by_it)
{
    char line[2048];
    const char *path = support_path("wrapped");
    int n =
        snprintf(line, sizeof line, "#!/bin/sh\necho ran >>%s\necho careful: >&2\nexec %s \"$@\"\n",
                 support_path("ran"), support_program("fmnistd"));
    support_write(path, line, (size_t)n);
    ck_assert_int_eq(chmod(path, 0700), 0);
    snprintf(line, sizeof line,
             "env FMNISTD=%s %s --socket %s bench --advise --dataset tiny --seconds 1 --step-us 0",
             path, ctl_path(), d.socket);
    run_words(&said, line);
    check_said(0, "\nThe line for the config:\n");
    char *ran = support_read(support_path("ran"), NULL);
    ck_assert_str_eq(ran, "ran\nran\n");
    free(ran);
}
END_TEST

/* A daemon that is found and cannot serve: its own last words. */
START_TEST(advise__daemon_that_ends__its_last_words)
{
    char config[1200], words[700];
    const char *path = support_path("wrong.yaml");
    int n = snprintf(config, sizeof config,
                     "cache: none\ndatasets:\n  - name: tiny\n    path: %s\n    splits: {train: "
                     "{images: none, labels: none}}\n",
                     support_dir());
    support_write(path, config, (size_t)n);
    snprintf(words, sizeof words, "--config %s", path);
    advise(words);
    ck_assert_msg(said.status == 1 && strstr(said.text, "fmnistd has ended: ") &&
                      strstr(said.text, "none"),
                  "%d %s", said.status, said.text);
    ck_assert(own_is_gone(NULL));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("advise");
    TCase *tc = tcase_create("advise");
    tcase_set_timeout(tc, 240);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, advise__json__each_number_of_workers_beside_each_step);
    tcase_add_test(tc, advise__text__tables_and_the_line_for_the_config);
    tcase_add_loop_test(tc, advise__ended_by_a_signal__nothing_of_its_own_left, 0, 3);
    tcase_add_test(tc, advise__impossible__refused_by_name);
    tcase_add_test(tc, advise__program_that_warns__served_by_it);
    tcase_add_test(tc, advise__daemon_that_ends__its_last_words);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
