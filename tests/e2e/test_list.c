/* SPDX-License-Identifier: MIT */
/* The order list: the caller's own indices, sent once, known by their digest from then on. */
#include "e2e/peer.h"

#include "base/bytes.h"

#define COUNT 103

static struct daemon d;
static struct images all;
static struct fmnist_client *client;

static void serve(const char *more)
{
    support_setup();
    images_make(&all, COUNT, 5, 4, 1);
    serve_tiny(&d, more);
    client = connect_to(&d);
}

static void setup(void)
{
    serve("workers: 3\n");
}

static void setup_one_worker(void)
{
    serve("workers: 1\n");
}

static void setup_limits(void)
{
    serve("limits: {list_bytes: 1000}\n");
}

static void setup_impatient(void)
{
    serve("limits: {handshake_ms: 300}\n");
}

static void teardown(void)
{
    fmnist_disconnect(client);
    daemon_stop(&d);
    images_free(&all);
    support_teardown();
}

/* ---- lists --------------------------------------------------------------------------------- */

static uint32_t *numbers_make(uint64_t count, uint64_t seed)
{
    uint32_t *numbers = malloc(count * sizeof *numbers);
    ck_assert_ptr_nonnull(numbers);
    uint64_t state = seed * 2 + 1;
    for (uint64_t i = 0; i < count; i++)
        numbers[i] = (uint32_t)((next_random(&state) >> 32) % COUNT);
    return numbers;
}

static struct fmnist_spec list_spec(const uint32_t *list, uint64_t count)
{
    struct fmnist_spec spec = spec_of("tiny");
    spec.order = FMNIST_ORDER_LIST;
    spec.dtype = FMNIST_UINT8;
    spec.list = list;
    spec.list_count = count;
    return spec;
}

/* One epoch of a stream: batches of these lengths, images and indices those of the list. */
static void check_epoch(struct fmnist_stream *stream, uint64_t epoch, const uint32_t *list,
                        const uint32_t *lengths, uint64_t batches)
{
    struct fmnist_batch b;
    for (uint64_t step = 0, at = 0; step < batches; step++) {
        must(fmnist_next(stream, &b));
        ck_assert_uint_eq(b.epoch, epoch);
        ck_assert_uint_eq(b.step, step);
        ck_assert_uint_eq(b.count, lengths[step]);
        for (uint64_t i = 0; i < b.count; i++)
            ck_assert_int_eq(b.indices[i], list[at + i]);
        check_bytes(&all, &b);
        at += b.count;
        must(fmnist_release(stream, &b));
    }
    ck_assert_int_eq(fmnist_next(stream, &b), FMNIST_END_OF_EPOCH);
}

struct index_list_cache {
    uint64_t kept, bytes, received;
};

static struct index_list_cache index_list_cache_now(void)
{
    char *text;
    must(fmnist_status(client, &text));
    json_t *status = json_loads(text, 0, NULL), *lists = json_object_get(status, "lists");
    ck_assert_msg(lists, "%s", text);
    free(text);
    struct index_list_cache l = {
        .kept = (uint64_t)json_integer_value(json_object_get(lists, "kept")),
        .bytes = (uint64_t)json_integer_value(json_object_get(lists, "bytes")),
        .received = (uint64_t)json_integer_value(json_object_get(lists, "received")),
    };
    json_decref(status);
    return l;
}

static void must_refuse(const struct fmnist_spec *spec, int code, const char *word)
{
    struct fmnist_stream *stream = NULL;
    int rc = fmnist_open(client, spec, NULL, &stream);
    ck_assert_msg(rc == code && strstr(fmnist_error(), word), "%d, \"%s\": want %d, %s", rc,
                  fmnist_error(), code, word);
    ck_assert_ptr_null(stream);
}

/* ---- what is delivered --------------------------------------------------------------------- */

/* Runs of batch_size, the last one short; the same in every epoch. */
START_TEST(list__runs_of_batch_size__delivered_as_it_is)
{
    uint32_t *list = numbers_make(250, 1);
    static const uint32_t lengths[] = {64, 64, 64, 58};
    for (uint32_t transport = FMNIST_SHM; transport <= FMNIST_INLINE; transport++) {
        struct fmnist_spec spec = list_spec(list, 250);
        spec.transport = transport;
        struct fmnist_stream *stream = open_stream(client, &spec);
        ck_assert_uint_eq(info_of(stream).steps, 4);
        ck_assert_uint_eq(info_of(stream).sample_count, 250);
        for (uint64_t epoch = 0; epoch < 3; epoch++)
            check_epoch(stream, epoch, list, lengths, 4);
        fmnist_close(stream);
        spec.drop_last = 1;
        stream = open_stream(client, &spec);
        check_epoch(stream, 0, list, lengths, 3);
        fmnist_close(stream);
    }
    free(list);
}
END_TEST

/* A batch's place follows from those before it; batch_size and drop_last say nothing. */
START_TEST(list__ragged_batches__each_of_its_length)
{
    enum { BATCHES = 300 };
    uint32_t lengths[BATCHES], total = 0, longest = 0;
    uint64_t random = 5;
    for (int i = 0; i < BATCHES; i++) {
        lengths[i] = 1 + (uint32_t)(next_random(&random) >> 32) % 40;
        total += lengths[i];
        longest = lengths[i] > longest ? lengths[i] : longest;
    }
    uint32_t *list = numbers_make(total, 2);
    for (uint32_t transport = FMNIST_SHM; transport <= FMNIST_INLINE; transport++)
        for (uint32_t drop = 0; drop <= 1; drop++) {
            struct fmnist_spec spec = list_spec(list, total);
            spec.transport = transport;
            spec.list_batches = lengths;
            spec.list_batch_count = BATCHES;
            spec.batch_size = 7 + drop;
            spec.drop_last = drop;
            struct fmnist_stream *stream = open_stream(client, &spec);
            ck_assert_uint_eq(info_of(stream).steps, BATCHES);
            ck_assert_uint_eq(info_of(stream).sample_count, total);
            ck_assert_uint_eq(info_of(stream).batch_size, longest);
            for (uint64_t epoch = 0; epoch < 3; epoch++)
                check_epoch(stream, epoch, list, lengths, BATCHES);
            fmnist_close(stream);
        }
    ck_assert_uint_eq(index_list_cache_now().received, 1);
    free(list);
}
END_TEST

/* Memory for a batch is needed before the batch is there, so its length has to be known. */
START_TEST(list__ragged_batches_into_memory__too_little_costs_no_batch)
{
    static const uint32_t list[] = {5, 6, 7, 8}, lengths[] = {1, 3};
    uint8_t images[3 * 20];
    struct fmnist_spec spec = list_spec(list, 4);
    spec.list_batches = lengths;
    spec.list_batch_count = 2;
    struct fmnist_stream *stream = open_stream(client, &spec);
    struct fmnist_into into = {.size = sizeof into, .images = images, .images_bytes = 20};
    struct fmnist_batch b;
    must(fmnist_next_into(stream, &into, &b));
    ck_assert_int_eq(fmnist_next_into(stream, &into, &b), FMNIST_EINVAL);
    into.images_bytes = sizeof images;
    must(fmnist_next_into(stream, &into, &b));
    ck_assert_uint_eq(b.count, 3);
    ck_assert_mem_eq(images, all.pixels + 6 * 20, 60);
    fmnist_close(stream);
}
END_TEST

/* More than one frame and more than a socket holds, neither a whole number of frames. */
START_TEST(list__of_megabytes__arrives_whole)
{
    enum { MANY = 1000003 };
    uint32_t *list = numbers_make(MANY, 3), *lengths = malloc(MANY / 5 * sizeof *lengths);
    ck_assert_ptr_nonnull(lengths);
    for (uint32_t i = 0; i < MANY / 5; i++)
        lengths[i] = 5;
    lengths[7] += MANY % 5;
    struct fmnist_spec spec = list_spec(list, MANY);
    spec.list_batches = lengths;
    spec.list_batch_count = MANY / 5;
    struct fmnist_stream *stream = open_stream(client, &spec);
    check_epoch(stream, 0, list, lengths, MANY / 5);
    fmnist_close(stream);
    ck_assert_uint_eq(index_list_cache_now().bytes, (MANY + MANY / 5) * 4);
    free(list);
    free(lengths);
}
END_TEST

/* DistributedSampler's rule on the list: rank r of W has positions r, r + W, ... of the list, its
 * beginning repeated or its tail left out. */
START_TEST(list__shards_of_any_world_and_pad__distributed_samplers_rule)
{
    uint32_t *list = numbers_make(250, 4);
    for (uint32_t world = 1; world <= 4; world++)
        for (uint32_t pad = FMNIST_PAD_WRAP; pad <= FMNIST_PAD_NONE; pad++)
            for (uint32_t rank = 0; rank < world; rank++) {
                struct fmnist_spec spec = list_spec(list, 250);
                spec.world_size = world;
                spec.rank = rank;
                spec.pad = pad;
                spec.batch_size = 20;
                uint64_t whole = pad == FMNIST_PAD_WRAP   ? (250 + world - 1) / world * world
                                 : pad == FMNIST_PAD_DROP ? 250 / world * world
                                                          : 250;
                struct fmnist_stream *stream = open_stream(client, &spec);
                struct fmnist_batch b;
                uint64_t at = rank;
                for (; fmnist_next(stream, &b) == FMNIST_OK; fmnist_release(stream, &b))
                    for (uint64_t i = 0; i < b.count; i++, at += world)
                        ck_assert_int_eq(b.indices[i], list[at % 250]);
                ck_assert_msg(at >= whole && at < whole + world, "world %u, pad %u, rank %u", world,
                              pad, rank);
                fmnist_close(stream);
            }
    ck_assert_uint_eq(index_list_cache_now().received, 1);
    free(list);
}
END_TEST

/* ---- what is refused ----------------------------------------------------------------------- */

START_TEST(list__that_does_not_fit__refused_with_place_and_value)
{
    uint32_t list[] = {1, 2, 3, 102};
    static const uint32_t zero[] = {4, 0}, few[] = {1, 2}, many[] = {1, 4};
    const struct fmnist_spec good = list_spec(list, 4);
    struct fmnist_spec spec = good;
    spec.list = NULL;
    must_refuse(&spec, FMNIST_EINVAL, "list");
    spec.list_count = 0;
    must_refuse(&spec, FMNIST_EINVAL, "order list with 0 indices");
    spec = good;
    spec.list_count = 0;
    must_refuse(&spec, FMNIST_EINVAL, "list is empty: want numbers of the split");
    spec = good;
    spec.list_batch_count = 2;
    must_refuse(&spec, FMNIST_EINVAL, "list_batches");
    spec.list_batches = few;
    spec.list_batch_count = 0;
    must_refuse(&spec, FMNIST_EINVAL, "list_batches is empty");
    spec.list_batch_count = 2;
    spec.list_count = 3;
    spec.order = FMNIST_ORDER_TORCH;
    must_refuse(&spec, FMNIST_EINVAL, "list_batches with order torch: want order list");
    spec.list_count = 4;
    spec.order = FMNIST_ORDER_LIST;
    const uint32_t *const wrong[] = {zero, few, many};
    static const char *const words[] = {"list_batches[1] is 0", "3 in all", "list_batches[1] is 4"};
    for (int i = 0; i < 3; i++) {
        spec.list_batches = wrong[i];
        must_refuse(&spec, FMNIST_EINVAL, words[i]);
    }
    static const uint32_t halves[] = {2, 2};
    spec.list_batches = halves;
    spec.world_size = 2;
    must_refuse(&spec, FMNIST_EINVAL, "world-size 2 with list_batches");
    ck_assert_uint_eq(index_list_cache_now().received, 0);
    list[2] = 103;
    for (int i = 0; i < 2; i++) /* when it is sent, and when it is known */
        must_refuse(&good, FMNIST_EINVAL, "list[2] is 103: the split has 103 images, 0 to 102");
    ck_assert_uint_eq(index_list_cache_now().received, 1);
}
END_TEST

/* ---- known by digest ----------------------------------------------------------------------- */

START_TEST(list__known__not_sent_again)
{
    uint32_t *list = numbers_make(250, 1), *copy = numbers_make(250, 1);
    struct fmnist_spec spec = list_spec(list, 250);
    struct fmnist_stream *first = open_stream(client, &spec);
    spec.list = copy;
    spec.dtype = FMNIST_FLOAT32; /* another stream of the same list */
    struct fmnist_stream *second = open_stream(client, &spec);
    fmnist_close(first);
    fmnist_close(second);
    wait_for_clients(client, 1);
    second = open_stream(client, &spec); /* that nobody reads just now */
    fmnist_close(second);
    ck_assert_uint_eq(index_list_cache_now().received, 1);
    ck_assert_uint_eq(index_list_cache_now().kept, 1);
    copy[17] ^= 1;
    fmnist_close(open_stream(client, &spec));
    ck_assert_uint_eq(index_list_cache_now().received, 2);
    ck_assert_uint_eq(index_list_cache_now().kept, 2);
    free(list);
    free(copy);
}
END_TEST

/* A daemon that has forgotten the list is given it again, and goes on where the token was taken. */
START_TEST(list__daemon_started_again__sent_again_and_goes_on)
{
    static const uint32_t lengths[] = {1, 30, 2, 2, 40, 1, 174};
    uint32_t *list = numbers_make(250, 1);
    struct fmnist_spec spec = list_spec(list, 250);
    spec.list_batches = lengths;
    spec.list_batch_count = 7;
    struct fmnist_stream *stream = open_stream(client, &spec);
    struct fmnist_token token;
    struct fmnist_batch b;
    for (int i = 0; i < 3; i++) {
        must(fmnist_next(stream, &b));
        must(fmnist_release(stream, &b));
    }
    must(fmnist_stream_token(stream, &token));
    fmnist_disconnect(client);
    daemon_kill(&d);
    fmnist_close(stream);
    daemon_restart(&d);
    client = connect_to(&d);
    ck_assert_uint_eq(index_list_cache_now().kept, 0);
    must(fmnist_open(client, &spec, &token, &stream));
    ck_assert_uint_eq(index_list_cache_now().received, 1);
    must(fmnist_next(stream, &b));
    ck_assert_uint_eq(b.step, 3);
    ck_assert_uint_eq(b.count, 2);
    ck_assert_int_eq(b.indices[0], list[33]);
    fmnist_close(stream);
    free(list);
}
END_TEST

static void must_refuse_token(const struct fmnist_spec *spec, const struct fmnist_token *token)
{
    struct fmnist_stream *stream;
    must_be(fmnist_open(client, spec, token, &stream), FMNIST_ETOKEN, "open", __FILE__, __LINE__);
}

START_TEST(list__token_of_another_list__refused)
{
    static const uint32_t halves[] = {125, 125}, parts[] = {124, 126};
    uint32_t *list = numbers_make(250, 1), *other = numbers_make(250, 2);
    struct fmnist_spec spec = list_spec(list, 250);
    spec.list_batches = halves;
    spec.list_batch_count = 2;
    struct fmnist_stream *stream = open_stream(client, &spec);
    struct fmnist_token token;
    must(fmnist_stream_token(stream, &token));
    fmnist_close(stream);
    struct fmnist_spec wrong = spec;
    wrong.list = other;
    must_refuse_token(&wrong, &token);
    wrong = spec;
    wrong.list_batches = parts;
    must_refuse_token(&wrong, &token);
    wrong = spec;
    wrong.list_batches = NULL;
    wrong.list_batch_count = 0;
    wrong.batch_size = 125; /* the same batches, but another list */
    must_refuse_token(&wrong, &token);
    spec.batch_size = 9; /* which says nothing here */
    must(fmnist_open(client, &spec, &token, &stream));
    fmnist_close(stream);
    free(list);
    free(other);
}
END_TEST

/* ---- peers that break it off --------------------------------------------------------------- */

/* An open request for a list of `count` numbers, with a digest that nothing has. */
static void ask_for_list(int fd, uint64_t count)
{
    uint8_t body[OPEN_SIZE];
    make_open(body, FMNIST_ORDER_LIST, FMNIST_SHM);
    put_le64(body + 256, count);
    body[272] = 1;
    say(fd, OPEN, body, sizeof body);
}

static int peer_at_list(uint64_t count)
{
    int fd = dial_and_greet(&d);
    ask_for_list(fd, count);
    uint8_t head[8];
    ck_assert_int_eq(recv(fd, head, 8, MSG_WAITALL), 8);
    ck_assert_uint_eq(head[4], WANT_LIST);
    ck_assert_uint_eq(little(head), 0);
    return fd;
}

/* Whatever a peer sends in a list's place costs it its connection, and nobody else anything. */
START_TEST(upload__wrong_frames__end_their_own_connection)
{
    static const uint8_t zeros[2048];
    struct fmnist_spec spec = spec_of("tiny");
    spec.dtype = FMNIST_UINT8;
    struct fmnist_stream *witness = open_stream(client, &spec);
    static const uint32_t sizes[] = {0, 3, 404, 1025};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        int fd = peer_at_list(100);
        say(fd, LIST, zeros, sizes[i]);
        hear_error(fd, FMNIST_EPROTO, "a piece of a list");
    }
    static const uint8_t huge[8] = {4, 0, 1, 0, LIST};
    int fd = peer_at_list(1 << 20);
    ck_assert_int_eq(send(fd, huge, sizeof huge, 0), sizeof huge);
    hear_error(fd, FMNIST_EPROTO, "at most 65536 bytes");
    static const uint16_t others[] = {OPEN, STATUS, KICK, HELLO};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        fd = peer_at_list(100);
        say(fd, others[i], zeros, 0);
        hear_error(fd, FMNIST_EPROTO, "in a list's place");
    }
    fd = peer_at_list(100);
    say(fd, LIST, zeros, 400);
    hear_error(fd, FMNIST_EINVAL, "another digest");
    fd = dial_and_greet(&d);
    ask_for_list(fd, 200000001);
    hear_error(fd, FMNIST_EINVAL, "want a list of 1 to 200000000");
    ck_assert_uint_eq(index_list_cache_now().kept, 0);
    struct fmnist_batch b;
    must(fmnist_next(witness, &b));
    check_bytes(&all, &b);
    fmnist_close(witness);
}
END_TEST

/* A list that is there, and that a peer says is longer, or has batches or values, than it has: of
 * the split, and of a part. */
START_TEST(list__said_to_be_another_than_it_is__refused)
{
    static const uint32_t own[] = {4, 0, 9, 9, 2};
    static const uint8_t digest[] = {0xe4, 0x25, 0x84, 0xab, 0xfd, 0x22, 0xeb, 0x70,
                                     0x7e, 0x09, 0x87, 0x07, 0xf5, 0x21, 0x8e, 0x47};
    static const struct {
        uint64_t count, batches;
    } wrong[] = {{1, 0}, {6, 0}, {100000000, 0}, {5, 5}, {1000000, 1000000}};
    static const char *const splits[] = {"train", "train[:50]"};
    struct fmnist_spec spec = list_spec(own, 5);
    struct fmnist_stream *stream = open_stream(client, &spec);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        for (size_t k = 0; k < sizeof splits / sizeof *splits; k++) {
            uint8_t body[OPEN_SIZE];
            int fd = dial_and_greet(&d);
            make_open(body, FMNIST_ORDER_LIST, FMNIST_SHM);
            memcpy(body + 72, splits[k], strlen(splits[k]));
            put_le64(body + 256, wrong[i].count);
            put_le64(body + 264, wrong[i].batches);
            memcpy(body + 272, digest, sizeof digest);
            say(fd, OPEN, body, sizeof body);
            hear_error(fd, FMNIST_EINVAL, "the list of this digest has 5 indices in 0 batches");
        }
    struct fmnist_batch b;
    must(fmnist_next(stream, &b));
    fmnist_close(stream);
}
END_TEST

/* Pieces may come in any cut: of a head, of a number, of many frames together. */
START_TEST(upload__in_pieces_of_any_size__put_together)
{
    static const uint8_t zeros[400];
    uint8_t frames[3 * 8 + 400] = {0};
    static const uint32_t sizes[] = {4, 300, 96};
    for (size_t i = 0, at = 0; i < 3; at += 8 + sizes[i++]) {
        put_le32(frames + at, sizes[i]);
        frames[at + 4] = LIST;
        memcpy(frames + at + 8, zeros, sizes[i]);
    }
    for (size_t piece = 1; piece < sizeof frames; piece += 1 + piece / 2) {
        int fd = peer_at_list(100);
        for (size_t at = 0; at < sizeof frames; at += piece) {
            size_t n = sizeof frames - at < piece ? sizeof frames - at : piece;
            ck_assert_int_eq(send(fd, frames + at, n, 0), (ssize_t)n);
        }
        hear_error(fd, FMNIST_EINVAL, "another digest"); /* which a whole list is looked at for */
    }
}
END_TEST

START_TEST(upload__broken_off_or_stopped__ended_in_time)
{
    static const uint8_t zeros[200];
    int64_t start = milliseconds();
    int gone = peer_at_list(100), silent = peer_at_list(100), half = peer_at_list(100);
    say(gone, LIST, zeros, 200);
    close(gone);
    say(half, LIST, zeros, 200);
    hear_error(silent, FMNIST_ETIMEDOUT, "limits.handshake_ms");
    hear_error(half, FMNIST_ETIMEDOUT, "limits.handshake_ms");
    ck_assert_int_ge(milliseconds() - start, 290);
    wait_for_clients(client, 1);
    ck_assert_uint_eq(index_list_cache_now().kept, 0);
}
END_TEST

/* ---- limits: 250 numbers ------------------------------------------------------------------- */

START_TEST(limits__one_list__refused_by_name_before_it_is_sent)
{
    static const uint32_t length[] = {250};
    uint32_t *list = numbers_make(251, 1);
    struct fmnist_spec spec = list_spec(list, 251);
    must_refuse(&spec, FMNIST_ELIMIT, "a list of 1004 bytes: limits.list_bytes is 1000 bytes");
    spec.list_count = 250;
    fmnist_close(open_stream(client, &spec));
    spec.list_batches = length;
    spec.list_batch_count = 1;
    must_refuse(&spec, FMNIST_ELIMIT, "a list of 1004 bytes");
    ck_assert_uint_eq(index_list_cache_now().received, 1);
    free(list);
}
END_TEST

static bool can_open(void *data)
{
    struct fmnist_stream *stream;
    bool ok = fmnist_open(client, data, NULL, &stream) == FMNIST_OK;
    if (ok)
        fmnist_close(stream);
    return ok;
}

/* A list counts once for all that read it, and while it is sent; lists that are known count too. */
START_TEST(limits__lists_of_a_user__counted_together)
{
    uint32_t *list = numbers_make(150, 1), *other = numbers_make(150, 2);
    struct fmnist_spec spec = list_spec(list, 150), second = list_spec(other, 150);
    fmnist_close(open_stream(client, &second));
    wait_for_clients(client, 1);
    struct fmnist_stream *streams[3];
    for (int i = 0; i < 3; i++)
        streams[i] = open_stream(client, &spec);
    must_refuse(&second, FMNIST_ELIMIT, "limits.list_bytes");
    struct fmnist_spec small = list_spec(other, 100); /* 1,000 bytes with the three's one list */
    fmnist_close(open_stream(client, &small));
    for (int i = 0; i < 3; i++)
        fmnist_close(streams[i]);
    ck_assert(daemon_wait_until(can_open, &second));
    int fd = peer_at_list(150);
    must_refuse(&second, FMNIST_ELIMIT, "limits.list_bytes");
    close(fd);
    ck_assert(daemon_wait_until(can_open, &second));
    free(list);
    free(other);
}
END_TEST

static void add_delivery(TCase *tc)
{
    tcase_add_test(tc, list__runs_of_batch_size__delivered_as_it_is);
    tcase_add_test(tc, list__ragged_batches__each_of_its_length);
}

int main(void)
{
    Suite *suite = suite_create("list");
    TCase *tc = tcase_create("list"), *one = tcase_create("one worker"),
          *limits = tcase_create("limits"), *impatient = tcase_create("impatient");
    suite_add_tcase(suite, tc);
    suite_add_tcase(suite, one);
    suite_add_tcase(suite, limits);
    suite_add_tcase(suite, impatient);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_checked_fixture(one, setup_one_worker, teardown);
    tcase_add_checked_fixture(limits, setup_limits, teardown);
    tcase_add_checked_fixture(impatient, setup_impatient, teardown);
    tcase_set_timeout(tc, 120);
    tcase_set_timeout(one, 120);
    tcase_set_timeout(limits, 120);
    add_delivery(tc);
    add_delivery(one);
    tcase_add_test(tc, list__ragged_batches_into_memory__too_little_costs_no_batch);
    tcase_add_test(tc, list__of_megabytes__arrives_whole);
    tcase_add_test(tc, list__shards_of_any_world_and_pad__distributed_samplers_rule);
    tcase_add_test(tc, list__that_does_not_fit__refused_with_place_and_value);
    tcase_add_test(tc, list__known__not_sent_again);
    tcase_add_test(tc, list__daemon_started_again__sent_again_and_goes_on);
    tcase_add_test(tc, list__token_of_another_list__refused);
    tcase_add_test(tc, list__said_to_be_another_than_it_is__refused);
    tcase_add_test(tc, upload__wrong_frames__end_their_own_connection);
    tcase_add_test(tc, upload__in_pieces_of_any_size__put_together);
    tcase_add_test(impatient, upload__broken_off_or_stopped__ended_in_time);
    tcase_add_test(limits, limits__one_list__refused_by_name_before_it_is_sent);
    tcase_add_test(limits, limits__lists_of_a_user__counted_together);
    return support_run(suite);
}
