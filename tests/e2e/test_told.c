/* SPDX-License-Identifier: MIT */
/* What a user is told who cannot be served: whose the fault is, and the way out. */
#include "e2e/harness.h"

#include <grp.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define NOBODY 65534
#define GROUP  54321 /* that nobody is in */

static struct daemon d;
static struct images all;
static bool limited;

static void setup(void)
{
    support_setup();
    images_make(&all, 50, 5, 4, 1);
    serve_tiny(&d, "");
}

static void teardown(void)
{
    chmod(support_dir(), 0700);
    if (d.pid)
        daemon_stop(&d);
    images_free(&all);
    support_teardown();
}

static int connect_at(const char *path)
{
    struct fmnist_connect_options o = {.size = sizeof o, .socket = path};
    struct fmnist_client *client = NULL;
    int rc = fmnist_connect(&o, &client);
    fmnist_disconnect(client);
    return rc;
}

/* Each of the words is in the sentence. */
static void must_say(const char *const *words)
{
    for (; *words; words++)
        ck_assert_msg(strstr(fmnist_error(), *words), "\"%s\" has no \"%s\"", fmnist_error(),
                      *words);
}

#define MUST_SAY(...) must_say((const char *const[]){__VA_ARGS__, NULL})

START_TEST(connect__nothing_there__what_is_missing_and_how_to_start)
{
    ck_assert_int_eq(connect_at(support_path("none.sock")), FMNIST_ECONNECT);
    MUST_SAY("none.sock: there is no such socket", "fmnistd -c", "FMNIST_SOCKET");
    ck_assert_int_eq(connect_at(support_path("absent/a.sock")), FMNIST_ECONNECT);
    MUST_SAY("there is no folder", "absent;", "fmnistd -c");
    ck_assert_int_eq(connect_at(support_dir()), FMNIST_ECONNECT);
    MUST_SAY("that is a folder and no socket");
    ck_assert_int_eq(connect_at(d.config), FMNIST_ECONNECT);
    MUST_SAY("that is a file and no socket");
}
END_TEST

START_TEST(connect__daemon_was_killed__its_socket_is_said_to_be_left)
{
    daemon_kill(&d);
    ck_assert_int_eq(connect_at(d.socket), FMNIST_ECONNECT);
    MUST_SAY(d.socket, "is still there, but the daemon that made it has ended", "fmnistd -c");
}
END_TEST

START_TEST(connect__path_too_long__its_length_and_the_limit)
{
    char path[300];
    memset(path, 'x', sizeof path - 1);
    path[0] = '/';
    path[sizeof path - 1] = 0;
    ck_assert_int_eq(connect_at(path), FMNIST_EINVAL);
    MUST_SAY("299 characters", "at most 107", "symbolic link");
    path[108] = 0;
    ck_assert_int_eq(connect_at(path), FMNIST_EINVAL);
    MUST_SAY("108 characters");
    path[107] = 0;
    ck_assert_int_eq(connect_at(path), FMNIST_ECONNECT);
    MUST_SAY("there is no such socket");
}
END_TEST

/* In a child that has no rights over the test's files. */
static void check_denied(const char *const *words)
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        bool dropped = !setgroups(0, NULL) && !setgid(NOBODY) && !setuid(NOBODY);
        int rc = dropped ? connect_at(d.socket) : 0;
        for (; rc == FMNIST_ECONNECT && *words; words++)
            if (!strstr(fmnist_error(), *words))
                break;
        if (*words)
            fprintf(stderr, "%d \"%s\" has no \"%s\"\n", rc, fmnist_error(), *words);
        _exit(*words ? 1 : 0);
    }
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
}

#define CHECK_DENIED(...) check_denied((const char *const[]){__VA_ARGS__, NULL})

/* A daemon that is there is not to be started: who may connect, and who we are. */
START_TEST(connect__no_permission__whose_it_is_and_how_to_get_in)
{
    if (geteuid()) {
        fputs("skipped: only root can ask as somebody else\n", stderr);
        return;
    }
    CHECK_DENIED("no permission to connect to", "the folder", support_dir(), "mode 0700",
                 "run as root", "daemon of your own");
    ck_assert(!chown(support_dir(), 0, GROUP) && !chown(d.socket, 0, GROUP));
    ck_assert_int_eq(chmod(support_dir(), 0710), 0);
    CHECK_DENIED("the folder", "mode 0710", "usermod -aG");
    ck_assert_int_eq(chmod(support_dir(), 0711), 0);
    ck_assert_int_eq(chmod(d.socket, 0600), 0);
    CHECK_DENIED("no permission to connect to", d.socket, "mode 0600", "belongs to user",
                 "this is user", "socket_mode: \"0660\"");
    ck_assert_int_eq(chmod(d.socket, 0660), 0);
    CHECK_DENIED("no permission to connect to", "mode 0660", "usermod -aG", "log in again");
    ck_assert(!chown(d.socket, 0, 0)); /* root's group is not to be joined */
    CHECK_DENIED("no permission to connect to", "group root", "socket_group: GROUP");
}
END_TEST

static void limit_daemon(unsigned descriptors)
{
    struct rlimit limit;
    ck_assert_int_eq(prlimit(d.pid, RLIMIT_NOFILE, NULL, &limit), 0);
    ck_assert(limited || limit.rlim_cur == limit.rlim_max); /* it raised its own */
    limited = true;
    limit.rlim_cur = descriptors;
    ck_assert_int_eq(prlimit(d.pid, RLIMIT_NOFILE, &limit, NULL), 0);
}

/* Whichever descriptor is one too many, a connection's or a ring's, it is the daemon's. */
START_TEST(daemon_out_of_descriptors__any_step__told_as_the_daemons)
{
    struct fmnist_stream *streams[32];
    unsigned opened = 0, used = daemon_descriptors(&d) - 2; /* without . and .. */
    bool at_connect = false, at_open = false;
    for (unsigned more = 1; more <= 8; more++) {
        limit_daemon(used + more);
        int rc = FMNIST_OK;
        for (uint64_t i = 0; !rc && i < 16; i++) {
            struct fmnist_connect_options o = {.size = sizeof o, .socket = d.socket};
            struct fmnist_client *client = NULL;
            rc = fmnist_connect(&o, &client);
            at_connect = at_connect || rc;
            struct fmnist_spec spec = spec_of("tiny");
            spec.order = FMNIST_ORDER_SHUFFLE;
            spec.seed = i; /* a ring of its own */
            spec.transport = i % 2 ? FMNIST_INLINE : FMNIST_SHM;
            if (!rc) {
                rc = fmnist_open(client, &spec, NULL, &streams[opened]);
                at_open = at_open || rc;
                opened += !rc;
            }
            if (rc) {
                must_be(rc, FMNIST_ENOMEM, "connect or open", __FILE__, __LINE__);
                char number[32];
                snprintf(number, sizeof number, "all of the %u ", used + more);
                MUST_SAY("the daemon has", number, "LimitNOFILE", "ulimit -n");
            }
            fmnist_disconnect(client);
        }
        ck_assert_int_ne(rc, FMNIST_OK);
        while (opened)
            fmnist_close(streams[--opened]);
        limit_daemon(1000);
        struct fmnist_client *client = connect_to(&d);
        wait_for_clients(client, 1);
        fmnist_disconnect(client);
    }
    ck_assert(at_connect && at_open);
}
END_TEST

/* The same on this side is said to be this side's, and ends with the shortage. */
START_TEST(client_out_of_descriptors__any_step__told_as_the_clients)
{
    struct fmnist_client *client = connect_to(&d), *other;
    struct fmnist_connect_options o = {.size = sizeof o, .socket = d.socket};
    struct fmnist_spec spec = spec_of("tiny");
    struct fmnist_stream *stream;
    int next = dup(0);
    close(next);
    for (int free = 0; free < 2; free++) {
        struct rlimit before, limit;
        ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
        limit = before;
        limit.rlim_cur = (rlim_t)(next + free);
        ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
        /* Two descriptors, where one fits, or one where none does. */
        int rc = free ? fmnist_open(client, &spec, NULL, &stream) : fmnist_connect(&o, &other);
        char text[512];
        snprintf(text, sizeof text, "%s", fmnist_error());
        ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
        ck_assert_msg(rc == FMNIST_ENOMEM, "%d: %s", rc, text);
        ck_assert_msg(strstr(text, "this process (not the daemon)"), "%s", text);
        ck_assert_msg(strstr(text, "ulimit -n"), "%s", text);
    }
    must(fmnist_open(client, &spec, NULL, &stream));
    fmnist_close(stream);
    fmnist_disconnect(client);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("told");
    TCase *tc = tcase_create("told");
    suite_add_tcase(suite, tc);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, connect__nothing_there__what_is_missing_and_how_to_start);
    tcase_add_test(tc, connect__daemon_was_killed__its_socket_is_said_to_be_left);
    tcase_add_test(tc, connect__path_too_long__its_length_and_the_limit);
    tcase_add_test(tc, connect__no_permission__whose_it_is_and_how_to_get_in);
    tcase_add_test(tc, daemon_out_of_descriptors__any_step__told_as_the_daemons);
    tcase_add_test(tc, client_out_of_descriptors__any_step__told_as_the_clients);
    return support_run(suite);
}
