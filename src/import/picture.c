/* SPDX-License-Identifier: MIT */
/* Which decoder a picture's file is for, and a name for each kind that has none. */
#include "import/picture.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

static const struct {
    const char *name; /* with its article */
    size_t at, size;
    const char *bytes;
} others[] = {
    {"a GIF", 0, 4, "GIF8"},         {"a BMP", 0, 2, "BM"},         {"a TIFF", 0, 4, "II*\0"},
    {"a TIFF", 0, 4, "MM\0*"},       {"a WebP", 8, 4, "WEBP"},      {"a PGM", 0, 2, "P5"},
    {"a PPM", 0, 2, "P6"},           {"a PGM", 0, 2, "P2"},         {"a PPM", 0, 2, "P3"},
    {"an AVIF", 4, 8, "ftypavif"},   {"a HEIC", 4, 8, "ftypheic"},  {"a JPEG 2000", 4, 4, "jP  "},
    {"a JPEG XL", 0, 2, "\xff\x0a"}, {"a Photoshop", 0, 4, "8BPS"},
};

static const char *const endings[] = {".jpg", ".jpeg", ".png",  ".ppm", ".bmp",
                                      ".pgm", ".tif",  ".tiff", ".webp"};

static bool has(const uint8_t *bytes, size_t size, size_t at, const char *want, size_t n)
{
    return size >= at + n && !memcmp(bytes + at, want, n);
}

#ifdef HAVE_JPEG
const bool picture_has_jpeg = true;
#define decode_jpeg jpeg_decode
#else
const bool picture_has_jpeg = false;

static int decode_jpeg(struct raster *out, enum raster_colour colour, const uint8_t *bytes,
                       size_t size, struct err *e)
{
    return err_set(e, -ENOTSUP,
                   "a JPEG picture, which this build does not read: it is without libjpeg");
}
#endif

int picture_decode(struct raster *out, enum raster_colour colour, const uint8_t *bytes, size_t size,
                   struct err *e)
{
    if (size == 0)
        return err_set(e, -EBADMSG, "the file is empty");
    if (has(bytes, size, 0, "\x89PNG\r\n\x1a\n", 8))
        return png_decode(out, colour, bytes, size, e);
    if (has(bytes, size, 0, "\xff\xd8\xff", 3))
        return decode_jpeg(out, colour, bytes, size, e);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (has(bytes, size, others[i].at, others[i].bytes, others[i].size))
            return err_set(e, -ENOTSUP, "%s picture, which is not read: PNG and JPEG are",
                           others[i].name);
    return err_set(e, -EBADMSG, "neither a PNG nor a JPEG picture: it begins 0x%02x%02x%02x%02x",
                   bytes[0], size > 1 ? bytes[1] : 0, size > 2 ? bytes[2] : 0,
                   size > 3 ? bytes[3] : 0);
}

bool picture_is_named(const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t m = strlen(endings[i]);
        if (n >= m && !strcasecmp(name + n - m, endings[i]))
            return true;
    }
    return false;
}
