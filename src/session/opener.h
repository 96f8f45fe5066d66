/* SPDX-License-Identifier: MIT */
/* session/opener.h — work that may wait for a disk, for a lock or for ever, on a thread of its own:
 * the config read, datasets opened and closed, at the start and at a reload. Neither the loop nor a
 * worker waits for it.
 *
 *     opener_run ─► run(data, cancel), a thread ─► done(data), the loop
 *
 * One piece of work at a time. Whoever does not want it any more says so; work that does not look
 * is left to the process's end.
 *
 * Threads: the loop thread, but for `run`.
 */
#ifndef SESSION_OPENER_H
#define SESSION_OPENER_H

#include "base/err.h"

#include <pthread.h>
#include <stdbool.h>
#include <uv.h>

struct opener_work {
    void (*run)(void *data, const _Atomic bool *cancel);
    void (*done)(void *data); /* may begin the next */
    void *data;
};

struct opener {
    /* loop thread */
    uv_async_t ended;
    void (*idle)(void *data);
    void *idle_data;
    pthread_t thread;
    bool busy;
    /* immutable while it is busy */
    struct opener_work work;
    /* the loop thread writes, the work reads */
    _Atomic bool cancel;
};

/* `idle` is called when nothing is under way any more. Errors: those of uv_async_init. */
int opener_init(struct opener *o, uv_loop_t *loop, void (*idle)(void *data), void *data);

/* Begins; it must not be busy. Errors: -EAGAIN, with text. */
int opener_run(struct opener *o, const struct opener_work *work, struct err *e);

/* What is under way is to end soon, and so is all that follows. `done` is called. */
void opener_cancel(struct opener *o);

/* It is not busy. The handle closes with the loop. */
void opener_close(struct opener *o);

#endif
