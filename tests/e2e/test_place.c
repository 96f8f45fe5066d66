/* SPDX-License-Identifier: MIT */
/* The socket's place: who may take it, and what a daemon says that cannot have it. */
#include "e2e/harness.h"

#include <sys/stat.h>

static struct daemon d;
static struct images all;

static void setup(void)
{
    support_setup();
    images_make(&all, 50, 5, 4, 1);
    serve_tiny(&d, "");
}

static void teardown(void)
{
    if (d.pid)
        daemon_stop(&d);
    images_free(&all);
    support_teardown();
}

static void check_it_serves(void)
{
    struct fmnist_client *client = connect_to(&d);
    struct fmnist_spec spec = spec_of("tiny");
    struct fmnist_stream *stream = open_stream(client, &spec);
    struct fmnist_batch b;
    must(fmnist_next(stream, &b));
    fmnist_close(stream);
    fmnist_disconnect(client);
}

/* A second daemon neither takes the first one's socket nor removes it as it goes. */
START_TEST(place__taken_by_a_daemon__the_second_ends_with_69)
{
    static struct daemon second;
    ck_assert_int_eq(daemon_run(&second, d.config), 69);
    ck_assert_msg(strstr(second.log, "another fmnistd serves"), "%s", second.log);
    check_it_serves();
}
END_TEST

/* A killed daemon leaves its socket file: that stops nobody. */
START_TEST(place__left_by_a_killed_daemon__replaced)
{
    for (int i = 0; i < 3; i++) {
        daemon_kill(&d);
        ck_assert_int_eq(access(d.socket, F_OK), 0);
        daemon_restart(&d);
        check_it_serves();
    }
}
END_TEST

/* The user's file of that name is not ours to remove. */
START_TEST(place__a_regular_file__left_alone)
{
    daemon_stop(&d);
    support_write(d.socket, "precious", 8);
    static struct daemon second;
    ck_assert_int_eq(daemon_run(&second, d.config), 1);
    ck_assert_msg(strstr(second.log, "is no socket"), "%s", second.log);
    size_t size;
    char *text = support_read(d.socket, &size);
    ck_assert_str_eq(text, "precious");
    free(text);
}
END_TEST

/* Nobody but the user (and root) gets in, whatever the umask is. */
START_TEST(place__socket__is_the_users_own)
{
    struct stat st;
    ck_assert_int_eq(stat(d.socket, &st), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 0600);
}
END_TEST

START_TEST(config__missing_or_wrong__78)
{
    static struct daemon other;
    ck_assert_int_eq(daemon_run(&other, support_path("absent.yaml")), 78);
    ck_assert_msg(strstr(other.log, "absent.yaml"), "%s", other.log);
    const char *wrong = support_path("wrong.yaml");
    support_write(wrong, "worker: 1\n", 10);
    ck_assert_int_eq(daemon_run(&other, wrong), 78);
    ck_assert_msg(strstr(other.log, "is it \"workers\"?"), "%s", other.log);
    check_it_serves();
}
END_TEST

/* Without a daemon the text says what to do. */
START_TEST(connect__no_daemon__says_how_to_start_one)
{
    daemon_stop(&d);
    struct fmnist_connect_options o = {.size = sizeof o, .socket = d.socket};
    struct fmnist_client *client = (void *)&o;
    ck_assert_int_eq(fmnist_connect(&o, &client), FMNIST_ECONNECT);
    ck_assert_ptr_null(client);
    ck_assert_ptr_nonnull(strstr(fmnist_error(), d.socket));
    ck_assert_ptr_nonnull(strstr(fmnist_error(), "fmnistd -c"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("place");
    TCase *tc = tcase_create("place");
    suite_add_tcase(suite, tc);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, place__taken_by_a_daemon__the_second_ends_with_69);
    tcase_add_test(tc, place__left_by_a_killed_daemon__replaced);
    tcase_add_test(tc, place__a_regular_file__left_alone);
    tcase_add_test(tc, place__socket__is_the_users_own);
    tcase_add_test(tc, config__missing_or_wrong__78);
    tcase_add_test(tc, connect__no_daemon__says_how_to_start_one);
    return support_run(suite);
}
