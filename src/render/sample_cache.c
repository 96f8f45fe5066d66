/* SPDX-License-Identifier: MIT */
/* The sample store. Does not know orders, batches or pixel types: only images and their samples. */
#include "render/sample_cache.h"

#include "base/bytes.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

enum sample_state { SAMPLE_EMPTY, SAMPLE_CLAIMED, SAMPLE_READY };

struct sample_entry {
    /* immutable */
    struct sample_cache *store;
    const struct dataset_split *split;
    uint32_t rule, height, width;
    struct resize_plan *plan;
    size_t sample_bytes;
    size_t image_bytes;
    bool is_dataset; /* samples are the dataset's own bytes */
    uint64_t kept;   /* samples 0 .. kept - 1 have room here */
    uint64_t bytes;  /* of that room, and of the states */
    /* workers */
    uint8_t *samples;        /* [kept][sample_bytes] */
    _Atomic uint8_t *states; /* [kept] enum sample_state */
    _Atomic uint64_t filled;
    /* store->lock */
    struct sample_entry *next; /* most recently used first */
    unsigned users;
};

struct sample_cache {
    pthread_mutex_t lock;
    struct budget *shared; /* with all else; NULL: memory has no end */
    uint64_t budget;
    uint64_t reserved;
    struct sample_entry *first;
    uint32_t idle_count; /* entries that nobody uses */
};

struct sample_cache *sample_cache_new(uint64_t budget_bytes)
{
    struct sample_cache *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    pthread_mutex_init(&s->lock, NULL);
    s->budget = budget_bytes;
    return s;
}

/* Entries that the store has no more, by `next`; without its lock: gigabytes take milliseconds. */
static void free_all(struct sample_entry *entry)
{
    for (struct sample_entry *next; entry; entry = next) {
        next = entry->next;
        assert(entry->users == 0);
        if (entry->samples)
            munmap(entry->samples, entry->kept * entry->sample_bytes);
        free((void *)entry->states);
        resize_plan_free(entry->plan);
        free(entry);
    }
}

void sample_cache_free(struct sample_cache *s)
{
    if (!s)
        return;
    free_all(s->first);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

/* ---- room ---------------------------------------------------------------------------------- */

static uint64_t room_of(const struct sample_cache *s)
{
    return s->budget > s->reserved ? s->budget - s->reserved : 0;
}

/* Takes an entry that nobody uses out of the store, and puts it before those in `gone`. */
static void take_out(struct sample_cache *s, struct sample_entry *entry, struct sample_entry **gone)
{
    struct sample_entry **at = &s->first;
    assert(entry->users == 0 && s->idle_count > 0);
    while (*at != entry)
        at = &(*at)->next;
    *at = entry->next;
    s->reserved -= entry->bytes;
    budget_give(s->shared, entry->bytes);
    s->idle_count--;
    entry->next = *gone;
    *gone = entry;
}

/* Takes out the least recently used entry that nobody uses. Returns false where there is none. */
static bool take_out_oldest(struct sample_cache *s, struct sample_entry **gone)
{
    struct sample_entry *oldest = NULL;
    for (struct sample_entry *entry = s->first; entry; entry = entry->next)
        oldest = entry->users ? oldest : entry;
    if (!oldest)
        return false;
    take_out(s, oldest, gone);
    return true;
}

/* Takes entries out until `bytes` fit or all are in use. */
static void make_room(struct sample_cache *s, uint64_t bytes, struct sample_entry **gone)
{
    while (room_of(s) < bytes && take_out_oldest(s, gone))
        ;
}

static bool map_samples(struct sample_entry *entry, uint64_t kept, uint64_t each)
{
    uint64_t bytes = kept * entry->sample_bytes;
    void *samples = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (samples == MAP_FAILED)
        return false;
    entry->states = calloc(kept, sizeof *entry->states);
    if (!entry->states) {
        munmap(samples, bytes);
        return false;
    }
    /* A gather in random order misses the TLB on every sample otherwise. */
    madvise(samples, bytes, MADV_HUGEPAGE);
    entry->samples = samples;
    entry->bytes = kept * each;
    entry->kept = kept;
    return true;
}

/* Reserves room for as many samples as both budgets hold. Keeping none is no error. */
static void reserve_room(struct sample_cache *s, struct sample_entry *entry,
                         struct sample_entry **gone)
{
    const uint64_t each = entry->sample_bytes + sizeof *entry->states;
    uint64_t wanted;
    if (!size_mul(each, entry->split->count, &wanted))
        wanted = UINT64_MAX;
    make_room(s, wanted, gone);
    uint64_t room = room_of(s);
    uint64_t kept = wanted <= room ? entry->split->count : room / each;
    uint64_t taken = budget_take_some(s->shared, kept * each, budget_quarter(s->shared));
    kept = taken / each;
    if (kept == 0 || !map_samples(entry, kept, each)) {
        budget_give(s->shared, taken);
        return;
    }
    budget_give(s->shared, taken - entry->bytes);
    s->reserved += entry->bytes;
}

/* ---- entries ------------------------------------------------------------------------------- */

/* What an entry is of. */
struct entry_key {
    const struct dataset_split *split;
    uint32_t rule, height, width;
};

/* Without room, and not in the store yet. */
static int entry_new(struct sample_cache *s, const struct entry_key *key, struct sample_entry **out,
                     struct err *e)
{
    const struct dataset_split *split = key->split;
    struct sample_entry *entry = calloc(1, sizeof *entry);
    if (!entry)
        return err_set(e, -ENOMEM, "out of memory");
    struct resize_shape shape = {
        .in_h = split->height,
        .in_w = split->width,
        .channels = split->channels,
        .out_h = key->height,
        .out_w = key->width,
    };
    int rc = resize_plan_new(&entry->plan, key->rule, &shape, e);
    if (rc) {
        free(entry);
        return rc;
    }
    entry->store = s;
    entry->split = split;
    entry->rule = key->rule;
    entry->height = key->height;
    entry->width = key->width;
    entry->image_bytes = (size_t)split->height * split->width * split->channels;
    entry->sample_bytes = resize_sample_bytes(entry->plan);
    entry->is_dataset = resize_is_copy(entry->plan) && split->channels == 1;
    *out = entry;
    return 0;
}

/* Finds the entry, moves it to the front and uses it; NULL: there is none. */
static struct sample_entry *use(struct sample_cache *s, const struct entry_key *key)
{
    struct sample_entry **at = &s->first;
    while (*at && !((*at)->split == key->split && (*at)->rule == key->rule &&
                    (*at)->height == key->height && (*at)->width == key->width))
        at = &(*at)->next;
    struct sample_entry *entry = *at;
    if (!entry)
        return NULL;
    *at = entry->next;
    entry->next = s->first;
    s->first = entry;
    s->idle_count -= entry->users++ == 0;
    return entry;
}

/* Puts a new entry in and uses it, with the room that there is. */
static void put_in(struct sample_cache *s, struct sample_entry *entry, struct sample_entry **gone)
{
    if (!entry->is_dataset)
        reserve_room(s, entry, gone);
    entry->users = 1;
    entry->next = s->first;
    s->first = entry;
}

int sample_cache_get(struct sample_cache *s, const struct dataset_split *split, uint32_t rule,
                     uint32_t height, uint32_t width, struct sample_entry **out, struct err *e)
{
    const struct entry_key key = {split, rule, height, width};
    struct sample_entry *made = NULL, *gone = NULL;
    pthread_mutex_lock(&s->lock);
    *out = use(s, &key);
    pthread_mutex_unlock(&s->lock);
    if (*out)
        return 0;
    int rc = entry_new(s, &key, &made, e);
    if (!made)
        return rc;
    pthread_mutex_lock(&s->lock);
    *out = use(s, &key); /* another made it meanwhile */
    if (*out) {
        gone = made;
    } else {
        put_in(s, made, &gone);
        *out = made;
    }
    pthread_mutex_unlock(&s->lock);
    free_all(gone);
    return 0;
}

/* One that holds nothing goes at once. */
void sample_entry_put(struct sample_entry *entry)
{
    struct sample_entry *gone = NULL;
    if (!entry)
        return;
    struct sample_cache *s = entry->store;
    pthread_mutex_lock(&s->lock);
    assert(entry->users > 0);
    if (--entry->users == 0) {
        s->idle_count++;
        if (atomic_load_explicit(&entry->filled, memory_order_relaxed) == 0)
            take_out(s, entry, &gone);
        else if (s->idle_count > SAMPLE_CACHE_IDLE_COUNT)
            take_out_oldest(s, &gone);
    }
    pthread_mutex_unlock(&s->lock);
    free_all(gone);
}

void sample_cache_forget(struct sample_cache *s, const struct dataset_split *split)
{
    struct sample_entry *gone = NULL;
    pthread_mutex_lock(&s->lock);
    for (struct sample_entry *entry = s->first, *next; entry; entry = next) {
        next = entry->next;
        if (entry->split == split)
            take_out(s, entry, &gone);
    }
    pthread_mutex_unlock(&s->lock);
    free_all(gone);
}

void sample_cache_resize(struct sample_cache *s, uint64_t budget_bytes)
{
    struct sample_entry *gone = NULL;
    pthread_mutex_lock(&s->lock);
    s->budget = budget_bytes;
    while (s->reserved > s->budget && take_out_oldest(s, &gone))
        ;
    pthread_mutex_unlock(&s->lock);
    free_all(gone);
}

/* ---- samples ------------------------------------------------------------------------------- */

void sample_cache_share(struct sample_cache *s, struct budget *budget)
{
    assert(!s->first);
    s->shared = budget;
}

void sample_cache_drop_idle(struct sample_cache *s, uint64_t bytes)
{
    struct sample_entry *gone = NULL;
    pthread_mutex_lock(&s->lock);
    while (budget_left(s->shared) < bytes && take_out_oldest(s, &gone))
        ;
    pthread_mutex_unlock(&s->lock);
    free_all(gone);
}

size_t sample_entry_bytes(const struct sample_entry *entry)
{
    return entry->sample_bytes;
}

size_t sample_entry_scratch_bytes(const struct sample_entry *entry)
{
    return resize_scratch_bytes(entry->plan);
}

static const uint8_t *image_of(const struct sample_entry *entry, uint32_t index)
{
    return entry->split->images + index * entry->image_bytes;
}

const void *sample_entry_get(struct sample_entry *entry, uint32_t index, void *scratch)
{
    if (entry->is_dataset)
        return image_of(entry, index);
    if (index >= entry->kept)
        return NULL;
    void *sample = entry->samples + index * entry->sample_bytes;
    _Atomic uint8_t *state = &entry->states[index];
    uint8_t seen = atomic_load_explicit(state, memory_order_acquire);
    if (seen == SAMPLE_READY)
        return sample;
    if (seen != SAMPLE_EMPTY || !atomic_compare_exchange_strong(state, &seen, SAMPLE_CLAIMED))
        return NULL;
    resize_run(entry->plan, image_of(entry, index), sample, scratch);
    atomic_store_explicit(state, SAMPLE_READY, memory_order_release);
    atomic_fetch_add_explicit(&entry->filled, 1, memory_order_relaxed);
    return sample;
}

bool sample_entry_lacks(const struct sample_entry *entry, uint32_t index)
{
    return index < entry->kept &&
           atomic_load_explicit(&entry->states[index], memory_order_relaxed) != SAMPLE_READY;
}

static bool is_ready(const struct sample_entry *entry, uint32_t index)
{
    return index < entry->kept &&
           atomic_load_explicit(&entry->states[index], memory_order_acquire) == SAMPLE_READY;
}

void sample_entry_prefetch(const struct sample_entry *entry, struct prefetcher *f,
                           const uint32_t *indices, size_t count)
{
    if (!entry->split->not_resident)
        return;
    size_t first = 0; /* of a run that is not kept */
    for (size_t i = 0; i < count; i++)
        if (is_ready(entry, indices[i])) {
            prefetch_images(f, entry->split, indices + first, i - first);
            first = i + 1;
        }
    prefetch_images(f, entry->split, indices + first, count - first);
}

void sample_entry_render(const struct sample_entry *entry, uint32_t index, void *sample,
                         void *scratch)
{
    resize_run(entry->plan, image_of(entry, index), sample, scratch);
}

void sample_cache_usage(struct sample_cache *s, struct sample_cache_usage *u)
{
    *u = (struct sample_cache_usage){.budget_bytes = s->budget};
    pthread_mutex_lock(&s->lock);
    u->reserved_bytes = s->reserved;
    for (struct sample_entry *entry = s->first; entry; entry = entry->next) {
        u->entries++;
        u->filled_bytes += atomic_load(&entry->filled) * entry->sample_bytes;
    }
    pthread_mutex_unlock(&s->lock);
}
