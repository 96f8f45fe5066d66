/* server/reload.h — the config file read again while the daemon serves.
 *
 *     file read and checked (loop) ──► new and changed datasets opened (a worker) ──► put in force
 *          wrong ──► refused                   one cannot be opened ──► refused          (loop)
 *
 * All or nothing: until the last step nothing has changed. Streams of a dataset that was removed
 * or changed go on with what they were opened on, and the last of them ends it. socket,
 * socket_mode, cache and io_uring keep their values until a restart, and the text says so. The
 * files of a dataset whose entry is unchanged are not looked at again.
 *
 * Threads: the loop thread.
 */
#ifndef SERVER_RELOAD_H
#define SERVER_RELOAD_H

#include "server/server.h"

/* Told on the loop, never from within reload_start: rc 0 and what changed, a line each; or a
 * negative code and why the old config stays. The log has had it then. */
typedef void reload_told(void *data, int rc, const char *text);

/* Begins; `done` may be NULL. While one reload is under way another is refused (-EBUSY), but for a
 * caller without `done`, whose reload follows then. NULL: out of memory, logged. */
struct reload_job *reload_start(struct server *server, reload_told *done, void *data);

/* The caller has ended: `done` is not called. The reload goes on. */
void reload_forget(struct reload_job *job);

#endif
