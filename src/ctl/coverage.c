/* SPDX-License-Identifier: MIT */
/* Counting what a run has had. Which sessions are a run is lineage.c's. */
#include "ctl/coverage.h"

#include "ctl/alike.h"
#include "ctl/orders.h"
#include "ledger/sum.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct check {
    const struct lineage_run *run;
    const struct coverage_told *told;
    struct coverage_sum *sum;
    struct orders orders;
    uint8_t *counts; /* [places]: how often each of the epoch's samples was acknowledged */
    uint64_t places; /* of samples and padding */
    struct place_in begin, far; /* of the run: what is before is not here; behind its last batch */
    uint64_t asked;             /* epochs up to this one were asked for; 0: no end was */
};

static struct place_in furthest(const struct lineage_session *s)
{
    return place_compare(s->end, s->vouched) < 0 ? s->vouched : s->end;
}

/* ---- the run as a whole -------------------------------------------------------------------- */

static void look_at_run(struct check *c)
{
    const struct lineage_session *first = c->run->first;
    c->begin = first->begin;
    for (const struct lineage_session *s = first; s; s = s->next) {
        const struct spec *spec = &s->book->open.spec;
        uint64_t places = s->sampler.count + s->sampler.world_size;
        c->places = places > c->places ? places : c->places;
        if (!s->before && spec->world_size == first->book->open.spec.world_size &&
            place_compare(s->begin, c->begin) > 0)
            c->begin = s->begin;
        if (place_compare(furthest(s), c->far) > 0)
            c->far = furthest(s);
        c->asked = spec->epochs ? spec->epoch + spec->epochs : 0; /* the last one's */
    }
}

/* ---- one epoch ----------------------------------------------------------------------------- */

/* The first sample of a step of the rank, or behind its last. */
static uint64_t sample_of(const struct sampler *s, uint64_t step)
{
    uint64_t all = s->drop_last ? s->steps * s->batch_size : s->shard_count;
    return step < s->steps ? sampler_batch_first(s, step) : all;
}

/* What of [from, to) lies in the epoch, as steps. */
static bool clip(struct place_in from, struct place_in to, uint64_t epoch, uint64_t *first,
                 uint64_t *end)
{
    *first = from.epoch < epoch ? 0 : from.step;
    *end = to.epoch > epoch ? UINT64_MAX : to.step;
    return from.epoch <= epoch && to.epoch >= epoch && *first < *end;
}

static void count_steps(struct check *c, const struct sampler *s, uint64_t first, uint64_t end)
{
    for (uint64_t i = sample_of(s, first), stop = sample_of(s, end); i < stop; i++) {
        uint8_t *count = &c->counts[s->rank + i * s->world_size];
        *count += *count < UINT8_MAX;
    }
}

static void fill_steps(struct check *c, const struct sampler *s, uint64_t first, uint64_t end,
                       struct coverage_epoch *e)
{
    for (uint64_t i = sample_of(s, first), stop = sample_of(s, end); i < stop; i++) {
        uint8_t *count = &c->counts[s->rank + i * s->world_size];
        e->by_token += *count == 0;
        *count += *count == 0;
    }
}

static void count_epoch(struct check *c, struct coverage_epoch *e)
{
    uint64_t first, end;
    memset(c->counts, 0, c->places);
    for (const struct lineage_session *s = c->run->first; s; s = s->next)
        for (size_t i = 0; i < s->book->run_count; i++) {
            const struct book_run *r = &s->book->runs[i];
            if (clip(lineage_place(s, r->first), lineage_place(s, r->end), e->epoch, &first, &end))
                count_steps(c, &s->sampler, first, end);
        }
    for (const struct lineage_session *s = c->run->first; s; s = s->next)
        if (clip(s->end, s->vouched, e->epoch, &first, &end))
            fill_steps(c, &s->sampler, first, end, e);
}

/* ---- what is found ------------------------------------------------------------------------- */

/* The sessions that have the sample at this place of the epoch's order. */
static void name_sessions(const struct check *c, struct coverage_find *f, uint64_t epoch,
                          uint64_t place)
{
    int named = 0;
    for (const struct lineage_session *s = c->run->first; s && named < 2; s = s->next) {
        uint64_t i = place / s->sampler.world_size;
        struct place_in at = {epoch, i / s->sampler.batch_size};
        if (place % s->sampler.world_size != s->sampler.rank || at.step >= s->sampler.steps)
            continue;
        uint64_t number = lineage_number(s, at);
        for (size_t k = 0; k < s->book->run_count && named < 2; k++)
            if (number >= s->book->runs[k].first && number < s->book->runs[k].end)
                f->sessions[named++] = s->number;
    }
}

/* Room for one index more is made at each power of two. */
static int add_index(struct coverage_find *f, uint32_t index)
{
    if ((f->count & (f->count - 1)) == 0) {
        size_t room = f->count ? 2 * f->count : 1;
        uint32_t *indices = realloc(f->indices, room * sizeof *indices);
        if (!indices)
            return -ENOMEM;
        f->indices = indices;
    }
    f->indices[f->count++] = index;
    return 0;
}

/* The one to which a sample of that step belongs, if it goes on. */
static struct coverage_find *find_at(struct coverage_epoch *e, enum coverage_kind kind,
                                     uint32_t rank, uint64_t step)
{
    for (size_t i = e->find_count; i-- > 0 && e->finds[i].rank == rank;) {
        struct coverage_find *f = &e->finds[i];
        if (f->kind == kind)
            return step <= f->last_step + 1 ? f : NULL;
    }
    return NULL;
}

static struct coverage_find *new_find(struct coverage_epoch *e)
{
    if (e->find_count == e->find_room) {
        size_t room = e->find_room ? 2 * e->find_room : 8;
        struct coverage_find *finds = realloc(e->finds, room * sizeof *finds);
        if (!finds)
            return NULL;
        e->finds = finds;
        e->find_room = room;
    }
    struct coverage_find *f = &e->finds[e->find_count++];
    *f = (struct coverage_find){0};
    return f;
}

/* Which image that is. */
static int index_of(struct check *c, const struct sampler *s, uint64_t epoch, uint64_t place,
                    uint32_t *index)
{
    const uint32_t *permutation;
    struct sampler whole = *s;
    whole.rank = 0;
    whole.world_size = 1;
    whole.shard_count = whole.count;
    int rc = orders_get(&c->orders, s, epoch, &permutation);
    if (!rc)
        sampler_indices(&whole, epoch, permutation, place % s->count, 1, index);
    return rc;
}

static int note(struct check *c, struct coverage_epoch *e, enum coverage_kind kind,
                const struct sampler *s, uint64_t sample)
{
    uint64_t step = sample / s->batch_size, place = s->rank + sample * s->world_size;
    struct coverage_find *f = find_at(e, kind, s->rank, step);
    if (e->last > e->epoch || (!f && e->find_count == COVERAGE_FINDS_MAX)) {
        e->unnamed++;
        return 0;
    }
    if (!f) {
        f = new_find(e);
        if (!f)
            return -ENOMEM;
        f->kind = kind;
        f->rank = s->rank;
        f->first_step = step;
        name_sessions(c, f, e->epoch, place);
    }
    f->last_step = step;
    uint32_t index;
    int rc = index_of(c, s, e->epoch, place, &index);
    return rc ? rc : add_index(f, index);
}

/* ---- what is due --------------------------------------------------------------------------- */

/* Whether some rank has a batch of a later epoch. */
static bool is_passed(const struct check *c, uint64_t epoch)
{
    return c->far.epoch > epoch + 1 || (c->far.epoch == epoch + 1 && c->far.step > 0);
}

/* The session whose world says what is due: the last one that has something of the epoch. */
static const struct lineage_session *world_of(const struct check *c, uint64_t epoch)
{
    const struct lineage_session *last = c->run->first;
    for (const struct lineage_session *s = c->run->first; s; s = s->next)
        if (s->begin.epoch <= epoch)
            last = s;
    return last;
}

/* What is known of one rank of that world. */
struct rank {
    struct sampler sampler;
    uint64_t all;    /* its samples of the epoch */
    uint64_t begin;  /* before the run begins */
    uint64_t passed; /* before its furthest batch */
    bool is_open;    /* its last session has no END: what is behind it may have come */
};

/* Returns false for a rank that has no batch. */
static bool look_at_rank(const struct check *c, const struct sampler *world, uint32_t number,
                         uint64_t epoch, struct rank *r)
{
    *r = (struct rank){.sampler = *world};
    r->sampler.rank = number;
    if (sampler_init(&r->sampler, NULL))
        return false;
    r->all = sample_of(&r->sampler, r->sampler.steps);
    if (c->begin.epoch == epoch)
        r->begin = sample_of(&r->sampler, c->begin.step);
    for (const struct lineage_session *s = c->run->first; s; s = s->next) {
        if (s->sampler.world_size != world->world_size || s->sampler.rank != number)
            continue;
        struct place_in far = furthest(s);
        uint64_t n = far.epoch > epoch    ? r->all
                     : far.epoch == epoch ? sample_of(&r->sampler, far.step)
                                          : 0;
        r->passed = n > r->passed ? n : r->passed;
        r->is_open = !s->book->ended && !s->goes_on;
    }
    return true;
}

/* `due`: the run has gone past it, or it was asked for. */
static int judge_sample(struct check *c, struct coverage_epoch *e, const struct rank *r, uint64_t i,
                        bool due)
{
    const struct sampler *s = &r->sampler;
    uint8_t count = c->counts[s->rank + i * s->world_size];
    e->due += due;
    e->got += count > 0 && s->rank + i * s->world_size < s->count;
    if (count > 1) {
        e->repeated++;
        return note(c, e, COVERAGE_REPEATED, s, i);
    }
    if (count == 1 || !due)
        return 0;
    if (r->is_open && i >= r->passed) {
        e->open++;
        return note(c, e, COVERAGE_OPEN, s, i);
    }
    e->missed++;
    return note(c, e, COVERAGE_MISSED, s, i);
}

static int judge_rank(struct check *c, struct coverage_epoch *e, const struct rank *r)
{
    bool whole = is_passed(c, e->epoch) || c->asked > e->epoch;
    e->so_far = e->so_far || (!whole && r->passed < r->all);
    for (uint64_t i = 0; i < r->all; i++) {
        bool padding = r->sampler.rank + i * r->sampler.world_size >= r->sampler.count;
        e->before += i < r->begin && !padding;
        e->padding += padding;
        e->left_out -= !padding;
        int rc = judge_sample(c, e, r, i, i >= r->begin && (whole || i < r->passed));
        if (rc)
            return rc;
    }
    return 0;
}

static int judge_epoch(struct check *c, struct coverage_epoch *e)
{
    const struct sampler *world = &world_of(c, e->epoch)->sampler;
    e->world_size = world->world_size;
    e->samples = e->left_out = world->count;
    int rc = 0;
    for (uint32_t number = 0; number < world->world_size && !rc; number++) {
        struct rank r;
        if (look_at_rank(c, world, number, e->epoch, &r))
            rc = judge_rank(c, e, &r);
    }
    return rc;
}

static void free_finds(struct coverage_epoch *e)
{
    for (size_t i = 0; i < e->find_count; i++)
        free(e->finds[i].indices);
    free(e->finds);
}

/* The epochs from `epoch` to `last`, which are alike. */
static int check_epochs(struct check *c, uint64_t epoch, uint64_t last)
{
    struct coverage_epoch e = {.epoch = epoch, .last = last};
    uint64_t times = last - epoch + 1;
    count_epoch(c, &e);
    int rc = judge_epoch(c, &e);
    if (!rc)
        c->told->epoch(c->told->data, &e);
    coverage_add(&c->sum->missed, times, e.missed);
    coverage_add(&c->sum->repeated, times, e.repeated);
    coverage_add(&c->sum->open, times, e.open);
    coverage_add(&c->sum->by_token, times, e.by_token);
    free_finds(&e);
    return rc;
}

/* Each epoch before `end`; many that are alike as one. Returns 0 or -ENOMEM. */
static int check_all_epochs(struct check *c, uint64_t end)
{
    uint64_t cut = 0;
    int rc = 0;
    for (uint64_t epoch = c->begin.epoch, next; epoch < end && !rc; epoch = next) {
        if (cut <= epoch) {
            cut = alike_until(c->run, c->far, epoch);
            cut = c->asked > epoch && c->asked < cut ? c->asked : cut;
            cut = cut < end ? cut : end;
        }
        next = cut - epoch > COVERAGE_ALIKE_MAX ? cut : epoch + 1;
        rc = check_epochs(c, epoch, next - 1);
    }
    return rc;
}

/* ---- sums ---------------------------------------------------------------------------------- */

static int check_sum(struct check *c, const struct lineage_session *s, const struct book_run *r,
                     uint32_t *indices)
{
    const struct sampler *sampler = &s->sampler;
    uint64_t sum = 0;
    for (uint64_t n = r->first; n < r->end; n++) {
        struct place_in p = lineage_place(s, n);
        const uint32_t *permutation;
        uint64_t first = sampler_batch_first(sampler, p.step);
        uint64_t count = sampler_batch_count(sampler, p.step);
        int rc = orders_get(&c->orders, sampler, p.epoch, &permutation);
        if (rc)
            return rc;
        sampler_indices(sampler, p.epoch, permutation, first, count, indices);
        sum += ledger_batch_sum(n, indices, count);
    }
    if (sum != r->sum) {
        c->sum->wrong++;
        c->told->wrong(c->told->data, &(struct coverage_wrong){s, r});
    }
    return 0;
}

static int check_sums(struct check *c)
{
    int rc = 0;
    for (const struct lineage_session *s = c->run->first; s && !rc; s = s->next) {
        uint64_t largest = s->sampler.shard_count < s->sampler.batch_size ? s->sampler.shard_count
                                                                          : s->sampler.batch_size;
        if (s->is_counted)
            continue;
        uint32_t *indices = malloc(largest * sizeof *indices);
        rc = indices ? 0 : -ENOMEM;
        for (size_t i = 0; i < s->book->run_count && !rc; i++) {
            const struct book_run *r = &s->book->runs[i];
            rc = check_sum(c, s, r, indices);
            c->told->passed(c->told->data, r->end - r->first);
        }
        free(indices);
    }
    return rc;
}

void coverage_add(uint64_t *sum, uint64_t times, uint64_t n)
{
    uint64_t more;
    if (__builtin_mul_overflow(times, n, &more) || __builtin_add_overflow(*sum, more, sum))
        *sum = UINT64_MAX;
}

bool coverage_has_any(const struct lineage_run *r)
{
    for (const struct lineage_session *s = r->first; s; s = s->next)
        if (place_compare(furthest(s), s->begin) > 0 || !s->book->ended)
            return true;
    return false;
}

int coverage_check(const struct lineage_run *r, const struct coverage_told *told,
                   struct coverage_sum *sum, struct err *e)
{
    struct check c = {.run = r, .told = told, .sum = sum};
    *sum = (struct coverage_sum){0};
    look_at_run(&c);
    c.counts = malloc(c.places);
    int rc = c.counts ? check_sums(&c) : -ENOMEM;
    uint64_t end = c.far.epoch + (c.far.step > 0);
    rc = rc ? rc : check_all_epochs(&c, end);
    end = end > c.begin.epoch ? end : c.begin.epoch;
    sum->not_reached = c.asked > end ? c.asked - end : 0;
    free(c.counts);
    orders_close(&c.orders);
    return rc ? err_set(e, rc, "out of memory") : 0;
}
