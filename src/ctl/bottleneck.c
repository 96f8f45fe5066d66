/* SPDX-License-Identifier: MIT */
/* Who is slow. Does not measure. */
#include "ctl/bottleneck.h"

#include <stdio.h>

double flow_waited(const struct flow *f)
{
    double share = f->seconds > 0 ? f->waited / f->seconds : 0;
    return share < 0 ? 0 : share > 1 ? 1 : share;
}

enum side bottleneck_side(const struct flow *f)
{
    double waited = flow_waited(f);
    if (f->batches <= 0 && waited < VERDICT_HIGH)
        return SIDE_NOBODY;
    if (waited <= VERDICT_LOW)
        return SIDE_READER;
    if (waited < VERDICT_HIGH)
        return SIDE_BOTH;
    if (f->stalled > VERDICT_STALLED)
        return SIDE_ELSEWHERE;
    return f->busy < 0 || f->busy >= VERDICT_BUSY ? SIDE_WORKERS : SIDE_ELSEWHERE;
}

const char *bottleneck_word(enum side side)
{
    static const char *const words[] = {
        [SIDE_NOBODY] = "nobody",   [SIDE_READER] = "reader",       [SIDE_BOTH] = "both",
        [SIDE_WORKERS] = "workers", [SIDE_ELSEWHERE] = "elsewhere",
    };
    return words[side];
}

/* What the workers could do besides, as far as that is known. */
static void headroom_text(double busy, char *text, size_t size)
{
    if (busy < 0)
        text[0] = 0;
    else if (busy < 0.001)
        snprintf(text, size, "; the workers are idle");
    else
        snprintf(text, size, "; the workers are busy %.0f %%: headroom %.1fx", 100 * busy,
                 1 / busy);
}

void bottleneck_text(const struct flow *f, char *text, size_t size)
{
    double waited = flow_waited(f), percent = 100 * waited;
    char headroom[96];
    headroom_text(f->busy, headroom, sizeof headroom);
    switch (bottleneck_side(f)) {
    case SIDE_NOBODY:
        snprintf(text, size, "nobody takes batches");
        break;
    case SIDE_READER:
        snprintf(text, size, "the reader is the bottleneck: it waits %.1f %% of its time%s",
                 percent, headroom);
        break;
    case SIDE_BOTH:
        snprintf(text, size, "reader and fmnistd take turns: the reader waits %.0f %%%s", percent,
                 headroom);
        break;
    case SIDE_WORKERS:
        snprintf(text, size,
                 "fmnistd is the bottleneck: the reader waits %.0f %% of its time%s; more workers "
                 "help where CPUs are free",
                 percent, headroom);
        break;
    case SIDE_ELSEWHERE:
        if (f->ready > 0.5)
            snprintf(text, size,
                     "batches lie ready, and yet the reader waits %.0f %% of its time: more "
                     "programs want to run than there are CPUs",
                     percent);
        else if (f->stalled > VERDICT_STALLED)
            snprintf(text, size,
                     "the reader waits %.0f %% of its time, and the workers, while they are busy, "
                     "have a CPU for %.0f %% of theirs: other programs have the CPUs, or what is "
                     "read comes from a disk",
                     percent, 100 * (1 - f->stalled));
        else
            snprintf(text, size,
                     "the reader waits %.0f %% of its time, but the workers are busy %.0f %%: more "
                     "programs want to run than there are CPUs, or batches are so small that "
                     "waking each other takes longer than the work",
                     percent, 100 * f->busy);
        break;
    }
}
