/* client/upload.h — asking for a stream, and sending the list that it needs.
 *
 *     open ──► (the daemon does not know the list) want list ──► list, list, … ──► opened
 *          └─► (it does, or there is none) ───────────────────────────────────────► opened
 *
 * Threads: the connection's owner.
 */
#ifndef CLIENT_UPLOAD_H
#define CLIENT_UPLOAD_H

#include "client/client.h"

/* The daemon's answer to a request; `list` is sent where the daemon wants it, and may be empty.
 * Descriptors come as with connection_reply. A connection without its answer is closed.
 * Blocks: for each part at most timeout_ms, and for the whole list. */
int upload_open(struct connection *c, const struct wire_open *request, const struct list *list,
                struct wire_opened *facts, int fds[2], size_t *fd_count);

#endif
