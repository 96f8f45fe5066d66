/* SPDX-License-Identifier: MIT */
/* ctl/sheet.h — a contact sheet: images side by side, each with text below, as PNG.
 *
 *     sheet_init(&sheet, &shape, err);
 *     for each image: sheet_put(&sheet, position, rgb, "59: Ankle boot");
 *     sheet_write(&sheet, fd, err);
 *     sheet_close(&sheet);
 *
 * Threads: a sheet belongs to one thread. Memory: the whole picture, at most SHEET_BYTES_MAX.
 */
#ifndef CTL_SHEET_H
#define CTL_SHEET_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

#define SHEET_BYTES_MAX  (1u << 30)
#define SHEET_BACKGROUND 40 /* grey level */

struct sheet_shape {
    uint64_t count;   /* images, 1 .. */
    uint32_t columns; /* 1 .. */
    uint32_t height;  /* of one image, pixels, 1 .. 4096 */
    uint32_t width;
    uint32_t scale;       /* each pixel becomes scale x scale, 1 .. 64 */
    uint32_t text_length; /* characters of the longest line of text */
    uint32_t text_lines;  /* below an image; 0 is 1 */
};

struct sheet {
    struct sheet_shape shape;
    uint32_t cell_height; /* image, text and gap, pixels */
    uint32_t cell_width;
    uint32_t height; /* of the picture */
    uint32_t width;
    uint8_t *rgb; /* [height][width][3] */
};

/* The factor that makes an image of this size about 112 pixels wide or high; at least 1. */
uint32_t sheet_scale_for(uint32_t height, uint32_t width);

/* An empty sheet. Columns beyond the count are left out.
 * Errors: -EFBIG beyond SHEET_BYTES_MAX, -ENOMEM. Owns: the caller; end with sheet_close. */
int sheet_init(struct sheet *s, const struct sheet_shape *shape, struct err *err);

/* Draws image number `position` and its text. Shape: rgb[height][width][3]. Text beyond
 * text_length is cut in each of its lines, and so are lines beyond text_lines. */
void sheet_put(struct sheet *s, uint64_t position, const uint8_t *rgb, const char *text);

/* Writes the picture as PNG; the descriptor stays open. Errors: a negative errno value. */
int sheet_write(const struct sheet *s, int fd, struct err *err);

/* Accepts a zeroed sheet. */
void sheet_close(struct sheet *s);

/* How the pixels of a batch are to be read; the fields are those of struct fmnist_stream_info and
 * struct fmnist_spec. */
struct sheet_pixels {
    uint32_t dtype; /* enum fmnist_dtype */
    uint32_t layout;
    uint32_t channels; /* 1: grey, 2: grey and alpha, 3: RGB, 4: RGB and alpha */
    uint32_t height;
    uint32_t width;
    uint32_t mean_count; /* 0, 1 or channels */
    uint32_t std_count;
    const float *mean;
    const float *std;
};

/* One delivered image as RGB levels: mean and std are undone, values beyond 0..1 clamped, alpha
 * blended over black. Shape: rgb[height][width][3]. */
void sheet_decode(const struct sheet_pixels *p, const void *image, uint8_t *rgb);

#endif
