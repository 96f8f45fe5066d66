/* SPDX-License-Identifier: MIT */
/* import/picture.h — a picture's file, in memory, to pixels: PNG, and JPEG where the build has it.
 *
 * The pixels are those that Pillow gives for the same bytes, by Image.open(...).convert("L") or
 * ("RGB"): palettes, 1 to 16 bits, alpha (left out, not blended), interlaced PNG; gray, YCbCr,
 * CMYK, YCCK and progressive JPEG, decoded as libjpeg-turbo does by default. What Pillow does with
 * 16 bits is kept, too: of one channel, levels over 255 become 255; of several, the high byte
 * counts. An orientation that EXIF states is not applied, as by torchvision's loader. An
 * animation's first picture is the picture.
 *
 * Other than Pillow, a PNG whose checksums are wrong, or that lacks its palette, is a broken one.
 *
 * Memory: bounded by RASTER_PIXELS_MAX, and nothing is taken for what exceeds it. Threads: any, one
 * at a time.
 */
#ifndef IMPORT_PICTURE_H
#define IMPORT_PICTURE_H

#include "import/raster.h"

/* A picture's file is at most so large. */
#define PICTURE_BYTES_MAX ((size_t)128 << 20)

/* Decodes a file. Which kind it is, its first bytes say, not its name.
 * Errors: -EBADMSG (broken; empty; no picture at all), -ENOTSUP (a kind of picture that is not
 * read, by name), -EFBIG, -ENOMEM. The raster is then as it was, or has pixels that mean nothing.
 */
int picture_decode(struct raster *out, enum raster_colour colour, const uint8_t *bytes, size_t size,
                   struct err *e);

/* Whether a file's name ends as a picture's: the endings that torchvision's ImageFolder takes. */
bool picture_is_named(const char *name);

/* Whether this build reads JPEG. */
extern const bool picture_has_jpeg;

/* The decoders. jpeg_decode is there in a build with libjpeg (HAVE_JPEG) only. */
int png_decode(struct raster *out, enum raster_colour colour, const uint8_t *bytes, size_t size,
               struct err *e);
int jpeg_decode(struct raster *out, enum raster_colour colour, const uint8_t *bytes, size_t size,
                struct err *e);

#endif
