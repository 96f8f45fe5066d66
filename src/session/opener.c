/* SPDX-License-Identifier: MIT */
/* A thread for each piece of work. Knows nothing of what it does. */
#include "session/opener.h"

#include "base/thread.h"

#include <assert.h>

static void *work(void *data)
{
    struct opener *o = data;
    o->work.run(o->work.data, &o->cancel);
    uv_async_send(&o->ended);
    return NULL;
}

static void on_ended(uv_async_t *async)
{
    struct opener *o = async->data;
    assert(o->busy);
    pthread_join(o->thread, NULL); /* it has nothing left to do */
    o->busy = false;
    o->work.done(o->work.data);
    if (!o->busy)
        o->idle(o->idle_data);
}

int opener_init(struct opener *o, uv_loop_t *loop, void (*idle)(void *data), void *data)
{
    o->idle = idle;
    o->idle_data = data;
    o->ended.data = o;
    return uv_async_init(loop, &o->ended, on_ended);
}

int opener_run(struct opener *o, const struct opener_work *w, struct err *e)
{
    assert(!o->busy);
    o->work = *w;
    int rc = thread_start(&o->thread, "opener", work, o);
    if (rc)
        return thread_error(e, rc, "starting the opener's thread");
    o->busy = true;
    return 0;
}

void opener_cancel(struct opener *o)
{
    o->cancel = true;
}

void opener_close(struct opener *o)
{
    assert(!o->busy);
    uv_close((uv_handle_t *)&o->ended, NULL);
}
