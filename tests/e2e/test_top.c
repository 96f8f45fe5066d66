/* SPDX-License-Identifier: MIT */
/* fmnistctl top of a real daemon: as text, as JSON, and on a terminal when the daemon dies. */
#include "e2e/harness.h"
#include "e2e/program.h"
#include "e2e/terminal.h"

#include <signal.h>
#include <sys/prctl.h>

/* A daemon with one stream that nobody reads, its ring quite full. */
struct idle {
    struct images images;
    struct daemon d;
    struct fmnist_client *client;
    struct fmnist_stream *stream;
};

static void idle_start(struct idle *t)
{
    images_make(&t->images, 200, 28, 28, 1);
    serve_tiny(&t->d, "workers: 1\nring: 128KiB\n"); /* two slots: it becomes quite full */
    t->client = connect_to(&t->d);
    struct fmnist_spec spec = spec_of("tiny");
    t->stream = open_stream(t->client, &spec);
    ck_assert(daemon_wait_until(rings_are_full, t->client));
}

static void idle_stop(struct idle *t)
{
    fmnist_close(t->stream);
    fmnist_disconnect(t->client);
    daemon_stop(&t->d);
    images_free(&t->images);
}

/* An idle stream must be named as idle, with its ring full, and not as a bottleneck. */
START_TEST(top__nobody_reads__says_so_and_ends_after_a_page)
{
    struct idle t;
    idle_start(&t);
    run_ctl(&said, "--socket %s top --once", t.d.socket);
    ck_assert_int_eq(said.status, 0);
    ck_assert_msg(strstr(said.text, "1 workers 0.0 % busy"), "%s", said.text);
    ck_assert_msg(strstr(said.text, "tiny") && strstr(said.text, "nobody takes batches"), "%s",
                  said.text);
    idle_stop(&t);
}
END_TEST

/* The same for programs: a page is a line, and has what the text has. */
START_TEST(top__json__an_object_a_page)
{
    struct idle t;
    idle_start(&t);
    run_ctl(&said, "--socket %s --json top --pages 2", t.d.socket);
    ck_assert_int_eq(said.status, 0);
    char *line = said.text;
    for (int i = 0; i < 2; i++) {
        char *rest = strchr(line, '\n');
        ck_assert_msg(rest, "%s", said.text);
        *rest++ = 0;
        json_t *page = json_loads(line, 0, NULL);
        ck_assert_msg(page, "no JSON: %s", line);
        ck_assert_int_eq(json_integer_value(json_object_get(page, "pid")), t.d.pid);
        ck_assert(json_is_real(json_object_get(page, "workers_busy")));
        json_t *streams = json_object_get(page, "streams");
        ck_assert_uint_eq(json_array_size(streams), 1);
        const json_t *s = json_array_get(streams, 0);
        ck_assert_str_eq(json_string_value(json_object_get(s, "dataset")), "tiny");
        char name[16];
        prctl(PR_GET_NAME, name);
        ck_assert_str_eq(json_string_value(json_object_get(s, "program")), name);
        ck_assert_ptr_nonnull(
            strstr(json_string_value(json_object_get(s, "command")), "/test_top"));
        ck_assert_int_eq(json_integer_value(json_object_get(s, "batches")), 0);
        ck_assert_int_eq(json_integer_value(json_object_get(s, "batches_ready")),
                         json_integer_value(json_object_get(s, "slots")));
        ck_assert_ptr_nonnull(
            strstr(json_string_value(json_object_get(s, "bottleneck")), "nobody"));
        json_decref(page);
        line = rest;
    }
    ck_assert_str_eq(line, "");
    idle_stop(&t);
}
END_TEST

/* Without a reader it would go on for ever. */
START_TEST(top__nobody_reads_its_output__ends)
{
    struct idle t;
    idle_start(&t);
    run_ctl(&said, "--socket %s top | head -n 1", t.d.socket);
    ck_assert_msg(strstr(said.text, "1 workers"), "%s", said.text);
    ck_assert_msg(strstr(said.text, "writing to standard output: Broken pipe"), "%s", said.text);
    idle_stop(&t);
}
END_TEST

static void start_top(struct terminal *t, const char *kind, const struct daemon *d)
{
    char words[600];
    snprintf(words, sizeof words, "--socket %s top", d->socket);
    terminal_start(t, kind, words);
}

static bool page_is_drawn(void *data)
{
    terminal_read(data, &said);
    return strstr(said.text, "images/s") != NULL;
}

/* What is written on the screen goes with it: the last page and the sentence must come behind, and
 * the terminal must be as it was. */
START_TEST(top__daemon_dies__terminal_restored_then_the_reason)
{
    struct images images;
    struct daemon d;
    struct terminal t;
    images_make(&images, 100, 28, 28, 1);
    serve_tiny(&d, "");
    start_top(&t, "xterm", &d);
    ck_assert(daemon_wait_until(page_is_drawn, &t));
    daemon_kill(&d);
    terminal_end(&t, &said);
    ck_assert_int_eq(said.status, 1);
    const char *restored = strstr(said.text, "\033[?1049l");
    ck_assert_msg(restored && strstr(restored, "images/s") &&
                      strstr(restored, "fmnistctl: top: the daemon, process ") &&
                      strstr(restored, " has ended; its log says why. Now: no daemon at "),
                  "%s", said.text);
    images_free(&images);
}
END_TEST

START_TEST(top__q__ends_well)
{
    struct images images;
    struct daemon d;
    struct terminal t;
    images_make(&images, 100, 28, 28, 1);
    serve_tiny(&d, "");
    start_top(&t, "xterm", &d);
    ck_assert(daemon_wait_until(page_is_drawn, &t));
    ck_assert_int_eq(write(t.main_fd, "q", 1), 1);
    terminal_end(&t, &said);
    ck_assert_int_eq(said.status, 0);
    daemon_stop(&d);
    images_free(&images);
}
END_TEST

/* A signal restores the terminal, and is what ended the program; Ctrl-C is a good end. */
START_TEST(top__signal__terminal_restored)
{
    static const int signals[] = {SIGINT, SIGTERM};
    struct images images;
    struct daemon d;
    struct terminal t;
    images_make(&images, 100, 28, 28, 1);
    serve_tiny(&d, "");
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        *said.text = 0;
        start_top(&t, "xterm", &d);
        ck_assert(daemon_wait_until(page_is_drawn, &t));
        ck_assert_int_eq(kill(t.pid, signals[i]), 0);
        terminal_end(&t, &said);
        ck_assert_int_eq(said.status, signals[i] == SIGINT ? 0 : 128 + signals[i]);
        ck_assert_msg(strstr(said.text, "\033[?1049l"), "signal %d: %s", signals[i], said.text);
    }
    daemon_stop(&d);
    images_free(&images);
}
END_TEST

/* What moves no cursor gets pages one below the other, as a file does. */
START_TEST(top__dumb_terminal__plain_text)
{
    struct images images;
    struct daemon d;
    struct terminal t;
    images_make(&images, 100, 28, 28, 1);
    serve_tiny(&d, "");
    start_top(&t, "dumb", &d);
    ck_assert(daemon_wait_until(page_is_drawn, &t));
    daemon_stop(&d);
    terminal_end(&t, &said);
    ck_assert_int_eq(said.status, 1);
    ck_assert_msg(!strchr(said.text, '\033'), "%s", said.text);
    images_free(&images);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("top");
    TCase *tc = tcase_create("top");
    tcase_set_timeout(tc, 120);
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_add_test(tc, top__nobody_reads__says_so_and_ends_after_a_page);
    tcase_add_test(tc, top__json__an_object_a_page);
    tcase_add_test(tc, top__nobody_reads_its_output__ends);
    tcase_add_test(tc, top__daemon_dies__terminal_restored_then_the_reason);
    tcase_add_test(tc, top__q__ends_well);
    tcase_add_test(tc, top__signal__terminal_restored);
    tcase_add_test(tc, top__dumb_terminal__plain_text);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
