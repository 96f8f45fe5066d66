/* SPDX-License-Identifier: MIT */
/* requests/reload.h — the config file read again while the daemon serves.
 *
 *     file read and checked, new and changed datasets opened ──► put in force ──► the old closed
 *          wrong, or one cannot be opened ──► refused
 *     (the opener's thread)                                     (loop)           (the opener's)
 *
 * All or nothing: until the last step nothing has changed. Streams of a dataset that was removed
 * or changed go on with what they were opened on, and the last of them ends it. socket,
 * socket_mode, socket_group, cache, io_uring and ledger keep their values until a restart, and the
 * text says so.
 * The files of a dataset whose entry is unchanged are not looked at again.
 *
 * Threads: the loop thread. The opener's reads the config and catalog in force, which change only
 * when they are exchanged.
 */
#ifndef REQUESTS_RELOAD_H
#define REQUESTS_RELOAD_H

#include "config/config.h"
#include "session/catalog.h"
#include "session/opener.h"
#include "session/session.h"

struct reloader {
    /* immutable after start */
    const struct services *services;
    struct config *config;   /* in force */
    struct catalog *catalog; /* in force */
    const char *config_path;
    bool socket_said; /* on the command line, or passed: the config's is not read */
    void (*on_reload)(void *data, bool begins); /* told of each, and of its end; or NULL */
    void *data;
    /* loop thread */
    bool again;    /* somebody who does not wait asked while the opener was busy */
    bool stopping; /* nothing is put in force any more */
};

/* Told on the loop, never from within reload_start: rc 0 and what changed, a line each; or a
 * negative code and why the old config stays. The log has had it then. */
typedef void reload_told(struct session *s, int rc, const char *text);

/* Begins; `s` is told, unless it ends before: the job becomes its task.
 * Errors: -EBUSY another reload is under way, -ENOMEM, -EAGAIN; with text. */
int reload_start(struct reloader *r, struct session *s, reload_told *told, struct err *e);

/* For nobody who waits: begins, or follows what is under way, the start included. */
void reload_later(struct reloader *r);

/* The opener is idle: begins what is to follow. */
void reload_go_on(struct reloader *r);

#endif
