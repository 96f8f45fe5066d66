/* SPDX-License-Identifier: MIT */
/* The lock, and what is done as soon as it is given up. */
#include "feed/pool_state.h"

#include <stdlib.h>

/* It is a pthread's mutex, which the compiler knows nothing of. */
void pool_lock(struct pool *p) UNGUARDED
{
    pthread_mutex_lock(&p->mutex);
}

static void carry_out(struct pool *p, struct effects *e) UNGUARDED
{
    for (; e->wake; e->wake--)
        pthread_cond_signal(&p->work);
    if (e->notify)
        p->notify(p->notify_data);
    while (e->left) {
        struct consumer *r = e->left;
        e->left = r->next;
        consumer_free(r);
    }
    if (e->reap)
        pthread_cond_signal(&p->ended);
    while (e->forgotten) {
        struct user *u = e->forgotten;
        e->forgotten = u->next;
        free(u);
    }
}

void pool_unlock(struct pool *p) UNGUARDED
{
#ifdef INVARIANTS
    scheduler_check(&p->scheduler);
#endif
    struct effects e = scheduler_take_effects(&p->scheduler);
    pthread_mutex_unlock(&p->mutex);
    carry_out(p, &e);
}

/* Whoever sleeps with the lock given up would leave it to somebody who may never come. */
static bool owes_something(const struct pool *p) REQUIRES(feed_lock)
{
    const struct effects *e = &p->scheduler.effects;
    return e->wake || e->notify || e->left || e->reap || p->scheduler.users.forgotten;
}

static void pay(struct pool *p) REQUIRES(feed_lock)
{
    pool_unlock(p);
    pool_lock(p);
}

void pool_sleep(struct pool *p)
{
    if (owes_something(p)) {
        pay(p);
        return;
    }
    p->scheduler.sleeping++;
    pthread_cond_wait(&p->work, &p->mutex);
    p->scheduler.sleeping--;
}

void pool_await_ended(struct pool *p)
{
    if (owes_something(p))
        pay(p);
    else
        pthread_cond_wait(&p->ended, &p->mutex);
}
