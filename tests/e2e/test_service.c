/* SPDX-License-Identifier: MIT */
/* What a service manager and its journal have of a daemon. */
#include "e2e/harness.h"
#include "faults/started.h"

#include <fcntl.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

static struct images images;
static struct daemon d;

/* What libc keeps of a changed environment is no leak of a test. */
static void setup(void)
{
    static const char *const names[] = {"JOURNAL_STREAM", "NOTIFY_SOCKET", "WATCHDOG_USEC"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        setenv(names[i], "", 1);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unsetenv(names[i]);
    support_setup();
    memset(&d, 0, sizeof d);
    images_make(&images, 100, 8, 8, 1);
}

static void teardown(void)
{
    images_free(&images);
    unsetenv("JOURNAL_STREAM");
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    daemon_pass_socket(-1, 0);
    support_teardown();
}

static void refused(struct fmnist_client *client, const struct fmnist_spec *spec, int want)
{
    struct fmnist_stream *stream;
    must_be(fmnist_open(client, spec, NULL, &stream), want, "open", __FILE__, __LINE__);
}

/* `journalctl -p warning` is what an administrator looks at: limits, and no client's mistakes. */
START_TEST(log__client_refused__limits_are_warnings_and_mistakes_are_not)
{
    serve_tiny(&d, "ring: 64KiB\nlimits: {ring_bytes: 64KiB}\n");
    struct fmnist_client *client = connect_to(&d);
    struct fmnist_spec large = spec_of("tiny"), wrong = spec_of("mars");
    large.height = large.width = 64;
    refused(client, &large, FMNIST_ELIMIT);
    refused(client, &wrong, FMNIST_ENOENT);
    fmnist_disconnect(client);
    daemon_stop(&d);
    const char *limit = strstr(d.log, "limits.ring_bytes allows");
    const char *mistake = strstr(d.log, "no dataset \"mars\"");
    const char *warning = strstr(d.log, " warning: client "),
               *info = strstr(d.log, " info: client ");
    ck_assert_msg(limit && mistake && warning && info, "%s", d.log);
    ck_assert_msg(warning < limit && limit < info && info < mistake, "%s", d.log);
    ck_assert_msg(!strstr(limit, " warning: "), "%s", d.log);
}
END_TEST

/* What is said before there is a log was told to the journal as any service's chatter. */
START_TEST(log__config_is_wrong__the_journal_has_an_error)
{
    static char stream[64]; /* setenv(3) would keep a copy for ever */
    const char *config = support_path("wrong.yaml"), *journal = support_path("journal");
    struct stat st;
    char want[256], *said;
    support_write(config, "datasets: 5\n", 12);
    int fd = open(journal, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    ck_assert(fd >= 0 && fstat(fd, &st) == 0);
    for (int by_hand = 0; by_hand < 2; by_hand++) {
        snprintf(stream, sizeof stream, "JOURNAL_STREAM=%llu:%llu", (unsigned long long)st.st_dev,
                 (unsigned long long)st.st_ino + (unsigned)by_hand);
        putenv(stream);
        ck_assert(ftruncate(fd, 0) == 0 && lseek(fd, 0, SEEK_SET) == 0);
        int status = end_of(start_daemon(config, fd));
        ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 78, "%#x", (unsigned)status);
        said = support_read(journal, NULL);
        snprintf(want, sizeof want, "%s%s:1: datasets is", by_hand ? "fmnistd: " : "<3>", config);
        ck_assert_msg(strncmp(said, want, strlen(want)) == 0, "\"%s\", want \"%s\"", said, want);
        free(said);
    }
    close(fd);
}
END_TEST

/* ---- a socket that the service manager made ------------------------------------------------- */

/* As ListenStream= makes it. */
static int listen_at(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    ck_assert_int_eq(listen(fd, 128), 0);
    return fd;
}

/* Where the daemons of this test listen, too. */
static int pass_listening(void)
{
    int fd = listen_at(support_path("fmnistd.sock"));
    daemon_pass_socket(fd, 1);
    return fd;
}

static ino_t inode_of(const char *path)
{
    struct stat st;
    ck_assert_int_eq(stat(path, &st), 0);
    return st.st_ino;
}

/* A client's calls are made by a thread of their own, and their result is looked at by the test's.
 */
struct caller {
    pthread_t thread;
    char socket[512];
    _Atomic bool ending;
    _Atomic unsigned served;
    _Atomic int rc;
    char text[512];
};

/* Connects and asks; then once more, until it is to end. */
static void *call(void *data)
{
    struct caller *c = data;
    struct fmnist_connect_options o = {
        .size = sizeof o, .socket = c->socket, .timeout_ms = DAEMON_PATIENCE_MS};
    do {
        struct fmnist_client *client = NULL;
        struct fmnist_datasets *sets = NULL;
        c->rc = fmnist_connect(&o, &client);
        if (!c->rc)
            c->rc = fmnist_datasets(client, &sets);
        if (c->rc)
            snprintf(c->text, sizeof c->text, "after %u: %s", c->served, fmnist_error());
        else
            c->served++;
        fmnist_datasets_free(sets);
        fmnist_disconnect(client);
    } while (!c->rc && !c->ending);
    return NULL;
}

static void call_begin(struct caller *c)
{
    snprintf(c->socket, sizeof c->socket, "%s", support_path("fmnistd.sock"));
    ck_assert_int_eq(pthread_create(&c->thread, NULL, call, c), 0);
}

static void call_end(struct caller *c)
{
    c->ending = true;
    ck_assert_int_eq(pthread_join(c->thread, NULL), 0);
    ck_assert_msg(c->rc == FMNIST_OK, "%d %s", c->rc, c->text);
}

/* The first client is what starts the daemon; and the socket is there when it has gone. */
START_TEST(passed_socket__client_before_the_daemon__served_and_socket_stays)
{
    static struct caller c;
    int fd = pass_listening();
    ino_t inode = inode_of(support_path("fmnistd.sock"));
    c = (struct caller){.ending = true};
    call_begin(&c);
    struct pollfd p = {.fd = fd, .events = POLLIN};
    ck_assert_int_eq(poll(&p, 1, DAEMON_PATIENCE_MS), 1);
    serve_tiny(&d, "");
    call_end(&c);
    ck_assert_uint_eq(c.served, 1);
    daemon_stop(&d);
    ck_assert_uint_eq(inode_of(support_path("fmnistd.sock")), inode);
    close(fd);
}
END_TEST

static bool was_served_since(void *data)
{
    const struct caller *c = data;
    return c->rc || c->served >= 3;
}

/* An upgrade: who reads goes on with the next batch, and who connects meanwhile waits. */
START_TEST(passed_socket__daemon_replaced__nobody_is_refused)
{
    static struct caller c;
    int fd = pass_listening();
    struct fmnist_spec spec = spec_of("tiny");
    struct fmnist_connect_options o = {.size = sizeof o, .timeout_ms = DAEMON_PATIENCE_MS};
    struct fmnist_client *client;
    spec.dtype = FMNIST_UINT8;
    spec.batch_size = 10;
    serve_tiny(&d, "");
    o.socket = d.socket;
    must(fmnist_connect(&o, &client));
    struct fmnist_stream *stream = open_stream(client, &spec);
    c = (struct caller){.rc = FMNIST_OK};
    call_begin(&c);
    uint64_t batches = 0;
    for (int i = 0; i < 5; i++) {
        c.served = 0;
        ck_assert(daemon_wait_until(was_served_since, &c));
        daemon_stop(&d);
        daemon_restart(&d);
        for (int k = 0; k < 7;) {
            struct fmnist_batch b;
            int rc = fmnist_next(stream, &b);
            if (rc == FMNIST_END_OF_EPOCH)
                continue;
            must(rc);
            ck_assert_uint_eq(b.epoch * 10 + b.step, batches++);
            check_bytes(&images, &b);
            must(fmnist_release(stream, &b));
            k++;
        }
    }
    call_end(&c);
    fmnist_close(stream);
    fmnist_disconnect(client);
    daemon_stop(&d);
    close(fd);
}
END_TEST

/* What the config says otherwise is told, and a reload does not bring it back. */
START_TEST(passed_socket__config_names_another__said_and_the_passed_one_served)
{
    int fd = listen_at(support_path("other.sock"));
    daemon_pass_socket(fd, 1);
    ck_assert_int_eq(chmod(support_path("other.sock"), 0600), 0);
    serve_tiny(&d, "socket_mode: 0660\n");
    ck_assert_msg(strstr(d.log, " warning: socket is "), "%s", d.log);
    ck_assert_msg(strstr(d.log, "other.sock: that is served"), "%s", d.log);
    ck_assert_msg(strstr(d.log, " warning: who may connect to "), "%s", d.log);
    ck_assert_int_ne(access(d.socket, F_OK), 0);
    snprintf(d.socket, sizeof d.socket, "%s", support_path("other.sock"));
    struct fmnist_client *client = connect_to(&d);
    char *text;
    must(fmnist_reload(client, &text));
    ck_assert_str_eq(text, "nothing changed\n");
    free(text);
    fmnist_disconnect(client);
    daemon_stop(&d);
    ck_assert_int_eq(access(d.socket, F_OK), 0);
    close(fd);
}
END_TEST

/* A name beside it, which a socket of our own is made under first, is of no concern here. */
START_TEST(passed_socket__path_longer_than_one_of_our_own__served_and_reloaded)
{
    struct sockaddr_un a;
    const size_t longest = sizeof a.sun_path - 1, length = longest - (size_t)_i;
    char path[sizeof a.sun_path], *text;
    memset(path, 'x', sizeof path);
    memcpy(path, support_path("%s", ""), strlen(support_path("%s", "")));
    path[length] = 0;
    int fd = listen_at(path);
    daemon_pass_socket(fd, 1);
    serve_tiny(&d, "");
    ck_assert_msg(strstr(d.log, "that is served"), "%s", d.log);
    snprintf(d.socket, sizeof d.socket, "%s", path);
    struct fmnist_client *client = connect_to(&d);
    must(fmnist_reload(client, &text));
    ck_assert_str_eq(text, "nothing changed\n");
    free(text);
    fmnist_disconnect(client);
    daemon_stop(&d);
    close(fd);
}
END_TEST

START_TEST(passed_socket__not_one_that_listens_at_a_path__refused_with_what_is_wanted)
{
    static const char *const wants[] = {"no listening Unix stream socket", "passes 2 sockets"};
    int ends[2], fd = listen_at(support_path("listens.sock"));
    serve_tiny(&d, ""); /* for its config */
    daemon_stop(&d);
    char config[512];
    snprintf(config, sizeof config, "%s", d.config);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    for (int i = 0; i < 2; i++) {
        daemon_pass_socket(i ? fd : ends[0], i + 1);
        ck_assert_int_eq(daemon_run(&d, config), 1);
        ck_assert_msg(strstr(d.log, wants[i]), "%s", d.log);
    }
    close(ends[0]);
    close(ends[1]);
    close(fd);
}
END_TEST

/* ---- what the service manager hears --------------------------------------------------------- */

/* Waits for a datagram; others may come before. */
static void hear(int fd, const char *word)
{
    char heard[128] = "";
    struct pollfd p = {.fd = fd, .events = POLLIN};
    while (strncmp(heard, word, strlen(word)) != 0) {
        ck_assert_msg(poll(&p, 1, DAEMON_PATIENCE_MS) == 1, "no %s; the last: %s", word, heard);
        ssize_t n = recv(fd, heard, sizeof heard - 1, 0);
        ck_assert_int_gt(n, 0);
        heard[n] = 0;
    }
}

START_TEST(notify__start_reload_and_end__each_said_and_alive_meanwhile)
{
    static char variable[256], watchdog[] = "WATCHDOG_USEC=20000";
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    snprintf(a.sun_path, sizeof a.sun_path, "%s", support_path("notify"));
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ck_assert(fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof a) == 0);
    snprintf(variable, sizeof variable, "NOTIFY_SOCKET=%s", a.sun_path);
    putenv(variable);
    putenv(watchdog);
    serve_tiny(&d, "");
    hear(fd, "READY=1");
    hear(fd, "WATCHDOG=1");
    hear(fd, "WATCHDOG=1");
    ck_assert_int_eq(kill(d.pid, SIGHUP), 0);
    hear(fd, "RELOADING=1\nMONOTONIC_USEC=");
    hear(fd, "READY=1");
    /* One that is refused ends, too. */
    support_write(d.config, "nothing", 7);
    ck_assert_int_eq(kill(d.pid, SIGHUP), 0);
    hear(fd, "RELOADING=1\nMONOTONIC_USEC=");
    hear(fd, "READY=1");
    hear(fd, "WATCHDOG=1");
    daemon_stop(&d);
    hear(fd, "STOPPING=1");
    close(fd);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("service");
    TCase *tc = tcase_create("service");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, log__client_refused__limits_are_warnings_and_mistakes_are_not);
    tcase_add_test(tc, log__config_is_wrong__the_journal_has_an_error);
    tcase_add_test(tc, passed_socket__client_before_the_daemon__served_and_socket_stays);
    tcase_add_test(tc, passed_socket__daemon_replaced__nobody_is_refused);
    tcase_add_test(tc, passed_socket__config_names_another__said_and_the_passed_one_served);
    tcase_add_loop_test(tc, passed_socket__path_longer_than_one_of_our_own__served_and_reloaded, 0,
                        6);
    tcase_add_test(tc, passed_socket__not_one_that_listens_at_a_path__refused_with_what_is_wanted);
    tcase_add_test(tc, notify__start_reload_and_end__each_said_and_alive_meanwhile);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
