/* A chain of lists under one lock, the most recently used first. Linear search: there are as many
 * as streams with lists of their own, and at most LISTS_IDLE_COUNT others. */
#include "render/lists.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct entry {
    struct kept_list list; /* first: what is handed out is the entry's beginning */
    struct entry *next;
    unsigned users;
    uint32_t *numbers; /* owned: the indices, then the ends */
};

struct lists {
    pthread_mutex_t lock;
    struct entry *first;
    uint64_t idle_bytes;
    uint64_t added;
};

static void entry_free(struct entry *n)
{
    if (!n)
        return;
    free(n->numbers);
    free(n);
}

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
        entry_free(n);
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

/* Lengths become ends in their place. Takes over `numbers` only where it succeeds. */
static int make_entry(struct entry **out, const uint8_t digest[LIST_DIGEST_SIZE], uint32_t *numbers,
                      uint64_t index_count, uint64_t batch_count, struct err *e)
{
    uint32_t *lengths = batch_count ? numbers + index_count : NULL;
    struct list list = {numbers, index_count, lengths, batch_count};
    uint8_t came[LIST_DIGEST_SIZE];
    list_digest(&list, came);
    if (memcmp(came, digest, sizeof came) != 0)
        return err_set(e, -EINVAL, "the list that was sent has another digest than was announced");
    uint32_t longest, end = 0;
    int rc = list_check_lengths(&list, &longest, e);
    if (rc)
        return rc;
    struct entry *n = calloc(1, sizeof *n);
    if (!n)
        return err_set(e, -ENOMEM, "out of memory");
    for (uint64_t i = 0; i < batch_count; i++)
        lengths[i] = end += lengths[i];
    n->list = (struct kept_list){
        .indices = numbers,
        .index_count = index_count,
        .ends = lengths,
        .batch_count = batch_count,
        .longest = longest,
    };
    memcpy(n->list.digest, digest, LIST_DIGEST_SIZE);
    n->numbers = numbers;
    n->users = 1;
    *out = n;
    return 0;
}

int lists_add(struct lists *l, const uint8_t digest[LIST_DIGEST_SIZE], uint32_t *numbers,
              uint64_t index_count, uint64_t batch_count, const struct kept_list **out,
              struct err *e)
{
    struct entry *made = NULL;
    int rc = make_entry(&made, digest, numbers, index_count, batch_count, e);
    if (rc) {
        free(numbers);
        return rc;
    }
    pthread_mutex_lock(&l->lock);
    struct entry *n = use(l, digest);
    if (!n) {
        n = made;
        n->next = l->first;
        l->first = n;
        made = NULL;
    }
    l->added++;
    pthread_mutex_unlock(&l->lock);
    entry_free(made);
    *out = &n->list;
    return 0;
}

uint64_t kept_list_bytes(const struct kept_list *list)
{
    return (list->index_count + list->batch_count) * sizeof(uint32_t);
}

static void drop_idle(struct lists *l)
{
    uint64_t kept = 0;
    unsigned count = 0;
    for (struct entry **at = &l->first; *at;) {
        struct entry *n = *at;
        kept += n->users ? 0 : kept_list_bytes(&n->list);
        count += !n->users;
        if (n->users || (kept <= l->idle_bytes && count <= LISTS_IDLE_COUNT)) {
            at = &n->next;
            continue;
        }
        kept -= kept_list_bytes(&n->list);
        *at = n->next;
        entry_free(n);
    }
}

void lists_resize(struct lists *l, uint64_t idle_bytes)
{
    pthread_mutex_lock(&l->lock);
    l->idle_bytes = idle_bytes;
    drop_idle(l);
    pthread_mutex_unlock(&l->lock);
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

void lists_usage(struct lists *l, struct lists_usage *u)
{
    pthread_mutex_lock(&l->lock);
    *u = (struct lists_usage){.added = l->added};
    for (const struct entry *n = l->first; n; n = n->next) {
        u->count++;
        u->bytes += kept_list_bytes(&n->list);
    }
    pthread_mutex_unlock(&l->lock);
}
