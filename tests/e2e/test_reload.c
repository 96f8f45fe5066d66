/* SPDX-License-Identifier: MIT */
/* The config read again while streams run: what takes effect, what is refused, what goes on. */
#include "e2e/peer.h"

#include <grp.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define NOBODY  65534
#define STREAMS 8
#define ROUNDS  60 /* each reads one batch of every stream, and every third reloads */

static struct images images;

/* A config of datasets "tiny" and, where asked, "other", both images_make's. */
static void write_config(const struct daemon *d, const char *more, bool with_other)
{
    char text[4096];
    size_t n = (size_t)snprintf(text, sizeof text,
                                "socket: fmnistd.sock\ncache: none\n%sdatasets:\n", more);
    for (int i = 0; i < 1 + with_other; i++)
        n += (size_t)snprintf(text + n, sizeof text - n,
                              "  - name: %s\n    path: %s\n"
                              "    splits: {train: {images: train-images-idx3-ubyte, "
                              "labels: train-labels-idx1-ubyte}}\n",
                              i ? "other" : "tiny", support_dir());
    support_write(d->config, text, n);
}

static void start(struct daemon *d, const char *more, bool with_other)
{
    images_make(&images, 500, 28, 28, 3);
    serve_tiny(d, more);
    if (!with_other)
        return;
    /* Its loop has to run: libtsan may lose a signal that comes before. */
    fmnist_disconnect(connect_to(d));
    daemon_stop(d);
    write_config(d, more, true);
    daemon_restart(d);
}

static void stop(struct daemon *d)
{
    daemon_stop(d);
    images_free(&images);
}

/* Reloads on a connection of its own. */
static int reload(const struct daemon *d, char **text)
{
    struct fmnist_client *client = connect_to(d);
    int rc = fmnist_reload(client, text);
    fmnist_disconnect(client);
    return rc;
}

static void must_reload(const struct daemon *d, const char *want)
{
    char *text;
    must(reload(d, &text));
    ck_assert_msg(strstr(text, want), "\"%s\" is not in: %s", want, text);
    free(text);
}

/* A number of the daemon's status. */
static json_int_t status_number(struct fmnist_client *client, const char *key)
{
    char *text;
    must(fmnist_status(client, &text));
    json_t *status = json_loads(text, 0, NULL);
    free(text);
    json_int_t number = json_integer_value(json_object_get(status, key));
    json_decref(status);
    return number;
}

static json_int_t workers_of(struct fmnist_client *client)
{
    return status_number(client, "workers");
}

/* A client that connects again shows here. */
static json_int_t accepted_by(struct fmnist_client *client)
{
    return status_number(client, "clients_accepted");
}

static struct fmnist_spec spec_number(int i)
{
    struct fmnist_spec spec = spec_of("tiny");
    spec.batch_size = 7 + (uint32_t)i;
    spec.height = spec.width = 32;
    spec.order = FMNIST_ORDER_SHUFFLE;
    spec.seed = (uint64_t)i;
    spec.transport = i % 2 ? FMNIST_INLINE : FMNIST_SHM;
    return spec;
}

/* A worker that ends early or starts late would lose, repeat or mix a chunk. */
START_TEST(reload__workers_change_under_load__every_stream_equals_its_solo_run)
{
    static const int counts[] = {8, 2, 1, 3, 1, 8};
    static uint64_t solo[STREAMS][ROUNDS];
    struct daemon d;
    start(&d, "workers: 1\n", false);
    struct fmnist_client *client = connect_to(&d);
    struct fmnist_stream *streams[STREAMS];
    for (int i = 0; i < STREAMS; i++) {
        struct fmnist_spec spec = spec_number(i);
        struct fmnist_stream *stream = open_stream(client, &spec);
        for (int k = 0; k < ROUNDS; k++)
            solo[i][k] = hash_next(stream);
        fmnist_close(stream);
    }
    for (int i = 0; i < STREAMS; i++) {
        struct fmnist_spec spec = spec_number(i);
        streams[i] = open_stream(client, &spec);
    }
    for (int k = 0; k < ROUNDS; k++) {
        if (k % 3 == 0) {
            int count = counts[k / 3 % 6];
            char line[32];
            snprintf(line, sizeof line, "workers: %d\n", count);
            write_config(&d, line, false);
            char *text;
            must(reload(&d, &text));
            free(text);
            ck_assert_int_eq(workers_of(client), count);
        }
        for (int i = 0; i < STREAMS; i++)
            ck_assert_uint_eq(hash_next(streams[i]), solo[i][k]);
    }
    for (int i = 0; i < STREAMS; i++)
        fmnist_close(streams[i]);
    fmnist_disconnect(client);
    stop(&d);
}
END_TEST

/* A wrong line after right ones must not leave the right ones in force. */
START_TEST(reload__wrong_config__refused_whole_with_its_line)
{
    struct daemon d;
    start(&d, "workers: 2\n", false);
    write_config(&d, "workers: 4\nring: 7\n", false);
    must_be(reload(&d, NULL), FMNIST_EINVAL, "reload", __FILE__, __LINE__);
    ck_assert_msg(strstr(fmnist_error(), "fmnistd.yaml:4: ring"), "%s", fmnist_error());
    struct fmnist_client *client = connect_to(&d);
    ck_assert_int_eq(workers_of(client), 2);
    fmnist_disconnect(client);
    stop(&d);
    ck_assert_msg(strstr(d.log, "reload refused") && strstr(d.log, "fmnistd.yaml:4: ring"), "%s",
                  d.log);
}
END_TEST

/* Who asks may have more to ask: a refusal is an answer, not a hang-up. */
START_TEST(reload__refused__the_connection_goes_on)
{
    struct daemon d;
    start(&d, "", false);
    write_config(&d, "ring: 7\n", false);
    struct fmnist_client *client = connect_to(&d);
    json_int_t accepted = accepted_by(client);
    for (int i = 0; i < 3; i++)
        must_be(fmnist_reload(client, NULL), FMNIST_EINVAL, "reload", __FILE__, __LINE__);
    ck_assert_int_eq(accepted_by(client), accepted);
    write_config(&d, "workers: 3\n", false);
    must(fmnist_reload(client, NULL));
    ck_assert_int_eq(workers_of(client), 3);
    ck_assert_int_eq(accepted_by(client), accepted);
    fmnist_disconnect(client);
    stop(&d);
}
END_TEST

/* What came together with the request that is refused is heard too. */
START_TEST(reload__refused_with_a_request_behind__that_is_answered)
{
    static const uint8_t both[16] = {0, 0, 0, 0, RELOAD, 0, 0, 0, 0, 0, 0, 0, STATUS};
    struct daemon d;
    start(&d, "", false);
    write_config(&d, "ring: 7\n", false);
    int fd = dial_and_greet(&d);
    ck_assert_int_eq(send(fd, both, sizeof both, 0), sizeof both);
    uint8_t frame[1024] = {0};
    ck_assert_int_eq(recv(fd, frame, 8, MSG_WAITALL), 8);
    ck_assert_uint_eq(frame[4], REFUSED);
    ck_assert_uint_lt(little(frame), sizeof frame - 8);
    ck_assert_int_eq(recv(fd, frame + 8, little(frame), MSG_WAITALL), (ssize_t)little(frame));
    ck_assert_int_eq((int)little(frame + 8), FMNIST_EINVAL);
    ck_assert_msg(strstr((char *)frame + 16, "ring"), "%s", frame + 16);
    ck_assert_int_eq(recv(fd, frame, 8, MSG_WAITALL), 8);
    ck_assert_uint_eq(frame[4], STATUS_REPLY);
    close(fd);
    stop(&d);
}
END_TEST

/* In a process of nobody's. Returns whether all is as it should be, and says what is not. */
static bool is_refused_to_nobody(const struct daemon *d)
{
    struct fmnist_connect_options o = {.size = sizeof o, .socket = d->socket};
    struct fmnist_client *client;
    if (setgroups(0, NULL) || setgid(NOBODY) || setuid(NOBODY) || fmnist_connect(&o, &client))
        return false;
    json_int_t accepted = accepted_by(client);
    int rc = fmnist_reload(client, NULL);
    bool ok = rc == FMNIST_EPERM && strstr(fmnist_error(), "only root and the daemon's own user") &&
              accepted_by(client) == accepted;
    if (!ok)
        fprintf(stderr, "reload gives %d: %s\n", rc, fmnist_error());
    fmnist_disconnect(client);
    return ok;
}

/* "You may not" is another thing than a limit, and the connection is as good as before. */
START_TEST(reload__another_user__not_permitted_and_the_connection_goes_on)
{
    if (geteuid()) {
        fputs("skipped: only root can ask as somebody else\n", stderr);
        return;
    }
    struct daemon d;
    start(&d, "workers: 2\n", false);
    ck_assert(!chmod(support_dir(), 0711) && !chmod(d.socket, 0666));
    write_config(&d, "workers: 3\n", false);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        _exit(is_refused_to_nobody(&d) ? 0 : 1);
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
    struct fmnist_client *client = connect_to(&d);
    ck_assert_int_eq(workers_of(client), 2);
    fmnist_disconnect(client);
    ck_assert_int_eq(chmod(support_dir(), 0700), 0);
    stop(&d);
}
END_TEST

/* A dataset that cannot be opened is as good a reason as a wrong line. */
START_TEST(reload__dataset_cannot_be_opened__refused_whole)
{
    struct daemon d;
    start(&d, "workers: 2\n", false);
    write_config(&d, "workers: 3\n", true);
    ck_assert_int_eq(unlink(support_path("train-labels-idx1-ubyte")), 0);
    must_be(reload(&d, NULL), FMNIST_ENOENT, "reload", __FILE__, __LINE__);
    ck_assert_msg(strstr(fmnist_error(), "train-labels"), "%s", fmnist_error());
    struct fmnist_client *client = connect_to(&d);
    ck_assert_int_eq(workers_of(client), 2);
    fmnist_disconnect(client);
    stop(&d);
}
END_TEST

/* The removed dataset's memory must outlive the streams on it, and no new stream may get it. */
START_TEST(reload__dataset_removed_in_use__its_stream_goes_on)
{
    struct daemon d;
    start(&d, "", true);
    struct fmnist_client *client = connect_to(&d);
    struct fmnist_spec spec = spec_of("other");
    spec.dtype = FMNIST_UINT8;
    spec.resize = FMNIST_RESIZE_NONE;
    spec.batch_size = 8;
    struct fmnist_stream *stream = open_stream(client, &spec), *second;
    write_config(&d, "", false);
    must_reload(&d, "dataset \"other\": removed");
    must_be(fmnist_open(client, &spec, NULL, &second), FMNIST_ENOENT, "open", __FILE__, __LINE__);
    for (int k = 0; k < 300; k++) { /* several epochs, many times the ring */
        struct fmnist_batch b;
        if (fmnist_next(stream, &b) == FMNIST_END_OF_EPOCH)
            continue;
        check_bytes(&images, &b);
        must(fmnist_release(stream, &b));
    }
    fmnist_close(stream);
    write_config(&d, "", true);
    must_reload(&d, "dataset \"other\": added");
    stream = open_stream(client, &spec);
    hash_next(stream);
    fmnist_close(stream);
    fmnist_disconnect(client);
    stop(&d);
}
END_TEST

/* The socket cannot move under its clients: it is said, and what can change does. */
START_TEST(reload__socket_changed__said_and_the_rest_in_force)
{
    struct daemon d;
    start(&d, "workers: 2\n", false);
    char *config = support_read(d.config, NULL), text[4096];
    snprintf(text, sizeof text, "socket: moved.sock\nworkers: 3\n%s", strstr(config, "cache:"));
    free(config);
    char *old_workers = strstr(text, "workers: 2\n");
    memset(old_workers, '#', strlen("workers: 2"));
    support_write(d.config, text, strlen(text));
    must_reload(&d, "socket: needs a restart");
    struct fmnist_client *client = connect_to(&d);
    ck_assert_int_eq(workers_of(client), 3);
    fmnist_disconnect(client);
    stop(&d);
}
END_TEST

static bool has_five_workers(void *client)
{
    return workers_of(client) == 5;
}

START_TEST(reload__sighup__takes_effect)
{
    struct daemon d;
    start(&d, "workers: 1\n", false);
    write_config(&d, "workers: 5\n", false);
    ck_assert_int_eq(kill(d.pid, SIGHUP), 0);
    struct fmnist_client *client = connect_to(&d);
    ck_assert(daemon_wait_until(has_five_workers, client));
    fmnist_disconnect(client);
    stop(&d);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("reload");
    TCase *tc = tcase_create("reload");
    tcase_set_timeout(tc, 120);
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_add_test(tc, reload__workers_change_under_load__every_stream_equals_its_solo_run);
    tcase_add_test(tc, reload__wrong_config__refused_whole_with_its_line);
    tcase_add_test(tc, reload__refused__the_connection_goes_on);
    tcase_add_test(tc, reload__refused_with_a_request_behind__that_is_answered);
    tcase_add_test(tc, reload__another_user__not_permitted_and_the_connection_goes_on);
    tcase_add_test(tc, reload__dataset_cannot_be_opened__refused_whole);
    tcase_add_test(tc, reload__dataset_removed_in_use__its_stream_goes_on);
    tcase_add_test(tc, reload__socket_changed__said_and_the_rest_in_force);
    tcase_add_test(tc, reload__sighup__takes_effect);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
