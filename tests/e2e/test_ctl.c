/* SPDX-License-Identifier: MIT */
/* fmnistctl driven as people drive it: options on either side of the verb, slips, wrong sockets. */
#include "e2e/harness.h"
#include "e2e/program.h"
#include "e2e/terminal.h"

static struct daemon d;
static struct images images;

static void serve(void)
{
    images_make(&images, 100, 28, 28, 1);
    serve_tiny(&d, "");
}

static void end(void)
{
    daemon_stop(&d);
    images_free(&images);
}

/* Whether the word stands in bold on the page. */
static bool is_documented(const char *page, const char *word)
{
    size_t n = strlen(word);
    for (const char *at = page; (at = strstr(at, word)); at += n)
        if (strchr(" \"\n", at[-1]) && strchr(" \"\n", at[n]))
            return true;
    return false;
}

/* Every key of the value, and of those within. */
static void check_documented(const char *page, const char *verb, json_t *value)
{
    const char *key;
    size_t i;
    json_t *item;
    json_object_foreach (value, key, item) {
        ck_assert_msg(is_documented(page, key), "%s: \"%s\" is not in the man page", verb, key);
        check_documented(page, verb, item);
    }
    json_array_foreach (value, i, item)
        check_documented(page, verb, item);
}

/* The JSON that was said, each key of which has to be in the man page. */
static void check_json(const char *verb)
{
    size_t n;
    char *page = support_read("docs/fmnistctl.1", &n);
    json_t *all = said_json(0);
    check_documented(page, verb, all);
    json_decref(all);
    free(page);
}

/* A script that asks for JSON and gets text reads nothing. */
START_TEST(ctl__json__before_and_behind_every_verb)
{
    static const char *const asking[] = {"status",
                                         "datasets",
                                         "reload",
                                         "top --once",
                                         "bench --dataset tiny",
                                         "show --dataset tiny -o %s",
                                         "explain --dataset tiny",
                                         "dump --dataset tiny -o %s"};
    static const char *const others[] = {"gen-dataset --train 1 --test 1 -o %s", "completion zsh",
                                         "help", "help show", "--version"};
    serve();
    struct fmnist_client *client = connect_to(&d);
    struct fmnist_spec spec = spec_of("tiny");
    spec.augment = "pad(2)"; /* with all that a stream can have */
    struct fmnist_stream *stream = open_stream(client, &spec);
    for (size_t i = 0; i < sizeof asking / sizeof *asking; i++) {
        char verb[600];
        snprintf(verb, sizeof verb, asking[i], support_path("out"));
        run_ctl(&said, "--json --socket %s %s", d.socket, verb);
        ck_assert_msg(said.status == 0, "%s: %s", verb, said.text);
        check_json(verb);
        if (strstr(verb, "--once"))
            continue; /* a second */
        run_ctl(&said, "%s --socket %s --timeout 30000 --json", verb, d.socket);
        json_decref(said_json(0));
    }
    fmnist_close(stream);
    fmnist_disconnect(client);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        char verb[600];
        snprintf(verb, sizeof verb, others[i], support_path("folder"));
        run_ctl(&said, "%s --json", verb);
        ck_assert_msg(said.status == 0, "%s: %s", verb, said.text);
        check_json(verb);
    }
    end();
}
END_TEST

/* The word is what a program acts on. */
START_TEST(ctl__json_of_a_failure__a_word_beside_the_sentence)
{
    static const char *const cases[][2] = {
        {"status --json --socket %s/none", "unreachable"},
        {"--json bnech", "usage"},
        {"bench --sede 1 --json", "usage"},
        {"verify --json %s/none", "file"},
        {"gen-dataset --json -o %s/none/none", "file"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char words[600];
        snprintf(words, sizeof words, cases[i][0], support_dir());
        run_ctl(&said, "%s 2>/dev/null", words);
        ck_assert_int_ne(said.status, 0);
        json_t *all = said_json(said.status);
        ck_assert_msg(!strcmp(json_string_value(json_object_get(all, "error")), cases[i][1]),
                      "%s: %s", words, said.text);
        ck_assert_uint_gt(json_string_length(json_object_get(all, "message")), 0);
        json_decref(all);
    }
}
END_TEST

/* Text on standard output would end a program's reading; and no word means no failure. */
START_TEST(ctl__json_with_bytes_on_standard_output__failure_on_standard_error)
{
    static const struct {
        const char *words, *told;
        int status;
    } cases[] = {
        {"dump --json --socket /none -o -", "/none", 1},
        {"dump --json --none -o -", "no option --none", 2}, /* -o is not reached */
        {"--none dump --output=- --json", "no option --none", 2},
        {"show --json --seed x -o-", "seed", 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        run_ctl(&said, "%s 2>%s", cases[i].words, support_path("told"));
        ck_assert_msg(said.status == cases[i].status && !*said.text, "%s: %d %s", cases[i].words,
                      said.status, said.text);
        char *told = support_read(support_path("told"), NULL);
        ck_assert_msg(strstr(told, "\"error\":") && strstr(told, cases[i].told), "%s", told);
        free(told);
    }
}
END_TEST

START_TEST(ctl__reload_json__a_list_of_changes)
{
    serve();
    run_ctl(&said, "--socket %s --json reload", d.socket);
    ck_assert_str_eq(said.text, "{\"changes\":[],\"details\":[]}\n");
    size_t n;
    char *config = support_read(d.config, &n);
    char *changed = malloc(n + 64);
    ck_assert(config && changed);
    int m = snprintf(changed, n + 64, "workers: 3\nio_uring: off\n%.*s", (int)n, config);
    support_write(d.config, changed, (size_t)m);
    free(changed);
    free(config);
    run_ctl(&said, "--socket %s reload --json", d.socket);
    ck_assert_msg(said.status == 0, "%s", said.text);
    json_t *all = said_json(0), *changes = json_object_get(all, "changes"), *line;
    size_t i, workers = 0;
    json_array_foreach (changes, i, line) {
        ck_assert_msg(json_string_length(line) && !strchr(json_string_value(line), '\n'), "%s",
                      said.text);
        workers += !strncmp(json_string_value(line), "workers", 7);
    }
    ck_assert_msg(workers == 1, "%s", said.text);
    const json_t *first = json_array_get(json_object_get(all, "details"), 0);
    ck_assert_str_eq(json_string_value(json_object_get(first, "key")), "workers");
    ck_assert_str_eq(json_string_value(json_object_get(first, "change")), "changed");
    ck_assert_msg(strstr(said.text, "{\"key\":\"io_uring\",\"name\":null,\"change\":"
                                    "\"needs-restart\",\"message\":"),
                  "%s", said.text);
    json_decref(all);
    end();
}
END_TEST

/* Each slip: exit status 2, the word that was wrong, and the way out. */
START_TEST(ctl__wrong_usage__names_the_word_and_the_way_out)
{
    static const char *const slips[][2] = {
        {"", "no verb: want one of status, "},
        {"stat", "no verb \"stat\": did you mean status? There are status, "},
        {"frobnicate", "no verb \"frobnicate\": there are status, "},
        {"--jsn status", "no option --jsn: did you mean --json?"},
        {"status --jsn", "status: no option --jsn: did you mean --json?"},
        {"--batch 3 bench", "--batch may be any of --batch-size, --batches: write it out"},
        {"bench --batch=3", "bench: --batch may be any of --batch-size, --batches: write it out"},
        {"status extra", "status: unexpected argument \"extra\""},
        {"status --seed 1", "status: no option --seed\n"},
        {"--socket", "--socket wants a value"},
        {"--socket '' status", "--socket: want the path"},
        {"status --timeout 0", "--timeout \"0\": want milliseconds"},
        {"--json=yes status", "--json takes no value"},
        {"top --once --pages 2", "top: --once and --pages exclude each other"},
        {"bench --batch_size 3", "bench: no option --batch_size: did you mean --batch-size?"},
        {"bench --drop-last false", "write --drop-last=true or =false"},
        {"dump -q", "dump: no option -q"},
        {"dump -o", "dump: -o wants a value"},
        {"gen-dataset --socket s -o x", "gen-dataset asks no daemon: leave --socket out"},
        {"gen-dataset --timeout 9 -o x", "gen-dataset asks no daemon: leave --timeout out"},
        {"help bnech", "no verb \"bnech\": did you mean bench?"},
        {"help bench top", "help: unexpected argument \"top\""},
        {"--seed 1 status", "status: no option --seed\n"},
        {"bench --order shufle", "order \"shufle\": did you mean shuffle? There are sequential, "},
        {"bench --resize lanczos", "did you mean pillow-lanczos? There are none, "},
        {"bench --pad=often", "pad \"often\": want one of auto, "},
        {"gen-dataset -o -", "gen-dataset: -o -: four files cannot be standard output"},
        {"verify", "verify: want the path of a ledger"},
        {"verify --socket s ledger", "verify asks no daemon: leave --socket out"},
    };
    for (size_t i = 0; i < sizeof slips / sizeof *slips; i++) {
        run_ctl(&said, "%s", slips[i][0]);
        ck_assert_msg(said.status == 2 && !strncmp(said.text, "fmnistctl: ", 11) &&
                          strstr(said.text, slips[i][1]),
                      "%s: exit status %d: %s", slips[i][0], said.status, said.text);
    }
}
END_TEST

/* What a verb would refuse is offered to no program either. */
START_TEST(ctl__help_json__what_each_verb_can_honour)
{
    static const struct {
        const char *verb;
        bool asks;
    } cases[] = {{"status", true}, {"verify", false}, {"gen-dataset", false}, {"help", false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        run_ctl(&said, "help %s --json", cases[i].verb);
        ck_assert_msg(strstr(said.text, "{\"option\":\"json\",\"value\":\"none\""), "%s",
                      said.text);
        ck_assert_msg(!strstr(said.text, "\"socket\"") == !cases[i].asks, "%s", said.text);
        ck_assert_msg(!strstr(said.text, "\"timeout\"") == !cases[i].asks, "%s", said.text);
    }
}
END_TEST

/* A terminal that is sent an archive shows rubbish, and may obey it. */
START_TEST(ctl__bytes_to_a_terminal__refused_before_anything_is_asked)
{
    static const char *const words[] = {"dump -o -", "show -o -", "explain -o -"};
    struct terminal t;
    for (size_t i = 0; i < 3; i++) {
        terminal_start(&t, "xterm", words[i]);
        terminal_end(&t, &said);
        ck_assert_int_eq(said.status, 2);
        ck_assert_msg(strstr(said.text, "-o - is a terminal, and what comes is no text"), "%s",
                      said.text);
    }
}
END_TEST

static bool progress_is_shown(void *data)
{
    terminal_read(data, &said);
    return strstr(said.text, "\rgen-dataset: ") != NULL;
}

/* What a terminal is told on the way is no part of what a file or a pipe gets. */
START_TEST(ctl__progress__on_the_terminal_alone)
{
    struct terminal t;
    char words[900];
    size_t n;
    int m = snprintf(words, sizeof words, "gen-dataset --raw --train 10000000 --test 1 -o %s",
                     support_path("set"));
    snprintf(words + m, sizeof words - (size_t)m, " >%s", support_path("log"));
    terminal_start(&t, "xterm", words);
    ck_assert(daemon_wait_until(progress_is_shown, &t));
    ck_assert_msg(strstr(said.text, " % of 10000001 images, "), "%s", said.text);
    kill(t.pid, SIGTERM);
    waitpid(t.pid, NULL, 0);
    close(t.main_fd);
    close(t.program_fd);
    free(support_read(support_path("log"), &n));
    ck_assert_uint_eq(n, 0);
}
END_TEST

/* `help VERB`, `VERB --help` and `--help VERB` are what people try. */
START_TEST(ctl__help__in_each_place_the_same)
{
    static const char *const ways[] = {"bench --help", "--help bench", "-h bench"};
    static struct said want;
    run_ctl(&want, "help bench");
    ck_assert_msg(want.status == 0 && strstr(want.text, "usage: fmnistctl bench "), "%s",
                  want.text);
    for (size_t i = 0; i < 3; i++) {
        run_ctl(&said, "%s", ways[i]);
        ck_assert_msg(said.status == 0 && !strcmp(said.text, want.text), "%s: %s", ways[i],
                      said.text);
    }
    run_ctl(&want, "--help");
    run_ctl(&said, "help");
    ck_assert_msg(said.status == 0 && !strcmp(said.text, want.text), "%s", said.text);
}
END_TEST

/* What cannot be written where it was said. */
START_TEST(ctl__output_that_cannot_be_made__names_the_file_and_why)
{
    const char *folder = support_dir();
    serve();
    run_ctl(&said, "--socket %s dump --dataset tiny -o %s/none/x.npz", d.socket, folder);
    ck_assert_int_eq(said.status, 1);
    ck_assert_msg(strstr(said.text, "/none/x.npz: its folder does not exist"), "%s", said.text);
    run_ctl(&said, "--socket %s show --dataset tiny -o %s", d.socket, folder);
    ck_assert_int_eq(said.status, 1);
    ck_assert_msg(strstr(said.text, "that is a folder"), "%s", said.text);
    run_ctl(&said, "gen-dataset -o %s/fmnistd.yaml --train 1 --test 1", folder);
    ck_assert_int_eq(said.status, 1);
    run_ctl(&said, "--socket %s bench --dataset tiny --indices %s/none", d.socket, folder);
    ck_assert_int_eq(said.status, 1);
    ck_assert_msg(strstr(said.text, "--indices ") && strstr(said.text, "/none: No such file"), "%s",
                  said.text);
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ctl");
    TCase *tc = tcase_create("ctl");
    tcase_set_timeout(tc, 120);
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_add_test(tc, ctl__json__before_and_behind_every_verb);
    tcase_add_test(tc, ctl__json_of_a_failure__a_word_beside_the_sentence);
    tcase_add_test(tc, ctl__json_with_bytes_on_standard_output__failure_on_standard_error);
    tcase_add_test(tc, ctl__reload_json__a_list_of_changes);
    tcase_add_test(tc, ctl__wrong_usage__names_the_word_and_the_way_out);
    tcase_add_test(tc, ctl__help_json__what_each_verb_can_honour);
    tcase_add_test(tc, ctl__bytes_to_a_terminal__refused_before_anything_is_asked);
    tcase_add_test(tc, ctl__progress__on_the_terminal_alone);
    tcase_add_test(tc, ctl__help__in_each_place_the_same);
    tcase_add_test(tc, ctl__output_that_cannot_be_made__names_the_file_and_why);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
