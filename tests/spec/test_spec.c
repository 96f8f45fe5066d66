/* SPDX-License-Identifier: MIT */
/* A spec's names, ranges and bytes. */
#include "base/bytes.h"
#include "spec/spec.h"
#include "support/support.h"

#include <errno.h>
#include <math.h>
#include <string.h>

static struct spec defaults(void)
{
    struct spec s;
    spec_init(&s);
    return s;
}

/* ---- text ---------------------------------------------------------------------------------- */

/* A name that means another number than the header's would train on the wrong pixels. */
START_TEST(spec_set__every_name__the_headers_number)
{
    static const struct {
        const char *field, *name;
        uint32_t value;
    } names[] = {
        {"resize", "none", FMNIST_RESIZE_NONE},
        {"resize", "pillow-nearest", FMNIST_RESIZE_PILLOW_NEAREST},
        {"resize", "pillow-box", FMNIST_RESIZE_PILLOW_BOX},
        {"resize", "pillow-bilinear", FMNIST_RESIZE_PILLOW_BILINEAR},
        {"resize", "pillow-hamming", FMNIST_RESIZE_PILLOW_HAMMING},
        {"resize", "pillow-bicubic", FMNIST_RESIZE_PILLOW_BICUBIC},
        {"resize", "pillow-lanczos", FMNIST_RESIZE_PILLOW_LANCZOS},
        {"resize", "pillow12-box", FMNIST_RESIZE_PILLOW12_BOX},
        {"resize", "pillow12-bilinear", FMNIST_RESIZE_PILLOW12_BILINEAR},
        {"resize", "pillow12-hamming", FMNIST_RESIZE_PILLOW12_HAMMING},
        {"resize", "pillow12-bicubic", FMNIST_RESIZE_PILLOW12_BICUBIC},
        {"resize", "pillow12-lanczos", FMNIST_RESIZE_PILLOW12_LANCZOS},
        {"resize", "opencv-linear", FMNIST_RESIZE_OPENCV_LINEAR},
        {"resize", "tf-bilinear-pad", FMNIST_RESIZE_TF_BILINEAR_PAD},
        {"dtype", "uint8", FMNIST_UINT8},
        {"dtype", "float32", FMNIST_FLOAT32},
        {"dtype", "float16", FMNIST_FLOAT16},
        {"dtype", "bfloat16", FMNIST_BFLOAT16},
        {"label-dtype", "uint8", FMNIST_UINT8},
        {"label-dtype", "int32", FMNIST_INT32},
        {"label-dtype", "int64", FMNIST_INT64},
        {"layout", "NCHW", FMNIST_NCHW},
        {"layout", "NHWC", FMNIST_NHWC},
        {"order", "sequential", FMNIST_ORDER_SEQUENTIAL},
        {"order", "shuffle", FMNIST_ORDER_SHUFFLE},
        {"order", "torch", FMNIST_ORDER_TORCH},
        {"order", "torch-loader", FMNIST_ORDER_TORCH_LOADER},
        {"order", "numpy", FMNIST_ORDER_NUMPY},
        {"order", "list", FMNIST_ORDER_LIST},
        {"pad", "auto", FMNIST_PAD_AUTO},
        {"pad", "wrap", FMNIST_PAD_WRAP},
        {"pad", "drop", FMNIST_PAD_DROP},
        {"pad", "none", FMNIST_PAD_NONE},
        {"transport", "shm", FMNIST_SHM},
        {"transport", "inline", FMNIST_INLINE},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *field = names[i].field;
        struct spec s = defaults();
        struct err e;
        ck_assert_msg(spec_set(&s, field, names[i].name, &e) == 0, "%s", e.text);
        uint32_t value = !strcmp(field, "resize")        ? s.resize
                         : !strcmp(field, "dtype")       ? s.dtype
                         : !strcmp(field, "label-dtype") ? s.label_dtype
                         : !strcmp(field, "layout")      ? s.layout
                         : !strcmp(field, "order")       ? s.order
                         : !strcmp(field, "pad")         ? s.pad
                                                         : s.transport;
        ck_assert_msg(value == names[i].value, "%s %s is %u", field, names[i].name, value);
        ck_assert_str_eq(spec_name(field, value), names[i].name);
    }
    ck_assert_ptr_null(spec_name("resize", 0));
    ck_assert_ptr_null(spec_name("resize", FMNIST_RESIZE_TF_BILINEAR_PAD + 1));
    ck_assert_ptr_null(spec_name("batch-size", 1));
    ck_assert_ptr_null(spec_name("colour", 1));
}
END_TEST

/* Both spellings of a field reach it, and each field takes both ends of its range. */
START_TEST(spec_set__both_ends_of_every_range__taken)
{
    struct spec s = defaults();
    struct err e;
    static const char *const pairs[][2] = {
        {"batch_size", "16777216"},
        {"batch-size", "1"},
        {"drop_last", "true"},
        {"height", "4096"},
        {"width", "4096"},
        {"channels", "4"},
        {"label_dtype", "int32"},
        {"seed", "18446744073709551615"},
        {"rank", "65535"},
        {"world-size", "65536"},
        {"epoch", "4294967295"},
        {"epochs", "1"},
        {"mean", "0.5"},
        {"std", "1,2,3,-4e-3"},
        {"dataset", "d"},
        {"split", "test"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        ck_assert_msg(spec_set(&s, pairs[i][0], pairs[i][1], &e) == 0, "%s", e.text);
    ck_assert_msg(spec_check(&s, &e) == 0, "%s", e.text);
    ck_assert_uint_eq(s.batch_size, 1);
    ck_assert_uint_eq(s.drop_last, 1);
    ck_assert_uint_eq(s.seed, UINT64_MAX);
    ck_assert_uint_eq(s.epoch, SPEC_EPOCH_MAX);
    ck_assert_uint_eq(s.mean_count, 1);
    ck_assert_uint_eq(s.std_count, 4);
    ck_assert(s.std[3] == -4e-3f);
    ck_assert_str_eq(s.dataset, "d");
}
END_TEST

/* A refusal names the field and what it allows, and leaves the spec as it was. */
START_TEST(spec_set__wrong_value__einval_and_nothing_changed)
{
    static const struct {
        const char *field, *value, *says;
    } wrong[] = {
        {"colour", "1", "no field \"colour\""},
        {"", "1", "no field"},
        {"batch-siz", "1", "no field"},
        {"batch-sizes", "1", "no field"},
        {"batch-size", "", "1 to 16777216"},
        {"batch-size", "0", "1 to 16777216"},
        {"batch-size", "16777217", "1 to 16777216"},
        {"batch-size", "-1", "1 to 16777216"},
        {"batch-size", "+1", "1 to 16777216"},
        {"batch-size", " 1", "1 to 16777216"},
        {"batch-size", "1 ", "1 to 16777216"},
        {"batch-size", "64x", "1 to 16777216"},
        {"batch-size", "0x40", "1 to 16777216"},
        {"batch-size", "1e3", "1 to 16777216"},
        {"batch-size", "18446744073709551617", "1 to 16777216"},
        {"seed", "18446744073709551616", "0 to 18446744073709551615"},
        {"seed", "-1", "whole number"},
        {"height", "4097", "0 to 4096"},
        {"channels", "5", "0 to 4"},
        {"rank", "65536", "0 to 65535"},
        {"world-size", "0", "1 to 65536"},
        {"epoch", "4294967296", "0 to 4294967295"},
        {"drop-last", "yes", "true or false"},
        {"drop-last", "", "true or false"},
        {"resize", "bilinear", "pillow-bilinear"},
        {"resize", "", "one of none"},
        {"dtype", "int64", "uint8, float32, float16, bfloat16"},
        {"label-dtype", "float32", "uint8, int32, int64"},
        {"order", "random", "sequential, shuffle, torch, torch-loader, numpy"},
        {"layout", "nchw", "NCHW, NHWC"},
        {"mean", "", "finite"},
        {"mean", ",", "finite"},
        {"mean", "1,", "finite"},
        {"mean", "1,,2", "finite"},
        {"mean", "1;2", "finite"},
        {"mean", "1,2,3,4,5", "1 to 4"},
        {"mean", "nan", "finite"},
        {"std", "inf", "finite"},
        {"std", "1e40", "finite"},
        {"dataset", "", "1 to 63"},
        {"split", "0123456789012345678901234567890123456789012345678901234567890123", "1 to 63"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct spec s = defaults(), before = s;
        struct err e = {""};
        int rc = spec_set(&s, wrong[i].field, wrong[i].value, &e);
        ck_assert_msg(rc == -EINVAL, "%s \"%s\" gives %d", wrong[i].field, wrong[i].value, rc);
        ck_assert_msg(strstr(e.text, wrong[i].says) != NULL, "%s: no \"%s\"", e.text,
                      wrong[i].says);
        ck_assert_mem_eq(&s, &before, sizeof s);
    }
}
END_TEST

/* ---- checks -------------------------------------------------------------------------------- */

static void expect_refused(const struct spec *s, const char *says)
{
    struct err e = {""};
    ck_assert_int_eq(spec_check(s, &e), -EINVAL);
    ck_assert_msg(strstr(e.text, says) != NULL, "\"%s\" has no \"%s\"", e.text, says);
}

#define REFUSED(change, says)                      \
    do {                                           \
        struct spec s = defaults();                \
        ck_assert_int_eq(spec_check(&s, NULL), 0); \
        change;                                    \
        expect_refused(&s, says);                  \
    } while (0)

/* What comes in bytes has not been through spec_set: every range once more. */
START_TEST(spec_check__each_field_out_of_range__refused_by_name)
{
    REFUSED(s.dataset[0] = 0, "dataset has 0");
    REFUSED(memset(s.dataset, 'x', sizeof s.dataset), "dataset has 64");
    REFUSED(memset(s.split, 'x', sizeof s.split), "split has 64");
    REFUSED(s.batch_size = 0, "batch-size 0");
    REFUSED(s.batch_size = SPEC_BATCH_MAX + 1, "batch-size 16777217");
    REFUSED(s.drop_last = 2, "drop-last 2");
    REFUSED(s.resize = 0, "resize has no value 0");
    REFUSED(s.resize = 15, "resize has no value 15");
    REFUSED(s.height = s.width = SPEC_SIDE_MAX + 1, "height 4097");
    REFUSED(s.height = 1, "give both");
    REFUSED(s.width = 1, "give both");
    REFUSED(s.dtype = FMNIST_INT64, "dtype has no value");
    REFUSED(s.layout = 3, "layout has no value 3");
    REFUSED(s.channels = 5, "channels 5");
    REFUSED(s.mean_count = 5, "mean has 5");
    REFUSED(s.mean_count = 1; s.mean[0] = NAN, "mean[0] is not finite");
    REFUSED(s.std_count = 2; s.std[0] = 1, "std[1] is 0");
    REFUSED(s.std_count = 1; s.std[0] = -0.0f, "std[0] is 0");
    REFUSED(s.label_dtype = FMNIST_FLOAT32, "label-dtype has no value");
    REFUSED(s.order = 0, "order has no value");
    REFUSED(s.order = 7, "order has no value");
    REFUSED(s.order = FMNIST_ORDER_LIST, "order list with 0 indices");
    REFUSED(s.order = FMNIST_ORDER_LIST; s.list_count = SPEC_LIST_MAX + 1, "200000001 indices");
    REFUSED(s.order = FMNIST_ORDER_LIST; s.list_count = 4; s.list_batch_count = 5, "5 lengths");
    REFUSED(s.order = FMNIST_ORDER_LIST; s.list_count = s.list_batch_count = 4;
            s.world_size = 2, "world-size 2 with list_batches");
    REFUSED(s.list_batch_count = 1, "order sequential with 0 indices");
    REFUSED(s.list_digest[15] = 1, "order sequential with 0 indices");
    REFUSED(s.order = FMNIST_ORDER_TORCH; s.list_count = SPEC_LIST_MAX + 1, "200000001 indices");
    for (uint32_t order = FMNIST_ORDER_SHUFFLE; order <= FMNIST_ORDER_NUMPY; order++)
        REFUSED(s.order = order; s.list_count = s.list_batch_count = 4, "list_batches with order");
    REFUSED(s.world_size = 0, "world-size 0");
    REFUSED(s.world_size = SPEC_WORLD_MAX + 1, "world-size 65537");
    REFUSED(s.rank = 1, "rank 1: want 0 to 0");
    REFUSED(s.pad = 0, "pad has no value 0");
    REFUSED(s.transport = 3, "transport has no value 3");
    REFUSED(s.epoch = SPEC_EPOCH_MAX + 1, "epoch 4294967296");
    REFUSED(s.epochs = UINT64_MAX, "the last epoch is 4294967295");
    REFUSED(s.epoch = SPEC_EPOCH_MAX; s.epochs = 2, "the last epoch is 4294967295");
    REFUSED(s.dtype = FMNIST_UINT8; s.mean_count = 1, "need a float");
    REFUSED(s.dtype = FMNIST_UINT8; s.std_count = 1; s.std[0] = 1, "need a float");
    REFUSED(s.dtype = FMNIST_UINT8; s.resize = FMNIST_RESIZE_TF_BILINEAR_PAD, "yields floats");
}
END_TEST

/* What a chain needs, and what needs a chain. */
START_TEST(spec_check__draws_views_and_their_chain__refused_where_one_lacks)
{
#define CHAIN  strcpy(s.augment, "random-crop(28)")
#define LISTED CHAIN, s.draws = FMNIST_DRAWS_LIST, s.order = FMNIST_ORDER_LIST, s.list_count = 4
    REFUSED(s.views = 2, "views without augment: there is nothing to draw");
    REFUSED(s.draws = FMNIST_DRAWS_LIST, "draws without augment: there is nothing to draw");
    REFUSED(s.list_value_count = 1, "list_values without augment: there is nothing to draw");
    REFUSED(CHAIN; s.views = SPEC_VIEWS_MAX + 1, "views 17");
    REFUSED(CHAIN; s.list_value_count = 1, "list_values want draws list");
    REFUSED(CHAIN; s.draws = FMNIST_DRAWS_LIST, "draws list with order sequential, 0 indices");
    REFUSED(LISTED; s.world_size = 2, "draws list with order list, 4 indices and world-size 2");
    REFUSED(LISTED; s.order = FMNIST_ORDER_TORCH, "draws list with order torch, 4 indices");
    struct spec s;
    struct err e;
    spec_init(&s);
    LISTED;
    ck_assert_msg(spec_check(&s, &e) == 0, "%s", e.text);
    s.order = FMNIST_ORDER_SEQUENTIAL;
    ck_assert_msg(spec_check(&s, &e) == 0, "%s", e.text);
#undef CHAIN
#undef LISTED
}
END_TEST

/* ---- bytes --------------------------------------------------------------------------------- */

/* Every field differs from its default and from its neighbours. */
static struct spec full_spec(void)
{
    struct spec s = {
        .dataset = "a-name",
        .split = "test",
        .batch_size = 0x123456,
        .drop_last = 1,
        .resize = FMNIST_RESIZE_OPENCV_LINEAR,
        .height = 31,
        .width = 77,
        .dtype = FMNIST_BFLOAT16,
        .layout = FMNIST_NHWC,
        .channels = 3,
        .mean_count = 3,
        .mean = {0.25f, -1e-30f, 3},
        .std_count = 2,
        .std = {0.5f, 9},
        .label_dtype = FMNIST_INT32,
        .order = FMNIST_ORDER_LIST,
        .seed = UINT64_C(0xfedcba9876543210),
        .rank = 300,
        .world_size = 1000,
        .pad = FMNIST_PAD_NONE,
        .transport = FMNIST_INLINE,
        .epoch = UINT64_C(0x89abcdef),
        .epochs = 7,
        .list_count = 0xabcdef1,
        .list_digest = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
    };
    return s;
}

START_TEST(spec_decode__of_spec_encode__the_same_spec)
{
    struct spec specs[] = {full_spec(), defaults()};
    for (int i = 0; i < 2; i++) {
        uint8_t bytes[SPEC_BYTES];
        spec_encode(&specs[i], bytes);
        struct spec back;
        memset(&back, 0xa5, sizeof back);
        struct err e;
        ck_assert_msg(spec_decode(&back, bytes, &e) == 0, "%s", e.text);
        uint8_t again[SPEC_BYTES];
        spec_encode(&back, again);
        ck_assert_mem_eq(again, bytes, SPEC_BYTES);
        ck_assert_str_eq(back.dataset, specs[i].dataset);
        ck_assert_uint_eq(back.seed, specs[i].seed);
        ck_assert_uint_eq(back.epochs, specs[i].epochs);
        ck_assert_uint_eq(back.list_count, specs[i].list_count);
        ck_assert_mem_eq(back.list_digest, specs[i].list_digest, LIST_DIGEST_SIZE);
        ck_assert_mem_eq(back.std, specs[i].std, sizeof back.std);
    }
}
END_TEST

/* Bytes enter digests and tokens: where a field lies never changes. */
START_TEST(spec_encode__known_spec__fields_at_their_offsets)
{
    struct spec s = full_spec();
    s.list_batch_count = 9;
    uint8_t b[SPEC_BYTES];
    spec_encode(&s, b);
    ck_assert_mem_eq(b, "FSPC\2\0\0\0a-name\0", 15);
    ck_assert_mem_eq(b + 72, "test\0", 5);
    static const struct {
        unsigned at;
        uint32_t value;
    } words[] = {
        {136, 0x123456},   {140, 1},          {144, 13},   {148, 31},         {152, 77},
        {156, 4},          {160, 2},          {164, 3},    {168, 3},          {172, 0x3e800000},
        {188, 2},          {192, 0x3f000000}, {208, 5},    {212, 6},          {216, 0x76543210},
        {220, 0xfedcba98}, {224, 300},        {228, 1000}, {232, 4},          {236, 2},
        {240, 0x89abcdef}, {244, 0},          {248, 7},    {252, 0},          {256, 0xabcdef1},
        {260, 0},          {264, 9},          {268, 0},    {272, 0x04030201}, {284, 0x100f0e0d}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        ck_assert_msg(get_le32(b + words[i].at) == words[i].value, "at %u: 0x%x", words[i].at,
                      get_le32(b + words[i].at));
}
END_TEST

/* No bytes from a socket make a spec that a check has not passed, and no field hides from the
 * bytes: a flipped bit is refused, or another spec. */
START_TEST(spec_decode__every_bit_flip__refused_or_another_spec)
{
    struct spec s = full_spec();
    uint8_t bytes[SPEC_BYTES], again[SPEC_BYTES];
    spec_encode(&s, bytes);
    for (unsigned bit = 0; bit < SPEC_BYTES * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        struct spec back;
        struct err e = {""};
        int rc = spec_decode(&back, bytes, &e);
        if (bit < 64)
            ck_assert_int_eq(rc, -EINVAL);
        if (rc == 0) {
            ck_assert_int_eq(spec_check(&back, NULL), 0);
            spec_encode(&back, again);
            /* What lies behind a name's end is no part of it. */
            bool text = (bit >= 64 && bit < 136 * 8) || bit >= 304 * 8;
            ck_assert_msg(text || memcmp(again, bytes, SPEC_BYTES) == 0, "bit %u", bit);
        } else {
            ck_assert_int_eq(rc, -EINVAL);
            ck_assert(e.text[0]);
        }
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}
END_TEST

START_TEST(dtype_bytes__every_dtype__its_size)
{
    static const uint32_t sizes[] = {0, 1, 4, 2, 2, 4, 8, 0};
    for (uint32_t dtype = 0; dtype < sizeof sizes / sizeof *sizes; dtype++)
        ck_assert_uint_eq(dtype_bytes(dtype), sizes[dtype]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("spec/spec");
    TCase *tc = tcase_create("spec");
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_add_test(tc, spec_set__every_name__the_headers_number);
    tcase_add_test(tc, spec_set__both_ends_of_every_range__taken);
    tcase_add_test(tc, spec_set__wrong_value__einval_and_nothing_changed);
    tcase_add_test(tc, spec_check__each_field_out_of_range__refused_by_name);
    tcase_add_test(tc, spec_check__draws_views_and_their_chain__refused_where_one_lacks);
    tcase_add_test(tc, spec_decode__of_spec_encode__the_same_spec);
    tcase_add_test(tc, spec_encode__known_spec__fields_at_their_offsets);
    tcase_add_test(tc, spec_decode__every_bit_flip__refused_or_another_spec);
    tcase_add_test(tc, dtype_bytes__every_dtype__its_size);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
