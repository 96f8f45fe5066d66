/* top: the daemon's status again and again, and what happened in between. Shows differences of two
 * snapshots, never sums since the start. */
#include "ctl/verbs.h"

#include "base/clock.h"
#include "ctl/verdict.h"

#include <curses.h>
#include <jansson.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PERIOD_MS 1000

struct snapshot {
    json_t *status; /* owned */
    uint64_t at_ns;
};

static double real(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

static const char *text(const json_t *object, const char *key)
{
    const char *t = json_string_value(json_object_get(object, key));
    return t ? t : "?";
}

static int take_snapshot(struct fmnist_client *client, struct snapshot *s)
{
    char *json;
    if (fmnist_status(client, &json))
        return ctl_error("%s", fmnist_error());
    s->at_ns = clock_ns();
    json_error_t e;
    s->status = json_loads(json, 0, &e);
    free(json);
    return s->status ? 0 : ctl_error("the daemon's status is no JSON: %s", e.text);
}

/* The stream that the client of that number had; NULL: it had none. */
static const json_t *stream_before(const struct snapshot *before, json_int_t id)
{
    size_t i;
    json_t *client;
    json_array_foreach(json_object_get(before->status, "clients"), i, client)
    {
        if (json_integer_value(json_object_get(client, "id")) == id)
            return json_object_get(client, "stream");
    }
    return NULL;
}

/* ---- lines: to the screen or to standard output -------------------------------------------- */

struct page {
    bool screen;
    int row;
};

static void line(struct page *p, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void line(struct page *p, const char *format, ...)
{
    char out[512];
    va_list args;
    va_start(args, format);
    vsnprintf(out, sizeof out, format, args);
    va_end(args);
    if (p->screen && p->row < LINES)
        mvaddnstr(p->row++, 0, out, COLS);
    else if (!p->screen)
        puts(out);
}

static void print_stream(struct page *p, const json_t *client, const json_t *now, const json_t *old,
                         double seconds, double busy)
{
    /* A stream that was opened in between counts from its opening. */
    double since = old ? seconds : real(now, "seconds");
    double batches = real(now, "batches_taken") - real(old, "batches_taken");
    double render = real(now, "render_seconds") - real(old, "render_seconds");
    struct flow f = {
        .seconds = since,
        .waited = real(now, "waited_seconds") - real(old, "waited_seconds"),
        .busy = busy,
        .batches = batches,
    };
    double per_batch = real(now, "steps") > 0 ? real(now, "epoch_samples") / real(now, "steps") : 0;
    double over = since > 0 ? since : 1;
    line(p, "%-5.0f %-7.0f %-20.20s %11.0f %8.1f %5.0f/%-5.0f %10.1f", real(client, "id"),
         real(client, "pid"), text(now, "dataset"), batches * per_batch / over,
         100 * f.waited / over, real(now, "batches_ready"), real(now, "slots"),
         1000 * render / over);
    char words[256];
    verdict_text(&f, words, sizeof words);
    line(p, "      %s", words);
}

static double render_seconds(const json_t *status)
{
    double sum = 0;
    size_t i;
    json_t *client;
    json_array_foreach(json_object_get(status, "clients"), i, client) sum +=
        real(json_object_get(client, "stream"), "render_seconds");
    return sum;
}

static void print_page(struct page *p, const struct snapshot *old, const struct snapshot *now)
{
    double seconds = (double)(now->at_ns - old->at_ns) / 1e9;
    double workers = real(now->status, "workers");
    double cpu = real(now->status, "cpu_seconds") - real(old->status, "cpu_seconds");
    double busy = (render_seconds(now->status) - render_seconds(old->status)) / (seconds * workers);
    busy = busy < 0 ? 0 : busy > 1 ? 1 : busy; /* a stream that ended takes its sum along */
    line(p, "fmnistd %s, process %.0f: CPU %.1f %%, %.0f workers %.1f %% busy",
         text(now->status, "version"), real(now->status, "pid"), 100 * cpu / seconds, workers,
         100 * busy);
    line(p, "%-5s %-7s %-20s %11s %8s %11s %10s", "id", "pid", "dataset", "images/s", "waits %",
         "ready/slots", "render ms/s");
    size_t i;
    json_t *client;
    json_array_foreach(json_object_get(now->status, "clients"), i, client)
    {
        const json_t *s = json_object_get(client, "stream");
        if (s)
            print_stream(p, client, s,
                         stream_before(old, json_integer_value(json_object_get(client, "id"))),
                         seconds, busy);
    }
}

/* ---- the loop ------------------------------------------------------------------------------ */

/* Waits for the next look; on a screen a key 'q' ends. Returns whether to go on. */
static bool wait_period(bool screen)
{
    if (!screen) {
        poll(NULL, 0, PERIOD_MS);
        return true;
    }
    timeout(PERIOD_MS);
    int key = getch();
    return key != 'q' && key != 'Q';
}

static int watch(const struct invocation *in, struct fmnist_client *client, bool screen)
{
    struct snapshot old = {0}, now;
    int rc = take_snapshot(client, &old);
    for (uint64_t n = 0; !rc && (!in->batches || n < in->batches) && wait_period(screen); n++) {
        rc = take_snapshot(client, &now);
        if (rc)
            break;
        struct page p = {.screen = screen};
        if (screen)
            erase();
        print_page(&p, &old, &now);
        if (screen)
            refresh();
        else
            fflush(stdout);
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
    bool screen = !in->batches && isatty(STDOUT_FILENO) && isatty(STDIN_FILENO);
    if (screen) {
        initscr();
        cbreak();
        noecho();
        curs_set(0);
    }
    int rc = watch(in, client, screen);
    if (screen)
        endwin();
    fmnist_disconnect(client);
    return rc;
}
