/* requests/reload.h — the config file read again while the daemon serves.
 *
 *     file read and checked, new and changed datasets opened (a worker) ──► put in force (loop)
 *          wrong, or one cannot be opened ──► refused
 *
 * All or nothing: until the last step nothing has changed. Streams of a dataset that was removed
 * or changed go on with what they were opened on, and the last of them ends it. socket,
 * socket_mode, cache, io_uring and ledger keep their values until a restart, and the text says so.
 * The files of a dataset whose entry is unchanged are not looked at again.
 *
 * Threads: the loop thread. A worker reads the config and catalog in force, which change only in
 * the last step.
 */
#ifndef REQUESTS_RELOAD_H
#define REQUESTS_RELOAD_H

#include "config/config.h"
#include "session/catalog.h"
#include "session/session.h"

struct reload_job;

struct reloader {
    /* immutable after start */
    const struct services *services;
    struct config *config;   /* in force */
    struct catalog *catalog; /* in force */
    const char *config_path;
    bool socket_said; /* on the command line: the config's is not read */
    /* loop thread */
    struct reload_job *job; /* under way; NULL: none */
    bool again;             /* somebody who does not wait asked meanwhile */
    bool stopping;          /* nothing is put in force any more */
};

/* Told on the loop, never from within reload_start: rc 0 and what changed, a line each; or a
 * negative code and why the old config stays. The log has had it then. */
typedef void reload_told(struct session *s, int rc, const char *text);

/* Begins; `s` (may be NULL: nobody waits) is told, unless it ends before: the job becomes its task.
 * While one reload is under way another is refused (-EBUSY), but for one that nobody waits for,
 * which follows then. Errors: -ENOMEM, logged. */
int reload_start(struct reloader *r, struct session *s, reload_told *told);

#endif
