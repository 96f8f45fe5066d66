/* A small list of permutations under one lock. Linear search: there are as many as running streams.
 */
#include "render/permutation_cache.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

struct permutation {
    struct permutation *next; /* most recently used first */
    uint32_t order;
    uint64_t seed, count, epoch;
    unsigned users;
    bool built;
    struct permutation_state after; /* running orders: the generator behind this epoch */
    uint32_t *indices;              /* [count] */
};

struct permutation_cache {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct permutation *first;
    uint64_t idle_bytes; /* of permutations that nobody uses */
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

static void permutation_free(struct permutation *p)
{
    free(p->indices);
    free(p);
}

void permutation_cache_free(struct permutation_cache *o)
{
    if (!o)
        return;
    for (struct permutation *p = o->first, *next; p; p = next) {
        next = p->next;
        assert(p->users == 0);
        permutation_free(p);
    }
    pthread_cond_destroy(&o->changed);
    pthread_mutex_destroy(&o->lock);
    free(o);
}

uint64_t permutation_cache_stream_bytes(uint32_t order, uint64_t count)
{
    bool needs_one = sampler_needs_permutation(&(struct sampler){.order = order});
    return needs_one ? 2 * count * sizeof(uint32_t) : 0;
}

static bool same_generator(const struct permutation *p, const struct sampler *s)
{
    return p->order == s->order && p->seed == s->seed && p->count == s->count;
}

static struct permutation *find(struct permutation_cache *o, const struct sampler *s,
                                uint64_t epoch)
{
    for (struct permutation *p = o->first; p; p = p->next)
        if (same_generator(p, s) && p->epoch == epoch)
            return p;
    return NULL;
}

/* The furthest state at or before the epoch; an invalid one where there is none. */
static struct permutation_state nearest_state(struct permutation_cache *o, const struct sampler *s,
                                              uint64_t epoch)
{
    struct permutation_state best = {.valid = false};
    for (struct permutation *p = o->first; p; p = p->next)
        if (same_generator(p, s) && p->built && p->after.valid && p->after.epoch <= epoch &&
            (!best.valid || p->after.epoch > best.epoch))
            best = p->after;
    return best;
}

/* Takes p out of the list. */
static void unlink_entry(struct permutation_cache *o, struct permutation *p)
{
    struct permutation **at = &o->first;
    while (*at != p)
        at = &(*at)->next;
    *at = p->next;
}

static uint64_t bytes_of(const struct permutation *p)
{
    return p->count * sizeof(uint32_t);
}

/* The list is walked only where something has to go: a put for each chunk of each stream. */
static void drop_idle(struct permutation_cache *o)
{
    while (o->idle_bytes > PERMUTATION_CACHE_IDLE_BYTES) {
        struct permutation **last = NULL;
        for (struct permutation **at = &o->first; *at; at = &(*at)->next)
            last = (*at)->users ? last : at;
        assert(last);
        struct permutation *p = *last;
        o->idle_bytes -= bytes_of(p);
        *last = p->next;
        permutation_free(p);
    }
}

static struct permutation *add_entry(struct permutation_cache *o, const struct sampler *s,
                                     uint64_t epoch)
{
    struct permutation *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->indices = malloc(s->count * sizeof *p->indices);
    if (!p->indices) {
        free(p);
        return NULL;
    }
    p->order = s->order;
    p->seed = s->seed;
    p->count = s->count;
    p->epoch = epoch;
    p->users = 1;
    p->next = o->first;
    o->first = p;
    return p;
}

static struct permutation *take(struct permutation_cache *o, const struct sampler *s,
                                uint64_t epoch, bool wait)
{
    pthread_mutex_lock(&o->lock);
    struct permutation *p = find(o, s, epoch);
    if (p) {
        if (p->users++ == 0)
            o->idle_bytes -= bytes_of(p);
        while (wait && !p->built)
            pthread_cond_wait(&o->changed, &o->lock);
        unlink_entry(o, p);
        p->next = o->first;
        o->first = p;
        pthread_mutex_unlock(&o->lock);
        return p;
    }
    p = add_entry(o, s, epoch);
    if (!p) {
        pthread_mutex_unlock(&o->lock);
        return NULL;
    }
    struct permutation_state state = nearest_state(o, s, epoch);
    pthread_mutex_unlock(&o->lock);

    permutation_build(s, epoch, p->indices, &state);

    pthread_mutex_lock(&o->lock);
    p->after = state;
    p->built = true;
    pthread_cond_broadcast(&o->changed);
    pthread_mutex_unlock(&o->lock);
    return p;
}

struct permutation *permutation_cache_get(struct permutation_cache *o, const struct sampler *s,
                                          uint64_t epoch)
{
    return take(o, s, epoch, true);
}

struct permutation *permutation_cache_hold(struct permutation_cache *o, const struct sampler *s,
                                           uint64_t epoch)
{
    return take(o, s, epoch, false);
}

void permutation_cache_put(struct permutation_cache *o, struct permutation *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&o->lock);
    assert(p->users > 0);
    if (--p->users == 0)
        o->idle_bytes += bytes_of(p);
    drop_idle(o);
    pthread_mutex_unlock(&o->lock);
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
