/* SPDX-License-Identifier: MIT */
/* A small list of permutations, and a table of generators, under one lock. Linear search: there are
 * as many as running streams, and a few hundred others. */
#include "render/permutation_cache.h"

#include "base/clock.h"
#include "fmnist.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

/* Generators kept of one (order, seed, count): readers at several epochs of it, and room for
 * those of others. */
#define WALKS_ALIKE 4u

/* Between two looks at the clock: 50 µs at most. */
#define STEP_WORDS 8192u

/* What a permutation is of, but for the epoch. */
struct generator {
    uint32_t order;
    uint64_t seed, count;
};

struct permutation {
    /* immutable */
    struct generator of;
    uint64_t epoch;
    /* the cache's lock */
    struct permutation *next; /* most recently used first */
    unsigned users;
    bool begun;
    bool whole;
    bool stepping; /* a thread has what follows */
    /* the thread that steps; the lock while none does */
    struct permutation_walk walk;
    uint32_t *indices; /* [count] */
};

/* Where a generator was left, by a permutation that is no more. */
struct left_walk {
    struct generator of; /* count 0: none */
    struct permutation_walk walk;
    uint64_t used; /* when, by the cache's count */
};

struct permutation_cache {
    pthread_mutex_t lock;
    pthread_cond_t changed; /* a step ended */
    struct permutation *first;
    struct budget *budget; /* that idle ones are of; NULL: memory has no end */
    uint64_t idle_bytes;   /* of permutations that nobody uses */
    uint32_t idle_count;
    struct left_walk left[PERMUTATION_CACHE_WALKS];
    uint64_t uses;
};

struct permutation_cache *permutation_cache_new(void)
{
    struct permutation_cache *o = calloc(1, sizeof *o);
    if (!o)
        return NULL;
    pthread_mutex_init(&o->lock, NULL);
    pthread_cond_init(&o->changed, NULL);
    return o;
}

/* A list of them, by `next`. */
static void free_all(struct permutation *p)
{
    for (struct permutation *next; p; p = next) {
        next = p->next;
        assert(p->users == 0);
        free(p->indices);
        free(p);
    }
}

void permutation_cache_free(struct permutation_cache *o)
{
    if (!o)
        return;
    free_all(o->first);
    pthread_cond_destroy(&o->changed);
    pthread_mutex_destroy(&o->lock);
    free(o);
}

uint64_t permutation_cache_stream_bytes(uint32_t order, uint64_t count)
{
    bool needs_one = sampler_needs_permutation(&(struct sampler){.order = order});
    return needs_one ? 2 * count * sizeof(uint32_t) : 0;
}

static struct generator generator_of(const struct sampler *s)
{
    return (struct generator){s->order, s->seed, s->count};
}

static bool is_same(const struct generator *a, const struct generator *b)
{
    return a->order == b->order && a->seed == b->seed && a->count == b->count;
}

/* ---- generators ---------------------------------------------------------------------------- */

static bool is_further(const struct permutation_walk *a, const struct permutation_walk *b)
{
    return !b || a->epoch > b->epoch || (a->epoch == b->epoch && a->at > b->at);
}

static struct left_walk *nearest_left(struct permutation_cache *o, const struct sampler *s,
                                      uint64_t epoch)
{
    const struct generator of = generator_of(s);
    struct left_walk *best = NULL;
    for (struct left_walk *w = o->left; w < o->left + PERMUTATION_CACHE_WALKS; w++)
        if (is_same(&w->of, &of) && permutation_walk_leads(&w->walk, s, epoch) &&
            is_further(&w->walk, best ? &best->walk : NULL))
            best = w;
    return best;
}

/* The walk nearest to the epoch, of a permutation that is there or was; NULL: none leads there. */
static const struct permutation_walk *nearest_walk(struct permutation_cache *o,
                                                   const struct sampler *s, uint64_t epoch)
{
    const struct generator of = generator_of(s);
    struct left_walk *left = nearest_left(o, s, epoch);
    const struct permutation_walk *best = NULL;
    if (left) {
        left->used = ++o->uses;
        best = &left->walk;
    }
    for (const struct permutation *p = o->first; p; p = p->next)
        if (is_same(&p->of, &of) && p->begun && !p->stepping &&
            permutation_walk_leads(&p->walk, s, epoch) && is_further(&p->walk, best))
            best = &p->walk;
    return best;
}

/* The place that a generator left now takes: that of one not used for long, of the same kind where
 * there are several. */
static struct left_walk *place_for(struct permutation_cache *o, const struct generator *of)
{
    struct left_walk *alike = NULL, *oldest = o->left;
    uint32_t count = 0;
    for (struct left_walk *w = o->left; w < o->left + PERMUTATION_CACHE_WALKS; w++) {
        if (w->used < oldest->used)
            oldest = w;
        if (!is_same(&w->of, of))
            continue;
        count++;
        if (!alike || w->used < alike->used)
            alike = w;
    }
    return count >= WALKS_ALIKE ? alike : oldest;
}

/* Keeps the generator of a permutation that goes. */
static void leave_walk(struct permutation_cache *o, const struct permutation *p)
{
    assert(!p->stepping);
    if (!p->begun || p->of.order == FMNIST_ORDER_TORCH)
        return;
    *place_for(o, &p->of) = (struct left_walk){.of = p->of, .walk = p->walk, .used = ++o->uses};
}

/* ---- permutations -------------------------------------------------------------------------- */

static struct permutation *find(struct permutation_cache *o, const struct sampler *s,
                                uint64_t epoch)
{
    const struct generator of = generator_of(s);
    for (struct permutation *p = o->first; p; p = p->next)
        if (is_same(&p->of, &of) && p->epoch == epoch)
            return p;
    return NULL;
}

/* Takes p out of the list. */
static void unlink_entry(struct permutation_cache *o, struct permutation *p)
{
    struct permutation **at = &o->first;
    while (*at != p)
        at = &(*at)->next;
    *at = p->next;
}

static void put_first(struct permutation_cache *o, struct permutation *p)
{
    p->next = o->first;
    o->first = p;
}

static uint64_t bytes_of(const struct permutation *p)
{
    return sizeof *p + p->of.count * sizeof *p->indices;
}

static struct permutation *permutation_new(const struct sampler *s, uint64_t epoch)
{
    struct permutation *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->indices = malloc(s->count * sizeof *p->indices);
    if (!p->indices) {
        free(p);
        return NULL;
    }
    p->of = generator_of(s);
    p->epoch = epoch;
    return p;
}

static bool begin_idling(struct permutation_cache *o, const struct permutation *p)
{
    uint64_t bytes = bytes_of(p);
    if (!budget_take(o->budget, bytes))
        return false;
    o->idle_bytes += bytes;
    o->idle_count++;
    return true;
}

static void end_idling(struct permutation_cache *o, const struct permutation *p)
{
    uint64_t bytes = bytes_of(p);
    budget_give(o->budget, bytes);
    o->idle_bytes -= bytes;
    o->idle_count--;
}

struct permutation *permutation_cache_get(struct permutation_cache *o, const struct sampler *s,
                                          uint64_t epoch)
{
    pthread_mutex_lock(&o->lock);
    struct permutation *p = find(o, s, epoch);
    if (p) {
        if (p->users == 0)
            end_idling(o, p);
        unlink_entry(o, p);
    } else {
        p = permutation_new(s, epoch);
    }
    if (p) {
        p->users++;
        put_first(o, p);
    }
    pthread_mutex_unlock(&o->lock);
    return p;
}

/* Without the lock: p->stepping is ours. */
static bool walk_on(struct permutation *p, const struct sampler *s)
{
    uint64_t end_ns = clock_ns() + PERMUTATION_STEP_NS;
    bool whole;
    do
        whole = permutation_walk_step(&p->walk, s, p->indices, STEP_WORDS);
    while (!whole && clock_ns() < end_ns);
    return whole;
}

bool permutation_cache_step(struct permutation_cache *o, struct permutation *p,
                            const struct sampler *s, bool wait)
{
    pthread_mutex_lock(&o->lock);
    assert(p->users > 0);
    if (p->stepping && wait)
        pthread_cond_wait(&o->changed, &o->lock);
    if (!p->whole && !p->stepping) {
        if (!p->begun)
            permutation_walk_begin(&p->walk, s, p->epoch, nearest_walk(o, s, p->epoch));
        p->begun = p->stepping = true;
        pthread_mutex_unlock(&o->lock);
        bool whole = walk_on(p, s);
        pthread_mutex_lock(&o->lock);
        p->stepping = false;
        p->whole = whole;
        pthread_cond_broadcast(&o->changed);
    }
    bool whole = p->whole;
    pthread_mutex_unlock(&o->lock);
    return whole;
}

/* Takes permutations that nobody uses out of the list until the others keep to the bounds. The list
 * is walked only where something has to go. */
static struct permutation *take_idle(struct permutation_cache *o, uint64_t most_bytes)
{
    struct permutation *taken = NULL;
    while (o->idle_bytes > most_bytes || o->idle_count > PERMUTATION_CACHE_IDLE_COUNT) {
        struct permutation *last = NULL;
        for (struct permutation *p = o->first; p; p = p->next)
            last = p->users ? last : p;
        assert(last);
        end_idling(o, last);
        unlink_entry(o, last);
        leave_walk(o, last);
        last->next = taken;
        taken = last;
    }
    return taken;
}

void permutation_cache_share(struct permutation_cache *o, struct budget *budget)
{
    assert(!o->first);
    o->budget = budget;
}

void permutation_cache_drop_idle(struct permutation_cache *o)
{
    pthread_mutex_lock(&o->lock);
    struct permutation *gone = take_idle(o, 0);
    pthread_mutex_unlock(&o->lock);
    free_all(gone);
}

void permutation_cache_put(struct permutation_cache *o, struct permutation *p)
{
    struct permutation *gone = NULL;
    if (!p)
        return;
    pthread_mutex_lock(&o->lock);
    assert(p->users > 0);
    if (--p->users == 0 && p->whole && begin_idling(o, p)) {
        gone = take_idle(o, PERMUTATION_CACHE_IDLE_BYTES);
    } else if (p->users == 0) {
        unlink_entry(o, p);
        leave_walk(o, p);
        p->next = NULL;
        gone = p;
    }
    pthread_mutex_unlock(&o->lock);
    free_all(gone);
}

const uint32_t *permutation_indices(const struct permutation *p)
{
    return p->indices;
}

uint64_t permutation_cache_bytes(struct permutation_cache *o)
{
    uint64_t bytes = 0;
    pthread_mutex_lock(&o->lock);
    for (const struct permutation *p = o->first; p; p = p->next)
        bytes += bytes_of(p);
    pthread_mutex_unlock(&o->lock);
    return bytes;
}
