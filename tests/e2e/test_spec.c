/* SPDX-License-Identifier: MIT */
/* What a spec gets: refusals with words, shapes, shards, and the two ways of reading. */
#include "e2e/harness.h"

#include <poll.h>

static struct daemon d;
static struct images all;
static struct fmnist_client *client;

static void setup(void)
{
    support_setup();
    images_make(&all, 101, 6, 4, 1);
    serve_tiny(&d, "workers: 2\n");
    client = connect_to(&d);
}

static void teardown(void)
{
    fmnist_disconnect(client);
    daemon_stop(&d);
    images_free(&all);
    support_teardown();
}

static void must_refuse(const struct fmnist_spec *spec, int code, const char *word)
{
    struct fmnist_stream *stream = (void *)client;
    int rc = fmnist_open(client, spec, NULL, &stream);
    ck_assert_msg(rc == code && strstr(fmnist_error(), word), "%d, \"%s\": want %d, %s", rc,
                  fmnist_error(), code, word);
    ck_assert_ptr_null(stream);
}

#define REFUSED(field, value, code, word)           \
    do {                                            \
        struct fmnist_spec wrong = spec_of("tiny"); \
        wrong.field = value;                        \
        must_refuse(&wrong, code, word);            \
    } while (0)

/* Each field just outside of its range; the text names it. */
START_TEST(open__field_out_of_range__refused_by_name)
{
    REFUSED(dataset, "absent", FMNIST_ENOENT, "absent");
    REFUSED(split, "test", FMNIST_ENOENT, "test");
    REFUSED(dataset, "x\n00:00:00.000 info: fake", FMNIST_ENOENT, "\"x?00:00:00.000 info: fake\"");
    REFUSED(dataset, "", FMNIST_EINVAL, "dataset");
    REFUSED(batch_size, 0, FMNIST_EINVAL, "batch-size");
    REFUSED(batch_size, (1u << 24) + 1, FMNIST_EINVAL, "batch-size");
    REFUSED(drop_last, 2, FMNIST_EINVAL, "drop-last");
    REFUSED(resize, 0, FMNIST_EINVAL, "resize");
    REFUSED(resize, 15, FMNIST_EINVAL, "resize");
    REFUSED(height, 4097, FMNIST_EINVAL, "height");
    REFUSED(width, 4097, FMNIST_EINVAL, "width");
    REFUSED(dtype, 0, FMNIST_EINVAL, "dtype");
    REFUSED(dtype, FMNIST_INT64, FMNIST_EINVAL, "dtype");
    REFUSED(layout, 3, FMNIST_EINVAL, "layout");
    REFUSED(channels, 2, FMNIST_EINVAL, "channels");
    REFUSED(channels, 5, FMNIST_EINVAL, "channels");
    REFUSED(mean_count, 5, FMNIST_EINVAL, "mean");
    REFUSED(std_count, 1, FMNIST_EINVAL, "std"); /* a std of 0 */
    REFUSED(label_dtype, FMNIST_FLOAT32, FMNIST_EINVAL, "label-dtype");
    REFUSED(order, 7, FMNIST_EINVAL, "order");
    REFUSED(rank, 1, FMNIST_EINVAL, "rank");
    REFUSED(world_size, 0, FMNIST_EINVAL, "world-size");
    REFUSED(world_size, 65537, FMNIST_EINVAL, "world-size");
    REFUSED(pad, 5, FMNIST_EINVAL, "pad");
    REFUSED(transport, 3, FMNIST_EINVAL, "transport");
    REFUSED(epoch, UINT64_C(1) << 32, FMNIST_EINVAL, "epoch");
    REFUSED(size, 8, FMNIST_EINVAL, "size");
}
END_TEST

/* Sizes in the info are those that a caller allocates by: they have to be the batch's. */
/* An image that would take a worker long is refused; size and each operation count. */
START_TEST(open__costly_image__refused_by_name)
{
    struct fmnist_spec spec = spec_of("tiny");
    spec.height = spec.width = 4096;
    spec.batch_size = 1;
    fmnist_close(open_stream(client, &spec));
    spec.augment = "random-horizontal-flip";
    must_refuse(&spec, FMNIST_ELIMIT,
                "images of about 50331 us each, by size and augment: "
                "limits.image_us is 20000 us");
    spec.height = spec.width = 1000;
    spec.augment = "random-affine(9, interpolation=bicubic)";
    must_refuse(&spec, FMNIST_ELIMIT, "images of about 21000 us");
    spec.augment = "random-affine(9, interpolation=bilinear)";
    fmnist_close(open_stream(client, &spec));
    spec.views = 2;
    must_refuse(&spec, FMNIST_ELIMIT, "images of about 27000 us");
}
END_TEST

START_TEST(info__every_dtype_layout_and_channels__right_shape)
{
    static const struct {
        uint32_t dtype, bytes;
    } pixels[] = {{FMNIST_UINT8, 1},
                  {FMNIST_FLOAT32, 4},
                  {FMNIST_FLOAT16, 2},
                  {FMNIST_BFLOAT16, 2}},
      labels[] = {{FMNIST_UINT8, 1}, {FMNIST_INT32, 4}, {FMNIST_INT64, 8}};
    for (size_t i = 0; i < 4 * 3 * 2 * 2 * 2; i++) {
        struct fmnist_spec spec = spec_of("tiny");
        spec.dtype = pixels[i % 4].dtype;
        spec.label_dtype = labels[i / 4 % 3].dtype;
        spec.layout = i / 12 % 2 ? FMNIST_NHWC : FMNIST_NCHW;
        spec.channels = i / 24 % 2 ? 3 : 0;
        spec.transport = i / 48 % 2 ? FMNIST_INLINE : FMNIST_SHM;
        struct fmnist_stream *stream = open_stream(client, &spec);
        struct fmnist_stream_info info = info_of(stream);
        ck_assert_uint_eq(info.channels, spec.channels ? 3 : 1);
        ck_assert_uint_eq(info.height, 6);
        ck_assert_uint_eq(info.width, 4);
        ck_assert_uint_eq(info.image_bytes, 24 * info.channels * pixels[i % 4].bytes);
        ck_assert_uint_eq(info.label_bytes, labels[i / 4 % 3].bytes);
        ck_assert_uint_eq(info.dtype, spec.dtype);
        ck_assert_uint_eq(info.transport, spec.transport);
        ck_assert_uint_eq(info.steps, 2);
        ck_assert_uint_eq(info.batch_size, 64);
        struct fmnist_batch b;
        must(fmnist_next(stream, &b));
        const uint8_t *image = b.images;
        for (size_t k = 0; spec.dtype == FMNIST_UINT8 && k < 24 * info.channels; k++)
            ck_assert_uint_eq(image[k], all.pixels[info.channels == 1           ? k
                                                   : spec.layout == FMNIST_NHWC ? k / 3
                                                                                : k % 24]);
        fmnist_close(stream);
    }
}
END_TEST

/* Ranks share an epoch as DistributedSampler does: rank r has positions r, r + W, ... */
START_TEST(shards__any_world_and_pad__cover_the_split)
{
    for (uint32_t world = 1; world <= 3; world++)
        for (uint32_t pad = FMNIST_PAD_AUTO; pad <= FMNIST_PAD_NONE; pad++) {
            unsigned seen[101] = {0}, total = 0, missing = 0;
            struct fmnist_spec spec = spec_of("tiny");
            spec.order = FMNIST_ORDER_TORCH;
            spec.world_size = world;
            spec.pad = pad;
            spec.batch_size = 10;
            for (spec.rank = 0; spec.rank < world; spec.rank++) {
                struct fmnist_stream *stream = open_stream(client, &spec);
                struct fmnist_batch b;
                uint64_t samples = 0;
                for (; fmnist_next(stream, &b) == FMNIST_OK; fmnist_release(stream, &b))
                    for (uint64_t i = 0; i < b.count; i++, samples++)
                        seen[b.indices[i]]++;
                ck_assert_uint_eq(samples, info_of(stream).sample_count);
                total += (unsigned)samples;
                fmnist_close(stream);
            }
            for (size_t i = 0; i < 101; i++)
                missing += !seen[i];
            unsigned wrapped = (101 + world - 1) / world * world, dropped = 101 / world * world;
            bool drops = pad == FMNIST_PAD_DROP && world > 1;
            ck_assert_uint_eq(total, pad == FMNIST_PAD_NONE ? 101 : drops ? dropped : wrapped);
            ck_assert_uint_eq(missing, drops ? 101 - dropped : 0);
        }
}
END_TEST

/* Both ways of reading give the same bytes; memory that is too small costs no batch. */
START_TEST(next_into__either_transport__equals_next)
{
    static float images[10 * 48];
    int64_t labels[10], indices[10];
    struct fmnist_into into = {sizeof into,   images,  sizeof images, labels,
                               sizeof labels, indices, sizeof indices};
    for (uint32_t transport = FMNIST_SHM; transport <= FMNIST_INLINE; transport++) {
        struct fmnist_spec spec = spec_of("tiny");
        spec.order = FMNIST_ORDER_SHUFFLE;
        spec.batch_size = 10;
        spec.epochs = 2;
        spec.transport = transport;
        struct fmnist_stream *a = open_stream(client, &spec), *b = open_stream(client, &spec);
        struct fmnist_batch one, other;
        int rc;
        do {
            rc = fmnist_next(a, &one);
            if (rc == FMNIST_OK) {
                into.images_bytes = one.count * 96 - 1;
                ck_assert_int_eq(fmnist_next_into(b, &into, &other), FMNIST_EINVAL);
                into.images_bytes = sizeof images;
            }
            ck_assert_int_eq(fmnist_next_into(b, &into, &other), rc);
            ck_assert_uint_eq(one.step, other.step);
            ck_assert_uint_eq(one.count, other.count);
            if (rc != FMNIST_OK)
                continue;
            ck_assert_mem_eq(one.images, images, one.count * 96);
            ck_assert_mem_eq(one.labels, labels, one.count * 8);
            ck_assert_mem_eq(one.indices, indices, one.count * 8);
            must(fmnist_release(a, &one));
        } while (rc == FMNIST_OK || rc == FMNIST_END_OF_EPOCH);
        ck_assert_int_eq(rc, FMNIST_END_OF_STREAM);
        ck_assert_int_eq(fmnist_next(a, &one), FMNIST_END_OF_STREAM);
        fmnist_close(a);
        fmnist_close(b);
    }
}
END_TEST

START_TEST(datasets__list__says_what_is_served)
{
    struct fmnist_datasets *sets;
    must(fmnist_datasets(client, &sets));
    ck_assert_uint_eq(sets->count, 1);
    const struct fmnist_dataset *tiny = fmnist_datasets_find(sets, "tiny", "train");
    ck_assert_ptr_nonnull(tiny);
    ck_assert_ptr_null(fmnist_datasets_find(sets, "tiny", "test"));
    ck_assert_ptr_eq(fmnist_datasets_at(sets, 0), tiny);
    ck_assert_ptr_null(fmnist_datasets_at(sets, 1));
    ck_assert_ptr_null(fmnist_datasets_at(sets, SIZE_MAX));
    ck_assert_ptr_null(fmnist_datasets_at(NULL, 0));
    ck_assert_uint_eq(tiny->count, 101);
    ck_assert_uint_eq(tiny->height, 6);
    ck_assert_uint_eq(tiny->width, 4);
    ck_assert_uint_eq(tiny->channels, 1);
    ck_assert_str_eq(fmnist_label_text(tiny, 9), "nine");
    ck_assert_ptr_null(fmnist_label_text(tiny, 10));
    ck_assert_ptr_null(fmnist_label_text(tiny, -1));
    fmnist_datasets_free(sets);
}
END_TEST

static bool is_idle(void *data)
{
    uint64_t before = daemon_cpu_ticks(data);
    poll(NULL, 0, 300);
    return daemon_cpu_ticks(data) == before;
}

/* With its rings full and nobody reading, the daemon sleeps: no polling, in either transport. */
START_TEST(idle__full_rings__no_cpu)
{
    struct fmnist_spec spec = spec_of("tiny");
    struct fmnist_stream *shm = open_stream(client, &spec);
    spec.transport = FMNIST_INLINE;
    struct fmnist_stream *in_line = open_stream(client, &spec);
    /* The first look may still see the rings being filled, a later one must not. */
    ck_assert(is_idle(&d) || is_idle(&d) || is_idle(&d));
    fmnist_close(shm);
    fmnist_close(in_line);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("spec");
    TCase *tc = tcase_create("spec");
    suite_add_tcase(suite, tc);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, open__field_out_of_range__refused_by_name);
    tcase_add_test(tc, open__costly_image__refused_by_name);
    tcase_add_test(tc, info__every_dtype_layout_and_channels__right_shape);
    tcase_add_test(tc, shards__any_world_and_pad__cover_the_split);
    tcase_add_test(tc, next_into__either_transport__equals_next);
    tcase_add_test(tc, datasets__list__says_what_is_served);
    tcase_add_test(tc, idle__full_rings__no_cpu);
    return support_run(suite);
}
