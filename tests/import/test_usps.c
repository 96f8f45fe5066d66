/* SPDX-License-Identifier: MIT */
/* A line of USPS: the levels that torchvision makes of it, and what is no such line. */
#include "import/usps.h"
#include "support/support.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static char line[USPS_LINE_MAX];
static uint8_t pixels[USPS_PIXELS], label;
static struct err err;

/* A line of 256 values, all of them the same text. */
static void make(const char *label_text, const char *value)
{
    int n = snprintf(line, sizeof line, "%s", label_text);
    for (int i = 1; i <= USPS_PIXELS; i++)
        n += snprintf(line + n, sizeof line - (size_t)n, " %d:%s", i, value);
}

static int parse(void)
{
    return usps_line(line, strlen(line), pixels, &label, &err);
}

/* What float32 makes of the published values; 0.007843 is 128.5 rounded off, not up. */
START_TEST(line__values__levels_of_torchvision)
{
    static const struct {
        const char *value;
        uint8_t level;
    } cases[] = {{"-1", 0},        {"1", 255},     {"0", 127},     {"-0.631", 47}, {"0.862", 237},
                 {"0.00784", 128}, {"-0.9999", 0}, {"0.999", 254}, {"1e-3", 127},  {"-0", 127},
                 {"1.000", 255},   {"-.5", 63},    {"0.5", 191}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        make("10", cases[i].value);
        ck_assert_msg(parse() == 0, "%s: %s", cases[i].value, err.text);
        ck_assert_uint_eq(label, 9);
        for (int p = 0; p < USPS_PIXELS; p++)
            ck_assert_msg(pixels[p] == cases[i].level, "%s: %u", cases[i].value, pixels[p]);
    }
}
END_TEST

/* As the published file has it: a blank behind the last value, and other line ends. */
START_TEST(line__blanks_at_the_end__fine)
{
    make("1", "0");
    strcat(line, " \r");
    ck_assert_int_eq(parse(), 0);
    ck_assert_uint_eq(label, 0);
}
END_TEST

static void check_refused(const char *said)
{
    err.text[0] = 0;
    ck_assert_int_eq(parse(), -EINVAL);
    ck_assert_msg(strstr(err.text, said) != NULL, "%s, want %s", err.text, said);
}

START_TEST(line__labels_that_are_none__refused)
{
    static const char *const labels[] = {"0", "11", "-1", "1.5", "", "x", "1:2", "1000"};
    for (size_t i = 0; i < sizeof labels / sizeof *labels; i++) {
        make(labels[i], "0");
        check_refused("label of USPS");
    }
}
END_TEST

START_TEST(line__values_that_are_none__refused)
{
    static const char *const values[] = {"1.001", "-1.5", "nan", "inf", "",
                                         "0x1",   "1e",   "0,5", "--1", "1e99"};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        make("1", values[i]);
        check_refused("no value in -1 to 1");
    }
}
END_TEST

START_TEST(line__other_counts__refused)
{
    strcpy(line, "3 1:0 2:0");
    check_refused("ends after 2 values");
    strcpy(line, "3 1:0 3:0");
    check_refused("feature 3 where 2 is due");
    strcpy(line, "3 1:0 2");
    check_refused("no feature:value");
    make("3", "0");
    strcat(line, " 257:0");
    check_refused("more than 256");
}
END_TEST

START_TEST(begins__text__told_from_others)
{
    static const struct {
        const char *text;
        bool is;
    } cases[] = {{"7 1:-1 2:-0.5 ", true}, {"10  1:1\t2:0 3:0", true}, {"7,1,2,3", false},
                 {"7 2:0 3:0 ", false},    {"label,1x1", false},       {"", false},
                 {"12 1:0 2:0 ", false},   {"7 1:0 2:", false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ck_assert_msg(usps_begins((const uint8_t *)cases[i].text, strlen(cases[i].text)) ==
                          cases[i].is,
                      "%s", cases[i].text);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("import/usps");
    TCase *tc = tcase_create("line");
    tcase_add_checked_fixture(tc, support_setup, support_teardown);
    tcase_add_test(tc, line__values__levels_of_torchvision);
    tcase_add_test(tc, line__blanks_at_the_end__fine);
    tcase_add_test(tc, line__labels_that_are_none__refused);
    tcase_add_test(tc, line__values_that_are_none__refused);
    tcase_add_test(tc, line__other_counts__refused);
    tcase_add_test(tc, begins__text__told_from_others);
    suite_add_tcase(s, tc);
    return support_run(s);
}
