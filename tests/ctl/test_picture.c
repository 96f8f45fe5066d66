/* SPDX-License-Identifier: MIT */
/* Images as characters, and beside one another. */
#include "ctl/picture.h"

#include "support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char lines[32][8192];
static uint32_t line_count;

static void keep(void *to, const char *line)
{
    ck_assert_uint_lt(line_count, 32);
    strcpy(lines[line_count++], line);
}

/* Grey, owned by the caller. */
static struct picture picture_of(uint32_t height, uint32_t width, const uint8_t *levels)
{
    uint8_t *rgb = malloc((size_t)height * width * 3);
    for (uint32_t i = 0; i < height * width; i++)
        memset(rgb + (size_t)i * 3, levels[i], 3);
    return (struct picture){rgb, height, width};
}

static void print(const struct picture *pictures, uint32_t count, uint32_t columns)
{
    line_count = 0;
    picture_lines(pictures, count, columns, (struct picture_style){.colours = PICTURE_GREY}, keep,
                  NULL);
}

/* Two rows a character; the third stands alone. */
START_TEST(picture_lines__levels__from_blank_to_at)
{
    static const uint8_t levels[] = {0, 255, 128, 0, 0, 255, 0, 0, 255, 0, 0, 0};
    struct picture p = picture_of(3, 4, levels);
    print(&p, 1, 80);
    ck_assert_uint_eq(line_count, 2);
    ck_assert_str_eq(lines[0], " @:");
    ck_assert_str_eq(lines[1], "@");
    free((void *)p.rgb);
}
END_TEST

START_TEST(picture_lines__two_of_other_heights__side_by_side)
{
    static const uint8_t levels[16] = {255, 255, 255, 255, 255, 255, 255, 255,
                                       255, 255, 255, 255, 255, 255, 255, 255};
    struct picture p[2] = {picture_of(2, 3, levels), picture_of(4, 2, levels)};
    print(p, 2, 80);
    ck_assert_uint_eq(line_count, 2);
    ck_assert_str_eq(lines[0], "@@@  @@");
    ck_assert_str_eq(lines[1], "     @@");
    free((void *)p[0].rgb);
    free((void *)p[1].rgb);
}
END_TEST

/* A line that is wider than the terminal is folded and no picture any more. */
START_TEST(picture_lines__wider_than_the_columns__every_nth_pixel)
{
    static uint8_t levels[200 * 20];
    for (uint32_t i = 0; i < 200; i += 4)
        levels[i] = levels[200 * 4 + i] = 255; /* rows 0 and 4 */
    struct picture p = picture_of(20, 200, levels);
    print(&p, 1, 50);
    ck_assert_uint_eq(line_count, 3);
    ck_assert_uint_eq(strlen(lines[0]), 50);
    ck_assert_uint_eq(strspn(lines[0], "@"), 50);
    ck_assert_str_eq(lines[1], "");
    for (uint32_t columns = 1; columns <= PICTURE_COLUMNS_MAX; columns++) {
        print((struct picture[]){p, p}, 2, columns < 4 ? 4 : columns);
        for (uint32_t i = 0; i < line_count; i++)
            ck_assert_uint_le(strlen(lines[i]), columns < 4 ? 4 : columns);
    }
    free((void *)p.rgb);
}
END_TEST

static void print_colour(const struct picture *p, uint32_t count, enum picture_colours colours,
                         bool blocks)
{
    line_count = 0;
    picture_lines(p, count, 80, (struct picture_style){colours, blocks}, keep, NULL);
}

#define LOWER "\xe2\x96\x84"
#define UPPER "\xe2\x96\x80"
#define OFF   "\033[0m"

/* Two rows a character: as two halves, or as their mean; the third row is a half, or whole. */
START_TEST(picture_lines__colours__both_pixels_of_a_character)
{
    static const uint8_t rgb[] = {255, 0, 0, /* */ 0, 0, 255, /* */ 9, 8, 7};
    const struct picture p = {rgb, 3, 1};
    print_colour(&p, 1, PICTURE_TRUE, true);
    ck_assert_uint_eq(line_count, 2);
    ck_assert_str_eq(lines[0], "\033[48;2;255;0;0m\033[38;2;0;0;255m" LOWER OFF);
    ck_assert_str_eq(lines[1], "\033[49m\033[38;2;9;8;7m" UPPER OFF);
    print_colour(&p, 1, PICTURE_TRUE, false);
    ck_assert_str_eq(lines[0], "\033[48;2;128;0;128m " OFF);
    ck_assert_str_eq(lines[1], "\033[48;2;9;8;7m " OFF);
}
END_TEST

/* Each of xterm's own colours is its own nearest, of the cube and of the greys. */
START_TEST(picture_lines__256_colours__the_nearest_number)
{
    static const uint8_t cube[] = {0, 95, 135, 175, 215, 255};
    char want[64];
    for (unsigned i = 16; i < 256; i++) {
        uint8_t rgb[3] = {cube[(i - 16) / 36 % 6], cube[(i - 16) / 6 % 6], cube[(i - 16) % 6]};
        if (i >= 232)
            memset(rgb, (int)(8 + 10 * (i - 232)), 3);
        for (int off = -1; off <= 1; off++) {
            uint8_t near[3];
            for (int c = 0; c < 3; c++)
                near[c] = (uint8_t)(rgb[c] + (rgb[c] < 3 || rgb[c] > 252 ? 0 : off));
            const struct picture p = {near, 1, 1};
            print_colour(&p, 1, PICTURE_256, false);
            snprintf(want, sizeof want, "\033[48;5;%um " OFF, i);
            ck_assert_str_eq(lines[0], want);
        }
    }
}
END_TEST

/* Pictures of other heights keep their columns; nothing is behind the last one. */
START_TEST(picture_lines__two_in_colour__side_by_side)
{
    static const uint8_t rgb[4 * 3] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    const struct picture low_high[2] = {{rgb, 2, 1}, {rgb, 4, 1}};
    const struct picture high_low[2] = {{rgb, 4, 1}, {rgb, 2, 1}};
    static const char one[] = "\033[48;2;1;1;1m " OFF;
    char both[128], second[128];
    snprintf(both, sizeof both, "%s  %s", one, one);
    snprintf(second, sizeof second, "   %s", one);
    print_colour(low_high, 2, PICTURE_TRUE, false);
    ck_assert_str_eq(lines[0], both);
    ck_assert_str_eq(lines[1], second);
    print_colour(high_low, 2, PICTURE_TRUE, false);
    ck_assert_str_eq(lines[0], both);
    ck_assert_str_eq(lines[1], one);
}
END_TEST

START_TEST(picture_pair__other_sizes__each_in_its_place)
{
    static const uint8_t left[] = {1, 2}, right[] = {3, 4, 5};
    struct picture p[2] = {picture_of(1, 2, left), picture_of(3, 1, right)};
    uint8_t rgb[3 * 5 * 3];
    static const uint8_t want[3][5] = {{1, 2, 9, 9, 3}, {9, 9, 9, 9, 4}, {9, 9, 9, 9, 5}};
    ck_assert_uint_eq(pair_height(p), 3);
    ck_assert_uint_eq(pair_width(p), 5);
    picture_pair(p, 9, rgb);
    for (int i = 0; i < 15; i++)
        for (int c = 0; c < 3; c++)
            ck_assert_uint_eq(rgb[i * 3 + c], want[i / 5][i % 5]);
    free((void *)p[0].rgb);
    free((void *)p[1].rgb);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ctl/picture");
    TCase *tc = tcase_create("picture");
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_add_test(tc, picture_lines__levels__from_blank_to_at);
    tcase_add_test(tc, picture_lines__two_of_other_heights__side_by_side);
    tcase_add_test(tc, picture_lines__wider_than_the_columns__every_nth_pixel);
    tcase_add_test(tc, picture_lines__colours__both_pixels_of_a_character);
    tcase_add_test(tc, picture_lines__256_colours__the_nearest_number);
    tcase_add_test(tc, picture_lines__two_in_colour__side_by_side);
    tcase_add_test(tc, picture_pair__other_sizes__each_in_its_place);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
