/* SPDX-License-Identifier: MIT */
/* What a client costs the daemon: how many connections, as its counters have them. */
#include "e2e/harness.h"

static struct daemon d;
static struct images all;
static struct fmnist_client *watcher;

static void setup(void)
{
    support_setup();
    images_make(&all, 103, 5, 4, 1);
    serve_tiny(&d, "workers: 2\n");
    watcher = connect_to(&d);
}

static void teardown(void)
{
    fmnist_disconnect(watcher);
    if (d.pid)
        daemon_stop(&d);
    images_free(&all);
    support_teardown();
}

static struct fmnist_spec small_spec(uint32_t transport)
{
    struct fmnist_spec spec = spec_of("tiny");
    spec.dtype = FMNIST_UINT8;
    spec.transport = transport;
    return spec;
}

static void read_one(struct fmnist_stream *stream)
{
    struct fmnist_batch b;
    must(fmnist_next(stream, &b));
    check_bytes(&all, &b);
    must(fmnist_release(stream, &b));
}

/* A trainer is one connection: its stream takes its client's, which makes another one only when it
 * is asked for more. */
START_TEST(open__first_stream__takes_the_clients_connection)
{
    struct fmnist_spec spec = small_spec(_i ? FMNIST_INLINE : FMNIST_SHM);
    struct fmnist_client *client = connect_to(&d);
    wait_for_clients(watcher, 2);
    struct fmnist_stream *first = open_stream(client, &spec);
    ck_assert_uint_eq(counts_of(watcher).clients, 2);
    struct fmnist_datasets *sets;
    must(fmnist_datasets(client, &sets));
    fmnist_datasets_free(sets);
    ck_assert_uint_eq(counts_of(watcher).clients, 3);
    struct fmnist_stream *second = open_stream(client, &spec), *third = open_stream(client, &spec);
    ck_assert_uint_eq(counts_of(watcher).clients, 4);
    fmnist_disconnect(client);
    ck_assert_uint_eq(counts_of(watcher).clients, 4);
    read_one(first);
    read_one(second);
    read_one(third);
    fmnist_close(second);
    wait_for_clients(watcher, 3);
    read_one(first);
    fmnist_close(first);
    fmnist_close(third);
    wait_for_clients(watcher, 1);
}
END_TEST

/* A refusal ends the connection that it came on, which is nothing to the caller. */
START_TEST(open__refused__client_goes_on)
{
    struct fmnist_spec spec = small_spec(FMNIST_SHM), wrong = spec;
    wrong.dataset = "mars";
    struct fmnist_client *client = connect_to(&d);
    struct fmnist_stream *stream;
    char *text;
    for (int i = 0; i < 3; i++) {
        must_be(fmnist_open(client, &wrong, NULL, &stream), FMNIST_ENOENT, "open", __FILE__,
                __LINE__);
        must(fmnist_status(client, &text));
        free(text);
    }
    wait_for_clients(watcher, 2);
    stream = open_stream(client, &spec);
    read_one(stream);
    fmnist_close(stream);
    fmnist_disconnect(client);
}
END_TEST

/* A client that did nothing while its daemon was started again does not notice. */
START_TEST(client__daemon_restarted_meanwhile__goes_on)
{
    struct fmnist_spec spec = small_spec(FMNIST_SHM);
    char *text;
    if (_i)
        daemon_kill(&d);
    else
        daemon_stop(&d);
    daemon_restart(&d);
    must(fmnist_status(watcher, &text));
    free(text);
    daemon_stop(&d);
    daemon_restart(&d);
    struct fmnist_stream *stream = open_stream(watcher, &spec);
    read_one(stream);
    fmnist_close(stream);
}
END_TEST

/* limits.clients_per_user is 128 unless said: 128 trainers fit. */
START_TEST(trainers__as_many_as_the_default_limit__fit)
{
    struct fmnist_stream *streams[128];
    struct fmnist_connect_options o = {.size = sizeof o, .socket = d.socket};
    struct fmnist_client *client;
    for (size_t i = 0; i < 127; i++) {
        struct fmnist_spec spec = small_spec(i % 2 ? FMNIST_INLINE : FMNIST_SHM);
        must(fmnist_connect(&o, &client));
        streams[i] = open_stream(client, &spec);
        fmnist_disconnect(client);
    }
    ck_assert_uint_eq(counts_of(watcher).clients, 128);
    struct fmnist_spec spec = small_spec(FMNIST_SHM);
    streams[127] = open_stream(watcher, &spec);
    for (size_t i = 0; i < 128; i++)
        read_one(streams[i]);
    must(fmnist_connect(&o, &client));
    struct fmnist_stream *none;
    must_be(fmnist_open(client, &spec, NULL, &none), FMNIST_ELIMIT, "open", __FILE__, __LINE__);
    fmnist_disconnect(client);
    for (size_t i = 0; i < 128; i++)
        fmnist_close(streams[i]);
    wait_for_clients(watcher, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("connections");
    TCase *tc = tcase_create("connections");
    suite_add_tcase(suite, tc);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 120);
    tcase_add_loop_test(tc, open__first_stream__takes_the_clients_connection, 0, 2);
    tcase_add_test(tc, open__refused__client_goes_on);
    tcase_add_loop_test(tc, client__daemon_restarted_meanwhile__goes_on, 0, 2);
    tcase_add_test(tc, trainers__as_many_as_the_default_limit__fit);
    return support_run(suite);
}
