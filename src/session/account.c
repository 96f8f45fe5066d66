/* SPDX-License-Identifier: MIT */
/* Counts for each user. Does not know the limits: whoever asks compares. */
#include "session/account.h"

#include <assert.h>
#include <stdlib.h>

struct account *accounts_find(const struct accounts *all, uid_t uid)
{
    struct account *a = all->first;
    while (a && a->uid != uid)
        a = a->next;
    return a;
}

struct account *account_open(struct accounts *all, uid_t uid)
{
    struct account *a = accounts_find(all, uid);
    if (!a) {
        a = calloc(1, sizeof *a);
        if (!a)
            return NULL;
        a->all = all;
        a->uid = uid;
        a->next = all->first;
        all->first = a;
    }
    a->clients++;
    return a;
}

void account_close(struct account *a)
{
    if (!a)
        return;
    assert(a->clients > 0);
    if (--a->clients)
        return;
    if (a->user)
        pool_user_put(a->pool, a->user);
    struct account **at = &a->all->first;
    while (*at != a)
        at = &(*at)->next;
    *at = a->next;
    free(a);
}

struct user *account_user(struct account *a, struct pool *pool)
{
    if (!a->user) {
        a->user = pool_user_get(pool, a->uid);
        a->pool = pool;
    }
    return a->user;
}
