/* SPDX-License-Identifier: MIT */
/* Connections are taken in, or not for a while; and the files that others find the daemon by. */
#include "server/acceptor.h"

#include "base/io.h"
#include "config/config.h"
#include "support/support.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static uv_loop_t loop;
static struct config config;
static struct accounts accounts;
static struct services services;
static struct session_protocol protocol;
static struct sessions sessions;
static struct acceptor acceptor;
static const struct listener_access only_us = {0600, CONFIG_OWN_GROUP};
static struct err e;
static char path[108];

static void setup(void)
{
    uv_loop_init(&loop); /* keeps two descriptors for the process */
    uv_loop_close(&loop);
    support_setup();
    log_set_level(LOG_LEVEL_ERROR);
    ck_assert_int_eq(uv_loop_init(&loop), 0);
    config =
        (struct config){.limits = {.clients = 100, .clients_per_user = 100, .handshake_ms = 60000}};
    services = (struct services){.loop = &loop, .config = &config, .accounts = &accounts};
    sessions = (struct sessions){.services = &services, .protocol = &protocol};
    snprintf(path, sizeof path, "%s", support_path("run/d.sock"));
    acceptor = (struct acceptor){.spare_fd = -1};
    ck_assert_int_eq(listener_open(&acceptor.listener, path, only_us, &e), 0);
    ck_assert_int_eq(acceptor_start(&acceptor, &sessions, &e), 0);
}

static void teardown(void)
{
    acceptor_close(&acceptor);
    while (sessions.first)
        session_end(sessions.first);
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
    log_set_level(LOG_LEVEL_INFO);
    support_teardown();
}

/* Returns the client's end, or -1. */
static int dial(void)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    strcpy(a.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    ck_assert_int_ge(fd, 0);
    if (connect(fd, (struct sockaddr *)&a, sizeof a) < 0)
        fd_close(&fd);
    return fd;
}

static void turn(int times)
{
    while (times--)
        uv_run(&loop, UV_RUN_NOWAIT);
}

/* Clients of which the daemon has as many as there are, and one more was taken in. */
static void expect_served(uint32_t before)
{
    int client = dial();
    ck_assert_int_ge(client, 0);
    turn(2);
    ck_assert_uint_eq(sessions.count, before + 1);
    fd_close(&client);
    turn(2);
    ck_assert_uint_eq(sessions.count, before);
}

/* The backlog called the loop again at once, for ever. */
START_TEST(acceptor__spare_descriptor_lost__pauses_and_goes_on)
{
    struct rlimit limit, none;
    int clients[3] = {dial(), dial(), dial()};
    int free_fd = dup(clients[0]);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = limit;
    none.rlim_cur = (rlim_t)free_fd;
    fd_close(&free_fd);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    int taken = dup(acceptor.spare_fd);
    ck_assert_int_eq(taken, -1);
    fd_close(&acceptor.spare_fd);
    taken = dup(clients[0]); /* as any thread may */
    turn(3);
    ck_assert(acceptor.paused);
    ck_assert_uint_eq(sessions.count, 0);
    uint64_t refused = sessions.refused;
    turn(100);
    ck_assert_uint_eq(sessions.refused, refused);
    acceptor_look(&acceptor);
    ck_assert(acceptor.paused);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    acceptor_look(&acceptor);
    ck_assert(!acceptor.paused);
    turn(2);
    ck_assert_uint_eq(sessions.count, 3);
    fd_close(&taken);
    for (int i = 0; i < 3; i++)
        fd_close(&clients[i]);
}
END_TEST

/* A cleaner takes the socket, the lock, both, or the folder with them. */
START_TEST(listener_look__files_gone__made_again_and_nobody_lost)
{
    char lock[116];
    snprintf(lock, sizeof lock, "%s.lock", path);
    ck_assert_int_eq(listener_look(&acceptor.listener, &e), 0);
    expect_served(0);
    int early = dial(); /* before they are gone, and not taken in yet */
    if (_i != 1)
        ck_assert_int_eq(unlink(path), 0);
    if (_i >= 1)
        ck_assert_int_eq(unlink(lock), 0);
    if (_i == 3)
        ck_assert_int_eq(rmdir(support_path("run")), 0);
    ck_assert_int_eq(listener_look(&acceptor.listener, &e), LISTENER_RENEWED);
    ck_assert_msg(!strstr(e.text, "socket file") == (_i == 1), "%s", e.text);
    ck_assert_msg(!strstr(e.text, "lock file") == (_i == 0), "%s", e.text);
    ck_assert_int_eq(listener_look(&acceptor.listener, &e), 0);
    turn(2);
    ck_assert_uint_eq(sessions.count, 1);
    expect_served(1);
    fd_close(&early);
    struct listener second;
    ck_assert_int_eq(listener_open(&second, path, only_us, &e), -EADDRINUSE);
}
END_TEST

/* The path is another daemon's then: it is not taken from it, nor is its socket removed. */
START_TEST(listener_look__another_daemon_took_the_path__left_to_it)
{
    struct listener second;
    char lock[116];
    int client = dial();
    turn(2);
    snprintf(lock, sizeof lock, "%s.lock", path);
    ck_assert(unlink(path) == 0 && unlink(lock) == 0);
    ck_assert_int_eq(listener_open(&second, path, only_us, &e), 0);
    ck_assert_int_eq(listener_look(&acceptor.listener, &e), -EADDRINUSE);
    ck_assert_msg(strstr(e.text, "nobody can connect to"), "%s", e.text);
    ck_assert_uint_eq(sessions.count, 1);
    acceptor_close(&acceptor);
    ck_assert_int_eq(access(path, F_OK), 0);
    listener_close(&second);
    ck_assert_int_ne(access(path, F_OK), 0);
    fd_close(&client);
}
END_TEST

/* The new socket's file was there then, and behind it nobody: no look found it missing again. */
START_TEST(listener_look__new_socket_cannot_be_put_in_place__told_and_made_again)
{
    struct rlimit limit, none;
    int saved = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0); /* its number is the one that is free */
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = limit;
    none.rlim_cur = (rlim_t)acceptor.listener.fd; /* no descriptor gets that number any more */
    close(STDIN_FILENO);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    int rc[2];
    for (int i = 0; i < 2; i++)
        rc[i] = listener_look(&acceptor.listener, &e);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    if (saved >= 0)
        dup2(saved, STDIN_FILENO);
    fd_close(&saved);
    ck_assert_int_eq(rc[0], -EBADF);
    ck_assert_int_eq(rc[1], -EBADF);
    ck_assert_msg(strstr(e.text, "nobody can connect to") &&
                      strstr(e.text, "in the old one's place"),
                  "%s", e.text);
    ck_assert_int_ne(access(path, F_OK), 0);
    ck_assert_int_eq(listener_look(&acceptor.listener, &e), LISTENER_RENEWED);
    expect_served(0);
}
END_TEST

/* A file of somebody's is not ours to remove, and is told until it is gone. */
START_TEST(listener_look__file_in_the_socket_s_place__left_alone)
{
    ck_assert_int_eq(unlink(path), 0);
    support_write(path, "mine", 4);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(listener_look(&acceptor.listener, &e), -EEXIST);
    size_t size;
    free(support_read(path, &size));
    ck_assert_uint_eq(size, 4);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(listener_look(&acceptor.listener, &e), LISTENER_RENEWED);
    expect_served(0);
}
END_TEST

/* What lies under the name that the socket is made by. */
START_TEST(listener_open__something_at_the_new_socket_s_name__replaced_or_told)
{
    struct listener second;
    char at[108], new[116];
    snprintf(at, sizeof at, "%s", support_path("second.sock"));
    snprintf(new, sizeof new, "%s.new", at);
    support_write(new, "left", 4);
    ck_assert_int_eq(listener_open(&second, at, only_us, &e), 0);
    listener_close(&second);
    ck_assert_int_eq(mkdir(new, 0700), 0);
    ck_assert_int_eq(listener_open(&second, at, only_us, &e), -EEXIST);
    ck_assert_msg(strstr(e.text, "second.sock.new exists and is a folder"), "%s", e.text);
    ck_assert_int_eq(rmdir(new), 0);
}
END_TEST

/* The group that may connect: on the file, also when it is made again, and on the way to it. */
START_TEST(listener_open__group__has_the_socket_and_comes_to_it)
{
    struct listener second;
    struct stat st;
    uint32_t gid = geteuid() ? getegid() : 4711;
    char at[108];
    snprintf(at, sizeof at, "%s", support_path("shared/d.sock"));
    ck_assert_int_eq(listener_open(&second, at, (struct listener_access){0660, gid}, &e), 0);
    ck_assert_int_eq(stat(at, &st), 0);
    ck_assert_uint_eq(st.st_gid, gid);
    ck_assert_uint_eq(st.st_mode & 07777, 0660);
    ck_assert_int_eq(stat(support_path("shared"), &st), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 0711);
    ck_assert_int_eq(stat(support_path("run"), &st), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 0700);
    listener_close(&second);
}
END_TEST

/* As somebody who is not in it. Nothing of the attempt is left. */
START_TEST(listener_open__group_of_others__told_how_it_may_be)
{
    struct listener second;
    char at[108];
    snprintf(at, sizeof at, "%s", support_path("d.sock"));
    ck_assert_int_eq(chmod(support_dir(), 0777), 0);
    if (geteuid() == 0)
        ck_assert_int_eq(seteuid(12345), 0);
    int rc = listener_open(&second, at, (struct listener_access){0660, 4711}, &e);
    if (getuid() == 0)
        ck_assert_int_eq(seteuid(0), 0);
    ck_assert_int_eq(rc, -EPERM);
    ck_assert_msg(strstr(e.text, "group of number 4711") && strstr(e.text, "usermod -aG"), "%s",
                  e.text);
    ck_assert_int_ne(access(at, F_OK), 0);
    ck_assert_int_ne(access(support_path("d.sock.new"), F_OK), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("server/acceptor");
    TCase *tc = tcase_create("acceptor");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, acceptor__spare_descriptor_lost__pauses_and_goes_on);
    tcase_add_loop_test(tc, listener_look__files_gone__made_again_and_nobody_lost, 0, 4);
    tcase_add_test(tc, listener_look__another_daemon_took_the_path__left_to_it);
    tcase_add_test(tc, listener_look__new_socket_cannot_be_put_in_place__told_and_made_again);
    tcase_add_test(tc, listener_look__file_in_the_socket_s_place__left_alone);
    tcase_add_test(tc, listener_open__something_at_the_new_socket_s_name__replaced_or_told);
    tcase_add_test(tc, listener_open__group__has_the_socket_and_comes_to_it);
    tcase_add_test(tc, listener_open__group_of_others__told_how_it_may_be);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
