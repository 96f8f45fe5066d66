/* SPDX-License-Identifier: MIT */
/* ctl/coverage.h — what a run has acknowledged of each epoch, sample by sample.
 *
 * Samples are counted at their places of the epoch's order, over all ranks, so that ranks, resumes
 * and other world sizes come to one count. Due is what the run has gone past: of each rank what
 * lies before its furthest batch, the whole epoch as soon as any rank has a batch of a later one,
 * and every epoch that its spec has asked for (`epochs`).
 *
 * Bounds: a client may go to any epoch with its next batch and be one of 65,536 ranks, and a ledger
 * may be forged. Epochs between two in which anything begins or ends are alike: more than
 * COVERAGE_ALIKE_MAX of them are told as one, so that time follows the ledger's records, and the
 * batches that they tell of, whose sums are checked. Counts stop at UINT64_MAX.
 *
 * Threads: one. Memory: a byte a sample, 4 more where the order needs a permutation or a list of
 * what was found.
 */
#ifndef CTL_COVERAGE_H
#define CTL_COVERAGE_H

#include "ctl/lineage.h"

#define COVERAGE_ALIKE_MAX 256u
#define COVERAGE_FINDS_MAX 1000u /* of an epoch, that are named */

enum coverage_kind { COVERAGE_MISSED, COVERAGE_REPEATED, COVERAGE_OPEN };

/* Samples of consecutive steps of a rank. */
struct coverage_find {
    enum coverage_kind kind;
    uint32_t rank;
    uint64_t first_step, last_step;
    uint32_t sessions[2]; /* that have the first of them; 0: none */
    uint64_t count;
    uint32_t *indices; /* owned; [count]: in the split, or in a list that is not known */
};

struct coverage_epoch {
    uint64_t epoch, last; /* and all up to `last`; else the same */
    uint64_t samples;     /* of all ranks, without padding */
    uint64_t before;      /* of them, before the run begins in this ledger */
    uint64_t left_out;    /* of them, by drop_last or pad drop */
    uint64_t padding;     /* further ones, by pad wrap */
    uint64_t due;         /* of samples and padding */
    uint64_t missed;      /* due, and not acknowledged */
    uint64_t repeated;    /* acknowledged more than once */
    uint64_t open;        /* due, and not known: behind a rank's last session, which has no END */
    uint64_t by_token;    /* acknowledged by its successor's token alone */
    uint64_t got;         /* acknowledged, of samples */
    bool so_far;          /* the run is in its midst */
    uint32_t world_size;
    struct coverage_find *finds; /* owned */
    size_t find_count, find_room;
    uint64_t unnamed; /* samples that were found, and are in none of them */
};

/* A stretch whose sum is not that of its batches: they had other images. */
struct coverage_wrong {
    const struct lineage_session *session;
    const struct book_run *run;
};

struct coverage_told {
    void (*epoch)(void *data, const struct coverage_epoch *e);
    void (*wrong)(void *data, const struct coverage_wrong *w);
    void (*passed)(void *data, uint64_t batches); /* so many more were looked at */
    void *data;
};

struct coverage_sum {
    uint64_t missed, repeated, open, wrong, by_token;
    uint64_t not_reached; /* epochs that were asked for, behind the last one with a batch */
};

/* Whether the run is known to have got anything. */
bool coverage_has_any(const struct lineage_run *r);

/* *sum + times * n, at most UINT64_MAX. */
void coverage_add(uint64_t *sum, uint64_t times, uint64_t n);

/* Tells each epoch of the run in order, and what is wrong. Errors: -ENOMEM. */
int coverage_check(const struct lineage_run *r, const struct coverage_told *told,
                   struct coverage_sum *sum, struct err *e);

#endif
