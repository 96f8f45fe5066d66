/* SPDX-License-Identifier: MIT */
/* ctl/report.h — what verify says of runs: as text while they are checked, or as one JSON object.
 *
 * Threads: one. Memory: of JSON, all of it until the end.
 */
#ifndef CTL_REPORT_H
#define CTL_REPORT_H

#include "ctl/coverage.h"
#include "ctl/progress.h"
#include "ctl/verbs.h"

#include <jansson.h>
#include <stdio.h>

/* Epochs that are alike in all but their number, as one line. */
struct line {
    char text[512];
    uint64_t first, last;
};

struct report {
    const struct invocation *in;
    const struct lineage_run *run;
    bool is_judged;
    const char *samples; /* what they are called */
    struct line line;    /* not printed yet; text "": none */
    json_t *epochs, *wrong;
    struct coverage_sum all; /* of the runs that are judged */
    uint32_t judged;
    struct progress progress;
    uint64_t passed; /* batches */
};

static inline const struct ledger_open *report_open_of(const struct lineage_session *s)
{
    return &s->book->open;
}

/* Of the runs that are judged, and the ledger: nothing is missed, repeated, wrong or not there yet.
 */
bool report_is_complete(const struct report *r, const struct book *b);

/* "missed", "repeated", "not known" */
const char *report_kind(enum coverage_kind kind);

/* Text, in this order. */
void report_print_run(const struct report *r, uint32_t number);
void report_print_wrong(const struct coverage_wrong *w);
void report_print_epoch(struct report *r, const struct coverage_epoch *e);
void report_print_end(struct report *r, const struct coverage_sum *sum);
void report_print_result(const struct report *r, const struct book *b);

/* JSON. The caller owns what is returned. */
json_t *report_json_wrong(const struct coverage_wrong *w);
json_t *report_json_epoch(const struct coverage_epoch *e);
json_t *report_json_run(const struct report *r, const struct coverage_sum *sum);
json_t *report_json_result(const struct report *r, const struct book *b, json_t *runs);

/* Prints it in one line. Jansson has integers up to 2^63 - 1 and a seed is 64 bits: what is larger
 * becomes one here. Returns false without memory. */
bool report_json_print(const json_t *all, FILE *f);

#endif
