/* SPDX-License-Identifier: MIT */
/* Multi-label sets: rows of labels over real sockets, by either transport, in every type, as views
 * and into memory of the caller's; and programs that know nothing of them. */
#include "e2e/harness.h"

#include "e2e/program.h"
#include "pixels/guarded.h"

enum { COUNT = 101, HEIGHT = 6, WIDTH = 4, LABELS = 14, BATCH = 8 };

static struct daemon d;
static struct images all;
static uint8_t rows[COUNT][LABELS];
static struct fmnist_client *client;

/* Rows of ones and noughts beside images_make's images; row 3 has none, row 4 other numbers. */
static void rows_make(void)
{
    uint64_t state = 77;
    for (uint32_t i = 0; i < COUNT; i++)
        for (uint32_t k = 0; k < LABELS; k++)
            rows[i][k] = next_random(&state) % 3 == 0;
    memset(rows[3], 0, LABELS);
    for (uint32_t k = 0; k < LABELS; k++)
        rows[4][k] = (uint8_t)(255 - k);
    write_idx(support_path("train-labels-idx2-ubyte"), 2, (uint32_t[]){COUNT, LABELS}, *rows);
}

/* As "tiny", which other tests' programs ask for. */
static void serve(const char *more)
{
    daemon_start(&d,
                 "cache: %s\n"
                 "datasets:\n"
                 "  - name: tiny\n"
                 "    path: %s\n"
                 "    splits: {train: {images: train-images-idx3-ubyte, "
                 "labels: train-labels-idx2-ubyte}}\n"
                 "    multi_label: true\n%s",
                 support_path("cache"), support_dir(), more);
}

static void setup(void)
{
    support_setup();
    images_make(&all, COUNT, HEIGHT, WIDTH, 1);
    rows_make();
    serve("    classes: [c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12, c13]\n");
    client = connect_to(&d);
}

static void teardown(void)
{
    fmnist_disconnect(client);
    if (d.pid)
        daemon_stop(&d);
    images_free(&all);
    support_teardown();
}

static struct fmnist_spec rows_spec(void)
{
    struct fmnist_spec spec = spec_of("tiny");
    spec.batch_size = BATCH;
    spec.order = FMNIST_ORDER_SHUFFLE;
    spec.seed = 5;
    spec.dtype = FMNIST_UINT8;
    spec.label_count = LABELS;
    return spec;
}

static int64_t number_at(const void *labels, size_t at, uint32_t dtype)
{
    if (dtype == FMNIST_UINT8)
        return ((const uint8_t *)labels)[at];
    return dtype == FMNIST_INT32 ? ((const int32_t *)labels)[at] : ((const int64_t *)labels)[at];
}

/* Every image with its own row. */
static void check_batch(const struct fmnist_batch *b, uint32_t dtype)
{
    for (uint64_t i = 0; i < b->count; i++) {
        const uint8_t *want = rows[b->indices[i]];
        ck_assert_mem_eq((const uint8_t *)b->images + i * HEIGHT * WIDTH,
                         all.pixels + b->indices[i] * HEIGHT * WIDTH, HEIGHT * WIDTH);
        for (uint32_t k = 0; k < LABELS; k++)
            ck_assert_msg(number_at(b->labels, i * LABELS + k, dtype) == want[k],
                          "step %llu, sample %llu, label %u: %lld, want %u",
                          (unsigned long long)b->step, (unsigned long long)i, k,
                          (long long)number_at(b->labels, i * LABELS + k, dtype), want[k]);
    }
}

static const uint32_t dtypes[] = {FMNIST_UINT8, FMNIST_INT32, FMNIST_INT64};
static const size_t dtype_bytes[] = {1, 4, 8};

static struct fmnist_stream *open_rows(uint32_t transport, int dtype)
{
    struct fmnist_spec spec = rows_spec();
    spec.transport = transport;
    spec.label_dtype = dtypes[dtype];
    struct fmnist_stream *stream = open_stream(client, &spec);
    struct fmnist_stream_info info = info_of(stream);
    ck_assert_uint_eq(info.label_count, LABELS);
    ck_assert_uint_eq(info.label_bytes, LABELS * dtype_bytes[dtype]);
    ck_assert_uint_eq(info.label_dtype, dtypes[dtype]);
    return stream;
}

/* An epoch, of which every other batch is held while the next one is read. */
static void read_epoch(struct fmnist_stream *stream, uint32_t dtype)
{
    struct fmnist_batch b[2];
    uint64_t seen = 0, step = 0;
    while (fmnist_next(stream, &b[step % 2]) == FMNIST_OK) {
        seen += b[step % 2].count;
        if (step % 2) {
            check_batch(&b[0], dtype);
            must(fmnist_release(stream, &b[0]));
            check_batch(&b[1], dtype);
            must(fmnist_release(stream, &b[1]));
        }
        step++;
    }
    if (step % 2) {
        check_batch(&b[0], dtype);
        must(fmnist_release(stream, &b[0]));
    }
    ck_assert_uint_eq(seen, COUNT);
}

START_TEST(views__each_transport_and_type__every_image_with_its_row)
{
    uint32_t transport = _i / 6 ? FMNIST_INLINE : FMNIST_SHM;
    int dtype = _i / 2 % 3;
    struct fmnist_stream *stream = open_rows(transport, dtype);
    if (_i % 2)
        must(fmnist_view_wire(stream));
    for (int epoch = 0; epoch < 3; epoch++)
        read_epoch(stream, dtypes[dtype]);
    fmnist_close(stream);
}
END_TEST

/* Not a byte too many is written, and not a byte too few is taken for enough. */
START_TEST(next_into__each_transport_and_type__rows_and_no_byte_behind)
{
    uint32_t transport = _i / 3 ? FMNIST_INLINE : FMNIST_SHM;
    int dtype = _i % 3;
    struct fmnist_stream *stream = open_rows(transport, dtype);
    uint8_t images[BATCH * HEIGHT * WIDTH];
    int64_t indices[BATCH];
    struct fmnist_batch b;
    for (uint64_t step = 0; step < (COUNT + BATCH - 1) / BATCH; step++) {
        size_t count = step < COUNT / BATCH ? BATCH : COUNT % BATCH;
        struct guarded labels = guarded_new(count * LABELS * dtype_bytes[dtype], GUARD_BEHIND);
        struct fmnist_into into = {.size = sizeof into,
                                   .images = images,
                                   .images_bytes = sizeof images,
                                   .labels = labels.data,
                                   .labels_bytes = count * LABELS * dtype_bytes[dtype] - 1,
                                   .indices = indices,
                                   .indices_bytes = sizeof indices};
        ck_assert_int_eq(fmnist_next_into(stream, &into, &b), FMNIST_EINVAL);
        ck_assert_msg(strstr(fmnist_error(), "into.labels_bytes is"), "%s", fmnist_error());
        into.labels_bytes++;
        must(fmnist_next_into(stream, &into, &b));
        ck_assert_uint_eq(b.step, step);
        ck_assert_uint_eq(b.count, count);
        check_batch(&b, dtypes[dtype]);
        guarded_free(&labels);
    }
    fmnist_close(stream);
}
END_TEST

/* What a stream delivers is the same whatever the number of rows that the program says, by either
 * transport, from a token, and behind a daemon's end: with the cache file of the one before. */
START_TEST(rows__any_way__same_bytes)
{
    struct fmnist_spec spec = rows_spec();
    struct fmnist_stream *stream = open_stream(client, &spec);
    struct fmnist_stream_info info = info_of(stream);
    struct fmnist_token token;
    uint64_t want[20];
    for (int i = 0; i < 20; i++) {
        if (i == 7)
            must(fmnist_stream_token(stream, &token));
        want[i] = hash_next(stream);
    }
    fmnist_close(stream);
    daemon_kill(&d);
    daemon_restart(&d);
    ck_assert_msg(!strstr(d.log, "built"), "%s", d.log);
    for (int way = 0; way < 4; way++) {
        spec.transport = way % 2 ? FMNIST_INLINE : FMNIST_SHM;
        spec.label_count = way / 2 ? FMNIST_LABELS_ANY : LABELS;
        must(fmnist_open(client, &spec, way ? &token : NULL, &stream));
        ck_assert_mem_eq(info_of(stream).digest, info.digest, sizeof info.digest);
        for (int i = way ? 7 : 0; i < 20; i++)
            ck_assert_uint_eq(hash_next(stream), want[i]);
        fmnist_close(stream);
    }
}
END_TEST

/* Ranks and lists find the rows of their samples. */
START_TEST(rows__shards_and_lists__their_samples_own)
{
    static const uint32_t list[] = {100, 4, 3, 3, 50, 0, 4};
    struct fmnist_spec spec = rows_spec();
    struct fmnist_batch b;
    for (spec.rank = 0, spec.world_size = 3; spec.rank < 3; spec.rank++) {
        struct fmnist_stream *stream = open_stream(client, &spec);
        while (fmnist_next(stream, &b) == FMNIST_OK) {
            check_batch(&b, FMNIST_INT64);
            must(fmnist_release(stream, &b));
        }
        fmnist_close(stream);
    }
    spec = rows_spec();
    spec.order = FMNIST_ORDER_LIST;
    spec.list = list;
    spec.list_count = sizeof list / sizeof *list;
    struct fmnist_stream *stream = open_stream(client, &spec);
    must(fmnist_next(stream, &b));
    ck_assert_uint_eq(b.count, 7);
    for (int i = 0; i < 7; i++)
        ck_assert_int_eq(b.indices[i], list[i]);
    check_batch(&b, FMNIST_INT64);
    fmnist_close(stream);
}
END_TEST

/* Nobody gets a row where it wants a class, nor the other way round. */
START_TEST(label_count__another_than_the_sets__refused_by_name)
{
    static const uint32_t wrong[] = {0, 1, LABELS - 1, LABELS + 1, FMNIST_LABELS_MAX};
    struct fmnist_spec spec = rows_spec();
    struct fmnist_stream *stream;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char want[64];
        spec.label_count = wrong[i];
        ck_assert_int_eq(fmnist_open(client, &spec, NULL, &stream), FMNIST_EINVAL);
        snprintf(want, sizeof want, "label_count is %u: \"tiny\" is a multi-label set", wrong[i]);
        ck_assert_msg(strstr(fmnist_error(), want) &&
                          strstr(fmnist_error(), "want 14, or FMNIST_LABELS_ANY"),
                      "%s", fmnist_error());
    }
}
END_TEST

START_TEST(label_count__of_a_set_with_one_label__0)
{
    daemon_stop(&d);
    serve_tiny(&d, "");
    struct fmnist_spec spec = spec_of("tiny");
    struct fmnist_stream *stream;
    struct fmnist_datasets *sets;
    spec.label_count = 1;
    ck_assert_int_eq(fmnist_open(client, &spec, NULL, &stream), FMNIST_EINVAL);
    ck_assert_msg(
        strstr(fmnist_error(), "label_count is 1: images of \"tiny\" have one label each"), "%s",
        fmnist_error());
    spec.label_count = FMNIST_LABELS_ANY;
    stream = open_stream(client, &spec);
    ck_assert_uint_eq(info_of(stream).label_count, 0);
    fmnist_close(stream);
    must(fmnist_datasets(client, &sets));
    ck_assert_uint_eq(fmnist_datasets_label_count(sets, 0), 0);
    fmnist_datasets_free(sets);
}
END_TEST

START_TEST(datasets__rows__their_number_and_their_names)
{
    struct fmnist_datasets *sets;
    must(fmnist_datasets(client, &sets));
    ck_assert_uint_eq(sets->count, 1);
    ck_assert_uint_eq(fmnist_datasets_label_count(sets, 0), LABELS);
    ck_assert_uint_eq(fmnist_datasets_label_count(sets, 1), 0);
    ck_assert_uint_eq(fmnist_datasets_label_count(NULL, 0), 0);
    const struct fmnist_dataset *set = fmnist_datasets_at(sets, 0);
    ck_assert_uint_eq(set->class_count, LABELS);
    ck_assert_str_eq(fmnist_label_text(set, 13), "c13");
    fmnist_datasets_free(sets);
}
END_TEST

/* ---- fmnistctl ------------------------------------------------------------------------------- */

static struct said said;

START_TEST(ctl__datasets__labels_of_an_image)
{
    run_ctl(&said, "--socket %s datasets", d.socket);
    ck_assert_msg(strstr(said.text, ", 14 labels an image, 14 classes: c0 ... c13\n"), "%s",
                  said.text);
    run_ctl(&said, "--socket %s datasets --json", d.socket);
    ck_assert_msg(strstr(said.text, "\"label_count\":14"), "%s", said.text);
}
END_TEST

/* The names of a row, by an image's number. */
static void names_of(uint32_t index, char *names, size_t size)
{
    size_t used = 0;
    for (uint32_t k = 0; k < LABELS; k++)
        if (rows[index][k])
            used += (size_t)snprintf(names + used, size - used, "%s\"c%u\"", used ? "," : "", k);
}

START_TEST(ctl__explain__the_classes_of_its_row)
{
    for (uint32_t row = 0; row < BATCH; row++) {
        char names[256] = "", want[600];
        run_ctl(&said, "--socket %s explain --dataset tiny --row %u --json", d.socket, row);
        names_of(row, names, sizeof names);
        snprintf(want, sizeof want, "\"classes\":[%s]", names);
        ck_assert_msg(strstr(said.text, want), "%s is not in %s", want, said.text);
        ck_assert_msg(strstr(said.text, "\"label\":null,\"class\":null"), "%s", said.text);
    }
    run_ctl(&said, "--socket %s explain --dataset tiny --row 3", d.socket);
    ck_assert_msg(strstr(said.text, "row 3: image 3: none\n"), "%s", said.text);
    run_ctl(&said, "--socket %s explain --dataset tiny --row 4 --augment 'center-crop(2)'",
            d.socket);
    ck_assert_msg(strstr(said.text, "row 4: image 4: c0=255, c1=254, "), "%s", said.text);
}
END_TEST

START_TEST(ctl__show__a_picture_also_with_a_chain)
{
    static const char *const more[] = {"", "--augment 'random-crop(4, padding=1)' --batches 2"};
    for (size_t i = 0; i < sizeof more / sizeof *more; i++) {
        size_t n;
        run_ctl(&said, "--socket %s show --dataset tiny %s -o %s", d.socket, more[i],
                support_path("out.png"));
        ck_assert_msg(said.status == 0, "%s", said.text);
        char *png = support_read(support_path("out.png"), &n);
        ck_assert_mem_eq(png, "\x89PNG", 4);
        free(png);
    }
}
END_TEST

/* The array of that name: its bytes behind its header, which has to say what it is. */
static const uint8_t *array_of(const char *file, size_t size, const char *header)
{
    const char *at = memmem(file, size, header, strlen(header));
    ck_assert_msg(at, "no array is %s", header);
    const char *end = memchr(at, '\n', size - (size_t)(at - file));
    ck_assert_ptr_nonnull(end);
    return (const uint8_t *)end + 1;
}

START_TEST(ctl__dump__rows_in_an_array_of_two_dimensions)
{
    static const char *const types[] = {"uint8", "int32", "int64"}, *const descr[] = {"|u1", "<i4",
                                                                                      "<i8"};
    for (int i = 0; i < 3; i++) {
        size_t n;
        char header[128];
        run_ctl(&said, "--socket %s dump --dataset tiny --label-dtype %s -o %s", d.socket, types[i],
                support_path("out.npz"));
        ck_assert_msg(said.status == 0, "%s", said.text);
        char *file = support_read(support_path("out.npz"), &n);
        snprintf(header, sizeof header,
                 "{'descr': '%s', 'fortran_order': False, 'shape': (101, 14,", descr[i]);
        const uint8_t *labels = array_of(file, n, header);
        for (size_t k = 0; k < COUNT * LABELS; k++) {
            int64_t number = 0;
            memcpy(&number, labels + k * dtype_bytes[i], dtype_bytes[i]);
            ck_assert_int_eq(number, rows[k / LABELS][k % LABELS]);
        }
        free(file);
    }
}
END_TEST

/* It would take the first row for the first images' classes. */
START_TEST(first_program__multi_label_set__told_why_not)
{
    char words[1024];
    const char *build = getenv("BUILD");
    snprintf(words, sizeof words, "%s/tests/e2e/first/reader %s shm", build ? build : "build",
             d.socket);
    run_words(&said, words);
    ck_assert_int_eq(said.status, 1);
    ck_assert_msg(strstr(said.text, "gives -1, want 0: label_count is 0: \"tiny\" is a multi-label "
                                    "set, with a row of 14 labels an image"),
                  "%s", said.text);
}
END_TEST

/* Labels that change while streams read: the reload serves the new rows, old streams keep theirs.
 */
START_TEST(reload__entry_changes__old_streams_keep_their_rows)
{
    struct fmnist_spec spec = rows_spec();
    struct fmnist_stream *stream = open_stream(client, &spec);
    char *text;
    FILE *f = fopen(d.config, "ae");
    ck_assert_ptr_nonnull(f);
    fputs("    transpose: true\n", f);
    ck_assert_int_eq(fclose(f), 0);
    must(fmnist_reload(client, &text));
    ck_assert_msg(strstr(text, "dataset \"tiny\": opened anew"), "%s", text);
    free(text);
    for (int i = 0; i < 3; i++)
        read_epoch(stream, FMNIST_INT64);
    fmnist_close(stream);
    stream = open_stream(client, &spec);
    ck_assert_uint_eq(info_of(stream).height, WIDTH);
    ck_assert_uint_eq(info_of(stream).label_count, LABELS);
    fmnist_close(stream);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("e2e/multi_label");
    TCase *tc = tcase_create("multi_label");
    tcase_set_timeout(tc, 120);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, views__each_transport_and_type__every_image_with_its_row, 0, 12);
    tcase_add_loop_test(tc, next_into__each_transport_and_type__rows_and_no_byte_behind, 0, 6);
    tcase_add_test(tc, rows__any_way__same_bytes);
    tcase_add_test(tc, rows__shards_and_lists__their_samples_own);
    tcase_add_test(tc, label_count__another_than_the_sets__refused_by_name);
    tcase_add_test(tc, label_count__of_a_set_with_one_label__0);
    tcase_add_test(tc, datasets__rows__their_number_and_their_names);
    tcase_add_test(tc, ctl__datasets__labels_of_an_image);
    tcase_add_test(tc, ctl__explain__the_classes_of_its_row);
    tcase_add_test(tc, ctl__show__a_picture_also_with_a_chain);
    tcase_add_test(tc, ctl__dump__rows_in_an_array_of_two_dimensions);
    tcase_add_test(tc, first_program__multi_label_set__told_why_not);
    tcase_add_test(tc, reload__entry_changes__old_streams_keep_their_rows);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
