/* SPDX-License-Identifier: MIT */
/* Which shapes of files are a split: each limit from both sides, and what is said of the rest. */
#include "dataset/shapes.h"

#include "dataset/cache_format.h"
#include "support/support.h"

#include <errno.h>
#include <string.h>

static struct dataset_split split;
static struct err err;

static struct idx_header header_of(uint8_t type, uint8_t dims, const uint32_t *sizes)
{
    struct idx_header h = {.type = type,
                           .dim_count = dims,
                           .dims = {1, 1, 1, 1},
                           .item_bytes = type == IDX_INT32 || type == IDX_FLOAT32 ? 4 : 1};
    h.data_bytes = h.item_bytes;
    for (int i = 0; i < dims; i++) {
        h.dims[i] = sizes[i];
        h.data_bytes *= sizes[i];
    }
    return h;
}

static int take(const struct idx_header *images, const struct idx_header *labels,
                struct shape_rules rules)
{
    const struct shape_file files[SOURCE_FILES] = {
        [SOURCE_IMAGES] = {images, "images"}, [SOURCE_LABELS] = {labels, "labels"}};
    memset(&split, 0, sizeof split);
    err.text[0] = 0;
    return shapes_take(files, rules, &split, &err);
}

/* Images of these sizes with as many labels. */
static int take_images(uint8_t type, uint8_t dims, const uint32_t *sizes)
{
    struct idx_header images = header_of(type, dims, sizes);
    struct idx_header labels = header_of(IDX_UINT8, 1, sizes);
    return take(&images, &labels, (struct shape_rules){.transpose = false});
}

START_TEST(shapes_take__at_each_limit__taken_and_one_more_refused)
{
    static const struct {
        uint8_t dims;
        uint32_t at[4], beyond[4];
    } limits[] = {
        {3, {1u << 27, 1, 1}, {(1u << 27) + 1, 1, 1}},
        {3, {1, 4096, 1}, {1, 4097, 1}},
        {3, {1, 1, 4096}, {1, 1, 4097}},
        {4, {1, 1, 1, 4}, {1, 1, 1, 5}},
    };
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        const uint32_t *at = limits[i].at;
        ck_assert_int_eq(take_images(IDX_UINT8, limits[i].dims, at), 0);
        ck_assert(split.count == at[0] && split.height == at[1] && split.width == at[2] &&
                  split.channels == (limits[i].dims == 4 ? at[3] : 1));
        ck_assert_int_eq(take_images(IDX_UINT8, limits[i].dims, limits[i].beyond), -EINVAL);
        ck_assert_msg(!strncmp(err.text, "images: uint8 of shape ", 23) &&
                          strstr(err.text, i < 3 ? ", want at most 2^27 images of at most 4096 x "
                                                   "4096 pixels"
                                                 : ", or with 1 to 4 channels behind"),
                      "%s", err.text);
    }
}
END_TEST

START_TEST(shapes_take__what_is_no_image__told_what_it_is)
{
    const uint32_t sizes[] = {10, 28, 28, 1};
    ck_assert_int_eq(take_images(IDX_UINT8, 1, sizes), -EINVAL);
    ck_assert_str_eq(
        err.text, "images: uint8 of shape 10, which are labels, want uint8 images of shape count "
                  "x height x width: name the images file here");
    ck_assert_int_eq(take_images(IDX_UINT8, 2, sizes), -EINVAL);
    ck_assert_str_eq(err.text, "images: uint8 of shape 10x28, want uint8 images of shape count x "
                               "height x width, or with 1 to 4 channels behind");
    ck_assert_int_eq(take_images(IDX_FLOAT32, 3, sizes), -EINVAL);
    ck_assert_str_eq(err.text,
                     "images: float32 of shape 10x28x28, want uint8 images of shape count "
                     "x height x width, or with 1 to 4 channels behind");
}
END_TEST

START_TEST(shapes_take__labels__each_kind)
{
    static const struct {
        uint8_t type, dims;
        uint32_t sizes[4], label_columns;
        const char *refused; /* NULL: taken */
    } kinds[] = {
        {IDX_UINT8, 1, {10}, 0, NULL},
        {IDX_INT32, 1, {10}, 0, NULL},
        {IDX_INT32, 4, {10, 1, 1, 1}, 0, NULL},
        {IDX_INT32, 2, {10, 8}, 8, NULL},
        {IDX_INT32, 2, {10, 8}, 0, "; QMNIST's 8 columns are read under the name \"qmnist\" only"},
        {IDX_INT32, 3, {10, 8, 1}, 8, ", 8 numbers an image, want one label an image"},
        {IDX_INT32, 2, {10, 7}, 8, ", 7 numbers an image, want one label an image"},
        {IDX_UINT8, 2, {10, 8}, 8, ", 8 numbers an image, want one label an image"},
        {IDX_UINT8, 2, {10, 10}, 0, "labels.argmax(1)), as uint8 of shape 10"},
        {IDX_UINT8, 3, {10, 28, 28}, 0, ", which are images, want uint8 or int32 labels"},
        {IDX_FLOAT32, 1, {10}, 0, ", want uint8 or int32 labels of shape count (in NumPy"},
        {IDX_INT8, 1, {10}, 0, ", want uint8 or int32 labels of shape count (in NumPy"},
        {IDX_UINT8, 1, {9}, 0, "labels: 9 labels, but images: 10 images"},
    };
    struct idx_header images = header_of(IDX_UINT8, 3, (const uint32_t[]){10, 28, 20});
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct idx_header labels = header_of(kinds[i].type, kinds[i].dims, kinds[i].sizes);
        int rc =
            take(&images, &labels, (struct shape_rules){.label_columns = kinds[i].label_columns});
        ck_assert_msg(rc == (kinds[i].refused ? -EINVAL : 0), "%zu: %d, %s", i, rc, err.text);
        if (kinds[i].refused)
            ck_assert_msg(strstr(err.text, kinds[i].refused), "%zu: %s", i, err.text);
        else
            ck_assert(split.count == 10 && split.height == 28 && split.width == 20 &&
                      split.label_count == 0);
    }
}
END_TEST

/* Rows are what the entry says, and nothing else is taken for them. */
START_TEST(shapes_take__multi_label__rows_of_bytes_only)
{
    static const struct {
        uint8_t type, dims;
        uint32_t sizes[4], rows;
        const char *refused; /* NULL: taken */
    } kinds[] = {
        {IDX_UINT8, 2, {10, 14}, 14, NULL},
        {IDX_UINT8, 2, {10, 1}, 1, NULL},
        {IDX_UINT8, 3, {10, 14, 1}, 14, NULL},
        {IDX_UINT8, 2, {10, 4096}, 4096, NULL},
        {IDX_UINT8, 2, {10, 4097}, 0, "uint8 of shape 10x4097, want at most 4096 labels an image"},
        {IDX_UINT8, 1, {10}, 0, "uint8 of shape 10, want uint8 labels of shape count x classes"},
        {IDX_UINT8, 3, {10, 28, 28}, 0, "want uint8 labels of shape count x classes"},
        {IDX_UINT8, 3, {10, 1, 14}, 0, "want uint8 labels of shape count x classes"},
        {IDX_INT32, 2, {10, 8}, 0, "int32 of shape 10x8, want uint8 labels of shape count x clas"},
        {IDX_INT8, 2, {10, 14}, 0, "int8 of shape 10x14, want uint8 labels of shape count x clas"},
        {IDX_FLOAT32, 2, {10, 14}, 0, "(in NumPy labels.astype('uint8'))"},
        {IDX_UINT8, 2, {9, 14}, 0, "labels: 9 labels, but images: 10 images"},
    };
    struct idx_header images = header_of(IDX_UINT8, 3, (const uint32_t[]){10, 28, 20});
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct idx_header labels = header_of(kinds[i].type, kinds[i].dims, kinds[i].sizes);
        int rc =
            take(&images, &labels, (struct shape_rules){.label_columns = 8, .multi_label = true});
        ck_assert_msg(rc == (kinds[i].refused ? -EINVAL : 0), "%zu: %d, %s", i, rc, err.text);
        if (kinds[i].refused)
            ck_assert_msg(strstr(err.text, kinds[i].refused), "%zu: %s", i, err.text);
        else
            ck_assert(split.count == 10 && split.label_count == kinds[i].rows);
    }
}
END_TEST

START_TEST(shapes_take__transposed__sides_exchanged)
{
    struct idx_header images = header_of(IDX_UINT8, 3, (const uint32_t[]){10, 28, 20});
    struct idx_header labels = header_of(IDX_UINT8, 1, (const uint32_t[]){10});
    ck_assert_int_eq(take(&images, &labels, (struct shape_rules){.transpose = true}), 0);
    ck_assert(split.height == 20 && split.width == 28);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("dataset/shapes");
    TCase *tc = tcase_create("shapes");
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_add_test(tc, shapes_take__at_each_limit__taken_and_one_more_refused);
    tcase_add_test(tc, shapes_take__what_is_no_image__told_what_it_is);
    tcase_add_test(tc, shapes_take__labels__each_kind);
    tcase_add_test(tc, shapes_take__multi_label__rows_of_bytes_only);
    tcase_add_test(tc, shapes_take__transposed__sides_exchanged);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
