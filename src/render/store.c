/* The sample store. Does not know orders, batches or pixel types: only images and their samples. */
#include "render/store.h"

#include "base/bytes.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum sample_state { SAMPLE_EMPTY, SAMPLE_CLAIMED, SAMPLE_READY };

struct shelf {
    /* immutable */
    struct store *store;
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
    struct shelf *next; /* most recently used first */
    unsigned users;
};

struct store {
    pthread_mutex_t lock;
    uint64_t budget;
    uint64_t reserved;
    struct shelf *first;
};

struct store *store_new(uint64_t budget_bytes)
{
    struct store *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    pthread_mutex_init(&s->lock, NULL);
    s->budget = budget_bytes;
    return s;
}

static void shelf_free(struct shelf *shelf)
{
    if (shelf->samples)
        munmap(shelf->samples, shelf->bytes);
    free((void *)shelf->states);
    resize_plan_free(shelf->plan);
    free(shelf);
}

void store_free(struct store *s)
{
    if (!s)
        return;
    for (struct shelf *shelf = s->first, *next; shelf; shelf = next) {
        next = shelf->next;
        assert(shelf->users == 0);
        shelf_free(shelf);
    }
    pthread_mutex_destroy(&s->lock);
    free(s);
}

static uint64_t room_of(const struct store *s)
{
    return s->budget > s->reserved ? s->budget - s->reserved : 0;
}

/* Frees the least recently used shelf that has room and that nobody uses. */
static bool drop_shelf(struct store *s)
{
    struct shelf **last = NULL;
    for (struct shelf **at = &s->first; *at; at = &(*at)->next)
        if (!(*at)->users && (*at)->bytes)
            last = at;
    if (!last)
        return false;
    struct shelf *victim = *last;
    *last = victim->next;
    s->reserved -= victim->bytes;
    shelf_free(victim);
    return true;
}

/* Drops shelves until `bytes` fit or none is left. */
static void make_room(struct store *s, uint64_t bytes)
{
    while (room_of(s) < bytes && drop_shelf(s))
        ;
}

/* Reserves room for as many samples as the budget holds. Keeping none is no error. */
static void reserve_room(struct store *s, struct shelf *shelf)
{
    uint64_t wanted;
    if (!size_mul(shelf->sample_bytes, shelf->split->count, &wanted))
        wanted = UINT64_MAX;
    make_room(s, wanted);
    uint64_t room = room_of(s);
    uint64_t kept = wanted <= room ? shelf->split->count : room / shelf->sample_bytes;
    if (kept == 0)
        return;
    uint64_t bytes = kept * shelf->sample_bytes;
    void *samples = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (samples == MAP_FAILED)
        return;
    shelf->states = calloc(kept, 1);
    if (!shelf->states) {
        munmap(samples, bytes);
        return;
    }
    /* A gather in random order misses the TLB on every sample otherwise. */
    madvise(samples, bytes, MADV_HUGEPAGE);
    shelf->samples = samples;
    shelf->bytes = bytes;
    shelf->kept = kept;
    s->reserved += bytes;
}

static int shelf_new(struct store *s, const struct dataset_split *split, uint32_t rule,
                     uint32_t height, uint32_t width, struct shelf **out, struct err *e)
{
    struct shelf *shelf = calloc(1, sizeof *shelf);
    if (!shelf)
        return err_set(e, -ENOMEM, "out of memory");
    struct resize_shape shape = {
        .in_h = split->height,
        .in_w = split->width,
        .channels = split->channels,
        .out_h = height,
        .out_w = width,
    };
    int rc = resize_plan_new(&shelf->plan, rule, &shape, e);
    if (rc) {
        free(shelf);
        return rc;
    }
    shelf->store = s;
    shelf->split = split;
    shelf->rule = rule;
    shelf->height = height;
    shelf->width = width;
    shelf->image_bytes = (size_t)split->height * split->width * split->channels;
    shelf->sample_bytes = resize_sample_bytes(shelf->plan);
    shelf->is_dataset = resize_is_copy(shelf->plan) && split->channels == 1;
    if (!shelf->is_dataset)
        reserve_room(s, shelf);
    *out = shelf;
    return 0;
}

int store_get(struct store *s, const struct dataset_split *split, uint32_t rule, uint32_t height,
              uint32_t width, struct shelf **out, struct err *e)
{
    int rc = 0;
    pthread_mutex_lock(&s->lock);
    struct shelf **at = &s->first;
    while (*at && !((*at)->split == split && (*at)->rule == rule && (*at)->height == height &&
                    (*at)->width == width))
        at = &(*at)->next;
    struct shelf *shelf = *at;
    if (shelf)
        *at = shelf->next;
    else
        rc = shelf_new(s, split, rule, height, width, &shelf, e);
    if (!rc) {
        shelf->users++;
        shelf->next = s->first;
        s->first = shelf;
        *out = shelf;
    }
    pthread_mutex_unlock(&s->lock);
    return rc;
}

void shelf_put(struct shelf *shelf)
{
    if (!shelf)
        return;
    pthread_mutex_lock(&shelf->store->lock);
    assert(shelf->users > 0);
    shelf->users--;
    pthread_mutex_unlock(&shelf->store->lock);
}

void store_forget(struct store *s, const struct dataset_split *split)
{
    pthread_mutex_lock(&s->lock);
    for (struct shelf **at = &s->first; *at;) {
        struct shelf *shelf = *at;
        if (shelf->split != split) {
            at = &shelf->next;
            continue;
        }
        assert(shelf->users == 0);
        *at = shelf->next;
        s->reserved -= shelf->bytes;
        shelf_free(shelf);
    }
    pthread_mutex_unlock(&s->lock);
}

void store_resize(struct store *s, uint64_t budget_bytes)
{
    pthread_mutex_lock(&s->lock);
    s->budget = budget_bytes;
    while (s->reserved > s->budget && drop_shelf(s))
        ;
    pthread_mutex_unlock(&s->lock);
}

size_t shelf_sample_bytes(const struct shelf *shelf)
{
    return shelf->sample_bytes;
}

size_t shelf_scratch_bytes(const struct shelf *shelf)
{
    return resize_scratch_bytes(shelf->plan);
}

static const uint8_t *image_of(const struct shelf *shelf, uint32_t index)
{
    return shelf->split->images + index * shelf->image_bytes;
}

const void *shelf_sample(struct shelf *shelf, uint32_t index, void *scratch)
{
    if (shelf->is_dataset)
        return image_of(shelf, index);
    if (index >= shelf->kept)
        return NULL;
    void *sample = shelf->samples + index * shelf->sample_bytes;
    _Atomic uint8_t *state = &shelf->states[index];
    uint8_t seen = atomic_load_explicit(state, memory_order_acquire);
    if (seen == SAMPLE_READY)
        return sample;
    if (seen != SAMPLE_EMPTY || !atomic_compare_exchange_strong(state, &seen, SAMPLE_CLAIMED))
        return NULL;
    resize_run(shelf->plan, image_of(shelf, index), sample, scratch);
    atomic_store_explicit(state, SAMPLE_READY, memory_order_release);
    atomic_fetch_add_explicit(&shelf->filled, 1, memory_order_relaxed);
    return sample;
}

static bool is_ready(const struct shelf *shelf, uint32_t index)
{
    return index < shelf->kept &&
           atomic_load_explicit(&shelf->states[index], memory_order_acquire) == SAMPLE_READY;
}

void shelf_prefetch(const struct shelf *shelf, struct prefetcher *f, const uint32_t *indices,
                    size_t count)
{
    if (!shelf->split->paged)
        return;
    size_t first = 0; /* of a run that is not kept */
    for (size_t i = 0; i < count; i++)
        if (is_ready(shelf, indices[i])) {
            prefetch_images(f, shelf->split, indices + first, i - first);
            first = i + 1;
        }
    prefetch_images(f, shelf->split, indices + first, count - first);
}

void shelf_render(const struct shelf *shelf, uint32_t index, void *sample, void *scratch)
{
    resize_run(shelf->plan, image_of(shelf, index), sample, scratch);
}

void store_usage(struct store *s, struct store_usage *u)
{
    *u = (struct store_usage){.budget_bytes = s->budget};
    pthread_mutex_lock(&s->lock);
    u->reserved_bytes = s->reserved;
    for (struct shelf *shelf = s->first; shelf; shelf = shelf->next) {
        u->shelves++;
        u->filled_bytes += atomic_load(&shelf->filled) * shelf->sample_bytes;
    }
    pthread_mutex_unlock(&s->lock);
}
