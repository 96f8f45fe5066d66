/* SPDX-License-Identifier: MIT */
/* top: the daemon's status again and again, and what happened in between. */
#include "ctl/json.h"
#include "ctl/page.h"
#include "ctl/process.h"
#include "ctl/progress.h"
#include "ctl/verbs.h"

#include "base/err.h"

#include <curses.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PERIOD_MS 1000

/* Returns NULL with *rc and text. */
static json_t *take_look(struct fmnist_client *client, int *rc, struct err *e)
{
    char *json;
    *rc = fmnist_status(client, &json);
    if (*rc) {
        err_set(e, *rc, "%s", fmnist_error());
        return NULL;
    }
    json_error_t bad;
    json_t *status = json_loads(json, 0, &bad);
    free(json);
    if (status)
        processes_name(status);
    else
        *rc = err_set(e, FMNIST_EPROTO, "the status is no JSON: %s", bad.text);
    return status;
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
static bool show(const struct invocation *in, json_t *page, bool screen)
{
    if (screen) {
        draw(page);
        return true;
    }
    if (in->json)
        ctl_print_json(stdout, json_incref(page));
    else
        page_lines(page, print_line, stdout);
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

/* What is left of it in the end. */
struct seen {
    json_t *page; /* the last one; owned */
    json_int_t pid;
};

static int watch(const struct invocation *in, struct fmnist_client *client, bool screen,
                 struct seen *seen, struct err *e)
{
    int rc;
    bool more = true;
    json_t *old = take_look(client, &rc, e);
    for (uint64_t n = 0; old && more && (!in->pages || n < in->pages) && wait_period(screen); n++) {
        seen->pid = json_integer_value(json_object_get(old, "pid"));
        json_t *now = take_look(client, &rc, e);
        if (now) {
            json_decref(seen->page);
            seen->page = page_make(old, now);
            more = show(in, seen->page, screen);
        }
        json_decref(old);
        old = now;
    }
    json_decref(old);
    return rc;
}

/* The daemon's end is the end of what was watched. */
static int tell(const struct seen *seen, int rc, const char *why)
{
    if (seen->pid && (rc == FMNIST_EDEAD || rc == FMNIST_ECONNECT))
        return ctl_failed(FMNIST_EDEAD,
                          "top: the daemon, process %lld, has ended; its log says why. Now: %s",
                          (long long)seen->pid, why);
    return ctl_failed(rc, "top: %s", why);
}

int verb_top(const struct invocation *in)
{
    struct fmnist_client *client = ctl_connect(in);
    if (!client)
        return EXIT_FAILED;
    bool screen = !in->pages && !in->json && terminal_can(STDOUT_FILENO) && isatty(STDIN_FILENO) &&
                  open_screen();
    struct seen seen = {.page = NULL};
    struct err e;
    int rc = watch(in, client, screen, &seen, &e);
    if (screen)
        endwin();
    if (screen && rc && seen.page)
        page_lines(seen.page, print_line, stdout); /* it went with the screen */
    json_decref(seen.page);
    fmnist_disconnect(client);
    return rc ? tell(&seen, rc, e.text) : EXIT_FINE;
}
