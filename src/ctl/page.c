/* A page of top, and its lines. */
#include "ctl/page.h"

#include "ctl/bottleneck.h"

#include <stdio.h>

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

static json_t *describe_stream(const json_t *client, const json_t *old, double seconds, double busy)
{
    const json_t *now = json_object_get(client, "stream");
    struct flow f = {
        .seconds = old ? seconds : real(now, "seconds"),
        .waited = difference(now, old, "waited_seconds"),
        .busy = busy,
        .batches = difference(now, old, "batches_taken"),
    };
    double per_batch = real(now, "steps") > 0 ? real(now, "epoch_samples") / real(now, "steps") : 0;
    char words[256];
    bottleneck_text(&f, words, sizeof words);
    return json_pack("{s:O, s:O, s:s, s:s, s:f, s:I, s:f, s:f, s:f, s:O, s:O, s:s, s:s}", "id",
                     json_object_get(client, "id"), "pid", json_object_get(client, "pid"),
                     "dataset", text(now, "dataset"), "split", text(now, "split"), "seconds",
                     f.seconds, "batches", (json_int_t)f.batches, "images_per_second",
                     f.batches * per_batch / (f.seconds > 0 ? f.seconds : 1), "waited_seconds",
                     f.waited, "render_seconds", difference(now, old, "render_seconds"),
                     "batches_ready", json_object_get(now, "batches_ready"), "slots",
                     json_object_get(now, "slots"), "bottleneck", words, "bottleneck_side",
                     bottleneck_word(bottleneck_side(&f)));
}

static double render_seconds(const json_t *status)
{
    double sum = 0;
    size_t i;
    json_t *client;
    json_array_foreach (json_object_get(status, "clients"), i, client)
        sum += real(json_object_get(client, "stream"), "render_seconds");
    return sum;
}

json_t *page_make(const struct look *before, const struct look *now)
{
    const json_t *old = before->status;
    double seconds = (double)(now->at_ns - before->at_ns) / 1e9;
    if (!json_equal(json_object_get(old, "pid"), json_object_get(now->status, "pid"))) {
        old = NULL;
        seconds = real(now->status, "uptime_seconds");
    }
    double of_workers = seconds * real(now->status, "workers");
    double rendered = render_seconds(now->status) - render_seconds(old);
    double busy = of_workers > 0 ? rendered / of_workers : 0;
    busy = busy < 0 ? 0 : busy > 1 ? 1 : busy; /* a stream that ended takes its sum along */

    json_t *streams = json_array();
    size_t i;
    json_t *client;
    json_array_foreach (json_object_get(now->status, "clients"), i, client) {
        if (json_is_object(json_object_get(client, "stream")))
            json_array_append_new(
                streams, describe_stream(client, stream_before(old, client), seconds, busy));
    }
    return json_pack("{s:f, s:s, s:O, s:f, s:O, s:f, s:o}", "seconds", seconds, "version",
                     text(now->status, "version"), "pid", json_object_get(now->status, "pid"),
                     "cpu_seconds", difference(now->status, old, "cpu_seconds"), "workers",
                     json_object_get(now->status, "workers"), "workers_busy", busy, "streams",
                     streams);
}

void page_lines(const json_t *page, void (*line)(void *to, const char *text), void *to)
{
    char out[512];
    double seconds = real(page, "seconds");
    snprintf(out, sizeof out, "fmnistd %s, process %.0f: CPU %.1f %%, %.0f workers %.1f %% busy",
             text(page, "version"), real(page, "pid"),
             100 * real(page, "cpu_seconds") / (seconds > 0 ? seconds : 1), real(page, "workers"),
             100 * real(page, "workers_busy"));
    line(to, out);
    snprintf(out, sizeof out, "%-5s %-7s %-20s %11s %8s %11s %10s", "id", "pid", "dataset",
             "images/s", "waits %", "ready/slots", "render ms/s");
    line(to, out);
    size_t i;
    json_t *s;
    json_array_foreach (json_object_get(page, "streams"), i, s) {
        double over = real(s, "seconds") > 0 ? real(s, "seconds") : 1;
        snprintf(out, sizeof out, "%-5.0f %-7.0f %-20.20s %11.0f %8.1f %5.0f/%-5.0f %10.1f",
                 real(s, "id"), real(s, "pid"), text(s, "dataset"), real(s, "images_per_second"),
                 100 * real(s, "waited_seconds") / over, real(s, "batches_ready"), real(s, "slots"),
                 1000 * real(s, "render_seconds") / over);
        line(to, out);
        snprintf(out, sizeof out, "      %s", text(s, "bottleneck"));
        line(to, out);
    }
}
