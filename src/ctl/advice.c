/* SPDX-License-Identifier: MIT */
/* The rule, and its sentence. Measures nothing. */
#include "ctl/advice.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

size_t advice_counts(unsigned cpus, unsigned counts[ADVICE_TRIED_MAX])
{
    size_t n = 0;
    for (unsigned power = 1; power < cpus && n < ADVICE_TRIED_MAX - 2; power *= 2) {
        counts[n++] = power;
        if (power >= 2 && power + power / 2 < cpus)
            counts[n++] = power + power / 2;
    }
    counts[n++] = cpus ? cpus : 1;
    return n;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double advice_median(const double *values, unsigned count)
{
    double sorted[ADVICE_ROUNDS];
    memcpy(sorted, values, count * sizeof *values);
    qsort(sorted, count, sizeof *sorted, compare);
    return count % 2 ? sorted[count / 2] : (sorted[count / 2 - 1] + sorted[count / 2]) / 2;
}

double advice_spread(const struct tried *t)
{
    double least = t->step_us[0], most = least;
    for (unsigned i = 1; i < t->rounds; i++) {
        least = t->step_us[i] < least ? t->step_us[i] : least;
        most = t->step_us[i] > most ? t->step_us[i] : most;
    }
    return most - least;
}

static double middle(const struct tried *t)
{
    return advice_median(t->step_us, t->rounds);
}

/* By how much a step is longer than the best's; *always: in each round. */
static double longer(const struct tried *t, const struct tried *best, bool *always)
{
    double more[ADVICE_ROUNDS] = {0};
    *always = true;
    for (unsigned i = 0; i < best->rounds; i++) {
        more[i] = t->step_us[i] - best->step_us[i];
        *always &= more[i] > 0;
    }
    return advice_median(more, best->rounds);
}

struct advice advice_of(const struct tried *tried, size_t count)
{
    struct advice a = {0};
    for (size_t i = 1; i < count; i++)
        if (middle(&tried[i]) < middle(&tried[a.best]))
            a.best = i;
    for (a.enough = 0; a.enough < a.best; a.enough++) {
        bool always;
        a.more_us = longer(&tried[a.enough], &tried[a.best], &always);
        if (!always || a.more_us <= ADVICE_WORTH * middle(&tried[a.best]))
            return a;
    }
    a.more_us = 0;
    return a;
}

static double share(const struct tried *t)
{
    return 100 * advice_median(t->wait_us, t->rounds) / middle(t);
}

/* "1 worker", "3 workers" */
static const char *plural(unsigned workers)
{
    return workers == 1 ? "worker" : "workers";
}

void advice_text(const struct tried *tried, size_t count, const struct advice *a, char *text,
                 size_t size)
{
    const struct tried *enough = &tried[a->enough], *best = &tried[a->best];
    int n;
    if (a->enough == 0) {
        n = snprintf(text, size, "%u %s: the trainer waits %.1f %% of its time", enough->workers,
                     enough->workers == 1 ? "worker is enough" : "workers are enough",
                     share(enough));
    } else {
        const struct tried *fewer = enough - 1;
        n = snprintf(text, size,
                     "with %u %s a step takes %.0f us and the trainer waits %.1f %% of it, with %u "
                     "%.0f us and %.1f %%",
                     fewer->workers, plural(fewer->workers), middle(fewer), share(fewer),
                     enough->workers, middle(enough), share(enough));
    }
    if (n < 0 || (size_t)n >= size)
        return;
    text += n, size -= (size_t)n;
    if (count == 1)
        snprintf(text, size, "; there is no CPU for another one");
    else if (a->best > a->enough && a->more_us > ADVICE_WORTH * middle(best))
        snprintf(text, size, "; %u are not faster in every round", best->workers);
    else if (a->best > a->enough)
        snprintf(text, size, "; %u save less than 1 %%", best->workers);
    else if (a->enough + 1 < count)
        snprintf(text, size, "; more are no faster");
}
