/* SPDX-License-Identifier: MIT */
/* ctl/sheet.c — lays images and text out in one RGB picture and writes it with libpng. */
#include "ctl/sheet.h"

#include "base/bytes.h"
#include "base/io.h"
#include "ctl/font.h"
#include "fmnist.h"

#include <errno.h>
#include <fcntl.h>
#include <png.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GAP        8   /* pixels between cells and around them */
#define TEXT_GAP   4   /* pixels between an image and its text */
#define IMAGE_GOAL 112 /* pixels: room for "12345: T-shirt/top" below */
#define LINE_GAP   3   /* pixels between lines of text */
#define INK        230 /* grey level */

uint32_t sheet_scale_for(uint32_t height, uint32_t width)
{
    uint32_t longest = height > width ? height : width;
    return longest == 0 || longest > IMAGE_GOAL ? 1 : IMAGE_GOAL / longest;
}

int sheet_init(struct sheet *s, const struct sheet_shape *shape, struct err *err)
{
    *s = (struct sheet){.shape = *shape};
    if (s->shape.columns > shape->count)
        s->shape.columns = (uint32_t)shape->count;
    if (s->shape.text_lines == 0)
        s->shape.text_lines = 1;

    uint64_t columns = s->shape.columns;
    uint64_t rows = shape->count / columns + (shape->count % columns != 0);
    uint64_t image_width = (uint64_t)shape->width * shape->scale;
    uint64_t text_width = (uint64_t)shape->text_length * FONT_ADVANCE;
    uint64_t cell_width = (image_width > text_width ? image_width : text_width) + GAP;
    uint64_t text_height = (uint64_t)s->shape.text_lines * (FONT_HEIGHT + LINE_GAP) - LINE_GAP;
    uint64_t cell_height = (uint64_t)shape->height * shape->scale + TEXT_GAP + text_height + GAP;
    uint64_t width, height, bytes;

    if (!size_mul(columns, cell_width, &width) || !size_mul(rows, cell_height, &height) ||
        width > PNG_UINT_31_MAX - GAP || height > PNG_UINT_31_MAX - GAP ||
        !size_mul(width + GAP, (height + GAP) * 3, &bytes) || bytes > SHEET_BYTES_MAX)
        return err_set(err, -EFBIG, "a sheet of %llu images of %ux%u pixels is larger than %u MiB",
                       (unsigned long long)shape->count, shape->width, shape->height,
                       SHEET_BYTES_MAX >> 20);

    s->cell_width = (uint32_t)cell_width;
    s->cell_height = (uint32_t)cell_height;
    s->width = (uint32_t)width + GAP;
    s->height = (uint32_t)height + GAP;
    s->rgb = malloc(bytes);
    if (!s->rgb)
        return err_set(err, -ENOMEM, "no memory for a sheet of %ux%u pixels", s->width, s->height);
    memset(s->rgb, SHEET_BACKGROUND, bytes);
    return 0;
}

void sheet_close(struct sheet *s)
{
    free(s->rgb);
    *s = (struct sheet){0};
}

static uint8_t *pixel_at(const struct sheet *s, uint32_t x, uint32_t y)
{
    return s->rgb + ((size_t)y * s->width + x) * 3;
}

static void draw_line(struct sheet *s, uint32_t x, uint32_t y, const char *text, size_t length)
{
    for (uint32_t i = 0; i < s->shape.text_length && i < length; i++) {
        const uint8_t *glyph = font_glyph(text[i]);

        for (uint32_t row = 0; row < FONT_HEIGHT; row++)
            for (uint32_t column = 0; column < FONT_WIDTH; column++)
                if (glyph[row] >> (FONT_WIDTH - 1 - column) & 1)
                    memset(pixel_at(s, x + i * FONT_ADVANCE + column, y + row), INK, 3);
    }
}

static void draw_text(struct sheet *s, uint32_t x, uint32_t y, const char *text)
{
    for (uint32_t line = 0; line < s->shape.text_lines && *text; line++) {
        size_t length = strcspn(text, "\n");

        draw_line(s, x, y + line * (FONT_HEIGHT + LINE_GAP), text, length);
        text += length + (text[length] == '\n');
    }
}

void sheet_put(struct sheet *s, uint64_t position, const uint8_t *rgb, const char *text)
{
    const struct sheet_shape *shape = &s->shape;
    uint32_t left = GAP + (uint32_t)(position % shape->columns) * s->cell_width;
    uint32_t top = GAP + (uint32_t)(position / shape->columns) * s->cell_height;
    uint32_t scale = shape->scale;

    for (uint32_t y = 0; y < shape->height * scale; y++) {
        uint8_t *out = pixel_at(s, left, top + y);
        const uint8_t *in = rgb + (size_t)(y / scale) * shape->width * 3;

        for (uint32_t x = 0; x < shape->width * scale; x++)
            memcpy(out + (size_t)x * 3, in + (size_t)(x / scale) * 3, 3);
    }
    draw_text(s, left, top + shape->height * scale + TEXT_GAP, text);
}

/* ---- the file ------------------------------------------------------------------------------ */

static int write_png(const struct sheet *s, FILE *file)
{
    png_image image = {
        .version = PNG_IMAGE_VERSION,
        .width = s->width,
        .height = s->height,
        .format = PNG_FORMAT_RGB,
        .flags = PNG_IMAGE_FLAG_FAST,
    };
    int wrote = png_image_write_to_stdio(&image, file, 0, s->rgb, 0, NULL);

    png_image_free(&image);
    return wrote ? 0 : -1;
}

int sheet_write(const struct sheet *s, int fd, struct err *err)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0); /* fclose is to leave the caller's open */
    FILE *file = copy < 0 ? NULL : fdopen(copy, "wb");
    int code = 0;

    if (!file) {
        code = err_sys(err, -errno, "opening the picture's file");
        fd_close(&copy);
        return code;
    }
    errno = 0;
    if (write_png(s, file) != 0 || fflush(file) != 0)
        code = err_sys(err, errno ? -errno : -EIO, "writing the picture");
    if (fclose(file) != 0 && code == 0)
        code = err_sys(err, -errno, "writing the picture");
    return code;
}

/* ---- pixels of a batch --------------------------------------------------------------------- */

static float float_of_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* IEEE binary16: sign, 5 bits of exponent (bias 15), 10 of fraction. */
static float float_of_half(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000) << 16;
    uint32_t exponent = half >> 10 & 31, fraction = half & 1023;

    if (exponent == 31)
        return float_of_bits(sign | 0x7f800000 | fraction << 13);
    if (exponent == 0)
        return (sign ? -1.0f : 1.0f) * (float)fraction / (1 << 24);
    return float_of_bits(sign | (exponent + 112) << 23 | fraction << 13);
}

static float stored_value(const void *image, size_t at, uint32_t dtype)
{
    const uint8_t *bytes = image;
    uint16_t bits;
    float value;

    switch (dtype) {
    case FMNIST_FLOAT16:
        memcpy(&bits, bytes + at * 2, sizeof bits);
        return float_of_half(bits);
    case FMNIST_BFLOAT16:
        memcpy(&bits, bytes + at * 2, sizeof bits);
        return float_of_bits((uint32_t)bits << 16);
    case FMNIST_FLOAT32:
        memcpy(&value, bytes + at * 4, sizeof value);
        return value;
    default:
        return bytes[at] / 255.0f;
    }
}

/* The value in 0..1 that the stream was made of. */
static float unit_value(const struct sheet_pixels *p, const void *image, size_t pixel,
                        uint32_t channel)
{
    size_t plane = (size_t)p->height * p->width;
    size_t at = p->layout == FMNIST_NHWC ? pixel * p->channels + channel : channel * plane + pixel;
    float value = stored_value(image, at, p->dtype);

    if (p->dtype != FMNIST_UINT8) {
        if (p->std_count)
            value *= p->std[p->std_count > 1 ? channel : 0];
        if (p->mean_count)
            value += p->mean[p->mean_count > 1 ? channel : 0];
    }
    if (!(value > 0)) /* NaN too */
        return 0;
    return value < 1 ? value : 1;
}

void sheet_decode(const struct sheet_pixels *p, const void *image, uint8_t *rgb)
{
    size_t count = (size_t)p->height * p->width;
    bool colour = p->channels >= 3;

    for (size_t i = 0; i < count; i++) {
        float alpha = p->channels % 2 == 0 ? unit_value(p, image, i, p->channels - 1) : 1;

        for (uint32_t c = 0; c < 3; c++)
            rgb[i * 3 + c] =
                (uint8_t)(unit_value(p, image, i, colour ? c : 0) * alpha * 255 + 0.5f);
    }
}
