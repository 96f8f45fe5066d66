/* SPDX-License-Identifier: MIT */
/* What was measured, in words or for programs. */
#include "ctl/advise.h"

#include "ctl/json.h"

#include <stdio.h>

#define WIDTH 79

/* What a row of the table has. */
struct row {
    double images, epoch, step, wait, cpu, spread; /* step, wait, spread in microseconds */
};

static struct row row_of(const struct advised *a, const struct tried *t)
{
    struct row r = {.step = advice_median(t->step_us, t->rounds),
                    .wait = advice_median(t->wait_us, t->rounds),
                    .cpu = advice_median(t->cpu_share, t->rounds),
                    .spread = advice_spread(t)};
    r.epoch = r.step * (double)a->info.steps / 1e6;
    r.images = (double)a->info.sample_count / r.epoch;
    return r;
}

/* The step time that wants the most workers. */
static size_t most_wanting(const struct advised *a)
{
    size_t most = 0;
    for (size_t s = 1; s < a->in->step_time_count; s++)
        if (advice_of(a->tried[s], a->count).enough > advice_of(a->tried[most], a->count).enough)
            most = s;
    return most;
}

/* ---- text ----------------------------------------------------------------------------------- */

/* Broken between words. */
static void print_folded(const char *text, const char *indent)
{
    size_t column = 0;
    for (size_t n; *text; text += n + (text[n] == ' ')) {
        n = 0;
        while (text[n] && text[n] != ' ')
            n++;
        if (column && column + 1 + n > WIDTH) {
            putchar('\n');
            column = 0;
        }
        column += (size_t)printf("%s%.*s", column ? " " : indent, (int)n, text);
    }
    putchar('\n');
}

static void print_step(const struct advised *a, size_t s)
{
    struct advice advice = advice_of(a->tried[s], a->count);
    char reason[400], line[512];
    printf("\nBeside a trainer that computes %llu us a step:\n\n"
           "  workers   images/s   epoch s    step us   +- us   waits %%   daemon's CPU %%\n",
           (unsigned long long)a->in->step_times[s]);
    for (size_t k = 0; k < a->count; k++) {
        struct row r = row_of(a, &a->tried[s][k]);
        printf("  %7u %10.0f %9.3f %10.1f %7.1f %9.1f %16.1f\n", a->tried[s][k].workers, r.images,
               r.epoch, r.step, r.spread / 2, 100 * r.wait / r.step, 100 * r.cpu);
    }
    advice_text(a->tried[s], a->count, &advice, reason, sizeof reason);
    snprintf(line, sizeof line, "workers: %u, because %s.", a->tried[s][advice.enough].workers,
             reason);
    putchar('\n');
    print_folded(line, "");
}

static void print_text(const struct advised *a)
{
    size_t most = most_wanting(a);
    printf("%s/%s, batch %u: %llu steps an epoch; %u %s; %u rounds of each\n", a->in->spec.dataset,
           a->in->spec.split, a->info.batch_size, (unsigned long long)a->info.steps, a->cpus,
           a->cpus == 1 ? "CPU" : "CPUs", a->rounds);
    for (size_t s = 0; s < a->in->step_time_count; s++)
        print_step(a, s);
    putchar('\n');
    if (!a->warm)
        print_folded("Not every image was made once before the time was up: it is the first epoch "
                     "that was measured. Give it more --seconds for those that follow.",
                     "");
    if (a->load > a->cpus / 2.)
        printf("The machine was busy before: a load of %.1f on %u %s. This is what is left.\n",
               a->load, a->cpus, a->cpus == 1 ? "CPU" : "CPUs");
    printf("The line for the config:\n\nworkers: %u\n",
           a->tried[most][advice_of(a->tried[most], a->count).enough].workers);
    if (*a->config_workers)
        printf("\n%s has now: workers: %s\n", a->config, a->config_workers);
}

/* ---- JSON ----------------------------------------------------------------------------------- */

static json_t *describe_tried(const struct advised *a, const struct tried *t)
{
    struct row r = row_of(a, t);
    return json_pack("{s:i, s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "workers", (int)t->workers,
                     "images_per_second", r.images, "epoch_seconds", r.epoch, "step_us", r.step,
                     "spread_us", r.spread, "waited_us", r.wait, "waited_share", r.wait / r.step,
                     "cpu_share", r.cpu);
}

static json_t *describe_step(const struct advised *a, size_t s)
{
    struct advice advice = advice_of(a->tried[s], a->count);
    char reason[512];
    json_t *tried = json_array();
    for (size_t k = 0; k < a->count; k++)
        json_array_append_new(tried, describe_tried(a, &a->tried[s][k]));
    advice_text(a->tried[s], a->count, &advice, reason, sizeof reason);
    return json_pack(
        "{s:I, s:i, s:i, s:f, s:s, s:o}", "compute_us", (json_int_t)a->in->step_times[s], "workers",
        (int)a->tried[s][advice.enough].workers, "best", (int)a->tried[s][advice.best].workers,
        "more_us", advice.more_us, "reason", reason, "tried", tried);
}

static void print_json(const struct advised *a)
{
    size_t most = most_wanting(a);
    unsigned workers = a->tried[most][advice_of(a->tried[most], a->count).enough].workers;
    char line[32];
    json_t *steps = json_array();
    for (size_t s = 0; s < a->in->step_time_count; s++)
        json_array_append_new(steps, describe_step(a, s));
    snprintf(line, sizeof line, "workers: %u", workers);
    ctl_print_json(
        stdout, json_pack("{s:s, s:s, s:i, s:I, s:i, s:i, s:f, s:b, s:o, s:o, s:i, s:s, s:o}",
                          "dataset", a->in->spec.dataset, "split", a->in->spec.split, "batch_size",
                          (int)a->info.batch_size, "steps_per_epoch", (json_int_t)a->info.steps,
                          "cpus", (int)a->cpus, "rounds", (int)a->rounds, "load", a->load, "warm",
                          a->warm, "config", ctl_json_text(a->config), "config_workers",
                          ctl_json_text(*a->config_workers ? a->config_workers : NULL), "workers",
                          (int)workers, "line", line, "steps", steps));
}

void advise_print(const struct advised *a)
{
    if (a->in->json)
        print_json(a);
    else
        print_text(a);
}
