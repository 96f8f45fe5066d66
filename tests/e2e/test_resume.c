/* SPDX-License-Identifier: MIT */
/* Going on where a token was taken: the rest is byte for byte what it would have been. */
#include "e2e/harness.h"

#define EVENTS_MAX 4096

static struct daemon d;
static struct images all;
static struct fmnist_client *client;
static uint32_t list[103]; /* each image once */

static void setup(void)
{
    support_setup();
    images_make(&all, 103, 5, 4, 1);
    for (uint32_t i = 0; i < 103; i++)
        list[i] = i * 40 % 103;
    serve_tiny(&d, "workers: 3\n");
    client = connect_to(&d);
}

static void teardown(void)
{
    fmnist_disconnect(client);
    daemon_stop(&d);
    images_free(&all);
    support_teardown();
}

/* Events from here on: a batch each, and the ends of epochs. */
static void take(struct fmnist_stream *stream, uint64_t *events, size_t count)
{
    for (size_t i = 0; i < count; i++)
        events[i] = hash_next(stream);
}

static struct fmnist_token token_of(const struct fmnist_stream *stream)
{
    struct fmnist_token token;
    must(fmnist_stream_token(stream, &token));
    return token;
}

/* run(0..n) against run(0..k) and, from its token, k..n: for every k. */
static void check_every_position(const struct fmnist_spec *spec, size_t n)
{
    uint64_t whole[EVENTS_MAX], rest[EVENTS_MAX];
    struct fmnist_token tokens[EVENTS_MAX];
    struct fmnist_stream *stream = open_stream(client, spec);
    for (size_t k = 0; k < n; k++) {
        tokens[k] = token_of(stream);
        take(stream, &whole[k], 1);
    }
    fmnist_close(stream);
    for (size_t k = 0; k < n; k++) {
        must(fmnist_open(client, spec, &tokens[k], &stream));
        take(stream, rest, n - k);
        fmnist_close(stream);
        for (size_t i = k; i < n; i++)
            if (rest[i - k] != whole[i])
                ck_abort_msg("order %u, transport %u: from event %zu on, event %zu differs",
                             spec->order, spec->transport, k, i);
    }
}

static struct fmnist_spec small_spec(uint32_t order, uint32_t transport)
{
    struct fmnist_spec spec = spec_of("tiny");
    spec.order = order;
    spec.seed = 11;
    spec.transport = transport;
    spec.batch_size = 10;
    if (order == FMNIST_ORDER_LIST) {
        spec.list = list;
        spec.list_count = 103;
    }
    return spec;
}

/* A position that is off by one, or an end of an epoch that is told twice or not at all, shows in
 * three epochs of eleven batches at some k. */
START_TEST(resume__every_position_of_small_epochs__same_events)
{
    for (uint32_t order = FMNIST_ORDER_SEQUENTIAL; order <= FMNIST_ORDER_LIST; order++)
        for (uint32_t transport = FMNIST_SHM; transport <= FMNIST_INLINE; transport++) {
            struct fmnist_spec spec = small_spec(order, transport);
            check_every_position(&spec, 3 * 12);
        }
}
END_TEST

/* Where a batch begins is not a multiple of anything. */
START_TEST(resume__every_position_of_ragged_batches__same_events)
{
    static const uint32_t lengths[] = {1, 30, 2, 2, 40, 1, 27};
    for (uint32_t transport = FMNIST_SHM; transport <= FMNIST_INLINE; transport++) {
        struct fmnist_spec spec = small_spec(FMNIST_ORDER_LIST, transport);
        spec.list_batches = lengths;
        spec.list_batch_count = 7;
        spec.epochs = 3;
        check_every_position(&spec, 3 * 8 + 2);
    }
}
END_TEST

/* The stream's end is an event too, and stays one. */
START_TEST(resume__positions_of_a_stream_that_ends__same_events)
{
    for (uint32_t transport = FMNIST_SHM; transport <= FMNIST_INLINE; transport++)
        for (uint32_t drop = 0; drop <= 1; drop++) {
            struct fmnist_spec spec = small_spec(FMNIST_ORDER_SHUFFLE, transport);
            spec.drop_last = drop;
            spec.epoch = 5;
            spec.epochs = 2;
            check_every_position(&spec, 2 * 12 + 2);
        }
}
END_TEST

/* What a stream's info says of the position is that of the next batch. */
START_TEST(resume__info__the_tokens_position)
{
    struct fmnist_spec spec = small_spec(FMNIST_ORDER_TORCH, FMNIST_SHM);
    struct fmnist_stream *stream = open_stream(client, &spec);
    uint64_t events[14];
    take(stream, events, 14); /* 11 batches, the epoch's end, 2 batches */
    struct fmnist_token token = token_of(stream);
    fmnist_close(stream);
    must(fmnist_open(client, &spec, &token, &stream));
    struct fmnist_stream_info info = info_of(stream);
    ck_assert_uint_eq(info.epoch, 1);
    ck_assert_uint_eq(info.step, 2);
    fmnist_close(stream);
}
END_TEST

/* The same at random positions of an epoch of 60,000 that the ring wraps many times. */
/* A reader that fetches ahead keeps the position of what it handed on, whichever it is. */
START_TEST(token_at__every_position__the_token_that_was_taken_there)
{
    struct fmnist_spec spec = small_spec(FMNIST_ORDER_SHUFFLE, FMNIST_SHM);
    struct fmnist_stream *ahead = open_stream(client, &spec);
    struct fmnist_stream *stream = open_stream(client, &spec);
    struct fmnist_token at;
    struct fmnist_batch batch;
    for (uint64_t step = 0; step <= 11; step++) {
        struct fmnist_token taken = token_of(stream);
        must(fmnist_stream_token_at(ahead, 0, step, &at));
        ck_assert_mem_eq(&at, &taken, sizeof at);
        must(fmnist_wait(stream, 5000));
        if (step < 11) {
            must(fmnist_next(stream, &batch));
            ck_assert_uint_eq(batch.step, step); /* waiting took none away */
            must(fmnist_release(stream, &batch));
        }
    }
    ck_assert_int_eq(fmnist_stream_token_at(ahead, 0, 12, &at), FMNIST_EINVAL);
    fmnist_close(stream);
    fmnist_close(ahead);
}
END_TEST

START_TEST(resume__random_positions_of_a_large_epoch__same_bytes)
{
    struct images large;
    const char *folder = images_large(&large);
    uint32_t count = large.count;
    images_free(&large);
    fmnist_disconnect(client);
    daemon_stop(&d);
    daemon_start(&d, "cache: none\nworkers: 2\ndatasets: [{name: fashion-mnist, path: %s}]\n",
                 folder);
    client = connect_to(&d);

    size_t steps = count / 64 + 1, n = 2 * (steps + 1);
    uint64_t whole[EVENTS_MAX], rest[64], random = 3;
    struct fmnist_token tokens[EVENTS_MAX];
    ck_assert_uint_le(n, EVENTS_MAX);
    for (uint32_t order = FMNIST_ORDER_SEQUENTIAL; order <= FMNIST_ORDER_NUMPY; order++) {
        struct fmnist_spec spec = spec_of("fashion-mnist");
        spec.order = order;
        spec.seed = 5;
        spec.dtype = FMNIST_UINT8;
        struct fmnist_stream *stream = open_stream(client, &spec);
        for (size_t k = 0; k < n; k++) {
            tokens[k] = token_of(stream);
            take(stream, &whole[k], 1);
        }
        fmnist_close(stream);
        for (int trial = 0; trial < 16; trial++) {
            size_t k = trial == 0 ? steps - 2 : next_random(&random) % (n - 64);
            spec.transport = trial % 4 == 3 ? FMNIST_INLINE : FMNIST_SHM;
            must(fmnist_open(client, &spec, &tokens[k], &stream));
            take(stream, rest, 64);
            fmnist_close(stream);
            ck_assert_mem_eq(rest, whole + k, sizeof rest);
        }
    }
}
END_TEST

static void must_refuse(const struct fmnist_spec *spec, const struct fmnist_token *token)
{
    struct fmnist_stream *stream = NULL;
    int rc = fmnist_open(client, spec, token, &stream);
    must_be(rc, FMNIST_ETOKEN, "open", __FILE__, __LINE__);
    ck_assert_ptr_null(stream);
    ck_assert_ptr_nonnull(strstr(fmnist_error(), "token"));
}

/* A token taken elsewhere must not place a stream that has other batches. */
START_TEST(resume__token_of_another_spec__refused)
{
    struct fmnist_spec spec = small_spec(FMNIST_ORDER_TORCH, FMNIST_SHM);
    struct fmnist_stream *stream = open_stream(client, &spec);
    struct fmnist_token token = token_of(stream);
    fmnist_close(stream);
    struct fmnist_spec other[] = {spec, spec, spec, spec, spec, spec, spec, spec, spec};
    other[0].seed++;
    other[1].order = FMNIST_ORDER_SHUFFLE;
    other[2].batch_size = 11;
    other[3].dtype = FMNIST_UINT8;
    other[4].drop_last = 1;
    other[5].height = 10;
    other[5].width = 8;
    other[6].label_dtype = FMNIST_INT32;
    other[7].world_size = 2; /* another global batch */
    other[8] = small_spec(FMNIST_ORDER_LIST, FMNIST_SHM);
    for (size_t i = 0; i < sizeof other / sizeof *other; i++)
        must_refuse(&other[i], &token);
    /* The transport and the epoch to begin with change no batch. */
    spec.transport = FMNIST_INLINE;
    spec.epoch = 9;
    must(fmnist_open(client, &spec, &token, &stream));
    ck_assert_uint_eq(info_of(stream).epoch, 0);
    fmnist_close(stream);
}
END_TEST

/* One changed pixel makes another dataset, whatever its name. */
START_TEST(resume__token_of_another_dataset__refused)
{
    struct fmnist_spec spec = small_spec(FMNIST_ORDER_TORCH, FMNIST_SHM);
    struct fmnist_stream *stream = open_stream(client, &spec);
    struct fmnist_token token = token_of(stream);
    fmnist_close(stream);
    fmnist_disconnect(client);
    daemon_stop(&d);
    all.pixels[1234] ^= 1;
    write_idx(support_path("train-images-idx3-ubyte"), 3,
              (uint32_t[]){all.count, all.height, all.width}, all.pixels);
    daemon_restart(&d);
    client = connect_to(&d);
    must_refuse(&spec, &token);
}
END_TEST

/* Whichever bit is damaged on a disk, it is noticed. */
START_TEST(resume__token_with_any_bit_flipped__refused)
{
    struct fmnist_spec spec = small_spec(FMNIST_ORDER_SEQUENTIAL, FMNIST_SHM);
    struct fmnist_stream *stream = open_stream(client, &spec);
    struct fmnist_token token = token_of(stream);
    fmnist_close(stream);
    for (size_t bit = 0; bit < 8 * sizeof token.bytes; bit++) {
        struct fmnist_token damaged = token;
        damaged.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        must_refuse(&spec, &damaged);
    }
}
END_TEST

/* Marks the indices that `world` ranks deliver from `step` on, a rank's batch being 12 / world. */
static void mark(struct fmnist_spec spec, const struct fmnist_token *token, uint32_t world,
                 uint8_t *seen)
{
    spec.world_size = world;
    spec.batch_size = 12 / world;
    for (spec.rank = 0; spec.rank < world; spec.rank++) {
        struct fmnist_stream *stream;
        struct fmnist_batch b;
        must(fmnist_open(client, &spec, token, &stream));
        for (; fmnist_next(stream, &b) == FMNIST_OK; fmnist_release(stream, &b))
            for (uint64_t i = 0; i < b.count; i++)
                seen[b.indices[i]]++;
        fmnist_close(stream);
    }
}

/* Three ranks stop, one, two or four go on: together they still deliver each image once. */
START_TEST(resume__on_another_world_size__the_rest_once)
{
    for (uint32_t order = FMNIST_ORDER_SEQUENTIAL; order <= FMNIST_ORDER_LIST; order++)
        for (uint32_t world = 1; world <= 4; world++) {
            struct fmnist_spec spec = small_spec(order, FMNIST_SHM);
            spec.pad = FMNIST_PAD_NONE;
            uint8_t seen[103] = {0};
            struct fmnist_token token;
            struct fmnist_spec first = spec;
            first.world_size = 3;
            first.batch_size = 4;
            for (first.rank = 0; first.rank < 3; first.rank++) {
                struct fmnist_stream *stream = open_stream(client, &first);
                struct fmnist_batch b;
                for (int step = 0; step < 5; step++) {
                    must(fmnist_next(stream, &b));
                    for (uint64_t i = 0; i < b.count; i++)
                        seen[b.indices[i]]++;
                    must(fmnist_release(stream, &b));
                }
                token = token_of(stream);
                fmnist_close(stream);
            }
            mark(spec, &token, world, seen);
            for (size_t i = 0; i < sizeof seen; i++)
                ck_assert_msg(seen[i] == 1, "order %u, world %u: image %zu came %d times", order,
                              world, i, seen[i]);
        }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("resume");
    TCase *tc = tcase_create("resume");
    suite_add_tcase(suite, tc);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 300);
    tcase_add_test(tc, resume__every_position_of_small_epochs__same_events);
    tcase_add_test(tc, resume__every_position_of_ragged_batches__same_events);
    tcase_add_test(tc, resume__positions_of_a_stream_that_ends__same_events);
    tcase_add_test(tc, resume__info__the_tokens_position);
    tcase_add_test(tc, token_at__every_position__the_token_that_was_taken_there);
    tcase_add_test(tc, resume__random_positions_of_a_large_epoch__same_bytes);
    tcase_add_test(tc, resume__token_of_another_spec__refused);
    tcase_add_test(tc, resume__token_of_another_dataset__refused);
    tcase_add_test(tc, resume__token_with_any_bit_flipped__refused);
    tcase_add_test(tc, resume__on_another_world_size__the_rest_once);
    return support_run(suite);
}
