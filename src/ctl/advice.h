/* SPDX-License-Identifier: MIT */
/* ctl/advice.h — how many workers are enough, out of what was measured. Pure.
 *
 * The same trainer reads with each number of workers in turn, several rounds of it. What counts is
 * how long a step takes from batch to batch: waiting is in it, and so is what workers cost a
 * trainer whose CPU they take. Rounds differ by what else the machine does, so two numbers are held
 * against each other round by round, each pair measured soon after one another: one that is slower
 * in every round, by more than a hundredth, is slower. What five rounds do not agree on is noise
 * (by chance alone they agree once in 32 times), and no reason for another thread.
 *
 * Threads: any. Memory: none.
 */
#ifndef CTL_ADVICE_H
#define CTL_ADVICE_H

#include <stddef.h>

#define ADVICE_ROUNDS    5
#define ADVICE_TRIED_MAX 20
/* Of a step: what nobody would start another thread for. */
#define ADVICE_WORTH 0.01

/* One number of workers. Times of a step, from batch to batch, in microseconds. */
struct tried {
    unsigned workers;
    unsigned rounds;                 /* how many there are of what follows */
    double step_us[ADVICE_ROUNDS];   /* of each round */
    double wait_us[ADVICE_ROUNDS];   /* of it, that the trainer waited for a batch */
    double cpu_share[ADVICE_ROUNDS]; /* the daemon's CPU time by the time that passed */
};

/* The numbers of workers worth trying on so many CPUs: 1, 2, 3, 4, 6, 8, 12 and so on, and as many
 * as there are CPUs. Returns how many those are. */
size_t advice_counts(unsigned cpus, unsigned counts[ADVICE_TRIED_MAX]);

/* The middle one of so many, 1 to ADVICE_ROUNDS. */
double advice_median(const double *values, unsigned count);

/* From the shortest step of the rounds to the longest. */
double advice_spread(const struct tried *t);

struct advice {
    size_t best;    /* whose middle step is the shortest */
    size_t enough;  /* the smallest number that is no slower than that one */
    double more_us; /* of a step with `enough`, the middle of the rounds' differences */
};

/* Of `count` >= 1, in rising order of workers, each with the same rounds, one at least. */
struct advice advice_of(const struct tried *tried, size_t count);

/* The reason, as one sentence without its end. */
void advice_text(const struct tried *tried, size_t count, const struct advice *a, char *text,
                 size_t size);

#endif
