/* SPDX-License-Identifier: MIT */
/* A chain of lists under one lock, the most recently used first. Linear search: there are as many
 * as streams with lists of their own, and at most INDEX_LIST_CACHE_IDLE_COUNT others. */
#include "render/index_list_check.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct entry {
    struct index_list list; /* first: what is handed out is the entry's beginning */
    struct entry *next;
    unsigned users;
    uint32_t *numbers; /* owned: the indices, the ends, the values */
    int32_t *labels;   /* owned */
};

struct index_list_cache {
    pthread_mutex_t lock;
    struct entry *first;
    struct budget *budget; /* NULL: memory has no end */
    uint64_t idle_bytes;
    uint64_t added;
};

/* Entries by `next`; without the lock, as long ones take a while. */
static void free_all(struct index_list_cache *l, struct entry *n)
{
    for (struct entry *next; n; n = next) {
        next = n->next;
        assert(n->users == 0);
        budget_give(l->budget, index_list_bytes(&n->list));
        free(n->numbers);
        free(n->labels);
        free(n);
    }
}

struct index_list_cache *index_list_cache_new(uint64_t idle_bytes)
{
    struct index_list_cache *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    pthread_mutex_init(&l->lock, NULL);
    l->idle_bytes = idle_bytes;
    return l;
}

void index_list_cache_free(struct index_list_cache *l)
{
    if (!l)
        return;
    free_all(l, l->first);
    pthread_mutex_destroy(&l->lock);
    free(l);
}

/* Takes a user's place in the list of that digest and moves it to the front. */
static struct entry *use(struct index_list_cache *l, const uint8_t key[LIST_DIGEST_SIZE])
{
    for (struct entry **at = &l->first; *at; at = &(*at)->next) {
        struct entry *n = *at;
        if (memcmp(n->list.key, key, LIST_DIGEST_SIZE) != 0)
            continue;
        *at = n->next;
        n->next = l->first;
        l->first = n;
        n->users++;
        return n;
    }
    return NULL;
}

const struct index_list *index_list_cache_get(struct index_list_cache *l,
                                              const uint8_t key[LIST_DIGEST_SIZE])
{
    pthread_mutex_lock(&l->lock);
    struct entry *n = use(l, key);
    pthread_mutex_unlock(&l->lock);
    return n ? &n->list : NULL;
}

int index_list_cache_add(struct index_list_cache *l, struct index_list_check *k,
                         const struct index_list **out, struct err *e)
{
    struct entry *made = calloc(1, sizeof *made);
    if (!made)
        return err_set(e, -ENOMEM, "out of memory");
    made->list = k->list;
    made->users = 1;
    pthread_mutex_lock(&l->lock);
    struct entry *n = use(l, made->list.key);
    if (!n) {
        n = made;
        n->numbers = k->numbers;
        n->labels = k->labels;
        k->numbers = NULL;
        k->labels = NULL;
        n->next = l->first;
        l->first = n;
        made = NULL;
    }
    l->added++;
    pthread_mutex_unlock(&l->lock);
    free(made);
    *out = &n->list;
    return 0;
}

int index_list_match(const struct index_list *l, const struct spec *s, struct err *e)
{
    if (l->index_count == s->list_count && l->batch_count == s->list_batch_count &&
        l->value_count == s->list_value_count)
        return 0;
    return err_set(e, -EINVAL,
                   "the list of this digest has %llu indices in %llu batches with %u values "
                   "each, the spec says %llu in %llu with %u",
                   (unsigned long long)l->index_count, (unsigned long long)l->batch_count,
                   l->value_count, (unsigned long long)s->list_count,
                   (unsigned long long)s->list_batch_count, s->list_value_count);
}

uint64_t index_list_bytes(const struct index_list *list)
{
    return (list_numbers(list->index_count, list->batch_count, list->value_count) +
            list->label_count) *
           sizeof(uint32_t);
}

/* Takes out what is idle beyond the bounds. */
static struct entry *take_idle(struct index_list_cache *l, uint64_t idle_bytes)
{
    struct entry *taken = NULL;
    uint64_t kept = 0;
    unsigned count = 0;
    for (struct entry **at = &l->first; *at;) {
        struct entry *n = *at;
        kept += n->users ? 0 : index_list_bytes(&n->list);
        count += !n->users;
        if (n->users || (kept <= idle_bytes && count <= INDEX_LIST_CACHE_IDLE_COUNT)) {
            at = &n->next;
            continue;
        }
        kept -= index_list_bytes(&n->list);
        *at = n->next;
        n->next = taken;
        taken = n;
    }
    return taken;
}

void index_list_cache_resize(struct index_list_cache *l, uint64_t idle_bytes)
{
    pthread_mutex_lock(&l->lock);
    l->idle_bytes = idle_bytes;
    struct entry *gone = take_idle(l, l->idle_bytes);
    pthread_mutex_unlock(&l->lock);
    free_all(l, gone);
}

void index_list_cache_share(struct index_list_cache *l, struct budget *budget)
{
    assert(!l->first);
    l->budget = budget;
}

void index_list_cache_drop_idle(struct index_list_cache *l)
{
    pthread_mutex_lock(&l->lock);
    struct entry *gone = take_idle(l, 0);
    pthread_mutex_unlock(&l->lock);
    free_all(l, gone);
}

void index_list_cache_put(struct index_list_cache *l, const struct index_list *list)
{
    if (!list)
        return;
    pthread_mutex_lock(&l->lock);
    struct entry *n = (struct entry *)list;
    assert(n->users > 0);
    n->users--;
    struct entry *gone = take_idle(l, l->idle_bytes);
    pthread_mutex_unlock(&l->lock);
    free_all(l, gone);
}

void index_list_cache_usage(struct index_list_cache *l, struct index_list_cache_usage *u)
{
    pthread_mutex_lock(&l->lock);
    *u = (struct index_list_cache_usage){.added = l->added};
    for (const struct entry *n = l->first; n; n = n->next) {
        u->count++;
        u->bytes += index_list_bytes(&n->list);
    }
    pthread_mutex_unlock(&l->lock);
}
