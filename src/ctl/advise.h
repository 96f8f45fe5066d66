/* SPDX-License-Identifier: MIT */
/* ctl/advise.h — what `bench --advise` measured, and how it is told.
 *
 * Threads: one. Memory: none of its own.
 */
#ifndef CTL_ADVISE_H
#define CTL_ADVISE_H

#include "ctl/advice.h"
#include "ctl/verbs.h"

struct advised {
    const struct invocation *in;
    struct fmnist_stream_info info;
    unsigned cpus;
    double load;              /* of the machine, when it began; negative: not known */
    bool warm;                /* each image was made once before */
    char config[512];         /* whose datasets and limits were taken */
    char config_workers[128]; /* what it says of them */
    size_t count;             /* of numbers of workers */
    unsigned rounds;
    struct tried tried[STEP_TIMES_MAX][ADVICE_TRIED_MAX]; /* of each step time of `in` */
};

/* Text or, with --json, an object, on standard output. */
void advise_print(const struct advised *a);

/* Measures and prints. Returns an exit status. */
int advise_run(const struct invocation *in);

#endif
