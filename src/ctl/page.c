/* SPDX-License-Identifier: MIT */
/* A page of top, and its lines. */
#include "ctl/page.h"

#include "ctl/bottleneck.h"

#include <stdio.h>
#include <string.h>

static double real(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

static const char *text(const json_t *object, const char *key)
{
    const char *t = json_string_value(json_object_get(object, key));
    return t ? t : "?";
}

static double difference(const json_t *now, const json_t *old, const char *key)
{
    return real(now, key) - real(old, key);
}

/* That stream as it was before; NULL: it is another one, or there was none. */
static const json_t *stream_before(const json_t *status, const json_t *client)
{
    const json_t *now = json_object_get(client, "stream");
    size_t i;
    json_t *other;
    json_array_foreach (json_object_get(status, "clients"), i, other) {
        const json_t *old = json_object_get(other, "stream");
        if (json_equal(json_object_get(other, "id"), json_object_get(client, "id")) &&
            json_is_object(old) && real(old, "seconds") <= real(now, "seconds") &&
            real(old, "batches_taken") <= real(now, "batches_taken"))
            return old;
    }
    return NULL;
}

/* A text, or null. */
static json_t *copy(const json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);
    return value ? json_incref(value) : json_null();
}

/* What the workers were busy, and how much of that they had no CPU. */
struct work {
    double workers, busy, stalled;
};

static struct flow flow_of(const json_t *now, const json_t *old, const struct work *w)
{
    double slots = real(now, "slots");
    return (struct flow){
        .seconds = difference(now, old, "seconds"),
        .waited = difference(now, old, "waited_seconds"),
        .busy = w->busy,
        .stalled = w->stalled,
        .batches = difference(now, old, "batches_taken"),
        .ready = slots > 0 ? real(now, "batches_ready") / slots : -1,
    };
}

static json_t *describe_stream(const json_t *client, const json_t *old, const struct work *w)
{
    const json_t *now = json_object_get(client, "stream");
    struct flow f = flow_of(now, old, w);
    double over = f.seconds > 0 ? f.seconds : 1;
    double per_batch = real(now, "steps") > 0 ? real(now, "epoch_samples") / real(now, "steps") : 0;
    double rendered = difference(now, old, "render_seconds");
    char words[256];
    bottleneck_text(&f, words, sizeof words);
    return json_pack(
        "{s:O, s:O, s:o, s:o, s:s, s:s, s:f, s:I, s:f, s:f, s:f, s:f, s:f, s:O, s:O, s:s, s:s}",
        "id", json_object_get(client, "id"), "pid", json_object_get(client, "pid"), "program",
        copy(client, "program"), "command", copy(client, "command"), "dataset",
        text(now, "dataset"), "split", text(now, "split"), "seconds", f.seconds, "batches",
        (json_int_t)f.batches, "images_per_second", f.batches * per_batch / over, "waited_seconds",
        f.waited, "waited_share", flow_waited(&f), "render_seconds", rendered, "workers_share",
        w->workers > 0 ? rendered / over / w->workers : 0, "batches_ready",
        json_object_get(now, "batches_ready"), "slots", json_object_get(now, "slots"), "bottleneck",
        words, "bottleneck_side", bottleneck_word(bottleneck_side(&f)));
}

json_t *page_make(const json_t *before, const json_t *now)
{
    const json_t *old = before;
    if (!json_equal(json_object_get(old, "pid"), json_object_get(now, "pid")))
        old = NULL; /* since its start, then */
    double seconds = difference(now, old, "uptime_seconds");
    double cpu = difference(now, old, "cpu_seconds");
    double busy_seconds = difference(now, old, "workers_busy_seconds");
    struct work w = {.workers = real(now, "workers")};
    if (old && real(old, "workers") > w.workers)
        w.workers = real(old, "workers"); /* a reload left fewer, meanwhile */
    if (seconds > 0 && w.workers > 0)
        w.busy = busy_seconds / (seconds * w.workers);
    if (busy_seconds > cpu && json_object_get(now, "cpu_seconds"))
        w.stalled = 1 - cpu / busy_seconds;

    json_t *streams = json_array();
    size_t i;
    json_t *client;
    json_array_foreach (json_object_get(now, "clients"), i, client) {
        if (json_is_object(json_object_get(client, "stream")))
            json_array_append_new(streams, describe_stream(client, stream_before(old, client), &w));
    }
    return json_pack("{s:f, s:s, s:O, s:f, s:O, s:f, s:o}", "seconds", seconds, "version",
                     text(now, "version"), "pid", json_object_get(now, "pid"), "cpu_seconds", cpu,
                     "workers", json_object_get(now, "workers"), "workers_busy", w.busy, "streams",
                     streams);
}

/* ---- as text ------------------------------------------------------------------------------- */

#define WIDTH  79
#define INDENT 6

/* The sentence, indented and broken between words. */
static void sentence_lines(const char *words, void (*line)(void *to, const char *text), void *to)
{
    char out[WIDTH + 1];
    while (*words) {
        size_t n = strlen(words), fit = WIDTH - INDENT;
        if (n > fit)
            for (n = fit; n && words[n] != ' ';)
                n--;
        n = n ? n : fit;
        snprintf(out, sizeof out, "%*s%.*s", INDENT, "", (int)n, words);
        line(to, out);
        words += n;
        words += strspn(words, " ");
    }
}

static void stream_lines(const json_t *s, void (*line)(void *to, const char *text), void *to)
{
    char out[512], set[64], ready[32];
    snprintf(set, sizeof set, "%s/%s", text(s, "dataset"), text(s, "split"));
    snprintf(ready, sizeof ready, "%.0f of %.0f", real(s, "batches_ready"), real(s, "slots"));
    snprintf(out, sizeof out, "%-5.0f %-7.0f %-12.12s %-19.19s %8.0f %5.1f %% %12s", real(s, "id"),
             real(s, "pid"), text(s, "program"), set, real(s, "images_per_second"),
             100 * real(s, "waited_share"), ready);
    line(to, out);
    sentence_lines(text(s, "bottleneck"), line, to);
}

void page_lines(const json_t *page, void (*line)(void *to, const char *text), void *to)
{
    char out[512];
    double seconds = real(page, "seconds");
    snprintf(out, sizeof out, "fmnistd %s, process %.0f: %.0f workers %.1f %% busy, CPU %.1f %%",
             text(page, "version"), real(page, "pid"), real(page, "workers"),
             100 * real(page, "workers_busy"),
             100 * real(page, "cpu_seconds") / (seconds > 0 ? seconds : 1));
    line(to, out);
    snprintf(out, sizeof out, "%-5s %-7s %-12s %-19s %8s %7s %12s", "id", "process", "program",
             "dataset", "images/s", "waiting", "ready");
    line(to, out);
    size_t i;
    json_t *s;
    json_array_foreach (json_object_get(page, "streams"), i, s)
        stream_lines(s, line, to);
}
