/* SPDX-License-Identifier: MIT */
/* ctl/bottleneck.h — which side of a stream is the bottleneck, in words. Pure.
 *
 * A reader either waits for a batch or works on one. The share of its time that it waits says who
 * is slow; the share of the workers' time that goes into rendering says what is left on our side.
 * Threads: any.
 */
#ifndef CTL_BOTTLENECK_H
#define CTL_BOTTLENECK_H

#include <stddef.h>

enum side {
    SIDE_NOBODY,    /* no batch was taken */
    SIDE_READER,    /* waits at most VERDICT_LOW of the time */
    SIDE_BOTH,      /* in between: the two take about as long */
    SIDE_WORKERS,   /* the reader waits at least VERDICT_HIGH, and the workers are busy */
    SIDE_ELSEWHERE, /* the reader waits, but the workers are not busy, or have no CPU to be */
};

#define VERDICT_LOW     0.05
#define VERDICT_HIGH    0.5
#define VERDICT_BUSY    0.7 /* of the workers' time */
#define VERDICT_STALLED 0.5 /* of their busy time */

/* What was seen over some time. */
struct flow {
    double seconds;
    double waited;  /* seconds of it that the reader waited */
    double busy;    /* share of all workers' time that was rendering; negative: not known */
    double batches; /* taken */
    double stalled; /* share of the time that workers were busy in which they had no CPU */
    double ready;   /* share of its slots that had a batch in the end; negative: not known */
};

/* Of the seconds: 0 to 1, whatever a client says of itself. */
double flow_waited(const struct flow *f);

enum side bottleneck_side(const struct flow *f);

/* "nobody", "reader", "both", "workers" or "elsewhere": these stay. */
const char *bottleneck_word(enum side side);

/* One sentence with the numbers behind it, without a newline. */
void bottleneck_text(const struct flow *f, char *text, size_t size);

#endif
