/* SPDX-License-Identifier: MIT */
/* Parts of a split: each the stream of the list of its images, by any transport, order, shard and
 * position, and told of where there is none. */
#include "e2e/harness.h"

#include "e2e/program.h"

#define COUNT 203

static struct daemon d;
static struct images all;

static void setup(void)
{
    support_setup();
    images_make(&all, COUNT, 6, 4, 1);
    serve_tiny(&d, "limits: {list_bytes: 1MiB}\n");
}

static void teardown(void)
{
    daemon_stop(&d);
    images_free(&all);
    support_teardown();
}

/* ---- parts, and the list that each is -------------------------------------------------------- */

struct part {
    const char *split, *select;
    uint32_t (*list)(uint32_t *list); /* writes it, and returns how many */
};

static uint32_t put_range(uint32_t *list, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++)
        list[i - from] = i;
    return to - from;
}

static uint32_t first_150(uint32_t *list)
{
    return put_range(list, 0, 150);
}

static uint32_t last_tenth(uint32_t *list)
{
    return put_range(list, 183, COUNT); /* round(182.7) */
}

static uint32_t both_ends(uint32_t *list)
{
    uint32_t n = put_range(list, 193, COUNT);
    return n + put_range(list + n, 0, 31);
}

static uint32_t classes_3_7(uint32_t *list)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < COUNT; i++)
        if (all.labels[i] == 3 || all.labels[i] == 7)
            list[n++] = i;
    return n;
}

/* KFold(4): 51, 51, 51 and 50 images. */
static uint32_t second_fold(uint32_t *list)
{
    return put_range(list, 51, 102);
}

static uint32_t but_second_fold(uint32_t *list)
{
    uint32_t n = put_range(list, 0, 51);
    return n + put_range(list + n, 102, COUNT);
}

static const struct part parts[] = {
    {"train[:150]", "", first_150},
    {"train", "slice(:150)", first_150},
    {"train[90%:]", "", last_tenth},
    {"train[-10:]+train[:31]", "", both_ends},
    {"train", "classes(7, 3)", classes_3_7},
    {"train", "held-out(1/4)", second_fold},
    {"train", "training(1/4)", but_second_fold},
};
#define PARTS (sizeof parts / sizeof parts[0])

static struct fmnist_spec spec_tiny(void)
{
    struct fmnist_spec spec = spec_of("tiny");
    spec.batch_size = 8;
    spec.height = spec.width = 9;
    return spec;
}

/* The part's spec, and that of its list. */
static void specs_of(const struct part *p, struct fmnist_spec *part, struct fmnist_spec *list)
{
    static uint32_t numbers[COUNT];
    *part = spec_tiny();
    part->split = p->split;
    part->select = p->select;
    *list = spec_tiny();
    list->list_count = p->list(numbers);
    list->list = numbers;
}

static void must_agree(struct fmnist_stream *a, struct fmnist_stream *b, unsigned events)
{
    struct fmnist_stream_info x = info_of(a), y = info_of(b);
    ck_assert_mem_eq(x.digest, y.digest, sizeof x.digest);
    ck_assert_uint_eq(x.sample_count, y.sample_count);
    for (unsigned i = 0; i < events; i++)
        ck_assert_msg(hash_next(a) == hash_next(b), "event %u", i);
}

/* A part that is another stream than its list: other images, another order, another digest. */
START_TEST(part__every_order_shard_and_transport__the_stream_of_its_list)
{
    static const uint32_t orders[] = {FMNIST_ORDER_SEQUENTIAL, FMNIST_ORDER_SHUFFLE,
                                      FMNIST_ORDER_TORCH, FMNIST_ORDER_TORCH_LOADER,
                                      FMNIST_ORDER_NUMPY};
    const struct part *p = &parts[_i];
    struct fmnist_client *client = connect_to(&d);
    struct fmnist_spec specs[2];
    specs_of(p, &specs[0], &specs[1]);
    for (size_t order = 0; order < sizeof orders / sizeof *orders; order++)
        for (uint32_t world = 1; world <= 3; world += 2) {
            struct fmnist_stream *streams[2];
            for (int k = 0; k < 2; k++) {
                specs[k].order = orders[order];
                specs[k].seed = 5;
                specs[k].world_size = world;
                specs[k].rank = world - 1;
                specs[k].transport = (order + (size_t)k) % 2 ? FMNIST_INLINE : FMNIST_SHM;
                streams[k] = open_stream(client, &specs[k]);
            }
            must_agree(streams[0], streams[1], 60 / world);
            fmnist_close(streams[0]);
            fmnist_close(streams[1]);
        }
    fmnist_disconnect(client);
}
END_TEST

/* A position in a part that is another one in its list, or in the part under other words. */
START_TEST(part__resumed_at_every_batch__goes_on)
{
    struct fmnist_client *client = connect_to(&d);
    struct fmnist_spec specs[2];
    specs_of(&parts[_i], &specs[0], &specs[1]);
    specs[0].order = specs[1].order = FMNIST_ORDER_TORCH;
    struct fmnist_stream *whole = open_stream(client, &specs[0]), *again;
    uint64_t steps = info_of(whole).steps;
    uint64_t *hashes = malloc((steps + 2) * sizeof *hashes);
    for (uint64_t i = 0; i < steps + 2; i++)
        hashes[i] = hash_next(whole);
    for (uint64_t step = 0; step <= steps; step++) {
        struct fmnist_token token;
        must(fmnist_stream_token_at(whole, 0, step, &token));
        must(fmnist_open(client, &specs[step % 2], &token, &again));
        /* Behind the last batch of an epoch its end is told once more. */
        ck_assert_uint_eq(hash_next(again), hashes[step]);
        fmnist_close(again);
    }
    free(hashes);
    fmnist_close(whole);
    fmnist_disconnect(client);
}
END_TEST

/* Images, labels and numbers are those of the stored split. */
START_TEST(part__its_bytes__those_of_the_dataset)
{
    struct fmnist_client *client = connect_to(&d);
    struct fmnist_spec spec, list;
    specs_of(&parts[_i], &spec, &list);
    spec.dtype = FMNIST_UINT8;
    spec.height = spec.width = 0;
    spec.batch_size = COUNT;
    struct fmnist_stream *stream = open_stream(client, &spec);
    struct fmnist_batch b;
    must(fmnist_next(stream, &b));
    ck_assert_uint_eq(b.count, list.list_count);
    for (uint64_t i = 0; i < b.count; i++)
        ck_assert_int_eq(b.indices[i], list.list[i]);
    check_bytes(&all, &b);
    must(fmnist_release(stream, &b));
    fmnist_close(stream);
    fmnist_disconnect(client);
}
END_TEST

/* ---- labels -------------------------------------------------------------------------------- */

/* Labels that stay what they were, or streams of other labels with one ring or one digest. */
START_TEST(labels__renumbered__other_labels_and_another_stream)
{
    struct fmnist_client *client = connect_to(&d);
    static const char *const selects[] = {"classes(7, 3)", "classes(7, 3, renumber)",
                                          "classes(3, 7) labels(7:0, 3:1)", "labels(7:-1)"};
    uint8_t digests[4][16];
    for (int k = 0; k < 4; k++) {
        struct fmnist_spec spec = spec_tiny();
        spec.select = selects[k];
        spec.batch_size = COUNT;
        struct fmnist_stream *stream = open_stream(client, &spec);
        struct fmnist_batch b;
        must(fmnist_next(stream, &b));
        memcpy(digests[k], info_of(stream).digest, 16);
        ck_assert(k < 3 || b.count == COUNT);
        for (uint64_t i = 0; i < b.count; i++) {
            int64_t stored = all.labels[b.indices[i]], label = ((const int64_t *)b.labels)[i];
            int64_t want = k == 0                  ? stored
                           : k == 3 && stored != 7 ? stored
                           : k == 3                ? -1
                                                   : stored == 3;
            ck_assert_int_eq(label, want);
        }
        must(fmnist_release(stream, &b));
        fmnist_close(stream);
    }
    ck_assert_mem_ne(digests[0], digests[1], 16);
    ck_assert_mem_eq(digests[1], digests[2], 16);
    ck_assert_mem_ne(digests[3], digests[0], 16);
    struct fmnist_spec spec = spec_tiny();
    struct fmnist_stream *stream;
    spec.select = "labels(7:-1)";
    spec.label_dtype = FMNIST_UINT8;
    ck_assert_int_eq(fmnist_open(client, &spec, NULL, &stream), FMNIST_EINVAL);
    ck_assert_msg(strstr(fmnist_error(), "labels of \"tiny\" run from -1 to 9"), "%s",
                  fmnist_error());
    spec.select = "classes(7) labels(7:1)";
    must(fmnist_open(client, &spec, NULL, &stream));
    fmnist_close(stream);
    fmnist_disconnect(client);
}
END_TEST

/* A selection that comes to all of the split is the split: tokens of before fit. */
START_TEST(selection__of_everything__the_split_itself)
{
    struct fmnist_client *client = connect_to(&d);
    struct fmnist_spec spec = spec_tiny(), same = spec_tiny();
    static const char *const splits[] = {"train[:100%]", "train[0:]", "train[-203:]", "train"};
    spec.order = same.order = FMNIST_ORDER_SHUFFLE;
    for (size_t i = 0; i < 4; i++) {
        same.split = splits[i];
        same.select = i == 3 ? "slice(:203) labels(11:3)" : "";
        struct fmnist_stream *a = open_stream(client, &spec), *b = open_stream(client, &same);
        must_agree(a, b, 30);
        fmnist_close(a);
        fmnist_close(b);
    }
    fmnist_disconnect(client);
}
END_TEST

/* ---- a list of the client's own ---------------------------------------------------------------
 */

/* A subset of a subset: numbers are places in the part, batches have lengths of their own. */
START_TEST(list__over_a_part__places_in_it)
{
    static const uint32_t own[] = {4, 0, 9, 9, 2}, lengths[] = {2, 3}, too_far[] = {0, 10, 3};
    struct fmnist_client *client = connect_to(&d);
    for (int transport = FMNIST_SHM; transport <= FMNIST_INLINE; transport++) {
        struct fmnist_spec spec = spec_tiny();
        spec.split = "train[-10:]";
        spec.transport = (uint32_t)transport;
        spec.list = own;
        spec.list_count = 5;
        spec.list_batches = lengths;
        spec.list_batch_count = 2;
        struct fmnist_stream *stream = open_stream(client, &spec);
        struct fmnist_batch b;
        for (uint64_t at = 0, step = 0; step < 2; at += b.count, step++) {
            must(fmnist_next(stream, &b));
            ck_assert_uint_eq(b.count, lengths[step]);
            for (uint64_t i = 0; i < b.count; i++)
                ck_assert_int_eq(b.indices[i], 193 + own[at + i]);
            must(fmnist_release(stream, &b));
        }
        fmnist_close(stream);
        spec.list = too_far;
        spec.list_count = 3;
        spec.list_batches = NULL;
        spec.list_batch_count = 0;
        ck_assert_int_eq(fmnist_open(client, &spec, NULL, &stream), FMNIST_EINVAL);
        ck_assert_msg(
            strstr(fmnist_error(), "of what is selected: list[1] is 10: the split has 10"), "%s",
            fmnist_error());
    }
    fmnist_disconnect(client);
}
END_TEST

/* ---- what is refused ------------------------------------------------------------------------- */

START_TEST(selection__wrong__said_where)
{
    static const struct {
        const char *split, *select;
        int code;
        const char *part;
    } faults[] = {
        {"train[:204]", "", FMNIST_EINVAL, "split: a slice from 0 to 204 of 203 images"},
        {"train[5]", "", FMNIST_EINVAL, "split, character 8: want ':' in a slice"},
        {"train[5:5]", "", FMNIST_EINVAL, "holds no image"},
        {"trian[:5]", "", FMNIST_ENOENT, "no split \"trian\" (is it \"train\"?); it has: train"},
        {"train", "classes(99)", FMNIST_EINVAL, "select, character 1: classes(...) holds no image"},
        {"train", "clases(9)", FMNIST_EINVAL, "select, character 1: want slice(...)"},
        {"train", "held-out(0.5, seed=1, stratified) held-out(0/200, stratified)", FMNIST_EINVAL,
         "select, character 35: stratified, and no class"},
        {"train", "labels(1)", FMNIST_EINVAL, "1 labels, and image"},
    };
    struct fmnist_client *client = connect_to(&d);
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        struct fmnist_spec spec = spec_tiny();
        struct fmnist_stream *stream;
        spec.split = faults[i].split;
        spec.select = faults[i].select;
        int rc = fmnist_open(client, &spec, NULL, &stream);
        ck_assert_msg(rc == faults[i].code && strstr(fmnist_error(), faults[i].part), "%d: %s", rc,
                      fmnist_error());
    }
    fmnist_disconnect(client);
}
END_TEST

/* What the daemon makes is charged to whom it is made for, and no longer than it is there. */
START_TEST(selection__no_room_for_lists__refused_by_the_limit)
{
    struct fmnist_client *client = connect_to(&d);
    char text[2048], *config = support_read(d.config, NULL);
    snprintf(text, sizeof text, "%s", config);
    free(config);
    char *limit = strstr(text, "1MiB");
    memcpy(limit, "1000", 4);
    support_write(d.config, text, strlen(text));
    must(fmnist_reload(client, NULL));
    struct fmnist_spec spec = spec_tiny();
    struct fmnist_stream *stream;
    spec.split = "train[:150]";
    ck_assert_int_eq(fmnist_open(client, &spec, NULL, &stream), FMNIST_ELIMIT);
    ck_assert_msg(strstr(fmnist_error(), "limits.list_bytes is 1000 bytes"), "%s", fmnist_error());
    memcpy(limit, "4000", 4);
    support_write(d.config, text, strlen(text));
    must(fmnist_reload(client, NULL));
    for (int i = 0; i < 20; i++) { /* 600 bytes each, and 1,867 while one is made */
        must(fmnist_open(client, &spec, NULL, &stream));
        fmnist_close(stream);
    }
    fmnist_disconnect(client);
}
END_TEST

/* What labels become takes more than four numbers of images do: paid for, and given back. */
START_TEST(labels__more_than_images__paid_for)
{
    static const uint8_t labels[] = {0, 9, 3, 7};
    daemon_stop(&d);
    images_free(&all);
    images_make(&all, 4, 6, 4, 1);
    write_idx(support_path("train-labels-idx1-ubyte"), 1, (uint32_t[]){4}, labels);
    serve_tiny(&d, "");
    struct fmnist_client *client = connect_to(&d);
    struct fmnist_spec spec = spec_tiny();
    spec.select = "labels(3:1000)";
    for (int i = 0; i < 3; i++) {
        struct fmnist_batch b;
        struct fmnist_stream *stream = open_stream(client, &spec);
        must(fmnist_next(stream, &b));
        for (uint64_t k = 0; k < b.count; k++) {
            int label = labels[b.indices[k]];
            ck_assert_int_eq(((const int64_t *)b.labels)[k], label == 3 ? 1000 : label);
        }
        fmnist_close(stream);
    }
    fmnist_disconnect(client);
}
END_TEST

/* The way of a shell. */
START_TEST(fmnistctl__select__what_it_says)
{
    static struct said s;
    run_ctl(&s,
            "bench --socket %s --dataset tiny --split 'train[:50%%]' --select 'training(1/3)' "
            "--epochs 1 --json",
            d.socket);
    ck_assert_msg(s.status == 0, "%s", s.text);
    run_ctl(&s, "dump --socket %s --dataset tiny --split 'train[50:]' --select 'classes(3)x' -o %s",
            d.socket, support_path("o.npz"));
    ck_assert_msg(s.status != 0 && strstr(s.text, "select, character 11: want slice"), "%s",
                  s.text);
    run_ctl(&s,
            "show --socket %s --dataset tiny --split 'train[50:]' --select 'classes(3, renumber)' "
            "-o %s",
            d.socket, support_path("s.png"));
    ck_assert_msg(s.status == 0, "%s", s.text);
    /* Originals are found by their numbers in the stored split. */
    run_ctl(&s,
            "explain --socket %s --dataset tiny --split 'train[-10:]' --augment "
            "random-horizontal-flip --step 0 --row 3 --json",
            d.socket);
    ck_assert_msg(s.status == 0 && strstr(s.text, "196"), "%s", s.text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("part");
    TCase *tc = tcase_create("part");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 300);
    tcase_add_loop_test(tc, part__every_order_shard_and_transport__the_stream_of_its_list, 0,
                        PARTS);
    tcase_add_loop_test(tc, part__resumed_at_every_batch__goes_on, 0, PARTS);
    tcase_add_loop_test(tc, part__its_bytes__those_of_the_dataset, 0, PARTS);
    tcase_add_test(tc, labels__renumbered__other_labels_and_another_stream);
    tcase_add_test(tc, selection__of_everything__the_split_itself);
    tcase_add_test(tc, list__over_a_part__places_in_it);
    tcase_add_test(tc, selection__wrong__said_where);
    tcase_add_test(tc, selection__no_room_for_lists__refused_by_the_limit);
    tcase_add_test(tc, labels__more_than_images__paid_for);
    tcase_add_test(tc, fmnistctl__select__what_it_says);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
