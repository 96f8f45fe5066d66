/* top: the daemon's status again and again, and what happened in between. */
#include "ctl/page.h"
#include "ctl/progress.h"
#include "ctl/verbs.h"

#include "base/clock.h"
#include "base/err.h"

#include <curses.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PERIOD_MS 1000

static int take_look(struct fmnist_client *client, struct look *l, struct err *e)
{
    char *json;
    int rc = fmnist_status(client, &json);
    if (rc)
        return err_set(e, rc, "top: %s", fmnist_error());
    l->at_ns = clock_ns();
    json_error_t bad;
    l->status = json_loads(json, 0, &bad);
    free(json);
    return l->status ? 0 : err_set(e, -EPROTO, "top: the status is no JSON: %s", bad.text);
}

/* ---- the screen ---------------------------------------------------------------------------- */

static sigset_t ends; /* signals that end the program */

/* They come only while it waits, never while curses draws. Ctrl-C is a way to end, and a good one.
 */
static void leave(int number)
{
    endwin();
    if (number == SIGINT)
        _exit(EXIT_FINE);
    signal(number, SIG_DFL);
    raise(number);
}

/* Returns whether the terminal is one that can be drawn on. */
static bool open_screen(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    if (!newterm(NULL, stdout, stdin))
        return false;
    sigemptyset(&ends);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        sigaddset(&ends, numbers[i]);
        signal(numbers[i], leave);
    }
    cbreak();
    noecho();
    curs_set(0);
    timeout(PERIOD_MS);
    return true;
}

static void draw_line(void *row, const char *line)
{
    int *at = row;
    if (*at < LINES)
        mvaddnstr((*at)++, 0, line, COLS);
}

static void draw(const json_t *page)
{
    int row = 0;
    sigprocmask(SIG_BLOCK, &ends, NULL);
    erase();
    page_lines(page, draw_line, &row);
    refresh();
    sigprocmask(SIG_UNBLOCK, &ends, NULL);
}

/* ---- the loop ------------------------------------------------------------------------------ */

static void print_line(void *to, const char *line)
{
    fprintf(to, "%s\n", line);
}

/* Returns whether to go on: not where nobody reads standard output, which main() tells. */
static bool show(const struct invocation *in, const json_t *page, bool screen)
{
    if (screen) {
        draw(page);
        return true;
    }
    if (in->json) {
        json_dumpf(page, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
        putchar('\n');
    } else {
        page_lines(page, print_line, stdout);
    }
    return !fflush(stdout) && !ferror(stdout);
}

/* Waits for the next look. Returns whether to go on. */
static bool wait_period(bool screen)
{
    if (!screen) {
        poll(NULL, 0, PERIOD_MS);
        return true;
    }
    int key = getch();
    return key != 'q' && key != 'Q';
}

static int watch(const struct invocation *in, struct fmnist_client *client, bool screen,
                 struct err *e)
{
    struct look old = {0}, now;
    int rc = take_look(client, &old, e);
    bool more = !rc;
    for (uint64_t n = 0; more && (!in->pages || n < in->pages) && wait_period(screen); n++) {
        rc = take_look(client, &now, e);
        if (rc)
            break;
        json_t *page = page_make(&old, &now);
        more = show(in, page, screen);
        json_decref(page);
        json_decref(old.status);
        old = now;
    }
    json_decref(old.status);
    return rc;
}

int verb_top(const struct invocation *in)
{
    struct fmnist_client *client = ctl_connect(in);
    if (!client)
        return EXIT_FAILED;
    bool screen = !in->pages && !in->json && terminal_can(STDOUT_FILENO) && isatty(STDIN_FILENO) &&
                  open_screen();
    struct err e;
    int rc = watch(in, client, screen, &e);
    if (screen)
        endwin();
    fmnist_disconnect(client);
    return rc ? ctl_failed(rc, "%s", e.text) : EXIT_FINE;
}
