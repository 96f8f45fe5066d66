/* SPDX-License-Identifier: MIT */
/* Pictures' files to pixels: against records of Pillow (golden/pictures.txt), and what is refused.
 */
#include "import/picture.h"
#include "support/support.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static struct raster raster;
static struct err err;

static void set_up(void)
{
    support_setup();
    err.text[0] = 0;
}

static void tear_down(void)
{
    raster_close(&raster);
    support_teardown();
}

/* ---- golden records */

struct record {
    char name[64];
    uint32_t height, width;
    uint32_t sums[2]; /* of convert("L"), convert("RGB") */
    uint8_t bytes[4096];
    size_t size;
};

static void parse(char *line, struct record *r)
{
    int at = 0;
    ck_assert_int_eq(sscanf(line, "%63s %u %u %x %x %n", r->name, &r->height, &r->width,
                            &r->sums[0], &r->sums[1], &at),
                     5);
    const char *hex = line + at;
    r->size = strlen(hex) / 2;
    ck_assert_uint_le(r->size, sizeof r->bytes);
    for (size_t i = 0; i < r->size; i++)
        ck_assert_int_eq(sscanf(hex + 2 * i, "%2hhx", &r->bytes[i]), 1);
}

/* Calls `look` with every record. Returns their number. */
static unsigned each_record(void (*look)(const struct record *r))
{
    size_t size;
    unsigned count = 0;
    char *text = support_golden("pictures.txt", &size), *left = text;
    text[size - 1] = 0; /* the last line's end */
    for (char *line; (line = strsep(&left, "\n")) != NULL; count++) {
        struct record r;
        parse(line, &r);
        look(&r);
    }
    free(text);
    return count;
}

static struct record *wanted;
static const char *wanted_name;

static void take_wanted(const struct record *r)
{
    if (!strcmp(r->name, wanted_name))
        *wanted = *r;
}

static void find(struct record *r, const char *name)
{
    *r = (struct record){.size = 0};
    wanted = r;
    wanted_name = name;
    each_record(take_wanted);
    ck_assert_uint_gt(r->size, 0);
}

static bool is_read(const struct record *r)
{
    return picture_has_jpeg || strncmp(r->name, "jpeg", 4) != 0;
}

static void check_record(const struct record *r)
{
    const enum raster_colour colours[] = {RASTER_GRAY, RASTER_RGB};
    for (uint32_t i = 0; i < 2; i++) {
        int rc = picture_decode(&raster, colours[i], r->bytes, r->size, &err);
        if (!is_read(r)) {
            ck_assert_int_eq(rc, -ENOTSUP);
            ck_assert_ptr_nonnull(strstr(err.text, "without libjpeg"));
            continue;
        }
        if (r->height == 0) {
            ck_assert_msg(rc == -EBADMSG, "%s is read, and Pillow refuses it", r->name);
            continue;
        }
        ck_assert_msg(rc == 0, "%s: %s", r->name, err.text);
        ck_assert_uint_eq(raster.height, r->height);
        ck_assert_uint_eq(raster.width, r->width);
        ck_assert_uint_eq(raster.channels, i == 0 ? 1 : 3);
        size_t bytes = (size_t)r->height * r->width * raster.channels;
        ck_assert_msg(crc32(0, raster.pixels, (uInt)bytes) == r->sums[i],
                      "%s, %u channels: other pixels", r->name, raster.channels);
    }
}

/* Every kind of PNG and JPEG has Pillow's pixels, and what is broken for Pillow is broken. */
START_TEST(decode__golden__pixels_of_pillow)
{
    ck_assert_uint_eq(each_record(check_record), 58);
}
END_TEST

/* A set of gray pictures stays gray, also where they have palettes; colour stays colour. */
START_TEST(decode__as_stored__channels_that_there_are)
{
    static const struct {
        const char *name;
        uint32_t channels;
    } cases[] = {{"png-0-1-0", 1},        {"png-0-16-1", 1}, {"png-4-8-0", 1}, {"png-2-8-0", 3},
                 {"png-gray-palette", 1}, {"png-3-8-0", 3},  {"png-6-16-1", 3}};
    struct record r;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        find(&r, cases[i].name);
        ck_assert_int_eq(picture_decode(&raster, RASTER_AS_STORED, r.bytes, r.size, &err), 0);
        ck_assert_msg(raster.channels == cases[i].channels, "%s: %u", r.name, raster.channels);
    }
    if (picture_has_jpeg)
        for (int i = 0; i < 2; i++) {
            find(&r, i ? "jpeg-4-0-0" : "jpeg-1-0-0");
            ck_assert_int_eq(picture_decode(&raster, RASTER_AS_STORED, r.bytes, r.size, &err), 0);
            ck_assert_uint_eq(raster.channels, i ? 3 : 1);
        }
}
END_TEST

/* ---- bombs */

static void check_refused(const struct record *r, const char *who, const char *size)
{
    ck_assert_int_eq(picture_decode(&raster, RASTER_RGB, r->bytes, r->size, &err), -EFBIG);
    ck_assert_msg(strstr(err.text, who) && strstr(err.text, size), "%s", err.text);
    ck_assert_uint_eq(raster.room, 0);
}

/* A header that claims 4 gigapixels is refused before memory is taken for them. */
START_TEST(decode__claims_of_png__refused_before_memory)
{
    static const uint8_t side[] = {0, 0, 0xff, 0xff};
    struct record r;
    find(&r, "png-2-8-1");
    memcpy(r.bytes + 16, side, 4);
    memcpy(r.bytes + 20, side, 4);
    uint32_t sum = (uint32_t)crc32(0, r.bytes + 12, 17);
    const uint8_t be[] = {(uint8_t)(sum >> 24), (uint8_t)(sum >> 16), (uint8_t)(sum >> 8),
                          (uint8_t)sum};
    memcpy(r.bytes + 29, be, 4);
    check_refused(&r, "the PNG header", "65535x65535");
}
END_TEST

static uint8_t *frame_of(struct record *r, uint8_t marker)
{
    for (size_t i = 2; i + 9 < r->size; i++)
        if (r->bytes[i] == 0xff && r->bytes[i + 1] == marker && r->bytes[i + 4] == 8)
            return r->bytes + i;
    ck_abort_msg("%s has no frame", r->name);
    return NULL;
}

START_TEST(decode__claims_of_jpeg__refused_before_memory)
{
    struct record r;
    if (!picture_has_jpeg)
        return;
    find(&r, "jpeg-3-0-0");
    memset(frame_of(&r, 0xc0) + 5, 0xfe, 4);
    check_refused(&r, "the JPEG header", "65278x65278");
    find(&r, "jpeg-3-1-0");
    memset(frame_of(&r, 0xc2) + 5, 0xfe, 4);
    check_refused(&r, "the JPEG header", "65278x65278");
}
END_TEST

/* A progressive picture may be refined for ever: here by one scan that is repeated. The larger it
 * says that it is, the longer each takes. */
START_TEST(decode__scans_without_end__refused)
{
    static const struct {
        uint8_t side; /* of 256 pixels; 0: as it is */
        const char *said;
    } sizes[] = {{0, "in more than 500 scans"},
                 {16, "a JPEG picture of 4096x4096 in more than 64 scans"}};
    struct record r;
    if (!picture_has_jpeg)
        return;
    find(&r, "jpeg-1-1-0");
    size_t begin = 0, end = r.size - 2;
    for (size_t i = 2; i + 1 < r.size; i++)
        if (r.bytes[i] == 0xff && r.bytes[i + 1] == 0xda)
            begin = i; /* the last scan */
    ck_assert_uint_gt(begin, 0);
    size_t scan = end - begin, size = r.size + 600 * scan;
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        uint8_t *frame = frame_of(&r, 0xc2);
        if (sizes[s].side)
            memcpy(frame + 5, (uint8_t[]){sizes[s].side, 0, sizes[s].side, 0}, 4);
        uint8_t *many = malloc(size), *to = many + end;
        memcpy(many, r.bytes, end);
        for (int i = 0; i < 600; i++, to += scan)
            memcpy(to, r.bytes + begin, scan);
        memcpy(to, "\xff\xd9", 2);
        ck_assert_int_eq(picture_decode(&raster, RASTER_RGB, many, size, &err), -EFBIG);
        ck_assert_msg(strstr(err.text, sizes[s].said), "%s", err.text);
        free(many);
    }
}
END_TEST

/* ---- other kinds */

START_TEST(decode__other_kinds__refused_by_name)
{
    static const struct {
        const char *bytes, *said;
        size_t size;
        int code;
    } cases[] = {{"", "empty", 0, -EBADMSG},
                 {"GIF89a..", "a GIF picture", 8, -ENOTSUP},
                 {"BM......", "a BMP picture", 8, -ENOTSUP},
                 {"II*\0....", "a TIFF picture", 8, -ENOTSUP},
                 {"RIFF....WEBP", "a WebP picture", 12, -ENOTSUP},
                 {"P6 1 1 255 ...", "a PPM picture", 14, -ENOTSUP},
                 {"<html>", "begins 0x3c68746d", 6, -EBADMSG},
                 {"\x89", "begins 0x89000000", 1, -EBADMSG}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        /* From memory of its own, so that a sanitizer sees a byte too far. */
        uint8_t *bytes = malloc(cases[i].size + !cases[i].size);
        memcpy(bytes, cases[i].bytes, cases[i].size);
        int rc = picture_decode(&raster, RASTER_RGB, bytes, cases[i].size, &err);
        free(bytes);
        ck_assert_int_eq(rc, cases[i].code);
        ck_assert_msg(strstr(err.text, cases[i].said) != NULL, "%s", err.text);
    }
}
END_TEST

START_TEST(is_named__endings__those_of_image_folder)
{
    ck_assert(picture_is_named("a/b.png") && picture_is_named("B.JPEG") &&
              picture_is_named("x.Tif"));
    ck_assert(!picture_is_named("png") && !picture_is_named("Thumbs.db") &&
              !picture_is_named("x.png.txt"));
}
END_TEST

/* ---- conversions */

/* Weights are rounded as Pillow rounds them: the three corners where the sum of the parts is not.
 */
START_TEST(convert__gray_and_back__as_pillow)
{
    const uint8_t rgb[] = {255, 0, 0, 0, 255, 0, 0, 0, 255, 254, 254, 254};
    uint8_t gray[4], back[12];
    raster_convert(gray, 1, rgb, 3, 4);
    ck_assert_uint_eq(gray[0], 76);
    ck_assert_uint_eq(gray[1], 150);
    ck_assert_uint_eq(gray[2], 29);
    ck_assert_uint_eq(gray[3], 254);
    raster_convert(back, 3, gray, 1, 4);
    for (int i = 0; i < 12; i++)
        ck_assert_uint_eq(back[i], gray[i / 3]);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("import/picture");
    TCase *tc = tcase_create("decode");
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, decode__golden__pixels_of_pillow);
    tcase_add_test(tc, decode__as_stored__channels_that_there_are);
    tcase_add_test(tc, decode__claims_of_png__refused_before_memory);
    tcase_add_test(tc, decode__claims_of_jpeg__refused_before_memory);
    tcase_add_test(tc, decode__scans_without_end__refused);
    tcase_add_test(tc, decode__other_kinds__refused_by_name);
    tcase_add_test(tc, is_named__endings__those_of_image_folder);
    tcase_add_test(tc, convert__gray_and_back__as_pillow);
    suite_add_tcase(s, tc);
    return support_run(s);
}
