/* SPDX-License-Identifier: MIT */
/* The line, and when it is written. */
#include "ctl/progress.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define AFTER_NS UINT64_C(1000000000)
#define EVERY_NS UINT64_C(200000000)

static int shown; /* characters of the line that stands there */

bool terminal_can(int fd)
{
    const char *kind = getenv("TERM");
    return isatty(fd) && kind && *kind && strcmp(kind, "dumb") != 0;
}

void progress_start(struct progress *p, const char *what, const char *unit, uint64_t total)
{
    *p = (struct progress){.what = what, .unit = unit, .total = total, .started_ns = clock_ns()};
    p->next_ns = terminal_can(STDERR_FILENO) ? p->started_ns + AFTER_NS : UINT64_MAX;
}

void progress_text(const struct progress *p, uint64_t done, uint64_t now_ns, char text[80])
{
    double share = p->total ? (double)done / (double)p->total : 0;
    double left = share > 0 ? (double)(now_ns - p->started_ns) / 1e9 * (1 - share) / share : 0;
    if (share <= 0 || share > 1)
        snprintf(text, 80, "%s: %" PRIu64 " %s", p->what, done, p->unit);
    else
        snprintf(text, 80, "%s: %.0f %% of %" PRIu64 " %s, %.0f s left", p->what, 100 * share,
                 p->total, p->unit, left);
}

void progress_show(struct progress *p, uint64_t done, uint64_t now_ns)
{
    char text[80];
    progress_text(p, done, now_ns, text);
    int length = (int)strlen(text);
    fprintf(stderr, "\r%s%*s", text, shown > length ? shown - length : 0, "");
    shown = length;
    p->next_ns = now_ns + EVERY_NS;
}

void progress_clear(void)
{
    if (shown)
        fprintf(stderr, "\r%*s\r", shown, "");
    shown = 0;
}
