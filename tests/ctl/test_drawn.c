/* SPDX-License-Identifier: MIT */
/* What was drawn, by name: every value of a chain, in lines that fit. */
#include "ctl/drawn.h"

#include "support/support.h"

#include <stdlib.h>
#include <string.h>

static struct fmnist_spec spec;
static const struct fmnist_dataset dataset = {
    .size = sizeof dataset, .height = 28, .width = 28, .channels = 3};
static char text[4096];

static void open_chain(struct drawn *d, const char *chain)
{
    fmnist_spec_init(&spec);
    spec.augment = chain;
    ck_assert_msg(drawn_init(d, &spec, &dataset) == FMNIST_OK, "%s", fmnist_error());
}

static void keep(void *to, const char *line)
{
    const size_t *width = to;
    ck_assert_msg(!width || strlen(line) <= *width, "\"%s\"", line);
    ck_assert_uint_lt(strlen(text) + strlen(line) + 2, sizeof text);
    strcat(text, line);
    strcat(text, "\n");
}

static uint32_t bits_of(float number)
{
    uint32_t bits;
    memcpy(&bits, &number, sizeof bits);
    return bits;
}

START_TEST(drawn_lines__operations__values_by_name)
{
    struct drawn d;
    open_chain(&d, "random-crop(28, padding=4) pad(0) random-apply([random-rotation(10)]) "
                   "color-jitter(0.5) trivial-augment-wide");
    const uint32_t values[] = {
        3,  5,  1, bits_of(-7.25f), 3 | 1 << 4 | 2 << 6, bits_of(0.75f), bits_of(1), bits_of(1), 0,
        11, 30, 1};
    ck_assert_uint_eq(d.info.value_count, sizeof values / sizeof *values);
    *text = 0;
    drawn_lines(&d, values, 200, keep, NULL);
    ck_assert_str_eq(
        text,
        "random-crop: top 3, left 5\n"
        "random-apply: applied 1\n"
        "random-rotation: angle -7.25\n"
        "color-jitter: order hue bri con sat, brightness 0.75, contrast 1, saturation 1, hue 0\n"
        "trivial-augment-wide: operation solarize, level 30, negative 1\n");
    drawn_close(&d);
}
END_TEST

START_TEST(drawn_lines__narrow__folded_between_values)
{
    struct drawn d;
    size_t width = 30;
    open_chain(&d, "random-affine(10, translate=(0.1, 0.1), shear=(1,2,3,4)) random-grayscale");
    const uint32_t values[] = {bits_of(1.5f), 2, (uint32_t)-3, bits_of(1), bits_of(1.25f),
                               bits_of(3.5f), 0};
    ck_assert_uint_eq(d.info.value_count, sizeof values / sizeof *values);
    *text = 0;
    drawn_lines(&d, values, width, keep, &width);
    ck_assert_str_eq(text, "random-affine: angle 1.5, x 2,\n"
                           "  y -3, scale 1, shear-x 1.25,\n"
                           "  shear-y 3.5\n"
                           "random-grayscale: applied 0\n");
    drawn_close(&d);
}
END_TEST

START_TEST(drawn_json__operations__objects_of_numbers)
{
    struct drawn d;
    open_chain(&d, "pad(1) random-crop(28) random-rotation(10)");
    const uint32_t values[] = {1, 2, bits_of(0.5f)};
    json_t *all = drawn_json(&d, values);
    char *json = json_dumps(all, JSON_COMPACT | JSON_SORT_KEYS);
    ck_assert_str_eq(json,
                     "[{\"at\":1,\"operation\":\"random-crop\",\"values\":{\"left\":2,\"top\":"
                     "1}},{\"at\":2,\"operation\":\"random-rotation\",\"values\":{\"angle\":"
                     "0.5}}]");
    free(json);
    json_decref(all);
    drawn_close(&d);
}
END_TEST

/* The same draws whatever else is asked for: as the library says. */
START_TEST(drawn_values__a_sample__its_views_draws)
{
    struct drawn d;
    uint32_t want[2 * 3], *values;
    const uint32_t index = 41;
    open_chain(&d, "random-crop(28, padding=4) random-rotation(30)");
    d.views = 2;
    d.seed = 9;
    ck_assert_int_eq(drawn_values(&d, 7, index, &values), FMNIST_OK);
    ck_assert_int_eq(fmnist_augment_draw(d.augment, 9, 7, 2, &index, 1, want), FMNIST_OK);
    ck_assert_mem_eq(values, want, sizeof want);
    ck_assert_mem_ne(values, values + 3, 12);
    free(values);
    drawn_close(&d);
}
END_TEST

START_TEST(drawn_pixels__normalize__undone)
{
    struct drawn d;
    float mean[FMNIST_CHANNELS_MAX], std[FMNIST_CHANNELS_MAX], image[3];
    uint8_t rgb[3];
    const struct fmnist_stream_info info = {
        .dtype = FMNIST_FLOAT32, .layout = FMNIST_NCHW, .channels = 3, .height = 1, .width = 1};
    open_chain(&d, "to-tensor normalize((0.1, 0.2, 0.3), 0.5) normalize(0.25, (2, 4, 8))");
    struct sheet_pixels p = drawn_pixels(&d, &spec, &info, mean, std);
    for (int c = 0; c < 3; c++) {
        float level = (float)(20 + 100 * c) / 255;
        float once = (level - 0.1f * (float)(c + 1)) / 0.5f;
        image[c] = (once - 0.25f) / (float)(2 << c);
    }
    sheet_decode(&p, image, rgb);
    for (int c = 0; c < 3; c++)
        ck_assert_uint_eq(rgb[c], 20 + 100 * c);
    drawn_close(&d);
}
END_TEST

/* Without a chain nothing is drawn, and what is given back is empty. */
START_TEST(drawn_init__no_chain__nothing)
{
    struct drawn d;
    uint32_t *values;
    open_chain(&d, NULL);
    ck_assert_int_eq(drawn_values(&d, 0, 1, &values), FMNIST_OK);
    *text = 0;
    drawn_lines(&d, values, 80, keep, NULL);
    ck_assert_str_eq(text, "");
    json_t *all = drawn_json(&d, values);
    ck_assert_uint_eq(json_array_size(all), 0);
    json_decref(all);
    free(values);
    drawn_close(&d);
    spec.augment = "random-crop(40)";
    ck_assert_int_eq(drawn_init(&d, &spec, &dataset), FMNIST_EINVAL);
    drawn_close(&d);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ctl/drawn");
    TCase *tc = tcase_create("drawn");
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_add_test(tc, drawn_lines__operations__values_by_name);
    tcase_add_test(tc, drawn_lines__narrow__folded_between_values);
    tcase_add_test(tc, drawn_json__operations__objects_of_numbers);
    tcase_add_test(tc, drawn_values__a_sample__its_views_draws);
    tcase_add_test(tc, drawn_pixels__normalize__undone);
    tcase_add_test(tc, drawn_init__no_chain__nothing);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
