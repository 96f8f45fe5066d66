/* SPDX-License-Identifier: MIT */
/* verify: what delivery ledgers say of each run. */
#include "ctl/indices.h"
#include "ctl/report.h"

#include "base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void tell_passed(void *data, uint64_t batches)
{
    struct report *r = data;
    r->passed += batches;
    progress_tell(&r->progress, r->passed, clock_ns());
}

/* That tell_passed will be called with, all together. */
static uint64_t batches_of(const struct lineage *l)
{
    uint64_t sum = 0;
    for (const struct lineage_run *run = l->runs; run; run = run->next)
        for (const struct lineage_session *s = run->first; s; s = s->next)
            for (size_t i = 0; !s->is_counted && i < s->book->run_count; i++)
                coverage_add(&sum, 1, s->book->runs[i].end - s->book->runs[i].first);
    return sum;
}

static void tell_epoch(void *data, const struct coverage_epoch *e)
{
    struct report *r = data;
    progress_clear();
    if (r->in->json)
        json_array_append_new(r->epochs, report_json_epoch(e));
    else
        report_print_epoch(r, e);
}

static void tell_wrong(void *data, const struct coverage_wrong *w)
{
    struct report *r = data;
    progress_clear();
    if (r->in->json)
        json_array_append_new(r->wrong, report_json_wrong(w));
    else
        report_print_wrong(w);
}

static void add_up(struct report *r, const struct coverage_sum *sum)
{
    if (!r->is_judged)
        return;
    r->judged++;
    coverage_add(&r->all.missed, 1, sum->missed);
    coverage_add(&r->all.repeated, 1, sum->repeated);
    coverage_add(&r->all.open, 1, sum->open);
    coverage_add(&r->all.wrong, 1, sum->wrong);
    coverage_add(&r->all.by_token, 1, sum->by_token);
    coverage_add(&r->all.not_reached, 1, sum->not_reached);
}

static int report_run(struct report *r, const struct lineage_run *run, uint32_t number,
                      json_t *runs, struct err *e)
{
    const struct coverage_told told = {
        .epoch = tell_epoch, .wrong = tell_wrong, .passed = tell_passed, .data = r};
    struct coverage_sum sum;
    bool is_list = run->first->is_counted;
    r->run = run;
    r->is_judged = strcmp(report_open_of(run->first)->program, "fmnistctl") != 0;
    r->samples = !is_list                                            ? ""
                 : report_open_of(run->first)->spec.list_batch_count ? " batches of the list"
                                                                     : " places of the list";
    r->epochs = json_array();
    r->wrong = json_array();
    if (!r->in->json)
        report_print_run(r, number);
    int rc = coverage_check(run, &told, &sum, e);
    progress_clear();
    add_up(r, &sum);
    if (r->in->json && !rc) {
        json_array_append_new(runs, report_json_run(r, &sum));
        return 0;
    }
    json_decref(r->epochs);
    json_decref(r->wrong);
    if (!rc)
        report_print_end(r, &sum);
    return rc;
}

static int print(json_t *all, struct err *e)
{
    bool printed = report_json_print(all, stdout);
    json_decref(all);
    return printed ? 0 : err_set(e, -ENOMEM, "out of memory");
}

/* Returns an exit status. */
static int report_all(const struct invocation *in, const struct book *b, const struct lineage *l)
{
    struct report r = {.in = in};
    struct err e;
    json_t *runs = json_array();
    uint32_t number = 0;
    int rc = 0;
    progress_start(&r.progress, "verify", "batches", batches_of(l));
    for (const struct lineage_run *run = l->runs; run && !rc; run = run->next)
        if (coverage_has_any(run))
            rc = report_run(&r, run, ++number, runs, &e);
    if (!rc && in->json)
        rc = print(report_json_result(&r, b, runs), &e);
    else if (!rc)
        report_print_result(&r, b);
    json_decref(runs);
    if (rc) {
        ctl_file_error(rc, "verify: %s", e.text);
        return EXIT_WRONG_USAGE;
    }
    if (b->damaged_bytes)
        return EXIT_WRONG_USAGE;
    return report_is_complete(&r, b) ? EXIT_FINE : EXIT_FAILED;
}

static int read_list(const struct invocation *in, struct lineage_list *list, uint32_t **numbers,
                     struct err *e)
{
    if (!in->indices)
        return 0;
    int rc = indices_read(in->indices, numbers, &list->count, e);
    if (rc)
        return err_prefix(e, rc, "--indices");
    struct list l = {.indices = *numbers, .index_count = list->count};
    list->indices = *numbers;
    list_digest(&l, list->digest);
    return 0;
}

int verb_verify(const struct invocation *in)
{
    struct lineage_list list = {.indices = NULL};
    struct lineage lineage;
    struct book book;
    struct err e;
    uint32_t *numbers = NULL;
    int status = EXIT_WRONG_USAGE;
    int rc = read_list(in, &list, &numbers, &e);
    if (rc)
        goto told;
    rc = book_read(&book, in->words, in->word_count, &e);
    if (rc)
        goto free_list;
    rc = lineage_make(&lineage, &book, &list, &e);
    if (rc)
        goto free_book;
    status = report_all(in, &book, &lineage);
    lineage_free(&lineage);
    book_free(&book);
    free(numbers);
    return status;

free_book:
    book_free(&book);
free_list:
    free(numbers);
told:
    ctl_file_error(rc, "verify: %s", e.text);
    return status;
}
