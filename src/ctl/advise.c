/* SPDX-License-Identifier: MIT */
/* bench --advise: a daemon of its own serves a trainer of a known step time with one worker, with
 * two and so on. The daemon that runs, if one does, is asked for the path of its config, and is
 * left alone. Decides nothing: advice.h does.
 */
#include "ctl/advise.h"

#include "base/clock.h"
#include "ctl/config_text.h"
#include "ctl/own_daemon.h"
#include "ctl/progress.h"
#include "ctl/reading.h"
#include "ctl/starved.h"

#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Until it serves: datasets may have to be unpacked anew. */
#define START_NS    (60 * UINT64_C(1000000000))
#define WARM_SHARE  0.3                  /* of all the time, at the most */
#define SETTLE      0.1                  /* of a slice, before it counts */
#define BATCHES_MIN 8                    /* of a slice, that a time may be taken of it */
#define PATIENCE_NS UINT64_C(2000000000) /* longer than planned, on a machine that is busy */

struct advise {
    const struct invocation *in;
    struct invocation own; /* what is asked of the daemon of its own */
    char program[512];
    char *printed; /* the config; owned */
    struct own_daemon daemon;
    struct fmnist_client *control;
    unsigned counts[ADVICE_TRIED_MAX];
    unsigned workers; /* in force; 0: auto */
    uint64_t slice_ns;
    struct progress progress;
    uint64_t slices;
    volatile double sum; /* so that the reading is not left out */
    struct advised result;
};

/* A failure of what is the library's or the daemon's; the daemon's last words say more, if it has
 * ended. Returns an exit status. */
static int failed(struct advise *a, int rc)
{
    struct err e;
    char why[ERR_TEXT_SIZE];
    snprintf(why, sizeof why, "%s", fmnist_error());
    if (a->daemon.pid && own_daemon_ended(&a->daemon, &e))
        return ctl_error("bench: --advise: %s", e.text);
    return ctl_failed(rc, "bench: --advise: its own daemon: %s", why);
}

/* ---- the daemon of its own ------------------------------------------------------------------ */

/* The config's path: said, or that of the daemon at the socket. Returns an exit status. */
static int find_config(struct advise *a)
{
    char *json = NULL, *config = a->result.config;
    if (a->in->config) {
        snprintf(config, sizeof a->result.config, "%s", a->in->config);
        return EXIT_FINE;
    }
    struct fmnist_client *client = ctl_connect(a->in);
    if (!client)
        return ctl_failed(FMNIST_ECONNECT, "bench: --advise takes datasets and limits from the "
                                           "config of the daemon that runs, or from --config FILE");
    int rc = fmnist_status(client, &json);
    fmnist_disconnect(client);
    if (rc)
        return ctl_failed(rc, "%s", fmnist_error());
    json_t *all = json_loads(json, 0, NULL);
    const char *path = json_string_value(json_object_get(all, "config"));
    snprintf(config, sizeof a->result.config, "%s", path ? path : "");
    json_decref(all);
    free(json);
    return path ? EXIT_FINE
                : ctl_error("bench: --advise: the daemon does not say where its config is; want "
                            "--config FILE");
}

static int configure(struct advise *a, unsigned workers, struct err *e)
{
    char *text = config_text_for(a->printed, a->in->spec.dataset, workers);
    int rc = text ? own_daemon_configure(&a->daemon, text, e) : err_set(e, -1, "out of memory");
    free(text);
    a->workers = workers;
    return rc;
}

/* Returns an exit status. */
static int set_workers(struct advise *a, unsigned workers)
{
    struct err e;
    if (a->workers == workers)
        return EXIT_FINE;
    if (configure(a, workers, &e))
        return ctl_error("bench: --advise: %s", e.text);
    int rc = fmnist_reload(a->control, NULL);
    return rc ? failed(a, rc) : EXIT_FINE;
}

/* Waits until it serves, and connects. Returns an exit status. */
static int wait_ready(struct advise *a)
{
    struct err e;
    struct fmnist_connect_options o = {.size = sizeof o,
                                       .socket = a->daemon.socket,
                                       .timeout_ms = a->in->timeout_ms,
                                       .reconnect_ms = -1};
    uint64_t end = clock_ns() + START_NS;
    int rc;
    while ((rc = fmnist_connect(&o, &a->control)) != FMNIST_OK && clock_ns() < end) {
        if (own_daemon_ended(&a->daemon, &e))
            return ctl_error("bench: --advise: %s", e.text);
        poll(NULL, 0, 5);
    }
    return rc ? failed(a, rc) : EXIT_FINE;
}

static int start(struct advise *a)
{
    struct err e;
    int rc = own_daemon_find(a->program, sizeof a->program, &e);
    if (rc)
        return ctl_file_error(rc, "bench: --advise: %s", e.text);
    int status = find_config(a);
    if (status)
        return status;
    rc = own_daemon_print_config(a->program, a->result.config, &a->printed, &e);
    if (rc)
        return ctl_file_error(rc, "bench: --advise: %s%s", e.text,
                              a->in->config ? ""
                                            : "; --config FILE names one that this user can use");
    config_text_workers(a->printed, a->result.config_workers, sizeof a->result.config_workers);
    rc = own_daemon_init(&a->daemon, &e);
    if (!rc)
        rc = configure(a, 0, &e);
    if (!rc)
        rc = own_daemon_start(&a->daemon, a->program, &e);
    return rc ? ctl_error("bench: --advise: %s", e.text) : wait_ready(a);
}

/* As many as it has workers where their number is left to it. */
static int ask_cpus(struct advise *a)
{
    char *json;
    int rc = fmnist_status(a->control, &json);
    if (rc)
        return failed(a, rc);
    json_t *all = json_loads(json, 0, NULL);
    a->result.cpus = (unsigned)json_integer_value(json_object_get(all, "workers"));
    json_decref(all);
    free(json);
    return EXIT_FINE;
}

/* ---- the trainer ---------------------------------------------------------------------------- */

static uint64_t cpu_ns(clockid_t clock)
{
    struct timespec t = {0};
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* By this thread's CPU time: a worker that takes its CPU makes the step longer, as it would. */
static void compute(uint64_t us)
{
    uint64_t end = us ? cpu_ns(CLOCK_THREAD_CPUTIME_ID) + us * 1000 : 0;
    while (us && cpu_ns(CLOCK_THREAD_CPUTIME_ID) < end)
        continue;
}

/* One batch. Returns 0, or -1: told. */
static int train(struct advise *a, struct fmnist_stream *stream, uint64_t us)
{
    struct fmnist_batch batch;
    uint64_t taken = 0;
    if (ctl_next(&a->own, stream, &taken, &batch) < 0)
        return -1;
    if (!a->in->no_read)
        a->sum += reading_sum(&a->result.info, &batch);
    fmnist_release(stream, &batch);
    compute(us);
    return 0;
}

static int open_stream(struct advise *a, struct fmnist_client **client,
                       struct fmnist_stream **stream)
{
    return ctl_open(&a->own, client, stream, &a->result.info);
}

/* Each image is made once, as far as there is time, so that what is measured is not the first
 * epoch. Returns an exit status. */
static int warm_up(struct advise *a)
{
    struct fmnist_client *client;
    struct fmnist_stream *stream;
    int status = open_stream(a, &client, &stream);
    if (status)
        return status;
    uint64_t end = clock_ns() + (uint64_t)((double)a->in->seconds * 1e9 * WARM_SHARE), n = 0;
    while (n < a->result.info.steps && clock_ns() < end && !status)
        status = train(a, stream, 0) < 0 ? EXIT_FAILED : (n++, EXIT_FINE);
    a->result.warm = n == a->result.info.steps;
    fmnist_close(stream);
    fmnist_disconnect(client);
    return status;
}

/* One slice: a stream of its own, whose ring is empty when it begins, so that no batch comes from
 * the slice before. Returns an exit status. */
static int measure(struct advise *a, uint64_t us, struct tried *t)
{
    struct fmnist_client *client;
    struct fmnist_stream *stream;
    clockid_t daemon;
    int status = open_stream(a, &client, &stream);
    if (status)
        return status;
    if (clock_getcpuclockid(a->daemon.pid, &daemon))
        daemon = CLOCK_MONOTONIC; /* it has ended, which the next batch tells */
    uint64_t now = clock_ns(), from = now, cpu = cpu_ns(daemon), n = 0;
    uint64_t end = now + a->slice_ns;
    uint64_t counts = now + (uint64_t)((double)a->slice_ns * SETTLE);
    double starved[2] = {0, 0};
    bool settled = false;
    while (!status && (now < end || (n < BATCHES_MIN && now < end + PATIENCE_NS))) {
        if (!settled && now >= counts) {
            settled = true;
            starved[0] = starved_seconds(a->control);
            cpu = cpu_ns(daemon);
            from = clock_ns();
            n = 0;
        }
        if (train(a, stream, us) < 0)
            status = EXIT_FAILED;
        n++;
        now = clock_ns();
        progress_tell(&a->progress, a->slices, now);
    }
    cpu = cpu_ns(daemon) - cpu;
    starved[1] = starved_seconds(a->control);
    fmnist_close(stream);
    fmnist_disconnect(client);
    if (status)
        return status;
    if (n < BATCHES_MIN)
        return ctl_error("bench: --advise: %llu batches in %.2f s are too few to tell anything: "
                         "give it more time, --seconds %llu",
                         (unsigned long long)n, (double)a->slice_ns / 1e9,
                         (unsigned long long)(a->in->seconds * 4));
    t->step_us[t->rounds] = (double)(now - from) / 1e3 / (double)n;
    double waited = starved[1] > starved[0] ? starved[1] - starved[0] : 0;
    t->wait_us[t->rounds] = waited * 1e6 / (double)n;
    t->cpu_share[t->rounds++] = (double)cpu / (double)(now - from);
    return EXIT_FINE;
}

/* Every number of workers in each round, there and back, so that what else the machine does hits
 * all of them. Returns an exit status. */
static int measure_all(struct advise *a)
{
    struct advised *r = &a->result;
    int status = EXIT_FINE;
    for (r->rounds = 0; r->rounds < ADVICE_ROUNDS; r->rounds++)
        for (size_t i = 0; i < r->count; i++) {
            size_t k = r->rounds % 2 ? r->count - 1 - i : i;
            status = set_workers(a, a->counts[k]);
            for (size_t s = 0; s < a->in->step_time_count && !status; s++, a->slices++)
                status = measure(a, a->in->step_times[s], &r->tried[s][k]);
            if (status)
                return status;
        }
    return EXIT_FINE;
}

/* How long each slice is. Returns an exit status: a step that is too long for it is wrong usage. */
static int divide_time(struct advise *a, uint64_t left_ns)
{
    const struct invocation *in = a->in;
    uint64_t slices = ADVICE_ROUNDS * a->result.count * in->step_time_count;
    a->slice_ns = left_ns / slices;
    progress_start(&a->progress, "bench", "measurements", slices);
    for (size_t s = 0; s < in->step_time_count; s++) {
        uint64_t wants_ns = in->step_times[s] * 1000 * 2 * BATCHES_MIN;
        if (wants_ns > a->slice_ns)
            return ctl_usage(
                "bench: --advise: --step-us %llu, %llu times each, takes longer than "
                "%llu s: want --seconds %llu",
                (unsigned long long)in->step_times[s], (unsigned long long)(2 * BATCHES_MIN),
                (unsigned long long)in->seconds,
                (unsigned long long)((double)(wants_ns * slices) / 1e9 / (1 - WARM_SHARE) + 1));
    }
    return EXIT_FINE;
}

static int run(struct advise *a)
{
    struct advised *r = &a->result;
    if (getloadavg(&r->load, 1) < 1)
        r->load = -1;
    int status = start(a);
    if (!status)
        status = ask_cpus(a);
    a->own = *a->in;
    a->own.socket = a->daemon.socket;
    a->own.batches = UINT64_MAX; /* for ever, over the ends of epochs */
    uint64_t began = clock_ns();
    if (!status)
        status = warm_up(a);
    if (status)
        return status;
    r->count = advice_counts(r->cpus, a->counts);
    for (size_t s = 0; s < a->in->step_time_count; s++)
        for (size_t k = 0; k < r->count; k++)
            r->tried[s][k].workers = a->counts[k];
    uint64_t passed = clock_ns() - began, all = a->in->seconds * UINT64_C(1000000000);
    status = divide_time(a, all > passed ? all - passed : 0);
    if (!status)
        status = measure_all(a);
    progress_clear();
    return status;
}

int advise_run(const struct invocation *in)
{
    struct advise *a = calloc(1, sizeof *a);
    if (!a)
        return ctl_file_error(-ENOMEM, "bench: --advise: out of memory");
    a->in = a->result.in = in;
    a->daemon.alive = a->daemon.watched = a->daemon.held = -1;
    int status = run(a);
    fmnist_disconnect(a->control);
    own_daemon_stop(&a->daemon);
    if (!status)
        advise_print(&a->result);
    free(a->printed);
    free(a);
    return status;
}
