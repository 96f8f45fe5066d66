/* SPDX-License-Identifier: MIT */
/* Sessions put together to runs. What they have read is checked by coverage.c. */
#include "ctl/lineage.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct place_in lineage_place(const struct lineage_session *s, uint64_t number)
{
    return (struct place_in){number / s->sampler.steps, number % s->sampler.steps};
}

uint64_t lineage_number(const struct lineage_session *s, struct place_in p)
{
    uint64_t steps = s->sampler.steps;
    return p.epoch * steps + (p.step < steps ? p.step : steps);
}

/* ---- one session --------------------------------------------------------------------------- */

static bool has_list(const struct spec *spec, const struct lineage_list *list)
{
    return list->indices && spec->list_count == list->count && !spec->list_batch_count &&
           !memcmp(spec->list_digest, list->digest, LIST_DIGEST_SIZE);
}

/* Of an unknown list the places are counted, in the order that they have themselves; of one with
 * lengths the batches. */
static int make_sampler(struct lineage_session *s, const struct lineage_list *list, struct err *e)
{
    const struct ledger_open *open = &s->book->open;
    const struct spec *spec = &open->spec;
    bool known = !spec->list_count || has_list(spec, list);
    if (spec->pad == FMNIST_PAD_AUTO)
        return err_set(e, -EINVAL, "a spec with pad auto is none that was served");
    s->sampler = (struct sampler){
        .order = known ? spec->order : FMNIST_ORDER_SEQUENTIAL,
        .seed = spec->seed,
        .count = spec->list_count ? spec->list_count : open->images,
        .rank = spec->rank,
        .world_size = spec->world_size,
        .pad = spec->pad,
        .batch_size = spec->batch_size,
        .drop_last = spec->drop_last,
        .list = known && spec->list_count ? list->indices : NULL,
    };
    if (spec->list_batch_count) {
        s->sampler.count = spec->list_batch_count;
        s->sampler.batch_size = 1;
    }
    s->is_counted = !known;
    return sampler_init(&s->sampler, e);
}

/* One that is in this ledger from its midst on begins with what is told first. */
static int take_session(struct lineage_session *s, const struct book_session *book, uint32_t number,
                        const struct lineage_list *list, struct err *e)
{
    *s = (struct lineage_session){.book = book, .number = number};
    int rc = make_sampler(s, list, e);
    if (rc)
        return err_prefix(e, rc, "session %u", number);
    uint64_t first = book->open.first;
    if (book->open.goes_on)
        first = book->run_count ? book->runs[0].first : book_session_end(book);
    uint64_t limit = (SPEC_EPOCH_MAX + 1) * s->sampler.steps, end = book_session_end(book);
    uint64_t most = end > first ? end : first;
    for (size_t i = 0; i < book->run_count; i++)
        most = book->runs[i].end > most ? book->runs[i].end : most;
    if (most > limit)
        return err_set(e, -EINVAL, "session %u: a batch of number %llu is none", number,
                       (unsigned long long)most);
    rc = sampler_check_epoch(&s->sampler, most / s->sampler.steps, e);
    if (rc)
        return err_prefix(e, rc, "session %u", number);
    s->begin = lineage_place(s, first);
    s->end = s->vouched = lineage_place(s, end < first ? first : end);
    return 0;
}

/* It had an end and nothing before it. What an inline one has taken is not always known. */
static bool is_empty(const struct book_session *s)
{
    return s->run_count == 0 && s->ended && s->told <= s->open.first &&
           s->open.spec.transport == FMNIST_SHM;
}

/* ---- how two of them fit ------------------------------------------------------------------- */

static const struct spec *spec_of(const struct lineage_session *s)
{
    return &s->book->open.spec;
}

static bool same_stream(const struct lineage_session *a, const struct lineage_session *b)
{
    const struct ledger_open *x = &a->book->open, *y = &b->book->open;
    return x->uid == y->uid && !memcmp(x->identity, y->identity, sizeof x->identity) &&
           !strcmp(x->program, y->program);
}

/* It has read nothing any more since b was opened. */
static bool is_over(const struct lineage_session *a, const struct lineage_session *b)
{
    return a->book->last_at <= b->book->opened_at;
}

/* b begins where a ended. A token may say that batches which were handed over had come, too; behind
 * a session without an end, or a daemon that died, nobody else knows how many those were. */
static bool continues(const struct book *book, const struct lineage_session *a,
                      const struct lineage_session *b)
{
    int after = place_compare(b->begin, a->end);
    if (after == 0)
        return true;
    if (after < 0 || !b->book->open.at_token)
        return false;
    return !a->book->ended || book_died_between(book, a->book->last_at, b->book->opened_at) ||
           place_compare(b->begin, lineage_place(a, a->book->handed)) <= 0;
}

/* ---- one session and a run ----------------------------------------------------------------- */

/* The run's last session of that rank in its present world; NULL: none. */
static struct lineage_session *last_of_rank(const struct lineage_run *r, uint32_t rank)
{
    struct lineage_session *last = NULL;
    for (struct lineage_session *s = r->first; s; s = s->next) {
        if (spec_of(s)->world_size != r->world_size)
            last = NULL; /* of a world before */
        else if (spec_of(s)->rank == rank)
            last = s;
    }
    return last;
}

/* Where the present world of the run began. */
static const struct lineage_session *first_of_world(const struct lineage_run *r)
{
    const struct lineage_session *first = r->first;
    for (const struct lineage_session *s = r->first; s; s = s->next)
        if (spec_of(s)->world_size != spec_of(first)->world_size)
            first = s;
    return first;
}

/* As ranks of one world do; where those are in the ledger from their midst on, about there. */
static bool begin_alike(const struct lineage_session *a, const struct lineage_session *b)
{
    return place_compare(a->begin, b->begin) == 0 ||
           (a->book->open.goes_on && b->book->open.goes_on);
}

static bool run_is_over(const struct lineage_run *r, const struct lineage_session *s)
{
    bool over = true;
    for (const struct lineage_session *a = r->first; a; a = a->next)
        over = over && is_over(a, s);
    return over;
}

enum fit { FIT_NOT, FIT_JUMPS, FIT_JOINS_ENDED, FIT_JOINS, FIT_CONTINUES };

/* How well s fits behind the run; *before becomes what it goes on from. */
static enum fit fit_of(const struct book *book, const struct lineage_run *r,
                       const struct lineage_session *s, struct lineage_session **before)
{
    bool at_token = s->book->open.at_token;
    *before = NULL;
    if (!same_stream(r->first, s))
        return FIT_NOT;
    if (spec_of(s)->world_size != r->world_size) {
        *before = r->last;
        if (!run_is_over(r, s))
            return FIT_NOT;
        return continues(book, r->last, s) ? FIT_CONTINUES : at_token ? FIT_JUMPS : FIT_NOT;
    }
    *before = last_of_rank(r, spec_of(s)->rank);
    if (!*before) {
        if (!begin_alike(first_of_world(r), s))
            return FIT_NOT;
        return run_is_over(r, s) ? FIT_JOINS_ENDED : FIT_JOINS;
    }
    if (!is_over(*before, s))
        return FIT_NOT;
    return continues(book, *before, s) ? FIT_CONTINUES : at_token ? FIT_JUMPS : FIT_NOT;
}

/* Another goes on from those before it: from one, or, in a new world, from all of the last one.
 * They had all that is before its token, if that was handed over. */
static void vouch(const struct book *book, struct lineage_run *r,
                  const struct lineage_session *before, const struct lineage_session *s)
{
    bool same_world = spec_of(before)->world_size == spec_of(s)->world_size;
    for (struct lineage_session *a = r->first; a; a = a->next) {
        bool counts = same_world ? a == before : last_of_rank(r, spec_of(a)->rank) == a;
        a->goes_on = a->goes_on || counts;
        if (counts && continues(book, a, s) && place_compare(a->vouched, s->begin) < 0)
            a->vouched = s->begin;
    }
}

static void append(struct lineage_run *r, struct lineage_session *s)
{
    if (r->last)
        r->last->next = s;
    else
        r->first = s;
    r->last = s;
    r->world_size = spec_of(s)->world_size;
}

static int begin_run(struct lineage *l, struct lineage_run ***end, struct lineage_session *s)
{
    struct lineage_run *r = calloc(1, sizeof *r);
    if (!r)
        return -ENOMEM;
    append(r, s);
    **end = r;
    *end = &r->next;
    l->run_count++;
    return 0;
}

/* Of two runs that fit equally well, whether the one whose end is `a` is better than `b`'s, which
 * is older: of those that it goes on from the one that came nearest; ranks join the first that
 * lacks them, because two worlds open one after the other. */
static bool is_better(enum fit fit, const struct lineage_session *a,
                      const struct lineage_session *b)
{
    if (fit == FIT_CONTINUES)
        return place_compare(a->end, b->end) >= 0;
    return fit != FIT_JOINS;
}

static int place_session(struct lineage *l, struct lineage_run ***end, struct lineage_session *s)
{
    struct lineage_run *best = NULL;
    struct lineage_session *before = NULL, *of_best = NULL;
    enum fit best_fit = FIT_NOT;
    for (struct lineage_run *r = l->runs; r; r = r->next) {
        enum fit fit = fit_of(l->book, r, s, &before);
        if (fit == FIT_NOT || fit < best_fit ||
            (fit == best_fit && !is_better(fit, before, of_best)))
            continue;
        best = r;
        best_fit = fit;
        of_best = before;
    }
    if (!best)
        return begin_run(l, end, s);
    s->before = of_best;
    s->jumps = best_fit == FIT_JUMPS;
    if (of_best)
        vouch(l->book, best, of_best, s);
    append(best, s);
    return 0;
}

int lineage_make(struct lineage *l, const struct book *b, const struct lineage_list *list,
                 struct err *e)
{
    struct lineage_run **end = &l->runs;
    *l = (struct lineage){.book = b,
                          .sessions = calloc(b->count ? b->count : 1, sizeof *l->sessions)};
    int rc = l->sessions ? 0 : -ENOMEM;
    for (size_t i = 0; i < b->count && !rc; i++) {
        if (is_empty(b->sessions[i]))
            continue;
        struct lineage_session *s = &l->sessions[l->session_count++];
        rc = take_session(s, b->sessions[i], (uint32_t)i + 1, list, e);
        if (!rc)
            rc = place_session(l, &end, s);
    }
    if (rc == -ENOMEM)
        err_set(e, rc, "out of memory");
    if (rc)
        lineage_free(l);
    return rc;
}

void lineage_free(struct lineage *l)
{
    while (l->runs) {
        struct lineage_run *r = l->runs;
        l->runs = r->next;
        free(r);
    }
    free(l->sessions);
    *l = (struct lineage){0};
}
