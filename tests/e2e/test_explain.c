/* SPDX-License-Identifier: MIT */
/* fmnistctl explain and show with a chain: what they say is what the stream has there. */
#include "e2e/harness.h"
#include "e2e/program.h"

#define CHAIN "random-crop(28, padding=4) random-horizontal-flip(0.5)"
#define WORDS \
    "--dataset tiny --batch-size 10 --order shuffle --seed 3 --dtype uint8 --augment '" CHAIN "'"

static struct daemon d;
static struct images images;
static struct fmnist_client *client;

static void setup(void)
{
    support_setup();
    images_make(&images, 100, 28, 28, 1);
    serve_tiny(&d, "");
    client = connect_to(&d);
}

static void teardown(void)
{
    fmnist_disconnect(client);
    daemon_stop(&d);
    images_free(&images);
    support_teardown();
}

/* The stream of WORDS. */
static struct fmnist_spec spec_of_words(void)
{
    struct fmnist_spec spec = spec_of("tiny");
    spec.batch_size = 10;
    spec.order = FMNIST_ORDER_SHUFFLE;
    spec.seed = 3;
    spec.dtype = FMNIST_UINT8;
    spec.augment = CHAIN;
    return spec;
}

/* A batch read as a trainer reads it: through the epochs. */
static struct fmnist_stream *read_to(uint64_t epoch, uint64_t step, uint32_t views,
                                     struct fmnist_batch *batch)
{
    struct fmnist_spec spec = spec_of_words();
    spec.views = views;
    struct fmnist_stream *stream = open_stream(client, &spec);
    int rc;
    while ((rc = fmnist_next(stream, batch)) == FMNIST_END_OF_EPOCH ||
           (rc == FMNIST_OK && (batch->epoch != epoch || batch->step != step)))
        if (rc == FMNIST_OK)
            must(fmnist_release(stream, batch));
    must(rc);
    return stream;
}

static json_int_t integer(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    ck_assert_msg(json_is_integer(value), "%s: %s", key, said.text);
    return json_integer_value(value);
}

/* One view of one sample: the operations' values by name, as the library draws them. */
static void check_view(const json_t *view, const uint32_t values[3])
{
    const json_t *crop = json_array_get(view, 0), *flip = json_array_get(view, 1);
    ck_assert_uint_eq(json_array_size(view), 2);
    ck_assert_str_eq(json_string_value(json_object_get(crop, "operation")), "random-crop");
    ck_assert_int_eq(integer(crop, "at"), 0);
    ck_assert_int_eq(integer(json_object_get(crop, "values"), "top"), values[0]);
    ck_assert_int_eq(integer(json_object_get(crop, "values"), "left"), values[1]);
    ck_assert_str_eq(json_string_value(json_object_get(flip, "operation")),
                     "random-horizontal-flip");
    ck_assert_int_eq(integer(flip, "at"), 1);
    ck_assert_int_eq(integer(json_object_get(flip, "values"), "applied"), values[2]);
}

/* The image of a row that a trainer had: number, label and draws. */
START_TEST(explain__a_place_in_a_later_epoch__what_the_stream_has_there)
{
    struct fmnist_batch batch;
    struct fmnist_augment *augment;
    struct fmnist_stream *stream = read_to(2, 4, 2, &batch);
    uint32_t index = (uint32_t)batch.indices[7], values[2 * 3];
    run_ctl(&said, "--socket %s --json explain " WORDS " --views 2 --epoch 2 --step 4 --row 7",
            d.socket);
    ck_assert_msg(said.status == 0, "%s", said.text);
    json_t *all = said_json(0);
    ck_assert_msg(all, "%s", said.text);
    ck_assert_int_eq(integer(all, "epoch"), 2);
    ck_assert_int_eq(integer(all, "step"), 4);
    ck_assert_int_eq(integer(all, "row"), 7);
    ck_assert_int_eq(integer(all, "index"), index);
    ck_assert_int_eq(integer(all, "label"), images.labels[index]);
    ck_assert_int_eq(integer(all, "height"), 28);
    ck_assert_str_eq(json_string_value(json_object_get(all, "augment")),
                     "random-crop(size=28, padding=4) random-horizontal-flip");
    must(fmnist_augment_new(CHAIN, 1, 28, 28, &augment));
    must(fmnist_augment_draw(augment, 3, 2, 2, &index, 1, values));
    for (size_t v = 0; v < 2; v++) {
        uint8_t image[784];
        must(fmnist_augment_run(augment, images.pixels + (size_t)index * 784, values + 3 * v, 1,
                                image));
        ck_assert_mem_eq(image, (const uint8_t *)batch.images + (7 * 2 + v) * 784, 784);
        check_view(json_array_get(json_object_get(all, "views"), v), values + 3 * v);
    }
    fmnist_augment_free(augment);
    json_decref(all);
    must(fmnist_release(stream, &batch));
    fmnist_close(stream);
}
END_TEST

/* Two rows of levels as characters, without the blanks at the end. */
static void draw(const uint8_t *left, const uint8_t *right, char line[64])
{
    static const char ramp[] = " .:-=+*#%@";
    memset(line, ' ', 63);
    for (int x = 0; x < 28; x++) {
        line[x] = ramp[(left[x] + left[28 + x]) / 2 * 10 / 256];
        line[30 + x] = ramp[(right[x] + right[28 + x]) / 2 * 10 / 256];
    }
    for (int n = 58; n >= 0 && (n == 58 || line[n] == ' '); n--)
        line[n] = 0;
}

/* The image itself is rendered anew, beside its original. */
START_TEST(explain__text__original_and_image_side_by_side)
{
    struct fmnist_batch batch;
    struct fmnist_stream *stream = read_to(1, 9, 1, &batch);
    int64_t index = batch.indices[0];
    const uint8_t *image = batch.images, *original = images.pixels + index * 784;
    run_ctl(&said, "--socket %s explain " WORDS " --epoch 1 --step 9", d.socket);
    ck_assert_msg(said.status == 0, "%s", said.text);
    char first[96], line[64];
    snprintf(first, sizeof first,
             "tiny/train, epoch 1, step 9, row 0: image %lld: ", (long long)index);
    ck_assert_msg(!strncmp(said.text, first, strlen(first)), "%s", said.text);
    ck_assert_msg(strstr(said.text, "\n  random-crop: top "), "%s", said.text);
    const char *at = said.text;
    for (int y = 0; y < 28; y += 2) {
        draw(original + 28 * y, image + 28 * y, line);
        at = strstr(at, line);
        ck_assert_msg(at, "no line \"%s\" in\n%s", line, said.text);
    }
    must(fmnist_release(stream, &batch));
    fmnist_close(stream);
}
END_TEST

START_TEST(explain__no_such_place__told_what_there_is)
{
    run_ctl(&said, "--socket %s explain " WORDS " --step 10", d.socket);
    ck_assert_int_eq(said.status, 2);
    ck_assert_msg(strstr(said.text, "--step 10: an epoch has 10 steps, counted from 0"), "%s",
                  said.text);
    run_ctl(&said, "--socket %s explain " WORDS " --step 3 --row 10", d.socket);
    ck_assert_int_eq(said.status, 2);
    ck_assert_msg(strstr(said.text, "--row 10: the batch has 10 rows, counted from 0"), "%s",
                  said.text);
    run_ctl(&said, "--socket %s explain --dataset tiny --augment 'random-crp(28)'", d.socket);
    ck_assert_int_eq(said.status, 2);
    ck_assert_msg(strstr(said.text, "did you mean \"random-crop\"?"), "%s", said.text);
}
END_TEST

/* A list from standard input can be read once only, and without a chain there is nothing drawn. */
START_TEST(explain__a_list_and_no_chain__the_image_of_the_list)
{
    char command[2048];
    snprintf(command, sizeof command,
             "sh -c 'seq 90 99 | %s --socket %s --json explain --dataset tiny --batch-size 3 "
             "--order list --indices - --step 2 --row 1'",
             ctl_path(), d.socket);
    run_words(&said, command);
    ck_assert_msg(said.status == 0, "%s", said.text);
    json_t *all = said_json(0);
    ck_assert_int_eq(integer(all, "index"), 97);
    ck_assert(json_is_null(json_object_get(all, "augment")));
    json_decref(all);
}
END_TEST

/* Width and height of a PNG file's header. */
static void png_size(const char *path, uint32_t size[2])
{
    size_t n;
    uint8_t *png = support_read(path, &n);
    ck_assert_uint_gt(n, 24);
    ck_assert_mem_eq(png, "\x89PNG\r\n\x1a\n", 8);
    for (int i = 0; i < 2; i++)
        size[i] = (uint32_t)png[16 + 4 * i] << 24 | (uint32_t)png[17 + 4 * i] << 16 |
                  (uint32_t)png[18 + 4 * i] << 8 | png[19 + 4 * i];
    free(png);
}

/* Each image beside its original: about twice as wide, and higher by what was drawn. */
START_TEST(show__with_a_chain__pairs_with_what_was_drawn)
{
    uint32_t plain[2], pairs[2], explained[2];
    const char *path = support_path("out.png");
    run_ctl(&said, "--socket %s show --dataset tiny --batch-size 10 -o %s", d.socket, path);
    ck_assert_msg(said.status == 0, "%s", said.text);
    png_size(path, plain);
    run_ctl(&said, "--socket %s --json show " WORDS " --views 2 -o %s", d.socket, path);
    ck_assert_msg(said.status == 0, "%s", said.text);
    json_t *all = said_json(0);
    ck_assert_int_eq(integer(all, "samples"), 20);
    json_decref(all);
    png_size(path, pairs);
    ck_assert_uint_gt(pairs[0], plain[0] * 3 / 2);
    ck_assert_uint_gt(pairs[1], plain[1]);
    run_ctl(&said, "--socket %s explain " WORDS " -o %s", d.socket, path);
    ck_assert_msg(said.status == 0, "%s", said.text);
    png_size(path, explained);
    ck_assert_uint_gt(explained[0], 2 * 112);
}
END_TEST

/* Views are a dimension of their own in an archive, where there are any. */
START_TEST(dump__views__a_dimension_of_their_own)
{
    static const char *const shapes[] = {"(20, 1, 24, 24,)", "(20, 3, 1, 24, 24,)"};
    for (int i = 0; i < 2; i++) {
        size_t n;
        run_ctl(&said,
                "--socket %s dump --dataset tiny --batch-size 10 --batches 2 --augment "
                "'random-crop(24)' --views %d -o %s",
                d.socket, 1 + 2 * i, support_path("out.npz"));
        ck_assert_msg(said.status == 0, "%s", said.text);
        char *file = support_read(support_path("out.npz"), &n);
        ck_assert_msg(memmem(file, n, shapes[i], strlen(shapes[i])), "no shape %s", shapes[i]);
        ck_assert_uint_gt(n, 20u * (1 + 2 * (unsigned)i) * 24 * 24 * 4);
        free(file);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("explain");
    TCase *tc = tcase_create("explain");
    tcase_set_timeout(tc, 120);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, explain__a_place_in_a_later_epoch__what_the_stream_has_there);
    tcase_add_test(tc, explain__text__original_and_image_side_by_side);
    tcase_add_test(tc, explain__no_such_place__told_what_there_is);
    tcase_add_test(tc, explain__a_list_and_no_chain__the_image_of_the_list);
    tcase_add_test(tc, show__with_a_chain__pairs_with_what_was_drawn);
    tcase_add_test(tc, dump__views__a_dimension_of_their_own);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
