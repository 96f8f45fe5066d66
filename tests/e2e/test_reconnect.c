/* SPDX-License-Identifier: MIT */
/* A daemon that ends and comes back: streams go on with the very next batch, whatever was held,
 * handed out or on its way. */
#include "e2e/harness.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

/* Batches so large that few of them lie ready: the others have to come from the next daemon. */
#define SIDE  96
#define BATCH 8
#define COUNT 103
#define STEPS 13 /* the last one short */
#define WHOLE (3 * (STEPS + 1))

static struct daemon d;
static struct images all;
static uint32_t list[COUNT];
static const uint32_t lengths[] = {1, 30, 2, 2, 40, 1, 27};

static void setup(void)
{
    support_setup();
    images_make(&all, COUNT, SIDE, SIDE, 1);
    for (uint32_t i = 0; i < COUNT; i++)
        list[i] = i * 40 % COUNT;
    serve_tiny(&d, "workers: 2\nring: 320KiB\n");
}

static void teardown(void)
{
    if (d.pid)
        daemon_stop(&d);
    images_free(&all);
    support_teardown();
}

static struct fmnist_client *connect_for(int64_t reconnect_ms)
{
    struct fmnist_connect_options o = {.size = sizeof o,
                                       .socket = d.socket,
                                       .timeout_ms = DAEMON_PATIENCE_MS,
                                       .reconnect_ms = reconnect_ms};
    struct fmnist_client *client;
    must(fmnist_connect(&o, &client));
    return client;
}

static struct fmnist_stream *open_for(const struct fmnist_spec *spec, int64_t reconnect_ms)
{
    struct fmnist_client *client = connect_for(reconnect_ms);
    struct fmnist_stream *stream = open_stream(client, spec);
    fmnist_disconnect(client);
    return stream;
}

static struct fmnist_spec small_spec(uint32_t transport, uint32_t dtype)
{
    struct fmnist_spec spec = spec_of("tiny");
    spec.dtype = dtype;
    spec.order = FMNIST_ORDER_TORCH;
    spec.seed = 5;
    spec.batch_size = BATCH;
    spec.transport = transport;
    return spec;
}

/* The next daemon has rings of another size. */
static void set_ring(const char *size)
{
    char text[4096] = "";
    FILE *f = fopen(d.config, "r+e");
    ck_assert_ptr_nonnull(f);
    size_t n = fread(text, 1, sizeof text - 16, f);
    char *ring = strstr(text, "ring: "), *end = ring ? strchr(ring, '\n') : NULL;
    ck_assert(n && end);
    rewind(f);
    fprintf(f, "%.*sring: %s%s", (int)(ring - text), text, size, end);
    ck_assert_int_eq(ftruncate(fileno(f), ftell(f)), 0);
    ck_assert_int_eq(fclose(f), 0);
}

/* Another process starts the daemon again a while later, while this one waits. Returns its pid. */
static pid_t restart_later(int milliseconds)
{
    pid_t pid = fork();
    if (pid == 0) {
        const char *program = support_program("fmnistd");
        poll(NULL, 0, milliseconds);
        if (!freopen("/dev/null", "w", stderr))
            _exit(127);
        execl(program, program, "-c", d.config, (char *)NULL);
        _exit(127);
    }
    ck_assert_int_gt(pid, 0);
    return pid;
}

static void end_restarted(pid_t pid)
{
    int status;
    ck_assert_int_eq(kill(pid, SIGTERM), 0);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
}

/* The next event as hash_next has it, by fmnist_next_into. */
static uint64_t hash_next_into(struct fmnist_stream *stream)
{
    static float images[40 * SIDE * SIDE];
    static int64_t labels[40];
    static int64_t indices[40];
    struct fmnist_stream_info info = info_of(stream);
    struct fmnist_into into = {.size = sizeof into,
                               .images = images,
                               .images_bytes = sizeof images,
                               .labels = labels,
                               .labels_bytes = sizeof labels,
                               .indices = indices,
                               .indices_bytes = sizeof indices};
    struct fmnist_batch b;
    int rc = fmnist_next_into(stream, &into, &b);
    if (rc != FMNIST_OK) {
        ck_assert_msg(rc > 0, "%d: %s", rc, fmnist_error());
        return (uint64_t)rc;
    }
    return hash_batch(&info, &b);
}

static uint64_t (*const reads[])(struct fmnist_stream *) = {hash_next, hash_next_into};

static void reference(const struct fmnist_spec *spec, uint64_t *events, size_t count)
{
    struct fmnist_stream *stream = open_for(spec, -1);
    for (size_t i = 0; i < count; i++)
        events[i] = hash_next(stream);
    fmnist_close(stream);
}

/* Every event but the k-th loses its daemon just before it, for each k. */
static void check_deaths(const struct fmnist_spec *spec, int read, size_t count)
{
    uint64_t whole[WHOLE];
    reference(spec, whole, count);
    const size_t places[] = {0, 1, count / 2, count - 2, count - 1};
    for (size_t p = 0; p < sizeof places / sizeof *places; p++) {
        struct fmnist_stream *stream = open_for(spec, 0);
        for (size_t i = 0; i < count; i++) {
            if (i == places[p]) {
                daemon_kill(&d);
                daemon_restart(&d);
            }
            if (reads[read](stream) != whole[i])
                ck_abort_msg("killed before event %zu: event %zu differs", places[p], i);
        }
        fmnist_close(stream);
    }
}

/* Transports, kinds of reading and types of pixels; deaths at the start, in the middle and at the
 * end of epochs. */
START_TEST(daemon_killed__any_transport_and_place__the_very_next_batch)
{
    struct fmnist_spec spec =
        small_spec(_i & 1 ? FMNIST_INLINE : FMNIST_SHM, _i & 4 ? FMNIST_FLOAT32 : FMNIST_UINT8);
    spec.epoch = 2;
    spec.epochs = 2;
    check_deaths(&spec, _i >> 1 & 1, 2 * (STEPS + 1));
}
END_TEST

/* The new daemon has never heard of the list: it is sent again, from the library's own copy. */
START_TEST(daemon_killed__list_with_lengths__sent_again)
{
    struct fmnist_spec spec = small_spec(_i & 1 ? FMNIST_INLINE : FMNIST_SHM, FMNIST_UINT8);
    uint32_t indices[COUNT], sizes[7];
    uint64_t whole[16];
    memcpy(indices, list, sizeof list);
    memcpy(sizes, lengths, sizeof lengths);
    spec.order = FMNIST_ORDER_LIST;
    spec.list = indices;
    spec.list_count = COUNT;
    if (_i & 2) {
        spec.list_batches = sizes;
        spec.list_batch_count = 7;
    }
    reference(&spec, whole, 16);
    struct fmnist_stream *stream = open_for(&spec, 0);
    memset(indices, 0, sizeof indices);
    memset(sizes, 0, sizeof sizes);
    for (size_t i = 0; i < 16; i++) {
        if (i % 5 == 3) {
            daemon_kill(&d);
            daemon_restart(&d);
        }
        ck_assert_uint_eq(hash_next(stream), whole[i]);
    }
    fmnist_close(stream);
}
END_TEST

/* A list of more bytes than a socket holds, with the calls short: it is sent in parts. */
START_TEST(reopen__long_list_in_short_calls__sent_in_parts)
{
    struct fmnist_spec spec = small_spec(FMNIST_SHM, FMNIST_UINT8);
    const uint64_t count = 3000000;
    uint32_t *numbers = malloc(count * sizeof *numbers);
    for (uint64_t i = 0; i < count; i++)
        numbers[i] = (uint32_t)(i * 7 % COUNT);
    spec.order = FMNIST_ORDER_LIST;
    spec.list = numbers;
    spec.list_count = count;
    uint64_t whole[4];
    reference(&spec, whole, 4);
    struct fmnist_stream *stream = open_for(&spec, -1);
    free(numbers);
    ck_assert_uint_eq(hash_next(stream), whole[0]);
    daemon_kill(&d);
    struct fmnist_batch b;
    while (fmnist_next(stream, &b) == FMNIST_OK) /* what was published */
        must(fmnist_release(stream, &b));
    struct fmnist_token token;
    struct fmnist_stream_info info = info_of(stream);
    must(fmnist_stream_token(stream, &token));
    must_be(fmnist_reopen(stream, 0), FMNIST_ETIMEDOUT, "reopen", __FILE__, __LINE__);
    daemon_restart(&d);
    int rc, calls = 0;
    while ((rc = fmnist_reopen(stream, 0)) == FMNIST_ETIMEDOUT)
        calls++;
    must(rc);
    ck_assert_int_gt(calls, 0);
    must(fmnist_reopen(stream, 0)); /* open: nothing to do */
    struct fmnist_client *client = connect_for(-1);
    struct fmnist_stream *fresh;
    spec.list = NULL;
    must(fmnist_next(stream, &b));
    ck_assert_uint_eq(b.step, info.step);
    ck_assert_uint_eq(b.indices[0], (info.step * BATCH) * 7 % COUNT);
    check_bytes(&all, &b);
    must(fmnist_release(stream, &b));
    spec.order = FMNIST_ORDER_TORCH;
    spec.list_count = 0;
    must_be(fmnist_open(client, &spec, &token, &fresh), FMNIST_ETOKEN, "open", __FILE__, __LINE__);
    fmnist_disconnect(client);
    fmnist_close(stream);
}
END_TEST

/* The wait itself, in which the daemon comes back; the same for fmnist_wait in short calls. */
START_TEST(daemon_away__calls_wait__until_it_is_back)
{
    struct fmnist_spec spec = small_spec(_i & 1 ? FMNIST_INLINE : FMNIST_SHM, FMNIST_UINT8);
    uint64_t whole[WHOLE];
    reference(&spec, whole, WHOLE);
    struct fmnist_stream *stream = open_for(&spec, 0);
    size_t at = 0;
    for (; at < 3; at++)
        ck_assert_uint_eq(hash_next(stream), whole[at]);
    daemon_kill(&d);
    pid_t pid = restart_later(300);
    if (_i & 2) {
        int rc;
        while ((rc = fmnist_wait(stream, 20)) == FMNIST_OK || rc == FMNIST_ETIMEDOUT) {
            if (rc == FMNIST_ETIMEDOUT)
                continue;
            ck_assert_uint_eq(hash_next(stream), whole[at++]);
            if (at == WHOLE)
                break;
        }
    }
    for (; at < WHOLE; at++)
        ck_assert_uint_eq(hash_next(stream), whole[at]);
    fmnist_close(stream);
    end_restarted(pid);
}
END_TEST

/* Views from before keep their bytes, through two restarts and until released, in any order. */
START_TEST(daemon_killed__views_held__stay_and_are_released)
{
    struct fmnist_spec spec = small_spec(_i ? FMNIST_INLINE : FMNIST_SHM, FMNIST_UINT8);
    uint64_t whole[WHOLE];
    reference(&spec, whole, WHOLE);
    struct fmnist_stream *stream = open_for(&spec, 0);
    struct fmnist_batch held[3], b;
    size_t at = 0, views = _i ? 1 : 3, more = _i ? 2 : 4; /* inline: two slots */
    for (size_t v = 0; v < views; v++) {
        must(fmnist_next(stream, &held[v]));
        at++;
        daemon_kill(&d);
        set_ring(v % 2 ? "512KiB" : "1MiB"); /* either holds all of them */
        daemon_restart(&d);
    }
    /* What was published before the deaths is still there, then the new daemon's come. */
    for (; at < more; at++)
        ck_assert_uint_eq(hash_next(stream), whole[at]);
    struct fmnist_stream_info info = info_of(stream);
    for (size_t v = 0; v < views; v++) {
        ck_assert_uint_eq(hash_batch(&info, &held[v]), whole[v]);
        check_bytes(&all, &held[v]);
    }
    must(fmnist_release(stream, &held[views - 1]));
    for (size_t v = 0; v + 1 < views; v++)
        must(fmnist_release(stream, &held[v]));
    must_be(fmnist_release(stream, &held[0]), FMNIST_EINVAL, "release", __FILE__, __LINE__);
    for (; at < WHOLE; at++)
        ck_assert_uint_eq(hash_next(stream), whole[at]);
    /* All slots are free again: as many can be held as info says. */
    for (uint32_t i = 0; i < info_of(stream).slot_count; i++) {
        int rc = fmnist_next(stream, &b);
        must(rc == FMNIST_END_OF_EPOCH ? fmnist_next(stream, &b) : rc);
    }
    fmnist_close(stream);
}
END_TEST

/* One changed pixel is another dataset: refused with its name, each time; serving the old one again
 * makes the stream go on. */
START_TEST(daemon_killed__dataset_changed__refused_until_it_is_back)
{
    struct fmnist_spec spec = small_spec(_i ? FMNIST_INLINE : FMNIST_SHM, FMNIST_UINT8);
    uint64_t whole[WHOLE];
    reference(&spec, whole, WHOLE);
    struct fmnist_stream *stream = open_for(&spec, 0);
    ck_assert_uint_eq(hash_next(stream), whole[0]);
    daemon_kill(&d);
    all.pixels[1234] ^= 1;
    const char *path = support_path("train-images-idx3-ubyte");
    const uint32_t size[] = {all.count, all.height, all.width};
    write_idx(path, 3, size, all.pixels);
    daemon_restart(&d);
    struct fmnist_batch b;
    size_t at = 1;
    int rc;
    while ((rc = fmnist_next(stream, &b)) >= 0) { /* what was published */
        at++;
        if (rc == FMNIST_OK)
            must(fmnist_release(stream, &b));
    }
    for (int i = 0; i < 2; i++) {
        must_be(fmnist_next(stream, &b), FMNIST_ETOKEN, "next", __FILE__, __LINE__);
        ck_assert_msg(strstr(fmnist_error(), "tiny/train"), "%s", fmnist_error());
        ck_assert_ptr_null(b.images);
    }
    must_be(fmnist_wait(stream, 1000), FMNIST_ETOKEN, "wait", __FILE__, __LINE__);
    must_be(fmnist_reopen(stream, 1000), FMNIST_ETOKEN, "reopen", __FILE__, __LINE__);
    daemon_stop(&d);
    all.pixels[1234] ^= 1;
    write_idx(path, 3, size, all.pixels);
    daemon_restart(&d);
    for (; at < WHOLE; at++)
        ck_assert_uint_eq(hash_next(stream), whole[at]);
    fmnist_close(stream);
}
END_TEST

/* A daemon that does not come back is told as dead, behind the time it had. */
START_TEST(daemon_killed__not_back_in_time__dead)
{
    struct fmnist_spec spec = small_spec(_i & 1 ? FMNIST_INLINE : FMNIST_SHM, FMNIST_UINT8);
    struct fmnist_stream *stream = open_for(&spec, 200);
    struct fmnist_batch b;
    must(fmnist_next(stream, &b));
    must(fmnist_release(stream, &b));
    daemon_kill(&d);
    int rc;
    while ((rc = fmnist_next(stream, &b)) >= 0)
        if (rc == FMNIST_OK)
            must(fmnist_release(stream, &b));
    ck_assert_int_eq(rc, FMNIST_EDEAD);
    ck_assert_msg(strstr(fmnist_error(), "200 ms"), "%s", fmnist_error());
    int64_t start = milliseconds();
    ck_assert_int_eq(fmnist_next(stream, &b), FMNIST_EDEAD); /* waits anew */
    ck_assert_int_ge(milliseconds() - start, 199);
    while ((rc = fmnist_wait(stream, 10)) == FMNIST_ETIMEDOUT)
        ;
    ck_assert_int_eq(rc, FMNIST_EDEAD);
    daemon_restart(&d); /* it is never too late */
    must(fmnist_next(stream, &b));
    check_bytes(&all, &b);
    fmnist_close(stream);
}
END_TEST

/* An orderly end is as good as a death. */
START_TEST(daemon_sigterm__restarted__the_very_next_batch)
{
    struct fmnist_spec spec = small_spec(_i ? FMNIST_INLINE : FMNIST_SHM, FMNIST_UINT8);
    uint64_t whole[WHOLE];
    reference(&spec, whole, WHOLE);
    struct fmnist_stream *stream = open_for(&spec, 0);
    for (size_t i = 0; i < WHOLE; i++) {
        if (i % 9 == 4) {
            daemon_stop(&d);
            daemon_restart(&d);
        }
        ck_assert_uint_eq(hash_next(stream), whole[i]);
    }
    fmnist_close(stream);
}
END_TEST

struct reader {
    pthread_t thread;
    struct fmnist_stream *stream;
    uint64_t events[WHOLE];
};

static void *read_all(void *data)
{
    struct reader *r = data;
    for (size_t i = 0; i < WHOLE; i++) {
        poll(NULL, 0, 5);
        r->events[i] = hash_next(r->stream);
    }
    return NULL;
}

/* Streams of one process, in threads of their own, in two transports, with one daemon's death. */
START_TEST(daemon_killed__many_threads_read__all_go_on)
{
    struct reader readers[6];
    uint64_t whole[2][WHOLE];
    for (size_t i = 0; i < 6; i++) {
        struct fmnist_spec spec = small_spec(i % 2 ? FMNIST_INLINE : FMNIST_SHM, FMNIST_UINT8);
        if (i < 2)
            reference(&spec, whole[i], WHOLE);
        readers[i].stream = open_for(&spec, 0);
        ck_assert_int_eq(pthread_create(&readers[i].thread, NULL, read_all, &readers[i]), 0);
    }
    for (int i = 0; i < 2; i++) {
        poll(NULL, 0, 40);
        daemon_kill(&d);
        daemon_restart(&d);
    }
    for (size_t i = 0; i < 6; i++) {
        ck_assert_int_eq(pthread_join(readers[i].thread, NULL), 0);
        fmnist_close(readers[i].stream);
        ck_assert_mem_eq(readers[i].events, whole[i % 2], sizeof whole[0]);
    }
}
END_TEST

/* A program that was built before there was a reconnect_ms has a smaller struct. */
START_TEST(connect__struct_without_reconnect__accepted)
{
    struct fmnist_connect_options o = {
        .size = offsetof(struct fmnist_connect_options, reconnect_ms), .socket = d.socket};
    struct fmnist_client *client;
    o.reconnect_ms = -1; /* what lies behind its struct is not looked at */
    must(fmnist_connect(&o, &client));
    struct fmnist_spec spec = small_spec(FMNIST_SHM, FMNIST_UINT8);
    struct fmnist_stream *stream = open_stream(client, &spec);
    fmnist_disconnect(client);
    daemon_kill(&d);
    daemon_restart(&d);
    for (size_t i = 0; i < WHOLE; i++)
        ck_assert_uint_ne(hash_next(stream), 0);
    fmnist_close(stream);
    o.size--;
    ck_assert_int_eq(fmnist_connect(&o, &client), FMNIST_EINVAL);
}
END_TEST

/* Where there is no stream any more, a token is enough to make others. */
START_TEST(token_at__without_a_stream__the_streams_own)
{
    struct fmnist_spec spec = small_spec(FMNIST_SHM, FMNIST_UINT8);
    struct fmnist_stream *stream = open_for(&spec, 0);
    struct fmnist_token first, want, made;
    must(fmnist_stream_token(stream, &first));
    must(fmnist_stream_token_at(stream, 3, 5, &want));
    fmnist_close(stream);
    must(fmnist_token_at(&first, 3, 5, &made));
    ck_assert_mem_eq(&made, &want, sizeof want);
    first.bytes[9] ^= 1;
    ck_assert_int_eq(fmnist_token_at(&first, 3, 5, &made), FMNIST_ETOKEN);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("reconnect");
    TCase *tc = tcase_create("reconnect");
    suite_add_tcase(suite, tc);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 120);
    tcase_add_loop_test(tc, daemon_killed__any_transport_and_place__the_very_next_batch, 0, 8);
    tcase_add_loop_test(tc, daemon_killed__list_with_lengths__sent_again, 0, 4);
    tcase_add_test(tc, reopen__long_list_in_short_calls__sent_in_parts);
    tcase_add_loop_test(tc, daemon_away__calls_wait__until_it_is_back, 0, 4);
    tcase_add_loop_test(tc, daemon_killed__views_held__stay_and_are_released, 0, 2);
    tcase_add_loop_test(tc, daemon_killed__dataset_changed__refused_until_it_is_back, 0, 2);
    tcase_add_loop_test(tc, daemon_killed__not_back_in_time__dead, 0, 2);
    tcase_add_loop_test(tc, daemon_sigterm__restarted__the_very_next_batch, 0, 2);
    tcase_add_test(tc, daemon_killed__many_threads_read__all_go_on);
    tcase_add_test(tc, connect__struct_without_reconnect__accepted);
    tcase_add_test(tc, token_at__without_a_stream__the_streams_own);
    return support_run(suite);
}
