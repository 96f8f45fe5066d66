/* SPDX-License-Identifier: MIT */
/* ctl/sheet and ctl/font — pixels land where they belong, in every type and layout a stream has. */
#include "ctl/sheet.h"

#include "ctl/font.h"
#include "fmnist.h"
#include "support/support.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <png.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- font_glyph ---------------------------------------------------------------------------- */

/* Two characters would look the same, or one would be empty. */
START_TEST(font_glyph__printable_characters__all_differ)
{
    for (char a = ' '; a <= '~'; a++)
        for (char b = (char)(a + 1); b <= '~'; b++)
            ck_assert_msg(memcmp(font_glyph(a), font_glyph(b), FONT_HEIGHT) != 0, "%c %c", a, b);
    ck_assert_ptr_eq(font_glyph('\n'), font_glyph('?'));
    ck_assert_ptr_eq(font_glyph((char)0xe9), font_glyph('?'));
}
END_TEST

/* ---- sheet_decode -------------------------------------------------------------------------- */

static const struct sheet_pixels one_pixel = {
    .dtype = FMNIST_FLOAT32,
    .layout = FMNIST_NCHW,
    .channels = 1,
    .height = 1,
    .width = 1,
};

static uint8_t decoded(const struct sheet_pixels *p, const void *image)
{
    uint8_t rgb[3];

    sheet_decode(p, image, rgb);
    ck_assert_uint_eq(rgb[0], rgb[1]);
    ck_assert_uint_eq(rgb[0], rgb[2]);
    return rgb[0];
}

/* A level would change on its way through a type: every one must come back. */
START_TEST(sheet_decode__each_type__the_level_that_was_stored)
{
    struct sheet_pixels p = one_pixel;

    for (unsigned level = 0; level < 256; level++) {
        uint8_t byte = (uint8_t)level;
        float value = (float)level / 255.0f;

        p.dtype = FMNIST_UINT8;
        ck_assert_uint_eq(decoded(&p, &byte), level);
        p.dtype = FMNIST_FLOAT32;
        ck_assert_uint_eq(decoded(&p, &value), level);

        uint32_t bits;
        memcpy(&bits, &value, 4);
        uint16_t brain = (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
        p.dtype = FMNIST_BFLOAT16; /* 8 bits of fraction: within half a level */
        ck_assert_int_le(abs((int)decoded(&p, &brain) - (int)level), 1);
    }
}
END_TEST

/* A binary16 number, subnormal ones too, would be read as another: all of 0..1 against ldexp(3). */
START_TEST(sheet_decode__every_float16_level__as_its_definition)
{
    struct sheet_pixels p = one_pixel;

    p.dtype = FMNIST_FLOAT16;
    for (uint16_t bits = 0; bits <= 0x3c00; bits++) {
        int exponent = bits >> 10, fraction = bits & 1023;
        double value = exponent ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24);

        ck_assert_uint_eq(decoded(&p, &bits), (uint8_t)((float)value * 255 + 0.5f));
    }
}
END_TEST

/* A normalised image would show washed out or inverted. */
START_TEST(sheet_decode__mean_and_std__undone_for_each_channel)
{
    const float mean[] = {0.1f, 0.5f, 0.9f}, std[] = {0.5f, 0.25f, 2.0f};
    struct sheet_pixels p = one_pixel;
    float image[3];
    uint8_t rgb[3];

    p.channels = p.mean_count = p.std_count = 3;
    p.mean = mean;
    p.std = std;
    for (int c = 0; c < 3; c++)
        image[c] = ((float)(50 + c * 50) / 255 - mean[c]) / std[c];
    sheet_decode(&p, image, rgb);
    ck_assert_uint_eq(rgb[0], 50);
    ck_assert_uint_eq(rgb[1], 100);
    ck_assert_uint_eq(rgb[2], 150);
}
END_TEST

/* Values that filters overshoot to would wrap around. */
START_TEST(sheet_decode__outside_the_range__clamped)
{
    const float values[] = {-0.1f, 1.2f, NAN, INFINITY, -INFINITY};
    const uint8_t levels[] = {0, 255, 0, 255, 0};

    for (int i = 0; i < 5; i++)
        ck_assert_uint_eq(decoded(&one_pixel, &values[i]), levels[i]);
}
END_TEST

/* Channels and pixels would be exchanged. */
START_TEST(sheet_decode__layouts__same_picture)
{
    const uint8_t planes[] = {1, 2, 3, 4, 5, 6}, pixels[] = {1, 3, 5, 2, 4, 6};
    struct sheet_pixels p = one_pixel;
    uint8_t rgb[6];

    p.dtype = FMNIST_UINT8;
    p.channels = 3;
    p.width = 2;
    sheet_decode(&p, planes, rgb);
    ck_assert_mem_eq(rgb, pixels, 6);
    p.layout = FMNIST_NHWC;
    sheet_decode(&p, pixels, rgb);
    ck_assert_mem_eq(rgb, pixels, 6);
}
END_TEST

/* The second or fourth channel would be taken for a colour, or read beyond the image. */
START_TEST(sheet_decode__alpha__blended_over_black)
{
    const uint8_t grey[] = {200, 0, 100, 255}, colour[] = {10, 20, 30, 255};
    struct sheet_pixels p = one_pixel;
    uint8_t rgb[6];

    p.dtype = FMNIST_UINT8;
    p.layout = FMNIST_NHWC;
    p.channels = 2;
    p.width = 2;
    sheet_decode(&p, grey, rgb);
    ck_assert_mem_eq(rgb, ((uint8_t[]){0, 0, 0, 100, 100, 100}), 6);
    p.channels = 4;
    p.width = 1;
    sheet_decode(&p, colour, rgb);
    ck_assert_mem_eq(rgb, colour, 3);
}
END_TEST

/* ---- sheet_put, sheet_write ---------------------------------------------------------------- */

/* The file would not be a PNG, or images would lie elsewhere or have another scale. */
START_TEST(sheet_write__read_back__images_and_text_in_their_cells)
{
    const struct sheet_shape shape = {
        .count = 3, .columns = 2, .height = 2, .width = 2, .scale = 4, .text_length = 4};
    const uint8_t rgb[12] = {255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255};
    png_image image = {.version = PNG_IMAGE_VERSION};
    struct sheet sheet;

    ck_assert_int_eq(sheet_init(&sheet, &shape, NULL), 0);
    for (uint64_t i = 0; i < 3; i++)
        sheet_put(&sheet, i, rgb, i == 2 ? "cut off" : "");

    int fd = open(support_path("a.png"), O_RDWR | O_CREAT, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(sheet_write(&sheet, fd, NULL), 0);
    close(fd);

    ck_assert_int_ne(png_image_begin_read_from_file(&image, support_path("a.png")), 0);
    ck_assert_uint_eq(image.width, sheet.width);
    ck_assert_uint_eq(image.height, sheet.height);
    image.format = PNG_FORMAT_RGB;
    uint8_t *pixels = malloc(PNG_IMAGE_SIZE(image));
    ck_assert_int_ne(png_image_finish_read(&image, NULL, pixels, 0, NULL), 0);
    ck_assert_mem_eq(pixels, sheet.rgb, PNG_IMAGE_SIZE(image));

    for (unsigned i = 0; i < 3; i++) { /* the second pixel of each image, green, 4x4 */
        uint32_t left = 8 + i % 2 * sheet.cell_width, top = 8 + i / 2 * sheet.cell_height;

        for (uint32_t y = 0; y < 4; y++)
            for (uint32_t x = 4; x < 8; x++)
                ck_assert_mem_eq(pixels + ((size_t)(top + y) * sheet.width + left + x) * 3, rgb + 3,
                                 3);
    }
    free(pixels);
    sheet_close(&sheet);
}
END_TEST

/* Lines would run into one another, or into the image below. */
START_TEST(sheet_put__lines_of_text__below_each_other)
{
    const struct sheet_shape shape = {.count = 2,
                                      .columns = 1,
                                      .height = 1,
                                      .width = 1,
                                      .scale = 1,
                                      .text_length = 2,
                                      .text_lines = 2};
    const uint8_t black[3] = {0};
    struct sheet sheet;

    ck_assert_int_eq(sheet_init(&sheet, &shape, NULL), 0);
    sheet_put(&sheet, 0, black, "III\n I\nI");
    for (uint32_t y = 0; y < sheet.height; y++)
        for (uint32_t x = 0; x < sheet.width; x++) {
            uint32_t row = y - (8 + 1 + 4), column = x - 8; /* of the text */
            uint32_t line = row / 10, letter = column / FONT_ADVANCE, at = column % FONT_ADVANCE;
            bool text = y >= 13 && x >= 8 && line < 2 && letter < 2 && row % 10 < FONT_HEIGHT &&
                        at < FONT_WIDTH && (line == 0 || letter == 1);
            bool ink = text && font_glyph('I')[row % 10] >> (FONT_WIDTH - 1 - at) & 1;
            if (x != 8 || y != 8)
                ck_assert_msg((sheet.rgb[((size_t)y * sheet.width + x) * 3] > 200) == ink,
                              "at %u, %u", x, y);
        }
    ck_assert_uint_ge(sheet.height, 2 * (1 + 4 + 2 * FONT_HEIGHT));
    sheet_close(&sheet);
}
END_TEST

/* A huge batch would ask for all memory. */
START_TEST(sheet_init__larger_than_a_picture_may_be__refused)
{
    struct sheet_shape shape = {
        .count = 1u << 24, .columns = 8, .height = 4096, .width = 4096, .scale = 1};
    struct sheet sheet;
    struct err err;

    ck_assert_int_eq(sheet_init(&sheet, &shape, &err), -EFBIG);
    shape.count = UINT64_MAX;
    ck_assert_int_eq(sheet_init(&sheet, &shape, &err), -EFBIG);
    sheet_close(&sheet);
}
END_TEST

/* A full disk would leave a broken picture and a success. */
START_TEST(sheet_write__device_full__error)
{
    const struct sheet_shape shape = {
        .count = 1, .columns = 1, .height = 28, .width = 28, .scale = 4};
    struct sheet sheet;
    struct err err;

    ck_assert_int_eq(sheet_init(&sheet, &shape, NULL), 0);
    int fd = open("/dev/full", O_WRONLY);
    if (fd >= 0) {
        ck_assert_int_lt(sheet_write(&sheet, fd, &err), 0);
        close(fd);
    }
    sheet_close(&sheet);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ctl/sheet");
    TCase *tc = tcase_create("sheet");

    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_add_test(tc, font_glyph__printable_characters__all_differ);
    tcase_add_test(tc, sheet_decode__each_type__the_level_that_was_stored);
    tcase_add_test(tc, sheet_decode__every_float16_level__as_its_definition);
    tcase_add_test(tc, sheet_decode__mean_and_std__undone_for_each_channel);
    tcase_add_test(tc, sheet_decode__outside_the_range__clamped);
    tcase_add_test(tc, sheet_decode__layouts__same_picture);
    tcase_add_test(tc, sheet_decode__alpha__blended_over_black);
    tcase_add_test(tc, sheet_write__read_back__images_and_text_in_their_cells);
    tcase_add_test(tc, sheet_put__lines_of_text__below_each_other);
    tcase_add_test(tc, sheet_init__larger_than_a_picture_may_be__refused);
    tcase_add_test(tc, sheet_write__device_full__error);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
