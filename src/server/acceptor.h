/* server/acceptor.h — takes connections in, within the limits, and makes sessions of them.
 *
 * Threads: the loop thread.
 */
#ifndef SERVER_ACCEPTOR_H
#define SERVER_ACCEPTOR_H

#include "server/listener.h"
#include "session/session.h"

struct acceptor {
    struct listener listener; /* open before acceptor_start */
    struct sessions *sessions;
    int spare_fd; /* given up for a moment to turn a client away when descriptors run out */
};

/* Begins to accept. Errors: -ENOMEM, with text. */
int acceptor_start(struct acceptor *a, struct sessions *sessions, struct err *e);

/* Accepts nobody any more. */
void acceptor_close(struct acceptor *a);

#endif
