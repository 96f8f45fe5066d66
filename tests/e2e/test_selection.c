/* SPDX-License-Identifier: MIT */
/* Some of a split's images in any order: what a data set of just these images would give. */
#include "e2e/harness.h"

#define COUNT   103
#define LONGEST 250 /* a list may be longer than its split */

static const uint32_t sizes[] = {1, 2, 37, LONGEST};
enum { SIZES = sizeof sizes / sizeof *sizes };

static struct daemon d;
static struct images all;
static struct fmnist_client *client;
static uint32_t list[LONGEST];

/* Beside the images a set of each list's size, whose own indices are the places of a list. */
static void setup(void)
{
    static const uint8_t zeros[LONGEST];
    support_setup();
    images_make(&all, COUNT, 5, 4, 1);
    char datasets[2048] = "cache: none\nworkers: 3\ndatasets:\n";
    for (int i = 0; i <= SIZES; i++) {
        char images[32] = "train-images-idx3-ubyte", labels[32] = "train-labels-idx1-ubyte";
        if (i < SIZES) {
            snprintf(images, sizeof images, "images-%u", sizes[i]);
            snprintf(labels, sizeof labels, "labels-%u", sizes[i]);
            write_idx(support_path("%s", images), 3, (uint32_t[]){sizes[i], 1, 1}, zeros);
            write_idx(support_path("%s", labels), 1, &sizes[i], zeros);
        }
        size_t at = strlen(datasets);
        snprintf(datasets + at, sizeof datasets - at,
                 "  - {name: set-%u, path: %s, splits: {train: {images: %s, labels: %s}}}\n",
                 i < SIZES ? sizes[i] : 0, support_dir(), images, labels);
    }
    daemon_start(&d, "%s", datasets);
    client = connect_to(&d);
    uint64_t state = 9;
    for (size_t i = 0; i < LONGEST; i++)
        list[i] = (uint32_t)((next_random(&state) >> 32) % COUNT);
}

static void setup_limits(void)
{
    support_setup();
    images_make(&all, COUNT, 5, 4, 1);
    serve_tiny(&d, "limits: {list_bytes: 1000}\n");
    client = connect_to(&d);
}

static void teardown(void)
{
    fmnist_disconnect(client);
    daemon_stop(&d);
    images_free(&all);
    support_teardown();
}

/* ---- one stream ---------------------------------------------------------------------------- */

static struct fmnist_spec select_spec(uint32_t order, const uint32_t *numbers, uint64_t count)
{
    struct fmnist_spec spec = spec_of("set-0");
    spec.order = order;
    spec.seed = 11;
    spec.dtype = FMNIST_UINT8;
    spec.batch_size = 10;
    spec.list = numbers;
    spec.list_count = count;
    return spec;
}

/* The same over all of a data set of as many images. */
static struct fmnist_spec whole_spec(struct fmnist_spec spec)
{
    static char name[16];
    snprintf(name, sizeof name, "set-%llu", (unsigned long long)spec.list_count);
    spec.dataset = name;
    spec.list = NULL;
    spec.list_count = 0;
    return spec;
}

/* Two epochs of both streams, batch by batch. */
static void compare(const struct fmnist_spec *spec, struct fmnist_stream *selected,
                    struct fmnist_stream *whole)
{
    struct fmnist_stream_info info = info_of(selected), want = info_of(whole);
    ck_assert_uint_eq(info.steps, want.steps);
    ck_assert_uint_eq(info.sample_count, want.sample_count);
    ck_assert_uint_eq(info.batch_size, want.batch_size);
    for (uint64_t n = 0; n < 2 * (info.steps + 1); n++) {
        struct fmnist_batch b, w;
        int rc = fmnist_next(selected, &b);
        ck_assert_int_eq(rc, fmnist_next(whole, &w));
        if (rc)
            continue;
        ck_assert_uint_eq(b.epoch, w.epoch);
        ck_assert_uint_eq(b.step, w.step);
        ck_assert_uint_eq(b.count, w.count);
        for (uint64_t i = 0; i < b.count; i++)
            if (b.indices[i] != spec->list[w.indices[i]])
                ck_abort_msg("order %u, seed %llu, rank %u of %u, pad %u: batch %llu, sample %llu "
                             "is image %lld, want %u",
                             spec->order, (unsigned long long)spec->seed, spec->rank,
                             spec->world_size, spec->pad, (unsigned long long)n,
                             (unsigned long long)i, (long long)b.indices[i],
                             spec->list[w.indices[i]]);
        check_bytes(&all, &b);
        must(fmnist_release(selected, &b));
        must(fmnist_release(whole, &w));
    }
}

static void check_as_a_set(const struct fmnist_spec *spec)
{
    struct fmnist_stream *selected = NULL, *whole = NULL;
    struct fmnist_spec want = whole_spec(*spec);
    int rc = fmnist_open(client, spec, NULL, &selected);
    ck_assert_int_eq(rc, fmnist_open(client, &want, NULL, &whole)); /* both have none, or neither */
    if (!rc)
        compare(spec, selected, whole);
    fmnist_close(selected);
    fmnist_close(whole);
}

static void check_ranks(struct fmnist_spec spec)
{
    for (spec.world_size = 1; spec.world_size <= 3; spec.world_size++)
        for (spec.pad = FMNIST_PAD_WRAP; spec.pad <= FMNIST_PAD_NONE; spec.pad++)
            for (spec.rank = 0; spec.rank < spec.world_size; spec.rank++) {
                spec.drop_last = spec.rank == 1;
                check_as_a_set(&spec);
            }
}

START_TEST(selection__any_order_seed_and_rank__that_of_a_set_of_its_size)
{
    static const uint64_t seeds[] = {0, 7, (UINT64_C(1) << 40) + 3};
    for (uint32_t order = FMNIST_ORDER_SEQUENTIAL; order <= FMNIST_ORDER_NUMPY; order++)
        for (int seed = 0; seed < 3; seed++)
            for (int size = 0; size < SIZES; size++) {
                struct fmnist_spec spec = select_spec(order, list, sizes[size]);
                spec.seed = seeds[seed];
                spec.transport = seed == 1 ? FMNIST_INLINE : FMNIST_SHM;
                check_ranks(spec);
            }
}
END_TEST

/* ---- going on ------------------------------------------------------------------------------ */

/* What an epoch gives to one rank of one, from its beginning. */
static uint64_t epoch_of(struct fmnist_spec spec, uint64_t epoch, int64_t indices[LONGEST])
{
    struct fmnist_batch b;
    uint64_t n = 0;
    spec.epoch = epoch;
    struct fmnist_stream *stream = open_stream(client, &spec);
    for (; fmnist_next(stream, &b) == FMNIST_OK; must(fmnist_release(stream, &b)))
        for (uint64_t i = 0; i < b.count; i++)
            indices[n++] = b.indices[i];
    fmnist_close(stream);
    return n;
}

static void check_rest(const struct fmnist_spec *spec, const struct fmnist_token *token,
                       uint64_t step, const int64_t *whole, uint64_t count)
{
    struct fmnist_stream *stream;
    struct fmnist_batch b;
    must(fmnist_open(client, spec, token, &stream));
    uint64_t at = step * 12 + spec->rank;
    for (; fmnist_next(stream, &b) == FMNIST_OK; must(fmnist_release(stream, &b))) {
        for (uint64_t i = 0; i < b.count; i++, at += spec->world_size)
            if (at >= count || b.indices[i] != whole[at])
                ck_abort_msg("order %u, rank %u of %u, from step %llu: place %llu differs",
                             spec->order, spec->rank, spec->world_size, (unsigned long long)step,
                             (unsigned long long)at);
        check_bytes(&all, &b);
    }
    ck_assert_uint_ge(at, count);
    fmnist_close(stream);
}

/* Three ranks stop in the second epoch, any number goes on: at every step, the rest of just that
 * epoch. */
START_TEST(selection__every_position_and_world__the_rest_as_it_was)
{
    for (uint32_t order = FMNIST_ORDER_SEQUENTIAL; order <= FMNIST_ORDER_LIST; order++) {
        struct fmnist_spec spec = select_spec(order, list, LONGEST);
        int64_t whole[LONGEST];
        uint64_t count = epoch_of(spec, 1, whole);
        ck_assert_uint_eq(count, LONGEST);
        spec.pad = FMNIST_PAD_NONE;
        struct fmnist_spec first = spec;
        first.world_size = 3;
        first.rank = 1;
        first.batch_size = 4;
        first.epoch = 1;
        struct fmnist_stream *stream = open_stream(client, &first);
        for (uint64_t step = 0; step < info_of(stream).steps; step++) {
            struct fmnist_token token;
            must(fmnist_stream_token(stream, &token));
            for (uint32_t world = 1; world <= 4; world++)
                for (uint32_t rank = 0; rank < world; rank++) {
                    spec.world_size = world;
                    spec.rank = rank;
                    spec.batch_size = 12 / world;
                    spec.transport = step % 2 ? FMNIST_INLINE : FMNIST_SHM;
                    check_rest(&spec, &token, step, whole, count);
                }
            hash_next(stream);
        }
        fmnist_close(stream);
    }
}
END_TEST

static void must_refuse_token(const struct fmnist_spec *spec, const struct fmnist_token *token)
{
    struct fmnist_stream *stream;
    must_be(fmnist_open(client, spec, token, &stream), FMNIST_ETOKEN, "open", __FILE__, __LINE__);
}

START_TEST(selection__token_of_another_list_order_or_seed__refused)
{
    uint32_t other[37];
    memcpy(other, list, sizeof other);
    other[36] = (other[36] + 1) % COUNT;
    for (uint32_t order = FMNIST_ORDER_SHUFFLE; order <= FMNIST_ORDER_NUMPY; order++) {
        struct fmnist_spec spec = select_spec(order, list, 37), wrong[4] = {spec, spec, spec, spec};
        struct fmnist_stream *stream = open_stream(client, &spec);
        struct fmnist_token token;
        must(fmnist_stream_token(stream, &token));
        fmnist_close(stream);
        wrong[0].list = other;
        wrong[1].list_count = 36;
        wrong[2].seed++;
        wrong[3].order = FMNIST_ORDER_LIST;
        for (int i = 0; i < 4; i++)
            must_refuse_token(&wrong[i], &token);
        struct fmnist_spec none = whole_spec(spec);
        none.dataset = "set-0";
        must_refuse_token(&none, &token);
    }
}
END_TEST

/* Sequential leaves a list as it is, so it is the order list under another name; lengths too. */
START_TEST(selection__sequential__the_same_stream_as_order_list)
{
    static const uint32_t lengths[] = {1, 30, 6};
    for (int ragged = 0; ragged <= 1; ragged++) {
        struct fmnist_spec spec = select_spec(FMNIST_ORDER_LIST, list, 37);
        spec.list_batches = ragged ? lengths : NULL;
        spec.list_batch_count = ragged ? 3 : 0;
        struct fmnist_stream *as_list = open_stream(client, &spec), *again;
        spec.order = FMNIST_ORDER_SEQUENTIAL;
        struct fmnist_stream *sequential = open_stream(client, &spec);
        struct fmnist_stream_info one = info_of(as_list), two = info_of(sequential);
        ck_assert_mem_eq(one.digest, two.digest, sizeof one.digest);
        uint64_t want = 0;
        for (uint64_t i = 0; i <= one.steps; i++) {
            want = hash_next(as_list);
            ck_assert_uint_eq(want, hash_next(sequential));
        }
        struct fmnist_token token;
        must(fmnist_stream_token(as_list, &token));
        must(fmnist_open(client, &spec, &token, &again));
        ck_assert_uint_eq(hash_next(as_list), hash_next(again));
        fmnist_close(as_list);
        fmnist_close(sequential);
        fmnist_close(again);
    }
}
END_TEST

/* ---- limits: 250 numbers ------------------------------------------------------------------- */

static struct fmnist_spec limited_spec(uint32_t order, uint64_t count)
{
    struct fmnist_spec spec = select_spec(order, list, count);
    spec.dataset = "tiny";
    return spec;
}

static void must_refuse(const struct fmnist_spec *spec, const char *text)
{
    struct fmnist_stream *stream;
    must_be(fmnist_open(client, spec, NULL, &stream), FMNIST_ELIMIT, "open", __FILE__, __LINE__);
    ck_assert_msg(strstr(fmnist_error(), text) != NULL, "\"%s\": want \"%s\"", fmnist_error(),
                  text);
}

static bool can_open(void *data)
{
    struct fmnist_stream *stream;
    bool ok = fmnist_open(client, data, NULL, &stream) == FMNIST_OK;
    if (ok)
        fmnist_close(stream);
    return ok;
}

/* Two permutations are held at a time, by each stream; who sits at the same one takes no more. */
START_TEST(limits__permutations_of_a_list__count_with_it)
{
    for (uint32_t order = FMNIST_ORDER_TORCH; order <= FMNIST_ORDER_NUMPY; order++) {
        struct fmnist_spec spec = limited_spec(order, 84);
        must_refuse(&spec, "a list of 336 bytes and 672 of its order (shuffle takes none): "
                           "limits.list_bytes is 1000 bytes for all lists");
        spec = limited_spec(order, 83);
        ck_assert(daemon_wait_until(can_open, &spec));
        struct fmnist_stream *stream = open_stream(client, &spec);
        struct fmnist_stream *beside = open_stream(client, &spec);
        struct fmnist_spec other = spec;
        other.seed++;
        must_refuse(&other, "a list of 332 bytes and 664 of its order");
        other.order = FMNIST_ORDER_SHUFFLE;
        fmnist_close(open_stream(client, &other));
        fmnist_close(stream);
        other.order = order;
        must_refuse(&other, "a list of 332 bytes and 664 of its order");
        fmnist_close(beside);
        ck_assert(daemon_wait_until(can_open, &other));
    }
    struct fmnist_spec spec = limited_spec(FMNIST_ORDER_SHUFFLE, LONGEST);
    ck_assert(daemon_wait_until(can_open, &spec));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("selection");
    TCase *tc = tcase_create("selection"), *limits = tcase_create("limits");
    suite_add_tcase(suite, tc);
    suite_add_tcase(suite, limits);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_checked_fixture(limits, setup_limits, teardown);
    tcase_set_timeout(tc, 300);
    tcase_set_timeout(limits, 60);
    tcase_add_test(tc, selection__any_order_seed_and_rank__that_of_a_set_of_its_size);
    tcase_add_test(tc, selection__every_position_and_world__the_rest_as_it_was);
    tcase_add_test(tc, selection__token_of_another_list_order_or_seed__refused);
    tcase_add_test(tc, selection__sequential__the_same_stream_as_order_list);
    tcase_add_test(limits, limits__permutations_of_a_list__count_with_it);
    return support_run(suite);
}
