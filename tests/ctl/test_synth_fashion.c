/* SPDX-License-Identifier: MIT */
/* ctl/synth_fashion — what the drawn clothing set promises: the same images for ever, and a
 * difficulty that makes an accuracy worth printing. */
#include "ctl/synth_fashion.h"

#include "base/bytes.h"
#include "base/crc32.h"
#include "ctl/synth_dataset.h"
#include "support/support.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIZE   28
#define PIXELS (SIZE * SIZE)
#define TRAIN  6000
#define TEST   1000

static void paint(uint64_t seed, uint32_t split, uint64_t index, uint32_t size, uint8_t *pixels)
{
    struct garment_painter painter;

    ck_assert_int_eq(painter_init(&painter, seed, split, size, NULL), 0);
    painter_draw(&painter, index, pixels);
    painter_close(&painter);
}

/* ---- painter_label, painter_draw ----------------------------------------------------------- */

/* An image would depend on what the painter drew before it, or a label on the count. */
START_TEST(painter_draw__other_images_before__same_pixels)
{
    struct garment_painter painter;
    uint8_t alone[PIXELS], behind[PIXELS];

    ck_assert_int_eq(painter_init(&painter, 7, 0, SIZE, NULL), 0);
    for (uint64_t i = 0; i < 200; i++) {
        painter_draw(&painter, i, behind);
        paint(7, 0, i, SIZE, alone);
        ck_assert_mem_eq(alone, behind, PIXELS);
    }
    painter_close(&painter);
}
END_TEST

/* Another compiler, processor or version would draw other garments under the same seed. */
START_TEST(painter_draw__first_thousand__the_bytes_they_have_always_been)
{
    uint8_t *pixels = malloc(1000 * PIXELS);

    for (uint64_t i = 0; i < 1000; i++)
        paint(0, 0, i, SIZE, pixels + i * PIXELS);
    ck_assert_uint_eq(crc32_of(pixels, 1000 * PIXELS), 0xa19379ff);
    free(pixels);
}
END_TEST

/* Two seeds, splits or indices would share an image: a test set that leaks into training. */
START_TEST(painter_draw__seed_split_or_index_differs__other_pixels)
{
    uint8_t base[PIXELS], other[PIXELS];

    paint(1, 0, 5, SIZE, base);
    paint(2, 0, 5, SIZE, other);
    ck_assert_mem_ne(base, other, PIXELS);
    paint(1, 1, 5, SIZE, other);
    ck_assert_mem_ne(base, other, PIXELS);
    paint(1, 0, 6, SIZE, other);
    ck_assert_mem_ne(base, other, PIXELS);
}
END_TEST

/* A class would be missing or rarer than another. */
START_TEST(painter_label__ten_in_a_row__each_class_once)
{
    struct garment_painter painter;
    unsigned orders_differ = 0;

    ck_assert_int_eq(painter_init(&painter, 3, 1, SIZE, NULL), 0);
    for (uint64_t ten = 0; ten < 100; ten++) {
        unsigned seen = 0;

        for (uint64_t i = 0; i < 10; i++)
            seen |= 1u << painter_label(&painter, ten * 10 + i);
        ck_assert_uint_eq(seen, 1023);
        orders_differ += painter_label(&painter, ten * 10) != painter_label(&painter, 0);
    }
    ck_assert_uint_gt(orders_differ, 50);
    painter_close(&painter);
}
END_TEST

/* The smallest or the largest picture would be empty, or written beyond its end (a sanitizer sees
 * that). */
START_TEST(painter_draw__sizes_at_the_limits__a_garment_each)
{
    static const uint32_t sizes[] = {GARMENT_SIZE_MIN, GARMENT_SIZE_MIN + 1, GARMENT_SIZE_MAX};

    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        size_t count = (size_t)sizes[s] * sizes[s];
        uint8_t *pixels = malloc(count);

        for (uint64_t i = 0; i < 30; i++) {
            size_t lit = 0;

            paint(0, 0, i, sizes[s], pixels);
            for (size_t at = 0; at < count; at++)
                lit += pixels[at] > 0;
            ck_assert_uint_gt(lit, count / 20);
            ck_assert_uint_lt(lit, count * 19 / 20);
        }
        free(pixels);
    }
}
END_TEST

/* ---- the difficulty: softmax regression ---------------------------------------------------- */

struct examples {
    float *images; /* [count][PIXELS], 0..1 */
    uint8_t *labels;
    unsigned count;
};

static struct examples examples_new(uint32_t split, unsigned count)
{
    struct examples e = {malloc(sizeof(float) * PIXELS * count), malloc(count), count};
    struct garment_painter painter;
    uint8_t pixels[PIXELS];

    ck_assert_int_eq(painter_init(&painter, 0, split, SIZE, NULL), 0);
    for (unsigned i = 0; i < count; i++) {
        painter_draw(&painter, i, pixels);
        e.labels[i] = painter_label(&painter, i);
        for (unsigned at = 0; at < PIXELS; at++)
            e.images[(size_t)i * PIXELS + at] = pixels[at] / 255.0f;
    }
    painter_close(&painter);
    return e;
}

static void examples_free(struct examples *e)
{
    free(e->images);
    free(e->labels);
}

static float weights[GARMENT_CLASSES][PIXELS], biases[GARMENT_CLASSES];

static void scores_of(const float *image, float *scores)
{
    for (unsigned c = 0; c < GARMENT_CLASSES; c++) {
        float lanes[8] = {0}; /* separate sums, which the compiler may keep in one register */

        for (unsigned at = 0; at < PIXELS; at += 8)
            for (unsigned lane = 0; lane < 8; lane++)
                lanes[lane] += weights[c][at + lane] * image[at + lane];
        scores[c] = biases[c];
        for (unsigned lane = 0; lane < 8; lane++)
            scores[c] += lanes[lane];
    }
}

static void learn(const float *image, uint8_t label, float rate)
{
    float scores[GARMENT_CLASSES], highest = -INFINITY, sum = 0;

    scores_of(image, scores);
    for (unsigned c = 0; c < GARMENT_CLASSES; c++)
        highest = fmaxf(highest, scores[c]);
    for (unsigned c = 0; c < GARMENT_CLASSES; c++)
        sum += scores[c] = expf(scores[c] - highest);
    for (unsigned c = 0; c < GARMENT_CLASSES; c++) {
        float step = rate * (scores[c] / sum - (c == label));

        for (unsigned at = 0; at < PIXELS; at++)
            weights[c][at] -= step * image[at];
        biases[c] -= step;
    }
}

static double accuracy(const struct examples *e)
{
    unsigned right = 0;

    for (unsigned i = 0; i < e->count; i++) {
        float scores[GARMENT_CLASSES];
        unsigned best = 0;

        scores_of(e->images + (size_t)i * PIXELS, scores);
        for (unsigned c = 1; c < GARMENT_CLASSES; c++)
            if (scores[c] > scores[best])
                best = c;
        right += best == e->labels[i];
    }
    return (double)right / e->count;
}

/* The classes would be so plain, or so alike, that a trainer's accuracy says nothing. */
START_TEST(painter_draw__softmax_regression__as_hard_as_photographs)
{
    struct examples train = examples_new(0, TRAIN), test = examples_new(1, TEST);

    memset(weights, 0, sizeof weights);
    memset(biases, 0, sizeof biases);
    for (unsigned epoch = 0; epoch < 12; epoch++)
        for (unsigned i = 0; i < TRAIN; i++)
            learn(train.images + (size_t)i * PIXELS, train.labels[i],
                  0.01f / (1 + 0.5f * (float)epoch));

    double reached = accuracy(&test);
    ck_assert_msg(reached >= 0.75 && reached <= 0.95, "test accuracy %.3f", reached);
    if (getenv("GARMENTS_VERBOSE"))
        printf("test accuracy %.3f, train %.3f\n", reached, accuracy(&train));
    examples_free(&train);
    examples_free(&test);
}
END_TEST

/* ---- synth_dataset_write ----------------------------------------------------------------------
 */

/* Readers of IDX files would find another shape, or a temporary file beside the data. */
START_TEST(synth_dataset_write__raw__idx_headers_and_the_painter_s_pixels)
{
    struct invocation in = {.output = support_path("set"),
                            .train = 12,
                            .test = 3,
                            .size = SIZE,
                            .seed = 9,
                            .raw = true};
    uint8_t expected[PIXELS];
    size_t size;

    ck_assert_int_eq(synth_dataset_write(&in, NULL), 0);
    uint8_t *images = support_read(support_path("set/train-images-idx3-ubyte"), &size);
    ck_assert_uint_eq(size, 16 + 12 * PIXELS);
    ck_assert_uint_eq(get_be32(images), 0x803);
    ck_assert_uint_eq(get_be32(images + 4), 12);
    ck_assert_uint_eq(get_be32(images + 8), SIZE);
    ck_assert_uint_eq(get_be32(images + 12), SIZE);
    paint(9, 0, 11, SIZE, expected);
    ck_assert_mem_eq(images + 16 + 11 * PIXELS, expected, PIXELS);
    free(images);

    uint8_t *labels = support_read(support_path("set/t10k-labels-idx1-ubyte"), &size);
    ck_assert_uint_eq(size, 8 + 3);
    ck_assert_uint_eq(get_be32(labels), 0x801);
    ck_assert_uint_eq(get_be32(labels + 4), 3);
    free(labels);
}
END_TEST

/* A failure would leave half a data set behind, or call itself a success. */
START_TEST(synth_dataset_write__folder_cannot_be_made__failure)
{
    struct invocation in = {.output = support_path("no/such"), .train = 1, .test = 1, .size = SIZE};

    ck_assert_int_eq(synth_dataset_write(&in, NULL), -ENOENT);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ctl/synth_fashion");
    TCase *tc = tcase_create("synth_fashion");

    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, painter_draw__other_images_before__same_pixels);
    tcase_add_test(tc, painter_draw__first_thousand__the_bytes_they_have_always_been);
    tcase_add_test(tc, painter_draw__seed_split_or_index_differs__other_pixels);
    tcase_add_test(tc, painter_label__ten_in_a_row__each_class_once);
    tcase_add_test(tc, painter_draw__sizes_at_the_limits__a_garment_each);
    tcase_add_test(tc, painter_draw__softmax_regression__as_hard_as_photographs);
    tcase_add_test(tc, synth_dataset_write__raw__idx_headers_and_the_painter_s_pixels);
    tcase_add_test(tc, synth_dataset_write__folder_cannot_be_made__failure);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
