/* A chain of lists under one lock, the most recently used first. Linear search: there are as many
 * as streams with lists of their own. */
#include "render/lists.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct entry {
    struct kept_list list; /* first: what is handed out is the entry's beginning */
    struct entry *next;
    unsigned users;
    uint64_t bytes;
    uint64_t numbers[]; /* the ends, then the indices */
};

struct lists {
    pthread_mutex_t lock;
    struct entry *first;
    uint64_t idle_bytes;
};

struct lists *lists_new(uint64_t idle_bytes)
{
    struct lists *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    pthread_mutex_init(&l->lock, NULL);
    l->idle_bytes = idle_bytes;
    return l;
}

void lists_free(struct lists *l)
{
    if (!l)
        return;
    for (struct entry *n = l->first, *next; n; n = next) {
        next = n->next;
        assert(n->users == 0);
        free(n);
    }
    pthread_mutex_destroy(&l->lock);
    free(l);
}

/* Takes a user's place in the list of that digest and moves it to the front. */
static struct entry *use(struct lists *l, const uint8_t digest[LIST_DIGEST_SIZE])
{
    for (struct entry **at = &l->first; *at; at = &(*at)->next) {
        struct entry *n = *at;
        if (memcmp(n->list.digest, digest, LIST_DIGEST_SIZE) != 0)
            continue;
        *at = n->next;
        n->next = l->first;
        l->first = n;
        n->users++;
        return n;
    }
    return NULL;
}

const struct kept_list *lists_get(struct lists *l, const uint8_t digest[LIST_DIGEST_SIZE])
{
    pthread_mutex_lock(&l->lock);
    struct entry *n = use(l, digest);
    pthread_mutex_unlock(&l->lock);
    return n ? &n->list : NULL;
}

static struct entry *make_entry(const struct list *list)
{
    uint64_t ends_bytes = list->batch_count * sizeof(uint64_t);
    uint64_t indices_bytes = list->index_count * sizeof(uint32_t);
    uint64_t bytes = sizeof(struct entry) + ends_bytes + indices_bytes;
    struct entry *n = malloc(bytes);
    if (!n)
        return NULL;
    uint32_t *indices = (uint32_t *)(n->numbers + list->batch_count);
    memcpy(indices, list->indices, indices_bytes);
    uint64_t end = 0;
    for (uint64_t i = 0; i < list->batch_count; i++)
        n->numbers[i] = end += list->lengths[i];
    n->list = (struct kept_list){
        .indices = indices,
        .index_count = list->index_count,
        .ends = list->batch_count ? n->numbers : NULL,
        .batch_count = list->batch_count,
    };
    list_digest(list, n->list.digest);
    n->bytes = bytes;
    n->users = 1;
    return n;
}

const struct kept_list *lists_add(struct lists *l, const struct list *list)
{
    struct entry *made = make_entry(list);
    if (!made)
        return NULL;
    pthread_mutex_lock(&l->lock);
    struct entry *n = use(l, made->list.digest);
    if (!n) {
        n = made;
        n->next = l->first;
        l->first = n;
        made = NULL;
    }
    pthread_mutex_unlock(&l->lock);
    free(made);
    return &n->list;
}

static void drop_idle(struct lists *l)
{
    uint64_t kept = 0;
    for (struct entry **at = &l->first; *at;) {
        struct entry *n = *at;
        kept += n->users ? 0 : n->bytes;
        if (n->users || kept <= l->idle_bytes) {
            at = &n->next;
            continue;
        }
        kept -= n->bytes;
        *at = n->next;
        free(n);
    }
}

void lists_put(struct lists *l, const struct kept_list *list)
{
    if (!list)
        return;
    pthread_mutex_lock(&l->lock);
    struct entry *n = (struct entry *)list;
    assert(n->users > 0);
    n->users--;
    drop_idle(l);
    pthread_mutex_unlock(&l->lock);
}
