/* SPDX-License-Identifier: MIT */
/* How many daemons one call asks. The daemons are a thread of this file: each takes a connection in
 * and ends; the first one, where that is wanted, only once it has greeted. */
#include "fmnist.h"
#include "support/support.h"
#include "wire/message.h"
#include "wire/socket.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct {
    int listener;
    bool greets;   /* the first of them */
    int alive;     /* so many in all, and then nobody listens; 0: no end */
    int connected; /* of the thread; read once that has ended */
    pthread_t thread;
    char path[108];
} fake;

static void greet(int fd)
{
    static const uint8_t welcome[9] = {WIRE_VERSION, 0, 0, 0, 1, 0, 0, 0, '0'};
    uint8_t hello[256], frame[WIRE_HEAD_SIZE + sizeof welcome];
    if (socket_receive(fd, hello, sizeof hello) <= 0)
        return;
    wire_put_head(frame, WIRE_WELCOME, sizeof welcome);
    memcpy(frame + WIRE_HEAD_SIZE, welcome, sizeof welcome);
    struct iovec part = {frame, sizeof frame};
    socket_send(fd, &part, 1);
    (void)socket_receive(fd, hello, sizeof hello); /* what is asked behind it */
}

static void *serve(void *unused)
{
    int fd;
    while ((fd = accept4(fake.listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
        if (!fake.connected++ && fake.greets)
            greet(fd);
        if (fake.connected == fake.alive)
            unlink(fake.path);
        close(fd);
    }
    return unused;
}

static void start(bool greets, int alive)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    snprintf(fake.path, sizeof fake.path, "%s/s", support_dir());
    snprintf(a.sun_path, sizeof a.sun_path, "%s", fake.path);
    fake.greets = greets;
    fake.alive = alive;
    fake.connected = 0;
    fake.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(fake.listener, (struct sockaddr *)&a, sizeof a), 0);
    ck_assert_int_eq(listen(fake.listener, 16), 0);
    ck_assert_int_eq(pthread_create(&fake.thread, NULL, serve, NULL), 0);
}

/* Returns how many were asked. */
static int stop(void)
{
    shutdown(fake.listener, SHUT_RDWR);
    pthread_join(fake.thread, NULL);
    close(fake.listener);
    unlink(fake.path);
    return fake.connected;
}

static struct fmnist_connect_options options(void)
{
    return (struct fmnist_connect_options){
        .size = sizeof(struct fmnist_connect_options), .socket = fake.path, .timeout_ms = 5000};
}

START_TEST(connect__each_one_ends__the_first_and_two_more)
{
    start(false, 0);
    struct fmnist_connect_options o = options();
    struct fmnist_client *client;
    ck_assert_int_eq(fmnist_connect(&o, &client), FMNIST_EDEAD);
    ck_assert_int_eq(stop(), 3);
}
END_TEST

/* A call connects and asks: both are the same call's, and have its three tries together. */
START_TEST(status_and_open__each_one_ends__the_first_and_two_more)
{
    for (int opens = 0; opens < 2; opens++) {
        start(true, 0);
        struct fmnist_connect_options o = options();
        struct fmnist_client *client;
        struct fmnist_stream *stream;
        struct fmnist_spec spec;
        char *json;
        fmnist_spec_init(&spec);
        ck_assert_msg(fmnist_connect(&o, &client) == FMNIST_OK, "%s", fmnist_error());
        int rc = opens ? fmnist_open(client, &spec, NULL, &stream) : fmnist_status(client, &json);
        ck_assert_msg(rc == FMNIST_EDEAD, "%d %s", rc, fmnist_error());
        fmnist_disconnect(client);
        ck_assert_int_eq(stop(), 3);
    }
}
END_TEST

/* Where nobody is there any more, nobody is asked again, and the end is what is told. */
START_TEST(status__nobody_is_left__what_the_first_one_s_end_was)
{
    start(true, 2);
    struct fmnist_connect_options o = options();
    struct fmnist_client *client;
    char *json;
    ck_assert_msg(fmnist_connect(&o, &client) == FMNIST_OK, "%s", fmnist_error());
    ck_assert_int_eq(fmnist_status(client, &json), FMNIST_EDEAD);
    ck_assert_ptr_null(strstr(fmnist_error(), "no daemon at"));
    fmnist_disconnect(client);
    ck_assert_int_eq(stop(), 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("client/next_daemon");
    TCase *tc = tcase_create("next_daemon");
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, connect__each_one_ends__the_first_and_two_more);
    tcase_add_test(tc, status_and_open__each_one_ends__the_first_and_two_more);
    tcase_add_test(tc, status__nobody_is_left__what_the_first_one_s_end_was);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
