/* Images as characters, and beside one another. */
#include "ctl/picture.h"

#include "support/support.h"

#include <stdlib.h>
#include <string.h>

static char lines[32][PICTURE_COLUMNS_MAX + 1];
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
    picture_lines(pictures, count, columns, keep, NULL);
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
    tcase_add_test(tc, picture_pair__other_sizes__each_in_its_place);
    suite_add_tcase(suite, tc);
    return support_run(suite);
}
