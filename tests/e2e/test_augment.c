/* SPDX-License-Identifier: MIT */
/* Augmented streams: each image is the chain's, of its own draws, whatever the stream around it is.
 */
#include "e2e/harness.h"

#define COUNT  203
#define HEIGHT 17
#define WIDTH  13

static struct daemon d;
static struct images all;
static struct fmnist_client *client;

static void begin(void)
{
    images_make(&all, COUNT, HEIGHT, WIDTH, 5);
    serve_tiny(&d, "workers: 2\n");
    client = connect_to(&d);
}

static void end(void)
{
    fmnist_disconnect(client);
    daemon_stop(&d);
    images_free(&all);
}

static const char *const chains[] = {
    "random-crop((17,13),padding=3) random-horizontal-flip to-tensor normalize(0.28,0.35)",
    "random-crop((12,9)) random-vertical-flip(0.3)",
    "random-affine(20,translate=(0.1,0.2),scale=(0.8,1.2),shear=10) to-tensor",
    "random-apply([random-rotation(30,fill=9)],p=0.5) center-crop((9,20)) to-image to-dtype",
    "to-tensor random-horizontal-flip normalize(0.5,0.25) random-erasing(0.7)",
    "random-resized-crop((8,8),scale=(0.3,1)) color-jitter(0.4,0.4) to-tensor",
    "to-tensor normalize(0.1,0.2)",
};
#define CHAINS (sizeof chains / sizeof *chains)

static struct fmnist_augment *chain_of(const char *text, struct fmnist_augment_info *info)
{
    struct fmnist_augment *augment;
    *info = (struct fmnist_augment_info){.size = sizeof *info};
    must(fmnist_augment_new(text, 1, HEIGHT, WIDTH, &augment));
    must(fmnist_augment_info(augment, info));
    return augment;
}

static size_t image_bytes(const struct fmnist_augment_info *info)
{
    return (size_t)info->channels * info->height * info->width *
           (info->dtype == FMNIST_FLOAT32 ? 4 : 1);
}

/* The image that those values make of that sample. */
static void expect(const struct fmnist_augment *augment, int64_t index, const uint32_t *values,
                   void *image)
{
    must(
        fmnist_augment_run(augment, all.pixels + (size_t)index * HEIGHT * WIDTH, values, 1, image));
}

static struct fmnist_spec augmented(const char *text, const struct fmnist_augment_info *info)
{
    struct fmnist_spec spec = spec_of("tiny");
    spec.augment = text;
    spec.dtype = info->dtype;
    spec.seed = 77;
    return spec;
}

/* Every image of an epoch, by its number, against the draws of (seed, epoch, number, view). */
static void check_counter(const struct fmnist_spec *spec, uint64_t epoch)
{
    struct fmnist_augment_info info;
    struct fmnist_augment *augment = chain_of(spec->augment, &info);
    struct fmnist_spec at = *spec;
    at.epoch = epoch;
    struct fmnist_stream *stream = open_stream(client, &at);
    struct fmnist_stream_info opened = info_of(stream);
    uint32_t views = spec->views ? spec->views : 1;
    size_t bytes = image_bytes(&info);
    ck_assert_uint_eq(opened.views, views);
    ck_assert_uint_eq(opened.image_bytes, bytes * views);
    ck_assert_uint_eq(opened.height, info.height);
    ck_assert_uint_eq(opened.width, info.width);
    uint32_t *values = malloc(views * (info.value_count + 1) * sizeof *values);
    uint8_t *want = malloc(bytes);
    struct fmnist_batch b;
    int rc;
    while ((rc = fmnist_next(stream, &b)) == FMNIST_OK) {
        for (uint64_t i = 0; i < b.count; i++) {
            uint32_t index = (uint32_t)b.indices[i];
            must(fmnist_augment_draw(augment, spec->seed, epoch, views, &index, 1, values));
            for (uint32_t v = 0; v < views; v++) {
                expect(augment, index, values + v * info.value_count, want);
                const char *got = (const char *)b.images + (i * views + v) * bytes;
                ck_assert_msg(!memcmp(got, want, bytes), "%s: image %u, view %u", spec->augment,
                              index, v);
            }
        }
        must(fmnist_release(stream, &b));
    }
    must_be(rc, FMNIST_END_OF_EPOCH, "next", __FILE__, __LINE__);
    fmnist_close(stream);
    free(want);
    free(values);
    fmnist_augment_free(augment);
}

START_TEST(counter__any_batch_order_world_and_transport__the_samples_own_draws)
{
    static const uint32_t batches[] = {1, 7, 64, 500};
    static const uint32_t orders[] = {FMNIST_ORDER_SEQUENTIAL, FMNIST_ORDER_SHUFFLE,
                                      FMNIST_ORDER_TORCH};
    begin();
    struct fmnist_augment_info info;
    fmnist_augment_free(chain_of(chains[_i], &info));
    for (size_t n = 0; n < 24; n++) {
        struct fmnist_spec spec = augmented(chains[_i], &info);
        spec.batch_size = batches[n % 4];
        spec.order = orders[n % 3];
        spec.transport = n % 2 ? FMNIST_INLINE : FMNIST_SHM;
        spec.world_size = 1 + (uint32_t)n % 5;
        spec.rank = spec.world_size - 1;
        spec.views = n % 7 == 6 ? 3 : 0;
        check_counter(&spec, n % 3);
    }
    end();
}
END_TEST

/* Whichever batch a stream is resumed at, the rest is as it was. */
START_TEST(counter__resumed_at_every_batch__the_same_rest)
{
    begin();
    struct fmnist_augment_info info;
    fmnist_augment_free(chain_of(chains[0], &info));
    struct fmnist_spec spec = augmented(chains[0], &info);
    spec.batch_size = 20;
    spec.order = FMNIST_ORDER_SHUFFLE;
    struct fmnist_stream *whole = open_stream(client, &spec);
    struct fmnist_stream_info opened = info_of(whole);
    for (uint64_t at = 0; at < opened.steps; at++) {
        struct fmnist_token token;
        struct fmnist_batch a, b;
        struct fmnist_stream *rest;
        must(fmnist_stream_token(whole, &token));
        must(fmnist_open(client, &spec, &token, &rest));
        must(fmnist_next(whole, &a));
        must(fmnist_next(rest, &b));
        ck_assert_uint_eq(b.step, at);
        ck_assert_uint_eq(hash_batch(&opened, &a), hash_batch(&opened, &b));
        must(fmnist_release(whole, &a));
        fmnist_close(rest);
    }
    fmnist_close(whole);
    end();
}
END_TEST

#define LISTED 50

/* Draws of PyTorch's generator for LISTED samples. */
static uint32_t *torch_draws(const struct fmnist_augment *augment, uint32_t value_count,
                             uint32_t samples)
{
    static uint8_t states[2][FMNIST_TORCH_STATE_BYTES];
    uint32_t *values = malloc((samples * value_count + 1) * sizeof *values);
    uint32_t lengths[] = {samples / 2, samples - samples / 2};
    fmnist_torch_seed(states[0], 11);
    fmnist_torch_seed(states[1], 12);
    must(fmnist_augment_draw_torch(augment, states[0], 2, 0, lengths, 2, values));
    return values;
}

START_TEST(list__draws_of_its_entries__each_batch_has_its_own)
{
    begin();
    struct fmnist_augment_info info;
    struct fmnist_augment *augment = chain_of(chains[_i], &info);
    uint32_t list[LISTED];
    for (uint32_t i = 0; i < LISTED; i++)
        list[i] = i * 37 % COUNT;
    for (uint32_t views = 1; views <= 2; views++) {
        if (!info.value_count)
            break;
        uint32_t *values = torch_draws(augment, info.value_count, LISTED * views);
        struct fmnist_spec spec = augmented(chains[_i], &info);
        spec.order = FMNIST_ORDER_LIST;
        spec.list = list;
        spec.list_count = LISTED;
        spec.draws = FMNIST_DRAWS_LIST;
        spec.views = views;
        spec.list_values = values;
        spec.list_value_count = (uint64_t)LISTED * views * info.value_count;
        spec.batch_size = 8;
        spec.transport = views == 1 ? FMNIST_SHM : FMNIST_INLINE;
        struct fmnist_stream *stream = open_stream(client, &spec);
        uint8_t *want = malloc(image_bytes(&info));
        struct fmnist_batch b;
        uint64_t place = 0;
        while (fmnist_next(stream, &b) == FMNIST_OK) {
            for (uint64_t i = 0; i < b.count * views; i++, place++) {
                ck_assert_int_eq(b.indices[i / views], list[place / views]);
                expect(augment, b.indices[i / views], values + place * info.value_count, want);
                ck_assert_mem_eq((const char *)b.images + i * image_bytes(&info), want,
                                 image_bytes(&info));
            }
            must(fmnist_release(stream, &b));
        }
        ck_assert_uint_eq(place, LISTED * views);
        free(want);
        free(values);
        fmnist_close(stream);
    }
    fmnist_augment_free(augment);
    end();
}
END_TEST

START_TEST(caller__values_before_each_batch__its_images)
{
    begin();
    struct fmnist_augment_info info;
    struct fmnist_augment *augment = chain_of(chains[_i], &info);
    struct fmnist_spec spec = augmented(chains[_i], &info);
    spec.draws = FMNIST_DRAWS_CALLER;
    spec.batch_size = 90;
    struct fmnist_stream *stream = open_stream(client, &spec);
    size_t bytes = image_bytes(&info);
    uint8_t *want = malloc(bytes), *into_images = malloc(90 * bytes);
    uint32_t *values = torch_draws(augment, info.value_count, COUNT);
    for (uint64_t step = 0, first = 0; step < 3; step++) {
        struct fmnist_batch b;
        uint64_t count = step < 2 ? 90 : COUNT - 180;
        const uint32_t *rows = values + first * info.value_count;
        if (info.value_count) {
            must_be(fmnist_next(stream, &b), FMNIST_EINVAL, "no values", __FILE__, __LINE__);
            must_be(fmnist_stream_values(stream, rows, count - 1), FMNIST_EINVAL, "too few",
                    __FILE__, __LINE__);
        }
        must(fmnist_stream_values(stream, rows, count));
        if (step == 1) {
            struct fmnist_into into = {
                .size = sizeof into, .images = into_images, .images_bytes = 90 * bytes};
            must(fmnist_next_into(stream, &into, &b));
        } else {
            must(fmnist_next(stream, &b));
        }
        ck_assert_uint_eq(b.count, count);
        for (uint64_t i = 0; i < count; i++) {
            expect(augment, (int64_t)(first + i), rows + i * info.value_count, want);
            ck_assert_mem_eq((const char *)b.images + i * bytes, want, bytes);
        }
        if (step != 1)
            must(fmnist_release(stream, &b));
        first += count;
    }
    free(values);
    free(want);
    free(into_images);
    fmnist_close(stream);
    fmnist_augment_free(augment);
    end();
}
END_TEST

START_TEST(status__an_augmented_stream__says_its_chain_and_size)
{
    begin();
    struct fmnist_spec spec = spec_of("tiny");
    spec.augment = "random-crop(9) to-tensor";
    struct fmnist_stream *stream = open_stream(client, &spec);
    char *text;
    must(fmnist_status(client, &text));
    json_t *root = json_loads(text, 0, NULL), *clients = json_object_get(root, "clients");
    const json_t *told = NULL;
    for (size_t i = 0; i < json_array_size(clients) && !told; i++)
        told = json_object_get(json_array_get(clients, i), "stream");
    ck_assert_str_eq(json_string_value(json_object_get(told, "augment")),
                     "random-crop(size=9) to-tensor");
    ck_assert_str_eq(json_string_value(json_object_get(told, "draws")), "counter");
    ck_assert_int_eq(json_integer_value(json_object_get(told, "height")), 9);
    json_decref(root);
    free(text);
    fmnist_close(stream);
    end();
}
END_TEST

static void refused(const struct fmnist_spec *spec, const char *why)
{
    struct fmnist_stream *stream = NULL;
    int rc = fmnist_open(client, spec, NULL, &stream);
    ck_assert_msg(rc == FMNIST_EINVAL && strstr(fmnist_error(), why), "%d: %s; want %s", rc,
                  fmnist_error(), why);
}

#define REFUSED(change, why)                    \
    do {                                        \
        struct fmnist_spec t = spec_of("tiny"); \
        t.augment = "random-crop(8) to-tensor"; \
        change;                                 \
        refused(&t, why);                       \
    } while (0)

START_TEST(open__what_a_chain_cannot_do__refused_by_name)
{
    static const uint32_t list[] = {1, 2}, values[] = {0, 0, 0, 0}, far[] = {0, 0, 0, 99};
    begin();
    REFUSED(t.augment = "random-crap(8)", "random-crap");
    REFUSED(t.augment = "random-crop(30)", "augment[0], random-crop");
    REFUSED(t.augment = "to-tensor to-tensor", "augment[1], to-tensor");
    REFUSED(t.dtype = FMNIST_UINT8, "uint8");
    REFUSED(t.mean_count = 1, "normalize");
    REFUSED(t.resize = FMNIST_RESIZE_TF_BILINEAR_PAD; t.height = t.width = 20, "tf-bilinear-pad");
    REFUSED(t.draws = 9, "draws");
    REFUSED(t.views = 17, "views");
    REFUSED(t.augment = NULL; t.views = 2, "views without augment");
    REFUSED(t.augment = ""; t.draws = FMNIST_DRAWS_CALLER, "draws without augment");
    REFUSED(t.draws = FMNIST_DRAWS_LIST, "draws list");
    REFUSED(t.list_values = values; t.list_value_count = 4, "list_values");
    REFUSED(t.list_values = values, "list_value_count");
    REFUSED(t.draws = FMNIST_DRAWS_LIST; t.list = list; t.list_count = 2, "list_values");
    REFUSED(t.draws = FMNIST_DRAWS_LIST; t.list = list; t.list_count = 2; t.list_values = values;
            t.list_value_count = 4; t.order = FMNIST_ORDER_SHUFFLE, "draws list");
    REFUSED(t.draws = FMNIST_DRAWS_LIST; t.list = list; t.list_count = 2; t.list_values = far;
            t.list_value_count = 4, "random-crop");
    char *text = malloc(2000);
    memset(text, ' ', 1999);
    text[1999] = 0;
    REFUSED(t.augment = text, "augment");
    free(text);
    end();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("e2e/augment");
    TCase *tc = tcase_create("augment");
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, counter__any_batch_order_world_and_transport__the_samples_own_draws, 0,
                        CHAINS);
    tcase_add_test(tc, counter__resumed_at_every_batch__the_same_rest);
    tcase_add_loop_test(tc, list__draws_of_its_entries__each_batch_has_its_own, 0, CHAINS);
    tcase_add_loop_test(tc, caller__values_before_each_batch__its_images, 0, CHAINS);
    tcase_add_test(tc, status__an_augmented_stream__says_its_chain_and_size);
    tcase_add_test(tc, open__what_a_chain_cannot_do__refused_by_name);
    suite_add_tcase(s, tc);
    return support_run(s);
}
