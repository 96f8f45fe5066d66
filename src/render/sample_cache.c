/* The sample store. Does not know orders, batches or pixel types: only images and their samples. */
#include "render/sample_cache.h"

#include "base/bytes.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
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
    uint64_t bytes;  /* of that room */
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
    uint64_t budget;
    uint64_t reserved;
    struct sample_entry *first;
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

static void sample_entry_free(struct sample_entry *entry)
{
    if (entry->samples)
        munmap(entry->samples, entry->bytes);
    free((void *)entry->states);
    resize_plan_free(entry->plan);
    free(entry);
}

void sample_cache_free(struct sample_cache *s)
{
    if (!s)
        return;
    for (struct sample_entry *entry = s->first, *next; entry; entry = next) {
        next = entry->next;
        assert(entry->users == 0);
        sample_entry_free(entry);
    }
    pthread_mutex_destroy(&s->lock);
    free(s);
}

static uint64_t room_of(const struct sample_cache *s)
{
    return s->budget > s->reserved ? s->budget - s->reserved : 0;
}

/* Frees the least recently used entry that has room and that nobody uses. */
static bool drop_entry(struct sample_cache *s)
{
    struct sample_entry **last = NULL;
    for (struct sample_entry **at = &s->first; *at; at = &(*at)->next)
        if (!(*at)->users && (*at)->bytes)
            last = at;
    if (!last)
        return false;
    struct sample_entry *victim = *last;
    *last = victim->next;
    s->reserved -= victim->bytes;
    sample_entry_free(victim);
    return true;
}

/* Drops entries until `bytes` fit or none is left. */
static void make_room(struct sample_cache *s, uint64_t bytes)
{
    while (room_of(s) < bytes && drop_entry(s))
        ;
}

/* Reserves room for as many samples as the budget holds. Keeping none is no error. */
static void reserve_room(struct sample_cache *s, struct sample_entry *entry)
{
    uint64_t wanted;
    if (!size_mul(entry->sample_bytes, entry->split->count, &wanted))
        wanted = UINT64_MAX;
    make_room(s, wanted);
    uint64_t room = room_of(s);
    uint64_t kept = wanted <= room ? entry->split->count : room / entry->sample_bytes;
    if (kept == 0)
        return;
    uint64_t bytes = kept * entry->sample_bytes;
    void *samples = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (samples == MAP_FAILED)
        return;
    entry->states = calloc(kept, 1);
    if (!entry->states) {
        munmap(samples, bytes);
        return;
    }
    /* A gather in random order misses the TLB on every sample otherwise. */
    madvise(samples, bytes, MADV_HUGEPAGE);
    entry->samples = samples;
    entry->bytes = bytes;
    entry->kept = kept;
    s->reserved += bytes;
}

static int sample_entry_new(struct sample_cache *s, const struct dataset_split *split,
                            uint32_t rule, uint32_t height, uint32_t width,
                            struct sample_entry **out, struct err *e)
{
    struct sample_entry *entry = calloc(1, sizeof *entry);
    if (!entry)
        return err_set(e, -ENOMEM, "out of memory");
    struct resize_shape shape = {
        .in_h = split->height,
        .in_w = split->width,
        .channels = split->channels,
        .out_h = height,
        .out_w = width,
    };
    int rc = resize_plan_new(&entry->plan, rule, &shape, e);
    if (rc) {
        free(entry);
        return rc;
    }
    entry->store = s;
    entry->split = split;
    entry->rule = rule;
    entry->height = height;
    entry->width = width;
    entry->image_bytes = (size_t)split->height * split->width * split->channels;
    entry->sample_bytes = resize_sample_bytes(entry->plan);
    entry->is_dataset = resize_is_copy(entry->plan) && split->channels == 1;
    if (!entry->is_dataset)
        reserve_room(s, entry);
    *out = entry;
    return 0;
}

int sample_cache_get(struct sample_cache *s, const struct dataset_split *split, uint32_t rule,
                     uint32_t height, uint32_t width, struct sample_entry **out, struct err *e)
{
    int rc = 0;
    pthread_mutex_lock(&s->lock);
    struct sample_entry **at = &s->first;
    while (*at && !((*at)->split == split && (*at)->rule == rule && (*at)->height == height &&
                    (*at)->width == width))
        at = &(*at)->next;
    struct sample_entry *entry = *at;
    if (entry)
        *at = entry->next;
    else
        rc = sample_entry_new(s, split, rule, height, width, &entry, e);
    if (!rc) {
        entry->users++;
        entry->next = s->first;
        s->first = entry;
        *out = entry;
    }
    pthread_mutex_unlock(&s->lock);
    return rc;
}

void sample_entry_put(struct sample_entry *entry)
{
    if (!entry)
        return;
    pthread_mutex_lock(&entry->store->lock);
    assert(entry->users > 0);
    entry->users--;
    pthread_mutex_unlock(&entry->store->lock);
}

void sample_cache_forget(struct sample_cache *s, const struct dataset_split *split)
{
    pthread_mutex_lock(&s->lock);
    for (struct sample_entry **at = &s->first; *at;) {
        struct sample_entry *entry = *at;
        if (entry->split != split) {
            at = &entry->next;
            continue;
        }
        assert(entry->users == 0);
        *at = entry->next;
        s->reserved -= entry->bytes;
        sample_entry_free(entry);
    }
    pthread_mutex_unlock(&s->lock);
}

void sample_cache_resize(struct sample_cache *s, uint64_t budget_bytes)
{
    pthread_mutex_lock(&s->lock);
    s->budget = budget_bytes;
    while (s->reserved > s->budget && drop_entry(s))
        ;
    pthread_mutex_unlock(&s->lock);
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
