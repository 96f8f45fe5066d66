/* SPDX-License-Identifier: MIT */
/* Frees streams, one after the other. Does not decide when one has ended (seating.c). */
#include "feed/reaper.h"

#include "base/clock.h"
#include "base/thread.h"

static void free_one(struct pool *p, struct stream *s) REQUIRES(feed_lock)
{
    struct user *u = s->user;
    uint64_t bytes = s->claimed_bytes;
    pool_unlock(p);
    uint64_t start_ns = clock_cpu_ns();
    stream_free(s);
    uint64_t took_ns = clock_cpu_ns() - start_ns;
    pool_lock(p);
    scheduler_end_freeing(&p->scheduler, u, bytes, took_ns);
}

static void *reap(void *data) UNGUARDED
{
    struct pool *p = data;
    pool_lock(p);
    for (;;) {
        struct stream *s = scheduler_take_ended(&p->scheduler);
        if (s)
            free_one(p, s);
        else if (p->reaper_ends)
            break;
        else
            pool_await_ended(p);
    }
    pool_unlock(p);
    return NULL;
}

int reaper_start(struct pool *p)
{
    return thread_start(&p->reaper, "reaper", reap, p);
}

void reaper_end(struct pool *p)
{
    pool_lock(p);
    p->reaper_ends = true;
    p->scheduler.effects.reap = true;
    pool_unlock(p);
    pthread_join(p->reaper, NULL);
}
