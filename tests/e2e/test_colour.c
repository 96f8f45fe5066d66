/* SPDX-License-Identifier: MIT */
/* Pictures of three channels on a terminal, by what it says that it can. */
#include "e2e/harness.h"
#include "e2e/program.h"
#include "e2e/sets.h"
#include "e2e/terminal.h"

static struct set set;
static struct daemon d;

static void setup(void)
{
    support_setup();
    set_fill(&set);
    set_write(&set);
    set_serve(&d);
}

static void teardown(void)
{
    daemon_stop(&d);
    support_teardown();
}

/* In place of what main has set, without memory of its own. */
static void say(const char *colorterm, const char *no_color)
{
    static char texts[2][64];
    snprintf(texts[0], sizeof texts[0], "COLORTERM=%s", colorterm);
    snprintf(texts[1], sizeof texts[1], "NO_COLOR=%s", no_color);
    putenv(texts[0]);
    putenv(texts[1]);
}

/* What explain draws of train's first image. */
static void draw(const char *kind, const char *colorterm, const char *no_color)
{
    char words[1024];
    struct terminal t;
    say(colorterm, no_color);
    snprintf(words, sizeof words, "--socket %s explain --dataset noise", d.socket);
    terminal_start(&t, kind, words);
    terminal_end(&t, &said);
    ck_assert_msg(said.status == 0, "%s", said.text);
}

/* The characters of a line are all of its pixels, row over row. */
START_TEST(explain__true_colours__every_pixel)
{
    draw("xterm", "truecolor", "");
    const char *at = said.text;
    for (int y = 0; y + 1 < SET_H; y += 2)
        for (int x = 0; x < SET_W; x++) {
            const uint8_t *upper = set.train[0] + (y * SET_W + x) * 3, *lower = upper + SET_W * 3;
            char cell[64];
            snprintf(cell, sizeof cell, "\033[48;2;%u;%u;%um\033[38;2;%u;%u;%um\xe2\x96\x84",
                     upper[0], upper[1], upper[2], lower[0], lower[1], lower[2]);
            at = strstr(at, cell);
            ck_assert_msg(at, "row %d, column %d: %s", y, x, said.text);
            at += strlen(cell);
        }
}
END_TEST

START_TEST(explain__what_the_terminal_says__that_many_colours)
{
    draw("xterm-256color", "", "");
    check_said(0, "\033[48;5;");
    ck_assert(!strstr(said.text, ";2;"));
    static const char *const none[][3] = {
        {"xterm", "", ""}, {"dumb", "truecolor", ""}, {"xterm-256color", "24bit", "1"}};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        draw(none[i][0], none[i][1], none[i][2]);
        ck_assert_msg(!strchr(said.text, '\033'), "%zu: %s", i, said.text);
    }
    say("truecolor", "");
    run_ctl(&said, "--socket %s explain --dataset noise", d.socket); /* no terminal */
    ck_assert(!strchr(said.text, '\033'));
    check_said(0, "image 0: red\n");
}
END_TEST

int main(void)
{
    setenv("LC_ALL", "C.UTF-8", 1);
    setenv("COLORTERM", "", 1);
    setenv("NO_COLOR", "", 1);
    Suite *s = suite_create("e2e/colour");
    TCase *tc = tcase_create("colour");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, explain__true_colours__every_pixel);
    tcase_add_test(tc, explain__what_the_terminal_says__that_many_colours);
    suite_add_tcase(s, tc);
    return support_run(s);
}
